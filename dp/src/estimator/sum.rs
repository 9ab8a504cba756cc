//! Sums.
//!
//! **Proof note.** Every row is an integer from l to u ([`Grid`]); the sum is exact and
//! does not depend on order. A unit with one row moves it by at most
//!
//! \\[ \Delta = \max(|l|, |u|) \text{ (add/remove)}, \qquad \Delta = u - l
//!    \text{ (replace)}. \\]
//!
//! With up to k rows: k times the former; under replace
//! \\(k\,(\max(u, 0) - \min(l, 0))\\), since the number of rows may change as well.

use crate::mechanism::{Noise, Sensitivity};
use crate::{Explanation, Grid, Part, Privacy, Release, Result, Units};
use crate::{release::Spread, sampler::Source};
use rand::CryptoRng;

/// The sum of clipped numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sum {
    grid: Grid,
    privacy: Privacy,
    noise: Noise,
}

impl Sum {
    /// Of numbers on this grid.
    pub fn new(grid: Grid, privacy: Privacy) -> Result<Self> {
        let span = privacy.span(grid.lower(), grid.upper());
        let sensitivity = Sensitivity::checked(span, span.and_then(|span| span.checked_mul(span)))?;
        Ok(Self { grid, privacy, noise: Noise::new(sensitivity, privacy.loss)? })
    }

    fn part(&self) -> Part {
        let span = self.privacy.span(self.grid.lower(), self.grid.upper());
        Part::noise("sum", self.privacy.loss, self.noise, self.grid.granularity(), 1)
            .moved(span.map(|span| (span, 1)).into_iter().collect())
    }

    /// Cost and reach, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        Explanation::new(vec![self.part()], self.privacy.neighbours, level)
    }

    /// The sum.
    pub fn release<R: CryptoRng>(
        &self,
        data: &[f64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<f64>> {
        let rows = units.numbers(data, self.privacy.contributions, source)?;
        Ok(self.finish(self.grid.sum(&rows), source))
    }

    /// The sum of integers; the grid is one of [`Grid::integers`].
    pub fn release_integers<R: CryptoRng>(
        &self,
        data: &[i64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<f64>> {
        let kept = units.select(data.len(), |_| 0, self.privacy.contributions.merged(), source)?;
        let place = |x: i64| i128::from(self.grid.clip(x));
        let sum = match kept {
            None => data.iter().map(|&x| place(x)).sum(),
            Some(kept) => kept.into_iter().map(|row| place(data[row])).sum(),
        };
        Ok(self.finish(sum, source))
    }

    fn finish<R: CryptoRng>(&self, sum: i128, source: &mut Source<R>) -> Release<f64> {
        Release {
            value: self.grid.value(self.noise.release(sum, source)),
            parts: vec![self.part()],
            neighbours: self.privacy.neighbours,
            spread: Spread::Direct,
        }
    }
}
