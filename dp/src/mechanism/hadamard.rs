//! Hadamard response: frequencies of many values from one short report each.
//!
//! **Paper.** Acharya, Sun, Zhang, "Hadamard Response: Estimating Distributions Privately,
//! Efficiently, and with Little Communication", AISTATS 2019, section 4.
//!
//! **Proof note.** Local privacy, as for randomised response. K is the least power of two
//! above k. Row x + 1 of the Hadamard matrix of order K, \\(H_{xy} = (-1)^{\langle x, y
//! \rangle}\\), has 1 in half of its places, the set \\(S_x\\). A person with value x sends
//! y with weight 1 if \\(y \in S_x\\), else with weight \\(e^{-\varepsilon}\\). The sum of
//! the weights is \\(K(1 + e^{-\varepsilon})/2\\) for every x, so no report is more than
//! \\(e^\varepsilon\\) times as likely for one value as for another. y is drawn uniformly
//! and kept if it is in the set or an exact coin of \\(e^{-\varepsilon}\\) says so.
//!
//! Sets of two values share half of their elements, so with N_x people of value x, and n in
//! all, the expected number of reports in S_x is
//! \\(n/2 + N_x\,(e^\varepsilon - 1)/2(e^\varepsilon + 1)\\):
//!
//! \\[ \hat N_x = \frac{e^\varepsilon + 1}{e^\varepsilon - 1}
//!    \sum_{\text{reports } y} H_{x+1,\,y}, \qquad (1) \\]
//!
//! for all x at once by the fast Walsh-Hadamard transform.

use super::{Estimate, randomised_response};
use crate::{Error, Ratio, Result, accounting::Event, sampler::Source, sampler::bernoulli_exp};
use rand::CryptoRng;

/// One of very many values, sent with deniability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HadamardResponse {
    values: u32,
    order: u32,
    epsilon: Ratio,
}

impl HadamardResponse {
    /// For values 0 to `values` - 1, at most 2^24 of them.
    pub fn new(values: u32, epsilon: Ratio) -> Result<Self> {
        if !(2..=1 << 24).contains(&values) {
            return Err(Error::Parameter { what: "values", rule: "there must be 2 to 2^24" });
        }
        Ok(Self { values, order: (values + 1).next_power_of_two(), epsilon })
    }

    /// The loss of one report.
    pub fn epsilon(&self) -> Ratio {
        self.epsilon
    }

    /// For an accountant of [`Neighbours::Replace`](crate::Neighbours::Replace), as that of a
    /// response of two values, whose losses are no smaller.
    pub fn event(&self) -> Event {
        randomised_response::event(2, self.epsilon)
    }

    /// What a person sends. A value out of range counts as the last one.
    pub fn respond<R: CryptoRng>(&self, value: u32, source: &mut Source<R>) -> u32 {
        let row = value.min(self.values - 1) + 1;
        let (p, q) = (self.epsilon.numerator().into(), self.epsilon.denominator().into());
        loop {
            let drawn = source.below(self.order.into()) as u32;
            let coin = bernoulli_exp(source, p, q);
            if (drawn & row).count_ones().is_multiple_of(2) || coin {
                return drawn;
            }
        }
    }

    /// How many have each value, from what all sent. Reports out of range are left out.
    pub fn estimate(&self, reports: &[u32]) -> Vec<Estimate> {
        let mut counts = vec![0i64; self.order as usize];
        let mut n = 0.0;
        for &report in reports {
            if let Some(count) = counts.get_mut(report as usize) {
                *count += 1;
                n += 1.0;
            }
        }
        transform(&mut counts);
        // (1)
        let factor = 1.0 / (self.epsilon.to_f64() / 2.0).tanh();
        let signs = &counts[1..=self.values as usize];
        signs
            .iter()
            .map(|&sum| {
                let count = factor * sum as f64;
                // Signs have variance 1 for others, 1 - 1/factor^2 for people of this value.
                let own = count.clamp(0.0, n);
                let error = factor * (n - own / (factor * factor)).sqrt();
                Estimate { count, error }
            })
            .collect()
    }
}

/// The Walsh-Hadamard transform, in place.
fn transform(values: &mut [i64]) {
    let mut half = 1;
    while half < values.len() {
        for block in values.chunks_exact_mut(2 * half) {
            let (left, right) = block.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}
