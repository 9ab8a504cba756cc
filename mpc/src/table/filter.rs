//! Masking rows and bringing the valid ones to the front.
//!
//! **Compaction** is a stable radix sort by one bit (Asharov et al. 2022): valid
//! rows first, in their order. The positions are those of (1) in
//! [`super::sort::radix`], for one product; rows move by a hidden order. What is
//! left of the table is a public number of rows, see [`Size`].
//!
//! **Leakage.** None, except the number of valid rows with [`Size::Revealed`].
//!
//! **Cost** in `rep3`, bytes of all parties per row: masking 24 per column, 1
//! round; compaction 24 + 32 + 24 + 32 (1 + columns), 4 rounds, and 1 to open
//! the count where it is asked for.

use super::{check_lengths, complement, mul_columns, order::Permutation, sort::radix};
use crate::engine::{Engine, Recipients, RingShares};
use privity_core::Result;

/// How many rows a result has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As many as before, where they were: nothing is moved.
    InPlace,
    /// At most this many, the first ones. Nothing is revealed.
    AtMost(usize),
    /// As many as are valid: **their number becomes known to all parties.** A dry
    /// run, which cannot know it, goes on with all rows.
    Revealed,
}

/// Rows and what became of them.
pub struct Rows<E: Engine> {
    /// The columns; invalid rows are 0.
    pub columns: Vec<E::Ring>,
    /// 1 for valid rows, 0 for others.
    pub valid: E::Ring,
    /// The number of valid rows that did not find room, as a vector of one.
    pub lost: E::Ring,
}

/// The columns with zeros in the invalid rows.
pub fn mask<E: Engine>(e: &mut E, columns: &[&E::Ring], valid: &E::Ring) -> Result<Vec<E::Ring>> {
    check_lengths::<E>(valid.len(), columns)?;
    mul_columns(e, valid, columns)
}

/// The valid rows, masked and brought to `size`. They stay in order.
pub fn compact<E: Engine>(
    e: &mut E,
    columns: &[&E::Ring],
    valid: &E::Ring,
    size: Size,
) -> Result<Rows<E>> {
    let masked = mask(e, columns, valid)?;
    compact_masked(e, masked, valid, size)
}

/// [`compact`] for columns that are 0 in the invalid rows already.
pub fn compact_masked<E: Engine>(
    e: &mut E,
    columns: Vec<E::Ring>,
    valid: &E::Ring,
    size: Size,
) -> Result<Rows<E>> {
    let n = valid.len();
    check_lengths::<E>(n, &columns.iter().collect::<Vec<_>>())?;
    if size == Size::InPlace {
        return Ok(Rows { columns, valid: valid.clone(), lost: E::Ring::zeros(1) });
    }
    e.scope("table/compact", |e| {
        let invalid = complement(e, valid);
        let image = radix::count(e, &[invalid])?;
        let all: Vec<&E::Ring> = std::iter::once(valid).chain(&columns).collect();
        let moved = Permutation::from_positions(image).apply(e, &all)?;
        let room = match size {
            Size::InPlace => n,
            Size::AtMost(room) => room.min(n),
            Size::Revealed => match e.open(&valid.sum_columns(1), Recipients::All)? {
                Some(count) => count.first().map_or(n, |&c| usize::try_from(c).unwrap_or(n).min(n)),
                None => n,
            },
        };
        let mut kept = moved.iter().map(|c| c.slice(0..room));
        Ok(Rows {
            valid: kept.next().unwrap_or_else(|| E::Ring::zeros(room)),
            columns: kept.collect(),
            lost: moved[0].slice(room..n).sum_columns(1),
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn valid_rows_come_first(
            rows in prop::collection::vec((any::<bool>(), any::<u64>()), 0..150), room in 0usize..160,
        ) {
            let e = &mut Plain::new(4);
            let valid = Words(rows.iter().map(|r| u64::from(r.0)).collect());
            let column = Words(rows.iter().map(|r| r.1).collect());
            let kept: Vec<u64> = rows.iter().filter(|r| r.0).map(|r| r.1).collect();
            let padded = |len: usize| -> Vec<u64> {
                kept.iter().copied().chain(std::iter::repeat(0)).take(len).collect()
            };

            let got = compact(e, &[&column], &valid, Size::Revealed).unwrap();
            prop_assert_eq!(&got.columns[0].0, &kept);
            prop_assert_eq!((got.valid.0, got.lost.0), (vec![1; kept.len()], vec![0]));

            let got = compact(e, &[&column], &valid, Size::AtMost(room)).unwrap();
            let room = room.min(rows.len());
            prop_assert_eq!(&got.columns[0].0, &padded(room));
            prop_assert_eq!(got.valid.0.iter().sum::<u64>() as usize, kept.len().min(room));
            prop_assert_eq!(got.lost.0[0] as usize, kept.len().saturating_sub(room));

            let got = compact(e, &[&column], &valid, Size::InPlace).unwrap();
            let masked: Vec<u64> = rows.iter().map(|r| if r.0 { r.1 } else { 0 }).collect();
            prop_assert_eq!(&got.columns[0].0, &masked);
        }
    }
}
