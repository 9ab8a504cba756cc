//! Three parties of which one alters a message: shared by the deviation tests
//! of the malicious engines.
#![allow(dead_code, clippy::expect_used)]

use privity_core::{
    Cancel, Channel, Error, Mesh, PartyName, Result, channel::memory_pair, mesh::HEADER,
};
use rand::{RngExt, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// What happens to a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// One bit, at this position modulo the length.
    Flip(usize),
    /// Something is added to one word.
    Add(usize, u64),
    /// Two words change places.
    Swap(usize, usize),
    /// The payload of an earlier message of the same length.
    Replay,
    /// All bytes zero.
    Zero,
    /// The last byte is missing.
    Cut,
}

/// One tampering: message `at` from `from` to `to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tamper {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) at: usize,
    pub(crate) fault: Fault,
}

/// Message `at` from `from` to `to` is held back until `from` could have
/// read `count` messages of party `learns`, or has waited for long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) at: usize,
    pub(crate) learns: usize,
    pub(crate) count: usize,
}

/// What a message waits for.
struct Waiting {
    at: usize,
    count: usize,
    learns: Arc<Seen>,
}

const LONG: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Seen {
    sent: AtomicUsize,
    messages: AtomicUsize,
    changed: AtomicBool,
    /// What was waited for came.
    came: AtomicBool,
}

struct Link {
    inner: Box<dyn Channel>,
    fault: Option<(usize, Fault)>,
    waiting: Option<Waiting>,
    earlier: Vec<Vec<u8>>,
    seen: Arc<Seen>,
    /// The other direction.
    back: Arc<Seen>,
}

impl Link {
    fn alter(&mut self, fault: Fault, message: &mut Vec<u8>) {
        let before = message.clone();
        let payload = &mut message[HEADER..];
        let n = payload.len();
        if n == 0 {
            return;
        }
        match fault {
            Fault::Flip(i) => payload[i / 8 % n] ^= 1 << (i % 8),
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
                if let Some(old) = self.earlier.iter().rev().find(|m| m.len() == n + HEADER) {
                    payload.copy_from_slice(&old[HEADER..]);
                }
            }
            Fault::Zero => payload.fill(0),
            Fault::Cut => {
                message.pop();
            }
            _ => {}
        }
        if *message != before {
            self.seen.changed.store(true, Ordering::SeqCst);
        }
    }
}

