//! Keys as rows of the system, ordered by bin.

use super::{Element, Params, params::WEIGHT};
use crate::hash::Hash;
use privity_core::field::{Gf128, subfield::Embedding};
use rayon::prelude::*;

/// The rows of a set of keys for one seed.
#[derive(Debug)]
pub struct Rows {
    params: Params,
    /// Under the seed, which nobody could know when the keys were chosen: column 0 gives
    /// the places of a key, the others its coefficients.
    hash: Hash,
    /// For stores over the subfield.
    embedding: Option<Embedding>,
    /// Bin by bin.
    keys: Vec<u128>,
    /// Where each stood in the caller's list.
    order: Vec<u32>,
    /// Where each bin begins, and the end.
    starts: Vec<usize>,
}

/// Blocks that are hashed at once.
const BATCH: usize = 64;

/// One of `range`, by 32 uniform bits: off uniform by less than range / 2^32.
fn pick(bits: u32, range: usize) -> usize {
    ((u64::from(bits) * range as u64) >> 32) as usize
}

/// The bin of a hashed key.
fn bin(hash: u128, bins: usize) -> usize {
    pick((hash >> 96) as u32, bins)
}

/// Three different places below m, ascending but for the last.
fn places(hash: u128, m: usize) -> [u32; WEIGHT] {
    let word = |i: u32| (hash >> (32 * i)) as u32;
    let a = pick(word(0), m) as u32;
    let b = pick(word(1), m - 1) as u32;
    let b = b + u32::from(b >= a);
    let (low, high) = (a.min(b), a.max(b));
    let c = pick(word(2), m - 2) as u32;
    let c = c + u32::from(c >= low);
    let c = c + u32::from(c >= high);
    [low, high, c]
}

impl Rows {
    /// The rows of these keys under `seed`.
    ///
    /// # Panics
    /// If there are 2^32 keys or more.
    pub fn new(params: Params, seed: &[u8; 16], keys: &[u128]) -> Self {
        assert!(u32::try_from(keys.len()).is_ok(), "2^32 keys or more");
        let hash = Hash::new(seed);
        let bins = params.bins();
        let mut first = vec![0u32; keys.len()];
        first.par_chunks_mut(1 << 12).zip(keys.par_chunks(1 << 12)).for_each(|(bin_of, keys)| {
            let mut hashes = vec![0; keys.len()];
            hash.column(0, keys, &mut hashes);
            for (b, h) in bin_of.iter_mut().zip(hashes) {
                *b = bin(h, bins) as u32;
            }
        });
        let mut starts = vec![0usize; bins + 1];
        first.iter().for_each(|&b| starts[b as usize + 1] += 1);
        for b in 0..bins {
            starts[b + 1] += starts[b];
        }
        let mut next = starts.clone();
        let (mut sorted, mut order) = (vec![0; keys.len()], vec![0; keys.len()]);
        for (i, (&b, &key)) in (0u32..).zip(first.iter().zip(keys)) {
            let at = &mut next[b as usize];
            (sorted[*at], order[*at]) = (key, i);
            *at += 1;
        }
        let embedding = params.is_subfield().then(Embedding::new);
        Self { params, hash, embedding, keys: sorted, order, starts }
    }

    /// The sizes.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// For each decoded value, the index of its key in the caller's list.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The keys in the same order.
    pub fn keys(&self) -> &[u128] {
        &self.keys
    }

    pub(super) fn bin(&self, bin: usize) -> Bin<'_> {
        let range = self.starts[bin]..self.starts[bin + 1];
        Bin { rows: self, keys: &self.keys[range.clone()], order: &self.order[range] }
    }
}

/// The rows of one bin.
#[derive(Clone, Copy)]
pub(super) struct Bin<'a> {
    rows: &'a Rows,
    pub(super) keys: &'a [u128],
    pub(super) order: &'a [u32],
}

impl Bin<'_> {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The places of all rows.
    pub(super) fn places(&self) -> Vec<[u32; WEIGHT]> {
        let mut hashes = vec![0; self.len()];
        self.rows.hash.column(0, self.keys, &mut hashes);
        hashes.into_iter().map(|h| places(h, self.rows.params.sparse())).collect()
    }

    /// The coefficients of one key.
    pub(super) fn coefficients<E: Element>(&self, row: usize) -> Vec<E> {
        (1..=self.rows.params.dense())
            .map(|j| {
                let mut out = [0];
                self.rows.hash.column(j, &self.keys[row..=row], &mut out);
                self.coefficient(out[0])
            })
            .collect()
    }

    /// The coefficient in the field of the store, or, where a store over the
    /// subfield is decoded in the large field, its image.
    fn coefficient<E: Element>(&self, hash: u128) -> E {
        match &self.rows.embedding {
            Some(embedding) if !E::SUBFIELD => E::coefficient(embedding.of_vartime(hash as u64).0),
            _ => E::coefficient(hash),
        }
    }

    /// Adds the dense part of (1) to each of `out`.
    pub(super) fn add_dense<E: Element>(&self, dense: &[E], out: &mut [E]) {
        let mut column = [0u128; 16 * BATCH];
        let mut coefficients = [E::default(); 16 * BATCH];
        for (keys, out) in self.keys.chunks(16 * BATCH).zip(out.chunks_mut(16 * BATCH)) {
            let column = &mut column[..keys.len()];
            let coefficients = &mut coefficients[..keys.len()];
            for (j, &p) in (1..).zip(dense) {
                self.rows.hash.column(j, keys, column);
                for (c, &hash) in coefficients.iter_mut().zip(column.iter()) {
                    *c = self.coefficient(hash);
                }
                p.add_multiple(out, coefficients);
            }
        }
    }

    /// (1) for all rows, from the bin's vector.
    pub(super) fn decode(&self, store: &[Gf128], out: &mut [Gf128]) {
        let (sparse, dense) = store.split_at(self.rows.params.sparse());
        let mut hashes = [0u128; 16 * BATCH];
        for (keys, out) in self.keys.chunks(16 * BATCH).zip(out.chunks_mut(16 * BATCH)) {
            let hashes = &mut hashes[..keys.len()];
            self.rows.hash.column(0, keys, hashes);
            for (o, &h) in out.iter_mut().zip(hashes.iter()) {
                let [a, b, c] = places(h, sparse.len());
                *o = sparse[a as usize] + sparse[b as usize] + sparse[c as usize];
            }
        }
        self.add_dense(dense, out);
    }
}
