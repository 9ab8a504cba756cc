//! Tables from Arrow record batches.

use super::{Column, MISSING_LEVEL, Missing, ReadOptions, Table, TextBuilder};
use crate::error::{DataError, Result};
use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type},
    record_batch::RecordBatchReader,
};

/// Reads all batches.
pub(super) fn read(
    source: &str,
    batches: impl RecordBatchReader,
    options: &ReadOptions,
) -> Result<Table> {
    let schema = batches.schema();
    let mut builders = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        builders.push(Builder::new(source, field.name(), field.data_type())?);
    }
    let mut rows = 0;
    for batch in batches {
        let batch = batch.map_err(|e| unreadable(source, &e))?;
        for (builder, array) in builders.iter_mut().zip(batch.columns()) {
            builder.append(source, array, rows, options.missing)?;
        }
        rows += batch.num_rows();
    }
    let columns = builders.into_iter().map(Builder::finish).collect();
    Table::new(source, columns, None)
}

/// The error about a source that a reader gives up on.
pub(crate) fn unreadable(source: &str, error: &impl std::fmt::Display) -> DataError {
    DataError::new(source, format!("cannot be read: {error}"), "check that the file is complete")
}

struct Builder {
    name: String,
    values: Values,
}

enum Values {
    Integer(Vec<i64>),
    Number(Vec<f64>),
    Text(TextBuilder),
    Bool(Vec<bool>),
}

impl Builder {
    fn new(source: &str, name: &str, data_type: &DataType) -> Result<Self> {
        use DataType as T;
        let inner = match data_type {
            T::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let values = match inner {
            T::Int8
            | T::Int16
            | T::Int32
            | T::Int64
            | T::UInt8
            | T::UInt16
            | T::UInt32
            | T::UInt64 => Values::Integer(Vec::new()),
            T::Float16 | T::Float32 | T::Float64 | T::Decimal128(..) | T::Decimal256(..) => {
                Values::Number(Vec::new())
            }
            T::Utf8 | T::LargeUtf8 | T::Utf8View => Values::Text(TextBuilder::default()),
            T::Boolean => Values::Bool(Vec::new()),
            other => {
                return Err(DataError::new(
                    source,
                    format!("the type {other} is neither numbers, text nor true/false"),
                    "convert the column, for instance a date to a number of days, or leave it out",
                )
                .column(name)
                .into());
            }
        };
        Ok(Self { name: name.into(), values })
    }

    fn append(
        &mut self,
        source: &str,
        array: &ArrayRef,
        first_row: usize,
        missing: Missing,
    ) -> Result<()> {
        let name = &self.name;
        let wrong = |row: usize, rule: &str, fix: &str| {
            DataError::new(source, rule, fix).column(name).row((first_row + row) as u64 + 1)
        };
        let convert = |to: &DataType| -> Result<ArrayRef> {
            // Casting gives null where a value does not fit; those rows are
            // told apart from missing ones below.
            Ok(cast(array, to).map_err(|e| unreadable(source, &e).column(name))?)
        };
        let null = || wrong(first_null(array), MISSING_RULE, MISSING_FIX);
        match &mut self.values {
            Values::Integer(out) => {
                let cells = convert(&DataType::Int64)?;
                if array.null_count() > 0 {
                    return Err(null().into());
                }
                if cells.null_count() > 0 {
                    let rule = "the number is outside of 64-bit integers";
                    return Err(wrong(first_null(&cells), rule, "give the column as text").into());
                }
                out.extend_from_slice(cells.as_primitive::<Int64Type>().values());
            }
            Values::Number(out) => {
                let cells = convert(&DataType::Float64)?;
                if cells.null_count() > 0 {
                    return Err(wrong(first_null(&cells), MISSING_RULE, MISSING_FIX).into());
                }
                let cells = cells.as_primitive::<Float64Type>().values();
                if let Some(row) = cells.iter().position(|x| !x.is_finite()) {
                    return Err(wrong(row, NOT_FINITE_RULE, NOT_FINITE_FIX).into());
                }
                out.extend_from_slice(cells);
            }
            Values::Text(out) => {
                let cells = convert(&DataType::LargeUtf8)?;
                let cells = cells.as_string::<i64>();
                if cells.null_count() > 0 && missing == Missing::Refuse {
                    return Err(null().into());
                }
                for cell in cells {
                    out.push(cell.unwrap_or(MISSING_LEVEL));
                }
            }
            Values::Bool(out) => {
                let cells = convert(&DataType::Boolean)?;
                if cells.null_count() > 0 {
                    return Err(null().into());
                }
                out.extend(cells.as_boolean().values().iter());
            }
        }
        Ok(())
    }

    fn finish(self) -> (String, Column) {
        let column = match self.values {
            Values::Integer(x) => Column::Integer(x),
            Values::Number(x) => Column::Number(x),
            Values::Text(builder) => builder.finish(),
            Values::Bool(x) => Column::Bool(x),
        };
        (self.name, column)
    }
}

fn first_null(array: &ArrayRef) -> usize {
    (0..array.len()).find(|&row| array.is_null(row)).unwrap_or_default()
}

pub(super) const MISSING_RULE: &str = "the cell is missing";
pub(super) const MISSING_FIX: &str = "fill it in or drop the row or column before binding; in \
    text columns, missing cells can be read as a level of their own";
pub(super) const NOT_FINITE_RULE: &str = "the number is NaN or infinite";
pub(super) const NOT_FINITE_FIX: &str = "replace it or drop the row before binding";
