//! A peer that deviates: runs of two parties in which one message is altered on
//! its way, its header left as it was. What comes of it is *detected* (some
//! party stops with an error), *harmless* (the results are still what the
//! functionality says), or else a hole.

use crate::{
    Cancel, Channel, Mesh, PartyName, Result, Secret,
    channel::memory_pair,
    field::Gf128,
    mesh::HEADER,
    ot::{
        Receiver, Security, Sender, base,
        extension::{CotReceiver, CotSender},
    },
    vole::{Code, VoleReceiver, VoleSender, plan::Plan},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// What is done to the payload of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    FlipBit,
    FlipBits,
    AddOne,
    SwapBlocks,
    Zero,
    Random,
    /// An earlier message of the same length in its place, or itself rotated.
    Replay,
    /// The same message of another session.
    OtherSession,
    Omit,
    Twice,
}

const CHANGES: [Change; 8] = [
    Change::FlipBit,
    Change::FlipBits,
    Change::AddOne,
    Change::SwapBlocks,
    Change::Zero,
    Change::Random,
    Change::Replay,
    Change::OtherSession,
];

/// Alters message `at` of one direction.
#[derive(Clone, Copy, Debug)]
struct Attack {
    side: usize,
    at: usize,
    change: Change,
    seed: u64,
}

type Log = Arc<Mutex<Vec<Vec<u8>>>>;

struct Tampering {
    inner: Box<dyn Channel>,
    attack: Option<Attack>,
    /// Payloads sent so far.
    sent: Log,
    /// Payloads of another session.
    other: Vec<Vec<u8>>,
}

