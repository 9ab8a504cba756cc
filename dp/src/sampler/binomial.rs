//! The binomial distribution.

use super::Source;
use crate::{Error, Ratio, Result};
use rand::CryptoRng;

/// How many of n coins of probability p show 1.
///
/// Each coin is a uniform number below p; the numbers are drawn 64 at a time, from their
/// first bit on, until all differ from p: exact. For p = 1/2 one bit is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binomial {
    trials: u64,
    p: Ratio,
}

impl Binomial {
    /// For up to 2^40 coins and p up to 1.
    pub fn new(trials: u64, p: Ratio) -> Result<Self> {
        if trials > 1 << 40 {
            return Err(Error::Parameter {
                what: "trials of the binomial distribution",
                rule: "at most 2^40 are possible",
            });
        }
        if p.numerator() > p.denominator() {
            return Err(Error::Parameter {
                what: "probability of the binomial distribution",
                rule: "it must be at most 1",
            });
        }
        Ok(Self { trials, p })
    }

    /// One draw.
    pub fn sample<R: CryptoRng>(&self, source: &mut Source<R>) -> u64 {
        let mut ones = 0u64;
        for _ in 0..self.trials / 64 {
            ones += u64::from(self.coins(source).count_ones());
        }
        let mask = (1u64 << (self.trials % 64)) - 1;
        if mask != 0 {
            ones += u64::from((self.coins(source) & mask).count_ones());
        }
        ones
    }

    /// 64 coins.
    fn coins<R: CryptoRng>(&self, source: &mut Source<R>) -> u64 {
        let (mut rest, d) = (u128::from(self.p.numerator()), u128::from(self.p.denominator()));
        if rest == d {
            return u64::MAX;
        }
        let (mut below, mut open) = (0, u64::MAX);
        // Numbers that agree with p in all its bits are not below it.
        while open != 0 && rest != 0 {
            // The next bit of p, by long division.
            rest *= 2;
            let word = source.word();
            if rest >= d {
                rest -= d;
                below |= open & !word;
                open &= word;
            } else {
                open &= !word;
            }
        }
        below
    }
}
