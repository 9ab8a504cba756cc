//! One-hot vectors, and reading a table at a shared index.
//!
//! **One-hot.** The bits of an index i < 2^w are split in two halves and the
//! indicators combined pair by pair, down to single bits:
//!
//! (1)  [i = 2^h u + v] = [high half = u] [low half = v],
//!
//! ANDs on packed bits in ceil(log2 w) rounds, less than 2 d of them for d
//! entries; then d bits become numbers.
//!
//! **Look-up.** With z the one-hot vector of i, T(i) = sum_j z_j T(j): local for a
//! public table, an inner product (one message) for a shared one. For large
//! shared tables a [`super::join`] with the row number as key is cheaper;
//! [`shared_table`] takes the cheaper way.
//!
//! An index outside 0 .. d - 1 gives zeros.
//!
//! **Leakage.** None. **Cost** in `rep3`, bytes per row: to_bits of w + 1 bits,
//! about 25 d for the one-hot vector, 24 for a shared table.

use super::{
    check_lengths,
    join::{Kind, Side, join},
    order::count,
    sort::{Key, comparison},
};
use crate::engine::{BitShares, Engine, RingShares};
use privity_core::{Error, Result};

/// For every row, whether its index is j, for j = 0, ..., d - 1: d columns of
/// bits as numbers. `|index| < 2^62`.
pub fn one_hot<E: Engine>(e: &mut E, index: &E::Ring, d: usize) -> Result<Vec<E::Ring>> {
    let n = index.len();
    let flags = indicators(e, index, d)?;
    let flags = e.bit_to_ring(&E::Bits::concat(&flags.iter().collect::<Vec<_>>()))?;
    Ok(super::split_columns::<E>(&flags, n, d))
}

/// [`one_hot`] as bits.
fn indicators<E: Engine>(e: &mut E, index: &E::Ring, d: usize) -> Result<Vec<E::Bits>> {
    if !(1..=MAX_ENTRIES).contains(&d) {
        return Err(Error::Argument(format!(
            "a table of {d} entries: 1 to {MAX_ENTRIES} are possible"
        )));
    }
    // Outside 0 .. d - 1 there is no entry: i < 0 or i >= d.
    let n = index.len();
    let high = e.add_public(&index.neg(), &vec![d as u64 - 1; n]);
    let signs = e.is_negative(&E::Ring::concat(&[index, &high]))?;
    let inside = e.not(&signs.slice(0..n).xor(&signs.slice(n..2 * n)));
    let width = d.next_power_of_two().trailing_zeros() as usize;
    if width == 0 {
        return Ok(vec![inside]);
    }
    let bits = e.to_bits(index, width)?;
    let mut parts: Vec<Vec<E::Bits>> = bits.into_iter().map(|b| vec![e.not(&b), b]).collect();
    // The lowest part takes the check along.
    let masked = pairs(e, &[(&[inside], &parts[0])], usize::MAX)?;
    parts.splice(0..1, masked);
    while parts.len() > 1 {
        let odd = if parts.len() % 2 == 1 { parts.pop() } else { None };
        let last = parts.len() == 2 && odd.is_none();
        let two: Vec<Halves<'_, E>> = parts.chunks(2).map(|p| (&p[0][..], &p[1][..])).collect();
        let mut next = pairs(e, &two, if last { d } else { usize::MAX })?;
        next.extend(odd);
        parts = next;
    }
    let mut all = parts.pop().unwrap_or_default();
    all.truncate(d);
    Ok(all)
}

/// Indicators of a low and of a high part.
type Halves<'a, E> = (&'a [<E as Engine>::Bits], &'a [<E as Engine>::Bits]);

/// (1) for each pair of lists, in one round: (low_v, high_u) at u len(low) + v,
/// the first `most` of them.
fn pairs<E: Engine>(e: &mut E, lists: &[Halves<'_, E>], most: usize) -> Result<Vec<Vec<E::Bits>>> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (low, high) in lists {
        let all = high.iter().flat_map(|u| low.iter().map(move |v| (v, u)));
        for (v, u) in all.take(most) {
            left.push(v);
            right.push(u);
        }
    }
    let n = left.first().map_or(0, |b| b.len());
    let product = e.and(&E::Bits::concat(&left), &E::Bits::concat(&right))?;
    let mut flat = (0..left.len()).map(|i| product.slice(i * n..(i + 1) * n));
    Ok(lists
        .iter()
        .map(|(low, high)| flat.by_ref().take((low.len() * high.len()).min(most)).collect())
        .collect())
}

/// T(i) for a public table T of words below 2^62 in size.
pub fn public_table<E: Engine>(e: &mut E, table: &[u64], index: &E::Ring) -> Result<E::Ring> {
    let z = one_hot(e, index, table.len())?;
    let mut sum = E::Ring::zeros(index.len());
    for (z, &t) in z.iter().zip(table) {
        sum = sum.add(&z.scale(t));
    }
    Ok(sum)
}

