//! Bins: every item has three, and the receiver's items are alone in theirs.
//!
//! **Failure.** The receiver's items have no such places if and only if some set of
//! items has fewer bins than items (Hall). Take the least such set, of t items: its
//! bins are t - 1, and each of them is a bin of two of the items at least, else one
//! could be left out. By the union bound over items and bins,
//!
//! \\[ \Pr \le \sum_{t \ge 4} \binom{n}{t} \binom{B}{t-1}
//!    \min\left\\{ \left(\frac{\binom{t-1}{3}}{\binom{B}{3}}\right)^{t},\
//!    \frac{(3t)!\,(e^z - 1 - z)^{t-1} z^{-3t}}{(B(B-1)(B-2))^{t}} \right\\} \qquad (1) \\]
//!
//! for any \\(z > 0\\): the second counts the ways to deal 3t places to t - 1 bins with
//! two or more in each, by the coefficient of its exponential generating function.
//! A test sums (1) for the sizes that [`bins`] gives. PSTY19 and others take 1.27 n
//! bins from experiments; 1.32 n is what can be proved.

use crate::hash::Hash;
use privity_core::transcript::Transcript;
use rayon::prelude::*;
use std::collections::VecDeque;

/// Hash functions.
pub(super) const WAYS: usize = 3;

/// B: the bins of a receiver with so many items.
pub fn bins(items: usize) -> usize {
    match items {
        0 => 0,
        // Few items need more, by (1).
        n => (n * 33).div_ceil(25).max(n + 512),
    }
}

/// The hash functions of a run.
pub(super) struct Ways {
    hash: Hash,
    bins: usize,
}

impl Ways {
    pub(super) fn new(session: &[u8; 32], bins: usize) -> Self {
        let mut transcript = Transcript::new("privity psi circuit: bins");
        transcript.append("session", session);
        let digest = transcript.digest();
        let seed = std::array::from_fn(|i| digest[i]);
        Self { hash: Hash::new(&seed), bins }
    }

    /// The three bins of each key.
    pub(super) fn places(&self, keys: &[u128]) -> Vec<[u32; WAYS]> {
        self.hash.values(0, keys).into_par_iter().map(|h| places(h, self.bins)).collect()
    }

    /// \\(k_j\\) of each key.
    pub(super) fn keys(&self, j: usize, keys: &[u128]) -> Vec<u128> {
        self.hash.values(1 + j, keys)
    }
}

/// Three different bins, from 42 bits each: off uniform by less than 2^-17 of the
/// probability of each.
fn places(hash: u128, bins: usize) -> [u32; WAYS] {
    let pick = |i: u32, range: usize| {
        let bits = (hash >> (42 * i)) as u64 & ((1 << 42) - 1);
        ((u128::from(bits) * range as u128) >> 42) as u32
    };
    let a = pick(0, bins);
    let b = pick(1, bins - 1);
    let b = b + u32::from(b >= a);
    let (low, high) = (a.min(b), a.max(b));
    let c = pick(2, bins - 2);
    let c = c + u32::from(c >= low);
    let c = c + u32::from(c >= high);
    [a, b, c]
}

/// In which of its places each item lies, no two in one bin; `None` if there is no
/// such choice. `turns` decides which item moves first.
pub(super) fn settle(places: &[[u32; WAYS]], bins: usize, turns: u64) -> Option<Vec<u8>> {
    const FREE: u32 = u32::MAX;
    /// Moves before a search for a way out.
    const MOVES: usize = 200;
    let mut taken = vec![FREE; bins];
    let mut way = vec![0u8; places.len()];
    let mut state = turns | 1;
    for first in 0..places.len() as u32 {
        let mut item = first;
        let mut moves = 0;
        loop {
            let own = places[item as usize];
            if let Some(j) = own.iter().position(|&b| taken[b as usize] == FREE) {
                taken[own[j] as usize] = item;
                way[item as usize] = j as u8;
                break;
            }
            if moves == MOVES {
                search(item, places, &mut taken, &mut way)?;
                break;
            }
            moves += 1;
            // Which one yields is nobody's business but this party's: any will do.
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let j = ((state >> 33) % WAYS as u64) as usize;
            way[item as usize] = j as u8;
            std::mem::swap(&mut taken[own[j] as usize], &mut item);
        }
    }
    Some(way)
}

/// Finds room for `item` by moving others, with the fewest moves.
fn search(item: u32, places: &[[u32; WAYS]], taken: &mut [u32], way: &mut [u8]) -> Option<()> {
    // For each bin that was reached, the item that would move there and which of its places it is.
    let mut reached = std::collections::HashMap::new();
    let mut queue = VecDeque::from([item]);
    while let Some(next) = queue.pop_front() {
        for (j, &bin) in places[next as usize].iter().enumerate() {
            if reached.contains_key(&bin) {
                continue;
            }
            reached.insert(bin, (next, j as u8));
            let holder = taken[bin as usize];
            if holder != u32::MAX {
                queue.push_back(holder);
                continue;
            }
            let mut bin = bin;
            loop {
                let (mover, j) = *reached.get(&bin)?;
                let from = places[mover as usize][usize::from(way[mover as usize])];
                taken[bin as usize] = mover;
                way[mover as usize] = j;
                if mover == item {
                    return Some(());
                }
                bin = from;
            }
        }
    }
    None
}
