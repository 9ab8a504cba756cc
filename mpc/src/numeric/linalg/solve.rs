//! Linear systems: symmetric positive definite by elimination, and least
//! squares (any well-conditioned square system included) by orthogonalisation.
//!
//! Both take matrices with [`MATRIX_FRAC`] bits in coordinates that bound all
//! that happens on the way, and right-hand sides with [`RHS_FRAC`] bits:
//!
//! - [`solve_spd`]: A symmetric positive definite with entries |a_ij| <= 1.
//!   Divide row and column i by sqrt(a_ii), which also improves the condition.
//!   Eigenvalues from 2^-12 up.
//! - [`least_squares`]: columns of norm at most 1, of which none is nearer than
//!   2^-8 to the span of those before it.
//!
//! An ill-conditioned system is not refused, since its condition is secret: the
//! result is then that of a nearby system and its residual tells.
//!
//! **Error** of a solution x, in these coordinates: about cond(A) dim 2^-27
//! |x| and cond(A) units of 2^-20; of least squares with cond(R).

use super::MATRIX_FRAC;
use crate::{
    engine::{Dims, Engine, RingShares},
    numeric::normal::{self, Range},
};
use privity_core::{Error, Result};

/// Fractional bits of right-hand sides and solutions.
pub const RHS_FRAC: u32 = 20;
/// Fractional bits of inverse pivots and inverse norms.
const PIVOT_FRAC: u32 = 28;

/// X with A X = B, for a symmetric positive definite A (`dim` x `dim`) and B
/// (`dim` x `rhs`), by elimination without pivoting, that is A = L D L':
///
/// (1)  d_j = a_jj,  l_ij = a_ij / d_j,  a_ik <- a_ik - l_ij a_jk
///
/// Every a_ij stays within sqrt(d_i d_j) <= 1 (it is a Schur complement), so
/// that |l_ij| <= 2^6. |x_i| < 2^9 / sqrt(dim).
///
/// Rounds, for each of `dim` columns: a reciprocal, two products with
/// truncation; then one more to divide and one for each column on the way back.
pub fn solve_spd<E: Engine>(
    e: &mut E,
    a: &E::Ring,
    b: &E::Ring,
    dim: usize,
    rhs: usize,
) -> Result<E::Ring> {
    shapes(a, b, dim, dim, rhs)?;
    let range = Range { frac: MATRIX_FRAC, low: MATRIX_FRAC - 13, high: MATRIX_FRAC + 1 };
    let (mut a, mut b) = (a.clone(), b.clone());
    let (mut factors, mut pivots, mut rows) = (vec![], vec![], vec![]);
    for left in (1..=dim).rev() {
        // a is left x left, b is left x rhs
        let inverse = normal::reciprocal(e, &a.slice(0..1), range, PIVOT_FRAC)?;
        let (row, row_b) = (a.slice(1..left), b.slice(0..rhs));
        let m = left - 1;
        let l = e.mul(&row, &inverse.repeat_each(m), PIVOT_FRAC)?;
        let outer = product(e, &l, &row, Dims { m, k: 1, n: m })?;
        let outer_b = product(e, &l, &row_b, Dims { m, k: 1, n: rhs })?;
        let rest: Vec<usize> =
            (1..left).flat_map(|i| (1..left).map(move |k| i * left + k)).collect();
        a = a.gather(&rest).sub(&outer);
        b = b.slice(rhs..left * rhs).sub(&outer_b);
        factors.push(l);
        pivots.push(inverse);
        rows.push(row_b);
    }
    let y = E::Ring::concat(&rows.iter().collect::<Vec<_>>());
    let pivots = E::Ring::concat(&pivots.iter().collect::<Vec<_>>()).repeat_each(rhs);
    let z = e.mul(&y, &pivots, PIVOT_FRAC)?;
    // x_j = z_j - sum_{i > j} l_ij x_i
    let mut x = E::Ring::zeros(0);
    for j in (0..dim).rev() {
        let below = dim - 1 - j;
        let known = product(e, &factors[j], &x, Dims { m: 1, k: below, n: rhs })?;
        let row = z.slice(j * rhs..(j + 1) * rhs).sub(&known);
        x = E::Ring::concat(&[&row, &x]);
    }
    Ok(x)
}

