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

use super::{
    Options,
    two::shuffled,
    wire::{Ask, Chunks, Work, answer, ask, cancellable, distinct},
};
use crate::{
    error::Refusal,
    field::Fp,
    group::{Encoded, GroupMap, Key, POINT, decode, tag, truncate},
    hint::{Place, Shape, evaluate, from_digest, interpolate, pad},
    item::{Item, digest},
};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use privity_core::{Error, Mesh, Secret};
use rand::CryptoRng;
use rayon::prelude::*;
use std::{fmt, ops::Range};
use zeroize::Zeroizing;

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
        let mut targets = vec![[0; Fp::BYTES]; count as usize];
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
        self.shape.load * Fp::BYTES
    }
}

/// (4)  O_i(x) = G(x, k_i · H(x))
fn oprf(session: &[u8; 32], item: &Item, point: &Encoded) -> Fp {
    from_digest(&digest("oprf", &[session, item.as_bytes(), point]))
}

/// The querier evaluates both holders' functions on its own items.
pub struct Querying<'a> {
    key: Key,
    inverse: Key,
    session: [u8; 32],
    map: GroupMap,
    items: &'a [Item],
    order: Vec<u32>,
    options: Options,
    sent: usize,
    columns: [Column; 2],
}

/// What the querier knows about one holder, by position in its own order.
struct Column {
    chunks: HintChunks,
    /// First bytes of the replies, to see that they differ.
    replies: Vec<u128>,
    /// V_i, or O_i as long as the hint has not come.
    values: Vec<Fp>,
}

impl<'a> Querying<'a> {
    /// A querier with fresh secrets, for holders of the announced sizes.
    pub fn new(
        items: &'a [Item],
        holder_sizes: [usize; 2],
        options: &Options,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let key = Key::random(rng);
        Self {
            inverse: key.inverse(),
            key,
            session: options.session,
            map: GroupMap::new(&options.session),
            items,
            order: shuffled(items.len(), rng),
            options: options.clone(),
            sent: 0,
            columns: holder_sizes.map(|n| Column {
                chunks: HintChunks::new(n, options),
                replies: Vec::new(),
                values: Vec::new(),
            }),
        }
    }

    /// The next message of points, for both holders; empty when all are sent.
    pub fn next_points(&mut self) -> Vec<[u8; 32]> {
        let end = self.order.len().min(self.sent + self.options.message_items);
        let items = self.items_at(self.sent..end);
        self.sent = end;
        // (2)  P_t = m · H(c_π(t))
        self.key.mask_items(&self.map, &items)
    }

    /// The reply of one holder (0 or 1) to the points sent, in the order sent.
    pub fn on_reply(&mut self, holder: usize, reply: &[u8]) -> Result<(), Refusal> {
        let (points, rest) = reply.as_chunks::<POINT>();
        let start = self.columns[holder].values.len();
        if !rest.is_empty() || start + points.len() > self.sent {
            return Err(Refusal::new("its replies do not fit the points it got"));
        }
        let items = self.items_at(start..start + points.len());
        // (4)  O_i(c_π(t)) = G(c_π(t), m⁻¹ · R_t)
        let unmasked = self.inverse.mask_points(points)?;
        let values: Vec<Fp> = items
            .par_iter()
            .zip(&unmasked)
            .map(|(item, point)| oprf(&self.session, item, point))
            .collect();
        let column = &mut self.columns[holder];
        column.values.extend(values);
        column.replies.extend(points.iter().map(|p| tag(&truncate(p))));
        Ok(())
    }

