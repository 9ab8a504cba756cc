#![allow(clippy::print_stdout)] // the seed of a failure

use super::*;
use crate::{Item, error};
use privity_core::Mesh;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::HashSet, thread};

fn item(x: u64) -> Item {
    Item::new(&[1; 32], &x.to_le_bytes())
}

fn options(security: Security) -> Options {
    Options { security, ..Options::new([7; 32]) }
}

type Both<A, B> = ((error::Result<A>, Mesh), (error::Result<B>, Mesh));

fn both<A: Send, B: Send>(
    sender: impl FnOnce(&mut Mesh, &mut StdRng) -> error::Result<A> + Send,
    receiver: impl FnOnce(&mut Mesh, &mut StdRng) -> error::Result<B> + Send,
) -> Both<A, B> {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    thread::scope(|scope| {
        let ann = scope.spawn(move || (sender(&mut ann, &mut rand::make_rng()), ann));
        let ben = scope.spawn(move || (receiver(&mut ben, &mut rand::make_rng()), ben));
        (ann.join().unwrap(), ben.join().unwrap())
    })
}

/// Both sets in random order, with so many in common.
fn sets(rng: &mut StdRng, x: usize, y: usize, common: usize) -> (Vec<u64>, Vec<u64>) {
    let base: u64 = rng.random::<u64>() >> 8;
    let mut a: Vec<u64> = (0..x as u64).map(|i| base + i).collect();
    let mut b: Vec<u64> = (0..y as u64).map(|i| base + (x - common) as u64 + i).collect();
    a.shuffle(rng);
    b.shuffle(rng);
    (a, b)
}

fn check(security: Security, x: usize, y: usize, common: usize, rng: &mut StdRng) {
    let (a, b) = sets(rng, x, y, common);
    let items = |x: &[u64]| x.iter().map(|&x| item(x)).collect::<Vec<_>>();
    let (own, other) = (items(&a), items(&b));
    let opts = &options(security);
    let ((sent, ann), (got, ben)) = both(
        |mesh, rng| Sender::new(mesh, 1, opts, rng)?.run_and_learn(mesh, &own, rng),
        |mesh, rng| Receiver::new(mesh, 0, opts, rng)?.run_and_tell(mesh, &other, rng),
    );
    let (sent, got) = (sent.unwrap(), got.unwrap());
    let theirs: HashSet<u64> = a.iter().copied().collect();
    let expected: HashSet<u64> = b.iter().copied().filter(|y| theirs.contains(y)).collect();
    let ours: Vec<u64> = got.iter().map(|&r| b[r as usize]).collect();
    assert_eq!(expected.len(), common);
    assert_eq!(ours.len(), common, "{security:?} {x} {y}");
    assert!(ours.iter().all(|y| expected.contains(y)));
    // The common order is one.
    let hers: Vec<u64> = sent.iter().map(|&r| a[r as usize]).collect();
    assert_eq!(hers, ours);
    let told = if x == 0 || y == 0 { 0 } else { common };
    let cost = cost(opts, [x, y], Some(told)).unwrap();
    assert_eq!(ann.meter().sent(), cost.sender);
    assert_eq!(ben.meter().sent(), cost.receiver);
    assert_eq!([ann.clock(), ben.clock()], cost.rounds);
    // One-sided.
    let ((sent, ann), (got, ben)) = both(
        |mesh, rng| send(mesh, 1, &own, opts, rng),
        |mesh, rng| receive(mesh, 0, &other, opts, rng),
    );
    assert_eq!((sent.unwrap(), got.unwrap().len()), (y as u64, common));
    let cost = super::cost(opts, [x, y], None).unwrap();
    assert_eq!([ann.meter().sent(), ben.meter().sent()], [cost.sender, cost.receiver]);
    assert_eq!([ann.clock(), ben.clock()], cost.rounds);
}

#[test]
fn the_intersection_is_exact() {
    let seed = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    for security in [Security::SemiHonest, Security::Malicious] {
        for (x, y, common) in [
            (0, 0, 0),
            (0, 5, 0),
            (5, 0, 0),
            (1, 1, 1),
            (1, 1, 0),
            (100, 100, 100),
            (1000, 10, 7),
            (10, 1000, 10),
            (3000, 3000, 0),
            (40_000, 70_000, 12_345),
        ] {
            check(security, x, y, common, rng);
        }
        for _ in 0..20 {
            let (x, y) = (rng.random_range(0..500), rng.random_range(0..500));
            let common = rng.random_range(0..=x.min(y));
            check(security, x, y, common, rng);
        }
    }
}
