//! Packed bits: columns of a bit-sliced matrix.
//!
//! A vector of n words of 64 bits becomes 64 *planes*; plane j holds bit j of
//! every word, 64 to a word, element i at bit i mod 64 of word i / 64. One word
//! operation then works on 64 elements. Padding bits after element n - 1 carry
//! no meaning; they may hold other elements, so that they are cleared before
//! anything is opened ([`clear_padding`]).

use crate::arch::{self, Backend};
use rayon::prelude::*;

/// How many words hold `len` bits.
pub fn words(len: usize) -> usize {
    len.div_ceil(64)
}

/// Packs bits, the first into the lowest position of the first word.
pub fn pack(bits: &[bool]) -> Vec<u64> {
    bits.chunks(64)
        .map(|chunk| chunk.iter().enumerate().fold(0, |w, (i, &b)| w | u64::from(b) << i))
        .collect()
}

/// The first `len` bits of packed words.
///
/// # Panics
/// If there are fewer.
pub fn unpack(packed: &[u64], len: usize) -> Vec<bool> {
    assert!(packed.len() >= words(len), "too few packed words");
    (0..len).map(|i| packed[i / 64] >> (i % 64) & 1 == 1).collect()
}

/// Sets the bits after the first `len` to zero.
pub fn clear_padding(packed: &mut [u64], len: usize) {
    if let (false, Some(word)) = (len.is_multiple_of(64), packed.get_mut(len / 64)) {
        *word &= (1 << (len % 64)) - 1;
    }
}

/// Appends the first `len` bits of `from` to `out`, which holds `at` bits.
///
/// # Panics
/// If `from` is too short or `out` is not `words(at)` long.
pub fn append(out: &mut Vec<u64>, at: usize, from: &[u64], len: usize) {
    assert_eq!(out.len(), words(at), "packed bits and their count");
    let from = &from[..words(len)];
    let shift = at % 64;
    if shift == 0 {
        out.extend_from_slice(from);
        return;
    }
    clear_padding(out, at);
    for &word in from {
        if let Some(last) = out.last_mut() {
            *last |= word << shift;
        }
        out.push(word >> (64 - shift));
    }
    out.truncate(words(at + len));
}

/// The bits of `range`, moved to the front.
///
/// # Panics
/// If the range is not within `from`.
pub fn extract(from: &[u64], range: std::ops::Range<usize>) -> Vec<u64> {
    let (first, shift) = (range.start / 64, range.start % 64);
    assert!(words(range.end) <= from.len(), "bit range");
    (0..words(range.len()))
        .map(|i| {
            let low = from[first + i] >> shift;
            let high = if shift == 0 {
                0
            } else {
                from.get(first + i + 1).map_or(0, |w| w << (64 - shift))
            };
            low | high
        })
        .collect()
}

/// Elements per transposed tile: eight 64x64 blocks.
const TILE: usize = 512;

/// The 64 planes of `xs`, each `words(xs.len())` long, one after the other.
pub fn to_planes(xs: &[u64]) -> Vec<u64> {
    let stride = words(xs.len());
    let mut planes = vec![0; 64 * stride];
    let backend = arch::backend();
    let tiles: Vec<_> = split_columns(&mut planes, stride);
    let work = |(xs, mut columns): (&[u64], Vec<&mut [u64]>)| {
        let rows = transpose_tile(backend, xs);
        for (column, row) in columns.iter_mut().zip(&rows) {
            let width = column.len();
            column.copy_from_slice(&row[..width]);
        }
    };
    xs.par_chunks(TILE).zip(tiles).with_min_len(32).for_each(work);
    planes
}

/// The inverse of [`to_planes`] for `len` words from `count` planes; the
/// planes that are not there count as zero.
///
/// # Panics
/// If the planes are not `count * words(len)` long.
pub fn from_planes(planes: &[u64], count: usize, len: usize) -> Vec<u64> {
    let stride = words(len);
    assert_eq!(planes.len(), count * stride, "plane sizes");
    let mut xs = vec![0; len];
    let backend = arch::backend();
    xs.par_chunks_mut(TILE).enumerate().with_min_len(32).for_each(|(t, xs)| {
        let mut rows = [[0u64; 8]; 64];
        let width = words(xs.len());
        for (j, row) in rows[..count].iter_mut().enumerate() {
            row[..width].copy_from_slice(&planes[j * stride + t * 8..][..width]);
        }
        arch::transpose_blocks(backend, &mut rows);
        for (i, x) in xs.iter_mut().enumerate() {
            *x = rows[i % 64][i / 64];
        }
    });
    xs
}

/// Transposes up to 512 words: `result[j][b]` is bit j of words 64b..64b+64.
fn transpose_tile(backend: Backend, xs: &[u64]) -> [[u64; 8]; 64] {
    let mut rows = [[0u64; 8]; 64];
    for (i, &x) in xs.iter().enumerate() {
        rows[i % 64][i / 64] = x;
    }
    arch::transpose_blocks(backend, &mut rows);
    rows
}

/// For each tile, its eight words (fewer at the end) of every plane.
fn split_columns(planes: &mut [u64], stride: usize) -> Vec<Vec<&mut [u64]>> {
    let tiles = stride.div_ceil(TILE / 64);
    let mut columns: Vec<Vec<&mut [u64]>> = (0..tiles).map(|_| Vec::with_capacity(64)).collect();
    if stride > 0 {
        for plane in planes.chunks_mut(stride) {
            for (t, part) in plane.chunks_mut(TILE / 64).enumerate() {
                columns[t].push(part);
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn planes_hold_the_bits(xs in prop::collection::vec(any::<u64>(), 0..1200)) {
            let planes = to_planes(&xs);
            let stride = words(xs.len());
            for (i, x) in xs.iter().enumerate() {
                for j in [0, 1, 31, 62, 63] {
                    prop_assert_eq!(planes[j * stride + i / 64] >> (i % 64) & 1, x >> j & 1);
                }
            }
            prop_assert_eq!(from_planes(&planes, 64, xs.len()), xs);
        }

        #[test]
        fn append_and_extract(a: Vec<bool>, b: Vec<bool>, c: Vec<bool>) {
            let mut joined = pack(&a);
            append(&mut joined, a.len(), &pack(&b), b.len());
            append(&mut joined, a.len() + b.len(), &pack(&c), c.len());
            let all: Vec<bool> = [a.clone(), b.clone(), c].concat();
            prop_assert_eq!(unpack(&joined, all.len()), all);
            let middle = extract(&joined, a.len()..a.len() + b.len());
            prop_assert_eq!(unpack(&middle, b.len()), b);
        }

        #[test]
        fn unpack_inverts_pack(bits: Vec<bool>) {
            prop_assert_eq!(unpack(&pack(&bits), bits.len()), bits);
        }
    }
}
