//! Small trees of seeds of which one side misses one leaf.
//!
//! **Paper.** Roy, "SoftSpokenOT", CRYPTO 2022: (q-1)-of-q OT out of 1-of-2 OT
//! by the tree of Goldreich, Goldwasser and Micali, with the check that Boyle et
//! al., CCS 2019, add against malicious dealers.
//!
//! **Functionality.** For a field of q = 2^k elements the dealer gets seeds
//! \\(s_x\\), x in GF(q); the other side, whose secret is \\(\Delta\\), gets all
//! of them but \\(s_\Delta\\). A malicious dealer may learn by an abort whether
//! \\(\Delta\\) lies in a set of its choice.
//!
//! The holder keeps its seeds in *relative* order: at index y stands
//! \\(s_{y \oplus \Delta}\\), so that the hole is at y = 0 and no index depends
//! on the secret. Going down one level is one swap of left and right children,
//! for all nodes alike, by the bit of \\(\Delta\\) of that level.
//!
//! \\[ \text{dealer: } t_{i,b} = K_{i,b} \oplus \bigoplus_{x} \text{child}_b(x)
//!    \quad\text{on level } i \ge 1 \qquad (1) \\]
//! \\[ \text{check: } (s_x, h_x) = G(\text{leaf}_x),\quad
//!    \bar h = \bigoplus_x h_x,\quad \tilde h = \text{SHA-256}(h_0, h_1, \ldots) \qquad (2) \\]
//!
//! \\(K_{i,b}\\) are the keys of base OT i; the holder got that of the side
//! that \\(\Delta\\) does not take. With (2), where each \\(h_x\\) has 256 bits,
//! a dealer is bound to one seed for each x, and a holder whose seeds differ
//! from them aborts.

use super::{
    Security,
    base::{ChosenKey, KeyPair},
};
use crate::{Secret, prg::Prg};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// Payload bytes for a tree of depth `k`, from the dealer to the holder.
pub(crate) const fn bytes(k: usize, security: Security) -> usize {
    let check = match security {
        Security::SemiHonest => 0,
        Security::Malicious if k > 1 => 64,
        Security::Malicious => 0,
    };
    32 * (k - 1) + check
}

/// The dealer's seeds in the order of x, and its message.
pub(crate) fn deal(keys: &[KeyPair], security: Security) -> (Vec<Secret<u128>>, Vec<u8>) {
    let k = keys.len();
    let mut message = Vec::with_capacity(bytes(k, security));
    let pair = |i: usize| keys[i].expose().map(u128::from_le_bytes);
    let mut level = Zeroizing::new(pair(0).to_vec());
    for i in 1..k {
        let next = children(&level);
        // (1)
        for (b, key) in pair(i).into_iter().enumerate() {
            let sum = next.iter().skip(b).step_by(2).fold(key, |a, x| a ^ x);
            message.extend_from_slice(&sum.to_le_bytes());
        }
        level = next;
    }
    if security == Security::Malicious && k > 1 {
        // (2)
        let (leaves, hashes) = finish(&level);
        message.extend_from_slice(&sum(&hashes));
        message.extend_from_slice(&digest(&hashes));
        level = leaves;
    }
    (level.iter().map(|&s| Secret::new(s)).collect(), message)
}

/// The holder's seeds, entry y - 1 for relative index y = 1..2^k. Bit k-1-i of
/// `delta` is the side that level i does not reveal. `None` if check (2) fails.
pub(crate) fn hold(
    keys: &[ChosenKey],
    delta: u8,
    message: &[u8],
    security: Security,
) -> Option<Vec<Secret<u128>>> {
    let k = keys.len();
    let (words, []) = message.as_chunks::<16>() else { return None };
    // Relative index 0 is the hole: its value is nothing.
    let mut level = Zeroizing::new(vec![0, u128::from_le_bytes(*keys[0].expose())]);
    for (i, key) in keys.iter().enumerate().skip(1) {
        let side = mask(delta >> (k - 1 - i) & 1);
        let mut next = children(&level);
        for pair in next.as_chunks_mut::<2>().0 {
            let swap = (pair[0] ^ pair[1]) & side;
            pair[0] ^= swap;
            pair[1] ^= swap;
        }
        next[0] = 0;
        next[1] = 0;
        // (1): the base OT gave the key of the side that delta does not take.
        let [left, right] =
            [2 * i - 2, 2 * i - 1].map(|w| words.get(w).map(|w| u128::from_le_bytes(*w)));
        let (left, right) = (left?, right?);
        let t = left ^ ((left ^ right) & !side);
        let known =
            next.iter().skip(1).step_by(2).fold(u128::from_le_bytes(*key.expose()), |a, x| a ^ x);
        next[1] = known ^ t;
        level = next;
    }
    if security == Security::Malicious && k > 1 {
        let check: &[u8; 64] = message.last_chunk()?;
        let (leaves, mut hashes) = finish(&level);
        hashes[0] = [0; 32];
        let mut hole = sum(&hashes);
        hole.iter_mut().zip(check).for_each(|(h, c)| *h ^= c);
        hashes[0] = hole;
        // Back to the order of x: index y moves to y ^ delta, bit by bit.
        for bit in 0..k {
            let side = mask(delta >> bit & 1) as u8;
            for y in (0..1 << k).filter(|y| y >> bit & 1 == 0) {
                let (low, high) = hashes.split_at_mut(y | 1 << bit);
                for (a, b) in low[y].iter_mut().zip(&mut high[0]) {
                    let swap = (*a ^ *b) & side;
                    *a ^= swap;
                    *b ^= swap;
                }
            }
        }
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&digest(&hashes)[..], &check[32..])) {
            return None;
        }
        level = leaves;
    }
    Some(level.iter().skip(1).map(|&s| Secret::new(s)).collect())
}

