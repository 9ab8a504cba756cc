//! Engine `shape`: no values, only the messages that a real run would send.
//!
//! It follows `rep3` operation by operation: who sends how many bytes to whom,
//! in which round. An algorithm run over it yields the exact payload bytes and
//! rounds of the real run, because no algorithm's control flow depends on a
//! shared value. Tests hold every operation against the real counters.
//!
//! It also stands in at parties of a session that do not compute: they follow
//! the same program and hold no share of anything.

use crate::{
    engine::{BitShares, Dims, Engine, Recipients, RingShares},
    rep3::{
        compare::{DEALT, GROUPS},
        convert,
        truncate::{check, low_bytes},
    },
};
use privity_core::{Error, Result, bits::words};
use std::{collections::BTreeMap, ops::Range};

/// What a run of three parties would send.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    me: usize,
    clocks: [u32; 3],
    labels: Vec<String>,
    costs: BTreeMap<String, Cost>,
}

/// Payload bytes sent by each party, and the length of the longest chain of
/// dependent messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes sent by party 0, 1, 2.
    pub sent: [u64; 3],
    /// Bytes received by party 0, 1, 2.
    pub received: [u64; 3],
    /// Rounds as each party counts them.
    pub rounds: [u32; 3],
}

impl Cost {
    /// Bytes over all parties.
    pub fn bytes(&self) -> u64 {
        self.sent.iter().sum()
    }
}

/// A vector of which only the length is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length(usize);

impl Shape {
    /// The view of computing party `me`.
    pub fn new(me: usize) -> Self {
        Self { me, ..Self::default() }
    }

    /// Everything so far.
    pub fn cost(&self) -> Cost {
        let mut total = Cost { rounds: self.clocks, ..Cost::default() };
        for cost in self.costs.values() {
            for (t, s) in total.sent.iter_mut().zip(cost.sent) {
                *t += s;
            }
            for (t, r) in total.received.iter_mut().zip(cost.received) {
                *t += r;
            }
        }
        total
    }

    /// By label, as given to [`Engine::scope`]; what ran outside has the label "start".
    pub fn costs(&self) -> impl Iterator<Item = (&str, &Cost)> {
        self.costs.iter().map(|(label, cost)| (label.as_str(), cost))
    }

    /// One round: all of these messages leave before any of them arrives.
    fn round(&mut self, messages: &[(usize, usize, usize)]) {
        let label = self.labels.last().cloned().unwrap_or_else(|| "start".into());
        let cost = self.costs.entry(label).or_default();
        let before = self.clocks;
        for &(from, to, bytes) in messages.iter().filter(|m| m.2 > 0) {
            cost.sent[from] += bytes as u64;
            cost.received[to] += bytes as u64;
            self.clocks[to] = self.clocks[to].max(before[from] + 1);
        }
    }

    /// Each party sends the same to its predecessor.
    fn send_previous(&mut self, bytes: usize) {
        self.round(&[(0, 2, bytes), (1, 0, bytes), (2, 1, bytes)]);
    }

    fn opened(&mut self, bytes: usize, to: Recipients<'_>) {
        let all = [(0, 1, bytes), (1, 2, bytes), (2, 0, bytes)];
        let some: Vec<_> = all.into_iter().filter(|m| to.contains(m.1)).collect();
        self.round(&some);
    }

    fn product(&mut self, len: usize, trunc: u32) -> Length {
        if trunc == 0 {
            self.send_previous(8 * len);
        } else {
            check(trunc);
            let e = low_bytes(trunc);
            self.round(&[(1, 2, 8 * len), (2, 1, 8 * len), (0, 2, (8 + e) * len)]);
            self.round(&[(1, 2, e * len), (2, 1, 8 * len)]);
        }
        Length(len)
    }

    fn deal_and_share(&mut self, dealt: usize, shared: usize) {
        self.round(&[(0, 2, 8 * dealt)]);
        self.round(&[(1, 2, 8 * shared), (2, 1, 8 * shared)]);
    }
}

impl RingShares for Length {
    fn len(&self) -> usize {
        self.0
    }
    fn zeros(len: usize) -> Self {
        Self(len)
    }
    fn add(&self, other: &Self) -> Self {
        assert_eq!(self.0, other.0, "vectors of different lengths");
        *self
    }
    fn sub(&self, other: &Self) -> Self {
        RingShares::add(self, other)
    }
    fn scale(&self, _k: u64) -> Self {
        *self
    }
    fn mul_public(&self, k: &[u64]) -> Self {
        assert_eq!(self.0, k.len(), "vectors of different lengths");
        *self
    }
    fn gather(&self, indices: &[usize]) -> Self {
        assert!(indices.iter().all(|&i| i < self.0), "index out of range");
        Self(indices.len())
    }
    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.0, "range");
        Self(range.len())
    }
    fn concat(parts: &[&Self]) -> Self {
        Self(parts.iter().map(|p| p.0).sum())
    }
    fn sum_rows(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.0.is_multiple_of(columns), "matrix shape");
        Self(self.0 / columns)
    }
    fn sum_columns(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.0.is_multiple_of(columns), "matrix shape");
        Self(columns)
    }
    fn prefix_sum(&self) -> Self {
        *self
    }
}

