//! Small binary fields, bit-sliced: a block `[u64; K]` holds 64 elements of
//! GF(2^K), bit i of plane j being coefficient j of element i. Products take
//! constant time and no table.
//!
//! The moduli are x^2 + x + 1, x^4 + x + 1 and x^8 + x^4 + x^3 + x + 1. A bit is
//! an element whose planes above the first are zero.

// Addition is exclusive or.
#![allow(clippy::suspicious_arithmetic_impl)]

use super::{Field, gf64};
use std::ops::{Add, Mul, Neg, Sub};

/// One element of GF(2^K), for public coefficients: K is 2, 4 or 8.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Small<const K: usize>(pub u8);

/// The modulus without its leading term.
const fn tail(k: usize) -> u8 {
    if k == 8 { 0b1_1011 } else { 0b11 }
}

impl<const K: usize> Small<K> {
    fn times_x(self) -> Self {
        let wide = u16::from(self.0) << 1;
        let carry = (wide >> K) & 1;
        Self((wide & ((1 << K) - 1)) as u8 ^ ((carry as u8) * tail(K)))
    }

    /// The image in GF(2^64), where x goes to a root of the modulus.
    pub fn embed(self) -> Gf64 {
        let root = Gf64(root(K));
        (0..K).rev().fold(Gf64(0), |sum, j| sum * root + Gf64(u64::from(self.0 >> j & 1)))
    }
}

impl<const K: usize> Add for Small<K> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl<const K: usize> Sub for Small<K> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl<const K: usize> Neg for Small<K> {
    type Output = Self;
    fn neg(self) -> Self {
        self
    }
}

impl<const K: usize> Mul for Small<K> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let (mut sum, mut power) = (0, self);
        for j in 0..K {
            sum ^= power.0 * (other.0 >> j & 1);
            power = power.times_x();
        }
        Self(sum)
    }
}

impl<const K: usize> Field for Small<K> {
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn point(index: usize) -> Self {
        debug_assert!(index + 1 < 1 << K, "GF(2^{K}) has too few points");
        Self((index + 1) as u8)
    }

    /// a^(2^K - 2)
    fn inverse(self) -> Self {
        let mut y = Self(1);
        let mut power = self;
        for _ in 1..K {
            power = power * power;
            y = y * power;
        }
        y
    }
}

/// An element of GF(2^64) (see [`gf64`]).
#[derive(
    Clone, Copy, Default, PartialEq, Eq, zeroize::Zeroize, bytemuck::Pod, bytemuck::Zeroable,
)]
#[repr(transparent)]
pub struct Gf64(pub u64);

impl Gf64 {
    /// out_i += self a_i.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add_multiple(self, out: &mut [Self], a: &[Self]) {
        const CHUNK: usize = 256;
        assert_eq!(out.len(), a.len(), "vectors of different lengths");
        let factors = [self.0; CHUNK];
        for (out, a) in out.chunks_mut(CHUNK).zip(a.chunks(CHUNK)) {
            let (out, a): (&mut [u64], &[u64]) =
                (bytemuck::cast_slice_mut(out), bytemuck::cast_slice(a));
            gf64::multiply_add(out, &factors[..a.len()], a);
        }
    }
}

/// Elements are shares more often than not.
impl std::fmt::Debug for Gf64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gf64(..)")
    }
}

impl Add for Gf64 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl Sub for Gf64 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl Neg for Gf64 {
    type Output = Self;
    fn neg(self) -> Self {
        self
    }
}

impl Mul for Gf64 {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(gf64::multiply(self.0, other.0))
    }
}

impl Field for Gf64 {
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn point(index: usize) -> Self {
        Self(index as u64 + 1)
    }

    /// a^(2^64 - 2)
    fn inverse(self) -> Self {
        let mut y = Self(1);
        let mut power = self;
        for _ in 1..64 {
            power = power * power;
            y = y * power;
        }
        y
    }
}

