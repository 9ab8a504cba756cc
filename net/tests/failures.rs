//! A peer that is missing, wrong, slow or dead is named within the set time,
//! and what a meddler in the path does is noticed and named too.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "common.rs"]
mod common;

use common::{Parties, Step, proxy, run, within};
use privity_core::{Error as LinkError, Mesh};
use privity_net::{Error, Fingerprint, Identity, Security, connect};
use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(10);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The errors that parties `a` and `b` get.
fn errors(parties: Parties) -> Vec<Error> {
    within(SOON, || parties.try_connect().into_iter().map(|o| o.unwrap_err()).collect())
}

// Before the session.

#[test]
fn a_missing_dialler_is_named_in_time() {
    let parties =
        Parties::new(&["alpha", "beta", "gamma"]).each(|c| c.connect_timeout = millis(600));
    let outcomes = within(millis(2500), || parties.connect_without(&[2]));
    for outcome in outcomes.into_iter().flatten() {
        let e = outcome.unwrap_err();
        assert!(matches!(e, Error::PeerMissing { .. }), "{e}");
        assert_eq!(e.culprit(), Some("gamma"), "{e}");
        assert!(e.to_string().contains("did not connect to 127.0.0.1:"), "{e}");
    }
}

#[test]
fn a_missing_listener_is_named_in_time() {
    let parties = Parties::new(&["alpha", "beta"]).each(|c| c.connect_timeout = millis(600));
    let mut outcomes = within(millis(2500), || parties.connect_without(&[0]));
    let e = outcomes.remove(1).unwrap().unwrap_err();
    assert_eq!(e.culprit(), Some("alpha"));
    assert!(e.to_string().contains("nothing listens"), "{e}");
}

#[test]
fn a_listener_may_come_late() {
    let Parties { configs, mut listeners, cancels } = Parties::new(&["alpha", "beta"]);
    let address = configs[0].parties[0].address.clone();
    drop(listeners.remove(0));
    within(SOON, move || {
        let beta = configs[1].clone();
        let cancel = cancels[1].clone();
        let beta = thread::spawn(move || connect(&beta, None, &cancel));
        thread::park_timeout(millis(300));
        let mut alpha = match std::net::TcpListener::bind(&address) {
            Ok(listener) => connect(&configs[0], Some(listener), &cancels[0]).unwrap(),
            // Somebody else took the port meanwhile.
            Err(_) => return cancels[1].cancel(),
        };
        let mut beta = beta.join().unwrap().unwrap();
        alpha.send(1, &[1]).unwrap();
        beta.recv(0, &mut [0]).unwrap();
    });
}

#[test]
fn a_party_may_be_restarted_while_others_wait() {
    // In turn a party that only listens to the missing one, and one that dials.
    for restarted in [0, 1] {
        let Parties { configs, mut listeners, cancels } = Parties::new(&["alpha", "beta", "gamma"]);
        let again = listeners[restarted].try_clone().unwrap();
        let gamma = listeners.pop().unwrap();
        within(SOON, move || {
            let mut waiting: Vec<_> = listeners
                .into_iter()
                .enumerate()
                .map(|(i, listener)| {
                    let (config, cancel) = (configs[i].clone(), cancels[i].clone());
                    thread::spawn(move || connect(&config, Some(listener), &cancel))
                })
                .collect();
            // They find each other and wait for gamma.
            thread::park_timeout(millis(200));
            cancels[restarted].cancel();
            assert!(waiting.remove(restarted).join().unwrap().is_err());
            let config = configs[restarted].clone();
            waiting.push(thread::spawn(move || {
                connect(&config, Some(again), &privity_core::Cancel::new())
            }));
            thread::park_timeout(millis(50));
            let mut meshes = vec![connect(&configs[2], Some(gamma), &cancels[2]).unwrap()];
            meshes.extend(waiting.into_iter().map(|t| t.join().unwrap().unwrap()));
            meshes.sort_by_key(Mesh::me);
            run(meshes, |mut mesh| {
                let next = (mesh.me() + 1) % 3;
                mesh.send(next, &[7; 100]).unwrap();
                mesh.recv((next + 1) % 3, &mut [0; 100]).unwrap();
            });
        });
    }
}

