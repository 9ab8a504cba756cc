//! What a party of `rep3` sees does not depend on the others' inputs.
//!
//! For each operation, many trials are run on fresh shares of two very
//! different inputs. From every message a party receives, some bytes are
//! sampled, and to them bytes of its own input shares are added. Every sampled
//! half-byte, and the difference and exclusive or of every pair of them, must
//! be uniform (against the law) and equally distributed for both inputs (one
//! sample against the other). Both are chi-square tests with 15 degrees of
//! freedom at a level of 1e-11 each; with fewer than 1,000,000 tests in a run the
//! probability of any false alarm is below 1e-5. The seed is printed.
//!
//! The test must also be able to fail: masks that repeat and zero shares that
//! are zero are planted, and each must be caught.

use privity_core::{
    Cancel, Mesh, PartyName, Result,
    channel::{Channel, Direction, Recorder, Recording, memory_pair},
    mesh::HEADER,
    share::replicated::Replicated,
};
use privity_mpc::{
    engine::{BitShares, Dims, Engine},
    rep3::{Flaw, Rep3},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Chi-square, 15 degrees of freedom, 1e-11.
const CRITICAL: f64 = 84.6;
const TRIALS: usize = 1500;
/// Elements per vector: small, so that many trials are cheap.
const LEN: usize = 3;

type Operation = fn(&mut Rep3, &Replicated<u64>, &Replicated<u64>) -> Result<()>;

const OPERATIONS: [(&str, Operation); 10] = [
    ("mul", |e, x, y| e.mul(x, y, 0).map(drop)),
    ("mul with truncation", |e, x, y| e.mul(x, y, 20).map(drop)),
    ("dot", |e, x, y| e.dot(x, y, LEN, 13).map(drop)),
    ("matmul", |e, x, y| {
        e.matmul(
            x,
            y,
            Dims {
                m: LEN,
                k: 1,
                n: LEN,
            },
            0,
        )
        .map(drop)
    }),
    ("truncate", |e, x, _| e.truncate(x, 20).map(drop)),
    ("sign", |e, x, _| e.is_negative(x).map(drop)),
    ("zero", |e, x, _| e.is_zero(x).map(drop)),
    ("bits", |e, x, _| e.to_bits(x).map(drop)),
    ("bit to ring", |e, x, y| {
        let b = e.is_negative(x)?.xor(&e.is_negative(y)?);
        e.bit_to_ring(&b).map(drop)
    }),
    ("import", |e, x, _| {
        let additive = e.export(x)?;
        e.import(&additive).map(drop)
    }),
];

/// One trial's view of one party: sampled bytes, always at the same places.
type View = Vec<u8>;

/// Three meshes of which every received message is recorded.
fn recorded_meshes() -> (Vec<Mesh>, Vec<Recording>) {
    let names: Vec<PartyName> = ["a", "b", "c"].iter().map(|&n| n.into()).collect();
    let recordings: Vec<Recording> = (0..3).map(|_| Recording::new()).collect();
    let mut grid: Vec<Vec<Option<Box<dyn Channel>>>> =
        (0..3).map(|_| (0..3).map(|_| None).collect()).collect();
    for i in 0..3 {
        for j in i + 1..3 {
            let (a, b) = memory_pair(&names[i], &names[j]);
            grid[i][j] = Some(Box::new(Recorder::new(a, recordings[i].clone())));
            grid[j][i] = Some(Box::new(Recorder::new(b, recordings[j].clone())));
        }
    }
    let meshes = grid
        .into_iter()
        .enumerate()
        .map(|(me, row)| Mesh::new(me, &names, row, Cancel::new()).expect("three names"))
        .collect();
    (meshes, recordings)
}

/// The views of all trials, by party, on shares of `x` and `y`.
fn views(
    operation: Operation,
    x: &[u64],
    y: &[u64],
    seed: u64,
    flaw: Option<Flaw>,
) -> [Vec<View>; 3] {
    let (meshes, recordings) = recorded_meshes();
    let all: Vec<Vec<View>> = std::thread::scope(|scope| {
        let handles: Vec<_> = meshes
            .into_iter()
            .zip(recordings)
            .map(|(mesh, recording)| {
                scope.spawn(move || {
                    let mut rng = StdRng::seed_from_u64(seed ^ mesh.me() as u64);
                    let mut e = Rep3::new(mesh, &mut rng).expect("set-up");
                    if let Some(flaw) = flaw {
                        e.plant(flaw);
                    }
                    let mut views = Vec::new();
                    for trial in 0..TRIALS as u64 {
                        // The same dealer at all parties: each takes its own share.
                        let mut dealer =
                            StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(trial));
                        let a = Replicated::share(x, &mut dealer)[e.me()].clone();
                        let b = Replicated::share(y, &mut dealer)[e.me()].clone();
                        recording.take();
                        operation(&mut e, &a, &b).expect("honest parties");
                        let mut view = View::new();
                        for entry in recording.take() {
                            if entry.direction == Direction::Received {
                                sample(&entry.message[HEADER..], &mut view);
                            }
                        }
                        for share in [&a, &b] {
                            for word in [share.own[0], share.next[0]] {
                                view.extend([word as u8, (word >> 56) as u8]);
                            }
                        }
                        views.push(view);
                    }
                    views
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|h| h.join().expect("no panic"))
            .collect()
    });
    all.try_into().expect("three parties")
}

/// The first bytes of a message, the last, and a few between.
fn sample(payload: &[u8], view: &mut View) {
    let n = payload.len();
    let mut at: Vec<usize> = [
        0,
        7,
        8,
        n / 3,
        n / 2,
        n.saturating_sub(8),
        n.saturating_sub(1),
    ]
    .into_iter()
    .filter(|&i| i < n)
    .collect();
    at.sort_unstable();
    at.dedup();
    view.extend(at.into_iter().map(|i| payload[i]));
}

/// Counts in 16 classes of every feature: half-bytes, and of each pair of
/// sampled bytes the difference and the exclusive or.
fn features(views: &[View]) -> Vec<[f64; 16]> {
    let width = views[0].len();
    let mut counts = Vec::new();
    let mut count = |class: &dyn Fn(&View) -> u8| {
        let mut c = [0.0; 16];
        for v in views {
            c[usize::from(class(v) & 15)] += 1.0;
        }
        counts.push(c);
    };
    for i in 0..width {
        count(&|v| v[i]);
        count(&|v| v[i] >> 4);
        for j in 0..i {
            count(&|v| v[i].wrapping_sub(v[j]));
            count(&|v| v[i] ^ v[j]);
            count(&|v| (v[i] ^ v[j]) >> 4);
        }
    }
    counts
}

/// The largest statistic over all features, and how many tests that were.
fn worst(a: &[View], b: &[View]) -> (f64, usize) {
    let (fa, fb) = (features(a), features(b));
    let n = a.len() as f64;
    let mut worst = 0.0f64;
    for (ca, cb) in fa.iter().zip(&fb) {
        for c in [ca, cb] {
            let uniform: f64 = c.iter().map(|o| (o - n / 16.0).powi(2) / (n / 16.0)).sum();
            worst = worst.max(uniform);
        }
        let same: f64 = ca
            .iter()
            .zip(cb)
            .filter(|(x, y)| *x + *y > 0.0)
            .map(|(x, y)| (x - y).powi(2) / (x + y))
            .sum();
        worst = worst.max(same);
    }
    (worst, 3 * fa.len())
}

fn seed() -> u64 {
    let seed = std::env::var("PRIVITY_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| rand::rng().random());
    println!("PRIVITY_SEED={seed}");
    seed
}

const INPUTS: [[u64; LEN]; 2] = [[0; LEN], [1 << 61, 0xDEAD_BEEF, !0]];

#[test]
fn views_do_not_depend_on_inputs() {
    let seed = seed();
    let mut tests = 0;
    for (i, (name, operation)) in OPERATIONS.into_iter().enumerate() {
        let run = |k: usize| {
            views(
                operation,
                &INPUTS[k],
                &INPUTS[1 - k],
                seed.wrapping_add(2 * i as u64 + k as u64),
                None,
            )
        };
        let (a, b) = (run(0), run(1));
        for party in 0..3 {
            let (statistic, n) = worst(&a[party], &b[party]);
            tests += n;
            assert!(
                statistic < CRITICAL,
                "{name}: party {party}: chi-square {statistic:.1}, seed {seed}"
            );
        }
    }
    assert!(
        tests < 1_000_000,
        "{tests} tests: the stated false-alarm rate no longer holds"
    );
}

#[test]
fn planted_faults_are_caught() {
    let seed = seed();
    // Zero shares are used by products; masks by everything. A sum of products
    // hides missing zero shares too well for this number of trials.
    let products = [OPERATIONS[0], OPERATIONS[1], OPERATIONS[3]];
    let uses = [
        (Flaw::ReusedMask, &OPERATIONS[..]),
        (Flaw::NoRerandomisation, &products[..]),
    ];
    for (flaw, operations) in uses {
        for (name, operation) in operations {
            let a = views(*operation, &INPUTS[0], &INPUTS[0], seed, Some(flaw));
            let b = views(*operation, &INPUTS[1], &INPUTS[1], seed + 1, Some(flaw));
            let caught = (0..3).any(|p| worst(&a[p], &b[p]).0 > CRITICAL);
            assert!(caught, "{flaw:?} in {name} went unnoticed, seed {seed}");
        }
    }
}
