//! Alignment by ECDH, all owners in this process over memory channels. The
//! throughput is rows of one party's table.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use privity_core::Mesh;
use privity_psi::{Item, Options, align};

/// Items of `parties` tables of `n` rows, half of them common to all.
fn tables(parties: u64, n: u64) -> Vec<Vec<Item>> {
    let item = |id: u64| Item::new(&[1; 32], &id.to_be_bytes());
    (0..parties)
        .map(|p| (0..n).map(|i| item(if i < n / 2 { i } else { i + p * n })).collect())
        .collect()
}

fn run(tables: &[Vec<Item>]) {
    let names: Vec<String> = (0..tables.len()).map(|i| format!("owner {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let meshes = Mesh::in_memory(&names).expect("names");
    std::thread::scope(|scope| {
        for (mut mesh, items) in meshes.into_iter().zip(tables) {
            scope.spawn(move || {
                let options = Options::new([1; 32]);
                align(&mut mesh, items, &options, &mut rand::rng()).expect("honest owners")
            });
        }
    });
}

fn ecdh(c: &mut Criterion) {
    let mut group = c.benchmark_group("align by ECDH");
    group.sample_size(10);
    for parties in [2, 3] {
        let n = 10_000;
        let tables = tables(parties, n);
        group.throughput(Throughput::Elements(n));
        group.bench_with_input(BenchmarkId::new("owners", parties), &tables, |b, t| {
            b.iter(|| run(t));
        });
    }
    group.finish();
}

criterion_group!(benches, ecdh);
criterion_main!(benches);