#[test]
fn a_wrong_key_at_the_listener_is_named() {
    let (parties, got) = Parties::new(&["alpha", "beta"]).rekey(0);
    let expected = parties.configs[1].parties[0].pin;
    let parties = parties.each(|c| c.connect_timeout = millis(800));
    let mut errors = errors(parties);
    match errors.remove(1) {
        Error::WrongKey { peer, expected: e, got: g, .. } => {
            assert_eq!((&*peer, e, g), ("alpha", expected, got));
        }
        other => panic!("{other}"),
    }
    let e = errors.remove(0);
    assert_eq!(e.culprit(), Some("beta"));
    assert!(e.to_string().contains("refused the key of this party"), "{e}");
}

#[test]
fn an_unknown_key_at_the_dialler_is_refused_and_mentioned() {
    let (parties, unknown) = Parties::new(&["alpha", "beta"]).rekey(1);
    let mut errors = errors(parties.each(|c| c.connect_timeout = millis(800)));
    let e = errors.remove(1);
    assert!(matches!(&e, Error::KeyRefused { ours, .. } if *ours == unknown), "{e}");
    assert_eq!(e.culprit(), Some("alpha"));
    let e = errors.remove(0);
    assert!(matches!(e, Error::PeerMissing { .. }), "{e}");
    assert_eq!(e.culprit(), Some("beta"));
    assert!(e.to_string().contains(&format!("unknown key {unknown} tried to connect")), "{e}");
}

#[test]
fn two_parties_with_one_key_are_refused_before_connecting() {
    let mut parties = Parties::new(&["alpha", "beta", "gamma"]);
    let pin = parties.configs[0].parties[1].pin;
    parties.configs[0].parties[2].pin = pin;
    let config = parties.configs.remove(0);
    let start = Instant::now();
    match connect(&config, None, &parties.cancels[0]).unwrap_err() {
        Error::DuplicateKey { a, b, key } => {
            assert_eq!((&*a, &*b, key), ("beta", "gamma", pin));
        }
        other => panic!("{other}"),
    }
    assert!(start.elapsed() < millis(500));
}

#[test]
fn bad_configurations_are_argument_errors() {
    let config = || Parties::new(&["alpha", "beta"]).configs.remove(0);
    let refused = |change: fn(&mut privity_net::NetConfig)| {
        let mut config = config();
        change(&mut config);
        let e = config.validate().unwrap_err();
        assert!(matches!(e, Error::Argument(_)), "{e}");
    };
    refused(|c| c.me = 2);
    refused(|c| c.parties.truncate(1));
    refused(|c| c.connections = 0);
    refused(|c| c.connections = 17);
    refused(|c| c.session = vec![0; 65]);
    refused(|c| c.parties[1].name = "alpha".into());
    refused(|c| c.parties[1].name = "".into());
    refused(|c| c.parties[1].name = "be\nta".into());
    refused(|c| c.heartbeat = Duration::ZERO);
    refused(|c| c.dead_after = c.heartbeat);
    refused(|c| c.security = Security::Tls(Arc::new(Identity::generate().unwrap())));
}

#[test]
fn a_port_in_use_is_an_error_of_its_own() {
    let parties = Parties::new(&["alpha", "beta"]);
    let e = connect(&parties.configs[0], None, &parties.cancels[0]).unwrap_err();
    assert!(matches!(e, Error::AddressInUse { .. }), "{e}");
}

