//! What is timed, and how its error is measured.

use super::{
    Args, Report, What,
    run::{Done, Work, measure},
};
use crate::Failure;
use privity_core::{Fixed, Result};
use privity_joint::model::logistic::{SgdOptions, fit_sgd};
use privity_mpc::{
    engine::{Dims, Engine, RingShares},
    numeric::{
        moments::{Columns, Moments, Products},
        range::word_bound,
    },
    table::sort::{Key, sort},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

type Reported = std::result::Result<Report, Failure>;

pub(super) fn run(args: &Args) -> Reported {
    match args.what {
        What::Product => product(args),
        What::Mul => mul(args),
        What::Matmul => matmul(args),
        What::Cmp => cmp(args),
        What::And => and(args),
        What::Shuffle => shuffle(args),
        What::Sort => sorting(args),
        What::Stats => stats(args),
        What::Lr => lr(args),
        What::Psi | What::Dp => Err("this work runs on no engine".into()),
    }
}

/// For the whole process.
pub(super) fn limit_threads(threads: usize) -> std::result::Result<(), Failure> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?)
}

fn reals(rng: &mut StdRng, n: usize, bound: f64) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(-bound..bound)).collect()
}

/// The largest of some differences.
fn largest(errors: impl Iterator<Item = f64>) -> f64 {
    errors.map(f64::abs).fold(0.0, f64::max)
}

/// Fixed-point products, with or without the division by the scale.
struct Mul<'a> {
    x: &'a [u64],
    y: &'a [u64],
    trunc: u32,
}

impl Work for Mul<'_> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<Done<E>> {
        Ok(Done::Ring(e.mul(x, y, self.trunc)?))
    }
    fn max_error(&self, z: &[u64]) -> f64 {
        let unit = Fixed::default().ulp();
        let scale = unit * if self.trunc == 0 { unit } else { 1.0 };
        largest((0..z.len()).map(|i| {
            let exact = i128::from(self.x[i] as i64) * i128::from(self.y[i] as i64);
            let exact = exact as f64 / f64::from(1u32 << self.trunc);
            (z[i] as i64 as f64 - exact) * scale
        }))
    }
}

fn product(args: &Args) -> Reported {
    multiplied(args, "product", 0)
}

fn mul(args: &Args) -> Reported {
    multiplied(args, "mul", Fixed::default().frac_bits())
}

fn multiplied(args: &Args, name: &'static str, trunc: u32) -> Reported {
    let n = args.n.unwrap_or(1_000_000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fixed = Fixed::default();
    let x = fixed.encode_all(&reals(&mut rng, n, 1000.0))?;
    let y = fixed.encode_all(&reals(&mut rng, n, 1000.0))?;
    measure(args, name, n, [&x, &y], &Mul { x: &x, y: &y, trunc })
}

struct Matmul<'a> {
    x: &'a [u64],
    y: &'a [u64],
    n: usize,
}

impl Work for Matmul<'_> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<Done<E>> {
        let dims = Dims { m: self.n, k: self.n, n: self.n };
        Ok(Done::Ring(e.matmul(x, y, dims, Fixed::default().frac_bits())?))
    }
    fn max_error(&self, z: &[u64]) -> f64 {
        let (n, fixed) = (self.n, Fixed::default());
        let mut exact = vec![0; n * n];
        privity_core::ring::matmul_add(self.x, self.y, &mut exact, n, n, n);
        // Exact in the ring: the sums stay below 2^63.
        let unit = fixed.ulp() * fixed.ulp();
        largest(z.iter().zip(&exact).map(|(&z, &e)| fixed.decode(z) - e as i64 as f64 * unit))
    }
}

fn matmul(args: &Args) -> Reported {
    let n = args.n.unwrap_or(1000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fixed = Fixed::default();
    let x = fixed.encode_all(&reals(&mut rng, n * n, 10.0))?;
    let y = fixed.encode_all(&reals(&mut rng, n * n, 10.0))?;
    measure(args, "matmul", n, [&x, &y], &Matmul { x: &x, y: &y, n })
}

struct LessThan<'a> {
    x: &'a [u64],
    y: &'a [u64],
}

impl Work for LessThan<'_> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<Done<E>> {
        Ok(Done::Bits(e.is_negative(&x.sub(y))?))
    }
    /// How many are wrong.
    fn max_error(&self, z: &[u64]) -> f64 {
        let less = |i: usize| (self.x[i] as i64) < self.y[i] as i64;
        let wrong = (0..self.x.len()).filter(|&i| (z[i / 64] >> (i % 64) & 1 == 1) != less(i));
        wrong.count() as f64
    }
}

