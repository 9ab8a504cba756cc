//! `privity.dp`: noise, estimators, accounting and ledgers for one party's own data.
//!
//! What Python gives is checked by `privity-dp`; here it only changes its shape. Losses come
//! as exact quotients, so that an epsilon of 0.1 is one tenth. Numbers are read where they
//! are (`input`), work runs detached, and every call opens a generator of its own from the
//! operating system: nothing is kept that a forked process could share.

mod accounting;
mod event;
mod input;
mod ledger;
mod noise;
mod query;
mod release;

pub(crate) use accounting::{
    DpAccountant, DpFilter, dp_calibrate, dp_gaussian_sigma, dp_rho_within, dp_zcdp_epsilon,
};
pub(crate) use ledger::{DpLedger, DpSpend};
pub(crate) use noise::{
    DpResponse, DpSparse, DpTree, dp_calibrated, dp_choose, dp_integers, dp_reals,
};
pub(crate) use query::{DpQuery, DpRows};
pub(crate) use release::DpRelease;

use crate::{error, run};
use privity_core::Cancel;
use privity_dp::{Contributions, Error, Grid, Loss, Neighbours, Privacy, Ratio, sampler::Source};
use privity_joint as joint;
use pyo3::prelude::*;
use rand::{
    SeedableRng,
    rngs::{StdRng, SysRng},
};

/// `"epsilon"` or `"rho"`, and an exact quotient.
type Given = (String, u64, u64);

/// Neighbours, groups and rows of a unit, loss.
type Asked = (String, u32, u32, Given);

/// A result of `privity-dp` for Python.
fn ok<T>(py: Python<'_>, result: privity_dp::Result<T>) -> PyResult<T> {
    result.map_err(|e| error::to_py(py, e.into()))
}

/// Work without the interpreter lock that nothing needs to report on.
fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut Source<StdRng>) -> privity_dp::Result<T> + Send,
) -> PyResult<T> {
    run::detached(
        py,
        &Cancel::new(),
        |_| Ok(()),
        || {
            let rng = StdRng::try_from_rng(&mut SysRng)
                .map_err(|_| joint::Error::Internal("the system's generator does not answer"))?;
            Ok(work(&mut Source::new(rng))?)
        },
    )
}

fn loss((name, numerator, denominator): &Given) -> privity_dp::Result<Loss> {
    let ratio = Ratio::new(*numerator, *denominator)?;
    match name.as_str() {
        "epsilon" => Ok(Loss::Pure { epsilon: ratio }),
        "rho" => Ok(Loss::Concentrated { rho: ratio }),
        _ => Err(Error::Parameter { what: "loss", rule: "it must be epsilon or rho" }),
    }
}

fn neighbours(word: &str) -> privity_dp::Result<Neighbours> {
    match word {
        "add_remove" => Ok(Neighbours::AddRemove),
        "replace" => Ok(Neighbours::Replace),
        _ => {
            let rule = "it must be \"add_remove\" or \"replace\"";
            Err(Error::Parameter { what: "neighbours", rule })
        }
    }
}

fn privacy((relation, groups, rows, given): &Asked) -> privity_dp::Result<Privacy> {
    let bound = Contributions::new(*groups, *rows)?;
    Ok(Privacy::new(neighbours(relation)?, loss(given)?).contributions(bound))
}

/// The grid that fits, or the one of a granularity.
fn grid((lower, upper): (f64, f64), granularity: Option<f64>) -> privity_dp::Result<Grid> {
    match granularity {
        None => Grid::fitted(lower, upper),
        Some(granularity) => Grid::new(lower, upper, granularity),
    }
}
