//! The exponential mechanism over very many candidates.
//!
//! **Paper.** McSherry, Talwar, "Mechanism Design via Differential Privacy", FOCS 2007.
//!
//! **Proof note.** Candidates are integers; each has a cost c, an integer that differs by
//! at most \\(\Delta\\) between neighbours. A candidate is chosen with probability
//!
//! \\[ \Pr\[v\] = \frac{e^{-a c(v)}}{\sum_w e^{-a c(w)}}, \qquad
//!    a = \frac{\varepsilon}{2\Delta}. \qquad (1) \\]
//!
//! Between neighbours the numerator changes by a factor of at most \\(e^{\varepsilon/2}\\),
//! and so does the sum: together \\(e^\varepsilon\\).
//!
//! **Exactness.** Candidates of one cost lie in blocks, intervals of integers; the candidates
//! may be 2^50, the blocks as many as there are data. With the least cost taken off (which
//! leaves (1) as it is), write \\(a c = k + f\\), k an integer, \\(0 \le f < 1\\) rational.
//! L_k is the number of candidates of level k.
//!
//! 1. A level k with probability \\(L_k e^{-k} / \sum_j L_j e^{-j}\\).
//! 2. One of the L_k candidates, each as likely as another.
//! 3. It is kept with probability \\(e^{-f}\\), an exact coin; otherwise back to 1.
//!
//! The product is proportional to (1), and more than one try in e is kept. For step 1 a
//! uniform number of the unit interval is multiplied by the sum and compared with the
//! partial sums. All these are known as intervals, of 256 bits at first; if they overlap,
//! which happens about once in 2^150 times, the same uniform number gets more bits, and the
//! intervals are computed anew. So the choice that is made is the one that real numbers
//! would have made: no table, no rounding. Levels so deep that they do not matter at this
//! width are one interval that begins at zero.

use crate::{
    Error, Ratio, Result, accounting::Event, release::pure, sampler::Source, sampler::bernoulli_exp,
};
use dashu_int::UBig;
use rand::CryptoRng;
use std::{borrow::Cow, sync::OnceLock};

/// Candidates that cost the same: `start`, `start + 1`, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first.
    pub start: i64,
    /// How many.
    pub length: u64,
    /// The cost of each.
    pub cost: u64,
}

/// Chooses a candidate of low cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exponential {
    /// a = p/q of (1).
    p: u64,
    q: u128,
    epsilon: Ratio,
}

impl Exponential {
    /// For costs that differ by at most `sensitivity` between neighbours.
    pub fn new(sensitivity: u64, epsilon: Ratio) -> Result<Self> {
        if sensitivity == 0 || sensitivity >> 62 != 0 {
            let rule = "it must be above 0 and below 2^62";
            return Err(Error::Parameter { what: "sensitivity", rule });
        }
        let q = 2 * u128::from(sensitivity) * u128::from(epsilon.denominator());
        Ok(Self { p: epsilon.numerator(), q, epsilon })
    }

    /// The loss.
    pub fn epsilon(&self) -> Ratio {
        self.epsilon
    }

    /// For an accountant.
    pub fn event(&self) -> Event {
        pure(self.epsilon)
    }

    /// One candidate of blocks that do not overlap. Which blocks there are may depend on
    /// data, which candidates they hold may not.
    pub fn choose<R: CryptoRng>(
        &self,
        blocks: impl Iterator<Item = Block> + Clone,
        source: &mut Source<R>,
    ) -> Result<i64> {
        let blocks = blocks.filter(|block| block.length > 0);
        let Some(least) = blocks.clone().map(|block| block.cost).min() else {
            let rule = "there must be one at least";
            return Err(Error::Parameter { what: "candidates", rule });
        };
        let mut levels = Levels::new(self, blocks.clone(), least, BITS);
        loop {
            let level = loop {
                // Bits of one uniform number, more of them as long as they do not decide.
                let mut uniform = UBig::ZERO;
                let (mut drawn, mut found) = (0, None);
                while found.is_none() {
                    while drawn < levels.bits {
                        uniform = (uniform << 64) + UBig::from(source.word());
                        drawn += 64;
                    }
                    found = levels.find(&uniform);
                    if found.is_none() {
                        levels = Levels::new(self, blocks.clone(), least, 2 * levels.bits);
                    }
                }
                if let Some(level) = found {
                    break level;
                }
            };
            let mut place = source.below_wide(levels.lengths[level]);
            for near in levels.near.iter().filter(|near| near.level == level) {
                if place < near.length.into() {
                    if bernoulli_exp(source, near.rest, self.q) {
                        // Below the length, so the candidate is within its block.
                        return Ok(near.start.wrapping_add_unsigned(place as u64));
                    }
                    break;
                }
                place -= u128::from(near.length);
            }
        }
    }
}

