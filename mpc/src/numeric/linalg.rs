//! Linear algebra on small shared matrices: inverses here, systems in
//! [`solve`], eigenvalues in [`eigen`].

pub mod eigen;
pub mod solve;

use super::polynomial::INNER;
use crate::engine::{Dims, Engine, MAX_BITS, RingShares};
use privity_core::{Error, Fixed, Result};

/// Fractional bits of the matrices that [`inverse_spd`] inverts and of its
/// residual.
pub const MATRIX_FRAC: u32 = INNER;
/// Fractional bits of an inverse.
pub const INVERSE_FRAC: u32 = 20;

/// Where an inversion starts.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, R> {
    /// At I / b, where b is a public bound on the largest eigenvalue of A; the
    /// trace is one.
    Bound(f64),
    /// At a shared X_0 with 0 <= X_0 <= A^-1 in the order of symmetric
    /// matrices, for instance the inverse of a matrix that dominates A.
    Warm(&'a R),
}

/// The inverse of a symmetric positive definite matrix A (`dim` x `dim`,
/// [`MATRIX_FRAC`] bits) with [`INVERSE_FRAC`] bits, by Newton-Schulz:
///
/// (1)  X <- X (2 I - A X)
///
/// `floor` is a public number such that A - floor I is positive semidefinite;
/// a caller who does not know one adds floor I to A.
///
/// **Convergence.** All X are polynomials in A (times X_0), so that (1) acts on
/// each eigenvalue a of A alone: a x <- a x (2 - a x), that is 1 - a x is
/// squared. From a x_0 = a / b in (0, 1] the error falls below 2^-20 after
/// log2(b / a) + 4 iterations, and a x never exceeds 1.
///
/// **Growth.** Therefore ||X|| <= 1 / floor throughout, whatever A is, and
/// both products stay below 2^(2 + 20 + 28) / floor: floor must be at least
/// 2^-12, which is checked. Entries of A may be up to 2^13.
///
/// **Error.** Rounding enters A X with dim 2^-20 ||A|| + 2^-28 and is squared
/// away but for the last iteration's: each entry of X is within about dim
/// units of 2^-20 times max(1, ||X||).
///
/// Rounds: two matrix products with truncation per iteration.
pub fn inverse_spd<E: Engine>(
    e: &mut E,
    a: &E::Ring,
    dim: usize,
    floor: f64,
    start: Start<'_, E::Ring>,
    iterations: u32,
) -> Result<E::Ring> {
    let room = f64::from(MAX_BITS - 2 - MATRIX_FRAC - INVERSE_FRAC);
    if floor.is_nan() || floor < (-room).exp2() {
        return Err(Error::Argument(format!(
            "eigenvalues down to {floor:e} cannot be inverted in range: at least 2^-{room}"
        )));
    }
    let mut x = match start {
        Start::Warm(x) => x.clone(),
        Start::Bound(bound) => {
            let fixed = Fixed::new(INVERSE_FRAC)?;
            // rounded down, so that a x_0 <= 1
            e.public(&diagonal(dim, (fixed.constant(1.0 / bound)).saturating_sub(1)))
        }
    };
    for _ in 0..iterations {
        x = improve(e, a, &x, dim)?;
    }
    Ok(x)
}

/// One step of (1). Needs ||X|| < 2^13 and ||A X|| <= 2.
pub fn improve<E: Engine>(e: &mut E, a: &E::Ring, x: &E::Ring, dim: usize) -> Result<E::Ring> {
    let dims = Dims { m: dim, k: dim, n: dim };
    let ax = e.matmul(a, x, dims, INVERSE_FRAC)?;
    let factor = e.public(&diagonal(dim, 2 << MATRIX_FRAC)).sub(&ax);
    e.matmul(x, &factor, dims, MATRIX_FRAC)
}

/// R = I - A X with [`MATRIX_FRAC`] bits. Its diagonal is near 0 where X is an
/// inverse and positive on directions that are (nearly) singular.
pub fn residual<E: Engine>(e: &mut E, a: &E::Ring, x: &E::Ring, dim: usize) -> Result<E::Ring> {
    let ax = e.matmul(a, x, Dims { m: dim, k: dim, n: dim }, INVERSE_FRAC)?;
    Ok(e.public(&diagonal(dim, 1 << MATRIX_FRAC)).sub(&ax))
}

