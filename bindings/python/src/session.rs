//! One party's session.

use crate::{convert, error, policy::Policy, run, table};
use privity_core::Cancel;
use privity_joint::{self as joint, TableId};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};
use std::{
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        mpsc::{Receiver, sync_channel},
    },
};

/// Progress reports that may wait for the calling thread; more are dropped.
const REPORTS: usize = 1024;

/// Name and roles: owns data, computes, receives.
type PartyRow = (String, bool, bool, bool);
/// Name, kind and number of levels of a column.
type SchemaRow = (String, String, Option<u32>);

/// One party's session. `None` inside once it is closed.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct Session {
    name: String,
    parties: Vec<PartyRow>,
    dry: bool,
    cancel: Cancel,
    process: u32,
    state: Mutex<Option<joint::Session>>,
    reports: Mutex<Receiver<joint::Progress>>,
}

/// Opens the session that a `party.toml` describes.
#[pyfunction]
pub(crate) fn open(py: Python<'_>, path: PathBuf) -> PyResult<Session> {
    let cancel = Cancel::new();
    let open = || joint::Session::open_cancellable(&path, &cancel);
    run::detached(py, &cancel, |_| Ok(()), open).map(Session::new)
}

/// One session per party, connected in memory.
#[pyfunction]
pub(crate) fn local(py: Python<'_>, parties: Vec<(PartyRow, Policy)>) -> PyResult<Vec<Session>> {
    let parties: Vec<(joint::Party, joint::Policy)> =
        parties.into_iter().map(|(row, policy)| (party(row), policy.0)).collect();
    let sessions = joint::Session::local(&parties).map_err(|e| error::to_py(py, e))?;
    Ok(sessions.into_iter().map(Session::new).collect())
}

/// One session per party, with neither peers nor data.
#[pyfunction]
#[pyo3(signature = (parties, common_rows, first_part))]
pub(crate) fn dry_run(
    py: Python<'_>,
    parties: Vec<(PartyRow, Policy, Option<Vec<SchemaRow>>, u64)>,
    common_rows: Option<u64>,
    first_part: f64,
) -> PyResult<Vec<Session>> {
    let mut planned = Vec::with_capacity(parties.len());
    for (row, policy, columns, rows) in parties {
        planned.push(joint::Planned {
            party: party(row),
            policy: policy.0,
            schema: columns.map(|c| schema(py, c)).transpose()?,
            rows,
        });
    }
    let assume = joint::Assume { common_rows, first_part };
    let sessions = joint::Session::dry_run(&planned, assume).map_err(|e| error::to_py(py, e))?;
    Ok(sessions.into_iter().map(Session::new).collect())
}

#[pymethods]
impl Session {
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn parties(&self) -> Vec<PartyRow> {
        self.parties.clone()
    }

    #[getter]
    fn is_dry(&self) -> bool {
        self.dry
    }

    /// Takes this party's table in.
    #[pyo3(signature = (table, progress=None))]
    fn bind(
        &self,
        py: Python<'_>,
        table: Option<&table::Table>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u32> {
        let table = table.map(|t| t.0.clone());
        self.work(py, progress, move |s| s.bind(table)).map(|id| id.0)
    }

    /// Pays for releases with noise from this ledger.
    fn pay_from(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let ledger = py.detach(|| joint::ledger::Ledger::open(&path));
        let ledger = ledger.map_err(|e| error::to_py(py, e))?;
        match self.lock(py)?.as_mut() {
            Some(session) => session.pay_from(ledger),
            None => return Err(error::closed(py, "the session was closed")),
        }
        Ok(())
    }

    /// Runs one operation, given as JSON.
    #[pyo3(signature = (op, progress=None))]
    fn perform<'py>(
        &self,
        py: Python<'py>,
        op: &str,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyDict>, Vec<String>)> {
        let op: joint::Op = serde_json::from_str(op).map_err(|e| {
            error::argument(
                py,
                "perform",
                &format!("not an operation: {e}"),
                "see privity_joint::Op",
            )
        })?;
        let outcome = self.work(py, progress, move |s| s.perform(op))?;
        let warnings = outcome.warnings.iter().map(ToString::to_string).collect();
        Ok((convert::output(py, &outcome.result)?, warnings))
    }

    /// Whether to align hidden, and why.
    fn choose_alignment(&self, py: Python<'_>, on: Vec<String>) -> PyResult<(bool, String)> {
        let choice = self.work(py, None, move |s| s.choose_alignment(&on))?;
        Ok((choice.hidden, choice.why))
    }

    /// What all parties know about the columns of a joint table.
    fn columns(
        &self,
        py: Python<'_>,
        table: u32,
    ) -> PyResult<Vec<(String, Option<String>, &'static str)>> {
        self.look(py, |s| s.columns(TableId(table)))?
            .map(|c| convert::infos(&c))
            .map_err(|e| error::to_py(py, e))
    }

    /// A column of this party's own, in the common order.
    fn own_column(&self, py: Python<'_>, table: u32, column: &str) -> PyResult<table::Column> {
        let array = self
            .look(py, |s| s.own_column(TableId(table), column))?
            .map_err(|e| error::to_py(py, e))?;
        Ok(table::Column { name: column.to_owned(), array })
    }

    /// Stops what this session is doing; from any thread.
    fn cancel(&self) {
        self.cancel.cancel();
    }

