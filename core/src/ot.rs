//! Oblivious transfer between two parties, without a dealer.
//!
//! | module | what is in it |
//! |---|---|
//! | [`base`] | 128 OTs by public-key cryptography, to start from |
//! | [`extension`] | any number of correlated OTs out of those: SoftSpokenOT |
//! | [`random`] | random OT: two keys against a bit and one of them |
//! | [`correlated`] | correlated OT over Z_2^w: r against r + c x |
//! | [`chosen`] | OT of messages that the sender chooses |
//! | [`one_of_n`] | 1-of-4, 1-of-16, 1-of-256 OT: all pads against one |
//! | [`cost`] | exact bytes and rounds of each |
//!
//! Everything stands on *correlated OT*: the [`Sender`] holds a secret
//! \\(\Delta\\) and rows \\(q_i\\), the [`Receiver`] bits \\(c_i\\) and rows
//!
//! \\[ t_i = q_i \oplus c_i \Delta. \\]
//!
//! [`extension`] makes them with a few bytes each; `vole` (the silent profile,
//! for slow networks) with next to none. The functions above them take either.
//!
//! ```
//! use privity_core::{Mesh, ot::{self, Security, extension::{CotReceiver, CotSender}}};
//!
//! let meshes: [Mesh; 2] = Mesh::in_memory(&["ann", "ben"])?.try_into().unwrap();
//! let [mut ann, mut ben] = meshes;
//! let (pads, (choices, chosen)) = std::thread::scope(|scope| {
//!     let sender = scope.spawn(move || {
//!         let mut sender = CotSender::new(&mut ann, 1, 2, Security::Malicious, &mut rand::rng())?;
//!         ot::random::send(&mut sender, &mut ann, 1000)
//!     });
//!     let mut receiver = CotReceiver::new(&mut ben, 0, 2, Security::Malicious, &mut rand::rng())?;
//!     let received = ot::random::receive(&mut receiver, &mut ben, 1000)?;
//!     privity_core::Result::Ok((sender.join().unwrap()?, received))
//! })?;
//! assert_eq!(chosen[7], pads[7][(choices[0] >> 7 & 1) as usize]);
//! # privity_core::Result::Ok(())
//! ```
//!
//! **Never twice.** Each row is used for one transfer, and each has an index
//! that no other row of the same sender ever has; the index is the tweak of
//! the hash that makes pads out of it. Tweaks start at a place that is random
//! for each session, so that an attack on many sessions is none on all at once.
//!
//! **Not protected.** A malicious party may choose the pads that it sees itself
//! (endemic OT), and a malicious receiver may learn some bits of \\(\Delta\\)
//! at the price of an abort with the probability of a wrong guess; see
//! [`extension`]. An abort therefore ends the session: never run again with the
//! same inputs as if nothing had happened.

pub mod base;
pub mod chosen;
pub mod correlated;
pub mod cost;
pub mod extension;
pub mod one_of_n;
pub mod random;

mod pack;
mod punctured;

use crate::{Mesh, Result, Secret};
use zeroize::Zeroizing;

/// Against whom a protocol holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// Parties that follow the protocol and look at all they see.
    SemiHonest,
    /// Parties that do anything; the honest one stops when it notices.
    Malicious,
}

/// A deviation that ends the mesh: a check that may be tried again tells a
/// little of the secret each time.
pub(crate) fn stop(mesh: &mut crate::Mesh, peer: usize, rule: &'static str) -> crate::Error {
    let error = mesh.deviation(peer, rule);
    mesh.abort(error)
}

/// Rows of correlated OT, and the indices that are theirs alone.
#[derive(Clone)]
pub struct Rows {
    /// The index of the first row; the others follow.
    pub first: u64,
    /// q_i at the sender, t_i at the receiver.
    pub rows: Zeroizing<Vec<u128>>,
}

/// Rows at the receiver, with choice bits that came with them.
#[derive(Clone)]
pub struct ChosenRows {
    /// The choice bits c_i, packed as in [`crate::bits`].
    pub choices: Zeroizing<Vec<u64>>,
    /// t_i = q_i + c_i delta.
    pub rows: Rows,
}

/// The side of correlated OT that holds \\(\Delta\\).
pub trait Sender {
    /// \\(\Delta\\), the same for all rows.
    fn delta(&self) -> &Secret<u128>;

