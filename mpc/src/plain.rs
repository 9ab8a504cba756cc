//! Engine `plain`, for tests only: one party, values in the clear.
//!
//! It gives nobody any privacy. It exists because it *checks*: every value
//! that enters a truncation or a comparison is computed in 128 bits and must
//! be inside the declared range, so an algorithm that overflows fails loudly
//! instead of returning noise. Truncation rounds at random as the real
//! engines do.
//!
//! The file is compiled under `cfg(test)` here and in `privity-joint`.

use privity_core::{Result, bits, ring::Ring};
use privity_mpc::engine::{
    BitShares, Dims, Engine, MAX_BITS, Recipients, RingShares, WIDE_MAX_BITS,
};
use std::ops::Range;

/// The engine, with the state of its generator.
pub(crate) struct Plain {
    state: u64,
}

/// A vector in the clear.
#[derive(Clone, Debug)]
pub(crate) struct Words<W = u64>(pub(crate) Vec<W>);

/// Bits in the clear.
#[derive(Clone, Debug)]
pub(crate) struct Flags(pub(crate) Vec<bool>);

impl Plain {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// splitmix64
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn cut(&mut self, x: i128, bits: u32) -> u64 {
        assert!(
            x.unsigned_abs() < 1 << MAX_BITS,
            "truncation of {:.1} bits is out of range",
            (x as f64).abs().log2()
        );
        let low = self.random() & ((1 << bits) - 1);
        let carry = i128::from(low as i128 > x & ((1 << bits) - 1));
        ((x >> bits) - carry + 1) as i64 as u64
    }

    /// A product's sum, which must be in range: an engine over a field does not
    /// reduce modulo 2^64.
    fn finish(&mut self, x: i128, trunc: u32) -> u64 {
        if trunc == 0 {
            assert!(i64::try_from(x).is_ok(), "a product outgrows the words");
            x as u64
        } else {
            self.cut(x, trunc)
        }
    }
}

fn signed(x: u64) -> i128 {
    i128::from(x as i64)
}

/// Sums and products of two's-complement integers that do not wrap: an engine
/// over a field does not reduce modulo 2^64.
pub(crate) trait Signed: Ring {
    fn sum(self, other: Self) -> Self;
    fn difference(self, other: Self) -> Self;
    fn product(self, other: Self) -> Self;
}

macro_rules! signed {
    ($($word:ty, $integer:ty);*) => {$(
        impl Signed for $word {
            fn sum(self, other: Self) -> Self {
                let sum = (self as $integer).checked_add(other as $integer);
                assert!(sum.is_some(), "a sum outgrows the words");
                self.plus(other)
            }
            fn difference(self, other: Self) -> Self {
                let difference = (self as $integer).checked_sub(other as $integer);
                assert!(difference.is_some(), "a difference outgrows the words");
                self.minus(other)
            }
            fn product(self, other: Self) -> Self {
                let product = (self as $integer).checked_mul(other as $integer);
                assert!(product.is_some(), "a public multiple outgrows the words");
                self.times(other)
            }
        }
    )*};
}
signed!(u64, i64; u128, i128);

impl<W: Signed> RingShares for Words<W> {
    type Word = W;

    fn len(&self) -> usize {
        self.0.len()
    }
    fn zeros(len: usize) -> Self {
        Self(vec![W::default(); len])
    }
    fn add(&self, other: &Self) -> Self {
        assert_eq!(self.len(), other.len(), "lengths");
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a.sum(*b)).collect())
    }
    fn sub(&self, other: &Self) -> Self {
        assert_eq!(self.len(), other.len(), "lengths");
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a.difference(*b)).collect())
    }
    fn scale(&self, k: W) -> Self {
        Self(self.0.iter().map(|a| a.product(k)).collect())
    }
    fn mul_public(&self, k: &[W]) -> Self {
        assert_eq!(self.len(), k.len(), "lengths");
        Self(self.0.iter().zip(k).map(|(a, b)| a.product(*b)).collect())
    }
    fn gather(&self, indices: &[usize]) -> Self {
        Self(indices.iter().map(|&i| self.0[i]).collect())
    }
    fn slice(&self, range: Range<usize>) -> Self {
        Self(self.0[range].to_vec())
    }
    fn concat(parts: &[&Self]) -> Self {
        Self(parts.iter().flat_map(|p| p.0.iter().copied()).collect())
    }
    fn sum_rows(&self, columns: usize) -> Self {
        Self(
            self.0.chunks(columns).map(|r| r.iter().fold(W::default(), |a, b| a.sum(*b))).collect(),
        )
    }
    fn sum_columns(&self, columns: usize) -> Self {
        let mut sums = vec![W::default(); columns];
        for row in self.0.chunks(columns) {
            for (s, x) in sums.iter_mut().zip(row) {
                *s = s.sum(*x);
            }
        }
        Self(sums)
    }
    fn prefix_sum(&self) -> Self {
        let add = |sum: &mut W, x: &W| {
            *sum = sum.sum(*x);
            Some(*sum)
        };
        Self(self.0.iter().scan(W::default(), add).collect())
    }
}

