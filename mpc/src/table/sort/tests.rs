#![allow(clippy::unwrap_used)]

use super::*;
use crate::plain::{Plain, Words};
use proptest::prelude::*;

/// A key column with its declared range.
#[derive(Clone, Debug)]
struct Column {
    values: Vec<i64>,
    width: u32,
    signed: bool,
    descending: bool,
}

/// Columns of `n` rows: few or many different values, extremes included.
fn column(n: usize) -> impl Strategy<Value = Column> {
    (1u32..=62, any::<bool>(), any::<bool>(), any::<bool>()).prop_flat_map(
        move |(width, signed, descending, few)| {
            let half = if signed { 1i64 << (width - 1) } else { 0 };
            let top = ((1u64 << width) - 1) as i64 - half;
            let value = prop_oneof![Just(-half), Just(top), -half..=top];
            let value = value.prop_map(move |v| if few { v.clamp(-half, -half + 1) } else { v });
            prop::collection::vec(value, n).prop_map(move |values| Column {
                values,
                width,
                signed,
                descending,
            })
        },
    )
}

fn words(values: &[i64]) -> Words {
    Words(values.iter().map(|&v| v as u64).collect())
}

/// The rows in order, by the standard library.
fn reference(columns: &[Column], n: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..n).collect();
    rows.sort_by(|&a, &b| {
        columns.iter().fold(std::cmp::Ordering::Equal, |so_far, c| {
            let order = c.values[a].cmp(&c.values[b]);
            so_far.then(if c.descending { order.reverse() } else { order })
        })
    });
    rows
}

type Sorted = (Order<Plain>, Vec<Words>);

fn check(
    columns: &[Column],
    n: usize,
    by: impl Fn(&mut Plain, &[Key<'_, Plain>], &Words) -> Sorted,
) {
    let shared: Vec<Words> = columns.iter().map(|c| words(&c.values)).collect();
    let keys: Vec<Key<'_, Plain>> = shared
        .iter()
        .zip(columns)
        .map(|(column, c)| {
            let key = if c.signed {
                Key::signed(column, c.width)
            } else {
                Key::unsigned(column, c.width)
            };
            if c.descending { key.descending() } else { key }
        })
        .collect();
    let payload = Words((0..n as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect());
    let e = &mut Plain::new(7);
    let (order, sorted) = by(e, &keys, &payload);
    let expected = reference(columns, n);
    for (column, sorted) in shared.iter().chain([&payload]).zip(&sorted) {
        assert_eq!(sorted.0, expected.iter().map(|&r| column.0[r]).collect::<Vec<_>>());
    }
    let back = order.undo(e, &[&sorted[0]]).unwrap();
    assert_eq!(back[0].0, shared[0].0);
}

fn both(columns: &[Column], n: usize) {
    check(columns, n, |e, keys, p| comparison::order_with(e, keys, &[p]).unwrap());
    check(columns, n, |e, keys, p| {
        let columns: Vec<&Words> = keys.iter().map(|k| k.column).chain([p]).collect();
        radix::order_with(e, keys, &columns).unwrap()
    });
    check(columns, n, |e, keys, p| sort_with_order(e, keys, &[p]).unwrap());
}

proptest! {
    #[test]
    fn rows_come_in_the_stable_order(
        (n, columns) in (0usize..120).prop_flat_map(|n| (Just(n), prop::collection::vec(column(n), 1..4))),
    ) {
        both(&columns, n);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Enough rows for pivots, and for pivots of pivots.
    #[test]
    fn many_rows(
        (n, columns) in prop_oneof![Just(511usize), Just(512), 513usize..3000, 8192usize..12_000]
            .prop_flat_map(|n| (Just(n), prop::collection::vec(column(n), 1..3))),
    ) {
        both(&columns, n);
    }
}

#[test]
fn wrong_arguments_are_errors() {
    let e = &mut Plain::new(1);
    let (two, three) = (Words(vec![1, 2]), Words(vec![1, 2, 3]));
    for keys in [
        vec![],
        vec![Key::signed(&two, 8), Key::signed(&three, 8)],
        vec![Key::signed(&two, 63)],
        vec![Key::unsigned(&two, 0)],
    ] {
        assert!(matches!(sort(e, &keys, &[]), Err(Error::Argument(_))));
    }
    assert!(matches!(sort(e, &[Key::signed(&two, 8)], &[&three]), Err(Error::Argument(_))));
}

/// What is opened is the permutation `from` of an order: uniform whatever the
/// keys are, ties included. Fixed seeds; chi-square with 23 degrees of freedom
/// exceeds 60 with a probability of 4e-5.
#[test]
fn opened_permutations_do_not_depend_on_the_keys() {
    for keys in [[0i64, 0, 0, 0], [0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 1, 0]] {
        let column = words(&keys);
        for radix in [false, true] {
            let mut counts = std::collections::BTreeMap::new();
            for seed in 0..12_000u64 {
                let e = &mut Plain::new(seed.wrapping_mul(0x0123_4567_89AB_CDEF));
                let key = [Key::unsigned(&column, 2)];
                let order = if radix {
                    radix::order_with(e, &key, &[]).unwrap().0
                } else {
                    comparison::order_with(e, &key, &[]).unwrap().0
                };
                *counts.entry(order.opened().to_vec()).or_insert(0u32) += 1;
            }
            let chi: f64 = counts.values().map(|&c| (f64::from(c) - 500.0).powi(2) / 500.0).sum();
            assert!(counts.len() == 24 && chi < 60.0, "{keys:?}, radix {radix}: {chi}");
        }
    }
}
