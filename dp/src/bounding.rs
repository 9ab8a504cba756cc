//! How much of the data one unit may be.
//!
//! **Proof note.** Neighbours differ in one unit. Which rows of a unit are kept is decided
//! by a random order of its own rows, drawn independently of everything else, and by
//! nothing in other units. So if D' is D without a unit, the rows kept of D' have the same
//! law as those kept of D without that unit's, and for every outcome of the other draws
//! the two differ in at most `groups` × `rows` rows, those of this unit. A mechanism with a
//! loss for such pairs has the same loss here, since a mixture over the draws cannot be
//! worse than its worst member. Under [`Neighbours::Replace`] the unit's rows on both sides
//! are bounded in the same way.

use crate::{Error, Loss, Neighbours, Result, sampler::Source};
use rand::CryptoRng;
use std::collections::{BTreeMap, btree_map::Entry};

/// The most that one unit contributes. The library sees to it ([`Units::Ids`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contributions {
    groups: u32,
    rows: u32,
}

impl Contributions {
    /// One row in one group.
    pub const ONE: Self = Self { groups: 1, rows: 1 };

    /// At most so many groups (bins, cells or keys), at most so many rows in each.
    pub fn new(groups: u32, rows: u32) -> Result<Self> {
        if groups == 0 || rows == 0 {
            return Err(Error::Parameter { what: "contributions", rule: "both must be above 0" });
        }
        Ok(Self { groups, rows })
    }

    /// At most so many rows, where there are no groups.
    pub fn rows(rows: u32) -> Result<Self> {
        Self::new(1, rows)
    }

    pub(crate) fn per_group(self) -> u32 {
        self.rows
    }

    pub(crate) fn groups(self) -> u32 {
        self.groups
    }

    /// The same number of rows, all in one group: for where there are no groups.
    pub(crate) fn merged(self) -> Self {
        Self { groups: 1, rows: self.rows.saturating_mul(self.groups) }
    }

    /// All of a unit.
    pub(crate) fn all(self) -> u128 {
        u128::from(self.groups) * u128::from(self.rows)
    }
}

/// What is protected, how far, and for which relation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Privacy {
    /// Which data sets are to look alike.
    pub neighbours: Neighbours,
    /// The most that one unit contributes.
    pub contributions: Contributions,
    /// What may be spent.
    pub loss: Loss,
}

impl Privacy {
    /// One row for each unit.
    pub fn new(neighbours: Neighbours, loss: Loss) -> Self {
        Self { neighbours, contributions: Contributions::ONE, loss }
    }

    /// Units with several rows.
    #[must_use]
    pub fn contributions(self, contributions: Contributions) -> Self {
        Self { contributions, ..self }
    }

    /// How far a sum may move if every row adds a number from `low` to `high` and a unit
    /// has up to [`Contributions::all`] rows.
    ///
    /// Add/remove: as far as that many rows reach from zero. Replace: a single row is
    /// another single row. Of several rows one unit may have fewer than another, so each
    /// of them can also stand for nothing.
    pub(crate) fn span(&self, low: i64, high: i64) -> Option<u128> {
        let k = self.contributions.all();
        let (low, high) = (i128::from(low), i128::from(high));
        let row = match self.neighbours {
            Neighbours::AddRemove => low.unsigned_abs().max(high.unsigned_abs()),
            Neighbours::Replace if k == 1 => high.abs_diff(low),
            Neighbours::Replace => high.max(0).abs_diff(low.min(0)),
        };
        row.checked_mul(k)
    }

    /// Whether the number of rows that count is public.
    pub(crate) fn public_rows(&self) -> bool {
        self.neighbours == Neighbours::Replace && self.contributions.all() == 1
    }
}

/// Which rows belong to which unit.
#[derive(Clone, Copy)]
pub enum Units<'a> {
    /// Every row is a unit of its own.
    Rows,
    /// Rows with the same number (an identifier or a hash of one) are one unit.
    Ids(&'a [u64]),
}

