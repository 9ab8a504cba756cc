//! Eigenvalues and eigenvectors of small symmetric matrices, by Jacobi's method
//! with a fixed number of sweeps.
//!
//! A rotation of the plane (p, q) by theta with
//!
//! (1)  tan 2 theta = 2 a_pq / (a_pp - a_qq),  |theta| <= pi / 4
//!
//! makes a_pq zero. A sweep meets all pairs once, in rounds of a tournament:
//! dim / 2 disjoint pairs are rotated together (Brent and Luk, 1985), so that a
//! step is two small matrix products whatever the dimension. With
//! t = a_pp - a_qq, s = 2 a_pq and h = sqrt(t^2 + s^2):
//!
//! (2)  cos 2 theta = |t| / h,  sin 2 theta = sign(t) s / h
//! (3)  cos^2 theta = (1 + cos 2 theta) / 2,  sin theta = sin 2 theta / (2 cos theta)
//!
//! h^2 is an exact integer of 60 bits; t and s are brought to its exponent
//! before they are divided, so that (2) is right to 2^-26 however small they
//! are. If both are zero the rotation is none.
//!
//! **Range.** [`MATRIX_FRAC`] bits, and all eigenvalues within [-1, 1]: divide
//! by a public bound on the Frobenius norm.
//!
//! **Error.** Convergence is quadratic once begun: [`sweeps`] leave off-diagonal
//! elements below the rounding. Eigenvalues are then within about
//! dim sweeps 2^-25; so is A V - V diag(lambda). Vectors of (nearly) equal
//! eigenvalues are some basis of their space.
//!
//! **Rounds**, for each of sweeps (dim - 1) steps: a sign test, a bit to number,
//! two inverse roots, nine products.

use super::{MATRIX_FRAC, diagonal_of};
use crate::{
    engine::{Dims, Engine, RingShares},
    numeric::normal::{self, Range},
};
use privity_core::{Error, Result};

/// The number of sweeps that suffices, by experience.
pub fn sweeps(dim: usize) -> u32 {
    5 + dim.next_power_of_two().trailing_zeros() / 2
}

/// Eigenvalues in descending order and, in the columns of a matrix, their
/// eigenvectors of norm 1; all with [`MATRIX_FRAC`] bits.
pub fn eigen_symmetric<E: Engine>(
    e: &mut E,
    a: &E::Ring,
    dim: usize,
    sweeps: u32,
) -> Result<(E::Ring, E::Ring)> {
    if dim == 0 || a.len() != dim * dim || sweeps == 0 {
        return Err(Error::Argument(format!(
            "{} values are no matrix of {dim} x {dim}, or no sweep was asked for",
            a.len()
        )));
    }
    let square = Dims { m: dim, k: dim, n: dim };
    let mut a = a.clone();
    let mut v = e.public(&super::diagonal(dim, 1 << MATRIX_FRAC));
    for _ in 0..sweeps {
        for pairs in tournament(dim) {
            let (c, s) = rotations(e, &a, &pairs, dim)?;
            let j = place(e, &c, &s, &pairs, dim);
            let turned = e.matmul(
                &E::Ring::concat(&[&a, &v]),
                &j,
                Dims { m: 2 * dim, ..square },
                MATRIX_FRAC,
            )?;
            v = turned.slice(dim * dim..2 * dim * dim);
            a = e.matmul(&j.transpose(dim), &turned.slice(0..dim * dim), square, MATRIX_FRAC)?;
        }
    }
    let values = diagonal_of(&a, dim);
    descending(e, &values, &v, dim)
}

