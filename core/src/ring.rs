//! The rings Z_2^64 and Z_2^128, as machine words with wrapping arithmetic.

use crate::arch;
use rayon::prelude::*;

/// Below this many elements a vector operation stays on one thread: starting a
/// second costs more than it saves.
pub const PARALLEL: usize = 1 << 15;

/// An element of Z_2^k, k the width of the word.
pub trait Ring:
    Copy + Default + Eq + Send + Sync + std::fmt::Debug + bytemuck::Pod + zeroize::Zeroize + 'static
{
    /// k.
    const BITS: u32;
    /// 1.
    const ONE: Self;
    /// a + b
    fn plus(self, other: Self) -> Self;
    /// a - b
    fn minus(self, other: Self) -> Self;
    /// a * b
    fn times(self, other: Self) -> Self;
    /// The element of a small integer.
    fn from_u64(value: u64) -> Self;
    /// a * 2^n for n < k.
    fn shl(self, n: u32) -> Self;
    /// The arithmetic shift to the right by n < k: floor(a / 2^n) of the signed number.
    fn sar(self, n: u32) -> Self;
}

macro_rules! ring {
    ($($t:ty),*) => {$(
        impl Ring for $t {
            const BITS: u32 = <$t>::BITS;
            const ONE: Self = 1;
            #[inline(always)]
            fn plus(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn minus(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline(always)]
            fn times(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn from_u64(value: u64) -> Self { value as Self }
            #[inline(always)]
            fn shl(self, n: u32) -> Self { self << n }
            #[inline(always)]
            fn sar(self, n: u32) -> Self { (self.cast_signed() >> n).cast_unsigned() }
        }
    )*};
}
ring!(u64, u128);

/// `f` on each pair of elements, in parallel where it pays.
///
/// # Panics
/// If the lengths differ.
pub fn zip<R: Ring>(x: &[R], y: &[R], f: impl Fn(R, R) -> R + Sync + Send) -> Vec<R> {
    assert_eq!(x.len(), y.len(), "vectors of different lengths");
    if x.len() < PARALLEL {
        x.iter().zip(y).map(|(&a, &b)| f(a, b)).collect()
    } else {
        x.par_iter().zip(y).with_min_len(PARALLEL / 2).map(|(&a, &b)| f(a, b)).collect()
    }
}

/// `f` on each element, in parallel where it pays.
pub fn map<R: Ring>(x: &[R], f: impl Fn(R) -> R + Sync + Send) -> Vec<R> {
    if x.len() < PARALLEL {
        x.iter().map(|&a| f(a)).collect()
    } else {
        x.par_iter().with_min_len(PARALLEL / 2).map(|&a| f(a)).collect()
    }
}

/// C += A B over Z_2^64, row-major (A: m x k, B: k x n, C: m x n), on all cores.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn matmul_add(a: &[u64], b: &[u64], c: &mut [u64], m: usize, k: usize, n: usize) {
    let backend = arch::backend();
    if m * k * n < 1 << 18 || m < 2 {
        return arch::matmul_add(backend, a, b, c, m, k, n);
    }
    let rows = m.div_ceil(2 * rayon::current_num_threads()).max(4);
    c[..m * n].par_chunks_mut(rows * n).zip(a[..m * k].par_chunks(rows * k)).for_each(|(c, a)| {
        arch::matmul_add(backend, a, b, c, c.len() / n, k, n);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn laws<R: Ring>(a: R, b: R, c: R) {
        assert_eq!(a.plus(b), b.plus(a));
        assert_eq!(a.plus(b).plus(c), a.plus(b.plus(c)));
        assert_eq!(a.times(b), b.times(a));
        assert_eq!(a.times(b.plus(c)), a.times(b).plus(a.times(c)));
        assert_eq!(a.minus(b).plus(b), a);
        assert_eq!(a.times(R::ONE), a);
    }

    proptest! {
        #[test]
        fn ring_laws(a: u64, b: u64, c: u64, d: u128, e: u128, f: u128) {
            laws(a, b, c);
            laws(d, e, f);
        }
    }
}
