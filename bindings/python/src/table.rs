//! Tables on their way in, columns on their way back to their owner.

use crate::{convert, error};
use arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator,
        StringArray,
    },
    buffer::ScalarBuffer,
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    record_batch::RecordBatchReader,
};
use privity_joint as joint;
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyCapsule, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use pyo3_arrow::{PyArray, ffi::to_array_pycapsules, input::AnyRecordBatch};
use std::{path::PathBuf, sync::Arc};

/// A party's own table, checked.
#[pyclass(frozen, module = "privity")]
pub(crate) struct Table(pub(crate) joint::Table);

#[pymethods]
impl Table {
    /// Reads a CSV file with a header line.
    #[staticmethod]
    fn from_csv(py: Python<'_>, path: PathBuf, missing: &str) -> PyResult<Self> {
        let missing = missing_rule(py, missing)?;
        py.detach(|| joint::Table::from_csv(&path, missing))
            .map(Self)
            .map_err(|e| error::to_py(py, e))
    }

    /// Reads a Parquet file.
    #[staticmethod]
    fn from_parquet(py: Python<'_>, path: PathBuf, missing: &str) -> PyResult<Self> {
        let missing = missing_rule(py, missing)?;
        py.detach(|| joint::Table::from_parquet(&path, missing))
            .map(Self)
            .map_err(|e| error::to_py(py, e))
    }

    /// Reads an object with the Arrow C stream or array interface.
    #[staticmethod]
    fn from_arrow(
        py: Python<'_>,
        source: &str,
        data: AnyRecordBatch,
        missing: &str,
    ) -> PyResult<Self> {
        let missing = missing_rule(py, missing)?;
        let reader = Plain::new(data.into_reader()?);
        py.detach(|| joint::Table::from_arrow(source, reader, missing))
            .map(Self)
            .map_err(|e| error::to_py(py, e))
    }

    /// Takes columns as lists, or as `(dtype, bytes)` with the little-endian
    /// bytes of `f8`, `i8` or `b1` values.
    #[staticmethod]
    fn from_columns(
        py: Python<'_>,
        source: &str,
        columns: Vec<(String, Bound<'_, PyAny>)>,
        missing: &str,
    ) -> PyResult<Self> {
        let missing = missing_rule(py, missing)?;
        let batch = batch(py, source, columns)?;
        let schema = batch.schema();
        let reader = RecordBatchIterator::new([Ok(batch)], schema);
        py.detach(|| joint::Table::from_arrow(source, reader, missing))
            .map(Self)
            .map_err(|e| error::to_py(py, e))
    }

    /// Names and kinds.
    fn schema(&self) -> Vec<(String, &'static str, Option<u32>)> {
        self.0
            .schema()
            .columns
            .into_iter()
            .map(|c| (c.name, convert::kind_name(c.kind), c.levels))
            .collect()
    }

    /// How many rows.
    #[getter]
    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn __repr__(&self) -> String {
        format!(
            "<privity.Table of {} rows and {} columns>",
            self.0.rows(),
            self.0.schema().columns.len()
        )
    }
}

/// Columns as one batch.
pub(crate) fn batch(
    py: Python<'_>,
    source: &str,
    columns: Vec<(String, Bound<'_, PyAny>)>,
) -> PyResult<RecordBatch> {
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for (name, values) in columns {
        let array = column(py, source, &name, &values)?;
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|_| {
        error::argument(
            py,
            "table",
            "its columns have different lengths",
            "give every column one value per row",
        )
    })
}

/// A party's own column in the common order of a joint table.
#[pyclass(frozen, module = "privity")]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) array: ArrayRef,
}

#[pymethods]
impl Column {
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }

    /// The values as a list.
    fn to_list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        convert::array_to_list(py, &self.array)
    }

    /// The Arrow C array interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let field = Arc::new(Field::new(&self.name, self.array.data_type().clone(), true));
        let array = PyArray::new(self.array.clone(), field);
        Ok(to_array_pycapsules(py, array.field().clone(), array.array(), requested_schema)?)
    }

    fn __repr__(&self) -> String {
        format!("<privity.Column '{}' of {} values>", self.name, self.array.len())
    }
}

/// Text in any of Arrow's layouts, as plain UTF-8: polars sends views, pandas
/// large strings or dictionaries.
struct Plain {
    inner: Box<dyn RecordBatchReader + Send>,
    schema: SchemaRef,
}

impl Plain {
    fn new(inner: Box<dyn RecordBatchReader + Send>) -> Self {
        let fields: Vec<Field> = inner
            .schema()
            .fields()
            .iter()
            .map(|f| Field::new(f.name(), plain(f.data_type()), f.is_nullable()))
            .collect();
        Self { inner, schema: Arc::new(Schema::new(fields)) }
    }

    fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns: Result<Vec<ArrayRef>, ArrowError> = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| match column.data_type() == field.data_type() {
                true => Ok(column.clone()),
                false => cast(column, field.data_type()),
            })
            .collect();
        RecordBatch::try_new(self.schema.clone(), columns?)
    }
}

impl Iterator for Plain {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.inner.next()?;
        Some(batch.and_then(|b| self.convert(&b)))
    }
}

impl RecordBatchReader for Plain {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}

fn column(
    py: Python<'_>,
    source: &str,
    name: &str,
    values: &Bound<'_, PyAny>,
) -> PyResult<ArrayRef> {
    if let Ok((dtype, bytes)) = values.extract::<(String, Bound<'_, PyBytes>)>() {
        let bytes = bytes.as_bytes();
        return match dtype.as_str() {
            "f8" => Ok(Arc::new(Float64Array::from(words(bytes, f64::from_le_bytes)))),
            "i8" => Ok(Arc::new(Int64Array::new(
                ScalarBuffer::from(words(bytes, i64::from_le_bytes)),
                None,
            ))),
            "b1" => Ok(Arc::new(BooleanArray::from(
                bytes.iter().map(|&b| b != 0).collect::<Vec<bool>>(),
            ))),
            _ => Err(error::argument(
                py,
                "table",
                &format!("column '{name}' has the unknown type {dtype}"),
                "use f8, i8 or b1",
            )),
        };
    }
    list(py, source, name, values.cast::<PyList>()?)
}

fn words<T>(bytes: &[u8], from: impl Fn([u8; 8]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().map(|&word| from(word)).collect()
}

/// A list of numbers, text or booleans, with `None` for what is missing.
fn list(
    py: Python<'_>,
    source: &str,
    name: &str,
    values: &Bound<'_, PyList>,
) -> PyResult<ArrayRef> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Nothing,
        Bool,
        Int,
        Float,
        Text,
    }
    let mut seen = Seen::Nothing;
    for (row, value) in values.iter().enumerate() {
        // The order matters: True is an int.
        let this = if value.is_none() {
            continue;
        } else if value.is_instance_of::<PyBool>() {
            Seen::Bool
        } else if value.is_instance_of::<PyInt>() {
            Seen::Int
        } else if value.is_instance_of::<PyFloat>() {
            Seen::Float
        } else if value.is_instance_of::<PyString>() {
            Seen::Text
        } else {
            let rule = format!(
                "a value of type {} is neither number, text nor boolean",
                value.get_type().name()?
            );
            return Err(cell(py, source, name, row, rule));
        };
        seen = match (seen, this) {
            (Seen::Nothing, _) => this,
            (a, b) if a == b => a,
            (Seen::Int, Seen::Float) | (Seen::Float, Seen::Int) => Seen::Float,
            _ => {
                let rule = "a value of another kind than those above it".to_owned();
                return Err(cell(py, source, name, row, rule));
            }
        };
    }
    Ok(match seen {
        Seen::Bool => Arc::new(BooleanArray::from(values.extract::<Vec<Option<bool>>>()?)),
        Seen::Int => match values.extract::<Vec<Option<i64>>>() {
            Ok(values) => Arc::new(Int64Array::from(values)),
            // Beyond 64 bits: a float is out of the fixed-point range as well,
            // and joint says so with the row.
            Err(_) => Arc::new(Float64Array::from(values.extract::<Vec<Option<f64>>>()?)),
        },
        Seen::Text => Arc::new(StringArray::from(values.extract::<Vec<Option<String>>>()?)),
        Seen::Float | Seen::Nothing => {
            Arc::new(Float64Array::from(values.extract::<Vec<Option<f64>>>()?))
        }
    })
}

fn cell(py: Python<'_>, source: &str, column: &str, row: usize, rule: String) -> PyErr {
    let fix = "make the column all numbers, all text or all booleans";
    let e = joint::DataError::new(source, rule, fix).column(column).row(row as u64 + 1);
    error::to_py(py, e.into())
}

fn missing_rule(py: Python<'_>, word: &str) -> PyResult<joint::Missing> {
    match word {
        "refuse" => Ok(joint::Missing::Refuse),
        "as_level" => Ok(joint::Missing::AsLevel),
        other => Err(error::argument(
            py,
            "table",
            &format!("missing=\"{other}\" is unknown"),
            "use \"refuse\" or \"as_level\"",
        )),
    }
}
