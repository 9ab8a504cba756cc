//! Private set intersection: which individuals do we have in common?
//!
//! Two or three parties hold tables about individuals, keyed by an identifier.
//! They want the rows of the individuals that all of them hold, in one common
//! order, and nobody is to learn anything about the others.
//!
//! ```
//! use privity_core::Mesh;
//! use privity_psi::{Options, align, hash_identifiers};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let session = [7; 32]; // fresh for every run; agreed by the parties
//! let tables = [vec!["ada", "grace", "emmy"], vec!["emmy", "sofia", "ada"]];
//! let meshes = Mesh::in_memory(&["alpha", "beta"])?;
//!
//! let run = |mut mesh: Mesh, table: &[&str]| {
//!     let items = hash_identifiers(&session, table.iter().map(|k| Some(k.as_bytes())))?;
//!     align(&mut mesh, &items, &Options::new(session), &mut rand::rng())
//! };
//! let common = std::thread::scope(|s| {
//!     let parties: Vec<_> = meshes
//!         .into_iter()
//!         .zip(&tables)
//!         .map(|(mesh, table)| s.spawn(move || run(mesh, table)))
//!         .collect();
//!     parties.into_iter().map(|p| p.join().unwrap()).collect::<Result<Vec<_>, _>>()
//! })?;
//!
//! let names = |party: usize| -> Vec<&str> {
//!     common[party].rows.iter().map(|&row| tables[party][row as usize]).collect()
//! };
//! assert_eq!(names(0), names(1)); // row j is the same individual at both
//! assert_eq!(names(0).len(), 2);
//! # Ok(()) }
//! ```
//!
//! # Who trusts whom
//!
//! Every party follows the protocol and may look at all it receives
//! (semi-honest). With three parties, no two of them pool what they saw; what
//! a pool would give is stated in [`ecdh::three`]. A party that lies about its
//! own set can test its guesses of identifiers against the others' sets, here
//! as in any intersection. [`Options::min_items`] stops before anything is learnt
//! from a set of a few guesses.
//!
//! | | parties | learnt beyond one's own input |
//! |---|---|---|
//! | [`ecdh::two`] | 2 | both: the other's size, and which own rows are common |
//! | [`ecdh::three`] | 3 | all: the others' sizes, and which own rows all three hold. Nothing about pairs, not even sizes |
//!
//! The common order is a fresh pseudorandom one: it says nothing about the
//! order of anybody's file.
//!
//! # What is not protected
//!
//! Set sizes, and the size of the intersection, are seen by all parties and,
//! from message lengths, by whoever watches the network. Time spent depends on
//! a party's own rows only through its local sorting and lookup. Links must be
//! authenticated (`privity-net`): these protocols do not know who is at the
//! other end.
//!
//! # More than alignment
//!
//! [`vole`] finds the intersection of two sets in less than a microsecond per item, against
//! malicious parties too, over [`okvs`]; [`job`] cuts it into buckets that can be taken up
//! again. [`circuit`] leaves the result shared, [`aggregate`] counts and sums over it,
//! [`multi`] is for up to ten sets, [`ecdh::unbalanced`] for a few items against very many,
//! [`linkage`], which tells more, for rows that agree in several identifiers.
//! `docs/psi.md` says which to take.
//!
//! # Modules
//!
//! [`Item`] is what the protocols compare: 128 bits, made of a canonical
//! identifier by [`hash_identifiers`], which refuses duplicated, empty and null
//! identifiers with their row numbers. [`align`] runs the alignment, [`cost`]
//! says beforehand what it will send. [`ecdh`] holds the two protocols. The mesh
//! that is handed over has the data owners as its members and nobody else;
//! parties that only compute are left out by [`Mesh::fork`](privity_core::Mesh::fork).

#![forbid(unsafe_code)]

pub mod aggregate;
pub mod circuit;
pub mod ecdh;
mod error;
mod group;
mod hash;
mod hint;
mod item;
pub mod job;
mod join;
pub mod linkage;
pub mod multi;
pub mod okvs;
pub mod vole;

pub use ecdh::{Alignment, Cost, Options, Progress, align, align_with_progress, cost};
pub use error::{Error, Refusal, Result};
pub use item::{BadIdentifiers, Duplicates, Item, Rows, check_identifiers, hash_identifiers};

/// The example of the page.
#[cfg(doctest)]
mod page {
    #[doc = include_str!("../../docs/psi.md")]
    struct Psi;
}
