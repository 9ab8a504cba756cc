//! One ordered, reliable link to one peer.
//!
//! A [`Channel`] moves whole messages. Framing rules (length, order, step) are
//! checked once, above it, by [`Mesh`](crate::mesh::Mesh); a channel only
//! carries bytes and knows about time, cancellation and sub-channels.
//!
//! Implementations: [`memory_pair`] here, TCP and TLS in `privity-net`,
//! [`Recorder`] and [`Replay`] for tests.

mod memory;
mod record;

pub use memory::{memory_pair, memory_pair_with};
pub use record::{Direction, Entry, Recorder, Recording, Replay};

use crate::error::{PartyName, Result};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A message longer than this is refused by every channel, before allocation.
/// Bulk protocols cut their vectors into messages of [`CHUNK_BYTES`].
pub const MAX_MESSAGE: usize = 1 << 24;

/// Size of the messages into which bulk vectors are cut: large enough to
/// amortise a message, small enough to stay in the second-level cache.
pub const CHUNK_BYTES: usize = 1 << 16;

/// How often a blocked receive looks at its cancel flag.
pub const POLL: Duration = Duration::from_millis(20);

/// An ordered, reliable, bidirectional link to one peer.
///
/// An error poisons a channel: every later call fails too. Drop it.
pub trait Channel: Send {
    /// Queues one message. May buffer; never waits for the peer to read, up to
    /// the memory limit of the implementation.
    fn send(&mut self, message: Vec<u8>) -> Result<()>;

    /// The next message, at most `max` bytes. Whatever was sent before is on
    /// its way before this blocks. Fails with `Timeout` after the deadline set
    /// by [`Channel::set_timeout`], and with `Cancelled` soon after the flag is
    /// raised.
    fn recv(&mut self, max: usize) -> Result<Vec<u8>>;

    /// A sub-channel to the same peer. Both sides must fork in the same order
    /// with the same labels; ids derive from these and from nothing else.
    fn fork(&mut self, label: &str) -> Result<Box<dyn Channel>>;

    /// How long a receive waits.
    fn set_timeout(&mut self, timeout: Duration);

    /// The peer's name, for errors.
    fn peer(&self) -> &PartyName;
}

/// A flag that stops every channel which holds a clone of it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag; there is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The id of a sub-channel, from its parent's id, the label and how many forks
/// came before it.
pub fn fork_id(parent: u64, label: &str, count: u64) -> u64 {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(b"privity fork");
    hash.update(parent.to_be_bytes());
    hash.update(count.to_be_bytes());
    hash.update(label.as_bytes());
    let digest = hash.finalize();
    let mut id = [0; 8];
    id.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(id)
}
