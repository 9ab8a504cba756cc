//! Shared vectors and what needs no message.

use super::element::{add_to, map, zip};
use crate::engine::{BitShares, RingShares};
use privity_core::{bits, field::Fp127};
use std::{marker::PhantomData, ops::Range};
use zeroize::Zeroize;

/// A public word as a signed integer.
pub trait Signed: Copy {
    /// Its value.
    fn signed(self) -> i128;
}

impl Signed for u64 {
    fn signed(self) -> i128 {
        i128::from(self.cast_signed())
    }
}

impl Signed for u128 {
    fn signed(self) -> i128 {
        self.cast_signed()
    }
}

/// One party's shares of a vector of integers, as elements of the field of
/// 2^127 - 1. `W` is the public word of an element.
#[derive(Clone)]
pub struct Vector<W> {
    pub(super) shares: Vec<Fp127>,
    word: PhantomData<fn() -> W>,
}

impl<W> Vector<W> {
    pub(super) fn of(shares: Vec<Fp127>) -> Self {
        Self { shares, word: PhantomData }
    }

    /// The same shares for another public word.
    pub(super) fn cast<V>(&self) -> Vector<V> {
        Vector::of(self.shares.clone())
    }

    /// This party's shares, for a party that leaves and returns. They are
    /// secret.
    pub fn expose_shares(&self) -> &[Fp127] {
        &self.shares
    }

    /// A vector from shares that [`Vector::expose_shares`] gave, or a resharing.
    pub fn from_shares(shares: Vec<Fp127>) -> Self {
        Self::of(shares)
    }
}

impl<W> std::fmt::Debug for Vector<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vector").field("len", &self.shares.len()).finish_non_exhaustive()
    }
}

impl<W> Drop for Vector<W> {
    fn drop(&mut self) {
        self.shares.zeroize();
    }
}

fn rows(x: &[Fp127], columns: usize) -> std::slice::Chunks<'_, Fp127> {
    assert!(columns > 0 && x.len().is_multiple_of(columns), "matrix shape");
    x.chunks(columns)
}

impl<W: Signed + privity_core::ring::Ring> RingShares for Vector<W> {
    type Word = W;
    fn len(&self) -> usize {
        self.shares.len()
    }
    fn zeros(len: usize) -> Self {
        Self::of(vec![Fp127::ZERO; len])
    }
    fn add(&self, other: &Self) -> Self {
        Self::of(zip(&self.shares, &other.shares, |a, b| a + b))
    }
    fn sub(&self, other: &Self) -> Self {
        Self::of(zip(&self.shares, &other.shares, |a, b| a - b))
    }
    fn scale(&self, k: W) -> Self {
        let k = Fp127::from_signed(k.signed());
        Self::of(map(&self.shares, |a| a * k))
    }
    fn mul_public(&self, k: &[W]) -> Self {
        assert_eq!(self.len(), k.len(), "vectors of different lengths");
        let product = |(&a, &k): (&Fp127, &W)| a * Fp127::from_signed(k.signed());
        Self::of(self.shares.iter().zip(k).map(product).collect())
    }
    fn gather(&self, indices: &[usize]) -> Self {
        Self::of(indices.iter().map(|&i| self.shares[i]).collect())
    }
    fn slice(&self, range: Range<usize>) -> Self {
        Self::of(self.shares[range].to_vec())
    }
    fn concat(parts: &[&Self]) -> Self {
        Self::of(parts.iter().flat_map(|p| p.shares.iter().copied()).collect())
    }
    fn sum_rows(&self, columns: usize) -> Self {
        let sum = |row: &[Fp127]| row.iter().fold(Fp127::ZERO, |s, &x| s + x);
        Self::of(rows(&self.shares, columns).map(sum).collect())
    }
    fn sum_columns(&self, columns: usize) -> Self {
        let mut sums = vec![Fp127::ZERO; columns];
        rows(&self.shares, columns).for_each(|row| add_to(&mut sums, row));
        Self::of(sums)
    }
    fn prefix_sum(&self) -> Self {
        let step = |sum: &mut Fp127, &x: &Fp127| {
            *sum = *sum + x;
            Some(*sum)
        };
        Self::of(self.shares.iter().scan(Fp127::ZERO, step).collect())
    }
}

/// One party's shares of a vector of bits, over GF(2^k), in blocks of k planes
/// for 64 bits each.
#[derive(Clone)]
pub struct Bits {
    pub(super) len: usize,
    pub(super) k: usize,
    pub(super) words: Vec<u64>,
}

impl Bits {
    fn plane(&self, j: usize) -> Vec<u64> {
        self.words.iter().skip(j).step_by(self.k).copied().collect()
    }

    fn from_planes(len: usize, planes: &[Vec<u64>]) -> Self {
        let words = (0..bits::words(len)).flat_map(|w| planes.iter().map(move |p| p[w])).collect();
        Self { len, k: planes.len(), words }
    }

    /// What lies after the last bit becomes zero.
    pub(super) fn clear_padding(&mut self) {
        if let (false, Some(last)) =
            (self.len.is_multiple_of(64), self.words.len().checked_sub(self.k))
        {
            let mask = (1 << (self.len % 64)) - 1;
            self.words[last..].iter_mut().for_each(|w| *w &= mask);
        }
    }
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bits").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Drop for Bits {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl BitShares for Bits {
    fn len(&self) -> usize {
        self.len
    }
    fn xor(&self, other: &Self) -> Self {
        assert_eq!(self.len, other.len, "bit vectors of different lengths");
        Self { len: self.len, k: self.k, words: xor(&self.words, &other.words) }
    }
    fn concat(parts: &[&Self]) -> Self {
        let k = parts.first().map_or(2, |p| p.k);
        let len = parts.iter().map(|p| p.len).sum();
        let planes: Vec<Vec<u64>> = (0..k)
            .map(|j| {
                let (mut out, mut at) = (Vec::with_capacity(bits::words(len)), 0);
                for part in parts {
                    bits::append(&mut out, at, &part.plane(j), part.len);
                    at += part.len;
                }
                out
            })
            .collect();
        Self::from_planes(len, &planes)
    }
    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.len, "bit range");
        let planes: Vec<Vec<u64>> =
            (0..self.k).map(|j| bits::extract(&self.plane(j), range.clone())).collect();
        Self::from_planes(range.len(), &planes)
    }
}

/// Exclusive or of words.
pub(super) fn xor(a: &[u64], b: &[u64]) -> Vec<u64> {
    assert_eq!(a.len(), b.len(), "bit vectors of different lengths");
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}
