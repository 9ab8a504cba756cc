//! What is sent arrives, in order, once, whoever sends first and however much.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "common.rs"]
mod common;

use common::{Parties, run, within};
use privity_core::{Error, Mesh};
use privity_net::{loopback_mesh, plain_loopback_mesh_for_benchmarks};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_word_goes_around_three_parties() {
    for mut meshes in [
        loopback_mesh(&["alpha", "beta", "gamma"], 2).unwrap(),
        plain_loopback_mesh_for_benchmarks(&["alpha", "beta", "gamma"], 1).unwrap(),
    ] {
        for (i, mesh) in meshes.iter().enumerate() {
            assert_eq!(mesh.me(), i);
            assert_eq!(&**mesh.name(1), "beta");
        }
        meshes[0].send(1, b"word").unwrap();
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            let mut word = [0; 4];
            meshes[to].recv(from, &mut word).unwrap();
            assert_eq!(&word, b"word");
            meshes[to].send((to + 1) % 3, &word).unwrap();
        }
    }
}

#[test]
fn both_send_everything_before_they_receive() {
    const WORDS: usize = 25_000_000;
    let seconds = within(LONG, || {
        let start = Instant::now();
        let values = |me: usize| (0..WORDS as u64).map(move |i| i * 3 + me as u64);
        run(loopback_mesh(&["alpha", "beta"], 2).unwrap(), |mut mesh| {
            let me = mesh.me();
            mesh.send_bulk(1 - me, &values(me).collect::<Vec<_>>()).unwrap();
            let mut theirs = vec![0; WORDS];
            mesh.recv_bulk(1 - me, &mut theirs).unwrap();
            assert!(theirs.into_iter().eq(values(1 - me)));
        });
        start.elapsed().as_secs_f64()
    });
    assert!(seconds < LONG.as_secs_f64());
}

#[test]
fn order_holds_over_any_number_of_connections() {
    for connections in [1, 2, 3, 4, 16] {
        run(loopback_mesh(&["alpha", "beta"], connections).unwrap(), |mut mesh| {
            let (me, peer) = (mesh.me(), 1 - mesh.me());
            // Short, long and empty messages, so that connections overtake.
            let length = |i: usize, of: usize| [0, 1, 70_000, 3, 1 << 20, 17][(i + of) % 6];
            for i in 0..200 {
                mesh.send(peer, &vec![i as u8; length(i, me)]).unwrap();
            }
            for i in 0..200 {
                let mut message = vec![!(i as u8); length(i, peer)];
                mesh.recv(peer, &mut message).unwrap();
                assert!(message.iter().all(|&byte| byte == i as u8));
            }
        });
    }
}

#[test]
fn the_largest_message_passes_and_a_larger_one_is_an_argument_error() {
    let mut meshes = loopback_mesh(&["alpha", "beta"], 1).unwrap();
    let largest = privity_core::channel::MAX_MESSAGE - privity_core::mesh::HEADER;
    meshes[0].send(1, &vec![7; largest]).unwrap();
    assert!(matches!(meshes[0].send(1, &vec![7; largest + 1]), Err(Error::Argument(_))));
    assert_eq!(meshes[1].recv_up_to(0, largest).unwrap().len(), largest);
}

#[test]
fn forks_keep_apart_in_any_order_of_use() {
    run(loopback_mesh(&["alpha", "beta"], 2).unwrap(), |mut mesh| {
        let (me, peer) = (mesh.me(), 1 - mesh.me());
        let mut forks: Vec<Mesh> = Vec::new();
        for i in 0..50 {
            let mut fork = mesh.fork("part", &[0, 1]).unwrap();
            if me == 0 {
                // Sent before the peer opens it, perhaps.
                fork.send(peer, &[i]).unwrap();
            }
            forks.push(fork);
        }
        if me == 1 {
            for (i, fork) in forks.iter_mut().enumerate().rev() {
                let mut byte = [0];
                fork.recv(peer, &mut byte).unwrap();
                assert_eq!(byte, [i as u8]);
                fork.send(peer, &byte).unwrap();
            }
        } else {
            for (i, fork) in forks.iter_mut().enumerate() {
                let mut byte = [0];
                fork.recv(peer, &mut byte).unwrap();
                assert_eq!(byte, [i as u8]);
            }
        }
        let mut inner = forks[7].fork("inner", &[0, 1]).unwrap();
        drop(forks);
        inner.send(peer, b"still").unwrap();
        inner.recv(peer, &mut [0; 5]).unwrap();
    });
}

