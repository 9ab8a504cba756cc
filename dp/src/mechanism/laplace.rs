//! Discrete Laplace noise.
//!
//! **Paper.** Ghosh, Roughgarden, Sundararajan, "Universally Utility-Maximizing Privacy
//! Mechanisms", STOC 2009; the sampler is that of CKS20.
//!
//! **Proof note.** Neighbours: two data sets whose exact answers \\(x, x' \in
//! \mathbb{Z}^d\\) differ by \\(\sum_j |x_j - x'_j| \le \Delta\\). Noise of scale \\(b =
//! \Delta/\varepsilon\\) on every coordinate gives, for each output y,
//!
//! \\[ \frac{\Pr\[y \mid x\]}{\Pr\[y \mid x'\]}
//!    = \prod_j e^{(|y_j - x'_j| - |y_j - x_j|)/b}
//!    \le e^{\sum_j |x_j - x'_j|/b} \le e^{\varepsilon}. \\]
//!
//! b is rounded up, so that epsilon is never exceeded. The sum saturates at the ends of
//! 128 bits, which is a function of the exact sum.

use crate::{
    Error, Ratio, Result,
    accounting::Event,
    release::pure,
    sampler::{DiscreteLaplace, Source},
};
use dashu_int::UBig;
use rand::CryptoRng;

/// Integer answers of a bounded L1 sensitivity, with discrete Laplace noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laplace {
    law: DiscreteLaplace,
    sensitivity: u128,
    epsilon: Ratio,
}

impl Laplace {
    /// For answers that differ by at most `sensitivity` in L1.
    pub fn new(sensitivity: u128, epsilon: Ratio) -> Result<Self> {
        if sensitivity == 0 {
            return Err(Error::Parameter { what: "sensitivity", rule: "it must be above 0" });
        }
        let scale = Ratio::up(
            &(UBig::from(sensitivity) * UBig::from(epsilon.denominator())),
            &UBig::from(epsilon.numerator()),
        );
        let rule = "sensitivity/epsilon must be from 2^-40 to 2^40 steps: use a coarser \
                    granularity, narrower bounds or a larger epsilon";
        let law = scale
            .and_then(DiscreteLaplace::new)
            .map_err(|_| Error::Parameter { what: "noise", rule })?;
        Ok(Self { law, sensitivity, epsilon })
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
    pub fn law(&self) -> DiscreteLaplace {
        self.law
    }

    /// The loss.
    pub fn epsilon(&self) -> Ratio {
        self.epsilon
    }

    /// For an accountant: of a vector.
    pub fn event(&self) -> Event {
        pure(self.epsilon)
    }

    /// For an accountant: of one number, by the law of the noise, if it takes that.
    pub fn scalar_event(&self) -> Option<Event> {
        self.moved(self.sensitivity)
    }

    /// The same for a number that moves by at most `steps`.
    pub(crate) fn moved(&self, steps: u128) -> Option<Event> {
        let sensitivity = u64::try_from(steps).ok()?;
        let event = Event::DiscreteLaplace { scale: self.law.scale(), sensitivity };
        event.is_accepted().then_some(event)
    }
}
