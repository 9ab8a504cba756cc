//! Contingency tables: how many rows have each combination of categories.
//!
//! **Proof note.** Sizes are public, a row is in at most one cell; the rest is what
//! `cells.rs` says of cells. Marginal counts are sums of cells: post-processing, at no cost.

use super::cells::Cells;
use crate::{Error, Explanation, Privacy, Release, Result, Units, sampler::Source};
use rand::CryptoRng;

/// Counts of combinations of categories.
#[derive(Clone, Debug, PartialEq)]
pub struct Contingency {
    sizes: Vec<u32>,
    cells: Cells,
}

/// Noisy counts, the last category changing fastest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    sizes: Vec<u32>,
    counts: Vec<i64>,
}

impl Contingency {
    /// Columns with so many categories each, numbered from 0.
    pub fn new(sizes: &[u32], privacy: Privacy) -> Result<Self> {
        let number = sizes.iter().try_fold(1usize, |product, &n| product.checked_mul(n as usize));
        let rule = "there must be 1 to 2^26 cells: the product of the numbers of categories";
        let number =
            number.filter(|_| !sizes.is_empty()).ok_or(Error::Parameter { what: "cells", rule })?;
        Ok(Self { sizes: sizes.to_vec(), cells: Cells::new(number, privacy)? })
    }

    /// Cost and reach, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        self.cells.explain("contingency table", level)
    }

    /// The table. Rows with a category out of range count nowhere.
    pub fn release<R: CryptoRng>(
        &self,
        columns: &[&[u32]],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<Table>> {
        let rows = columns.first().map_or(0, |column| column.len());
        if columns.len() != self.sizes.len() || columns.iter().any(|c| c.len() != rows) {
            let rule = "there must be as many as were declared, of equal length";
            return Err(Error::Parameter { what: "columns", rule });
        }
        let cell = |row: usize| {
            let mut cell = 0;
            for (column, &size) in columns.iter().zip(&self.sizes) {
                if column[row] >= size {
                    return usize::MAX;
                }
                cell = cell * size as usize + column[row] as usize;
            }
            cell
        };
        let release = self.cells.release("contingency table", rows, cell, units, source)?;
        Ok(release.map(|counts| Table { sizes: self.sizes.clone(), counts }))
    }
}

impl Table {
    /// The count of one combination, if there is such a one.
    pub fn get(&self, categories: &[u32]) -> Option<i64> {
        if categories.len() != self.sizes.len() {
            return None;
        }
        let mut cell = 0;
        for (&category, &size) in categories.iter().zip(&self.sizes) {
            if category >= size {
                return None;
            }
            cell = cell * size as usize + category as usize;
        }
        self.counts.get(cell).copied()
    }

    /// All counts, the last category changing fastest.
    pub fn counts(&self) -> &[i64] {
        &self.counts
    }

    /// The counts of one column alone.
    pub fn marginal(&self, column: usize) -> Option<Vec<i64>> {
        let size = *self.sizes.get(column)? as usize;
        let inner: usize = self.sizes[column + 1..].iter().map(|&n| n as usize).product();
        let mut counts = vec![0i64; size];
        for (cell, &count) in self.counts.iter().enumerate() {
            let sum = &mut counts[cell / inner % size];
            *sum = sum.saturating_add(count);
        }
        Some(counts)
    }
}
