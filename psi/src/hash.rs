//! A keyed hash of 128-bit numbers to 128 bits.

use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use rayon::prelude::*;

/// E(x + j) + x under a key: for a public key chosen after the numbers an oracle, for
/// a secret key a pseudorandom function.
#[derive(Debug)]
pub(crate) struct Hash(Aes128);

/// Blocks that are hashed at once.
const BATCH: usize = 64;

impl Hash {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        Self(Aes128::new(&Array::from(*key)))
    }

    /// E(x + j) + x for each x, in this thread.
    pub(crate) fn column(&self, j: usize, xs: &[u128], out: &mut [u128]) {
        let mut blocks = [Array::from([0u8; 16]); BATCH];
        for (xs, out) in xs.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            let blocks = &mut blocks[..xs.len()];
            for (b, &x) in blocks.iter_mut().zip(xs) {
                *b = Array::from((x ^ (j as u128)).to_le_bytes());
            }
            self.0.encrypt_blocks(blocks);
            for ((o, b), &x) in out.iter_mut().zip(blocks.iter()).zip(xs) {
                *o = u128::from_le_bytes((*b).into()) ^ x;
            }
        }
    }

    /// The same, on all cores.
    pub(crate) fn values(&self, j: usize, xs: &[u128]) -> Vec<u128> {
        const CHUNK: usize = 1 << 12;
        let mut out = vec![0; xs.len()];
        out.par_chunks_mut(CHUNK)
            .zip(xs.par_chunks(CHUNK))
            .for_each(|(out, xs)| self.column(j, xs, out));
        out
    }
}
