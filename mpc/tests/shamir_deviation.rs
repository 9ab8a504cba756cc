//! A corrupt party of `shamir` in malicious mode changes any message in any way:
//! honest parties stop with an error or their results are what they would have
//! been. All randomness comes from seeds, so that the results of an undisturbed
//! run are known to the last bit. The same with checks that are ignored must
//! yield wrong results.
#![allow(clippy::expect_used, clippy::print_stdout)] // a failed expectation fails the test

use privity_core::{
    Cancel, Channel, Error, Mesh, PartyName, Result, channel::memory_pair, mesh::HEADER,
};
use privity_mpc::{
    engine::{BitShares, Dims, Engine, Recipients},
    shamir::{Security, Shamir, Vector},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

const N: usize = 3;
const LEN: usize = 4;

/// What happens to a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Flip(usize),
    Add(usize, u64),
    Swap(usize, usize),
    Replay,
    Zero,
    Cut,
}

#[derive(Clone, Copy, Debug)]
struct Tamper {
    from: usize,
    to: usize,
    at: usize,
    fault: Fault,
}

#[derive(Default)]
struct Seen {
    messages: AtomicUsize,
    changed: AtomicBool,
}

struct Link {
    inner: Box<dyn Channel>,
    fault: Option<(usize, Fault)>,
    earlier: Vec<Vec<u8>>,
    seen: Arc<Seen>,
}

fn alter(fault: Fault, message: &mut Vec<u8>, earlier: &[Vec<u8>]) {
    let n = message.len() - HEADER;
    let payload = &mut message[HEADER..];
    match fault {
        Fault::Flip(i) if n > 0 => payload[i / 8 % n] ^= 1 << (i % 8),
        Fault::Add(i, k) if n >= 8 => {
            let at = i % (n / 8) * 8;
            let word = u64::from_le_bytes(payload[at..at + 8].try_into().expect("8 bytes"));
            payload[at..at + 8].copy_from_slice(&word.wrapping_add(k).to_le_bytes());
        }
        Fault::Swap(i, j) if n >= 8 => {
            for byte in 0..8 {
                payload.swap(i % (n / 8) * 8 + byte, j % (n / 8) * 8 + byte);
            }
        }
        Fault::Replay => {
            if let Some(old) = earlier.iter().rev().find(|m| m.len() == n + HEADER) {
                payload.copy_from_slice(&old[HEADER..]);
            }
        }
        Fault::Zero => payload.fill(0),
        Fault::Cut if n > 0 => {
            message.pop();
        }
        _ => {}
    }
}

impl Channel for Link {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        self.inner.send(message)
    }
    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        let mut message = self.inner.recv(max)?;
        let number = self.seen.messages.fetch_add(1, Ordering::SeqCst);
        let before = message.clone();
        if let Some((_, fault)) = self.fault.filter(|f| f.0 == number) {
            alter(fault, &mut message, &self.earlier);
            self.seen.changed.store(message != before, Ordering::SeqCst);
        }
        self.earlier.push(before);
        Ok(message)
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

struct Outcome {
    results: Vec<Result<Vec<u64>>>,
    messages: [[usize; N]; N],
    changed: bool,
}

