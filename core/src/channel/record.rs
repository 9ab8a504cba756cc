//! Recording and replaying what crosses a channel, for transcript and
//! deviation tests.

use super::Channel;
use crate::error::{Error, PartyName, Result};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Which way a message went, seen from the recording party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From this party to the peer.
    Sent,
    /// From the peer to this party.
    Received,
}

/// One recorded message, header included.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The peer.
    pub peer: PartyName,
    /// Which way it went.
    pub direction: Direction,
    /// The whole message.
    pub message: Vec<u8>,
}

/// A shared, growing list of messages.
#[derive(Clone, Debug, Default)]
pub struct Recording(Arc<Mutex<Vec<Entry>>>);

impl Recording {
    /// An empty recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything recorded so far, leaving the recording empty.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

/// Passes messages through and keeps a copy of each.
pub struct Recorder {
    inner: Box<dyn Channel>,
    recording: Recording,
}

impl Recorder {
    /// Records what crosses `inner`, and its forks, into `recording`.
    pub fn new(inner: Box<dyn Channel>, recording: Recording) -> Self {
        Self { inner, recording }
    }

    fn note(&self, direction: Direction, message: &[u8]) {
        self.recording.push(Entry {
            peer: self.inner.peer().clone(),
            direction,
            message: message.to_vec(),
        });
    }
}

impl Channel for Recorder {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        self.note(Direction::Sent, &message);
        self.inner.send(message)
    }

    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        let message = self.inner.recv(max)?;
        self.note(Direction::Received, &message);
        Ok(message)
    }

    fn fork(&mut self, label: &str) -> Result<Box<dyn Channel>> {
        Ok(Box::new(Recorder::new(self.inner.fork(label)?, self.recording.clone())))
    }

    fn set_timeout(&mut self, timeout: Duration) {
        self.inner.set_timeout(timeout);
    }

    fn peer(&self) -> &PartyName {
        self.inner.peer()
    }
}

/// Plays back the received side of a recording and swallows what is sent: a
/// peer that says again what it said once.
pub struct Replay {
    peer: PartyName,
    incoming: VecDeque<Vec<u8>>,
}

impl Replay {
    /// A peer that sends the messages which `entries` received from `peer`.
    pub fn new(peer: &str, entries: &[Entry]) -> Self {
        Self {
            peer: peer.into(),
            incoming: entries
                .iter()
                .filter(|e| e.direction == Direction::Received && &*e.peer == peer)
                .map(|e| e.message.clone())
                .collect(),
        }
    }
}

impl Channel for Replay {
    fn send(&mut self, _message: Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        match self.incoming.pop_front() {
            Some(message) if message.len() <= max => Ok(message),
            Some(message) => Err(Error::Deviation {
                peer: self.peer.clone(),
                during: String::new(),
                rule: format!("a message of {} bytes where at most {max} fit", message.len()),
            }),
            None => Err(Error::Disconnected {
                peer: self.peer.clone(),
                during: String::new(),
                reason: "the recording ended".into(),
            }),
        }
    }

    fn fork(&mut self, _label: &str) -> Result<Box<dyn Channel>> {
        Err(Error::Argument("a replayed channel cannot be forked".into()))
    }

    fn set_timeout(&mut self, _timeout: Duration) {}

    fn peer(&self) -> &PartyName {
        &self.peer
    }
}
