//! Piecewise polynomials of the caller's choice: public knots, public
//! coefficients, a shared argument.
//!
//! Knots t_0 < ... < t_K, and on [t_j, t_{j+1}] a polynomial p_j. With
//! b_j = 1 if x < t_j and else 0, shared, for the inner knots, the indicator of piece j is
//! b_{j+1} - b_j, so that everything that depends on the piece is linear in
//! the b_j and costs no message. The local variable
//!
//! (1)  u = k_j (x - c_j) / 2^61,  c_j the middle of piece j
//!
//! runs over [-1, 1] in every piece, and the polynomials are re-expanded in it.
//! An argument outside [t_0, t_K] counts as the nearer end.
//!
//! **Error.** With C = max_j sum_i |c_ji| of the coefficients in u, rounded up
//! to a power of two and at least 1: 2 degree C 2^-28, and one unit of the last
//! place; where p is not continuous, on either side of a knot.
//!
//! **Rounds.** A sign test for both ends, a bit to number, a product; the same
//! for the inner knots; a truncation; the powers (ceil(log2 degree) products
//! with truncation); an inner product; a truncation.

use super::{
    compare,
    polynomial::{INNER, chebyshev_fit, horner, powers},
};
use crate::engine::{Engine, MAX_BITS, RingShares};
use privity_core::{Error, Fixed, Result};

/// Elements times knots per batch, to bound memory.
const BATCH: usize = 1 << 22;
/// Of k_j: the product with x - c_j is below 2^61.
const MULTIPLIER_FRAC: u32 = 61;
/// The highest degree.
const MAX_DEGREE: usize = 16;

/// A public piecewise polynomial.
#[derive(Clone, Debug, PartialEq)]
pub struct Piecewise {
    knots: Vec<f64>,
    /// For each piece, lowest first, in u of [-1, 1].
    local: Vec<Vec<f64>>,
}

impl Piecewise {
    /// From K + 1 increasing knots and K polynomials, lowest coefficient first,
    /// in x - t_j: what SciPy's `PPoly` holds, turned round.
    pub fn new(knots: &[f64], coefficients: &[Vec<f64>]) -> Result<Self> {
        let ordered = knots.windows(2).all(|k| k[0] < k[1]) && knots.iter().all(|k| k.is_finite());
        if knots.len() < 2 || !ordered || coefficients.len() + 1 != knots.len() {
            return Err(Error::Argument(
                "a piecewise polynomial needs increasing knots and one polynomial between any two"
                    .into(),
            ));
        }
        let degree = coefficients.iter().map(Vec::len).max().unwrap_or(0).max(2) - 1;
        if degree > MAX_DEGREE || coefficients.iter().flatten().any(|c| !c.is_finite()) {
            return Err(Error::Argument(format!(
                "the coefficients must be finite numbers, of degree {MAX_DEGREE} at most"
            )));
        }
        let local = knots.windows(2).zip(coefficients).map(|(ends, c)| {
            // x - t_j = h (u + 1): exact but for rounding in f64
            let h = (ends[1] - ends[0]) / 2.0;
            chebyshev_fit(|u| horner(c, h * (u + 1.0)), degree)
        });
        Ok(Self { knots: knots.to_vec(), local: local.collect() })
    }

    /// One polynomial in x, lowest coefficient first, on [low, high].
    pub fn polynomial(coefficients: &[f64], low: f64, high: f64) -> Result<Self> {
        let middle = f64::midpoint(low, high);
        let mut piece = Self::new(&[low, high], &[coefficients.to_vec()])?;
        let (degree, h) = (piece.local[0].len() - 1, (high - low) / 2.0);
        piece.local[0] = chebyshev_fit(|u| horner(coefficients, middle + h * u), degree);
        Ok(piece)
    }

