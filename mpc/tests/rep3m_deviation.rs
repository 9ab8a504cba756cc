//! A corrupt party of `rep3m` changes any message in any way: honest parties
//! stop with an error or their results are what they would have been.
//!
//! All randomness comes from seeds, so that the results of an undisturbed run
//! are known to the last bit. Every message that a corrupt party sends, set-up
//! and checks included, is altered in turn; the same is repeated with checks
//! that are ignored, where the harness must find wrong results, and on other
//! inputs, where the same parties must stop.
#![allow(clippy::expect_used, clippy::print_stdout)] // a failed expectation fails the test

mod tamper;

use privity_core::{
    Cancel, Channel, Error, Mesh, PartyName, Result, channel::memory_pair,
    share::replicated::Replicated,
};
use privity_mpc::{
    engine::{BitShares, Dims, Engine, Recipients, RingShares},
    rep3m::Rep3m,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tamper::{Fault, Outcome, Tamper, random_fault, tamperings};

type Shared = Replicated<u64>;
/// Computes on two shared vectors of [`LEN`] and returns what was opened.
type Operation = fn(&mut Rep3m, &Shared, &Shared) -> Result<Vec<u64>>;

const LEN: usize = 6;

fn opened(e: &mut Rep3m, x: &Shared) -> Result<Vec<u64>> {
    Ok(e.open(x, Recipients::All)?.unwrap_or_default())
}

fn opened_wide(e: &mut Rep3m, x: &Replicated<u128>) -> Result<Vec<u64>> {
    let words = e.open_wide(x, Recipients::All)?.unwrap_or_default();
    Ok(words.into_iter().flat_map(|w| [w as u64, (w >> 64) as u64]).collect())
}

const OPERATIONS: [(&str, Operation); 19] = [
    ("mul", |e, x, y| {
        let z = e.mul(x, y, 0)?;
        opened(e, &z)
    }),
    ("dot", |e, x, y| {
        let z = e.dot(x, y, 3, 0)?;
        opened(e, &z)
    }),
    ("mul with truncation", |e, x, y| {
        let (x, y) = (e.truncate(x, 32)?, e.truncate(y, 32)?);
        let z = e.mul(&x, &y, 5)?;
        opened(e, &z)
    }),
    ("matmul", |e, x, y| {
        let z = e.matmul(x, y, Dims { m: 2, k: 3, n: 2 }, 0)?;
        opened(e, &z)
    }),
    ("compressed matmul", |e, x, y| {
        let (x, y) = (x.tile(10), y.tile(10));
        let z = e.matmul(&x, &y, Dims { m: 60, k: 1, n: 60 }, 0)?;
        opened(e, &z.slice(0..LEN))
    }),
    ("truncate", |e, x, _| {
        let z = e.truncate(x, 20)?;
        opened(e, &z)
    }),
    ("and", |e, x, y| {
        // Bits from components: no message before the AND.
        let bits = |e: &mut Rep3m, v: &Shared| e.to_bits(v, 1);
        let (a, b) = (bits(e, x)?, bits(e, y)?);
        let z = e.and(&a[0], &b[0])?;
        let z = e.and(&e.not(&z), &a[0].xor(&b[0]))?;
        Ok(e.open_bits(&z, Recipients::All)?.unwrap_or_default())
    }),
    ("sign", |e, x, y| {
        let z = e.is_negative(&x.sub(y))?;
        Ok(e.open_bits(&z, Recipients::All)?.unwrap_or_default())
    }),
    ("zero", |e, x, y| {
        let z = e.is_zero(&x.sub(y))?;
        Ok(e.open_bits(&z, Recipients::All)?.unwrap_or_default())
    }),
    ("bits", |e, x, _| {
        let planes = e.to_bits(x, 64)?;
        let all = BitShares::concat(&planes.iter().collect::<Vec<_>>());
        Ok(e.open_bits(&all, Recipients::All)?.unwrap_or_default())
    }),
    ("bit to ring", |e, x, _| {
        let b = e.to_bits(x, 1)?;
        let z = e.bit_to_ring(&b[0])?;
        opened(e, &z)
    }),
    ("random bits", |e, _, _| {
        let b = e.random_bits(70)?;
        Ok(e.open_bits(&b, Recipients::All)?.unwrap_or_default())
    }),
    ("widen", |e, x, _| {
        let z = e.widen(x)?;
        opened_wide(e, &z)
    }),
    ("wide dot", |e, x, y| {
        let (x, y) = (wide(x), wide(y));
        let z = e.dot_wide(&x, &y, 2)?;
        opened_wide(e, &z)
    }),
    ("wide truncation", |e, x, _| {
        let z = e.truncate_wide(&wide(x), 70)?;
        opened_wide(e, &z)
    }),
    ("shuffle", |e, x, y| {
        let p = e.random_permutation(LEN)?;
        let z = e.shuffle(&p, &[x, y])?;
        Ok([opened(e, &z[0])?, opened(e, &z[1])?].concat())
    }),
    ("shuffle and back", |e, x, _| {
        let p = e.random_permutation(LEN)?;
        let z = e.shuffle(&p, &[x])?;
        let z = e.unshuffle(&p, &[&z[0]])?;
        opened(e, &z[0])
    }),
    // Enough terms for the level of words, joined with all other kinds.
    ("many kinds at once", |e, x, y| {
        let many = e.mul(&x.tile(700), &y.tile(700), 0)?;
        let p = e.random_permutation(LEN)?;
        let moved = e.shuffle(&p, &[&many.slice(0..LEN), y])?;
        let z = e.matmul(&moved[0], &moved[1], Dims { m: 2, k: 3, n: 2 }, 0)?;
        let negative = e.is_negative(&many.slice(0..LEN))?;
        let wide = e.dot_wide(&wide(x), &wide(y), 1)?;
        let flags = e.open_bits(&negative, Recipients::All)?.unwrap_or_default();
        Ok([flags, opened(e, &z)?, opened_wide(e, &wide)?].concat())
    }),
    ("export and import", |e, x, y| {
        let dealt = e.export(&x.add(y))?;
        let z = e.import(&dealt)?;
        let z = e.mul(&z, x, 0)?;
        opened(e, &z)
    }),
];

/// Words of 64 bits as components of 128: a sharing of some number.
fn wide(x: &Shared) -> Replicated<u128> {
    let words = |c: &[u64]| c.iter().map(|&c| u128::from(c) << 60 | u128::from(c)).collect();
    Replicated { own: words(&x.own), next: words(&x.next) }
}

/// One run. Party i's randomness and the shares follow from `seed`.
fn run(
    operation: Operation,
    seed: u64,
    inputs: &[Vec<u64>; 2],
    tamper: Option<Tamper>,
    ignore: bool,
) -> Outcome {
    let mut dealer = StdRng::seed_from_u64(seed ^ 0xD0);
    let x = Replicated::share(&inputs[0], &mut dealer);
    let y = Replicated::share(&inputs[1], &mut dealer);
    tamper::run(tamper, |mesh| {
        let me = mesh.me();
        let mut e = Rep3m::new(mesh, &mut StdRng::seed_from_u64(seed ^ me as u64))?;
        if ignore {
            e.ignore_checks();
        }
        operation(&mut e, &x[me], &y[me])
    })
}

fn inputs(rng: &mut StdRng) -> [Vec<u64>; 2] {
    let mut vector = || (0..LEN).map(|_| (rng.random::<i64>() >> 3) as u64).collect::<Vec<u64>>();
    let (x, mut y) = (vector(), vector());
    y[0] = x[0];
    [x, y]
}

fn faults(rng: &mut StdRng, count: usize) -> Vec<Fault> {
    let mut faults = vec![Fault::Replay, Fault::Zero, Fault::Cut, Fault::Add(0, 1 << 63)];
    faults.extend((0..count).map(|_| random_fault(rng)));
    faults
}

/// Tries, and honest parties that stopped.
fn check((name, operation): (&str, Operation), seed: u64, count: usize) -> (usize, usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let inputs = inputs(&mut rng);
    let honest = run(operation, seed, &inputs, None, false);
    tamper::check(
        &format!("{name}, seed {seed}"),
        &honest,
        || faults(&mut rng, count),
        |tamper| run(operation, seed, &inputs, Some(tamper), false),
    )
}

#[test]
fn every_changed_message_is_detected_or_harmless() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let (mut tries, mut stopped) = (0, 0);
    for operation in OPERATIONS {
        let (t, s) = check(operation, seed, 12);
        println!("{}: {t} tries, {s} stops", operation.0);
        tries += t;
        stopped += s;
    }
    println!("{tries} tries, {stopped} honest parties stopped");
    assert!(tries >= 10_000, "only {tries} tries");
    assert!(stopped > tries, "only {stopped} stops in {tries} tries");
}