#[test]
fn differing_sessions_suites_and_connections_are_named_with_both_values() {
    type Change = fn(&mut privity_net::NetConfig);
    let cases: [(Change, &str, &str); 4] = [
        (|c| c.session = b"trial 8".to_vec(), "'trial 8'", "'trial 7'"),
        (|c| c.parameters = [0xab; 32], "0xabab", "0x0000"),
        (|c| c.connections = 3, "3", "2"),
        (|c| c.heartbeat = Duration::from_secs(4), "4000 ms", "11s"),
    ];
    for (change, theirs, ours) in cases {
        let parties = Parties::new(&["alpha", "beta"])
            .each(|c| c.session = b"trial 7".to_vec())
            .one(0, |c| c.dead_after = Duration::from_secs(11))
            .one(1, change);
        let errors = errors(parties);
        let (alpha, beta) = (&errors[0], &errors[1]);
        assert!(matches!(alpha, Error::Mismatch { .. }), "{alpha}");
        assert_eq!(alpha.culprit(), Some("beta"));
        let text = alpha.to_string();
        assert!(text.contains(theirs) && text.contains(ours), "{text}");
        assert_eq!(beta.culprit(), Some("alpha"));
        let text = beta.to_string();
        assert!(text.contains(theirs) && text.contains(ours), "{text}");
    }
}

#[test]
fn parties_in_another_order_are_refused() {
    let mut parties = Parties::new(&["alpha", "beta", "gamma"]);
    // Gamma swaps the first two; it dials both all the same.
    parties.configs[2].parties.swap(0, 1);
    let errors = errors(parties.each(|c| c.connect_timeout = millis(1000)));
    assert!(errors.iter().any(|e| e.to_string().contains("same order")), "{errors:?}");
}

#[test]
fn strangers_do_not_hold_up_a_session() {
    let parties = Parties::new(&["alpha", "beta"]);
    let address = parties.configs[0].parties[0].address.clone();
    let mut silent = Vec::new();
    for i in 0..20 {
        let mut stranger = TcpStream::connect(&address).unwrap();
        match i % 4 {
            0 => {}
            1 => stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap(),
            2 => stranger.write_all(&[0x16, 3, 1, 0xff, 0xff]).unwrap(),
            _ => stranger.write_all(&vec![0; 100_000]).unwrap_or_default(),
        }
        silent.push(stranger);
    }
    let start = Instant::now();
    let mut meshes = within(SOON, || parties.connect());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    meshes[0].send(1, &[1]).unwrap();
    meshes[1].recv(0, &mut [0]).unwrap();
}

#[test]
fn a_stranger_is_mentioned_when_the_time_runs_out() {
    let parties = Parties::new(&["alpha", "beta"]).each(|c| c.connect_timeout = millis(600));
    let address = parties.configs[0].parties[0].address.clone();
    let mut stranger = TcpStream::connect(&address).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut outcomes = within(SOON, || parties.connect_without(&[1]));
    let e = outcomes.remove(0).unwrap().unwrap_err().to_string();
    assert!(e.contains("'beta'") && e.contains("a stranger"), "{e}");
}

#[test]
fn cancel_stops_the_set_up() {
    let parties = Parties::new(&["alpha", "beta", "gamma"]);
    let cancel = parties.cancels[1].clone();
    let config = parties.configs[1].clone();
    let listener = parties.listeners[1].try_clone().unwrap();
    within(SOON, move || {
        let flag = cancel.clone();
        let waiting = thread::spawn(move || connect(&config, Some(listener), &flag));
        thread::park_timeout(millis(100));
        let start = Instant::now();
        cancel.cancel();
        let e = waiting.join().unwrap().unwrap_err();
        assert!(start.elapsed() < millis(100), "{:?}", start.elapsed());
        assert!(matches!(e, Error::Core(LinkError::Cancelled { .. })), "{e}");
    });
}

