//! A party's own table: named columns of numbers, text or booleans.
//!
//! Every source becomes a stream of Arrow record batches and passes the same
//! checks: no missing values unless a rule says how to fill them, no NaN, no
//! infinities, no column type that nothing can be computed on.

mod arrow;
mod csv;
mod parquet;

use crate::{
    error::{DataError, Result},
    outcome::Kind,
};
pub(crate) use arrow::unreadable;

use ::arrow::{
    array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray},
    record_batch::RecordBatchReader,
};
use std::{path::Path, sync::Arc};

/// A table in memory.
#[derive(Clone, PartialEq)]
pub struct Table {
    source: String,
    rows: usize,
    columns: Vec<(String, Column)>,
    /// Line of the file on which each row starts, for text files.
    lines: Option<Arc<Vec<u64>>>,
}

/// The values of one column.
#[derive(Clone, PartialEq)]
pub(crate) enum Column {
    Integer(Vec<i64>),
    Number(Vec<f64>),
    Text { levels: Vec<String>, codes: Vec<u32> },
    Bool(Vec<bool>),
}

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

/// How a table is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// What to do with missing values.
    pub missing: Missing,
    /// Columns of a text file that are categories although they look like numbers.
    pub text: Vec<String>,
    /// Columns of a text file that must be numbers.
    pub numbers: Vec<String>,
}

impl From<Missing> for ReadOptions {
    fn from(missing: Missing) -> Self {
        Self { missing, ..Self::default() }
    }
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
    /// Reads a CSV file with a header line. A column is numbers if more than
    /// half of its cells are (then every other cell is an error that names it),
    /// and text otherwise; if one has digits with a leading zero, all of them are
    /// text. Spaces around cells are dropped.
    pub fn from_csv(path: &Path, options: impl Into<ReadOptions>) -> Result<Self> {
        csv::read(path, &options.into())
    }

    /// Reads a Parquet file.
    pub fn from_parquet(path: &Path, options: impl Into<ReadOptions>) -> Result<Self> {
        parquet::read(path, &options.into())
    }

    /// Reads a stream of Arrow record batches. `source` names it in errors.
    pub fn from_arrow(
        source: &str,
        batches: impl RecordBatchReader,
        options: impl Into<ReadOptions>,
    ) -> Result<Self> {
        arrow::read(source, batches, &options.into())
    }

    /// Names and kinds, and the numbers of levels of text columns.
    pub fn schema(&self) -> Schema {
        let columns = self.columns.iter().map(|(name, column)| ColumnSchema {
            name: name.clone(),
            kind: column.kind(),
            levels: match column {
                Column::Text { levels, .. } => u32::try_from(levels.len()).ok(),
                _ => None,
            },
        });
        Schema { columns: columns.collect() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The file, or the name that was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the columns in order.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// A column as an Arrow array.
    pub fn array(&self, column: &str) -> Result<ArrayRef> {
        Ok(self.column(column)?.to_array())
    }

    pub(crate) fn new(
        source: &str,
        columns: Vec<(String, Column)>,
        lines: Option<Vec<u64>>,
    ) -> Result<Self> {
        let mut names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(DataError::new(
                source,
                "the name stands above two columns",
                "rename one of them",
            )
            .column(pair[0])
            .into());
        }
        if names.first() == Some(&"") {
            return Err(
                DataError::new(source, "a column has no name", "give every column a name").into()
            );
        }
        if let Some(name) = names.iter().find(|name| !fit_to_print(name)) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(DataError::new(
                source,
                "the name of a column is longer than 256 bytes or has control characters",
                "rename it",
            )
            .column(shown)
            .into());
        }
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        if columns.is_empty() || rows == 0 {
            return Err(DataError::new(
                source,
                "the table has no rows",
                "check that it is the right table; a party without data binds none",
            )
            .into());
        }
        if u32::try_from(rows).is_err() {
            return Err(DataError::new(
                source,
                format!("{rows} rows are more than 2^32"),
                "split the table",
            )
            .into());
        }
        Ok(Self { source: source.into(), rows, columns, lines: lines.map(Arc::new) })
    }