/// The width of the first intervals, a multiple of 64.
const BITS: usize = 256;

/// Of the first width.
static POWERS: OnceLock<Vec<(UBig, UBig)>> = OnceLock::new();

/// A block of a level that is looked at.
struct Near {
    level: usize,
    rest: u128,
    start: i64,
    length: u64,
}

struct Levels {
    bits: usize,
    near: Vec<Near>,
    lengths: Vec<u128>,
    /// Below and above L_0 + L_1 e^-1 + ... + L_k e^-k, times 2^bits.
    sums: Vec<(UBig, UBig)>,
    /// The same for all levels.
    total: (UBig, UBig),
}

impl Levels {
    fn new(a: &Exponential, blocks: impl Iterator<Item = Block>, least: u64, bits: usize) -> Self {
        // e^-deepest is about 2^-(3/4 bits).
        let deepest = bits / 2;
        // cost p < (deepest + 1) q, without a division for each.
        let wide = (deepest as u128 + 1).checked_mul(a.q);
        let most = wide.map_or(u128::MAX, |wide| (wide - 1) / u128::from(a.p));
        let (mut near, mut lengths, mut far) = (Vec::new(), vec![0u128; deepest + 1], 0u128);
        for block in blocks {
            let cost = u128::from(block.cost - least);
            if cost > most {
                far += u128::from(block.length);
                continue;
            }
            let scaled = cost * u128::from(a.p);
            let (level, rest) = ((scaled / a.q) as usize, scaled % a.q);
            lengths[level] += u128::from(block.length);
            near.push(Near { level, rest, start: block.start, length: block.length });
        }
        // Nothing below the last level that has candidates.
        let used = lengths.iter().rposition(|length| *length > 0).map_or(0, |level| level + 1);
        lengths.truncate(used);
        let powers = match bits {
            BITS => Cow::Borrowed(POWERS.get_or_init(|| powers(deepest + 2, BITS)).as_slice()),
            _ => Cow::Owned(powers(deepest + 2, bits)),
        };
        let (mut low, mut high) = (UBig::ZERO, UBig::ZERO);
        let mut sums = Vec::with_capacity(lengths.len());
        for (length, power) in lengths.iter().zip(powers.iter()) {
            low += UBig::from(*length) * &power.0;
            high += UBig::from(*length) * &power.1;
            sums.push((low.clone(), high.clone()));
        }
        if far > 0 {
            high += UBig::from(far) * &powers[deepest + 1].1;
        }
        Self { bits, near, lengths, sums, total: (low, high) }
    }

    /// The level that a number in uniform..uniform + 1 (times 2^-drawn) belongs to, if it is
    /// certain.
    fn find(&self, uniform: &UBig) -> Option<usize> {
        // The number has as many bits as the sums.
        let low = (uniform * &self.total.0) >> self.bits;
        let high = (((uniform + UBig::ONE) * &self.total.1) >> self.bits) + UBig::ONE;
        let mut before = UBig::ZERO;
        for (level, (below, above)) in self.sums.iter().enumerate() {
            if self.lengths[level] > 0 {
                if before <= low && high <= *below {
                    return Some(level);
                }
                // The last level ends where everything does.
                let last = self.total.1 == *above;
                if before <= low && last {
                    return Some(level);
                }
            }
            before.clone_from(above);
        }
        None
    }
}