#[test]
fn key_files_are_private_and_never_overwritten() {
    let path = std::env::temp_dir().join(format!("privity-net-{}.key", std::process::id()));
    let identity = Identity::generate().unwrap();
    identity.save(&path).unwrap();
    assert_eq!(Identity::load(&path).unwrap().fingerprint(), identity.fingerprint());
    let e = Identity::generate().unwrap().save(&path).unwrap_err();
    assert!(matches!(e, Error::KeyFile { .. }), "{e}");
    assert_eq!(Identity::load(&path).unwrap().fingerprint(), identity.fingerprint());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let e = Identity::load(&path).unwrap_err();
        assert!(e.to_string().contains("chmod 600"), "{e}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Identity::load(&path), Err(Error::KeyFile { .. })));
    assert!("sha256:0".parse::<Fingerprint>().is_err());
}

// During the session.

#[test]
fn a_peer_that_dies_is_named_and_the_others_learn_why() {
    let meshes = privity_net::loopback_mesh(&["alpha", "beta", "gamma"], 2).unwrap();
    let start = Instant::now();
    let results = within(SOON, move || {
        run(meshes, |mut mesh| match mesh.me() {
            // Beta stops without a word.
            1 => None,
            // Alpha needs beta; gamma needs alpha.
            0 => mesh.recv(1, &mut [0]).err(),
            _ => mesh.recv(0, &mut [0]).err(),
        })
    });
    assert!(start.elapsed() < Duration::from_secs(3));
    let alpha = results[0].clone().unwrap();
    assert_eq!(alpha.culprit(), Some("beta"));
    let gamma = results[2].clone().unwrap();
    assert_eq!(gamma.culprit(), Some("alpha"));
    assert!(gamma.to_string().contains("it stopped: lost party 'beta'"), "{gamma}");
}

#[test]
fn an_error_is_the_same_ever_after() {
    let mut meshes = privity_net::loopback_mesh(&["alpha", "beta"], 2).unwrap();
    meshes[0].set_timeout(millis(50));
    for _ in 0..2 {
        let e = meshes[0].recv(1, &mut [0]).unwrap_err();
        assert!(matches!(e, LinkError::Timeout { .. }), "{e}");
        assert_eq!(e.culprit(), Some("beta"));
    }
    assert!(meshes[0].send(1, &[0]).is_err());
}

#[test]
fn cancel_stops_a_receive_within_a_tenth_of_a_second() {
    let mut meshes = privity_net::loopback_mesh(&["alpha", "beta"], 2).unwrap();
    let cancel = meshes[0].cancel_flag().clone();
    let mut alpha = meshes.remove(0);
    within(SOON, move || {
        let waiting = thread::spawn(move || {
            let e = alpha.recv(1, &mut [0]).unwrap_err();
            (Instant::now(), e)
        });
        thread::park_timeout(millis(60));
        let start = Instant::now();
        cancel.cancel();
        let (end, e) = waiting.join().unwrap();
        assert!(end - start < millis(100), "{:?}", end - start);
        assert!(matches!(e, LinkError::Cancelled { .. }), "{e}");
        let e = meshes[0].recv(0, &mut [0]).unwrap_err();
        assert!(e.to_string().contains("it was cancelled"), "{e}");
    });
}

/// Alpha and beta, with a proxy between them that does `step` from the moment
/// `armed` is set. Returns what alpha gets when beta has sent 100 messages.
fn meddled(
    connections: usize,
    armed: Arc<AtomicBool>,
    step: impl FnMut(&[u8]) -> Step + Send + Clone + 'static,
) -> Vec<LinkError> {
    let parties = Parties::new(&["alpha", "beta"]).each(|c| {
        c.connections = connections;
        c.heartbeat = millis(100);
        c.dead_after = millis(1000);
    });
    let target = parties.configs[0].parties[0].address.clone();
    let flag = armed.clone();
    let address = proxy(&target, move |_| {
        let (flag, mut step) = (flag.clone(), step.clone());
        move |bytes: &[u8]| {
            if flag.load(Ordering::SeqCst) { step(bytes) } else { Step::Forward(bytes.to_vec()) }
        }
    });
    let parties = parties.one(1, |c| c.parties[0].address = address.to_string());
    let both = Barrier::new(2);
    within(SOON, move || {
        run(parties.connect(), |mut mesh| {
            // All is well so far.
            let (me, peer) = (mesh.me(), 1 - mesh.me());
            mesh.send(peer, &[1; 1000]).unwrap();
            mesh.recv(peer, &mut [0; 1000]).unwrap();
            mesh.send(peer, &[]).unwrap();
            mesh.recv(peer, &mut []).unwrap();
            // Nothing is under way when the meddling begins.
            both.wait();
            armed.store(true, Ordering::SeqCst);
            fails(&mut mesh, me, peer)
        })
    })
}

fn fails(mesh: &mut Mesh, me: usize, peer: usize) -> LinkError {
    let start = Instant::now();
    let error = loop {
        let outcome =
            if me == 1 { mesh.send(peer, &[2; 1000]) } else { mesh.recv(peer, &mut [0; 1000]) };
        if let Err(e) = outcome {
            break e;
        }
        if me == 1 {
            // Gives the proxy time to see separate pieces.
            thread::park_timeout(millis(2));
        }
    };
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    error
}

fn named(errors: &[LinkError]) {
    assert_eq!(errors[0].culprit(), Some("beta"), "{}", errors[0]);
    assert_eq!(errors[1].culprit(), Some("alpha"), "{}", errors[1]);
}

#[test]
fn a_flipped_bit_is_noticed() {
    // The first three bytes of a record are the same in every record of TLS
    // 1.3, and no receiver looks at them; the next two are its length.
    for at in [3, 4, 5, 7, 500] {
        let errors = meddled(1, Arc::default(), move |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1;
            Step::Forward(bytes)
        });
        named(&errors);
        // A longer length only shows when no more bytes come, or as a bad record.
        assert!(matches!(errors[0], LinkError::Disconnected { .. }), "{}", errors[0]);
    }
    let errors = meddled(2, Arc::default(), |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 0x80;
        Step::Forward(bytes)
    });
    named(&errors);
    assert!(errors[0].to_string().contains("tampered"), "{}", errors[0]);
}

