//! The field GF(2^128) = GF(2)[x] / (x^128 + x^7 + x^2 + x + 1).
//!
//! The modulus of GHASH (NIST SP 800-38D), with the bits in ascending order:
//! bit i of the word is the coefficient of x^i. Sums are exclusive or.

use crate::arch;
use std::ops::{Add, AddAssign, Mul};

/// An element. All operations take constant time.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Hash, zeroize::Zeroize, bytemuck::Pod, bytemuck::Zeroable,
)]
#[repr(transparent)]
pub struct Gf128(pub u128);

impl Gf128 {
    /// 0
    pub const ZERO: Self = Self(0);
    /// 1
    pub const ONE: Self = Self(1);

    /// a^e; the exponent is public.
    pub fn pow_vartime(self, mut exponent: u64) -> Self {
        let (mut base, mut result) = (self, Self::ONE);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * base;
            }
            base = base * base;
            exponent >>= 1;
        }
        result
    }

    /// 1/a for a not 0, and 0 for 0. By Fermat: a^(2^128 - 2).
    pub fn inverse_or_zero(self) -> Self {
        let (mut square, mut result) = (self, Self::ONE);
        for _ in 1..128 {
            square = square * square;
            result = result * square;
        }
        result
    }

    /// a, a^2, ..., a^n.
    pub fn powers(self, n: usize) -> Vec<Self> {
        std::iter::successors(Some(self), |&p| Some(p * self)).take(n).collect()
    }

    /// The sum of a_i b_i.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn inner_product(a: &[Self], b: &[Self]) -> Self {
        let (a, b) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
        Self(arch::inner_product(arch::clmul(), a, b))
    }

    /// out_i += self a_i.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add_multiple(self, out: &mut [Self], a: &[Self]) {
        let (out, a) = (bytemuck::cast_slice_mut(out), bytemuck::cast_slice(a));
        arch::add_multiple(arch::clmul(), out, self.0, a);
    }
}

impl Add for Gf128 {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl)] // the sum of polynomials over GF(2)
    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl AddAssign for Gf128 {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul for Gf128 {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(arch::inner_product(arch::clmul(), &[self.0], &[other.0]))
    }
}

/// Elements are keys and shares more often than not.
impl std::fmt::Debug for Gf128 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gf128(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn field_axioms(a: u128, b: u128, c: u128, e in 0u64..1000) {
            let [a, b, c] = [a, b, c].map(Gf128);
            prop_assert_eq!(a * b, b * a);
            prop_assert_eq!((a * b) * c, a * (b * c));
            prop_assert_eq!(a * (b + c), a * b + a * c);
            prop_assert_eq!(a * Gf128::ONE, a);
            prop_assert_eq!(a + a, Gf128::ZERO);
            let one = if a == Gf128::ZERO { Gf128::ZERO } else { Gf128::ONE };
            prop_assert_eq!(a * a.inverse_or_zero(), one);
            prop_assert_eq!(a.pow_vartime(e) * a, a.pow_vartime(e + 1));
            prop_assert_eq!(a.powers(3), vec![a, a * a, a * a * a]);
        }
    }

    /// NIST SP 800-38D's GHASH, test case 2 of the GCM specification (McGrew,
    /// Viega 2004): GHASH's bit order within a block is the reverse of ours.
    #[test]
    fn ghash_test_case_2() {
        let element = |block: u128| Gf128(block.reverse_bits());
        let h = element(0x66e9_4bd4_ef8a_2c3b_884c_fa59_ca34_2b2e);
        let blocks = [0x0388_dace_60b6_a392_f328_c2b9_71b2_fe78, 0x80];
        let mut y = Gf128::ZERO;
        for block in blocks {
            y = (y + element(block)) * h;
        }
        assert_eq!(y.0.reverse_bits(), 0xf38c_bb1a_d692_23dc_c345_7ae5_b6b0_f885);
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", Gf128(77)), "Gf128(..)");
    }
}
