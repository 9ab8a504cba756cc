//! The functions of [`crate::numeric`] as laws: each within its stated error, on
//! any engine.

use super::{Case, Parties, Seen, expect, input, numbers, open, run, signed};
use crate::{
    engine::{Engine, MAX_BITS, Recipients},
    numeric::{
        compare, exact,
        exp::{self, Interval},
        linalg::{MATRIX_FRAC, eigen, solve},
        moments::{Columns, Moments, Products},
        normal::{self, Range},
        piecewise::Piecewise,
        range::Bounded,
        spline,
    },
};
use privity_core::{Error, Result};

/// A function of one variable.
pub struct Function {
    /// What [`apply`] knows it by.
    pub name: &'static str,
    /// The range of the argument, for the reader.
    pub argument: &'static str,
    /// The stated error: relative, and absolute.
    pub stated: (f64, f64),
    /// Fractional bits of the argument and of the result.
    pub frac: (u32, u32),
    /// The smallest and the largest argument.
    pub interval: (f64, f64),
    /// The function in f64.
    pub truth: fn(f64) -> f64,
}

/// One unit of 20 fractional bits, and a little for the f64 that we compare with.
const UNIT: f64 = 1.000_01 / (1 << 20) as f64;
const RANGE: Range = Range { frac: 20, low: 8, high: 40 };
const WHOLE: Range = Range { frac: 20, low: 0, high: 42 };

/// All functions of one variable.
pub fn functions() -> Vec<Function> {
    let top = f64::from(1 << 22) - 1.0;
    let function = |name, argument, stated, frac, interval, truth| Function {
        name,
        argument,
        stated,
        frac,
        interval,
        truth,
    };
    vec![
        function("abs", "\\|x\\| < 2^22", (0.0, 0.0), (20, 20), (-top, top), f64::abs),
        function("sign", "\\|x\\| < 2^22", (0.0, 0.0), (20, 0), (-top, top), sign),
        function("clamp to [-1, 1]", "\\|x\\| < 2^22", (0.0, 0.0), (20, 20), (-top, top), |x| {
            x.clamp(-1.0, 1.0)
        }),
        function("floor", "\\|x\\| < 2^22", (0.0, 0.0), (20, 0), (-top, top), f64::floor),
        function("round, halves up", "\\|x\\| < 2^22", (0.0, 0.0), (20, 0), (-top, top), |x| {
            (x + 0.5).floor()
        }),
        function(
            "floor(x / 1000), integers",
            "\\|x\\| < 2^40",
            (0.0, 0.0),
            (0, 0),
            (-1.099e12, 1.099e12),
            |x| (x / 1000.0).floor(),
        ),
        function(
            "reciprocal, 28 bits",
            "2^-12 to 2^20",
            (3e-8, UNIT / 256.0),
            (20, 28),
            (2.5e-4, 1_048_575.0),
            |x| 1.0 / x,
        ),
        function(
            "inv_sqrt, 28 bits",
            "2^-20 to 2^22",
            (3e-8, UNIT / 256.0),
            (20, 28),
            (1e-6, top),
            |x| 1.0 / x.sqrt(),
        ),
        function("sqrt", "0 to 2^22", (3e-8, UNIT), (20, 20), (0.0, top), f64::sqrt),
        function("ln", "2^-20 to 2^22", (0.0, 6e-8 + UNIT), (20, 20), (1e-6, top), f64::ln),
        function("log2", "2^-20 to 2^22", (0.0, 9e-8 + UNIT), (20, 20), (1e-6, top), f64::log2),
        function("log10", "2^-20 to 2^22", (0.0, 3e-8 + UNIT), (20, 20), (1e-6, top), f64::log10),
        function("exp", "below 27.03", (2e-8, UNIT), (20, 20), (-2e6, 27.0), f64::exp),
        function("exp on [-5, 5]", "-5 to 5", (2e-8, UNIT), (20, 20), (-5.0, 5.0), f64::exp),
        function("exp2", "below 39", (2e-8, UNIT), (20, 20), (-2e6, 38.0), f64::exp2),
        function("power 1.7", "2^-20 to 2^22", (1.9e-7, UNIT), (20, 20), (1e-6, top), |x| {
            x.powf(1.7)
        }),
        function("sigmoid", "\\|x\\| < 2^21", (0.0, 4e-7 + UNIT), (20, 20), (-2e6, 2e6), logistic),
        function("sigmoid, three pieces", "any", (0.0, 0.1193), (20, 22), (-2e6, 2e6), logistic),
        function("softplus", "\\|x\\| < 2^21", (0.0, 9e-7 + UNIT), (20, 20), (-2e6, 2e6), |x| {
            x.max(0.0) + (-x.abs()).exp().ln_1p()
        }),
        function("tanh", "\\|x\\| < 2^20", (0.0, 8e-7 + UNIT), (20, 20), (-1e6, 1e6), f64::tanh),
        function(
            "a spline: sin, 8 pieces of degree 9",
            "any, as [-4, 4]",
            (0.0, 1.4e-7 + UNIT),
            (20, 20),
            (-1e6, 1e6),
            |x| x.clamp(-4.0, 4.0).sin(),
        ),
    ]
}

