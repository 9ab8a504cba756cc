//! What a party of `rep3m` sees over a session does not depend on the others'
//! inputs: the checks and their proofs included.
//!
//! As in `transcript.rs`: many operations, each followed by its check, under the
//! same keys on fresh shares of two very different inputs. Sampled half-bytes of
//! all received messages, and differences and exclusive ors of all pairs, must
//! be uniform and equally distributed for both inputs. Masks that repeat are
//! planted and must be caught.
#![allow(clippy::expect_used)] // a failed expectation fails the test

mod views;

use privity_core::{Result, share::replicated::Replicated};
use privity_mpc::{
    engine::{Dims, Engine},
    rep3::Flaw,
    rep3m::Rep3m,
};
use rand::rngs::StdRng;
use views::{CRITICAL, View, inputs, seed, session, worst};

const TRIALS: u64 = 400;
/// Elements per vector: a whole word of bits, so that padding plays no part.
const LEN: usize = 64;

type Shared = Replicated<u64>;
type Operation = fn(&mut Rep3m, &Shared, &Shared) -> Result<()>;

const OPERATIONS: [(&str, Operation); 9] = [
    ("mul", |e, x, y| e.mul(x, y, 0).map(drop)),
    ("dot", |e, x, y| e.dot(x, y, LEN, 13).map(drop)),
    ("matmul", |e, x, y| e.matmul(x, y, Dims { m: LEN, k: 1, n: LEN }, 0).map(drop)),
    ("truncate", |e, x, _| e.truncate(x, 20).map(drop)),
    ("sign", |e, x, _| e.is_negative(x).map(drop)),
    ("zero", |e, x, _| e.is_zero(x).map(drop)),
    ("bit to ring", |e, x, _| {
        let b = e.to_bits(x, 1)?;
        e.bit_to_ring(&b[0]).map(drop)
    }),
    ("wide", |e, x, y| {
        let (x, y) = (e.widen(x)?, e.widen(y)?);
        e.dot_wide(&x, &y, 2).map(drop)
    }),
    ("shuffle", |e, x, y| {
        let p = e.random_permutation(x.len())?;
        e.shuffle(&p, &[x, y]).map(drop)
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
        let mut e = Rep3m::new(mesh, rng).expect("set-up");
        if let Some(flaw) = flaw {
            e.plant(flaw);
        }
        e
    };
    session(TRIALS, [x, y], seed, new, |e, a, b| {
        operation(e, a, b).expect("honest parties");
        e.check().expect("honest parties");
    })
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
fn planted_faults_are_caught() {
    let seed = seed();
    let [u, v] = inputs(LEN);
    for (name, operation) in OPERATIONS {
        let flaw = Some(Flaw::ReusedMask);
        let a = session_views(operation, &u, &u, seed, flaw);
        let b = session_views(operation, &v, &v, seed.wrapping_add(1), flaw);
        let caught = (0..3).any(|p| worst(&a[p], &b[p]).0 > CRITICAL);
        assert!(caught, "repeated masks in {name} went unnoticed, seed {seed}");
    }
}
