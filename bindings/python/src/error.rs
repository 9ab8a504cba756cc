//! From [`joint::Error`] to the classes of `privity.exceptions`.

use privity_core::Error as Core;
use privity_dp::Error as Dp;
use privity_joint as joint;
use privity_net::Error as Net;
use pyo3::{exceptions::PyRuntimeError, prelude::*, types::PyDict};
use std::any::Any;

/// The Python exception for an error.
pub(crate) fn to_py(py: Python<'_>, error: joint::Error) -> PyErr {
    build(py, &error).unwrap_or_else(|e| e)
}

/// A bug of ours.
pub(crate) fn internal(py: Python<'_>, what: &str) -> PyErr {
    let text = format!("internal error: {what}; please report it");
    raise(py, "InternalError", &text, &PyDict::new(py)).unwrap_or_else(|e| e)
}

/// An argument that cannot be worked with.
pub(crate) fn argument(py: Python<'_>, op: &str, rule: &str, fix: &str) -> PyErr {
    to_py(py, joint::Error::argument(op, rule, fix))
}

/// Use of a session that is closed, busy, or belongs to another process.
pub(crate) fn closed(py: Python<'_>, text: &str) -> PyErr {
    raise(py, "SessionClosedError", text, &PyDict::new(py)).unwrap_or_else(|e| e)
}

/// A release that a filter does not allow.
pub(crate) fn overspent(py: Python<'_>, text: &str) -> PyErr {
    raise(py, "OverspentError", text, &PyDict::new(py)).unwrap_or_else(|e| e)
}

/// What a panic said. Panics never carry secrets.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_else(|| "no message".into()))
}

fn build(py: Python<'_>, error: &joint::Error) -> PyResult<PyErr> {
    let fields = PyDict::new(py);
    fields.set_item("culprits", error.culprits())?;
    let class = match error {
        joint::Error::Data(e) => {
            fields.set_item("file", &e.source)?;
            fields.set_item("row", e.row)?;
            fields.set_item("line", e.line)?;
            fields.set_item("column", &e.column)?;
            fields.set_item("rule", &e.rule)?;
            fields.set_item("fix", &e.fix)?;
            "DataError"
        }
        joint::Error::Argument { op, rule, fix } => {
            fields.set_item("op", op)?;
            fields.set_item("rule", rule)?;
            fields.set_item("fix", fix)?;
            "ArgumentError"
        }
        joint::Error::Config { file, rule, fix } => {
            fields.set_item("file", file.display().to_string())?;
            fields.set_item("rule", rule)?;
            fields.set_item("fix", fix)?;
            "ConfigError"
        }
        joint::Error::Refused { op, party, rule, fix } => {
            fields.set_item("op", op)?;
            fields.set_item("party", party)?;
            fields.set_item("rule", rule)?;
            fields.set_item("fix", fix)?;
            "PolicyError"
        }
        joint::Error::PeerStopped { op, .. } => {
            fields.set_item("op", op)?;
            "PeerStoppedError"
        }
        joint::Error::Divergence { sequence, ours, theirs, .. } => {
            fields.set_item("sequence", sequence)?;
            fields.set_item("ours", ours)?;
            fields.set_item("theirs", theirs)?;
            "DivergenceError"
        }
        joint::Error::Closed(_) => "SessionClosedError",
        joint::Error::File { file, .. } => {
            fields.set_item("file", file.display().to_string())?;
            "FileError"
        }
        joint::Error::Audit { file, .. } => {
            fields.set_item("file", file.display().to_string())?;
            "AuditError"
        }
        joint::Error::Ledger { file, kind, rule, fix } => {
            fields.set_item("file", file.display().to_string())?;
            fields.set_item("kind", format!("{kind:?}").to_lowercase())?;
            fields.set_item("rule", rule)?;
            fields.set_item("fix", fix)?;
            "LedgerError"
        }
        joint::Error::Overspent { whose, cost, left, cap } => {
            fields.set_item("whose", whose)?;
            fields.set_item("cost", cost)?;
            fields.set_item("left", left)?;
            fields.set_item("cap", cap)?;
            "OverspentError"
        }
        joint::Error::Dp(Dp::Parameter { what, rule }) => {
            fields.set_item("op", what)?;
            fields.set_item("rule", rule)?;
            fields.set_item("fix", rule)?;
            "ArgumentError"
        }
        joint::Error::Dp(_) => "ArgumentError",
        joint::Error::Core(e) => core(e),
        joint::Error::Psi(_) => "DataError",
        joint::Error::Net(e) => net(e),
        joint::Error::Internal(_) => "InternalError",
        // A kind of error that joint learned before this table did.
        _ => "PrivityError",
    };
    raise(py, class, &error.to_string(), &fields)
}

fn core(error: &Core) -> &'static str {
    match error {
        Core::Argument(_) => "ArgumentError",
        Core::Range { .. } => "DataError",
        Core::Timeout { .. } => "TimeoutError",
        Core::Disconnected { .. } => "TransportError",
        Core::Deviation { .. } => "DeviationError",
        Core::OutOfStep { .. } => "DivergenceError",
        Core::Cancelled { .. } => "CancelledError",
        Core::Internal(_) => "InternalError",
        _ => "PrivityError",
    }
}

fn net(error: &Net) -> &'static str {
    match error {
        Net::Argument(_) | Net::BadFingerprint(_) | Net::DuplicateKey { .. } => "ConfigError",
        Net::KeyFile { .. } => "FileError",
        Net::Key(_) => "ConfigError",
        Net::System { .. } => "InternalError",
        Net::Core(e) => core(e),
        // Peers and addresses.
        _ => "TransportError",
    }
}

fn raise(py: Python<'_>, class: &str, text: &str, fields: &Bound<'_, PyDict>) -> PyResult<PyErr> {
    let class = py.import("privity.exceptions")?.getattr(class)?;
    let value = class.call((text,), Some(fields)).map_err(|e| {
        // A class that does not take its fields: better the text than nothing.
        PyRuntimeError::new_err(format!("{text} ({e})"))
    })?;
    Ok(PyErr::from_value(value))
}
