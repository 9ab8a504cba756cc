//! One quantile.
//!
//! **Paper.** Smith, "Privacy-preserving Statistical Estimation with Optimal Convergence
//! Rates", STOC 2011, algorithm 2, with candidates on a declared grid of integers.
//!
//! **Proof note.** q = s/d. Every grid point v is a candidate. With \\(<_v\\) rows below v
//! and \\(\le_v\\) rows at or below it, of n, its cost is how far the wanted rank is from the
//! ranks that v has:
//!
//! \\[ c(v) = \max(0,\; d\,{<_v} - s\,n,\; s\,n - d\,{\le_v}). \qquad (1) \\]
//!
//! *Add/remove.* A row moves \\(d\,{<_v} - s\,n\\) by d - s or by -s, the other term
//! likewise, and a maximum moves by no more than its members: \\(\Delta = \max(s, d - s)\\)
//! for each of up to k rows. *Replace.* From up to k rows to up to k others:
//! \\(\Delta = kd\\). The exponential mechanism chooses v.
//!
//! Equal values cost nothing: a value that 80 % of all rows have is one candidate of cost
//! zero for most quantiles, not an empty interval. One row or none are no special cases:
//! with none, all candidates cost the same.
//!
//! **Cost in time.** A sort, and one pass over at most 2n + 1 blocks of equal cost; the
//! choice itself is exact ([`crate::mechanism::Exponential`]).

use crate::mechanism::{Block, Exponential};
use crate::{Error, Explanation, Grid, Neighbours, Part, Privacy, Release, Result, Units};
use crate::{release::Spread, sampler::Source};
use rand::CryptoRng;

/// A quantile of clipped numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    rank: Rank,
    grid: Grid,
    privacy: Privacy,
    exponential: Exponential,
}

/// s/d.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    pub(super) s: u32,
    pub(super) d: u32,
}

impl Rank {
    /// In millionths, reduced.
    pub(super) fn new(q: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::Parameter { what: "quantile", rule: "it must be from 0 to 1" });
        }
        Ok(Self { s: (q * 1e6).round() as u32, d: 1_000_000 }.reduced())
    }

    pub(super) fn reduced(self) -> Self {
        let (mut a, mut b) = (self.d, self.s);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        Self { s: self.s / a, d: self.d / a }
    }

    /// Delta of one row under add/remove.
    pub(super) fn one_row(self) -> u64 {
        self.s.max(self.d - self.s).into()
    }
}

impl Quantile {
    /// The quantile `q` (0.5 for the median) of numbers on this grid. The loss must be pure.
    /// For q = 0 every point up to the least number is as good as any other (and likewise
    /// at 1): for the ends of the data ask for 0.01 or so.
    pub fn new(q: f64, grid: Grid, privacy: Privacy) -> Result<Self> {
        let epsilon = privacy.loss.epsilon("quantile")?;
        let rank = Rank::new(q)?;
        let row = match privacy.neighbours {
            Neighbours::AddRemove => rank.one_row(),
            Neighbours::Replace => rank.d.into(),
        };
        let sensitivity = u128::from(row) * privacy.contributions.all();
        let rule = "there must be fewer than 2^40 rows for each unit";
        let sensitivity = u64::try_from(sensitivity)
            .map_err(|_| Error::Parameter { what: "contributions", rule })?;
        let exponential = Exponential::new(sensitivity, epsilon)?;
        Ok(Self { rank, grid, privacy, exponential })
    }

    fn part(&self) -> Part {
        Part::choice("quantile", self.privacy.loss)
    }

    /// Cost, without data; how exact it is, [`rank_error`](Self::rank_error) says.
    pub fn explain(&self, level: f64) -> Explanation {
        Explanation::new(vec![self.part()], self.privacy.neighbours, level)
    }

    /// With probability `level` the rank of the result is wrong by at most so many rows
    /// (McSherry and Talwar 2007, theorem 6: \\(2\Delta/\varepsilon \cdot
    /// \ln(\text{candidates}/(1 - \text{level}))\\)); usually by far fewer.
    pub fn rank_error(&self, level: f64) -> f64 {
        let row = match self.privacy.neighbours {
            Neighbours::AddRemove => self.rank.one_row() as f64 / f64::from(self.rank.d),
            Neighbours::Replace => 1.0,
        };
        let delta = row * self.privacy.contributions.all() as f64;
        let candidates = self.grid.steps() as f64 + 1.0;
        let miss = (1.0 - level).clamp(1e-15, 1.0);
        2.0 * delta / self.exponential.epsilon().to_f64() * (candidates / miss).ln()
    }

