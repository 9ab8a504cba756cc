//! Linear and logistic regression.
//!
//! **Method and why.** The functional mechanism (Zhang, Zhang, Xiao, Yang, Winslett,
//! "Functional Mechanism: Regression Analysis under Differential Privacy", VLDB 2012): the
//! objective is written as a polynomial of the coefficients, and its coefficients, which are
//! sums over rows, get noise. They are the moments of `moments.rs`, so the whole path from
//! data to noise is integers with an exact sensitivity; solving is post-processing, takes
//! one release whatever the number of iterations, and no convergence enters a proof.
//! Objective perturbation needs an exact optimum, DP-SGD needs gradients in floats and an
//! accountant for thousands of steps.
//!
//! **Proof note.** See `moments.rs`: features and target are its columns. For logistic
//! regression the label is a column with the values -1 and 1.
//!
//! **Linear.** Columns scaled to -1 to 1 by their bounds; with C the covariances of the
//! features, c those with the target,
//!
//! \\[ (C + \lambda I)\,w = c. \qquad (1) \\]
//!
//! **Logistic.** \\(\ln(1 + e^t) = \ln 2 + t/2 + t^2/8 + O(t^4)\\) at 0, so the mean loss of
//! rows x (a 1 in front) with labels y = ±1 is about
//! \\(w^T \overline{xx^T} w/8 - w^T \overline{yx}/2\\), least at
//!
//! \\[ \left(\overline{xx^T}/4 + \lambda I\right) w = \overline{yx}/2. \qquad (2) \\]
//!
//! **Limit.** (2) is not the maximum likelihood estimate, however many rows there are. It
//! is close to it while \\(|w^T x|\\) is below about 1; beyond, coefficients come out too
//! small, their directions and the order of scores much less so. Class probabilities of
//! strongly separated data are therefore drawn towards the middle.
//!
//! Noise may make the matrix indefinite. Then lambda is doubled until it is not, which sees
//! only what was released.

use super::moments::{Covariance, Moments};
use crate::{Error, Explanation, Privacy, Release, Result, Units, sampler::Source};
use rand::CryptoRng;

/// A linear function of the features.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The constant.
    pub intercept: f64,
    /// The factor of each feature.
    pub coefficients: Vec<f64>,
}

impl Model {
    /// The value for a row: the prediction, or the log-odds.
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.intercept + self.coefficients.iter().zip(row).map(|(w, x)| w * x).sum::<f64>()
    }
}

/// Ridge regression.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearRegression {
    moments: Covariance,
    lambda: f64,
}

impl LinearRegression {
    /// With bounds of the features and of the target. `lambda` is for scaled columns and
    /// mean losses, so the same value suits any number of rows: 1e-3 shrinks little.
    pub fn new(
        features: &[(f64, f64)],
        target: (f64, f64),
        lambda: f64,
        privacy: Privacy,
    ) -> Result<Self> {
        let bounds: Vec<(f64, f64)> = features.iter().copied().chain([target]).collect();
        checked(features.len(), lambda)?;
        Ok(Self { moments: Covariance::new(&bounds, privacy)?, lambda })
    }

    /// Cost, and the reach of the noise in the moments, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        self.moments.explain(level)
    }

    /// The model.
    pub fn release<R: CryptoRng>(
        &self,
        features: &[&[f64]],
        target: &[f64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<Model>> {
        let columns: Vec<&[f64]> = features.iter().copied().chain([target]).collect();
        let release = self.moments.release(&columns, units, source)?;
        Ok(release.map(|moments| linear(&moments, features.len(), self.lambda)))
    }
}

fn linear(moments: &Moments, d: usize, lambda: f64) -> Model {
    // (1)
    let matrix = |i, j| moments.scaled_covariance(i, j);
    let right: Vec<f64> = (0..d).map(|i| moments.scaled_covariance(i, d)).collect();
    let w = solve(d, matrix, &right, lambda);
    let (mut coefficients, mut intercept) = (Vec::with_capacity(d), moments.mean(d).unwrap_or(0.0));
    for (i, w) in w.into_iter().enumerate() {
        let w = w * moments.half(d) / moments.half(i);
        intercept -= w * moments.mean(i).unwrap_or(0.0);
        coefficients.push(w);
    }
    Model { intercept, coefficients }
}

/// Logistic regression by the second-order expansion (2).
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    moments: Covariance,
    lambda: f64,
}

