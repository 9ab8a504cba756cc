//! Accountants, filters and calibration.

use super::{detached, event, neighbours, ok};
use crate::error;
use privity_dp::{
    Error, Loss,
    accounting::{Accountant, Event, Filter, Method, analytic_gaussian, calibrate, zcdp_epsilon},
};
use pyo3::{prelude::*, types::PyTuple};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn method(word: &str) -> privity_dp::Result<Method> {
    Ok(match word {
        "best" => Method::Best,
        "pld" => Method::Pld,
        "rdp" => Method::Rdp,
        "zcdp" => Method::Zcdp,
        "basic" => Method::Basic,
        _ => {
            let rule = "it must be \"best\", \"pld\", \"rdp\", \"zcdp\" or \"basic\"";
            return Err(Error::Parameter { what: "method", rule });
        }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What releases cost together.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpAccountant(Mutex<Accountant>);

#[pymethods]
impl DpAccountant {
    #[new]
    fn new(py: Python<'_>, by: &str, relation: &str, grid: Option<f64>) -> PyResult<Self> {
        let accountant = Accountant::new(ok(py, neighbours(relation))?, ok(py, method(by))?);
        let accountant = match grid {
            None => accountant,
            Some(step) => ok(py, accountant.with_grid(step))?,
        };
        Ok(Self(Mutex::new(accountant)))
    }

    fn compose(&self, py: Python<'_>, event: &Bound<'_, PyAny>, times: u64) -> PyResult<()> {
        let event = event::read(event)?;
        ok(py, lock(&self.0).compose(&event, times))
    }

    fn epsilon(&self, py: Python<'_>, delta: f64) -> PyResult<f64> {
        let accountant = lock(&self.0).clone();
        detached(py, |_| accountant.epsilon(delta))
    }

    fn delta(&self, py: Python<'_>, epsilon: f64) -> PyResult<f64> {
        let accountant = lock(&self.0).clone();
        detached(py, |_| accountant.delta(epsilon))
    }

    fn events<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyTuple>, u64)>> {
        let accountant = lock(&self.0).clone();
        accountant.events().iter().map(|(e, times)| Ok((event::show(py, e)?, *times))).collect()
    }

    fn copy(&self) -> Self {
        Self(Mutex::new(lock(&self.0).clone()))
    }
}

/// A cap that no release may pass.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpFilter(Mutex<Filter>);

#[pymethods]
impl DpFilter {
    #[staticmethod]
    fn preset(
        py: Python<'_>,
        accountant: &DpAccountant,
        epsilon: f64,
        delta: f64,
    ) -> PyResult<Self> {
        let accountant = lock(&accountant.0).clone();
        detached(py, |_| Filter::preset(accountant, epsilon, delta)).map(|x| Self(Mutex::new(x)))
    }

    #[staticmethod]
    fn adaptive(py: Python<'_>, relation: &str, epsilon: f64, delta: f64) -> PyResult<Self> {
        let made = neighbours(relation).and_then(|n| Filter::adaptive(n, epsilon, delta));
        ok(py, made).map(|x| Self(Mutex::new(x)))
    }

    fn spend(&self, py: Python<'_>, event: &Bound<'_, PyAny>, times: u64) -> PyResult<()> {
        let event = event::read(event)?;
        let refused = detached(py, |_| match lock(&self.0).spend(&event, times) {
            Err(Error::Parameter { what: "event", rule }) if rule.contains("pass the cap") => {
                Ok(true)
            }
            other => other.map(|()| false),
        })?;
        match refused {
            false => Ok(()),
            true => Err(error::overspent(
                py,
                "the release would pass the cap of the filter; \
                nothing was spent: release less, or with more noise",
            )),
        }
    }

    fn spent(&self, py: Python<'_>) -> PyResult<f64> {
        let filter = lock(&self.0).clone();
        detached(py, |_| filter.spent())
    }
}

/// The least noise for a budget. `events` says in Python what is released at some noise.
#[pyfunction]
pub(crate) fn dp_calibrate(
    py: Python<'_>,
    accountant: &DpAccountant,
    epsilon: f64,
    delta: f64,
    range: (f64, f64),
    events: Py<PyAny>,
) -> PyResult<f64> {
    let accountant = lock(&accountant.0).clone();
    let raised: Mutex<Option<PyErr>> = Mutex::new(None);
    let ask = |noise: f64| {
        Python::attach(|py| -> PyResult<Vec<(Event, u64)>> {
            let rows: Vec<(Bound<'_, PyAny>, u64)> = events.bind(py).call1((noise,))?.extract()?;
            rows.iter().map(|(e, times)| Ok((event::read(e)?, *times))).collect()
        })
        .map_err(|e| {
            *lock(&raised) = Some(e);
            Error::Parameter { what: "events", rule: "they could not be made" }
        })
    };
    let found = detached(py, |_| calibrate(&accountant, epsilon, delta, range.0..=range.1, ask));
    match lock(&raised).take() {
        Some(e) => Err(e),
        None => found,
    }
}

/// The standard deviation of Gaussian noise for (epsilon, delta).
#[pyfunction]
pub(crate) fn dp_gaussian_sigma(
    py: Python<'_>,
    epsilon: f64,
    delta: f64,
    sensitivity: f64,
) -> PyResult<f64> {
    ok(py, analytic_gaussian(epsilon, delta, sensitivity))
}

/// The greatest rho that is (epsilon, delta)-private.
#[pyfunction]
pub(crate) fn dp_rho_within(py: Python<'_>, epsilon: f64, delta: f64) -> PyResult<(u64, u64)> {
    match ok(py, Loss::within(epsilon, delta))? {
        Loss::Concentrated { rho } => Ok((rho.numerator(), rho.denominator())),
        _ => Err(error::internal(py, "a loss that is not concentrated")),
    }
}

/// Epsilon of a rho at delta.
#[pyfunction]
pub(crate) fn dp_zcdp_epsilon(py: Python<'_>, rho: f64, delta: f64) -> PyResult<f64> {
    ok(py, zcdp_epsilon(rho, delta))
}