/// X that minimises the norm of A X - B, for A (`rows` x `cols`) of full column
/// rank and B (`rows` x `rhs`), by modified Gram-Schmidt on (A, B), which is
/// backward stable (Björck, 1967):
///
/// (2)  r_jj = |a_j|,  q = a_j / r_jj,  r_jk = q' a_k,  a_k <- a_k - q r_jk
///
/// Norms of the columns of B and of X are below 2^10.
///
/// Rounds, for each of `cols` columns: an inner product, an inverse root, three
/// products with truncation; then two for each column on the way back.
pub fn least_squares<E: Engine>(
    e: &mut E,
    a: &E::Ring,
    b: &E::Ring,
    rows: usize,
    cols: usize,
    rhs: usize,
) -> Result<E::Ring> {
    shapes(a, b, rows, cols, rhs)?;
    if cols > rows {
        return Err(Error::Argument(format!("{rows} equations do not determine {cols} unknowns")));
    }
    let range =
        Range { frac: 2 * MATRIX_FRAC, low: 2 * MATRIX_FRAC - 17, high: 2 * MATRIX_FRAC + 2 };
    // Column after column.
    let (mut a, mut b) = (a.transpose(cols), b.transpose(rhs));
    let (mut inverses, mut triangle, mut z) = (vec![], vec![], vec![]);
    for left in (1..=cols).rev() {
        let first = a.slice(0..rows);
        let square = e.dot(&first, &first, rows, 0)?;
        let inverse = normal::inv_sqrt(e, &square, range, PIVOT_FRAC)?;
        let q = e.mul(&first, &inverse.repeat_each(rows), PIVOT_FRAC)?;
        a = a.slice(rows..left * rows);
        // r_jk for what is left of A, and for B, which has other bits
        let r = product(e, &a, &q, Dims { m: left - 1, k: rows, n: 1 })?;
        let r_b = product(e, &b, &q, Dims { m: rhs, k: rows, n: 1 })?;
        let coefficients = E::Ring::concat(&[&r, &r_b]);
        let parts = product(e, &coefficients, &q, Dims { m: left - 1 + rhs, k: 1, n: rows })?;
        a = a.sub(&parts.slice(0..(left - 1) * rows));
        b = b.sub(&parts.slice((left - 1) * rows..(left - 1 + rhs) * rows));
        inverses.push(inverse);
        triangle.push(r);
        z.push(r_b);
    }
    // x_j = (z_j - sum_{k > j} r_jk x_k) / r_jj
    let mut x = E::Ring::zeros(0);
    for j in (0..cols).rev() {
        let later = cols - 1 - j;
        let known = product(e, &triangle[j], &x, Dims { m: 1, k: later, n: rhs })?;
        let row = e.mul(&z[j].sub(&known), &inverses[j].repeat_each(rhs), PIVOT_FRAC)?;
        x = E::Ring::concat(&[&row, &x]);
    }
    Ok(x)
}

/// A matrix product of our scale; nothing is sent where there is nothing.
fn product<E: Engine>(e: &mut E, a: &E::Ring, b: &E::Ring, dims: Dims) -> Result<E::Ring> {
    if dims.m * dims.k * dims.n == 0 {
        return Ok(E::Ring::zeros(dims.m * dims.n));
    }
    e.matmul(a, b, dims, MATRIX_FRAC)
}

