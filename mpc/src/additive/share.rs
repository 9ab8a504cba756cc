//! Additive shares of words and exclusive-or shares of bits, with the
//! operations that need no message.

use crate::engine::{BitShares, RingShares};
use privity_core::{
    bits,
    ring::{self, Ring},
};
use std::ops::Range;
use zeroize::Zeroize;

/// One party's additive shares of a vector: x = x_0 + x_1 + ...
#[derive(Clone, Default)]
pub struct Words<R: Ring>(pub(super) Vec<R>);

/// One party's exclusive-or shares of packed bits.
#[derive(Clone, Default)]
pub struct Bits {
    pub(super) len: usize,
    pub(super) words: Vec<u64>,
}

impl<R: Ring> Drop for Words<R> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Bits {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl<R: Ring> std::fmt::Debug for Words<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bits").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<R: Ring> RingShares for Words<R> {
    type Word = R;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn zeros(len: usize) -> Self {
        Self(vec![R::default(); len])
    }

    fn add(&self, other: &Self) -> Self {
        Self(ring::zip(&self.0, &other.0, R::plus))
    }

    fn sub(&self, other: &Self) -> Self {
        Self(ring::zip(&self.0, &other.0, R::minus))
    }

    fn scale(&self, k: R) -> Self {
        Self(ring::map(&self.0, |a| a.times(k)))
    }

    fn mul_public(&self, k: &[R]) -> Self {
        Self(ring::zip(&self.0, k, R::times))
    }

    fn gather(&self, indices: &[usize]) -> Self {
        Self(indices.iter().map(|&i| self.0[i]).collect())
    }

    fn slice(&self, range: Range<usize>) -> Self {
        Self(self.0[range].to_vec())
    }

    fn concat(parts: &[&Self]) -> Self {
        Self(parts.iter().map(|p| &p.0[..]).collect::<Vec<_>>().concat())
    }

    fn sum_rows(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.len().is_multiple_of(columns), "matrix shape");
        Self(self.0.chunks(columns).map(sum).collect())
    }

    fn sum_columns(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.len().is_multiple_of(columns), "matrix shape");
        let mut sums = vec![R::default(); columns];
        for row in self.0.chunks(columns) {
            for (s, &x) in sums.iter_mut().zip(row) {
                *s = s.plus(x);
            }
        }
        Self(sums)
    }

    fn prefix_sum(&self) -> Self {
        let add = |sum: &mut R, &x: &R| {
            *sum = sum.plus(x);
            Some(*sum)
        };
        Self(self.0.iter().scan(R::default(), add).collect())
    }
}

fn sum<R: Ring>(xs: &[R]) -> R {
    xs.iter().fold(R::default(), |s, &x| s.plus(x))
}

impl BitShares for Bits {
    fn len(&self) -> usize {
        self.len
    }

    fn xor(&self, other: &Self) -> Self {
        assert_eq!(self.len, other.len, "bit vectors of different lengths");
        Self { len: self.len, words: xor(&self.words, &other.words) }
    }

    fn concat(parts: &[&Self]) -> Self {
        let (mut words, mut len) = (Vec::new(), 0);
        for p in parts {
            bits::append(&mut words, len, &p.words, p.len);
            len += p.len;
        }
        Self { len, words }
    }

    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.len, "bit range");
        Self { len: range.len(), words: bits::extract(&self.words, range) }
    }
}

/// Exclusive or of packed words.
pub(super) fn xor(a: &[u64], b: &[u64]) -> Vec<u64> {
    ring::zip(a, b, |x, y| x ^ y)
}
