//! Counts that are differentially private, and what can be made of them.
//!
//! # What is protected
//! One operation, [`Op::Count`](crate::Op::Count), opens numbers that depend on data with a
//! guarantee of differential privacy. Everything in [`scorecard`] is computed from its
//! results, which costs nothing more.
//!
//! **Neighbours.** Two joint tables with the same rows (the same customers in the same
//! order, the same parts of a split), of which one row has other values in any columns.
//! This is the relation *replace one*, **conditional on membership**: who is in the joint
//! table, or how many are, is what the alignment lets parties learn, without noise. An open
//! alignment tells owners which of their customers are common; a hidden one tells everybody
//! how many. Identifiers are unique, so a row is a customer: the privity unit.
//!
//! **Sensitivity.** Each row falls into exactly one bin of each attribute, whatever its
//! values: bins are public (named levels and a last bin for all others, or edges that cut
//! the whole line), never learned from the rows. So a row is in exactly one cell of each
//! margin, and replacing it lowers one cell by one and raises one cell by one, or changes
//! nothing. T margins: at most 2T counts change, each by 1. A score is a sum of public
//! points over the same bins and its bands are public edges, so it is an attribute like the
//! others.
//!
//! **Loss.** Each count gets independent noise X of a law that is symmetric, so the loss of
//! a release is at most that of 2T independent releases of X and X + 1, composed from the
//! exact mass function of X: [`Noise::epsilon`]. Counts that do not change lose nothing, and
//! a row that moves in fewer margins less.
//!
//! **Adversary.** That of the engine, and recipients that collude with the party it
//! corrupts: noise shares of the computing parties count as known for as many parties as
//! the engine tolerates. Security of the engine is computational, so the guarantee holds
//! against parties with bounded computing power. Owners follow the protocol: one that shares
//! other numbers than 0 and 1 for its own bins can make a single row of another owner count
//! as much as it likes, and read it through the noise. Nothing here prevents that.
//!
//! **Time.** A party's time for its noise shares depends on them. It is filled up to a
//! multiple of 20 ms before anything is sent, so that peers see the same for all but large
//! releases. Joint noise takes the same time whatever it is.
//!
//! **Composition.** Releases add up, in the ledger of each owner whose columns were used.

pub mod scorecard;

use crate::error::{Error, Result};
use privity_dp::{
    Neighbours, Ratio,
    accounting::{Accountant, Event, Method},
    distributed::{JointBinomial, Law, Shares, excess},
};
use serde::{Deserialize, Serialize};

/// Something that each row has one value of, cut into public bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// A column of text: a bin for each of these levels, and a last one for all others.
    Levels {
        /// The column.
        column: String,
        /// 1 to 1000 levels, known without looking at the data.
        levels: Vec<String>,
    },
    /// A column of numbers: bin j holds edges\[j-1\] < x <= edges\[j\].
    Edges {
        /// The column.
        column: String,
        /// 1 to 999 ascending edges, chosen without looking at the data.
        edges: Vec<f64>,
    },
    /// A sum of points: bin j holds edges\[j-1\] <= x < edges\[j\].
    Score {
        /// What gives points.
        terms: Vec<Term>,
        /// 1 to 999 ascending edges.
        edges: Vec<i64>,
    },
}

/// Points for the bins of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The place of the attribute in the list, before that of the score.
    pub attribute: u32,
    /// One number per bin, below 2^40 in absolute value.
    pub points: Vec<i64>,
}

impl Attribute {
    /// Number of bins.
    pub fn bins(&self) -> usize {
        match self {
            Attribute::Levels { levels, .. } => levels.len() + 1,
            Attribute::Edges { edges, .. } => edges.len() + 1,
            Attribute::Score { edges, .. } => edges.len() + 1,
        }
    }

    /// The column that it reads.
    pub fn column(&self) -> Option<&str> {
        match self {
            Attribute::Levels { column, .. } | Attribute::Edges { column, .. } => Some(column),
            Attribute::Score { .. } => None,
        }
    }
}

/// The noise of a release, made by the parties together, and what it claims.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Its law.
    pub law: NoiseLaw,
    /// The claimed epsilon, which the ledgers are charged. Checked against the law.
    pub epsilon: f64,
    /// The claimed delta.
    pub delta: f64,
}