/// A root in GF(2^64) of the modulus of GF(2^k): g^j for the least j that gives
/// one, g = x^((2^64 - 1) / (2^k - 1)) for the generator x of that field.
fn root(k: usize) -> u64 {
    let power = |a: Gf64, mut e: u64| {
        let (mut base, mut y) = (a, Gf64(1));
        while e > 0 {
            if e & 1 == 1 {
                y = y * base;
            }
            base = base * base;
            e >>= 1;
        }
        y
    };
    let is_root = |a: Gf64| {
        let mut sum = power(a, k as u64);
        for j in 0..8 {
            if tail(k) >> j & 1 == 1 {
                sum = sum + power(a, j);
            }
        }
        sum == Gf64(0)
    };
    // Some small element has an image of full order in the subfield.
    (2..64)
        .flat_map(|a| {
            let g = power(Gf64(a), u64::MAX / ((1 << k) - 1));
            (1..(1u64 << k) - 1).map(move |j| power(g, j))
        })
        .find(|&a| is_root(a))
        .map_or(0, |a| a.0)
}

/// x y, element by element.
#[inline(always)]
pub fn multiply<const K: usize>(x: &[u64; K], y: &[u64; K]) -> [u64; K] {
    let mut wide = [0u64; 16];
    for i in 0..K {
        for j in 0..K {
            wide[i + j] ^= x[i] & y[j];
        }
    }
    reduce(wide)
}

#[inline(always)]
fn reduce<const K: usize>(mut wide: [u64; 16]) -> [u64; K] {
    for i in (K..2 * K - 1).rev() {
        for j in 0..K {
            if tail(K) >> j & 1 == 1 {
                wide[i - K + j] ^= wide[i];
            }
        }
    }
    std::array::from_fn(|i| wide[i])
}

/// c x for a public coefficient.
#[inline(always)]
pub fn scale<const K: usize>(c: Small<K>, x: &[u64; K]) -> [u64; K] {
    let mut wide = [0u64; 16];
    for j in 0..K {
        // The coefficient is public, but a mask is as fast as a branch.
        let mask = u64::from(c.0 >> j & 1).wrapping_neg();
        for i in 0..K {
            wide[i + j] ^= x[i] & mask;
        }
    }
    reduce(wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element<const K: usize>(block: &[u64; K], i: usize) -> Small<K> {
        Small((0..K).fold(0, |e, j| e | ((block[j] >> i & 1) as u8) << j))
    }

    fn laws<const K: usize>(x: [u64; K], y: [u64; K], c: u8) {
        let c = Small::<K>((u16::from(c) & ((1 << K) - 1)) as u8);
        let (product, scaled) = (multiply(&x, &y), scale(c, &x));
        for i in 0..64 {
            let (a, b) = (element(&x, i), element(&y, i));
            assert_eq!(element(&product, i), a * b);
            assert_eq!(element(&scaled, i), c * a);
            assert_eq!(a * b, b * a);
            assert_eq!(a * (b + c), a * b + a * c);
            assert_eq!((a * b) * c, a * (b * c));
            if a != Small::ZERO {
                assert_eq!(a * a.inverse(), Small::ONE);
            }
            assert_eq!((a * b).embed(), a.embed() * b.embed());
            assert_eq!((a + b).embed(), a.embed() + b.embed());
        }
        assert_ne!(Small::<K>(2).embed(), Gf64(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn field_laws(x: [u64; 8], y: [u64; 8], c: u8) {
            laws::<8>(x, y, c);
            laws::<4>([x[0], x[1], x[2], x[3]], [y[0], y[1], y[2], y[3]], c);
            laws::<2>([x[0], x[1]], [y[0], y[1]], c);
            let a = Gf64(x[0] | 1);
            assert_eq!(a * a.inverse(), Gf64(1));
            let mut out = vec![Gf64(x[1]); 300];
            a.add_multiple(&mut out, &[Gf64(x[2]); 300]);
            assert!(out.iter().all(|o| *o == Gf64(x[1]) + a * Gf64(x[2])));
        }
    }

    /// FIPS 197, section 4.2: {57} * {83} = {c1}.
    #[test]
    fn the_product_of_fips_197() {
        assert_eq!(Small::<8>(0x57) * Small(0x83), Small(0xc1));
    }
}