/// Below and above e^-0, e^-1 and so on, times 2^bits.
fn powers(count: usize, bits: usize) -> Vec<(UBig, UBig)> {
    let one = UBig::ONE << bits;
    // e^-1 = 1 - 1 + 1/2! - 1/3! + ...: terms are rounded down, each by less than two units.
    let (mut sum, mut taken, mut term, mut j) = (one.clone(), UBig::ZERO, one.clone(), 1u32);
    while term != UBig::ZERO {
        term /= UBig::from(j);
        if j % 2 == 0 {
            sum += &term
        } else {
            taken += &term
        }
        j += 1;
    }
    // What was left out is below the last term that was not, so below two units as well.
    let error = UBig::from(2 * (j + 1));
    let middle = sum - taken;
    let (low, high) = (&middle - &error, middle + error);
    let mut powers = vec![(one.clone(), one)];
    while powers.len() < count {
        let (below, above) = &powers[powers.len() - 1];
        let next = ((below * &low) >> bits, ((above * &high) >> bits) + UBig::ONE);
        powers.push(next);
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn powers_enclose_the_exponential_function() {
        for bits in [64, 256, 512] {
            let powers = powers(20, bits);
            for (k, (below, above)) in powers.iter().enumerate() {
                assert!(below <= above);
                let value = |x: &UBig| (x >> (bits - 62)).to_f64().value() / 2f64.powi(62);
                let exact = (-(k as f64)).exp();
                assert!((value(below) - exact).abs() < 1e-14, "{k} {}", value(below));
                assert!(above - below < UBig::from(1u32 << 12), "{k}");
            }
        }
    }

    /// Five standard errors; the seed is fixed.
    #[test]
    fn candidates_have_their_probabilities() {
        let source = &mut Source::new(StdRng::seed_from_u64(1));
        for (numerator, denominator, sensitivity) in [(1, 1, 1), (7, 3, 1), (1, 50, 3), (40, 1, 1)]
        {
            let epsilon = Ratio::new(numerator, denominator).unwrap();
            let exponential = Exponential::new(sensitivity, epsilon).unwrap();
            let blocks =
                [(0, 3, 9), (3, 0, 0), (3, 1, 5), (4, 10, 7), (14, 1000, 12), (1014, 9, 6)]
                    .map(|(start, length, cost)| Block { start, length, cost });
            let a = epsilon.to_f64() / (2 * sensitivity) as f64;
            let weight = |b: &Block| b.length as f64 * (-a * b.cost as f64).exp();
            let all: f64 = blocks.iter().map(weight).sum();
            let draws: Vec<i64> = (0..20_000)
                .map(|_| exponential.choose(blocks.into_iter(), source).unwrap())
                .collect();
            for block in &blocks {
                let inside = |&&x: &&i64| x >= block.start && x < block.start + block.length as i64;
                let seen = draws.iter().filter(inside).count() as f64;
                let p = weight(block) / all;
                let error = 5.0 * (20_000.0 * p * (1.0 - p)).sqrt() + 5.0;
                assert!((seen - 20_000.0 * p).abs() < error, "{block:?} {seen} {p}");
            }
        }
        let nobody = Exponential::new(1, Ratio::new(1, 1).unwrap()).unwrap();
        assert!(nobody.choose(std::iter::empty(), source).is_err());
    }

    /// Intervals that are far too wide decide rarely and must get bits in vain first.
    #[test]
    fn an_uncertain_level_waits_for_more_bits() {
        let exponential = Exponential::new(1, Ratio::new(2, 1).unwrap()).unwrap();
        let blocks =
            [(0, 1, 0), (1, 1000, 3)].map(|(start, length, cost)| Block { start, length, cost });
        let levels = Levels::new(&exponential, blocks.into_iter(), 0, 64);
        let boundary = (UBig::ONE << 128) / &levels.total.0;
        assert_eq!(levels.find(&boundary), None);
        assert_eq!(levels.find(&UBig::ZERO), Some(0));
        assert_eq!(levels.find(&((UBig::ONE << 64) - UBig::ONE)), Some(3));
    }
}
