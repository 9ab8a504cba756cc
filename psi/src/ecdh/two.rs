//! Two parties: compare doubly masked points.
//!
//! # Paper
//!
//! C. Meadows (IEEE S&P 1986); B. Huberman, M. Franklin, T. Hogg, *Enhancing
//! privacy and trust in electronic communities* (EC 1999), in the form in which
//! both parties learn the result.
//!
//! # Parties and adversary
//!
//! \\(P_0\\) with \\(A\\), \\(n_0 = |A|\\), and \\(P_1\\) with \\(B\\), \\(n_1 = |B|\\).
//! Semi-honest, static, one of the two corrupt. Secure if the decisional
//! Diffie-Hellman problem is hard in ristretto255, with SHA-512 as a random
//! oracle.
//!
//! # Functionality
//!
//! Both learn \\(n_0\\), \\(n_1\\) and \\(A \cap B\\) in one common, uniformly
//! random order, as rows of their own.
//!
//! # Equations
//!
//! \\(H\\) maps items to points: the one-way map of RFC 9496, section 4.3.4, on
//! 64 bytes of SHA-512 of session and item. Each party draws \\(k_i \neq 0\\) and
//! a permutation \\(\pi_i\\) of its rows, both fresh. For each set
//! \\(X \in \{A, B\}\\) of owner \\(i\\), whose peer is \\(j\\):
//!
//! \\[ P_t = k_i\, H(x_{\pi_i(t)}) \tag{1} \\]
//! \\[ R_t = \lfloor k_j P_t \rfloor_{128} \tag{2} \\]
//!
//! where \\(\lfloor\cdot\rfloor_{128}\\) keeps the first 16 bytes of the
//! encoding. \\(i\\) sends all \\(P_t\\); \\(j\\) keeps the \\(R_t\\) and sends them
//! back in the order received. As \\(k_0 k_1 H(x)\\) does not depend on who masks
//! first, both parties now hold the same two lists, and each can trace its own:
//!
//! \\[ A \cap B = \{\, x : k_0 k_1 H(x) \in R^A \cap R^B \,\}, \\]
//!
//! sorted by \\(k_0 k_1 H(x)\\) (3).
//!
//! # Messages and rounds
//!
//! | step | from | to | bytes |
//! |---|---|---|---|
//! | `psi/announce` | each | other | 50 |
//! | `psi/first set` | 0 | 1 | \\(32 n_0\\): (1) |
//! | | 1 | 0 | \\(16 n_0\\): (2) |
//! | `psi/second set` | 1 | 0 | \\(32 n_1\\): (1) |
//! | | 0 | 1 | \\(16 n_1\\): (2) |
//!
//! Points travel in messages of `message_items`, at most `window` of them
//! unanswered, so both parties work at the same time. With
//! \\(q_i = \lceil\lceil n_i / \mathtt{message\\_items}\rceil / \mathtt{window}\rceil\\)
//! there are \\(2 q_0 + 2 q_1\\) rounds: 4 for up to 131,072 items each. If a
//! set is empty, the announcement is all.
//!
//! # Cost
//!
//! Party \\(i\\) sends \\(50 + 32 n_i + 16 n_j\\) bytes and makes
//! \\(n_0 + n_1\\) scalar multiplications and \\(n_i\\) maps to the group.
//!
//! # Leakage
//!
//! Beyond the functionality, none: under DDH a peer's points are as good as
//! random, and they come in an order that is independent of its file. A false
//! match has probability at most \\(n_0 n_1 / 2^{127}\\).
//!
//! # Deviations
//!
//! Refused by name: sizes above the limit, encodings that are not canonical, the
//! identity, repeated points or replies, messages of another length or out of
//! order. Not noticed: a party that invents items, or that answers with other
//! points, which spoils the result and shows it nothing.
//!
//! # Deviations from the paper
//!
//! Replies are truncated to 16 bytes; the result is sorted.

use super::{
    Options,
    wire::{Ask, Chunks, Work, answer, ask, distinct},
};
use crate::{
    error::Refusal,
    group::{Encoded, GroupMap, Key, TAG, tag, truncate},
    item::Item,
};
use privity_core::{Error, Mesh};
use rand::{CryptoRng, seq::SliceRandom};
use rayon::prelude::*;
use std::{fmt, sync::Arc};

pub(super) fn run(
    mesh: &mut Mesh,
    items: &[Item],
    sizes: &[u64],
    options: &Options,
    rng: &mut impl CryptoRng,
    work: &mut Work<'_>,
) -> Result<Vec<u32>, Error> {
    let (me, peer) = (mesh.me(), 1 - mesh.me());
    let their_items = sizes[peer] as usize;
    let (mut asking, mut answering) = start(items, their_items, options, rng);
    for (owner, label) in ["psi/first set", "psi/second set"].into_iter().enumerate() {
        mesh.scope(label, |mesh| {
            let chunks = Chunks::new(sizes[owner] as usize, options);
            if owner == me {
                ask(mesh, &[peer], chunks, options.window, &mut asking, work)
            } else {
                answer(mesh, peer, chunks, |points| {
                    let reply = answering.on_points(points)?;
                    work.add(points.len());
                    Ok(reply.into_flattened())
                })
            }
        })?;
    }
    mesh.scope("psi/match", |mesh| {
        let accuse = |refusal: Refusal| mesh.deviation(peer, refusal.0);
        let (asked, answered) =
            (asking.finish().map_err(accuse)?, answering.finish().map_err(accuse)?);
        asked.align(answered).map_err(accuse)
    })
}

