//! One class for all estimators: made of public parameters, then asked what it would cost,
//! or given data.

use super::{
    Asked, detached, grid,
    input::{Flags, Numbers, Shared},
    ok, privacy,
    release::{DpRelease, PartRow, Piece, Value},
};
use crate::error;
use privity_dp::{
    Error, Explanation, Result, Units,
    estimator::{
        Contingency, Count, Covariance, Histogram, LinearRegression, LogisticRegression, Mean,
        Model, PrivateKeys, PublicKeys, Quantile, Quantiles, Sum, Variance,
    },
    sampler::Source,
};
use pyo3::prelude::*;
use rand::CryptoRng;

/// A question to data, with its protection.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpQuery(Query);

enum Query {
    Count(Count),
    /// Whether the grid is that of whole numbers.
    Sum(Sum, bool),
    Mean(Mean),
    Variance(Variance),
    Covariance(Covariance, usize),
    Histogram(Histogram),
    PublicKeys(PublicKeys<u32>),
    PrivateKeys(PrivateKeys),
    Quantile(Quantile),
    Quantiles(Quantiles),
    Contingency(Contingency),
    Linear(LinearRegression),
    Logistic(LogisticRegression),
}

/// Text, half width, parts, error of the rank, threshold.
type Explained<'py> = (String, Option<f64>, Vec<PartRow<'py>>, Option<f64>, Option<i64>);

#[pymethods]
impl DpQuery {
    #[staticmethod]
    fn count(py: Python<'_>, asked: Asked) -> PyResult<Self> {
        ok(py, privacy(&asked).and_then(Count::new)).map(|x| Self(Query::Count(x)))
    }

    #[staticmethod]
    fn sum(
        py: Python<'_>,
        bounds: (f64, f64),
        granularity: Option<f64>,
        asked: Asked,
    ) -> PyResult<Self> {
        let grid = ok(py, grid(bounds, granularity))?;
        let whole = grid.granularity() == 1.0;
        ok(py, privacy(&asked).and_then(|p| Sum::new(grid, p))).map(|x| Self(Query::Sum(x, whole)))
    }

    #[staticmethod]
    fn mean(
        py: Python<'_>,
        bounds: (f64, f64),
        granularity: Option<f64>,
        asked: Asked,
    ) -> PyResult<Self> {
        let grid = ok(py, grid(bounds, granularity))?;
        ok(py, privacy(&asked).and_then(|p| Mean::new(grid, p))).map(|x| Self(Query::Mean(x)))
    }

    #[staticmethod]
    fn variance(py: Python<'_>, bounds: (f64, f64), asked: Asked) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| Variance::new(bounds.0, bounds.1, p));
        ok(py, made).map(|x| Self(Query::Variance(x)))
    }

    #[staticmethod]
    fn covariance(py: Python<'_>, bounds: Vec<(f64, f64)>, asked: Asked) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| Covariance::new(&bounds, p));
        ok(py, made).map(|x| Self(Query::Covariance(x, bounds.len())))
    }

    #[staticmethod]
    fn histogram(py: Python<'_>, bounds: (f64, f64), bins: u32, asked: Asked) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| Histogram::new(bounds.0, bounds.1, bins, p));
        ok(py, made).map(|x| Self(Query::Histogram(x)))
    }

    #[staticmethod]
    fn histogram_with_edges(py: Python<'_>, edges: Vec<f64>, asked: Asked) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| Histogram::with_edges(edges, p));
        ok(py, made).map(|x| Self(Query::Histogram(x)))
    }

    /// Keys 0 to `keys` - 1.
    #[staticmethod]
    fn public_keys(py: Python<'_>, keys: u32, asked: Asked) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| PublicKeys::new(0..keys, p));
        ok(py, made).map(|x| Self(Query::PublicKeys(x)))
    }

    #[staticmethod]
    fn private_keys(py: Python<'_>, delta: f64, asked: Asked) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| PrivateKeys::new(p, delta));
        ok(py, made).map(|x| Self(Query::PrivateKeys(x)))
    }

    #[staticmethod]
    fn quantile(
        py: Python<'_>,
        q: f64,
        bounds: (f64, f64),
        granularity: Option<f64>,
        asked: Asked,
    ) -> PyResult<Self> {
        let grid = ok(py, grid(bounds, granularity))?;
        let made = privacy(&asked).and_then(|p| Quantile::new(q, grid, p));
        ok(py, made).map(|x| Self(Query::Quantile(x)))
    }

    #[staticmethod]
    fn quantiles(
        py: Python<'_>,
        q: Vec<f64>,
        bounds: (f64, f64),
        granularity: Option<f64>,
        asked: Asked,
    ) -> PyResult<Self> {
        let grid = ok(py, grid(bounds, granularity))?;
        let made = privacy(&asked).and_then(|p| Quantiles::new(&q, grid, p));
        ok(py, made).map(|x| Self(Query::Quantiles(x)))
    }