    /// Fits a public function by one polynomial of `degree` per piece, through
    /// its Chebyshev points.
    pub fn fit(f: impl Fn(f64) -> f64, knots: &[f64], degree: usize) -> Result<Self> {
        let zeros = vec![vec![0.0; degree + 1]; knots.len().saturating_sub(1)];
        let mut spline = Self::new(knots, &zeros)?;
        for (piece, ends) in spline.local.iter_mut().zip(knots.windows(2)) {
            let (middle, h) = (f64::midpoint(ends[0], ends[1]), (ends[1] - ends[0]) / 2.0);
            *piece = chebyshev_fit(|u| f(middle + h * u), degree.max(1));
        }
        if spline.local.iter().flatten().any(|c| !c.is_finite()) {
            return Err(Error::Argument("the function is not finite between its knots".into()));
        }
        Ok(spline)
    }

    /// p(x) in plain.
    pub fn at(&self, x: f64) -> f64 {
        let x = x.clamp(self.knots[0], self.knots[self.knots.len() - 1]);
        let inner = &self.knots[1..self.knots.len() - 1];
        let j = inner.iter().filter(|t| x >= **t).count();
        let (a, b) = (self.knots[j], self.knots[j + 1]);
        horner(&self.local[j], (2.0 * x - a - b) / (b - a))
    }

    /// p(x) with `out_frac` fractional bits for x with `frac` of them; any
    /// |x| < 2^61 as a word. Knots must be below 2^60 as words and pieces at
    /// least two units wide.
    pub fn evaluate<E: Engine>(
        &self,
        e: &mut E,
        x: &E::Ring,
        frac: u32,
        out_frac: u32,
    ) -> Result<E::Ring> {
        let plan = self.plan(frac, out_frac)?;
        let rows = (BATCH / self.knots.len()).max(1);
        if x.len() <= rows {
            return plan.run(e, x);
        }
        let mut parts = vec![];
        for start in (0..x.len()).step_by(rows) {
            parts.push(plan.run(e, &x.slice(start..x.len().min(start + rows)))?);
        }
        Ok(E::Ring::concat(&parts.iter().collect::<Vec<_>>()))
    }

    fn plan(&self, frac: u32, out_frac: u32) -> Result<Plan> {
        let scale = f64::from(frac).exp2();
        let words: Vec<i64> = self.knots.iter().map(|t| (t * scale).round() as i64).collect();
        let wide = words.iter().any(|w| w.unsigned_abs() >= 1 << (MAX_BITS - 2));
        if frac > 40 || wide || words.windows(2).any(|w| w[1] - w[0] < 2) {
            return Err(Error::Argument(format!(
                "with {frac} fractional bits the knots are too far from 0 or too near one another"
            )));
        }
        // Coefficients are divided by 2^magnitude so that |p| <= 1.
        let sums = self.local.iter().map(|c| c.iter().map(|c| c.abs()).sum::<f64>());
        let magnitude = sums.fold(1.0, f64::max).log2().ceil() as u32;
        if magnitude + out_frac >= MAX_BITS - 1 {
            return Err(Error::Overflow {
                operation: "a piecewise polynomial",
                bits: magnitude + out_frac + 1,
                limit: MAX_BITS,
            });
        }
        let (inner, unit) = (Fixed::new(INNER)?, (-f64::from(magnitude)).exp2());
        let mut pieces = vec![];
        for ((ends, real), c) in words.windows(2).zip(self.knots.windows(2)).zip(&self.local) {
            // (1), of which the polynomial is re-expanded exactly as rounded
            let half = (ends[1] - ends[0]).cast_unsigned().div_ceil(2);
            let middle = ends[0] + half.cast_signed();
            let multiplier = (1u64 << MULTIPLIER_FRAC) / half;
            let steps = f64::from(MULTIPLIER_FRAC).exp2() / multiplier as f64;
            let (a, b) = (real[0], real[1]);
            let x = |u: f64| (middle as f64 + u * steps) / scale;
            let c = chebyshev_fit(|u| horner(c, (2.0 * x(u) - a - b) / (b - a)), c.len() - 1);
            pieces.push(Piece {
                middle,
                multiplier,
                coefficients: c.iter().map(|c| inner.constant(c * unit)).collect(),
            });
        }
        Ok(Plan { knots: words, pieces, out_frac, magnitude })
    }
}

