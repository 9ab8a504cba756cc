#![allow(clippy::print_stdout)] // the seed of a failure

use super::{
    cuckoo::{WAYS, Ways, settle},
    *,
};
use crate::{Item, error, vole::Options};
use privity_core::{Mesh, ot::Security};
use privity_mpc::{
    additive::{Additive, Profile},
    engine::Recipients,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{collections::HashMap, thread};

fn item(x: u64) -> Item {
    Item::new(&[1; 32], &x.to_le_bytes())
}

fn options(security: Security) -> Options {
    Options { security, ..Options::new([7; 32]) }
}

/// Binned of the receiver and of the sender, their meshes after it.
fn run(
    y: &[u64],
    x: &[u64],
    payloads: &[Vec<u64>],
    options: &Options,
) -> (Binned, Binned, [Mesh; 2]) {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    let items = |x: &[u64]| x.iter().map(|&x| item(x)).collect::<Vec<_>>();
    let (x, y) = (items(x), items(y));
    let columns: Vec<&[u64]> = payloads.iter().map(Vec::as_slice).collect();
    let p = payloads.len();
    let (received, sent) = thread::scope(|scope| {
        let (ann, ben) = (&mut ann, &mut ben);
        let sent = scope.spawn(move || {
            Sender::new(ann, 1, options, &mut rand::rng())?.run(ann, &x, &columns, &mut rand::rng())
        });
        let received = Receiver::new(ben, 0, options, &mut rand::rng())
            .and_then(|mut r| r.run(ben, &y, p, &mut rand::rng()));
        (received, sent.join().unwrap())
    });
    (received.unwrap(), sent.unwrap(), [ann, ben])
}

fn check(y: &[u64], x: &[u64], payloads: usize, security: Security, rng: &mut StdRng) {
    let values: Vec<Vec<u64>> =
        (0..payloads).map(|_| x.iter().map(|_| rng.random()).collect()).collect();
    let opts = &options(security);
    let (v, t, [ann, ben]) = run(y, x, &values, opts);
    let cost = cost(opts, [x.len(), y.len()], payloads).unwrap();
    assert_eq!([ann.meter().sent(), ben.meter().sent()], [cost.sender, cost.receiver]);
    assert_eq!([ann.clock(), ben.clock()], cost.rounds);
    let theirs: HashMap<u64, usize> = x.iter().copied().zip(0..).collect();
    let bins = bins(y.len());
    assert_eq!((v.rows.len(), v.tags.len(), t.tags.len()), (bins, bins, bins));
    let mut seen = vec![false; y.len()];
    for b in 0..bins {
        let partner = v.rows[b].and_then(|row| {
            assert!(!std::mem::replace(&mut seen[row as usize], true));
            theirs.get(&y[row as usize])
        });
        assert_eq!(v.tags[b] == t.tags[b], partner.is_some());
        if let Some(&partner) = partner {
            for p in 0..payloads {
                let z = v.payloads[p][b].wrapping_add(t.payloads[p][b]);
                assert_eq!(z, values[p][partner]);
            }
        }
    }
    assert!(seen.iter().all(|&s| s), "an item has no bin");
}

#[test]
fn tags_agree_where_items_are_common_and_there_payloads_are_shared() {
    let seed = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    for security in [Security::SemiHonest, Security::Malicious] {
        for (y, x, common) in
            [(0, 0, 0), (0, 5, 0), (5, 0, 0), (1, 1, 1), (1, 1, 0), (700, 900, 333), (9, 4000, 9)]
        {
            let x: Vec<u64> = (0..x).collect();
            let y: Vec<u64> = (0..y).map(|i| x.len() as u64 - common + i).collect();
            let payloads = rng.random_range(0..4);
            check(&y, &x, payloads, security, rng);
        }
    }
    let x: Vec<u64> = (0..20_000).collect();
    let y: Vec<u64> = (5_000..35_000).collect();
    check(&y, &x, 2, Security::SemiHonest, rng);
}

/// Payloads of common items are shared, summed and nothing else is opened.
#[test]
fn an_engine_sums_over_the_intersection() {
    let mut engines = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let x: Vec<u64> = (0..1000).collect();
    let y: Vec<u64> = (600..1900).collect();
    let z: Vec<u64> = x.iter().map(|x| x * x).collect();
    let (v, t, _) = run(&y, &x, &[z], &options(Security::SemiHonest));
    let b = bins(y.len());
    let sum = |mesh: Mesh, own: Binned| {
        let mut engine = Additive::new(mesh, Profile::LAN, &mut rand::rng())?;
        let common = membership(&mut engine, [1, 0], Some(&own), b)?;
        let z = payload(&mut engine, [1, 0], Some(&own), 0, b)?;
        let common = engine.bit_to_ring(&common)?;
        let products = engine.mul(&common, &z, 0)?;
        let (count, total) = (common.sum_columns(1), products.sum_columns(1));
        let both = RingShares::concat(&[&count, &total]);
        engine.open(&both, Recipients::All)
    };
    let (ben, ann) = (engines.pop().unwrap(), engines.pop().unwrap());
    let results = thread::scope(|scope| {
        let ann = scope.spawn(|| sum(ann, t));
        [sum(ben, v), ann.join().unwrap()]
    });
    let total = (600..1000u64).map(|x| x * x).sum::<u64>();
    for result in results {
        assert_eq!(result.unwrap().unwrap(), [400, total]);
    }
}

/// Bad input is refused before or after the announcement, by both.
#[test]
fn duplicates_and_lengths_are_refused() {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
    let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
    let opts = &options(Security::SemiHonest);
    thread::scope(|scope| {
        scope.spawn(|| {
            let sender = &mut Sender::new(&mut ann, 1, opts, &mut rand::rng()).unwrap();
            let twice = [item(1), item(2), item(1)];
            let refused = sender.run(&mut ann, &twice, &[], &mut rand::rng());
            assert!(matches!(refused, Err(error::Error::Identifiers(_))));
            let refused = sender.run(&mut ann, &[item(1)], &[&[1, 2]], &mut rand::rng());
            assert!(refused.unwrap_err().to_string().contains("payload 0 has 2 values"));
        });
        let receiver = &mut Receiver::new(&mut ben, 0, opts, &mut rand::rng()).unwrap();
        let refused = receiver.run(&mut ben, &[item(3), item(3)], 0, &mut rand::rng());
        assert!(matches!(refused, Err(error::Error::Identifiers(_))));
    });
    assert!(check_size(MOST_ITEMS).is_ok() && check_size(MOST_ITEMS + 1).is_err());
    assert!(bins(MOST_ITEMS) <= 1 << 24);
}

/// Every item is in one of its places, alone; a set without such places is noticed.
#[test]
fn items_settle() {
    let seed = rand::random();
    println!("seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    for n in [1usize, 10, 100, 1000, 50_000] {
        // At the size in use, and so tight that items must be moved by a search.
        for bins in [bins(n), (n * 9).div_ceil(8).max(8)] {
            let mut session = [0; 32];
            rng.fill(&mut session);
            let keys: Vec<u128> = (0..n).map(|_| rng.random()).collect();
            let places = Ways::new(&session, bins).places(&keys);
            let Some(way) = settle(&places, bins, rng.random()) else {
                assert!(bins < super::bins(n), "seed {seed}: {n} items");
                continue;
            };
            let mut taken = vec![false; bins];
            for (places, way) in places.iter().zip(way) {
                let bin = places[usize::from(way)] as usize;
                assert!(!std::mem::replace(&mut taken[bin], true));
            }
        }
    }
    assert!(settle(&[[0, 1, 2]; 3], 5, 1).is_some());
    assert!(settle(&[[0, 1, 2]; 4], 5, 1).is_none());
}

/// The sum (1) of `cuckoo`, as log2.
fn failure(n: usize, bins: usize) -> f64 {
    // ln k! for all k that are needed.
    let most = (WAYS * n).max(bins) + 1;
    let mut factorial = vec![0f64; most + 1];
    for k in 1..=most {
        factorial[k] = factorial[k - 1] + (k as f64).ln();
    }
    let choose = |n: usize, k: usize| factorial[n] - factorial[k] - factorial[n - k];
    let b = bins as f64;
    let triples = b.ln() + (b - 1.0).ln() + (b - 2.0).ln();
    let (mut largest, mut sum, mut z) = (f64::NEG_INFINITY, 0.0, 1.0f64);
    for t in 4..=n.min(bins + 1) {
        // Newton's iteration for the z where the bound is least; any z is right.
        let target = 3.0 * t as f64 / (t - 1) as f64;
        for _ in 0..if t == 4 { 60 } else { 3 } {
            let (e, d) = (z.exp_m1(), z.exp_m1() - z);
            let value = z * e / d - target;
            let slope = e / d + z * z.exp() / d - z * e * e / (d * d);
            z = (z - value / slope).max(1e-3);
        }
        let ways = (t - 1) as f64 * (z.exp_m1() - z).ln() - 3.0 * t as f64 * z.ln();
        let few = if t > 3 { choose(t - 1, 3) - choose(bins, 3) } else { f64::NEG_INFINITY };
        let term = choose(n, t)
            + choose(bins, t - 1)
            + (t as f64 * few).min(factorial[3 * t] + ways - t as f64 * triples);
        if term > largest {
            (sum, largest) = (sum * (largest - term).exp() + 1.0, term);
        } else {
            sum += (term - largest).exp();
        }
    }
    (largest + sum.ln()) / std::f64::consts::LN_2
}

#[test]
fn bins_suffice_but_once_in_2_to_the_40() {
    let sizes = [5, 16, 50, 100, 200, 400, 800, 1200, 1500, 1600, 1700, 5000, 1 << 16, 1 << 20];
    for n in sizes {
        let bits = failure(n, bins(n));
        assert!(bits <= -40.0, "{n} items in {} bins: 2^{bits}", bins(n));
    }
    // The bound notices bins that are too few.
    assert!(failure(1 << 16, (1 << 16) * 5 / 4) > 0.0);
    assert!(failure(400, 500) > -40.0);
}
