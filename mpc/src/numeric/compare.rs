//! Comparison and selection. All of it is exact.
//!
//! Values are ring elements of any common scale with |x - y| < 2^62, that is
//! |x|, |y| < 2^61 each. *Rounds* count calls of the engine: S is a sign test
//! or a test for zero, B a bit made a number, M a product without truncation.

use crate::engine::{BitShares, Engine, RingShares};
use privity_core::{Error, Result};

/// x < y. S.
pub fn less_than<E: Engine>(e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<E::Bits> {
    e.is_negative(&x.sub(y))
}

/// x >= y. S.
pub fn greater_equal<E: Engine>(e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<E::Bits> {
    let less = less_than(e, x, y)?;
    Ok(e.not(&less))
}

/// x = y. S.
pub fn equal<E: Engine>(e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<E::Bits> {
    e.is_zero(&x.sub(y))
}

/// x where the bit is set, y elsewhere. B + M.
pub fn select<E: Engine>(e: &mut E, bit: &E::Bits, x: &E::Ring, y: &E::Ring) -> Result<E::Ring> {
    let bit = e.bit_to_ring(bit)?;
    select_by(e, &bit, x, y)
}

/// y + b (x - y) for b that is 0 or 1 as a number: x where b is 1, else y. M.
pub fn select_by<E: Engine>(e: &mut E, b: &E::Ring, x: &E::Ring, y: &E::Ring) -> Result<E::Ring> {
    Ok(y.add(&e.mul(b, &x.sub(y), 0)?))
}

/// x = k for a public vector k. S.
pub fn equal_public<E: Engine>(e: &mut E, x: &E::Ring, k: &[u64]) -> Result<E::Bits> {
    let difference = x.sub(&e.public(k));
    e.is_zero(&difference)
}

/// low <= x <= high, element by element. S + an AND.
pub fn between<E: Engine>(
    e: &mut E,
    x: &E::Ring,
    low: &E::Ring,
    high: &E::Ring,
) -> Result<E::Bits> {
    let n = x.len();
    let outside = e.is_negative(&E::Ring::concat(&[&x.sub(low), &high.sub(x)]))?;
    let inside = e.not(&outside);
    e.and(&inside.slice(0..n), &inside.slice(n..2 * n))
}

/// The nearest of x to the public interval [low, high], as words. S + B + M.
pub fn clamp<E: Engine>(e: &mut E, x: &E::Ring, low: i64, high: i64) -> Result<E::Ring> {
    let n = x.len();
    if low > high {
        return Err(Error::Argument(format!("an interval from {low} to {high} is empty")));
    }
    let (under, over) =
        (x.sub(&e.public(&vec![low as u64; n])), e.public(&vec![high as u64; n]).sub(x));
    let both = E::Ring::concat(&[&under, &over]);
    let outside = e.is_negative(&both)?;
    let outside = e.bit_to_ring(&outside)?;
    let excess = e.mul(&outside, &both, 0)?;
    Ok(x.sub(&excess.slice(0..n)).add(&excess.slice(n..2 * n)))
}

/// -1, 0 or 1. S + B, on twice as many elements.
pub fn sign<E: Engine>(e: &mut E, x: &E::Ring) -> Result<E::Ring> {
    let n = x.len();
    let signs = e.is_negative(&E::Ring::concat(&[&x.neg(), x]))?;
    let signs = e.bit_to_ring(&signs)?;
    Ok(signs.slice(0..n).sub(&signs.slice(n..2 * n)))
}

/// |x|. S + B + M.
pub fn abs<E: Engine>(e: &mut E, x: &E::Ring) -> Result<E::Ring> {
    let negative = e.is_negative(x)?;
    select(e, &negative, &x.neg(), x)
}

/// The larger of x_i and y_i, element by element. S + B + M.
pub fn max<E: Engine>(e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<E::Ring> {
    let less = less_than(e, x, y)?;
    select(e, &less, y, x)
}

/// The smaller of x_i and y_i, element by element. S + B + M.
pub fn min<E: Engine>(e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<E::Ring> {
    let less = less_than(e, x, y)?;
    select(e, &less, x, y)
}

/// The largest element of a vector, as a vector of one; of nothing, nothing.
/// A tournament: n - 1 comparisons in ceil(log2 n) (S + B + M).
pub fn max_all<E: Engine>(e: &mut E, x: &E::Ring) -> Result<E::Ring> {
    let mut best = x.clone();
    while best.len() > 1 {
        let half = best.len() / 2;
        let winners = max(e, &best.slice(0..half), &best.slice(half..2 * half))?;
        best = E::Ring::concat(&[&winners, &best.slice(2 * half..best.len())]);
    }
    Ok(best)
}

/// The smallest element of a vector; see [`max_all`].
pub fn min_all<E: Engine>(e: &mut E, x: &E::Ring) -> Result<E::Ring> {
    Ok(max_all(e, &x.neg())?.neg())
}

/// The largest element and its index, each as a vector of one; among equals
/// the first. A tournament of neighbours: ceil(log2 n) (S + B + M). `x` must
/// not be empty.
pub fn argmax<E: Engine>(e: &mut E, x: &E::Ring) -> Result<(E::Ring, E::Ring)> {
    if x.is_empty() {
        return Err(Error::Argument("the largest of no elements".into()));
    }
    let indices: Vec<u64> = (0..x.len() as u64).collect();
    let (mut best, mut at) = (x.clone(), e.public(&indices));
    while best.len() > 1 {
        let n = best.len();
        let half = n / 2;
        let left: Vec<usize> = (0..half).map(|i| 2 * i).collect();
        let right: Vec<usize> = (0..half).map(|i| 2 * i + 1).collect();
        let (a, b) = (best.gather(&left), best.gather(&right));
        // strictly: the left one stays if they are equal
        let later = less_than(e, &a, &b)?;
        let later = e.bit_to_ring(&later)?.tile(2);
        let firsts = E::Ring::concat(&[&a, &at.gather(&left)]);
        let seconds = E::Ring::concat(&[&b, &at.gather(&right)]);
        let winners = select_by(e, &later, &seconds, &firsts)?;
        best = E::Ring::concat(&[&winners.slice(0..half), &best.slice(2 * half..n)]);
        at = E::Ring::concat(&[&winners.slice(half..2 * half), &at.slice(2 * half..n)]);
    }
    Ok((best, at))
}

/// The smallest element and its index; see [`argmax`].
pub fn argmin<E: Engine>(e: &mut E, x: &E::Ring) -> Result<(E::Ring, E::Ring)> {
    let (best, at) = argmax(e, &x.neg())?;
    Ok((best.neg(), at))
}

/// x or y = not (not x and not y). One AND.
pub fn or<E: Engine>(e: &mut E, x: &E::Bits, y: &E::Bits) -> Result<E::Bits> {
    let neither = e.and(&e.not(x), &e.not(y))?;
    Ok(e.not(&neither))
}

/// Whether all of the bits are set, as one bit; `bits` must not be empty.
/// ceil(log2 n) ANDs.
pub fn all<E: Engine>(e: &mut E, bits: &E::Bits) -> Result<E::Bits> {
    let mut left = bits.clone();
    while left.len() > 1 {
        let half = left.len() / 2;
        let both = e.and(&left.slice(0..half), &left.slice(half..2 * half))?;
        left = E::Bits::concat(&[&both, &left.slice(2 * half..left.len())]);
    }
    Ok(left)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Flags, Plain, Words};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn comparisons_are_exact(
            pairs in prop::collection::vec((-(1i64 << 61) + 1..1 << 61, -(1i64 << 61) + 1..1 << 61), 1..40),
            same: bool,
        ) {
            let e = &mut Plain::new(1);
            let x: Vec<i64> = pairs.iter().map(|p| p.0).collect();
            let y: Vec<i64> = pairs.iter().map(|p| if same { p.0 } else { p.1 }).collect();
            let words = |v: &[i64]| Words(v.iter().map(|&x| x as u64).collect());
            let (sx, sy) = (words(&x), words(&y));
            let zip = |f: fn(i64, i64) -> i64| words(&x.iter().zip(&y).map(|(a, b)| f(*a, *b)).collect::<Vec<_>>()).0;
            let test = |f: fn(i64, i64) -> bool| x.iter().zip(&y).map(|(a, b)| f(*a, *b)).collect::<Vec<_>>();
            prop_assert_eq!(less_than(e, &sx, &sy).unwrap().0, test(|a, b| a < b));
            prop_assert_eq!(greater_equal(e, &sx, &sy).unwrap().0, test(|a, b| a >= b));
            prop_assert_eq!(equal(e, &sx, &sy).unwrap().0, test(|a, b| a == b));
            prop_assert_eq!(max(e, &sx, &sy).unwrap().0, zip(i64::max));
            prop_assert_eq!(min(e, &sx, &sy).unwrap().0, zip(i64::min));
            prop_assert_eq!(abs(e, &sx).unwrap().0, words(&x.iter().map(|a| a.abs()).collect::<Vec<_>>()).0);
            prop_assert_eq!(max_all(e, &sx).unwrap().0, vec![*x.iter().max().unwrap() as u64]);
            prop_assert_eq!(min_all(e, &sx).unwrap().0, vec![*x.iter().min().unwrap() as u64]);
        }

        #[test]
        fn intervals_signs_and_places(
            x in prop::collection::vec(-20i64..20, 1..40),
            wide in prop::collection::vec(-(1i64 << 60)..1 << 60, 1..40),
            low in -25i64..25, width in 0i64..20,
        ) {
            let e = &mut Plain::new(3);
            let words = |v: &[i64]| Words(v.iter().map(|&x| x as u64).collect());
            let high = low + width;
            let sx = words(&x);
            let (l, h) = (words(&vec![low; x.len()]), words(&vec![high; x.len()]));
            let inside: Vec<bool> = x.iter().map(|x| (low..=high).contains(x)).collect();
            prop_assert_eq!(between(e, &sx, &l, &h).unwrap().0, inside);
            let is_low: Vec<bool> = x.iter().map(|&x| x == low).collect();
            prop_assert_eq!(equal_public(e, &sx, &l.0).unwrap().0, is_low);
            let clamped: Vec<i64> = x.iter().map(|&x| x.clamp(low, high)).collect();
            prop_assert_eq!(clamp(e, &sx, low, high).unwrap().0, words(&clamped).0);
            prop_assert!(clamp(e, &sx, high + 1, high).is_err());
            for x in [x, wide] {
                let sx = words(&x);
                let signs: Vec<i64> = x.iter().map(|x| x.signum()).collect();
                prop_assert_eq!(sign(e, &sx).unwrap().0, words(&signs).0);
                let (top, at) = argmax(e, &sx).unwrap();
                let best = *x.iter().max().unwrap();
                prop_assert_eq!(top.0[0] as i64, best);
                prop_assert_eq!(at.0[0] as usize, x.iter().position(|&x| x == best).unwrap());
                let (low, at) = argmin(e, &sx).unwrap();
                let best = *x.iter().min().unwrap();
                prop_assert_eq!(low.0[0] as i64, best);
                prop_assert_eq!(at.0[0] as usize, x.iter().position(|&x| x == best).unwrap());
            }
            prop_assert!(argmax(e, &Words(vec![])).is_err());
        }

        #[test]
        fn bits_are_combined(bits in prop::collection::vec(any::<(bool, bool)>(), 1..70)) {
            let e = &mut Plain::new(2);
            let x = Flags(bits.iter().map(|b| b.0).collect());
            let y = Flags(bits.iter().map(|b| b.1).collect());
            let either: Vec<bool> = bits.iter().map(|b| b.0 | b.1).collect();
            prop_assert_eq!(or(e, &x, &y).unwrap().0, either);
            prop_assert_eq!(all(e, &x).unwrap().0, vec![bits.iter().all(|b| b.0)]);
        }
    }
}