    /// Goes on to the hints, or names the holder whose replies are bad.
    pub fn finish(mut self) -> Result<Evaluating<'a>, (usize, Refusal)> {
        for (holder, column) in self.columns.iter_mut().enumerate() {
            if column.values.len() != self.order.len() {
                return Err((holder, Refusal::new("it left points without a reply")));
            }
            if !distinct(&mut column.replies) {
                let rule = "it gave the same reply to two different points";
                return Err((holder, Refusal::new(rule)));
            }
            column.replies = Vec::new();
        }
        let queries = self.columns.each_ref().map(|column| {
            let mut queries: Vec<(u32, u32)> = self
                .order
                .par_iter()
                .zip(0..self.order.len() as u32)
                .map(|(&row, t)| {
                    let place = Place::new(&self.session, &self.items[row as usize]);
                    (column.chunks.shape.bin(&place) as u32, t)
                })
                .collect();
            queries.par_sort_unstable();
            queries
        });
        Ok(Evaluating {
            session: self.session,
            items: self.items,
            order: self.order,
            columns: self.columns,
            queries,
            next: [0; 2],
        })
    }

    fn items_at(&self, positions: Range<usize>) -> Vec<Item> {
        self.order[positions].iter().map(|&row| self.items[row as usize]).collect()
    }
}

impl Ask for Querying<'_> {
    const REPLY: usize = POINT;
    const WORK: usize = 1;

    fn next_points(&mut self) -> Vec<Encoded> {
        self.next_points()
    }

    fn on_reply(&mut self, holder: usize, reply: &[u8]) -> Result<(), Refusal> {
        self.on_reply(holder, reply)
    }
}

/// The querier adds the hints to the functions' values.
pub struct Evaluating<'a> {
    session: [u8; 32],
    items: &'a [Item],
    order: Vec<u32>,
    columns: [Column; 2],
    /// For each holder: the bin of each position, ascending.
    queries: [Vec<(u32, u32)>; 2],
    /// For each holder: messages of its hint received.
    next: [usize; 2],
}

impl Evaluating<'_> {
    /// The next message of a holder's hint.
    pub fn on_hint(&mut self, holder: usize, hint: &[u8]) -> Result<(), Refusal> {
        let Column { chunks, values, .. } = &mut self.columns[holder];
        if self.next[holder] >= chunks.count() || hint.len() != chunks.bytes(self.next[holder]) {
            return Err(Refusal::new("its hint does not have the announced size"));
        }
        let (encoded, _) = hint.as_chunks();
        let coefficients: Vec<Fp> = encoded
            .iter()
            .map(Fp::decode)
            .collect::<Option<_>>()
            .ok_or_else(|| Refusal::new("its hint has a number that is not below 2^127 - 1"))?;
        let bins = chunks.bins(self.next[holder]);
        self.next[holder] += 1;
        let queries = &self.queries[holder];
        let start = queries.partition_point(|&(bin, _)| (bin as usize) < bins.start);
        let end = queries.partition_point(|&(bin, _)| (bin as usize) < bins.end);
        let (load, session) = (chunks.shape.load, &self.session);
        let answers: Vec<Fp> = queries[start..end]
            .par_iter()
            .map(|&(bin, t)| {
                let at = (bin as usize - bins.start) * load;
                let item = &self.items[self.order[t as usize] as usize];
                evaluate(&coefficients[at..at + load], Place::new(session, item).xi)
            })
            .collect();
        // (5)  V_i(c) = D_i(c) + O_i(c)
        for (&(_, t), answer) in queries[start..end].iter().zip(answers) {
            values[t as usize] = values[t as usize] + answer;
        }
        Ok(())
    }

    /// Own rows of the intersection in the common order, and the result for both
    /// holders; or the holder whose hint is incomplete.
    #[allow(clippy::type_complexity)]
    pub fn finish(self) -> Result<(Vec<u32>, Vec<[u8; 16]>), (usize, Refusal)> {
        for (holder, column) in self.columns.iter().enumerate() {
            if self.next[holder] != column.chunks.count() {
                return Err((holder, Refusal::new("its hint is incomplete")));
            }
        }
        // (6)  I = { c : V_1(c) = V_2(c) }, and (7) by T(c)
        let [first, second] = self.columns;
        let mut matched: Vec<(Fp, u32)> = first
            .values
            .into_iter()
            .zip(second.values)
            .zip(self.order)
            .filter(|((v1, v2), _)| v1 == v2)
            .map(|((v, _), row)| (v, row))
            .collect();
        matched.par_sort_unstable();
        Ok(matched.into_iter().map(|(target, row)| (row, target.encode())).unzip())
    }
}

