//! Piecewise polynomials: the sigmoid and its relatives.
//!
//! The real line is cut at public knots t_1 < ... < t_K. Outside [t_1, t_K] a
//! function is 0 on the left and 1 (or x) on the right; each inner piece j has
//! a centre c_j, an integer multiplier k_j that brings the piece to [-1, 1],
//! and a polynomial in the local variable
//!
//! (1)  u = k_j (x - c_j) / 2^8
//!
//! so that powers stay small and lose nothing. With b_j = [x >= t_j], shared,
//! the indicator of piece j is b_j - b_{j+1}; multiplier, centre and
//! coefficients of the piece that holds x are therefore *linear* in the b_j:
//! choosing them costs no message. (1) is exact: x has 20 fractional bits, k_j
//! is an integer, u has 28.
//!
//! **Rounds.** One sign test for all knots at once, one bit to number, one
//! product (x times the chosen multiplier), the powers of u, one inner product.
//!
//! **Choice of degree.** A knot costs 66 bytes in `rep3`, a power 38: degree 7
//! with 8 knots is near the optimum for an error of 4e-7.

use super::polynomial::{INNER, chebyshev_fit, horner, powers};
use crate::engine::{Engine, RingShares};
use privity_core::{Fixed, Result};
use std::sync::OnceLock;

const DEGREE: usize = 7;
/// log2 of the unit of the multipliers k_j.
const SCALE: u32 = 8;
/// Fractional bits of x.
const FRAC: u32 = 20;
/// The largest error of each piece against its function.
const TARGET: f64 = 4e-7;
/// Elements times knots per batch of comparisons, to bound memory.
const BATCH: usize = 1 << 22;

/// The largest error of [`sigmoid`] with 20 fractional bits: the spline's and
/// one unit of the last place.
pub const SIGMOID_ERROR: f64 = TARGET + 1.05 / (1 << FRAC) as f64;

/// A function on the pieces and what it is to the right of them.
struct Curve {
    /// Per inner piece, `DEGREE + 1` coefficients of the local variable.
    pieces: Vec<Vec<f64>>,
    right: Right,
}

enum Right {
    One,
    X,
}

struct Spline {
    knots: Vec<f64>,
    centres: Vec<f64>,
    multipliers: Vec<u64>,
    sigmoid: Curve,
    softplus: Curve,
}

fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

