//! What was released, or would be.

use super::event;
use privity_dp::{Loss, Part, Release, accounting::Event, mechanism::Noise};
use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyBytes, PyTuple},
};

/// What, the law of the noise with its scale and standard deviation, how many numbers have
/// it, (epsilon, rho, delta), an event.
pub(super) type PartRow<'py> =
    (String, Option<(&'static str, f64, f64)>, usize, (f64, f64, f64), Bound<'py, PyTuple>);

/// One use of a mechanism.
pub(super) struct Piece {
    pub(super) what: String,
    pub(super) loss: Loss,
    pub(super) noise: Option<Noise>,
    pub(super) unit: f64,
    pub(super) coordinates: usize,
    pub(super) event: Event,
}

impl Piece {
    pub(super) fn row<'py>(&self, py: Python<'py>) -> PyResult<PartRow<'py>> {
        let law = self.noise.map(|noise| {
            let (law, scale) = match noise {
                Noise::Laplace(noise) => ("laplace", noise.law().scale().to_f64()),
                Noise::Gaussian(noise) => ("gaussian", noise.law().sigma_squared().to_f64().sqrt()),
            };
            (law, scale * self.unit, noise.deviation() * self.unit)
        });
        let loss = match self.loss {
            Loss::Pure { epsilon } => (epsilon.to_f64(), 0.0, 0.0),
            Loss::Concentrated { rho } => (0.0, rho.to_f64(), 0.0),
            Loss::Approximate { epsilon, delta } => (epsilon.to_f64(), 0.0, delta),
            // A loss that dp learned before this package did.
            _ => (f64::INFINITY, f64::INFINITY, 1.0),
        };
        Ok((self.what.clone(), law, self.coordinates, loss, event::show(py, &self.event)?))
    }

    fn half_width(&self, level: f64) -> Option<f64> {
        Some(self.noise?.half_width(level) * self.unit)
    }
}

impl From<&Part> for Piece {
    fn from(part: &Part) -> Self {
        Self {
            what: part.what.into(),
            loss: part.loss,
            noise: part.noise,
            unit: part.unit,
            coordinates: part.coordinates,
            event: part.event(),
        }
    }
}

/// A released value.
pub(super) enum Value {
    Real(Release<f64>),
    Whole(Release<i64>),
    /// Numbers that have the noise as it is.
    Counts(Vec<i64>),
    Noisy(Vec<f64>),
    /// Numbers that have not.
    Other(Vec<f64>),
    Keys(Vec<(u32, i64)>),
    /// Keys that were shown because their noisy counts are large: no interval is honest.
    Shown(Vec<(u32, i64)>),
    Index(usize),
    /// A number of rows, means, and a matrix by rows; or a constant, factors and nothing.
    Blocks(f64, Vec<f64>, Vec<f64>),
}

/// A released value and what it cost.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpRelease {
    value: Value,
    pieces: Vec<Piece>,
}

impl DpRelease {
    pub(super) fn new(value: Value, pieces: Vec<Piece>) -> Self {
        Self { value, pieces }
    }

    pub(super) fn of<T>(release: Release<T>, value: impl FnOnce(Release<T>) -> Value) -> Self {
        let pieces = release.parts().iter().map(Piece::from).collect();
        Self { value: value(release), pieces }
    }
}

#[pymethods]
impl DpRelease {
    /// A number, a list, or the little-endian bytes of `i8` or `f8` values.
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.value {
            Value::Real(release) => release.value.into_bound_py_any(py),
            Value::Whole(release) => release.value.into_bound_py_any(py),
            Value::Counts(counts) => {
                words(py, counts.iter().map(|x| x.to_le_bytes())).into_bound_py_any(py)
            }
            Value::Noisy(values) | Value::Other(values) => {
                words(py, values.iter().map(|x| x.to_le_bytes())).into_bound_py_any(py)
            }
            Value::Keys(keys) | Value::Shown(keys) => keys.clone().into_bound_py_any(py),
            Value::Index(index) => index.into_bound_py_any(py),
            Value::Blocks(first, a, b) => (*first, a.clone(), b.clone()).into_bound_py_any(py),
        }
    }

    /// What was spent for it.
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Vec<PartRow<'py>>> {
        self.pieces.iter().map(|piece| piece.row(py)).collect()
    }

    /// For a single number, where the noise says that much.
    fn interval<'py>(&self, py: Python<'py>, level: f64) -> PyResult<Option<Bound<'py, PyAny>>> {
        match &self.value {
            Value::Real(r) => r.interval(level).map(|x| x.into_bound_py_any(py)).transpose(),
            Value::Whole(r) => r.interval(level).map(|x| x.into_bound_py_any(py)).transpose(),
            _ => Ok(None),
        }
    }

    /// The noise in each number is within this of zero with probability `level`.
    fn half_width(&self, level: f64) -> Option<f64> {
        match &self.value {
            Value::Counts(_) | Value::Noisy(_) | Value::Keys(_) => {
                self.pieces.first()?.half_width(level)
            }
            _ => None,
        }
    }
}

fn words<'py>(py: Python<'py>, words: impl Iterator<Item = [u8; 8]>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &words.flatten().collect::<Vec<u8>>())
}
