//! Exact integer division by public numbers, floor and rounding.
//!
//! A truncation or a product with a rounded reciprocal is off by a unit. Here
//! the remainder, which is exact, tells by how much, and is compared:
//!
//! (1)  x = q d + r,  0 <= r < d
//!
//! For wide words the quotient is found in steps of about 58 bits: with
//! M = floor(2^k / d), k = 59 + bits(d),
//!
//! (2)  q' = floor(x / 2^s) M / 2^(k - s),
//!      |q' - x / d| < |x| 2^-k + 2^s / d + 1,
//!
//! then the remainder x - q' d takes the place of x until it is within two d.

use crate::engine::{Engine, MAX_BITS, RingShares, WIDE_MAX_BITS};
use privity_core::{Error, Result};

/// Divisors are below this power of two, so that remainders can be compared.
pub const DIVISOR_BITS: u32 = 59;

/// floor(x / 2^bits), exactly, for |x| < 2^62 and 1 <= bits < 61: rounds
/// towards minus infinity. A truncation, a sign test, a bit to number.
pub fn floor<E: Engine>(e: &mut E, x: &E::Ring, bits: u32) -> Result<E::Ring> {
    if !(1..MAX_BITS - 1).contains(&bits) {
        return Err(Error::Argument(format!("floor cuts 1 to 60 bits, not {bits}")));
    }
    let q = e.truncate(x, bits)?;
    let rest = x.sub(&q.scale(1 << bits));
    let over = e.is_negative(&rest)?;
    Ok(q.sub(&e.bit_to_ring(&over)?))
}

/// ceil(x / 2^bits); see [`floor`].
pub fn ceil<E: Engine>(e: &mut E, x: &E::Ring, bits: u32) -> Result<E::Ring> {
    Ok(floor(e, &x.neg(), bits)?.neg())
}

/// x / 2^bits rounded to the nearest integer, halves upwards, for
/// |x| < 2^62 - 2^(bits - 1); see [`floor`].
pub fn round<E: Engine>(e: &mut E, x: &E::Ring, bits: u32) -> Result<E::Ring> {
    if !(1..MAX_BITS - 1).contains(&bits) {
        return Err(Error::Argument(format!("rounding cuts 1 to 60 bits, not {bits}")));
    }
    floor(e, &e.add_public(x, &vec![1 << (bits - 1); x.len()]), bits)
}

/// floor(x / d) for words |x| <= `bound` < 2^62 and a public 1 <= d < 2^59,
/// exactly. While 2 log2(bound) - log2(d) is below 60: a truncation, a sign
/// test, a bit to number; above, by way of wide words.
pub fn divide_floor<E: Engine>(e: &mut E, x: &E::Ring, d: u64, bound: u64) -> Result<E::Ring> {
    check_divisor(d)?;
    let (b, m) = (bits(bound.into()), bits(d.into()));
    fits("a dividend", bound.into(), MAX_BITS)?;
    if d == 1 {
        return Ok(x.clone());
    }
    // M = floor(2^k / d) with k = b: |x| M / 2^k is within 1 of |x| / d.
    if b > 0 && 2 * b + 1 - m.min(2 * b) < MAX_BITS {
        let q = e.truncate(&x.scale((1 << b) / d), b)?;
        let rest = x.sub(&q.scale(d));
        return Ok(q.add(&correction(e, &rest, d)?));
    }
    let wide = e.widen(x)?;
    let q = divide_floor_wide(e, &wide, d, bound.into())?;
    Ok(e.narrow(&q))
}

/// floor(x / d) for wide words |x| <= `bound` < 2^124 and a public
/// 1 <= d < 2^59, exactly. At most three times a wide truncation or two, then
/// a sign test, a bit to number and a widening.
pub fn divide_floor_wide<E: Engine>(
    e: &mut E,
    x: &E::Wide,
    d: u64,
    bound: u128,
) -> Result<E::Wide> {
    check_divisor(d)?;
    fits("a dividend", bound, WIDE_MAX_BITS)?;
    if d == 1 {
        return Ok(x.clone());
    }
    let k = DIVISOR_BITS + bits(d.into());
    let inverse = (1u128 << k) / u128::from(d);
    let (mut q, mut rest, mut bound) = (E::Wide::zeros(x.len()), x.clone(), bound);
    while bound >= 2 * u128::from(d) {
        // (2)
        let s = bits(bound).saturating_sub(MAX_BITS);
        let part = if s == 0 { rest.clone() } else { e.truncate_wide(&rest, s)? };
        let product = part.scale(inverse);
        let step = match k.checked_sub(s) {
            Some(0) => product,
            Some(cut) => e.truncate_wide(&product, cut)?,
            None => product.scale(1 << (s - k)),
        };
        q = q.add(&step);
        rest = rest.sub(&step.scale(d.into()));
        let coarse = if s == 0 { 0 } else { (1u128 << s) / u128::from(d) + 1 };
        // |rest| < d (|x| 2^-k + coarse + 1), of which the first is below 1
        // from the second step on.
        let far = bound >> k;
        bound = if s == 0 && far == 0 {
            2 * u128::from(d) - 1
        } else {
            (far + 1 + coarse + 1).saturating_mul(d.into()).min(bound)
        };
    }
    let rest = e.narrow(&rest);
    let correction = correction(e, &rest, d)?;
    Ok(q.add(&e.widen(&correction)?))
}

