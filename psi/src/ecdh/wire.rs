//! What both protocols send in the same way: the announcement, and a stream of
//! points with its replies.

use super::{Options, Progress};
use crate::{
    error::Refusal,
    group::{Encoded, POINT},
};
use privity_core::{
    Error, Mesh,
    codec::{Decode, DecodeError, Encode, Reader},
    transcript::Transcript,
};

/// The first message of each party to each other.
pub(super) struct Announcement {
    parameters: [u8; 32],
    items: u64,
}

/// Bytes of an announcement.
pub(super) const ANNOUNCEMENT: usize = 8 + 2 + 32 + 8;

const MAGIC: [u8; 8] = *b"prv-ecdh";
const VERSION: u16 = 1;

impl Encode for Announcement {
    fn encode(&self, out: &mut Vec<u8>) {
        MAGIC.encode(out);
        VERSION.encode(out);
        self.parameters.encode(out);
        self.items.encode(out);
    }
}

impl Decode for Announcement {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if input.array()? != MAGIC {
            return Err(DecodeError::NotCanonical("the protocol id"));
        }
        if u16::decode(input)? != VERSION {
            return Err(DecodeError::NotCanonical("the protocol version"));
        }
        Ok(Self { parameters: input.array()?, items: u64::decode(input)? })
    }
}

/// Sends this party's size to all and returns everybody's, each within this
/// party's limit.
pub(super) fn announce(mesh: &mut Mesh, options: &Options, items: u64) -> Result<Vec<u64>, Error> {
    mesh.scope("psi/announce", |mesh| {
        let parameters = parameters(mesh, options);
        let others: Vec<usize> = (0..mesh.parties()).filter(|&p| p != mesh.me()).collect();
        let own = Announcement { parameters, items }.to_bytes();
        for &p in &others {
            mesh.send(p, &own)?;
        }
        let mut sizes = vec![items; mesh.parties()];
        for p in others {
            let mut bytes = [0; ANNOUNCEMENT];
            mesh.recv(p, &mut bytes)?;
            let theirs =
                Announcement::from_bytes(&bytes).map_err(|e| mesh.deviation(p, e.to_string()))?;
            if theirs.parameters != parameters {
                let rule = "it runs with another session id, other options or other parties";
                return Err(mesh.deviation(p, rule));
            }
            if theirs.items > options.max_items {
                let rule = format!(
                    "it announces {} items, and this party accepts at most {} (max_items)",
                    theirs.items, options.max_items
                );
                return Err(mesh.deviation(p, rule));
            }
            sizes[p] = theirs.items;
        }
        Ok(sizes)
    })
}

fn parameters(mesh: &Mesh, options: &Options) -> [u8; 32] {
    let mut transcript = Transcript::new("privity psi ecdh");
    transcript.append("session", &options.session);
    transcript.append("min items", &options.min_items.to_be_bytes());
    transcript.append("message items", &(options.message_items as u64).to_be_bytes());
    transcript.append("window", &(options.window as u64).to_be_bytes());
    for p in 0..mesh.parties() {
        transcript.append("party", mesh.name(p).as_bytes());
    }
    transcript.digest()
}

/// Counts this party's work for whoever watches.
pub(super) struct Work<'a> {
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) report: &'a mut dyn FnMut(Progress),
}

impl Work<'_> {
    pub(super) fn add(&mut self, multiplications: usize) {
        self.done += multiplications as u64;
        (self.report)(Progress { done: self.done, total: self.total });
    }
}

/// How `n` points are cut into messages.
#[derive(Clone, Copy)]
pub(super) struct Chunks {
    n: usize,
    per_message: usize,
}

impl Chunks {
    pub(super) fn new(n: usize, options: &Options) -> Self {
        Self { n, per_message: options.message_items }
    }

    pub(super) fn count(&self) -> usize {
        self.n.div_ceil(self.per_message)
    }

    /// Points in message `j`.
    pub(super) fn points(&self, j: usize) -> usize {
        self.per_message.min(self.n - j * self.per_message)
    }
}

/// A state that sends its own points and takes the replies.
pub(super) trait Ask {
    /// Bytes of the reply to one point.
    const REPLY: usize;
    /// Scalar multiplications per point in a reply.
    const WORK: usize;
    fn next_points(&mut self) -> Vec<Encoded>;
    fn on_reply(&mut self, slot: usize, reply: &[u8]) -> Result<(), Refusal>;
}

/// Sends a stream of points to all of `peers` and takes their replies, keeping
/// at most `window` messages unanswered: no reliance on unbounded buffers.
pub(super) fn ask<S: Ask>(
    mesh: &mut Mesh,
    peers: &[usize],
    chunks: Chunks,
    window: usize,
    state: &mut S,
    work: &mut Work<'_>,
) -> Result<(), Error> {
    let count = chunks.count();
    for j in 0..count + window {
        if let Some(answered) = j.checked_sub(window).filter(|&a| a < count) {
            let points = chunks.points(answered);
            for (slot, &peer) in peers.iter().enumerate() {
                let mut reply = vec![0; points * S::REPLY];
                mesh.recv(peer, &mut reply)?;
                state.on_reply(slot, &reply).map_err(|r| mesh.deviation(peer, r.0))?;
                work.add(points * S::WORK);
            }
        }
        if j < count {
            cancellable(mesh)?;
            let points = state.next_points();
            work.add(points.len());
            for &peer in peers {
                mesh.send(peer, points.as_flattened())?;
            }
        }
    }
    Ok(())
}

/// The other end of [`ask`].
pub(super) fn answer(
    mesh: &mut Mesh,
    peer: usize,
    chunks: Chunks,
    mut reply: impl FnMut(&[Encoded]) -> Result<Vec<u8>, Refusal>,
) -> Result<(), Error> {
    for j in 0..chunks.count() {
        let mut points = vec![[0; POINT]; chunks.points(j)];
        mesh.recv(peer, points.as_flattened_mut())?;
        let reply = reply(&points).map_err(|r| mesh.deviation(peer, r.0))?;
        mesh.send(peer, &reply)?;
    }
    Ok(())
}

/// Stops if this party was told to. Receives look by themselves; long stretches
/// of work without one call this.
pub(super) fn cancellable(mesh: &Mesh) -> Result<(), Error> {
    if mesh.cancel_flag().is_cancelled() {
        return Err(Error::Cancelled { during: "psi".into() });
    }
    Ok(())
}

/// Whether all values differ. Sorts them.
pub(super) fn distinct(values: &mut [u128]) -> bool {
    use rayon::prelude::*;
    values.par_sort_unstable();
    values.windows(2).all(|pair| pair[0] != pair[1])
}
