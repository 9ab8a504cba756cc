//! A corrupt party of `shamir` in malicious mode changes any message in any way:
//! honest parties stop with an error or their results are what they would have
//! been. All randomness comes from seeds, so that the results of an undisturbed
//! run are known to the last bit. The same with checks that are ignored must
//! yield wrong results.
#![allow(clippy::expect_used, clippy::print_stdout)] // a failed expectation fails the test

mod tamper;

use privity_core::Result;
use privity_mpc::{
    engine::{BitShares, Dims, Engine, Recipients},
    shamir::{Security, Shamir, Vector},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tamper::{Fault, Hold, Outcome, Tamper, random_fault, tamperings};

const N: usize = 3;
const LEN: usize = 4;

type Shared = Vector<u64>;
type Operation = fn(&mut Shamir, &Shared, &Shared) -> Result<Vec<u64>>;

fn opened(e: &mut Shamir, x: &Shared) -> Result<Vec<u64>> {
    Ok(e.open(x, Recipients::All)?.unwrap_or_default())
}

const OPERATIONS: [(&str, Operation); 9] = [
    ("mul and dot", |e, x, y| {
        let z = e.mul(x, y, 0)?;
        let z = e.dot(&z, x, 2, 0)?;
        opened(e, &z)
    }),
    ("matmul", |e, x, y| {
        let z = e.matmul(x, y, Dims { m: 2, k: 2, n: 2 }, 0)?;
        opened(e, &z)
    }),
    ("truncate", |e, x, _| {
        let z = e.truncate(x, 9)?;
        opened(e, &z)
    }),
    ("sign and AND", |e, x, y| {
        let (a, b) = (e.is_negative(x)?, e.is_negative(y)?);
        let z = e.and(&a, &b)?;
        Ok(e.open_bits(&z, Recipients::All)?.unwrap_or_default())
    }),
    ("zero", |e, x, y| {
        let d = privity_mpc::engine::RingShares::sub(x, y);
        let z = e.is_zero(&d)?;
        Ok(e.open_bits(&z, Recipients::All)?.unwrap_or_default())
    }),
    ("bits", |e, x, _| {
        let planes = e.to_bits(x, 5)?;
        let all = BitShares::concat(&planes.iter().collect::<Vec<_>>());
        Ok(e.open_bits(&all, Recipients::All)?.unwrap_or_default())
    }),
    ("bit to ring", |e, _, _| {
        let b = e.random_bits(LEN)?;
        let z = e.bit_to_ring(&b)?;
        opened(e, &z)
    }),
    ("shuffle", |e, x, _| {
        let p = e.random_permutation(LEN)?;
        let z = e.shuffle(&p, &[x])?;
        opened(e, &z[0])
    }),
    ("export", |e, x, y| {
        let z = e.mul(x, y, 0)?;
        let dealt = e.export(&z)?;
        let z = e.import(&dealt)?;
        opened(e, &z)
    }),
];

fn run(operation: Operation, seed: u64, tamper: Option<Tamper>, ignore: bool) -> Outcome {
    // The same polynomials at all parties: each takes its own share.
    let mut dealer = StdRng::seed_from_u64(seed ^ 0xD0);
    let values: Vec<u64> = (0..2 * LEN).map(|_| (dealer.random::<i64>() >> 12) as u64).collect();
    let dealt = <Shamir as Engine>::deal(&values, N, &mut dealer);
    tamper::run(tamper, |mesh| {
        let me = mesh.me();
        let mut rng = StdRng::seed_from_u64(seed ^ me as u64);
        let mut e = Shamir::new(mesh, 1, Security::Malicious, &mut rng)?;
        if ignore {
            e.ignore_checks();
        }
        let x = e.import(&dealt[me][..2 * LEN])?;
        let y = e.import(&dealt[me][2 * LEN..])?;
        operation(&mut e, &x, &y)
    })
}

/// At least one for every message, of a kind that differs from run to run; many
/// where an operation has few messages.
fn faults(rng: &mut StdRng, messages: usize) -> Vec<Fault> {
    let mut faults = vec![Fault::Replay, Fault::Zero, Fault::Cut, Fault::Add(0, 1)];
    let count = if messages < 120 { 40 } else { 0 };
    if count == 0 {
        return vec![
            faults.swap_remove(rng.random_range(0..4)),
            Fault::Flip(rng.random_range(0..1 << 16)),
        ];
    }
    faults.extend((0..count).map(|_| random_fault(rng)));
    faults
}

#[test]
fn every_changed_message_is_detected_or_harmless() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut tries, mut stopped) = (0, 0);
    for (name, operation) in OPERATIONS {
        let honest = run(operation, seed, None, false);
        let messages = honest.messages.iter().flatten().sum();
        let (t, s) = tamper::check(
            &format!("{name}, seed {seed}"),
            &honest,
            || faults(&mut rng, messages),
            |tamper| run(operation, seed, Some(tamper), false),
        );
        tries += t;
        stopped += s;
        println!("{name}: {tries} tries, {stopped} stops so far");
    }
    assert!(tries >= 10_000, "only {tries} tries");
    assert!(stopped > tries, "only {stopped} stops in {tries} tries");
}

/// A corrupt party that holds a message of a product back from one honest party
/// until another one has given it the coin, by which it could then choose the
/// message. Honest parties wait for each other before they give anything away;
/// if they do not, this test sees it.
#[test]
fn no_message_waits_for_the_coin() {
    let product = |mesh, careless, check: bool| {
        let mut e = Shamir::new(mesh, 1, Security::Malicious, &mut StdRng::seed_from_u64(5))?;
        if careless {
            e.give_coins_at_once();
        }
        let x = e.public(&[3; LEN]);
        let z = e.mul(&x, &x, 0)?;
        if check {
            e.check()?;
        }
        drop(z);
        Ok(vec![])
    };
    let before = tamper::run(None, |mesh| product(mesh, false, false)).messages;
    for from in 0..N {
        // Party `from` deals to the one before it, and asks the one after it.
        let (to, learns) = ((from + 2) % N, (from + 1) % N);
        for careless in [false, true] {
            // Readiness comes first, the share of the coin second.
            let count = before[learns][from] + if careless { 1 } else { 2 };
            let hold = Hold { from, to, at: before[from][to] - 1, learns, count };
            let outcome = tamper::run_holding(hold, |mesh| product(mesh, careless, true));
            assert!(outcome.results.iter().all(Result::is_ok), "{hold:?}");
            assert_eq!(outcome.learnt, careless, "{hold:?}");
        }
    }
}

#[test]
fn without_checks_wrong_results_get_through() {
    for (name, operation) in OPERATIONS {
        let honest = run(operation, 7, None, false);
        // The first wrong result will do.
        let found = (0..N).any(|from| {
            tamperings(&honest, from, || vec![Fault::Add(0, 1)])
                .into_iter()
                .any(|tamper| run(operation, 7, Some(tamper), true).wrong(&honest, from) > 0)
        });
        assert!(found, "{name}: nothing wrong without checks");
    }
}