/// A function at a given scale, in words.
struct Plan {
    knots: Vec<i64>,
    pieces: Vec<Piece>,
    out_frac: u32,
    magnitude: u32,
}

struct Piece {
    middle: i64,
    /// k_j, with [`MULTIPLIER_FRAC`] fractional bits.
    multiplier: u64,
    coefficients: Vec<u64>,
}

impl Plan {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring) -> Result<E::Ring> {
        let (n, inner) = (x.len(), &self.knots[1..self.knots.len() - 1]);
        let x = compare::clamp(e, x, self.knots[0], self.knots[self.knots.len() - 1])?;
        let mut below = vec![];
        if !inner.is_empty() {
            let shifted: Vec<E::Ring> =
                inner.iter().map(|t| e.add_public(&x, &vec![t.wrapping_neg() as u64; n])).collect();
            let signs = e.is_negative(&E::Ring::concat(&shifted.iter().collect::<Vec<_>>()))?;
            let signs = e.bit_to_ring(&signs)?;
            below = (0..inner.len()).map(|j| signs.slice(j * n..(j + 1) * n)).collect();
        }
        // sum_j value_j (b_{j+1} - b_j): the last value, and steps down from it
        let choose = |e: &E, value: &dyn Fn(&Piece) -> u64| {
            let last = self.pieces.last().map_or(0, value);
            let mut sum = e.public(&vec![last; n]);
            for (b, pair) in below.iter().zip(self.pieces.windows(2)) {
                let step = value(&pair[0]).wrapping_sub(value(&pair[1]));
                if step != 0 {
                    sum = sum.add(&b.scale(step));
                }
            }
            sum
        };
        let middle = choose(e, &|p| p.middle as u64);
        let multiplier = choose(e, &|p| p.multiplier);
        let u = e.mul(&multiplier, &x.sub(&middle), MULTIPLIER_FRAC - INNER)?;