    #[staticmethod]
    fn contingency(py: Python<'_>, sizes: Vec<u32>, asked: Asked) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| Contingency::new(&sizes, p));
        ok(py, made).map(|x| Self(Query::Contingency(x)))
    }

    #[staticmethod]
    fn linear_regression(
        py: Python<'_>,
        features: Vec<(f64, f64)>,
        target: (f64, f64),
        penalty: f64,
        asked: Asked,
    ) -> PyResult<Self> {
        let made =
            privacy(&asked).and_then(|p| LinearRegression::new(&features, target, penalty, p));
        ok(py, made).map(|x| Self(Query::Linear(x)))
    }

    #[staticmethod]
    fn logistic_regression(
        py: Python<'_>,
        features: Vec<(f64, f64)>,
        penalty: f64,
        asked: Asked,
    ) -> PyResult<Self> {
        let made = privacy(&asked).and_then(|p| LogisticRegression::new(&features, penalty, p));
        ok(py, made).map(|x| Self(Query::Logistic(x)))
    }

    /// Cost and reach, without data.
    fn explain<'py>(&self, py: Python<'py>, level: f64) -> PyResult<Explained<'py>> {
        let explanation = self.0.explain(level);
        let parts: PyResult<_> =
            explanation.parts.iter().map(|part| Piece::from(part).row(py)).collect();
        let (rank, threshold) = match &self.0 {
            Query::Quantile(quantile) => (Some(quantile.rank_error(level)), None),
            Query::PrivateKeys(keys) => (None, Some(keys.threshold())),
            _ => (None, None),
        };
        Ok((explanation.to_string(), explanation.half_width, parts?, rank, threshold))
    }

    /// Takes hold of the data. `columns` are arrays or objects of Arrow, as the question needs
    /// them: numbers, conditions (`u1`) or codes (`u4`); `ids` are `u8`.
    fn read(
        &self,
        py: Python<'_>,
        columns: Vec<Bound<'_, PyAny>>,
        ids: Option<Bound<'_, PyAny>>,
    ) -> PyResult<DpRows> {
        let last = columns.len().saturating_sub(1);
        let columns: Vec<Column> = columns
            .iter()
            .enumerate()
            .map(|(i, object)| match &self.0 {
                Query::Count(_) => Flags::read(object).map(Column::Flags),
                Query::Logistic(_) if i == last => Flags::read(object).map(Column::Flags),
                Query::PublicKeys(_) | Query::PrivateKeys(_) | Query::Contingency(_) => {
                    Shared::read(object).map(Column::Codes)
                }
                _ => Numbers::read(object).map(Column::Numbers),
            })
            .collect::<PyResult<_>>()?;
        let ids = ids.map(|ids| Shared::<u64>::read(&ids)).transpose()?;
        let lengths = columns.iter().map(Column::len).chain(ids.iter().map(|x| x.as_slice().len()));
        if lengths.collect::<std::collections::BTreeSet<_>>().len() > 1 {
            let fix = "give one value per row, and one identifier per row";
            return Err(error::argument(py, "dp", "columns or ids have different lengths", fix));
        }
        Ok(DpRows { columns, ids })
    }

    /// The answer.
    fn release(&self, py: Python<'_>, rows: &DpRows) -> PyResult<DpRelease> {
        let DpRows { columns, ids } = rows;
        let units = || ids.as_ref().map_or(Units::Rows, |ids| Units::Ids(ids.as_slice()));
        detached(py, |source| self.0.release(columns, units(), source))
    }
}

/// Data for a query.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct DpRows {
    columns: Vec<Column>,
    ids: Option<Shared<u64>>,
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Flags(flags) => flags.len(),
            Self::Codes(codes) => codes.as_slice().len(),
        }
    }
}

/// A column as a query needs it.
enum Column {
    Numbers(Numbers),
    Flags(Flags),
    Codes(Shared<u32>),
}

impl Query {
    fn explain(&self, level: f64) -> Explanation {
        match self {
            Self::Count(x) => x.explain(level),
            Self::Sum(x, _) => x.explain(level),
            Self::Mean(x) => x.explain(level),
            Self::Variance(x) => x.explain(level),
            Self::Covariance(x, _) => x.explain(level),
            Self::Histogram(x) => x.explain(level),
            Self::PublicKeys(x) => x.explain(level),
            Self::PrivateKeys(x) => x.explain(level),
            Self::Quantile(x) => x.explain(level),
            Self::Quantiles(x) => x.explain(level),
            Self::Contingency(x) => x.explain(level),
            Self::Linear(x) => x.explain(level),
            Self::Logistic(x) => x.explain(level),
        }
    }