impl Units<'_> {
    /// The rows that count, in their order; `None` for all. `group` says in which group a
    /// row is.
    pub(crate) fn select<R: CryptoRng>(
        &self,
        rows: usize,
        group: impl Fn(usize) -> u32,
        most: Contributions,
        source: &mut Source<R>,
    ) -> Result<Option<Vec<usize>>> {
        let Self::Ids(ids) = self else { return Ok(None) };
        if ids.len() != rows {
            let rule = "there must be one for each row";
            return Err(Error::Parameter { what: "identifiers of units", rule });
        }
        let mut order: Vec<(u64, usize)> = ids.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut kept = Vec::with_capacity(rows);
        for unit in order.chunk_by_mut(|a, b| a.0 == b.0) {
            // Rows of each group that is used.
            let mut groups: BTreeMap<u32, u32> = BTreeMap::new();
            for i in 0..unit.len() {
                let j = i + source.below((unit.len() - i) as u64) as usize;
                unit.swap(i, j);
                let row = unit[i].1;
                let used = groups.len();
                let count = match groups.entry(group(row)) {
                    Entry::Vacant(_) if used == most.groups as usize => continue,
                    entry => entry.or_default(),
                };
                if *count < most.rows {
                    *count += 1;
                    kept.push(row);
                }
            }
        }
        kept.sort_unstable();
        Ok(Some(kept))
    }

    /// The numbers that count.
    pub(crate) fn numbers<'d, R: CryptoRng>(
        &self,
        data: &'d [f64],
        most: Contributions,
        source: &mut Source<R>,
    ) -> Result<std::borrow::Cow<'d, [f64]>> {
        Ok(match self.select(data.len(), |_| 0, most.merged(), source)? {
            None => data.into(),
            Some(kept) => kept.into_iter().map(|row| data[row]).collect::<Vec<_>>().into(),
        })
    }
}

impl std::fmt::Debug for Units<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Units").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    proptest! {
        #[test]
        fn no_unit_has_more_than_its_share(
            rows in prop::collection::vec((0u64..6, 0u32..4), 0..60),
            groups in 1u32..4, most in 1u32..4, seed in any::<u64>(),
        ) {
            let ids: Vec<u64> = rows.iter().map(|row| row.0).collect();
            let bound = Contributions::new(groups, most).unwrap();
            let source = &mut Source::new(StdRng::seed_from_u64(seed));
            let kept = Units::Ids(&ids)
                .select(rows.len(), |i| rows[i].1, bound, source)
                .unwrap()
                .unwrap();
            prop_assert!(kept.is_sorted_by(|a, b| a < b));
            for id in 0..6 {
                let of = |rows: &mut dyn Iterator<Item = (u64, u32)>| {
                    let mut counts = [0u32; 4];
                    rows.filter(|row| row.0 == id).for_each(|row| counts[row.1 as usize] += 1);
                    counts
                };
                let all = of(&mut rows.iter().copied());
                let left = of(&mut kept.iter().map(|&i| rows[i]));
                let used = left.iter().filter(|&&count| count > 0).count() as u32;
                prop_assert_eq!(used, groups.min(all.iter().filter(|&&c| c > 0).count() as u32));
                for (left, all) in left.into_iter().zip(all) {
                    prop_assert!(left == 0 || left == all.min(most));
                }
            }
        }
    }

    /// One unit in very many groups takes no longer than very many units.
    #[test]
    fn many_groups_of_one_unit_take_no_time() {
        let (rows, ids) = (200_000usize, vec![7u64; 200_000]);
        let source = &mut Source::new(StdRng::seed_from_u64(2));
        let bound = Contributions::new(u32::MAX, 1).unwrap();
        let start = std::time::Instant::now();
        let kept = Units::Ids(&ids).select(rows, |row| row as u32, bound, source).unwrap();
        assert_eq!(kept.map(|kept| kept.len()), Some(rows));
        assert!(start.elapsed().as_secs() < 5);
    }

    #[test]
    fn spans_are_those_of_the_relation() {
        let loss = Loss::pure(1.0).unwrap();
        let add = Privacy::new(Neighbours::AddRemove, loss);
        let replace = Privacy::new(Neighbours::Replace, loss);
        // Bounds around zero: replacing is twice as much.
        assert_eq!((add.span(-5, 5), replace.span(-5, 5)), (Some(5), Some(10)));
        assert_eq!((add.span(90, 100), replace.span(90, 100)), (Some(100), Some(10)));
        let three = Contributions::rows(3).unwrap();
        let (add, replace) = (add.contributions(three), replace.contributions(three));
        assert_eq!((add.span(90, 100), replace.span(90, 100)), (Some(300), Some(300)));
        assert!(Contributions::new(0, 1).is_err());
        let source = &mut Source::new(StdRng::seed_from_u64(1));
        assert!(Units::Ids(&[1]).select(2, |_| 0, three, source).is_err());
        assert_eq!(format!("{:?}", Units::Ids(&[7])), "Units { .. }");
    }
}
