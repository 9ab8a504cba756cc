//! Randomised response.
//!
//! **Paper.** Warner, "Randomized Response", JASA 1965; for k values, Kairouz, Oh,
//! Viswanath, "Extremal Mechanisms for Local Differential Privacy", NeurIPS 2014.
//!
//! **Proof note.** Local privacy: any two values of one person are neighbours, and the
//! collector is not trusted. Of k values, the true one is sent with weight 1, each other
//! one with weight \\(e^{-\varepsilon}\\):
//!
//! \\[ p = \frac{1}{1 + (k-1)e^{-\varepsilon}}, \qquad q = p\,e^{-\varepsilon}. \qquad (1) \\]
//!
//! No output is more than \\(e^\varepsilon\\) times as likely for one value as for another.
//! A value is drawn uniformly, kept at once if it is the true one, else with an exact coin
//! of \\(e^{-\varepsilon}\\); if not kept, drawn again. That is (1), and how many draws it
//! takes does not depend on the value.

use crate::sampler::{Source, bernoulli_exp};
use crate::{
    Error, Ratio, Result,
    accounting::Event,
    release::{above, pure},
};
use rand::CryptoRng;

/// One of k values, sent with deniability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomisedResponse {
    values: u32,
    epsilon: Ratio,
}

/// How many have a value, by estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Unbiased; may be negative or above the number of reports.
    pub count: f64,
    /// Its standard error.
    pub error: f64,
}

/// Of k categories.
pub(super) fn event(categories: u32, epsilon: Ratio) -> Event {
    // (1), rounded up: the exponential and three operations, each by an ulp or less.
    let others = f64::from(categories - 1) * (-above(epsilon)).exp();
    let truth = (1.0 / (1.0 + others)) * (1.0 + 4.0 * f64::EPSILON);
    // An epsilon so large that nothing is denied.
    if truth < 1.0 {
        Event::RandomizedResponse { categories: categories.into(), truth }
    } else {
        pure(epsilon)
    }
}

impl RandomisedResponse {
    /// For values 0 to `values` - 1. Drawing takes time in proportion to their number: for
    /// more than a few hundred take [`HadamardResponse`](super::HadamardResponse).
    pub fn new(values: u32, epsilon: Ratio) -> Result<Self> {
        if values < 2 {
            return Err(Error::Parameter { what: "values", rule: "there must be 2 at least" });
        }
        Ok(Self { values, epsilon })
    }

    /// The loss of one report.
    pub fn epsilon(&self) -> Ratio {
        self.epsilon
    }

    /// For an accountant of [`Neighbours::Replace`](crate::Neighbours::Replace): that there
    /// is a report shows that there is a person.
    pub fn event(&self) -> Event {
        event(self.values, self.epsilon)
    }

    /// What a person sends. A value out of range counts as the last one.
    pub fn respond<R: CryptoRng>(&self, value: u32, source: &mut Source<R>) -> u32 {
        let value = value.min(self.values - 1);
        let (p, q) = (self.epsilon.numerator().into(), self.epsilon.denominator().into());
        loop {
            let drawn = source.below(self.values.into()) as u32;
            // One coin in either case, so that the time is the same.
            let coin = bernoulli_exp(source, p, q);
            if drawn == value || coin {
                return drawn;
            }
        }
    }

    /// How many have each value, from what all sent. Reports out of range are left out.
    pub fn estimate(&self, reports: &[u32]) -> Vec<Estimate> {
        let mut counts = vec![0u64; self.values as usize];
        let mut n = 0.0;
        for &report in reports {
            if let Some(count) = counts.get_mut(report as usize) {
                *count += 1;
                n += 1.0;
            }
        }
        // (1)
        let r = (-self.epsilon.to_f64()).exp();
        let p = 1.0 / (1.0 + f64::from(self.values - 1) * r);
        let q = p * r;
        let estimate = |count: u64| {
            let count = (count as f64 - n * q) / (p - q);
            let own = count.clamp(0.0, n);
            let variance = own * p * (1.0 - p) + (n - own) * q * (1.0 - q);
            Estimate { count, error: variance.sqrt() / (p - q) }
        };
        counts.into_iter().map(estimate).collect()
    }
}