#[test]
fn a_repeated_record_is_noticed() {
    let errors = meddled(1, Arc::default(), |bytes: &[u8]| Step::Forward([bytes, bytes].concat()));
    named(&errors);
    assert!(errors[0].to_string().contains("tampered"), "{}", errors[0]);
}

#[test]
fn a_removed_record_is_noticed() {
    let mut first = true;
    let errors = meddled(1, Arc::default(), move |bytes: &[u8]| {
        Step::Forward(if std::mem::take(&mut first) { Vec::new() } else { bytes.to_vec() })
    });
    named(&errors);
    assert!(errors[0].to_string().contains("tampered"), "{}", errors[0]);
}

#[test]
fn a_truncated_connection_is_noticed() {
    let errors =
        meddled(2, Arc::default(), |bytes: &[u8]| Step::Cut(bytes[..bytes.len() / 2].to_vec()));
    named(&errors);
    assert!(matches!(errors[0], LinkError::Disconnected { .. }), "{}", errors[0]);
    // Cut between two records it is no different.
    let errors = meddled(2, Arc::default(), |_: &[u8]| Step::Cut(Vec::new()));
    named(&errors);
    assert!(errors[0].to_string().contains("without a farewell"), "{}", errors[0]);
}

#[test]
fn a_stalled_peer_is_named_within_the_time() {
    // Nothing is closed; heart-beats stop.
    let errors = meddled(2, Arc::default(), |_: &[u8]| Step::Stall);
    named(&errors);
    assert!(errors[0].to_string().contains("not even a heart-beat"), "{}", errors[0]);
    assert!(errors[1].to_string().contains("not even a heart-beat"), "{}", errors[1]);
}