#[test]
fn forks_work_in_parallel() {
    run(loopback_mesh(&["alpha", "beta"], 2).unwrap(), |mut mesh| {
        let peer = 1 - mesh.me();
        let forks: Vec<Mesh> = (0..8).map(|_| mesh.fork("part", &[0, 1]).unwrap()).collect();
        run(forks, |mut fork| {
            let mut data = vec![0_u64; 100_000];
            for i in 0..10 {
                fork.send_bulk(peer, &vec![i; 100_000]).unwrap();
                fork.recv_bulk(peer, &mut data).unwrap();
                assert!(data.iter().all(|&x| x == i));
            }
        });
    });
}

#[test]
fn many_short_lived_forks_leave_nothing_behind() {
    // More than the number of channels that may be open unseen.
    run(loopback_mesh(&["alpha", "beta"], 2).unwrap(), |mut mesh| {
        let peer = 1 - mesh.me();
        for i in 0..20_000_u32 {
            let mut fork = mesh.fork("step", &[0, 1]).unwrap();
            fork.send(peer, &i.to_le_bytes()).unwrap();
            // One message is never read.
            fork.send(peer, &[]).unwrap();
            fork.recv(peer, &mut [0; 4]).unwrap();
        }
    });
}

#[test]
fn what_was_sent_before_the_end_arrives() {
    for connections in [1, 3] {
        let mut meshes = loopback_mesh(&["alpha", "beta"], connections).unwrap();
        let mut beta = meshes.pop().unwrap();
        let mut alpha = meshes.pop().unwrap();
        within(LONG, move || {
            let data = vec![5_u8; 30_000_000];
            alpha.send_bulk(1, &data).unwrap();
            drop(alpha);
            let mut got = vec![0_u8; data.len()];
            beta.recv_bulk(0, &mut got).unwrap();
            assert_eq!(got, data);
            let e = beta.recv(0, &mut [0]).unwrap_err();
            assert!(matches!(e, Error::Disconnected { .. }), "{e}");
            assert_eq!(e.culprit(), Some("alpha"));
            assert!(e.to_string().contains("closed"), "{e}");
        });
    }
}

#[test]
fn both_ends_may_drop_at_once() {
    for _ in 0..20 {
        within(Duration::from_secs(10), || {
            run(loopback_mesh(&["alpha", "beta", "gamma"], 2).unwrap(), |mut mesh| {
                let next = (mesh.me() + 1) % 3;
                mesh.send(next, &[1; 100]).unwrap();
                mesh.recv((next + 1) % 3, &mut [0; 100]).unwrap();
            });
        });
    }
}

#[test]
fn a_slow_party_is_waited_for_while_it_lives() {
    // Silent for longer than `dead_after`, but for heart-beats.
    let meshes = Parties::new(&["alpha", "beta"])
        .each(|config| {
            config.heartbeat = Duration::from_millis(50);
            config.dead_after = Duration::from_millis(400);
        })
        .connect();
    run(meshes, |mut mesh| {
        if mesh.me() == 0 {
            mesh.recv(1, &mut [0]).unwrap();
        } else {
            // Waits for nothing in particular, on a channel of its own.
            let mut idle = mesh.fork("idle", &[0, 1]).unwrap();
            idle.set_timeout(Duration::from_millis(1500));
            assert!(matches!(idle.recv(0, &mut [0]), Err(Error::Timeout { .. })));
            mesh.send(0, &[1]).unwrap();
        }
    });
}
