//! Two thousand intersections of random sets, in every protocol, always exact.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a failed unwrap fails the test

use privity_core::{Mesh, ot::Security};
use privity_psi::{
    Item, Options, align, circuit,
    vole::{self, Receiver, Sender, StoreField},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::HashSet, thread};

fn item(x: u64) -> Item {
    Item::new(&[1; 32], &x.to_le_bytes())
}

/// Both sets of one run, and what they have in common. A run is drawn alike at both
/// parties, from the same seed.
struct Run {
    sets: [Vec<u64>; 2],
    common: HashSet<u64>,
}

fn runs(seed: u64, count: usize, most: u64) -> impl Iterator<Item = Run> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(move |_| {
        // Equal sizes, very different ones, empty ones; few and many common items.
        let mut size = || match rng.random_range(0..6) {
            0 => rng.random_range(0..3),
            1 => rng.random_range(0..most / 20 + 1),
            _ => rng.random_range(0..=most),
        };
        let (a, b) = (size(), size());
        let common = match rng.random_range(0..4) {
            0 => 0,
            1 => a.min(b),
            _ => rng.random_range(0..=a.min(b)),
        };
        let base = rng.random::<u64>() >> 1;
        let mut x: Vec<u64> = (base..base + a).collect();
        let mut y: Vec<u64> = (base + a - common..base + a - common + b).collect();
        x.shuffle(&mut rng);
        y.shuffle(&mut rng);
        Run { sets: [x, y], common: (base + a - common..base + a).collect() }
    })
}

fn items(set: &[u64]) -> Vec<Item> {
    set.iter().map(|&x| item(x)).collect()
}

fn pair() -> [Mesh; 2] {
    Mesh::in_memory(&["ann", "ben"]).unwrap().try_into().unwrap()
}

fn check(rows: &[u32], set: &[u64], common: &HashSet<u64>, what: &str) {
    let found: HashSet<u64> = rows.iter().map(|&row| set[row as usize]).collect();
    assert_eq!((found.len(), &found), (rows.len(), common), "{what}");
}

fn by_vole(seed: u64, count: usize, security: Security, field: StoreField) {
    let options = &vole::Options { security, field, runs: 1 << 20, ..vole::Options::new([7; 32]) };
    let [mut ann, mut ben] = pair();
    let rng = &mut rand::rng();
    thread::scope(|scope| {
        scope.spawn(|| {
            let rng = &mut rand::rng();
            let mut sender = Sender::new(&mut ann, 1, options, rng).unwrap();
            for run in runs(seed, count, 5000) {
                let set = &run.sets[0];
                let rows = sender.run_and_learn(&mut ann, &items(set), rng).unwrap();
                check(&rows, set, &run.common, &format!("seed {seed}, {options:?}"));
            }
        });
        let mut receiver = Receiver::new(&mut ben, 0, options, rng).unwrap();
        for run in runs(seed, count, 5000) {
            let set = &run.sets[1];
            let rows = receiver.run_and_tell(&mut ben, &items(set), rng).unwrap();
            check(&rows, set, &run.common, &format!("seed {seed}, {options:?}"));
        }
    });
}

#[test]
fn vole_malicious() {
    let seed = rand::random();
    println!("seed {seed}");
    by_vole(seed, 600, Security::Malicious, StoreField::Gf128);
}

#[test]
fn vole_semi_honest() {
    let seed = rand::random();
    println!("seed {seed}");
    by_vole(seed, 500, Security::SemiHonest, StoreField::Gf128);
}

#[test]
fn vole_subfield() {
    let seed = rand::random();
    println!("seed {seed}");
    by_vole(seed, 500, Security::SemiHonest, StoreField::Gf64);
}

#[test]
fn shared() {
    let (seed, count) = (rand::random(), 200);
    println!("seed {seed}");
    let security = Security::SemiHonest;
    let options = &vole::Options { security, runs: 1 << 20, ..vole::Options::new([7; 32]) };
    let [mut ann, mut ben] = pair();
    let (sent, received) = thread::scope(|scope| {
        let sent = scope.spawn(|| {
            let rng = &mut rand::rng();
            let mut sender = circuit::Sender::new(&mut ann, 1, options, rng).unwrap();
            let run = |run: Run| {
                let set = items(&run.sets[0]);
                sender.run(&mut ann, &set, &[&run.sets[0]], rng).unwrap()
            };
            runs(seed, count, 5000).map(run).collect::<Vec<_>>()
        });
        let rng = &mut rand::rng();
        let mut receiver = circuit::Receiver::new(&mut ben, 0, options, rng).unwrap();
        let run = |run: Run| receiver.run(&mut ben, &items(&run.sets[1]), 1, rng).unwrap();
        let received: Vec<_> = runs(seed, count, 5000).map(run).collect();
        (sent.join().unwrap(), received)
    });
    for ((t, v), run) in sent.iter().zip(&received).zip(runs(seed, count, 5000)) {
        let same = (0..v.rows.len()).filter(|&b| v.tags[b] == t.tags[b]);
        let rows: Vec<u32> = same
            .map(|b| {
                let row = v.rows[b].unwrap();
                let payload = v.payloads[0][b].wrapping_add(t.payloads[0][b]);
                assert_eq!(payload, run.sets[1][row as usize], "seed {seed}");
                row
            })
            .collect();
        check(&rows, &run.sets[1], &run.common, &format!("seed {seed}"));
    }
}

#[test]
fn diffie_hellman() {
    let (seed, count) = (rand::random(), 200);
    println!("seed {seed}");
    for run in runs(seed, count, 100) {
        let [ann, ben] = pair();
        let party = |mut mesh: Mesh, set: &[u64]| {
            let options = &Options::new([7; 32]);
            align(&mut mesh, &items(set), options, &mut rand::rng()).unwrap().rows
        };
        let [a, b] = thread::scope(|scope| {
            let ann = scope.spawn(|| party(ann, &run.sets[0]));
            let ben = party(ben, &run.sets[1]);
            [ann.join().unwrap(), ben]
        });
        check(&a, &run.sets[0], &run.common, &format!("seed {seed}"));
        check(&b, &run.sets[1], &run.common, &format!("seed {seed}"));
    }
}
