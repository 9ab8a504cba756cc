//! Noise that several parties make together, so that no one of them could take it off.
//!
//! **Model.** n parties add noise of their own to a sum that is then opened to all of
//! them. At most t of them are *known*: they collude, leave before they have added their
//! share, add nothing, or, being recipients, subtract their own share from what they see.
//! The shares of the other n - t >= 1 parties are what protects. A party that adds more or
//! something else than it should spoils the result and not the privacy of the others.
//!
//! **Equations.** With m = n - t, the shares of any m parties add up exactly to one draw of
//! a law that is *infinitely divisible*:
//!
//! - Skellam: \\(Z_i \sim \mathrm{Skellam}(\mu / m)\\), the difference of two Poisson
//!   variables of that mean, add up to \\(\mathrm{Skellam}(\mu)\\), since sums of Poisson
//!   variables are Poisson variables (Agarwal, Kairouz, Liu, "The Skellam Mechanism for
//!   Differentially Private Federated Learning", NeurIPS 2021).
//! - Discrete Laplace: \\(Z_i\\), the difference of two negative binomial variables of order
//!   1/m, add up to the discrete Laplace distribution of the same scale, since negative
//!   binomial variables of order 1 in total add up to a geometric one (Goryczka, Xiong, "A
//!   Comprehensive Comparison of Multiparty Secure Additions with Differential Privacy",
//!   IEEE TDSC 2017, section 4, has the principle).
//!
//! Further honest shares only add independent noise, which is post-processing. What the
//! recipients learn beyond the known shares is the sum plus one draw of the law: its loss is
//! computed from the law's own mass function.
//!
//! **Cost.** The variance of the released sum is n / m times that of the law: three parties
//! of which one knows its own share pay a factor 1.5, two parties a factor 2.
//! [`JointBinomial`] noise has no such cost where an engine can draw secret bits: nobody
//! knows any of it.
//!
//! **Modulus.** Shares are added modulo 2^64 and read as signed words. Noise reaches 2^62
//! with a probability below 2^-1000, so a sum below 2^62 does not wrap; a wrap would cost
//! accuracy, not privacy.

use crate::{
    Error, Ratio, Result,
    accounting::Event,
    sampler::{DiscreteLaplace, Skellam, Source},
};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// A law that shares can add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// The difference of two Poisson variables of this mean each.
    Skellam {
        /// The mean, up to 2^40; half the variance.
        mu: Ratio,
    },
    /// The discrete Laplace distribution.
    Laplace {
        /// Its scale, from 2^-40 to 2^20: the work of a draw grows with it.
        scale: Ratio,
    },
}

impl Law {
    /// Its variance.
    pub fn variance(self) -> f64 {
        match self {
            Law::Skellam { mu } => 2.0 * mu.to_f64(),
            Law::Laplace { scale } => {
                // 2 q / (1 - q)^2
                let inverse = 1.0 / scale.to_f64();
                2.0 * (-inverse).exp() / (-(-inverse).exp_m1()).powi(2)
            }
        }
    }

    /// What an accountant is told of one draw, on a sum that changes by this much.
    pub fn event(self, sensitivity: u64) -> Event {
        match self {
            // Rounded down: less noise is a larger loss.
            Law::Skellam { mu } => {
                Event::Skellam { mu: mu.to_f64() * (1.0 - f64::EPSILON), sensitivity }
            }
            Law::Laplace { scale } => Event::DiscreteLaplace { scale, sensitivity },
        }
    }
}

/// How many times the variance of a law the shares of all parties have together, if those of
/// all but `known` are enough: n / (n - t).
pub fn excess(parties: u32, known: u32) -> f64 {
    f64::from(parties) / f64::from(parties.saturating_sub(known))
}

/// One party's part of noise that adds up to at least one draw of a law.
#[derive(Clone, Debug)]
pub struct Shares {
    law: Law,
    parties: u32,
    known: u32,
    share: Share,
}

#[derive(Clone, Debug)]
enum Share {
    Skellam(Skellam),
    Laplace(DiscreteLaplace),
}

impl Shares {
    /// Noise of `parties` parties that protects like one draw of `law` though `known` of
    /// the shares are known or missing.
    pub fn new(law: Law, parties: u32, known: u32) -> Result<Self> {
        if known >= parties {
            return Err(Error::Parameter {
                what: "known shares of distributed noise",
                rule: "they must be fewer than the parties: somebody's noise must stay unknown",
            });
        }
        let share = match law {
            Law::Skellam { mu } => {
                let too_fine = Error::Parameter {
                    what: "mu of distributed noise",
                    rule: "its denominator times the number of parties must fit 64 bits: round it \
                           up",
                };
                let unknown = u64::from(parties - known);
                let denominator = mu.denominator().checked_mul(unknown).ok_or(too_fine)?;
                Share::Skellam(Skellam::new(Ratio::new(mu.numerator(), denominator)?)?)
            }
            Law::Laplace { scale } => {
                if scale.numerator() >> 20 > scale.denominator() {
                    return Err(Error::Parameter {
                        what: "scale of distributed noise",
                        rule: "at most 2^20 is possible: use Skellam noise",
                    });
                }
                Share::Laplace(DiscreteLaplace::new(scale)?)
            }
        };
        Ok(Self { law, parties, known, share })
    }

