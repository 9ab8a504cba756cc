//! Many quantiles at once.
//!
//! **Paper.** Kaplan, Schnapp, Stemmer, "Differentially Private Approximate Quantiles",
//! ICML 2022, algorithm 1.
//!
//! **Proof note.** The middle one of the wanted quantiles is chosen first, as in
//! `quantile.rs`; its value v splits rows and wanted quantiles into those up to v and those
//! above, and so on: \\(h = \lceil \log_2 (m + 1) \rceil\\) levels for m quantiles. Given
//! the values of the levels above, every row is in one of the parts of a level. A choice
//! with \\(a = \varepsilon'/2k\Delta\\) loses \\(j\,\varepsilon'/k\\) for j rows of one unit
//! in its part, and the j of all parts of a level sum to at most k: \\(\varepsilon'\\)
//! for the level under add/remove. Replacing is removing and adding, so
//! \\(2\varepsilon'\\). Levels compose:
//!
//! \\[ \varepsilon' = \varepsilon/h \text{ (add/remove)}, \qquad
//!    \varepsilon' = \varepsilon/2h \text{ (replace)}. \\]
//!
//! The paper asks for distinct values. Here each row gets random digits behind its place
//! on the grid, drawn for this release alone, and these are dropped from the result. This
//! is a random map of single rows: for any draw the two sides still differ in one unit.
//! With it a split inside a pile of equal values leaves the right number on both sides.

use super::quantile::{Blocks, Rank, sort};
use crate::mechanism::Exponential;
use crate::{Error, Explanation, Grid, Neighbours, Part, Privacy, Ratio, Release, Result, Units};
use crate::{release::Spread, sampler::Source};
use rand::CryptoRng;

/// Several quantiles of clipped numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiles {
    /// In millionths, rising.
    wanted: Vec<u32>,
    /// Where each quantile as asked for is among them.
    places: Vec<usize>,
    grid: Grid,
    privacy: Privacy,
    /// epsilon'.
    level: Ratio,
    /// Random digits behind a place.
    digits: u32,
}

const MILLION: u32 = 1_000_000;

impl Quantiles {
    /// These quantiles, from 0 to 1 in any order, of numbers on this grid. The loss must be
    /// pure.
    pub fn new(quantiles: &[f64], grid: Grid, privacy: Privacy) -> Result<Self> {
        let epsilon = privacy.loss.epsilon("quantiles")?;
        if quantiles.is_empty() || quantiles.iter().any(|q| !(0.0..=1.0).contains(q)) {
            let rule = "there must be 1 at least, each from 0 to 1";
            return Err(Error::Parameter { what: "quantiles", rule });
        }
        let millionths: Vec<u32> =
            quantiles.iter().map(|q| (q * f64::from(MILLION)).round() as u32).collect();
        let mut wanted = millionths.clone();
        wanted.sort_unstable();
        wanted.dedup();
        let places = millionths.iter().map(|q| wanted.partition_point(|w| w < q)).collect();
        // ceil(log2(m + 1)) = floor(log2 m) + 1
        let h = u64::from(wanted.len().ilog2()) + 1;
        let parts = if privacy.neighbours == Neighbours::Replace { 2 * h } else { h };
        let level = crate::Loss::Pure { epsilon }.part(1, parts)?.epsilon("quantiles")?;
        let most = grid.lower().unsigned_abs().max(grid.upper().unsigned_abs());
        // Places with their digits stay below 2^61.
        let digits = (most.leading_zeros() - 3).min(20);
        // Checked here, so that it holds below: ranks of parts have denominators up to this.
        Exponential::new(Self::sensitivity(MILLION.into(), &privacy)?, level)?;
        Ok(Self { wanted, places, grid, privacy, level, digits })
    }

    fn sensitivity(row: u64, privacy: &Privacy) -> Result<u64> {
        let rule = "there must be fewer than 2^40 rows for each unit";
        u64::try_from(u128::from(row) * privacy.contributions.all())
            .map_err(|_| Error::Parameter { what: "contributions", rule })
    }

    fn part(&self) -> Part {
        Part { coordinates: self.wanted.len(), ..Part::choice("quantiles", self.privacy.loss) }
    }

    /// Cost, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        Explanation::new(vec![self.part()], self.privacy.neighbours, level)
    }

    /// The quantiles in the order they were asked for, greater ones never smaller.
    pub fn release<R: CryptoRng>(
        &self,
        data: &[f64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<Vec<f64>>> {
        let rows = units.numbers(data, self.privacy.contributions, source)?;
        let mut sorted: Vec<i64> = rows
            .iter()
            .map(|&x| (self.grid.index(x) << self.digits) + source.below(1 << self.digits) as i64)
            .collect();
        sort(&mut sorted);
        let ends = (
            self.grid.lower() << self.digits,
            (self.grid.upper() << self.digits) + (1 << self.digits) - 1,
        );
        let mut found = vec![0; self.wanted.len()];
        self.split(&sorted, ends, &self.wanted, (0, MILLION), &mut found, source)?;
        let value = |place: &usize| self.grid.value((found[*place] >> self.digits).into());
        Ok(Release {
            value: self.places.iter().map(value).collect(),
            parts: vec![self.part()],
            neighbours: self.privacy.neighbours,
            spread: Spread::Unknown,
        })
    }

    /// The wanted quantiles of a part of the rows, which reaches from one quantile to
    /// another.
    fn split<R: CryptoRng>(
        &self,
        sorted: &[i64],
        (lower, upper): (i64, i64),
        wanted: &[u32],
        (from, to): (u32, u32),
        found: &mut [i64],
        source: &mut Source<R>,
    ) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let middle = wanted.len() / 2;
        let q = wanted[middle];
        // Quantiles rise, and from < to: see the calls below.
        let rank = Rank { s: q - from, d: to - from }.reduced();
        let sensitivity = Self::sensitivity(rank.one_row(), &self.privacy)?;
        let exponential = Exponential::new(sensitivity, self.level)?;
        let v = exponential.choose(Blocks::new(sorted, (lower, upper), rank), source)?;
        found[middle] = v;
        let (left, right) = sorted.split_at(sorted.partition_point(|x| *x <= v));
        let (before, after) = found.split_at_mut(middle);
        self.split(left, (lower, v), &wanted[..middle], (from, q), before, source)?;
        self.split(right, (v, upper), &wanted[middle + 1..], (q, to), &mut after[1..], source)
    }
}
