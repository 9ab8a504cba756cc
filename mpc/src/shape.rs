//! Engine `shape`: no values, only the messages that a real run would send.
//!
//! It follows an engine operation by operation: who sends how many bytes to
//! whom, in which round. An algorithm run over it yields the exact payload bytes
//! and rounds of the real run, because no algorithm's control flow depends on a
//! shared value. What one operation sends is the [`CostModel`] of that engine,
//! which stands beside it (`rep3/cost.rs` for `rep3`). Tests hold every
//! operation against the real counters.
//!
//! It also stands in at parties of a session that do not compute: they follow
//! the same program and hold no share of anything.

use crate::engine::{BitShares, Dims, Engine, Recipients, RingShares};
use privity_core::{Error, Result, ring::Ring};
use std::{collections::BTreeMap, marker::PhantomData, ops::Range};

/// What each operation of an engine sends. Lengths are numbers of elements.
///
/// A model may have a state, such as what is left of a batch of prepared
/// randomness; it advances as the engine's does.
pub trait CostModel: Send {
    /// Number of computing parties.
    fn parties(&self) -> usize;
    /// What parties send before the first operation, to make keys.
    fn set_up(&mut self, t: &mut Traffic);
    /// [`Engine::input`]
    fn input(&mut self, t: &mut Traffic, owner: usize, len: usize);
    /// [`Engine::import`] of `words` dealt words.
    fn import(&mut self, t: &mut Traffic, words: usize);
    /// [`Engine::export`]
    fn export(&mut self, t: &mut Traffic, len: usize);
    /// [`Engine::open`]
    fn open(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>);
    /// [`Engine::open_bits`]
    fn open_bits(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>);
    /// [`Engine::dot`] of `outputs` groups.
    fn dot(&mut self, t: &mut Traffic, outputs: usize, group: usize, trunc: u32);
    /// [`Engine::matmul`]
    fn matmul(&mut self, t: &mut Traffic, dims: Dims, trunc: u32);
    /// [`Engine::truncate`]
    fn truncate(&mut self, t: &mut Traffic, len: usize, bits: u32);
    /// [`Engine::and`]
    fn and(&mut self, t: &mut Traffic, len: usize);
    /// [`Engine::is_negative`]
    fn is_negative(&mut self, t: &mut Traffic, len: usize);
    /// [`Engine::is_zero`]
    fn is_zero(&mut self, t: &mut Traffic, len: usize);
    /// [`Engine::to_bits`]
    fn to_bits(&mut self, t: &mut Traffic, len: usize, width: usize);
    /// [`Engine::bit_to_ring`]
    fn bit_to_ring(&mut self, t: &mut Traffic, len: usize);
    /// [`Engine::random_bits`]
    fn random_bits(&mut self, t: &mut Traffic, len: usize);
    /// [`Engine::widen`]
    fn widen(&mut self, t: &mut Traffic, len: usize);
    /// [`Engine::open_wide`]
    fn open_wide(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>);
    /// [`Engine::dot_wide`]
    fn dot_wide(&mut self, t: &mut Traffic, outputs: usize, group: usize);
    /// [`Engine::truncate_wide`]
    fn truncate_wide(&mut self, t: &mut Traffic, len: usize, bits: u32);
    /// [`Engine::random_permutation`]
    fn random_permutation(&mut self, t: &mut Traffic, rows: usize);
    /// [`Engine::shuffle`]
    fn shuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize);
    /// [`Engine::unshuffle`]
    fn unshuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize);
    /// [`Engine::DEALT_WORDS`]
    fn dealt_words(&self) -> usize {
        1
    }
}

/// Messages so far: bytes and rounds, by label.
#[derive(Clone, Debug)]
pub struct Traffic {
    clocks: Vec<u32>,
    labels: Vec<String>,
    costs: BTreeMap<String, Cost>,
}

