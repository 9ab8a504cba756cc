//! Engine `shamir`, all parties in this process over memory channels. Each
//! sample includes sharing the operands; keys are set up once per sample.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use privity_core::Result;
use privity_mpc::{
    engine::{Engine, Recipients, RingShares},
    shamir::{self, Security, Shamir, Vector},
};
use std::time::{Duration, Instant};

/// Time of `operation` at the slowest party.
fn time(
    n: usize,
    t: usize,
    security: Security,
    len: usize,
    operation: fn(&mut Shamir, &Vector<u64>) -> Result<()>,
) -> Duration {
    let x: Vec<u64> = (0..len as u64).map(|i| i.wrapping_mul(0x9E37_79B9) >> 8).collect();
    shamir::run_local(n, t, security, |e| {
        let a = e.input(0, (e.me() == 0).then_some(&x[..]), len)?;
        let start = Instant::now();
        operation(e, &a)?;
        Ok(start.elapsed())
    })
    .expect("honest parties")
    .into_iter()
    .max()
    .unwrap_or_default()
}

fn bench(c: &mut Criterion) {
    let semi = Security::SemiHonest;
    for (n, t, security) in [(3, 1, semi), (3, 1, Security::Malicious), (10, 4, semi)] {
        let mut group = c.benchmark_group(format!("shamir {n} parties {security:?}"));
        group.sample_size(10).measurement_time(Duration::from_secs(1));
        let small = n > 3 || security == Security::Malicious;
        let compared = if small { 10_000 } else { 100_000 };
        type Operation = fn(&mut Shamir, &Vector<u64>) -> Result<()>;
        let operations: [(&str, usize, Operation); 3] = [
            ("multiply", 1_000_000, |e, x| {
                e.mul(x, x, 0)?;
                e.check()
            }),
            ("less than", compared, |e, x| {
                e.is_negative(x)?;
                e.check()
            }),
            ("mean", 1_000_000, |e, x| {
                let sum = x.sum_rows(x.len());
                e.open(&sum, Recipients::All).map(drop)
            }),
        ];
        for (name, len, operation) in operations {
            group.throughput(Throughput::Elements(len as u64));
            group.bench_function(format!("{name} {len}"), |b| {
                b.iter_custom(|iterations| {
                    (0..iterations).map(|_| time(n, t, security, len, operation)).sum()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
