//! Trees of seeds that are punctured at one leaf, all trees of an extension.
//!
//! The construction of Goldreich, Goldwasser and Micali with oblivious
//! transfer on each level (Boyle et al., CCS 2019). A node k with
//! children number c and c + 1 of its level has the children
//!
//! \\[ H(k, i_c),\quad H(k, i_{c+1}) \qquad (1) \\]
//!
//! with H as in [`crate::crhash`] and tweaks \\(i\\) that no other node of the
//! session has, so that an attack on one tree is none on the others. The nodes
//! of the first level are the keys of its transfer.
//!
//! \\[ \text{dealer, level} \ge 2:\quad t_b = K_b \oplus \bigoplus \text{children on side } b
//!    \qquad (2) \\]
//! \\[ \text{dealer, last:}\quad f = \gamma \oplus \bigoplus_x v_x \qquad (3) \\]
//!
//! The holder, whose leaf is \\(\alpha\\), gets the key of the side that
//! \\(\alpha\\) does not take. It expands its unknown node like the others,
//! from whatever is there: by (2), what must be *added* to the sibling does not
//! depend on that, and likewise the last correction gives
//! \\(w_\alpha = v_\alpha + \beta\Delta\\) from (3) with
//! \\(\delta = \gamma + \beta\Delta\\). Places that depend on \\(\alpha\\) are
//! found by comparing with all, so that no address or time depends on it.

use crate::{
    crhash::CrHash,
    ot::{Purpose, tweak},
};

/// Leaves of one tree: 2^depth.
pub(crate) const MAX_DEPTH: usize = 24;

/// Words of 16 bytes in the dealer's message for one tree.
pub(crate) const fn message_len(depth: usize) -> usize {
    2 * (depth - 1) + 1
}

/// The session and a number of a tree that is its own.
pub(crate) type Tree = (u128, u64);

/// The tweak of the first node of `level` in a tree.
fn level_tweak((session, tree): Tree, level: usize) -> u128 {
    tweak(session, Purpose::TreeLevel, tree << (MAX_DEPTH + 1) | 1 << level)
}

/// (1): the 2 len children of the first `len` nodes, in place.
fn children(hash: &CrHash, tree: Tree, level: usize, nodes: &mut [u128], len: usize) {
    for x in (0..len).rev() {
        nodes[2 * x + 1] = nodes[x];
        nodes[2 * x] = nodes[x];
    }
    hash.hash_all(level_tweak(tree, level), &mut nodes[..2 * len]);
}

/// Sums of the left and of the right children.
fn sides(nodes: &[u128]) -> [u128; 2] {
    nodes.as_chunks::<2>().0.iter().fold([0; 2], |s, pair| [s[0] ^ pair[0], s[1] ^ pair[1]])
}

/// All leaves into `leaves`, the message into `message`. `keys` are the pairs
/// of the levels, `keep` the bits of a leaf that are used.
pub(crate) fn deal(
    hash: &CrHash,
    tree: Tree,
    keys: &[[u128; 2]],
    (gamma, keep): (u128, u128),
    leaves: &mut [u128],
    message: &mut [u128],
) {
    leaves[..2].copy_from_slice(&keys[0]);
    for (level, (keys, t)) in
        (2..).zip(keys[1..].iter().zip(message.as_chunks_mut::<2>().0.iter_mut()))
    {
        children(hash, tree, level, leaves, 1 << (level - 1));
        let sums = sides(&leaves[..1 << level]);
        *t = [keys[0] ^ sums[0], keys[1] ^ sums[1]]; // (2)
    }
    leaves.iter_mut().for_each(|v| *v &= keep);
    if let Some(f) = message.last_mut() {
        *f = leaves.iter().fold(gamma, |f, v| f ^ v); // (3)
    }
}

/// The leaves of the holder. `keys` are those of the sides not taken, bit
/// `depth - 1 - i` of `alpha` is the side taken on level i + 1.
pub(crate) fn hold(
    hash: &CrHash,
    tree: Tree,
    keys: &[u128],
    alpha: u64,
    (delta, keep): (u128, u128),
    leaves: &mut [u128],
    message: &[u128],
) {
    let depth = keys.len();
    let side = |level: usize| 0u128.wrapping_sub(u128::from(alpha >> (depth - level) & 1));
    // Level 1: the other one is unknown, any value will do.
    leaves[0] = keys[0] & side(1);
    leaves[1] = keys[0] & !side(1);
    for (level, (key, t)) in (2..).zip(keys[1..].iter().zip(message.as_chunks::<2>().0)) {
        let parents = 1 << (level - 1);
        children(hash, tree, level, leaves, parents);
        let [left, right] = sides(&leaves[..2 * parents]);
        // The left side is known if alpha goes right.
        let goes_right = side(level);
        let add = key ^ ((left ^ t[0]) & goes_right) ^ ((right ^ t[1]) & !goes_right);
        let (left, right) = (add & goes_right, add & !goes_right);
        let prefix = alpha >> (depth - level + 1);
        for (x, pair) in (0u64..).zip(leaves[..2 * parents].as_chunks_mut::<2>().0) {
            let here = equal(x, prefix);
            pair[0] ^= left & here;
            pair[1] ^= right & here;
        }
    }
    leaves.iter_mut().for_each(|w| *w &= keep);
    let f = message.last().copied().unwrap_or(0);
    let add = leaves.iter().fold(f ^ delta, |f, w| f ^ w);
    for (x, w) in (0u64..).zip(leaves) {
        *w ^= add & equal(x, alpha);
    }
}

/// All ones if x = y, else zero; both below 2^63.
#[inline(always)]
fn equal(x: u64, y: u64) -> u128 {
    let all = ((x ^ y).wrapping_sub(1) as i64 >> 63) as u64;
    u128::from(all) | u128::from(all) << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_has_all_leaves_but_one_which_is_shifted() {
        let hash = CrHash::new();
        for depth in [1, 2, 5] {
            let keys: Vec<[u128; 2]> = (0..depth as u128).map(|i| [7 * i + 1, 9 * i + 2]).collect();
            let (gamma, shift) = (0x1234u128 << 64, 0xABCDu128 << 32 | 1);
            for keep in [u128::MAX, !1] {
                let mut v = vec![0; 1 << depth];
                let mut message = vec![0; message_len(depth)];
                deal(&hash, (9, 3), &keys, (gamma, keep), &mut v, &mut message);
                for alpha in 0..1u64 << depth {
                    let side = |i: usize| (alpha >> (depth - 1 - i) & 1) as usize;
                    let held: Vec<u128> = (0..depth).map(|i| keys[i][1 - side(i)]).collect();
                    let mut w = vec![0; 1 << depth];
                    hold(&hash, (9, 3), &held, alpha, (gamma ^ shift, keep), &mut w, &message);
                    for x in 0..1 << depth {
                        let expected = if x as u64 == alpha { v[x] ^ shift } else { v[x] };
                        assert_eq!(w[x], expected, "depth {depth}, alpha {alpha}, leaf {x}");
                    }
                }
            }
        }
    }
}
