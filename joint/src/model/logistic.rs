//! Logistic regression.

mod newton;
mod sgd;

pub use newton::{Fit, NewtonOptions, fit_newton};
pub use sgd::{SgdOptions, fit_sgd};

use super::FRAC;
use privity_core::{Error, Result};
use privity_mpc::{
    engine::{Dims, Engine, RingShares},
    numeric::spline,
};

/// b + X w for `coefficients` (b, w_1, ..., w_cols): one matrix product.
/// |b + x w| < 2^21. Error: one unit of 2^-20, beside what the coefficients'
/// own rounding (half a unit each) times |x| makes.
pub fn linear_predictor<E: Engine>(
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
    let xw = e.matmul(x, &slopes, dims, FRAC)?;
    Ok(xw.add(&coefficients.slice(0..1).repeat_each(rows)))
}

/// The probability that y = 1, within 1.5e-6 of the sigmoid of
/// [`linear_predictor`].
pub fn predict<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    coefficients: &E::Ring,
    rows: usize,
    cols: usize,
) -> Result<E::Ring> {
    let eta = linear_predictor(e, x, coefficients, rows, cols)?;
    spline::sigmoid(e, &eta)
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
