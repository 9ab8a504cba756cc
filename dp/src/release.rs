//! What comes out: a value, and what it cost.

use crate::{Loss, Neighbours, Ratio, Total, accounting::Event, mechanism::Noise};
use std::fmt;

/// One use of a mechanism on the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What was asked.
    pub what: &'static str,
    /// Its cost.
    pub loss: Loss,
    /// What was added to each number, if the mechanism adds noise.
    pub noise: Option<Noise>,
    /// The value of one unit of the noise.
    pub unit: f64,
    /// How many numbers got such noise. The loss is for all of them together.
    pub coordinates: usize,
    /// How many of them a unit can move, each by so many steps at most, where that says all:
    /// pairs of a change and a number of coordinates.
    pub(crate) changes: Vec<(u128, u64)>,
}

impl Part {
    pub(crate) fn noise(
        what: &'static str,
        loss: Loss,
        noise: Noise,
        unit: f64,
        coordinates: usize,
    ) -> Self {
        Self { what, loss, noise: Some(noise), unit, coordinates, changes: Vec::new() }
    }

    pub(crate) fn choice(what: &'static str, loss: Loss) -> Self {
        Self { what, loss, noise: None, unit: 1.0, coordinates: 1, changes: Vec::new() }
    }

    pub(crate) fn moved(self, changes: Vec<(u128, u64)>) -> Self {
        Self { changes, ..self }
    }

    /// For an [`Accountant`](crate::accounting::Accountant) of the same relation. Where it is
    /// known which coordinates a unit moves, and by how much, the noise itself is accounted,
    /// otherwise the loss.
    pub fn event(&self) -> Event {
        match self.loss {
            Loss::Pure { epsilon } => self.exact_event().unwrap_or_else(|| pure(epsilon)),
            Loss::Concentrated { rho } => self.exact_event().unwrap_or_else(|| zcdp(rho)),
            Loss::Approximate { epsilon, delta } => Event::Approximate {
                epsilon: above(epsilon).max(LEAST),
                // The least that an accountant takes.
                delta: delta.max(1e-250),
            },
        }
    }

    /// Coordinates with a bound for each: their noise is independent, so they compose.
    fn exact_event(&self) -> Option<Event> {
        let noise = self.noise?;
        let mut events = Vec::with_capacity(self.changes.len());
        for &(change, count) in &self.changes {
            events.push((noise.event(change)?, count));
        }
        match events.as_slice() {
            [] => None,
            [(event, 1)] => Some(event.clone()),
            _ => Some(Event::Composed(events)),
        }
    }

    /// The noise in one number is within this of zero with probability `level`.
    pub fn half_width(&self, level: f64) -> Option<f64> {
        Some(self.noise?.half_width(level) * self.unit)
    }

    /// The standard deviation of the noise in one number.
    pub fn deviation(&self) -> Option<f64> {
        Some(self.noise?.deviation() * self.unit)
    }
}

/// A released value and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Release<T> {
    /// The value. It may be shown to anybody.
    pub value: T,
    pub(crate) parts: Vec<Part>,
    pub(crate) neighbours: Neighbours,
    pub(crate) spread: Spread,
}

/// How noise becomes an error of the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Spread {
    /// As it is.
    Direct,
    /// Divided by a public number.
    Scaled(f64),
    /// A mean from two noisy sums: of distances to the lower and to the upper bound.
    Pair { below: f64, above: f64, lower: f64, width: f64 },
    /// No statement.
    Unknown,
}

impl<T> Release<T> {
    /// What was spent for it.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// For which relation.
    pub fn neighbours(&self) -> Neighbours {
        self.neighbours
    }

    /// What it cost in all, by adding up.
    pub fn total(&self) -> Total {
        Total::of(self.parts.iter().map(|part| part.loss))
    }

    /// What it was, for an [`Accountant`](crate::accounting::Accountant).
    pub fn events(&self) -> Vec<Event> {
        self.parts.iter().map(Part::event).collect()
    }

    /// The same costs, another value: post-processing.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Release<U> {
        let Self { value, parts, neighbours, .. } = self;
        Release { value: f(value), parts, neighbours, spread: Spread::Unknown }
    }
}

