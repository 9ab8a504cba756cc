//! The table in `docs/numeric.md`: the largest error of each function against
//! f64, and what it costs on `rep3`.
//! `PRIVITY_UPDATE=1 cargo test -p privity-mpc --test numeric` writes it anew.
//!
//! Errors are measured on the engine that checks every range, on a spread of
//! arguments with the edges: 0, +-1, the smallest and the largest, powers of
//! two and their neighbours. Costs come from the cost engine. The first run is
//! held against the second: the same program on three parties of `rep3`.
#![allow(clippy::expect_used)] // a failed expectation fails the test

#[allow(dead_code, unreachable_pub)]
#[path = "../src/plain.rs"]
mod plain;

use plain::{Plain, Words};
use privity_core::Result;
use privity_mpc::{
    engine::{Engine, Recipients, RingShares},
    numeric::{
        compare, exact,
        exp::{self, Interval},
        normal::{self, Range},
        piecewise::Piecewise,
        spline,
    },
    rep3::{self, Rep3, Rep3Cost},
    shape::{Length, Shape},
};
use std::fmt::Write as _;

/// Elements when costs are counted: a multiple of all block sizes.
const N: usize = 1 << 16;

/// A function of one shared vector, on the three engines it is tried on.
struct Entry {
    name: &'static str,
    /// Range of the argument, in words for the reader.
    range: &'static str,
    /// The stated error: relative, and absolute.
    stated: (f64, f64),
    /// Fractional bits of argument and result, and the argument's interval.
    frac: (u32, u32),
    interval: (f64, f64),
    truth: fn(f64) -> f64,
    plain: fn(&mut Plain, &Words) -> Result<Words>,
    rep3: fn(&mut Rep3, &<Rep3 as Engine>::Ring) -> Result<<Rep3 as Engine>::Ring>,
    shape: fn(&mut Shape, &Length<u64>) -> Result<Length<u64>>,
}

macro_rules! entry {
    ($name:literal, $range:literal, $stated:expr, $frac:expr, $interval:expr, $truth:expr,
     |$e:ident, $x:ident| $body:expr) => {
        Entry {
            name: $name,
            range: $range,
            stated: $stated,
            frac: $frac,
            interval: $interval,
            truth: $truth,
            plain: |$e, $x| $body,
            rep3: |$e, $x| $body,
            shape: |$e, $x| $body,
        }
    };
}

/// One unit of 20 fractional bits, and a little for the f64 that we compare with.
const UNIT: f64 = 1.000_01 / (1 << 20) as f64;
const RANGE: Range = Range { frac: 20, low: 8, high: 40 };
const WHOLE: Range = Range { frac: 20, low: 0, high: 42 };

fn sine() -> Result<Piecewise> {
    let knots: Vec<f64> = (-4..=4).map(f64::from).collect();
    Piecewise::fit(f64::sin, &knots, 9)
}

