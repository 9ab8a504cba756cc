//! A party's own table: named columns of numbers, text or booleans.

use crate::{error::Result, outcome::Kind};
use arrow::record_batch::RecordBatchReader;
use std::path::Path;

/// A table in memory, checked on the way in: no missing values unless a rule
/// says how to fill them, no NaN, no infinities.
#[derive(Clone, PartialEq)]
pub struct Table {}

/// What to do with missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Refuse them, naming the row and the column.
    #[default]
    Refuse,
    /// In text columns, make them a level of their own called "missing".
    /// Numbers must still be complete.
    AsLevel,
}

/// Names and kinds of a table's columns, for dry runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// The columns in order.
    pub columns: Vec<ColumnSchema>,
}

/// One column of a [`Schema`].
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// How many levels a text column has, or into how many bins a column of
    /// numbers falls; guessed if absent.
    pub levels: Option<u32>,
}

impl Table {
    /// Reads a CSV file with a header line.
    pub fn from_csv(path: &Path, missing: Missing) -> Result<Self> {
        let _ = (path, missing);
        Ok(Self {})
    }

    /// Reads a Parquet file.
    pub fn from_parquet(path: &Path, missing: Missing) -> Result<Self> {
        let _ = (path, missing);
        Ok(Self {})
    }

    /// Reads a stream of Arrow record batches. `source` names it in errors.
    pub fn from_arrow(
        source: &str,
        batches: impl RecordBatchReader,
        missing: Missing,
    ) -> Result<Self> {
        let _ = (source, batches, missing);
        Ok(Self {})
    }

    /// Names and kinds.
    pub fn schema(&self) -> Schema {
        Schema::default()
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}
