//! Engine `rep3`, all three parties in this process over memory channels.
//! Setting up the engine and sharing the operands happen once, outside the clock.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use privity_core::Result;
use privity_mpc::{
    engine::{Dims, Engine, RingShares},
    rep3::{self, Rep3},
};
use std::{
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

type Shared = <Rep3 as Engine>::Ring;

/// Three parties that repeat one operation on shared operands when told to.
fn bench(
    c: &mut Criterion,
    name: &str,
    n: usize,
    len: usize,
    operation: fn(&mut Rep3, &Shared, &Shared, usize) -> Result<()>,
) {
    let mut group = c.benchmark_group("rep3");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(len as u64));
    let (mut starts, mut waits) = (Vec::new(), Vec::new());
    let mut ends: Vec<(Sender<()>, Receiver<bool>)> = Vec::new();
    for _ in 0..3 {
        let (start, wait) = channel::<bool>();
        let (done, ended) = channel::<()>();
        starts.push(start);
        waits.push(ended);
        ends.push((done, wait));
    }
    let ends = Mutex::new(ends.into_iter().map(Some).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            rep3::run_local(|e| {
                let (done, wait) = ends.lock().expect("no panic")[e.me()].take().expect("once");
                let x: Vec<u64> =
                    (0..len as u64).map(|i| i.wrapping_mul(0x9E37_79B9) >> 8).collect();
                let a = e.input(0, (e.me() == 0).then_some(&x[..]), len)?;
                let b = e.input(1, (e.me() == 1).then_some(&x[..]), len)?;
                while let Ok(true) = wait.recv() {
                    operation(e, &a, &b, n)?;
                    if done.send(()).is_err() {
                        break;
                    }
                }
                Ok(())
            })
            .expect("honest parties");
        });
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                starts.iter().for_each(|s| s.send(true).expect("running"));
                waits.iter().for_each(|w| w.recv().expect("running"));
            });
        });
        drop(starts);
    });
    group.finish();
}

fn rep3(c: &mut Criterion) {
    const M: usize = 1_000_000;
    bench(c, "multiply 1M, no truncation", 0, M, |e, x, y, _| e.mul(x, y, 0).map(drop));
    bench(c, "multiply 1M with truncation", 0, M, |e, x, y, _| e.mul(x, y, 20).map(drop));
    bench(c, "matrix product 1000x1000 with truncation", 1000, M, |e, x, y, n| {
        e.matmul(x, y, Dims { m: n, k: n, n }, 20).map(drop)
    });
    bench(c, "less than 1M, bits", 0, M, |e, x, y, _| e.is_negative(&x.sub(y)).map(drop));
    bench(c, "less than 1M, numbers", 0, M, |e, x, y, _| {
        let b = e.is_negative(&x.sub(y))?;
        e.bit_to_ring(&b).map(drop)
    });
    bench(c, "equal 1M, bits", 0, M, |e, x, y, _| e.is_zero(&x.sub(y)).map(drop));
    bench(c, "bits of 100k", 0, 100_000, |e, x, _, _| e.to_bits(x, 64).map(drop));
}

criterion_group!(benches, rep3);
criterion_main!(benches);
