//! What each operation of `shamir` sends, for given N and t.

use super::{
    SETS, Security, Shamir,
    bitwise::{WIDTH, adders, after},
    engine::outer_threshold,
    network::is_next,
    tables::{planes, subsets},
    verify::{FULL, LAST, parts},
    waksman,
};
use crate::{
    engine::{Dims, Recipients},
    shape::{CostModel, Traffic},
};
use privity_core::bits::words;
use std::ops::Range;

/// Bytes of an element of the large field.
const FIELD: usize = 16;

/// The cost model of [`Shamir`], without its set-up. It keeps count of the
/// products that are not verified yet.
#[derive(Clone, Debug)]
pub struct ShamirCost {
    n: usize,
    t: usize,
    k: usize,
    /// Sets of parties with a key each.
    sets: Vec<Vec<usize>>,
    malicious: bool,
    products: usize,
    ands: usize,
}

impl ShamirCost {
    /// For `parties` computing parties with this threshold.
    pub fn new(parties: usize, threshold: usize, security: Security) -> Self {
        Self {
            n: parties,
            t: threshold,
            k: planes(parties.saturating_sub(1)),
            sets: subsets(parties, threshold, SETS).unwrap_or_default(),
            malicious: security == Security::Malicious,
            products: 0,
            ands: 0,
        }
    }

    fn two(&self) -> bool {
        self.t == 1 && !self.malicious
    }

    fn uses_sets(&self) -> bool {
        let security = if self.malicious { Security::Malicious } else { Security::SemiHonest };
        Shamir::masks_from_sets(self.sets.len(), security)
    }

    fn terms(&self) -> usize {
        if self.uses_sets() { self.sets.len() } else { self.t + 1 }
    }

    /// The parties after `of` whose shares are pseudo-random.
    fn is_next(&self, of: usize, party: usize) -> bool {
        is_next(self.n, self.t, of, party)
    }

    fn deal(&self, t: &mut Traffic, dealers: Range<usize>, bytes: usize) {
        let messages: Vec<_> = dealers
            .flat_map(|d| (0..self.n).map(move |j| (d, j, bytes)))
            .filter(|&(d, j, _)| d != j && !self.is_next(d, j))
            .collect();
        t.round(&messages);
    }

    fn random(&self, t: &mut Traffic, len: usize, size: usize) {
        if self.sets.is_empty() {
            self.deal(t, 0..self.n, len.div_ceil(self.n - self.t) * size);
        }
    }

    fn reduce(&self, t: &mut Traffic, len: usize, size: usize) {
        if self.n == 3 {
            return self.deal(t, 0..3, len * size);
        }
        self.random(t, len, size);
        let n = self.n;
        let bytes = |q: usize| Shamir::piece(len, n, q).len() * size;
        let there: Vec<_> = (0..n)
            .flat_map(|q| (1..=2 * self.t).map(move |k| ((q + k) % n, q)))
            .map(|(from, q)| (from, q, bytes(q)))
            .collect();
        t.round(&there);
        let back: Vec<_> = (0..n)
            .flat_map(|q| (0..n).map(move |j| (q, j)))
            .filter(|&(q, j)| q != j && !self.is_next(q, j))
            .map(|(q, j)| (q, j, bytes(q)))
            .collect();
        t.round(&back);
    }

    fn reveal(&self, t: &mut Traffic, len: usize, size: usize, to: Recipients<'_>) {
        let n = self.n;
        let pairs = || (0..n).flat_map(|j| (0..n).map(move |i| (i, j))).filter(|(i, j)| i != j);
        if !self.malicious && to == Recipients::All && Shamir::kings_open(n, self.t, len) {
            let bytes = |q: usize| Shamir::piece(len, n, q).len() * size;
            let there: Vec<_> = pairs()
                .filter(|&(i, q)| self.is_next(q, i))
                .map(|(i, q)| (i, q, bytes(q)))
                .collect();
            t.round(&there);
            let back: Vec<_> = pairs().map(|(q, j)| (q, j, bytes(q))).collect();
            return t.round(&back);
        }
        let messages: Vec<_> = pairs()
            .filter(|&(i, j)| to.contains(j) && (self.malicious || self.is_next(j, i)))
            .map(|(i, j)| (i, j, len * size))
            .collect();
        t.round(&messages);
    }

