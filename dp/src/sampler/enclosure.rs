//! Cumulative laws on the integers as integers with as many bits as are asked for,
//! rounded down and rounded up: the truth lies between.

use super::Source;
use crate::{Error, Ratio, Result};
use dashu_int::UBig;
use rand::CryptoRng;

/// A law on 0, 1, 2, ... by unnormalised weights.
pub(super) trait Weights {
    /// Weights of 0, 1, 2, ..., each at most and at least, in units of 2^-bits of the
    /// first one's, up to a place from which on all weights together are below the second
    /// number returned.
    fn weights(&self, bits: usize) -> (Vec<Enclosed>, UBig);
}

/// A number between two integers.
#[derive(Clone, Debug)]
pub(super) struct Enclosed {
    pub(super) low: UBig,
    pub(super) high: UBig,
}

impl Enclosed {
    pub(super) fn one(bits: usize) -> Self {
        let one = UBig::ONE << bits;
        Self { low: one.clone(), high: one }
    }

    /// Times another number, both in units of 2^-bits.
    pub(super) fn times(&self, other: &Self, bits: usize) -> Self {
        let half_open = (UBig::ONE << bits) - UBig::ONE;
        Self {
            low: (&self.low * &other.low) >> bits,
            high: (&self.high * &other.high + half_open) >> bits,
        }
    }

    /// Times n / d.
    pub(super) fn scaled(&self, n: &UBig, d: &UBig) -> Self {
        Self { low: &self.low * n / d, high: (&self.high * n + d - UBig::ONE) / d }
    }
}

/// exp(-p/q) in units of 2^-bits, by \\( 1 / \sum_i (p/q)^i / i! \\) for p <= q and powers
/// of exp(-1) else.
pub(super) fn exp_minus(p: &UBig, q: &UBig, bits: usize) -> Enclosed {
    let whole = p / q;
    let rest = p - &whole * q;
    let mut result = fraction(&rest, q, bits);
    // By squaring: as many products as bits.
    let (mut power, mut left) = (fraction(&UBig::ONE, &UBig::ONE, bits), whole);
    while left > UBig::ZERO {
        if &left % UBig::from(2u8) == UBig::ONE {
            result = result.times(&power, bits);
        }
        power = power.times(&power, bits);
        left >>= 1;
    }
    result
}

fn fraction(p: &UBig, q: &UBig, bits: usize) -> Enclosed {
    let mut term = Enclosed::one(bits);
    let mut sum = term.clone();
    let mut i = 1u32;
    while term.high > UBig::ONE {
        term = term.scaled(p, &(q * UBig::from(i)));
        sum.low += &term.low;
        sum.high += &term.high;
        i += 1;
    }
    // The terms after one of at most 2^-bits sum up to less than that: each is at most half
    // the one before.
    sum.high += UBig::ONE;
    let square = UBig::ONE << (2 * bits);
    Enclosed { low: &square / &sum.high, high: (&square + &sum.low - UBig::ONE) / &sum.low }
}

/// The cumulative law in units of 2^-bits: how likely it is to be at most k, for each k.
pub(super) fn cumulative(law: &impl Weights, bits: usize) -> Vec<Enclosed> {
    // Room for the rounding of the weights, of which there are fewer than 2^32.
    let (weights, rest) = law.weights(bits + 64);
    let mut total = Enclosed { low: UBig::ZERO, high: rest };
    weights.iter().for_each(|w| {
        total.low += &w.low;
        total.high += &w.high;
    });
    let mut sum = Enclosed { low: UBig::ZERO, high: UBig::ZERO };
    let one = UBig::ONE << bits;
    weights
        .iter()
        .map(|w| {
            sum.low += &w.low;
            sum.high += &w.high;
            let low = (&sum.low << bits) / &total.high;
            let high = (&sum.high << bits) / &total.low + UBig::ONE;
            Enclosed { low, high: high.min(one.clone()) }
        })
        .collect()
}

/// Draws from a law exactly: the place of a uniform number between 0 and 1 among the
/// cumulative probabilities. 64 bits of that number are enough unless they are those of
/// a cumulative probability; then both get more bits, for as long as it takes.
#[derive(Clone, Debug)]
pub(super) struct Inverse<L> {
    law: L,
    /// The first 64 bits of each cumulative probability.
    words: Vec<u64>,
    /// For each first byte, the first place that a number with it can have.
    guide: Box<[u16; 256]>,
}

impl<L: Weights> Inverse<L> {
    pub(super) fn new(law: L) -> Result<Self> {
        let mut bits = 128;
        let words = loop {
            if let Some(words) = first_words(&cumulative(&law, bits), bits) {
                break words;
            }
            bits *= 2;
        };
        if words.len() > usize::from(u16::MAX) {
            return Err(Error::Parameter { what: "law of a table", rule: "it is too wide" });
        }
        let mut guide = Box::new([0; 256]);
        for (byte, place) in guide.iter_mut().enumerate() {
            *place = words.partition_point(|&w| w < (byte as u64) << 56) as u16;
        }
        Ok(Self { law, words, guide })
    }