impl Traffic {
    fn new(parties: usize) -> Self {
        Self { clocks: vec![0; parties], labels: vec![], costs: BTreeMap::new() }
    }

    /// One round: all of these messages (from, to, bytes) leave before any of
    /// them arrives. Messages of no bytes are not sent.
    pub fn round(&mut self, messages: &[(usize, usize, usize)]) {
        let parties = self.clocks.len();
        let label = self.labels.last().map_or("start", String::as_str);
        if !self.costs.contains_key(label) {
            self.costs.insert(label.into(), Cost::new(parties));
        }
        let before = self.clocks.clone();
        if let Some(cost) = self.costs.get_mut(label) {
            for &(from, to, bytes) in messages.iter().filter(|m| m.2 > 0) {
                cost.sent[from] += bytes as u64;
                cost.received[to] += bytes as u64;
                self.clocks[to] = self.clocks[to].max(before[from] + 1);
            }
        }
    }
}

/// Payload bytes sent by each party, and the length of the longest chain of
/// dependent messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes sent, by party.
    pub sent: Vec<u64>,
    /// Bytes received, by party.
    pub received: Vec<u64>,
    /// Rounds as each party counts them.
    pub rounds: Vec<u32>,
}

impl Cost {
    fn new(parties: usize) -> Self {
        Self { sent: vec![0; parties], received: vec![0; parties], rounds: vec![0; parties] }
    }

    /// Bytes over all parties.
    pub fn bytes(&self) -> u64 {
        self.sent.iter().sum()
    }
}

/// What a run of an engine would send.
pub struct Shape {
    me: usize,
    traffic: Traffic,
    model: Box<dyn CostModel>,
}

impl Shape {
    /// The view of computing party `me` of an engine with this model.
    pub fn new(me: usize, model: impl CostModel + 'static) -> Self {
        Self { me, traffic: Traffic::new(model.parties()), model: Box::new(model) }
    }

    /// Counts the engine's set-up, which must come first, under the label "set-up".
    pub fn set_up(&mut self) {
        self.traffic.labels.push("set-up".into());
        self.model.set_up(&mut self.traffic);
        self.traffic.labels.pop();
    }

    /// Everything so far.
    pub fn cost(&self) -> Cost {
        let mut total = Cost::new(self.traffic.clocks.len());
        total.rounds.clone_from(&self.traffic.clocks);
        for cost in self.traffic.costs.values() {
            for (t, s) in total.sent.iter_mut().zip(&cost.sent) {
                *t += s;
            }
            for (t, r) in total.received.iter_mut().zip(&cost.received) {
                *t += r;
            }
        }
        total
    }

    /// By label, as given to [`Engine::scope`]; what ran outside has the label "start".
    pub fn costs(&self) -> impl Iterator<Item = (&str, &Cost)> {
        self.traffic.costs.iter().map(|(label, cost)| (label.as_str(), cost))
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shape").field("me", &self.me).field("traffic", &self.traffic).finish()
    }
}

/// A vector of which only the length is known; `W` is what its elements would be.
#[derive(Debug, PartialEq, Eq)]
pub struct Length<W>(usize, PhantomData<fn() -> W>);

impl<W> Length<W> {
    fn of(len: usize) -> Self {
        Self(len, PhantomData)
    }
}

impl<W> Clone for Length<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Length<W> {}

impl<W: Ring> RingShares for Length<W> {
    type Word = W;

