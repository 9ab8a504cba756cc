//! What each operation of `rep3m` sends, the checks included.

use super::{
    log::Size,
    verify::{
        CHALLENGE, DIGEST,
        plan::{self, Plan},
    },
};
use crate::{
    engine::{Dims, Recipients},
    rep3::network::{levels, needs_p, targets},
    shape::{CostModel, Traffic},
};
use privity_core::bits::words;

/// The cost model of [`Rep3m`](super::Rep3m), without its set-up (48 bytes from
/// each party, two rounds). Its state is what is left to verify.
#[derive(Clone, Debug, Default)]
pub struct Rep3mCost {
    size: Size,
    compare: bool,
}

/// Each party sends the same to its predecessor.
fn to_prev(t: &mut Traffic, bytes: usize) {
    t.round(&[(0, 2, bytes), (1, 0, bytes), (2, 1, bytes)]);
}

/// Each party sends as many bytes to both others.
fn to_both(t: &mut Traffic, bytes: usize) {
    t.round(&[
        (0, 1, bytes),
        (0, 2, bytes),
        (1, 0, bytes),
        (1, 2, bytes),
        (2, 0, bytes),
        (2, 1, bytes),
    ]);
}

/// A proof on its way: element size, plan, levels done.
struct Course {
    element: usize,
    plan: Plan,
    /// Bytes of a level of bits or words before the others; zero if there is none.
    first: usize,
    done: usize,
}

impl Course {
    fn new(element: usize, plan: Plan, first: usize) -> Self {
        Self { element, plan, first, done: 0 }
    }

    fn levels(&self) -> usize {
        self.plan.rows.len() + usize::from(self.first > 0)
    }

    /// Bytes of the next level's message.
    fn step(&mut self) -> usize {
        if self.done == self.levels() {
            return 0;
        }
        self.done += 1;
        if self.first > 0 && self.done == 1 {
            return self.first;
        }
        let rows = self.plan.rows[self.done - 1 - usize::from(self.first > 0)];
        let rows = rows + usize::from(self.done == self.levels());
        self.element * rows * rows
    }

    /// Bytes of the comparison at the end.
    fn statement(&self) -> usize {
        if self.plan.len == 0 {
            return 0;
        }
        self.element * (self.plan.last_width() + self.levels() + 1)
    }
}

impl Rep3mCost {
    fn verify_if_full(&mut self, t: &mut Traffic) {
        if self.size.is_full() {
            self.verify(t);
        }
    }

    fn verify(&mut self, t: &mut Traffic) {
        let size = std::mem::take(&mut self.size);
        if std::mem::take(&mut self.compare) {
            to_both(t, DIGEST);
        }
        let mut last = 0;
        if !size.is_empty() {
            if !size.matrices.is_empty() {
                to_both(t, CHALLENGE);
                to_prev(t, 16 * plan::compressed_elements(&size));
                last += DIGEST;
            }
            to_both(t, CHALLENGE);
            let (bits_first, bits) = plan::bits(size.ands);
            let bits_first = if bits_first { plan::bit_message(size.ands) } else { 0 };
            let (by_words, words, _) = plan::words(&size);
            let mut courses = [
                Course::new(8, bits, bits_first),
                Course::new(16, words, if by_words { plan::WORD_MESSAGE } else { 0 }),
                Course::new(24, plan::wide(&size), 0),
            ];
            let rounds = courses.iter().map(Course::levels).max().unwrap_or(0);
            for round in 1..=rounds {
                let bytes = courses.iter_mut().map(Course::step).sum();
                to_prev(t, bytes);
                if round < rounds {
                    to_both(t, CHALLENGE);
                }
            }
            last += courses.iter().map(Course::statement).sum::<usize>();
        }
        to_both(t, last);
    }

    fn opened(&mut self, t: &mut Traffic, bytes: usize, to: Recipients<'_>) {
        self.verify(t);
        let mut messages = Vec::new();
        for i in (0..3).filter(|&i| to.contains(i)) {
            messages.push(((i + 2) % 3, i, bytes));
            messages.push(((i + 1) % 3, i, DIGEST));
        }
        t.round(&messages);
    }

    fn product(&mut self, t: &mut Traffic, outputs: usize, group: usize) {
        to_prev(t, 16 * outputs);
        self.size.words += outputs * group;
        self.verify_if_full(t);
    }

    fn wide_product(&mut self, t: &mut Traffic, outputs: usize, group: usize) {
        to_prev(t, 24 * outputs);
        self.size.wide += outputs * group;
        self.verify_if_full(t);
    }

    fn ands(&mut self, t: &mut Traffic, words: usize) {
        to_prev(t, 8 * words);
        self.size.ands += words;
        self.verify_if_full(t);
    }

    fn carries(&mut self, words: usize) -> usize {
        self.size.ands += words;
        8 * words
    }