fn cmp(args: &Args) -> Reported {
    let n = args.n.unwrap_or(1_000_000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    // |x - y| < 2^62, which all engines compare.
    let draw =
        |rng: &mut StdRng| (0..n).map(|_| (rng.random::<i64>() >> 3) as u64).collect::<Vec<_>>();
    let (x, mut y) = (draw(&mut rng), draw(&mut rng));
    for i in (0..n).step_by(10) {
        y[i] = x[i];
    }
    measure(args, "cmp", n, [&x, &y], &LessThan { x: &x, y: &y })
}

/// Layers of [`WIDTH`] gates on random bits, each with the result of the one
/// before. The laws check the values of gates; this checks their distribution.
struct And {
    layers: usize,
}

/// Gates per layer.
const WIDTH: usize = 1 << 22;

impl Work for And {
    fn run<E: Engine>(&self, e: &mut E, _: &E::Ring, _: &E::Ring) -> Result<Done<E>> {
        let (a, mut b) = (e.random_bits(WIDTH)?, e.random_bits(WIDTH)?);
        for _ in 0..self.layers {
            b = e.and(&a, &b)?;
        }
        Ok(Done::Bits(b))
    }
    /// a and b is set in a quarter of the places, and stays so.
    fn max_error(&self, z: &[u64]) -> f64 {
        let ones: u64 = z.iter().map(|w| u64::from(w.count_ones())).sum();
        (ones as f64 / WIDTH as f64 - 0.25).abs()
    }
}

fn and(args: &Args) -> Reported {
    let layers = args.n.unwrap_or(1 << 28).div_ceil(WIDTH);
    measure(args, "and", layers * WIDTH, [&[], &[]], &And { layers })
}

struct Shuffle<'a>(&'a [u64]);

impl Work for Shuffle<'_> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, _: &E::Ring) -> Result<Done<E>> {
        let permutation = e.random_permutation(x.len())?;
        Ok(Done::Ring(e.shuffle(&permutation, &[x])?.remove(0)))
    }
    /// How many rows are lost.
    fn max_error(&self, z: &[u64]) -> f64 {
        different(self.0, z)
    }
}

/// In how many places two vectors differ, sorted.
fn different(x: &[u64], z: &[u64]) -> f64 {
    let (mut x, mut z) = (x.to_vec(), z.to_vec());
    x.sort_unstable();
    z.sort_unstable();
    x.iter().zip(&z).filter(|(a, b)| a != b).count() as f64
}

/// Numbers of 32 bits.
fn keys(args: &Args, n: usize) -> Vec<u64> {
    let mut rng = StdRng::seed_from_u64(args.seed);
    (0..n).map(|_| u64::from(rng.random::<u32>())).collect()
}

fn shuffle(args: &Args) -> Reported {
    let n = args.n.unwrap_or(100_000);
    let x = keys(args, n);
    measure(args, "shuffle", n, [&x, &[]], &Shuffle(&x))
}

struct Sort<'a>(&'a [u64]);

impl Work for Sort<'_> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<Done<E>> {
        Ok(Done::Ring(sort(e, &[Key::unsigned(x, 32)], &[y])?.remove(0)))
    }
    /// In how many places the keys differ from the sorted ones.
    fn max_error(&self, z: &[u64]) -> f64 {
        let mut x = self.0.to_vec();
        x.sort_unstable();
        x.iter().zip(z).filter(|(a, b)| a != b).count() as f64
    }
}

fn sorting(args: &Args) -> Reported {
    let n = args.n.unwrap_or(100_000);
    let x = keys(args, n);
    let rows: Vec<u64> = (0..n as u64).collect();
    measure(args, "sort", n, [&x, &rows], &Sort(&x))
}

struct Stats<'a>(&'a [f64]);

/// The public bound on the values.
const BOUND: f64 = 100.0;

impl Work for Stats<'_> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, _: &E::Ring) -> Result<Done<E>> {
        let frac = Fixed::default().frac_bits();
        let columns = Columns { count: 1, frac, bound: word_bound(frac, BOUND)? };
        let mut moments = Moments::new(columns, Products::Squares)?;
        moments.add(e, x)?;
        let (mean, variance) = (moments.means(e, frac)?, moments.variances(e, 1, frac)?);
        Ok(Done::Ring(E::Ring::concat(&[&mean.narrow(e)?, &variance.narrow(e)?])))
    }
    fn max_error(&self, z: &[u64]) -> f64 {
        let (n, fixed) = (self.0.len() as f64, Fixed::default());
        let mean = self.0.iter().sum::<f64>() / n;
        let variance = self.0.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        largest([fixed.decode(z[0]) - mean, fixed.decode(z[1]) - variance].into_iter())
    }
}