    /// The law of the noise that stays unknown: what an accountant is told.
    pub fn law(&self) -> Law {
        self.law
    }

    /// The variance of all shares together: what accuracy follows from.
    pub fn variance(&self) -> f64 {
        self.law.variance() * excess(self.parties, self.known)
    }

    /// This party's shares for `len` sums, as words modulo 2^64. Nobody else may see them.
    pub fn draw<R: CryptoRng>(&self, len: usize, source: &mut Source<R>) -> Zeroizing<Vec<u64>> {
        let parts = self.parties - self.known;
        let one = |_| match &self.share {
            Share::Skellam(skellam) => skellam.sample(source) as u64,
            Share::Laplace(laplace) => laplace.sample_share(parts, source) as u64,
        };
        Zeroizing::new((0..len).map(one).collect())
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

    /// The sum of what the unknown parties add has the variance of the law, and that of all
    /// parties the stated one. Five standard errors (excess kurtosis: 1 / variance of a
    /// Skellam variable, 3 + 1 / variance of a discrete Laplace one): a false alarm in 2
    /// million.
    #[test]
    fn shares_add_up_to_the_variance() {
        let ratio = |n, d| Ratio::new(n, d).unwrap();
        let laws =
            [(Law::Skellam { mu: ratio(25, 2) }, 0.0), (Law::Laplace { scale: ratio(7, 2) }, 3.0)];
        for (law, kurtosis) in laws {
            for (seed, (parties, known)) in [(2, 1), (3, 1), (3, 0), (5, 3)].into_iter().enumerate()
            {
                let noise = Shares::new(law, parties, known).unwrap();
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
                for (seen, expected) in
                    [(variance(known), law.variance()), (variance(0), noise.variance())]
                {
                    let fourth = 2.0 + kurtosis + 1.0 / expected;
                    let error = expected * (fourth / n as f64).sqrt();
                    assert!(
                        (seen - expected).abs() < 5.0 * error,
                        "seed {seed}: {seen} {expected}"
                    );
                }
            }
        }
    }

    /// Not the variance alone: two and three unknown shares against the law's mass
    /// function, by the largest distance of the distribution functions
    /// (Dvoretzky-Kiefer-Wolfowitz: above it with probability 2e-6 each).
    #[test]
    fn laplace_shares_add_up_to_the_law() {
        let (n, b) = (200_000usize, 2.5f64);
        let law = Law::Laplace { scale: Ratio::new(5, 2).unwrap() };
        for parts in [1, 2, 3, 10] {
            let noise = Shares::new(law, parts + 1, 1).unwrap();
            let source = &mut Source::new(StdRng::seed_from_u64(parts.into()));
            let mut sums = vec![0u64; n];
            for _ in 0..parts {
                let share = noise.draw(n, source);
                sums.iter_mut().zip(share.iter()).for_each(|(s, x)| *s = s.wrapping_add(*x));
            }
            let q = (-1.0 / b).exp();
            for x in -20i64..=20 {
                let seen = sums.iter().filter(|&&s| s as i64 <= x).count() as f64 / n as f64;
                let tail = |k: i64| q.powi(k as i32) / (1.0 + q);
                let expected = if x < 0 { tail(-x) } else { 1.0 - tail(x + 1) };
                let bound = ((2.0f64 / 2e-6).ln() / (2.0 * n as f64)).sqrt();
                assert!((seen - expected).abs() < bound, "seed {parts}, {x}: {seen} {expected}");
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        let skellam = |n, d| Law::Skellam { mu: Ratio::new(n, d).unwrap() };
        assert!(Shares::new(skellam(1, 1), 3, 3).is_err());
        assert!(Shares::new(skellam(1, 1), 0, 0).is_err());
        assert!(Shares::new(skellam(u64::MAX - 1, u64::MAX), 3, 1).is_err());
        let wide = Law::Laplace { scale: Ratio::new(1 << 30, 1).unwrap() };
        assert!(Shares::new(wide, 3, 1).is_err());
        assert!([0, 3, 1 << 41].into_iter().all(|n| JointBinomial::new(n).is_err()));
        let joint = JointBinomial::new(100).unwrap();
        assert_eq!((joint.center(), joint.variance()), (50, 25.0));
    }
}
