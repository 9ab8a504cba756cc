//! The links between all parties of a session, or the picture of them in a
//! dry run.
//!
//! Control messages and shares of outsiders pass here; the engine has a mesh of
//! its own among the computing parties. Each method is one message pattern that
//! all parties enter together, so that a dry run can draw it: it moves no data
//! and counts this party's bytes and everybody's clocks.

use crate::error::{Error, Result};
use privity_core::Mesh;

/// Live links or a picture.
pub(crate) enum Wire {
    Live(Mesh),
    Dry(Dry),
    /// After a failure: dropped, so that peers notice at once.
    Closed,
}

/// What a dry run keeps instead of links.
pub(crate) struct Dry {
    me: usize,
    clocks: Vec<u64>,
    sent: u64,
    received: u64,
}

/// Payload bytes and rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) rounds: u64,
}

impl Counters {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            rounds: self.rounds + other.rounds,
        }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            received: self.received - before.received,
            rounds: self.rounds - before.rounds,
        }
    }
}

impl Dry {
    pub(crate) fn new(me: usize, parties: usize) -> Self {
        Self { me, clocks: vec![0; parties], sent: 0, received: 0 }
    }

    /// One round of messages (from, to, bytes): all leave before any arrives.
    fn round(&mut self, messages: impl Iterator<Item = (usize, usize, usize)>) {
        let before = self.clocks.clone();
        for (from, to, bytes) in messages {
            if from == self.me {
                self.sent += bytes as u64;
            }
            if to == self.me {
                self.received += bytes as u64;
            }
            self.clocks[to] = self.clocks[to].max(before[from] + 1);
        }
    }
}

impl Wire {
    pub(crate) fn counters(&self) -> Counters {
        match self {
            Wire::Live(mesh) => Counters {
                sent: mesh.meter().sent(),
                received: mesh.meter().received(),
                rounds: mesh.clock().into(),
            },
            Wire::Dry(dry) => {
                Counters { sent: dry.sent, received: dry.received, rounds: dry.clocks[dry.me] }
            }
            Wire::Closed => Counters::default(),
        }
    }

    /// Everybody sends a message of at most `max` bytes to everybody; the
    /// result has one per party, one's own included. In a dry run the messages
    /// are what `plan` says.
    pub(crate) fn exchange(
        &mut self,
        label: &str,
        mine: &[u8],
        max: usize,
        plan: impl Fn(usize) -> Vec<u8>,
    ) -> Result<Vec<Vec<u8>>> {
        match self {
            Wire::Live(mesh) => Ok(mesh.scope(label, |mesh| {
                let me = mesh.me();
                for to in (0..mesh.parties()).filter(|&p| p != me) {
                    mesh.send(to, mine)?;
                }
                (0..mesh.parties())
                    .map(|from| match from == me {
                        true => Ok(mine.to_vec()),
                        false => mesh.recv_up_to(from, max),
                    })
                    .collect()
            })?),
            Wire::Dry(dry) => {
                let n = dry.clocks.len();
                let all: Vec<Vec<u8>> = (0..n).map(plan).collect();
                dry.round((0..n).flat_map(|from| {
                    let bytes = all[from].len();
                    (0..n).filter(move |&to| to != from).map(move |to| (from, to, bytes))
                }));
                Ok(all)
            }
            Wire::Closed => Err(Error::Internal("the links are closed")),
        }
    }

    /// Party `from` sends a vector of `len` words to each of `to`. The result
    /// is `Some` at these and at the sender, and `None` elsewhere and in a dry run.
    pub(crate) fn pass(
        &mut self,
        label: &str,
        from: usize,
        to: &[usize],
        words: Option<&[u64]>,
        len: usize,
    ) -> Result<Option<Vec<u64>>> {
        match self {
            Wire::Live(mesh) => Ok(mesh.scope(label, |mesh| {
                let me = mesh.me();
                if me == from {
                    let words = words
                        .filter(|w| w.len() == len)
                        .ok_or(privity_core::Error::Internal("the sender of a vector has none"))?;
                    for &to in to.iter().filter(|&&p| p != me) {
                        mesh.send_bulk(to, words)?;
                    }
                    Ok(Some(words.to_vec()))
                } else if to.contains(&me) {
                    let mut words = vec![0; len];
                    mesh.recv_bulk(from, &mut words)?;
                    Ok(Some(words))
                } else {
                    Ok(None)
                }
            })?),
            Wire::Dry(dry) => {
                if len > 0 {
                    let to = to.iter().filter(|&&p| p != from);
                    dry.round(to.map(|&to| (from, to, 8 * len)));
                }
                Ok(None)
            }
            Wire::Closed => Err(Error::Internal("the links are closed")),
        }
    }
}
