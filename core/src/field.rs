//! Prime fields, and binary fields of small size, of 2^64 and of 2^128 elements.

mod binary128;
pub mod gf64;
mod mersenne127;
mod mersenne61;
pub mod small;
pub mod subfield;

pub use binary128::Gf128;
pub use mersenne61::Fp61;
pub use mersenne127::Fp127;
pub use small::{Gf64, Small};

use std::ops::{Add, Mul, Neg, Sub};

/// What polynomials are made of: interpolation needs no more.
pub trait Field:
    Copy
    + Default
    + Eq
    + Send
    + Sync
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// The point of party `index`: different for each, and never 0.
    fn point(index: usize) -> Self;
    /// 1/a; 0 for 0.
    fn inverse(self) -> Self;

    /// 1/a for each; a 0 among them spoils all. One inversion for all
    /// (Montgomery's trick).
    fn invert_batch(values: &mut [Self]) {
        let mut prefixes = Vec::with_capacity(values.len());
        let mut product = Self::ONE;
        for &x in values.iter() {
            prefixes.push(product);
            product = product * x;
        }
        let mut inverse = product.inverse();
        for (x, prefix) in values.iter_mut().zip(prefixes).rev() {
            (*x, inverse) = (inverse * prefix, inverse * *x);
        }
    }
}
