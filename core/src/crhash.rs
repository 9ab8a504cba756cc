//! A tweakable circular-correlation-robust hash from a fixed-key cipher.
//!
//! H(x, i) = P(P(x) + i) + P(x), + being exclusive or and P AES-128 under a
//! fixed public key: the construction TMMO of Guo, Katz, Wang, Yu, "Efficient
//! and Secure Multiparty Computation from Fixed-Key Block Ciphers", IEEE S&P
//! 2020, section 7.4, secure in the ideal-permutation model.

use crate::arch::{self, RoundKeys};
use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};

/// The hash; building it schedules the fixed key.
#[derive(Debug)]
pub struct CrHash {
    permutation: Aes128,
    /// The same on vector registers, where the processor has them.
    vector: Option<RoundKeys>,
}

/// "privity crhash 1", as bytes: any fixed value serves.
const FIXED_KEY: [u8; 16] = *b"privity crhash 1";

impl Default for CrHash {
    fn default() -> Self {
        Self::new()
    }
}

impl CrHash {
    /// The hash under its fixed key.
    pub fn new() -> Self {
        Self {
            permutation: Aes128::new(&Array::from(FIXED_KEY)),
            vector: RoundKeys::new(&FIXED_KEY),
        }
    }

    /// Replaces each x_j by H(x_j, tweak + j).
    pub fn hash_all(&self, tweak: u128, xs: &mut [u128]) {
        match &self.vector {
            Some(keys) => arch::tweaked_hash(keys, tweak, xs),
            None => self.hash_all_portable(tweak, xs),
        }
    }

    fn hash_all_portable(&self, tweak: u128, xs: &mut [u128]) {
        const BATCH: usize = 64;
        for (n, chunk) in xs.chunks_mut(BATCH).enumerate() {
            let mut inner = [Array::from([0u8; 16]); BATCH];
            let inner = &mut inner[..chunk.len()];
            for (b, &x) in inner.iter_mut().zip(chunk.iter()) {
                *b = Array::from(x.to_le_bytes());
            }
            self.permutation.encrypt_blocks(inner);
            let mut outer = [Array::from([0u8; 16]); BATCH];
            let outer = &mut outer[..chunk.len()];
            for (j, (o, p)) in outer.iter_mut().zip(inner.iter()).enumerate() {
                let i = tweak.wrapping_add((n * BATCH + j) as u128);
                *o = Array::from((u128::from_le_bytes((*p).into()) ^ i).to_le_bytes());
            }
            self.permutation.encrypt_blocks(outer);
            for ((x, o), p) in chunk.iter_mut().zip(outer.iter()).zip(inner.iter()) {
                *x = u128::from_le_bytes((*o).into()) ^ u128::from_le_bytes((*p).into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_equals_single_and_definition() {
        let hash = CrHash::new();
        let p = |x: u128| {
            let mut b = [Array::from(x.to_le_bytes())];
            hash.permutation.encrypt_blocks(&mut b);
            u128::from_le_bytes(b[0].into())
        };
        // One tweak overflows its low word on the way.
        for tweak in [9, u128::from(u64::MAX) - 40] {
            for len in [0, 1, 15, 16, 17, 64, 150] {
                let plain: Vec<u128> = (0..len).map(|i| i * 0x1234_5678_9abc_def0_1357).collect();
                let (mut xs, mut ys) = (plain.clone(), plain.clone());
                hash.hash_all(tweak, &mut xs);
                hash.hash_all_portable(tweak, &mut ys);
                assert_eq!(xs, ys);
                for (j, (&h, &x)) in xs.iter().zip(&plain).enumerate() {
                    assert_eq!(h, p(p(x) ^ (tweak + j as u128)) ^ p(x));
                }
            }
        }
    }
}