fn shapes<R: RingShares>(a: &R, b: &R, rows: usize, cols: usize, rhs: usize) -> Result<()> {
    if rows == 0 || cols == 0 || rhs == 0 || a.len() != rows * cols || b.len() != rows * rhs {
        return Err(Error::Argument(format!(
            "a system of {rows} x {cols} with {rhs} right-hand sides does not fit {} and {} values",
            a.len(),
            b.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    fn words(xs: &[f64], frac: u32) -> Words {
        Words(xs.iter().map(|x| (x * f64::from(frac).exp2()).round() as i64 as u64).collect())
    }

    fn times(a: &[f64], x: &[f64], rows: usize, cols: usize, rhs: usize) -> Vec<f64> {
        let at = |i: usize, k: usize| (0..cols).map(|j| a[i * cols + j] * x[j * rhs + k]).sum();
        (0..rows * rhs).map(|i| at(i / rhs, i % rhs)).collect()
    }

    fn worst(got: &Words, truth: &[f64]) -> f64 {
        let unit = (-f64::from(RHS_FRAC)).exp2();
        got.0
            .iter()
            .zip(truth)
            .map(|(g, t)| (*g as i64 as f64 * unit - t).abs())
            .fold(0.0, f64::max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn definite_systems(
            seed: u64, dim in 1usize..13, rhs in 1usize..4,
            entries in prop::collection::vec(-1.0f64..1.0, 400), x in prop::collection::vec(-9.0f64..9.0, 60),
        ) {
            // G'G scaled to a unit diagonal, plus 2^-4: condition below 200
            let g = &entries[..2 * dim * dim];
            let mut a = vec![0.0; dim * dim];
            for i in 0..dim {
                for j in 0..dim {
                    a[i * dim + j] = (0..2 * dim).map(|r| g[r * dim + i] * g[r * dim + j]).sum();
                }
            }
            let d: Vec<f64> = (0..dim).map(|i| a[i * dim + i].max(1e-6).sqrt()).collect();
            for i in 0..dim {
                for j in 0..dim {
                    a[i * dim + j] *= 0.93 / (d[i] * d[j]);
                }
                a[i * dim + i] = 0.93 + 0.0625;
            }
            let x = &x[..dim * rhs];
            let b = times(&a, x, dim, dim, rhs);
            let e = &mut Plain::new(seed);
            let got = solve_spd(e, &words(&a, MATRIX_FRAC), &words(&b, RHS_FRAC), dim, rhs).unwrap();
            let error = worst(&got, x);
            let bound = 200.0 * (dim as f64 * 9.0 / f64::from(1 << 27) + 2.0 / 1048576.0);
            prop_assert!(error < bound, "{error}");
        }

        #[test]
        fn overdetermined_systems(
            seed: u64, cols in 1usize..8, more in 0usize..30, rhs in 1usize..3,
            entries in prop::collection::vec(-1.0f64..1.0, 400), x in prop::collection::vec(-9.0f64..9.0, 30),
        ) {
            let rows = cols + more;
            let mut a = entries[..rows * cols].to_vec();
            // A dominant diagonal keeps the columns apart, in any order of rows.
            for j in 0..cols {
                a[(rows - 1 - j) * cols + j] += if a[(rows - 1 - j) * cols + j] < 0.0 { -9.0 } else { 9.0 };
            }
            for j in 0..cols {
                let norm: f64 = (0..rows).map(|i| a[i * cols + j].powi(2)).sum::<f64>().sqrt();
                (0..rows).for_each(|i| a[i * cols + j] *= 0.999 / norm);
            }
            let x = &x[..cols * rhs];
            let b = times(&a, x, rows, cols, rhs);
            let e = &mut Plain::new(seed);
            let got = least_squares(
                e, &words(&a, MATRIX_FRAC), &words(&b, RHS_FRAC), rows, cols, rhs,
            ).unwrap();
            let error = worst(&got, x);
            prop_assert!(error < 1e-4, "{error}");
            // The solution is that of the normal equations: residual orthogonal.
            let noisy: Vec<f64> = b.iter().enumerate().map(|(i, b)| b + entries[399 - i % 300]).collect();
            let got = least_squares(
                e, &words(&a, MATRIX_FRAC), &words(&noisy, RHS_FRAC), rows, cols, rhs,
            ).unwrap();
            let x: Vec<f64> = got.0.iter().map(|w| *w as i64 as f64 / 1048576.0).collect();
            let fitted = times(&a, &x, rows, cols, rhs);
            for j in 0..cols {
                for k in 0..rhs {
                    let slope: f64 = (0..rows)
                        .map(|i| a[i * cols + j] * (noisy[i * rhs + k] - fitted[i * rhs + k])).sum();
                    prop_assert!(slope.abs() < 1e-4, "{slope}");
                }
            }
        }
    }

    #[test]
    fn singular_systems_do_no_harm() {
        let e = &mut Plain::new(5);
        let dim = 4;
        let ones = words(&vec![1.0; dim * dim], MATRIX_FRAC);
        let b = words(&[1.0, 1.0, 1.0, 1.0], RHS_FRAC);
        let x = solve_spd(e, &ones, &b, dim, 1).unwrap();
        let total: f64 = x.0.iter().map(|w| *w as i64 as f64 / 1048576.0).sum();
        println!("a solution of x_1 + ... + x_4 = 1 adds up to {total}");
        assert!((total - 1.0).abs() < 0.01);
        assert!(solve_spd(e, &ones, &b, 3, 1).is_err());
        assert!(least_squares(e, &ones, &b, 2, 8, 2).is_err());
    }
}
