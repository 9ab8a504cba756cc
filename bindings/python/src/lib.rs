//! The native half of the Python package `privity`.
//!
//! Everything here is private: `python/privity/` wraps it, documents it and
//! gives it its public names. The door is narrow on purpose. An operation comes
//! in as the JSON of an [`Op`](privity_joint::Op), its outcome goes out as a
//! dictionary, and handles are integers; what Python adds (estimators, data
//! frames, printing) is Python.
//!
//! Every call that can wait for a peer goes through `run::detached`: the work
//! runs in a thread of its own without the interpreter lock, and the calling
//! thread looks after signals and progress.

// joint's errors carry what a person needs to mend the input; they are rare.
#![allow(clippy::result_large_err)]

mod convert;
mod dp;
mod error;
mod identity;
mod policy;
mod private;
mod psi;
mod run;
mod session;
mod table;

use pyo3::prelude::*;

/// Private half of `privity`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::{
        dp::{
            DpAccountant, DpFilter, DpLedger, DpQuery, DpRelease, DpResponse, DpRows, DpSparse,
            DpSpend, DpTree, dp_calibrate, dp_calibrated, dp_choose, dp_gaussian_sigma,
            dp_integers, dp_reals, dp_rho_within, dp_zcdp_epsilon,
        },
        identity::Identity,
        policy::Policy,
        private::{
            count_noise, scorecard_edges, scorecard_evidence, scorecard_fit, scorecard_ranking,
        },
        psi::{PsiCommon, PsiSource, psi, psi_estimate, psi_local, psi_totals, psi_totals_local},
        session::{Session, dry_run, local, open},
        table::{Column, Table},
    };

    /// The version of the package.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
