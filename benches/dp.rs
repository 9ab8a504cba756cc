//! Exact samplers, in draws per second; accounting; releases from a million rows. One core.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use privity_dp::{
    Contributions, Grid, Loss, Neighbours, Privacy, Ratio, Units,
    accounting::{Accountant, Event, Method, Sampling},
    estimator::{Histogram, Mean, Quantile, Quantiles, Variance},
    mechanism::{PermuteAndFlip, SparseVector},
    sampler::{DiscreteGaussian, DiscreteLaplace, Source},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const DRAWS: usize = 10_000;

fn samplers(c: &mut Criterion) {
    let mut out = vec![0i64; DRAWS];
    let mut source = Source::new(rand::rng());
    for (name, power) in [("discrete Laplace", 1), ("discrete Gaussian", 2)] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(DRAWS as u64));
        for scale in [1u64, 10, 1000] {
            let ratio = Ratio::new(scale.pow(power), 1).expect("above zero");
            let (laplace, gaussian) = (DiscreteLaplace::new(ratio), DiscreteGaussian::new(ratio));
            let (laplace, gaussian) = (laplace.expect("in range"), gaussian.expect("in range"));
            group.bench_function(BenchmarkId::new("scale", scale), |b| {
                b.iter(|| match power {
                    1 => laplace.fill(&mut source, &mut out),
                    _ => gaussian.fill(&mut source, &mut out),
                });
            });
        }
        group.finish();
    }
}

fn estimators(c: &mut Criterion) {
    let data: Vec<f64> = {
        let mut rng = StdRng::seed_from_u64(1);
        (0..1_000_000).map(|_| 100.0 * (rng.random::<f64>() + rng.random::<f64>()) / 2.0).collect()
    };
    let ids: Vec<u64> = (0..1_000_000u64).map(|i| i.wrapping_mul(0x9e37_79b9) % 300_000).collect();
    let source = &mut Source::new(rand::rng());
    let grid = Grid::fitted(0.0, 100.0).expect("a grid");
    let privacy = Privacy::new(Neighbours::AddRemove, Loss::pure(1.0).expect("in range"));
    let rows = Units::Rows;
    let mut group = c.benchmark_group("a million rows");
    group.sample_size(20);
    let mean = Mean::new(grid, privacy).expect("in range");
    group.bench_function("mean", |b| b.iter(|| mean.release(&data, rows, source)));
    let variance = Variance::new(0.0, 100.0, privacy).expect("in range");
    group.bench_function("variance", |b| b.iter(|| variance.release(&data, rows, source)));
    let histogram = Histogram::new(0.0, 100.0, 100, privacy).expect("in range");
    group.bench_function("histogram of 100", |b| b.iter(|| histogram.release(&data, rows, source)));
    let median = Quantile::new(0.5, grid, privacy).expect("in range");
    group.bench_function("median", |b| b.iter(|| median.release(&data, rows, source)));
    let nine: Vec<f64> = (1..10).map(|i| f64::from(i) / 10.0).collect();
    let deciles = Quantiles::new(&nine, grid, privacy).expect("in range");
    group.bench_function("deciles", |b| b.iter(|| deciles.release(&data, rows, source)));
    let bounded = privacy.contributions(Contributions::rows(3).expect("above 0"));
    let mean = Mean::new(grid, bounded).expect("in range");
    let units = Units::Ids(&ids);
    group.bench_function("mean of bounded units", |b| {
        b.iter(|| mean.release(&data, units, source));
    });
    group.finish();
}

fn choices(c: &mut Criterion) {
    let source = &mut Source::new(rand::rng());
    let epsilon = Ratio::new(1, 1).expect("above 0");
    let mut group = c.benchmark_group("a thousand answers");
    group.throughput(Throughput::Elements(1000));
    let answers: Vec<i64> = (0..1000).map(|i| i * 7919 % 1000).collect();
    let flip = PermuteAndFlip::new(1, epsilon).expect("in range");
    group.bench_function("permute and flip", |b| b.iter(|| flip.choose(&answers, source)));
    group.bench_function("sparse vector", |b| {
        b.iter(|| {
            let vector = SparseVector::new(10_000, 1, 3, epsilon, source);
            vector.map(|mut vector| answers.iter().filter_map(|&x| vector.ask(x, source)).count())
        });
    });
    group.finish();
}

fn step(sigma: f64, rate: f64) -> Event {
    let event = Box::new(Event::Gaussian { sigma });
    Event::Subsampled { sampling: Sampling::Poisson { rate }, event }
}

fn accounting(c: &mut Criterion) {
    let new = |method| Accountant::new(Neighbours::AddRemove, method);
    let mut group = c.benchmark_group("accounting");
    let mut answer = |name: &str, accountant: &Accountant, delta: f64| {
        group.bench_function(name, |b| b.iter(|| accountant.epsilon(delta).expect("in range")));
    };
    for (name, sigma, rate, times, delta) in [
        ("sigma 1, q .01, T 1000", 1.0, 0.01, 1000, 1e-5),
        ("sigma 4, q .001, T 100000", 4.0, 1e-3, 100_000, 1e-6),
    ] {
        for method in [Method::Pld, Method::Rdp] {
            let mut accountant = new(method);
            accountant.compose(&step(sigma, rate), times).expect("in range");
            answer(&format!("{method:?}, {name}"), &accountant, delta);
        }
    }
    let mut given = new(Method::Pld).with_grid(1e-4).expect("in range");
    given.compose(&step(1.0, 0.01), 1000).expect("in range");
    answer("Pld at 1e-4, both directions", &given, 1e-5);
    let mut different = new(Method::Pld);
    for i in 0..51 {
        different.compose(&step(1.0 + 0.02 * f64::from(i), 0.01), 20).expect("in range");
    }
    answer("Pld, 51 different", &different, 1e-5);
    group.finish();
}

criterion_group!(benches, samplers, accounting, estimators, choices);
criterion_main!(benches);
