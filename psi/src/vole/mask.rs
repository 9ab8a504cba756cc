//! The oracles, and masks in order.

use super::Options;
use crate::{hash::Hash, item::Item};
use aes::{
    Aes128Enc,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use privity_core::{
    field::Gf128,
    ot::Security,
    params::{COMPUTATIONAL_BITS, STATISTICAL_BITS},
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Elements per piece of parallel work.
const CHUNK: usize = 1 << 12;

/// h: E_k(x) + x, k from the session.
pub(super) struct Oracle(Hash);

impl Oracle {
    pub(super) fn new(session: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"privity psi vole: h");
        hash.update(session);
        let digest: [u8; 32] = hash.finalize().into();
        Self(Hash::new(&std::array::from_fn(|i| digest[i])))
    }

    /// h of each key.
    pub(super) fn values(&self, keys: &[u128]) -> Vec<Gf128> {
        self.0.values(0, keys).into_iter().map(Gf128).collect()
    }
}

/// Turns v into F(x, v + w) for each key x: E_x(v + w) + v + w.
pub(super) fn masks(keys: &[u128], w: Gf128, v: &mut [Gf128]) {
    v.par_chunks_mut(CHUNK).zip(keys.par_chunks(CHUNK)).for_each(|(v, keys)| {
        for (v, x) in v.iter_mut().zip(keys) {
            let point = *v + w;
            let cipher = Aes128Enc::new(&Array::from(x.to_le_bytes()));
            let mut block = Array::from(point.0.to_le_bytes());
            cipher.encrypt_block(&mut block);
            *v = Gf128(u128::from_le_bytes(block.into())) + point;
        }
    });
}

/// The keys of labels: E_x(v + w + 1) + v + w for each key x, another value of the
/// same cipher than that of [`masks`].
pub(super) fn label_keys(keys: &[u128], w: Gf128, v: &[Gf128]) -> Vec<u128> {
    let key = |(x, v): (&u128, &Gf128)| {
        let point = *v + w;
        let cipher = Aes128Enc::new(&Array::from(x.to_le_bytes()));
        let mut block = Array::from((point + Gf128::ONE).0.to_le_bytes());
        cipher.encrypt_block(&mut block);
        u128::from_le_bytes(block.into()) ^ point.0
    };
    keys.par_iter().zip(v).with_min_len(CHUNK).map(key).collect()
}

/// Items as numbers.
pub(crate) fn keys(items: &[Item]) -> Vec<u128> {
    items.iter().map(|item| u128::from_le_bytes(*item.as_bytes())).collect()
}

/// Bytes of a mask on the wire: so many that no two of different items meet but
/// with probability 2^-40 in the whole job; all of it against malicious parties.
pub fn mask_bytes(options: &Options) -> usize {
    let bits = match options.security {
        Security::Malicious => COMPUTATIONAL_BITS,
        Security::SemiHonest => {
            STATISTICAL_BITS + 2 * options.most_items.next_power_of_two().ilog2()
        }
    };
    (bits.div_ceil(8) as usize).min(16)
}
