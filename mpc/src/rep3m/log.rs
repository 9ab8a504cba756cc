//! What has been computed and not been verified yet.
//!
//! Every entry is one relation per output, which party i proves to the parties
//! i - 1 (the *first* verifier, who has the left factor and c_1) and i + 1 (the
//! *second*, who has the right factor and c_2):
//!
//! (1)  sum (x_i y_{i+1} + y_i x_{i+1}) + c_1 + c_2 = 0
//!
//! Each party therefore keeps its components of x and y, c_1 for the proof of
//! the next party and c_2 for that of the previous one.

use super::algebra::{Lift, Word};
use crate::engine::Dims;
use privity_core::share::replicated::Replicated;
use zeroize::Zeroize;

/// Inner products of words: `group` terms per output. An empty c_1 or c_2 stands
/// for zeros.
pub(crate) struct Terms<W: Word> {
    pub(crate) x: Replicated<W>,
    pub(crate) y: Replicated<W>,
    pub(crate) group: usize,
    pub(crate) c1: Vec<Lift<W>>,
    pub(crate) c2: Vec<Lift<W>>,
}

impl<W: Word> Terms<W> {
    /// How many outputs there are.
    pub(crate) fn outputs(&self) -> usize {
        self.x.own.len() / self.group
    }
}

impl<W: Word> Drop for Terms<W> {
    fn drop(&mut self) {
        self.c1.zeroize();
        self.c2.zeroize();
    }
}

/// ANDs of packed bits. An empty c_1 or c_2 stands for zeros.
pub(crate) struct Ands {
    pub(crate) x: Replicated<u64>,
    pub(crate) y: Replicated<u64>,
    pub(crate) c1: Vec<u64>,
    pub(crate) c2: Vec<u64>,
}

impl Drop for Ands {
    fn drop(&mut self) {
        self.c1.zeroize();
        self.c2.zeroize();
    }
}

/// A matrix product modulo 2^64. `z` is what party i sent to i - 1, as its
/// `own` and `next`; the zero shares follow from `op`.
pub(crate) struct Matrix {
    pub(crate) x: Replicated<u64>,
    pub(crate) y: Replicated<u64>,
    pub(crate) dims: Dims,
    pub(crate) received: Vec<u64>,
    pub(crate) op: u64,
}

/// One pass of a shuffle: the pair (p, q = p + 1) moves the rows.
pub(crate) struct Pass {
    /// The pair's second member.
    pub(crate) q: usize,
    /// Where the rows go; not at the third party.
    pub(crate) to: Option<Vec<u32>>,
    /// Whether the rows go there or come from there.
    pub(crate) inverse: bool,
    /// The columns before, one after the other.
    pub(crate) x: Replicated<u64>,
    /// What the other member of the pair sent; not at the third party.
    pub(crate) received: Vec<u128>,
    /// The operation of the masks.
    pub(crate) op: u64,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.to.zeroize();
        self.received.zeroize();
    }
}

/// Everything since the last verification.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) ands: Vec<Ands>,
    pub(crate) words: Vec<Terms<u64>>,
    pub(crate) wide: Vec<Terms<u128>>,
    pub(crate) matrices: Vec<Matrix>,
    pub(crate) passes: Vec<Pass>,
    pub(crate) size: Size,
}

/// How much there is to verify. The same at all parties, and all that the
/// costs of a verification depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Words of ANDs.
    pub(crate) ands: usize,
    /// Terms of 64-bit products.
    pub(crate) words: usize,
    /// Terms of 128-bit products.
    pub(crate) wide: usize,
    /// Matrix products.
    pub(crate) matrices: Vec<Dims>,
    /// Rows of the passes of shuffles.
    pub(crate) rows: Vec<usize>,
    /// Words that matrix products and shuffles hold.
    pub(crate) held: usize,
}

impl Size {
    /// Whether nothing is left to verify.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is time to verify before memory runs short: a party then
    /// holds some 50 to 100 MB. One operation may exceed the limits.
    pub(crate) fn is_full(&self) -> bool {
        self.ands > 1 << 20 || self.words > 1 << 20 || self.wide > 1 << 17 || self.held > 1 << 22
    }

    pub(crate) fn add_matrix(&mut self, dims: Dims) {
        let Dims { m, k, n } = dims;
        self.held += m * k + k * n + m * n;
        self.matrices.push(dims);
    }

    pub(crate) fn add_pass(&mut self, rows: usize, columns: usize) {
        self.held += 2 * rows * columns;
        self.rows.push(rows);
    }
}

impl Log {
    pub(crate) fn ands(&mut self, entry: Ands) {
        self.size.ands += entry.x.own.len();
        self.ands.push(entry);
    }

    pub(crate) fn matrix(&mut self, entry: Matrix) {
        self.size.add_matrix(entry.dims);
        self.matrices.push(entry);
    }

    pub(crate) fn pass(&mut self, entry: Pass, rows: usize, columns: usize) {
        self.size.add_pass(rows, columns);
        self.passes.push(entry);
    }
}

/// Words that the log keeps by kind.
pub(crate) trait Logged: Word {
    /// Adds an entry.
    fn log(log: &mut Log, entry: Terms<Self>);
}

impl Logged for u64 {
    fn log(log: &mut Log, entry: Terms<u64>) {
        log.size.words += entry.x.own.len();
        log.words.push(entry);
    }
}

impl Logged for u128 {
    fn log(log: &mut Log, entry: Terms<u128>) {
        log.size.wide += entry.x.own.len();
        log.wide.push(entry);
    }
}
