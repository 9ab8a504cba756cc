//! Means.
//!
//! **Proof note.** Rows are integers x from l to u, w = u - l ([`Grid`]).
//!
//! *Replace, one row for each unit.* The number n of rows is public and the sum moves by at
//! most w. The mean is the noisy sum by n.
//!
//! *Otherwise* n is protected. Instead of a sum and a count, with a budget for each, two
//! sums are released as one vector:
//!
//! \\[ A = \sum (x - l), \qquad B = \sum (u - x), \qquad
//!    \text{mean} = l + w\,\frac{A}{A + B}. \qquad (1) \\]
//!
//! A row adds two numbers that are not negative and have the sum w. So k rows move (A, B)
//! by at most kw in L1, and in L2 as well (at the corners). Replacing up to k rows is
//! removing and adding: 2kw in L1, and \\(2(kw)^2\\) in squared L2, since differences of
//! two points of the triangle \\(a, b \ge 0, a + b \le kw\\) are at most that long. Compared
//! with half of epsilon for each of sum and count, the error is never greater, and smaller
//! by \\(\sqrt 2\\) for a mean in the middle.

use crate::mechanism::{Noise, Sensitivity};
use crate::{Explanation, Grid, Neighbours, Part, Privacy, Release, Result, Units};
use crate::{release::Spread, sampler::Source};
use rand::CryptoRng;

/// The mean of clipped numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    grid: Grid,
    privacy: Privacy,
    noise: Noise,
}

impl Mean {
    /// Of numbers on this grid.
    pub fn new(grid: Grid, privacy: Privacy) -> Result<Self> {
        let w = u128::from(grid.steps());
        let reach = w.checked_mul(privacy.contributions.all());
        let factor = match privacy.neighbours {
            Neighbours::Replace if !privacy.public_rows() => 2,
            _ => 1,
        };
        let sensitivity = Sensitivity::checked(
            reach.and_then(|x| x.checked_mul(factor)),
            reach.and_then(|x| x.checked_mul(x)?.checked_mul(factor)),
        )?;
        Ok(Self { grid, privacy, noise: Noise::new(sensitivity, privacy.loss)? })
    }

    fn part(&self) -> Part {
        let (what, coordinates) = match self.privacy.public_rows() {
            true => ("sum; the number of rows is public", 1),
            false => ("sums of distances to both bounds", 2),
        };
        let unit = self.grid.granularity();
        let part = Part::noise(what, self.privacy.loss, self.noise, unit, coordinates);
        // Of the pair only the sum of both changes is bounded.
        let single = self.privacy.public_rows().then(|| (self.grid.steps().into(), 1));
        part.moved(single.into_iter().collect())
    }

    /// Cost, and the reach of the noise in the sums, without data. Divide by the number of
    /// rows for the error of the mean.
    pub fn explain(&self, level: f64) -> Explanation {
        Explanation::new(vec![self.part()], self.privacy.neighbours, level)
    }

    /// The mean, always between the bounds; the middle if there are no rows.
    pub fn release<R: CryptoRng>(
        &self,
        data: &[f64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<f64>> {
        let rows = units.numbers(data, self.privacy.contributions, source)?;
        let n = rows.len() as i128;
        let grid = &self.grid;
        let (lower, upper) = (grid.value(grid.lower().into()), grid.value(grid.upper().into()));
        let sum = grid.sum(&rows);
        let (value, spread) = if self.privacy.public_rows() {
            // Distances to the middle, so that no digits are lost afterwards.
            let middle = i128::from(grid.middle());
            let noisy = self.noise.release(sum - n * middle, source);
            let n = (n as f64).max(1.0);
            let mean = grid.value(middle) + grid.value(noisy) / n;
            (mean, Spread::Scaled(n))
        } else {
            // (1)
            let below = sum - n * i128::from(grid.lower());
            let above = n * i128::from(grid.upper()) - sum;
            let mut pair = [below, above];
            self.noise.add(&mut pair, source);
            let [below, above] = pair.map(|x| grid.value(x));
            let width = upper - lower;
            let (a, b) = (below.max(0.0), above.max(0.0));
            let mean =
                if a + b > 0.0 { lower + width * (a / (a + b)) } else { lower + width / 2.0 };
            (mean, Spread::Pair { below, above, lower, width })
        };
        Ok(Release {
            value: value.clamp(lower, upper),
            parts: vec![self.part()],
            neighbours: self.privacy.neighbours,
            spread,
        })
    }
}
