//! The privacy budget of this party's data sets, kept on disk.
//!
//! # What it promises
//! A data set has one hard cap over all recipients, because they may put together what
//! they were given, and may have lower caps for single recipients. Write \\(c_i\\) for the
//! cost of release \\(i\\), \\(R_i\\) for its recipients, \\(C\\) for the cap and \\(C_r\\) for the
//! cap of recipient \\(r\\). At all times, over all releases that were not cancelled,
//!
//! \\[ \sum_i c_i \le C \qquad (1) \qquad\qquad \sum_{i:\, r \in R_i} c_i \le C_r \qquad (2) \\]
//!
//! in both coordinates: the loss (epsilon or rho) and delta. Costs may depend on what was
//! released before. That (1) still bounds the loss of the whole is the filter theorem: for
//! (epsilon, delta) with sums, Rogers, Roth, Ullman and Vadhan, NeurIPS 2016; for zCDP,
//! Feldman and Zrnic, NeurIPS 2021; with a delta besides, Whitehouse, Ramdas, Rogers and Wu,
//! ICML 2023. It holds for one data set with its unit and its neighbouring relation. The
//! loss of an individual who stands in two data sets is the sum of both.
//!
//! # A release
//! 1. [`Ledger::reserve`] at every owner, before data is read: what would break (1) or (2)
//!    is refused, and the rest is charged, durably, before the call returns.
//! 2. If another owner refuses, [`Reservation::cancel`] gives the charge back.
//! 3. [`Reservation::begin`], when all owners have reserved and before noise is drawn.
//!    What it returns cannot be cancelled any more.
//! 4. [`Drawing::commit`], when the result is out.
//!
//! Everything but a cancelled reservation counts as spent: one that was dropped, one whose
//! program was killed at any moment, one whose result nobody got. The history shows those
//! as unfinished. There is no way to take them back: nobody can tell afterwards whether
//! noise was drawn. A release that is tried again is another release and pays again, also
//! if its operation and session are the same; only `commit` may be repeated.
//!
//! # Concurrency and crashes
//! Any number of threads and programs may use one file. Changes are made in transactions that
//! hold the write lock from before they read the balance (`BEGIN IMMEDIATE`). Threads that
//! share a ledger share transactions: one of them writes for all that wait, each change is
//! checked against those before it, and no call returns before its own is on disk. So a
//! shared transaction promises what one for each would, and its waits for the disk (four:
//! the journal's pages, its header, the file, the end of the journal) are shared too.
//!
//! A commit waits like a charge. It need not, to keep the promise: a commit that is lost
//! leaves a charge. But SQLite cannot leave out these waits and still undo what a loss of
//! power broke off inside a page that holds charges as well, and commits kept in memory
//! until the next charge would leave finished releases unfinished in the history.
//! The file is an SQLite database with a rollback journal (`PERSIST`) and full
//! synchronisation. A write-ahead log would be two to four times as fast, and would keep the last
//! releases in a second file, without which the first one is whole and out of date; and
//! it does not work on network file systems. A journal that is left behind undoes one
//! unfinished transaction at most, whose call had not returned.
//!
//! # Damage
//! The table holds one row per event and nothing else; balances are computed from it. Each
//! row carries SHA-256 of the row before it, its number and its content. Opening checks the
//! structure of the file, the chain, and that each event was allowed when it happened; every
//! later change checks that what was read before is still there. A file that fails is
//! refused by an error that names it, and nothing can be spent from it.
//!
//! # What is not protected
//! - *Restoring a whole older copy* of the file gives back what was spent since. The file
//!   cannot show that; [`Ledger::head`] noted elsewhere can ([`Ledger::check_head`]).
//! - *Whoever may write the file* may also compute the chain anew.
//! - *What is not asked*: code that releases without a reservation, or states too small a cost.
//! - *Two names for the same data* have two budgets.
//! - *Disks that lie* about synchronisation.
//! - Texts are readable: names of data sets and recipients, notes, times. No data, no result.

mod entry;
mod file;
mod loss;
mod queue;
mod state;
#[cfg(test)]
mod tests;

pub use entry::{Entry, Event, Head, Neighbours, Standing, Terms};
pub use file::LedgerFault;
pub use loss::{Loss, Measure, Round};
pub use state::{Account, Balance};

use crate::error::Result;
use file::Store;
use queue::Queue;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, MutexGuard},
    time::Duration,
};