fn softplus_f64(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl Spline {
    /// The spline, built at first use in well under a millisecond.
    fn shared() -> &'static Spline {
        static SPLINE: OnceLock<Spline> = OnceLock::new();
        SPLINE.get_or_init(Spline::build)
    }

    /// Knots from the middle outwards, each piece as wide as the error allows.
    fn build() -> Self {
        let fits = |a: f64, b: f64| {
            let (c, h) = ((a + b) / 2.0, (b - a) / 2.0);
            [logistic, softplus_f64].iter().all(|f| {
                let p = chebyshev_fit(|u| f(c + h * u), DEGREE);
                (0..=64).all(|i| {
                    let u = f64::from(i) / 32.0 - 1.0;
                    (horner(&p, u) - f(c + h * u)).abs() < TARGET * 0.95
                })
            })
        };
        let widest = |start: &dyn Fn(f64) -> (f64, f64)| {
            let (mut low, mut high) = (0.0, 16.0);
            for _ in 0..30 {
                let middle = (low + high) / 2.0;
                let (a, b) = start(middle);
                if fits(a, b) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            low
        };
        // Beyond `end` the tails are within the target of 0 and of 1.
        let end = -TARGET.ln() + 0.05;
        let grid = |x: f64| (x * 256.0).floor() / 256.0;
        let mut half = vec![grid(widest(&|w| (-w, w)))];
        while let Some(&last) = half.last()
            && last < end
        {
            half.push(
                (last + grid(widest(&|w| (last, last + w)))).min((end * 256.0).ceil() / 256.0),
            );
        }
        let knots: Vec<f64> = half.iter().rev().map(|t| -t).chain(half.iter().copied()).collect();
        let mut spline = Self {
            centres: vec![],
            multipliers: vec![],
            sigmoid: Curve { pieces: vec![], right: Right::One },
            softplus: Curve { pieces: vec![], right: Right::X },
            knots,
        };
        for ends in spline.knots.windows(2) {
            let (centre, half_width) = ((ends[0] + ends[1]) / 2.0, (ends[1] - ends[0]) / 2.0);
            let multiplier = (f64::from(1 << SCALE) / half_width).floor();
            // (1) solved for x
            let x = |u: f64| centre + u * f64::from(1 << SCALE) / multiplier;
            spline.sigmoid.pieces.push(chebyshev_fit(|u| logistic(x(u)), DEGREE));
            spline.softplus.pieces.push(chebyshev_fit(|u| softplus_f64(x(u)), DEGREE));
            spline.centres.push(centre);
            spline.multipliers.push(multiplier as u64);
        }
        spline
    }

    /// The curves at x, with `out_frac` fractional bits. |x| < 2^41 as a word.
    fn evaluate<E: Engine>(
        &self,
        e: &mut E,
        x: &E::Ring,
        curves: &[&Curve],
        out_frac: u32,
    ) -> Result<Vec<E::Ring>> {
        let rows = (BATCH / self.knots.len()).max(1);
        if x.len() <= rows {
            return self.evaluate_batch(e, x, curves, out_frac);
        }
        let mut parts: Vec<Vec<E::Ring>> = curves.iter().map(|_| vec![]).collect();
        for start in (0..x.len()).step_by(rows) {
            let batch = x.slice(start..x.len().min(start + rows));
            let values = self.evaluate_batch(e, &batch, curves, out_frac)?;
            for (part, value) in parts.iter_mut().zip(values) {
                part.push(value);
            }
        }
        Ok(parts.iter().map(|p| E::Ring::concat(&p.iter().collect::<Vec<_>>())).collect())
    }

    fn evaluate_batch<E: Engine>(
        &self,
        e: &mut E,
        x: &E::Ring,
        curves: &[&Curve],
        out_frac: u32,
    ) -> Result<Vec<E::Ring>> {
        let (n, fixed, inner) = (x.len(), Fixed::new(FRAC)?, Fixed::new(INNER)?);
        // below_j = [x < t_j]
        let shifted: Vec<E::Ring> =
            self.knots.iter().map(|&t| e.add_public(x, &vec![fixed.constant(-t); n])).collect();
        let below = e.is_negative(&E::Ring::concat(&shifted.iter().collect::<Vec<_>>()))?;
        drop(shifted);
        let below = e.bit_to_ring(&below)?;
        let below: Vec<E::Ring> =
            (0..self.knots.len()).map(|j| below.slice(j * n..(j + 1) * n)).collect();

        // sum_j value_j [x in piece j], with [x in piece j] = below_{j+1} - below_j
        let choose = |value: &dyn Fn(usize) -> u64| {
            let mut sum = E::Ring::zeros(n);
            for (j, below) in below.iter().enumerate() {
                let left = if j == 0 { 0 } else { value(j - 1) };
                let right = if j == self.centres.len() { 0 } else { value(j) };
                let step = left.wrapping_sub(right);
                if step != 0 {
                    sum = sum.add(&below.scale(step));
                }
            }
            sum
        };
        let right = match below.last() {
            Some(below) => e.add_public(&below.neg(), &vec![1; n]),
            None => E::Ring::zeros(n),
        };

        // (1), and x on the right tail for those curves that need it
        let multiplier = choose(&|j| self.multipliers[j]);
        let needs_x = curves.iter().any(|c| matches!(c.right, Right::X));
        let (u, right_x) = if needs_x {
            let both = e.mul(&E::Ring::concat(&[&multiplier, &right]), &x.tile(2), 0)?;
            (both.slice(0..n), both.slice(n..2 * n))
        } else {
            (e.mul(&multiplier, x, 0)?, E::Ring::zeros(0))
        };
        let offset = choose(&|j| self.multipliers[j].wrapping_mul(fixed.constant(self.centres[j])));
        let u = u.sub(&offset);

        let powers = powers(e, &u, DEGREE)?;
        drop(u);
        // Element-major: u_i, u_i^2, ..., so that one inner product sums them.
        let order: Vec<usize> = (0..n).flat_map(|i| (0..DEGREE).map(move |k| k * n + i)).collect();
        let powers = E::Ring::concat(&powers.iter().collect::<Vec<_>>()).gather(&order);
        let mut left = vec![];
        let mut constants = vec![];
        for curve in curves {
            let c = |k: usize| choose(&|j| inner.constant(curve.pieces[j][k]));
            let factors: Vec<E::Ring> = (1..=DEGREE).map(c).collect();
            left.push(E::Ring::concat(&factors.iter().collect::<Vec<_>>()).gather(&order));
            constants.push(c(0));
        }
        let left = E::Ring::concat(&left.iter().collect::<Vec<_>>());
        let sums = e.dot(&left, &powers.tile(curves.len()), DEGREE, INNER)?;
        let mut totals = vec![];
        for (c, (curve, constant)) in curves.iter().zip(constants).enumerate() {
            let sum = sums.slice(c * n..(c + 1) * n).add(&constant);
            let tail = match curve.right {
                Right::One => right.scale(1 << INNER),
                Right::X => right_x.scale(1 << (INNER - FRAC)),
            };
            totals.push(sum.add(&tail));
        }
        if out_frac == INNER {
            return Ok(totals);
        }
        let all = E::Ring::concat(&totals.iter().collect::<Vec<_>>());
        let all = e.truncate(&all, INNER - out_frac)?;
        Ok((0..curves.len()).map(|c| all.slice(c * n..(c + 1) * n)).collect())
    }
}

/// 1 / (1 + exp(-x)) for x with 20 fractional bits, |x| < 2^21, to within
/// [`SIGMOID_ERROR`] (1.5e-6); the result has 20 fractional bits.
pub fn sigmoid<E: Engine>(e: &mut E, x: &E::Ring) -> Result<E::Ring> {
    sigmoid_at(e, x, FRAC)
}

/// [`sigmoid`] with `out_frac` fractional bits, 1 to 28. The error is 4e-7 and
/// one unit of the last place.
pub fn sigmoid_at<E: Engine>(e: &mut E, x: &E::Ring, out_frac: u32) -> Result<E::Ring> {
    let spline = Spline::shared();
    let mut values = spline.evaluate(e, x, &[&spline.sigmoid], out_frac)?;
    Ok(values.remove(0))
}

/// The sigmoid and softplus(x) = ln(1 + exp(x)) of the same x, from the same
/// comparisons; both as in [`sigmoid_at`], for |x| < 2^21. Softplus is within
/// 9e-7 and one unit of the last place: its tails are cut where they are
/// below 4e-7.
pub fn sigmoid_and_softplus<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    out_frac: u32,
) -> Result<(E::Ring, E::Ring)> {
    let spline = Spline::shared();
    let mut values = spline.evaluate(e, x, &[&spline.sigmoid, &spline.softplus], out_frac)?;
    let softplus = values.remove(1);
    Ok((values.remove(0), softplus))
}

