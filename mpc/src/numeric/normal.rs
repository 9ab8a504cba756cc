//! Reciprocal, inverse square root, square root and logarithm: all bring
//! their argument to [1/2, 1) first.
//!
//! For a word v, 2^low <= v < 2^high with public `low` and `high`, let i be
//! the position of its highest bit and z the one-hot vector of i. z comes from
//! the bits of v by a prefix *or* from above. As numbers, z gives everything
//! that depends on the exponent by public linear maps:
//!
//! (1)  v sum_j z_j 2^(high-1-j) = m 2^high,  m in [1/2, 1)
//! (2)  sum_j z_j g(j) = g(i)   for any public function g
//!
//! and a polynomial in u = 4 m - 3 in [-1, 1) does the rest.
//!
//! | function | of m | degree | relative error before the last rounding |
//! |---|---|---|---|
//! | reciprocal | 1/m | 10 | 2e-8 |
//! | inv_sqrt | m^(-1/2) | 10 | 1e-8 |
//! | sqrt | m^(1/2) | 9 | 1e-8 |
//! | ln, log2, log10 | ln m | 9 | 3e-8, absolute |
//!
//! A root halves the exponent. Its odd half enters as a factor sqrt(2) by one
//! more product, so that what is left of (2) is a power of two and exact.
//!
//! **Rounds.** All bits of a number; ceil(log2(high - low)) ANDs; a bit to
//! number; a product; a truncation; four products with truncation (the
//! powers); a truncation; for roots one more; the last product.
//!
//! Arguments outside [2^low, 2^high) do no harm and give no meaning: where no
//! bit in the range is set, the result is that of 2^low.

use super::{
    compare::or,
    polynomial::{INNER, chebyshev_fit, evaluate},
};
use crate::engine::{BitShares, Engine, RingShares};
use privity_core::{Error, Fixed, Result};

/// Where the arguments of a function lie: words v with 2^low <= v < 2^high
/// that stand for v / 2^frac.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Fractional bits of the argument.
    pub frac: u32,
    /// log2 of the smallest word.
    pub low: u32,
    /// log2 of a bound on the words; at most 62.
    pub high: u32,
}

impl Range {
    /// The integers 1 <= v < 2^bits.
    pub fn integers(bits: u32) -> Self {
        Self { frac: 0, low: 0, high: bits }
    }

    fn span(self, most: u32) -> Result<u32> {
        if self.low < self.high && self.high <= 62 && self.high - self.low <= most {
            Ok(self.high - self.low)
        } else {
            Err(Error::Argument(format!(
                "words from 2^{} to 2^{}: at most 2^62, and at most {most} bits apart",
                self.low, self.high
            )))
        }
    }
}

/// A vector of positive words, taken apart.
struct Normal<E: Engine> {
    /// 4 m - 3, with `INNER` fractional bits.
    u: E::Ring,
    /// z_low, ..., z_(high-1), as numbers; exactly one is 1.
    one_hot: Vec<E::Ring>,
    /// 1 where no bit in the range is set; one_hot says 2^low there.
    none: E::Ring,
    low: u32,
}

impl<E: Engine> Normal<E> {
    fn of(e: &mut E, v: &E::Ring, range: Range) -> Result<Self> {
        let (n, span) = (v.len(), (range.high - range.low) as usize);
        let planes = e.to_bits(v, range.high as usize)?;
        // highest first
        let bits: Vec<&E::Bits> =
            (range.low..range.high).rev().map(|j| &planes[j as usize]).collect();
        let bits = E::Bits::concat(&bits);
        let seen = prefix_or(e, &bits, n, span)?;
        let before = seen.slice(0..n * (span - 1));
        let edges = seen.slice(n..n * span).xor(&before);
        let all = e.bit_to_ring(&E::Bits::concat(&[&seen.slice(0..n), &edges]))?;
        let mut one_hot: Vec<E::Ring> = (0..span).map(|j| all.slice(j * n..(j + 1) * n)).collect();
        let mut none = e.public(&vec![1; n]);
        for z in &one_hot {
            none = none.sub(z);
        }
        one_hot.reverse();
        // (1), with 2^low where nothing was found
        let mut scale = E::Ring::zeros(n);
        for (j, z) in one_hot.iter().enumerate() {
            scale = scale.add(&z.scale(1 << (span - 1 - j)));
        }
        let m = e.mul(v, &scale, 0)?.add(&none.scale(1 << (range.high - 1)));
        one_hot[0] = one_hot[0].add(&none);
        let m = match range.high.checked_sub(INNER) {
            Some(0) => m,
            Some(excess) => e.truncate(&m, excess)?,
            None => m.scale(1 << (INNER - range.high)),
        };
        let u = e.add_public(&m.scale(4), &vec![(3u64 << INNER).wrapping_neg(); n]);
        Ok(Self { u, one_hot, none, low: range.low })
    }