/// The diagonal of a square matrix. Local.
pub fn diagonal_of<R: RingShares>(x: &R, dim: usize) -> R {
    x.gather(&(0..dim).map(|i| i * dim + i).collect::<Vec<_>>())
}

/// A square matrix with `value` on its diagonal, as words.
pub fn diagonal(dim: usize, value: u64) -> Vec<u64> {
    let mut words = vec![0; dim * dim];
    for i in 0..dim {
        words[i * dim + i] = value;
    }
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    /// B'B / scale of an almost arbitrary B with `rank` rows, unit trace per column.
    fn gram(dim: usize, rank: usize, entries: &[f64]) -> Vec<f64> {
        let mut a = vec![0.0; dim * dim];
        for i in 0..dim {
            for j in 0..dim {
                let cell = |r: usize, c: usize| entries[(r * dim + c) % entries.len()];
                a[i * dim + j] = (0..rank).map(|r| cell(r, i) * cell(r, j)).sum();
            }
        }
        let d: Vec<f64> = (0..dim).map(|i| a[i * dim + i].max(1e-9).sqrt()).collect();
        for i in 0..dim {
            for j in 0..dim {
                a[i * dim + j] /= d[i] * d[j];
            }
        }
        a
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// Whatever the matrix, even singular, nothing overflows (the engine
        /// checks), and (A + floor I) X = I.
        #[test]
        fn any_semidefinite_matrix(
            seed: u64, dim in 1usize..16, rank in 1usize..30,
            entries in prop::collection::vec(-1.0f64..1.0, 40..300),
        ) {
            let (e, floor) = (&mut Plain::new(seed), 2f64.powi(-12));
            let fixed = Fixed::new(MATRIX_FRAC).unwrap();
            let mut a = gram(dim, rank, &entries);
            for i in 0..dim {
                a[i * dim + i] += floor;
            }
            let a = Words(a.iter().map(|&x| fixed.constant(x)).collect());
            let bound = dim as f64 * 1.01;
            let iterations = (bound / floor).log2().ceil() as u32 + 5;
            let x = inverse_spd(e, &a, dim, floor, Start::Bound(bound), iterations).unwrap();
            let r = residual(e, &a, &x, dim).unwrap();
            let worst = fixed.decode_all(&r.0).iter().fold(0f64, |w, r| w.max(r.abs()));
            prop_assert!(worst < 1e-3, "residual {worst} after {iterations}");
        }
    }

    #[test]
    fn an_inverse_is_as_accurate_as_stated() {
        let fixed = Fixed::new(MATRIX_FRAC).unwrap();
        // 0.3^|i-j|: its inverse is tridiagonal and known
        let (dim, rho) = (20, 0.3f64);
        let a: Vec<u64> = (0..dim * dim)
            .map(|k| {
                fixed.constant(
                    rho.powi((k / dim) as i32 - (k % dim) as i32)
                        .min(rho.powi((k % dim) as i32 - (k / dim) as i32)),
                )
            })
            .collect();
        let e = &mut Plain::new(4);
        let x = inverse_spd(e, &Words(a.clone()), dim, 0.25, Start::Bound(2.0), 9).unwrap();
        let got = Fixed::new(INVERSE_FRAC).unwrap().decode_all(&x.0);
        let mut worst = 0f64;
        for i in 0..dim {
            for j in 0..dim {
                let edge = i == 0 || i == dim - 1;
                let truth = match i.abs_diff(j) {
                    0 => (1.0 + if edge { 0.0 } else { rho * rho }) / (1.0 - rho * rho),
                    1 => -rho / (1.0 - rho * rho),
                    _ => 0.0,
                };
                worst = worst.max((got[i * dim + j] - truth).abs());
            }
        }
        println!("inverse of 20x20: {worst:.1e}");
        assert!(worst < 2e-5);
        let x = inverse_spd(e, &Words(a.clone()), dim, 0.25, Start::Warm(&x), 1).unwrap();
        assert_eq!(x.len(), dim * dim);
        assert!(inverse_spd(e, &Words(a), dim, 1e-6, Start::Bound(2.0), 9).is_err());
    }
}
