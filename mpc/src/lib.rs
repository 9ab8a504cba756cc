//! Secure computation engines and the numeric library over them.
//!
//! | module | what is in it |
//! |---|---|
//! | [`engine`] | the trait that every engine implements |
//! | [`additive`] | two parties or more, semi-honest, dishonest majority, no dealer |
//! | [`rep3`] | three parties, semi-honest, honest majority |
//! | [`rep3m`] | three parties, malicious with abort, honest majority |
//! | [`shamir`] | any number of parties, semi-honest or malicious with abort, honest majority |
//! | [`shape`] | no values: the same algorithms, counting bytes and rounds |
//! | [`numeric`] | comparison, selection, reciprocal, logarithm, sigmoid, linear algebra |
//! | [`table`] | sorting, group-by, joins, quantiles, histograms, look-up |
//! | [`local`] | all parties as threads of this process |
//! | `laws` | what every engine obeys, as a test suite (feature `test-util`) |
//!
//! One program, every engine:
//!
//! ```
//! use privity_core::Result;
//! use privity_mpc::{
//!     additive::{self, Profile},
//!     engine::{Engine, Recipients},
//!     rep3, rep3m,
//!     shamir::{self, Security},
//!     shape::Shape,
//! };
//!
//! fn program<E: Engine>(e: &mut E) -> Result<Option<Vec<u64>>> {
//!     let x = e.input(0, (e.me() == 0).then_some(&[3, 4][..]), 2)?;
//!     let y = e.input(1, (e.me() == 1).then_some(&[5, 6][..]), 2)?;
//!     let z = e.mul(&x, &y, 0)?;
//!     e.open(&z, Recipients::All)
//! }
//!
//! fn main() -> Result<()> {
//!     let product = Some(vec![15, 24]);
//!     assert_eq!(rep3::run_local(|e| program(e))?[2], product);
//!     assert_eq!(rep3m::run_local(|e| program(e))?[2], product);
//!     assert_eq!(additive::run_local(2, Profile::LAN, |e| program(e))?[1], product);
//!     assert_eq!(shamir::run_local(5, 2, Security::SemiHonest, |e| program(e))?[4], product);
//!     // Bytes and rounds, without data and without peers.
//!     let mut shape = Shape::new(0, rep3::Rep3Cost);
//!     program(&mut shape)?;
//!     assert_eq!(shape.cost().bytes(), 2 * 8 + 2 * 8 + 2 * 24 + 2 * 24);
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]

pub mod additive;
pub mod engine;
#[cfg(any(test, feature = "test-util"))]
pub mod laws;
pub mod local;
pub mod numeric;
pub mod rep3;
pub mod rep3m;
pub mod shamir;
pub mod shape;
pub mod table;

// `plain` is also compiled by the tests of `privity-joint`, under this name.
#[cfg(test)]
extern crate self as privity_mpc;
#[cfg(test)]
mod plain;

/// The examples in the pages of the engines.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../docs/rep3.md")]
    struct Rep3;
    #[doc = include_str!("../../docs/additive.md")]
    struct Additive;
    #[doc = include_str!("../../docs/shamir.md")]
    struct Shamir;
}