    /// The quantile, a point of the grid.
    pub fn release<R: CryptoRng>(
        &self,
        data: &[f64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<f64>> {
        let rows = units.numbers(data, self.privacy.contributions, source)?;
        let mut sorted: Vec<i64> = rows.iter().map(|&x| self.grid.index(x)).collect();
        sort(&mut sorted);
        let blocks = Blocks::new(&sorted, (self.grid.lower(), self.grid.upper()), self.rank);
        let chosen = self.exponential.choose(blocks, source)?;
        Ok(Release {
            value: self.grid.value(chosen.into()),
            parts: vec![self.part()],
            neighbours: self.privacy.neighbours,
            spread: Spread::Unknown,
        })
    }
}

/// By digits of 11 bits, as many as the range needs, where that is faster.
pub(super) fn sort(values: &mut Vec<i64>) {
    let (Some(&least), Some(&most)) = (values.iter().min(), values.iter().max()) else { return };
    let range = most.abs_diff(least);
    if values.len() < 1 << 12 || range >> 44 != 0 || values.len() >> 32 != 0 {
        values.sort_unstable();
        return;
    }
    let mut other = vec![0i64; values.len()];
    let mut shift = 0;
    while range >> shift > 0 {
        let digit = |x: i64| (x.abs_diff(least) >> shift & 2047) as usize;
        let mut places = [0u32; 2048];
        values.iter().for_each(|&x| places[digit(x)] += 1);
        let mut sum = 0;
        for place in &mut places {
            (*place, sum) = (sum, sum + *place);
        }
        for &x in values.iter() {
            let place = &mut places[digit(x)];
            other[*place as usize] = x;
            *place += 1;
        }
        std::mem::swap(values, &mut other);
        shift += 11;
    }
}

/// The candidates between two ends, each run of equal cost as a block: every value that
/// occurs, and every gap between two such values.
#[derive(Clone)]
pub(super) struct Blocks<'a> {
    sorted: &'a [i64],
    rank: Rank,
    /// Rows below `next`.
    below: usize,
    next: i64,
    upper: i64,
}

impl<'a> Blocks<'a> {
    /// Of sorted values between both ends.
    pub(super) fn new(sorted: &'a [i64], (lower, upper): (i64, i64), rank: Rank) -> Self {
        Self { sorted, rank, below: 0, next: lower, upper }
    }

    /// (1); at most 2^20 times the number of rows.
    fn cost(&self, below: usize, at_or_below: usize) -> u64 {
        let (s, d) = (u64::from(self.rank.s), u64::from(self.rank.d));
        let wanted = s * self.sorted.len() as u64;
        let (below, at_or_below) = (d * below as u64, d * at_or_below as u64);
        below.saturating_sub(wanted).max(wanted.saturating_sub(at_or_below))
    }
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let start = self.next;
        if start > self.upper {
            return None;
        }
        let (end, rows) = match self.sorted.get(self.below) {
            Some(&value) if value == start => {
                let rest = &self.sorted[self.below..];
                let run = rest.iter().take_while(|x| **x == value).count();
                (start + 1, run)
            }
            Some(&value) => (value, 0),
            None => (self.upper + 1, 0),
        };
        let cost = self.cost(self.below, self.below + rows);
        (self.next, self.below) = (end, self.below + rows);
        Some(Block { start, length: end.abs_diff(start), cost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_sort(mut values in prop::collection::vec(-5_000_000i64..5_000_000, 4090..4200)) {
            let mut expected = values.clone();
            expected.sort_unstable();
            sort(&mut values);
            prop_assert_eq!(values, expected);
        }

        /// Blocks are the grid, costs are (1), and neighbours differ by delta at most.
        #[test]
        fn costs_are_those_of_the_definition(
            mut values in prop::collection::vec(0i64..30, 0..40), extra in 0i64..30,
            s in 0u32..5,
        ) {
            let rank = Rank { s, d: 4 };
            prop_assume!(s <= 4);
            let costs = |values: &[i64]| {
                let mut costs = Vec::new();
                for block in Blocks::new(values, (0, 30), rank) {
                    assert_eq!(block.start, costs.len() as i64);
                    costs.extend(std::iter::repeat_n(block.cost, block.length as usize));
                }
                costs
            };
            values.sort_unstable();
            let before = costs(&values);
            prop_assert_eq!(before.len(), 31);
            for (v, &cost) in before.iter().enumerate() {
                let below = values.iter().filter(|x| **x < v as i64).count() as i64;
                let at = values.iter().filter(|x| **x <= v as i64).count() as i64;
                let wanted = i64::from(s) * values.len() as i64;
                prop_assert_eq!(cost as i64, (4 * below - wanted).max(wanted - 4 * at).max(0));
            }
            let mut more = values.clone();
            more.push(extra);
            more.sort_unstable();
            let moved = |a: &[u64], b: &[u64]| {
                a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
            };
            prop_assert!(moved(&before, &costs(&more)) <= rank.one_row());
            if let Some(first) = values.first_mut() {
                *first = extra;
                values.sort_unstable();
                prop_assert!(moved(&before, &costs(&values)) <= 4);
            }
        }
    }
}
