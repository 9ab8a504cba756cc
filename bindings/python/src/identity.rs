//! Keys by which parties know one another.

use crate::error;
use privity_net as net;
use pyo3::prelude::*;
use std::path::PathBuf;

/// A party's private key. Peers know it by its fingerprint.
#[pyclass(frozen, module = "privity")]
pub(crate) struct Identity(net::Identity);

#[pymethods]
impl Identity {
    /// A new key from the operating system's generator.
    #[staticmethod]
    fn generate(py: Python<'_>) -> PyResult<Self> {
        net::Identity::generate().map(Self).map_err(|e| key_error(py, e))
    }

    /// Reads a key file, which only its owner may be able to read.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        net::Identity::load(&path).map(Self).map_err(|e| key_error(py, e))
    }

    /// Writes the key to a new file that only its owner can read.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.0.save(&path).map_err(|e| key_error(py, e))
    }

    /// What peers pin.
    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    fn __repr__(&self) -> String {
        format!("<privity.Identity {}>", self.0.fingerprint())
    }
}

fn key_error(py: Python<'_>, e: net::Error) -> PyErr {
    error::to_py(py, e.into())
}