fn entries() -> Vec<Entry> {
    let top = f64::from(1 << 22) - 1.0;
    vec![
        entry!("abs", "\\|x\\| < 2^22", (0.0, 0.0), (20, 20), (-top, top), f64::abs, |e, x| {
            compare::abs(e, x)
        }),
        entry!("sign", "\\|x\\| < 2^22", (0.0, 0.0), (20, 0), (-top, top), sign, |e, x| {
            compare::sign(e, x)
        }),
        entry!(
            "clamp to [-1, 1]",
            "\\|x\\| < 2^22",
            (0.0, 0.0),
            (20, 20),
            (-top, top),
            |x| x.clamp(-1.0, 1.0),
            |e, x| compare::clamp(e, x, -(1 << 20), 1 << 20)
        ),
        entry!("floor", "\\|x\\| < 2^22", (0.0, 0.0), (20, 0), (-top, top), f64::floor, |e, x| {
            exact::floor(e, x, 20)
        }),
        entry!(
            "round, halves up",
            "\\|x\\| < 2^22",
            (0.0, 0.0),
            (20, 0),
            (-top, top),
            |x| (x + 0.5).floor(),
            |e, x| exact::round(e, x, 20)
        ),
        entry!(
            "floor(x / 1000), integers",
            "\\|x\\| < 2^40",
            (0.0, 0.0),
            (0, 0),
            (-1.099e12, 1.099e12),
            |x| (x / 1000.0).floor(),
            |e, x| exact::divide_floor(e, x, 1000, 1 << 40)
        ),
        entry!(
            "reciprocal, 28 bits",
            "2^-12 to 2^20",
            (3e-8, UNIT / 256.0),
            (20, 28),
            (2.5e-4, 1_048_575.0),
            |x| 1.0 / x,
            |e, x| normal::reciprocal(e, x, RANGE, 28)
        ),
        entry!(
            "inv_sqrt, 28 bits",
            "2^-20 to 2^22",
            (3e-8, UNIT / 256.0),
            (20, 28),
            (1e-6, top),
            |x| 1.0 / x.sqrt(),
            |e, x| normal::inv_sqrt(e, x, WHOLE, 28)
        ),
        entry!("sqrt", "0 to 2^22", (3e-8, UNIT), (20, 20), (0.0, top), f64::sqrt, |e, x| {
            normal::sqrt(e, x, WHOLE, 20)
        }),
        entry!(
            "ln",
            "2^-20 to 2^22",
            (0.0, 6e-8 + UNIT),
            (20, 20),
            (1e-6, top),
            f64::ln,
            |e, x| { normal::ln(e, x, WHOLE, 20) }
        ),
        entry!(
            "log2",
            "2^-20 to 2^22",
            (0.0, 9e-8 + UNIT),
            (20, 20),
            (1e-6, top),
            f64::log2,
            |e, x| normal::log2(e, x, WHOLE, 20)
        ),
        entry!(
            "log10",
            "2^-20 to 2^22",
            (0.0, 3e-8 + UNIT),
            (20, 20),
            (1e-6, top),
            f64::log10,
            |e, x| normal::log10(e, x, WHOLE, 20)
        ),
        entry!("exp", "below 27.03", (2e-8, UNIT), (20, 20), (-2e6, 27.0), f64::exp, |e, x| {
            exp::exp(e, x, Interval { frac: 20, low: -2e6, high: 27.0 }, 20)
        }),
        entry!(
            "exp on [-5, 5]",
            "-5 to 5",
            (2e-8, UNIT),
            (20, 20),
            (-5.0, 5.0),
            f64::exp,
            |e, x| { exp::exp(e, x, Interval { frac: 20, low: -5.0, high: 5.0 }, 20) }
        ),
        entry!("exp2", "below 39", (2e-8, UNIT), (20, 20), (-2e6, 38.0), f64::exp2, |e, x| {
            exp::exp2(e, x, Interval { frac: 20, low: -2e6, high: 38.0 }, 20)
        }),
        entry!(
            "power 1.7",
            "2^-20 to 2^22",
            (1.9e-7, UNIT),
            (20, 20),
            (1e-6, top),
            |x| x.powf(1.7),
            |e, x| exp::power(e, x, WHOLE, 1.7, 20)
        ),
        entry!(
            "sigmoid",
            "\\|x\\| < 2^21",
            (0.0, 4e-7 + UNIT),
            (20, 20),
            (-2e6, 2e6),
            |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) },
            |e, x| spline::sigmoid(e, x)
        ),
        entry!(
            "sigmoid, three pieces",
            "any",
            (0.0, 0.1193),
            (20, 22),
            (-2e6, 2e6),
            |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) },
            |e, x| spline::sigmoid_fast(e, x, 20)
        ),
        entry!(
            "softplus",
            "\\|x\\| < 2^21",
            (0.0, 9e-7 + UNIT),
            (20, 20),
            (-2e6, 2e6),
            |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
            |e, x| Ok(spline::sigmoid_and_softplus(e, x, 20)?.1)
        ),
        entry!(
            "tanh",
            "\\|x\\| < 2^20",
            (0.0, 8e-7 + UNIT),
            (20, 20),
            (-1e6, 1e6),
            f64::tanh,
            |e, x| exp::tanh(e, x)
        ),
        entry!(
            "a spline: sin, 8 pieces of degree 9",
            "any, as [-4, 4]",
            (0.0, 1.4e-7 + UNIT),
            (20, 20),
            (-1e6, 1e6),
            |x| x.clamp(-4.0, 4.0).sin(),
            |e, x| sine()?.evaluate(e, x, 20, 20)
        ),
    ]
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// The edges and a spread over magnitudes and over the middle of the interval.
fn arguments(entry: &Entry) -> Vec<i64> {
    let scale = f64::from(entry.frac.0).exp2();
    let (low, high) = (entry.interval.0 * scale, entry.interval.1 * scale);
    let (low, high) = (low.ceil() as i64, high.floor() as i64);
    let mut words = vec![low, low + 1, high - 1, high, 0, 1, -1, scale as i64, -scale as i64];
    for j in 0..62 {
        words.extend([-1i64, 1].iter().flat_map(|s| [-1, 0, 1].map(|d| s * ((1 << j) + d))));
    }
    let mut state = 7u64;
    for i in 0..40_000 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = (state >> 1) as i64 - (1 << 62);
        words.push(random >> (i % 62));
        // from -30 to 30, where most functions bend
        words.push((f64::from(i) * 1.5e-3 - 30.0).mul_add(scale, 0.0) as i64);
    }
    words.retain(|w| (low..=high).contains(w));
    words
}