    /// The truncations and widening: carries and known products, which are one
    /// round, then a product.
    fn cut(&mut self, t: &mut Traffic, len: usize) {
        let carries = self.carries(64 * words(len));
        t.round(&[(0, 2, carries + 32 * len)]);
        self.size.words += 2 * len;
        self.product(t, len, 1);
    }

    fn permute(&mut self, t: &mut Traffic, rows: usize, columns: usize, pairs: [[usize; 2]; 3]) {
        let bytes = 16 * rows * columns;
        for [p, q] in pairs {
            t.round(&[(p, q, bytes), (q, p, bytes)]);
            self.size.add_pass(rows, columns);
        }
        self.verify_if_full(t);
    }
}

impl CostModel for Rep3mCost {
    fn parties(&self) -> usize {
        3
    }

    fn dealt_words(&self) -> usize {
        2
    }

    fn set_up(&mut self, t: &mut Traffic) {
        t.round(&[(0, 2, 16), (1, 0, 16), (2, 1, 16)]);
        let both = (0..3).flat_map(|i| [(i, (i + 1) % 3, 16), (i, (i + 2) % 3, 16)]);
        t.round(&both.collect::<Vec<_>>());
    }

    fn input(&mut self, t: &mut Traffic, owner: usize, len: usize) {
        t.round(&[(owner, (owner + 2) % 3, 8 * len)]);
    }

    fn import(&mut self, _: &mut Traffic, _: usize) {
        self.compare = true;
    }

    fn export(&mut self, t: &mut Traffic, len: usize) {
        self.product(t, len, 1);
        self.verify(t);
    }

    fn open(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.opened(t, 8 * len, to);
    }

    fn open_bits(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.opened(t, 8 * words(len), to);
    }

    fn dot(&mut self, t: &mut Traffic, outputs: usize, group: usize, trunc: u32) {
        self.product(t, outputs, group);
        if trunc > 0 {
            self.cut(t, outputs);
        }
    }

    fn matmul(&mut self, t: &mut Traffic, dims: Dims, trunc: u32) {
        to_prev(t, 8 * dims.m * dims.n);
        self.size.add_matrix(dims);
        self.verify_if_full(t);
        if trunc > 0 {
            self.cut(t, dims.m * dims.n);
        }
    }

    fn truncate(&mut self, t: &mut Traffic, len: usize, _: u32) {
        self.cut(t, len);
    }

    fn and(&mut self, t: &mut Traffic, len: usize) {
        self.ands(t, words(len));
    }

    fn is_negative(&mut self, t: &mut Traffic, len: usize) {
        let stride = words(len);
        let carries = self.carries(63 * stride);
        t.round(&[(0, 2, carries)]);
        self.ands(t, 63 * stride);
        let mut groups = 63;
        while groups > 1 {
            self.ands(t, (2 * (groups / 2) - 1) * stride);
            groups = groups.div_ceil(2);
        }
    }

    fn is_zero(&mut self, t: &mut Traffic, len: usize) {
        let stride = words(len);
        let carries = self.carries(63 * stride);
        t.round(&[(0, 2, carries)]);
        for planes in [32, 16, 8, 4, 2, 1] {
            self.ands(t, planes * stride);
        }
    }

    fn to_bits(&mut self, t: &mut Traffic, len: usize, width: usize) {
        let stride = words(len);
        let carries = self.carries((width - 1) * stride);
        t.round(&[(0, 2, carries)]);
        self.ands(t, (width - 1) * stride);
        for level in 0..levels(width) {
            let targets = targets(width, level);
            let with_p = targets.iter().filter(|x| needs_p(x.0, level)).count();
            self.ands(t, (targets.len() + with_p) * stride);
        }
    }

    fn bit_to_ring(&mut self, t: &mut Traffic, len: usize) {
        t.round(&[(0, 2, 16 * len)]);
        self.size.words += len;
        self.product(t, len, 1);
    }

    fn random_bits(&mut self, _: &mut Traffic, _: usize) {}

    fn widen(&mut self, t: &mut Traffic, len: usize) {
        self.cut(t, len);
    }

    fn open_wide(&mut self, t: &mut Traffic, len: usize, to: Recipients<'_>) {
        self.opened(t, 16 * len, to);
    }

    fn dot_wide(&mut self, t: &mut Traffic, outputs: usize, group: usize) {
        self.wide_product(t, outputs, group);
    }

    fn truncate_wide(&mut self, t: &mut Traffic, len: usize, _: u32) {
        let carries = self.carries(128 * words(len));
        t.round(&[(0, 2, carries + 48 * len)]);
        self.size.wide += 2 * len;
        self.wide_product(t, len, 1);
    }

    fn random_permutation(&mut self, _: &mut Traffic, _: usize) {}

    fn shuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        self.permute(t, rows, columns, [[2, 0], [0, 1], [1, 2]]);
    }

    fn unshuffle(&mut self, t: &mut Traffic, rows: usize, columns: usize) {
        self.permute(t, rows, columns, [[1, 2], [0, 1], [2, 0]]);
    }
}
