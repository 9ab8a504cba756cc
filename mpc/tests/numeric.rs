//! The table in `docs/numeric.md`: the largest error of each function against
//! f64, and what it costs on `rep3`.
//! `PRIVITY_UPDATE=1 cargo test -p privity-mpc --test numeric` writes it anew.
//!
//! Errors are measured on the engine that checks every range, on a spread of
//! arguments with the edges: 0, +-1, the smallest and the largest, powers of
//! two and their neighbours. Costs come from the cost engine. The real engines
//! run the same functions in `laws.rs`.
#![allow(clippy::expect_used)] // a failed expectation fails the test

#[allow(dead_code, unreachable_pub)]
#[path = "../src/plain.rs"]
mod plain;

mod document;

use plain::{Plain, Words};
use privity_mpc::{
    engine::RingShares,
    laws::numeric::{Function, apply, arguments, functions, real},
    rep3::Rep3Cost,
    shape::{Length, Shape},
};
use std::fmt::Write as _;

/// Elements when costs are counted: a multiple of all block sizes.
const N: usize = 1 << 16;

/// The largest absolute error, and the largest relative to max(|f|, 1); asserts
/// what is stated.
fn errors(function: &Function) -> (f64, f64) {
    let words = arguments(function);
    let x = Words(words.iter().map(|&w| w as u64).collect());
    let y = apply(&mut Plain::new(11), function.name, &x).expect(function.name);
    let (mut absolute, mut relative) = (0f64, 0f64);
    for (x, y) in words.iter().zip(&y.0) {
        let (error, stated) = function.error(*x, *y);
        assert!(error <= stated, "{} of the word {x}: {error:e}, stated {stated:e}", function.name);
        absolute = absolute.max(error);
        relative =
            relative.max(error / (function.truth)(real(*x as u64, function.frac.0)).abs().max(1.0));
    }
    (absolute, relative)
}

fn table() -> String {
    let mut out = String::from(
        "| function | argument | stated error | largest error | relative to max(\\|f\\|, 1) | rounds | bytes per element, all parties |\n|---|---|---|---|---|---|---|\n",
    );
    for function in functions() {
        let (absolute, relative) = errors(&function);
        let mut shape = Shape::new(0, Rep3Cost);
        apply(&mut shape, function.name, &Length::zeros(N)).expect(function.name);
        let cost = shape.cost();
        let stated = match function.stated {
            (0.0, 0.0) => "exact".into(),
            (0.0, absolute) => format!("{absolute:.1e}"),
            (relative, absolute) => format!("{relative:.1e} relative + {absolute:.1e}"),
        };
        writeln!(
            out,
            "| {} | {} | {stated} | {absolute:.1e} | {relative:.1e} | {} | {:.0} |",
            function.name,
            function.argument,
            cost.rounds.iter().max().copied().unwrap_or(0),
            cost.bytes() as f64 / N as f64,
        )
        .expect("a string");
    }
    out
}

#[test]
fn the_document_is_up_to_date() {
    document::holds("numeric.md", "errors", &table());
}
