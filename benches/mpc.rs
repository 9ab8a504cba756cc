//! Engines `rep3` and `rep3m`, checks included, in the same run: all three
//! parties in this process over memory channels. Setting up the engines and
//! sharing the operands happen once, outside the clock.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use privity_core::Result;
use privity_mpc::{
    engine::{Dims, Engine, RingShares},
    rep3::{self, Rep3},
    rep3m::{self, Rep3m},
};
use std::{
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

/// The allocator of the command line.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An engine that three threads can run.
trait Local: Engine + Sized {
    const NAME: &str;
    fn run(program: impl Fn(&mut Self) -> Result<()> + Sync) -> Result<[(); 3]>;
    fn check(&mut self) -> Result<()>;
}

impl Local for Rep3 {
    const NAME: &str = "rep3";
    fn run(program: impl Fn(&mut Self) -> Result<()> + Sync) -> Result<[(); 3]> {
        rep3::run_local(program)
    }
    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Local for Rep3m {
    const NAME: &str = "rep3m";
    fn run(program: impl Fn(&mut Self) -> Result<()> + Sync) -> Result<[(); 3]> {
        rep3m::run_local(program)
    }
    fn check(&mut self) -> Result<()> {
        Rep3m::check(self)
    }
}

/// Three parties that repeat one operation on shared operands when told to.
fn bench<E: Local>(
    c: &mut Criterion,
    name: &str,
    len: usize,
    operation: impl Fn(&mut E, &E::Ring, &E::Ring) -> Result<()> + Sync,
) {
    let mut group = c.benchmark_group(E::NAME);
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
            E::run(|e| {
                let (done, wait) = ends.lock().expect("no panic")[e.me()].take().expect("once");
                let x: Vec<u64> =
                    (0..len as u64).map(|i| i.wrapping_mul(0x9E37_79B9) >> 8).collect();
                let a = e.input(0, (e.me() == 0).then_some(&x[..]), len)?;
                let b = e.input(1, (e.me() == 1).then_some(&x[..]), len)?;
                while let Ok(true) = wait.recv() {
                    operation(e, &a, &b)?;
                    e.check()?;
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

fn both<E: Local>(c: &mut Criterion) {
    const M: usize = 1_000_000;
    let square = |n| Dims { m: n, k: n, n };
    bench::<E>(c, "multiply 1M, no truncation", M, |e, x, y| e.mul(x, y, 0).map(drop));
    bench::<E>(c, "multiply 1M with truncation", M, |e, x, y| e.mul(x, y, 20).map(drop));
    bench::<E>(c, "matrix product 1000^3, no truncation", M, |e, x, y| {
        e.matmul(x, y, square(1000), 0).map(drop)
    });
    bench::<E>(c, "matrix product 1000^3 with truncation", M, |e, x, y| {
        e.matmul(x, y, square(1000), 20).map(drop)
    });
    bench::<E>(c, "less than 1M, bits", M, |e, x, y| e.is_negative(&x.sub(y)).map(drop));
    bench::<E>(c, "less than 1M, numbers", M, |e, x, y| {
        let b = e.is_negative(&x.sub(y))?;
        e.bit_to_ring(&b).map(drop)
    });
    bench::<E>(c, "bits of 100k", 100_000, |e, x, _| e.to_bits(x, 64).map(drop));
    bench::<E>(c, "equal 1M, bits", M, |e, x, y| e.is_zero(&x.sub(y)).map(drop));
    bench::<E>(c, "bits to numbers 1M", M, |e, x, _| {
        let b = e.random_bits(x.len())?;
        e.bit_to_ring(&b).map(drop)
    });
    bench::<E>(c, "shuffle 100k, two columns", 200_000, |e, x, _| {
        let p = e.random_permutation(100_000)?;
        e.shuffle(&p, &[&x.slice(0..100_000), &x.slice(100_000..200_000)]).map(drop)
    });
}

fn engines(c: &mut Criterion) {
    both::<Rep3>(c);
    both::<Rep3m>(c);
}

criterion_group!(benches, engines);
criterion_main!(benches);
