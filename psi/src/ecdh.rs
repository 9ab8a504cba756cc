//! Alignment by Diffie-Hellman on ristretto255: the portable baseline.
//!
//! Every item becomes a point of a group of prime order in which nobody knows
//! discrete logarithms; a party masks points with its secret scalar, and masks
//! commute. [`two`] compares doubly masked points; [`three`] uses the same
//! exchange as an oblivious pseudorandom function. This module has what both
//! share: options, the opening message, the stream of points, and the cost.
//!
//! It costs two or three scalar multiplications per item and party, and few
//! bytes: the protocols on oblivious key-value stores are faster on fast links. On
//! processors with AVX-512 IFMA eight points are multiplied at a time
//! ([`privity_core::arch`]), on others one by one by curve25519-dalek.

mod cost;
pub mod three;
pub mod two;
pub mod unbalanced;
mod wire;

pub use cost::{Cost, cost};

use crate::{
    error,
    item::{Item, check_items},
};
use privity_core::{Error, Mesh};
use rand::CryptoRng;
use std::fmt;

/// What the parties must agree on, and how much this party accepts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The id of this run, the same at all parties and used once. It separates
    /// the hashes of different runs; it need not be secret.
    pub session: [u8; 32],
    /// The largest set this party takes part with, its own or another's. At
    /// most 2^32 - 1; need not be the same at all parties.
    pub max_items: u64,
    /// The smallest set to go on with, the same at all parties: if one is smaller,
    /// all stop after the announcement, before anything about an item is sent.
    pub min_items: u64,
    /// Points per message, the same at all parties.
    pub message_items: usize,
    /// Messages that may be under way before the first is answered, the same at
    /// all parties: bounds what is buffered.
    pub window: usize,
}

impl Options {
    /// Sets of any size up to 2^26, messages of 64 KiB, 4 MiB under way.
    pub fn new(session: [u8; 32]) -> Self {
        Self { session, max_items: 1 << 26, min_items: 0, message_items: 2048, window: 64 }
    }

    fn check(&self) -> Result<(), Error> {
        let rule = if self.max_items > u64::from(u32::MAX) {
            "max_items must be below 2^32"
        } else if !(1..=1 << 18).contains(&self.message_items) {
            "message_items must be between 1 and 2^18"
        } else if self.window == 0 {
            "window must be at least 1"
        } else {
            return Ok(());
        };
        Err(Error::Argument(rule.into()))
    }
}

/// What alignment gives to one party.
#[derive(Clone, PartialEq, Eq)]
pub struct Alignment {
    /// Own rows of the individuals that all parties have. The j-th is the same
    /// individual at every party.
    pub rows: Vec<u32>,
    /// The size of each party's set, as announced.
    pub sizes: Vec<u64>,
}

impl fmt::Debug for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alignment").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

/// How far this party's own work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Scalar multiplications done.
    pub done: u64,
    /// Scalar multiplications in all.
    pub total: u64,
}

/// Aligns the items of the two or three members of `mesh`.
///
/// All of them must call it, with the same session. Each learns what
/// [`two`] or [`three`] states, and the [`Alignment`].
pub fn align(
    mesh: &mut Mesh,
    items: &[Item],
    options: &Options,
    rng: &mut impl CryptoRng,
) -> error::Result<Alignment> {
    align_with_progress(mesh, items, options, rng, &mut |_| {})
}

/// [`align`], reporting progress after every message.
pub fn align_with_progress(
    mesh: &mut Mesh,
    items: &[Item],
    options: &Options,
    rng: &mut impl CryptoRng,
    progress: &mut dyn FnMut(Progress),
) -> error::Result<Alignment> {
    options.check()?;
    if !(2..=3).contains(&mesh.parties()) {
        return Err(Error::Argument(format!(
            "alignment is for two or three data owners, this mesh has {} members; fork one that \
             has only the owners",
            mesh.parties()
        ))
        .into());
    }
    let n = items.len() as u64;
    if n > options.max_items {
        return Err(Error::Argument(format!(
            "{n} items are more than max_items = {}; raise it",
            options.max_items
        ))
        .into());
    }
    check_items(items)?;

    let sizes = wire::announce(mesh, options, n)?;
    if sizes.iter().any(|&size| size < options.min_items) {
        return Err(error::Error::TooFew { min_items: options.min_items });
    }
    // Nobody has anything in common with an empty set, and all know its size.
    let rows = if sizes.contains(&0) {
        Vec::new()
    } else {
        let total = cost::multiplications(&sizes, mesh.me());
        let work = &mut wire::Work { done: 0, total, report: progress };
        match sizes[..] {
            [_, _] => two::run(mesh, items, &sizes, options, rng, work)?,
            _ => three::run(mesh, items, &sizes, options, rng, work)?,
        }
    };
    Ok(Alignment { rows, sizes })
}