    pub(crate) fn column(&self, name: &str) -> Result<&Column> {
        self.columns
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, column)| column)
            .ok_or_else(|| self.no_column(name).into())
    }

    /// The error about a column that is not there.
    pub(crate) fn no_column(&self, name: &str) -> DataError {
        DataError::new(
            &self.source,
            "there is no such column",
            format!("the columns are: {}", listed(self.column_names())),
        )
        .column(name)
    }

    /// The error about one cell; `row` counts from 0.
    pub(crate) fn cell(&self, column: &str, row: usize, rule: &str, fix: &str) -> DataError {
        DataError::new(&self.source, rule, fix)
            .column(column)
            .row(row as u64 + 1)
            .line(self.line(row))
    }

    /// The line on which a row starts, for text files.
    pub(crate) fn line(&self, row: usize) -> Option<u64> {
        self.lines.as_ref()?.get(row).copied()
    }
}

impl Column {
    pub(crate) fn len(&self) -> usize {
        match self {
            Column::Integer(x) => x.len(),
            Column::Number(x) => x.len(),
            Column::Text { codes, .. } => codes.len(),
            Column::Bool(x) => x.len(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Column::Integer(_) | Column::Number(_) => Kind::Number,
            Column::Text { .. } => Kind::Text,
            Column::Bool(_) => Kind::Bool,
        }
    }

    /// The word for this type where it must be the same at several parties.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Column::Integer(_) => "integer",
            Column::Number(_) => "number with fractions",
            Column::Text { .. } => "text",
            Column::Bool(_) => "true/false",
        }
    }

    pub(crate) fn take(&self, indices: &[u32]) -> Self {
        fn pick<T: Copy>(from: &[T], indices: &[u32]) -> Vec<T> {
            indices.iter().map(|&i| from[i as usize]).collect()
        }
        match self {
            Column::Integer(x) => Column::Integer(pick(x, indices)),
            Column::Number(x) => Column::Number(pick(x, indices)),
            Column::Text { levels, codes } => {
                Column::Text { levels: levels.clone(), codes: pick(codes, indices) }
            }
            Column::Bool(x) => Column::Bool(pick(x, indices)),
        }
    }

    /// The values as numbers; `None` for text.
    pub(crate) fn to_numbers(&self) -> Option<Vec<f64>> {
        match self {
            Column::Integer(x) => Some(x.iter().map(|&v| v as f64).collect()),
            Column::Number(x) => Some(x.clone()),
            Column::Bool(x) => Some(x.iter().map(|&v| f64::from(u8::from(v))).collect()),
            Column::Text { .. } => None,
        }
    }

    /// Whether all values are equal.
    pub(crate) fn is_constant(&self) -> bool {
        fn same<T: PartialEq>(x: &[T]) -> bool {
            x.windows(2).all(|pair| pair[0] == pair[1])
        }
        match self {
            Column::Integer(x) => same(x),
            Column::Number(x) => same(x),
            Column::Text { codes, .. } => same(codes),
            Column::Bool(x) => same(x),
        }
    }

    pub(crate) fn to_array(&self) -> ArrayRef {
        match self {
            Column::Integer(x) => Arc::new(Int64Array::from(x.clone())),
            Column::Number(x) => Arc::new(Float64Array::from(x.clone())),
            Column::Text { levels, codes } => {
                Arc::new(StringArray::from_iter_values(codes.iter().map(|&c| &levels[c as usize])))
            }
            Column::Bool(x) => Arc::new(BooleanArray::from(x.clone())),
        }
    }
}

/// Builds a text column; levels are numbered in order of first appearance.
#[derive(Default)]
pub(crate) struct TextBuilder {
    levels: Vec<String>,
    index: std::collections::HashMap<String, u32>,
    codes: Vec<u32>,
}

impl TextBuilder {
    pub(crate) fn push(&mut self, text: &str) {
        let code = match self.index.get(text) {
            Some(&code) => code,
            None => {
                // Tables have fewer than 2^32 rows, hence levels.
                let code = self.levels.len() as u32;
                self.levels.push(text.into());
                self.index.insert(text.into(), code);
                code
            }
        };
        self.codes.push(code);
    }

    pub(crate) fn finish(self) -> Column {
        Column::Text { levels: self.levels, codes: self.codes }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("source", &self.source)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Whether all parties accept a name that one of them tells: not empty, at most
/// 256 bytes, no control characters.
pub(crate) fn fit_to_print(name: &str) -> bool {
    (1..=256).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// Every [`Column::type_name`].
pub(crate) const TYPE_NAMES: [&str; 4] = ["integer", "number with fractions", "text", "true/false"];

/// Names for a message, the first thirty.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let mut text = names.iter().take(30).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 30 {
        text += &format!(" and {} more", names.len() - 30);
    }
    text
}

/// The level that missing text becomes under [`Missing::AsLevel`].
pub(crate) const MISSING_LEVEL: &str = "missing";