impl BitShares for Flags {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn xor(&self, other: &Self) -> Self {
        assert_eq!(self.len(), other.len(), "lengths");
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a ^ b).collect())
    }
    fn concat(parts: &[&Self]) -> Self {
        Self(parts.iter().flat_map(|p| p.0.iter().copied()).collect())
    }
    fn slice(&self, range: Range<usize>) -> Self {
        Self(self.0[range].to_vec())
    }
}

impl Engine for Plain {
    type Ring = Words;
    type Wide = Words<u128>;
    type Bits = Flags;
    type Permutation = Vec<usize>;

    fn me(&self) -> usize {
        0
    }
    fn parties(&self) -> usize {
        1
    }
    fn scope<T>(&mut self, _: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        work(self)
    }
    fn input(&mut self, _: usize, values: Option<&[u64]>, len: usize) -> Result<Words> {
        Ok(Words(values.map_or_else(|| vec![0; len], <[u64]>::to_vec)))
    }
    fn import(&mut self, additive: &[u64]) -> Result<Words> {
        Ok(Words(additive.to_vec()))
    }
    fn export(&mut self, x: &Words) -> Result<Vec<u64>> {
        Ok(x.0.clone())
    }
    fn public(&self, values: &[u64]) -> Words {
        Words(values.to_vec())
    }
    fn open(&mut self, x: &Words, _: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        Ok(Some(x.0.clone()))
    }
    fn open_bits(&mut self, x: &Flags, _: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        Ok(Some(bits::pack(&x.0)))
    }
    fn dot(&mut self, x: &Words, y: &Words, group: usize, trunc: u32) -> Result<Words> {
        assert_eq!(x.len(), y.len(), "lengths");
        let sums: Vec<i128> =
            x.0.chunks(group)
                .zip(y.0.chunks(group))
                .map(|(x, y)| x.iter().zip(y).map(|(a, b)| signed(*a) * signed(*b)).sum())
                .collect();
        Ok(Words(sums.into_iter().map(|s| self.finish(s, trunc)).collect()))
    }
    fn matmul(&mut self, x: &Words, y: &Words, dims: Dims, trunc: u32) -> Result<Words> {
        let Dims { m, k, n } = dims;
        assert!(x.len() == m * k && y.len() == k * n, "matrix shapes");
        let mut sums = vec![0i128; m * n];
        for i in 0..m {
            for p in 0..k {
                let a = signed(x.0[i * k + p]);
                for (s, b) in sums[i * n..(i + 1) * n].iter_mut().zip(&y.0[p * n..]) {
                    *s += a * signed(*b);
                }
            }
        }
        Ok(Words(sums.into_iter().map(|s| self.finish(s, trunc)).collect()))
    }
    fn truncate(&mut self, x: &Words, bits: u32) -> Result<Words> {
        Ok(Words(x.0.iter().map(|&x| self.cut(signed(x), bits)).collect()))
    }
    fn and(&mut self, x: &Flags, y: &Flags) -> Result<Flags> {
        assert_eq!(x.len(), y.len(), "lengths");
        Ok(Flags(x.0.iter().zip(&y.0).map(|(a, b)| a & b).collect()))
    }
    fn not(&self, x: &Flags) -> Flags {
        Flags(x.0.iter().map(|a| !a).collect())
    }
    fn is_negative(&mut self, x: &Words) -> Result<Flags> {
        Ok(Flags(x.0.iter().map(|&x| (x as i64) < 0).collect()))
    }
    fn is_zero(&mut self, x: &Words) -> Result<Flags> {
        Ok(Flags(x.0.iter().map(|&x| x == 0).collect()))
    }
    fn to_bits(&mut self, x: &Words, width: usize) -> Result<Vec<Flags>> {
        assert!((1..=64).contains(&width), "width");
        Ok((0..width).map(|j| Flags(x.0.iter().map(|x| x >> j & 1 == 1).collect())).collect())
    }
    fn random_bits(&mut self, len: usize) -> Result<Flags> {
        Ok(Flags((0..len).map(|_| self.random() & 1 == 1).collect()))
    }
    fn bit_to_ring(&mut self, b: &Flags) -> Result<Words> {
        Ok(Words(b.0.iter().map(|&b| u64::from(b)).collect()))
    }
    fn widen(&mut self, x: &Words) -> Result<Words<u128>> {
        let widened = x.0.iter().map(|&x| {
            assert!(signed(x).unsigned_abs() <= 1 << MAX_BITS, "widening beyond the range");
            signed(x) as u128
        });
        Ok(Words(widened.collect()))
    }
    fn narrow(&self, x: &Words<u128>) -> Words {
        let narrowed = x.0.iter().map(|&x| {
            assert!(i64::try_from(x as i128).is_ok(), "narrowing beyond the range");
            x as u64
        });
        Words(narrowed.collect())
    }
    fn public_wide(&self, values: &[u128]) -> Words<u128> {
        Words(values.to_vec())
    }
    fn open_wide(&mut self, x: &Words<u128>, _: Recipients<'_>) -> Result<Option<Vec<u128>>> {
        Ok(Some(x.0.clone()))
    }
    fn dot_wide(&mut self, x: &Words<u128>, y: &Words<u128>, group: usize) -> Result<Words<u128>> {
        assert_eq!(x.len(), y.len(), "lengths");
        let sums = x.0.chunks(group).zip(y.0.chunks(group)).map(|(x, y)| {
            let sum = x.iter().zip(y).try_fold(0i128, |sum, (a, b)| {
                (*a as i128).checked_mul(*b as i128).and_then(|p| sum.checked_add(p))
            });
            assert!(sum.is_some_and(|s| s.unsigned_abs() < 1 << WIDE_MAX_BITS), "wide sum");
            sum.unwrap_or(0) as u128
        });
        Ok(Words(sums.collect()))
    }
    fn truncate_wide(&mut self, x: &Words<u128>, bits: u32) -> Result<Words<u128>> {
        assert!((1..WIDE_MAX_BITS).contains(&bits), "bits");
        let mut out = vec![];
        for &x in &x.0 {
            let x = x as i128;
            assert!(x.unsigned_abs() < 1 << WIDE_MAX_BITS, "wide truncation is out of range");
            let random = u128::from(self.random()) << 64 | u128::from(self.random());
            let low = (random & ((1 << bits) - 1)) as i128;
            let carry = i128::from(low > x & ((1 << bits) - 1));
            out.push(((x >> bits) - carry + 1) as u128);
        }
        Ok(Words(out))
    }
    fn random_permutation(&mut self, n: usize) -> Result<Vec<usize>> {
        let mut permutation: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            permutation.swap(i, (self.random() % (i as u64 + 1)) as usize);
        }
        Ok(permutation)
    }
    fn shuffle(&mut self, to: &Vec<usize>, columns: &[&Words]) -> Result<Vec<Words>> {
        let moved = columns.iter().map(|column| {
            assert_eq!(column.len(), to.len(), "lengths");
            let mut out = vec![0; to.len()];
            for (&x, &t) in column.0.iter().zip(to) {
                out[t] = x;
            }
            Words(out)
        });
        Ok(moved.collect())
    }
    fn unshuffle(&mut self, to: &Vec<usize>, columns: &[&Words]) -> Result<Vec<Words>> {
        Ok(columns.iter().map(|column| column.gather(to)).collect())
    }
}