    fn coin(&self, t: &mut Traffic, size: usize) {
        let n = self.n;
        let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j, 1)));
        let ready: Vec<_> = pairs.filter(|(i, j, _)| i != j).collect();
        t.round(&ready);
        self.random(t, 1, size);
        self.reveal(t, 1, size, Recipients::All);
    }

    fn fold(&self, t: &mut Traffic, c: usize, size: usize) {
        self.reduce(t, 2 * c - 2, size);
        self.coin(t, size);
    }

    fn inner(&self, t: &mut Traffic, mut len: usize, size: usize) {
        self.coin(t, FIELD);
        while len > LAST {
            let c = parts(len);
            self.fold(t, c, size);
            len = len.div_ceil(c);
        }
        self.random(t, 2, size);
        self.fold(t, len + 1, size);
        self.reveal(t, 3, size, Recipients::All);
    }

    fn verify(&mut self, t: &mut Traffic) {
        let (products, ands) = (std::mem::take(&mut self.products), std::mem::take(&mut self.ands));
        if products > 0 {
            self.inner(t, products, FIELD);
        }
        if ands > 0 {
            self.inner(t, ands, 8);
        }
    }

    fn log(&mut self, t: &mut Traffic, products: usize, ands: usize) {
        if self.malicious {
            self.products += products;
            self.ands += ands;
            if self.products >= FULL || self.ands >= FULL {
                self.verify(t);
            }
        }
    }

    fn multiply(&mut self, t: &mut Traffic, outputs: usize, group: usize) {
        self.reduce(t, outputs, FIELD);
        self.log(t, outputs * group, 0);
    }

    /// AND of planes of n bits.
    fn ands(&mut self, t: &mut Traffic, planes: usize, n: usize) {
        let blocks = planes * words(n);
        self.reduce(t, blocks, 8 * self.k);
        self.log(t, 0, 64 * blocks);
    }

    fn deal_planes(&self, t: &mut Traffic, planes: usize, n: usize) {
        self.deal(t, 0..self.t + 1, planes * words(n) * self.k * 8);
    }

    fn split(&mut self, t: &mut Traffic, len: usize) {
        if !self.uses_sets() {
            self.deal(t, 0..self.t + 1, 2 * len * FIELD);
            self.deal_planes(t, WIDTH, len);
        }
        self.reveal(t, len, FIELD, Recipients::All);
        let mut numbers = self.terms() + 1;
        while numbers > 2 {
            self.ands(t, numbers / 3 * WIDTH, len);
            numbers -= numbers / 3;
        }
    }

    fn tree(&mut self, t: &mut Traffic, mut nodes: usize, len: usize) {
        while nodes > 1 {
            self.ands(t, nodes / 2 * 2, len);
            nodes = nodes.div_ceil(2);
        }
    }

    fn inject(&mut self, t: &mut Traffic, groups: usize, len: usize) {
        if !self.uses_sets() {
            self.deal_planes(t, groups, len);
            self.deal(t, 0..self.t + 1, groups * len * FIELD);
        }
        self.reveal(t, groups * words(len), 8 * self.k, Recipients::All);
        let mut terms = self.terms();
        while terms > 1 {
            self.multiply(t, terms / 2 * groups * len, 1);
            terms = terms.div_ceil(2);
        }
    }

    fn cut(&mut self, t: &mut Traffic, len: usize, bits: u32, wide: bool) {
        if self.two() && !wide {
            return self.deal(t, 0..2, len * FIELD);
        }
        self.split(t, len);
        self.ands(t, bits as usize, len);
        self.tree(t, bits as usize, len);
        self.ands(t, 1, len);
        self.ands(t, 1, len);
        let mut columns = vec![self.terms()];
        loop {
            let plan = adders(&columns);
            match plan.iter().sum::<usize>() {
                0 => break,
                used => self.ands(t, 2 * used, len),
            }
            columns = after(&columns, &plan);
        }
        self.inject(t, 2 * columns.len(), len);
    }

    fn permute(&mut self, t: &mut Traffic, rows: usize, columns: usize, back: bool) {
        let mut layers: Vec<usize> = waksman::layers(rows).iter().map(Vec::len).collect();
        if back {
            layers.reverse();
        }
        for _ in 0..=self.t {
            for &switches in &layers {
                self.multiply(t, switches * columns, 1);
            }
        }
        self.multiply(t, rows * columns, 1);
    }
}

impl CostModel for ShamirCost {
    fn parties(&self) -> usize {
        self.n
    }

    fn dealt_words(&self) -> usize {
        2
    }

