//! The tables in `docs/protocols.md` are what `shape` computes.
//! `PRIVITY_UPDATE=1 cargo test -p privity-mpc --test costs` writes them anew.
#![allow(clippy::expect_used)] // a failed expectation fails the test

mod document;

use privity_core::Result;
use privity_mpc::{
    additive::{AdditiveCost, Plan, Profile},
    engine::{Dims, Engine, Recipients, RingShares},
    rep3::Rep3Cost,
    rep3m::Rep3mCost,
    shamir::{Security, ShamirCost},
    shape::{Length, Shape},
};
use std::fmt::Write as _;

const N: usize = 1_000_000;

type Model = fn() -> Shape;

/// Every engine with a table in the document.
const ENGINES: [(&str, Model); 8] = [
    ("rep3", || Shape::new(0, Rep3Cost)),
    ("rep3m", || Shape::new(0, Rep3mCost::default())),
    ("additive online", || Shape::new(0, AdditiveCost::online(2))),
    ("additive LAN", || Shape::new(0, AdditiveCost::prepared(2, Profile::LAN, Plan::new()))),
    ("additive WAN", || Shape::new(0, AdditiveCost::prepared(2, Profile::WAN, Plan::new()))),
    ("shamir 3", || Shape::new(0, ShamirCost::new(3, 1, Security::SemiHonest))),
    ("shamir 3 malicious", || Shape::new(0, ShamirCost::new(3, 1, Security::Malicious))),
    ("shamir 10", || Shape::new(0, ShamirCost::new(10, 4, Security::SemiHonest))),
];

/// Vectors of N elements.
struct Operands {
    x: Length<u64>,
    wide: Length<u128>,
    bits: Length<bool>,
    /// Dealt words for each element.
    dealt: usize,
}

type Operation = fn(&mut Shape, &Operands) -> Result<()>;

const OPERATIONS: [(&str, Operation); 21] = [
    ("input by a computing party", |e, _| e.input(0, None, N).map(drop)),
    ("import from an outside owner", |e, o| e.import(&vec![0; N * o.dealt]).map(drop)),
    ("open to all", |e, o| e.open(&o.x, Recipients::All).map(drop)),
    ("open to one", |e, o| e.open(&o.x, Recipients::Only(&[0])).map(drop)),
    ("product", |e, o| e.mul(&o.x, &o.x, 0).map(drop)),
    ("product with truncation by 20 bits", |e, o| e.mul(&o.x, &o.x, 20).map(drop)),
    ("matrix product, truncated", |e, o| {
        e.matmul(&o.x, &o.x, Dims { m: 1000, k: 1000, n: 1000 }, 20).map(drop)
    }),
    ("inner product of two vectors", |e, o| e.dot(&o.x, &o.x, N, 20).map(drop)),
    ("truncation by 20 bits", |e, o| e.truncate(&o.x, 20).map(drop)),
    ("AND of two bit vectors", |e, o| e.and(&o.bits, &o.bits).map(drop)),
    ("sign or less-than, as bits", |e, o| e.is_negative(&o.x).map(drop)),
    ("sign or less-than, as numbers", |e, o| {
        let b = e.is_negative(&o.x)?;
        e.bit_to_ring(&b).map(drop)
    }),
    ("equality, as bits", |e, o| e.is_zero(&o.x).map(drop)),
    ("all 64 bits", |e, o| e.to_bits(&o.x, 64).map(drop)),
    ("the low 32 bits", |e, o| e.to_bits(&o.x, 32).map(drop)),
    ("a bit as a number", |e, o| e.bit_to_ring(&o.bits).map(drop)),
    ("random bits", |e, _| e.random_bits(N).map(drop)),
    ("widening to 128 bits", |e, o| e.widen(&o.x).map(drop)),
    ("wide product", |e, o| e.dot_wide(&o.wide, &o.wide, 1).map(drop)),
    ("wide truncation by 20 bits", |e, o| e.truncate_wide(&o.wide, 20).map(drop)),
    ("shuffle of one column", |e, o| {
        let p = e.random_permutation(N)?;
        e.shuffle(&p, &[&o.x]).map(drop)
    }),
];

fn table(new: fn() -> Shape) -> String {
    let mut out = String::from(
        "| operation | bytes sent by each party | all, MB | rounds |\n|---|---|---|---|\n",
    );
    for (name, operation) in OPERATIONS {
        let mut shape = new();
        let operands = Operands {
            x: Length::zeros(N),
            wide: Length::zeros(N),
            bits: shape.random_bits(N).expect("shape"),
            dealt: shape.export(&Length::zeros(1)).expect("shape").len(),
        };
        let mut shape = new();
        operation(&mut shape, &operands).expect("no messages, no errors");
        let cost = shape.cost();
        let sent: Vec<String> = cost.sent.iter().map(u64::to_string).collect();
        let rounds = cost.rounds.iter().max().expect("a party");
        let (sent, total) = (sent.join(" + "), cost.bytes() as f64 / 1e6);
        writeln!(out, "| {name} | {sent} | {total:.1} | {rounds} |").expect("a string");
    }
    out
}

#[test]
fn the_document_is_up_to_date() {
    for (engine, new) in ENGINES {
        document::holds("protocols.md", &format!("costs {engine}"), &table(new));
    }
}
