//! Messages that are tampered with, cut, swollen, repeated or out of order give
//! an error that names the peer, on every kind of channel rule that the mesh
//! enforces; so do silence, death and cancellation.
#![allow(clippy::expect_used)] // a failed expectation fails the test

use privity_core::{
    Cancel, Channel, Error, Mesh, PartyName, Result,
    channel::{Direction, MAX_MESSAGE, Recorder, Recording, Replay, memory_pair},
    mesh::HEADER,
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// A peer whose messages pass through a function before they arrive.
struct Meddler<F> {
    inner: Box<dyn Channel>,
    queue: Vec<Vec<u8>>,
    change: F,
}

impl<F: FnMut(Vec<u8>) -> Vec<Vec<u8>> + Send> Channel for Meddler<F> {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        self.inner.send(message)
    }
    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        while self.queue.is_empty() {
            self.queue = (self.change)(self.inner.recv(usize::MAX)?);
            self.queue.reverse();
        }
        let message = self.queue.pop().expect("not empty");
        if message.len() > max {
            return Err(Error::Deviation {
                peer: self.peer().clone(),
                during: String::new(),
                rule: "too long".into(),
            });
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

fn names() -> [PartyName; 2] {
    ["ann".into(), "ben".into()]
}

fn mesh(me: usize, channel: Box<dyn Channel>) -> Mesh {
    let mut channels = [None, None];
    channels[1 - me] = Some(channel);
    Mesh::new(me, &names(), channels.into(), Cancel::new()).expect("two names")
}

/// Ben sends three messages; Ann receives them through `change` and reports
/// her first error.
fn meddle(change: impl FnMut(Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) -> Error {
    let (a, b) = memory_pair("ann", "ben");
    let mut ann = mesh(0, Box::new(Meddler { inner: a, queue: Vec::new(), change }));
    let mut ben = mesh(1, b);
    ann.enter("sum");
    ben.enter("sum");
    for i in 0..3u64 {
        ben.send(0, &i.to_le_bytes()).expect("queued");
    }
    let mut word = [0; 8];
    for _ in 0..3 {
        if let Err(e) = ann.recv(1, &mut word) {
            return e;
        }
    }
    panic!("nothing was noticed");
}

fn accuses_ben(error: &Error, rule: &str) {
    assert_eq!(error.culprit(), Some("ben"), "{error}");
    let text = error.to_string();
    assert!(text.contains("ben") && text.contains("sum") && text.contains(rule), "{text}");
}

#[test]
fn truncated_oversized_and_headerless() {
    accuses_ben(&meddle(|m| vec![m[..m.len() - 1].to_vec()]), "declares 8 bytes and has 7");
    accuses_ben(&meddle(|m| vec![m[..HEADER - 3].to_vec()]), "shorter than a header");
    accuses_ben(&meddle(|m| vec![[m, vec![0]].concat()]), "too long");
    accuses_ben(&meddle(|_| vec![vec![0; 1 << 20]]), "too long");
    accuses_ben(
        &meddle(|mut m| {
            m[3] = 7;
            m.pop();
            vec![m]
        }),
        "has 7 bytes, the protocol says 8",
    );
}

#[test]
fn replayed_and_reordered() {
    accuses_ben(&meddle(|m| vec![m.clone(), m]), "repeats message 0 where message 1 is due");
    let mut held: Option<Vec<u8>> = None;
    let swap = move |m: Vec<u8>| match held.take() {
        None => {
            held = Some(m);
            vec![]
        }
        Some(first) => vec![m, first],
    };
    accuses_ben(&meddle(swap), "skips to message 1 where message 0 is due");
}

#[test]
fn every_flipped_header_bit_but_the_clock_is_noticed() {
    for bit in 0..8 * HEADER {
        // Bytes 8 to 11 are the clock: statistics only.
        if (8..12).contains(&(bit / 8)) {
            continue;
        }
        let error = meddle(move |mut m| {
            m[bit / 8] ^= 1 << (bit % 8);
            vec![m]
        });
        assert_eq!(error.culprit(), Some("ben"), "bit {bit}: {error}");
    }
}

#[test]
fn a_peer_at_another_step_is_named() {
    let (a, b) = memory_pair("ann", "ben");
    let (mut ann, mut ben) = (mesh(0, a), mesh(1, b));
    ben.enter("product");
    ben.send(0, &[1]).expect("queued");
    ann.enter("sum");
    let error = ann.recv(1, &mut [0]).expect_err("another step");
    assert!(matches!(error, Error::OutOfStep { .. }), "{error}");
    accuses_ben(&error, "same program");
}

#[test]
fn silence_death_and_cancellation() {
    let (a, b) = memory_pair("ann", "ben");
    let (mut ann, mut ben) = (mesh(0, a), mesh(1, b));
    ann.enter("sum");
    ann.set_timeout(Duration::from_millis(50));
    ben.enter("sum");
    let start = Instant::now();
    let error = ann.recv(1, &mut [0]).expect_err("silence");
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    accuses_ben(&error, "50ms");
    assert!(start.elapsed() < Duration::from_secs(5));
    // Errors are final, although Ben would answer now.
    ben.send(0, &[1]).expect("queued");
    assert!(matches!(ann.recv(1, &mut [0]), Err(Error::Timeout { .. })));
    assert!(matches!(ann.send(1, &[0]), Err(Error::Timeout { .. })));

    let (a, b) = memory_pair("ann", "ben");
    let (mut ann, ben) = (mesh(0, a), mesh(1, b));
    ann.enter("sum");
    drop(ben);
    let error = ann.recv(1, &mut [0]).expect_err("death");
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
    accuses_ben(&error, "lost party");
    assert!(matches!(ann.send(1, &[0]), Err(Error::Disconnected { .. })));

    let (a, _b) = memory_pair("ann", "ben");
    let mut ann = mesh(0, a);
    ann.cancel_flag().cancel();
    assert!(matches!(ann.recv(1, &mut [0]), Err(Error::Cancelled { .. })));
}

#[test]
fn cancelling_wakes_a_waiting_receive() {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).expect("two names");
    let mut ann = meshes.remove(0);
    let cancel = ann.cancel_flag().clone();
    let waiting = thread::spawn(move || ann.recv(1, &mut [0]));
    cancel.cancel();
    let error = waiting.join().expect("no panic").expect_err("cancelled");
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
}

#[test]
fn data_sent_before_a_party_leaves_arrives() {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).expect("two names");
    let mut ben = meshes.pop().expect("ben");
    let mut ann = meshes.pop().expect("ann");
    let sent: Vec<u64> = (0..100_000).collect();
    ben.send_bulk(0, &sent).expect("queued");
    drop(ben);
    let mut received = vec![0u64; sent.len()];
    ann.recv_bulk(1, &mut received).expect("all there");
    assert_eq!(received, sent);
}

#[test]
fn forks_meet_by_label_and_order_and_keep_apart() {
    let mut meshes = Mesh::in_memory(&["ann", "ben", "cy"]).expect("three names");
    let mut cy = meshes.pop().expect("cy");
    let mut ben = meshes.pop().expect("ben");
    let mut ann = meshes.pop().expect("ann");
    let mut ann_one = ann.fork("job", &[0, 2]).expect("fork");
    let mut ann_two = ann.fork("job", &[0, 2]).expect("fork");
    let mut cy_one = cy.fork("job", &[0, 2]).expect("fork");
    let mut cy_two = cy.fork("job", &[0, 2]).expect("fork");
    assert!(ben.fork("job", &[0, 2]).is_err());
    ann_two.send(1, b"two").expect("queued");
    ann_one.send(1, b"one").expect("queued");
    assert_eq!(cy_one.recv_up_to(0, 9).expect("one"), b"one");
    assert_eq!(cy_two.recv_up_to(0, 9).expect("two"), b"two");
    cy_two.send(0, b"back").expect("queued");
    assert_eq!(ann_two.recv_up_to(1, 9).expect("back"), b"back");
}

#[test]
fn limits_and_arguments() {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).expect("two names");
    let mut ann = meshes.remove(0);
    assert!(matches!(ann.send(1, &vec![0; MAX_MESSAGE]), Err(Error::Argument(_))));
    assert!(matches!(ann.send(0, &[1]), Err(Error::Argument(_))));
    assert!(matches!(ann.send(5, &[1]), Err(Error::Argument(_))));
    assert!(Mesh::new(3, &names(), vec![None, None], Cancel::new()).is_err());
}