    /// (2)
    fn exponent(&self, g: impl Fn(u32) -> u64) -> E::Ring {
        let n = self.u.len();
        self.one_hot
            .iter()
            .enumerate()
            .fold(E::Ring::zeros(n), |sum, (j, z)| sum.add(&z.scale(g(self.low + j as u32))))
    }
}

impl<E: Engine> Normal<E> {
    /// r times `factor` where x = m 2^t with an odd t.
    fn odd_half(&self, e: &mut E, r: &E::Ring, range: Range, factor: f64) -> Result<E::Ring> {
        let one = f64::from(1 << ODD_FRAC);
        let of = |i: u32| {
            let odd = (i64::from(i) + 1 - i64::from(range.frac)).rem_euclid(2) == 1;
            (if odd { factor * one } else { one }).round() as u64
        };
        let factors = self.exponent(of);
        e.mul(r, &factors, ODD_FRAC)
    }
}

/// Fractional bits of the factors sqrt(2) and 1 / sqrt(2).
const ODD_FRAC: u32 = 30;

/// The *or* of each plane and all before it. ceil(log2 planes) ANDs.
fn prefix_or<E: Engine>(e: &mut E, bits: &E::Bits, n: usize, planes: usize) -> Result<E::Bits> {
    let mut seen = bits.clone();
    let mut step = 1;
    while step < planes {
        let head = seen.slice(0..step * n);
        let (upper, lower) = (seen.slice(0..(planes - step) * n), seen.slice(step * n..planes * n));
        seen = E::Bits::concat(&[&head, &or(e, &upper, &lower)?]);
        step *= 2;
    }
    Ok(seen)
}

/// m = (u + 3) / 4
fn mantissa(u: f64) -> f64 {
    (u + 3.0) / 4.0
}

/// 1 / x with `out_frac` fractional bits, for x in `range`, which may span 32
/// bits. Relative error 3e-8, and one unit of the last place. 1 / 2^(low -
/// frac) must be below 2^(61 - out_frac).
pub fn reciprocal<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    range: Range,
    out_frac: u32,
) -> Result<E::Ring> {
    range.span(32)?;
    let normal = Normal::<E>::of(e, x, range)?;
    let r = evaluate(e, &normal.u, &chebyshev_fit(|u| 1.0 / mantissa(u), 10))?;
    // v = m 2^(i+1), so 1 / x = r 2^(frac - 1 - i) = r 2^(high-1-i) 2^(frac-high)
    let scale = normal.exponent(|i| 1 << (range.high - 1 - i));
    let shift = i64::from(INNER + range.high) - i64::from(range.frac + out_frac);
    finish(e, &r, &scale, shift)
}

/// x / y with x's fractional bits, for y in `range` (of at most 32 bits) whose
/// reciprocal has `recip_frac` fractional bits, a public choice: the error is
/// |x / y| 3e-8 + |x| 2^-recip_frac + one unit. |x| 2^recip_frac / y < 2^62 as
/// words. [`reciprocal`] and a product with truncation.
pub fn divide<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    y: &E::Ring,
    range: Range,
    recip_frac: u32,
) -> Result<E::Ring> {
    let r = reciprocal(e, y, range, recip_frac)?;
    e.mul(x, &r, recip_frac)
}

