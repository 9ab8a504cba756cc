//! Intersections of two random sets, half of which is common.

use super::{Args, Report, Variant};
use crate::Failure;
use privity_core::{Mesh, meter::Meter};
use privity_psi::{
    Item, Options, align,
    vole::{self, Receiver, Security, Sender},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{sync::Barrier, time::Instant};

/// What one party measured.
struct Run {
    seconds: f64,
    bytes: u64,
    rounds: u32,
    /// Own rows that are common; of the sender, none.
    rows: Option<Vec<u32>>,
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
    let rows = runs[1].rows.as_ref().ok_or("the receiver learnt nothing")?;
    let wrong = rows.iter().filter(|row| !expected(row)).count() + (n / 2).abs_diff(rows.len());
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
    let options =
        |security| vole::Options { security, ..vole::Options::job([1; 32], set.len() as u64) };
    let fast = |mesh: &mut Mesh, security, rng: &mut _| {
        let options = options(security);
        Ok::<_, privity_psi::Error>(if me == 0 {
            Sender::new(mesh, 1, &options, rng)?.run_job(mesh, set, rng)?;
            None
        } else {
            Some(Receiver::new(mesh, 0, &options, rng)?.run_job(mesh, set, rng)?)
        })
    };
    let rows = match variant {
        Variant::Vole => fast(&mut mesh, Security::Malicious, rng),
        Variant::VoleSemiHonest => fast(&mut mesh, Security::SemiHonest, rng),
        Variant::Ecdh => align(&mut mesh, set, &Options::new([1; 32]), rng).map(|a| Some(a.rows)),
    };
    let rows = rows.map_err(|e| e.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    let meter: &Meter = mesh.meter();
    Ok(Run { seconds, bytes: meter.sent(), rounds: mesh.clock(), rows })
}
