//! The rings in which proofs are made, and the words that are lifted to them.
//!
//! - Bits: the field of 2^64 elements.
//! - Words of 64 bits: Z_2^128, so that a relation that must hold modulo 2^64
//!   has 64 bits to spare.
//! - Words of 128 bits: Z_2^192, with as much to spare.
//!
//! Challenges are words of 64 bits in all three.

use bytemuck::{AnyBitPattern, NoUninit};
use privity_core::{bits, field::gf64, ring::Ring};
use rayon::prelude::*;
use zeroize::Zeroize;

/// A ring for proofs.
pub(crate) trait Algebra: Send + Sync + 'static {
    /// Its elements.
    type E: Copy
        + Default
        + Eq
        + Send
        + Sync
        + Zeroize
        + NoUninit
        + AnyBitPattern
        + std::fmt::Debug
        + 'static;

    /// a + b
    fn add(a: Self::E, b: Self::E) -> Self::E;
    /// a - b
    fn sub(a: Self::E, b: Self::E) -> Self::E;
    /// a b
    fn mul(a: Self::E, b: Self::E) -> Self::E;
    /// k a for a challenge k
    fn scale(a: Self::E, k: u64) -> Self::E;

    /// sum a_i b_i
    fn dot(a: &[Self::E], b: &[Self::E]) -> Self::E {
        a.iter().zip(b).fold(Self::E::default(), |s, (&a, &b)| Self::add(s, Self::mul(a, b)))
    }

    /// out_i = out_i + k a_i, for as many as there are in `a`
    fn add_scaled(out: &mut [Self::E], a: &[Self::E], k: u64) {
        for (o, &a) in out.iter_mut().zip(a) {
            *o = Self::add(*o, Self::scale(a, k));
        }
    }

    /// -a
    fn neg(a: Self::E) -> Self::E {
        Self::sub(Self::E::default(), a)
    }

    /// The sum.
    fn sum(terms: impl Iterator<Item = Self::E>) -> Self::E {
        terms.fold(Self::E::default(), Self::add)
    }
}

/// Columns per task: eight rows of them stay in the second-level cache.
const TILE: usize = 1024;

/// The `rows` rows of `width` elements into which a vector is cut. The last
/// ones may be short or empty: what is missing counts as zero.
pub(crate) fn cut<T>(x: &[T], rows: usize, width: usize) -> Vec<&[T]> {
    let at = |i: usize| (i * width).min(x.len());
    (0..rows).map(|r| &x[at(r)..at(r + 1)]).collect()
}

/// Elements from a message of whole elements.
pub(crate) fn decode<E: Default + Clone + NoUninit + AnyBitPattern>(message: &[u8]) -> Vec<E> {
    let mut out = vec![E::default(); message.len() / size_of::<E>()];
    bytemuck::cast_slice_mut(&mut out).copy_from_slice(message);
    out
}

/// All inner products of the rows of s with the rows of t, row-major.
pub(crate) fn gram<A: Algebra>(s: &[&[A::E]], t: &[&[A::E]]) -> Vec<A::E> {
    let width = s.iter().chain(t).map(|r| r.len()).max().unwrap_or(0);
    let tile = |at: usize| {
        let mut out = Vec::with_capacity(s.len() * t.len());
        for s in s {
            for t in t {
                let end = (at + TILE).min(s.len()).min(t.len());
                let range = at.min(end)..end;
                out.push(A::dot(&s[range.clone()], &t[range]));
            }
        }
        out
    };
    let zero = || vec![A::E::default(); s.len() * t.len()];
    let add = |mut a: Vec<A::E>, b: Vec<A::E>| {
        for (a, b) in a.iter_mut().zip(b) {
            *a = A::add(*a, b);
        }
        a
    };
    if width <= TILE {
        return tile(0);
    }
    (0..width.div_ceil(TILE)).into_par_iter().map(|i| tile(i * TILE)).reduce(zero, add)
}