/// The sigmoid in three pieces, 0 | (x + 2) / 4 | 1 with knots at -2 and 2. The
/// result has `frac + 2` fractional bits when x has `frac`: that way nothing is
/// rounded. Largest error 0.1193, at the knots: good for gradient descent,
/// not for a fit that is to be exact. |x| < 2^61 as a word.
///
/// SecureML (Mohassel and Zhang, 2017) has 0 | x + 1/2 | 1 at the same price,
/// with an error of 0.378; the tangent at 0 is nearer to the logistic curve.
///
/// One sign test for both knots, one bit to number, one product without
/// truncation.
pub fn sigmoid_fast<E: Engine>(e: &mut E, x: &E::Ring, frac: u32) -> Result<E::Ring> {
    let n = x.len();
    let two = vec![2u64 << frac; n];
    let (above, under) = (e.add_public(x, &two), x.sub(&e.public(&two)));
    let below = e.is_negative(&E::Ring::concat(&[&above, &under]))?;
    let below = e.bit_to_ring(&below)?;
    let (below_low, below_high) = (below.slice(0..n), below.slice(n..2 * n));
    // [-2 <= x < 2] (x + 2) + [x >= 2] 4
    let middle = e.mul(&below_high.sub(&below_low), &above, 0)?;
    Ok(e.add_public(&middle.sub(&below_high.scale(4 << frac)), &vec![4 << frac; n]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    fn words(xs: &[f64]) -> Words {
        let fixed = Fixed::default();
        Words(xs.iter().map(|&x| fixed.constant(x)).collect())
    }

    fn decode(x: &Words, frac: u32) -> Vec<f64> {
        Fixed::new(frac).unwrap().decode_all(&x.0)
    }

    /// All knots, their neighbours, a fine grid and the edges of the range.
    fn points() -> Vec<f64> {
        let ulp = Fixed::default().ulp();
        let edge = f64::from(1 << 21);
        let mut points = vec![edge - ulp, -edge + ulp, 1e6, -1e6, 0.0];
        points.extend((-80_000..80_000).map(|i| f64::from(i) * 2.5e-4));
        for t in &Spline::shared().knots {
            points.extend([t - ulp, *t, t + ulp]);
        }
        points.iter().map(|&x| Fixed::default().decode(Fixed::default().constant(x))).collect()
    }

    #[test]
    fn errors_are_as_stated() {
        let spline = Spline::shared();
        println!("knots {:?} multipliers {:?}", spline.knots, spline.multipliers);
        assert!(spline.knots.len() <= 8);
        let (e, xs) = (&mut Plain::new(7), points());
        for frac in [18, 20, 24, 28] {
            let ulp = Fixed::new(frac).unwrap().ulp();
            let (p, s) = sigmoid_and_softplus(e, &words(&xs), frac).unwrap();
            let worst = |got: Vec<f64>, f: fn(f64) -> f64| {
                got.iter().zip(&xs).map(|(y, &x)| (y - f(x)).abs()).fold(0.0, f64::max)
            };
            let p = worst(decode(&p, frac), logistic);
            let s = worst(decode(&s, frac), softplus_f64);
            println!("{frac} bits: sigmoid {p:.2e}, softplus {s:.2e}");
            assert!(p <= TARGET + 1.05 * ulp && s <= 2.2 * TARGET + 1.05 * ulp);
        }
    }

    #[test]
    fn the_fast_one_is_as_stated() {
        let (e, xs) = (&mut Plain::new(8), points());
        let p = decode(&sigmoid_fast(e, &words(&xs), 20).unwrap(), 22);
        let mut worst = 0f64;
        for (p, &x) in p.iter().zip(&xs) {
            assert_eq!(*p, (x / 4.0 + 0.5).clamp(0.0, 1.0), "at {x}");
            worst = worst.max((p - logistic(x)).abs());
        }
        println!("fast sigmoid {worst:.4}");
        assert!(worst < 0.1193);
    }

    proptest! {
        #[test]
        fn anywhere_in_the_range(seed: u64, xs in prop::collection::vec(-2097151.0f64..2097151.0, 1..50)) {
            let e = &mut Plain::new(seed);
            let x = words(&xs);
            let exact = decode(&x, 20);
            let p = decode(&sigmoid(e, &x).unwrap(), 20);
            for (p, x) in p.iter().zip(exact) {
                prop_assert!((p - logistic(x)).abs() <= SIGMOID_ERROR);
            }
        }
    }
}
