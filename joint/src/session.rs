//! One party's view of joint work.

use crate::{
    error::{Error, Result},
    handle::TableId,
    op::Op,
    outcome::{ColumnInfo, Explained, Outcome, Progress, StepCost},
    party::Party,
    policy::Policy,
    table::{Schema, Table},
};
use privity_core::Cancel;
use std::path::Path;

/// One party of a running program. Move it into the thread that runs the
/// program; keep a [`Session::cancel_flag`] outside to stop it.
pub struct Session {}

/// What a party would bring to a dry run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The party.
    pub party: Party,
    /// Its policy, against which `explain` checks.
    pub policy: Policy,
    /// Its table, if it owns data.
    pub schema: Option<Schema>,
    /// Rows of its table.
    pub rows: u64,
}

/// What a dry run assumes about the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assume {
    /// Rows in the intersection; `None` for the smallest table's.
    pub common_rows: Option<u64>,
    /// Share of rows in the first part of a split by column.
    pub first_part: f64,
}

impl Default for Assume {
    fn default() -> Self {
        Self {
            common_rows: None,
            first_part: 0.7,
        }
    }
}

impl Session {
    /// Opens the session that a `party.toml` describes: connects to the
    /// peers, checks that all agree on session, suite and roles.
    pub fn open(path: &Path) -> Result<Self> {
        let _ = path;
        Err(Error::Internal("not there yet"))
    }

    /// One session per party, connected in memory. Run each in a thread of its
    /// own, or use [`run_local`].
    pub fn local(parties: &[(Party, Policy)]) -> Result<Vec<Self>> {
        let _ = parties;
        Err(Error::Internal("not there yet"))
    }

    /// One session per party, with neither peers nor data: the same program
    /// yields [`Session::explain`] and [`Session::costs`]. The sessions do not
    /// wait for one another and may run one after the other.
    pub fn dry_run(parties: &[Planned], assume: Assume) -> Result<Vec<Self>> {
        let _ = (parties, assume);
        Err(Error::Internal("not there yet"))
    }

    /// This party's name.
    pub fn name(&self) -> &str {
        ""
    }

    /// All parties, in the order that all of them know.
    pub fn parties(&self) -> &[Party] {
        &[]
    }

    /// Whether this is a dry run: nothing is ever opened.
    pub fn is_dry(&self) -> bool {
        false
    }

    /// Takes this party's table in; it stays here. Every party calls it at the
    /// same point of the program: owners with a table, the others and dry runs
    /// with `None`.
    pub fn bind(&mut self, table: Option<Table>) -> Result<TableId> {
        let _ = table;
        Err(Error::Internal("not there yet"))
    }

    /// Runs one operation with the peers: agreement, own policy, record,
    /// protocol, gate.
    pub fn perform(&mut self, op: Op) -> Result<Outcome> {
        let _ = op;
        Err(Error::Internal("not there yet"))
    }

    /// What all parties know about the columns of a joint table.
    pub fn columns(&self, table: TableId) -> Result<Vec<ColumnInfo>> {
        let _ = table;
        Err(Error::Internal("not there yet"))
    }

    /// A column of this party's own, in the common order of a joint table, for
    /// instance the identifiers next to which scores are to be stored.
    pub fn own_column(&self, table: TableId, column: &str) -> Result<arrow::array::ArrayRef> {
        let _ = (table, column);
        Err(Error::Internal("not there yet"))
    }

    /// The flag that stops this party's work within a second.
    pub fn cancel_flag(&self) -> Cancel {
        Cancel::new()
    }

    /// Calls `report` as work goes on, from the thread that runs the program.
    pub fn on_progress(&mut self, report: impl FnMut(Progress) + Send + 'static) {
        let _ = report;
    }

    /// What each operation cost so far.
    pub fn costs(&self) -> &[StepCost] {
        &[]
    }

    /// What each operation so far lets whom learn, and which of this party's
    /// rules allows it.
    pub fn explain(&self) -> &[Explained] {
        &[]
    }

    /// The audit record so far, one JSON object per line.
    pub fn audit(&self) -> Result<String> {
        Err(Error::Internal("not there yet"))
    }

    /// Ends the session in agreement with the peers.
    pub fn close(self) -> Result<()> {
        Ok(())
    }
}

/// Runs `program` for each party in a thread of its own and returns the
/// results in the order of the parties; the first error that is not an echo of
/// another party's failure, otherwise.
pub fn run_local<T: Send>(
    parties: &[(Party, Policy)],
    program: impl Fn(&mut Session) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let sessions = Session::local(parties)?;
    let mut results = Vec::new();
    for mut session in sessions {
        results.push(program(&mut session)?);
    }
    Ok(results)
}