#[test]
fn rounds_are_the_longest_chain_of_messages() {
    let mut meshes = Mesh::in_memory(&["ann", "ben"]).expect("two names");
    let mut ben = meshes.pop().expect("ben");
    let mut ann = meshes.pop().expect("ann");
    for _ in 0..3 {
        ann.send(1, &[0; 10]).expect("queued");
        ann.send(1, &[0; 10]).expect("queued");
        ben.recv(0, &mut [0; 10]).expect("there");
        ben.recv(0, &mut [0; 10]).expect("there");
        ben.send(0, &[0]).expect("queued");
        ann.recv(1, &mut [0]).expect("there");
    }
    assert_eq!((ann.clock(), ben.clock()), (6, 5));
    assert_eq!((ann.meter().sent(), ben.meter().sent()), (60, 3));
    assert_eq!(ann.meter().label("start").messages, 6);
}

#[test]
fn a_recording_replays() {
    let (a, b) = memory_pair("ann", "ben");
    let recording = Recording::new();
    let mut ann = mesh(0, Box::new(Recorder::new(a, recording.clone())));
    let mut ben = mesh(1, b);
    ben.send(0, b"hello").expect("queued");
    assert_eq!(ann.recv_up_to(1, 5).expect("there"), b"hello");
    let entries = recording.take();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].direction, Direction::Received);
    let mut again = mesh(0, Box::new(Replay::new("ben", &entries)));
    assert_eq!(again.recv_up_to(1, 5).expect("replayed"), b"hello");
    assert!(matches!(again.recv_up_to(1, 5), Err(Error::Disconnected { .. })));
}
