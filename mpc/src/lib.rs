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
