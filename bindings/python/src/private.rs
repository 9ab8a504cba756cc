//! Counts with noise, and scorecards out of them.

use crate::error;
use privity_joint::{
    self as joint,
    private::{
        Noise, NoiseSource,
        scorecard::{self, Evidence, PairCounts},
    },
};
use pyo3::prelude::*;

/// Noisy counts of a feature's bins, without and with the event.
type Labels = Vec<Vec<[f64; 2]>>;

/// The least noise for so many margins, as JSON, and the standard deviation of each count.
#[pyfunction]
pub(crate) fn count_noise(
    py: Python<'_>,
    margins: usize,
    epsilon: f64,
    delta: f64,
    joint: bool,
) -> PyResult<(String, f64)> {
    let source = if joint { NoiseSource::Joint } else { NoiseSource::Shares };
    let found = py.detach(|| {
        let noise = Noise::calibrate(margins, epsilon, delta, source)?;
        Ok((noise, noise.variance()?.sqrt()))
    });
    let (noise, deviation) = found.map_err(|e: joint::Error| error::to_py(py, e))?;
    let text =
        serde_json::to_string(&noise).map_err(|_| error::internal(py, "noise has no JSON"))?;
    Ok((text, deviation))
}

/// Weights of evidence, information values, and the log-odds of the event.
#[pyfunction]
pub(crate) fn scorecard_evidence(
    labels: Labels,
    rows: u64,
    deviation: f64,
) -> (Vec<Vec<f64>>, Vec<f64>, f64) {
    let evidence = scorecard::evidence(&labels, rows, deviation);
    (evidence.woe, evidence.iv, evidence.log_odds)
}

/// Intercept and coefficients, and the points of each bin.
#[pyfunction]
pub(crate) fn scorecard_fit(
    woe: Vec<Vec<f64>>,
    log_odds: f64,
    labels: Labels,
    pairs: Vec<(usize, usize, Vec<Vec<f64>>)>,
    rows: u64,
    deviations: [f64; 2],
) -> (Vec<f64>, Vec<Vec<i64>>) {
    let evidence = Evidence { woe, iv: Vec::new(), log_odds };
    let pairs: Vec<PairCounts> =
        pairs.into_iter().map(|(a, b, counts)| PairCounts { features: [a, b], counts }).collect();
    let coefficients = scorecard::fit(&evidence, &labels, &pairs, rows, deviations);
    let points = scorecard::points(&evidence, &coefficients);
    (coefficients, points)
}

/// Edges of bands of equal width over all scores that these points can make.
#[pyfunction]
pub(crate) fn scorecard_edges(points: Vec<Vec<i64>>, bands: u32) -> Vec<i64> {
    scorecard::edges(&points, bands)
}

/// AUC, what noise adds to its standard error, and KS; none if a class seems empty.
#[pyfunction]
pub(crate) fn scorecard_ranking(bands: Vec<[f64; 2]>, deviation: f64) -> Option<(f64, f64, f64)> {
    scorecard::ranking(&bands, deviation).map(|r| (r.auc, r.auc_noise, r.ks))
}
