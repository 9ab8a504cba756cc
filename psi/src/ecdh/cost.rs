//! What an alignment sends, before it runs.

use super::{
    Options, three,
    wire::{ANNOUNCEMENT, Chunks},
};
use crate::{
    error,
    group::{POINT, TAG},
    hint::Shape,
};
use privity_core::{Error, field::Fp127};

/// Bytes, rounds and work of one alignment, as the formulas of [`two`](super::two)
/// and [`three`](super::three) give them. Message headers, TLS and TCP come on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Payload bytes that each party sends.
    pub sent: Vec<u64>,
    /// Payload bytes that each party receives.
    pub received: Vec<u64>,
    /// Rounds: the longest chain of messages that wait for one another.
    pub rounds: u32,
    /// Scalar multiplications of each party.
    pub multiplications: Vec<u64>,
}

/// The cost of aligning sets of these sizes, of which `intersection` items are
/// common (it matters with three parties only: the result is sent).
pub fn cost(sizes: &[u64], intersection: u64, options: &Options) -> error::Result<Cost> {
    options.check()?;
    if !(2..=3).contains(&sizes.len()) || sizes.iter().any(|&n| n > options.max_items) {
        return Err(Error::Argument(
            "alignment is for two or three sets of at most max_items".into(),
        )
        .into());
    }
    let mut links = Links::new(sizes.len());
    for from in 0..sizes.len() {
        for to in (0..sizes.len()).filter(|&to| to != from) {
            links.send(from, to, ANNOUNCEMENT as u64);
        }
    }
    // Rounds of one stream of points and its replies.
    let stream = |n: u64| {
        let windows = Chunks::new(n as usize, options).count().div_ceil(options.window);
        2 * windows as u32
    };
    let mut rounds = 1;
    if sizes.contains(&0) {
        // The announcement is all.
    } else if let [n0, n1] = *sizes {
        for (i, n) in [(0, n0), (1, n1)] {
            links.send(i, 1 - i, POINT as u64 * n);
            links.send(1 - i, i, TAG as u64 * n);
        }
        // The second set follows the last reply of the first at once.
        rounds += stream(n0) + stream(n1) - 1;
    } else {
        let q = three::querier(sizes);
        let holders: Vec<usize> = (0..3).filter(|&p| p != q).collect();
        links.send(holders[0], holders[1], POINT as u64);
        links.send(holders[1], holders[0], POINT as u64);
        for h in holders {
            links.send(q, h, POINT as u64 * sizes[q] + 8 + Fp127::BYTES as u64 * intersection);
            let hint = Shape::new(sizes[h] as usize).bytes() as u64;
            links.send(h, q, POINT as u64 * sizes[q] + hint);
        }
        rounds += stream(sizes[q]) + 1;
    }
    let multiplications = (0..sizes.len())
        .map(|p| if sizes.contains(&0) { 0 } else { multiplications(sizes, p) })
        .collect();
    Ok(Cost { sent: links.sent, received: links.received, rounds, multiplications })
}

/// Scalar multiplications of party `me`, for sets that are not empty.
pub(super) fn multiplications(sizes: &[u64], me: usize) -> u64 {
    let q = three::querier(sizes);
    match sizes.len() {
        2 => sizes.iter().sum(),
        _ if me == q => 3 * sizes[q],
        _ => sizes[q] + sizes[me],
    }
}

struct Links {
    sent: Vec<u64>,
    received: Vec<u64>,
}

impl Links {
    fn new(parties: usize) -> Self {
        Self { sent: vec![0; parties], received: vec![0; parties] }
    }

    fn send(&mut self, from: usize, to: usize, bytes: u64) {
        self.sent[from] += bytes;
        self.received[to] += bytes;
    }
}