impl Channel for Tampering {
    fn send(&mut self, mut message: Vec<u8>) -> Result<()> {
        let mut sent = self.sent.lock().unwrap();
        let at = sent.len();
        sent.push(message[HEADER..].to_vec());
        match self.attack {
            Some(attack) if attack.at == at => {
                let payload = &mut message[HEADER..];
                let rng = &mut StdRng::seed_from_u64(attack.seed);
                match attack.change {
                    Change::Omit => return Ok(()),
                    Change::Twice => self.inner.send(message.clone())?,
                    change => {
                        let other = self.other.get(at).map_or(&[][..], |m| m);
                        alter(payload, change, &sent[..at], other, rng);
                    }
                }
            }
            _ => {}
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

fn alter(payload: &mut [u8], change: Change, before: &[Vec<u8>], other: &[u8], rng: &mut StdRng) {
    let len = payload.len();
    let place = rng.random_range(0..len);
    match change {
        Change::FlipBit => payload[place] ^= 1 << rng.random_range(0..8),
        Change::FlipBits => {
            for _ in 0..rng.random_range(2..20) {
                payload[rng.random_range(0..len)] ^= 1 << rng.random_range(0..8);
            }
        }
        Change::AddOne => payload[place] = payload[place].wrapping_add(1),
        Change::SwapBlocks => {
            let blocks = len / 16;
            let (i, j) = (rng.random_range(0..blocks), rng.random_range(0..blocks));
            (0..16).for_each(|b| payload.swap(16 * i + b, 16 * j + b));
        }
        Change::Zero => {
            let to = rng.random_range(place..len) + 1;
            payload[place..to].fill(0);
        }
        Change::Random => {
            let to = rng.random_range(place..len) + 1;
            payload[place..to].iter_mut().for_each(|b| *b = rng.random());
        }
        Change::Replay => match before.iter().rev().find(|m| m.len() == len) {
            Some(earlier) => payload.copy_from_slice(earlier),
            None => payload.rotate_left(16 % len),
        },
        Change::OtherSession => payload.copy_from_slice(&other[..len]),
        Change::Omit | Change::Twice => unreachable!("handled by the channel"),
    }
}

/// What each side has sent.
type Sent = [Vec<Vec<u8>>; 2];

/// Runs both sides with an attack or without.
fn run<A: Send, B: Send>(
    attack: Option<Attack>,
    other: &Sent,
    one: impl FnOnce(&mut Mesh) -> Result<A> + Send,
    two: impl FnOnce(&mut Mesh) -> Result<B> + Send,
) -> (Result<A>, Result<B>, Sent) {
    let names: [PartyName; 2] = ["ann".into(), "ben".into()];
    let (a, b) = memory_pair("ann", "ben");
    let logs: [Log; 2] = Default::default();
    let mut meshes = [a, b].into_iter().enumerate().map(|(me, inner)| {
        let channel = Box::new(Tampering {
            inner,
            attack: attack.filter(|a| a.side == me),
            sent: logs[me].clone(),
            other: other[me].clone(),
        });
        let mut channels: Vec<Option<Box<dyn Channel>>> = vec![None, None];
        channels[1 - me] = Some(channel);
        let mut mesh = Mesh::new(me, &names, channels, Cancel::new()).unwrap();
        // Only a message that never comes is waited for.
        let missing = attack.is_some_and(|a| a.change == Change::Omit);
        mesh.set_timeout(Duration::from_millis(if missing { 300 } else { 60_000 }));
        mesh
    });
    let (mut ann, mut ben) = (meshes.next().unwrap(), meshes.next().unwrap());
    let (one, two) = thread::scope(|scope| {
        // Each drops its mesh when it ends, so that the other does not wait.
        let two = scope.spawn(move || two(&mut ben));
        let one = {
            let result = one(&mut ann);
            drop(ann);
            result
        };
        (one, two.join().unwrap())
    });
    let sent = logs.map(|log| std::mem::take(&mut *log.lock().unwrap()));
    (one, two, sent)
}

/// How many attacks were tried and how they ended.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    tried: usize,
    detected: usize,
    harmless: usize,
    holes: usize,
}

/// Tries `count` attacks on a protocol; `session(seed)` gives both sides'
/// programs, `fine` says whether unnoticed results are right.
fn attack_all<A: Send, B: Send, One, Two>(
    count: usize,
    seed: u64,
    changes: &[Change],
    session: impl Fn(u64) -> (One, Two),
    fine: impl Fn(&A, &B) -> bool,
) -> Tally
where
    One: FnOnce(&mut Mesh) -> Result<A> + Send,
    Two: FnOnce(&mut Mesh) -> Result<B> + Send,
{
    let clean = |seed| {
        let (one, two) = session(seed);
        let (a, b, sent) = run(None, &Sent::default(), one, two);
        assert!(fine(&a.unwrap(), &b.unwrap()), "an honest run");
        sent
    };
    let (here, other) = (clean(seed), clean(seed + 1_000_000));
    let rng = &mut StdRng::seed_from_u64(seed);
    let places: Vec<(usize, usize)> =
        (0..2).flat_map(|s| (0..here[s].len()).map(move |i| (s, i))).collect();
    let mut tally = Tally::default();
    for i in 0..count {
        // Every message in turn, with every change.
        let (side, at) = places[i % places.len()];
        let change = changes[i / places.len() % changes.len()];
        let attack = Attack { side, at, change, seed: rng.random() };
        let (one, two) = session(rng.random_range(0..1000));
        let (a, b, _) = run(Some(attack), &other, one, two);
        tally.tried += 1;
        match (a, b) {
            (Ok(a), Ok(b)) if fine(&a, &b) => tally.harmless += 1,
            (Ok(_), Ok(_)) => tally.holes += 1,
            _ => tally.detected += 1,
        }
    }
    tally
}

/// Base OT results without base OTs.
fn keys(delta: u128, rng: &mut StdRng) -> (Vec<base::KeyPair>, Vec<base::ChosenKey>) {
    let pairs: Vec<[[u8; 16]; 2]> = (0..128).map(|_| [rng.random(), rng.random()]).collect();
    let side = |b: usize| usize::from(delta >> b & 1 == 0);
    let chosen = (0..128).map(|b| Secret::new(pairs[b][side(b)])).collect();
    (pairs.into_iter().map(Secret::new).collect(), chosen)
}

/// q and delta against choice bits and t, for chosen and for random bits.
type SenderRows = (u128, Vec<u128>);
type ReceiverRows = (Vec<u64>, Vec<u128>);

fn correlated((delta, q): &SenderRows, (c, t): &ReceiverRows) -> bool {
    q.len() == t.len()
        && q.iter().zip(t).enumerate().all(|(i, (q, t))| {
            *t == q ^ (delta & 0u128.wrapping_sub((c[i / 64] >> (i % 64) & 1).into()))
        })
}

fn send_rows(sender: &mut CotSender, mesh: &mut Mesh, n: usize) -> Result<SenderRows> {
    let mut q = sender.extend(mesh, n)?.rows.to_vec();
    q.extend_from_slice(&sender.extend_random(mesh, n)?.rows);
    Ok((*sender.delta().expose(), q))
}

fn receive_rows(receiver: &mut CotReceiver, mesh: &mut Mesh, n: usize) -> Result<ReceiverRows> {
    let mut choices = vec![0x0123_4567_89AB_CDEF; n / 64];
    let mut t = receiver.extend(mesh, &choices, n)?.rows.to_vec();
    let random = receiver.extend_random(mesh, n)?;
    choices.extend_from_slice(&random.choices);
    t.extend_from_slice(&random.rows.rows);
    Ok((choices, t))
}

/// Trees and two extensions, from keys of base OTs.
#[allow(clippy::type_complexity)]
fn extension(
    k: usize,
    security: Security,
    ignore_check: bool,
) -> impl Fn(
    u64,
) -> (
    Box<dyn FnOnce(&mut Mesh) -> Result<SenderRows> + Send>,
    Box<dyn FnOnce(&mut Mesh) -> Result<ReceiverRows> + Send>,
) {
    move |seed| {
        let rng = &mut StdRng::seed_from_u64(seed);
        let delta: u128 = rng.random();
        let (pairs, chosen) = keys(delta, rng);
        let challenge = Secret::new(rng.random());
        let one = move |mesh: &mut Mesh| {
            let delta = Secret::new(delta);
            let mut sender =
                CotSender::with_keys(mesh, 1, k, security, (delta, &chosen), challenge)?;
            sender.ignore_check = ignore_check;
            send_rows(&mut sender, mesh, 128)
        };
        let two = move |mesh: &mut Mesh| {
            let mut receiver = CotReceiver::with_keys(mesh, 0, k, security, &pairs)?;
            receive_rows(&mut receiver, mesh, 128)
        };
        (Box::new(one), Box::new(two))
    }
}

#[test]
fn extension_detects_every_deviation_that_matters() {
    let mut total = 0;
    for (k, count) in [(1, 2500), (2, 2500), (3, 2000), (4, 1000)] {
        let session = extension(k, Security::Malicious, false);
        let tally = attack_all(count, k as u64, &CHANGES, session, correlated);
        assert_eq!(tally.holes, 0, "k = {k}: {tally:?}");
        assert!(tally.detected > count / 2, "k = {k}: {tally:?}");
        total += tally.tried;
    }
    assert_eq!(total, 8000);
}

/// The tests above are worth something: without the check they fail, be it
/// ignored or absent as in the semi-honest protocol.
#[test]
fn extension_without_its_check_is_caught() {
    for session in
        [extension(2, Security::Malicious, true), extension(2, Security::SemiHonest, false)]
    {
        let tally = attack_all(200, 5, &CHANGES, session, correlated);
        assert!(tally.holes > 15, "{tally:?}");
    }
}

/// With the base OTs, which have no check of their own: keys that differ show
/// in the trees or in the check of the extension.
#[test]
fn base_ots_that_are_tampered_with_are_noticed_downstream() {
    for k in [1, 2] {
        let session = move |seed| {
            let one = move |mesh: &mut Mesh| {
                let rng = &mut StdRng::seed_from_u64(2 * seed);
                let mut sender = CotSender::new(mesh, 1, k, Security::Malicious, rng)?;
                send_rows(&mut sender, mesh, 128)
            };
            let two = move |mesh: &mut Mesh| {
                let rng = &mut StdRng::seed_from_u64(2 * seed + 1);
                let mut receiver = CotReceiver::new(mesh, 0, k, Security::Malicious, rng)?;
                receive_rows(&mut receiver, mesh, 128)
            };
            (one, two)
        };
        let tally = attack_all(60, 7, &CHANGES, session, correlated);
        assert_eq!(tally.holes, 0, "{tally:?}");
    }
}

/// What the mesh alone must notice, protocol or not.
#[test]
fn messages_left_out_or_sent_twice_are_noticed() {
    let session = extension(2, Security::Malicious, false);
    let tally = attack_all(24, 9, &[Change::Omit, Change::Twice], session, correlated);
    // Twice is harmless if the message was the last one.
    assert!(tally.holes == 0 && tally.detected >= 20, "{tally:?}");
}

/// b and delta against a and c.
type SenderVole = (u128, Vec<u128>);
type ReceiverVole = (Vec<u128>, Vec<u128>);

fn linear((delta, b): &SenderVole, (a, c): &ReceiverVole) -> bool {
    b.len() == c.len()
        && b.iter()
            .zip(a)
            .zip(c)
            .all(|((&b, &a), &c)| Gf128(c) == Gf128(b) + Gf128(a) * Gf128(*delta))
}

/// One extension of VOLE with little noise, from keys of base OTs.
#[allow(clippy::type_complexity)]
fn vole(
    width: usize,
    security: Security,
    ignore_check: bool,
) -> impl Fn(
    u64,
) -> (
    Box<dyn FnOnce(&mut Mesh) -> Result<SenderVole> + Send>,
    Box<dyn FnOnce(&mut Mesh) -> Result<ReceiverVole> + Send>,
) {
    let plan = Plan { n: 40, width, trees: 6, depth: 4, code: Code::ExConv7x24, subfield: false };
    move |seed| {
        let rng = &mut StdRng::seed_from_u64(seed);
        let delta = rng.random::<u128>() | 1;
        let (pairs, chosen) = keys(delta, rng);
        let challenge = Secret::new(rng.random());
        let one = move |mesh: &mut Mesh| {
            let delta = Secret::new(delta);
            let base = CotSender::with_keys(mesh, 1, 2, security, (delta, &chosen), challenge)?;
            let mut sender = VoleSender::from_base(base, plan.code, security);
            let b = sender.run(mesh, plan)?;
            Ok((*sender.delta().expose(), b.to_vec()))
        };
        let two = move |mesh: &mut Mesh| {
            let rng = &mut StdRng::seed_from_u64(seed + 77);
            let base = CotReceiver::with_keys(mesh, 0, 2, security, &pairs)?;
            let mut receiver = VoleReceiver::from_base(base, plan.code, security, rng);
            receiver.ignore_check = ignore_check;
            if plan.width == 1 {
                let c = receiver.run_bits(mesh, plan)?;
                return Ok((c.iter().map(|c| c & 1).collect(), c.to_vec()));
            }
            let (a, c) = receiver.run::<u128>(mesh, plan)?;
            Ok((a.to_vec(), c.to_vec()))
        };
        (Box::new(one), Box::new(two))
    }
}

#[test]
fn vole_detects_every_deviation_that_matters() {
    let mut total = 0;
    for (width, count) in [(1, 1500), (4, 1000), (128, 1000)] {
        let session = vole(width, Security::Malicious, false);
        let tally = attack_all(count, width as u64, &CHANGES, session, linear);
        assert_eq!(tally.holes, 0, "width {width}: {tally:?}");
        assert!(tally.detected > count / 2, "width {width}: {tally:?}");
        total += tally.tried;
    }
    assert_eq!(total, 3500);
}

/// The objects of a failed check refuse further use on a mesh that knows nothing
/// of it. The mesh of the failure has ended anyway.
fn refuses<T: std::fmt::Debug>(mut call: impl FnMut(&mut Mesh) -> Result<T>) {
    let mut fresh = Mesh::in_memory(&["ann", "ben"]).unwrap();
    for mesh in &mut fresh {
        let error = call(mesh).unwrap_err();
        assert!(error.to_string().contains("set up anew"), "{error}");
        assert!(mesh.failure().is_none() && mesh.meter().sent() == 0);
    }
}

#[test]
fn a_failed_check_ends_its_object() {
    let security = Security::Malicious;
    let rng = &mut StdRng::seed_from_u64(5);
    let delta = rng.random::<u128>() | 1;
    let (pairs, chosen) = keys(delta, rng);
    let (pairs, chosen) = (&pairs, &chosen);
    // Ben's trees, corrections, answer: an altered answer fails for sure.
    let attack = |side, at| Some(Attack { side, at, change: Change::FlipBit, seed: 1 });
    let new_sender = move |mesh: &mut Mesh| {
        let key = Secret::new([3; 16]);
        CotSender::with_keys(mesh, 1, 2, security, (Secret::new(delta), chosen), key).unwrap()
    };
    let new_receiver = move |mesh: &mut Mesh| CotReceiver::with_keys(mesh, 0, 2, security, pairs);
    let (one, _, _) = run(
        attack(1, 2),
        &Sent::default(),
        |mesh| {
            let mut sender = new_sender(mesh);
            let error = sender.extend_random(mesh, 128).unwrap_err();
            assert!(error.to_string().contains("not consistent"), "{error}");
            refuses(|mesh| sender.extend_random(mesh, 128));
            Ok(())
        },
        |mesh| new_receiver(mesh)?.extend_random(mesh, 128),
    );
    one.unwrap();
    // Ann's challenge, message, digest.
    let plan =
        Plan { n: 40, width: 4, trees: 6, depth: 4, code: Code::ExConv7x24, subfield: false };
    let (_, two, _) = run(
        attack(0, 2),
        &Sent::default(),
        |mesh| VoleSender::from_base(new_sender(mesh), plan.code, security).run(mesh, plan),
        |mesh| {
            let rng = &mut StdRng::seed_from_u64(6);
            let base = new_receiver(mesh)?;
            let mut receiver = VoleReceiver::from_base(base, plan.code, security, rng);
            let error = receiver.run::<u128>(mesh, plan).map(drop).unwrap_err();
            assert!(error.to_string().contains("not consistent"), "{error}");
            refuses(|mesh| receiver.run::<u128>(mesh, plan));
            Ok(())
        },
    );
    two.unwrap();
}

#[test]
fn vole_without_its_check_is_caught() {
    for session in [vole(1, Security::Malicious, true), vole(128, Security::Malicious, true)] {
        let tally = attack_all(300, 3, &CHANGES, session, linear);
        assert!(tally.holes > 10, "{tally:?}");
    }
}
