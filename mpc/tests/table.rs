//! Tables on engine `rep3`: the same results as the standard library, the same
//! at all parties, and the bytes and rounds that `shape` says.
//!
//! Programs are generic over the engine; `run` is where the engine is chosen.
#![allow(clippy::expect_used)] // a failed expectation fails the test

use privity_core::Result;
use privity_mpc::{
    engine::{Engine, Recipients, RingShares},
    rep3::{self, Rep3Cost},
    shape::Shape,
    table::{
        filter::{self, Size},
        group::{self, Aggregate},
        histogram,
        join::{self, Kind, Side},
        lookup,
        sort::{self, Key, radix},
        top::{self, Interpolation},
    },
};
use proptest::prelude::*;

type Opened = Vec<Option<Vec<u64>>>;

/// What to do with two shared columns, a (codes from -8 to 7) and b (words), and
/// a column of bits.
trait Program: Sync {
    fn run<E: Engine>(
        &self,
        e: &mut E,
        a: &E::Ring,
        b: &E::Ring,
        v: &E::Ring,
    ) -> Result<Vec<E::Ring>>;
}

fn open_all<E: Engine>(e: &mut E, columns: &[E::Ring]) -> Result<Opened> {
    columns.iter().map(|c| e.open(c, Recipients::All)).collect()
}

fn whole<E: Engine>(e: &mut E, program: &impl Program, rows: &[Row]) -> Result<Opened> {
    let column = |e: &mut E, owner: usize, f: fn(&Row) -> u64| {
        let values: Vec<u64> = rows.iter().map(f).collect();
        e.input(owner, (e.me() == owner).then_some(&values[..]), rows.len())
    };
    let a = column(e, 0, |r| r.0 as u64)?;
    let b = column(e, 1, |r| r.1 as u64)?;
    let v = column(e, 2, |r| u64::from(r.2))?;
    let result = program.run(e, &a, &b, &v)?;
    open_all(e, &result)
}

type Row = (i64, i64, bool);

/// Runs at all parties; the result, as signed numbers.
fn run(program: &impl Program, rows: &[Row]) -> Vec<Vec<i64>> {
    let results = rep3::run_local(|e| {
        let opened = whole(e, program, rows)?;
        Ok((opened, e.mesh().meter().sent(), e.mesh().clock()))
    })
    .expect("three honest parties");
    for (me, result) in results.iter().enumerate() {
        let mut shape = Shape::new(me, Rep3Cost);
        whole(&mut shape, program, rows).expect("shape");
        let cost = shape.cost();
        // The set-up sends one key of 16 bytes in one round.
        assert_eq!(cost.sent[me] + 16, result.1, "bytes of party {me}");
        assert_eq!(cost.rounds[me] + 1, result.2, "rounds of party {me}");
        assert_eq!(result.0, results[0].0, "results of party {me}");
    }
    let [(opened, ..), ..] = results;
    let signed = |column: Option<Vec<u64>>| {
        column.expect("opened to all").into_iter().map(|x| x as i64).collect()
    };
    opened.into_iter().map(signed).collect()
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((-8i64..8, -(1i64 << 40)..1 << 40, any::<bool>()), 1..most)
}

fn split(rows: &[&Row]) -> (Vec<i64>, Vec<i64>) {
    (rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect())
}

struct Sorts {
    radix: bool,
}

impl Program for Sorts {
    fn run<E: Engine>(
        &self,
        e: &mut E,
        a: &E::Ring,
        b: &E::Ring,
        _: &E::Ring,
    ) -> Result<Vec<E::Ring>> {
        let keys = [Key::signed(a, 4).descending()];
        if self.radix {
            return radix::permutation(e, &keys)?.apply(e, &[a, b]);
        }
        Ok(sort::comparison::order_with(e, &keys, &[b])?.1)
    }
}

struct TwoWords;

