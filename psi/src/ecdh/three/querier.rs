//! The querier's states.

use super::{HintChunks, oprf};
use crate::{
    ecdh::{
        Options,
        two::shuffled,
        wire::{Ask, distinct},
    },
    error::Refusal,
    group::{Encoded, GroupMap, Key, POINT, tag, truncate},
    hint::{Place, evaluate},
    item::Item,
};
use privity_core::field::Fp127;
use rand::CryptoRng;
use rayon::prelude::*;
use std::ops::Range;

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
    values: Vec<Fp127>,
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
        let values: Vec<Fp127> = items
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
        let coefficients: Vec<Fp127> = encoded
            .iter()
            .map(Fp127::decode)
            .collect::<Option<_>>()
            .ok_or_else(|| Refusal::new("its hint has a number that is not below 2^127 - 1"))?;
        let bins = chunks.bins(self.next[holder]);
        self.next[holder] += 1;
        let queries = &self.queries[holder];
        let start = queries.partition_point(|&(bin, _)| (bin as usize) < bins.start);
        let end = queries.partition_point(|&(bin, _)| (bin as usize) < bins.end);
        let (load, session) = (chunks.shape.load, &self.session);
        let answers: Vec<Fp127> = queries[start..end]
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
        let mut matched: Vec<(u128, u32)> = first
            .values
            .into_iter()
            .zip(second.values)
            .zip(self.order)
            .filter(|((v1, v2), _)| v1 == v2)
            .map(|((v, _), row)| (v.value(), row))
            .collect();
        matched.par_sort_unstable();
        Ok(matched.into_iter().map(|(target, row)| (row, target.to_le_bytes())).unzip())
    }
}
