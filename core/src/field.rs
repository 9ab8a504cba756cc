//! Prime fields, and the binary fields of 2^64 and of 2^128 elements.

mod binary128;
pub mod gf64;
mod mersenne61;

pub use binary128::Gf128;
pub use mersenne61::Fp61;
