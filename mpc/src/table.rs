//! Tables of shared columns: operations that move rows.
//!
//! | module | what is in it |
//! |---|---|
//! | [`order`] | hidden orders of rows, shared permutations |
//! | [`sort`] | stable sorting by several keys |
//! | [`scan`] | sums, maxima and carried values within segments |
//! | [`filter`] | masking and compaction |
//! | [`group`] | group-by: sum, count, mean, min, max, first, last; distinct count |
//! | [`join`] | inner, left, semi and anti join |
//! | [`top`] | the first k rows by a key; quantiles |
//! | [`histogram`] | histograms and contingency tables |
//! | [`lookup`] | one-hot vectors, table look-up by a shared index |
//!
//! **Columns** are shared vectors of words, all of the same length. The number
//! of rows and columns is public, the order of rows is that of the vectors.
//!
//! **Validity.** A row that may be absent has a bit beside it, in a column
//! `valid` of *numbers* 0 and 1: 1 where the row counts. There are no null
//! values inside a row; a column with nulls takes part with its own validity.
//! Functions take `Option<&E::Ring>`, and `None` means that all rows count.
//! What is in the invalid rows of an argument has no influence, as long as it is
//! within the range that the operation states. In results, the invalid rows of
//! every column are 0, so that they tell nothing when opened.
//!
//! **Lengths.** Public functions check the lengths of what they are given and
//! return [`Error::Argument`].
//!
//! **What is opened.** Nothing but permutations and comparisons of rows whose
//! order is a fresh uniform permutation that no party knows, each of which says
//! so, and what the caller asks for by name ([`filter::Size::Revealed`]). In a
//! dry run nothing is opened; the messages are the same.
//!
//! **Costs** are those of `rep3`, all parties together; `docs/tables.md` has
//! them for whole operations, as computed by a test.

pub mod filter;
pub mod group;
pub mod histogram;
pub mod join;
pub mod lookup;
pub mod order;
pub mod scan;
pub mod sort;
pub mod top;

use crate::engine::{Engine, RingShares};
use privity_core::{Error, Result};

/// Refuses columns that do not have `rows` rows.
fn check_lengths<E: Engine>(rows: usize, columns: &[&E::Ring]) -> Result<()> {
    match columns.iter().enumerate().find(|(_, c)| c.len() != rows) {
        None => Ok(()),
        Some((i, c)) => Err(Error::Argument(format!(
            "column {i} has {} rows where {rows} are expected: all columns of a table are \
             equally long",
            c.len()
        ))),
    }
}

/// Columns as one vector, one after the other.
fn join_columns<E: Engine>(columns: &[E::Ring]) -> E::Ring {
    E::Ring::concat(&columns.iter().collect::<Vec<_>>())
}

/// A vector of columns of `rows` rows each, taken apart.
fn split_columns<E: Engine>(x: &E::Ring, rows: usize, columns: usize) -> Vec<E::Ring> {
    (0..columns).map(|c| x.slice(c * rows..(c + 1) * rows)).collect()
}

/// The products of one column with each of the others. One round.
fn mul_columns<E: Engine>(e: &mut E, by: &E::Ring, columns: &[&E::Ring]) -> Result<Vec<E::Ring>> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let product = e.mul(&by.tile(columns.len()), &E::Ring::concat(columns), 0)?;
    Ok(split_columns::<E>(&product, by.len(), columns.len()))
}

/// 1 - b for bits as numbers.
fn complement<E: Engine>(e: &E, b: &E::Ring) -> E::Ring {
    e.add_public(&b.neg(), &vec![1; b.len()])
}