/// Evaluates the function called `name`.
pub fn apply<E: Engine>(e: &mut E, name: &str, x: &E::Ring) -> Result<E::Ring> {
    match name {
        "abs" => compare::abs(e, x),
        "sign" => compare::sign(e, x),
        "clamp to [-1, 1]" => compare::clamp(e, x, -(1 << 20), 1 << 20),
        "floor" => exact::floor(e, x, 20),
        "round, halves up" => exact::round(e, x, 20),
        "floor(x / 1000), integers" => exact::divide_floor(e, x, 1000, 1 << 40),
        "reciprocal, 28 bits" => normal::reciprocal(e, x, RANGE, 28),
        "inv_sqrt, 28 bits" => normal::inv_sqrt(e, x, WHOLE, 28),
        "sqrt" => normal::sqrt(e, x, WHOLE, 20),
        "ln" => normal::ln(e, x, WHOLE, 20),
        "log2" => normal::log2(e, x, WHOLE, 20),
        "log10" => normal::log10(e, x, WHOLE, 20),
        "exp" => exp::exp(e, x, Interval { frac: 20, low: -2e6, high: 27.0 }, 20),
        "exp on [-5, 5]" => exp::exp(e, x, Interval { frac: 20, low: -5.0, high: 5.0 }, 20),
        "exp2" => exp::exp2(e, x, Interval { frac: 20, low: -2e6, high: 38.0 }, 20),
        "power 1.7" => exp::power(e, x, WHOLE, 1.7, 20),
        "sigmoid" => spline::sigmoid(e, x),
        "sigmoid, three pieces" => spline::sigmoid_fast(e, x, 20),
        "softplus" => Ok(spline::sigmoid_and_softplus(e, x, 20)?.1),
        "tanh" => exp::tanh(e, x),
        "a spline: sin, 8 pieces of degree 9" => sine()?.evaluate(e, x, 20, 20),
        _ => Err(Error::Argument(format!("no function '{name}'"))),
    }
}

fn sine() -> Result<Piecewise> {
    let knots: Vec<f64> = (-4..=4).map(f64::from).collect();
    Piecewise::fit(f64::sin, &knots, 9)
}

fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// The edges and a spread over magnitudes and over the middle of the interval.
pub fn arguments(function: &Function) -> Vec<i64> {
    let scale = f64::from(function.frac.0).exp2();
    let (low, high) = (function.interval.0 * scale, function.interval.1 * scale);
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

/// The number that a word stands for.
pub fn real(word: u64, frac: u32) -> f64 {
    word as i64 as f64 / f64::from(frac).exp2()
}

impl Function {
    /// The error of f(x) = y and what is stated for it.
    pub fn error(&self, x: i64, y: u64) -> (f64, f64) {
        let truth = (self.truth)(real(x as u64, self.frac.0));
        let error = (real(y, self.frac.1) - truth).abs();
        (error, self.stated.0 * truth.abs() + self.stated.1)
    }
}

/// Runs every function on up to `most` arguments, edges first, and what has
/// more than one argument.
///
/// # Panics
/// If an error is larger than stated, or parties disagree.
pub fn check<P: Parties>(parties: &P, seed: u64, most: usize) {
    let functions = functions();
    let seen = run(parties, |e| {
        let mut seen = vec![];
        for function in &functions {
            let words: Vec<i64> = arguments(function).into_iter().take(most).collect();
            let x: Vec<u64> = words.iter().map(|&w| w as u64).collect();
            let x = input(e, 0, &x)?;
            let y = e.scope(function.name, |e| apply(e, function.name, &x))?;
            let y = open(e, &y)?;
            for (&x, &y) in words.iter().zip(&y) {
                let (error, stated) = function.error(x, y);
                assert!(error <= stated, "{}: {error:e}, stated {stated:e}", function.name);
            }
            seen.extend(y);
        }
        let case = Case { seed, len: most.min(60) };
        seen.extend(places(e, case)?);
        seen.extend(moments(e, case)?);
        seen.extend(systems(e)?);
        Ok(seen)
    });
    assert!(seen.windows(2).all(|s| s[0] == s[1]), "parties disagree");
}

/// Division of two shared vectors, the largest of a vector and its place,
/// products that need 128 bits.
fn places<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len.max(1);
    let x = numbers(case.seed, n, MAX_BITS - 1);
    let a = input(e, 0, &x)?;
    let (top, at) = compare::argmax(e, &a)?;
    let best = x.iter().map(|&x| x as i64).max().unwrap_or(0);
    let place = x.iter().position(|&x| x as i64 == best).unwrap_or(0);
    let mut seen = expect(e, &top, &[best as u64], "argmax")?;
    seen.extend(expect(e, &at, &[place as u64], "argmax")?);

    let small = numbers(case.seed ^ 1, n, 38);
    let divisors: Vec<u64> =
        numbers(case.seed ^ 2, n, 30).iter().map(|d| (d & 0x3fff_ffff) | 1 << 14).collect();
    let (s, d) = (input(e, 1, &small)?, input(e, 2, &divisors)?);
    let range = Range { frac: 20, low: 14, high: 30 };
    let q = normal::divide(e, &s, &d, range, 17)?;
    let opened = open(e, &q)?;
    for ((q, x), y) in opened.iter().zip(&small).zip(&divisors) {
        let (x, y) = (real(*x, 20), real(*y, 20));
        let stated = (x / y).abs() * 3e-8 + x.abs() / f64::from(1 << 17) + UNIT;
        assert!((real(*q, 20) - x / y).abs() <= stated, "{x} / {y}");
    }
    seen.extend(opened);

    let bounded = Bounded::new(a, 20, (1 << 61) - 1)?;
    let square = bounded.mul(e, &bounded, 40)?;
    assert!(square.is_wide() && square.mul(e, &bounded, 40).is_err(), "bounds");
    let floor = square.divide_floor(e, 1_000_003)?;
    let wide = floor.wide(e)?;
    let opened = e.open_wide(&wide, Recipients::All)?.unwrap_or_default();
    for (q, x) in opened.iter().zip(&x) {
        let exact = (signed(*x) * signed(*x)).div_euclid(1_000_003);
        assert_eq!(*q as i128, exact, "a square divided");
        seen.extend([*q as u64, (*q >> 64) as u64]);
    }
    Ok(seen)
}

