//! Exponential functions, powers and the hyperbolic tangent.
//!
//! With y = x log2(e), an integer i and a fraction f in [0, 1),
//!
//! (1)  exp(x) = 2^y = 2^f 2^i,  y = i + f
//!
//! y is shifted by a public integer so that it is not negative. Its integer
//! part then is six bits b_j, and
//!
//! (2)  2^i = prod_j (1 + b_j (2^(2^j) - 1)),
//!
//! while 2^f is a polynomial of degree 7 on [0, 1) (relative error 2e-11
//! before rounding). Whatever the argument, the result is right to a *relative*
//! 2e-8 and one unit of the last place.
//!
//! **Rounds.** The low 34 bits of a number; a bit to number; three products
//! with truncation (the powers); a truncation; four products; a truncation.
//! With a lower end below the smallest result, before it a sign test, a bit to
//! number and a product.

use super::{
    compare,
    normal::{self, Range},
    polynomial::{INNER, chebyshev_fit, evaluate},
    spline::sigmoid_at,
};
use crate::engine::{BitShares, Engine, MAX_BITS, RingShares};
use privity_core::{Error, Result};
use std::f64::consts::{LN_2, LOG2_E};

/// The numbers low <= x <= high with `frac` fractional bits: what is publicly
/// known of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Fractional bits, at most [`INNER`].
    pub frac: u32,
    /// The least that x can be; below about -41 it makes no difference.
    pub low: f64,
    /// The most that x can be.
    pub high: f64,
}

/// Additional fractional bits of (2), so that what is below a quarter of a unit
/// becomes 0.
const GUARD: u32 = 2;
/// Integer bits of the shifted exponent.
const EXPONENT_BITS: usize = 6;

/// The largest x of which exp(x) with `out_frac` fractional bits fits.
pub fn exp_limit(out_frac: u32) -> f64 {
    exp2_limit(out_frac) * LN_2
}

/// [`exp_limit`] for [`exp2`].
pub fn exp2_limit(out_frac: u32) -> f64 {
    f64::from(MAX_BITS - 1) - f64::from(GUARD + out_frac)
}

/// exp(x) with `out_frac` fractional bits, at most 30: relative error 2e-8 and
/// one unit. `within.high` is below [`exp_limit`], for 20 bits 27.03; this is
/// checked.
pub fn exp<E: Engine>(e: &mut E, x: &E::Ring, within: Interval, out_frac: u32) -> Result<E::Ring> {
    check(within, exp_limit(out_frac), out_frac, "an exponential")?;
    // |x| < 2^6 from here on
    let (x, low) = raise(e, x, within, LN_2, out_frac)?;
    let most = low.abs().max(within.high.abs()).max(1.0).log2().ceil() as u32 + within.frac;
    let factor_frac = (MAX_BITS - 2 - most).min(40);
    let factor = (LOG2_E * f64::from(factor_frac).exp2()).round() as u64;
    let y = e.truncate(&x.scale(factor), within.frac + factor_frac - INNER)?;
    exp2_core(e, &y, out_frac)
}

/// 2^x; see [`exp`]. `within.high` is below [`exp2_limit`].
pub fn exp2<E: Engine>(e: &mut E, x: &E::Ring, within: Interval, out_frac: u32) -> Result<E::Ring> {
    check(within, exp2_limit(out_frac), out_frac, "a power of two")?;
    let (x, _) = raise(e, x, within, 1.0, out_frac)?;
    exp2_core(e, &x.scale(1 << (INNER - within.frac)), out_frac)
}

/// x^power = 2^(power log2 x) with `out_frac` fractional bits, for x in `range`
/// (at most 62 bits) and a public real power, |power| < 64. Relative error 2e-8
/// and, for each unit of |power|, 1e-7; and one unit of the last place. That the
/// largest possible result fits is checked.
pub fn power<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    range: Range,
    power: f64,
    out_frac: u32,
) -> Result<E::Ring> {
    if power.is_nan() || power.abs() >= 64.0 {
        return Err(Error::Argument(format!("a power of {power}: above -64 and below 64")));
    }
    let log = normal::log2(e, x, range, INNER)?;
    // power = coarse + fine with 20 and 44 fractional bits; |log| < 2^6 with 28
    let coarse = (power * f64::from(1 << 20)).round();
    let fine = (power * f64::from(1 << 20) - coarse) * f64::from(1 << 24);
    let mut product = log.scale(coarse as i64 as u64);
    if fine.round() != 0.0 {
        product = product.add(&e.truncate(&log.scale(fine.round() as i64 as u64), 24)?);
    }
    let y = e.truncate(&product, 20)?;
    let within = exponents(range, power, power);
    exp2(e, &y, within, out_frac)
}

/// x^power for a shared power with 20 fractional bits and public bounds low <=
/// power <= high of magnitude below 64; else as [`power`].
pub fn power_shared<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    range: Range,
    power: &E::Ring,
    (low, high): (f64, f64),
    out_frac: u32,
) -> Result<E::Ring> {
    // NaN fails both
    if !(low > -64.0 && high < 64.0) {
        return Err(Error::Argument(format!("powers from {low} to {high}: above -64, below 64")));
    }
    let log = normal::log2(e, x, range, INNER)?;
    let y = e.mul(&log, power, 20)?;
    exp2(e, &y, exponents(range, low, high), out_frac)
}

