//! The operations on tables, against the standard library.

use super::{Case, input, mix};
use crate::{
    engine::{Engine, RingShares},
    table::{
        filter::{self, Size},
        group::{self, Aggregate},
        histogram,
        join::{self, Kind, Side},
        lookup,
        order::Permutation,
        sort::{self, Key, comparison, radix},
        top::{self, Interpolation},
    },
};
use privity_core::Result;
use std::collections::BTreeMap;

/// A row: a code from -8 to 7, a number, and whether it counts.
pub type Row = (i64, i64, bool);

/// Three shared columns.
pub struct Columns<E: Engine> {
    a: E::Ring,
    b: E::Ring,
    valid: E::Ring,
}

impl<E: Engine> Columns<E> {
    /// Shares the columns, each from another party.
    pub fn input(e: &mut E, rows: &[Row]) -> Result<Self> {
        let column = |f: fn(&Row) -> u64| rows.iter().map(f).collect::<Vec<_>>();
        Ok(Self {
            a: input(e, 0, &column(|r| r.0 as u64))?,
            b: input(e, 1, &column(|r| r.1 as u64))?,
            valid: input(e, 2, &column(|r| u64::from(r.2)))?,
        })
    }
}

/// Something done with a table, and what must come of it.
pub struct Program<E: Engine> {
    /// What it does.
    pub name: &'static str,
    /// The work; the result is opened column by column.
    pub run: Run<E>,
    /// Asserts that the opened columns are right.
    pub check: fn(&[Row], &[Vec<i64>]),
}

/// Yields columns.
pub type Run<E> = fn(&mut E, &Columns<E>) -> Result<Vec<<E as Engine>::Ring>>;

/// All programs. They do what they say for any number of rows but none.
pub fn programs<E: Engine>() -> Vec<Program<E>> {
    let program = |name, run, check| Program { name, run, check };
    vec![
        program("radix sort", radix_sort, sorted),
        program("comparison sort", comparison_sort, sorted),
        program("sort by two wide keys", two_keys, sorted_by_two),
        program("permutations", permutations, unmoved),
        program("group by", grouped, groups),
        program("join", joined, joins),
        program("first rows and quantiles", ranked, ranks),
        program("counts and look-ups", counted, counts),
        program("compaction", compacted, compaction),
    ]
}

/// Rows with many equal codes, and numbers below 2^40.
pub fn rows(case: Case) -> Vec<Row> {
    (0..case.len)
        .map(|i| {
            let z = mix(case.seed ^ 0x7AB1E, i);
            ((z % 16) as i64 - 8, (z >> 4) as i64 >> 20 >> (z % 30), z >> 63 == 1)
        })
        .collect()
}

fn radix_sort<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    radix::permutation(e, &[Key::signed(&t.a, 4).descending()])?.apply(e, &[&t.a, &t.b])
}

fn comparison_sort<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    Ok(comparison::order_with(e, &[Key::signed(&t.a, 4).descending()], &[&t.b])?.1)
}

fn sorted(rows: &[Row], got: &[Vec<i64>]) {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|r| -r.0);
    assert_eq!(got, columns(&rows));
}

fn two_keys<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    sort::sort(e, &[Key::signed(&t.a, 62), Key::signed(&t.b, 62).descending()], &[])
}

fn sorted_by_two(rows: &[Row], got: &[Vec<i64>]) {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|r| (r.0, -r.1));
    assert_eq!(got, columns(&rows));
}

fn columns(rows: &[Row]) -> Vec<Vec<i64>> {
    vec![rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect()]
}

/// Moves the rows by a permutation, its inverse, and both.
fn permutations<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    let n = t.a.len();
    let positions: Vec<u64> = (0..n as u64).rev().collect();
    let reverse = Permutation::from_positions(e.public(&positions));
    let sigma = sort::order_by(e, &[Key::signed(&t.b, 42)])?.permutation(e)?;
    let both = sigma.compose(e, &reverse)?;
    let moved = both.apply(e, &[&t.a, &t.b])?;
    let back = both.invert(e)?.apply(e, &[&moved[0]])?;
    let same = both.apply_inverse(e, &[&moved[1]])?;
    Ok([back, same].concat())
}

fn unmoved(rows: &[Row], got: &[Vec<i64>]) {
    assert_eq!(got, columns(rows));
}

fn grouped<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    let aggregates = [
        Aggregate::Count,
        Aggregate::Sum(&t.b),
        Aggregate::Min(&t.b),
        Aggregate::Max(&t.b),
        Aggregate::First(&t.b),
        Aggregate::Last(&t.b),
        Aggregate::Mean(&t.b),
    ];
    let keys = [Key::signed(&t.a, 4)];
    let groups = group::group_by(e, &keys, Some(&t.valid), &aggregates, Size::AtMost(16))?;
    let distinct = group::distinct(e, &keys, Some(&t.valid))?;
    Ok([groups.keys, groups.values, vec![groups.valid, groups.lost, distinct]].concat())
}

fn groups(rows: &[Row], got: &[Vec<i64>]) {
    let mut truth = BTreeMap::<i64, Vec<i64>>::new();
    for r in rows.iter().filter(|r| r.2) {
        truth.entry(r.0).or_default().push(r.1);
    }
    let found = truth.len() as i64;
    assert_eq!([got[8].iter().sum::<i64>(), got[9][0], got[10][0]], [found, 0, found]);
    for (i, (a, b)) in truth.iter().enumerate() {
        let (n, sum) = (b.len() as i64, b.iter().sum::<i64>());
        let exact =
            [Some(a), Some(&n), Some(&sum), b.iter().min(), b.iter().max(), b.first(), b.last()];
        for (column, exact) in got.iter().zip(exact) {
            assert_eq!(Some(&column[i]), exact);
        }
        let mean = sum as f64 / n as f64;
        assert!((got[7][i] as f64 - mean).abs() <= 2.0, "mean {} for {mean}", got[7][i]);
    }
}