/// 1 / sqrt(x) with `out_frac` fractional bits, for x in `range`, which may
/// span all 62 bits. Relative error 3e-8, and one unit of the last place.
/// 1 / sqrt(2^(low - frac)) must be below 2^(61 - out_frac).
pub fn inv_sqrt<E: Engine>(e: &mut E, x: &E::Ring, range: Range, out_frac: u32) -> Result<E::Ring> {
    range.span(62)?;
    let normal = Normal::<E>::of(e, x, range)?;
    let r = evaluate(e, &normal.u, &chebyshev_fit(|u| mantissa(u).powf(-0.5), 10))?;
    // x = m 2^t: 1 / sqrt(x) = m^(-1/2) 2^(-t/2)
    let half = |i: u32| (i64::from(i) + 1 - i64::from(range.frac)).div_euclid(2);
    let r = normal.odd_half(e, &r, range, std::f64::consts::FRAC_1_SQRT_2)?;
    let top = half(range.high - 1);
    let scale = normal.exponent(|i| 1 << (top - half(i)));
    finish(e, &r, &scale, i64::from(INNER) + top - i64::from(out_frac))
}

/// 1 / sqrt(v) in two parts.
pub(super) struct RootParts<E: Engine> {
    /// In [1/2, sqrt(2)], with [`INNER`] fractional bits.
    pub(super) mantissa: E::Ring,
    /// A power of two, with `frac` fractional bits.
    pub(super) scale: E::Ring,
    /// 1 where v = 0; the parts then mean nothing.
    pub(super) none: E::Ring,
}

/// 1 / sqrt(v) = mantissa scale, for words 0 < v < 2^high with
/// high <= 2 `frac`.
pub(super) fn inverse_root_parts<E: Engine>(
    e: &mut E,
    v: &E::Ring,
    range: Range,
    frac: u32,
) -> Result<RootParts<E>> {
    range.span(62)?;
    let normal = Normal::<E>::of(e, v, range)?;
    let r = evaluate(e, &normal.u, &chebyshev_fit(|u| mantissa(u).powf(-0.5), 10))?;
    let mantissa = normal.odd_half(e, &r, range, std::f64::consts::FRAC_1_SQRT_2)?;
    let scale = normal.exponent(|i| 1 << (frac - i.div_ceil(2)));
    Ok(RootParts { mantissa, scale, none: normal.none })
}

/// sqrt(x) with `out_frac` fractional bits, for x in `range`, which may span
/// all 62 bits. Relative error 3e-8, and one unit of the last place. Of 0, and
/// of all below 2^low, the result is 0 and at most one unit.
pub fn sqrt<E: Engine>(e: &mut E, x: &E::Ring, range: Range, out_frac: u32) -> Result<E::Ring> {
    range.span(62)?;
    let normal = Normal::<E>::of(e, x, range)?;
    let r = evaluate(e, &normal.u, &chebyshev_fit(|u| mantissa(u).sqrt(), 9))?;
    let half = |i: u32| (i64::from(i) + 1 - i64::from(range.frac)).div_euclid(2);
    let r = normal.odd_half(e, &r, range, std::f64::consts::SQRT_2)?;
    let bottom = half(range.low);
    let scale = normal.exponent(|i| 1 << (half(i) - bottom)).sub(&normal.none);
    finish(e, &r, &scale, i64::from(INNER) - bottom - i64::from(out_frac))
}

/// ln(x) with `out_frac` fractional bits, at most 28, for x in `range`, which
/// may span all 62 bits. Absolute error 6e-8, and one unit of the last place.
pub fn ln<E: Engine>(e: &mut E, x: &E::Ring, range: Range, out_frac: u32) -> Result<E::Ring> {
    logarithm(e, x, range, 1.0, out_frac)
}

/// log2(x), within 9e-8 and one unit; see [`ln`].
pub fn log2<E: Engine>(e: &mut E, x: &E::Ring, range: Range, out_frac: u32) -> Result<E::Ring> {
    logarithm(e, x, range, std::f64::consts::LOG2_E, out_frac)
}

/// log10(x), within 3e-8 and one unit; see [`ln`].
pub fn log10<E: Engine>(e: &mut E, x: &E::Ring, range: Range, out_frac: u32) -> Result<E::Ring> {
    logarithm(e, x, range, std::f64::consts::LOG10_E, out_frac)
}