fn run(operation: Operation, seed: u64, tamper: Option<Tamper>, ignore: bool) -> Outcome {
    let names: Vec<PartyName> = ["ann", "ben", "cy"].iter().map(|&n| n.into()).collect();
    let mut grid: Vec<Vec<Option<Box<dyn Channel>>>> =
        (0..N).map(|_| (0..N).map(|_| None).collect()).collect();
    let seen: Vec<Vec<Arc<Seen>>> =
        (0..N).map(|_| (0..N).map(|_| Arc::default()).collect()).collect();
    let link = |inner, from: usize, to: usize| -> Option<Box<dyn Channel>> {
        let hit = tamper.filter(|t| (t.from, t.to) == (from, to));
        Some(Box::new(Link {
            inner,
            fault: hit.map(|t| (t.at, t.fault)),
            earlier: vec![],
            seen: seen[from][to].clone(),
        }))
    };
    for i in 0..N {
        for j in i + 1..N {
            let (a, b) = memory_pair(&names[i], &names[j]);
            grid[i][j] = link(a, j, i);
            grid[j][i] = link(b, i, j);
        }
    }
    // The same polynomials at all parties: each takes its own share.
    let mut dealer = StdRng::seed_from_u64(seed ^ 0xD0);
    let values: Vec<u64> = (0..2 * LEN).map(|_| (dealer.random::<i64>() >> 12) as u64).collect();
    let dealt = <Shamir as Engine>::deal(&values, N, &mut dealer);
    let results = std::thread::scope(|scope| {
        let handles: Vec<_> = grid
            .into_iter()
            .enumerate()
            .map(|(me, row)| {
                let (names, dealt) = (&names, &dealt[me]);
                scope.spawn(move || {
                    let mut mesh = Mesh::new(me, names, row, Cancel::new())?;
                    mesh.set_timeout(Duration::from_secs(20));
                    let mut rng = StdRng::seed_from_u64(seed ^ me as u64);
                    let mut e = Shamir::new(mesh, 1, Security::Malicious, &mut rng)?;
                    if ignore {
                        e.ignore_checks();
                    }
                    let x = e.import(&dealt[..2 * LEN])?;
                    let y = e.import(&dealt[2 * LEN..])?;
                    operation(&mut e, &x, &y)
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().expect("no panic")).collect()
    });
    let count = |i: usize, j: usize| seen[i][j].messages.load(Ordering::SeqCst);
    Outcome {
        results,
        messages: std::array::from_fn(|i| std::array::from_fn(|j| count(i, j))),
        changed: seen.iter().flatten().any(|s| s.changed.load(Ordering::SeqCst)),
    }
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
    for _ in 0..count {
        faults.push(match rng.random_range(0..4) {
            0 => Fault::Flip(rng.random_range(0..1 << 16)),
            1 => Fault::Add(rng.random_range(0..64), 1 << rng.random_range(0..64)),
            2 => Fault::Add(rng.random_range(0..64), rng.random()),
            _ => Fault::Swap(rng.random_range(0..64), rng.random_range(0..64)),
        });
    }
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
        let expected: Vec<&Vec<u64>> =
            honest.results.iter().map(|r| r.as_ref().expect("honest parties")).collect();
        for from in 0..N {
            for to in (0..N).filter(|&to| to != from) {
                for at in 0..honest.messages[from][to] {
                    for fault in faults(&mut rng, messages) {
                        let tamper = Tamper { from, to, at, fault };
                        let outcome = run(operation, seed, Some(tamper), false);
                        tries += usize::from(outcome.changed);
                        for i in (0..N).filter(|&i| i != from) {
                            match &outcome.results[i] {
                                Ok(result) => assert_eq!(
                                    result, expected[i],
                                    "{name}: party {i} accepted a wrong result, {tamper:?}, seed {seed}"
                                ),
                                Err(Error::Deviation { .. } | Error::Disconnected { .. }) => {
                                    stopped += 1;
                                }
                                Err(e) => panic!("{name}: {e}, {tamper:?}, seed {seed}"),
                            }
                        }
                    }
                }
            }
        }
        println!("{name}: {tries} tries, {stopped} stops so far");
    }
    assert!(tries >= 10_000, "only {tries} tries");
    assert!(stopped > tries, "only {stopped} stops in {tries} tries");
}

#[test]
fn without_checks_wrong_results_get_through() {
    for (name, operation) in OPERATIONS {
        let honest = run(operation, 7, None, false);
        let mut wrong = 0;
        // The first wrong result will do.
        'search: for from in 0..N {
            for to in (0..N).filter(|&to| to != from) {
                for at in 0..honest.messages[from][to] {
                    let tamper = Tamper { from, to, at, fault: Fault::Add(0, 1) };
                    let outcome = run(operation, 7, Some(tamper), true);
                    wrong += (0..N)
                        .filter(|&i| i != from)
                        .filter(|&i| match (&outcome.results[i], &honest.results[i]) {
                            (Ok(a), Ok(b)) => a != b,
                            _ => false,
                        })
                        .count();
                    if wrong > 0 {
                        break 'search;
                    }
                }
            }
        }
        assert!(wrong > 0, "{name}: nothing wrong without checks");
    }
}
