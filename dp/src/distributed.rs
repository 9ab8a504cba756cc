//! Noise that several parties make together, so that no one of them could take it off.
//!
//! **Model.** n parties add noise of their own to a sum that is then opened to all of
//! them. At most t of them are *known*: they collude, leave before they have added their
//! share, add nothing, or, being recipients, subtract their own share from what they see.
//! The shares of the other n - t >= 1 parties are what protects. A party that adds more or
//! something else than it should spoils the result and not the privacy of the others.
//!
//! **Equations.** Party i draws \\(Z_i \sim \mathrm{Skellam}(\mu / (n - t))\\), the
//! difference of two Poisson variables of that mean. Sums of independent Poisson variables
//! are Poisson variables, so any n - t shares add up to
//!
//! \\[ \sum_{i \text{ unknown}} Z_i \sim \mathrm{Skellam}(\mu) \qquad (1) \\]
//!
//! exactly, and further honest shares only add independent noise, which is post-processing.
//! What the recipients learn beyond the known shares is the sum plus (1): its loss is that
//! of Skellam noise with parameter mu, computed from its own mass function
//! (Agarwal, Kairouz, Liu, "The Skellam Mechanism for Differentially Private Federated
//! Learning", NeurIPS 2021, has the law; the sum property is theirs in section 1).
//!
//! **Cost.** The variance of the released sum is \\(2 \mu n / (n - t)\\) instead of
//! \\(2 \mu\\): three parties of which one knows its own share pay a factor 1.5 in
//! variance, two parties a factor 2. [`joint`] noise has no such cost where an engine can
//! draw secret bits: nobody knows any of it.
//!
//! **Modulus.** Shares are added modulo 2^64 and read as signed words. Noise reaches 2^62
//! with a probability below 2^-1000 for mu up to 2^40, so a sum below 2^62 does not wrap;
//! a wrap would cost accuracy, not privacy.
//!
//! [`joint`]: JointBinomial

use crate::{
    Error, Ratio, Result,
    sampler::{Skellam, Source},
};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// One party's part of noise that adds up to at least Skellam(mu).
#[derive(Clone, Debug)]
pub struct SkellamShares {
    mu: Ratio,
    parties: u32,
    known: u32,
    share: Skellam,
}

impl SkellamShares {
    /// Noise of `parties` parties that protects with parameter `mu` though `known` of the
    /// shares are known or missing.
    pub fn new(mu: Ratio, parties: u32, known: u32) -> Result<Self> {
        if known >= parties {
            return Err(Error::Parameter {
                what: "known shares of distributed noise",
                rule: "they must be fewer than the parties: somebody's noise must stay unknown",
            });
        }
        let unknown = u64::from(parties - known);
        let too_fine = Error::Parameter {
            what: "mu of distributed noise",
            rule: "times the number of parties it must fit 64 bits: round it up",
        };
        let denominator = mu.denominator().checked_mul(unknown).ok_or(too_fine)?;
        let share = Skellam::new(Ratio::new(mu.numerator(), denominator)?)?;
        Ok(Self { mu, parties, known, share })
    }

    /// The parameter of the noise that stays unknown: what an accountant is told.
    pub fn mu(&self) -> Ratio {
        self.mu
    }

    /// The variance of all shares together: what accuracy follows from.
    pub fn variance(&self) -> f64 {
        let (n, unknown) = (f64::from(self.parties), f64::from(self.parties - self.known));
        2.0 * self.mu.to_f64() * n / unknown
    }

    /// This party's shares for `len` sums, as words modulo 2^64. Nobody else may see them.
    pub fn draw<R: CryptoRng>(&self, len: usize, source: &mut Source<R>) -> Zeroizing<Vec<u64>> {
        Zeroizing::new((0..len).map(|_| self.share.sample(source) as u64).collect())
    }
}

/// Noise out of secret bits that nobody knows, not even the parties that hold shares of
/// them: for each sum the number of ones among N uniform bits, less N / 2. It follows
/// Binomial(N, 1/2) - N / 2, of variance N / 4.
///
/// An engine draws the bits so that each is uniform given everything that the parties it
/// tolerates know: as the exclusive or of bits of all parties, or of keys that are each
/// missing at one party.
///
/// The law ends at N / 2 on both sides. What a shift by the sensitivity moves beyond the
/// end has a probability below 2^-N times a polynomial, and an accountant that works with
/// the mass function charges it to delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JointBinomial {
    trials: u64,
}

impl JointBinomial {
    /// With this even number of bits per sum, up to 2^40.
    pub fn new(trials: u64) -> Result<Self> {
        if trials == 0 || trials % 2 == 1 || trials > 1 << 40 {
            return Err(Error::Parameter {
                what: "trials of jointly sampled binomial noise",
                rule: "they must be an even number from 2 to 2^40",
            });
        }
        Ok(Self { trials })
    }

    /// Bits per sum.
    pub fn trials(&self) -> u64 {
        self.trials
    }

    /// The mean of the number of ones, to be subtracted from it.
    pub fn center(&self) -> u64 {
        self.trials / 2
    }

    /// The variance.
    pub fn variance(&self) -> f64 {
        self.trials as f64 / 4.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    /// The sum of what the unknown parties add has the variance of Skellam(mu), whoever
    /// the known ones are, and that of all parties the stated one. Five standard errors
    /// (kurtosis of a Skellam variable: 3 + 1 / variance): a false alarm in 2 million.
    #[test]
    fn shares_add_up_to_the_law() {
        for (seed, (parties, known)) in [(2, 1), (3, 1), (3, 0), (5, 3)].into_iter().enumerate() {
            let noise = SkellamShares::new(Ratio::new(25, 2).unwrap(), parties, known).unwrap();
            let source = &mut Source::new(StdRng::seed_from_u64(seed as u64));
            let n = 100_000;
            let shares: Vec<_> = (0..parties).map(|_| noise.draw(n, source)).collect();
            let variance = |from: u32| {
                let sum = |i: usize| {
                    let all = shares[from as usize..].iter();
                    all.fold(0u64, |sum, share| sum.wrapping_add(share[i])) as i64 as f64
                };
                (0..n).map(|i| sum(i).powi(2)).sum::<f64>() / n as f64
            };
            for (seen, expected) in [(variance(known), 25.0), (variance(0), noise.variance())] {
                let error = expected * ((2.0 + 1.0 / expected) / n as f64).sqrt();
                assert!((seen - expected).abs() < 5.0 * error, "seed {seed}: {seen} {expected}");
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        let one = Ratio::new(1, 1).unwrap();
        assert!(SkellamShares::new(one, 3, 3).is_err() && SkellamShares::new(one, 0, 0).is_err());
        assert!(SkellamShares::new(Ratio::new(u64::MAX - 1, u64::MAX).unwrap(), 3, 1).is_err());
        assert!([0, 3, 1 << 41].into_iter().all(|n| JointBinomial::new(n).is_err()));
        let joint = JointBinomial::new(100).unwrap();
        assert_eq!((joint.center(), joint.variance()), (50, 25.0));
    }
}