/// `factor` ln(x)
fn logarithm<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    range: Range,
    factor: f64,
    out_frac: u32,
) -> Result<E::Ring> {
    range.span(62)?;
    if out_frac > INNER {
        return Err(Error::Argument(format!("{out_frac} fractional bits: at most {INNER}")));
    }
    let inner = Fixed::new(INNER)?;
    let normal = Normal::<E>::of(e, x, range)?;
    let r = evaluate(e, &normal.u, &chebyshev_fit(|u| factor * mantissa(u).ln(), 9))?;
    let exponent = normal.exponent(|i| {
        let power = f64::from(i + 1) - f64::from(range.frac);
        inner.constant(power * std::f64::consts::LN_2 * factor)
    });
    let sum = r.add(&exponent);
    match INNER - out_frac {
        0 => Ok(sum),
        excess => e.truncate(&sum, excess),
    }
}

/// x y / 2^shift for a shift of either sign.
fn finish<E: Engine>(e: &mut E, x: &E::Ring, y: &E::Ring, shift: i64) -> Result<E::Ring> {
    match u32::try_from(shift) {
        Ok(0) => e.mul(x, y, 0),
        Ok(shift) if shift < 62 => e.mul(x, y, shift),
        Ok(_) => Ok(E::Ring::zeros(x.len())),
        Err(_) => Ok(e.mul(x, y, 0)?.scale(1 << (-shift).min(63))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    /// Powers of two, their neighbours and a spread of words in the range.
    fn sample(range: Range) -> Vec<u64> {
        let mut words = vec![];
        for j in range.low..range.high {
            let v = 1u64 << j;
            words.extend([v, v + 1, v + v / 3, v + v / 2, (2 * v - 1).max(v)]);
        }
        words.extend((0..20_000u64).map(|i| {
            let j = range.low + (i % u64::from(range.high - range.low)) as u32;
            (1 << j) + (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - j.max(1))) % (1 << j)
        }));
        words.retain(|w| (1 << range.low..1 << range.high).contains(w));
        words
    }

    /// The largest relative and absolute errors, the latter in units of the last place.
    fn errors(
        f: impl Fn(&mut Plain, &Words) -> Words,
        truth: impl Fn(f64) -> f64,
        range: Range,
        out_frac: u32,
        relative: f64,
    ) -> (f64, f64) {
        let words = sample(range);
        let got = f(&mut Plain::new(5), &Words(words.clone()));
        let (mut worst, mut excess) = (0f64, 0f64);
        for (v, y) in words.iter().zip(&got.0) {
            let t = truth(*v as f64 / f64::from(range.frac).exp2());
            let y = *y as i64 as f64 / f64::from(out_frac).exp2();
            worst = worst.max((y - t).abs() / t.abs().max(1e-300));
            excess = excess.max(((y - t).abs() - relative * t.abs()) * f64::from(out_frac).exp2());
        }
        (worst, excess)
    }

    #[test]
    fn reciprocals() {
        for (range, out) in [
            (Range { frac: 20, low: 8, high: 40 }, 28),
            (Range { frac: 20, low: 20, high: 42 }, 30),
            (Range::integers(1), 20),
            (Range::integers(20), 40),
            (Range::integers(32), 29),
            (Range { frac: 28, low: 18, high: 32 }, 20),
        ] {
            let f = |e: &mut Plain, x: &Words| reciprocal(e, x, range, out).unwrap();
            let (rel, ulp) = errors(f, |x| 1.0 / x, range, out, 3e-8);
            println!(
                "reciprocal {range:?} -> {out}: relative {rel:.1e}, beyond 3e-8: {ulp:.2} units"
            );
            assert!(ulp <= 1.01);
        }
    }

    #[test]
    fn roots() {
        for (range, out) in [
            (Range { frac: 20, low: 8, high: 40 }, 20),
            (Range { frac: 28, low: 8, high: 40 }, 20),
            (Range { frac: 27, low: 10, high: 30 }, 24),
            (Range::integers(30), 28),
            (Range { frac: 40, low: 0, high: 62 }, 30),
            (Range { frac: 56, low: 2, high: 58 }, 20),
        ] {
            let f = |e: &mut Plain, x: &Words| inv_sqrt(e, x, range, out).unwrap();
            let (rel, ulp) = errors(f, |x| x.powf(-0.5), range, out, 3e-8);
            println!(
                "inv_sqrt {range:?} -> {out}: relative {rel:.1e}, beyond 3e-8: {ulp:.2} units"
            );
            assert!(ulp <= 1.01);
        }
        for (range, out) in [
            (Range { frac: 20, low: 0, high: 42 }, 20),
            (Range { frac: 27, low: 10, high: 30 }, 28),
            (Range::integers(62), 20),
            (Range { frac: 40, low: 0, high: 62 }, 28),
            (Range { frac: 20, low: 4, high: 34 }, 24),
        ] {
            let f = |e: &mut Plain, x: &Words| sqrt(e, x, range, out).unwrap();
            let (rel, ulp) = errors(f, f64::sqrt, range, out, 3e-8);
            println!("sqrt {range:?} -> {out}: relative {rel:.1e}, beyond 3e-8: {ulp:.2} units");
            assert!(ulp <= 1.01);
            let zero = sqrt(&mut Plain::new(1), &Words(vec![0]), range, out).unwrap();
            assert!(zero.0[0] <= 1);
        }
    }

    #[test]
    fn logarithms() {
        for (range, out) in [
            (Range::integers(22), 28),
            (Range::integers(62), 20),
            (Range { frac: 20, low: 0, high: 40 }, 24),
            (Range { frac: 28, low: 3, high: 28 }, 20),
        ] {
            let f = |e: &mut Plain, x: &Words| ln(e, x, range, out).unwrap();
            let (_, ulp) = errors(f, f64::ln, range, out, 0.0);
            let error = ulp / f64::from(out).exp2();
            println!("ln {range:?} -> {out}: absolute {error:.1e}");
            assert!(error <= 6e-8 + 1.01 / f64::from(out).exp2());
            let f = |e: &mut Plain, x: &Words| log2(e, x, range, out).unwrap();
            let (_, ulp) = errors(f, f64::log2, range, out, 0.0);
            assert!(ulp / f64::from(out).exp2() <= 9e-8 + 1.01 / f64::from(out).exp2());
            let f = |e: &mut Plain, x: &Words| log10(e, x, range, out).unwrap();
            let (_, ulp) = errors(f, f64::log10, range, out, 0.0);
            assert!(ulp / f64::from(out).exp2() <= 3e-8 + 1.01 / f64::from(out).exp2());
        }
    }

    #[test]
    fn out_of_range_words_do_no_harm() {
        let range = Range { frac: 20, low: 10, high: 30 };
        let x = Words(vec![0, 1, 1023, 1 << 10]);
        let r = reciprocal(&mut Plain::new(3), &x, range, 20).unwrap();
        for y in &r.0[..3] {
            assert!(*y as i64 > 0 && *y < 1 << 32, "{}", *y as i64);
        }
        assert!(
            reciprocal(&mut Plain::new(3), &x, Range { frac: 0, low: 0, high: 40 }, 8).is_err()
        );
        assert!(ln(&mut Plain::new(3), &x, Range { frac: 0, low: 5, high: 5 }, 8).is_err());
    }

    proptest! {
        #[test]
        fn division(seed: u64, pairs in prop::collection::vec((-1000.0f64..1000.0, 0.01f64..2000.0), 1..30)) {
            let fixed = Fixed::default();
            let x = Words(pairs.iter().map(|p| fixed.constant(p.0)).collect());
            let y = Words(pairs.iter().map(|p| fixed.constant(p.1)).collect());
            let range = Range { frac: 20, low: 12, high: 31 };
            let q = divide(&mut Plain::new(seed), &x, &y, range, 24).unwrap();
            for ((q, x), y) in q.0.iter().zip(&x.0).zip(&y.0) {
                let (x, y) = (fixed.decode(*x), fixed.decode(*y));
                let bound = (x / y).abs() * 3e-8 + x.abs() * 6.1e-8 + 2.0 * fixed.ulp();
                prop_assert!((fixed.decode(*q) - x / y).abs() <= bound);
            }
        }
    }
}