impl BitShares for Length {
    fn len(&self) -> usize {
        self.0
    }
    fn xor(&self, other: &Self) -> Self {
        assert_eq!(self.0, other.0, "bit vectors of different lengths");
        *self
    }
    fn concat(parts: &[&Self]) -> Self {
        Self(parts.iter().map(|p| p.0).sum())
    }
    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.0, "bit range");
        Self(range.len())
    }
}

impl Engine for Shape {
    type Ring = Length;
    type Bits = Length;

    fn me(&self) -> usize {
        self.me
    }

    fn parties(&self) -> usize {
        3
    }

    fn scope<T>(&mut self, label: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = self.clocks;
        self.labels.push(label.into());
        let result = work(self);
        self.labels.pop();
        let cost = self.costs.entry(label.into()).or_default();
        for (r, (now, then)) in cost.rounds.iter_mut().zip(self.clocks.into_iter().zip(before)) {
            *r += now - then;
        }
        result
    }

    fn input(&mut self, owner: usize, _values: Option<&[u64]>, len: usize) -> Result<Length> {
        if owner > 2 {
            return Err(Error::Argument(format!("party {owner} does not compute")));
        }
        self.round(&[(owner, (owner + 2) % 3, 8 * len)]);
        Ok(Length(len))
    }

    fn import(&mut self, additive: &[u64]) -> Result<Length> {
        self.send_previous(8 * additive.len());
        Ok(Length(additive.len()))
    }

    fn export(&mut self, x: &Length) -> Result<Vec<u64>> {
        Ok(vec![0; x.0])
    }

    fn public(&self, values: &[u64]) -> Length {
        Length(values.len())
    }

    fn open(&mut self, x: &Length, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.opened(8 * x.0, to);
        Ok(None)
    }

    fn open_bits(&mut self, x: &Length, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.opened(8 * words(x.0), to);
        Ok(None)
    }

    fn dot(&mut self, x: &Length, y: &Length, group: usize, trunc: u32) -> Result<Length> {
        assert!(
            x == y && group > 0 && x.0.is_multiple_of(group),
            "groups must divide equal lengths"
        );
        Ok(self.product(x.0 / group, trunc))
    }

    fn matmul(&mut self, x: &Length, y: &Length, dims: Dims, trunc: u32) -> Result<Length> {
        assert!(x.0 == dims.m * dims.k && y.0 == dims.k * dims.n, "matrix shapes");
        Ok(self.product(dims.m * dims.n, trunc))
    }

    fn truncate(&mut self, x: &Length, bits: u32) -> Result<Length> {
        check(bits);
        let e = low_bytes(bits);
        self.round(&[(0, 2, (8 + e) * x.0)]);
        self.round(&[(1, 2, e * x.0), (2, 1, 8 * x.0)]);
        Ok(*x)
    }

    fn and(&mut self, x: &Length, y: &Length) -> Result<Length> {
        assert_eq!(x, y, "bit vectors of different lengths");
        self.send_previous(8 * words(x.0));
        Ok(*x)
    }

    fn not(&self, x: &Length) -> Length {
        *x
    }

    fn is_negative(&mut self, x: &Length) -> Result<Length> {
        let stride = words(x.0);
        self.deal_and_share(DEALT * stride, (2 * GROUPS + 1) * stride);
        let mut groups = GROUPS;
        while groups > 1 {
            self.send_previous(8 * stride * (2 * (groups / 2) - 1));
            groups = groups.div_ceil(2);
        }
        Ok(*x)
    }

    fn is_zero(&mut self, x: &Length) -> Result<Length> {
        let stride = words(x.0);
        self.deal_and_share(DEALT * stride, (GROUPS + 1) * stride);
        let mut planes = GROUPS + 1;
        while planes > 1 {
            self.send_previous(8 * stride * (planes / 2));
            planes = planes.div_ceil(2);
        }
        Ok(*x)
    }

    fn to_bits(&mut self, x: &Length) -> Result<Vec<Length>> {
        let stride = words(x.0);
        self.deal_and_share(64 * stride, 127 * stride);
        for level in 0..convert::LEVELS {
            let targets = convert::targets(level);
            let with_p = targets.iter().filter(|t| convert::needs_p(t.0, level)).count();
            self.send_previous(8 * stride * (targets.len() + with_p));
        }
        Ok(vec![*x; 64])
    }

    fn bit_to_ring(&mut self, b: &Length) -> Result<Length> {
        self.deal_and_share(b.0, b.0);
        Ok(*b)
    }
}
