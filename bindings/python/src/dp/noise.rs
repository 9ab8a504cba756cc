//! Mechanisms for answers that somebody else computed.

use super::{
    Given, detached, grid,
    input::{Numbers, Shared},
    loss, neighbours, ok,
    release::{DpRelease, Piece, Value},
};
use privity_dp::{
    Error, Loss, Ratio, Result,
    accounting::Event,
    mechanism::{
        Estimate, Gaussian, HadamardResponse, Noise, NoisyMax, PermuteAndFlip, RandomisedResponse,
        Real, Sensitivity, SparseVector, Tree,
    },
};
use pyo3::{prelude::*, types::PyBytes};
use std::sync::{Mutex, PoisonError};

/// Whole numbers with noise. `sensitivity` is that of all together: in L1 for an epsilon, the
/// square of that in L2 for a rho.
#[pyfunction]
pub(crate) fn dp_integers(
    py: Python<'_>,
    values: &Bound<'_, PyAny>,
    sensitivity: u128,
    given: Given,
) -> PyResult<DpRelease> {
    let values = Shared::<i64>::read(values)?;
    let loss = ok(py, loss(&given))?;
    let made = Noise::new(Sensitivity { l1: sensitivity, l2_squared: sensitivity }, loss);
    noisy(py, &values, ok(py, made)?, loss)
}

/// One whole number with the least Gaussian noise for (epsilon, delta).
#[pyfunction]
pub(crate) fn dp_calibrated(
    py: Python<'_>,
    value: &Bound<'_, PyAny>,
    sensitivity: u64,
    epsilon: f64,
    delta: f64,
) -> PyResult<DpRelease> {
    let value = Shared::<i64>::read(value)?;
    let gaussian = detached(py, |_| Gaussian::calibrated(sensitivity, epsilon, delta))?;
    let loss = Loss::Approximate { epsilon: ok(py, Ratio::at_least(epsilon))?, delta };
    noisy(py, &value, Noise::Gaussian(gaussian), loss)
}

fn noisy(py: Python<'_>, values: &Shared<i64>, noise: Noise, loss: Loss) -> PyResult<DpRelease> {
    let mut answer: Vec<i128> = values.as_slice().iter().map(|&x| x.into()).collect();
    let answer = detached(py, move |source| {
        noise.add(&mut answer, source);
        // As the library itself does: a function of the noisy number.
        let narrow = |x: i128| x.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Ok(answer.into_iter().map(narrow).collect::<Vec<i64>>())
    })?;
    let single = answer.len() == 1;
    let event = match noise {
        Noise::Laplace(x) => known(x.scalar_event(), x.event(), single),
        Noise::Gaussian(x) => known(x.scalar_event(), x.event(), single),
    };
    let coordinates = answer.len();
    let piece = Piece {
        what: "whole numbers".into(),
        loss,
        noise: Some(noise),
        unit: 1.0,
        coordinates,
        event,
    };
    Ok(DpRelease::new(Value::Counts(answer), vec![piece]))
}

fn known(scalar: Option<Event>, vector: Event, single: bool) -> Event {
    scalar.filter(|_| single).unwrap_or(vector)
}

/// Real numbers with noise, on a grid. `sensitivity` is that of all together, in L1 for an
/// epsilon, in L2 for a rho.
#[pyfunction]
pub(crate) fn dp_reals(
    py: Python<'_>,
    values: &Bound<'_, PyAny>,
    sensitivity: f64,
    granularity: f64,
    relation: &str,
    given: Given,
) -> PyResult<DpRelease> {
    let values = Numbers::read(values)?;
    let (relation, loss) = (ok(py, neighbours(relation))?, ok(py, loss(&given))?);
    let release = detached(py, |source| {
        let values = values.floats();
        let both = (sensitivity, sensitivity);
        Real::new(values.len(), both, granularity, relation, loss)?.release(&values, source)
    })?;
    Ok(DpRelease::of(release, |release| Value::Noisy(release.value)))
}

/// The index of a candidate, by permute and flip or by noisy max.
#[pyfunction]
pub(crate) fn dp_choose(
    py: Python<'_>,
    how: &str,
    utilities: &Bound<'_, PyAny>,
    sensitivity: u64,
    monotonic: bool,
    epsilon: (u64, u64),
) -> PyResult<DpRelease> {
    let utilities = Shared::<i64>::read(utilities)?;
    let flip = how == "permute and flip";
    let epsilon = ok(py, Ratio::new(epsilon.0, epsilon.1))?;
    let (index, event) = detached(py, |source| {
        let utilities = utilities.as_slice();
        match (flip, monotonic) {
            (true, false) => {
                let x = PermuteAndFlip::new(sensitivity, epsilon)?;
                Ok((x.choose(utilities, source)?, x.event()))
            }
            (true, true) => {
                let x = PermuteAndFlip::monotonic(sensitivity, epsilon)?;
                Ok((x.choose(utilities, source)?, x.event()))
            }
            (false, false) => {
                let x = NoisyMax::new(sensitivity, epsilon)?;
                Ok((x.choose(utilities, source)?, x.event()))
            }
            (false, true) => {
                let x = NoisyMax::monotonic(sensitivity, epsilon)?;
                Ok((x.choose(utilities, source)?, x.event()))
            }
        }
    })?;
    let loss = Loss::Pure { epsilon };
    let piece = Piece { what: how.into(), loss, noise: None, unit: 1.0, coordinates: 1, event };
    Ok(DpRelease::new(Value::Index(index), vec![piece]))
}