impl LogisticRegression {
    /// With bounds of the features; `lambda` as for [`LinearRegression`].
    pub fn new(features: &[(f64, f64)], lambda: f64, privacy: Privacy) -> Result<Self> {
        let bounds: Vec<(f64, f64)> = features.iter().copied().chain([(-1.0, 1.0)]).collect();
        checked(features.len(), lambda)?;
        Ok(Self { moments: Covariance::new(&bounds, privacy)?, lambda })
    }

    /// Cost, and the reach of the noise in the moments, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        self.moments.explain(level)
    }

    /// The model of the log-odds of `true`.
    pub fn release<R: CryptoRng>(
        &self,
        features: &[&[f64]],
        labels: &[bool],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<Model>> {
        let labels: Vec<f64> = labels.iter().map(|&y| if y { 1.0 } else { -1.0 }).collect();
        let columns: Vec<&[f64]> = features.iter().copied().chain([labels.as_slice()]).collect();
        let release = self.moments.release(&columns, units, source)?;
        Ok(release.map(|moments| logistic(&moments, features.len(), self.lambda)))
    }
}

fn logistic(moments: &Moments, d: usize, lambda: f64) -> Model {
    // (2): the constant is place 0, feature i is place i + 1.
    let mean = |i: usize| if i == 0 { 1.0 } else { moments.scaled_mean(i - 1) };
    let matrix = |i: usize, j: usize| {
        let entry = match (i, j) {
            (0, i) | (i, 0) => mean(i),
            (i, j) => moments.scaled_product(i - 1, j - 1),
        };
        entry / 4.0
    };
    let label = |i: usize| match i {
        0 => moments.scaled_mean(d),
        i => moments.scaled_product(i - 1, d),
    };
    let right: Vec<f64> = (0..=d).map(|i| label(i) / 2.0).collect();
    let w = solve(d + 1, matrix, &right, lambda);
    let mut intercept = w[0];
    let mut coefficients = Vec::with_capacity(d);
    for (i, w) in w[1..].iter().enumerate() {
        let w = w / moments.half(i);
        intercept -= w * moments.middle(i);
        coefficients.push(w);
    }
    Model { intercept, coefficients }
}

fn checked(features: usize, lambda: f64) -> Result<()> {
    if features == 0 {
        return Err(Error::Parameter { what: "features", rule: "there must be 1 at least" });
    }
    if !(1e-12..=1e12).contains(&lambda) {
        return Err(Error::Parameter { what: "lambda", rule: "it must be from 1e-12 to 1e12" });
    }
    Ok(())
}

/// Solves (A + lambda I) x = b for symmetric A by Cholesky, lambda doubled until the matrix
/// is positive definite with room to spare.
fn solve(d: usize, a: impl Fn(usize, usize) -> f64, b: &[f64], lambda: f64) -> Vec<f64> {
    let mut lambda = lambda;
    // Entries of A are at most 1 (2 for covariances), so lambda = 2d + 1 is enough.
    loop {
        let floor = lambda / 2.0;
        if let Some(l) = cholesky(d, |i, j| a(i, j) + if i == j { lambda } else { 0.0 }, floor) {
            let mut x = b.to_vec();
            for i in 0..d {
                let known: f64 = (0..i).map(|j| l[i * d + j] * x[j]).sum();
                x[i] = (x[i] - known) / l[i * d + i];
            }
            for i in (0..d).rev() {
                let known: f64 = (i + 1..d).map(|j| l[j * d + i] * x[j]).sum();
                x[i] = (x[i] - known) / l[i * d + i];
            }
            return x;
        }
        lambda *= 2.0;
    }
}

/// The lower factor, if every pivot is at least `floor`.
fn cholesky(d: usize, a: impl Fn(usize, usize) -> f64, floor: f64) -> Option<Vec<f64>> {
    let mut l = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| l[i * d + k] * l[j * d + k]).sum();
            let rest = a(i, j) - known;
            l[i * d + j] = match i == j {
                true if rest >= floor => rest.sqrt(),
                true => return None,
                false => rest / l[j * d + j],
            };
        }
    }
    Some(l)
}