    fn len(&self) -> usize {
        self.0
    }
    fn zeros(len: usize) -> Self {
        Self::of(len)
    }
    fn add(&self, other: &Self) -> Self {
        assert_eq!(self.0, other.0, "vectors of different lengths");
        *self
    }
    fn sub(&self, other: &Self) -> Self {
        RingShares::add(self, other)
    }
    fn scale(&self, _k: W) -> Self {
        *self
    }
    fn mul_public(&self, k: &[W]) -> Self {
        assert_eq!(self.0, k.len(), "vectors of different lengths");
        *self
    }
    fn gather(&self, indices: &[usize]) -> Self {
        assert!(indices.iter().all(|&i| i < self.0), "index out of range");
        Self::of(indices.len())
    }
    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.0, "range");
        Self::of(range.len())
    }
    fn concat(parts: &[&Self]) -> Self {
        Self::of(parts.iter().map(|p| p.0).sum())
    }
    fn sum_rows(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.0.is_multiple_of(columns), "matrix shape");
        Self::of(self.0 / columns)
    }
    fn sum_columns(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.0.is_multiple_of(columns), "matrix shape");
        Self::of(columns)
    }
    fn prefix_sum(&self) -> Self {
        *self
    }
}

impl BitShares for Length<bool> {
    fn len(&self) -> usize {
        self.0
    }
    fn xor(&self, other: &Self) -> Self {
        assert_eq!(self.0, other.0, "bit vectors of different lengths");
        *self
    }
    fn concat(parts: &[&Self]) -> Self {
        Self::of(parts.iter().map(|p| p.0).sum())
    }
    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.0, "bit range");
        Self::of(range.len())
    }
}

impl Engine for Shape {
    type Ring = Length<u64>;
    type Wide = Length<u128>;
    type Bits = Length<bool>;
    type Permutation = usize;

    fn me(&self) -> usize {
        self.me
    }

    fn parties(&self) -> usize {
        self.model.parties()
    }

    fn scope<T>(&mut self, label: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = self.traffic.clocks.clone();
        self.traffic.labels.push(label.into());
        let result = work(self);
        self.traffic.labels.pop();
        let parties = before.len();
        let cost = self.traffic.costs.entry(label.into()).or_insert_with(|| Cost::new(parties));
        for (r, (now, then)) in cost.rounds.iter_mut().zip(self.traffic.clocks.iter().zip(before)) {
            *r += now - then;
        }
        result
    }

    fn input(&mut self, owner: usize, _: Option<&[u64]>, len: usize) -> Result<Length<u64>> {
        if owner >= self.parties() {
            return Err(Error::Argument(format!("party {owner} does not compute")));
        }
        self.model.input(&mut self.traffic, owner, len);
        Ok(Length::of(len))
    }

    fn import(&mut self, dealt: &[u64]) -> Result<Length<u64>> {
        self.model.import(&mut self.traffic, dealt.len());
        Ok(Length::of(dealt.len() / self.model.dealt_words()))
    }

    fn export(&mut self, x: &Length<u64>) -> Result<Vec<u64>> {
        self.model.export(&mut self.traffic, x.0);
        Ok(vec![0; x.0 * self.model.dealt_words()])
    }

    fn public(&self, values: &[u64]) -> Length<u64> {
        Length::of(values.len())
    }

    fn open(&mut self, x: &Length<u64>, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.model.open(&mut self.traffic, x.0, to);
        Ok(None)
    }

    fn open_bits(&mut self, x: &Length<bool>, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.model.open_bits(&mut self.traffic, x.0, to);
        Ok(None)
    }

    fn dot(
        &mut self,
        x: &Length<u64>,
        y: &Length<u64>,
        group: usize,
        trunc: u32,
    ) -> Result<Length<u64>> {
        let outputs = groups(x, y, group);
        self.model.dot(&mut self.traffic, outputs, group, trunc);
        Ok(Length::of(outputs))
    }

    fn matmul(
        &mut self,
        x: &Length<u64>,
        y: &Length<u64>,
        dims: Dims,
        trunc: u32,
    ) -> Result<Length<u64>> {
        assert_eq!(x.0, dims.m * dims.k, "left factor's shape");
        assert_eq!(y.0, dims.k * dims.n, "right factor's shape");
        self.model.matmul(&mut self.traffic, dims, trunc);
        Ok(Length::of(dims.m * dims.n))
    }

