//! Matrix product over Z_2^64: no library offers wrapping 64-bit integers.

use super::kernel;

kernel! {
    /// C += A B over Z_2^64, row-major: A is m x k, B k x n, C m x n. One thread.
    ///
    /// # Panics
    /// If a slice is shorter than its shape says.
    pub fn matmul_add(a: &[u64], b: &[u64], c: &mut [u64], m: usize, k: usize, n: usize) = body
}

/// Rows of C per register block.
const MR: usize = 4;
/// Columns of C per register block: four 512-bit registers.
const NR: usize = 32;
/// Words per 512-bit register.
const LANES: usize = 8;
/// Depth of a packed panel of B: 256 x 32 words are 64 KiB, half of a second-level cache.
const KC: usize = 256;

#[inline(always)]
fn body(a: &[u64], b: &[u64], c: &mut [u64], m: usize, k: usize, n: usize) {
    assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n, "matrix shapes");
    if n < NR / 2 {
        return narrow(a, b, c, m, k, n);
    }
    let mut panel = vec![[0u64; NR]; KC.min(k)];
    for k0 in (0..k).step_by(KC) {
        let depth = KC.min(k - k0);
        for j0 in (0..n).step_by(NR) {
            let width = NR.min(n - j0);
            for (p, row) in panel[..depth].iter_mut().enumerate() {
                let start = (k0 + p) * n + j0;
                row[..width].copy_from_slice(&b[start..start + width]);
                row[width..].fill(0);
            }
            let mut i = 0;
            while i + MR <= m {
                let rows = std::array::from_fn(|r| &a[(i + r) * k + k0..][..depth]);
                block::<MR>(rows, &panel[..depth], c, i, j0, width, n);
                i += MR;
            }
            while i < m {
                block::<1>([&a[i * k + k0..][..depth]], &panel[..depth], c, i, j0, width, n);
                i += 1;
            }
        }
    }
}

/// `R` rows times one panel, accumulated in registers.
#[inline(always)]
fn block<const R: usize>(
    rows: [&[u64]; R],
    panel: &[[u64; NR]],
    c: &mut [u64],
    i: usize,
    j0: usize,
    width: usize,
    n: usize,
) {
    let mut acc = [[[0u64; LANES]; NR / LANES]; R];
    for (p, b) in panel.iter().enumerate() {
        let (b, _) = b.as_chunks::<LANES>();
        for (acc, row) in acc.iter_mut().zip(&rows) {
            let x = [row[p]; LANES];
            for (acc, b) in acc.iter_mut().zip(b) {
                *acc = multiply_add(*acc, x, *b);
            }
        }
    }
    for (r, acc) in acc.iter().enumerate() {
        let out = &mut c[(i + r) * n + j0..][..width];
        for (o, &s) in out.iter_mut().zip(acc.as_flattened()) {
            *o = o.wrapping_add(s);
        }
    }
}

/// One register: kept whole, so that the compiler vectorises along it and
/// along nothing else.
#[inline(always)]
fn multiply_add(acc: [u64; LANES], x: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
    std::array::from_fn(|l| acc[l].wrapping_add(x[l].wrapping_mul(b[l])))
}

/// Few columns (a matrix times a vector, above all): dot products along the rows of A.
#[inline(always)]
fn narrow(a: &[u64], b: &[u64], c: &mut [u64], m: usize, k: usize, n: usize) {
    let mut column = vec![0u64; k];
    for j in 0..n {
        for (p, x) in column.iter_mut().enumerate() {
            *x = b[p * n + j];
        }
        for i in 0..m {
            let row = &a[i * k..(i + 1) * k];
            let mut lanes = [0u64; 16];
            let (head, tail) = row.as_chunks::<16>();
            let (column_head, column_tail) = column.as_chunks::<16>();
            for (x, y) in head.iter().zip(column_head) {
                for l in 0..16 {
                    lanes[l] = lanes[l].wrapping_add(x[l].wrapping_mul(y[l]));
                }
            }
            let mut sum = c[i * n + j];
            for l in lanes {
                sum = sum.wrapping_add(l);
            }
            for (&x, &y) in tail.iter().zip(column_tail) {
                sum = sum.wrapping_add(x.wrapping_mul(y));
            }
            c[i * n + j] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Backend, matmul_add};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_backend_agrees_with_the_definition(
            m in 0usize..13, k in 0usize..300, n in 0usize..70, seed: u64
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let a: Vec<u64> = (0..m * k).map(|_| rng.random()).collect();
            let b: Vec<u64> = (0..k * n).map(|_| rng.random()).collect();
            let c0: Vec<u64> = (0..m * n).map(|_| rng.random()).collect();
            let mut expected = c0.clone();
            for i in 0..m { for j in 0..n { for p in 0..k {
                expected[i * n + j] = expected[i * n + j].wrapping_add(a[i * k + p].wrapping_mul(b[p * n + j]));
            }}}
            for backend in [Backend::Avx512, Backend::Avx2, Backend::Baseline] {
                let mut c = c0.clone();
                matmul_add(backend, &a, &b, &mut c, m, k, n);
                prop_assert_eq!(&c, &expected, "{:?}", backend);
            }
        }
    }
}