/// b of the last valid row with a' = -a, and whether there is none.
fn joined<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    let negated = t.a.neg();
    let (left, right) = ([Key::signed(&negated, 5)], [Key::signed(&t.a, 5)]);
    let columns = [&t.b];
    let probe = Side { keys: &left, columns: &[], valid: None };
    let lookup = Side { keys: &right, columns: &columns, valid: Some(&t.valid) };
    let inner = join::join(e, Kind::Inner, &probe, &lookup)?;
    let anti = join::join(e, Kind::Anti, &probe, &lookup)?;
    Ok([inner.columns, vec![inner.valid, anti.valid]].concat())
}

fn joins(rows: &[Row], got: &[Vec<i64>]) {
    for (i, row) in rows.iter().enumerate() {
        let hit = rows.iter().rev().find(|r| r.2 && r.0 == -row.0);
        let expected = hit.map_or([0, 0, 1], |r| [r.1, 1, 0]);
        assert_eq!([got[0][i], got[1][i], got[2][i]], expected, "row {i}");
    }
}

fn ranked<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    let key = Key::signed(&t.b, 42);
    let top = top::top_k(e, std::slice::from_ref(&key), Some(&t.valid), &[&t.a], 5)?;
    let median = top::quantiles(e, &key, &[0.5], Interpolation::Lower)?;
    let deciles = top::quantiles(e, &key, &[0.1, 0.5, 0.9], Interpolation::Linear)?;
    let valid = top::quantiles_of_valid(e, &key, &t.valid, &[0.25], Interpolation::Lower)?;
    Ok([top.columns, vec![top.valid, median, deciles, valid]].concat())
}

fn ranks(rows: &[Row], got: &[Vec<i64>]) {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|r| r.1);
    let valid: Vec<&Row> = sorted.iter().filter(|r| r.2).collect();
    for i in 0..rows.len().min(5) {
        let expected = valid.get(i).map_or([0, 0, 0], |r| [r.1, r.0, 1]);
        assert_eq!([got[0][i], got[1][i], got[2][i]], expected, "row {i} from the top");
    }
    let last = rows.len() - 1;
    assert_eq!(got[3][0], sorted[last / 2].1);
    for (p, &got) in [0.1, 0.5, 0.9].iter().zip(&got[4]) {
        let h = last as f64 * p;
        let (low, high) = (sorted[h as usize].1, sorted[(h as usize + 1).min(last)].1);
        let truth = low as f64 + (h - h.floor()) * (high - low) as f64;
        let slack = 1.001 + (high - low) as f64 / f64::from(1 << 20);
        assert!((got as f64 - truth).abs() <= slack, "{got} for {truth}");
    }
    if let Some(last) = valid.len().checked_sub(1) {
        assert_eq!(got[5][0], valid[last / 4].1);
    }
}

const EDGES: [i64; 4] = [-(1 << 40), 0, 1 << 20, 1 << 40];

fn counted<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    let bins = histogram::histogram(e, &t.b, &EDGES, None, Some(&t.valid))?;
    let table = histogram::contingency(e, (&t.a, 8), (&t.valid, 2), None, None)?;
    let squares: Vec<u64> = (0..8).map(|i| i * i).collect();
    let read = lookup::public_table(e, &squares, &t.a)?;
    let shared = e.public(&squares);
    let same = lookup::shared_table(e, &[&shared], &t.a)?;
    Ok([vec![bins, table, read], same].concat())
}

fn counts(rows: &[Row], got: &[Vec<i64>]) {
    let count = |keep: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| keep(r)).count() as i64;
    for (j, pair) in EDGES.windows(2).enumerate() {
        assert_eq!(got[0][j], count(&|r| r.2 && (pair[0]..pair[1]).contains(&r.1)), "bin {j}");
    }
    for (cell, got) in got[1].iter().enumerate() {
        let (a, v) = (cell / 2, cell % 2);
        assert_eq!(*got, count(&|r| r.0 == a as i64 && usize::from(r.2) == v), "cell {a}, {v}");
    }
    let squares: Vec<i64> = rows.iter().map(|r| if r.0 < 0 { 0 } else { r.0 * r.0 }).collect();
    assert_eq!((&got[2], &got[3]), (&squares, &squares));
}

fn compacted<E: Engine>(e: &mut E, t: &Columns<E>) -> Result<Vec<E::Ring>> {
    let kept = filter::compact(e, &[&t.b], &t.valid, Size::AtMost(7))?;
    Ok([kept.columns, vec![kept.valid, kept.lost]].concat())
}

fn compaction(rows: &[Row], got: &[Vec<i64>]) {
    let kept: Vec<i64> = rows.iter().filter(|r| r.2).map(|r| r.1).collect();
    let padded: Vec<i64> = kept.iter().copied().chain([0; 7]).take(rows.len().min(7)).collect();
    assert_eq!(got[0], padded);
    assert_eq!(got[1].iter().sum::<i64>(), kept.len().min(7) as i64);
    assert_eq!(got[2][0], kept.len().saturating_sub(7) as i64);
}
