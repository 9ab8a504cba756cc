//! Transpose of 64x64 bit matrices, eight at a time.

use super::kernel;

kernel! {
    /// Transposes eight 64x64 bit matrices in place. `rows[r][b]` is row r of
    /// matrix b; bit c of a row is its column c. Interleaved like this, every
    /// step is the same operation on eight words side by side.
    pub fn transpose_blocks(rows: &mut [[u64; 8]; 64]) = body
}

/// Transposes a bit matrix of 128 columns: `columns` holds them one after the
/// other, each of `w = columns.len() / 128` blocks of 128 bits; row i of the
/// 128 w rows becomes `rows[i]`, bit j of it from column j.
///
/// # Panics
/// If the lengths differ or are no multiple of 128.
pub fn transpose_columns(backend: super::Backend, columns: &[u128], rows: &mut [u128]) {
    let done = match backend {
        super::Backend::Avx512 => super::gfni::transpose_columns(columns, rows),
        _ => 0,
    };
    if done < rows.len() {
        transpose_columns_from(backend, columns, rows, done);
    }
}

kernel! {
    /// [`transpose_columns`] from row `done` on, a multiple of 512.
    #[allow(unreachable_pub)] // a step of the function above
    pub fn transpose_columns_from(columns: &[u128], rows: &mut [u128], done: usize) = columns_body
}

#[inline(always)]
fn columns_body(columns: &[u128], rows: &mut [u128], done: usize) {
    assert!(columns.len() == rows.len() && rows.len().is_multiple_of(128), "bit matrix shape");
    let width = columns.len() / 128;
    for (t, rows) in rows.chunks_mut(512).enumerate().skip(done / 512) {
        let blocks = rows.len() / 128;
        let mut halves = [[[0u64; 8]; 64]; 2];
        for (j, column) in halves.as_flattened_mut().iter_mut().enumerate() {
            let from = &columns[j * width + 4 * t..][..blocks];
            for (pair, &block) in column.as_chunks_mut::<2>().0.iter_mut().zip(from) {
                *pair = [block as u64, (block >> 64) as u64];
            }
        }
        let [low, high] = &mut halves;
        body(low);
        body(high);
        for (b, rows) in rows.chunks_mut(64).enumerate() {
            for (r, row) in rows.iter_mut().enumerate() {
                *row = u128::from(low[r][b]) | u128::from(high[r][b]) << 64;
            }
        }
    }
}

/// Recursive block swap (Warren, "Hacker's Delight", section 7-3): swap the
/// off-diagonal quadrants of size 32, 16, ..., 1.
#[inline(always)]
fn body(rows: &mut [[u64; 8]; 64]) {
    swap::<32>(rows, 0x0000_0000_FFFF_FFFF);
    swap::<16>(rows, 0x0000_FFFF_0000_FFFF);
    swap::<8>(rows, 0x00FF_00FF_00FF_00FF);
    swap::<4>(rows, 0x0F0F_0F0F_0F0F_0F0F);
    swap::<2>(rows, 0x3333_3333_3333_3333);
    swap::<1>(rows, 0x5555_5555_5555_5555);
}

#[inline(always)]
fn swap<const S: usize>(rows: &mut [[u64; 8]; 64], low: u64) {
    let mut base = 0;
    while base < 64 {
        let (upper, lower) = rows[base..base + 2 * S].split_at_mut(S);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            for (u, l) in upper.iter_mut().zip(lower) {
                let t = ((*u >> S) ^ *l) & low;
                *l ^= t;
                *u ^= t << S;
            }
        }
        base += 2 * S;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Backend, transpose_blocks, transpose_columns};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn every_backend_agrees_with_the_definition() {
        let mut rng = StdRng::seed_from_u64(11);
        let plain: [[u64; 8]; 64] = std::array::from_fn(|_| std::array::from_fn(|_| rng.random()));
        for backend in [Backend::Avx512, Backend::Avx2, Backend::Baseline] {
            let mut rows = plain;
            transpose_blocks(backend, &mut rows);
            for b in 0..8 {
                for r in 0..64 {
                    for c in 0..64 {
                        assert_eq!(rows[c][b] >> r & 1, plain[r][b] >> c & 1, "{backend:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn columns_become_rows() {
        let mut rng = StdRng::seed_from_u64(12);
        for width in [1, 2, 3, 4, 5, 8, 11] {
            let columns: Vec<u128> = (0..128 * width).map(|_| rng.random()).collect();
            for backend in [Backend::Avx512, Backend::Avx2, Backend::Baseline] {
                let mut rows = vec![0; columns.len()];
                transpose_columns(backend, &columns, &mut rows);
                for (i, row) in rows.iter().enumerate() {
                    for j in 0..128 {
                        let bit = columns[j * width + i / 128] >> (i % 128) & 1;
                        assert_eq!(row >> j & 1, bit, "{backend:?} {width}");
                    }
                }
            }
        }
    }
}
