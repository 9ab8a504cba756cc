//! What each operation of `additive` sends, preprocessing included.

use super::{
    Profile,
    adder::{levels, targets},
    carry::{check, low_bytes},
    gilboa, leaf, network,
    prepare::batch,
    store::{Kind, Plan},
    tiling,
};
use crate::{
    engine::{Dims, Recipients},
    shape::{CostModel, Traffic},
};
use privity_core::{
    bits::words,
    ot::{Security, cost as ot},
    ring::Ring,
    vole::silent,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The cost model of [`Additive`](super::Additive). It makes randomness when the
/// engine would, and counts what is taken.
#[derive(Debug)]
pub struct AdditiveCost {
    parties: usize,
    profile: Profile,
    /// The set-up is still to be counted.
    setup: bool,
    /// What is prepared after it.
    ahead: Plan,
    held: Plan,
    /// Everything is prepared, however much is taken.
    endless: bool,
    /// Silent rows in stock, by (sender, receiver, bits of a choice).
    rows: BTreeMap<(usize, usize, usize), usize>,
    taken: PlanCount,
}

/// What a dry run takes of each kind: the plan for
/// [`prepare`](super::Additive::prepare).
#[derive(Clone, Debug, Default)]
pub struct PlanCount(Arc<Mutex<Plan>>);

impl PlanCount {
    /// So far.
    pub fn plan(&self) -> Plan {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, kind: Kind, n: usize) {
        if n > 0 {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += n;
        }
    }
}

const SECURITY: Security = Security::SemiHonest;

impl AdditiveCost {
    /// A run that begins with the engine's set-up and makes randomness as it
    /// goes. The first operation's label is charged with the set-up.
    pub fn new(parties: usize, profile: Profile) -> Self {
        Self {
            parties,
            profile,
            setup: true,
            ahead: Plan::new(),
            held: Plan::new(),
            endless: false,
            rows: BTreeMap::new(),
            taken: PlanCount::default(),
        }
    }

    /// A run that begins with the set-up and then prepares this much. With no
    /// operation but an empty import it is the cost of the offline phase.
    pub fn preparing(parties: usize, profile: Profile, plan: Plan) -> Self {
        Self { ahead: plan, ..Self::new(parties, profile) }
    }

    /// A run of an engine that is set up and has prepared this much: its online
    /// phase, if it is enough.
    pub fn prepared(parties: usize, profile: Profile, held: Plan) -> Self {
        Self { setup: false, held, ..Self::new(parties, profile) }
    }

    /// The online phase alone, of an engine that has prepared enough.
    pub fn online(parties: usize) -> Self {
        Self { setup: false, endless: true, ..Self::new(parties, Profile::LAN) }
    }

    /// Counts what the run takes.
    pub fn count(&self) -> PlanCount {
        self.taken.clone()
    }

    /// The engine's set-up; one that is counted already sends nothing.
    fn begin(&mut self, t: &mut Traffic) {
        if !std::mem::take(&mut self.setup) {
            return;
        }
        for low in 0..self.parties {
            for high in low + 1..self.parties {
                let k = match self.profile {
                    Profile::Lan { k } => k,
                    Profile::Wan { .. } => privity_core::vole::BASE_K,
                };
                let cost = ot::setup(k, SECURITY);
                for (sender, receiver) in [(low, high), (high, low)] {
                    // In base OTs roles are reversed; trees ride on the second message.
                    t.round(&[(sender, receiver, cost.sender)]);
                    t.round(&[(receiver, sender, cost.receiver)]);
                }
                t.round(&[(low, high, 16)]);
            }
        }
        let ahead = std::mem::take(&mut self.ahead);
        self.prepare(t, &ahead);
    }

    /// `n` rows of OT from `sender` to `receiver`, each with a choice of `bits` bits.
    fn extend(
        &mut self,
        t: &mut Traffic,
        (sender, receiver): (usize, usize),
        (bits, n): (usize, usize),
        chosen: bool,
    ) {
        match self.profile {
            Profile::Lan { k } => {
                let cost = if chosen {
                    ot::extend(k, SECURITY, bits * n)
                } else {
                    ot::extend_random(k, SECURITY, bits * n)
                };
                t.round(&[(receiver, sender, cost.receiver)]);
            }
            Profile::Wan { code, batch } => {
                let held = self.rows.entry((sender, receiver, bits)).or_default();
                let Ok((cost, left)) =
                    silent::cost((code, batch), SECURITY, bits, (*held, n), false)
                else {
                    return;
                };
                *held = left;
                t.round(&[(receiver, sender, cost.receiver)]);
                t.round(&[(sender, receiver, cost.sender)]);
                if chosen {
                    t.round(&[(receiver, sender, 8 * words(n * bits))]);
                }
            }
        }
    }

    fn take(&mut self, t: &mut Traffic, kind: Kind, n: usize) {
        self.taken.add(kind, n);
        if self.endless {
            return;
        }
        let held = self.held.get(&kind).copied().unwrap_or(0);
        let mut made = 0;
        if held < n {
            made = (n - held).max(kind.minimum());
            let size = batch(kind);
            for at in (0..made).step_by(size) {
                self.make(t, kind, size.min(made - at));
            }
        }
        self.held.insert(kind, held + made - n);
    }

    /// [`prepare`](super::Additive::prepare)
    fn prepare(&mut self, t: &mut Traffic, plan: &Plan) {
        for (&kind, &n) in plan {
            let held = self.held.get(&kind).copied().unwrap_or(0);
            let missing = n.saturating_sub(held);
            let size = batch(kind);
            for at in (0..missing).step_by(size) {
                self.make(t, kind, size.min(missing - at));
            }
            self.held.insert(kind, held + missing);
        }
    }

    fn make(&mut self, t: &mut Traffic, kind: Kind, n: usize) {
        match kind {
            Kind::Carry { bytes } => {
                self.extend(t, (0, 1), (1, n), false);
                return t.round(&[(0, 1, n * usize::from(bytes))]);
            }
            Kind::Leaf => return self.extend(t, (0, 1), (4, leaf::DIGITS * n), false),
            _ => {}
        }
        let more = self.parties > 2;
        let lattice = match kind {
            Kind::Matrix { m, k, n } => tiling::lattice(self.profile, Dims { m, k, n }),
            _ => None,
        };
        for low in 0..self.parties {
            for high in low + 1..self.parties {
                if let Some(tiling) = &lattice {
                    for bytes in (0..tiling.parts()[0]).flat_map(|row| tiling.messages(row)) {
                        t.round(&[(low, high, bytes), (high, low, bytes)]);
                    }
                    continue;
                }
                let mut both = |rows: usize, bytes: usize| {
                    self.extend(t, (low, high), (1, rows), more);
                    self.extend(t, (high, low), (1, rows), more);
                    t.round(&[(low, high, bytes), (high, low, bytes)]);
                };
                match kind {
                    Kind::Ring => both(64 * n, 8 * n * gilboa::corrections::<u64>()),
                    Kind::Wide => both(128 * n, 16 * n * gilboa::corrections::<u128>()),
                    Kind::And => both(64 * n, if more { 8 * n } else { 0 }),
                    Kind::Pair => both(64 * n, if more { 16 * n } else { 0 }),
                    Kind::Matrix { m, k, n } => {
                        let flip = k * n < m * k;
                        let (rows, columns) = if flip { (n, m) } else { (m, n) };
                        let size = gilboa::blocks_per_message(columns);
                        for at in (0..rows * k).step_by(size) {
                            let blocks = size.min(rows * k - at);
                            let products = blocks * columns;
                            both(64 * blocks, 8 * products * gilboa::corrections::<u64>());
                        }
                    }
                    Kind::Carry { .. } | Kind::Leaf => {}
                }
            }
        }
    }

    /// Every party sends this to every other one.
    fn all(&self, t: &mut Traffic, bytes: usize) {
        self.to(t, bytes, Recipients::All);
    }

    fn to(&self, t: &mut Traffic, bytes: usize, to: Recipients<'_>) {
        let mut messages = Vec::new();
        for from in 0..self.parties {
            for other in (0..self.parties).filter(|&p| p != from && to.contains(p)) {
                messages.push((from, other, bytes));
            }
        }
        t.round(&messages);
    }

    fn multiply(&mut self, t: &mut Traffic, kind: Kind, n: usize) {
        self.take(t, kind, n);
        let word = if kind == Kind::Wide { 16 } else { 8 };
        self.all(t, 2 * word * n);
    }

    fn ands(&mut self, t: &mut Traffic, one: usize, two: usize) {
        self.take(t, Kind::And, one);
        self.take(t, Kind::Pair, two);
        self.all(t, 8 * (2 * one + 3 * two));
    }

    fn carries(&mut self, t: &mut Traffic, n: usize, bytes: u8) {
        self.take(t, Kind::Carry { bytes }, n);
        self.all(t, 8 * words(n));
    }

    fn cut<R: Ring + gilboa::Word>(&mut self, t: &mut Traffic, kind: Kind, len: usize, d: u32) {
        check::<R>(d);
        if self.parties == 2 {
            return self.carries(t, len, low_bytes(d));
        }
        let width = R::BITS as usize;
        self.add_numbers(t, self.parties + 1, width, words(len));
        self.inject(t, kind, (width - d as usize) * len);
    }

    fn add_numbers(&mut self, t: &mut Traffic, mut numbers: usize, width: usize, stride: usize) {
        while numbers > 2 {
            self.ands(t, numbers / 3 * (width - 1) * stride, 0);
            numbers -= numbers / 3;
        }
        self.ands(t, (width - 1) * stride, 0);
        for level in 0..levels(width) {
            let targets = targets(width, level);
            let pairs = targets.iter().filter(|x| x.2).count();
            self.ands(t, (targets.len() - pairs) * stride, pairs * stride);
        }
    }

    fn inject(&mut self, t: &mut Traffic, kind: Kind, len: usize) {
        for _ in 1..self.parties {
            self.multiply(t, kind, len);
        }
    }

    fn digits(&mut self, t: &mut Traffic, len: usize) {
        self.take(t, Kind::Leaf, len);
        t.round(&[(1, 0, 8 * len)]);
        t.round(&[(0, 1, 4 * leaf::DIGITS * len)]);
    }

    fn permute(&mut self, t: &mut Traffic, rows: usize, columns: usize, inverse: bool) {
        self.begin(t);
        let bytes = 8 * columns * network::switches(rows);
        for turn in 0..self.parties {
            let router = if inverse { self.parties - 1 - turn } else { turn };
            let others = (0..self.parties).filter(|&p| p != router);
            t.round(&others.map(|p| (p, router, bytes)).collect::<Vec<_>>());
        }
    }
}

impl CostModel for AdditiveCost {
    fn parties(&self) -> usize {
        self.parties
    }

    fn set_up(&mut self, t: &mut Traffic) {
        self.begin(t);
    }

    fn input(&mut self, t: &mut Traffic, _: usize, _: usize) {
        self.begin(t);
    }

    fn import(&mut self, t: &mut Traffic, _: usize) {
        self.begin(t);
    }

    fn export(&mut self, t: &mut Traffic, _: usize) {
        self.begin(t);
    }

    fn open(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.begin(t);
        self.to(t, 8 * len, to);
    }

    fn open_bits(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.begin(t);
        self.to(t, 8 * words(len), to);
    }

    fn dot(&mut self, t: &mut Traffic, outputs: usize, group: usize, trunc: u32) {
        self.begin(t);
        self.multiply(t, Kind::Ring, outputs * group);
        if trunc > 0 {
            self.cut::<u64>(t, Kind::Ring, outputs, trunc);
        }
    }

    fn matmul(&mut self, t: &mut Traffic, dims: Dims, trunc: u32) {
        self.begin(t);
        let Dims { m, k, n } = dims;
        if m * k * n > 0 {
            self.take(t, Kind::matrix(dims), 1);
            self.all(t, 8 * (m * k + k * n));
        }
        if trunc > 0 {
            self.cut::<u64>(t, Kind::Ring, m * n, trunc);
        }
    }

    fn truncate(&mut self, t: &mut Traffic, len: usize, bits: u32) {
        self.begin(t);
        self.cut::<u64>(t, Kind::Ring, len, bits);
    }

    fn and(&mut self, t: &mut Traffic, len: usize) {
        self.begin(t);
        self.ands(t, words(len), 0);
    }

    fn is_negative(&mut self, t: &mut Traffic, len: usize) {
        self.begin(t);
        let stride = words(len);
        if self.parties > 2 {
            return self.add_numbers(t, self.parties, 64, stride);
        }
        self.digits(t, len);
        let mut nodes = leaf::DIGITS / 2;
        while nodes > 0 {
            self.ands(t, stride, (nodes - 1) * stride);
            nodes /= 2;
        }
    }

    fn is_zero(&mut self, t: &mut Traffic, len: usize) {
        self.begin(t);
        let mut planes = leaf::DIGITS;
        if self.parties > 2 {
            self.add_numbers(t, self.parties, 64, words(len));
            planes = 64;
        } else {
            self.digits(t, len);
        }
        while planes > 1 {
            planes /= 2;
            self.ands(t, planes * words(len), 0);
        }
    }

    fn to_bits(&mut self, t: &mut Traffic, len: usize, width: usize) {
        self.begin(t);
        self.add_numbers(t, self.parties, width, words(len));
    }

    fn bit_to_ring(&mut self, t: &mut Traffic, len: usize) {
        self.begin(t);
        if self.parties == 2 {
            self.carries(t, len, 8);
        } else {
            self.inject(t, Kind::Ring, len);
        }
    }

    fn random_bits(&mut self, t: &mut Traffic, _: usize) {
        self.begin(t);
    }

    fn widen(&mut self, t: &mut Traffic, len: usize) {
        self.begin(t);
        if self.parties == 2 {
            return self.carries(t, len, 8);
        }
        self.add_numbers(t, self.parties, 63, words(len));
        self.inject(t, Kind::Wide, 63 * len);
    }

    fn open_wide(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.begin(t);
        self.to(t, 16 * len, to);
    }

    fn dot_wide(&mut self, t: &mut Traffic, outputs: usize, group: usize) {
        self.begin(t);
        self.multiply(t, Kind::Wide, outputs * group);
    }

    fn truncate_wide(&mut self, t: &mut Traffic, len: usize, bits: u32) {
        self.begin(t);
        self.cut::<u128>(t, Kind::Wide, len, bits);
    }

    fn random_permutation(&mut self, t: &mut Traffic, rows: usize) {
        self.begin(t);
        let switches = network::switches(rows);
        for router in 0..self.parties {
            for sender in (0..self.parties).filter(|&p| p != router) {
                self.extend(t, (sender, router), (1, switches), true);
            }
        }
    }

    fn shuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        self.permute(t, rows, columns, false);
    }

    fn unshuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        self.permute(t, rows, columns, true);
    }
}
