//! Peers that break the rules: a typed error that names them, no panic, no hang.

use crate::{End, NAMES, items, run, run_within, small, wrapped};
use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_POINT as B, scalar::Scalar};
use privity_core::{
    Channel, Error as Core, Mesh, PartyName, Result,
    channel::{Replay, memory_pair},
    mesh::HEADER,
};
use privity_psi::{Error, Item, Options, align};
use rand::{SeedableRng, rngs::StdRng};
use std::{thread, time::Duration};

type Edit = Box<dyn FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + Send>;

/// Edits what party 0 sends: message by message, to none, one or several.
struct Tamper {
    inner: Box<dyn Channel>,
    sent: usize,
    edit: Edit,
}

impl Channel for Tamper {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        let messages = (self.edit)(self.sent, message);
        self.sent += 1;
        messages.into_iter().try_for_each(|m| self.inner.send(m))
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

/// Two parties with eight and nine items; party 0's messages are edited. Party 0
/// sends: 0 announcement, 1-2 points, 3-5 replies.
fn tampered(edit: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) -> Vec<End> {
    tampered_within(Duration::from_secs(20), edit)
}

/// The same, where each may be left waiting for the other.
fn tampered_within(
    timeout: Duration,
    edit: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static,
) -> Vec<End> {
    let meshes = wrapped(|inner| {
        let edit = Box::new(edit);
        Box::new(Tamper { inner, sent: 0, edit })
    });
    run_within(timeout, meshes, &[items(0..8), items(4..13)], &small(), 1)
}

/// Edits the payload of message `k`.
fn payload(
    k: usize,
    mut change: impl FnMut(&mut [u8]) + Send + 'static,
) -> impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + Send {
    move |j, mut message| {
        if j == k {
            change(&mut message[HEADER..]);
        }
        vec![message]
    }
}

/// Party 1's error, which must accuse party 0 of a deviation.
fn rule(ends: Vec<End>) -> String {
    let error = ends.into_iter().nth(1).unwrap().result.unwrap_err();
    assert_eq!(error.culprit(), Some(NAMES[0]));
    match error {
        Error::Core(Core::Deviation { rule, during, .. }) => {
            assert!(during.starts_with("psi/"), "{during}");
            rule
        }
        other => panic!("not a deviation: {other}"),
    }
}

#[test]
fn points_that_no_honest_party_sends() {
    let base = B.compress().0;
    let mut non_canonical = [0xff; 32];
    non_canonical[0] = 0xed; // p + 2^255: not below p
    let point = |bytes: [u8; 32]| payload(1, move |p| p[..32].copy_from_slice(&bytes));

    assert!(rule(tampered(point([0; 32]))).contains("identity"));
    assert!(rule(tampered(point(non_canonical))).contains("canonical"));
    assert!(rule(tampered(point([1; 32]))).contains("canonical"));
    let twice = payload(2, move |p| {
        p[..32].copy_from_slice(&base);
        p[32..64].copy_from_slice(&base);
    });
    assert!(rule(tampered(twice)).contains("same point twice"));
    // Across messages too.
    let mut kept = Vec::new();
    let across = move |j, mut message: Vec<u8>| {
        match j {
            1 => kept = message[HEADER..HEADER + 32].to_vec(),
            2 => message[HEADER..HEADER + 32].copy_from_slice(&kept),
            _ => {}
        }
        vec![message]
    };
    assert!(rule(tampered(across)).contains("same point twice"));
    let same_reply = payload(4, |p| p.copy_within(..16, 16));
    assert!(rule(tampered(same_reply)).contains("same reply"));
}

#[test]
fn announcements_that_do_not_fit() {
    assert!(rule(tampered(payload(0, |p| p[0] ^= 1))).contains("protocol id"));
    assert!(rule(tampered(payload(0, |p| p[9] ^= 1))).contains("protocol version"));
    assert!(rule(tampered(payload(0, |p| p[10] ^= 1))).contains("another session"));
    assert!(rule(tampered(payload(0, |p| p[42] = 0xff))).contains("at most 67108864"));
    // One item fewer than it sends, or more: then both wait, and one gives up.
    assert!(rule(tampered(payload(0, |p| p[49] -= 1))).contains("bytes"));
    let ends = tampered_within(Duration::from_millis(500), payload(0, |p| p[49] += 1));
    let error = ends[1].result.as_ref().unwrap_err();
    assert_eq!(error.culprit(), Some(NAMES[0]));
}

#[test]
fn messages_cut_lengthened_repeated_swapped_and_dropped() {
    for k in 0..6 {
        let cut = move |j, mut m: Vec<u8>| {
            if j == k {
                m.pop();
            }
            vec![m]
        };
        rule(tampered(cut));
        let longer = move |j, mut m: Vec<u8>| {
            if j == k {
                m.push(0);
            }
            vec![m]
        };
        rule(tampered(longer));
        let huge = move |j, mut m: Vec<u8>| {
            if j == k {
                m.resize(1 << 20, 0);
            }
            vec![m]
        };
        rule(tampered(huge));
        let headless = move |j, m: Vec<u8>| vec![if j == k { m[..7].to_vec() } else { m }];
        rule(tampered(headless));
    }
    for k in 0..5 {
        let twice = move |j, m: Vec<u8>| if j == k { vec![m.clone(), m] } else { vec![m] };
        let rule = rule(tampered(twice));
        assert!(rule.contains("repeats") || rule.contains("at most"), "{rule}");
        let mut held = None;
        let swapped = move |j, m: Vec<u8>| {
            if j == k {
                held = Some(m);
                return vec![];
            }
            [Some(m), held.take()].into_iter().flatten().collect()
        };
        let ends = tampered_within(Duration::from_millis(500), swapped);
        let error = ends[1].result.as_ref().unwrap_err();
        assert_eq!(error.culprit(), Some(NAMES[0]));
    }
    for k in 0..6 {
        let dropped = move |j, m| if j == k { vec![] } else { vec![m] };
        let ends = tampered_within(Duration::from_millis(500), dropped);
        let error = ends[1].result.as_ref().unwrap_err();
        assert_eq!(error.culprit(), Some(NAMES[0]));
    }
}

/// Any byte of any message changed: a result or an error that names the right
/// party. A changed point can be another valid point, and is then one more item
/// that matches nothing.
#[test]
fn every_message_survives_a_flip_at_every_eleventh_byte() {
    let mut refused = 0;
    for k in 0..6 {
        for at in (0..HEADER + 50).step_by(11) {
            let ends = tampered_within(Duration::from_millis(500), move |j, mut m: Vec<u8>| {
                if j == k && at < m.len() {
                    m[at] ^= 0x40;
                }
                vec![m]
            });
            match &ends[1].result {
                Ok(alignment) => assert!(alignment.rows.len() <= 4),
                Err(error) => {
                    assert_eq!(error.culprit(), Some(NAMES[0]), "{error}");
                    refused += 1;
                }
            }
            if let Err(error) = &ends[0].result {
                assert_eq!(error.culprit(), Some(NAMES[1]), "{error}");
            }
        }
    }
    assert!(refused > 10);
}

/// Everything that party 0 said in one run, said again in another.
#[test]
fn a_replayed_run_is_another_session() {
    use privity_core::channel::{Recorder, Recording};
    let recording = Recording::new();
    let (a, b) = memory_pair(NAMES[0], NAMES[1]);
    let names: Vec<PartyName> = NAMES[..2].iter().map(|&n| n.into()).collect();
    let recorder = Box::new(Recorder::new(b, recording.clone()));
    let meshes = vec![
        Mesh::new(0, &names, vec![None, Some(a)], Default::default()).unwrap(),
        Mesh::new(1, &names, vec![Some(recorder), None], Default::default()).unwrap(),
    ];
    let tables = [items(0..8), items(4..13)];
    for end in run(meshes, &tables, &small(), 1) {
        end.result.unwrap();
    }
    let entries = recording.take();
    let again = |options: &Options| {
        let replay = Box::new(Replay::new(NAMES[0], &entries));
        let mut mesh = Mesh::new(1, &names, vec![Some(replay), None], Default::default()).unwrap();
        align(&mut mesh, &tables[1], options, &mut StdRng::seed_from_u64(7))
    };
    let other = Options { session: [8; 32], ..small() };
    let error = again(&other).unwrap_err();
    assert!(error.to_string().contains("another session"));
    assert_eq!(error.culprit(), Some(NAMES[0]));
    // Under the same session id the replies are for the old key: no match.
    assert!(again(&small()).unwrap().rows.is_empty());
}

#[test]
fn a_silent_peer_is_a_timeout_and_a_lost_one_is_named() {
    let mut meshes = Mesh::in_memory(&NAMES[..2]).unwrap();
    let (silent, mut mesh) = (meshes.remove(0), meshes.remove(0));
    mesh.set_timeout(Duration::from_millis(50));
    let rng = &mut StdRng::seed_from_u64(0);
    let error = align(&mut mesh, &items([1]), &small(), rng).unwrap_err();
    assert!(matches!(error, Error::Core(Core::Timeout { .. })));
    assert_eq!(error.culprit(), Some(NAMES[0]));
    drop((silent, mesh));
    let mut mesh = Mesh::in_memory(&NAMES[..2]).unwrap().remove(1);
    let error = align(&mut mesh, &items([1]), &small(), rng).unwrap_err();
    assert!(matches!(error, Error::Core(Core::Disconnected { .. })));
    assert_eq!(error.culprit(), Some(NAMES[0]));
}

/// Three parties; the party with index `who` runs `script` instead. With sizes
/// 4, 5 and 6, party 0 is the querier, 1 and 2 are the holders.
fn scripted(who: usize, script: impl FnOnce(&mut Mesh) -> Result<()> + Send) -> Vec<Option<Error>> {
    let tables: Vec<Vec<Item>> = [4, 5, 6].map(|n| items(0..n)).to_vec();
    let mut script = Some(script);
    thread::scope(|s| {
        let threads: Vec<_> = crate::in_memory(3)
            .into_iter()
            .zip(&tables)
            .map(|(mut mesh, items)| {
                let script = if mesh.me() == who { script.take() } else { None };
                s.spawn(move || {
                    mesh.set_timeout(Duration::from_secs(5));
                    if let Some(script) = script {
                        script(&mut mesh).unwrap();
                        // Stays connected until the others are done.
                        return (None, Some(mesh));
                    }
                    let rng = &mut StdRng::seed_from_u64(mesh.me() as u64);
                    (align(&mut mesh, items, &options(), rng).err(), None)
                })
            })
            .collect();
        let ends: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        ends.into_iter().map(|(error, _)| error).collect()
    })
}

fn options() -> Options {
    Options::new([9; 32])
}

/// What an honest party of `n` items announces, taken from a run of one.
fn announce(mesh: &mut Mesh, n: u64) -> Result<()> {
    mesh.enter("psi/announce");
    let mut theirs = [0; 50];
    for p in (0..3).filter(|&p| p != mesh.me()).collect::<Vec<_>>() {
        mesh.recv(p, &mut theirs)?;
        theirs[42..].copy_from_slice(&n.to_be_bytes());
        mesh.send(p, &theirs)?;
    }
    Ok(())
}

fn accused(errors: &[Option<Error>], at: usize, of: usize, rule: &str) {
    let error = errors[at].as_ref().unwrap();
    assert_eq!(error.culprit(), Some(NAMES[of]), "{error}");
    assert!(matches!(error, Error::Core(Core::Deviation { .. })), "{error}");
    assert!(error.to_string().contains(rule), "{error}");
}

#[test]
fn a_holder_that_offers_the_identity() {
    let errors = scripted(1, |mesh| {
        announce(mesh, 5)?;
        mesh.enter("psi/keys");
        mesh.send(2, &[0; 32])
    });
    accused(&errors, 2, 1, "identity");
}

#[test]
fn a_holder_with_bad_replies_or_hints() {
    let point = |n: u64| (B * Scalar::from(n)).compress().0;
    // The script of holder 1 up to its replies.
    let serve = move |mesh: &mut Mesh, reply: [u64; 4]| -> Result<()> {
        announce(mesh, 5)?;
        mesh.enter("psi/keys");
        mesh.send(2, &point(3))?;
        mesh.enter("psi/queries");
        let mut points = [[0; 32]; 4];
        mesh.recv(0, points.as_flattened_mut())?;
        mesh.send(0, reply.map(point).as_flattened())
    };
    let errors = scripted(1, move |mesh| serve(mesh, [1, 0, 2, 3]));
    accused(&errors, 0, 1, "identity");
    let errors = scripted(1, move |mesh| serve(mesh, [1, 2, 1, 3]));
    accused(&errors, 0, 1, "same reply");
    let errors = scripted(1, move |mesh| {
        serve(mesh, [1, 2, 3, 4])?;
        mesh.enter("psi/hints");
        mesh.send(0, &[0xff; 16 * 5])
    });
    accused(&errors, 0, 1, "below 2^127 - 1");
    let errors = scripted(1, move |mesh| {
        serve(mesh, [1, 2, 3, 4])?;
        mesh.enter("psi/hints");
        mesh.send(0, &[0; 16 * 4])
    });
    accused(&errors, 0, 1, "64 bytes");
}

#[test]
fn a_querier_with_bad_points_or_results() {
    let point = |n: u64| (B * Scalar::from(n)).compress().0;
    let ask = move |mesh: &mut Mesh, points: [u64; 4]| -> Result<()> {
        announce(mesh, 4)?;
        mesh.enter("psi/queries");
        for h in [1, 2] {
            mesh.send(h, points.map(point).as_flattened())?;
        }
        Ok(())
    };
    let errors = scripted(0, move |mesh| ask(mesh, [1, 2, 1, 4]));
    accused(&errors, 1, 0, "same point twice");
    accused(&errors, 2, 0, "same point twice");
    let errors = scripted(0, move |mesh| ask(mesh, [1, 2, 0, 4]));
    accused(&errors, 1, 0, "identity");

    for (count, result, rule) in [
        (5, vec![], "larger than its set"),
        (2, vec![[0xffu8; 16]; 2], "below 2^127 - 1"),
        (1, vec![[1; 16]], "this party lacks"),
        (2, vec![], ""),
    ] {
        let errors = scripted(0, move |mesh| {
            ask(mesh, [1, 2, 3, 4])?;
            mesh.enter("psi/result");
            for h in [1, 2] {
                mesh.send(h, &u64::to_be_bytes(count))?;
                mesh.send_bulk(h, &result)?;
            }
            Ok(())
        });
        for h in [1, 2] {
            if rule.is_empty() {
                assert_eq!(errors[h].as_ref().unwrap().culprit(), Some(NAMES[0]));
            } else {
                accused(&errors, h, 0, rule);
            }
        }
    }
}