/// tanh(x) = 2 sigmoid(2 x) - 1 for x with 20 fractional bits, |x| < 2^20; the
/// result has 20 fractional bits, and is within 8e-7 and one unit.
pub fn tanh<E: Engine>(e: &mut E, x: &E::Ring) -> Result<E::Ring> {
    let p = sigmoid_at(e, &x.scale(2), INNER)?;
    let one = vec![(1u64 << INNER).wrapping_neg(); x.len()];
    let t = e.add_public(&p.scale(2), &one);
    e.truncate(&t, INNER - 20)
}

/// Where power log2(x) lies, rounding included.
fn exponents(range: Range, low: f64, high: f64) -> Interval {
    let ends = [f64::from(range.low), f64::from(range.high)].map(|b| b - f64::from(range.frac));
    let corners = [ends[0] * low, ends[0] * high, ends[1] * low, ends[1] * high];
    Interval {
        frac: INNER,
        low: corners.iter().copied().fold(f64::INFINITY, f64::min) - 1e-3,
        high: corners.iter().copied().fold(f64::NEG_INFINITY, f64::max) + 1e-3,
    }
}

fn check(within: Interval, limit: f64, out_frac: u32, operation: &'static str) -> Result<()> {
    if out_frac > 30 || within.frac == 0 || within.frac > INNER || within.low.is_nan() {
        return Err(Error::Argument(format!(
            "{operation} takes 1 to {INNER} fractional bits and gives up to 30, not {} and {out_frac}",
            within.frac
        )));
    }
    if within.high.is_nan() || within.high >= limit {
        let bits = if limit > 0.0 { within.high / limit * f64::from(MAX_BITS) } else { 1e9 };
        return Err(Error::Overflow {
            operation,
            bits: (bits as u32).max(MAX_BITS + 1),
            limit: MAX_BITS,
        });
    }
    Ok(())
}

/// x, raised to what makes the least result if it could be below; and the new
/// lower end. `unit` is the step that doubles a result.
fn raise<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    within: Interval,
    unit: f64,
    out_frac: u32,
) -> Result<(E::Ring, f64)> {
    let scale = f64::from(within.frac).exp2();
    let low = ((-f64::from(out_frac + GUARD) * unit + 1e-6) * scale).ceil();
    if within.low * scale >= low {
        return Ok((x.clone(), within.low));
    }
    let least = e.public(&vec![low as i64 as u64; x.len()]);
    Ok((compare::max(e, x, &least)?, low / scale))
}