/// The two halves of one party's run, under one fresh key: one masks its own
/// items, the other its peer's points. The key is wiped when both are gone.
///
/// A half cannot run twice:
///
/// ```compile_fail,E0382
/// # use privity_psi::{Item, Options, ecdh::two};
/// # let items = [Item::from_bytes([1; 16])];
/// let (mut asking, answering) = two::start(&items, 1, &Options::new([0; 32]), &mut rand::rng());
/// let asked = asking.finish();
/// let again = asking.next_points(); // moved
/// ```
pub fn start<'a>(
    items: &'a [Item],
    their_items: usize,
    options: &Options,
    rng: &mut impl CryptoRng,
) -> (Asking<'a>, Answering) {
    let key = Arc::new(Key::random(rng));
    let asking = Asking {
        key: key.clone(),
        map: GroupMap::new(&options.session),
        items,
        order: shuffled(items.len(), rng),
        message_items: options.message_items,
        sent: 0,
        tags: Vec::new(),
    };
    (asking, Answering { key, due: their_items, tags: Vec::new() })
}

/// A uniformly random order of `n` rows.
pub(super) fn shuffled(n: usize, rng: &mut impl CryptoRng) -> Vec<u32> {
    // `max_items` is below 2^32.
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.shuffle(rng);
    order
}

/// Sends this party's own points and takes the replies.
pub struct Asking<'a> {
    key: Arc<Key>,
    map: GroupMap,
    items: &'a [Item],
    order: Vec<u32>,
    message_items: usize,
    sent: usize,
    tags: Vec<u128>,
}

impl Asking<'_> {
    /// The next message of points; empty when all are sent.
    pub fn next_points(&mut self) -> Vec<[u8; 32]> {
        let end = self.order.len().min(self.sent + self.message_items);
        let rows = &self.order[self.sent..end];
        self.sent = end;
        // (1)  P_t = k_i · H(x_π(t))
        let items: Vec<Item> = rows.iter().map(|&row| self.items[row as usize]).collect();
        self.key.mask_items(&self.map, &items)
    }

    /// The reply to the points sent, in the order sent.
    pub fn on_reply(&mut self, reply: &[u8]) -> Result<(), Refusal> {
        let (tags, rest) = reply.as_chunks::<TAG>();
        if !rest.is_empty() || self.tags.len() + tags.len() > self.sent {
            return Err(Refusal::new("its replies do not fit the points it got"));
        }
        self.tags.extend(tags.iter().map(tag));
        Ok(())
    }

    /// Closes the half, once everything is answered.
    pub fn finish(self) -> Result<Asked, Refusal> {
        if self.tags.len() != self.order.len() {
            return Err(Refusal::new("it left points without a reply"));
        }
        Ok(Asked { order: self.order, tags: self.tags })
    }
}

impl Ask for Asking<'_> {
    const REPLY: usize = TAG;
    const WORK: usize = 0;

    fn next_points(&mut self) -> Vec<Encoded> {
        self.next_points()
    }

    fn on_reply(&mut self, _: usize, reply: &[u8]) -> Result<(), Refusal> {
        self.on_reply(reply)
    }
}

/// Masks the peer's points, in the order received.
pub struct Answering {
    key: Arc<Key>,
    due: usize,
    tags: Vec<u128>,
}

impl Answering {
    /// The reply to one message of points.
    pub fn on_points(&mut self, points: &[[u8; 32]]) -> Result<Vec<[u8; 16]>, Refusal> {
        if self.tags.len() + points.len() > self.due {
            return Err(Refusal::new("it sent more points than it announced"));
        }
        // (2)  R_t = first 16 bytes of k_j · P_t
        let reply: Vec<_> = self.key.mask_points(points)?.iter().map(truncate).collect();
        self.tags.extend(reply.iter().map(tag));
        Ok(reply)
    }

    /// Closes the half, once all announced points have come.
    pub fn finish(self) -> Result<Answered, Refusal> {
        if self.tags.len() != self.due {
            return Err(Refusal::new("it sent fewer points than it announced"));
        }
        Ok(Answered { tags: self.tags })
    }
}

/// This party's own set, doubly masked.
pub struct Asked {
    order: Vec<u32>,
    tags: Vec<u128>,
}

/// The peer's set, doubly masked.
pub struct Answered {
    tags: Vec<u128>,
}

impl Asked {
    /// Own rows of the intersection, in the common order.
    ///
    /// Its running time depends on own rows through memory access only: both
    /// lists are sorted by values that are pseudorandom to either party.
    pub fn align(self, theirs: Answered) -> Result<Vec<u32>, Refusal> {
        let mut theirs = theirs.tags;
        if !distinct(&mut theirs) {
            return Err(Refusal::new("it sent the same point twice: its items are not distinct"));
        }
        let mut own: Vec<(u128, u32)> = self.tags.into_iter().zip(self.order).collect();
        own.par_sort_unstable();
        if own.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Refusal::new("it gave the same reply to two different points"));
        }
        // (3)  the values in both lists, in their order
        let mut theirs = theirs.into_iter().peekable();
        Ok(own
            .into_iter()
            .filter(|(tag, _)| {
                while theirs.next_if(|t| t < tag).is_some() {}
                theirs.next_if_eq(tag).is_some()
            })
            .map(|(_, row)| row)
            .collect())
    }
}

macro_rules! opaque {
    ($($name:literal $type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).finish_non_exhaustive()
            }
        }
    )*};
}
opaque!("Asking" Asking<'_>, "Answering" Answering, "Asked" Asked, "Answered" Answered);