/// The ledger of one party. Clones share one connection; threads may use them at once.
#[derive(Clone)]
pub struct Ledger {
    path: PathBuf,
    queue: Arc<Queue>,
}

/// A release that is to be paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The data set.
    pub data_set: String,
    /// All who will learn the result.
    pub recipients: Vec<String>,
    /// What it costs, in the measure of the data set.
    pub cost: Loss,
    /// The session that it belongs to.
    pub session: String,
    /// Digest of the operation.
    pub operation: [u8; 32],
    /// A line for the history.
    pub note: String,
}

/// A release that is paid for and not begun. Dropping it gives nothing back.
#[must_use = "it stays charged: begin or cancel it"]
pub struct Reservation {
    ledger: Ledger,
    number: u64,
}

/// A release for which noise may be drawn. It cannot be cancelled.
///
/// ```compile_fail
/// # fn f(reservation: privity_joint::ledger::Reservation) {
/// let drawing = reservation.begin();
/// reservation.cancel(); // moved
/// # }
/// ```
#[must_use = "commit it when the result is out; it stays charged in any case"]
pub struct Drawing {
    ledger: Ledger,
    number: u64,
}

impl Ledger {
    /// Begins a ledger in a file that does not exist, readable by its owner only.
    pub fn create(path: &Path) -> Result<Self> {
        Store::create(path)?;
        Self::open(path)
    }

    /// Opens a ledger and checks all of it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_waiting(path, Duration::from_secs(30))
    }

    /// The same; calls wait that long for other programs that hold the ledger.
    pub fn open_waiting(path: &Path, wait: Duration) -> Result<Self> {
        let queue = Arc::new(Queue::new(Store::open(path, wait)?));
        Ok(Self { path: path.into(), queue })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// States the terms of a data set, all of them, in place of earlier ones. A cap may be
    /// raised, and lowered, also below what is spent: then nothing more is released. Once
    /// anything is spent, unit, neighbouring relation and measure stay. Terms that are
    /// there already are not recorded again.
    pub fn grant(&self, data_set: &str, terms: &Terms) -> Result<()> {
        let event = Event::Granted { data_set: data_set.into(), terms: terms.clone() };
        self.queue.write(event).map(drop)
    }

    /// Charges a release to the data set and to each of its recipients, or refuses it.
    /// When this returns, the charge is on disk.
    pub fn reserve(&self, request: &Request) -> Result<Reservation> {
        let number = self.queue.write(Event::Reserved {
            data_set: request.data_set.clone(),
            recipients: request.recipients.clone(),
            cost: request.cost,
            session: request.session.clone(),
            operation: crate::audit::hex(&request.operation),
            note: request.note.clone(),
        })?;
        Ok(Reservation { ledger: self.clone(), number })
    }

    /// The balance of a data set.
    pub fn balance(&self, data_set: &str) -> Result<Balance> {
        self.store().read(|state| state.balance(data_set))
    }

    /// The balances of all data sets.
    pub fn balances(&self) -> Result<Vec<Balance>> {
        self.store().read(|state| state.names().map(|name| state.balance(name)).collect())
    }

    /// Everything that happened, or what happened to one data set, in order.
    pub fn history(&self, data_set: Option<&str>) -> Result<Vec<Entry>> {
        self.store().history(data_set)
    }

    /// The end of the chain. Noted elsewhere, for example in the audit record, it shows
    /// later that nothing was undone.
    pub fn head(&self) -> Result<Head> {
        self.store().read(|state| Ok(state.head()))
    }

    /// Checks that this ledger goes on from where a noted [`Ledger::head`] was.
    pub fn check_head(&self, noted: &Head) -> Result<()> {
        self.store().check_head(noted)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.queue.store()
    }
}

impl Reservation {
    /// The number of its entry.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Gives the charge back. Only for a release of which this party has drawn no noise and
    /// sent nothing. If it fails, the charge stays.
    pub fn cancel(self) -> Result<()> {
        self.ledger.queue.write(Event::Cancelled { reservation: self.number }).map(drop)
    }

    /// From here on noise may be drawn.
    pub fn begin(self) -> Drawing {
        Drawing { ledger: self.ledger, number: self.number }
    }
}

impl Drawing {
    /// The number of the entry that charged it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Notes that the release is finished. May be repeated if it failed.
    pub fn commit(&self) -> Result<()> {
        self.ledger.queue.write(Event::Committed { reservation: self.number }).map(drop)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("path", &self.path).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("number", &self.number).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Drawing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drawing").field("number", &self.number).finish_non_exhaustive()
    }
}
