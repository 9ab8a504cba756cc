//! Local operations on replicated shares: the same on both components.

use super::Prss;
use crate::engine::{BitShares, RingShares};
use privity_core::{
    bits,
    ring::{self, Ring},
    share::replicated::Replicated,
};
use rayon::prelude::*;
use std::ops::Range;

impl<R: Ring> RingShares for Replicated<R> {
    type Word = R;

    fn len(&self) -> usize {
        self.own.len()
    }

    fn zeros(len: usize) -> Self {
        Self { own: vec![R::default(); len], next: vec![R::default(); len] }
    }

    fn add(&self, other: &Self) -> Self {
        self.zip_both(other, |a, b| ring::zip(a, b, R::plus))
    }

    fn sub(&self, other: &Self) -> Self {
        self.zip_both(other, |a, b| ring::zip(a, b, R::minus))
    }

    fn scale(&self, k: R) -> Self {
        self.map_both(|c| ring::map(c, |a| a.times(k)))
    }

    fn mul_public(&self, k: &[R]) -> Self {
        self.map_both(|c| ring::zip(c, k, R::times))
    }

    fn gather(&self, indices: &[usize]) -> Self {
        self.map_both(|c| {
            if indices.len() < ring::PARALLEL {
                indices.iter().map(|&i| c[i]).collect()
            } else {
                indices.par_iter().with_min_len(ring::PARALLEL / 2).map(|&i| c[i]).collect()
            }
        })
    }

    fn slice(&self, range: Range<usize>) -> Self {
        self.map_both(|c| c[range.clone()].to_vec())
    }

    fn concat(parts: &[&Self]) -> Self {
        let join = |f: fn(&Self) -> &[R]| parts.iter().map(|p| f(p)).collect::<Vec<_>>().concat();
        Self { own: join(|p| &p.own), next: join(|p| &p.next) }
    }

    fn tile(&self, times: usize) -> Self {
        self.map_both(|c| c.repeat(times))
    }

    fn transpose(&self, columns: usize) -> Self {
        let rows = self.len().checked_div(columns).unwrap_or(0);
        self.map_both(|c| {
            let mut out = vec![R::default(); rows * columns];
            for (r, row) in c.chunks_exact(columns.max(1)).enumerate() {
                for (x, o) in row.iter().zip(out[r..].iter_mut().step_by(rows)) {
                    *o = *x;
                }
            }
            out
        })
    }

    fn sum_rows(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.len().is_multiple_of(columns), "matrix shape");
        self.map_both(|c| c.chunks(columns).map(sum).collect())
    }

    fn sum_columns(&self, columns: usize) -> Self {
        assert!(columns > 0 && self.len().is_multiple_of(columns), "matrix shape");
        self.map_both(|c| {
            let mut sums = vec![R::default(); columns];
            for row in c.chunks(columns) {
                for (s, &x) in sums.iter_mut().zip(row) {
                    *s = s.plus(x);
                }
            }
            sums
        })
    }

    fn prefix_sum(&self) -> Self {
        self.map_both(|c| {
            c.iter()
                .scan(R::default(), |sum, &x| {
                    *sum = sum.plus(x);
                    Some(*sum)
                })
                .collect()
        })
    }
}

fn sum<R: Ring>(xs: &[R]) -> R {
    xs.iter().fold(R::default(), |s, &x| s.plus(x))
}

/// A shared vector of bits: replicated exclusive-or shares of packed words.
#[derive(Clone, Default, Debug)]
pub struct Bits {
    pub(crate) len: usize,
    pub(crate) words: Replicated<u64>,
}

impl Bits {
    /// Uniform bits that no party knows. Local: each component comes from the
    /// key of the pair that holds it.
    pub(crate) fn random(prss: &mut Prss, len: usize) -> Self {
        let (op, words) = (prss.operation(), bits::words(len));
        Self {
            len,
            words: Replicated { own: prss.own_vec(op, words), next: prss.next_vec(op, words) },
        }
    }

    /// not x, at party `me`: component 0 carries the constant.
    pub(crate) fn complement(&self, me: usize) -> Self {
        let mut out = self.clone();
        let component = match me {
            0 => &mut out.words.own,
            2 => &mut out.words.next,
            _ => return out,
        };
        component.iter_mut().for_each(|w| *w = !*w);
        out
    }

    /// The words to open: the last one may hold bits that are not to be.
    pub(crate) fn without_padding(&self) -> Replicated<u64> {
        let mut words = self.words.clone();
        bits::clear_padding(&mut words.own, self.len);
        bits::clear_padding(&mut words.next, self.len);
        words
    }
}

/// The same numbers modulo 2^64.
pub(crate) fn narrowed(x: &Replicated<u128>) -> Replicated<u64> {
    let low = |c: &[u128]| c.iter().map(|&x| x as u64).collect();
    Replicated { own: low(&x.own), next: low(&x.next) }
}

impl BitShares for Bits {
    fn len(&self) -> usize {
        self.len
    }

    fn xor(&self, other: &Self) -> Self {
        assert_eq!(self.len, other.len, "bit vectors of different lengths");
        let words = self.words.zip_both(&other.words, xor);
        Self { len: self.len, words }
    }

    fn concat(parts: &[&Self]) -> Self {
        let join = |f: fn(&Self) -> &[u64]| {
            let mut out = Vec::new();
            let mut len = 0;
            for p in parts {
                bits::append(&mut out, len, f(p), p.len);
                len += p.len;
            }
            out
        };
        Self {
            len: parts.iter().map(|p| p.len).sum(),
            words: Replicated { own: join(|p| &p.words.own), next: join(|p| &p.words.next) },
        }
    }

    fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.len, "bit range");
        Self { len: range.len(), words: self.words.map_both(|w| bits::extract(w, range.clone())) }
    }
}

/// Planes or words, one after the other.
pub(crate) fn join(parts: &[&Replicated<u64>]) -> Replicated<u64> {
    RingShares::concat(parts)
}

/// Exclusive or of packed words.
pub(crate) fn xor(a: &[u64], b: &[u64]) -> Vec<u64> {
    ring::zip(a, b, |x, y| x ^ y)
}