/// x / d rounded to the nearest integer, halves upwards; see
/// [`divide_floor_wide`].
pub fn divide_round_wide<E: Engine>(
    e: &mut E,
    x: &E::Wide,
    d: u64,
    bound: u128,
) -> Result<E::Wide> {
    let half = u128::from(d / 2);
    let shifted = x.add(&e.public_wide(&vec![half; x.len()]));
    divide_floor_wide(e, &shifted, d, bound.saturating_add(half))
}

/// floor(r / d) for |r| < 2 d: -2 + [r >= -d] + [r >= 0] + [r >= d].
fn correction<E: Engine>(e: &mut E, r: &E::Ring, d: u64) -> Result<E::Ring> {
    let n = r.len();
    let shift = |k: u64| vec![k; n];
    let all = E::Ring::concat(&[
        &e.add_public(r, &shift(d)),
        r,
        &e.add_public(r, &shift(d.wrapping_neg())),
    ]);
    let below = e.is_negative(&all)?;
    let below = e.bit_to_ring(&below)?;
    let count = below.slice(0..n).add(&below.slice(n..2 * n)).add(&below.slice(2 * n..3 * n));
    // three tests, of which `count` failed
    Ok(e.add_public(&count.neg(), &vec![1; n]))
}

fn check_divisor(d: u64) -> Result<()> {
    if d == 0 || d >> DIVISOR_BITS != 0 {
        return Err(Error::Argument(format!("a public divisor of {d}: 1 to 2^59 - 1")));
    }
    Ok(())
}

/// The least b with x < 2^b.
pub(crate) fn bits(x: u128) -> u32 {
    u128::BITS - x.leading_zeros()
}

/// Refuses what could reach 2^`limit`.
pub(crate) fn fits(operation: &'static str, bound: u128, limit: u32) -> Result<()> {
    match bits(bound) {
        bits if bits > limit => Err(Error::Overflow { operation, bits, limit }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        laws::numbers,
        plain::{Plain, Words},
    };
    use proptest::prelude::*;

    fn divisor() -> impl Strategy<Value = u64> {
        prop_oneof![
            1u64..20,
            (0u32..59).prop_map(|j| 1 << j),
            (1u32..59).prop_flat_map(|j| 1u64..1 << j),
            Just((1 << 59) - 1)
        ]
    }

    proptest! {
        #[test]
        fn floors(seed: u64, bits in 1u32..61) {
            let e = &mut Plain::new(seed);
            let x = numbers(seed, 60, 62);
            let half: Vec<u64> = numbers(seed, 60, 61);
            let floored = floor(e, &Words(x.clone()), bits).unwrap();
            let ceiled = ceil(e, &Words(x.clone()), bits).unwrap();
            let rounded = round(e, &Words(half.clone()), bits).unwrap();
            for i in 0..x.len() {
                let v = x[i] as i64;
                prop_assert_eq!(floored.0[i] as i64, v >> bits);
                prop_assert_eq!(ceiled.0[i] as i64, -(-v >> bits));
                prop_assert_eq!(rounded.0[i] as i64, (half[i] as i64 + (1 << (bits - 1))) >> bits);
            }
        }

        #[test]
        fn division_is_exact(seed: u64, d in divisor(), width in 1u32..=62) {
            let e = &mut Plain::new(seed);
            let mut x = numbers(seed, 60, width);
            for (i, x) in x.iter_mut().enumerate().take(6) {
                let multiple = (*x as i64 / d as i64).wrapping_mul(d as i64) + i as i64 % 3 - 1;
                if multiple.unsigned_abs() < 1 << width {
                    *x = multiple as u64;
                }
            }
            let q = divide_floor(e, &Words(x.clone()), d, (1 << width) - 1).unwrap();
            for (q, x) in q.0.iter().zip(&x) {
                prop_assert_eq!(*q as i64, (*x as i64).div_euclid(d as i64), "{} / {}", *x as i64, d);
            }
        }

        #[test]
        fn wide_division_is_exact(seed: u64, d in divisor(), width in 1u32..=124) {
            let e = &mut Plain::new(seed);
            let x: Vec<i128> = numbers(seed, 60, 62).iter().zip(numbers(!seed, 60, 61))
                .map(|(h, l)| {
                    let wide = i128::from(*h as i64) << 62 | i128::from(l);
                    wide >> (124 - width)
                })
                .map(|x| x.clamp(-(1 << width) + 1, (1 << width) - 1))
                .collect();
            let words = Words(x.iter().map(|&x| x as u128).collect());
            let q = divide_floor_wide(e, &words, d, (1 << width) - 1).unwrap();
            for (q, x) in q.0.iter().zip(&x) {
                prop_assert_eq!(*q as i128, x.div_euclid(d.into()), "{} / {}", x, d);
            }
            if width < 124 {
                let q = divide_round_wide(e, &words, d, (1 << width) - 1).unwrap();
                for (q, x) in q.0.iter().zip(&x) {
                    prop_assert_eq!(*q as i128, (x + i128::from(d / 2)).div_euclid(d.into()));
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let e = &mut Plain::new(1);
        let x = Words(vec![1u64]);
        assert!(matches!(divide_floor(e, &x, 3, 1 << 62), Err(Error::Overflow { .. })));
        assert!(divide_floor(e, &x, 0, 5).is_err() && divide_floor(e, &x, 1 << 59, 5).is_err());
        let x = Words(vec![1u128]);
        assert!(matches!(divide_floor_wide(e, &x, 3, 1 << 124), Err(Error::Overflow { .. })));
        assert!(floor(e, &Words(vec![1u64]), 61).is_err());
    }
}
