//! Engine `rep3m` against plain arithmetic, and against its cost formulas.
#![allow(clippy::expect_used)] // a failed expectation fails the test

mod arithmetic;
mod document;

use arithmetic::*;
use privity_core::{Mesh, Result, bits};
use privity_mpc::{
    engine::{Dims, Engine, Recipients, RingShares},
    rep3m::{self, Rep3m, Rep3mCost},
    shape::Shape,
};
use proptest::prelude::*;

struct Malicious;

impl Subject for Malicious {
    type Engine = Rep3m;
    const CASES: u32 = 10;

    fn run<T: Send>(program: impl Fn(&mut Rep3m) -> Result<T> + Sync) -> Result<[T; 3]> {
        rep3m::run_local(program)
    }
    fn mesh(e: &Rep3m) -> &Mesh {
        e.mesh()
    }
    fn shape(me: usize) -> Shape {
        Shape::new(me, Rep3mCost::default())
    }
}

suite!(Malicious);

/// Logs that are verified before anything is opened because they are full.
#[test]
fn full_logs_are_verified_on_the_way() {
    let n = 300_000;
    let (x, y) = (numbers(1, n), numbers(2, n));
    let less: Vec<bool> = x.iter().zip(&y).map(|(&a, &b)| (a.wrapping_sub(b) as i64) < 0).collect();
    assert_eq!(both::<Malicious, _>(&x, &y, Sign {}), Some(bits::pack(&less)));
    let z = both::<Malicious, _>(&x, &[], Truncate { bits: 9 }).expect("opened");
    assert!(z.iter().zip(&x).all(|(&z, &x)| in_ulp(z, i128::from(x as i64), 9)));
    let (x, y) = (numbers(3, 4 * n), numbers(4, 4 * n));
    let products: Vec<u64> = x
        .chunks(2)
        .zip(y.chunks(2))
        .map(|(x, y)| x[0].wrapping_mul(y[0]).wrapping_add(x[1].wrapping_mul(y[1])))
        .collect();
    assert_eq!(both::<Malicious, _>(&x, &y, Product { group: 2, trunc: 0 }), Some(products));
}

/// What a check costs after some work, for the document.
fn checks() -> String {
    use std::fmt::Write as _;
    type Work = fn(&mut Shape, &Words) -> Result<()>;
    type Words = <Shape as Engine>::Ring;
    const M: usize = 1_000_000;
    let works: [(&str, Work); 7] = [
        ("nothing", |_, _| Ok(())),
        ("10 products", |e, x| e.mul(&x.slice(0..10), &x.slice(0..10), 0).map(drop)),
        ("1,000 products", |e, x| e.mul(&x.slice(0..1000), &x.slice(0..1000), 0).map(drop)),
        ("1,000,000 products", |e, x| e.mul(x, x, 0).map(drop)),
        ("1,000 comparisons", |e, x| e.is_negative(&x.slice(0..1000)).map(drop)),
        ("200,000 comparisons", |e, x| e.is_negative(&x.slice(0..200_000)).map(drop)),
        ("a matrix product 1000 x 1000 x 1000", |e, x| {
            e.matmul(x, x, Dims { m: 1000, k: 1000, n: 1000 }, 0).map(drop)
        }),
    ];
    let mut out = String::from("| opened after | bytes, all parties | rounds |\n|---|---|---|\n");
    for (name, work) in works {
        let mut shape = Shape::new(0, Rep3mCost::default());
        let x = shape.public(&vec![0; M]);
        work(&mut shape, &x).expect("shape");
        let before = shape.cost();
        shape.open(&x.slice(0..1), Recipients::All).expect("shape");
        let after = shape.cost();
        let bytes = after.bytes() - before.bytes();
        let rounds =
            after.rounds.iter().max().expect("three") - before.rounds.iter().max().expect("three");
        writeln!(out, "| {name} | {bytes} | {rounds} |").expect("a string");
    }
    out
}

#[test]
fn the_document_is_up_to_date() {
    document::holds("rep3m.md", "checks", &checks());
}
