//! What a party of `additive` receives online does not depend on the inputs.
//!
//! One session, everything prepared; many trials of each operation on two very
//! different inputs. The receiving party's own shares are the same in every
//! trial, so that what it receives must be uniform by the other party's masks.
//! From every message some bytes are sampled. Each half-byte, and the exclusive
//! or of each pair, is tested against the uniform law, and one input against
//! the other, by chi-square with 15 degrees of freedom. At the critical value
//! of 100 the exact tail is below 1e-13; with fewer than a million tests a run
//! gives a false alarm with probability below 1e-7. The seed is printed.
//!
//! A value that is opened serves as a control: it must be caught.
#![allow(clippy::expect_used, clippy::print_stdout)] // a failed expectation fails the test

use privity_core::{
    Cancel, Mesh, PartyName, Result,
    channel::{Direction, Recorder, Recording, memory_pair},
    mesh::HEADER,
};
use privity_mpc::{
    additive::{Additive, AdditiveCost, Plan, Profile, Words},
    engine::{Dims, Engine, Recipients},
    shape::Shape,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const CRITICAL: f64 = 100.0;
const TRIALS: usize = 800;
/// A whole word of bits, so that padding plays no part.
const LEN: usize = 64;

fn run<E: Engine>(e: &mut E, operation: usize, x: &E::Ring) -> Result<()> {
    match operation {
        0 => e.mul(x, x, 20).map(drop),
        1 => e.matmul(x, x, Dims { m: 8, k: 8, n: 8 }, 0).map(drop),
        2 => e.truncate(x, 13).map(drop),
        3 => e.is_negative(x).map(drop),
        4 => e.is_zero(x).map(drop),
        5 => e.to_bits(x, 64).map(drop),
        6 => {
            let w = e.widen(x)?;
            let w = e.dot_wide(&w, &w, 1)?;
            e.truncate_wide(&w, 30).map(drop)
        }
        7 => {
            let b = e.is_negative(x)?;
            e.bit_to_ring(&b).map(drop)
        }
        8 => {
            let p = e.random_permutation(LEN)?;
            let y = e.shuffle(&p, &[x])?;
            e.unshuffle(&p, &[&y[0]]).map(drop)
        }
        _ => e.open(x, Recipients::All).map(drop),
    }
}

const NAMES: [&str; 10] =
    ["mul", "matmul", "truncate", "sign", "zero", "bits", "wide", "bit", "shuffle", "open"];

fn plan(operation: usize) -> Plan {
    let model = AdditiveCost::new(2, Profile::LAN);
    let count = model.count();
    let mut shape = Shape::new(0, model);
    let x = shape.public(&[0; LEN]);
    run(&mut shape, operation, &x).expect("no messages");
    let mut plan = count.plan();
    plan.values_mut().for_each(|n| *n *= TRIALS);
    plan
}

/// Views of both parties, trial by trial, on the input `x`.
fn views(operation: usize, x: &[u64], seed: u64) -> [Vec<Vec<u8>>; 2] {
    let names: Vec<PartyName> = vec!["ann".into(), "ben".into()];
    let (a, b) = memory_pair(&names[0], &names[1]);
    let recordings = [Recording::new(), Recording::new()];
    let ends = [vec![None, Some(a)], vec![Some(b), None]];
    let plan = plan(operation);
    let all: Vec<Vec<Vec<u8>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = ends
            .into_iter()
            .zip(&recordings)
            .enumerate()
            .map(|(me, (ends, recording))| {
                let (names, plan) = (&names, &plan);
                scope.spawn(move || {
                    let record = |c| -> Box<dyn privity_core::Channel> {
                        Box::new(Recorder::new(c, recording.clone()))
                    };
                    let ends = ends.into_iter().map(|c| c.map(record)).collect();
                    let mesh = Mesh::new(me, names, ends, Cancel::new()).expect("two names");
                    let mut rng = StdRng::seed_from_u64(seed ^ me as u64);
                    let mut e = Additive::new(mesh, Profile::LAN, &mut rng).expect("set-up");
                    e.prepare(plan).expect("honest parties");
                    let mut fixed = StdRng::seed_from_u64(99);
                    let zero: Vec<u64> = (0..LEN).map(|_| fixed.random()).collect();
                    let one: Vec<u64> =
                        x.iter().zip(&zero).map(|(x, z)| x.wrapping_sub(*z)).collect();
                    let share = e.import(if me == 0 { &zero } else { &one }).expect("local");
                    trials(&mut e, operation, &share, recording)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    all.try_into().expect("two parties")
}

fn trials(e: &mut Additive, op: usize, x: &Words<u64>, recording: &Recording) -> Vec<Vec<u8>> {
    let mut views = Vec::new();
    for _ in 0..TRIALS {
        recording.take();
        run(e, op, x).expect("honest parties");
        let mut view = Vec::new();
        for entry in recording.take() {
            if entry.direction == Direction::Received {
                let payload = &entry.message[HEADER..];
                let step = (payload.len() / 5).max(1);
                view.extend(payload.iter().step_by(step).take(5));
            }
        }
        views.push(view);
    }
    views
}

type Counts = [f64; 16];

fn counts(views: &[Vec<u8>], value: impl Fn(&[u8]) -> u8) -> Counts {
    let mut counts = [0.0; 16];
    views.iter().for_each(|v| counts[usize::from(value(v) & 15)] += 1.0);
    counts
}

/// The largest statistic of all tests, and how many there were.
fn worst(a: &[Vec<u8>], b: &[Vec<u8>]) -> (f64, usize) {
    let (mut worst, mut tests) = (0.0f64, 0);
    let mut test = |value: &dyn Fn(&[u8]) -> u8| {
        let (a, b) = (counts(a, value), counts(b, value));
        let expected = TRIALS as f64 / 16.0;
        let law = |c: &Counts| c.iter().map(|c| (c - expected).powi(2) / expected).sum::<f64>();
        let both: f64 = a
            .iter()
            .zip(&b)
            .filter(|(a, b)| *a + *b > 0.0)
            .map(|(a, b)| (a - b).powi(2) / (a + b))
            .sum();
        worst = worst.max(law(&a)).max(law(&b)).max(both);
        tests += 3;
    };
    let n = a[0].len().min(60);
    for i in 0..n {
        test(&|v| v[i]);
        test(&|v| v[i] >> 4);
        for j in 0..i {
            test(&|v| v[i] ^ v[j]);
        }
    }
    (worst, tests)
}

#[test]
fn views_do_not_depend_on_inputs() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let small = [0u64; LEN];
    let large: Vec<u64> = (0..LEN as u64).map(|i| (1 << 50) - i * 12345).collect();
    let mut tests = 0;
    for operation in 0..10 {
        let a = views(operation, &small, seed);
        let b = views(operation, &large, seed.wrapping_add(1));
        for party in 0..2 {
            let (statistic, n) = worst(&a[party], &b[party]);
            tests += n;
            let name = NAMES[operation];
            if name == "open" {
                assert!(statistic > CRITICAL, "an opened value went unnoticed");
            } else {
                assert!(statistic < CRITICAL, "{name}: party {party}: {statistic:.1}");
            }
        }
    }
    assert!(tests < 1_000_000, "{tests} tests: the stated false-alarm rate no longer holds");
}
