//! A computing party that breaks the rules of framing in any message is named
//! by the one that receives it, and nobody hangs. A party that changes contents
//! is beyond the semi-honest model: results are then wrong, but nothing panics.
#![allow(clippy::expect_used)] // a failed expectation fails the test

use privity_core::{
    Cancel, Channel, Error, Mesh, PartyName, Result, channel::memory_pair, mesh::HEADER,
};
use privity_mpc::{
    engine::{Dims, Engine},
    rep3::{self, Rep3},
};
use std::time::{Duration, Instant};

/// What happens to message number `at` of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Cut,
    Swell,
    Repeat,
    Swap,
    FlipPayload,
}

struct Faulty {
    inner: Box<dyn Channel>,
    fault: Fault,
    at: usize,
    seen: usize,
    pending: Option<Vec<u8>>,
}

impl Channel for Faulty {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        self.inner.send(message)
    }
    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        if let Some(message) = self.pending.take() {
            return Ok(message);
        }
        let mut message = self.inner.recv(max)?;
        let hit = self.seen == self.at;
        self.seen += 1;
        if hit {
            match self.fault {
                Fault::Cut => message.truncate(message.len() - 1),
                Fault::Swell => message.push(0),
                Fault::Repeat => self.pending = Some(message.clone()),
                Fault::Swap => {
                    // Only if a second message is there; otherwise leave it.
                    let next = self.inner.recv(1 << 24)?;
                    self.pending = Some(std::mem::replace(&mut message, next));
                }
                Fault::FlipPayload => {
                    for byte in &mut message[HEADER..] {
                        *byte ^= 0x55;
                    }
                }
            }
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

/// Meshes in which what party `to` receives from `from` suffers `fault`.
fn meshes(from: usize, to: usize, fault: Fault, at: usize) -> Vec<Mesh> {
    let names: Vec<PartyName> = ["ann", "ben", "cy"].iter().map(|&n| n.into()).collect();
    let mut grid: Vec<Vec<Option<Box<dyn Channel>>>> =
        (0..3).map(|_| (0..3).map(|_| None).collect()).collect();
    for i in 0..3 {
        for j in i + 1..3 {
            let (a, b) = memory_pair(&names[i], &names[j]);
            grid[i][j] = Some(a);
            grid[j][i] = Some(b);
        }
    }
    let inner = grid[to][from].take().expect("a link");
    grid[to][from] = Some(Box::new(Faulty { inner, fault, at, seen: 0, pending: None }));
    grid.into_iter()
        .enumerate()
        .map(|(me, row)| {
            let mut mesh = Mesh::new(me, &names, row, Cancel::new()).expect("three names");
            mesh.set_timeout(Duration::from_millis(300));
            mesh
        })
        .collect()
}

fn everything(e: &mut Rep3) -> Result<()> {
    let n = 70;
    let x: Vec<u64> = (0..n as u64).collect();
    let a = e.input(0, (e.me() == 0).then_some(&x[..]), n)?;
    let b = e.input(1, (e.me() == 1).then_some(&x[..]), n)?;
    let c = e.mul(&a, &b, 20)?;
    let c = e.matmul(&c, &b, Dims { m: 7, k: 10, n: 7 }, 0)?;
    let c = e.truncate(&c, 3)?;
    let sign = e.is_negative(&c)?;
    let zero = e.is_zero(&c)?;
    let both = e.and(&sign, &zero)?;
    let back = e.bit_to_ring(&both)?;
    let bits = e.to_bits(&back, 9)?;
    let sum = e.compose(&bits[..3])?;
    let wide = e.widen(&sum)?;
    let wide = e.dot_wide(&wide, &wide, 1)?;
    let wide = e.truncate_wide(&wide, 2)?;
    let p = e.random_permutation(sum.len())?;
    let moved = e.shuffle(&p, &[&e.narrow(&wide)])?;
    let sum = e.unshuffle(&p, &[&moved[0]])?.remove(0);
    e.open(&sum, privity_mpc::engine::Recipients::All)?;
    Ok(())
}

/// The three parties' errors.
fn run(from: usize, to: usize, fault: Fault, at: usize) -> Vec<Option<Error>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = meshes(from, to, fault, at)
            .into_iter()
            .map(|mesh| {
                scope.spawn(move || {
                    let mut engine = Rep3::new(mesh, &mut rand::rng())?;
                    everything(&mut engine)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("no panic").err()).collect()
    })
}

#[test]
fn honest_parties_finish() {
    rep3::run_local(everything).expect("honest parties");
}

#[test]
fn every_broken_message_names_its_sender() {
    let names = ["ann", "ben", "cy"];
    let mut hits = 0;
    for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        for fault in [Fault::Cut, Fault::Swell, Fault::Repeat, Fault::Swap] {
            for at in [0, 1, 2, 3, 5, 8, 12, 20] {
                let start = Instant::now();
                let errors = run(from, to, fault, at);
                assert!(start.elapsed() < Duration::from_secs(10), "somebody hung");
                let Some(error) = &errors[to] else { continue };
                hits += 1;
                assert_eq!(error.culprit(), Some(names[from]), "{fault:?} at {at}: {error}");
            }
        }
    }
    assert!(hits > 60, "only {hits} faults met a message");
}

#[test]
fn changed_contents_never_panic() {
    for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        for at in 1..30 {
            let errors = run(from, to, Fault::FlipPayload, at);
            assert!(errors.iter().all(Option::is_none), "{errors:?}");
        }
    }
}