/// All ones for 1, zero for 0.
fn mask(bit: u8) -> u128 {
    0u128.wrapping_sub(u128::from(bit))
}

/// Two children of each node: AES-128 under the node in counter mode.
fn children(level: &[u128]) -> Zeroizing<Vec<u128>> {
    let mut next = Zeroizing::new(vec![0u128; 2 * level.len()]);
    for (node, pair) in level.iter().zip(next.as_chunks_mut::<2>().0) {
        Prg::new(&Secret::new(node.to_le_bytes())).fill(0, 0, pair);
    }
    next
}

/// G of (2): a seed and 256 bits of check value for each leaf.
fn finish(level: &[u128]) -> (Zeroizing<Vec<u128>>, Zeroizing<Vec<[u8; 32]>>) {
    let mut seeds = Zeroizing::new(Vec::with_capacity(level.len()));
    let mut hashes = Zeroizing::new(Vec::with_capacity(level.len()));
    for leaf in level {
        let mut out = [0u128; 3];
        Prg::new(&Secret::new(leaf.to_le_bytes())).fill(1, 0, &mut out);
        seeds.push(out[0]);
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytemuck::bytes_of(&out)[16..]);
        hashes.push(hash);
        out.zeroize();
    }
    (seeds, hashes)
}

fn sum(hashes: &[[u8; 32]]) -> [u8; 32] {
    hashes.iter().fold([0; 32], |a, h| std::array::from_fn(|i| a[i] ^ h[i]))
}

fn digest(hashes: &[[u8; 32]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"privity punctured tree v1");
    hash.update(hashes.as_flattened());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(k: usize) -> Vec<KeyPair> {
        (0..k as u8).map(|i| Secret::new([[2 * i; 16], [2 * i + 1; 16]])).collect()
    }

    fn chosen(pairs: &[KeyPair], delta: u8) -> Vec<ChosenKey> {
        let k = pairs.len();
        let side = |i: usize| usize::from(delta >> (k - 1 - i) & 1 == 0);
        (0..k).map(|i| Secret::new(pairs[i].expose()[side(i)])).collect()
    }

    #[test]
    fn the_holder_has_every_seed_but_one() {
        for security in [Security::SemiHonest, Security::Malicious] {
            for k in 1..=8usize {
                let pairs = keys(k);
                let (seeds, message) = deal(&pairs, security);
                assert_eq!((seeds.len(), message.len()), (1 << k, bytes(k, security)));
                for delta in 0..=((1u16 << k) - 1) as u8 {
                    let held = hold(&chosen(&pairs, delta), delta, &message, security).unwrap();
                    assert_eq!(held.len(), (1 << k) - 1);
                    for (y, seed) in held.iter().enumerate() {
                        assert_eq!(seed.expose(), seeds[(y + 1) ^ usize::from(delta)].expose());
                    }
                }
            }
        }
    }

    /// Each bit of the message: either some holder's seeds change and it
    /// aborts, or the bit is of no use to it.
    #[test]
    fn a_tampered_tree_is_noticed_or_harmless() {
        let pairs = keys(3);
        let (seeds, message) = deal(&pairs, Security::Malicious);
        for bit in 0..8 * message.len() {
            let mut altered = message.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let mut noticed = 0;
            for delta in 0..8 {
                match hold(&chosen(&pairs, delta), delta, &altered, Security::Malicious) {
                    None => noticed += 1,
                    Some(held) => held.iter().enumerate().for_each(|(y, s)| {
                        assert_eq!(s.expose(), seeds[(y + 1) ^ usize::from(delta)].expose());
                    }),
                }
            }
            assert!(noticed >= 4, "bit {bit}: noticed by {noticed} of 8");
        }
    }
}
