//! Events as tuples: a word, then its numbers.

use privity_dp::{
    Error, Ratio,
    accounting::{Event, Sampling},
};
use pyo3::{
    prelude::*,
    types::{PyList, PyTuple},
};

/// For Python.
pub(super) fn show<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
    let pair = |x: &Ratio| (x.numerator(), x.denominator());
    match event {
        Event::Pure { epsilon } => ("pure", epsilon).into_pyobject(py),
        Event::Approximate { epsilon, delta } => ("approximate", epsilon, delta).into_pyobject(py),
        Event::Zcdp { rho } => ("zcdp", rho).into_pyobject(py),
        Event::Laplace { scale } => ("laplace", scale).into_pyobject(py),
        Event::Gaussian { sigma } => ("gaussian", sigma).into_pyobject(py),
        Event::DiscreteLaplace { scale, sensitivity } => {
            ("discrete_laplace", pair(scale), sensitivity).into_pyobject(py)
        }
        Event::DiscreteGaussian { sigma_squared, sensitivity } => {
            ("discrete_gaussian", pair(sigma_squared), sensitivity).into_pyobject(py)
        }
        Event::Skellam { mu, sensitivity } => ("skellam", mu, sensitivity).into_pyobject(py),
        Event::Binomial { trials, sensitivity } => {
            ("binomial", trials, sensitivity).into_pyobject(py)
        }
        Event::RandomizedResponse { categories, truth } => {
            ("randomised_response", categories, truth).into_pyobject(py)
        }
        Event::Subsampled { sampling: Sampling::Poisson { rate }, event } => {
            ("poisson", rate, show(py, event)?).into_pyobject(py)
        }
        Event::Subsampled { sampling: Sampling::Fixed { sample, population }, event } => {
            ("fixed", sample, population, show(py, event)?).into_pyobject(py)
        }
        Event::Composed(parts) => {
            let parts: PyResult<Vec<_>> =
                parts.iter().map(|(event, times)| Ok((show(py, event)?, *times))).collect();
            ("composed", PyList::new(py, parts?)?).into_pyobject(py)
        }
        // dp knows an event that this package does not know yet.
        _ => ("unknown",).into_pyobject(py),
    }
}

/// From Python.
pub(super) fn read(event: &Bound<'_, PyAny>) -> PyResult<Event> {
    let event = event.cast::<PyTuple>()?;
    let word: String = event.get_item(0)?.extract()?;
    let number = |place: usize| event.get_item(place)?.extract::<f64>();
    let whole = |place: usize| event.get_item(place)?.extract::<u64>();
    let ratio = |place: usize| {
        let (numerator, denominator) = event.get_item(place)?.extract::<(u64, u64)>()?;
        super::ok(event.py(), Ratio::new(numerator, denominator))
    };
    let sampled = |sampling, place: usize| {
        let event = Box::new(read(&event.get_item(place)?)?);
        Ok::<_, PyErr>(Event::Subsampled { sampling, event })
    };
    Ok(match word.as_str() {
        "pure" => Event::Pure { epsilon: number(1)? },
        "approximate" => Event::Approximate { epsilon: number(1)?, delta: number(2)? },
        "zcdp" => Event::Zcdp { rho: number(1)? },
        "laplace" => Event::Laplace { scale: number(1)? },
        "gaussian" => Event::Gaussian { sigma: number(1)? },
        "discrete_laplace" => Event::DiscreteLaplace { scale: ratio(1)?, sensitivity: whole(2)? },
        "discrete_gaussian" => {
            Event::DiscreteGaussian { sigma_squared: ratio(1)?, sensitivity: whole(2)? }
        }
        "skellam" => Event::Skellam { mu: number(1)?, sensitivity: whole(2)? },
        "binomial" => Event::Binomial { trials: whole(1)?, sensitivity: whole(2)? },
        "randomised_response" => {
            Event::RandomizedResponse { categories: whole(1)?, truth: number(2)? }
        }
        "poisson" => sampled(Sampling::Poisson { rate: number(1)? }, 2)?,
        "fixed" => sampled(Sampling::Fixed { sample: whole(1)?, population: whole(2)? }, 3)?,
        "composed" => {
            let parts: Vec<(Bound<'_, PyAny>, u64)> = event.get_item(1)?.extract()?;
            let parts = parts.iter().map(|(event, times)| Ok((read(event)?, *times)));
            Event::Composed(parts.collect::<PyResult<_>>()?)
        }
        _ => {
            let rule = "it is of a kind that is not known";
            return super::ok(event.py(), Err(Error::Parameter { what: "event", rule }));
        }
    })
}
