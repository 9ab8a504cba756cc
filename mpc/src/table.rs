//! Tables of shared columns: operations that move rows.
//!
//! | module | what is in it |
//! |---|---|
//! | [`order`] | hidden orders of rows, shared permutations |
//! | [`sort`] | stable sorting by several keys |
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
//! so. In a dry run nothing is opened; the messages are the same.
//!
//! **Costs** are those of `rep3`, all parties together; `docs/tables.md` has
//! them for whole operations, as computed by a test.

pub mod order;
pub mod sort;

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
