//! A pseudo-random generator with random access: AES-128 in counter mode.
//!
//! The output for `(domain, offset)` is the AES encryption of the 128-bit
//! blocks `domain || counter`. A protocol gives each operation a domain of its
//! own and may then produce any part of that operation's randomness in any
//! order, on any thread. The `aes` crate uses AES-NI or VAES where the
//! processor has them, chosen at run time, and constant-time bit-sliced code
//! elsewhere.
//!
//! Within one key, outputs are distinguishable from random with advantage
//! q^2 / 2^129 after q blocks (the PRP/PRF switching lemma): 2^-41 after 2^44
//! blocks, which are 256 TiB.

use crate::{ring::Ring, secret::Secret};
use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use rand::CryptoRng;

/// A PRG key.
pub type Key = Secret<[u8; 16]>;

/// A key drawn from `rng`.
pub fn random_key(rng: &mut impl CryptoRng) -> Key {
    let mut key = Secret::new([0; 16]);
    rng.fill_bytes(key.expose_mut());
    key
}

/// AES-128 under one key, as a function from (domain, block) to 16 bytes.
pub struct Prg {
    cipher: Aes128,
}

/// Blocks encrypted in one call.
const BATCH: usize = 256;

#[inline(always)]
fn counter_block(domain: u64, block: u64) -> [u8; 16] {
    (u128::from(domain) | u128::from(block) << 64).to_le_bytes()
}

impl Prg {
    /// Schedules the key.
    pub fn new(key: &Key) -> Self {
        Self { cipher: Aes128::new(key.expose().into()) }
    }

    /// Fills `out` with the stream of `domain` from element `start` on.
    ///
    /// # Panics
    /// If `start` does not begin a block (it must be even for u64).
    pub fn fill<R: Ring>(&self, domain: u64, start: usize, out: &mut [R]) {
        let size = size_of::<R>();
        assert!((start * size).is_multiple_of(16), "PRG offset {start} is not on a block boundary");
        let mut block = (start * size / 16) as u64;
        let bytes = bytemuck::cast_slice_mut::<R, u8>(out);
        let (whole, rest) = bytes.as_chunks_mut::<16>();
        // Small enough to be encrypted while still in the first-level cache.
        for batch in whole.chunks_mut(BATCH) {
            for b in batch.iter_mut() {
                *b = counter_block(domain, block);
                block += 1;
            }
            self.cipher.encrypt_blocks(Array::cast_slice_from_core_mut(batch));
        }
        if !rest.is_empty() {
            let mut last = [Array::from(counter_block(domain, block))];
            self.cipher.encrypt_blocks(&mut last);
            rest.copy_from_slice(&last[0][..rest.len()]);
        }
    }

    /// The first `len` elements of the stream of `domain`.
    pub fn vec<R: Ring>(&self, domain: u64, len: usize) -> Vec<R> {
        let mut out = vec![R::default(); len];
        self.fill(domain, 0, &mut out);
        out
    }
}

impl std::fmt::Debug for Prg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prg").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// FIPS 197, appendix C.1, and the layout of a block: domain, then counter.
    #[test]
    fn fips_197_vector_and_layout() {
        let key = Secret::new(std::array::from_fn(|i| i as u8));
        let prg = Prg::new(&key);
        let mut block = [Array::from(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes())];
        prg.cipher.encrypt_blocks(&mut block);
        let expected = 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes();
        assert_eq!(<[u8; 16]>::from(block[0]), expected);

        let mut block = [Array::from((5u128 | 3u128 << 64).to_le_bytes())];
        prg.cipher.encrypt_blocks(&mut block);
        let stream: Vec<u128> = prg.vec(5, 4);
        assert_eq!(stream[3].to_le_bytes(), <[u8; 16]>::from(block[0]));
    }

    proptest! {
        #[test]
        fn random_access_equals_the_stream(domain: u64, len in 0usize..400, start in 0usize..200) {
            let prg = Prg::new(&Secret::new([3; 16]));
            let start = (2 * start).min(len / 2 * 2);
            let whole: Vec<u64> = prg.vec(domain, len);
            let mut part = vec![0u64; len - start];
            prg.fill(domain, start, &mut part);
            prop_assert_eq!(&whole[start..], &part[..]);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let key = Secret::new([0xAB; 16]);
        assert_eq!(format!("{key:?} {:?}", Prg::new(&key)), "Secret(..) Prg { .. }");
    }
}
