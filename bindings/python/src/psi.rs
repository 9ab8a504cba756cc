//! `privity.psi`: which rows of two tables belong together.

use crate::{convert, error, policy::Policy, run, table};
use arrow::datatypes::SchemaRef;
use privity_core::{Cancel, Mesh};
use privity_joint::{
    self as joint,
    intersect::{
        self, Common, Duplicates, Intersect, Join, Nulls, Order, Source, Total, Totals, Write,
    },
};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};
use pyo3_arrow::input::AnyRecordBatch;
use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// A table whose rows are compared.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct PsiSource(Source);

#[pymethods]
impl PsiSource {
    /// A CSV or Parquet file.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, delimiter: &str) -> PyResult<Self> {
        let [delimiter] = *delimiter.as_bytes() else {
            let rule = "delimiter is not one character";
            return Err(error::argument(py, "psi", rule, "use \",\", \";\" or \"\\t\""));
        };
        py.detach(|| Source::open(&path, delimiter)).map(Self).map_err(|e| error::to_py(py, e))
    }

    /// An object with the Arrow C stream or array interface.
    #[staticmethod]
    fn from_arrow(py: Python<'_>, name: &str, data: AnyRecordBatch) -> PyResult<Self> {
        let reader = data.into_reader()?;
        let schema: SchemaRef = reader.schema();
        let batches = py.detach(|| reader.collect::<Result<Vec<_>, _>>()).map_err(|e| {
            error::argument(py, "psi", &format!("the table cannot be read: {e}"), "check it")
        })?;
        Source::batches(name, schema, batches).map(Self).map_err(|e| error::to_py(py, e))
    }

    /// Columns as for `Table.from_columns`.
    #[staticmethod]
    fn from_columns(
        py: Python<'_>,
        name: &str,
        columns: Vec<(String, Bound<'_, PyAny>)>,
    ) -> PyResult<Self> {
        let batch = table::batch(py, name, columns)?;
        Source::batches(name, batch.schema(), vec![batch])
            .map(Self)
            .map_err(|e| error::to_py(py, e))
    }

    /// Counts its rows.
    fn rows(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.0.rows()).map_err(|e| error::to_py(py, e))
    }

    fn __repr__(&self) -> String {
        format!("<table '{}' to be compared>", self.0.name())
    }
}

/// Sizes, common identifiers, whether it is verified, bytes, rounds.
type Figures = (Vec<u64>, Option<u64>, bool, (u64, u64), u32);

/// What a party has after a comparison.
#[pyclass(frozen, module = "privity._native")]
pub(crate) struct PsiCommon(Common);

#[pymethods]
impl PsiCommon {
    /// Own common rows as little-endian 32-bit numbers.
    fn rows<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.rows().map(|rows| bytes(py, rows))
    }

    /// All other own rows, likewise.
    fn others<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.others().map(|rows| bytes(py, &rows))
    }

    /// The figures: sizes, common identifiers, verified, bytes, rounds.
    #[getter]
    fn figures(&self) -> Figures {
        let Common { sizes, identifiers, verified, bytes, rounds, .. } = &self.0;
        (sizes.clone(), *identifiers, *verified, (bytes[0], bytes[1]), *rounds)
    }

    /// Writes own rows to a file; says how many.
    #[pyo3(signature = (source, path, join, order, place, columns))]
    #[allow(clippy::too_many_arguments)] // Python gives them by name
    fn write(
        &self,
        py: Python<'_>,
        source: &PsiSource,
        path: PathBuf,
        join: &str,
        order: &str,
        place: Option<String>,
        columns: bool,
    ) -> PyResult<u64> {
        let write = Write {
            join: word(
                py,
                "join",
                join,
                &[("inner", Join::Inner), ("left", Join::Left), ("anti", Join::Anti)],
            )?,
            order: word(py, "order", order, &[("common", Order::Common), ("own", Order::Own)])?,
            place,
            columns,
            ..Write::new(&path)
        };
        py.detach(|| self.0.write(&source.0, &write)).map_err(|e| error::to_py(py, e))
    }
}

