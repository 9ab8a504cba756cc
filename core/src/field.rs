//! Prime fields, and the binary field of 2^128 elements.

mod binary128;
mod mersenne61;

pub use binary128::Gf128;
pub use mersenne61::Fp61;
