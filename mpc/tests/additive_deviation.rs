//! A party of `additive` that breaks the rules of framing in any message is
//! named by the other one, and nobody hangs. A party that changes contents is
//! beyond the semi-honest model: results are then wrong, but nothing panics.
#![allow(clippy::expect_used)] // a failed expectation fails the test

use privity_core::{
    Cancel, Channel, Error, Mesh, PartyName, Result, channel::memory_pair, mesh::HEADER, vole::Code,
};
use privity_mpc::{
    additive::{Additive, Profile},
    engine::{Dims, Engine, Recipients},
};
use std::time::{Duration, Instant};

/// What happens to message number `at`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Cut,
    Swell,
    Repeat,
    Die,
    Flip,
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
                Fault::Die => {
                    return Err(Error::Disconnected {
                        peer: self.peer().clone(),
                        during: String::new(),
                        reason: "it died".into(),
                    });
                }
                Fault::Flip => message[HEADER..].iter_mut().for_each(|b| *b ^= 0x55),
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

fn everything(e: &mut Additive) -> Result<()> {
    let n = 64;
    let x: Vec<u64> = (0..n as u64).collect();
    let a = e.input(0, (e.me() == 0).then_some(&x[..]), n)?;
    let b = e.input(1, (e.me() == 1).then_some(&x[..]), n)?;
    let c = e.mul(&a, &b, 20)?;
    let c = e.matmul(&c, &b, Dims { m: 8, k: 8, n: 8 }, 0)?;
    let sign = e.is_negative(&c)?;
    let zero = e.is_zero(&c)?;
    let both = e.and(&sign, &zero)?;
    let back = e.bit_to_ring(&both)?;
    e.to_bits(&back, 5)?;
    let wide = e.widen(&back)?;
    let wide = e.dot_wide(&wide, &wide, 1)?;
    e.truncate_wide(&wide, 7)?;
    let p = e.random_permutation(n)?;
    let moved = e.shuffle(&p, &[&back])?;
    e.open(&moved[0], Recipients::All)?;
    Ok(())
}

/// The errors of both parties when what `to` receives suffers `fault`.
fn run(to: usize, fault: Fault, at: usize) -> Vec<Option<Error>> {
    let names: Vec<PartyName> = vec!["ann".into(), "ben".into()];
    let (a, b) = memory_pair(&names[0], &names[1]);
    let mut ends = [Some(a), Some(b)];
    let inner = ends[to].take().expect("an end");
    ends[to] = Some(Box::new(Faulty { inner, fault, at, seen: 0, pending: None }));
    std::thread::scope(|scope| {
        let threads: Vec<_> = ends
            .into_iter()
            .enumerate()
            .map(|(me, end)| {
                let names = &names;
                scope.spawn(move || {
                    let ends = if me == 0 { vec![None, end] } else { vec![end, None] };
                    let mut mesh = Mesh::new(me, names, ends, Cancel::new())?;
                    mesh.set_timeout(Duration::from_millis(500));
                    everything(&mut Additive::new(mesh, Profile::LAN, &mut rand::rng())?)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("no panic").err()).collect()
    })
}

#[test]
fn every_broken_message_names_its_sender() {
    let mut hits = 0;
    for to in [0, 1] {
        for fault in [Fault::Cut, Fault::Swell, Fault::Repeat, Fault::Die] {
            for at in [0, 1, 2, 4, 7, 11, 16, 25, 40] {
                let start = Instant::now();
                let errors = run(to, fault, at);
                assert!(start.elapsed() < Duration::from_secs(10), "somebody hung");
                let Some(error) = &errors[to] else { continue };
                hits += 1;
                let other = ["ben", "ann"][to];
                assert_eq!(error.culprit(), Some(other), "{fault:?} at {at}: {error}");
            }
        }
    }
    assert!(hits > 50, "only {hits} faults met a message");
}

/// After the set-up, whose group elements have an error of their own.
#[test]
fn changed_contents_never_panic() {
    for to in [0, 1] {
        for at in 6..40 {
            let errors = run(to, Fault::Flip, at);
            assert!(errors.iter().all(Option::is_none), "{errors:?}");
        }
    }
}

/// Parties with different profiles, codes or sizes get an error at set-up, both of
/// them, and no shares.
#[test]
fn different_profiles_are_refused_by_both() {
    let wan = |code, batch| Profile::Wan { code, batch };
    let (short, long) = (Code::ExConv7x24, Code::ExConv21x24);
    for profiles in [
        [Profile::LAN, Profile::WAN],
        [Profile::Lan { k: 8 }, Profile::WAN],
        [Profile::Lan { k: 2 }, Profile::Lan { k: 3 }],
        [wan(short, 1 << 14), wan(long, 1 << 14)],
        [wan(short, 1 << 14), wan(short, 1 << 15)],
    ] {
        let meshes = Mesh::in_memory(&["ann", "ben"]).expect("two names");
        let results: Vec<Result<Additive>> = std::thread::scope(|scope| {
            let parties: Vec<_> = meshes
                .into_iter()
                .zip(profiles)
                .map(|(mesh, p)| scope.spawn(move || Additive::new(mesh, p, &mut rand::rng())))
                .collect();
            parties.into_iter().map(|p| p.join().expect("no panic")).collect()
        });
        for (result, peer) in results.into_iter().zip(["ben", "ann"]) {
            match result {
                Err(Error::Deviation { peer: named, rule, .. }) => {
                    assert!(&*named == peer && rule.contains("other terms"), "{rule}");
                }
                Err(error) => panic!("{profiles:?}: {error}"),
                Ok(_) => panic!("{profiles:?} were set up"),
            }
        }
    }
}