impl Release<f64> {
    /// An interval that holds the value before noise (after clipping and rounding) with
    /// probability `level` at least, if the noise says that much. It is post-processing
    /// and free.
    pub fn interval(&self, level: f64) -> Option<(f64, f64)> {
        let part = self.parts.first()?;
        match self.spread {
            Spread::Direct | Spread::Scaled(_) => {
                let divisor = if let Spread::Scaled(n) = self.spread { n } else { 1.0 };
                let half = part.half_width(level)? / divisor;
                Some((self.value - half, self.value + half))
            }
            Spread::Pair { below, above, lower, width } => {
                // Each sum misses with half the probability.
                let half = part.half_width((1.0 + level) / 2.0)?;
                let mean = |a: f64, b: f64| {
                    let (a, b) = (a.max(0.0), b.max(0.0));
                    if a + b > 0.0 { lower + width * a / (a + b) } else { lower + width / 2.0 }
                };
                if below - half <= 0.0 && above - half <= 0.0 {
                    return Some((lower, lower + width));
                }
                Some((mean(below - half, above + half), mean(below + half, above - half)))
            }
            Spread::Unknown => None,
        }
    }
}

impl Release<i64> {
    /// As for a float.
    pub fn interval(&self, level: f64) -> Option<(i64, i64)> {
        let part = self.parts.first().filter(|_| self.spread == Spread::Direct)?;
        let half = part.half_width(level)? as i64;
        Some((self.value.saturating_sub(half), self.value.saturating_add(half)))
    }
}

/// What a release would cost and how exact it would be. No data are needed to say so.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The parts.
    pub parts: Vec<Part>,
    /// For which relation.
    pub neighbours: Neighbours,
    /// The probability of [`half_width`](Self::half_width).
    pub level: f64,
    /// The noise in one number of the first part is within this of zero with probability
    /// `level`.
    pub half_width: Option<f64>,
}

impl Explanation {
    pub(crate) fn new(parts: Vec<Part>, neighbours: Neighbours, level: f64) -> Self {
        let half_width = parts.first().and_then(|part| part.half_width(level));
        Self { parts, neighbours, level, half_width }
    }

    /// What it would be, for an [`Accountant`](crate::accounting::Accountant).
    pub fn events(&self) -> Vec<Event> {
        self.parts.iter().map(Part::event).collect()
    }

    /// What it would cost in all, by adding up.
    pub fn total(&self) -> Total {
        Total::of(self.parts.iter().map(|part| part.loss))
    }
}

/// Not below x. Two conversions and a quotient err by less than 2.5 units of the spacing of
/// floats just below a power of two, which is the finest.
pub(crate) fn above(x: Ratio) -> f64 {
    x.to_f64().next_up().next_up().next_up()
}

/// The least parameter of an event.
const LEAST: f64 = 1e-12;

/// Epsilon as an event.
pub(crate) fn pure(epsilon: Ratio) -> Event {
    Event::Pure { epsilon: above(epsilon).max(LEAST) }
}

/// Rho as an event.
pub(crate) fn zcdp(rho: Ratio) -> Event {
    Event::Zcdp { rho: above(rho).max(LEAST) }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = match self.neighbours {
            Neighbours::AddRemove => "adding or removing a unit",
            Neighbours::Replace => "replacing a unit",
        };
        for part in &self.parts {
            write!(f, "{}: {} for {relation}", part.what, part.loss)?;
            match (part.noise, part.deviation(), part.half_width(self.level)) {
                (Some(noise), Some(deviation), Some(half)) => writeln!(
                    f,
                    "; {noise}, {} number(s) with standard deviation {deviation:.4}, within \
                     {half:.4} with probability {}",
                    part.coordinates, self.level
                )?,
                _ => writeln!(f, "; a random choice, no noise added")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dashu_int::UBig;
    use proptest::prelude::*;

    /// Whether x >= n/d, in integers.
    fn reaches(x: f64, ratio: Ratio) -> bool {
        let (mantissa, exponent) = ((x.to_bits() & ((1 << 52) - 1)) | 1 << 52, x.to_bits() >> 52);
        let left = (UBig::from(mantissa) * UBig::from(ratio.denominator())) << exponent as usize;
        left >= UBig::from(ratio.numerator()) << 1075
    }

    proptest! {
        #[test]
        fn losses_as_floats_are_never_below(n in 1u64.., d in 1u64.., near in 0u64..1 << 58) {
            let quotients = [(n, d), ((1 << 63) + near, (1 << 63) + (near << 1)), (n, n / 2 + 1)];
            for (n, d) in quotients {
                let ratio = Ratio::new(n, d).unwrap();
                prop_assert!(reaches(above(ratio), ratio), "{}", ratio);
            }
        }
    }

    /// Both conversions and the quotient are rounded to the wrong side: two steps fall short.
    #[test]
    fn three_roundings_take_three_steps() {
        let short = (0u64..1 << 20).any(|i| {
            let n = (1u64 << 63) + (i << 12) * 2053 + 1023;
            let d = (1u64 << 63) + (i << 12) * 4099 + 1025;
            let ratio = Ratio::new(n, d).unwrap();
            assert!(reaches(above(ratio), ratio), "{ratio}");
            !reaches(ratio.to_f64().next_up().next_up(), ratio)
        });
        assert!(short);
    }
}
