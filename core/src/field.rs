//! Prime fields.

mod mersenne61;

pub use mersenne61::Fp61;