    /// What each operation cost so far.
    fn costs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let costs = self.look(py, |s| s.costs().to_vec())?;
        let rows: PyResult<Vec<_>> = costs.iter().map(|c| convert::cost(py, c)).collect();
        PyList::new(py, rows?)
    }

    /// What each operation so far lets whom learn.
    fn explain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let lines = self.look(py, |s| s.explain().to_vec())?;
        let rows: PyResult<Vec<_>> = lines.iter().map(|l| convert::explained(py, l)).collect();
        PyList::new(py, rows?)
    }

    /// The audit record so far, one JSON object per line.
    fn audit(&self, py: Python<'_>) -> PyResult<String> {
        self.look(py, |s| s.audit())?.map_err(|e| error::to_py(py, e))
    }

    #[getter]
    fn closed(&self) -> bool {
        match self.state.try_lock() {
            Ok(state) => state.is_none(),
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Poisoned(_)) => true,
        }
    }

    /// Ends the session in agreement with the peers.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.take(py)? {
            Some(session) => run::detached(py, &self.cancel, |_| Ok(()), || session.close()),
            None => Ok(()),
        }
    }

    /// Ends the session at once; peers lose this party.
    fn abort(&self, py: Python<'_>) -> PyResult<()> {
        self.cancel.cancel();
        let session = self.take(py)?;
        py.detach(|| drop(session));
        Ok(())
    }

    fn __repr__(&self) -> String {
        format!("<privity session of '{}'>", self.name)
    }
}

impl Session {
    fn new(mut session: joint::Session) -> Self {
        let (sender, receiver) = sync_channel(REPORTS);
        session.on_progress(move |progress| {
            // A full queue loses a report, not the work.
            let _ = sender.try_send(progress);
        });
        Self {
            name: session.name().to_owned(),
            parties: session
                .parties()
                .iter()
                .map(|p| (p.name.clone(), p.owns_data, p.computes, p.receives))
                .collect(),
            dry: session.is_dry(),
            cancel: session.cancel_flag(),
            process: std::process::id(),
            state: Mutex::new(Some(session)),
            reports: Mutex::new(receiver),
        }
    }

    /// Runs `work` on the session, detached, and passes reports to `progress`.
    fn work<T: Send>(
        &self,
        py: Python<'_>,
        progress: Option<&Bound<'_, PyAny>>,
        work: impl FnOnce(&mut joint::Session) -> joint::Result<T> + Send,
    ) -> PyResult<T> {
        // Whether the session is there is checked before a thread is made.
        drop(self.lock(py)?);
        let progress = progress.map(|p| p.clone().unbind());
        let report = |py: Python<'_>| match &progress {
            Some(callback) => self.report(py, callback.bind(py)),
            None => Ok(()),
        };
        let result = run::detached(py, &self.cancel, report, || {
            let mut state = match self.state.try_lock() {
                Ok(state) => state,
                Err(_) => return Err(busy()),
            };
            let session = state.as_mut().ok_or_else(|| joint::Error::Closed(CLOSED.into()))?;
            work(session)
        });
        if self.state.is_poisoned() {
            // A panic left it half-way: hang up, so that peers need not wait.
            let session = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
            py.detach(|| drop(session));
        }
        result
    }

    /// Looks at the session without waiting for anybody.
    fn look<T>(&self, py: Python<'_>, look: impl FnOnce(&joint::Session) -> T) -> PyResult<T> {
        let state = self.lock(py)?;
        state.as_ref().map(look).ok_or_else(|| error::closed(py, CLOSED))
    }

    fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Option<joint::Session>>> {
        if std::process::id() != self.process {
            // A copy would use the same randomness twice.
            return Err(error::closed(
                py,
                "the session belongs to the process that opened it, and this one is a fork of it; \
                 open a session here",
            ));
        }
        match self.state.try_lock() {
            Ok(state) if state.is_none() => Err(error::closed(py, CLOSED)),
            Ok(state) => Ok(state),
            Err(TryLockError::WouldBlock) => Err(error::to_py(py, busy())),
            Err(TryLockError::Poisoned(_)) => Err(error::closed(py, CLOSED)),
        }
    }

    fn take(&self, py: Python<'_>) -> PyResult<Option<joint::Session>> {
        match self.state.try_lock() {
            Ok(mut state) => Ok(state.take()),
            Err(TryLockError::Poisoned(state)) => Ok(state.into_inner().take()),
            Err(TryLockError::WouldBlock) => Err(error::to_py(py, busy())),
        }
    }

    fn report(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        let reports: Vec<joint::Progress> = {
            let receiver = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
            receiver.try_iter().collect()
        };
        for progress in reports {
            callback.call1((convert::progress(py, &self.name, &progress)?,))?;
        }
        Ok(())
    }
}

const CLOSED: &str = "the session is closed; open a new one";

fn busy() -> joint::Error {
    joint::Error::argument(
        "session",
        "it is at work in another thread",
        "use a session from one thread at a time",
    )
}

fn party((name, owns_data, computes, receives): PartyRow) -> joint::Party {
    joint::Party { name, owns_data, computes, receives }
}

fn schema(py: Python<'_>, columns: Vec<SchemaRow>) -> PyResult<joint::Schema> {
    let mut out = Vec::with_capacity(columns.len());
    for (name, kind, levels) in columns {
        let kind = convert::kind(&kind).ok_or_else(|| {
            let rule = format!("column '{name}' is of the unknown kind '{kind}'");
            error::argument(py, "dry_run", &rule, "use \"number\", \"text\" or \"bool\"")
        })?;
        out.push(joint::ColumnSchema { name, kind, levels });
    }
    Ok(joint::Schema { columns: out })
}
