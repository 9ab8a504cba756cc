//! Models on shared columns: functions over any engine, without session, files
//! or openings. What a caller may open is stated with each result.
//!
//! | module | what |
//! |---|---|
//! | [`logistic`] | maximum likelihood by Newton's method, stochastic gradient descent, prediction |
//! | [`woe`] | counts per bin, weight of evidence, information value |
//!
//! Features carry [`FRAC`] = 20 fractional bits; labels are the integers 0 and
//! 1; matrices are row-major.

pub mod logistic;
pub mod woe;

#[cfg(test)]
pub(crate) mod reference;

/// Fractional bits of features, coefficients, scores and metrics.
pub const FRAC: u32 = 20;
