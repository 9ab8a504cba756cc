//! Three parties: the intersection of all, and nothing about pairs.
//!
//! # Paper
//!
//! The conditional zero-sharing of V. Kolesnikov, N. Matania, B. Pinkas,
//! M. Rosulek and N. Trieu, *Practical multi-party private set intersection
//! from symmetric-key techniques* (CCS 2017), section 4 (augmented semi-honest,
//! star-shaped), for three parties. Its programmable OPRF is built from the
//! Diffie-Hellman OPRF of S. Jarecki and X. Liu (SCN 2010) and polynomial hints.
//!
//! Passing all sets through all three keys, the obvious extension of
//! [`two`](super::two), would show whoever compares them the size of every
//! pairwise intersection, and to the owners which of their rows are in it.
//!
//! # Parties and adversary
//!
//! The party with the smallest set, the first of them if several, is the
//! *querier* \\(Q\\) with set \\(C\\). The other two are the *holders*
//! \\(H_1, H_2\\) with \\(X_1, X_2\\), in the order of the mesh. Semi-honest, static,
//! one party corrupt. Secure under the decisional Diffie-Hellman assumption in
//! ristretto255 with SHA-512 and SHA-256 as random oracles.
//!
//! If two parties pool what they saw: \\(H_1\\) and \\(H_2\\) together learn
//! nothing more than the functionality gives them. \\(Q\\) and \\(H_1\\) together
//! also learn \\(C \cap X_2\\), but nothing of \\(X_2\\) outside \\(C\\) (and alike
//! with \\(H_2\\)).
//!
//! # Functionality
//!
//! All learn the three sizes, and \\(I = C \cap X_1 \cap X_2\\) in one common
//! pseudorandom order, as rows of their own. No size or member of a pairwise
//! intersection is learnt by anybody.
//!
//! # Equations
//!
//! \\(H\\) maps items to the group as in [`two`](super::two);
//! \\(\mathbb F_p\\) with \\(p = 2^{127} - 1\\); \\(\xi\\), \\(F\\) and \\(G\\) hash into
//! it. \\(Q\\) draws \\(m\\) and a permutation \\(\pi\\), each holder draws \\(k_i\\)
//! and \\(u_i\\), all fresh and non-zero.
//!
//! The holders agree on a key that \\(Q\\) does not know, and on a target for
//! each item:
//!
//! \\[ r = \mathrm{KDF}(u_1 u_2 B), \qquad T(x) = F_r(x) \tag{1} \\]
//!
//! \\(Q\\) evaluates each holder's oblivious function \\(O_i(x) = G(x, k_i H(x))\\)
//! on its own items:
//!
//! \\[ P_t = m\, H(c_{\pi(t)}) \tag{2} \\]
//! \\[ R_{i,t} = k_i P_t \tag{3} \\]
//! \\[ O_i(c_{\pi(t)}) = G(c_{\pi(t)},\; m^{-1} R_{i,t}) \tag{4} \\]
//!
//! Each holder sends a hint: a function \\(D_i\\) that is random but for
//!
//! \\[ D_i(x) = T(x) - O_i(x) \quad\text{for } x \in X_i \tag{5} \\]
//!
//! so that \\(V_i(c) = D_i(c) + O_i(c)\\) is \\(T(c)\\) if \\(c \in X_i\\), and
//! otherwise random. \\(Q\\) knows neither which of the two it holds, as \\(T\\) is
//! pseudorandom to it, until both agree:
//!
//! \\[ I = \{\, c \in C : V_1(c) = V_2(c) \,\} \tag{6} \\]
//!
//! \\(Q\\) sends \\(T(c), c \in I\\), ascending, to both holders, who look up their
//! rows. This is the common order (7).
//!
//! \\(D_i\\) is a polynomial over \\(\mathbb F_p\\) per bin of 32 items on average,
//! of fixed degree, filled up with random points: its shape depends on
//! \\(|X_i|\\) only. See the table in `hint.rs`; \\(\beta(n)\\) is between 83 and
//! 100 for more than 83 items. A bin overflows in one of \\(2^{40}\\) runs, before
//! anything is sent.
//!
//! # Messages and rounds
//!
//! | step | from | to | bytes |
//! |---|---|---|---|
//! | `psi/announce` | each | others | 50 |
//! | `psi/keys` | \\(H_1\\), \\(H_2\\) | each other | 32: \\(u_i B\\) |
//! | `psi/queries` | \\(Q\\) | both | \\(32\lvert C\rvert\\): (2) |
//! | | \\(H_i\\) | \\(Q\\) | \\(32\lvert C\rvert\\): (3) |
//! | `psi/hints` | \\(H_i\\) | \\(Q\\) | \\(16\,\beta\lceil\lvert X_i\rvert/32\rceil\\): (5) |
//! | | \\(Q\\) | the shorter \\(H_i\\) | 0, while the longer goes on: a sign of life |
//! | `psi/result` | \\(Q\\) | both | \\(8 + 16\lvert I\rvert\\): (7) |
//!
//! \\(2q + 2\\) rounds, with
//! \\(q = \lceil\lceil\lvert C\rvert / \mathtt{message\\_items}\rceil / \mathtt{window}\rceil\\).
//! If a set is empty, the announcement is all.
//!
//! # Cost
//!
//! \\(Q\\) makes \\(3|C|\\) scalar multiplications, \\(H_i\\) makes
//! \\(|C| + |X_i|\\) and about \\(2\beta^2/32\\) multiplications in
//! \\(\mathbb F_p\\) per item. About 46 bytes per item of \\(X_i\\) and 128 per
//! item of \\(C\\) pass each holder's link.
//!
//! # Leakage
//!
//! Beyond the functionality, none. A false match has probability at most
//! \\(|C| / 2^{126}\\).
//!
//! # Deviations
//!
//! Refused by name: as in [`two`](super::two), and hints that are not canonical
//! elements, and results that are not ascending targets of the holder's items.
//! Not noticed: invented items, wrong hints, results left out.
//!
//! # Deviations from the paper
//!
//! With two holders the zero-sharing is an equal pair, \\(T\\) and \\(-T\\). Bins
//! are queried as they are, without cuckoo hashing. The result carries the
//! order.

