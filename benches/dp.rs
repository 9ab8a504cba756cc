//! Exact samplers on one core, in draws per second.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use privity_dp::{
    Ratio,
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

criterion_group!(benches, samplers);
criterion_main!(benches);