/// sum_r k_r row_r, of `width` elements.
pub(crate) fn fold<A: Algebra>(rows: &[&[A::E]], k: &[u64], width: usize) -> Vec<A::E> {
    let mut out = vec![A::E::default(); width];
    let work = |(i, out): (usize, &mut [A::E])| {
        for (row, &k) in rows.iter().zip(k) {
            A::add_scaled(out, &row[(i * TILE).min(row.len())..], k);
        }
    };
    if width <= TILE {
        work((0, &mut out));
    } else {
        out.par_chunks_mut(TILE).enumerate().for_each(work);
    }
    out
}

/// f^T G e for a row-major G.
pub(crate) fn bilinear<A: Algebra>(g: &[A::E], f: &[u64], e: &[u64]) -> A::E {
    let rows = g.chunks(e.len().max(1));
    A::sum(
        f.iter()
            .zip(rows)
            .map(|(&f, row)| A::scale(A::sum(row.iter().zip(e).map(|(&g, &e)| A::scale(g, e))), f)),
    )
}

/// The field of 2^64 elements.
pub(crate) struct Gf64;

impl Algebra for Gf64 {
    type E = u64;
    fn add(a: u64, b: u64) -> u64 {
        a ^ b
    }
    fn sub(a: u64, b: u64) -> u64 {
        a ^ b
    }
    fn mul(a: u64, b: u64) -> u64 {
        gf64::multiply(a, b)
    }
    fn scale(a: u64, k: u64) -> u64 {
        gf64::multiply(a, k)
    }
    fn dot(a: &[u64], b: &[u64]) -> u64 {
        gf64::dot(a, b)
    }
    fn add_scaled(out: &mut [u64], a: &[u64], k: u64) {
        const BLOCK: usize = 64;
        for (out, a) in out.chunks_mut(BLOCK).zip(a.chunks(BLOCK)) {
            gf64::multiply_add(&mut out[..a.len()], a, &[k; BLOCK][..a.len()]);
        }
    }
}

/// Z_2^128.
pub(crate) struct Z128;

impl Algebra for Z128 {
    type E = u128;
    fn add(a: u128, b: u128) -> u128 {
        a.wrapping_add(b)
    }
    fn sub(a: u128, b: u128) -> u128 {
        a.wrapping_sub(b)
    }
    fn mul(a: u128, b: u128) -> u128 {
        a.wrapping_mul(b)
    }
    fn scale(a: u128, k: u64) -> u128 {
        a.wrapping_mul(u128::from(k))
    }
}

/// Z_2^192, lowest limb first.
pub(crate) struct Z192;

/// The low and the high half of a 128-bit number.
fn halves(x: u128) -> (u64, u64) {
    (x as u64, (x >> 64) as u64)
}

impl Algebra for Z192 {
    type E = [u64; 3];
    fn add(a: [u64; 3], b: [u64; 3]) -> [u64; 3] {
        let (s0, c) = halves(u128::from(a[0]) + u128::from(b[0]));
        let (s1, c) = halves(u128::from(a[1]) + u128::from(b[1]) + u128::from(c));
        [s0, s1, a[2].wrapping_add(b[2]).wrapping_add(c)]
    }
    fn sub(a: [u64; 3], b: [u64; 3]) -> [u64; 3] {
        // a + not b + 1
        Self::add(Self::add(a, b.map(|b| !b)), [1, 0, 0])
    }
    fn mul(a: [u64; 3], b: [u64; 3]) -> [u64; 3] {
        let by_limb = |k: u64, shift: usize| {
            let mut shifted = [0; 3];
            shifted[shift..].copy_from_slice(&Self::scale(a, k)[..3 - shift]);
            shifted
        };
        Self::add(by_limb(b[0], 0), Self::add(by_limb(b[1], 1), by_limb(b[2], 2)))
    }
    fn scale(a: [u64; 3], k: u64) -> [u64; 3] {
        let k = u128::from(k);
        let (p0, c) = halves(u128::from(a[0]) * k);
        let (p1, c) = halves(u128::from(a[1]) * k + u128::from(c));
        [p0, p1, a[2].wrapping_mul(k as u64).wrapping_add(c)]
    }
}

/// What the lift of a word is.
pub(crate) type Lift<W> = <<W as Word>::Proof as Algebra>::E;

