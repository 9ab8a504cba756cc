//! What a party of `rep3` sees does not depend on the others' inputs.
//!
//! Two tests, each on many trials for two very different inputs:
//!
//! - *Given all that the party knows.* Its keys and its shares of the inputs are
//!   the same in every trial; only the key that it lacks is fresh, and the
//!   component it lacks follows from the input. Whatever it receives must then
//!   be uniform: a mask that the receiver knows is no mask.
//! - *Over one session.* Many operations under the same keys, on fresh shares:
//!   masks must not repeat from one operation to the next. To the received
//!   bytes those of the party's own input shares are added.
//!
//! From every message some bytes are sampled. Every sampled half-byte, and the
//! difference and exclusive or of every pair, must be uniform (against the law)
//! and equally distributed for both inputs (one sample against the other), by
//! chi-square tests with 15 degrees of freedom. At the critical value of 100 the
//! exact tail is below 1e-13 each; with fewer than 10 million tests in a run,
//! the probability of any false alarm is below 1e-6. The seed is printed.
//!
//! The tests must also be able to fail: masks that repeat, masks that are
//! missing towards one party, streams that coincide and zero shares that are
//! zero are planted, and each must be caught.
#![allow(clippy::expect_used)] // a failed expectation fails the test

mod views;

use privity_core::{Result, mesh::HEADER, share::replicated::Replicated};
use privity_mpc::{
    engine::{BitShares, Dims, Engine, Recipients},
    rep3::{Flaw, Rep3},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use views::{CRITICAL, View, inputs, received, recorded_meshes, seed, session, worst};

const TRIALS: u64 = 1500;
const CONDITIONED: usize = 500;
/// Elements per vector: a whole word of bits, so that padding plays no part.
const LEN: usize = 64;

type Operation = fn(&mut Rep3, &Replicated<u64>, &Replicated<u64>) -> Result<()>;

const OPERATIONS: [(&str, Operation); 14] = [
    ("mul", |e, x, y| e.mul(x, y, 0).map(drop)),
    ("mul with truncation", |e, x, y| e.mul(x, y, 20).map(drop)),
    ("dot", |e, x, y| e.dot(x, y, LEN, 13).map(drop)),
    ("matmul", |e, x, y| e.matmul(x, y, Dims { m: LEN, k: 1, n: LEN }, 0).map(drop)),
    ("truncate", |e, x, _| e.truncate(x, 20).map(drop)),
    ("sign", |e, x, _| e.is_negative(x).map(drop)),
    ("zero", |e, x, _| e.is_zero(x).map(drop)),
    ("bits", |e, x, _| e.to_bits(x, 64).map(drop)),
    ("bit to ring", |e, x, y| {
        let b = e.is_negative(x)?.xor(&e.is_negative(y)?);
        e.bit_to_ring(&b).map(drop)
    }),
    ("widen", |e, x, _| e.widen(x).map(drop)),
    ("wide dot", |e, x, y| {
        // Components as wide words: a sharing of something, which is enough here.
        let wide = |x: &Replicated<u64>| Replicated {
            own: x.own.iter().map(|&c| c.into()).collect(),
            next: x.next.iter().map(|&c| c.into()).collect(),
        };
        e.dot_wide(&wide(x), &wide(y), 1).map(drop)
    }),
    ("wide truncation", |e, x, _| {
        let wide = Replicated {
            own: x.own.iter().map(|&c| c.into()).collect(),
            next: x.next.iter().map(|&c| c.into()).collect(),
        };
        e.truncate_wide(&wide, 20).map(drop)
    }),
    ("shuffle and back", |e, x, y| {
        let p = e.random_permutation(LEN)?;
        let there = e.shuffle(&p, &[x, y])?;
        e.unshuffle(&p, &[&there[0]]).map(drop)
    }),
    ("import", |e, x, _| {
        let additive = e.export(x)?;
        e.import(&additive).map(drop)
    }),
];

/// The views of all trials, by party, on fresh shares of `x` and `y`.
fn session_views(
    operation: Operation,
    x: &[u64],
    y: &[u64],
    seed: u64,
    flaw: Option<Flaw>,
) -> [Vec<View>; 3] {
    let new = |mesh, rng: &mut StdRng| {
        let mut e = Rep3::new(mesh, rng).expect("set-up");
        if let Some(flaw) = flaw {
            e.plant(flaw);
        }
        e
    };
    session(TRIALS, [x, y], seed, new, |e, a, b| {
        operation(e, a, b).expect("honest parties");
    })
}

/// The views of party `p` with all that it knows held fixed: k_p, k_{p+1} and
/// its components of the inputs. k_{p+2} is fresh in every trial.
fn views_given_own_state(
    p: usize,
    operation: Operation,
    [x, y]: [&[u64]; 2],
    seed: u64,
    flaw: Option<Flaw>,
) -> Vec<View> {
    let (meshes, recordings) = recorded_meshes();
    let all: Vec<Vec<View>> = std::thread::scope(|scope| {
        let handles: Vec<_> = meshes
            .into_iter()
            .zip(recordings)
            .map(|(mut mesh, recording)| {
                scope.spawn(move || {
                    let me = mesh.me();
                    let mut views = Vec::new();
                    for trial in 0..CONDITIONED as u64 {
                        // Party i draws k_i, so that only party p + 2 draws anew.
                        let fresh = if me == (p + 2) % 3 { trial + 1 } else { 0 };
                        let mut rng = StdRng::seed_from_u64(seed ^ (me as u64) << 60 ^ fresh << 20);
                        let inner = mesh.fork("trial", &[0, 1, 2]).expect("three members");
                        let mut e = Rep3::new(inner, &mut rng).expect("set-up");
                        if let Some(flaw) = flaw {
                            e.plant(flaw);
                        }
                        let mut fixed = StdRng::seed_from_u64(!seed);
                        let mut deal = |v: &[u64]| {
                            let own: Vec<u64> = v.iter().map(|_| fixed.random()).collect();
                            let next: Vec<u64> = v.iter().map(|_| fixed.random()).collect();
                            let lacking = (0..v.len())
                                .map(|i| v[i].wrapping_sub(own[i]).wrapping_sub(next[i]))
                                .collect();
                            let components: [Vec<u64>; 3] = [own, next, lacking];
                            let part = |i: usize| components[(i + 3 - p) % 3].clone();
                            Replicated { own: part(me), next: part((me + 1) % 3) }
                        };
                        let (a, b) = (deal(x), deal(y));
                        recording.take();
                        operation(&mut e, &a, &b).expect("honest parties");
                        views.push(received(&recording));
                    }
                    views
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().expect("no panic")).collect()
    });
    all.into_iter().nth(p).expect("three parties")
}

#[test]
fn views_do_not_depend_on_inputs_given_all_a_party_knows() {
    let seed = seed();
    let [u, v] = inputs(LEN);
    let mut tests = 0;
    for (name, operation) in OPERATIONS {
        for party in 0..3 {
            let a = views_given_own_state(party, operation, [&u, &v], seed, None);
            let b = views_given_own_state(party, operation, [&v, &u], seed.wrapping_add(1), None);
            let (statistic, n) = worst(&a, &b);
            tests += n;
            assert!(statistic < CRITICAL, "{name}: party {party}: {statistic:.1}, seed {seed}");
        }
    }
    assert!(tests < 10_000_000, "{tests} tests: the stated false-alarm rate no longer holds");
}

#[test]
fn views_of_a_session_do_not_depend_on_inputs() {
    let seed = seed();
    let [u, v] = inputs(LEN);
    let mut tests = 0;
    for (i, (name, operation)) in OPERATIONS.into_iter().enumerate() {
        let a = session_views(operation, &u, &v, seed.wrapping_add(2 * i as u64), None);
        let b = session_views(operation, &v, &u, seed.wrapping_add(2 * i as u64 + 1), None);
        for party in 0..3 {
            let (statistic, n) = worst(&a[party], &b[party]);
            tests += n;
            assert!(statistic < CRITICAL, "{name}: party {party}: {statistic:.1}, seed {seed}");
        }
    }
    assert!(tests < 10_000_000, "{tests} tests: the stated false-alarm rate no longer holds");
}

#[test]
fn planted_faults_are_caught_over_a_session() {
    let seed = seed();
    let [u, v] = inputs(LEN);
    // Zero shares are used by products; masks by everything. A sum of products
    // hides missing zero shares too well for this number of trials.
    let products = [OPERATIONS[0], OPERATIONS[1], OPERATIONS[3]];
    let uses = [(Flaw::ReusedMask, &OPERATIONS[..]), (Flaw::NoRerandomisation, &products[..])];
    for (flaw, operations) in uses {
        for (name, operation) in operations {
            let a = session_views(*operation, &u, &u, seed, Some(flaw));
            let b = session_views(*operation, &v, &v, seed.wrapping_add(1), Some(flaw));
            let caught = (0..3).any(|p| worst(&a[p], &b[p]).0 > CRITICAL);
            assert!(caught, "{flaw:?} in {name} went unnoticed, seed {seed}");
        }
    }
}

/// Each leaves a mask that the receiver knows, which only the test that fixes
/// the receiver's knowledge can see.
#[test]
fn planted_faults_are_caught_given_all_a_party_knows() {
    let seed = seed();
    let [u, v] = inputs(LEN);
    let find = |name: &str| OPERATIONS.iter().find(|o| o.0 == name).expect("an operation").1;
    for (flaw, name, party) in [
        // q without y_0, s without y_1, v masked by a part of s.
        (Flaw::NoMask(0), "mul with truncation", 1),
        (Flaw::NoMask(1), "truncate", 2),
        (Flaw::OneStream, "truncate", 2),
        // Party 2's half of a bit, unmasked towards party 1, and the reverse.
        (Flaw::NoMask(0), "bit to ring", 1),
        (Flaw::NoMask(1), "bit to ring", 2),
        (Flaw::NoRerandomisation, "mul", 0),
        (Flaw::NoRerandomisation, "sign", 2),
    ] {
        let operation = find(name);
        let a = views_given_own_state(party, operation, [&u, &v], seed, Some(flaw));
        let b = views_given_own_state(party, operation, [&v, &u], seed.wrapping_add(1), Some(flaw));
        let statistic = worst(&a, &b).0;
        assert!(statistic > CRITICAL, "{flaw:?} in {name} went unnoticed, seed {seed}");
    }
}

/// A slice of bits shares its last word with bits that are not to be opened.
#[test]
fn opening_a_slice_of_bits_sends_nothing_else() {
    let (meshes, recordings) = recorded_meshes();
    let x = [u64::MAX; LEN];
    std::thread::scope(|scope| {
        for (mesh, recording) in meshes.into_iter().zip(recordings) {
            scope.spawn(move || {
                let mut e = Rep3::new(mesh, &mut rand::rng()).expect("set-up");
                let a = e.input(0, (e.me() == 0).then_some(&x[..]), LEN).expect("honest parties");
                let sign = e.is_negative(&a).expect("honest parties");
                recording.take();
                let opened = e.open_bits(&sign.slice(0..1), Recipients::All);
                assert_eq!(opened.expect("honest parties"), Some(vec![1]));
                for entry in recording.take() {
                    let padding = &entry.message[HEADER + 1..];
                    assert!(entry.message[HEADER] <= 1 && padding.iter().all(|&b| b == 0));
                }
            });
        }
    });
}