/// cos theta and sin theta for each pair, by (2) and (3).
fn rotations<E: Engine>(
    e: &mut E,
    a: &E::Ring,
    pairs: &[(usize, usize)],
    dim: usize,
) -> Result<(E::Ring, E::Ring)> {
    let n = pairs.len();
    let at = |f: fn(&(usize, usize)) -> (usize, usize)| {
        a.gather(&pairs.iter().map(f).map(|(i, k)| i * dim + k).collect::<Vec<_>>())
    };
    let t = at(|p| (p.0, p.0)).sub(&at(|p| (p.1, p.1)));
    // both halves, should rounding have set them apart
    let s = at(|p| (p.0, p.1)).add(&at(|p| (p.1, p.0)));
    let negative = e.is_negative(&t)?;
    let negative = e.bit_to_ring(&negative)?;
    let ts = E::Ring::concat(&[&t, &s]);
    let flipped = ts.sub(&e.mul(&negative.tile(2), &ts, 0)?.scale(2));
    // t_1^2 + s_1^2, ...
    let order: Vec<usize> = (0..n).flat_map(|i| [i, n + i]).collect();
    let terms = ts.gather(&order);
    let h2 = e.dot(&terms, &terms, 2, 0)?;
    let root = normal::inverse_root_parts(e, &h2, Range::integers(60), 30)?;
    let near_one = e.mul(&flipped, &root.scale.tile(2), 0)?;
    let both = e.mul(&near_one, &root.mantissa.tile(2), 30)?;
    let (cos2, sin2) =
        (both.slice(0..n).add(&root.none.scale(1 << MATRIX_FRAC)), both.slice(n..2 * n));

    // 2 cos^2 with MATRIX_FRAC bits is cos^2 with one more.
    let cos_squared = e.add_public(&cos2, &vec![1 << MATRIX_FRAC; n]);
    let range = Range { frac: MATRIX_FRAC + 1, low: MATRIX_FRAC - 1, high: MATRIX_FRAC + 2 };
    let inverse = normal::inv_sqrt(e, &cos_squared, range, MATRIX_FRAC)?;
    let cs = e.mul(&E::Ring::concat(&[&cos_squared, &sin2]), &inverse.tile(2), MATRIX_FRAC + 1)?;
    Ok((cs.slice(0..n), cs.slice(n..2 * n)))
}

/// The orthogonal matrix of these rotations. Local.
fn place<E: Engine>(
    e: &E,
    c: &E::Ring,
    s: &E::Ring,
    pairs: &[(usize, usize)],
    dim: usize,
) -> E::Ring {
    let n = pairs.len();
    let parts = E::Ring::concat(&[c, s, &s.neg(), &e.public(&[0, 1 << MATRIX_FRAC])]);
    let mut from = vec![3 * n; dim * dim];
    for i in 0..dim {
        from[i * dim + i] = 3 * n + 1;
    }
    for (k, &(p, q)) in pairs.iter().enumerate() {
        from[p * dim + p] = k;
        from[q * dim + q] = k;
        from[q * dim + p] = n + k;
        from[p * dim + q] = 2 * n + k;
    }
    parts.gather(&from)
}

/// The rounds of a tournament: every pair meets once.
fn tournament(dim: usize) -> Vec<Vec<(usize, usize)>> {
    let players = dim + dim % 2;
    let mut order: Vec<usize> = (0..players).collect();
    let mut rounds = vec![];
    for _ in 1..players {
        let pairs = (0..players / 2)
            .map(|i| (order[i], order[players - 1 - i]))
            .map(|(p, q)| (p.min(q), p.max(q)))
            .filter(|p| p.1 < dim);
        rounds.push(pairs.collect());
        order[1..].rotate_right(1);
    }
    rounds
}