        let degree = self.pieces.first().map_or(1, |p| p.coefficients.len() - 1);
        let powers = powers(e, &u, degree)?;
        let order: Vec<usize> = (0..n).flat_map(|i| (0..degree).map(move |k| k * n + i)).collect();
        let powers = E::Ring::concat(&powers.iter().collect::<Vec<_>>()).gather(&order);
        let factors: Vec<E::Ring> =
            (1..=degree).map(|k| choose(e, &|p| p.coefficients[k])).collect();
        let factors = E::Ring::concat(&factors.iter().collect::<Vec<_>>()).gather(&order);
        let constant = choose(e, &|p| p.coefficients[0]);
        // |p| <= 1 with 56 bits; what is cut is at least nothing
        let sum = e.dot(&factors, &powers, degree, 0)?.add(&constant.scale(1 << INNER));
        let (have, want) = (2 * INNER, self.out_frac + self.magnitude);
        match have.checked_sub(want) {
            Some(0) => Ok(sum),
            Some(cut) => e.truncate(&sum, cut),
            None => Ok(sum.scale(1 << (want - have))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    fn worst(p: &Piecewise, f: impl Fn(f64) -> f64, xs: &[f64], frac: u32, out: u32) -> f64 {
        let scale = f64::from(frac).exp2();
        let words: Vec<i64> = xs.iter().map(|x| (x * scale).round() as i64).collect();
        let x = Words(words.iter().map(|&w| w as u64).collect());
        let y = p.evaluate(&mut Plain::new(9), &x, frac, out).unwrap();
        y.0.iter()
            .zip(&words)
            .map(|(y, x)| (*y as i64 as f64 / f64::from(out).exp2() - f(*x as f64 / scale)).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn fitted_functions() {
        let xs: Vec<f64> = (-4000..4000).map(|i| f64::from(i) / 1000.0).collect();
        let knots: Vec<f64> = (-8..=8).map(|i| f64::from(i) / 2.0).collect();
        let sin = Piecewise::fit(f64::sin, &knots, 7).unwrap();
        let error = worst(&sin, f64::sin, &xs, 20, 28);
        println!("sin by 16 pieces of degree 7: {error:.1e}");
        assert!(error < 1e-7);
        // the ends, and far beyond them
        let far = [-4.0, 4.0, 3e9, -3e9];
        let error = worst(&sin, |x| x.clamp(-4.0, 4.0).sin(), &far, 20, 20);
        assert!(error < 2e-6);
        // large values and wide pieces
        let cube = Piecewise::polynomial(&[5.0, -3.0, 0.0, 1.0], -1000.0, 1000.0).unwrap();
        let xs: Vec<f64> = (-1000..=1000).map(f64::from).collect();
        let error = worst(&cube, |x| x * x * x - 3.0 * x + 5.0, &xs, 20, 10);
        println!("x^3 - 3 x + 5 on [-1000, 1000]: {error:.1}");
        assert!(error < 3.0 * f64::from(1 << 30) / f64::from(1 << 27));
        assert!(matches!(
            cube.evaluate(&mut Plain::new(1), &Words(vec![0]), 20, 40),
            Err(Error::Overflow { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_spline(
            widths in prop::collection::vec(0.01f64..50.0, 1..6), start in -80.0f64..20.0,
            coefficients in prop::collection::vec(-2.0f64..2.0, 6 * 4), degree in 0usize..4,
            places in prop::collection::vec(-0.1f64..1.1, 1..50),
        ) {
            let mut knots = vec![start];
            for w in &widths {
                knots.push(knots[knots.len() - 1] + w);
            }
            // a continuous one: what is lost at a knot is not its error
            let mut polynomials: Vec<Vec<f64>> = vec![];
            for (j, w) in widths.iter().enumerate() {
                let mut c: Vec<f64> = coefficients[4 * j..4 * j + 1 + degree].to_vec();
                if j > 0 {
                    c[0] = horner(&polynomials[j - 1], widths[j - 1]);
                }
                for (k, c) in c.iter_mut().enumerate().skip(1) {
                    *c /= w.powi(k as i32);
                }
                polynomials.push(c);
            }
            let p = Piecewise::new(&knots, &polynomials).unwrap();
            let (low, high) = (knots[0], knots[knots.len() - 1]);
            let xs: Vec<f64> = places.iter().map(|t| low + t * (high - low)).chain(knots.clone()).collect();
            // an exact value, by hand
            let truth = |x: f64| {
                let x = x.clamp(low, high);
                let j = knots[1..knots.len() - 1].iter().filter(|t| x >= **t).count();
                horner(&polynomials[j], x - knots[j])
            };
            let error = worst(&p, truth, &xs, 20, 20);
            let c: f64 = p.local.iter().map(|c| c.iter().map(|c| c.abs()).sum::<f64>()).fold(1.0, f64::max);
            // the knots themselves are rounded to a unit of x
            let slope = 40.0 / widths.iter().copied().fold(1.0, f64::min) / 1048576.0;
            let bound = 2.0 * c * (degree + 1) as f64 / f64::from(1 << 27) + 1.05 / 1048576.0 + slope;
            prop_assert!(error <= bound, "{} > {}", error, bound);
            for x in xs {
                prop_assert!((p.at(x) - truth(x)).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_is_no_function_is_refused() {
        for (knots, pieces) in [
            (vec![0.0], vec![]),
            (vec![0.0, 0.0], vec![vec![1.0]]),
            (vec![0.0, f64::NAN], vec![vec![1.0]]),
            (vec![0.0, 1.0], vec![vec![f64::INFINITY]]),
            (vec![0.0, 1.0], vec![vec![1.0; 18]]),
            (vec![0.0, 1.0, 2.0], vec![vec![1.0]]),
        ] {
            assert!(Piecewise::new(&knots, &pieces).is_err(), "{knots:?}");
        }
        assert!(Piecewise::fit(f64::ln, &[-1.0, 1.0], 2).is_err());
        let narrow = Piecewise::fit(|x| x, &[0.0, 1e-7], 1).unwrap();
        assert!(narrow.evaluate(&mut Plain::new(1), &Words(vec![0]), 20, 20).is_err());
    }
}
