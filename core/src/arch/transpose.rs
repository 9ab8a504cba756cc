//! Transpose of 64x64 bit matrices, eight at a time.

use super::kernel;

kernel! {
    /// Transposes eight 64x64 bit matrices in place. `rows[r][b]` is row r of
    /// matrix b; bit c of a row is its column c. Interleaved like this, every
    /// step is the same operation on eight words side by side.
    pub fn transpose_blocks(rows: &mut [[u64; 8]; 64]) = body
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
    use super::super::{Backend, transpose_blocks};
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
}
