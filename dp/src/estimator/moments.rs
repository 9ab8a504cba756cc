//! First and second moments of columns, and what follows from them: variance, covariance.
//!
//! **Proof note.** Column j has bounds; a number becomes an integer z of
//! \\(\\{-M, \dots, M\\}\\), \\(M = 2^{20}\\), -M at the lower bound and M at the upper, each
//! number on its own. A row adds to the vector of moments
//!
//! \\[ M, \qquad z_j, \qquad \left\lfloor z_i z_j / M \right\rceil \quad (i \le j), \qquad (1) \\]
//!
//! integers in \\([M, M]\\), \\([-M, M]\\), \\([0, M]\\) for squares and \\([-M, M]\\)
//! for other products. Sums are exact. How far each coordinate may move follows from its
//! range alone (see [`Sum`](super::Sum)); the L1 sensitivity is the sum over coordinates,
//! the squared L2 sensitivity the sum of squares. All are released as one vector with one
//! budget. Where the number of rows is public, M is not part of the vector.
//!
//! No centring by the mean of the data takes place before noise is added, so the known
//! failure of sensitivities of centred sums (a sum of squared deviations that moves by more
//! than was claimed, because the mean was rounded) cannot occur: (1) looks at one row.
//! Variance and covariance are post-processing. Choose bounds that fit: digits below one
//! part in 2^20 of the half width are not seen.

use crate::mechanism::{Noise, Sensitivity};
use crate::{Error, Explanation, Grid, Part, Privacy, Release, Result, Units};
use crate::{release::Spread, sampler::Source};
use rand::CryptoRng;

/// M.
const M: i64 = 1 << 20;

/// Releases the moments of some columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    columns: Vec<Grid>,
    privacy: Privacy,
    noise: Noise,
}

/// Noisy moments.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// The number of rows, noisy or public.
    rows: f64,
    /// Of z/M: means, and means of products (row by row, both triangles).
    means: Vec<f64>,
    products: Vec<f64>,
    /// Middles and half widths of the columns.
    middles: Vec<f64>,
    halves: Vec<f64>,
}

impl Covariance {
    /// Of columns with these bounds.
    pub fn new(bounds: &[(f64, f64)], privacy: Privacy) -> Result<Self> {
        let d = bounds.len();
        if !(1..=1024).contains(&d) {
            return Err(Error::Parameter { what: "columns", rule: "there must be 1 to 1024" });
        }
        let columns: Result<Vec<Grid>> =
            bounds.iter().map(|&(lower, upper)| Grid::fitted(lower, upper)).collect();
        let spans = ranges(d, privacy.public_rows())
            .map(|(low, high, count)| Some((privacy.span(low, high)?, count)));
        let (mut l1, mut l2_squared) = (Some(0u128), Some(0u128));
        for span in spans {
            let times = |x: Option<u128>| span.and_then(|(_, count)| x?.checked_mul(count));
            let span = span.map(|(span, _)| span);
            let add = |sum: Option<u128>, x: Option<u128>| sum?.checked_add(times(x)?);
            (l1, l2_squared) =
                (add(l1, span), add(l2_squared, span.and_then(|x| x.checked_mul(x))));
        }
        let noise = Noise::new(Sensitivity::checked(l1, l2_squared)?, privacy.loss)?;
        Ok(Self { columns: columns?, privacy, noise })
    }

    fn part(&self) -> Part {
        let d = self.columns.len();
        let coordinates = usize::from(!self.privacy.public_rows()) + d + d * (d + 1) / 2;
        let what = "moments, of columns between -1 and 1";
        let changes = ranges(d, self.privacy.public_rows())
            .filter_map(|(low, high, count)| {
                Some((self.privacy.span(low, high)?, u64::try_from(count).ok()?))
            })
            .collect();
        Part::noise(what, self.privacy.loss, self.noise, 1.0 / M as f64, coordinates).moved(changes)
    }

    /// Cost, and the reach of the noise in the sums, without data. Divide by the number of
    /// rows, and for the covariance multiply by the half widths.
    pub fn explain(&self, level: f64) -> Explanation {
        Explanation::new(vec![self.part()], self.privacy.neighbours, level)
    }