/// Which answers are above a threshold.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpSparse(Mutex<SparseVector>);

#[pymethods]
impl DpSparse {
    #[new]
    fn new(
        py: Python<'_>,
        threshold: i64,
        sensitivity: u64,
        above: u32,
        monotonic: bool,
        epsilon: (u64, u64),
    ) -> PyResult<Self> {
        let epsilon = ok(py, Ratio::new(epsilon.0, epsilon.1))?;
        let make = if monotonic { SparseVector::monotonic } else { SparseVector::new };
        detached(py, |source| make(threshold, sensitivity, above, epsilon, source))
            .map(|x| Self(Mutex::new(x)))
    }

    fn ask(&self, py: Python<'_>, answer: i64) -> PyResult<Option<bool>> {
        detached(py, |source| Ok(lock(&self.0).ask(answer, source)))
    }

    fn left(&self) -> u32 {
        lock(&self.0).left()
    }
}

/// A running sum.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpTree(Mutex<Tree>);

#[pymethods]
impl DpTree {
    #[new]
    fn new(
        py: Python<'_>,
        horizon: u64,
        bounds: (f64, f64),
        granularity: Option<f64>,
        relation: &str,
        given: Given,
    ) -> PyResult<Self> {
        let (relation, loss) = (ok(py, neighbours(relation))?, ok(py, loss(&given))?);
        let made = grid(bounds, granularity).and_then(|g| Tree::new(g, horizon, relation, loss));
        ok(py, made).map(|x| Self(Mutex::new(x)))
    }

    fn push(&self, py: Python<'_>, x: f64) -> PyResult<f64> {
        detached(py, |source| lock(&self.0).push(x, source))
    }

    fn part<'py>(&self, py: Python<'py>) -> PyResult<super::release::PartRow<'py>> {
        Piece::from(&lock(&self.0).part()).row(py)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers that their sender can deny.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpResponse(Response);

enum Response {
    Randomised(RandomisedResponse),
    Hadamard(HadamardResponse),
}

#[pymethods]
impl DpResponse {
    #[new]
    fn new(py: Python<'_>, how: &str, values: u32, epsilon: (u64, u64)) -> PyResult<Self> {
        let epsilon = ok(py, Ratio::new(epsilon.0, epsilon.1))?;
        let made = match how {
            "randomised" => RandomisedResponse::new(values, epsilon).map(Response::Randomised),
            "hadamard" => HadamardResponse::new(values, epsilon).map(Response::Hadamard),
            _ => Err(Error::Parameter { what: "response", rule: "there is none of this name" }),
        };
        ok(py, made).map(Self)
    }

    /// `u4` values in, the little-endian bytes of `u4` reports out.
    fn respond<'py>(
        &self,
        py: Python<'py>,
        values: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let values = Shared::<u32>::read(values)?;
        let reports: Vec<u8> = detached(py, |source| {
            let mut respond = |&value: &u32| match &self.0 {
                Response::Randomised(x) => x.respond(value, source),
                Response::Hadamard(x) => x.respond(value, source),
            };
            Ok(values.as_slice().iter().flat_map(|value| respond(value).to_le_bytes()).collect())
        })?;
        Ok(PyBytes::new(py, &reports))
    }

    /// Counts and their standard errors, from `u4` reports.
    fn estimate(
        &self,
        py: Python<'_>,
        reports: &Bound<'_, PyAny>,
    ) -> PyResult<(Vec<f64>, Vec<f64>)> {
        let reports = Shared::<u32>::read(reports)?;
        let work = |_: &mut _| -> Result<Vec<Estimate>> {
            Ok(match &self.0 {
                Response::Randomised(x) => x.estimate(reports.as_slice()),
                Response::Hadamard(x) => x.estimate(reports.as_slice()),
            })
        };
        let estimates = detached(py, work)?;
        Ok(estimates.iter().map(|x| (x.count, x.error)).unzip())
    }

    fn event<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        let event = match &self.0 {
            Response::Randomised(x) => x.event(),
            Response::Hadamard(x) => x.event(),
        };
        super::event::show(py, &event)
    }
}