/// The harness itself: with the checks ignored it must see wrong results of
/// every operation that sends anything before it opens.
#[test]
fn without_checks_wrong_results_get_through() {
    let seed = 77;
    for operation in OPERATIONS {
        let mut rng = StdRng::seed_from_u64(seed);
        let inputs = inputs(&mut rng);
        let honest = run(operation.1, seed, &inputs, None, false);
        let mut wrong = 0;
        for from in 0..3 {
            for tamper in tamperings(&honest, from, || faults(&mut rng, 0)) {
                if tamper.fault != Fault::Add(0, 1 << 63) {
                    continue;
                }
                let outcome = run(operation.1, seed, &inputs, Some(tamper), true);
                wrong += outcome.wrong(&honest, from);
            }
        }
        assert!(wrong > 0, "{}: nothing got through", operation.0);
    }
}

/// The same tampering on other inputs: the same parties stop.
#[test]
fn stopping_does_not_depend_on_inputs() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    for operation in OPERATIONS {
        let mut rng = StdRng::seed_from_u64(seed);
        let first = inputs(&mut rng);
        let second = [vec![0; LEN], vec![0; LEN]];
        let honest = run(operation.1, seed, &first, None, false);
        for from in 0..3 {
            for tamper in tamperings(&honest, from, || faults(&mut rng, 0)) {
                if matches!(tamper.fault, Fault::Replay | Fault::Zero | Fault::Cut) {
                    continue;
                }
                let stops = |inputs: &[Vec<u64>; 2]| -> Vec<bool> {
                    let outcome = run(operation.1, seed, inputs, Some(tamper), false);
                    let honest_parties = (0..3).filter(|&i| i != from);
                    honest_parties.map(|i| outcome.results[i].is_err()).collect()
                };
                assert_eq!(
                    stops(&first),
                    stops(&second),
                    "{}: {tamper:?}, seed {seed}",
                    operation.0
                );
            }
        }
    }
}