/// T(i) for a shared table whose columns have as many rows as there are
/// entries. One column in the result for each of the table's.
pub fn shared_table<E: Engine>(
    e: &mut E,
    columns: &[&E::Ring],
    index: &E::Ring,
) -> Result<Vec<E::Ring>> {
    let d = columns.first().map_or(0, |c| c.len());
    check_lengths::<E>(d, columns)?;
    let n = index.len();
    if d > MAX_ENTRIES || by_join(n, d, columns.len()) {
        let number = e.public(&count(d));
        // Outside indices must not meet a key.
        let width = d.next_power_of_two().trailing_zeros() + 1;
        let keys = [Key::signed(&number, width.max(INDEX_BITS))];
        let index = [Key::signed(index, width.max(INDEX_BITS))];
        let lookup = Side { keys: &keys, columns, valid: None };
        let probe = Side { keys: &index, columns: &[], valid: None };
        return Ok(join(e, Kind::Left, &probe, &lookup)?.columns);
    }
    let z = one_hot(e, index, d)?;
    let z = super::join_columns::<E>(&z).transpose(n);
    columns.iter().map(|c| e.dot(&z, &c.tile(n), d, 0)).collect()
}

/// Entries of a one-hot vector, at most.
pub const MAX_ENTRIES: usize = 1 << 16;

/// Signed bits of an index that may lie outside a large shared table.
const INDEX_BITS: u32 = 41;

/// Whether a join is cheaper than one-hot vectors: in bytes of `rep3`, rounds
/// counted as for the choice of a sort.
fn by_join(n: usize, d: usize, columns: usize) -> bool {
    let (rows, columns) = ((n + d) as u64, columns as u64);
    let scan = 60 * (columns + 2);
    let sort = comparison::cost(n + d, &[INDEX_BITS]) + rows * 32 * (columns + 2);
    let join = sort + rows * (scan + 80 + 32 * (columns + 1)) + 30 * comparison::ROUND;
    let one_hot = n as u64 * (25 * d as u64 + 24 * columns + 100) + 20 * comparison::ROUND;
    join < one_hot
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    fn indices(d: usize, n: usize) -> impl Strategy<Value = Vec<i64>> {
        let edge = prop_oneof![Just(-1i64), Just(d as i64), -(1i64 << 40)..1 << 40];
        let index = prop_oneof![4 => 0..d as i64, 1 => edge];
        prop::collection::vec(index, 0..n)
    }

    proptest! {
        #[test]
        fn tables_are_read(
            (d, index) in (1usize..40).prop_flat_map(|d| (Just(d), indices(d, 50))), seed: u32,
        ) {
            let e = &mut Plain::new(8);
            let n = index.len();
            let shared = Words(index.iter().map(|&i| i as u64).collect());
            let z = one_hot(e, &shared, d).unwrap();
            prop_assert_eq!(z.len(), d);
            for (j, z) in z.iter().enumerate() {
                prop_assert_eq!(&z.0, &index.iter().map(|&i| u64::from(i == j as i64)).collect::<Vec<_>>());
            }
            let table: Vec<u64> = (0..d as u64).map(|j| (j + 1) * u64::from(seed)).collect();
            let truth: Vec<u64> =
                index.iter().map(|&i| usize::try_from(i).ok().and_then(|i| table.get(i)).copied().unwrap_or(0)).collect();
            prop_assert_eq!(&public_table(e, &table, &shared).unwrap().0, &truth);
            let columns = [&Words(table.clone()), &Words(count(d))];
            let got = shared_table(e, &columns, &shared).unwrap();
            prop_assert_eq!(&got[0].0, &truth);
            prop_assert_eq!(got[1].0.len(), n);
        }
    }

    #[test]
    fn a_large_table_is_joined() {
        let e = &mut Plain::new(8);
        let d = 3000;
        assert!(by_join(2000, d, 1));
        let table = Words((0..d as u64).map(|j| j * j).collect());
        let index: Vec<i64> = (0..2000).map(|i| (i * 37) % 3100 - 50).collect();
        let shared = Words(index.iter().map(|&i| i as u64).collect());
        let got = shared_table(e, &[&table], &shared).unwrap();
        for (&i, &g) in index.iter().zip(&got[0].0) {
            assert_eq!(g, if (0..d as i64).contains(&i) { (i * i) as u64 } else { 0 });
        }
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let e = &mut Plain::new(1);
        let index = Words(vec![0]);
        assert!(matches!(one_hot(e, &index, 0), Err(Error::Argument(_))));
        let (two, three) = (Words(vec![1, 2]), Words(vec![1, 2, 3]));
        assert!(matches!(shared_table(e, &[&two, &three], &index), Err(Error::Argument(_))));
    }
}
