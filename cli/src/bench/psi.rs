//! Intersections of two random sets, half of which is common.

use super::{Args, Report, Variant};
use crate::Failure;
use privity_core::{Mesh, meter::Meter};
use privity_mpc::{
    additive::{Additive, Profile},
    engine::{Engine, Recipients, RingShares},
};
use privity_psi::{
    Item, Options, align, circuit,
    job::{self, Job, Memory, Side},
    vole::{self, Security, StoreField},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{sync::Barrier, time::Instant};

/// What one party measured.
struct Run {
    seconds: f64,
    bytes: u64,
    rounds: u32,
    found: Found,
}

/// What a party learnt.
enum Found {
    Nothing,
    /// Own rows that are common.
    Rows(Vec<u32>),
    /// How many are common, counted under sharing after the clock has stopped.
    Count(u64),
}

/// From a common start, set-up included, to the end of the slower party.
pub(super) fn run(args: &Args) -> Result<Report, Failure> {
    let n = args.n.unwrap_or(1 << 20);
    let mut rng = StdRng::seed_from_u64(args.seed);
    let mut item = || Item::from_bytes(rng.random());
    let common: Vec<Item> = (0..n / 2).map(|_| item()).collect();
    let mut set = |shift: usize| -> Vec<Item> {
        let mut set: Vec<Item> = (0..n - n / 2).map(|_| item()).collect();
        set.extend_from_slice(&common);
        set.rotate_left(shift);
        set
    };
    let sets = [set(n / 3), set(n / 5)];
    let expected = |row: &u32| (*row as usize + n / 5) % n >= n - n / 2;
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..args.repeat {
        let meshes = args.meshes(2)?;
        let barrier = Barrier::new(2);
        let runs = std::thread::scope(|scope| {
            let parties: Vec<_> = meshes
                .into_iter()
                .zip(&sets)
                .map(|(mesh, set)| {
                    let barrier = &barrier;
                    scope.spawn(move || party(args.variant, mesh, set, barrier))
                })
                .collect();
            parties
                .into_iter()
                .map(|p| p.join().unwrap_or(Err("a party panicked".into())))
                .collect::<Result<Vec<Run>, String>>()
        })?;
        times.push(runs.iter().map(|r| r.seconds).fold(0.0, f64::max));
        last = Some(runs);
    }
    let runs = last.ok_or("nothing was run")?;
    let wrong = match &runs[1].found {
        Found::Nothing => return Err("the receiver learnt nothing".into()),
        Found::Rows(rows) => {
            rows.iter().filter(|row| !expected(row)).count() + (n / 2).abs_diff(rows.len())
        }
        Found::Count(count) => (n / 2).abs_diff(*count as usize),
    };
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let bytes_per_party: Vec<u64> = runs.iter().map(|r| r.bytes).collect();
    Ok(Report {
        bench: "psi",
        engine: args.variant.name(),
        parties: 2,
        net: args.net.name(),
        n,
        seconds: sorted[sorted.len() / 2],
        seconds_all: times,
        bytes: bytes_per_party.iter().sum(),
        bytes_per_party,
        rounds: runs.iter().map(|r| r.rounds).max().unwrap_or(0),
        // Rows found that are not common, or missed.
        max_error: wrong as f64,
        sharing_seconds: 0.0,
        seed: args.seed,
    })
}

fn party(variant: Variant, mut mesh: Mesh, set: &[Item], barrier: &Barrier) -> Result<Run, String> {
    let (me, rng) = (mesh.me(), &mut rand::rng());
    barrier.wait();
    let start = Instant::now();
    let fast = |mesh: &mut Mesh, (security, field), rng: &mut _| {
        let options =
            vole::Options { security, field, ..vole::Options::job([1; 32], set.len() as u64) };
        let job = &Job::new(options, false);
        let mut store = Memory::new(set, job);
        let side = if me == 0 { Side::Sender } else { Side::Receiver };
        job::run(mesh, 1 - me, (side, job), &mut store, rng)?;
        Ok::<_, privity_psi::Error>(match side {
            Side::Sender => Found::Nothing,
            Side::Receiver => Found::Rows(store.into_rows()),
        })
    };
    let found = match variant {
        Variant::Vole => fast(&mut mesh, (Security::Malicious, StoreField::Gf128), rng),
        Variant::VoleSemiHonest => fast(&mut mesh, (Security::SemiHonest, StoreField::Gf128), rng),
        Variant::VoleSubfield => fast(&mut mesh, (Security::SemiHonest, StoreField::Gf64), rng),
        Variant::Ecdh => {
            align(&mut mesh, set, &Options::new([1; 32]), rng).map(|a| Found::Rows(a.rows))
        }
        Variant::Circuit => return circuit(mesh, set, start).map_err(|e| e.to_string()),
    };
    let found = found.map_err(|e| e.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    let meter: &Meter = mesh.meter();
    Ok(Run { seconds, bytes: meter.sent(), rounds: mesh.clock(), found })
}

/// Membership and one payload as shares of engine additive.
fn circuit(mut mesh: Mesh, set: &[Item], start: Instant) -> privity_psi::Result<Run> {
    let rng = &mut rand::rng();
    let options = vole::Options { security: Security::SemiHonest, ..vole::Options::new([1; 32]) };
    let own = if mesh.me() == 0 {
        let payload: Vec<u64> = (0..set.len() as u64).collect();
        circuit::Sender::new(&mut mesh, 1, &options, rng)?.run(&mut mesh, set, &[&payload], rng)?
    } else {
        circuit::Receiver::new(&mut mesh, 0, &options, rng)?.run(&mut mesh, set, 1, rng)?
    };
    let mut engine = Additive::new(mesh, Profile::LAN, rng)?;
    let (sides, bins) = ([1, 0], circuit::bins(set.len()));
    let common = circuit::membership(&mut engine, sides, Some(&own), bins)?;
    let _payload = circuit::payload(&mut engine, sides, Some(&own), 0, bins)?;
    let seconds = start.elapsed().as_secs_f64();
    let (bytes, rounds) = (engine.mesh().meter().sent(), engine.mesh().clock());
    let ones = engine.bit_to_ring(&common)?.sum_columns(1);
    let count = engine.open(&ones, Recipients::All)?.map_or(0, |n| n[0]);
    Ok(Run { seconds, bytes, rounds, found: Found::Count(count) })
}