/// A holder's half of the key agreement with the other holder.
pub struct Offer {
    u: Zeroizing<Scalar>,
    session: [u8; 32],
}

impl Offer {
    /// A fresh secret.
    pub fn new(options: &Options, rng: &mut impl CryptoRng) -> Self {
        Self { u: Zeroizing::new(Scalar::random(rng)), session: options.session }
    }

    /// u_i·B, for the other holder.
    pub fn public(&self) -> [u8; 32] {
        RistrettoPoint::mul_base(&self.u).compress().0
    }

    /// The common key, of the other's public value.
    pub fn on_key(self, theirs: &[u8; 32]) -> Result<SharedKey, Refusal> {
        // (1)  r = KDF(u_1·u_2·B)
        let point = Zeroizing::new((decode(theirs)? * *self.u).compress().0);
        Ok(SharedKey(Secret::new(digest("holders' key", &[&self.session, &*point]))))
    }
}

/// What the holders know and the querier does not.
pub struct SharedKey(Secret<[u8; 32]>);

impl SharedKey {
    /// (1)  T(x) = F_r(x)
    fn target(&self, item: &Item) -> Fp {
        from_digest(&digest("target", &[self.0.expose(), item.as_bytes()]))
    }
}

/// A holder's items by bin of its hint.
pub struct Places {
    shape: Shape,
    /// Bin and row, ascending.
    rows: Vec<(u32, u32)>,
}

impl Places {
    /// Hashes the items into bins. Fails in one of 2^40 sessions.
    pub fn new(items: &[Item], session: &[u8; 32]) -> Result<Self, Error> {
        let shape = Shape::new(items.len());
        let mut rows: Vec<(u32, u32)> = items
            .par_iter()
            .zip(0..items.len() as u32)
            .map(|(item, row)| (shape.bin(&Place::new(session, item)) as u32, row))
            .collect();
        rows.par_sort_unstable();
        if rows.chunk_by(|a, b| a.0 == b.0).any(|bin| bin.len() > shape.load) {
            return Err(Error::Internal(
                "a bin of the hint overflowed, which happens in one of 2^40 sessions; run again \
                 under a new session id",
            ));
        }
        Ok(Self { shape, rows })
    }
}

/// A holder masks the querier's points, in the order received.
pub struct Serving {
    key: Key,
    due: usize,
    seen: Vec<u128>,
}

impl Serving {
    /// A holder with a fresh key, for a querier of the announced size.
    pub fn new(querier_items: usize, rng: &mut impl CryptoRng) -> Self {
        Self { key: Key::random(rng), due: querier_items, seen: Vec::new() }
    }

    /// The reply to one message of points.
    pub fn on_points(&mut self, points: &[[u8; 32]]) -> Result<Vec<[u8; 32]>, Refusal> {
        if self.seen.len() + points.len() > self.due {
            return Err(Refusal::new("it sent more points than it announced"));
        }
        self.seen.extend(points.iter().map(|p| tag(&truncate(p))));
        // (3)  R_t = k_i · P_t
        self.key.mask_points(points)
    }