/// (1) for -(out_frac + 2) <= y < 59 - out_frac with [`INNER`] fractional bits.
fn exp2_core<E: Engine>(e: &mut E, y: &E::Ring, out_frac: u32) -> Result<E::Ring> {
    let n = y.len();
    let shift = u64::from(out_frac + GUARD) << INNER;
    let y = e.add_public(y, &vec![shift; n]);
    let planes = e.to_bits(&y, INNER as usize + EXPONENT_BITS)?;
    let exponent: Vec<&E::Bits> = planes[INNER as usize..].iter().collect();
    let b = e.bit_to_ring(&E::Bits::concat(&exponent))?;
    let b: Vec<E::Ring> = (0..EXPONENT_BITS).map(|j| b.slice(j * n..(j + 1) * n)).collect();

    let mut f = y;
    for (j, b) in b.iter().enumerate() {
        f = f.sub(&b.scale(1 << (INNER as usize + j)));
    }
    let u = e.add_public(&f.scale(2), &vec![(1u64 << INNER).wrapping_neg(); n]);
    let p = evaluate(e, &u, &chebyshev_fit(|u| ((u + 1.0) / 2.0).exp2(), 7))?;

    // (2) for the five low bits: below 2^(29 + 31)
    let factor = |e: &E, j: usize| e.add_public(&b[j].scale((1 << (1 << j)) - 1), &vec![1; n]);
    let factors: Vec<E::Ring> = (0..5).map(|j| factor(e, j)).collect();
    let products = e.mul(
        &E::Ring::concat(&[&factors[0], &factors[2], &p]),
        &E::Ring::concat(&[&factors[1], &factors[3], &factors[4]]),
        0,
    )?;
    let low = e.mul(&products.slice(0..n), &products.slice(n..2 * n), 0)?;
    let s = e.mul(&low, &products.slice(2 * n..3 * n), 0)?;
    // The sixth: 2^32 / 2^(28 + 2) = 4, for those that are not truncated.
    let large = e.mul(&b[5], &s, 0)?;
    let small = e.truncate(&s.sub(&large), INNER + GUARD)?;
    Ok(small.add(&large.scale(1 << (32 - INNER - GUARD))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};

    fn words(xs: &[f64], frac: u32) -> (Words, Vec<f64>) {
        let scale = f64::from(frac).exp2();
        let words: Vec<i64> = xs.iter().map(|x| (x * scale).round() as i64).collect();
        let exact = words.iter().map(|&w| w as f64 / scale).collect();
        (Words(words.into_iter().map(|w| w as u64).collect()), exact)
    }

    /// The excess over the stated relative error, in units.
    fn excess(got: &Words, truth: &[f64], out: u32, relative: f64) -> f64 {
        let scale = f64::from(out).exp2();
        got.0
            .iter()
            .zip(truth)
            .map(|(y, t)| ((*y as i64 as f64 - t * scale).abs() - relative * t * scale).max(0.0))
            .fold(0.0, f64::max)
    }

    #[test]
    fn exponentials() {
        let e = &mut Plain::new(1);
        for (frac, low, high, out) in [
            (20, -30.0, 27.0, 20),
            (20, -5.0, 5.0, 20),
            (20, -2_097_151.0, 3.0, 28),
            (28, -10.0, 10.0, 30),
            (16, -20.0, 40.0, 0),
            (8, -1e6, -1.0, 24),
        ] {
            let mut xs: Vec<f64> =
                (0..30_001).map(|i| low + (high - low) * f64::from(i) / 30_000.0).collect();
            xs.extend([low, high, low.max(-1.0), high.min(1.0)]);
            xs.extend(
                (0..40).map(|i| f64::from(i - 20) * LN_2).filter(|x| (low..=high).contains(x)),
            );
            if low < 0.0 && high > 0.0 {
                xs.extend([0.0, 1.0 / f64::from(frac).exp2(), -1.0 / f64::from(frac).exp2()]);
            }
            let (x, exact) = words(&xs, frac);
            let y = exp(e, &x, Interval { frac, low, high }, out).unwrap();
            let truth: Vec<f64> = exact.iter().map(|x| x.exp()).collect();
            let units = excess(&y, &truth, out, 2e-8);
            println!("exp {frac} [{low}, {high}] -> {out}: {units:.2} units beyond 2e-8");
            assert!(units <= 1.3);
        }
        let x = Words(vec![0; 3]);
        let within = Interval { frac: 20, low: 0.0, high: 27.1 };
        assert!(matches!(exp(e, &x, within, 20), Err(Error::Overflow { .. })));
        let within = Interval { high: f64::NAN, ..within };
        assert!(exp(e, &x, within, 20).is_err());
    }

    #[test]
    fn powers_of_two() {
        let e = &mut Plain::new(2);
        let xs: Vec<f64> = (-30..=38).map(f64::from).collect();
        let (x, _) = words(&xs, 20);
        let y = exp2(e, &x, Interval { frac: 20, low: -30.0, high: 38.0 }, 20).unwrap();
        let truth: Vec<f64> = xs.iter().map(|x| x.exp2()).collect();
        assert!(excess(&y, &truth, 20, 2e-8) <= 1.3);
    }

    #[test]
    fn real_powers() {
        let e = &mut Plain::new(3);
        let range = Range { frac: 20, low: 4, high: 40 };
        let mut xs: Vec<f64> = (0..2000).map(|i| (f64::from(i) / 100.0 - 10.0).exp()).collect();
        xs.extend([1.0, 2.0, 0.5, 1024.0]);
        let (x, exact) = words(&xs, 20);
        for power_ in [0.5, -0.5, 1.0 / 3.0, 1.7, -1.2, 0.0] {
            let y = power(e, &x, range, power_, 20).unwrap();
            let truth: Vec<f64> = exact.iter().map(|x| x.powf(power_)).collect();
            let relative = 2e-8 + 1e-7 * f64::abs(power_);
            let units = excess(&y, &truth, 20, relative);
            println!("x^{power_}: {units:.2} units beyond {relative:.1e}");
            assert!(units <= 1.3);
            let shared = Words(vec![(power_ * 1048576.0) as i64 as u64; xs.len()]);
            let rounded = (power_ * 1048576.0) as i64 as f64 / 1048576.0;
            let y = power_shared(e, &x, range, &shared, (-1.2, 1.7), 20).unwrap();
            let truth: Vec<f64> = exact.iter().map(|x| x.powf(rounded)).collect();
            assert!(excess(&y, &truth, 20, relative) <= 1.3);
        }
        assert!(matches!(power(e, &x, range, 3.0, 20), Err(Error::Overflow { .. })));
        assert!(power(e, &x, range, 64.0, 20).is_err());
    }

    #[test]
    fn tangents() {
        let e = &mut Plain::new(4);
        let mut xs: Vec<f64> = (-50_000..50_000).map(|i| f64::from(i) * 2e-4).collect();
        xs.extend([1_048_575.0, -1_048_575.0, 0.0]);
        let (x, exact) = words(&xs, 20);
        let y = tanh(e, &x).unwrap();
        let worst =
            y.0.iter()
                .zip(&exact)
                .map(|(y, x)| (*y as i64 as f64 / 1048576.0 - x.tanh()).abs())
                .fold(0.0, f64::max);
        println!("tanh {worst:.1e}");
        assert!(worst <= 8e-7 + 1.05 / 1048576.0);
    }
}