impl Program for TwoWords {
    fn run<E: Engine>(
        &self,
        e: &mut E,
        a: &E::Ring,
        b: &E::Ring,
        _: &E::Ring,
    ) -> Result<Vec<E::Ring>> {
        sort::sort(e, &[Key::signed(a, 62), Key::signed(b, 62).descending()], &[])
    }
}

struct Grouped;

impl Program for Grouped {
    fn run<E: Engine>(
        &self,
        e: &mut E,
        a: &E::Ring,
        b: &E::Ring,
        v: &E::Ring,
    ) -> Result<Vec<E::Ring>> {
        let aggregates = [
            Aggregate::Count,
            Aggregate::Sum(b),
            Aggregate::Min(b),
            Aggregate::Max(b),
            Aggregate::Mean(b),
        ];
        let groups =
            group::group_by(e, &[Key::signed(a, 4)], Some(v), &aggregates, Size::AtMost(16))?;
        Ok([groups.keys, groups.values, vec![groups.valid, groups.lost]].concat())
    }
}

/// b of the last valid row with a = -a, by a join of the table with itself.
struct Joins;

impl Program for Joins {
    fn run<E: Engine>(
        &self,
        e: &mut E,
        a: &E::Ring,
        b: &E::Ring,
        v: &E::Ring,
    ) -> Result<Vec<E::Ring>> {
        let negated = RingShares::neg(a);
        let (left, right) = ([Key::signed(&negated, 5)], [Key::signed(a, 5)]);
        let columns = [b];
        let probe = Side { keys: &left, columns: &[], valid: None };
        let lookup = Side { keys: &right, columns: &columns, valid: Some(v) };
        let joined = join::join(e, Kind::Left, &probe, &lookup)?;
        Ok(vec![joined.columns[0].clone(), joined.matched])
    }
}

struct Firsts;

impl Program for Firsts {
    fn run<E: Engine>(
        &self,
        e: &mut E,
        a: &E::Ring,
        b: &E::Ring,
        v: &E::Ring,
    ) -> Result<Vec<E::Ring>> {
        let key = Key::signed(b, 42);
        let top = top::top_k(e, &[key.clone()], Some(v), &[a], 5)?;
        let median = top::quantiles(e, &key, &[0.5], Interpolation::Lower)?;
        let three = top::quantiles(e, &key, &[0.1, 0.5, 0.9], Interpolation::Linear)?;
        let valid = top::quantiles_of_valid(e, &key, v, &[0.25], Interpolation::Lower)?;
        Ok([top.columns, vec![top.valid, median, three, valid]].concat())
    }
}

struct Counts;