    /// Goes on to the hint, once all announced points have come.
    pub fn finish<'a>(
        mut self,
        items: &'a [Item],
        places: Places,
        shared: SharedKey,
        options: &Options,
    ) -> Result<Hinting<'a>, Refusal> {
        if self.seen.len() != self.due {
            return Err(Refusal::new("it sent fewer points than it announced"));
        }
        if !distinct(&mut self.seen) {
            return Err(Refusal::new("it sent the same point twice: its items are not distinct"));
        }
        Ok(Hinting {
            key: self.key,
            shared,
            session: options.session,
            map: GroupMap::new(&options.session),
            items,
            chunks: HintChunks { shape: places.shape, ..HintChunks::new(items.len(), options) },
            places,
            next: 0,
            targets: Vec::new(),
        })
    }
}

/// A holder programs its hint, bin by bin.
pub struct Hinting<'a> {
    key: Key,
    shared: SharedKey,
    session: [u8; 32],
    map: GroupMap,
    items: &'a [Item],
    places: Places,
    chunks: HintChunks,
    next: usize,
    targets: Vec<(Fp, u32)>,
}

impl Hinting<'_> {
    /// The next message of the hint, and how many items went into it.
    pub fn next_hint(&mut self, rng: &mut impl CryptoRng) -> Option<(Vec<u8>, usize)> {
        if self.next == self.chunks.count() {
            return None;
        }
        let bins = self.chunks.bins(self.next);
        self.next += 1;
        let all = &self.places.rows;
        let start = all.partition_point(|&(bin, _)| (bin as usize) < bins.start);
        let end = all.partition_point(|&(bin, _)| (bin as usize) < bins.end);
        let rows = &all[start..end];
        let items: Vec<Item> = rows.iter().map(|&(_, row)| self.items[row as usize]).collect();
        let masked = self.key.mask_items(&self.map, &items);

        let mut points = vec![Vec::with_capacity(self.chunks.shape.load); bins.len()];
        for ((&(bin, row), item), point) in rows.iter().zip(&items).zip(&masked) {
            // (5)  D_i(x) = T(x) - O_i(x)
            let target = self.shared.target(item);
            let value = target - oprf(&self.session, item, point);
            self.targets.push((target, row));
            points[bin as usize - bins.start].push((Place::new(&self.session, item).xi, value));
        }
        // Every bin is filled up to the same load: work and bytes tell nothing.
        for bin in &mut points {
            pad(bin, self.chunks.shape.load, rng);
        }
        let polynomials: Vec<Vec<Fp>> = points.par_iter().map(|bin| interpolate(bin)).collect();
        let hint = polynomials.into_iter().flatten().flat_map(Fp::encode).collect();
        Some((hint, items.len()))
    }

    /// Waits for the result. The key is gone after this.
    pub fn finish(mut self) -> Waiting {
        self.targets.par_sort_unstable();
        Waiting { targets: self.targets }
    }
}

/// A holder that has sent everything.
pub struct Waiting {
    /// Target and row, ascending.
    targets: Vec<(Fp, u32)>,
}

impl Waiting {
    /// Own rows of the intersection, in the common order.
    pub fn on_result(self, result: &[[u8; 16]]) -> Result<Vec<u32>, Refusal> {
        let mut previous = None;
        let mut own = self.targets.iter();
        let mut rows = Vec::with_capacity(result.len());
        for encoded in result {
            let target = Fp::decode(encoded).ok_or_else(|| {
                Refusal::new("its result has a number that is not below 2^127 - 1")
            })?;
            if previous.is_some_and(|p| p >= target) {
                return Err(Refusal::new("its result is not in ascending order"));
            }
            previous = Some(target);
            // (7)  both lists ascend
            let &(_, row) = own
                .find(|&&(t, _)| t >= target)
                .filter(|&&(t, _)| t == target)
                .ok_or_else(|| Refusal::new("its result has an item that this party lacks"))?;
            rows.push(row);
        }
        Ok(rows)
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
opaque!(
    "Querying" Querying<'_>, "Evaluating" Evaluating<'_>, "Offer" Offer, "SharedKey" SharedKey,
    "Places" Places, "Serving" Serving, "Hinting" Hinting<'_>, "Waiting" Waiting
);
