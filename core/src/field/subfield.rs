//! GF(2^64) inside GF(2^128).
//!
//! The field of [`super::gf64`] is F_2\[x\] modulo x^64 + x^4 + x^3 + x + 1. That
//! polynomial has its roots in GF(2^128), in the subfield of 2^64 elements; with
//! \\(\gamma\\) one of them, \\(\varphi(x^i) = \gamma^i\\) is an embedding:
//! \\(\varphi(a + b) = \varphi(a) + \varphi(b)\\),
//! \\(\varphi(a b) = \varphi(a) \varphi(b)\\).

use super::Gf128;

/// A root of x^64 + x^4 + x^3 + x + 1, found by splitting it over GF(2^128) with
/// traces (Berlekamp); any of the 64 roots serves.
pub(crate) const GAMMA: Gf128 = Gf128(0x86cd_542d_44de_585b_ff60_b187_0029_d8b2);

/// Tables of the embedding, one for each byte.
pub struct Embedding {
    tables: Box<[[u128; 256]; 8]>,
}

impl Default for Embedding {
    fn default() -> Self {
        Self::new()
    }
}

impl Embedding {
    /// Makes the tables: 32 KiB.
    pub fn new() -> Self {
        let mut tables = Box::new([[0u128; 256]; 8]);
        let mut power = Gf128::ONE;
        for table in tables.iter_mut() {
            for bit in 0..8 {
                for low in 0..1 << bit {
                    table[1 << bit | low] = table[low] ^ power.0;
                }
                power = power * GAMMA;
            }
        }
        Self { tables }
    }

    /// The image of an element. The memory that is read depends on it: for public
    /// values and for own ones.
    pub fn of_vartime(&self, x: u64) -> Gf128 {
        let bytes = x.to_le_bytes();
        let images = self.tables.iter().zip(bytes).map(|(table, byte)| table[usize::from(byte)]);
        Gf128(images.fold(0, |sum, image| sum ^ image))
    }
}

impl std::fmt::Debug for Embedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedding").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Gf64;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_embedding_is_one_of_fields(a: u64, b: u64) {
            let e = Embedding::new();
            let (x, y) = (Gf64(a), Gf64(b));
            prop_assert_eq!(e.of_vartime((x + y).0), e.of_vartime(a) + e.of_vartime(b));
            prop_assert_eq!(e.of_vartime((x * y).0), e.of_vartime(a) * e.of_vartime(b));
            prop_assert_eq!(a == b, e.of_vartime(a) == e.of_vartime(b));
        }
    }

    #[test]
    fn gamma_is_a_root() {
        let p = |e: u64| GAMMA.pow_vartime(e);
        assert_eq!(p(64) + p(4) + p(3) + p(1) + p(0), Gf128::ZERO);
        assert_eq!(Embedding::new().of_vartime(2), GAMMA);
        assert_eq!(format!("{:?}", Embedding::new()), "Embedding { .. }");
    }
}
