//! The ring, the field, the generator, the hash and the transpose, on one
//! party's machine.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use privity_core::{
    Secret, arch, bits,
    crhash::CrHash,
    field::Fp61,
    prg::Prg,
    ring::{self, Ring},
};
use std::hint::black_box;

const N: usize = 1 << 20;

fn words(n: usize) -> Vec<u64> {
    Prg::new(&Secret::new([9; 16])).vec(1, n)
}

fn ring(c: &mut Criterion) {
    let (x, y) = (words(N), words(N));
    let mut group = c.benchmark_group("ring");
    group.throughput(Throughput::Elements(N as u64));
    group.bench_function("add 1M u64", |b| b.iter(|| ring::zip(black_box(&x), &y, u64::plus)));
    group
        .bench_function("multiply 1M u64", |b| b.iter(|| ring::zip(black_box(&x), &y, u64::times)));
    let wide = |x: &[u64]| x.iter().map(|&a| u128::from(a) << 32 | 7).collect::<Vec<u128>>();
    let (p, q) = (wide(&x), wide(&y));
    group.bench_function("multiply 1M u128", |b| {
        b.iter(|| ring::zip(black_box(&p), &q, u128::times))
    });
    let (f, g): (Vec<_>, Vec<_>) =
        (x.iter().map(|&a| Fp61::new(a)).collect(), y.iter().map(|&a| Fp61::new(a)).collect());
    group.bench_function("multiply 1M Fp61", |b| {
        b.iter(|| f.iter().zip(&g).map(|(&a, &b)| a * b).collect::<Vec<_>>())
    });
    group.finish();
    let mut group = c.benchmark_group("matrix product in the clear");
    let n = 1000;
    let (a, b) = (words(n * n), words(n * n));
    group.sample_size(10);
    group.throughput(Throughput::Elements((n * n * n) as u64));
    for backend in [arch::Backend::Avx512, arch::Backend::Avx2, arch::Backend::Baseline] {
        group.bench_function(format!("1000x1000 u64, one thread, {backend:?}"), |bench| {
            let mut out = vec![0; n * n];
            bench.iter(|| arch::matmul_add(backend, black_box(&a), &b, &mut out, n, n, n));
        });
    }
    group.finish();
}

fn randomness(c: &mut Criterion) {
    let prg = Prg::new(&Secret::new([1; 16]));
    let mut out = words(N);
    let mut group = c.benchmark_group("randomness");
    group.throughput(Throughput::Bytes(8 * N as u64));
    group.bench_function("PRG 8 MiB, one thread", |b| {
        b.iter(|| prg.fill(1, 0, black_box(&mut out)))
    });
    let hash = CrHash::new();
    let mut blocks: Vec<u128> = out.iter().map(|&w| u128::from(w)).collect();
    group.throughput(Throughput::Elements(N as u64));
    group.bench_function("correlation-robust hash, 1M blocks", |b| {
        b.iter(|| hash.hash_all(0, black_box(&mut blocks)));
    });
    group.finish();
}

fn transpose(c: &mut Criterion) {
    let x = words(N);
    let planes = bits::to_planes(&x);
    let mut group = c.benchmark_group("transpose");
    group.throughput(Throughput::Bytes(8 * N as u64));
    group.bench_function("1M words to 64 planes", |b| b.iter(|| bits::to_planes(black_box(&x))));
    group.bench_function("64 planes to 1M words", |b| {
        b.iter(|| bits::from_planes(black_box(&planes), 64, N));
    });
    group.finish();
}

criterion_group!(benches, ring, randomness, transpose);
criterion_main!(benches);