/// Values and columns by rank: the rank of i counts what is larger, and what is
/// equal and earlier.
fn descending<E: Engine>(
    e: &mut E,
    values: &E::Ring,
    vectors: &E::Ring,
    dim: usize,
) -> Result<(E::Ring, E::Ring)> {
    let pairs: Vec<(usize, usize)> =
        (0..dim).flat_map(|i| (i + 1..dim).map(move |k| (i, k))).collect();
    let side =
        |f: fn(&(usize, usize)) -> usize| values.gather(&pairs.iter().map(f).collect::<Vec<_>>());
    let less = e.is_negative(&side(|p| p.0).sub(&side(|p| p.1)))?;
    let less = e.bit_to_ring(&less)?;
    // rank_i gains less_ik, rank_k the opposite
    let mut ranks = e.public(&(0..dim as u64).collect::<Vec<_>>());
    let mut signs = vec![0u64; dim * pairs.len()];
    for (at, &(i, k)) in pairs.iter().enumerate() {
        signs[i * pairs.len() + at] = 1;
        signs[k * pairs.len() + at] = u64::MAX;
    }
    if !pairs.is_empty() {
        ranks = ranks.add(&less.tile(dim).mul_public(&signs).sum_rows(pairs.len()));
    }
    // P_ir = [rank_i = r]
    let places: Vec<u64> = (0..dim * dim).map(|k| (k % dim) as u64).collect();
    let p = e.is_zero(&ranks.repeat_each(dim).sub(&e.public(&places)))?;
    let p = e.bit_to_ring(&p)?;
    let rows = E::Ring::concat(&[values, vectors]);
    let sorted = e.matmul(&rows, &p, Dims { m: dim + 1, k: dim, n: dim }, 0)?;
    Ok((sorted.slice(0..dim), sorted.slice(dim..sorted.len())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};

    const UNIT: f64 = 1.0 / (1u64 << MATRIX_FRAC) as f64;

    fn check(name: &str, mut a: Vec<f64>, dim: usize) -> Vec<f64> {
        let norm = a.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-300) * 1.0001;
        a.iter_mut().for_each(|x| *x /= norm);
        let words = Words(a.iter().map(|x| (x / UNIT).round() as i64 as u64).collect());
        let (values, vectors) =
            eigen_symmetric(&mut Plain::new(dim as u64), &words, dim, sweeps(dim)).unwrap();
        let real = |w: &Words| w.0.iter().map(|&w| w as i64 as f64 * UNIT).collect::<Vec<_>>();
        let (values, v) = (real(&values), real(&vectors));
        let bound = dim as f64 * f64::from(sweeps(dim)) / f64::from(1 << 25) + 1e-7;
        let mut worst = [0f64; 2];
        for i in 0..dim {
            for k in 0..dim {
                let av: f64 = (0..dim).map(|j| a[i * dim + j] * v[j * dim + k]).sum();
                worst[0] = worst[0].max((av - values[k] * v[i * dim + k]).abs());
                let dot: f64 = (0..dim).map(|j| v[j * dim + i] * v[j * dim + k]).sum();
                worst[1] = worst[1].max((dot - f64::from(u8::from(i == k))).abs());
            }
        }
        println!(
            "{name}, {dim}: A V - V L {:.1e}, V'V - I {:.1e}, stated {bound:.1e}",
            worst[0], worst[1]
        );
        assert!(worst[0] <= bound && worst[1] <= bound, "{name}");
        assert!(values.windows(2).all(|v| v[0] >= v[1]), "{name}: order");
        values.iter().map(|x| x * norm).collect()
    }

    #[test]
    fn matrices() {
        for dim in 1..=12 {
            let mut a = vec![0.0; dim * dim];
            let mut state = dim as u64;
            for i in 0..dim {
                for j in 0..=i {
                    state =
                        state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let x = (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
                    (a[i * dim + j], a[j * dim + i]) = (x, x);
                }
            }
            check("random", a, dim);
            let ones = check("ones", vec![1.0; dim * dim], dim);
            assert!((ones[0] - dim as f64).abs() < 1e-5);
            let diagonal: Vec<f64> = (0..dim * dim)
                .map(|k| if k / dim == k % dim { (k / dim) as f64 - 3.0 } else { 0.0 })
                .collect();
            let values = check("diagonal", diagonal, dim);
            assert!((values[0] - (dim as f64 - 4.0)).abs() < 1e-5);
            check("zero", vec![0.0; dim * dim], dim);
        }
        let a = check("known", vec![2.0, 1.0, 1.0, 2.0], 2);
        assert!((a[0] - 3.0).abs() < 1e-6 && (a[1] - 1.0).abs() < 1e-6);
        assert!(eigen_symmetric(&mut Plain::new(1), &Words(vec![0; 5]), 2, 3).is_err());
    }

    #[test]
    fn everybody_meets_everybody() {
        for dim in 1..9 {
            let mut met: Vec<_> = tournament(dim).concat();
            met.sort_unstable();
            let all: Vec<_> = (0..dim).flat_map(|i| (i + 1..dim).map(move |k| (i, k))).collect();
            assert_eq!(met, all);
        }
    }
}