    /// Fills a slice from a law of absolute values that reaches to about `width`, if the
    /// slice is long enough for a table to pay: an entry takes about as long to make as 25
    /// draws without it.
    pub(super) fn fill<R: CryptoRng>(
        law: L,
        width: f64,
        source: &mut Source<R>,
        out: &mut [i64],
    ) -> bool {
        if out.len() < 1000 || width * 40.0 > out.len() as f64 {
            return false;
        }
        let Ok(table) = Self::new(law) else { return false };
        for x in out {
            let magnitude = table.sample(source) as i64;
            *x = if source.bit() { -magnitude } else { magnitude };
        }
        true
    }

    pub(super) fn sample<R: CryptoRng>(&self, source: &mut Source<R>) -> u64 {
        let word = source.word();
        let mut k = usize::from(self.guide[(word >> 56) as usize]);
        while k < self.words.len() && self.words[k] < word {
            k += 1;
        }
        match self.words.get(k) {
            Some(&bound) if word < bound => k as u64,
            _ => self.refine(source, word),
        }
    }

    /// With more bits: probability about 2^-64 for each entry of the table.
    #[cold]
    pub(super) fn refine<R: CryptoRng>(&self, source: &mut Source<R>, word: u64) -> u64 {
        let mut uniform = UBig::from(word);
        let mut bits = 64;
        loop {
            uniform = (uniform << 64) + UBig::from(source.word());
            bits += 64;
            let places = cumulative(&self.law, bits);
            // The number is at least `uniform` and below `uniform` + 1.
            let first = places.iter().position(|c| c.high > uniform);
            if let Some(k) = first
                && places[k].low > uniform
            {
                return k as u64;
            }
        }
    }
}

/// The first 64 bits of each, up to the first that has ones only; `None` if they are not
/// certain yet.
fn first_words(places: &[Enclosed], bits: usize) -> Option<Vec<u64>> {
    let mut words = Vec::new();
    for place in places {
        let one = UBig::ONE << bits;
        let (low, high) = (&place.low >> (bits - 64), &place.high >> (bits - 64));
        let low = u64::try_from(low).ok()?;
        let certain = place.high < one && u64::try_from(high).ok()? == low;
        if low == u64::MAX {
            words.push(low);
            return Some(words);
        }
        if !certain {
            return None;
        }
        words.push(low);
    }
    None
}

/// Poisson weights \\( \lambda^k / k! \\).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoissonWeights(pub(super) Ratio);

impl Weights for PoissonWeights {
    fn weights(&self, bits: usize) -> (Vec<Enclosed>, UBig) {
        let (n, d) = (UBig::from(self.0.numerator()), UBig::from(self.0.denominator()));
        let mut weights = vec![Enclosed::one(bits)];
        let mut k = 1u64;
        loop {
            let last = weights[weights.len() - 1].scaled(&n, &(&d * UBig::from(k)));
            // From 2 lambda on, each is at most half the one before.
            if last.high <= UBig::ONE && UBig::from(k) * &d >= UBig::from(2u8) * &n {
                return (weights, UBig::from(2u8));
            }
            weights.push(last);
            k += 1;
        }
    }
}

/// Weights of |x| for probabilities proportional to exp(-|x| / scale).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LaplaceWeights(pub(super) Ratio);

impl Weights for LaplaceWeights {
    fn weights(&self, bits: usize) -> (Vec<Enclosed>, UBig) {
        let (n, d) = (UBig::from(self.0.numerator()), UBig::from(self.0.denominator()));
        let step = exp_minus(&d, &n, bits);
        // The rest is last / (1 - step), of which the divisor is at least 1 / (scale + 1).
        falling((&n / &d) + UBig::from(2u8), bits, step, |same| same)
    }
}

/// Weights of |x| for probabilities proportional to exp(-x^2 / 2 sigma^2).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GaussianWeights(pub(super) Ratio);

impl Weights for GaussianWeights {
    fn weights(&self, bits: usize) -> (Vec<Enclosed>, UBig) {
        let (n, d) = (UBig::from(self.0.numerator()), UBig::from(self.0.denominator()));
        // exp(-(2x + 1) / 2 sigma^2), from one x to the next
        let first = exp_minus(&d, &(UBig::from(2u8) * &n), bits);
        let step = exp_minus(&d, &n, bits);
        // From 1 on the weights fall faster than the geometric series of that step, whose sum
        // is below (sigma^2 + 2) times its first.
        falling((&n / &d) + UBig::from(2u8), bits, first, |factor| factor.times(&step, bits))
    }
}

/// Weights of |x|, each but that of 0 for two signs: times a factor from one to the next,
/// until the rest is small. The rest is at most `most` times its first weight.
fn falling(
    most: UBig,
    bits: usize,
    mut factor: Enclosed,
    next: impl Fn(Enclosed) -> Enclosed,
) -> (Vec<Enclosed>, UBig) {
    let mut last = Enclosed::one(bits);
    let mut weights = vec![last.clone()];
    last = Enclosed { low: last.low << 1, high: last.high << 1 };
    // Rounding up, a weight stops falling where it is about the scale.
    let end = &most << 2;
    loop {
        last = last.times(&factor, bits);
        factor = next(factor);
        if last.high <= end {
            return (weights, last.high * most);
        }
        weights.push(last.clone());
    }
}
