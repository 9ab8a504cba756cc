//! Histograms of numbers.
//!
//! **Proof note.** Edges are public, every number is in at most one bin, by comparison with
//! the edges and nothing else; the rest is what `cells.rs` says of cells.

use super::cells::Cells;
use crate::{Error, Explanation, Privacy, Release, Result, Units, sampler::Source};
use rand::CryptoRng;

/// Counts of numbers between edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    edges: Vec<f64>,
    /// Bins by the width of all, if they are equally wide.
    scale: Option<f64>,
    cells: Cells,
}

impl Histogram {
    /// So many bins of equal width.
    pub fn new(lower: f64, upper: f64, bins: u32, privacy: Privacy) -> Result<Self> {
        let width = upper - lower;
        if !(width > 0.0 && width.is_finite()) {
            let rule = "lower must be below upper, both finite";
            return Err(Error::Parameter { what: "bounds", rule });
        }
        if !(1..=1 << 24).contains(&bins) {
            return Err(Error::Parameter { what: "bins", rule: "there must be 1 to 2^24" });
        }
        let edge =
            |i| if i == bins { upper } else { lower + width * (f64::from(i) / f64::from(bins)) };
        let mut made = Self::with_edges((0..=bins).map(edge).collect(), privacy)?;
        made.scale = Some(f64::from(bins) / width).filter(|scale| scale.is_finite());
        Ok(made)
    }

    /// Bins between these edges, which must rise. Each bin has its lower edge, the last one
    /// the upper as well.
    pub fn with_edges(edges: Vec<f64>, privacy: Privacy) -> Result<Self> {
        let rises = edges.is_sorted_by(|a, b| a < b) && edges.iter().all(|x| x.is_finite());
        if edges.len() < 2 || !rises {
            let rule = "there must be 2 at least, each above the one before, all finite";
            return Err(Error::Parameter { what: "edges", rule });
        }
        let cells = Cells::new(edges.len() - 1, privacy)?;
        Ok(Self { edges, scale: None, cells })
    }

    /// The edges.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Cost and reach, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        self.cells.explain("histogram", level)
    }

    /// The counts, each with its own noise. Numbers beyond the edges count in the first or
    /// the last bin, NaN nowhere.
    pub fn release<R: CryptoRng>(
        &self,
        data: &[f64],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<Vec<i64>>> {
        match self.scale {
            Some(scale) => {
                let bin = |row: usize| self.near(data[row], scale);
                self.cells.release("histogram", data.len(), bin, units, source)
            }
            None => {
                let bin = |row: usize| self.search(data[row]);
                self.cells.release("histogram", data.len(), bin, units, source)
            }
        }
    }

    fn search(&self, x: f64) -> usize {
        if x.is_nan() {
            return usize::MAX;
        }
        let inner = &self.edges[1..self.edges.len() - 1];
        inner.partition_point(|edge| *edge <= x)
    }

    /// The same, from a guess that rounding may have made wrong by one.
    #[inline]
    fn near(&self, x: f64, scale: f64) -> usize {
        let last = self.cells.number - 1;
        // Saturates at both ends.
        let guess = (((x - self.edges[0]) * scale) as i32).clamp(0, last as i32) as usize;
        let lower = self.edges[guess] <= x || guess == 0;
        let upper = x < self.edges[guess + 1] || guess == last;
        if lower && upper && !x.is_nan() { guess } else { self.search(x) }
    }
}
