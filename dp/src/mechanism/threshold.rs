//! Counts of keys that nobody knows beforehand.
//!
//! **Paper.** Korolova, Kenthapadi, Mishra, Ntoulas, "Releasing Search Queries and Clicks
//! Privately", WWW 2009, with discrete Laplace noise and its exact tail.
//!
//! **Proof note.** A unit has at most l keys, and adds at most m to each. Every count
//! above 0 gets noise X of scale b; the key is shown, with the noisy count, if that reaches
//! the threshold T. Take keys in both of two neighbours first: their counts differ by at
//! most lm in L1 under add/remove, 2lm under replace, so \\(b = lm/\varepsilon\\), or twice
//! that, gives epsilon for them. Keys in one of the two only are at most l on each side,
//! each with a count of at most m, and
//!
//! \\[ \Pr\[m + X \ge T\] = \frac{r^{T-m}}{1+r}, \quad r = e^{-1/b}, \qquad
//!    \delta = l\,\frac{r^{T-m}}{1+r}. \qquad (1) \\]
//!
//! Let a and a' bound the probability that any such key is shown, on either side, both at
//! most delta. For a set S of outputs, the outputs in S with none of them have probability
//! \\((1-a)\,c\\), c that of the common keys. From the neighbour S has at least
//! \\((1-a')\,c'\\), with \\(c \le e^\varepsilon c'\\). So \\(\Pr\[M(D) \in S\] \le a +
//! (1-a)c \le a + e^\varepsilon \Pr\[M(D') \in S\] + \max(0, a'-a)\,c\\), which is at most
//! \\(e^\varepsilon \Pr\[M(D') \in S\] + \delta\\).
//!
//! Keys come out in their own order, whatever the order of the data: it carries nothing.

use super::{Laplace, Noise};
use crate::{Error, Loss, Neighbours, Part, Ratio, Release, Result};
use crate::{accounting::Event, release::Spread, sampler::Source};
use rand::CryptoRng;
use std::collections::BTreeMap;

/// Shows keys whose noisy count reaches a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    laplace: Laplace,
    threshold: i64,
    loss: Loss,
    neighbours: Neighbours,
}

impl Threshold {
    /// For units with at most `keys` keys, `most` in each count.
    pub fn new(
        keys: u32,
        most: u32,
        neighbours: Neighbours,
        epsilon: Ratio,
        delta: f64,
    ) -> Result<Self> {
        if !(delta > 1e-300 && delta < 1.0) {
            let rule = "it must be above 0 and below 1, such as 1e-9";
            return Err(Error::Parameter { what: "delta", rule });
        }
        let both = if neighbours == Neighbours::Replace { 2 } else { 1 };
        let laplace = Laplace::new(both * u128::from(keys) * u128::from(most), epsilon)?;
        let b = laplace.law().scale().to_f64();
        // (1), solved for T. The logarithm and the scale are good to 15 digits; 9 are
        // claimed, and one step more.
        let r = (-1.0 / b).exp();
        let above = b * (f64::from(keys) / (delta * (1.0 + r))).ln() * (1.0 + 1e-9);
        let threshold = i64::from(most) + above.max(1.0).ceil() as i64 + 1;
        Ok(Self { laplace, threshold, loss: Loss::Approximate { epsilon, delta }, neighbours })
    }

    /// The least noisy count that is shown.
    pub fn threshold(&self) -> i64 {
        self.threshold
    }

    /// The loss.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// For an accountant.
    pub fn event(&self) -> Event {
        self.part("counts of unknown keys").event()
    }

    pub(crate) fn part(&self, what: &'static str) -> Part {
        Part::noise(what, self.loss, Noise::Laplace(self.laplace), 1.0, 1)
    }

    /// The keys that have enough. Counts of zero are as if they were not there.
    pub fn release<K: Ord + Clone, R: CryptoRng>(
        &self,
        counts: &BTreeMap<K, u64>,
        source: &mut Source<R>,
    ) -> Release<BTreeMap<K, i64>> {
        let mut value = BTreeMap::new();
        for (key, &count) in counts.iter().filter(|(_, count)| **count > 0) {
            let noisy = narrow(self.laplace.release(count.into(), source));
            if noisy >= self.threshold {
                value.insert(key.clone(), noisy);
            }
        }
        let parts = vec![self.part("counts of unknown keys")];
        Release { value, parts, neighbours: self.neighbours, spread: Spread::Direct }
    }
}

/// To 64 bits, saturating: a function of the noisy count.
pub(crate) fn narrow(x: i128) -> i64 {
    x.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
