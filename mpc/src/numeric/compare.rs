//! Comparison and selection. All of it is exact.
//!
//! Values are ring elements of any common scale with |x - y| < 2^62, that is
//! |x|, |y| < 2^61 each. *Rounds* count calls of the engine: S is a sign test
//! or a test for zero, B a bit made a number, M a product without truncation.

use crate::engine::{BitShares, Engine, RingShares};
use privity_core::Result;

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
