//! Sorting and joining of masks, which are uniform 128-bit numbers.
//!
//! By their top bits they fall into parts that fit the cache; each part is
//! sorted for itself. No hash table misses the cache for every mask.

use rayon::prelude::*;

/// The top half of a mask and where it stands.
type Entry = (u64, u32);

/// Entries per part, on average.
const PART: usize = 1 << 9;

fn top(mask: u128) -> u64 {
    (mask >> 64) as u64
}

/// The order in which masks ascend, as positions in `masks`.
///
/// # Panics
/// If there are 2^32 or more.
pub(crate) fn order(masks: &[u128]) -> Vec<u32> {
    let mut sorted = entries(masks);
    // Equal top halves are rare; then the lower half decides.
    let mut start = 0;
    while start < sorted.len() {
        let end = start + sorted[start..].iter().take_while(|e| e.0 == sorted[start].0).count();
        if end - start > 1 {
            sorted[start..end].sort_unstable_by_key(|e| masks[e.1 as usize]);
        }
        start = end;
    }
    sorted.into_iter().map(|(_, at)| at).collect()
}

/// All entries, ascending by the top half.
fn entries(masks: &[u128]) -> Vec<Entry> {
    assert!(u32::try_from(masks.len()).is_ok(), "2^32 masks or more");
    let bits = (masks.len() / PART).max(1).ilog2();
    let part = |mask: u64| mask.checked_shr(64 - bits).unwrap_or(0) as usize;
    let mut starts = vec![0usize; (1 << bits) + 1];
    masks.iter().for_each(|&m| starts[part(top(m)) + 1] += 1);
    for p in 0..1 << bits {
        starts[p + 1] += starts[p];
    }
    let mut out = vec![(0, 0); masks.len()];
    let mut next = starts.clone();
    for (at, &mask) in (0u32..).zip(masks) {
        let place = &mut next[part(top(mask))];
        out[*place] = (top(mask), at);
        *place += 1;
    }
    let mut parts = Vec::with_capacity(1 << bits);
    let mut rest = &mut out[..];
    for p in 0..1 << bits {
        let (part, tail) = rest.split_at_mut(starts[p + 1] - starts[p]);
        parts.push(part);
        rest = tail;
    }
    parts.into_par_iter().for_each(|part| part.sort_unstable());
    out
}

/// Positions (in `own`, in `sorted`) of masks that are in both; `sorted` ascends.
pub(crate) fn join(own: &[u128], sorted: &[u128]) -> Vec<(u32, u32)> {
    let own_order = order(own);
    let mut found = Vec::new();
    let mut at = 0;
    for i in own_order {
        let mask = own[i as usize];
        while at < sorted.len() && sorted[at] < mask {
            at += 1;
        }
        if at < sorted.len() && sorted[at] == mask {
            found.push((i, at as u32));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn as_by_a_table(
            a in prop::collection::hash_set(0u128..60, 0..50),
            b in prop::collection::hash_set(0u128..60, 0..50),
            spread: bool,
        ) {
            let spread = |x: &u128| if spread { x.wrapping_mul(0xF39C_C060_5CED_C835 << 66 | 1) } else { *x };
            let a: Vec<u128> = a.iter().map(spread).collect();
            let mut b: Vec<u128> = b.iter().map(spread).collect();
            b.sort_unstable();
            let table: HashMap<u128, u32> = b.iter().copied().zip(0..).collect();
            let mut expected: Vec<(u32, u32)> =
                (0..).zip(&a).filter_map(|(i, m)| table.get(m).map(|&j| (i, j))).collect();
            let mut found = join(&a, &b);
            prop_assert!(found.windows(2).all(|w| w[0].1 < w[1].1));
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn many_are_sorted() {
        let mut x = 1u128;
        let masks: Vec<u128> = (0..100_000)
            .map(|_| {
                x = x.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(0x9E37);
                x ^ x >> 64
            })
            .collect();
        let mut expected = masks.clone();
        expected.sort_unstable();
        let sorted: Vec<u128> = order(&masks).into_iter().map(|i| masks[i as usize]).collect();
        assert_eq!(sorted, expected);
    }
}
