//! `privity bench`: one protocol, three parties in this process, one line out.

use crate::Failure;
use clap::{Args as ClapArgs, ValueEnum};
use privity_core::{Fixed, Mesh};
use privity_joint::model::logistic::{SgdOptions, fit_sgd};
use privity_mpc::{
    engine::{Dims, Engine, Recipients},
    rep3::{self, Rep3},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;
use std::{sync::Barrier, time::Instant};

/// Options of `privity bench`.
#[derive(ClapArgs)]
#[command(after_help = "Example: privity bench mul --engine rep3 --n 1000000 --net tls --json")]
pub(crate) struct Args {
    /// What to time
    what: What,
    /// Engine
    #[arg(long, value_enum, default_value_t = EngineName::Rep3)]
    engine: EngineName,
    /// Elements (mul, cmp), rows and columns (matmul) or rows (lr)
    #[arg(long)]
    n: Option<usize>,
    /// How the parties are connected
    #[arg(long, value_enum, default_value_t = Net::Memory)]
    net: Net,
    /// Connections per pair of parties, for tcp and tls
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// Timed repetitions; the median is reported
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Seed of the operands
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One line of JSON instead of a sentence
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Fixed-point products with truncation
    Mul,
    /// A square matrix product with truncation
    Matmul,
    /// Less-than of 64-bit numbers, the result as shared bits
    Cmp,
    /// Logistic regression by mini-batch gradient descent: 100 columns, 5
    /// epochs, batches of 1024
    Lr,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    /// Three parties, semi-honest, honest majority
    Rep3,
}

#[derive(Clone, Copy, ValueEnum, PartialEq)]
enum Net {
    /// Queues in memory
    Memory,
    /// TCP over loopback, unprotected: to see what TLS costs
    Tcp,
    /// TLS 1.3 over loopback
    Tls,
}

impl Net {
    fn name(self) -> &'static str {
        match self {
            Net::Memory => "memory",
            Net::Tcp => "tcp",
            Net::Tls => "tls",
        }
    }
}

#[derive(Serialize)]
struct Report {
    bench: &'static str,
    engine: &'static str,
    net: &'static str,
    n: usize,
    seconds: f64,
    seconds_all: Vec<f64>,
    bytes_per_party: [u64; 3],
    bytes: u64,
    rounds: u32,
    max_error: f64,
    /// Seconds for sharing the operands, not part of `seconds`.
    sharing_seconds: f64,
    seed: u64,
}

/// What one party measured.
struct Run {
    sharing_seconds: f64,
    seconds: f64,
    bytes: u64,
    clocks: [u32; 2],
    opened: Option<Vec<u64>>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let EngineName::Rep3 = args.engine;
    if args.n.is_some_and(|n| !(1..=100_000_000).contains(&n)) {
        return Err("--n must be from 1 to 100000000".into());
    }
    if args.repeat == 0 {
        return Err("--repeat must be at least 1".into());
    }
    let report = match args.what {
        What::Mul => mul(args)?,
        What::Matmul => matmul(args)?,
        What::Cmp => cmp(args)?,
        What::Lr => lr(args)?,
    };
    print(args, &report)
}

#[allow(clippy::print_stdout)] // the command's output
fn print(args: &Args, r: &Report) -> Result<(), Failure> {
    if args.json {
        println!("{}", serde_json::to_string(r)?);
    } else {
        println!(
            "{} n={} {} over {}: {:.4} s, {:.1} MB over all parties, {} rounds, largest error {:.2e}",
            r.bench,
            r.n,
            r.engine,
            r.net,
            r.seconds,
            r.bytes as f64 / 1e6,
            r.rounds,
            r.max_error
        );
    }
    Ok(())
}

fn meshes(args: &Args) -> Result<Vec<Mesh>, Failure> {
    let names = ["party 0", "party 1", "party 2"];
    Ok(match args.net {
        Net::Memory => Mesh::in_memory(&names)?,
        Net::Tcp => privity_net::plain_loopback_mesh_for_benchmarks(&names, args.connections)?,
        Net::Tls => privity_net::loopback_mesh(&names, args.connections)?,
    })
}

/// Shares x (from party 0) and y (from party 1), times `work` from a common
/// start to the slowest party's end, and opens the result outside the clock.
fn measure(
    args: &Args,
    name: &'static str,
    n: usize,
    x: &[u64],
    y: &[u64],
    work: impl Fn(
        &mut Rep3,
        &<Rep3 as Engine>::Ring,
        &<Rep3 as Engine>::Ring,
    ) -> privity_core::Result<Timed>
    + Sync,
    max_error: impl Fn(&[u64]) -> f64,
) -> Result<Report, Failure> {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..args.repeat {
        let barrier = Barrier::new(3);
        let runs = rep3::run_over(meshes(args)?, |e| {
            barrier.wait();
            let start = Instant::now();
            let a = e.input(0, (e.me() == 0).then_some(x), x.len())?;
            let b = e.input(1, (e.me() == 1).then_some(y), y.len())?;
            let sharing_seconds = start.elapsed().as_secs_f64();
            barrier.wait();
            let (bytes, before) = (e.mesh().meter().sent(), e.mesh().clock());
            let start = Instant::now();
            let result = work(e, &a, &b)?;
            let seconds = start.elapsed().as_secs_f64();
            let (bytes, after) = (e.mesh().meter().sent() - bytes, e.mesh().clock());
            let opened = match result {
                Timed::Ring(z) => e.open(&z, Recipients::Only(&[0]))?,
                Timed::Bits(z) => e.open_bits(&z, Recipients::Only(&[0]))?,
            };
            Ok(Run { sharing_seconds, seconds, bytes, clocks: [before, after], opened })
        })?;
        times.push(runs.iter().map(|r| r.seconds).fold(0.0, f64::max));
        last = Some(runs);
    }
    let runs = last.ok_or("nothing was run")?;
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let opened = runs[0].opened.as_ref().ok_or("party 0 opened nothing")?;
    let latest = |i: usize| runs.iter().map(|r| r.clocks[i]).max().unwrap_or(0);
    let bytes_per_party = [runs[0].bytes, runs[1].bytes, runs[2].bytes];
    Ok(Report {
        bench: name,
        engine: "rep3",
        net: args.net.name(),
        n,
        seconds: sorted[sorted.len() / 2],
        seconds_all: times,
        bytes: bytes_per_party.iter().sum(),
        bytes_per_party,
        // From the latest clock before to the latest after: the parties' own
        // clocks differ by what they received last.
        rounds: latest(1) - latest(0),
        max_error: max_error(opened),
        sharing_seconds: runs.iter().map(|r| r.sharing_seconds).fold(0.0, f64::max),
        seed: args.seed,
    })
}

