//! Discrete Gaussian noise.
//!
//! **Paper.** CKS20, theorem 4 and its extension to vectors.
//!
//! **Proof note.** Neighbours: two data sets whose exact answers \\(x, x' \in
//! \mathbb{Z}^d\\) differ by \\(\sum_j (x_j - x'_j)^2 \le \Delta^2\\). The discrete
//! Gaussian distribution with parameter \\(\sigma^2\\), moved by an integer m, has Rényi
//! divergence of order alpha at most \\(\alpha m^2/2\sigma^2\\) from itself, as Poisson
//! summation shows. Coordinates are independent, so divergences add up:
//!
//! \\[ D_\alpha \le \alpha\,\frac{\Delta^2}{2\sigma^2} = \alpha\rho,
//!    \qquad \sigma^2 = \frac{\Delta^2}{2\rho}. \qquad (1) \\]
//!
//! sigma^2 is rounded up. This is not the loss of the continuous Gaussian: an accountant
//! gets [`Gaussian::law`] and uses its own probabilities.

use crate::{
    Error, Loss, Neighbours, Ratio, Result,
    accounting::{Accountant, Event, Method, calibrate},
    release::zcdp,
    sampler::{DiscreteGaussian, Source},
};
use dashu_int::UBig;
use rand::CryptoRng;

/// Integer answers of a bounded L2 sensitivity, with discrete Gaussian noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gaussian {
    law: DiscreteGaussian,
    squared: u128,
    rho: Ratio,
}

impl Gaussian {
    /// For answers whose difference has at most this squared L2 norm.
    pub fn new(sensitivity_squared: u128, rho: Ratio) -> Result<Self> {
        if sensitivity_squared == 0 {
            return Err(Error::Parameter { what: "sensitivity", rule: "it must be above 0" });
        }
        // (1)
        let sigma_squared = Ratio::up(
            &(UBig::from(sensitivity_squared) * UBig::from(rho.denominator())),
            &(UBig::from(rho.numerator()) * UBig::from(2u8)),
        );
        let rule = "sensitivity^2/2 rho must be from 2^-40 to 2^62 squared steps: use a \
                    coarser granularity, narrower bounds or a larger rho";
        let law = sigma_squared
            .and_then(DiscreteGaussian::new)
            .map_err(|_| Error::Parameter { what: "noise", rule })?;
        Ok(Self { law, squared: sensitivity_squared, rho })
    }

    /// For one answer that differs by at most `sensitivity`, with the least noise that is
    /// (epsilon, delta)-private by the probabilities of the discrete law itself. This is not
    /// the classical formula, which fails above epsilon = 1, nor that of the continuous
    /// Gaussian, which fails for small sigma.
    pub fn calibrated(sensitivity: u64, epsilon: f64, delta: f64) -> Result<Self> {
        let Loss::Concentrated { rho } = Loss::within(epsilon, delta)? else {
            unreachable!("a concentrated loss")
        };
        let squared = u128::from(sensitivity) * u128::from(sensitivity);
        // Enough, and at most a few times too much.
        let enough = Self::new(squared, rho)?.law.sigma_squared().to_f64();
        let accountant = Accountant::new(Neighbours::Replace, Method::Best);
        let events = |sigma_squared: f64| {
            let sigma_squared = Ratio::at_least(sigma_squared)?;
            Ok(vec![(Event::DiscreteGaussian { sigma_squared, sensitivity }, 1)])
        };
        let range = enough / 64.0..=enough * 1.001;
        let found = Ratio::at_least(calibrate(&accountant, epsilon, delta, range, events)?)?;
        let rho = Ratio::up(
            &(UBig::from(squared) * UBig::from(found.denominator())),
            &(UBig::from(found.numerator()) * UBig::from(2u8)),
        )?;
        Ok(Self { law: DiscreteGaussian::new(found)?, squared, rho })
    }

    /// The exact answer with noise.
    pub fn release<R: CryptoRng>(&self, answer: i128, source: &mut Source<R>) -> i128 {
        answer.saturating_add(self.law.sample(source).into())
    }

    /// Adds noise to a vector whose sensitivity was given as a whole.
    pub fn release_vector<R: CryptoRng>(&self, answer: &mut [i128], source: &mut Source<R>) {
        answer.iter_mut().for_each(|x| *x = self.release(*x, source));
    }

    /// The law of the noise.
    pub fn law(&self) -> DiscreteGaussian {
        self.law
    }

    /// The squared L2 sensitivity.
    pub fn sensitivity_squared(&self) -> u128 {
        self.squared
    }

    /// The loss.
    pub fn rho(&self) -> Ratio {
        self.rho
    }

    /// For an accountant: of a vector.
    pub fn event(&self) -> Event {
        zcdp(self.rho)
    }

    /// For an accountant: of one number, by the law of the noise, if it takes that.
    pub fn scalar_event(&self) -> Option<Event> {
        let root = self.squared.isqrt();
        self.moved(root + u128::from(root.pow(2) < self.squared))
    }

    /// The same for a number that moves by at most `steps`.
    pub(crate) fn moved(&self, steps: u128) -> Option<Event> {
        let sensitivity = u64::try_from(steps).ok()?;
        let event =
            Event::DiscreteGaussian { sigma_squared: self.law.sigma_squared(), sensitivity };
        event.is_accepted().then_some(event)
    }
}
