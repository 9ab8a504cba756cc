//! Exact samplers on one core, in draws per second; accounting, in time per answer.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use privity_dp::{
    Neighbours, Ratio,
    accounting::{Accountant, Event, Method, Sampling},
    sampler::{DiscreteGaussian, DiscreteLaplace, Source},
};

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

criterion_group!(benches, samplers, accounting);
criterion_main!(benches);
