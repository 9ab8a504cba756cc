//! Sorting by a network: exact, and no permutation is ever opened.
//!
//! **Network.** Batcher's merge exchange in the form that works for any n
//! (Knuth, TAOCP 3, section 5.2.2, algorithm M), so that nothing is padded.
//! With t = ceil(log2 n) it has t (t + 1) / 2 stages and about
//! n (t^2 - t + 4) / 4 comparators; each stage's run at once.
//!
//! **Rounds** per stage: a sign test, a bit to number, a product. **Bytes** in
//! `rep3` per comparator: 66 + 24 (1 + payloads). 100,000 rows with one payload
//! are 153 stages and 6.6 million comparators.
//!
//! The order among equal keys is fixed by n alone and is not that of the input.

use crate::engine::{Engine, RingShares};
use privity_core::Result;

/// Sorts rows by `key` and moves the `payloads` (columns of the same length)
/// with it; the sorted key comes first in the result. Keys as words satisfy
/// |key| < 2^61; payloads are arbitrary.
pub fn sort_by_key<E: Engine>(
    e: &mut E,
    key: &E::Ring,
    payloads: &[&E::Ring],
    descending: bool,
) -> Result<Vec<E::Ring>> {
    let n = key.len();
    let columns = 1 + payloads.len();
    // All columns in one vector, one after the other: column c, row i at c n + i.
    let mut table = E::Ring::concat(&[&[key], payloads].concat());
    for pairs in stages(n) {
        let m = pairs.len();
        let at = |side: fn(&(usize, usize)) -> usize| -> Vec<usize> {
            let pairs = &pairs;
            (0..columns).flat_map(|c| pairs.iter().map(move |p| c * n + side(p))).collect()
        };
        let (low, high) = (table.gather(&at(|p| p.0)), table.gather(&at(|p| p.1)));
        let (first, second) = if descending { (&low, &high) } else { (&high, &low) };
        let swap = e.is_negative(&first.slice(0..m).sub(&second.slice(0..m)))?;
        let swap = e.bit_to_ring(&swap)?.tile(columns);
        let delta = e.mul(&swap, &high.sub(&low), 0)?;
        // Untouched rows come from the table, the others from the two sides.
        let sides = E::Ring::concat(&[&table, &low.add(&delta), &high.sub(&delta)]);
        let mut source: Vec<usize> = (0..columns * n).collect();
        for c in 0..columns {
            for (j, &(a, b)) in pairs.iter().enumerate() {
                source[c * n + a] = columns * n + c * m + j;
                source[c * n + b] = columns * (n + m) + c * m + j;
            }
        }
        table = sides.gather(&source);
    }
    Ok((0..columns).map(|c| table.slice(c * n..(c + 1) * n)).collect())
}

/// The comparators of each stage: (a, b) with a < b.
fn stages(n: usize) -> impl Iterator<Item = Vec<(usize, usize)>> {
    let top = if n < 2 { 0 } else { n.next_power_of_two() / 2 };
    let halves =
        |top: usize| std::iter::successors(Some(top), |p| Some(p / 2)).take_while(|p| *p > 0);
    halves(top).flat_map(move |p| {
        // First distance p, residue 0; then distances q - p with residue p.
        let first = std::iter::once((p, 0));
        let rest = halves(top).take_while(move |q| *q > p).map(move |q| (q - p, p));
        let rest: Vec<_> = rest.collect();
        // Knuth's q runs from 2^(t-1) down, d = q - p for the previous q.
        first.chain(rest).map(move |(d, r)| {
            (0..n.saturating_sub(d)).filter(|i| i & p == r).map(|i| (i, i + d)).collect()
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    /// The 0-1 principle: a network that sorts all vectors of 0 and 1 sorts all.
    #[test]
    fn the_network_sorts_every_vector_of_bits() {
        for n in 0..=16 {
            let stages: Vec<_> = stages(n).collect();
            let t = n.next_power_of_two().trailing_zeros() as usize;
            assert_eq!(stages.len(), if n < 2 { 0 } else { t * (t + 1) / 2 });
            for bits in 0u32..1 << n {
                let mut v: Vec<bool> = (0..n).map(|i| bits >> i & 1 == 1).collect();
                for stage in &stages {
                    let mut seen = vec![false; n];
                    for &(a, b) in stage {
                        assert!(a < b && !seen[a] && !seen[b]);
                        (seen[a], seen[b]) = (true, true);
                        if v[a] & !v[b] {
                            v.swap(a, b);
                        }
                    }
                }
                assert!(v.is_sorted(), "n = {n}, input {bits:b}");
            }
        }
    }

    proptest! {
        #[test]
        fn rows_stay_together(
            rows in prop::collection::vec((-(1i64 << 61) + 1..1 << 61, any::<u64>()), 0..200),
            few: bool, descending: bool,
        ) {
            let key: Vec<i64> = rows.iter().map(|r| if few { r.0 % 5 } else { r.0 }).collect();
            let payload: Vec<u64> = rows.iter().map(|r| r.1).collect();
            let shared = Words(key.iter().map(|&k| k as u64).collect());
            let ids = Words((0..rows.len() as u64).collect());
            let sorted = sort_by_key(&mut Plain::new(1), &shared, &[&Words(payload.clone()), &ids], descending).unwrap();
            let keys: Vec<i64> = sorted[0].0.iter().map(|&k| k as i64).collect();
            let ordered = if descending { keys.is_sorted_by(|a, b| a >= b) } else { keys.is_sorted() };
            prop_assert!(ordered);
            let mut seen = vec![false; rows.len()];
            for ((k, p), i) in keys.iter().zip(&sorted[1].0).zip(&sorted[2].0) {
                let i = *i as usize;
                prop_assert!(!std::mem::replace(&mut seen[i], true));
                prop_assert_eq!((key[i], payload[i]), (*k, *p));
            }
        }
    }
}
