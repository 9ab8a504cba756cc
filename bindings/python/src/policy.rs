//! Policies, made from TOML.

use crate::error;
use privity_joint as joint;
use pyo3::prelude::*;
use std::path::PathBuf;

/// What a party allows to be done with its columns.
#[pyclass(frozen, module = "privity", from_py_object)]
#[derive(Clone)]
pub(crate) struct Policy(pub(crate) joint::Policy);

#[pymethods]
impl Policy {
    /// Reads TOML text.
    #[staticmethod]
    fn parse(py: Python<'_>, text: &str) -> PyResult<Self> {
        joint::Policy::parse(text).map(Self).map_err(|e| error::to_py(py, e))
    }

    /// Reads a TOML file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        joint::Policy::load(&path).map(Self).map_err(|e| error::to_py(py, e))
    }

    /// Allows everything to everybody: for learning and for tests.
    #[staticmethod]
    fn allow_all() -> Self {
        Self(joint::Policy::allow_all())
    }

    /// Refuses every operation.
    #[staticmethod]
    fn deny_all() -> Self {
        Self(joint::Policy::deny_all())
    }

    fn __repr__(&self) -> &'static str {
        "<privity.Policy>"
    }
}
