//! What stores are made of.

use privity_core::{
    field::{Field, Gf64, Gf128},
    prg::Prg,
};
use std::ops::{Add, Mul};

/// An element of GF(2^128), or of its subfield of 2^64 elements.
pub trait Element:
    Copy + Default + PartialEq + Send + Sync + Add<Output = Self> + Mul<Output = Self>
{
    /// Whether it is one of the subfield.
    const SUBFIELD: bool;
    /// 1
    const ONE: Self;
    /// 1/a, for a not 0.
    fn inverse(self) -> Self;
    /// The coefficient that a hash gives, before any embedding.
    fn coefficient(hash: u128) -> Self;
    /// out_i += self a_i
    fn add_multiple(self, out: &mut [Self], a: &[Self]);
    /// Random elements, the `number`-th vector of a generator.
    fn fill(out: &mut [Self], free: &Prg, number: u64);
}

impl Element for Gf128 {
    const SUBFIELD: bool = false;
    const ONE: Self = Self::ONE;

    fn inverse(self) -> Self {
        self.inverse_or_zero()
    }

    fn coefficient(hash: u128) -> Self {
        Self(hash)
    }

    fn add_multiple(self, out: &mut [Self], a: &[Self]) {
        self.add_multiple(out, a);
    }

    fn fill(out: &mut [Self], free: &Prg, number: u64) {
        free.fill(number, 0, bytemuck::cast_slice_mut::<Self, u128>(out));
    }
}

impl Element for Gf64 {
    const SUBFIELD: bool = true;
    const ONE: Self = Self(1);

    fn inverse(self) -> Self {
        Field::inverse(self)
    }

    fn coefficient(hash: u128) -> Self {
        Self(hash as u64)
    }

    fn add_multiple(self, out: &mut [Self], a: &[Self]) {
        self.add_multiple(out, a);
    }

    fn fill(out: &mut [Self], free: &Prg, number: u64) {
        free.fill(number, 0, bytemuck::cast_slice_mut::<Self, u64>(out));
    }
}
