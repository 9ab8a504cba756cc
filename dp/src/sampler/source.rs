//! Random bits and uniform numbers out of a generator.

use dashu_int::{UBig, ops::BitTest};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// Words in stock.
const STOCK: usize = 256;

/// A cryptographic generator, asked for many words at a time. What is left is wiped.
pub struct Source<R> {
    rng: R,
    /// Little-endian.
    stock: Zeroizing<[[u8; 8]; STOCK]>,
    /// Words that are used up.
    used: usize,
    /// Bits of the current word that are left.
    bits: Zeroizing<u64>,
    left: u32,
}

impl<R: CryptoRng> Source<R> {
    /// Over a generator that is seeded with at least 128 bits of entropy.
    pub fn new(rng: R) -> Self {
        Self {
            rng,
            stock: Zeroizing::new([[0; 8]; STOCK]),
            used: STOCK,
            bits: Zeroizing::new(0),
            left: 0,
        }
    }

    /// 64 uniform bits.
    pub(crate) fn word(&mut self) -> u64 {
        if self.used == STOCK {
            self.rng.fill_bytes(self.stock.as_flattened_mut());
            self.used = 0;
        }
        let word = std::mem::take(&mut self.stock[self.used]);
        self.used += 1;
        u64::from_le_bytes(word)
    }

    /// One uniform bit.
    pub(crate) fn bit(&mut self) -> bool {
        if self.left == 0 {
            *self.bits = self.word();
            self.left = 64;
        }
        let bit = *self.bits & 1 == 1;
        *self.bits >>= 1;
        self.left -= 1;
        bit
    }

    /// Uniform below n > 0 (Lemire).
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let mut product = u128::from(self.word()) * u128::from(n);
        if (product as u64) < n {
            // So many low words are one too often.
            let excess = n.wrapping_neg() % n;
            while (product as u64) < excess {
                product = u128::from(self.word()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// Uniform below n > 0: as many bits as n has, until they make a number below it.
    pub(crate) fn below_wide(&mut self, n: u128) -> u128 {
        if let Ok(n) = u64::try_from(n) {
            return self.below(n).into();
        }
        let mask = u128::MAX >> n.leading_zeros();
        loop {
            let x = (u128::from(self.word()) << 64 | u128::from(self.word())) & mask;
            if x < n {
                return x;
            }
        }
    }

    /// The same for numbers of any size.
    pub(super) fn below_big(&mut self, n: &UBig) -> UBig {
        let bits = n.bit_len();
        loop {
            let words: Vec<u64> = (0..bits.div_ceil(64)).map(|_| self.word()).collect();
            let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            let x = UBig::from_le_bytes(&bytes) & ((UBig::ONE << bits) - UBig::ONE);
            if x < *n {
                return x;
            }
        }
    }
}

impl<R> std::fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