/// Means are the nearest, covariances within a unit.
fn moments<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let (n, d) = (case.len.max(2), 2);
    let mut seen = Seen::new();
    // squares that fit together, and squares that do not
    for width in [27, 41] {
        let x = numbers(case.seed ^ 3, n * d, width);
        let a = input(e, 1, &x)?;
        let columns = Columns { count: d, frac: 20, bound: (1 << width) - 1 };
        let mut all = Moments::new(columns, Products::Pairs)?;
        all.add(e, &a)?;
        all.add(e, &a)?;
        let n2 = 2 * n as i128;
        let sum = |j: usize| 2 * x[j * n..(j + 1) * n].iter().map(|&x| signed(x)).sum::<i128>();
        let means = all.means(e, 20)?.narrow(e)?;
        let nearest: Vec<u64> = (0..d).map(|j| (sum(j) + n2 / 2).div_euclid(n2) as u64).collect();
        seen.extend(expect(e, &means, &nearest, "means")?);
        let covariances = all.covariances(e, 1, 16)?.narrow(e)?;
        let opened = open(e, &covariances)?;
        for j in 0..d {
            for k in 0..d {
                let q: i128 = (0..n).map(|i| 2 * signed(x[j * n + i]) * signed(x[k * n + i])).sum();
                let exact = (n2 * q - sum(j) * sum(k)) as f64 / (n2 * (n2 - 1)) as f64;
                let exact = exact / f64::from(1 << 12) / f64::from(1 << 12);
                let error = (opened[j * d + k] as i64 as f64 - exact).abs();
                assert!(error <= 1.001 + exact.abs() * 1e-14, "covariance, {error} units");
            }
        }
        seen.extend(opened);
    }
    Ok(seen)
}

/// A definite system, least squares, eigenvalues of a known matrix.
fn systems<E: Engine>(e: &mut E) -> Result<Seen> {
    let dim = 3;
    let words = |x: &[f64], frac: u32| -> Vec<u64> {
        x.iter().map(|x| (x * f64::from(frac).exp2()).round() as i64 as u64).collect()
    };
    // eigenvalues 1 + 0.4 sqrt(2), 1, 1 - 0.4 sqrt(2); (1, 2, 3) solves it
    let a = [1.0, 0.4, 0.0, 0.4, 1.0, 0.4, 0.0, 0.4, 1.0];
    let b = [1.8, 3.6, 3.8];
    let matrix = input(e, 0, &words(&a, MATRIX_FRAC))?;
    let side = input(e, 1, &words(&b, solve::RHS_FRAC))?;
    let mut seen = Seen::new();
    let half = input(e, 0, &words(&a.map(|a| a / 2.0), MATRIX_FRAC))?;
    let halves = input(e, 1, &words(&b.map(|b| b / 2.0), solve::RHS_FRAC))?;
    for x in [
        solve::solve_spd(e, &matrix, &side, dim, 1)?,
        solve::least_squares(e, &half, &halves, dim, dim, 1)?,
    ] {
        let x = open(e, &x)?;
        for (got, want) in x.iter().zip([1.0, 2.0, 3.0]) {
            let error = (real(*got, solve::RHS_FRAC) - want).abs();
            assert!(error < 2e-5, "a system's solution is off by {error:e}");
        }
        seen.extend(x);
    }
    let (values, _) = eigen::eigen_symmetric(e, &half, dim, 3)?;
    let values = open(e, &values)?;
    let root = 0.2 * 2f64.sqrt();
    for (got, want) in values.iter().zip([0.5 + root, 0.5, 0.5 - root]) {
        let error = (real(*got, MATRIX_FRAC) - want).abs();
        assert!(error < 1e-6, "an eigenvalue is off by {error:e}");
    }
    seen.extend(values);
    Ok(seen)
}