/// How noise is made. Parameters are whole numbers, so that all parties have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseLaw {
    /// Each computing party adds a share; those of two parties add up to Skellam noise.
    Skellam {
        /// Half the variance that stays unknown, in thousandths.
        mu_thousandths: u64,
    },
    /// Each computing party adds a share; those of two parties add up to discrete Laplace
    /// noise.
    Laplace {
        /// The scale that stays unknown, in thousandths.
        scale_thousandths: u64,
    },
    /// The number of ones among secret bits that the engine draws, less half of them: no
    /// party knows any of it.
    Binomial {
        /// Bits per count, an even number.
        trials: u64,
    },
}

/// Which laws a calibration may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseSource {
    /// Shares of the computing parties: few messages.
    Shares,
    /// Secret bits of the engine: less noise, and bits in proportion to its variance.
    Joint,
}

/// The computing parties of the engine, and how many of them it lets be corrupted.
const PARTIES: (u32, u32) = (3, 1);

/// Most work for the shares of one release, in table look-ups and coins of a few
/// nanoseconds.
const MAX_WORK: u64 = 1 << 30;

/// Most secret bits of one release.
pub(crate) const MAX_BITS: u64 = 1 << 30;

impl Noise {
    /// The least noise for a release of `margins` margins that costs at most epsilon and
    /// delta. For shares, Skellam or discrete Laplace, whichever has the smaller variance;
    /// with a delta of 0, discrete Laplace.
    pub fn calibrate(
        margins: usize,
        epsilon: f64,
        delta: f64,
        source: NoiseSource,
    ) -> Result<Self> {
        check_claim(epsilon, delta)?;
        if !(1..=MAX_MARGINS).contains(&margins) {
            return Err(wrong("number of margins", format!("use 1 to {MAX_MARGINS}")));
        }
        let make = |law| Self { law, epsilon, delta };
        let fits = |law: NoiseLaw| Ok(make(law).epsilon_at(margins, delta)? <= epsilon);
        let binomial = |half: u64| NoiseLaw::Binomial { trials: 2 * half };
        let skellam = |mu_thousandths| NoiseLaw::Skellam { mu_thousandths };
        let laplace = |scale_thousandths| NoiseLaw::Laplace { scale_thousandths };
        let found = match source {
            NoiseSource::Joint => vec![smallest(1 << 39, |x| fits(binomial(x)))?.map(binomial)],
            NoiseSource::Shares => vec![
                smallest(1 << 30, |x| fits(laplace(x)))?.map(laplace),
                match delta > 0.0 {
                    true => smallest(1 << 50, |x| fits(skellam(x)))?.map(skellam),
                    false => None,
                },
            ],
        };
        let least = found.into_iter().flatten().map(make).min_by(|a, b| {
            let variance = |n: &Self| n.variance().unwrap_or(f64::INFINITY);
            variance(a).total_cmp(&variance(b))
        });
        least.ok_or_else(|| {
            wrong(
                "epsilon and delta of noise",
                "no noise of this kind is enough: joint noise needs a delta above 0, such as 1e-6",
            )
        })
    }

    /// The variance of each count.
    pub fn variance(&self) -> Result<f64> {
        Ok(match self.law {
            NoiseLaw::Binomial { trials } => JointBinomial::new(trials)?.variance(),
            _ => self.shared_law()?.variance() * excess(PARTIES.0, PARTIES.1),
        })
    }