/// A party that falls silent at any message: the others stop with an error that
/// names somebody, and soon.
#[test]
fn silence_and_death_end_in_errors() {
    let names = ["ann", "ben", "cy"];
    let everything = OPERATIONS.iter().find(|o| o.0 == "many kinds at once").expect("it").1;
    for from in 0..3 {
        for calls in [0, 1, 2, 5, 9, 14] {
            for silent in [true, false] {
                let start = std::time::Instant::now();
                let names: Vec<PartyName> = names.iter().map(|&n| n.into()).collect();
                let mut grid: Vec<Vec<Option<Box<dyn Channel>>>> =
                    (0..3).map(|_| (0..3).map(|_| None).collect()).collect();
                let left = Arc::new(AtomicUsize::new(calls));
                for i in 0..3 {
                    for j in i + 1..3 {
                        let (a, b) = memory_pair(&names[i], &names[j]);
                        let wrap = |inner, me| -> Option<Box<dyn Channel>> {
                            let limit = (me == from).then(|| left.clone());
                            Some(Box::new(Mortal { inner, limit, silent }))
                        };
                        grid[i][j] = wrap(a, i);
                        grid[j][i] = wrap(b, j);
                    }
                }
                let mut dealer = StdRng::seed_from_u64(5);
                let x = Replicated::share(&[1, 2, 3, 4, 5, 6], &mut dealer);
                let errors: Vec<Option<Error>> = std::thread::scope(|scope| {
                    let handles: Vec<_> = grid
                        .into_iter()
                        .enumerate()
                        .map(|(me, row)| {
                            let (names, x) = (&names, x[me].clone());
                            scope.spawn(move || {
                                let mut mesh = Mesh::new(me, names, row, Cancel::new())?;
                                mesh.set_timeout(Duration::from_millis(100));
                                let mut rng = StdRng::seed_from_u64(me as u64);
                                let mut e = Rep3m::new(mesh, &mut rng)?;
                                everything(&mut e, &x, &x).map(drop)
                            })
                        })
                        .collect();
                    handles.into_iter().map(|h| h.join().expect("no panic").err()).collect()
                });
                assert!(start.elapsed() < Duration::from_secs(5), "somebody hung");
                for i in (0..3).filter(|&i| i != from) {
                    let error = errors[i].as_ref().expect("an error");
                    assert!(error.culprit().is_some(), "{error}");
                }
            }
        }
    }
}