fn bytes<'py>(py: Python<'py>, rows: &[u32]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
    PyBytes::new(py, &bytes)
}

/// One of several words.
fn word<T: Copy>(py: Python<'_>, what: &str, given: &str, words: &[(&str, T)]) -> PyResult<T> {
    words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let rule = format!("{what}=\"{given}\" is unknown");
        error::argument(py, "psi", &rule, &format!("use {}", all.join(" or ")))
    })
}

/// What is asked for, from a dictionary that Python has made.
fn asked(py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Intersect> {
    let get = |key: &str| options.get_item(key).map(|v| v.filter(|v| !v.is_none()));
    let need =
        |key: &str| get(key)?.ok_or_else(|| error::internal(py, "an option of psi is missing"));
    let on: Vec<String> = need("on")?.extract()?;
    let on = on
        .iter()
        .map(|column| column.parse().map_err(|e| error::to_py(py, e)))
        .collect::<PyResult<_>>()?;
    let text = |key: &str| need(key)?.extract::<String>();
    Ok(Intersect {
        nulls: word(
            py,
            "nulls",
            &text("nulls")?,
            &[("refuse", Nulls::Refuse), ("drop", Nulls::Drop)],
        )?,
        duplicates: word(
            py,
            "duplicates",
            &text("duplicates")?,
            &[
                ("refuse", Duplicates::Refuse),
                ("join", Duplicates::Join),
                ("first", Duplicates::First),
            ],
        )?,
        memory: need("memory")?.extract()?,
        workers: need("workers")?.extract()?,
        checkpoint: get("checkpoint")?.map(|v| v.extract()).transpose()?,
        ..Intersect::new(on, need("learns")?.extract()?)
    })
}

/// Compares with another institution, as a `party.toml` says.
#[pyfunction]
#[pyo3(signature = (path, peer, source, options, progress))]
pub(crate) fn psi(
    py: Python<'_>,
    path: PathBuf,
    peer: Option<String>,
    source: &PsiSource,
    options: &Bound<'_, PyDict>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<PsiCommon> {
    let what = asked(py, options)?;
    let (cancel, (sender, receiver)) = (Cancel::new(), sync_channel(1024));
    let receiver = std::sync::Mutex::new(receiver);
    let callback = progress.map(|p| p.clone().unbind());
    let poll = |py: Python<'_>| report(py, &receiver, callback.as_ref());
    let source = &source.0;
    let work = || {
        let (with, tell) = (peer.as_deref(), &mut teller(sender));
        intersect::connect(&path, with, (&what, source), &cancel, tell)
    };
    run::detached(py, &cancel, poll, work).map(PsiCommon)
}

/// Compares tables of this process, for learning and for tests.
#[pyfunction]
pub(crate) fn psi_local(
    py: Python<'_>,
    parties: Vec<(String, Py<PsiSource>, Policy, Bound<'_, PyDict>)>,
) -> PyResult<Vec<PsiCommon>> {
    let mut all = Vec::with_capacity(2);
    for (name, source, policy, options) in &parties {
        all.push((name.clone(), source.get().0.clone(), policy.clone(), asked(py, options)?));
    }
    let cancel = Cancel::new();
    let work = || {
        in_threads(
            &all,
            |party| party.0.as_str(),
            |mut mesh, (_, source, policy, what)| {
                let (rules, asked) = ((&policy.0, None), (what, source));
                let common = match mesh.parties() {
                    2 => {
                        let peer = 1 - mesh.me();
                        intersect::run(&mut mesh, peer, asked, rules, &mut |_| {})
                    }
                    _ => intersect::run_many(&mut mesh, asked, rules, &mut |_| {}),
                };
                common.map(PsiCommon)
            },
        )
    };
    run::detached(py, &cancel, |_| Ok(()), work)
}

/// What totals give: count, sums by party and column.
type Found = Option<(u64, Vec<(String, String, f64)>)>;

fn found(totals: Option<Totals>) -> Found {
    totals.map(|t| (t.count, t.sums))
}

/// Counts and sums with another institution, as a `party.toml` says.
#[pyfunction]
#[pyo3(signature = (path, peer, source, options, sums, at_least))]
pub(crate) fn psi_totals(
    py: Python<'_>,
    path: PathBuf,
    peer: Option<String>,
    source: &PsiSource,
    options: &Bound<'_, PyDict>,
    sums: Vec<String>,
    at_least: u64,
) -> PyResult<Found> {
    let what = asked(py, options)?;
    let (cancel, total, source) = (Cancel::new(), Total { sums, at_least }, &source.0);
    let work = || {
        let asked = (&what, source, &total);
        intersect::connect_totals(&path, peer.as_deref(), asked, &cancel, &mut |_| {})
    };
    run::detached(py, &cancel, |_| Ok(()), work).map(found)
}

/// The same with two tables of this process.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub(crate) fn psi_totals_local(
    py: Python<'_>,
    parties: Vec<(String, Py<PsiSource>, Policy, Bound<'_, PyDict>, Vec<String>)>,
    at_least: u64,
) -> PyResult<Vec<Found>> {
    let mut all = Vec::with_capacity(2);
    for (name, source, policy, options, sums) in parties {
        let total = Total { sums, at_least };
        all.push((name, source.get().0.clone(), policy, asked(py, &options)?, total));
    }
    let cancel = Cancel::new();
    let work = || {
        in_threads(
            &all,
            |party| party.0.as_str(),
            |mesh, (_, source, policy, what, total)| {
                let rules = (&policy.0, None);
                intersect::totals(mesh, (what, source, total), rules, &mut |_| {})
            },
        )
    };
    let totals = run::detached(py, &cancel, |_| Ok(()), work)?;
    Ok(totals.into_iter().map(found).collect())
}

/// Both parties as threads; their results, or the error of the one that stopped.
fn in_threads<P: Sync, T: Send>(
    parties: &[P],
    name: impl Fn(&P) -> &str,
    party: impl Fn(Mesh, &P) -> joint::Result<T> + Sync,
) -> joint::Result<Vec<T>> {
    let names: Vec<&str> = parties.iter().map(&name).collect();
    let meshes = Mesh::in_memory(&names)?;
    let party = &party;
    thread::scope(|scope| {
        let threads: Vec<_> = meshes
            .into_iter()
            .zip(parties)
            .map(|(mesh, own)| scope.spawn(move || party(mesh, own)))
            .collect();
        let results: Vec<_> = threads.into_iter().map(|t| t.join()).collect();
        let (mut done, mut failed) = (Vec::new(), None::<joint::Error>);
        for result in results {
            match result.unwrap_or(Err(joint::Error::Internal("a party panicked"))) {
                Ok(value) => done.push(value),
                Err(e) => match &failed {
                    // The one that stopped the other says more.
                    Some(first) if first.culprits().is_empty() || !e.culprits().is_empty() => {}
                    _ => failed = Some(e),
                },
            }
        }
        failed.map_or(Ok(done), Err)
    })
}

/// Payload bytes that either party sends, rounds, seconds of computing.
#[pyfunction]
pub(crate) fn psi_estimate(
    py: Python<'_>,
    options: &Bound<'_, PyDict>,
    rows: [u64; 2],
    common: u64,
) -> PyResult<([u64; 2], u64, f64)> {
    let what = asked(py, options)?;
    let estimate = intersect::estimate(&what, rows, common).map_err(|e| error::to_py(py, e))?;
    Ok((estimate.bytes, estimate.rounds, estimate.computing_seconds))
}

fn teller(sender: SyncSender<joint::Progress>) -> impl FnMut(joint::Progress) + Send {
    move |progress| {
        // A full queue loses a report, not the work.
        let _ = sender.try_send(progress);
    }
}

fn report(
    py: Python<'_>,
    receiver: &std::sync::Mutex<Receiver<joint::Progress>>,
    callback: Option<&Py<PyAny>>,
) -> PyResult<()> {
    let Some(callback) = callback else { return Ok(()) };
    let reports: Vec<joint::Progress> =
        receiver.lock().map(|r| r.try_iter().collect()).unwrap_or_default();
    for progress in reports {
        callback.call1(py, (convert::progress(py, "", &progress)?,))?;
    }
    Ok(())
}