impl Channel for Link {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        self.back.sent.fetch_add(1, Ordering::SeqCst);
        self.inner.send(message)
    }
    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        let mut message = self.inner.recv(max)?;
        let number = self.seen.messages.fetch_add(1, Ordering::SeqCst);
        if let Some(w) = self.waiting.as_ref().filter(|w| w.at == number) {
            let start = Instant::now();
            while start.elapsed() < LONG && !self.seen.came.load(Ordering::SeqCst) {
                let came = w.learns.sent.load(Ordering::SeqCst) >= w.count;
                self.seen.came.store(came, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.earlier.push(message.clone());
        if let Some((at, fault)) = self.fault.filter(|f| f.0 == number) {
            debug_assert_eq!(at, number);
            self.earlier.pop();
            self.alter(fault, &mut message);
        }
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

/// What became of a run.
pub(crate) struct Outcome {
    pub(crate) results: Vec<Result<Vec<u64>>>,
    /// Messages from each party to each.
    pub(crate) messages: [[usize; 3]; 3],
    /// Whether a message was really another one.
    pub(crate) changed: bool,
    /// Whether what a message was held back for came before it had to leave.
    pub(crate) learnt: bool,
}

impl Outcome {
    /// How many honest parties accepted a result that is not that of `honest`.
    pub(crate) fn wrong(&self, honest: &Self, from: usize) -> usize {
        (0..3)
            .filter(|&i| i != from)
            .filter(|&i| match (&self.results[i], &honest.results[i]) {
                (Ok(a), Ok(b)) => a != b,
                _ => false,
            })
            .count()
    }
}

/// Runs `party` at three parties, with one message altered.
pub(crate) fn run(
    tamper: Option<Tamper>,
    party: impl Fn(Mesh) -> Result<Vec<u64>> + Sync,
) -> Outcome {
    run_with(tamper, None, party)
}

/// Runs `party` at three parties, with one message held back.
pub(crate) fn run_holding(hold: Hold, party: impl Fn(Mesh) -> Result<Vec<u64>> + Sync) -> Outcome {
    run_with(None, Some(hold), party)
}

fn run_with(
    tamper: Option<Tamper>,
    hold: Option<Hold>,
    party: impl Fn(Mesh) -> Result<Vec<u64>> + Sync,
) -> Outcome {
    let names: Vec<PartyName> = ["ann", "ben", "cy"].iter().map(|&n| n.into()).collect();
    let mut grid: Vec<Vec<Option<Box<dyn Channel>>>> =
        (0..3).map(|_| (0..3).map(|_| None).collect()).collect();
    let seen: Vec<Vec<Arc<Seen>>> =
        (0..3).map(|_| (0..3).map(|_| Arc::default()).collect()).collect();
    let link = |inner, from: usize, to: usize| -> Option<Box<dyn Channel>> {
        let hit = tamper.filter(|t| (t.from, t.to) == (from, to));
        let held = hold.filter(|h| (h.from, h.to) == (from, to));
        Some(Box::new(Link {
            inner,
            fault: hit.map(|t| (t.at, t.fault)),
            waiting: held.map(|h| Waiting {
                at: h.at,
                count: h.count,
                learns: seen[h.learns][h.from].clone(),
            }),
            earlier: vec![],
            seen: seen[from][to].clone(),
            back: seen[to][from].clone(),
        }))
    };
    for i in 0..3 {
        for j in i + 1..3 {
            let (a, b) = memory_pair(&names[i], &names[j]);
            grid[i][j] = link(a, j, i);
            grid[j][i] = link(b, i, j);
        }
    }
    let results = std::thread::scope(|scope| {
        let handles: Vec<_> = grid
            .into_iter()
            .enumerate()
            .map(|(me, row)| {
                let (names, party) = (&names, &party);
                scope.spawn(move || {
                    let mut mesh = Mesh::new(me, names, row, Cancel::new())?;
                    mesh.set_timeout(Duration::from_secs(20));
                    party(mesh)
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().expect("no panic")).collect()
    });
    let count = |i: usize, j: usize| seen[i][j].messages.load(Ordering::SeqCst);
    Outcome {
        results,
        messages: std::array::from_fn(|i| std::array::from_fn(|j| count(i, j))),
        learnt: seen.iter().flatten().any(|s| s.came.load(Ordering::SeqCst)),
        changed: seen.iter().flatten().any(|s| s.changed.load(Ordering::SeqCst)),
    }
}

/// A fault of random kind and place.
pub(crate) fn random_fault(rng: &mut StdRng) -> Fault {
    match rng.random_range(0..4) {
        0 => Fault::Flip(rng.random_range(0..1 << 16)),
        1 => Fault::Add(rng.random_range(0..64), 1 << rng.random_range(0..64)),
        2 => Fault::Add(rng.random_range(0..64), rng.random()),
        _ => Fault::Swap(rng.random_range(0..64), rng.random_range(0..64)),
    }
}

/// All tamperings with the messages that party `from` sends in an honest run,
/// the faults of each message from `faults`.
pub(crate) fn tamperings(
    honest: &Outcome,
    from: usize,
    mut faults: impl FnMut() -> Vec<Fault>,
) -> Vec<Tamper> {
    let mut all = Vec::new();
    for to in (0..3).filter(|&to| to != from) {
        for at in 0..honest.messages[from][to] {
            all.extend(faults().into_iter().map(|fault| Tamper { from, to, at, fault }));
        }
    }
    all
}

/// Runs with every tampering of every party: the tries in which a message was
/// another one, and the honest parties that stopped. Panics at the first wrong
/// result. `what` names the operation and the seed.
pub(crate) fn check(
    what: &str,
    honest: &Outcome,
    mut faults: impl FnMut() -> Vec<Fault>,
    run: impl Fn(Tamper) -> Outcome,
) -> (usize, usize) {
    let expected: Vec<&Vec<u64>> =
        honest.results.iter().map(|r| r.as_ref().expect("honest parties")).collect();
    let (mut tries, mut stopped) = (0, 0);
    for from in 0..3 {
        for tamper in tamperings(honest, from, &mut faults) {
            let outcome = run(tamper);
            tries += usize::from(outcome.changed);
            for i in (0..3).filter(|&i| i != from) {
                match &outcome.results[i] {
                    Ok(result) => assert_eq!(
                        result, expected[i],
                        "{what}: party {i} accepted a wrong result, {tamper:?}"
                    ),
                    Err(Error::Deviation { .. } | Error::Disconnected { .. }) => stopped += 1,
                    Err(e) => panic!("{what}: {e}, {tamper:?}"),
                }
            }
        }
    }
    (tries, stopped)
}