mod holder;
mod querier;

pub use holder::{Hinting, Offer, Places, Serving, SharedKey, Waiting};
pub use querier::{Evaluating, Querying};

use super::{
    Options,
    wire::{Chunks, Work, answer, ask, cancellable},
};
use crate::{
    group::{Encoded, POINT},
    hint::{Shape, from_digest},
    item::{Item, digest},
};
use privity_core::{Error, Mesh, field::Fp127};
use rand::CryptoRng;
use std::{fmt, ops::Range};

/// The querier: the party with the smallest set.
pub(super) fn querier(sizes: &[u64]) -> usize {
    // `min_by_key` returns the first of equals.
    (0..sizes.len()).min_by_key(|&p| sizes[p]).unwrap_or(0)
}

pub(super) fn run(
    mesh: &mut Mesh,
    items: &[Item],
    sizes: &[u64],
    options: &Options,
    rng: &mut impl CryptoRng,
    work: &mut Work<'_>,
) -> Result<Vec<u32>, Error> {
    let (me, q) = (mesh.me(), querier(sizes));
    let holders = [usize::from(q == 0), 2 - usize::from(q == 2)];
    let sizes: Vec<usize> = sizes.iter().map(|&n| n as usize).collect();
    let hints = holders.map(|h| HintChunks::new(sizes[h], options));
    if me == q {
        run_querier(mesh, items, holders, holders.map(|h| sizes[h]), options, rng, work)
    } else {
        let other = holders[usize::from(holders[0] == me)];
        let mine = hints[usize::from(holders[1] == me)];
        let waits = hints.iter().map(HintChunks::count).max().unwrap_or(0) - mine.count();
        run_holder(mesh, items, q, other, sizes[q], waits, options, rng, work)
    }
}

fn run_querier(
    mesh: &mut Mesh,
    items: &[Item],
    holders: [usize; 2],
    holder_sizes: [usize; 2],
    options: &Options,
    rng: &mut impl CryptoRng,
    work: &mut Work<'_>,
) -> Result<Vec<u32>, Error> {
    let mut querying = Querying::new(items, holder_sizes, options, rng);
    let mut evaluating = mesh.scope("psi/queries", |mesh| {
        let chunks = Chunks::new(items.len(), options);
        ask(mesh, &holders, chunks, options.window, &mut querying, work)?;
        querying.finish().map_err(|(holder, r)| mesh.deviation(holders[holder], r.0))
    })?;
    mesh.scope("psi/hints", |mesh| {
        let chunks = holder_sizes.map(|n| HintChunks::new(n, options));
        for j in 0..chunks[0].count().max(chunks[1].count()) {
            for (slot, &holder) in holders.iter().enumerate() {
                if j < chunks[slot].count() {
                    let mut hint = vec![0; chunks[slot].bytes(j)];
                    mesh.recv(holder, &mut hint)?;
                    evaluating.on_hint(slot, &hint).map_err(|r| mesh.deviation(holder, r.0))?;
                } else {
                    // It has sent all of its hint and waits for the result: the
                    // other's hint is longer. Let it know that we are there.
                    mesh.send(holder, &[])?;
                }
            }
        }
        Ok(())
    })?;
    mesh.scope("psi/result", |mesh| {
        let (rows, targets) =
            evaluating.finish().map_err(|(holder, r)| mesh.deviation(holders[holder], r.0))?;
        for holder in holders {
            mesh.send(holder, &(targets.len() as u64).to_be_bytes())?;
            mesh.send_bulk(holder, &targets)?;
        }
        Ok(rows)
    })
}

