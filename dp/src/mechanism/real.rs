//! Real answers, on a grid.
//!
//! **Proof note.** Neighbours: two data sets whose answers \\(x, x' \in \mathbb{R}^d\\)
//! differ by at most \\(\Delta_1\\) in L1, \\(\Delta_2\\) in L2. Answers are rounded to
//! multiples of the granularity g. Rounding moves a number by at most g/2, so two of them
//! by at most g more than they were apart, and in steps
//!
//! \\[ \lVert r - r' \rVert_1 \le \Delta_1/g + d, \qquad
//!    \lVert r - r' \rVert_2 \le \Delta_2/g + \sqrt d. \qquad (1) \\]
//!
//! (Clipping to 2^50 steps brings numbers nearer to one another, never apart.) What
//! follows is the integer mechanism. The output is a multiple of g whatever the data: its
//! low bits say nothing.
//!
//! What this cannot know is whether the answer that it is given has the sensitivity that is
//! claimed: a sum of floats in general has not. The estimators of this crate do not come
//! this way; they add integers.

use super::{Noise, Sensitivity};
use crate::sampler::Source;
use crate::{Error, Explanation, Grid, Loss, Neighbours, Part, Release, Result, release::Spread};
use rand::CryptoRng;

/// Real vectors of declared sensitivity and granularity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Real {
    grid: Grid,
    coordinates: usize,
    noise: Noise,
    /// How far one coordinate moves, if there is no other.
    single: Option<u128>,
    loss: Loss,
    neighbours: Neighbours,
}

impl Real {
    /// Vectors of so many coordinates that differ by at most `l1` and `l2` between
    /// neighbours, rounded to multiples of the power of two `granularity`.
    pub fn new(
        coordinates: usize,
        (l1, l2): (f64, f64),
        granularity: f64,
        neighbours: Neighbours,
        loss: Loss,
    ) -> Result<Self> {
        let far = granularity * 2f64.powi(50);
        let grid = Grid::new(-far, far, granularity)?;
        let d = u32::try_from(coordinates).ok().filter(|&d| d > 0);
        let rule = "it must be from 1 to 2^32 - 1";
        let d = d.ok_or(Error::Parameter { what: "coordinates", rule })?;
        let steps = |x: f64| {
            // A quotient by a power of two is exact.
            let steps = (x / granularity).ceil();
            let rule = "it must be above 0 and below 2^60 steps: use a coarser granularity";
            if steps > 0.0 && steps < 2f64.powi(60) {
                Ok(steps as u128)
            } else {
                Err(Error::Parameter { what: "sensitivity", rule })
            }
        };
        // (1)
        let root = u128::from(d.isqrt()) + u128::from(d.isqrt().pow(2) < d);
        let l2 = steps(l2)? + root;
        let sensitivity =
            Sensitivity::checked(Some(steps(l1)? + u128::from(d)), l2.checked_mul(l2))?;
        let noise = Noise::new(sensitivity, loss)?;
        let single = (d == 1).then(|| sensitivity.l1.max(l2));
        Ok(Self { grid, coordinates, noise, single, loss, neighbours })
    }

    fn part(&self) -> Part {
        let unit = self.grid.granularity();
        let part = Part::noise("real answers", self.loss, self.noise, unit, self.coordinates);
        part.moved(self.single.map(|steps| (steps, 1)).into_iter().collect())
    }

    /// Cost and reach, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        Explanation::new(vec![self.part()], self.neighbours, level)
    }

    /// The answers with noise. NaN, which no sensitivity speaks of, counts as zero.
    pub fn release<R: CryptoRng>(
        &self,
        answer: &[f64],
        source: &mut Source<R>,
    ) -> Result<Release<Vec<f64>>> {
        if answer.len() != self.coordinates {
            let rule = "it must have the declared number of coordinates";
            return Err(Error::Parameter { what: "answer", rule });
        }
        let mut steps: Vec<i128> = answer.iter().map(|&x| self.grid.index(x).into()).collect();
        self.noise.add(&mut steps, source);
        Ok(Release {
            value: steps.into_iter().map(|x| self.grid.value(x)).collect(),
            parts: vec![self.part()],
            neighbours: self.neighbours,
            spread: Spread::Direct,
        })
    }
}
