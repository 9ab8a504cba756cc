//! Lower bounds on a privacy loss, by trial.
//!
//! **Papers.** Ding, Wang, Wang, Zhang, Kifer, "Detecting Violations of Differential
//! Privacy", CCS 2018; Jagielski, Ullman, Oprea, "Auditing Differentially Private Machine
//! Learning", NeurIPS 2020; Clopper, Pearson, Biometrika 1934.
//!
//! **Method.** A mechanism is run many times on two neighbours. The first half of the runs
//! only serves to choose a set S of outcomes and which neighbour is to have more of them.
//! In the second half the numbers of outcomes in S are binomial; let \\(\underline p\\) be
//! the lower Clopper-Pearson bound for one neighbour, \\(\overline q\\) the upper one for
//! the other, each wrong with probability at most `failure`/2. For a mechanism with
//! \\((\varepsilon, \delta)\\), \\(p \le e^\varepsilon q + \delta\\), hence with
//! probability 1 - `failure`
//!
//! \\[ \varepsilon \ge \ln\frac{\underline p - \delta}{\overline q}. \qquad (1) \\]
//!
//! A bound above the claim convicts. One below acquits of nothing: the worst neighbours and
//! the worst set may be others.

use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Which of two neighbours to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// One.
    First,
    /// The other.
    Second,
}

/// How often to run, and how sure to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Audit {
    trials: u64,
    failure: f64,
}

impl Audit {
    /// `trials` runs on each side, half of them for the bound. The bound is above the truth
    /// with probability at most `failure`.
    pub fn new(trials: u64, failure: f64) -> Result<Self> {
        if trials < 100 {
            return Err(Error::Parameter { what: "trials", rule: "there must be 100 at least" });
        }
        if !(1e-15..=0.5).contains(&failure) {
            let rule = "it must be from 1e-15 to 0.5";
            return Err(Error::Parameter { what: "failure", rule });
        }
        Ok(Self { trials, failure })
    }

    /// A lower bound on epsilon, given delta. `run` gives a name to each outcome. Few names
    /// with many outcomes each (a rounded value, a flag) say more than many rare ones.
    pub fn epsilon<L: Ord + Clone>(&self, delta: f64, mut run: impl FnMut(Side) -> L) -> f64 {
        let half = self.trials / 2;
        let mut seen: BTreeMap<L, [u64; 2]> = BTreeMap::new();
        for _ in 0..half {
            seen.entry(run(Side::First)).or_default()[0] += 1;
            seen.entry(run(Side::Second)).or_default()[1] += 1;
        }
        let candidates = [self.event(&seen, delta, 0), self.event(&seen, delta, 1)];
        let [(a, first), (b, second)] = candidates;
        let (more, event) = if a >= b { (0, first) } else { (1, second) };
        let rest = self.trials - half;
        let mut counts = [0u64; 2];
        for _ in 0..rest {
            counts[0] += u64::from(event.contains(&run(Side::First)));
            counts[1] += u64::from(event.contains(&run(Side::Second)));
        }
        // (1)
        let p = clopper_pearson_below(counts[more], rest, self.failure / 2.0);
        let q = clopper_pearson_above(counts[1 - more], rest, self.failure / 2.0);
        ((p - delta).max(0.0) / q).ln().max(0.0)
    }

    /// The set with the greatest bound by the first half: outcomes in falling order of how
    /// much more often side `more` has them, as many as it takes.
    fn event<L: Ord + Clone>(
        &self,
        seen: &BTreeMap<L, [u64; 2]>,
        delta: f64,
        more: usize,
    ) -> (f64, BTreeSet<L>) {
        let ratio =
            |counts: &[u64; 2]| (counts[more] as f64 + 0.5) / (counts[1 - more] as f64 + 0.5);
        let mut order: Vec<(&L, &[u64; 2])> = seen.iter().collect();
        order.sort_by(|a, b| ratio(b.1).total_cmp(&ratio(a.1)));
        let n = (self.trials / 2) as f64;
        // Wilson's bounds are close enough to choose by.
        let z2 = 2.0 * (2.0 / self.failure).ln();
        let wilson = |count: u64, side: f64| {
            let p = count as f64 / n;
            let reach = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt();
            (p + z2 / (2.0 * n) + side * reach) / (1.0 + z2 / n)
        };
        let (mut best, mut length, mut sums) = (f64::NEG_INFINITY, 0, [0u64; 2]);
        for (i, (_, counts)) in order.iter().enumerate() {
            sums[0] += counts[0];
            sums[1] += counts[1];
            let (p, q) = (wilson(sums[more], -1.0), wilson(sums[1 - more], 1.0));
            let bound = ((p - delta).max(0.0) / q).ln();
            if bound > best {
                (best, length) = (bound, i + 1);
            }
        }
        (best, order[..length].iter().map(|(name, _)| (*name).clone()).collect())
    }
}

/// The lower end of a one-sided interval for a probability: `count` of n or more would come
/// up with probability `failure` if it were the truth.
pub fn clopper_pearson_below(count: u64, n: u64, failure: f64) -> f64 {
    if count == 0 || count > n {
        return 0.0;
    }
    // Pr[Binomial(n, p) >= count] = I_p(count, n - count + 1), which rises with p.
    let (a, b) = (count as f64, (n - count) as f64 + 1.0);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if incomplete_beta(middle, a, b) < failure { low = middle } else { high = middle }
    }
    low
}

/// The upper end of such an interval.
pub fn clopper_pearson_above(count: u64, n: u64, failure: f64) -> f64 {
    if count >= n {
        return 1.0;
    }
    1.0 - clopper_pearson_below(n - count, n, failure)
}

/// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22),
/// evaluated forwards by the modified Lentz method.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges fast below the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp();
    let tiny = 1e-300;
    let safe = |y: f64| if y.abs() < tiny { tiny } else { y };
    let (mut f, mut c, mut d) = (1.0, 1.0, 0.0);
    for i in 1..100_000u32 {
        let m = f64::from(i / 2);
        let term = if i % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / safe(1.0 + term * d);
        c = safe(1.0 + term / c);
        f *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front / (a * f)
}

/// By Stirling's series from 12 on, by recurrence below.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut less) = (x, 0.0);
    while x < 12.0 {
        less += x.ln();
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - less
}

#[cfg(test)]
mod tests;
