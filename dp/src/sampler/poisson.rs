//! The Poisson and Skellam distributions.

use super::{
    Source,
    enclosure::{Inverse, PoissonWeights},
};
use crate::{Error, Ratio, Result};
use rand::CryptoRng;

/// The largest mean of one table.
const PART: u64 = 64;

/// 0, 1, 2, ... with probability \\( e^{-\lambda} \lambda^k / k! \\).
///
/// The sum of independent Poisson variables of mean 64 and one of the rest, each by the
/// place of a uniform number among the cumulative probabilities, with as many bits as the
/// comparison needs: exact. Work grows with lambda: about 5 ns for each 64.
#[derive(Clone, Debug)]
pub struct Poisson {
    lambda: Ratio,
    /// How many variables of mean 64.
    parts: u64,
    part: Option<Inverse<PoissonWeights>>,
    rest: Option<Inverse<PoissonWeights>>,
}

impl Poisson {
    /// With this mean, from 2^-40 to 2^40.
    pub fn new(lambda: Ratio) -> Result<Self> {
        let (n, d) = (lambda.numerator(), lambda.denominator());
        if n >> 40 > d || (n >> 40 == d && n & ((1 << 40) - 1) > 0) || d >> 40 > n {
            return Err(Error::Parameter {
                what: "mean of the Poisson distribution",
                rule: "it must be from 2^-40 to 2^40",
            });
        }
        let parts = n / d / PART;
        // n >= parts 64 d, so nothing overflows.
        let rest = n - parts * PART * d;
        let table = |lambda| Inverse::new(PoissonWeights(lambda));
        Ok(Self {
            lambda,
            parts,
            part: (parts > 0).then(|| table(Ratio::new(PART, 1)?)).transpose()?,
            rest: (rest > 0).then(|| table(Ratio::new(rest, d)?)).transpose()?,
        })
    }

    /// The mean.
    pub fn lambda(&self) -> Ratio {
        self.lambda
    }

    /// One draw.
    pub fn sample<R: CryptoRng>(&self, source: &mut Source<R>) -> u64 {
        let mut sum = 0u64;
        if let Some(part) = &self.part {
            for _ in 0..self.parts {
                sum = sum.wrapping_add(part.sample(source));
            }
        }
        sum.wrapping_add(self.rest.as_ref().map_or(0, |rest| rest.sample(source)))
    }
}

/// The difference of two independent Poisson variables of mean mu each: variance 2 mu.
///
/// Sums of independent Skellam variables are Skellam variables, and their mu add up:
/// noise of several parties adds up to noise of one known law.
#[derive(Clone, Debug)]
pub struct Skellam {
    poisson: Poisson,
}

impl Skellam {
    /// With this mu, from 2^-40 to 2^40.
    pub fn new(mu: Ratio) -> Result<Self> {
        Ok(Self { poisson: Poisson::new(mu)? })
    }

    /// The mean of each of the two Poisson variables.
    pub fn mu(&self) -> Ratio {
        self.poisson.lambda
    }

    /// One draw. Its words cannot overflow: 2^62 is 2^21 standard deviations away.
    pub fn sample<R: CryptoRng>(&self, source: &mut Source<R>) -> i64 {
        let (plus, minus) = (self.poisson.sample(source), self.poisson.sample(source));
        plus.wrapping_sub(minus) as i64
    }

    /// Fills a slice with independent draws.
    pub fn fill<R: CryptoRng>(&self, source: &mut Source<R>, out: &mut [i64]) {
        out.iter_mut().for_each(|x| *x = self.sample(source));
    }
}