    /// The noise of a count is within this of zero with probability `level` at least, up to
    /// the rounding of floats.
    ///
    /// With a period L beyond which the law has nothing of weight, and its characteristic
    /// function \\(\varphi\\), real since the law is symmetric,
    ///
    /// \\[ \Pr[|X| \le w] = \frac{1}{L} \sum_{j=0}^{L-1} \varphi(\theta_j)\,
    ///    \frac{\sin((2w + 1)\,\theta_j / 2)}{\sin(\theta_j / 2)},
    ///    \qquad \theta_j = 2\pi j / L. \qquad (1) \\]
    pub fn half_width(&self, level: f64) -> Result<f64> {
        let level = level.clamp(0.0, 1.0 - 1e-9);
        let (deviation, phi) = (self.variance()?.sqrt(), self.characteristic()?);
        // Tails are at most exponential, with a scale of at most the deviation.
        let period = (64.0 * deviation).ceil() + 64.0;
        let mut terms = Vec::new();
        for j in 1..=(period / 2.0) as u64 {
            let theta = std::f64::consts::TAU * j as f64 / period;
            let value = phi(theta);
            // What is left of the sum is below this times the number of a period.
            if value < 1e-13 || terms.len() == 1 << 20 {
                break;
            }
            let weight = if 2.0 * j as f64 == period { 1.0 } else { 2.0 };
            terms.push((theta / 2.0, weight * value / (theta / 2.0).sin()));
        }
        let inside = |w: f64| {
            let sum: f64 =
                terms.iter().map(|(half, term)| term * ((2.0 * w + 1.0) * half).sin()).sum();
            (2.0 * w + 1.0 + sum) / period
        };
        let (mut low, mut high) = (-1.0, (period / 2.0 - 1.0).floor());
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0).floor();
            if inside(middle) >= level { high = middle } else { low = middle }
        }
        Ok(high)
    }

    /// \\(\varphi(\theta)\\) of the noise of a count: of the shares of all parties together.
    fn characteristic(&self) -> Result<Box<dyn Fn(f64) -> f64>> {
        if let NoiseLaw::Binomial { trials } = self.law {
            let n = JointBinomial::new(trials)?.trials() as f64;
            return Ok(Box::new(move |theta| libm::exp(n * libm::log((theta / 2.0).cos().abs()))));
        }
        let more = excess(PARTIES.0, PARTIES.1);
        Ok(match self.shared_law()? {
            Law::Skellam { mu } => {
                let mu = mu.to_f64() * more;
                Box::new(move |theta| libm::exp(-4.0 * mu * (theta / 2.0).sin().powi(2)))
            }
            Law::Laplace { scale } => {
                // ((1-q)^2 / (1 - 2 q cos theta + q^2))^r, r = more
                let q = libm::exp(-1.0 / scale.to_f64());
                let x = 4.0 * q / libm::expm1(-1.0 / scale.to_f64()).powi(2);
                Box::new(move |theta| {
                    libm::exp(-more * libm::log1p(x * (theta / 2.0).sin().powi(2)))
                })
            }
        })
    }

    /// What a release of `margins` margins loses at this noise's delta.
    pub fn epsilon(&self, margins: usize) -> Result<f64> {
        self.epsilon_at(margins, self.delta)
    }

    fn epsilon_at(&self, margins: usize, delta: f64) -> Result<f64> {
        let changes = 2 * margins as u64;
        let event = match self.law {
            NoiseLaw::Binomial { trials } => {
                Event::Binomial { trials: JointBinomial::new(trials)?.trials(), sensitivity: 1 }
            }
            _ => self.shared_law()?.event(1),
        };
        if delta == 0.0
            && let Event::DiscreteLaplace { scale, .. } = event
        {
            return Ok(changes as f64 / scale.to_f64() * (1.0 + 4.0 * f64::EPSILON));
        }
        let mut accountant = Accountant::new(Neighbours::Replace, Method::Pld);
        accountant.compose(&event, changes)?;
        Ok(accountant.epsilon(delta)?)
    }

    /// What the shares that stay unknown add up to.
    fn shared_law(&self) -> Result<Law> {
        Ok(match self.law {
            NoiseLaw::Skellam { mu_thousandths } => {
                Law::Skellam { mu: Ratio::new(mu_thousandths, 1000)? }
            }
            NoiseLaw::Laplace { scale_thousandths } => {
                Law::Laplace { scale: Ratio::new(scale_thousandths, 1000)? }
            }
            NoiseLaw::Binomial { .. } => {
                return Err(Error::Internal("binomial noise has no shares"));
            }
        })
    }

    /// What draws a party's shares. Making its tables takes longer than a draw.
    pub(crate) fn shares(&self) -> Result<Shares> {
        Ok(Shares::new(self.shared_law()?, PARTIES.0, PARTIES.1)?)
    }

    /// Refuses a claim that the law does not keep.
    pub(crate) fn check(&self, margins: usize, cells: usize) -> Result<()> {
        check_claim(self.epsilon, self.delta)?;
        if let NoiseLaw::Binomial { trials } = self.law
            && trials.checked_mul(cells as u64).is_none_or(|bits| bits > MAX_BITS)
        {
            return Err(wrong(
                "joint noise",
                "it would take more than 2^30 secret bits: use noise shares, or a larger epsilon",
            ));
        }
        // Look-ups of a Skellam share, coins of a discrete Laplace one.
        let each = match self.law {
            NoiseLaw::Skellam { mu_thousandths } => mu_thousandths / 64_000 + 4,
            NoiseLaw::Laplace { scale_thousandths } => 2 * (scale_thousandths / 1000) + 8,
            NoiseLaw::Binomial { .. } => 0,
        };
        if each.saturating_mul(cells as u64) > MAX_WORK {
            return Err(wrong(
                "work for noise",
                "so much noise for so many counts would take minutes: use fewer counts, or a \
                 larger epsilon",
            ));
        }
        // What cannot be drawn is refused before anybody pays.
        if !matches!(self.law, NoiseLaw::Binomial { .. }) {
            self.shares()?;
        }
        if self.epsilon(margins)? > self.epsilon {
            return Err(wrong(
                "claimed epsilon",
                "the noise is too small for it: let Noise::calibrate choose the noise",
            ));
        }
        Ok(())
    }
}