#[allow(clippy::too_many_arguments)] // one call, in `run`
fn run_holder(
    mesh: &mut Mesh,
    items: &[Item],
    querier: usize,
    other: usize,
    querier_items: usize,
    waits: usize,
    options: &Options,
    rng: &mut impl CryptoRng,
    work: &mut Work<'_>,
) -> Result<Vec<u32>, Error> {
    // Before anything is sent: a bin may overflow.
    let places = Places::new(items, &options.session)?;
    let shared = mesh.scope("psi/keys", |mesh| {
        let offer = Offer::new(options, rng);
        mesh.send(other, &offer.public())?;
        let mut theirs = [0; POINT];
        mesh.recv(other, &mut theirs)?;
        offer.on_key(&theirs).map_err(|r| mesh.deviation(other, r.0))
    })?;
    let mut serving = Serving::new(querier_items, rng);
    let mut hinting = mesh.scope("psi/queries", |mesh| {
        answer(mesh, querier, Chunks::new(querier_items, options), |points| {
            let reply = serving.on_points(points)?;
            work.add(points.len());
            Ok(reply.into_flattened())
        })?;
        serving.finish(items, places, shared, options).map_err(|r| mesh.deviation(querier, r.0))
    })?;
    let waiting = mesh.scope("psi/hints", |mesh| {
        while let Some((hint, points)) = hinting.next_hint(rng) {
            cancellable(mesh)?;
            mesh.send(querier, &hint)?;
            work.add(points);
        }
        for _ in 0..waits {
            mesh.recv(querier, &mut [])?;
        }
        Ok(hinting.finish())
    })?;
    mesh.scope("psi/result", |mesh| {
        let mut count = [0; 8];
        mesh.recv(querier, &mut count)?;
        let count = u64::from_be_bytes(count);
        if count > querier_items as u64 {
            return Err(mesh.deviation(querier, "its result is larger than its set"));
        }
        let mut targets = vec![[0; Fp127::BYTES]; count as usize];
        mesh.recv_bulk(querier, &mut targets)?;
        waiting.on_result(&targets).map_err(|r| mesh.deviation(querier, r.0))
    })
}

/// How a hint is cut into messages of whole bins.
#[derive(Clone, Copy)]
pub(super) struct HintChunks {
    shape: Shape,
    per_message: usize,
}

impl HintChunks {
    pub(super) fn new(n: usize, options: &Options) -> Self {
        // Bins hold about twice 32 points, of half the size of a group element.
        Self { shape: Shape::new(n), per_message: (options.message_items / 64).max(1) }
    }

    pub(super) fn count(&self) -> usize {
        self.shape.bins.div_ceil(self.per_message)
    }

    fn bins(&self, j: usize) -> Range<usize> {
        j * self.per_message..self.shape.bins.min((j + 1) * self.per_message)
    }

    fn bytes(&self, j: usize) -> usize {
        self.bins(j).len() * self.bin_bytes()
    }

    fn bin_bytes(&self) -> usize {
        self.shape.load * Fp127::BYTES
    }
}

/// (4)  O_i(x) = G(x, k_i · H(x))
fn oprf(session: &[u8; 32], item: &Item, point: &Encoded) -> Fp127 {
    from_digest(&digest("oprf", &[session, item.as_bytes(), point]))
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
opaque!(
    "Querying" Querying<'_>, "Evaluating" Evaluating<'_>, "Offer" Offer, "SharedKey" SharedKey,
    "Places" Places, "Serving" Serving, "Hinting" Hinting<'_>, "Waiting" Waiting
);
