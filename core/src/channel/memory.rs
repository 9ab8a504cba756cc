//! Channels between threads of one process.

use super::{Cancel, Channel, MAX_MESSAGE, POLL, fork_id};
use crate::error::{Error, PartyName, Result};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A connected pair: the first end talks to `b`, the second to `a`.
pub fn memory_pair(a: &str, b: &str) -> (Box<dyn Channel>, Box<dyn Channel>) {
    memory_pair_with(a, b, Cancel::new(), Cancel::new())
}

/// [`memory_pair`] with the cancel flag of each end.
pub fn memory_pair_with(
    a: &str,
    b: &str,
    cancel_a: Cancel,
    cancel_b: Cancel,
) -> (Box<dyn Channel>, Box<dyn Channel>) {
    let link = Arc::new(Link::default());
    let end = |side, peer: &str, cancel| {
        link.open(0, side);
        Box::new(MemoryChannel {
            link: link.clone(),
            id: 0,
            side,
            forks: 0,
            peer: peer.into(),
            cancel,
            timeout: Duration::from_secs(30),
        })
    };
    (end(0, b, cancel_a), end(1, a, cancel_b))
}

struct MemoryChannel {
    link: Arc<Link>,
    id: u64,
    side: usize,
    forks: u64,
    peer: PartyName,
    cancel: Cancel,
    timeout: Duration,
}

/// All streams between two parties, each with a queue in either direction.
#[derive(Default)]
struct Link {
    streams: Mutex<HashMap<u64, Stream>>,
    changed: [Condvar; 2],
}

#[derive(Default)]
struct Stream {
    /// `queue[s]` waits to be read by side `s`.
    queue: [VecDeque<Vec<u8>>; 2],
    opened: [bool; 2],
    closed: [bool; 2],
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Stream>> {
        // A panicking peer thread leaves the queues themselves intact.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, id: u64, side: usize) {
        self.lock().entry(id).or_default().opened[side] = true;
    }
}

impl Channel for MemoryChannel {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        if message.len() > MAX_MESSAGE {
            return Err(Error::Argument(format!(
                "a message of {} bytes exceeds the limit of {MAX_MESSAGE}",
                message.len()
            )));
        }
        let mut streams = self.link.lock();
        let stream = streams.entry(self.id).or_default();
        if stream.closed[1 - self.side] {
            return Err(self.gone());
        }
        stream.queue[1 - self.side].push_back(message);
        drop(streams);
        self.link.changed[1 - self.side].notify_all();
        Ok(())
    }

    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        let deadline = Instant::now() + self.timeout;
        let mut streams = self.link.lock();
        loop {
            let stream = streams.entry(self.id).or_default();
            if let Some(message) = stream.queue[self.side].pop_front() {
                if message.len() > max {
                    return Err(Error::Deviation {
                        peer: self.peer.clone(),
                        during: String::new(),
                        rule: format!(
                            "it sent a message of {} bytes where at most {max} are allowed",
                            message.len()
                        ),
                    });
                }
                return Ok(message);
            }
            if stream.closed[1 - self.side] {
                return Err(self.gone());
            }
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled { during: String::new() });
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(Error::Timeout {
                    peer: self.peer.clone(),
                    during: String::new(),
                    after: self.timeout,
                });
            }
            let wait = POLL.min(deadline - now);
            streams = self.link.changed[self.side]
                .wait_timeout(streams, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn fork(&mut self, label: &str) -> Result<Box<dyn Channel>> {
        let id = fork_id(self.id, label, self.forks);
        self.forks += 1;
        self.link.open(id, self.side);
        Ok(Box::new(MemoryChannel {
            link: self.link.clone(),
            id,
            side: self.side,
            forks: 0,
            peer: self.peer.clone(),
            cancel: self.cancel.clone(),
            timeout: self.timeout,
        }))
    }

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    fn peer(&self) -> &PartyName {
        &self.peer
    }
}

impl MemoryChannel {
    fn gone(&self) -> Error {
        Error::Disconnected {
            peer: self.peer.clone(),
            during: String::new(),
            reason: "its thread ended".into(),
        }
    }
}

impl Drop for MemoryChannel {
    fn drop(&mut self) {
        let mut streams = self.link.lock();
        if let Some(stream) = streams.get_mut(&self.id) {
            stream.closed[self.side] = true;
            let other_never_came = !stream.opened[1 - self.side];
            if stream.closed[1 - self.side] && !other_never_came {
                streams.remove(&self.id);
            }
        }
        drop(streams);
        self.link.changed[1 - self.side].notify_all();
    }
}
