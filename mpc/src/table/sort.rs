//! Sorting: stable, by any number of keys, with any number of columns.
//!
//! Rows come in the order of the first key, equal ones in that of the second,
//! and so on; rows with equal keys stay in the order of the input. The order is
//! the same on every engine and in every run.
//!
//! Two methods, of which the cheaper one for the number of rows and the width
//! of the keys is taken ([`method`]):
//!
//! - [`radix`], after Asharov et al. (CCS 2022): two bits of the keys at a time.
//!   Its cost grows with the width of the keys only.
//! - [`comparison`], after Hamada et al. (ICISC 2012): shuffle, then compare and
//!   open the outcomes. Its cost grows with log n; width matters beyond 62
//!   bits of keys and row number together.
//!
//! | 100,000 rows and one payload, `rep3` | bytes per row, all parties | rounds |
//! |---|---|---|
//! | radix, 2 bits | 217 | 8 |
//! | radix, 8 bits | 970 | 31 |
//! | radix, 32 bits | 4000 | 111 |
//! | comparison, up to 45 bits | 960 | 298 |
//! | comparison, 62 bits | 2470 | 521 |
//!
//! (`docs/tables.md` has more, made by a test.) Rounds count for the choice as
//! they would on a fast local network; where they last longer, [`radix`] may be
//! faster for keys that are wider. Batcher's network would need 7,500 bytes and
//! 1,500 rounds. It needs no shuffle, but a shuffle is never as dear as that; so
//! there is none here.
//!
//! **Leakage.** The number of rows and the widths. What is opened is
//! independent of the data: see the two methods.

pub mod comparison;
pub mod radix;
pub mod selection;

use super::{check_lengths, order::Order};
use crate::engine::{Engine, MAX_BITS, RingShares};
use privity_core::{Error, Result};

/// A key column: its range, and the direction.
pub struct Key<'a, E: Engine> {
    column: &'a E::Ring,
    width: u32,
    signed: bool,
    descending: bool,
}

impl<'a, E: Engine> Key<'a, E> {
    /// Words from -2^(width-1) to 2^(width-1) - 1, ascending.
    pub fn signed(column: &'a E::Ring, width: u32) -> Self {
        Self { column, width, signed: true, descending: false }
    }

    /// Words from 0 to 2^width - 1, ascending.
    pub fn unsigned(column: &'a E::Ring, width: u32) -> Self {
        Self { column, width, signed: false, descending: false }
    }

    /// The same key, largest first. Rows with equal keys stay in order.
    #[must_use]
    pub fn descending(self) -> Self {
        Self { descending: true, ..self }
    }

    /// The same key, smallest first.
    #[must_use]
    pub fn ascending(self) -> Self {
        Self { descending: false, ..self }
    }

    /// The shared column.
    pub fn column(&self) -> &'a E::Ring {
        self.column
    }

    /// Bits that hold every value.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The same key over another column.
    pub(super) fn over<'b>(&self, column: &'b E::Ring) -> Key<'b, E> {
        Key { column, width: self.width, signed: self.signed, descending: self.descending }
    }

    /// What must agree where two columns are compared.
    pub(super) fn kind(&self) -> (u32, bool, bool) {
        (self.width, self.signed, self.descending)
    }

    /// Numbers from 0 to 2^width - 1 in the order asked for.
    fn code(&self, e: &E) -> E::Ring {
        let n = self.column.len();
        let half = if self.signed { 1u64 << (self.width - 1) } else { 0 };
        if self.descending {
            let top = (1u64 << self.width) - 1 - half;
            e.add_public(&self.column.neg(), &vec![top; n])
        } else if self.signed {
            e.add_public(self.column, &vec![half; n])
        } else {
            self.column.clone()
        }
    }
}

impl<E: Engine> Clone for Key<'_, E> {
    fn clone(&self) -> Self {
        self.over(self.column)
    }
}

/// The ways to sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// [`radix`]
    Radix,
    /// [`comparison`]
    Comparison,
}

/// The cheaper method for keys of `widths` bits: in bytes of `rep3`, where a
/// round counts as much as 176 kB (3700 comparisons).
pub fn method(rows: usize, widths: &[u32]) -> Method {
    let passes = u64::from(widths.iter().sum::<u32>()).div_ceil(2).max(1) - 1;
    let radix = rows as u64 * (120 + 248 * passes) + comparison::ROUND * (9 + 7 * passes);
    if radix < comparison::cost(rows, widths) { Method::Radix } else { Method::Comparison }
}

/// The order of the rows by `keys`, ready to be applied to any column.
pub fn order_by<E: Engine>(e: &mut E, keys: &[Key<'_, E>]) -> Result<Order<E>> {
    let rows = check_keys(keys)?;
    let widths: Vec<u32> = keys.iter().map(|k| k.width).collect();
    match method(rows, &widths) {
        Method::Radix => Ok(radix::order_with(e, keys, &[])?.0),
        Method::Comparison => Ok(comparison::order_with(e, keys, &[])?.0),
    }
}

/// Sorts: the key columns come first in the result, then `payloads`, whose
/// words are arbitrary.
pub fn sort<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    payloads: &[&E::Ring],
) -> Result<Vec<E::Ring>> {
    Ok(sort_with_order(e, keys, payloads)?.1)
}

/// [`sort`], and the order for later use.
pub fn sort_with_order<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    payloads: &[&E::Ring],
) -> Result<(Order<E>, Vec<E::Ring>)> {
    let rows = check_keys(keys)?;
    check_lengths::<E>(rows, payloads)?;
    let widths: Vec<u32> = keys.iter().map(|k| k.width).collect();
    match method(rows, &widths) {
        Method::Radix => {
            let columns: Vec<&E::Ring> =
                keys.iter().map(|k| k.column).chain(payloads.iter().copied()).collect();
            radix::order_with(e, keys, &columns)
        }
        Method::Comparison => comparison::order_with(e, keys, payloads),
    }
}

/// Sorts by one key of any width, |key| < 2^61; see [`sort`]. Where a narrower
/// range is known, [`sort`] is two to three times cheaper.
pub fn sort_by_key<E: Engine>(
    e: &mut E,
    key: &E::Ring,
    payloads: &[&E::Ring],
    descending: bool,
) -> Result<Vec<E::Ring>> {
    let key = Key::signed(key, MAX_BITS);
    sort(e, &[if descending { key.descending() } else { key }], payloads)
}

/// The number of rows of well-formed keys.
pub(super) fn check_keys<E: Engine>(keys: &[Key<'_, E>]) -> Result<usize> {
    let rows = keys
        .first()
        .map(|k| k.column.len())
        .ok_or_else(|| Error::Argument("sorting needs a key column: none was given".to_string()))?;
    check_lengths::<E>(rows, &keys.iter().map(|k| k.column).collect::<Vec<_>>())?;
    match keys.iter().position(|k| !(1..=MAX_BITS).contains(&k.width)) {
        None => Ok(rows),
        Some(i) => Err(Error::Argument(format!(
            "key {i} has a width of {} bits: 1 to {MAX_BITS} are possible",
            keys[i].width
        ))),
    }
}

#[cfg(test)]
mod tests;
