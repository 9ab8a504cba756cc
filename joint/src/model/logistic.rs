//! Logistic regression.

mod newton;
mod sgd;

pub use newton::{Fit, NewtonOptions, fit_newton};
pub use sgd::{MAX_BATCH_MEAN, SgdFit, SgdOptions, fit_sgd};

use super::FRAC;
use privity_core::{Error, Result};
use privity_mpc::{
    engine::{Dims, Engine, RingShares},
    numeric::spline,
};

/// b + X w for `coefficients` (b, w_1, ..., w_cols), with 40 fractional bits:
/// one matrix product, exact. |b + x w| < 2^21.
fn linear_predictor<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    coefficients: &E::Ring,
    rows: usize,
    cols: usize,
) -> Result<E::Ring> {
    if x.len() != rows * cols || coefficients.len() != cols + 1 {
        return Err(Error::Argument(format!(
            "{} numbers and {} coefficients for {rows} rows of {cols} columns",
            x.len(),
            coefficients.len()
        )));
    }
    let slopes = coefficients.slice(1..cols + 1);
    let dims = Dims { m: rows, k: cols, n: 1 };
    let xw = e.matmul(x, &slopes, dims, 0)?;
    Ok(xw.add(&coefficients.slice(0..1).scale(1 << FRAC).repeat_each(rows)))
}

/// The largest magnitude of a feature, in a fit and in a prediction. Beyond it
/// the rounding of a coefficient, half a unit, would move a score by more than
/// a thousandth.
pub const MAX_FEATURE: f64 = 1024.0;

/// Where [`predict`] cuts off the linear predictor, on either side.
const SATURATION: u64 = 1 << 19;
/// Fractional bits of the coefficients in the coarse predictor.
const COARSE: u32 = 10;

/// Scores of rows.
pub struct Prediction<E: Engine> {
    /// The probability that y = 1, 20 fractional bits. Its last place is
    /// rounded at random, so that equal rows may differ by a unit.
    pub probability: E::Ring,
    /// The linear predictor, 40 fractional bits, within 2^61 as words. Nothing
    /// is rounded in it: equal rows have equal ranks, as metrics need it.
    pub rank: E::Ring,
}

/// Scores `x`: probabilities within 1.5e-6 of the sigmoid of b + X w, for
/// |x| <= [`MAX_FEATURE`] and coefficients up to 2^12.
///
/// The linear predictor wraps where it exceeds 2^21. A second one with coarse
/// coefficients (10 fractional bits, error below 512) does not before 2^32; it
/// decides where the result is cut off at +-2^19, so that an outlier scores 0
/// or 1 and never something else. Rounds: 16 more than the sigmoid.
pub fn predict<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    coefficients: &E::Ring,
    rows: usize,
    cols: usize,
) -> Result<Prediction<E>> {
    let exact = linear_predictor(e, x, coefficients, rows, cols)?;
    let coarse = e.truncate(coefficients, FRAC - COARSE)?;
    let dims = Dims { m: rows, k: cols, n: 1 };
    let size = e
        .matmul(x, &coarse.slice(1..cols + 1), dims, FRAC)?
        .add(&coarse.slice(0..1).repeat_each(rows));
    // Both sides in one comparison: limit - size < 0 and size + limit < 0.
    let limit = e.public(&vec![SATURATION << COARSE; rows]);
    let beyond = e.is_negative(&E::Ring::concat(&[&limit.sub(&size), &size.add(&limit)]))?;
    let beyond = e.bit_to_ring(&beyond)?;
    let (above, below) = (beyond.slice(0..rows), beyond.slice(rows..2 * rows));
    let inside = e.add_public(&above.add(&below).neg(), &vec![1; rows]);
    let kept = e.mul(&exact, &inside, 0)?;
    let rank = kept.add(&above.sub(&below).scale(SATURATION << (2 * FRAC)));
    let eta = e.truncate(&rank, FRAC)?;
    Ok(Prediction { probability: spline::sigmoid(e, &eta)?, rank })
}

/// Checks what every fit needs.
fn check_shape(x: usize, y: usize, rows: usize, cols: usize) -> Result<()> {
    if x != rows * cols || y != rows {
        return Err(Error::Argument(format!(
            "{x} numbers and {y} labels for {rows} rows of {cols} columns"
        )));
    }
    if !(2..=MAX_ROWS).contains(&rows) || !(1..=MAX_COLS).contains(&cols) {
        return Err(Error::Argument(format!(
            "{rows} rows of {cols} columns: a fit takes 2 to {MAX_ROWS} rows and 1 to {MAX_COLS} columns"
        )));
    }
    Ok(())
}

/// Most rows of one fit.
pub const MAX_ROWS: usize = 1 << 21;
/// Most columns of one fit.
pub const MAX_COLS: usize = 1023;

#[cfg(test)]
mod tests;