    fn set_up(&mut self, t: &mut Traffic) {
        let n = self.n;
        let keys = |i: usize, j: usize| {
            let begun = |set: &&Vec<usize>| set.first() == Some(&i) && set.contains(&j);
            1 + self.sets.iter().filter(begun).count() + usize::from(i == 0)
        };
        let pairs = |from: usize| (from..n).map(move |j| (from, j));
        let messages: Vec<_> = (0..n)
            .flat_map(pairs)
            .filter(|(i, j)| i != j)
            .map(|(i, j)| (i, j, 16 * keys(i, j)))
            .collect();
        t.round(&messages);
        if self.malicious {
            let all = (0..n).flat_map(|i| (0..n).map(move |j| (i, j, 32)));
            t.round(&all.filter(|(i, j, _)| i != j).collect::<Vec<_>>());
        }
    }

    fn input(&mut self, t: &mut Traffic, owner: usize, len: usize) {
        self.deal(t, owner..owner + 1, len * FIELD);
    }

    fn import(&mut self, t: &mut Traffic, words: usize) {
        let outer = outer_threshold(self.n);
        if outer != self.t {
            self.deal(t, 0..outer + 1, words / 2 * FIELD);
        }
    }

    fn export(&mut self, t: &mut Traffic, len: usize) {
        self.multiply(t, len, 1);
        self.verify(t);
    }

    fn open(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.verify(t);
        self.reveal(t, len, FIELD, to);
    }

    fn open_bits(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.verify(t);
        self.reveal(t, words(len), 8 * self.k, to);
    }

    fn dot(&mut self, t: &mut Traffic, outputs: usize, group: usize, trunc: u32) {
        self.multiply(t, outputs, group);
        if trunc > 0 {
            self.cut(t, outputs, trunc, false);
        }
    }

    fn matmul(&mut self, t: &mut Traffic, dims: Dims, trunc: u32) {
        if dims.k > 0 {
            self.reduce(t, dims.m * dims.n, FIELD);
            self.log(t, dims.k, 0);
        }
        if trunc > 0 {
            self.cut(t, dims.m * dims.n, trunc, false);
        }
    }

    fn truncate(&mut self, t: &mut Traffic, len: usize, bits: u32) {
        self.cut(t, len, bits, false);
    }

    fn and(&mut self, t: &mut Traffic, len: usize) {
        self.ands(t, 1, len);
    }

    fn is_negative(&mut self, t: &mut Traffic, len: usize) {
        let planes = if self.two() {
            self.deal_planes(t, 64, len);
            63
        } else {
            self.split(t, len);
            WIDTH
        };
        self.ands(t, planes, len);
        self.tree(t, planes, len);
    }

    fn is_zero(&mut self, t: &mut Traffic, len: usize) {
        let mut planes = if self.two() {
            self.deal_planes(t, 64, len);
            64
        } else {
            self.split(t, len);
            WIDTH
        };
        while planes > 1 {
            self.ands(t, planes / 2, len);
            planes = planes.div_ceil(2);
        }
    }

    fn to_bits(&mut self, t: &mut Traffic, len: usize, width: usize) {
        let two = self.two();
        if two {
            self.deal_planes(t, width, len);
            self.ands(t, width, len);
        } else {
            self.split(t, len);
            self.ands(t, WIDTH, len);
        }
        let mut span = 1;
        while span < width {
            let targets = (0..width).filter(|i| i & span != 0).count();
            self.ands(t, 2 * targets, len);
            span *= 2;
        }
        if !two {
            self.tree(t, WIDTH - width, len);
            self.ands(t, 1, len);
            self.ands(t, width - 1, len);
        }
    }

    fn bit_to_ring(&mut self, t: &mut Traffic, len: usize) {
        self.inject(t, 1, len);
    }

    fn random_bits(&mut self, t: &mut Traffic, len: usize) {
        if !self.uses_sets() {
            self.deal_planes(t, 1, len);
        }
    }

    fn widen(&mut self, _: &mut Traffic, _: usize) {}

    fn open_wide(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.open(t, len, to);
    }

    fn dot_wide(&mut self, t: &mut Traffic, outputs: usize, group: usize) {
        self.multiply(t, outputs, group);
    }

    fn truncate_wide(&mut self, t: &mut Traffic, len: usize, bits: u32) {
        self.cut(t, len, bits, true);
    }

    fn random_permutation(&mut self, t: &mut Traffic, rows: usize) {
        let switches: usize = waksman::layers(rows).iter().map(Vec::len).sum();
        self.deal(t, 0..self.t + 1, switches * FIELD);
        for _ in 0..=self.t {
            self.log(t, switches, 0);
        }
    }

    fn shuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        self.permute(t, rows, columns, false);
    }

    fn unshuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        self.permute(t, rows, columns, true);
    }
}
