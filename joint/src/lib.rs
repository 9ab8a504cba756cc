//! Joint computation for parties that may not show one another their data.
//!
//! # The problem
//! Several institutions hold tables about the same customers or patients.
//! They want a result that needs all of the tables (a risk model, its quality)
//! and nothing else to become known.
//!
//! # Who trusts whom
//! Every party runs the same program against its own [`Session`]. The engine
//! `rep3` has three computing parties, of which at most one may be corrupted,
//! and even that one follows the protocol (semi-honest, honest majority).
//! Parties that own data and do not compute send shares; parties that only
//! receive get shares of what is released to them. Who colludes with whom among
//! those does not matter as long as two of the three computing parties are
//! honest.
//!
//! # One way through it
//! 1. [`Session::open`], [`Session::local`] or [`Session::dry_run`].
//! 2. [`Session::bind`] takes this party's [`Table`]; it stays here.
//! 3. [`Session::perform`] runs an [`Op`] with the peers and returns an
//!    [`Outcome`]. Handles in it mean the same at every party.
//! 4. [`Op::Release`] is the only way out.
//!
//! # What is not protected
//! What [`Op::reveals`] lists: sizes, the number of common rows, column names
//! and kinds, numbers of bins and levels, which rows a split puts where, and
//! what is released.

#![forbid(unsafe_code)]

pub mod audit;
mod bins;
mod canonical;
mod config;
mod error;
mod gate;
mod handle;
pub mod intersect;
mod key;
pub mod ledger;
pub mod metrics;
pub mod model;
mod op;
mod outcome;
mod party;
#[cfg(test)]
#[path = "../../mpc/src/plain.rs"]
mod plain;
mod policy;
pub mod private;
mod session;
mod table;

pub use canonical::{KeyColumn, KeyKind};
pub use config::{PartyFile, Peer};
pub use error::{DataError, Error, Result};
pub use handle::{ModelId, TableId, TransformId, ValueId};
pub use op::{Disclosure, Metric, Op, Released, Solver, SplitBy, To};
pub use outcome::{
    Band, ColumnInfo, Explained, Kind, Opened, Outcome, Output, Progress, StepCost, Warning,
};
pub use party::Party;
pub use policy::Policy;
pub use privity_core::Cancel;
pub use session::{Assume, Choice, Planned, Session, run_local};
pub use table::{ColumnSchema, Missing, ReadOptions, Schema, Table};

/// The example of the page.
#[cfg(doctest)]
mod page {
    #[doc = include_str!("../../docs/budget.md")]
    struct Budget;
}