/// Most margins of one release.
pub(crate) const MAX_MARGINS: usize = 4096;

/// The smallest of 1, 2, ... that fits, to three digits: where a law's parameter ends has
/// no meaning, and what all parties compute must not hang on the last bit of a float.
fn smallest(most: u64, fits: impl Fn(u64) -> Result<bool>) -> Result<Option<u64>> {
    let mut high = 1;
    while !fits(high)? {
        high *= 2;
        if high > most {
            return Ok(None);
        }
    }
    let mut low = high / 2;
    while high - low > (high / 1000).max(1) {
        let middle = low + (high - low) / 2;
        match fits(middle)? {
            true => high = middle,
            false => low = middle,
        }
    }
    Ok(Some(high))
}

fn check_claim(epsilon: f64, delta: f64) -> Result<()> {
    if !(1e-4..=100.0).contains(&epsilon) {
        return Err(wrong("epsilon", "choose a number from 0.0001 to 100; 1 is usual"));
    }
    if !(delta == 0.0 || (1e-18..=1e-2).contains(&delta)) {
        return Err(wrong(
            "delta",
            "choose 0, or a number from 1e-18 to 0.01, far below one over the number of rows",
        ));
    }
    Ok(())
}

fn wrong(what: &str, fix: impl Into<String>) -> Error {
    Error::argument("count", format!("the {what} is out of range"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(law: NoiseLaw) -> Noise {
        Noise { law, epsilon: 1.0, delta: 1e-6 }
    }

    /// (1) against sums of binomial coefficients, and against the tail of a law with three
    /// times a half of the order of a discrete Laplace variable.
    #[test]
    fn half_widths_are_those_of_the_laws() {
        for trials in [2u64, 10, 100] {
            let mut law = vec![0.5f64.powi(trials as i32)];
            for k in 0..trials {
                law.push(law[k as usize] * (trials - k) as f64 / (k + 1) as f64);
            }
            let middle = (trials / 2) as usize;
            for level in [0.5, 0.75, 0.95, 0.999, 1.0 - 1e-8] {
                let inside = |w: usize| law[middle - w..=middle + w].iter().sum::<f64>();
                let expected = (0..=middle).find(|&w| inside(w) >= level - 1e-12).unwrap_or(middle);
                let found = noise(NoiseLaw::Binomial { trials }).half_width(level).unwrap();
                // Where a sum is equal to the level, rounding decides.
                let tied = (inside(expected) - level).abs() < 1e-9;
                let off = found - expected as f64;
                assert!(off == 0.0 || tied && off == 1.0, "{trials} {level}: {found} {expected}");
            }
        }
        let q = (-1.0f64 / 2.5).exp();
        // Negative binomial of order 3/2, and the difference of two.
        let mut one = vec![(1.0 - q).powf(1.5)];
        for k in 1..400 {
            one.push(one[k - 1] * q * (k as f64 + 0.5) / k as f64);
        }
        let mass = |x: usize| (0..400 - x).map(|k| one[k] * one[k + x]).sum::<f64>();
        let found = noise(NoiseLaw::Laplace { scale_thousandths: 2500 }).half_width(0.95).unwrap();
        let inside = |w: usize| mass(0) + 2.0 * (1..=w).map(mass).sum::<f64>();
        assert!(inside(found as usize) >= 0.95 && inside(found as usize - 1) < 0.95, "{found}");
        for mu_thousandths in [1, 20_000, 1 << 40] {
            let skellam = noise(NoiseLaw::Skellam { mu_thousandths });
            let normal = 1.959_964 * skellam.variance().unwrap().sqrt();
            let found = skellam.half_width(0.95).unwrap();
            assert!((found - normal).abs() <= 1.0 + 1e-3 * normal, "{mu_thousandths}: {found}");
        }
    }
}