    fn release<R: CryptoRng>(
        &self,
        columns: &[Column],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<DpRelease> {
        match self {
            Self::Count(x) => {
                let flags = flags(columns.first())?;
                Ok(DpRelease::of(x.release(&flags, units, source)?, Value::Whole))
            }
            Self::Sum(x, whole) => {
                let numbers = number_column(columns.first())?;
                let release = match numbers.integers().filter(|_| *whole) {
                    Some(integers) => x.release_integers(integers, units, source)?,
                    None => x.release(&numbers.floats(), units, source)?,
                };
                Ok(DpRelease::of(release, Value::Real))
            }
            Self::Mean(x) => {
                let numbers = number_column(columns.first())?.floats();
                Ok(DpRelease::of(x.release(&numbers, units, source)?, Value::Real))
            }
            Self::Variance(x) => {
                let numbers = number_column(columns.first())?.floats();
                Ok(DpRelease::of(x.release(&numbers, units, source)?, Value::Real))
            }
            Self::Covariance(x, d) => {
                let numbers = floats(columns)?;
                let release = x.release(&slices(&numbers), units, source)?;
                Ok(DpRelease::of(release, |release| {
                    let moments = &release.value;
                    let means = (0..*d).filter_map(|j| moments.mean(j)).collect();
                    let pairs = (0..d * d).filter_map(|k| moments.covariance(k / d, k % d));
                    Value::Blocks(moments.rows(), means, pairs.collect())
                }))
            }
            Self::Histogram(x) => {
                let numbers = number_column(columns.first())?.floats();
                let release = x.release(&numbers, units, source)?;
                Ok(DpRelease::of(release, |release| Value::Counts(release.value)))
            }
            Self::PublicKeys(x) => {
                let release = x.release(codes(columns.first())?, units, source)?;
                Ok(DpRelease::of(release, |r| Value::Keys(r.value.into_iter().collect())))
            }
            Self::PrivateKeys(x) => {
                let release = x.release(codes(columns.first())?, units, source)?;
                Ok(DpRelease::of(release, |r| Value::Shown(r.value.into_iter().collect())))
            }
            Self::Quantile(x) => {
                let numbers = number_column(columns.first())?.floats();
                Ok(DpRelease::of(x.release(&numbers, units, source)?, Value::Real))
            }
            Self::Quantiles(x) => {
                let numbers = number_column(columns.first())?.floats();
                let release = x.release(&numbers, units, source)?;
                Ok(DpRelease::of(release, |release| Value::Other(release.value)))
            }
            Self::Contingency(x) => {
                let codes: Vec<&[u32]> =
                    columns.iter().map(|c| codes(Some(c))).collect::<Result<_>>()?;
                let release = x.release(&codes, units, source)?;
                Ok(DpRelease::of(release, |r| Value::Counts(r.value.counts().to_vec())))
            }
            Self::Linear(x) => {
                let numbers = floats(columns)?;
                let slices = slices(&numbers);
                let (target, features) = slices.split_last().ok_or_else(missing)?;
                Ok(DpRelease::of(x.release(features, target, units, source)?, |r| model(r.value)))
            }
            Self::Logistic(x) => {
                let (labels, features) = columns.split_last().ok_or_else(missing)?;
                let (labels, numbers) = (flags(Some(labels))?, floats(features)?);
                let release = x.release(&slices(&numbers), &labels, units, source)?;
                Ok(DpRelease::of(release, |r| model(r.value)))
            }
        }
    }
}

fn model(model: Model) -> Value {
    Value::Blocks(model.intercept, model.coefficients, Vec::new())
}

fn number_column(column: Option<&Column>) -> Result<&Numbers> {
    match column {
        Some(Column::Numbers(numbers)) => Ok(numbers),
        _ => Err(missing()),
    }
}

fn floats(columns: &[Column]) -> Result<Vec<std::borrow::Cow<'_, [f64]>>> {
    columns.iter().map(|column| Ok(number_column(Some(column))?.floats())).collect()
}

fn slices<'a>(columns: &'a [std::borrow::Cow<'_, [f64]>]) -> Vec<&'a [f64]> {
    columns.iter().map(|column| &**column).collect()
}

fn flags(column: Option<&Column>) -> Result<Vec<bool>> {
    match column {
        Some(Column::Flags(flags)) => Ok(flags.to_vec()),
        _ => Err(missing()),
    }
}

fn codes(column: Option<&Column>) -> Result<&[u32]> {
    match column {
        Some(Column::Codes(codes)) => Ok(codes.as_slice()),
        _ => Err(missing()),
    }
}

fn missing() -> Error {
    Error::Parameter { what: "columns", rule: "there must be as many as the question has" }
}
