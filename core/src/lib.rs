//! The foundation of privity: algebra, sharing, randomness, wire and channels.
//!
//! No sockets and no files: this crate computes, encodes and checks.
//! `privity-net` brings the sockets, `privity-joint` the files.
//!
//! | module | what is in it |
//! |---|---|
//! | [`ring`], [`field`] | Z_2^64 and Z_2^128; the prime fields of 2^61 - 1 and 2^127 - 1, the binary fields of 2^64 and 2^128 |
//! | [`fixed`] | real numbers as fixed point, with a checked range |
//! | [`bits`] | packed bits and the transpose between words and bit planes |
//! | [`prg`], [`crhash`] | AES in counter mode; a correlation-robust hash |
//! | [`share`] | additive, replicated and Shamir's sharing |
//! | [`ot`], [`vole`] | oblivious transfer and vector oblivious linear evaluation |
//! | [`rlwe`] | encryption from lattices, for sums of products with plain factors |
//! | [`channel`], [`mesh`], [`meter`] | links, framing, counters |
//! | [`codec`], [`transcript`] | control messages; the hash of what was agreed |
//! | [`secret`] | values that are wiped and never printed |
//! | [`arch`] | kernels with run-time dispatch; the only `unsafe` code |
//!
//! Security parameters stand in [`params`] and nowhere else.

pub mod arch;
pub mod bits;
pub mod channel;
pub mod codec;
pub mod crhash;
pub mod error;
pub mod field;
pub mod fixed;
pub mod mesh;
pub mod meter;
pub mod ot;
pub mod params;
pub mod prg;
pub mod ring;
pub mod rlwe;
pub mod secret;
pub mod share;
pub mod transcript;
pub mod vole;

pub use channel::{Cancel, Channel};
pub use error::{Error, PartyName, Result};
pub use fixed::Fixed;
pub use mesh::Mesh;
pub use secret::Secret;

#[cfg(test)]
mod tamper;

#[cfg(target_endian = "big")]
compile_error!("bulk vectors travel as little-endian memory; a big-endian port must convert them");