fn real(word: u64, frac: u32) -> f64 {
    word as i64 as f64 / f64::from(frac).exp2()
}

/// The largest absolute error, and the largest relative to max(|f|, 1); asserts
/// what is stated.
fn errors(entry: &Entry) -> (f64, f64) {
    let words = arguments(entry);
    let x = Words(words.iter().map(|&w| w as u64).collect());
    let y = (entry.plain)(&mut Plain::new(11), &x).expect(entry.name);
    let (mut absolute, mut relative) = (0f64, 0f64);
    for (x, y) in words.iter().zip(&y.0) {
        let x = real(*x as u64, entry.frac.0);
        let truth = (entry.truth)(x);
        let error = (real(*y, entry.frac.1) - truth).abs();
        let stated = entry.stated.0 * truth.abs() + entry.stated.1;
        assert!(error <= stated, "{} at {x}: {error:e}, stated {stated:e}", entry.name);
        absolute = absolute.max(error);
        relative = relative.max(error / truth.abs().max(1.0));
    }
    (absolute, relative)
}

fn table() -> String {
    let mut out = String::from(
        "| function | argument | stated error | largest error | relative to max(\\|f\\|, 1) | rounds | bytes per element, all parties |\n|---|---|---|---|---|---|---|\n",
    );
    for entry in entries() {
        let (absolute, relative) = errors(&entry);
        let mut shape = Shape::new(0, Rep3Cost);
        (entry.shape)(&mut shape, &Length::zeros(N)).expect(entry.name);
        let cost = shape.cost();
        let stated = match entry.stated {
            (0.0, 0.0) => "exact".into(),
            (0.0, absolute) => format!("{absolute:.1e}"),
            (relative, absolute) => format!("{relative:.1e} relative + {absolute:.1e}"),
        };
        writeln!(
            out,
            "| {} | {} | {stated} | {absolute:.1e} | {relative:.1e} | {} | {:.0} |",
            entry.name,
            entry.range,
            cost.rounds.iter().max().copied().unwrap_or(0),
            cost.bytes() as f64 / N as f64,
        )
        .expect("a string");
    }
    out
}

#[test]
fn the_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/numeric.md");
    let text = std::fs::read_to_string(path).expect("docs/numeric.md");
    let (head, rest) = text.split_once("<!-- errors -->\n").expect("a place for the table");
    let (old, tail) = rest.split_once("<!-- /errors -->").expect("its end");
    let new = table();
    if std::env::var_os("PRIVITY_UPDATE").is_some() {
        let text = format!("{head}<!-- errors -->\n{new}<!-- /errors -->{tail}");
        std::fs::write(path, text).expect("docs/numeric.md");
    } else {
        assert_eq!(old, new, "run with PRIVITY_UPDATE=1");
    }
}

/// What holds on the checking engine holds on a real one.
#[test]
fn three_parties_compute_the_same() {
    for entry in entries() {
        let all = arguments(&entry);
        // every edge, and a few others
        let words: Vec<u64> = all.iter().take(400).map(|&w| w as u64).collect();
        let opened = rep3::run_local(|e| {
            let x = e.input(0, (e.me() == 0).then_some(&words[..]), words.len())?;
            let y = (entry.rep3)(e, &x)?;
            e.open(&y, Recipients::All)
        })
        .expect("three honest parties");
        for opened in opened {
            for (x, y) in words.iter().zip(opened.expect("opened to all")) {
                let truth = (entry.truth)(real(*x, entry.frac.0));
                let error = (real(y, entry.frac.1) - truth).abs();
                let stated = entry.stated.0 * truth.abs() + entry.stated.1;
                assert!(error <= stated, "{}: {error:e}, stated {stated:e}", entry.name);
            }
        }
    }
}
