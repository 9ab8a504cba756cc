//! The table in `docs/tables.md` is what `shape` computes.
//! `PRIVITY_UPDATE=1 cargo test -p privity-mpc --test table_costs` writes it anew.
#![allow(clippy::expect_used)] // a failed expectation fails the test

mod document;

use privity_core::Result;
use privity_mpc::{
    engine::RingShares,
    rep3::Rep3Cost,
    shape::{Length, Shape},
    table::{
        filter::{self, Size},
        group::{self, Aggregate},
        histogram,
        join::{self, Kind, Side},
        lookup,
        order::Permutation,
        scan::{self, Scan},
        sort::{self, Key, comparison, radix},
        top::{self, Interpolation},
    },
};
use std::fmt::Write as _;

const N: usize = 100_000;

type Column = Length<u64>;
type Operation = fn(&mut Shape, &Column) -> Result<()>;

fn key(x: &Column, width: u32) -> Key<'_, Shape> {
    Key::unsigned(x, width)
}

const OPERATIONS: [(&str, Operation); 23] = [
    ("sort, one payload (2)", |e, x| sort::sort(e, &[key(x, 2)], &[x]).map(drop)),
    ("sort, one payload (8)", |e, x| sort::sort(e, &[key(x, 8)], &[x]).map(drop)),
    ("sort, one payload (32)", |e, x| sort::sort(e, &[key(x, 32)], &[x]).map(drop)),
    ("sort, one payload (20 and 20)", |e, x| {
        sort::sort(e, &[key(x, 20), key(x, 20)], &[x]).map(drop)
    }),
    ("sort, one payload (62)", |e, x| sort::sort(e, &[key(x, 62)], &[x]).map(drop)),
    ("radix sort, order only (32)", |e, x| radix::permutation(e, &[key(x, 32)]).map(drop)),
    ("comparison sort, one payload (8)", |e, x| {
        comparison::order_with(e, &[key(x, 8)], &[x]).map(drop)
    }),
    ("move a column by an order", |e, x| {
        let order = Permutation::from_positions(*x).order(e)?;
        order.apply(e, &[x]).map(drop)
    }),
    ("first 10 rows, one payload (32)", |e, x| {
        top::top_k(e, &[key(x, 32)], None, &[x], 10).map(drop)
    }),
    ("median (32)", |e, x| top::quantiles(e, &key(x, 32), &[0.5], Interpolation::Linear).map(drop)),
    ("quartiles (32)", |e, x| {
        top::quantiles(e, &key(x, 32), &[0.25, 0.5, 0.75], Interpolation::Linear).map(drop)
    }),
    ("quartiles of valid rows (32)", |e, x| {
        let levels = [0.25, 0.5, 0.75];
        top::quantiles_of_valid(e, &key(x, 32), x, &levels, Interpolation::Linear).map(drop)
    }),
    ("compaction of two columns to half", |e, x| {
        filter::compact(e, &[x, x], x, Size::AtMost(N / 2)).map(drop)
    }),
    ("running sum in groups", |e, x| scan::scan(e, x, &[Scan::Sum(x)]).map(drop)),
    ("running maximum in groups", |e, x| scan::scan(e, x, &[Scan::Max(x)]).map(drop)),
    ("group by (32): count and sum, in place", |e, x| {
        let aggregates = [Aggregate::Count, Aggregate::Sum(x)];
        group::group_by(e, &[key(x, 32)], None, &aggregates, Size::InPlace).map(drop)
    }),
    ("group by (8): count, mean, min and max, at most 256 groups", |e, x| {
        let aggregates =
            [Aggregate::Count, Aggregate::Mean(x), Aggregate::Min(x), Aggregate::Max(x)];
        group::group_by(e, &[key(x, 8)], None, &aggregates, Size::AtMost(256)).map(drop)
    }),
    ("distinct values (32)", |e, x| group::distinct(e, &[key(x, 32)], None).map(drop)),
    ("inner join of as many rows (32), one column", |e, x| {
        let (keys, columns) = ([key(x, 32)], [x]);
        let probe = Side { keys: &keys, columns: &[], valid: None };
        let lookup = Side { keys: &keys, columns: &columns, valid: None };
        join::join(e, Kind::Inner, &probe, &lookup).map(drop)
    }),
    ("histogram of 10 bins", |e, x| {
        let edges: Vec<i64> = (0..11).collect();
        histogram::histogram(e, x, &edges, None, None).map(drop)
    }),
    ("contingency table, 10 x 5", |e, x| {
        histogram::contingency(e, (x, 10), (x, 5), None, None).map(drop)
    }),
    ("look-up in a public table of 100", |e, x| lookup::public_table(e, &[0; 100], x).map(drop)),
    ("look-up in a shared table of 100", |e, x| {
        let table = Length::zeros(100);
        lookup::shared_table(e, &[&table], x).map(drop)
    }),
];

fn table() -> String {
    let mut out = String::from("| operation | bytes per row | MB | rounds |\n|---|---|---|---|\n");
    for (name, operation) in OPERATIONS {
        let mut shape = Shape::new(0, Rep3Cost);
        operation(&mut shape, &Length::zeros(N)).expect("no messages, no errors");
        let cost = shape.cost();
        let rounds = cost.rounds.iter().max().expect("a party");
        let (per_row, total) = (cost.bytes() as f64 / N as f64, cost.bytes() as f64 / 1e6);
        writeln!(out, "| {name} | {per_row:.0} | {total:.1} | {rounds} |").expect("a string");
    }
    out
}

#[test]
fn the_document_is_up_to_date() {
    document::holds("tables.md", "costs tables rep3", &table());
}
