//! What an accountant knows of one release.

use crate::{Error, Neighbours, Ratio, Result};

/// One release, described by its noise. Sensitivities are those under the neighbouring
/// relation of the accountant: the largest change of the exact value between neighbours.
///
/// **Vectors.** A release of many coordinates with independent noise is the composition of
/// its coordinates, each with the most that a neighbour can change *that* coordinate. If
/// instead a bound on the whole change is known:
///
/// - [`Event::Gaussian`] is exact for the L2 norm (rotate the noise), [`Event::Laplace`] and
///   [`Event::DiscreteLaplace`] are not for the L1 norm: account [`Event::Pure`] with
///   \\(\Delta_1/b\\), which holds for every split over coordinates.
/// - Discrete Gaussian noise of one variance on an integer vector whose L2 change is at most
///   \\(\Delta_2\\) is \\(\Delta_2^2/2\sigma^2\\)-zCDP (CKS20, theorem 4 and composition:
///   the bounds of the coordinates add up to the squared norm): [`Event::Zcdp`]. The
///   divergence at one coordinate is *not* known to be the worst split, so
///   [`Event::DiscreteGaussian`] with \\(\Delta_2\\) is not a valid description of it.
/// - Skellam or binomial noise: compose the coordinates.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// \\(\varepsilon\\)-differential privacy and nothing more is known.
    Pure {
        /// \\(\varepsilon\\).
        epsilon: f64,
    },
    /// \\((\varepsilon, \delta)\\)-differential privacy and nothing more is known.
    Approximate {
        /// \\(\varepsilon\\).
        epsilon: f64,
        /// \\(\delta\\).
        delta: f64,
    },
    /// \\(\rho\\)-zCDP and nothing more is known. Not accounted by [`super::Method::Pld`].
    Zcdp {
        /// \\(\rho\\).
        rho: f64,
    },
    /// The Laplace mechanism on the reals, scale in units of the sensitivity.
    Laplace {
        /// Scale over sensitivity.
        scale: f64,
    },
    /// The Gaussian mechanism on the reals, standard deviation in units of the sensitivity
    /// (the noise multiplier).
    Gaussian {
        /// Standard deviation over sensitivity.
        sigma: f64,
    },
    /// Integers plus discrete Laplace noise.
    DiscreteLaplace {
        /// The scale b.
        scale: Ratio,
        /// The largest change, a whole number.
        sensitivity: u64,
    },
    /// Integers plus discrete Gaussian noise.
    DiscreteGaussian {
        /// The parameter \\(\sigma^2\\).
        sigma_squared: Ratio,
        /// The largest change, a whole number.
        sensitivity: u64,
    },
    /// Integers plus the difference of two Poisson variables.
    Skellam {
        /// The mean of each of the two; the variance of the noise is twice this.
        mu: f64,
        /// The largest change, a whole number.
        sensitivity: u64,
    },
    /// Integers plus a binomial variable with probability 1/2 (less its mean).
    Binomial {
        /// The number of coins N.
        trials: u64,
        /// The largest change, a whole number.
        sensitivity: u64,
    },
    /// A unit reports one of k categories: its own with probability `truth`, each other one
    /// with equal probability. Only under [`Neighbours::Replace`].
    RandomizedResponse {
        /// The number of categories k.
        categories: u64,
        /// The probability of the own category, at least 1/k.
        truth: f64,
    },
    /// A release from a random sample of the units. The sample is drawn anew each time.
    Subsampled {
        /// How the sample is drawn.
        sampling: Sampling,
        /// The release from the sample; it may not be sampled or composed itself.
        event: Box<Event>,
    },
    /// Several releases.
    Composed(Vec<(Event, u64)>),
}

/// How a sample is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Each unit on its own with this probability. Only under [`Neighbours::AddRemove`].
    Poisson {
        /// The probability.
        rate: f64,
    },
    /// A uniform set of this many units, without replacement. Only under
    /// [`Neighbours::Replace`].
    Fixed {
        /// Units drawn.
        sample: u64,
        /// Units there are.
        population: u64,
    },
}

impl Event {
    /// Whether an accountant of either relation takes it.
    pub(crate) fn is_accepted(&self) -> bool {
        let both = [Neighbours::AddRemove, Neighbours::Replace];
        both.into_iter().all(|neighbours| self.check(neighbours).is_ok())
    }

