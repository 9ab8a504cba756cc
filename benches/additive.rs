//! Engine `additive`, both parties in this process over memory channels or TCP on
//! the loopback device, with all preprocessing inside the clock; only the set-up
//! is not. Bytes are those of both parties together. Logistic regression asserts plaintext's accuracy.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use privity_core::{Fixed, Mesh, Result};
use privity_mpc::{
    additive::{self, Additive, Profile},
    engine::{Dims, Engine, Recipients, RingShares},
    numeric::spline,
};
use std::time::{Duration, Instant};

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Words = <Additive as Engine>::Ring;
type Operation = fn(&mut Additive, &Words, &Words) -> Result<()>;

/// How the parties are connected.
#[derive(Clone, Copy, PartialEq)]
enum Link {
    Memory,
    Tcp,
}

/// Time of one run at party 0, and bytes of both.
fn once(link: Link, profile: Profile, n: usize, operation: Operation) -> (Duration, u64) {
    let names = ["ann", "ben"];
    let meshes = match link {
        Link::Memory => Mesh::in_memory(&names).expect("two names"),
        Link::Tcp => privity_net::plain_loopback_mesh_for_benchmarks(&names, 1).expect("loopback"),
    };
    let results = additive::run_over(meshes, profile, |e| {
        let x: Vec<u64> = (0..n as u64).map(|i| i.wrapping_mul(0x9E37_79B9) >> 8).collect();
        let a = e.input(0, (e.me() == 0).then_some(&x[..]), n)?;
        let b = e.input(1, (e.me() == 1).then_some(&x[..]), n)?;
        let before = e.mesh().meter().sent();
        let start = Instant::now();
        operation(e, &a, &b)?;
        Ok((start.elapsed(), e.mesh().meter().sent() - before))
    })
    .expect("honest parties");
    (results[0].0, results.iter().map(|r| r.1).sum())
}

fn bench(c: &mut Criterion, name: &str, profile: Profile, n: usize, operation: Operation) {
    bench_over(c, Link::Memory, name, profile, n, operation);
}

fn bench_over(
    c: &mut Criterion,
    link: Link,
    name: &str,
    profile: Profile,
    n: usize,
    operation: Operation,
) {
    let label = match (link, profile) {
        (Link::Tcp, _) => "TCP",
        (_, Profile::Lan { .. }) => "LAN",
        (_, Profile::Wan { .. }) => "WAN",
    };
    let mut group = c.benchmark_group(format!("additive {label}"));
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    group.throughput(Throughput::Elements(n as u64));
    let mut bytes = 0;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|runs| {
            let mut total = Duration::ZERO;
            for _ in 0..runs {
                let (time, sent) = once(link, profile, n, operation);
                total += time;
                bytes = sent;
            }
            total
        });
    });
    // None, if it was filtered out.
    if bytes > 0 {
        println!("{label} {name}: {:.1} bytes for each element", bytes as f64 / n as f64);
    }
    group.finish();
}

const ROWS: usize = 569;
const TRAIN: usize = 455;
const COLUMNS: usize = 30;
const FRAC: u32 = 20;

/// Standardised columns with a column of ones first, and labels; training rows
/// first, in an order that a fixed generator gives.
fn cancer() -> (Vec<Vec<f64>>, Vec<f64>) {
    let text = include_str!("../examples/data/breast_cancer.csv");
    let mut rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|x| x.parse().expect("a number")).collect())
        .collect();
    assert_eq!(rows.len(), ROWS);
    let mut state = 1u64;
    for i in (1..ROWS).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        rows.swap(i, (state >> 33) as usize % (i + 1));
    }
    let labels = rows.iter().map(|r| r[COLUMNS]).collect();
    for j in 0..COLUMNS {
        let mean = rows[..TRAIN].iter().map(|r| r[j]).sum::<f64>() / TRAIN as f64;
        let square = rows[..TRAIN].iter().map(|r| (r[j] - mean).powi(2)).sum::<f64>();
        let deviation = (square / TRAIN as f64).sqrt();
        rows.iter_mut().for_each(|r| r[j] = (r[j] - mean) / deviation);
    }
    for row in &mut rows {
        row.truncate(COLUMNS);
        row.insert(0, 1.0);
    }
    (rows, labels)
}

const EPOCHS: usize = 10;
const BATCH: usize = 64;
/// The learning rate is 1/2: over a batch of 64 it is 2^-7.
const RATE: u32 = 7;

/// The sigmoid of [`spline::sigmoid_fast`].
fn plain_fit(rows: &[Vec<f64>], labels: &[f64]) -> Vec<f64> {
    let mut w = vec![0.0; COLUMNS + 1];
    for _ in 0..EPOCHS {
        for (rows, labels) in rows[..TRAIN].chunks(BATCH).zip(labels[..TRAIN].chunks(BATCH)) {
            let mut step = vec![0.0; COLUMNS + 1];
            for (x, y) in rows.iter().zip(labels) {
                let r = ((dot(x, &w) / 4.0 + 0.5).clamp(0.0, 1.0)) - y;
                step.iter_mut().zip(x).for_each(|(s, x)| *s += x * r);
            }
            w.iter_mut().zip(step).for_each(|(w, s)| *w -= s / f64::from(1 << RATE));
        }
    }
    w
}

