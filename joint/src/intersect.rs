//! The intersection of two parties' tables, of any size, or of up to ten parties':
//! which own rows the others have too.
//!
//! # What it is
//!
//! [`Intersect`] says on which columns, who learns the result and what to do about
//! missing and repeated identifiers; both parties must say the same. [`run`] works
//! it over a link that is there, [`connect`] makes one from a `party.toml`. What a
//! party gets is [`Common`]: its own rows, in an order that is the same at both.
//! [`Common::write`] puts them into a file, [`Common::rows`] hands them over.
//!
//! [`run_many`] is for more than two parties, semi-honest, with tables that fit the memory
//! ([`privity_psi::multi`]). [`totals`] counts the common rows and sums columns over them, and nobody learns which
//! they are.
//!
//! # Who trusts whom
//!
//! For totals, semi-honest parties ([`privity_psi::aggregate`]). Otherwise as in [`privity_psi::vole`], malicious with abort: a party that lies about its
//! own identifiers can leave rows out or test guesses, no more. Of two that learn,
//! the first in the list of parties is *told* by the second, and has its word only:
//! [`Common::verified`] says which one this is.
//!
//! # Large tables
//!
//! A table is a [`Source`] that can be read again. Items (20 bytes a row) are kept
//! in memory as far as [`Intersect::memory`] allows; a larger table is read once
//! for every part that fits. Buckets of 2^20 items are independent runs
//! ([`privity_psi::job`]); with a checkpoint file a job that was killed goes on
//! with the buckets that are missing. Nothing else is written to disk but the
//! result.
//!
//! # What is not protected
//!
//! Both parties learn the number of rows with an identifier, the kinds of the
//! identifier's parts, and, if one side's rows may repeat and both learn, how many
//! rows each common identifier has there. A checkpoint holds, like the result, the
//! numbers of the own rows that are common; it is readable by its owner only.

mod checkpoint;
mod greeting;
mod many;
mod output;
mod run;
mod source;
mod store;
mod totals;

pub use many::run_many;
pub use output::{Join, Order, Write};
pub use run::{Estimate, connect, connect_totals, estimate, run};
pub use source::Source;
pub use totals::{Total, Totals, totals};

use crate::{
    canonical::KeyColumn,
    error::{Error, Result},
};
use std::path::PathBuf;

/// What is asked for. All but `memory`, `checkpoint`, `nulls` and `duplicates` must
/// be the same at both parties.
#[derive(Clone, Debug)]
pub struct Intersect {
    /// Columns of the identifier. Names may differ between the parties, kinds and
    /// order may not.
    pub on: Vec<KeyColumn>,
    /// Who learns which own rows are common: one of the parties, or all (as if none
    /// was named).
    pub learns: Vec<String>,
    /// Rows of this party without an identifier.
    pub nulls: Nulls,
    /// Rows of this party with the same identifier.
    pub duplicates: Duplicates,
    /// Bytes for identifiers in memory. A larger table is read in parts, but refused for
    /// totals and with more than two parties.
    pub memory: u64,
    /// Buckets that are worked at the same time.
    pub workers: usize,
    /// Which part of how many, if several pairs of processes share the buckets; all
    /// of them need the same `job`.
    pub part: Option<(u64, u64)>,
    /// Names the job, the same in all parts and used for no other tables.
    pub job: Option<String>,
    /// Where finished buckets are kept, so that a job can be taken up again.
    pub checkpoint: Option<PathBuf>,
}

/// What to do about rows without an identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// Stop and name the first.
    #[default]
    Refuse,
    /// Leave them out: they are never common.
    Drop,
}

/// What to do about rows of this party with the same identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// Stop and name some.
    #[default]
    Refuse,
    /// Join all of them with the one row of the other party, which must refuse
    /// duplicates.
    Join,
    /// Take the first and leave the others out.
    First,
}

impl Intersect {
    /// On these columns, with the usual choices: both learn, nothing missing,
    /// nothing repeated, 1 GiB.
    pub fn new(on: Vec<KeyColumn>, learns: Vec<String>) -> Self {
        Self {
            on,
            learns,
            nulls: Nulls::Refuse,
            duplicates: Duplicates::Refuse,
            memory: 1 << 30,
            workers: 1,
            part: None,
            job: None,
            checkpoint: None,
        }
    }

    /// Whether it asks for nothing that only the intersection of two parties has.
    fn check_one_piece(&self, what: &str) -> Result<()> {
        if self.part.is_none()
            && self.checkpoint.is_none()
            && self.workers == 1
            && self.duplicates == Duplicates::Refuse
        {
            return Ok(());
        }
        let rule = format!("{what} made in one piece, of rows that differ");
        let fix = "leave parts, workers, checkpoints and duplicates out";
        Err(Error::argument("psi", rule, fix))
    }
}

/// What a party has after it.
#[derive(Clone, PartialEq, Eq)]
pub struct Common {
    rows: Option<Vec<u32>>,
    all_rows: u64,
    /// Rows with an identifier of each party, this one's first.
    pub sizes: Vec<u64>,
    /// Common identifiers, if this party learns them.
    pub identifiers: Option<u64>,
    /// Whether this party has seen for itself; otherwise the other has told it.
    pub verified: bool,
    /// As many items the other party may have asked for instead of its number.
    pub most_asked: u64,
    /// Payload bytes sent and received.
    pub bytes: [u64; 2],
    /// Rounds of messages.
    pub rounds: u32,
}

impl Common {
    /// Own rows that are common, counted from 0: the j-th belongs to the other
    /// party's j-th. `None` if this party learns nothing.
    pub fn rows(&self) -> Option<&[u32]> {
        self.rows.as_deref()
    }

    /// Own rows that are not common, ascending. `None` if this party learns nothing.
    pub fn others(&self) -> Option<Vec<u32>> {
        let mut common = vec![false; usize::try_from(self.all_rows).ok()?];
        self.rows.as_ref()?.iter().for_each(|&row| common[row as usize] = true);
        Some((0..).zip(common).filter(|(_, common)| !common).map(|(row, _)| row).collect())
    }

    /// Writes own rows to a file.
    pub fn write(&self, source: &Source, write: &Write) -> Result<u64> {
        output::write(self, source, write)
    }
}

impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Common").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

/// Rows per batch that is read.
const BATCH: usize = 1 << 16;

#[cfg(test)]
mod tests;
