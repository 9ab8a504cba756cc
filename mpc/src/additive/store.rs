//! Correlated randomness made ahead: what kinds there are, how much of each.
//!
//! An item leaves the store when it is taken and is never put back. Both sides
//! of a link hold the same number of items of each kind in the same order.

use crate::engine::Dims;
use privity_core::{Error, Result};
use std::collections::BTreeMap;
use zeroize::{Zeroize, Zeroizing};

/// A kind of correlated randomness. Random values are uniform; a, b, c are
/// shared as everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// c = a b in Z_2^64.
    Ring,
    /// c = a b in Z_2^128.
    Wide,
    /// 64 times c = a b in GF(2).
    And,
    /// 64 times c = a b, c' = a b' in GF(2).
    Pair,
    /// A bit of each party's, and shares of their product modulo 2^(8 bytes).
    Carry {
        /// 1 to 16.
        bytes: u8,
    },
    /// Sixteen 1-of-16 OTs of two bits, for one comparison.
    Leaf,
    /// C = A B, matrices over Z_2^64 of m x k and k x n.
    Matrix {
        /// Rows of A.
        m: usize,
        /// Columns of A.
        k: usize,
        /// Columns of B.
        n: usize,
    },
}

impl Kind {
    pub(super) fn matrix(dims: Dims) -> Self {
        Self::Matrix { m: dims.m, k: dims.k, n: dims.n }
    }

    /// 64-bit words of one item, by column, at the party with the lower or the
    /// higher index.
    pub(super) fn widths(self, low: bool) -> Vec<usize> {
        match self {
            Self::Ring | Self::And => vec![1; 3],
            Self::Wide => vec![2; 3],
            Self::Pair => vec![1; 5],
            Self::Carry { .. } => vec![1, 2],
            Self::Leaf if low => vec![8],
            Self::Leaf => vec![1, 1],
            Self::Matrix { m, k, n } => {
                vec![m.saturating_mul(k), k.saturating_mul(n), m.saturating_mul(n)]
            }
        }
    }

    /// The least that is made at once when an operation finds too little.
    pub(super) fn minimum(self) -> usize {
        match self {
            Self::Ring => 32,
            Self::Wide => 8,
            Self::And | Self::Pair => 64,
            Self::Carry { .. } => 1024,
            Self::Leaf => 64,
            Self::Matrix { .. } => 1,
        }
    }
}

/// How much of each kind a program takes.
pub type Plan = BTreeMap<Kind, usize>;

/// Items of one kind, column by column.
#[derive(Default)]
pub(super) struct Pool {
    widths: Vec<usize>,
    columns: Vec<Vec<u64>>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.columns.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl Pool {
    fn len(&self) -> usize {
        match (self.columns.first(), self.widths.first()) {
            (Some(column), Some(&width)) => column.len().checked_div(width).unwrap_or(0),
            _ => 0,
        }
    }
}

/// A vector that is wiped after use.
pub(super) type Wiped<T> = Zeroizing<Vec<T>>;

/// Appends to a vector of secrets. One that outgrows its memory moves, and leaves
/// a copy behind when the library moves it; here the old place is wiped.
pub(super) fn append<T: Zeroize + Copy>(to: &mut Vec<T>, more: &[T]) {
    let len = to.len() + more.len();
    if len > to.capacity() {
        let mut grown = Vec::with_capacity(len.max(2 * to.capacity()));
        grown.extend_from_slice(to);
        std::mem::replace(to, grown).zeroize();
    }
    to.extend_from_slice(more);
}

/// Columns of words.
pub(super) type Columns = Vec<Wiped<u64>>;

/// All that is in stock.
#[derive(Default)]
pub(super) struct Store {
    low: bool,
    pools: BTreeMap<Kind, Pool>,
}

impl Store {
    pub(super) fn new(low: bool) -> Self {
        Self { low, pools: BTreeMap::new() }
    }

    pub(super) fn held(&self, kind: Kind) -> usize {
        self.pools.get(&kind).map_or(0, Pool::len)
    }

    pub(super) fn plan(&self) -> Plan {
        self.pools.iter().map(|(&k, p)| (k, p.len())).filter(|x| x.1 > 0).collect()
    }

    /// Adds items.
    pub(super) fn put(&mut self, kind: Kind, columns: Columns) -> Result<()> {
        let low = self.low;
        let pool = self.pools.entry(kind).or_insert_with(|| {
            let widths = kind.widths(low);
            Pool { columns: vec![Vec::new(); widths.len()], widths }
        });
        let n = match (columns.first(), pool.widths.first()) {
            (Some(column), Some(&width)) => column.len().checked_div(width).unwrap_or(0),
            _ => 0,
        };
        let fits = columns.len() == pool.widths.len()
            && columns.iter().zip(&pool.widths).all(|(c, w)| c.len() == n * w);
        if !fits {
            return Err(Error::Internal("prepared randomness of a wrong shape"));
        }
        for (pool, mut column) in pool.columns.iter_mut().zip(columns) {
            if pool.is_empty() {
                *pool = std::mem::take(&mut *column);
            } else {
                append(pool, &column);
            }
        }
        Ok(())
    }

    /// Takes `n` items for good.
    pub(super) fn take(&mut self, kind: Kind, n: usize) -> Result<Columns> {
        let low = self.low;
        if n == 0 {
            return Ok(kind.widths(low).iter().map(|_| Zeroizing::new(Vec::new())).collect());
        }
        let short = Error::Internal("less randomness in store than was ensured");
        let Some(pool) = self.pools.get_mut(&kind) else { return Err(short) };
        if pool.len() < n {
            return Err(short);
        }
        let mut taken = Vec::with_capacity(pool.widths.len());
        for (column, width) in pool.columns.iter_mut().zip(&pool.widths) {
            let at = column.len() - n * width;
            let part = Zeroizing::new(column[at..].to_vec());
            column[at..].zeroize();
            column.truncate(at);
            taken.push(part);
        }
        Ok(taken)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("held", &self.plan()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn a_vector_that_grows_keeps_what_is_in_it() {
        let (mut grown, mut expected) = (Vec::new(), Vec::new());
        for i in 0..50u64 {
            let more: Vec<u64> = (0..i % 7).map(|j| 100 * i + j).collect();
            expected.extend_from_slice(&more);
            append(&mut grown, &more);
            assert_eq!(grown, expected);
        }
    }
}