impl Program for Counts {
    fn run<E: Engine>(
        &self,
        e: &mut E,
        a: &E::Ring,
        b: &E::Ring,
        v: &E::Ring,
    ) -> Result<Vec<E::Ring>> {
        let bins = histogram::histogram(e, b, &[-(1 << 40), 0, 1 << 20, 1 << 40], None, Some(v))?;
        let table = histogram::contingency(e, (a, 8), (v, 2), None, None)?;
        let squares: Vec<u64> = (0..8).map(|i| i * i).collect();
        let read = lookup::public_table(e, &squares, a)?;
        let shared = e.public(&squares);
        let same = lookup::shared_table(e, &[&shared], a)?;
        let kept = filter::compact(e, &[b], v, Size::AtMost(7))?;
        Ok([vec![bins, table, read], same, kept.columns, vec![kept.valid, kept.lost]].concat())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn sorting(rows in prop_oneof![rows(100), rows(1500)]) {
        let mut sorted: Vec<&Row> = rows.iter().collect();
        sorted.sort_by_key(|r| -r.0);
        let (a, b) = split(&sorted);
        for radix in [false, true] {
            let got = run(&Sorts { radix }, &rows);
            prop_assert_eq!((&got[0], &got[1]), (&a, &b));
        }
        sorted.sort_by_key(|r| (r.0, -r.1));
        let (a, b) = split(&sorted);
        prop_assert_eq!(run(&TwoWords, &rows), vec![a, b]);
    }

    #[test]
    fn grouping(rows in rows(60)) {
        let got = run(&Grouped, &rows);
        let mut truth = std::collections::BTreeMap::<i64, Vec<i64>>::new();
        for r in rows.iter().filter(|r| r.2) {
            truth.entry(r.0).or_default().push(r.1);
        }
        prop_assert_eq!(got[6].iter().sum::<i64>() as usize, truth.len());
        prop_assert_eq!(got[7][0], 0);
        for (i, (a, b)) in truth.iter().enumerate() {
            let (sum, n) = (b.iter().sum::<i64>(), b.len() as i64);
            let (min, max) = (b.iter().min().expect("rows"), b.iter().max().expect("rows"));
            prop_assert_eq!([got[0][i], got[1][i], got[2][i], got[3][i], got[4][i]], [*a, n, sum, *min, *max]);
            prop_assert!((got[5][i] as f64 - sum as f64 / n as f64).abs() <= 2.0);
        }
    }

    #[test]
    fn joining(rows in rows(60)) {
        let got = run(&Joins, &rows);
        for (i, row) in rows.iter().enumerate() {
            let hit = rows.iter().rev().find(|r| r.2 && r.0 == -row.0);
            prop_assert_eq!((got[0][i], got[1][i]), hit.map_or((0, 0), |r| (r.1, 1)));
        }
    }

    #[test]
    fn first_rows_and_quantiles(rows in prop_oneof![rows(60), rows(5000)]) {
        let got = run(&Firsts, &rows);
        let mut sorted: Vec<&Row> = rows.iter().collect();
        sorted.sort_by_key(|r| r.1);
        let valid: Vec<&&Row> = sorted.iter().filter(|r| r.2).collect();
        for i in 0..rows.len().min(5) {
            let want = valid.get(i).map_or((0, 0, 0), |r| (r.1, r.0, 1));
            prop_assert_eq!((got[0][i], got[1][i], got[2][i]), want);
        }
        let h = |n: usize, p: f64| (n - 1) as f64 * p;
        prop_assert_eq!(got[3][0], sorted[h(sorted.len(), 0.5) as usize].1);
        for (p, &got) in [0.1, 0.5, 0.9].iter().zip(&got[4]) {
            let h = h(sorted.len(), *p);
            let (low, high) = (sorted[h as usize].1, sorted[(h as usize + 1).min(sorted.len() - 1)].1);
            let truth = low as f64 + (h - h.floor()) * (high - low) as f64;
            let slack = 1.001 + (high - low) as f64 / f64::from(1 << 20);
            prop_assert!((got as f64 - truth).abs() <= slack, "{got} for {truth}");
        }
        if let Some(n) = valid.len().checked_sub(1) {
            prop_assert_eq!(got[5][0], valid[n / 4].1);
        }
    }

    #[test]
    fn counting(rows in rows(150)) {
        let got = run(&Counts, &rows);
        let count = |keep: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| keep(r)).count() as i64;
        let edges = [-(1i64 << 40), 0, 1 << 20, 1 << 40];
        for (j, pair) in edges.windows(2).enumerate() {
            prop_assert_eq!(got[0][j], count(&|r| r.2 && (pair[0]..pair[1]).contains(&r.1)));
        }
        for a in 0..8 {
            for v in 0..2 {
                prop_assert_eq!(got[1][2 * a + v], count(&|r| r.0 == a as i64 && usize::from(r.2) == v));
            }
        }
        let squares: Vec<i64> = rows.iter().map(|r| if r.0 < 0 { 0 } else { r.0 * r.0 }).collect();
        prop_assert_eq!((&got[2], &got[3]), (&squares, &squares));
        let kept: Vec<i64> = rows.iter().filter(|r| r.2).map(|r| r.1).chain([0; 7]).take(rows.len().min(7)).collect();
        prop_assert_eq!(&got[4], &kept);
        prop_assert_eq!(got[6][0], (count(&|r| r.2) - 7).max(0));
    }
}
