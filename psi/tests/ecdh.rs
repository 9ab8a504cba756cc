//! Tests of the ECDH alignment through its public interface.
//!
//! Every random test prints its seed, and takes one from `PRIVITY_TEST_SEED`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "ecdh/deviation.rs"]
mod deviation;
#[path = "ecdh/functionality.rs"]
mod functionality;
#[path = "ecdh/transcript.rs"]
mod transcript;

use privity_core::{Cancel, Mesh, PartyName, channel::memory_pair};
use privity_psi::{Alignment, Error, Item, Options, align};
use rand::{SeedableRng, rngs::StdRng};
use std::{thread, time::Duration};

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// What one party ends with; after an error it hangs up.
struct End {
    result: Result<Alignment, Error>,
    mesh: Option<Mesh>,
}

fn items(ids: impl IntoIterator<Item = u32>) -> Vec<Item> {
    ids.into_iter().map(|id| Item::new(&[0; 32], &id.to_be_bytes())).collect()
}

/// Small messages and windows, so that few items make many of both.
fn small() -> Options {
    Options { message_items: 4, window: 2, ..Options::new([9; 32]) }
}

fn in_memory(parties: usize) -> Vec<Mesh> {
    Mesh::in_memory(&NAMES[..parties]).unwrap()
}

/// Runs all parties, each in its thread with an rng of its own.
fn run(meshes: Vec<Mesh>, tables: &[Vec<Item>], options: &Options, seed: u64) -> Vec<End> {
    run_within(Duration::from_secs(20), meshes, tables, options, seed)
}

fn run_within(
    timeout: Duration,
    meshes: Vec<Mesh>,
    tables: &[Vec<Item>],
    options: &Options,
    seed: u64,
) -> Vec<End> {
    thread::scope(|s| {
        let threads: Vec<_> = meshes
            .into_iter()
            .zip(tables)
            .zip(0..)
            .map(|((mut mesh, items), party)| {
                s.spawn(move || {
                    let rng = &mut StdRng::seed_from_u64(seed.wrapping_mul(16) + party);
                    mesh.set_timeout(timeout);
                    let result = align(&mut mesh, items, options, rng);
                    let mesh = result.is_ok().then_some(mesh);
                    End { result, mesh }
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// The aligned items of each party, which must all be the same.
fn common(tables: &[Vec<Item>], options: &Options, seed: u64) -> Vec<Item> {
    let ends = run(in_memory(tables.len()), tables, options, seed);
    let mut aligned = ends.iter().zip(tables).map(|(end, table)| {
        let rows = &end.result.as_ref().unwrap().rows;
        rows.iter().map(|&r| table[r as usize]).collect::<Vec<Item>>()
    });
    let first = aligned.next().unwrap();
    assert!(aligned.all(|other| other == first));
    first
}

/// Two meshes whose first party's channel is wrapped.
fn wrapped(
    wrap: impl FnOnce(Box<dyn privity_core::Channel>) -> Box<dyn privity_core::Channel>,
) -> Vec<Mesh> {
    let (a, b) = memory_pair(NAMES[0], NAMES[1]);
    let names: Vec<PartyName> = NAMES[..2].iter().map(|&n| n.into()).collect();
    vec![
        Mesh::new(0, &names, vec![None, Some(wrap(a))], Cancel::new()).unwrap(),
        Mesh::new(1, &names, vec![Some(b), None], Cancel::new()).unwrap(),
    ]
}

fn seed() -> u64 {
    let seed = match std::env::var("PRIVITY_TEST_SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => rand::random(),
    };
    println!("PRIVITY_TEST_SEED={seed}");
    seed
}