/// A word of the engine.
pub(crate) trait Word: Ring {
    /// The ring in which its products are made and proved.
    type Proof: Algebra;
    /// The same number in the larger ring.
    fn lift(self) -> Lift<Self>;
    /// The residue modulo 2^BITS.
    fn low(lifted: Lift<Self>) -> Self;
    /// The product of two lifts.
    fn times_lift(self, other: Self) -> Lift<Self>;
    /// Bit planes, lowest first.
    fn planes(xs: &[Self]) -> Vec<u64>;
    /// The logical shift to the right.
    fn shr(self, n: u32) -> Self;
}

impl Word for u64 {
    type Proof = Z128;
    fn lift(self) -> u128 {
        self.into()
    }
    fn low(lifted: u128) -> Self {
        lifted as u64
    }
    fn times_lift(self, other: Self) -> u128 {
        u128::from(self) * u128::from(other)
    }
    fn planes(xs: &[Self]) -> Vec<u64> {
        bits::to_planes(xs)
    }
    fn shr(self, n: u32) -> Self {
        self >> n
    }
}

impl Word for u128 {
    type Proof = Z192;
    fn lift(self) -> [u64; 3] {
        let (low, high) = halves(self);
        [low, high, 0]
    }
    fn low(lifted: [u64; 3]) -> Self {
        u128::from(lifted[0]) | u128::from(lifted[1]) << 64
    }
    fn times_lift(self, other: Self) -> [u64; 3] {
        Z192::mul(self.lift(), other.lift())
    }
    fn planes(xs: &[Self]) -> Vec<u64> {
        let half = |f: fn(u128) -> u64| xs.iter().map(|&x| f(x)).collect::<Vec<u64>>();
        let mut planes = bits::to_planes(&half(|x| x as u64));
        planes.extend(bits::to_planes(&half(|x| (x >> 64) as u64)));
        planes
    }
    fn shr(self, n: u32) -> Self {
        self >> n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn laws<A: Algebra>(a: A::E, b: A::E, c: A::E, k: u64) {
        assert_eq!(A::mul(a, b), A::mul(b, a));
        assert_eq!(A::mul(A::mul(a, b), c), A::mul(a, A::mul(b, c)));
        assert_eq!(A::mul(a, A::add(b, c)), A::add(A::mul(a, b), A::mul(a, c)));
        assert_eq!(A::sub(A::add(a, b), b), a);
        assert_eq!(A::scale(A::add(a, b), k), A::add(A::scale(a, k), A::scale(b, k)));
        assert_eq!(A::add(A::neg(a), a), A::E::default());
    }

    proptest! {
        #[test]
        fn ring_laws(a: [u64; 3], b: [u64; 3], c: [u64; 3], k: u64) {
            laws::<Z192>(a, b, c, k);
            laws::<Gf64>(a[0], b[0], c[0], k);
            let pair = |x: [u64; 3]| u128::low(x);
            laws::<Z128>(pair(a), pair(b), pair(c), k);
            // Z_2^192 agrees with Z_2^128 on the residue.
            prop_assert_eq!(pair(Z192::mul(a, b)), pair(a).wrapping_mul(pair(b)));
            prop_assert_eq!(pair(a).times_lift(pair(b)), Z192::mul(pair(a).lift(), pair(b).lift()));
        }

        /// <sum f_a s_a, sum e_b t_b> = f^T G e, for rows that are cut short too.
        #[test]
        fn folding_respects_inner_products(
            s in prop::collection::vec(any::<u128>(), 0..3000),
            f in prop::collection::vec(any::<u64>(), 5),
            e in prop::collection::vec(any::<u64>(), 5),
        ) {
            let t: Vec<u128> = s.iter().map(|x| x.rotate_left(17) ^ 99).collect();
            let width = s.len().div_ceil(5);
            let (rows, columns) = (cut(&s, 5, width), cut(&t, 5, width));
            let g = gram::<Z128>(&rows, &columns);
            let folded = Z128::dot(
                &fold::<Z128>(&rows, &f, width),
                &fold::<Z128>(&columns, &e, width),
            );
            prop_assert_eq!(folded, bilinear::<Z128>(&g, &f, &e));
        }
    }
}
