//! What a peer sees must not depend on the order of the file.

use crate::{NAMES, items, run, seed, small, wrapped};
use privity_core::channel::{Direction, Recorder, Recording};
use privity_psi::{Item, Options, ecdh::three, ecdh::two};
use rand::{SeedableRng, rngs::StdRng};
use std::collections::{HashMap, HashSet};

const N: usize = 8;

/// Quantile of chi-square with (N-1)^2 = 49 degrees of freedom at 1 - 10^-6.
const QUANTILE: f64 = 112.0;

/// Counts how often row i stood at position j. Under uniform permutations,
/// (N-1)/N times Pearson's statistic is asymptotically chi-square with (N-1)^2
/// degrees of freedom: a false alarm has probability 10^-6.
#[derive(Default)]
struct Table([[u32; N]; N]);

impl Table {
    fn add(&mut self, positions: impl Iterator<Item = usize>) {
        for (row, position) in positions.enumerate() {
            self.0[row][position] += 1;
        }
    }

    fn check(&self, what: &str) {
        let runs: u32 = self.0[0].iter().sum();
        let expected = f64::from(runs) / N as f64;
        let pearson: f64 = self
            .0
            .iter()
            .flatten()
            .map(|&count| (f64::from(count) - expected).powi(2) / expected)
            .sum();
        let statistic = pearson * (N as f64 - 1.0) / N as f64;
        println!("{what}: {statistic:.1} of {QUANTILE}");
        assert!(statistic < QUANTILE, "{what} depends on the file order");
    }
}

/// Seen by the peer of a two-party run: where each row's point arrives, and
/// where it stands in the common order.
#[test]
fn arrival_and_common_order_are_independent_of_rows() {
    let seed = seed();
    let rng = &mut StdRng::seed_from_u64(seed);
    let (ids, options) = (items(0..N as u32), Options::new([0; 32]));
    let (mut arrival, mut order) = (Table::default(), Table::default());
    for _ in 0..1500 {
        let (mut asking, mut answering) = two::start(&ids, N, &options, rng);
        let (mut their_asking, mut their_answering) = two::start(&ids, N, &options, rng);
        let points = asking.next_points();
        let reply = their_answering.on_points(&points).unwrap();
        asking.on_reply(reply.as_flattened()).unwrap();
        let theirs = answering.on_points(&their_asking.next_points()).unwrap();
        their_asking.on_reply(theirs.as_flattened()).unwrap();

        // The peer aligns its own run of the same set; item by item it learns
        // the doubly masked value, and so where that item's point arrived.
        let value: HashMap<u32, [u8; 16]> = {
            let rows =
                their_asking.finish().unwrap().align(their_answering.finish().unwrap()).unwrap();
            let mut sorted = reply.clone();
            sorted.sort_unstable();
            rows.into_iter().zip(sorted).collect()
        };
        arrival.add((0..N as u32).map(|row| reply.iter().position(|v| *v == value[&row]).unwrap()));
        let rows = asking.finish().unwrap().align(answering.finish().unwrap()).unwrap();
        order.add((0..N as u32).map(|row| rows.iter().position(|&r| r == row).unwrap()));
    }
    arrival.check("two parties: position of arrival");
    order.check("two parties: common order");
}

