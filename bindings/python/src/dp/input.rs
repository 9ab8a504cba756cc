//! Numbers, conditions and codes on their way in, without a copy where that is possible.

use crate::error;
use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array},
    compute::cast,
    datatypes::{DataType, Float64Type},
};
use pyo3::{
    buffer::{Element, PyBuffer},
    prelude::*,
};
use pyo3_arrow::input::AnyArray;
use std::borrow::Cow;

/// A contiguous buffer of somebody else, most often a NumPy array.
pub(super) struct Shared<T: Element>(PyBuffer<T>);

impl<T: Element> Shared<T> {
    pub(super) fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyBuffer::<T>::get(object)?;
        if buffer.dimensions() != 1 || buffer.as_slice_ptr().is_none() {
            return Err(error::internal(object.py(), "an array that is not contiguous"));
        }
        Ok(Self(buffer))
    }

    pub(super) fn as_slice(&self) -> &[T] {
        match self.0.as_slice_ptr() {
            // SAFETY: `Shared` holds the buffer, so its memory stays where it is, aligned and
            // of this length; every bit pattern of the types used here is a value. Callers of
            // the package must not write to an array while a call reads it: its guide says so,
            // and it is what NumPy's own functions, which let go of the interpreter lock as
            // well, ask for.
            Some(values) => unsafe { values.as_ref() },
            None => &[],
        }
    }
}

/// A column of numbers; what is missing is NaN.
pub(super) enum Numbers {
    Float(Shared<f64>),
    Int(Shared<i64>),
    Arrow(Float64Array),
    Owned(Vec<f64>),
}

impl Numbers {
    pub(super) fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(floats) = Shared::read(object) {
            return Ok(Self::Float(floats));
        }
        if let Ok(integers) = Shared::read(object) {
            return Ok(Self::Int(integers));
        }
        let chunks = chunks(object)?;
        let numeric = |kind: &DataType| {
            kind.is_integer() || kind.is_floating() || matches!(kind, DataType::Null)
        };
        let mut columns = Vec::with_capacity(chunks.len());
        for chunk in &chunks {
            let column = match numeric(chunk.data_type()) {
                true => cast(chunk, &DataType::Float64).ok(),
                false => None,
            };
            let Some(column) = column else {
                let rule = format!("a column of type {} holds no numbers", chunk.data_type());
                return Err(error::argument(object.py(), "dp", &rule, "convert it to float64"));
            };
            columns.push(column);
        }
        if let [column] = columns.as_slice() {
            let column = column.as_primitive::<Float64Type>();
            if column.null_count() == 0 {
                return Ok(Self::Arrow(column.clone()));
            }
        }
        let values = columns.iter().flat_map(|column| column.as_primitive::<Float64Type>().iter());
        Ok(Self::Owned(values.map(|x| x.unwrap_or(f64::NAN)).collect()))
    }

    /// Without a copy unless they are integers.
    pub(super) fn floats(&self) -> Cow<'_, [f64]> {
        match self {
            Self::Float(values) => values.as_slice().into(),
            Self::Int(values) => values.as_slice().iter().map(|&x| x as f64).collect(),
            Self::Arrow(values) => (&**values.values()).into(),
            Self::Owned(values) => values.as_slice().into(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.as_slice().len(),
            Self::Int(values) => values.as_slice().len(),
            Self::Arrow(values) => values.len(),
            Self::Owned(values) => values.len(),
        }
    }

    pub(super) fn integers(&self) -> Option<&[i64]> {
        match self {
            Self::Int(values) => Some(values.as_slice()),
            _ => None,
        }
    }
}

/// A column of conditions; what is missing is false.
pub(super) enum Flags {
    Bytes(Shared<u8>),
    Arrow(Vec<ArrayRef>),
}

impl Flags {
    pub(super) fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = Shared::read(object) {
            return Ok(Self::Bytes(bytes));
        }
        let chunks = chunks(object)?;
        match chunks.iter().find(|chunk| *chunk.data_type() != DataType::Boolean) {
            None => Ok(Self::Arrow(chunks)),
            Some(other) => {
                let rule = format!("a column of type {} holds no conditions", other.data_type());
                let fix = "pass booleans, such as column > 40";
                Err(error::argument(object.py(), "dp", &rule, fix))
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.as_slice().len(),
            Self::Arrow(chunks) => chunks.iter().map(|chunk| chunk.len()).sum(),
        }
    }

    pub(super) fn to_vec(&self) -> Vec<bool> {
        match self {
            Self::Bytes(bytes) => bytes.as_slice().iter().map(|&b| b != 0).collect(),
            Self::Arrow(chunks) => chunks
                .iter()
                .flat_map(|chunk| chunk.as_boolean().iter())
                .map(|flag| flag.unwrap_or(false))
                .collect(),
        }
    }
}

/// The arrays of an object with one of Arrow's C interfaces.
fn chunks(object: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    let array: AnyArray = object.extract()?;
    let chunked = array.into_chunked_array().map_err(PyErr::from)?;
    Ok(chunked.chunks().to_vec())
}