fn dot(x: &[f64], w: &[f64]) -> f64 {
    x.iter().zip(w).map(|(x, w)| x * w).sum()
}

/// Right answers on the test rows.
fn score(rows: &[Vec<f64>], labels: &[f64], w: &[f64]) -> usize {
    let right = |(x, y): (&Vec<f64>, &f64)| (dot(x, w) > 0.0) == (*y > 0.5);
    rows[TRAIN..].iter().zip(&labels[TRAIN..]).filter(|&xy| right(xy)).count()
}

/// Party 0 has the first 15 columns, party 1 the others and the labels.
fn fit(e: &mut Additive, rows: &[Vec<f64>], labels: &[f64]) -> Result<Vec<f64>> {
    let fixed = Fixed::new(FRAC)?;
    let dim = COLUMNS + 1;
    let mut w = Words::zeros(dim);
    let mut batches = Vec::new();
    for (rows, labels) in rows[..TRAIN].chunks(BATCH).zip(labels[..TRAIN].chunks(BATCH)) {
        let n = rows.len();
        let column = |j: usize| rows.iter().map(|r| fixed.constant(r[j])).collect::<Vec<u64>>();
        let left: Vec<u64> = (0..16).flat_map(column).collect();
        let right: Vec<u64> = (16..dim).flat_map(column).collect();
        // in the scale of the sigmoid, 22 fractional bits
        let y: Vec<u64> = labels.iter().map(|y| fixed.constant(4.0 * y)).collect();
        let left = e.input(0, (e.me() == 0).then_some(&left[..]), 16 * n)?;
        let right = e.input(1, (e.me() == 1).then_some(&right[..]), (dim - 16) * n)?;
        let y = e.input(1, (e.me() == 1).then_some(&y[..]), n)?;
        batches.push((Words::concat(&[&left, &right]), y, n));
    }
    for _ in 0..EPOCHS {
        for (table, y, n) in &batches {
            let eta = e.matmul(&w, table, Dims { m: 1, k: dim, n: *n }, FRAC)?;
            let r = spline::sigmoid_fast(e, &eta, FRAC)?.sub(y);
            let dims = Dims { m: dim, k: *n, n: 1 };
            w = w.sub(&e.matmul(table, &r, dims, FRAC + 2 + RATE)?);
        }
    }
    let opened = e.open(&w, Recipients::All)?.unwrap_or_default();
    Ok(fixed.decode_all(&opened))
}

fn regression(c: &mut Criterion, profile: Profile) {
    let (rows, labels) = cancer();
    let plain = score(&rows, &labels, &plain_fit(&rows, &labels));
    let mut bytes = 0;
    let label = if matches!(profile, Profile::Lan { .. }) { "LAN" } else { "WAN" };
    let mut group = c.benchmark_group(format!("additive {label}"));
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    group.bench_function("logistic regression 455 x 30, 10 epochs", |bencher| {
        bencher.iter_custom(|runs| {
            let mut total = Duration::ZERO;
            for _ in 0..runs {
                let start = Instant::now();
                let fits = additive::run_local(2, profile, |e| {
                    let w = fit(e, &rows, &labels)?;
                    Ok((w, e.mesh().meter().sent(), e.mesh().clock()))
                })
                .expect("honest parties");
                total += start.elapsed();
                let secure = score(&rows, &labels, &fits[0].0);
                assert!(secure.abs_diff(plain) <= 1, "{secure} right, in plaintext {plain}");
                bytes = fits[0].1 + fits[1].1;
            }
            total
        });
    });
    let test = ROWS - TRAIN;
    if bytes > 0 {
        println!("{label} regression: {bytes} bytes; plaintext has {plain} of {test} right");
    }
    group.finish();
}

fn additive(c: &mut Criterion) {
    const M: usize = 1_000_000;
    for profile in [Profile::LAN, Profile::WAN] {
        bench(c, "multiply with truncation", profile, M, |e, x, y| e.mul(x, y, 20).map(drop));
        bench(c, "less than, bits", profile, M, |e, x, y| e.is_negative(&x.sub(y)).map(drop));
        regression(c, profile);
    }
    let profile = Profile::LAN;
    let tcp = Link::Tcp;
    bench_over(c, tcp, "multiply with truncation", profile, M, |e, x, y| e.mul(x, y, 20).map(drop));
    bench_over(c, tcp, "less than, bits", profile, M, |e, x, y| e.is_negative(&x.sub(y)).map(drop));
    bench(c, "equal, bits", profile, M, |e, x, y| e.is_zero(&x.sub(y)).map(drop));
    bench(c, "bits of numbers", profile, M / 10, |e, x, _| e.to_bits(x, 64).map(drop));
    bench(c, "shuffle", profile, M / 10, |e, x, _| {
        let p = e.random_permutation(x.len())?;
        e.shuffle(&p, &[x]).map(drop)
    });
    bench(c, "matrix 64 x 1000 times 1000 x 1", profile, 64_000, |e, x, y| {
        e.matmul(x, &y.slice(0..1000), Dims { m: 64, k: 1000, n: 1 }, 20).map(drop)
    });
}

criterion_group!(benches, additive);
criterion_main!(benches);
