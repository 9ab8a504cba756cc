//! Coins with a rational probability, and with one of exp(-p/q).

use super::Source;
use dashu_int::UBig;
use rand::CryptoRng;

/// 1 with probability p/q, for p <= q and q > 0; certain for p >= q.
pub fn bernoulli<R: CryptoRng>(source: &mut Source<R>, p: u64, q: u64) -> bool {
    source.below(q) < p
}

/// 1 with probability exp(-p/q), for q > 0.
///
/// CKS20, algorithm 1: for p <= q, coins of p/q, p/2q, p/3q ... are thrown as long as they
/// show 1; with probability exp(-p/q) the number of throws is odd, as
/// \\(1 - \gamma + \gamma^2/2! - \dots\\) shows. For p > q, coins of exp(-1) first.
pub fn bernoulli_exp<R: CryptoRng>(source: &mut Source<R>, p: u128, q: u128) -> bool {
    // Divisions and products of 64 bits where they do.
    if let (Ok(p), Ok(q)) = (u64::try_from(p), u64::try_from(q)) {
        return (0..p / q).all(|_| inverse_e(source)) && fraction(source, p % q, q);
    }
    let (whole, rest) = (p / q, p % q);
    let mut i = 0;
    while i < whole {
        if !inverse_e(source) {
            return false;
        }
        i += 1;
    }
    fraction_wide(source, rest, q)
}

/// 1 with probability exp(-1): as [`fraction`] for p = q, without the first coin, which is
/// certain.
fn inverse_e<R: CryptoRng>(source: &mut Source<R>) -> bool {
    if !source.bit() {
        return false;
    }
    let mut k = 3;
    while source.below(k) == 0 {
        k += 1;
    }
    k % 2 == 1
}

/// 1 with probability exp(-p/q), p <= q.
fn fraction<R: CryptoRng>(source: &mut Source<R>, p: u64, q: u64) -> bool {
    let mut k = 1;
    loop {
        // A coin of p/(q k): at once where that fits, else as two coins.
        let shows = match q.checked_mul(k) {
            Some(bound) => source.below(bound) < p,
            None => source.below(k) == 0 && source.below(q) < p,
        };
        if !shows {
            return k % 2 == 1;
        }
        k += 1;
    }
}

/// The same where 64 bits do not do.
fn fraction_wide<R: CryptoRng>(source: &mut Source<R>, p: u128, q: u128) -> bool {
    let mut k = 1u128;
    loop {
        // A coin of p/(q k): at once where that fits, else as two coins.
        let shows = match q.checked_mul(k) {
            Some(bound) => source.below_wide(bound) < p,
            None => source.below_wide(k) == 0 && source.below_wide(q) < p,
        };
        if !shows {
            return k % 2 == 1;
        }
        k += 1;
    }
}

/// The same for numbers of any size.
pub(super) fn bernoulli_exp_big<R: CryptoRng>(source: &mut Source<R>, p: &UBig, q: &UBig) -> bool {
    let whole = p / q;
    let rest = p - &whole * q;
    let mut i = UBig::ZERO;
    while i < whole {
        if !inverse_e(source) {
            return false;
        }
        i += UBig::ONE;
    }
    let mut k = 1u64;
    loop {
        if source.below_big(&(q * UBig::from(k))) >= rest {
            return k % 2 == 1;
        }
        k += 1;
    }
}

/// The number of ones of coins of exp(-1) before the first zero.
pub fn geometric_exp<R: CryptoRng>(source: &mut Source<R>) -> u64 {
    let mut v = 0;
    while inverse_e(source) {
        v += 1;
    }
    v
}