    fn truncate(&mut self, x: &Length<u64>, bits: u32) -> Result<Length<u64>> {
        self.model.truncate(&mut self.traffic, x.0, bits);
        Ok(*x)
    }

    fn and(&mut self, x: &Length<bool>, y: &Length<bool>) -> Result<Length<bool>> {
        assert_eq!(x, y, "bit vectors of different lengths");
        self.model.and(&mut self.traffic, x.0);
        Ok(*x)
    }

    fn not(&self, x: &Length<bool>) -> Length<bool> {
        *x
    }

    fn is_negative(&mut self, x: &Length<u64>) -> Result<Length<bool>> {
        self.model.is_negative(&mut self.traffic, x.0);
        Ok(Length::of(x.0))
    }

    fn is_zero(&mut self, x: &Length<u64>) -> Result<Length<bool>> {
        self.model.is_zero(&mut self.traffic, x.0);
        Ok(Length::of(x.0))
    }

    fn to_bits(&mut self, x: &Length<u64>, width: usize) -> Result<Vec<Length<bool>>> {
        assert!((1..=64).contains(&width), "{width} bits of a word");
        self.model.to_bits(&mut self.traffic, x.0, width);
        Ok(vec![Length::of(x.0); width])
    }

    fn random_bits(&mut self, len: usize) -> Result<Length<bool>> {
        self.model.random_bits(&mut self.traffic, len);
        Ok(Length::of(len))
    }

    fn bit_to_ring(&mut self, b: &Length<bool>) -> Result<Length<u64>> {
        self.model.bit_to_ring(&mut self.traffic, b.0);
        Ok(Length::of(b.0))
    }

    fn widen(&mut self, x: &Length<u64>) -> Result<Length<u128>> {
        self.model.widen(&mut self.traffic, x.0);
        Ok(Length::of(x.0))
    }

    fn narrow(&self, x: &Length<u128>) -> Length<u64> {
        Length::of(x.0)
    }

    fn public_wide(&self, values: &[u128]) -> Length<u128> {
        Length::of(values.len())
    }

    fn open_wide(&mut self, x: &Length<u128>, to: Recipients<'_>) -> Result<Option<Vec<u128>>> {
        self.model.open_wide(&mut self.traffic, x.0, to);
        Ok(None)
    }

    fn dot_wide(
        &mut self,
        x: &Length<u128>,
        y: &Length<u128>,
        group: usize,
    ) -> Result<Length<u128>> {
        let outputs = groups(x, y, group);
        self.model.dot_wide(&mut self.traffic, outputs, group);
        Ok(Length::of(outputs))
    }

    fn truncate_wide(&mut self, x: &Length<u128>, bits: u32) -> Result<Length<u128>> {
        self.model.truncate_wide(&mut self.traffic, x.0, bits);
        Ok(*x)
    }

    fn random_permutation(&mut self, n: usize) -> Result<usize> {
        self.model.random_permutation(&mut self.traffic, n);
        Ok(n)
    }

    fn shuffle(&mut self, rows: &usize, columns: &[&Length<u64>]) -> Result<Vec<Length<u64>>> {
        assert!(columns.iter().all(|c| c.0 == *rows), "columns of different lengths");
        self.model.shuffle(&mut self.traffic, *rows, columns.len());
        Ok(columns.iter().map(|c| **c).collect())
    }

    fn unshuffle(&mut self, rows: &usize, columns: &[&Length<u64>]) -> Result<Vec<Length<u64>>> {
        assert!(columns.iter().all(|c| c.0 == *rows), "columns of different lengths");
        self.model.unshuffle(&mut self.traffic, *rows, columns.len());
        Ok(columns.iter().map(|c| **c).collect())
    }
}

fn groups<W>(x: &Length<W>, y: &Length<W>, group: usize) -> usize {
    assert_eq!(x.0, y.0, "vectors of different lengths");
    assert!(group > 0 && x.0.is_multiple_of(group), "groups must divide the length");
    x.0 / group
}