enum Timed {
    Ring(<Rep3 as Engine>::Ring),
    Bits(<Rep3 as Engine>::Bits),
}

fn reals(rng: &mut StdRng, n: usize, bound: f64) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(-bound..bound)).collect()
}

fn mul(args: &Args) -> Result<Report, Failure> {
    let n = args.n.unwrap_or(1_000_000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fixed = Fixed::default();
    let x = fixed.encode_all(&reals(&mut rng, n, 1000.0))?;
    let y = fixed.encode_all(&reals(&mut rng, n, 1000.0))?;
    measure(
        args,
        "mul",
        n,
        &x,
        &y,
        |e, a, b| Ok(Timed::Ring(e.mul(a, b, fixed.frac_bits())?)),
        |z| {
            let exact = |i: usize| fixed.decode(x[i]) * fixed.decode(y[i]);
            z.iter()
                .enumerate()
                .map(|(i, &z)| (fixed.decode(z) - exact(i)).abs())
                .fold(0.0, f64::max)
        },
    )
}

fn matmul(args: &Args) -> Result<Report, Failure> {
    let n = args.n.unwrap_or(1000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fixed = Fixed::default();
    let x = fixed.encode_all(&reals(&mut rng, n * n, 10.0))?;
    let y = fixed.encode_all(&reals(&mut rng, n * n, 10.0))?;
    let dims = Dims { m: n, k: n, n };
    measure(
        args,
        "matmul",
        n,
        &x,
        &y,
        |e, a, b| Ok(Timed::Ring(e.matmul(a, b, dims, fixed.frac_bits())?)),
        |z| {
            let mut exact = vec![0; n * n];
            privity_core::ring::matmul_add(&x, &y, &mut exact, n, n, n);
            // Exact in the ring: the sums stay below 2^63.
            let unit = fixed.ulp() * fixed.ulp();
            z.iter()
                .zip(&exact)
                .map(|(&z, &e)| (fixed.decode(z) - e as i64 as f64 * unit).abs())
                .fold(0.0, f64::max)
        },
    )
}

fn cmp(args: &Args) -> Result<Report, Failure> {
    let n = args.n.unwrap_or(1_000_000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let draw =
        |rng: &mut StdRng| (0..n).map(|_| (rng.random::<i64>() >> 2) as u64).collect::<Vec<_>>();
    let (x, mut y) = (draw(&mut rng), draw(&mut rng));
    for i in (0..n).step_by(10) {
        y[i] = x[i];
    }
    measure(
        args,
        "cmp",
        n,
        &x,
        &y,
        |e, a, b| {
            use privity_mpc::engine::RingShares;
            Ok(Timed::Bits(e.is_negative(&a.sub(b))?))
        },
        |z| {
            let wrong = (0..n)
                .filter(|&i| (z[i / 64] >> (i % 64) & 1 == 1) != ((x[i] as i64) < y[i] as i64));
            wrong.count() as f64
        },
    )
}

/// The error is the difference in accuracy, on the training rows, to the
/// maximum-likelihood fit in plaintext.
fn lr(args: &Args) -> Result<Report, Failure> {
    const COLUMNS: usize = 100;
    let n = args.n.unwrap_or(100_000);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let fixed = Fixed::default();
    let weights = reals(&mut rng, COLUMNS, 0.3);
    // Uniform columns of variance 1.
    let x = reals(&mut rng, n * COLUMNS, 3f64.sqrt());
    let logit = |row: &[f64], w: &[f64]| row.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
    let y: Vec<u64> = x
        .chunks(COLUMNS)
        .map(|row| u64::from(rng.random::<f64>() < 1.0 / (1.0 + (-logit(row, &weights)).exp())))
        .collect();
    let shared = fixed.encode_all(&x)?;
    let options = SgdOptions { epochs: 5, batch: 1024, ..SgdOptions::default() };
    measure(
        args,
        "lr",
        n,
        &shared,
        &y,
        |e, a, b| Ok(Timed::Ring(fit_sgd(e, a, b, n, COLUMNS, &options)?.coefficients)),
        |w| {
            let accuracy = |w: &[f64]| {
                let right = x
                    .chunks(COLUMNS)
                    .zip(&y)
                    .filter(|(row, y)| (w[0] + logit(row, &w[1..]) > 0.0) == (**y == 1));
                right.count() as f64 / n as f64
            };
            (accuracy(&fixed.decode_all(w)) - accuracy(&plaintext_fit(&x, &y, COLUMNS))).abs()
        },
    )
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