    /// Refuses what has no meaning or no theorem.
    pub(super) fn check(&self, neighbours: Neighbours) -> Result<()> {
        let positive = |what, x: f64| {
            let rule = "it must be a finite number from 1e-9 to 1e9";
            if (1e-9..=1e9).contains(&x) { Ok(()) } else { refuse(what, rule) }
        };
        let steps = |sensitivity: u64| match sensitivity {
            1..=0x10_0000 => Ok(()),
            _ => refuse("sensitivity", "it must be from 1 to 2^20: scale the data to fewer steps"),
        };
        match self {
            Self::Pure { epsilon } => budget(*epsilon),
            Self::Approximate { epsilon, delta } => {
                budget(*epsilon)?;
                probability("delta of the event", *delta)
            }
            Self::Zcdp { rho } => budget(*rho),
            Self::Laplace { scale } => positive("scale", *scale),
            Self::Gaussian { sigma } => positive("sigma", *sigma),
            Self::DiscreteLaplace { scale, sensitivity } => {
                positive("scale", scale.to_f64())?;
                steps(*sensitivity)
            }
            Self::DiscreteGaussian { sigma_squared, sensitivity } => {
                positive("sigma squared", sigma_squared.to_f64())?;
                steps(*sensitivity)
            }
            Self::Skellam { mu, sensitivity } => {
                positive("mu", *mu)?;
                steps(*sensitivity)
            }
            Self::Binomial { trials, sensitivity } => {
                if !(1..=1 << 40).contains(trials) {
                    return refuse("trials", "it must be from 1 to 2^40");
                }
                steps(*sensitivity)
            }
            Self::RandomizedResponse { categories, truth } => {
                if neighbours != Neighbours::Replace {
                    let rule = "a report shows that its unit is there: account it under Replace";
                    return refuse("randomized response", rule);
                }
                if !(2..=1 << 32).contains(categories) {
                    return refuse("categories", "it must be from 2 to 2^32");
                }
                if !(*truth < 1.0 && *truth >= 1.0 / *categories as f64) {
                    return refuse("truth", "it must be at least 1/categories and below 1");
                }
                Ok(())
            }
            Self::Subsampled { sampling, event } => {
                if matches!(**event, Self::Subsampled { .. } | Self::Composed(_)) {
                    let rule = "it must be one release: describe the sampled release itself";
                    return refuse("sampled event", rule);
                }
                event.check(neighbours)?;
                sampling.check(neighbours)
            }
            Self::Composed(parts) => {
                for (event, times) in parts {
                    count(*times)?;
                    // One level: deep nesting could exhaust the stack.
                    if matches!(event, Self::Composed(_)) {
                        return refuse("composed event", "its parts must not be composed: flatten");
                    }
                    event.check(neighbours)?;
                }
                Ok(())
            }
        }
    }
}

impl Sampling {
    /// The fraction that is drawn.
    pub(super) fn rate(self) -> f64 {
        match self {
            Self::Poisson { rate } => rate,
            // Rounded up: privacy falls with the rate.
            Self::Fixed { sample, population } => {
                (sample as f64 / population as f64 * (1.0 + 4.0 * f64::EPSILON)).min(1.0)
            }
        }
    }

    fn check(self, neighbours: Neighbours) -> Result<()> {
        let rule = match (self, neighbours) {
            (Self::Poisson { .. }, Neighbours::Replace) => {
                "Poisson sampling is accounted under AddRemove: use it, or a sample of fixed size"
            }
            (Self::Fixed { .. }, Neighbours::AddRemove) => {
                "a sample of fixed size is accounted under Replace: use it, or Poisson sampling"
            }
            (Self::Poisson { rate }, _) if !(1e-12..=1.0).contains(&rate) => {
                "the rate must be from 1e-12 to 1"
            }
            (Self::Fixed { sample, population }, _) if sample == 0 || sample > population => {
                "the sample must be from 1 to the population"
            }
            (Self::Fixed { population, .. }, _) if population > 1 << 40 => {
                "the population must be at most 2^40"
            }
            _ => return Ok(()),
        };
        refuse("sampling", rule)
    }
}

pub(super) fn count(times: u64) -> Result<()> {
    match times {
        1..=1_000_000_000_000 => Ok(()),
        _ => refuse("times", "it must be from 1 to 1e12"),
    }
}

pub(super) fn probability(what: &'static str, x: f64) -> Result<()> {
    if (1e-250..1.0).contains(&x) {
        Ok(())
    } else {
        refuse(what, "it must be from 1e-250 to below 1")
    }
}

fn budget(x: f64) -> Result<()> {
    let rule = "it must be a finite number from 1e-12 to 1e6";
    if (1e-12..=1e6).contains(&x) { Ok(()) } else { refuse("privacy parameter of the event", rule) }
}

pub(super) fn refuse<T>(what: &'static str, rule: &'static str) -> Result<T> {
    Err(Error::Parameter { what, rule })
}

impl Event {
    /// The ε and δ of this event alone, where δ does not depend on ε.
    pub(super) fn approximate(&self) -> Option<(f64, f64)> {
        let up = 1.0 + 8.0 * f64::EPSILON;
        match self {
            Self::Pure { epsilon } => Some((*epsilon, 0.0)),
            Self::Approximate { epsilon, delta } => Some((*epsilon, *delta)),
            Self::Laplace { scale } => Some((up / scale, 0.0)),
            Self::DiscreteLaplace { scale, sensitivity } => {
                Some((up * *sensitivity as f64 / scale.to_f64(), 0.0))
            }
            Self::RandomizedResponse { categories, truth } => {
                let odds = truth / (1.0 - truth) * (categories - 1) as f64;
                Some((odds.ln().max(0.0) * up + 8.0 * f64::EPSILON, 0.0))
            }
            Self::Subsampled { sampling, event } => {
                // Amplification of (ε, δ): ln(1 + γ(e^ε - 1)) and γδ (BBG18, theorems 8
                // and 9), under the combinations that are allowed.
                let (epsilon, delta) = event.approximate()?;
                let rate = sampling.rate();
                let less = if epsilon > 30.0 {
                    epsilon + (rate + (1.0 - rate) * (-epsilon).exp()).ln()
                } else {
                    (rate * epsilon.exp_m1()).ln_1p()
                };
                Some((less.max(0.0) * up + 8.0 * f64::EPSILON, rate * delta * up))
            }
            _ => None,
        }
    }

    /// ρ if the Rényi divergence of order α is at most ρα, and nothing better is known.
    pub(super) fn linear(&self) -> Option<f64> {
        let up = 1.0 + 8.0 * f64::EPSILON;
        match *self {
            Self::Zcdp { rho } => Some(rho),
            Self::Gaussian { sigma } => Some(up * 0.5 / (sigma * sigma)),
            Self::DiscreteGaussian { sigma_squared, sensitivity } => {
                let square = sensitivity as f64 * sensitivity as f64;
                Some(up * 0.5 * square / sigma_squared.to_f64())
            }
            _ => None,
        }
    }
}
