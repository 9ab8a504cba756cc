//! The table in `docs/protocols.md` is what `shape` computes.
//! `PRIVITY_UPDATE=1 cargo test -p privity-mpc --test costs` writes it anew.
#![allow(clippy::expect_used)] // a failed expectation fails the test

use privity_core::Result;
use privity_mpc::{
    engine::{Dims, Engine, Recipients, RingShares},
    shape::{Length, Shape},
};
use std::fmt::Write as _;

type Operation = fn(&mut Shape, &Length) -> Result<()>;

const N: usize = 1_000_000;

const OPERATIONS: [(&str, Operation); 14] = [
    ("input by a computing party", |e, _| e.input(0, None, N).map(drop)),
    ("import from an outside owner", |e, _| e.import(&vec![0; N]).map(drop)),
    ("open to all", |e, x| e.open(x, Recipients::All).map(drop)),
    ("open to one", |e, x| e.open(x, Recipients::Only(&[0])).map(drop)),
    ("product", |e, x| e.mul(x, x, 0).map(drop)),
    ("product with truncation by 20 bits", |e, x| e.mul(x, x, 20).map(drop)),
    ("matrix product, truncated", |e, x| {
        e.matmul(x, x, Dims { m: 1000, k: 1000, n: 1000 }, 20).map(drop)
    }),
    ("inner product of two vectors", |e, x| e.dot(x, x, N, 20).map(drop)),
    ("truncation by 20 bits", |e, x| e.truncate(x, 20).map(drop)),
    ("AND of two bit vectors", |e, x| e.and(x, x).map(drop)),
    ("sign or less-than, as bits", |e, x| e.is_negative(x).map(drop)),
    ("sign or less-than, as numbers", |e, x| {
        let b = e.is_negative(x)?;
        e.bit_to_ring(&b).map(drop)
    }),
    ("equality, as bits", |e, x| e.is_zero(x).map(drop)),
    ("all 64 bits", |e, x| e.to_bits(x).map(drop)),
];

fn table() -> String {
    let mut out = String::from(
        "| operation of `rep3` | bytes sent by party 0 | 1 | 2 | all, MB | rounds |\n|---|---|---|---|---|---|\n",
    );
    for (name, operation) in OPERATIONS {
        let mut shape = Shape::new(0);
        operation(&mut shape, &Length::zeros(N)).expect("no messages, no errors");
        let cost = shape.cost();
        let [a, b, c] = cost.sent;
        let rounds = cost.rounds.into_iter().max().unwrap_or(0);
        let total = cost.bytes() as f64 / 1e6;
        writeln!(out, "| {name} | {a} | {b} | {c} | {total:.1} | {rounds} |").expect("a string");
    }
    out
}

#[test]
fn the_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocols.md");
    let text = std::fs::read_to_string(path).expect("docs/protocols.md");
    let (head, rest) = text.split_once("<!-- costs -->\n").expect("a place for the table");
    let (old, tail) = rest.split_once("<!-- /costs -->").expect("its end");
    let new = table();
    if std::env::var_os("PRIVITY_UPDATE").is_some() {
        let text = format!("{head}<!-- costs -->\n{new}<!-- /costs -->{tail}");
        std::fs::write(path, text).expect("docs/protocols.md");
    } else {
        assert_eq!(old, new, "run with PRIVITY_UPDATE=1");
    }
}