    /// The party on the other side.
    fn peer(&self) -> usize;

    /// `per` rows for each entry of `out`, made piece by piece on all cores:
    /// `finish` gets the index of a piece's first row, its rows, and its part
    /// of `out`, while the rows are still in the cache. With `chosen`, the
    /// receiver brings its bits, else they are random.
    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()>;

    /// A number that no other sender has, where tweaks of hashes start. Who
    /// wraps a sender passes it on.
    fn session(&self) -> u128 {
        0
    }

    /// One row over GF(2^128) for each entry of `out`, whose choice has m bits
    /// (1, 2, 4 or 8): Q with T = Q + c delta, see [`one_of_n`]. `finish` gets
    /// an index that no other row of this m has.
    fn extend_wide_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        chosen: bool,
        m: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<()> {
        self.extend_with(mesh, chosen, m, out, one_of_n::combined(m, finish))
    }

    /// The index that the next row will have.
    fn next_row(&self) -> u64;

    /// `n` rows; the receiver calls [`Receiver::extend`] and chooses its bits.
    fn extend(&mut self, mesh: &mut Mesh, n: usize) -> Result<Rows> {
        let mut rows = Rows { first: self.next_row(), rows: vec![0; n].into() };
        self.extend_with(mesh, true, 1, &mut rows.rows, |_, q, out| out.copy_from_slice(q))?;
        Ok(rows)
    }

    /// `n` rows for random bits; the receiver calls [`Receiver::extend_random`].
    fn extend_random(&mut self, mesh: &mut Mesh, n: usize) -> Result<Rows> {
        let mut rows = Rows { first: self.next_row(), rows: vec![0; n].into() };
        self.extend_with(mesh, false, 1, &mut rows.rows, |_, q, out| out.copy_from_slice(q))?;
        Ok(rows)
    }
}

/// The side of correlated OT that has choice bits.
pub trait Receiver {
    /// The party on the other side.
    fn peer(&self) -> usize;

    /// The counterpart of [`Sender::extend_with`]: `choices` are packed bits,
    /// one for each row, or `None` for random ones. Returns the bits in use.
    fn extend_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        per: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>>;

    /// The counterpart of [`Sender::session`], the same number.
    fn session(&self) -> u128 {
        0
    }

    /// The counterpart of [`Sender::extend_wide_with`]: choices are packed, m
    /// bits each, the first in the lowest bits.
    fn extend_wide_with<T: Send>(
        &mut self,
        mesh: &mut Mesh,
        choices: Option<&[u64]>,
        m: usize,
        out: &mut [T],
        finish: impl Fn(u64, &[u128], &mut [T]) + Sync,
    ) -> Result<Vec<u64>> {
        self.extend_with(mesh, choices, m, out, one_of_n::combined(m, finish))
    }

    /// The index that the next row will have.
    fn next_row(&self) -> u64;

    /// `n` rows for these packed choice bits.
    fn extend(&mut self, mesh: &mut Mesh, choices: &[u64], n: usize) -> Result<Rows> {
        let mut rows = Rows { first: self.next_row(), rows: vec![0; n].into() };
        self.extend_with(mesh, Some(choices), 1, &mut rows.rows, |_, t, out| {
            out.copy_from_slice(t);
        })?;
        Ok(rows)
    }

    /// `n` rows for random choice bits: fewer bytes than [`Receiver::extend`].
    fn extend_random(&mut self, mesh: &mut Mesh, n: usize) -> Result<ChosenRows> {
        let mut rows = Rows { first: self.next_row(), rows: vec![0; n].into() };
        let choices = self.extend_with(mesh, None, 1, &mut rows.rows, |_, t, out| {
            out.copy_from_slice(t);
        })?;
        Ok(ChosenRows { choices: choices.into(), rows })
    }
}

/// What the tweak of the hash is for: rows of one sender serve one purpose
/// each, but a purpose is part of the tweak all the same.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Random = 1,
    OneOfN = 2,
    Tree = 3,
    TreeLevel = 4,
}

pub(crate) fn tweak(session: u128, purpose: Purpose, index: u64) -> u128 {
    session.wrapping_add((purpose as u128) << 64 | u128::from(index))
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("first", &self.first).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ChosenRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChosenRows").finish_non_exhaustive()
    }
}
