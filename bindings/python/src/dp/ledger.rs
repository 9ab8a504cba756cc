//! The budget ledger of `privity-joint`.
//!
//! Amounts come as decimal text, rounded in Python the way they need: caps down, costs up.

use crate::error;
use joint::ledger::{
    Account, Balance, Drawing, Entry, Event, Ledger, Loss, Measure, Neighbours, Request,
    Reservation, Round, Standing, Terms,
};
use privity_joint as joint;
use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Privacy budgets on disk.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpLedger(Ledger);

/// A release that is paid for.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpSpend {
    number: u64,
    stage: Mutex<Stage>,
}

enum Stage {
    Reserved(Reservation),
    Drawing(Drawing),
    Ended,
}

/// Epsilon or rho, and delta.
type Amount = (String, String);

fn loss(measure: &str, amount: &Amount, round: Round) -> joint::Result<Loss> {
    let measure = match measure {
        "rho" => Measure::Zcdp,
        _ => Measure::Approximate,
    };
    Loss::read(measure, &amount.0, &amount.1, round)
}

/// Runs it without the interpreter lock: it may wait for the disk and for other programs.
fn work<T: Send>(py: Python<'_>, work: impl FnOnce() -> joint::Result<T> + Send) -> PyResult<T> {
    crate::run::detached(py, &privity_core::Cancel::new(), |_| Ok(()), work)
}

#[pymethods]
impl DpLedger {
    #[staticmethod]
    fn create(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        work(py, || Ledger::create(&path)).map(Self)
    }

    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        work(py, || Ledger::open(&path)).map(Self)
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.0.path().into()
    }

    #[allow(clippy::too_many_arguments)] // Python gives them by name
    fn grant(
        &self,
        py: Python<'_>,
        data_set: &str,
        unit: &str,
        relation: &str,
        measure: &str,
        cap: Amount,
        recipients: Vec<(String, Amount)>,
    ) -> PyResult<()> {
        let relation = match relation {
            "replace" => Neighbours::Replace,
            _ => Neighbours::AddRemove,
        };
        work(py, || {
            let mut terms = Terms::new(unit, relation, loss(measure, &cap, Round::Down)?);
            for (name, cap) in &recipients {
                terms = terms.recipient(name, loss(measure, cap, Round::Down)?);
            }
            self.0.grant(data_set, &terms)
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn reserve(
        &self,
        py: Python<'_>,
        data_set: String,
        recipients: Vec<String>,
        measure: &str,
        cost: Amount,
        session: String,
        operation: [u8; 32],
        note: String,
    ) -> PyResult<DpSpend> {
        work(py, || {
            let cost = loss(measure, &cost, Round::Up)?;
            let request = Request { data_set, recipients, cost, session, operation, note };
            let reservation = self.0.reserve(&request)?;
            let number = reservation.number();
            Ok(DpSpend { number, stage: Mutex::new(Stage::Reserved(reservation)) })
        })
    }

    fn balance<'py>(&self, py: Python<'py>, data_set: &str) -> PyResult<Bound<'py, PyDict>> {
        show_balance(py, &work(py, || self.0.balance(data_set))?)
    }

    fn balances<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        work(py, || self.0.balances())?.iter().map(|balance| show_balance(py, balance)).collect()
    }

    fn history<'py>(
        &self,
        py: Python<'py>,
        data_set: Option<&str>,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let entries = work(py, || self.0.history(data_set))?;
        entries.iter().map(|entry| show_entry(py, entry)).collect()
    }

    fn head(&self, py: Python<'_>) -> PyResult<String> {
        Ok(work(py, || self.0.head())?.to_string())
    }

    fn check_head(&self, py: Python<'_>, head: &str) -> PyResult<()> {
        work(py, || self.0.check_head(&head.parse()?))
    }
}

#[pymethods]
impl DpSpend {
    #[getter]
    fn number(&self) -> u64 {
        self.number
    }

    /// From here on noise may be drawn, and nothing is given back.
    fn begin(&self, py: Python<'_>) -> PyResult<()> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Reserved(reservation) => Stage::Drawing(reservation.begin()),
            Stage::Drawing(drawing) => Stage::Drawing(drawing),
            Stage::Ended => return Err(ended(py)),
        };
        Ok(())
    }

    /// Gives the charge back, if it has not begun.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Reserved(reservation) => {
                drop(stage);
                work(py, || reservation.cancel())
            }
            other => {
                *stage = other;
                Err(ended(py))
            }
        }
    }

    /// Notes that it is finished.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        self.begin(py)?;
        work(py, || {
            let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
            if let Stage::Drawing(drawing) = &*stage {
                drawing.commit()?;
                *stage = Stage::Ended;
            }
            Ok(())
        })
    }
}

fn ended(py: Python<'_>) -> PyErr {
    let rule = "the release has ended, or has begun and cannot be cancelled";
    error::argument(py, "ledger", rule, "reserve another one")
}

fn show_balance<'py>(py: Python<'py>, balance: &Balance) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("data_set", &balance.data_set)?;
    d.set_item("unit", &balance.terms.unit)?;
    d.set_item("neighbours", relation(balance.terms.neighbours))?;
    d.set_item("measure", balance.terms.measure().letter())?;
    d.set_item("total", show_account(&balance.total))?;
    let recipients = PyDict::new(py);
    for (name, account) in &balance.recipients {
        recipients.set_item(name, show_account(account))?;
    }
    d.set_item("recipients", recipients)?;
    Ok(d)
}

/// Cap, finished, under way or broken off, left: loss and delta each.
fn show_account(account: &Account) -> [(f64, f64); 4] {
    let Account { cap, committed, reserved, left } = account;
    [cap, committed, reserved, left].map(Loss::to_f64)
}

fn relation(neighbours: Neighbours) -> &'static str {
    match neighbours {
        Neighbours::AddRemove => "add_remove",
        Neighbours::Replace => "replace",
    }
}

fn show_entry<'py>(py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("number", entry.number)?;
    d.set_item("time", entry.time)?;
    let what = match &entry.event {
        Event::Created { .. } => "created",
        Event::Granted { data_set, terms } => {
            d.set_item("data_set", data_set)?;
            d.set_item("cost", terms.cap.to_f64())?;
            d.set_item("recipients", PyList::new(py, terms.recipients.keys())?)?;
            "granted"
        }
        Event::Reserved { data_set, recipients, cost, note, .. } => {
            d.set_item("data_set", data_set)?;
            d.set_item("cost", cost.to_f64())?;
            d.set_item("recipients", recipients)?;
            d.set_item("note", note)?;
            "reserved"
        }
        Event::Cancelled { reservation } => {
            d.set_item("reservation", reservation)?;
            "cancelled"
        }
        Event::Committed { reservation } => {
            d.set_item("reservation", reservation)?;
            "committed"
        }
        _ => "unknown",
    };
    d.set_item("what", what)?;
    let standing = entry.standing.map(|standing| match standing {
        Standing::Unfinished => "unfinished",
        Standing::Committed => "committed",
        Standing::Cancelled => "cancelled",
    });
    d.set_item("standing", standing)?;
    Ok(d)
}
