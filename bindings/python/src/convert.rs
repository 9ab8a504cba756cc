//! Outcomes, costs and columns as plain Python objects.

use arrow::{
    array::{ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type},
};
use privity_joint::{Band, ColumnInfo, Explained, Kind, Opened, Output, Progress, StepCost};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};

pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "number",
        Kind::Text => "text",
        Kind::Bool => "bool",
    }
}

pub(crate) fn kind(name: &str) -> Option<Kind> {
    match name {
        "number" => Some(Kind::Number),
        "text" => Some(Kind::Text),
        "bool" => Some(Kind::Bool),
        _ => None,
    }
}

/// The result proper; the key `"type"` says which it is.
pub(crate) fn output<'py>(py: Python<'py>, output: &Output) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    let name = match output {
        Output::Table { id, rows, columns } => {
            d.set_item("id", id.0)?;
            d.set_item("rows", rows)?;
            d.set_item("columns", infos(columns))?;
            "table"
        }
        Output::Split { first, second, rows } => {
            d.set_item("first", first.0)?;
            d.set_item("second", second.0)?;
            d.set_item("rows", (rows[0], rows[1]))?;
            "split"
        }
        Output::Transform { id, columns } => {
            d.set_item("id", id.0)?;
            d.set_item("columns", columns)?;
            "transform"
        }
        Output::Model { id, features, converged, iterations } => {
            d.set_item("id", id.0)?;
            d.set_item("features", features)?;
            d.set_item("converged", converged)?;
            d.set_item("iterations", iterations)?;
            "model"
        }
        Output::Scores { id, rows } => {
            d.set_item("id", id.0)?;
            d.set_item("rows", rows)?;
            "scores"
        }
        Output::Metrics { id } => {
            d.set_item("id", id.0)?;
            "metrics"
        }
        Output::Released(value) => {
            let value = value.as_ref().map(|v| opened(py, v)).transpose()?;
            d.set_item("value", value)?;
            "released"
        }
        // joint knows an output that this package does not know yet.
        _ => "unknown",
    };
    d.set_item("type", name)?;
    Ok(d)
}

fn opened<'py>(py: Python<'py>, opened: &Opened) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    match opened {
        Opened::Model { intercept, features, coefficients, standard_errors } => {
            d.set_item("intercept", intercept)?;
            d.set_item("features", features)?;
            d.set_item("coefficients", coefficients)?;
            d.set_item("standard_errors", standard_errors)?;
        }
        Opened::Scores(scores) => {
            let bytes: Vec<u8> = scores.iter().flat_map(|x| x.to_le_bytes()).collect();
            d.set_item("scores", PyBytes::new(py, &bytes))?;
        }
        Opened::Metrics { auc, ks, bands } => {
            d.set_item("auc", auc)?;
            d.set_item("ks", ks)?;
            let pairs = |b: &Vec<Band>| -> Vec<(Option<u64>, Option<u64>)> {
                b.iter().map(|b| (b.negatives, b.positives)).collect()
            };
            d.set_item("bands", bands.as_ref().map(pairs))?;
        }
        Opened::InformationValues(values) => d.set_item("information_values", values.clone())?,
        Opened::Counts { margins, variance } => {
            d.set_item("margins", margins)?;
            d.set_item("variance", variance)?;
        }
        _ => {}
    }
    Ok(d)
}

pub(crate) fn infos(columns: &[ColumnInfo]) -> Vec<(String, Option<String>, &'static str)> {
    columns.iter().map(|c| (c.name.clone(), c.owner.clone(), kind_name(c.kind))).collect()
}

pub(crate) fn cost<'py>(py: Python<'py>, cost: &StepCost) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("sequence", cost.sequence)?;
    d.set_item("op", &cost.op)?;
    d.set_item("sent", cost.sent)?;
    d.set_item("received", cost.received)?;
    d.set_item("rounds", cost.rounds)?;
    d.set_item("seconds", cost.seconds)?;
    Ok(d)
}

pub(crate) fn explained<'py>(py: Python<'py>, line: &Explained) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("sequence", line.sequence)?;
    d.set_item("op", &line.op)?;
    d.set_item("what", &line.what)?;
    d.set_item("to", &line.to)?;
    d.set_item("allowed_by", &line.allowed_by)?;
    Ok(d)
}

pub(crate) fn progress<'py>(
    py: Python<'py>,
    party: &str,
    progress: &Progress,
) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    d.set_item("party", party)?;
    d.set_item("op", progress.op)?;
    d.set_item("sequence", progress.sequence)?;
    d.set_item("stage", progress.stage)?;
    d.set_item("fraction", progress.fraction)?;
    Ok(d)
}

/// Values of a column; `None` where one is missing.
pub(crate) fn array_to_list<'py>(
    py: Python<'py>,
    array: &ArrayRef,
) -> PyResult<Bound<'py, PyList>> {
    let as_type = |to: &DataType| {
        cast(array, to).map_err(|e| PyTypeError::new_err(format!("{}: {e}", array.data_type())))
    };
    match array.data_type() {
        DataType::Boolean => PyList::new(py, array.as_boolean().iter()),
        t if t.is_integer() && *t != DataType::UInt64 => {
            PyList::new(py, as_type(&DataType::Int64)?.as_primitive::<Int64Type>().iter())
        }
        t if t.is_numeric() => {
            PyList::new(py, as_type(&DataType::Float64)?.as_primitive::<Float64Type>().iter())
        }
        _ => PyList::new(py, as_type(&DataType::Utf8)?.as_string::<i32>().iter()),
    }
}