/// The same for three parties: queries arrive in random order, and the common
/// order is random.
#[test]
fn queries_and_common_order_of_three_are_independent_of_rows() {
    let seed = seed();
    let rng = &mut StdRng::seed_from_u64(seed);
    let (ids, options) = (items(0..N as u32), Options::new([0; 32]));
    let (mut arrival, mut order) = (Table::default(), Table::default());
    for _ in 0..1000 {
        let mut querying = three::Querying::new(&ids, [N, N], &options, rng);
        let points = querying.next_points();
        // Only the querier can tell its points apart: a second run of one
        // holder's function on single items, which a holder can make at will,
        // does not help it, as points are blinded. So look from inside: the
        // querier's own result tells its rows by position of its reply.
        let (offer1, offer2) = (three::Offer::new(&options, rng), three::Offer::new(&options, rng));
        let (public1, public2) = (offer1.public(), offer2.public());
        let shared = [offer1.on_key(&public2).unwrap(), offer2.on_key(&public1).unwrap()];
        let mut hints = Vec::new();
        let mut waiting = Vec::new();
        for (holder, shared) in shared.into_iter().enumerate() {
            let mut serving = three::Serving::new(N, rng);
            let reply = serving.on_points(&points).unwrap();
            querying.on_reply(holder, reply.as_flattened()).unwrap();
            let places = three::Places::new(&ids, &options.session).unwrap();
            let mut hinting = serving.finish(&ids, places, shared, &options).unwrap();
            hints.push(hinting.next_hint(rng).unwrap().0);
            assert!(hinting.next_hint(rng).is_none());
            waiting.push(hinting.finish());
        }
        let mut evaluating = querying.finish().unwrap();
        for (holder, hint) in hints.iter().enumerate() {
            evaluating.on_hint(holder, hint).unwrap();
        }
        let (rows, result) = evaluating.finish().unwrap();
        for holder in waiting {
            assert_eq!(holder.on_result(&result).unwrap(), rows);
        }
        order.add((0..N as u32).map(|row| rows.iter().position(|&r| r == row).unwrap()));
        // Which position a point took, by rank: uniform and independent of rows
        // if the permutation is.
        let mut sorted = points.clone();
        sorted.sort_unstable();
        arrival.add(points.iter().map(|p| sorted.binary_search(p).unwrap()));
    }
    arrival.check("three parties: order of queries");
    order.check("three parties: common order");
}

/// Nothing is sent twice: neither in a run, nor in two runs on the same data.
#[test]
fn points_of_two_runs_have_nothing_in_common() {
    let seed = seed();
    let tables = [items(0..20), items(10..35)];
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut count = 0;
    for run_seed in [seed, seed ^ 1] {
        let recording = Recording::new();
        let meshes = wrapped(|inner| Box::new(Recorder::new(inner, recording.clone())));
        for end in run(meshes, &tables, &small(), run_seed) {
            assert_eq!(end.result.unwrap().rows.len(), 10);
        }
        for entry in recording.take() {
            assert!([Direction::Sent, Direction::Received].contains(&entry.direction));
            assert_eq!(&*entry.peer, NAMES[1]);
            // Points and replies, cut into pieces of 16 bytes; the announcement
            // has 50 bytes.
            let payload = &entry.message[privity_core::mesh::HEADER..];
            if payload.len() != 50 {
                for piece in payload.as_chunks::<16>().0 {
                    seen.insert(piece.to_vec());
                    count += 1;
                }
            }
        }
    }
    // 45 items as points (2 pieces) and replies (1 piece), two runs; the ten
    // common items have the same doubly masked value in both lists of a run.
    assert_eq!(count, 2 * 45 * 3);
    assert_eq!(seen.len(), count - 2 * 10);
}

/// The hints and replies that a holder sends have the same lengths whatever its
/// items are.
#[test]
fn message_lengths_depend_on_sizes_only() {
    let lengths = |tables: &[Vec<Item>]| -> Vec<(u64, u64)> {
        run(crate::in_memory(3), tables, &small(), 1)
            .iter()
            .flat_map(|end| &end.mesh)
            .map(|mesh| {
                let hints = mesh.meter().label("psi/hints");
                let queries = mesh.meter().label("psi/queries");
                (hints.sent + queries.sent, hints.messages + queries.messages)
            })
            .collect()
    };
    let a = [items(0..100), items(0..200), items(0..300)];
    let b = [items(0..100), items(100..300), items(1000..1300)];
    assert_eq!(lengths(&a), lengths(&b));
}