/// A party that sends no more after so many messages: silent, or gone.
struct Mortal {
    inner: Box<dyn Channel>,
    limit: Option<Arc<AtomicUsize>>,
    silent: bool,
}

impl Channel for Mortal {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        if let Some(left) = &self.limit {
            let spend = |left: usize| left.checked_sub(1);
            if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_err() {
                return if self.silent { Ok(()) } else { Err(Error::Internal("it died")) };
            }
        }
        self.inner.send(message)
    }
    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        self.inner.recv(max)
    }
    fn fork(&mut self, label: &str) -> Result<Box<dyn Channel>> {
        self.inner.fork(label)
    }
    fn set_timeout(&mut self, timeout: Duration) {
        self.inner.set_timeout(timeout);
    }
    fn peer(&self) -> &PartyName {
        self.inner.peer()
    }
}

/// A recipient outside refuses an export of which one party changed its copy.
#[test]
fn a_changed_export_is_refused() {
    let exported = privity_mpc::rep3m::run_local(|e| {
        let x = e.input(1, (e.me() == 1).then_some(&[7, 8, 9][..]), 3)?;
        let y = e.mul(&x, &x, 0)?;
        e.export(&y)
    })
    .expect("three honest parties");
    let expected = vec![49, 64, 81];
    assert_eq!(Rep3m::combine(&exported).expect("honest"), expected);
    for party in 0..3 {
        for word in 0..6 {
            let mut changed = exported.clone().to_vec();
            changed[party][word] ^= 1 << (7 * word);
            assert!(Rep3m::combine(&changed).is_err());
        }
        let mut short = exported.clone().to_vec();
        short[party].pop();
        assert!(Rep3m::combine(&short).is_err());
    }
    assert!(Rep3m::combine(&exported[..2]).is_err());
}

/// An owner outside that deals different components to their holders.
#[test]
fn inconsistent_dealing_is_found_before_anything_opens() {
    let mut rng = StdRng::seed_from_u64(9);
    for party in 0..3 {
        for word in [0, 3, 4, 7] {
            let mut dealt = Rep3m::deal(&[1, 2, 3, 4], 3, &mut rng);
            dealt[party][word] ^= 1 << 63;
            let results = privity_mpc::rep3m::run_local(|e| {
                let x = e.import(&dealt[e.me()])?;
                let y = e.mul(&x, &x, 0)?;
                // Of all three, only the two that hold the component are sure to
                // stop; the third loses them.
                Ok(e.open(&y, Recipients::All).is_err())
            });
            assert!(results.is_err() || results.is_ok_and(|stopped| stopped == [true; 3]));
        }
    }
}