fn stats(args: &Args) -> Reported {
    let n = args.n.unwrap_or(1_000_000).max(2);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fixed = Fixed::default();
    let x = fixed.encode_all(&reals(&mut rng, n, BOUND))?;
    measure(args, "stats", n, [&x, &[]], &Stats(&fixed.decode_all(&x)))
}

const COLUMNS: usize = 100;

struct Regression<'a> {
    x: &'a [f64],
    y: &'a [u64],
}

impl Work for Regression<'_> {
    fn run<E: Engine>(&self, e: &mut E, x: &E::Ring, y: &E::Ring) -> Result<Done<E>> {
        let options = SgdOptions { epochs: 5, batch: 1024, ..SgdOptions::default() };
        Ok(Done::Ring(fit_sgd(e, x, y, self.y.len(), COLUMNS, &options)?.coefficients))
    }
    /// The difference in accuracy, on the training rows, to the
    /// maximum-likelihood fit in plaintext.
    fn max_error(&self, w: &[u64]) -> f64 {
        let accuracy = |w: &[f64]| {
            let right = self
                .x
                .chunks(COLUMNS)
                .zip(self.y)
                .filter(|(row, y)| (w[0] + logit(row, &w[1..]) > 0.0) == (**y == 1));
            right.count() as f64 / self.y.len() as f64
        };
        let fitted = plaintext_fit(self.x, self.y, COLUMNS);
        (accuracy(&Fixed::default().decode_all(w)) - accuracy(&fitted)).abs()
    }
}

fn logit(row: &[f64], w: &[f64]) -> f64 {
    row.iter().zip(w).map(|(x, w)| x * w).sum()
}

fn lr(args: &Args) -> Reported {
    let n = args.n.unwrap_or(100_000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fixed = Fixed::default();
    let weights = reals(&mut rng, COLUMNS, 0.3);
    // Uniform columns of variance 1.
    let x = reals(&mut rng, n * COLUMNS, 3f64.sqrt());
    let y: Vec<u64> = x
        .chunks(COLUMNS)
        .map(|row| u64::from(rng.random::<f64>() < 1.0 / (1.0 + (-logit(row, &weights)).exp())))
        .collect();
    let shared = fixed.encode_all(&x)?;
    measure(args, "lr", n, [&shared, &y], &Regression { x: &x, y: &y })
}

/// Maximum likelihood by Newton's method, intercept first.
fn plaintext_fit(x: &[f64], y: &[u64], columns: usize) -> Vec<f64> {
    let d = columns + 1;
    let mut w = vec![0.0; d];
    let mut row = vec![1.0; d];
    for _ in 0..6 {
        let (mut gradient, mut hessian) = (vec![0.0; d], vec![0.0; d * d]);
        for (x, &y) in x.chunks(columns).zip(y) {
            row[1..].copy_from_slice(x);
            let p = 1.0 / (1.0 + (-row.iter().zip(&w).map(|(x, w)| x * w).sum::<f64>()).exp());
            let v = p * (1.0 - p);
            for i in 0..d {
                gradient[i] += row[i] * (y as f64 - p);
                let f = v * row[i];
                for (h, &x) in hessian[i * d..i * d + i + 1].iter_mut().zip(&row) {
                    *h += f * x;
                }
            }
        }
        for (w, step) in w.iter_mut().zip(solve(&mut hessian, gradient, d)) {
            *w += step;
        }
    }
    w
}

/// Cholesky on the lower triangle of a positive definite matrix.
fn solve(a: &mut [f64], mut b: Vec<f64>, d: usize) -> Vec<f64> {
    for i in 0..d {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i * d + k] * a[j * d + k]).sum();
            a[i * d + j] = if i == j {
                (a[i * d + i] - dot).sqrt()
            } else {
                (a[i * d + j] - dot) / a[j * d + j]
            };
        }
        let dot: f64 = (0..i).map(|k| a[i * d + k] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * d + i];
    }
    for i in (0..d).rev() {
        let dot: f64 = (i + 1..d).map(|k| a[k * d + i] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i * d + i];
    }
    b
}
