//! Tables on engine `rep3`, all three parties in this process over memory
//! channels, with the allocator of the command and the Python module. Setting up
//! and sharing the operands are outside the clock.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use privity_core::Result;
use privity_mpc::{
    engine::{Engine, RingShares},
    rep3::{self, Rep3},
    table::{
        filter::{self, Size},
        group::{self, Aggregate},
        histogram,
        join::{self, Kind, Side},
        sort::{self, Key, radix},
        top::{self, Interpolation},
    },
};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Column = <Rep3 as Engine>::Ring;
type Operation = fn(&mut Rep3, &Column) -> Result<()>;

const N: usize = 100_000;

fn key(x: &Column, width: u32) -> Key<'_, Rep3> {
    Key::unsigned(x, width)
}

const OPERATIONS: [(&str, Operation); 13] = [
    ("sort by 32 bits, one payload", |e, x| sort::sort(e, &[key(x, 32)], &[x]).map(drop)),
    ("sort by 62 bits, one payload", |e, x| sort::sort(e, &[key(x, 62)], &[x]).map(drop)),
    ("radix sort by 32 bits, one payload", |e, x| {
        radix::permutation(e, &[key(x, 32)])?.apply(e, &[x, x]).map(drop)
    }),
    ("radix sort by 8 bits, one payload", |e, x| {
        let low: Column = RingShares::zeros(RingShares::len(x));
        radix::permutation(e, &[key(&low, 8)])?.apply(e, &[&low, x]).map(drop)
    }),
    ("shuffle of one column", |e, x| {
        let p = e.random_permutation(N)?;
        e.shuffle(&p, &[x]).map(drop)
    }),
    ("first 10 rows, one payload", |e, x| top::top_k(e, &[key(x, 32)], None, &[x], 10).map(drop)),
    ("median", |e, x| top::quantiles(e, &key(x, 32), &[0.5], Interpolation::Linear).map(drop)),
    ("quartiles", |e, x| {
        let levels = [0.25, 0.5, 0.75];
        top::quantiles(e, &key(x, 32), &levels, Interpolation::Linear).map(drop)
    }),
    ("group by 32 bits, count and sum", |e, x| {
        let aggregates = [Aggregate::Count, Aggregate::Sum(x)];
        group::group_by(e, &[key(x, 32)], None, &aggregates, Size::InPlace).map(drop)
    }),
    ("join with as many rows", |e, x| {
        let (keys, columns) = ([key(x, 32)], [x]);
        let probe = Side { keys: &keys, columns: &[], valid: None };
        let lookup = Side { keys: &keys, columns: &columns, valid: None };
        join::join(e, Kind::Inner, &probe, &lookup).map(drop)
    }),
    ("compaction of two columns", |e, x| {
        let half: Vec<u64> = (0..N as u64).map(|i| i % 2).collect();
        let valid = e.public(&half);
        filter::compact(e, &[x, x], &valid, Size::AtMost(N / 2)).map(drop)
    }),
    ("histogram of 10 bins", |e, x| {
        let edges: Vec<i64> = (0..11).map(|i| i << 28).collect();
        histogram::histogram(e, x, &edges, None, None).map(drop)
    }),
    ("contingency table, 10 x 5", |e, x| {
        histogram::contingency(e, (x, 10), (x, 5), None, None).map(drop)
    }),
];

fn table(c: &mut Criterion) {
    let values: Vec<u64> =
        (0..N as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32).collect();
    let mut group = c.benchmark_group("table, 100,000 rows");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(N as u64));
    for (name, operation) in OPERATIONS {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let [elapsed, ..] = rep3::run_local(|e| {
                    let x = e.input(0, (e.me() == 0).then_some(&values[..]), N)?;
                    // All parties have their shares before the clock starts.
                    operation(e, &x)?;
                    let start = Instant::now();
                    for _ in 0..times {
                        operation(e, &x)?;
                    }
                    Ok(start.elapsed())
                })
                .expect("honest parties");
                elapsed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, table);
criterion_main!(benches);
