//! Counts of cells that are public, the common part of histograms and tables.
//!
//! **Proof note.** A unit is in at most l cells with at most m rows in each; its vector of
//! counts v has \\(0 \le v_j \le m\\) and at most l places that are not zero. Add/remove
//! moves the counts by v: \\(lm\\) in L1, \\(lm^2\\) in squared L2. Replace moves them by a
//! difference of two such vectors: \\(2lm\\) in L1; at most 2l places, each at most m:
//! \\(2lm^2\\) in squared L2. A row in no cell counts nowhere, which is within these bounds.

use crate::mechanism::{Noise, Sensitivity, narrow};
use crate::{Error, Explanation, Neighbours, Part, Privacy, Release, Result, Units};
use crate::{release::Spread, sampler::Source};
use rand::CryptoRng;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cells {
    pub(super) number: usize,
    pub(super) privacy: Privacy,
    noise: Noise,
}

impl Cells {
    /// The most cells: their sums take 1 GB.
    const MOST: usize = 1 << 26;

    pub(super) fn new(number: usize, privacy: Privacy) -> Result<Self> {
        if !(1..=Self::MOST).contains(&number) {
            let rule = "there must be 1 to 2^26 cells";
            return Err(Error::Parameter { what: "cells", rule });
        }
        let (l, m) = (privacy.contributions.groups(), privacy.contributions.per_group());
        let (l, m) = (u128::from(l), u128::from(m));
        let both = if privacy.neighbours == Neighbours::Replace { 2 } else { 1 };
        let sensitivity = Sensitivity::checked(
            (both * l).checked_mul(m),
            (both * l).checked_mul(m).and_then(|x| x.checked_mul(m)),
        )?;
        Ok(Self { number, privacy, noise: Noise::new(sensitivity, privacy.loss)? })
    }

    pub(super) fn part(&self, what: &'static str) -> Part {
        let bound = self.privacy.contributions;
        let both = if self.privacy.neighbours == Neighbours::Replace { 2 } else { 1 };
        let moved = vec![(bound.per_group().into(), both * u64::from(bound.groups()))];
        Part::noise(what, self.privacy.loss, self.noise, 1.0, self.number).moved(moved)
    }

    pub(super) fn explain(&self, what: &'static str, level: f64) -> Explanation {
        Explanation::new(vec![self.part(what)], self.privacy.neighbours, level)
    }

    /// Counts of the cells that `cell` puts rows in; a number out of range is no cell.
    pub(super) fn release<R: CryptoRng>(
        &self,
        what: &'static str,
        rows: usize,
        cell: impl Fn(usize) -> usize,
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<Vec<i64>>> {
        let counts = match units {
            Units::Rows => self.count(0..rows, &cell),
            Units::Ids(ids) => {
                if ids.len() != rows {
                    let rule = "there must be one for each row";
                    return Err(Error::Parameter { what: "identifiers of units", rule });
                }
                // Rows in no cell do not use up what a unit may contribute.
                let inside: Vec<(usize, u64)> = (0..rows)
                    .map(|row| (cell(row), ids[row]))
                    .filter(|(cell, _)| *cell < self.number)
                    .collect();
                let ids: Vec<u64> = inside.iter().map(|row| row.1).collect();
                let group = |i: usize| inside[i].0 as u32;
                let kept = Units::Ids(&ids)
                    .select(ids.len(), group, self.privacy.contributions, source)?
                    .unwrap_or_default();
                self.count(kept.into_iter(), |i| inside[i].0)
            }
        };
        let mut counts: Vec<i128> = counts.into_iter().map(i128::from).collect();
        self.noise.add(&mut counts, source);
        Ok(Release {
            value: counts.into_iter().map(narrow).collect(),
            parts: vec![self.part(what)],
            neighbours: self.privacy.neighbours,
            spread: Spread::Direct,
        })
    }

    fn count(&self, rows: impl Iterator<Item = usize>, cell: impl Fn(usize) -> usize) -> Vec<u64> {
        // One place more for rows in no cell, so that there is no branch on a row.
        let mut counts = vec![0u64; self.number + 1];
        rows.for_each(|row| counts[cell(row).min(self.number)] += 1);
        counts.truncate(self.number);
        counts
    }
}
