//! The field of 2^64 elements, as polynomials over GF(2) modulo
//! x^64 + x^4 + x^3 + x + 1: bit j of a word is the coefficient of x^j.
//!
//! The polynomial is the lexicographically first irreducible one of weight
//! five and degree 64 (Seroussi, "Table of low-weight binary irreducible
//! polynomials", HP Labs 1998). Addition is exclusive or. All functions take
//! constant time.

use crate::arch::{Clmul64, reduce};

/// a b
pub fn multiply(a: u64, b: u64) -> u64 {
    dot(&[a], &[b])
}

/// sum a_i b_i
///
/// # Panics
/// If the lengths differ.
pub fn dot(a: &[u64], b: &[u64]) -> u64 {
    reduce(Clmul64::detect().dot(a, b))
}

/// sum t_i (a_i and b_i), "and" being bit by bit: the sum over all bits j of
/// all words i of (t_i x^j) times the bit a_ij b_ij.
///
/// # Panics
/// If the lengths differ.
pub fn masked_dot(t: &[u64], a: &[u64], b: &[u64]) -> u64 {
    reduce(Clmul64::detect().masked_dot(t, a, b))
}

/// out_i = out_i + a_i b_i
///
/// # Panics
/// If the lengths differ.
pub fn multiply_add(out: &mut [u64], a: &[u64], b: &[u64]) {
    Clmul64::detect().multiply_add(out, a, b);
}

/// x a, x the generator of the polynomial basis.
pub fn times_x(a: u64) -> u64 {
    // All ones if x^64 arises.
    let carry = (a.cast_signed() >> 63).cast_unsigned();
    a << 1 ^ carry & 0b1_1011
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn field_laws(a: u64, b: u64, c: u64) {
            prop_assert_eq!(multiply(a, b), multiply(b, a));
            prop_assert_eq!(multiply(multiply(a, b), c), multiply(a, multiply(b, c)));
            prop_assert_eq!(multiply(a, b ^ c), multiply(a, b) ^ multiply(a, c));
            prop_assert_eq!(multiply(a, 1), a);
            prop_assert_eq!(multiply(a, 2), times_x(a));
        }
    }

    /// The modulus is irreducible: x^(2^64) = x, and x^(2^32) - x is prime to
    /// it (Rabin's test; 2 is the only prime that divides 64).
    #[test]
    fn the_modulus_is_irreducible() {
        let square = |x: u64| multiply(x, x);
        let mut power = 2;
        for _ in 0..32 {
            power = square(power);
        }
        // gcd of the modulus (degree 64) and x^(2^32) - x.
        let (mut a, mut b) = (1u128 << 64 | 0b1_1011, u128::from(power ^ 2));
        while b != 0 {
            while a != 0 && a.leading_zeros() <= b.leading_zeros() {
                a ^= b << (b.leading_zeros() - a.leading_zeros());
            }
            (a, b) = (b, a);
        }
        assert_eq!(a, 1);
        for _ in 0..32 {
            power = square(power);
        }
        assert_eq!(power, 2);
    }
}