    /// The moments of columns of equal length.
    pub fn release<R: CryptoRng>(
        &self,
        columns: &[&[f64]],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<Moments>> {
        let d = self.columns.len();
        let rows = columns.first().map_or(0, |column| column.len());
        if columns.len() != d || columns.iter().any(|column| column.len() != rows) {
            let rule = "there must be as many as were declared, of equal length";
            return Err(Error::Parameter { what: "columns", rule });
        }
        let kept = units.select(rows, |_| 0, self.privacy.contributions.merged(), source)?;
        let z: Vec<Vec<i32>> = (columns.iter().zip(&self.columns))
            .map(|(column, grid)| match &kept {
                None => column.iter().map(place(grid)).collect(),
                Some(kept) => kept.iter().map(|&row| &column[row]).map(place(grid)).collect(),
            })
            .collect();
        let n = kept.map_or(rows, |kept| kept.len());
        let mut sums = Vec::new();
        if !self.privacy.public_rows() {
            sums.push(i128::from(M) * n as i128);
        }
        // |z| and products are at most 2^20: 64 bits hold 2^43 of them.
        sums.extend(z.iter().map(|z| i128::from(z.iter().map(|&z| i64::from(z)).sum::<i64>())));
        for i in 0..d {
            for j in i..d {
                let products = z[i].iter().zip(&z[j]).map(|(&a, &b)| product(a, b));
                sums.push(i128::from(products.sum::<i64>()));
            }
        }
        self.noise.add(&mut sums, source);
        Ok(Release {
            value: self.moments(sums, n),
            parts: vec![self.part()],
            neighbours: self.privacy.neighbours,
            spread: Spread::Unknown,
        })
    }

    /// Post-processing of what was released (and of n where that is public).
    fn moments(&self, sums: Vec<i128>, n: usize) -> Moments {
        let d = self.columns.len();
        let mut sums = sums.into_iter().map(|x| x as f64 / M as f64);
        let mut next = || sums.next().unwrap_or(0.0);
        let rows = if self.privacy.public_rows() { n as f64 } else { next() };
        let divisor = rows.max(1.0);
        let means = (0..d).map(|_| (next() / divisor).clamp(-1.0, 1.0)).collect();
        let mut products = vec![0.0; d * d];
        for i in 0..d {
            for j in i..d {
                let low = if i == j { 0.0 } else { -1.0 };
                let mean = (next() / divisor).clamp(low, 1.0);
                (products[i * d + j], products[j * d + i]) = (mean, mean);
            }
        }
        let ends = |grid: &Grid| (grid.value(grid.lower().into()), grid.value(grid.upper().into()));
        let ends: Vec<(f64, f64)> = self.columns.iter().map(ends).collect();
        let middles = ends.iter().map(|(lower, upper)| lower + (upper - lower) / 2.0).collect();
        let halves = ends.iter().map(|(lower, upper)| (upper - lower) / 2.0).collect();
        Moments { rows, means, products, middles, halves }
    }
}

/// The ranges of the coordinates (1), and how many have each.
fn ranges(d: usize, public_rows: bool) -> impl Iterator<Item = (i64, i64, u128)> {
    let d = d as u128;
    let count = (M, M, u128::from(!public_rows));
    [count, (-M, M, d), (0, M, d), (-M, M, d * (d - 1) / 2)].into_iter().filter(|x| x.2 > 0)
}

/// z of a number. With s steps and f = floor(2^38 M / s), a number of steps t from the middle,
/// counted twice, |t| <= s, has |t f| <= 2^38 M, and rounding keeps it from -M to M.
fn place(grid: &Grid) -> impl Fn(&f64) -> i32 {
    let (grid, ends) = (*grid, grid.lower() + grid.upper());
    // Between 2^19 - 1 and 2^20 + 1 steps: products fit into 64 bits.
    let factor = (M << 38) / grid.steps() as i64;
    move |&x| (((2 * grid.index(x) - ends) * factor + (1 << 37)) >> 38) as i32
}

/// A product of (1), rounded to nearest.
fn product(a: i32, b: i32) -> i64 {
    (i64::from(a) * i64::from(b) + M / 2) >> 20
}

impl Moments {
    /// The number of rows.
    pub fn rows(&self) -> f64 {
        self.rows
    }

    /// The mean of a column.
    pub fn mean(&self, j: usize) -> Option<f64> {
        Some(self.middles.get(j)? + self.means.get(j)? * self.halves.get(j)?)
    }

    /// The variance of a column (of the population), not below zero.
    pub fn variance(&self, j: usize) -> Option<f64> {
        Some(self.covariance(j, j)?.max(0.0))
    }

    /// The covariance of two columns (of the population). The matrix may have negative
    /// eigenvalues, by noise.
    pub fn covariance(&self, i: usize, j: usize) -> Option<f64> {
        let (a, b) = (self.halves.get(i)?, self.halves.get(j)?);
        Some(self.scaled_covariance(i, j) * a * b)
    }

    /// The same of columns brought to -1 to 1.
    pub(super) fn scaled_covariance(&self, i: usize, j: usize) -> f64 {
        self.scaled_product(i, j) - self.means[i] * self.means[j]
    }

    pub(super) fn scaled_product(&self, i: usize, j: usize) -> f64 {
        self.products[i * self.means.len() + j]
    }

    pub(super) fn scaled_mean(&self, j: usize) -> f64 {
        self.means[j]
    }

    pub(super) fn half(&self, j: usize) -> f64 {
        self.halves[j]
    }

    pub(super) fn middle(&self, j: usize) -> f64 {
        self.middles[j]
    }
}

/// The variance of clipped numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Variance {
    moments: Covariance,
}

impl Variance {
    /// Of numbers between these bounds.
    pub fn new(lower: f64, upper: f64, privacy: Privacy) -> Result<Self> {
        Ok(Self { moments: Covariance::new(&[(lower, upper)], privacy)? })
    }

    /// Cost, and the reach of the noise in the sums, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        self.moments.explain(level)
    }

    /// The variance (of the population), not below zero.
    pub fn release<R: CryptoRng>(
        &self,
        data: &[f64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<f64>> {
        let release = self.moments.release(&[data], units, source)?;
        Ok(release.map(|moments| moments.variance(0).unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What (1) claims, for every pair of floats.
        #[test]
        fn rows_stay_within_their_ranges(
            a in any::<u64>(), b in any::<u64>(), lower in -1e9..1e9f64, width in 1e-6..1e9f64,
        ) {
            let grid = Grid::fitted(lower, lower + width);
            prop_assume!(grid.is_ok());
            let grid = grid.unwrap();
            let place = place(&grid);
            let (a, b) = (place(&f64::from_bits(a)), place(&f64::from_bits(b)));
            let m = M as i32;
            prop_assert!((-m..=m).contains(&a) && (-m..=m).contains(&b));
            prop_assert!((-M..=M).contains(&product(a, b)) && (0..=M).contains(&product(a, a)));
            prop_assert_eq!(place(&f64::NEG_INFINITY), -m);
            prop_assert_eq!(place(&f64::INFINITY), m);
        }
    }
}
