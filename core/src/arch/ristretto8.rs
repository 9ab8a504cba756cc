//! Eight points of ristretto255 at a time, times one scalar, on AVX-512 IFMA.
//!
//! **Papers.** RFC 9496 (the group, its encoding and the one-way map); Hisil, Wong,
//! Carter, Dawson, "Twisted Edwards Curves Revisited", ASIACRYPT 2008 (the additions);
//! Bernstein et al., "High-speed high-security signatures", 2011 (signed digits of four
//! bits). curve25519-dalek computes one point at a time and is the reference that tests
//! compare with; what it does well is not written again here.
//!
//! **Numbers.** Each of the eight lanes holds an element of GF(2^255 - 19) as
//!
//! \\[ x = \sum_{i<5} x_i\, 2^{51 i}, \qquad 0 \le x_i < 2^{51} + 2^{16} \qquad (1) \\]
//!
//! which every function takes and returns: `vpmadd52` multiplies the low 52 bits. A
//! product has sums of at most five low halves, and five high halves of twice the
//! weight, below \\(15 \cdot 2^{52}\\); folded by 19 below 2^61 (2). One pass of carries
//! brings (1) back.
//!
//! **Constant time.** The scalar's digits choose from a table by looking at all of it;
//! signs and the cases of the encoding are masks. Lanes whose encoding is refused go
//! through everything and are told at the end.

use std::arch::x86_64::*;
use zeroize::Zeroizing;

/// Proof that the processor has the instructions.
#[derive(Clone, Copy, Debug)]
pub struct Ristretto8(());

/// Eight encodings.
pub type Encodings = [[u8; 32]; 8];

impl Ristretto8 {
    /// If the processor can.
    pub fn detect() -> Option<Self> {
        let able = std::arch::is_x86_feature_detected!("avx512ifma")
            && super::backend() == super::Backend::Avx512;
        able.then_some(Self(()))
    }

    /// k times the points that the one-way map of RFC 9496, section 4.3.4, gives for
    /// these uniform bytes. `k` is a scalar below the group's order.
    pub fn multiply_map(self, k: &[u8; 32], uniform: &[[u8; 64]; 8]) -> Encodings {
        // SAFETY: only `detect` makes the proof, after it has found the features.
        unsafe { multiply_map(k, uniform) }
    }

    /// k times decoded points, and which of the encodings are canonical.
    pub fn multiply(self, k: &[u8; 32], points: &Encodings) -> (Encodings, [bool; 8]) {
        // SAFETY: only `detect` makes the proof, after it has found the features.
        unsafe { multiply(k, points) }
    }
}

macro_rules! vectors {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block)*) => {$(
        $(#[$doc])*
        #[inline]
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,avx2")]
        fn $name($($arg: $ty),*) $(-> $out)? $body
    )*};
}

/// An element in each lane.
#[derive(Clone, Copy)]
struct Fe([__m512i; 5]);

/// A point in each lane, extended coordinates.
#[derive(Clone, Copy)]
struct Point {
    x: Fe,
    y: Fe,
    z: Fe,
    t: Fe,
}

/// y - x, y + x, 2 d t, 2 z: what an addition needs of its second operand.
#[derive(Clone, Copy)]
struct Cached([Fe; 4]);

type Limbs = [i64; 5];

const MASK: i64 = (1 << 51) - 1;
const D: Limbs =
    [0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff];
const D2: Limbs =
    [0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff];
const SQRT_M1: Limbs =
    [0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d];
const ONE_MINUS_D_SQ: Limbs =
    [0x409c1945fc176, 0x719abc6a1fc4f, 0x1c37f90b20684, 0x06bccca55eedf, 0x029072a8b2b3e];
const D_MINUS_ONE_SQ: Limbs =
    [0x55aaa44ed4d20, 0x59603c3332635, 0x26d3baf4a7928, 0x120a66e6997a9, 0x5968b37af66c2];
const SQRT_AD_MINUS_ONE: Limbs =
    [0x7f6a0497b2e1b, 0x1836f0a97afd2, 0x7d747f6be7638, 0x456079e7e6498, 0x376931bf2b834];
const INVSQRT_A_MINUS_D: Limbs =
    [0x0fdaa805d40ea, 0x2eb482e57d339, 0x007610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff];
/// Four times the modulus, with limbs above any of (1).
const P4: Limbs = [4 * (MASK - 18), 4 * MASK, 4 * MASK, 4 * MASK, 4 * MASK];

vectors! {
    fn splat(limbs: Limbs) -> Fe {
        Fe([
            _mm512_set1_epi64(limbs[0]),
            _mm512_set1_epi64(limbs[1]),
            _mm512_set1_epi64(limbs[2]),
            _mm512_set1_epi64(limbs[3]),
            _mm512_set1_epi64(limbs[4]),
        ])
    }

    fn zero() -> Fe {
        Fe([_mm512_setzero_si512(); 5])
    }

    fn one() -> Fe {
        splat([1, 0, 0, 0, 0])
    }

    fn times_19(x: __m512i) -> __m512i {
        let double = _mm512_add_epi64(x, x);
        _mm512_add_epi64(_mm512_add_epi64(_mm512_slli_epi64::<4>(x), double), x)
    }

    /// One pass of carries, all limbs at once: from limbs below 2^62 to (1).
    fn carry(x: Fe) -> Fe {
        let mask = _mm512_set1_epi64(MASK);
        let x = x.0;
        let c = [
            _mm512_srli_epi64::<51>(x[0]),
            _mm512_srli_epi64::<51>(x[1]),
            _mm512_srli_epi64::<51>(x[2]),
            _mm512_srli_epi64::<51>(x[3]),
            _mm512_srli_epi64::<51>(x[4]),
        ];
        Fe([
            _mm512_add_epi64(_mm512_and_si512(x[0], mask), times_19(c[4])),
            _mm512_add_epi64(_mm512_and_si512(x[1], mask), c[0]),
            _mm512_add_epi64(_mm512_and_si512(x[2], mask), c[1]),
            _mm512_add_epi64(_mm512_and_si512(x[3], mask), c[2]),
            _mm512_add_epi64(_mm512_and_si512(x[4], mask), c[3]),
        ])
    }

    fn add(a: Fe, b: Fe) -> Fe {
        let mut out = a;
        for i in 0..5 {
            out.0[i] = _mm512_add_epi64(a.0[i], b.0[i]);
        }
        carry(out)
    }

    fn sub(a: Fe, b: Fe) -> Fe {
        let mut out = splat(P4);
        for i in 0..5 {
            out.0[i] = _mm512_sub_epi64(_mm512_add_epi64(out.0[i], a.0[i]), b.0[i]);
        }
        carry(out)
    }

    fn negate(a: Fe) -> Fe {
        sub(zero(), a)
    }

    /// (2): ten sums, the high halves of twice the weight, to five limbs.
    fn fold(low: [__m512i; 10], high: [__m512i; 10]) -> Fe {
        let mut z = low;
        for k in 0..9 {
            z[k + 1] = _mm512_add_epi64(z[k + 1], _mm512_add_epi64(high[k], high[k]));
        }
        let mut out = zero();
        for k in 0..5 {
            out.0[k] = _mm512_add_epi64(z[k], times_19(z[k + 5]));
        }
        carry(out)
    }

    fn mul(a: Fe, b: Fe) -> Fe {
        let mut low = [_mm512_setzero_si512(); 10];
        let mut high = [_mm512_setzero_si512(); 10];
        for i in 0..5 {
            for j in 0..5 {
                low[i + j] = _mm512_madd52lo_epu64(low[i + j], a.0[i], b.0[j]);
                high[i + j] = _mm512_madd52hi_epu64(high[i + j], a.0[i], b.0[j]);
            }
        }
        fold(low, high)
    }

    fn square(a: Fe) -> Fe {
        let mut low = [_mm512_setzero_si512(); 10];
        let mut high = [_mm512_setzero_si512(); 10];
        // Products of two different limbs once, then doubled.
        for i in 0..5 {
            for j in i + 1..5 {
                low[i + j] = _mm512_madd52lo_epu64(low[i + j], a.0[i], a.0[j]);
                high[i + j] = _mm512_madd52hi_epu64(high[i + j], a.0[i], a.0[j]);
            }
        }
        for k in 0..10 {
            low[k] = _mm512_add_epi64(low[k], low[k]);
            high[k] = _mm512_add_epi64(high[k], high[k]);
        }
        for i in 0..5 {
            low[2 * i] = _mm512_madd52lo_epu64(low[2 * i], a.0[i], a.0[i]);
            high[2 * i] = _mm512_madd52hi_epu64(high[2 * i], a.0[i], a.0[i]);
        }
        fold(low, high)
    }

    fn square_times(a: Fe, n: usize) -> Fe {
        let mut x = a;
        for _ in 0..n {
            x = square(x);
        }
        x
    }

    /// a^((p - 5) / 8) = a^(2^252 - 3)
    fn power_p58(a: Fe) -> Fe {
        let a2 = square(a);
        let a9 = mul(a, square_times(a2, 2));
        let a11 = mul(a2, a9);
        let e5 = mul(a9, square(a11));
        let e10 = mul(square_times(e5, 5), e5);
        let e20 = mul(square_times(e10, 10), e10);
        let e40 = mul(square_times(e20, 20), e20);
        let e50 = mul(square_times(e40, 10), e10);
        let e100 = mul(square_times(e50, 50), e50);
        let e200 = mul(square_times(e100, 100), e100);
        let e250 = mul(square_times(e200, 50), e50);
        mul(square_times(e250, 2), a)
    }

    /// The one representation with all limbs below 2^51 and the number below p.
    fn canonical(a: Fe) -> Fe {
        let mask = _mm512_set1_epi64(MASK);
        let mut x = carry(a).0;
        // Whether x + 19 reaches 2^255: then p is to be taken off.
        let mut q = _mm512_srli_epi64::<51>(_mm512_add_epi64(x[0], _mm512_set1_epi64(19)));
        for i in 1..5 {
            q = _mm512_srli_epi64::<51>(_mm512_add_epi64(x[i], q));
        }
        x[0] = _mm512_add_epi64(x[0], times_19(q));
        for i in 0..4 {
            x[i + 1] = _mm512_add_epi64(x[i + 1], _mm512_srli_epi64::<51>(x[i]));
            x[i] = _mm512_and_si512(x[i], mask);
        }
        x[4] = _mm512_and_si512(x[4], mask);
        Fe(x)
    }

    fn is_zero(a: Fe) -> __mmask8 {
        let x = canonical(a).0;
        let any = _mm512_or_si512(
            _mm512_or_si512(_mm512_or_si512(x[0], x[1]), _mm512_or_si512(x[2], x[3])),
            x[4],
        );
        _mm512_testn_epi64_mask(any, any)
    }

    fn equal(a: Fe, b: Fe) -> __mmask8 {
        is_zero(sub(a, b))
    }

    /// Whether the canonical number is odd, which is what negative means.
    fn is_negative(a: Fe) -> __mmask8 {
        _mm512_test_epi64_mask(canonical(a).0[0], _mm512_set1_epi64(1))
    }

    /// `yes` in the lanes of the mask, `no` elsewhere.
    fn select(mask: __mmask8, yes: Fe, no: Fe) -> Fe {
        let mut out = no;
        for i in 0..5 {
            out.0[i] = _mm512_mask_mov_epi64(no.0[i], mask, yes.0[i]);
        }
        out
    }

    fn absolute(a: Fe) -> Fe {
        select(is_negative(a), negate(a), a)
    }

    /// SQRT_RATIO_M1 of RFC 9496, section 4.2: whether u/v is a square, and the root of
    /// it or of sqrt(-1) times it.
    fn sqrt_ratio(u: Fe, v: Fe) -> (__mmask8, Fe) {
        let v3 = mul(square(v), v);
        let v7 = mul(square(v3), v);
        let r = mul(mul(u, v3), power_p58(mul(u, v7)));
        let check = mul(v, square(r));
        let i = splat(SQRT_M1);
        let minus_u = negate(u);
        let correct = equal(check, u);
        let flipped = equal(check, minus_u);
        let flipped_i = equal(check, mul(minus_u, i));
        let r = select(flipped | flipped_i, mul(r, i), r);
        (correct | flipped, absolute(r))
    }

    fn identity() -> Point {
        Point { x: zero(), y: one(), z: one(), t: zero() }
    }

    fn cache(p: Point) -> Cached {
        Cached([sub(p.y, p.x), add(p.y, p.x), mul(p.t, splat(D2)), add(p.z, p.z)])
    }

    /// add-2008-hwcd-3, complete for this curve.
    fn add_cached(p: Point, q: &Cached) -> Point {
        let a = mul(sub(p.y, p.x), q.0[0]);
        let b = mul(add(p.y, p.x), q.0[1]);
        let c = mul(p.t, q.0[2]);
        let d = mul(p.z, q.0[3]);
        let (e, f, g, h) = (sub(b, a), sub(d, c), add(d, c), add(b, a));
        Point { x: mul(e, f), y: mul(g, h), z: mul(f, g), t: mul(e, h) }
    }

    /// dbl-2008-hwcd; t is left out where the next step does not ask for it.
    fn double(p: Point, with_t: bool) -> Point {
        let (a, b, z2) = (square(p.x), square(p.y), square(p.z));
        let h = add(a, b);
        let e = sub(h, square(add(p.x, p.y)));
        let g = sub(a, b);
        let f = add(add(z2, z2), g);
        Point {
            x: mul(e, f),
            y: mul(g, h),
            z: mul(f, g),
            t: if with_t { mul(e, h) } else { p.t },
        }
    }

    /// The multiple `digit` of -8 to 8, from the multiples 1 to 8.
    fn look_up(table: &[Cached; 8], digit: i8) -> Cached {
        let sign = digit >> 7;
        let size = (digit ^ sign).wrapping_sub(sign) as u8;
        let mut out = Cached([one(), one(), zero(), add(one(), one())]);
        for (j, entry) in (1u8..).zip(table) {
            // All ones if j is the size: only zero minus one borrows.
            let same = (u32::from(j ^ size).wrapping_sub(1) >> 24) as u8;
            for c in 0..4 {
                out.0[c] = select(same, entry.0[c], out.0[c]);
            }
        }
        let negative = sign.cast_unsigned();
        let swapped = [out.0[1], out.0[0], negate(out.0[2]), out.0[3]];
        for c in 0..3 {
            out.0[c] = select(negative, swapped[c], out.0[c]);
        }
        out
    }

    fn multiply_point(p: Point, digits: &[i8; 64]) -> Point {
        let first = cache(p);
        let mut table = [first; 8];
        let mut multiple = p;
        for entry in table.iter_mut().skip(1) {
            multiple = add_cached(multiple, &first);
            *entry = cache(multiple);
        }
        let mut q = identity();
        for &digit in digits.iter().rev() {
            q = double(double(double(double(q, false), false), false), true);
            q = add_cached(q, &look_up(&table, digit));
        }
        q
    }

    /// Section 4.3.1 of RFC 9496; the mask has the lanes that are well encoded.
    fn decode(bytes: &Encodings) -> (Point, __mmask8) {
        let s = load(bytes);
        let stored = store(s);
        let mut good = 0u8;
        for lane in 0..8 {
            // Public: a peer's bytes. Not canonical, or negative.
            let same = stored[lane] == bytes[lane] && bytes[lane][0] & 1 == 0;
            good |= u8::from(same) << lane;
        }
        let ss = square(s);
        let (u1, u2) = (sub(one(), ss), add(one(), ss));
        let u2_sqr = square(u2);
        let v = sub(negate(mul(splat(D), square(u1))), u2_sqr);
        let (was_square, invsqrt) = sqrt_ratio(one(), mul(v, u2_sqr));
        let den_x = mul(invsqrt, u2);
        let den_y = mul(mul(invsqrt, den_x), v);
        let x = absolute(mul(add(s, s), den_x));
        let y = mul(u1, den_y);
        let t = mul(x, y);
        let good = good & was_square & !is_negative(t) & !is_zero(y);
        (Point { x, y, z: one(), t }, good)
    }

    /// Section 4.3.2.
    fn encode(p: Point) -> Encodings {
        let u1 = mul(add(p.z, p.y), sub(p.z, p.y));
        let u2 = mul(p.x, p.y);
        let (_, invsqrt) = sqrt_ratio(one(), mul(u1, square(u2)));
        let (den1, den2) = (mul(invsqrt, u1), mul(invsqrt, u2));
        let z_inv = mul(mul(den1, den2), p.t);
        let i = splat(SQRT_M1);
        let (ix, iy) = (mul(p.x, i), mul(p.y, i));
        let enchanted = mul(den1, splat(INVSQRT_A_MINUS_D));
        let rotate = is_negative(mul(p.t, z_inv));
        let x = select(rotate, iy, p.x);
        let y = select(rotate, ix, p.y);
        let den_inv = select(rotate, enchanted, den2);
        let y = select(is_negative(mul(x, z_inv)), negate(y), y);
        store(absolute(mul(den_inv, sub(p.z, y))))
    }

    /// MAP of section 4.3.4.
    fn map(t: Fe) -> Point {
        let r = mul(splat(SQRT_M1), square(t));
        let u = mul(add(r, one()), splat(ONE_MINUS_D_SQ));
        let d = splat(D);
        let v = mul(sub(negate(one()), mul(r, d)), add(r, d));
        let (was_square, s) = sqrt_ratio(u, v);
        let s = select(was_square, s, negate(absolute(mul(s, t))));
        let c = select(was_square, negate(one()), r);
        let n = sub(mul(mul(c, sub(r, one())), splat(D_MINUS_ONE_SQ)), v);
        let ss = square(s);
        let w0 = mul(add(s, s), v);
        let w1 = mul(n, splat(SQRT_AD_MINUS_ONE));
        let (w2, w3) = (sub(one(), ss), add(one(), ss));
        Point { x: mul(w0, w3), y: mul(w2, w1), z: mul(w1, w3), t: mul(w0, w2) }
    }

    /// The low 255 bits of each, below 2^255 and not reduced.
    fn load(bytes: &Encodings) -> Fe {
        let mut limbs = [[0i64; 8]; 5];
        for (lane, bytes) in bytes.iter().enumerate() {
            let word = |i: usize| {
                let mut w = [0u8; 8];
                w.copy_from_slice(&bytes[8 * i..8 * i + 8]);
                u64::from_le_bytes(w)
            };
            let w = [word(0), word(1), word(2), word(3)];
            let parts = [
                w[0],
                w[0] >> 51 | w[1] << 13,
                w[1] >> 38 | w[2] << 26,
                w[2] >> 25 | w[3] << 39,
                w[3] >> 12,
            ];
            for i in 0..5 {
                limbs[i][lane] = parts[i].cast_signed() & MASK;
            }
        }
        let vector = |l: &[i64; 8]| {
            _mm512_set_epi64(l[7], l[6], l[5], l[4], l[3], l[2], l[1], l[0])
        };
        Fe([
            vector(&limbs[0]),
            vector(&limbs[1]),
            vector(&limbs[2]),
            vector(&limbs[3]),
            vector(&limbs[4]),
        ])
    }

    /// Canonical bytes.
    fn store(a: Fe) -> Encodings {
        let x = canonical(a).0;
        let mut limbs = [[0u64; 8]; 5];
        for i in 0..5 {
            let words: [u64; 8] = lanes(x[i]);
            limbs[i] = words;
        }
        let mut out = [[0u8; 32]; 8];
        for (lane, out) in out.iter_mut().enumerate() {
            let l = [limbs[0][lane], limbs[1][lane], limbs[2][lane], limbs[3][lane], limbs[4][lane]];
            let words = [
                l[0] | l[1] << 51,
                l[1] >> 13 | l[2] << 38,
                l[2] >> 26 | l[3] << 25,
                l[3] >> 39 | l[4] << 12,
            ];
            for (out, word) in out.chunks_exact_mut(8).zip(words) {
                out.copy_from_slice(&word.to_le_bytes());
            }
        }
        out
    }

    fn multiply_map(k: &[u8; 32], uniform: &[[u8; 64]; 8]) -> Encodings {
        let (mut first, mut second) = ([[0u8; 32]; 8], [[0u8; 32]; 8]);
        for lane in 0..8 {
            first[lane].copy_from_slice(&uniform[lane][..32]);
            second[lane].copy_from_slice(&uniform[lane][32..]);
        }
        let sum = add_cached(map(load(&first)), &cache(map(load(&second))));
        encode(multiply_point(sum, &Zeroizing::new(digits(k))))
    }

    fn multiply(k: &[u8; 32], points: &Encodings) -> (Encodings, [bool; 8]) {
        let (point, good) = decode(points);
        let out = encode(multiply_point(point, &Zeroizing::new(digits(k))));
        let mut flags = [false; 8];
        for (lane, flag) in flags.iter_mut().enumerate() {
            *flag = good >> lane & 1 == 1;
        }
        (out, flags)
    }
}

fn lanes(x: __m512i) -> [u64; 8] {
    // SAFETY: both types are 64 bytes of plain integers.
    unsafe { std::mem::transmute(x) }
}

/// A scalar below 2^253 in 64 digits of -8 to 7 (the last may be 8), lowest first.
fn digits(k: &[u8; 32]) -> [i8; 64] {
    let mut digits = [0i8; 64];
    for (i, byte) in k.iter().enumerate() {
        digits[2 * i] = (byte & 15).cast_signed();
        digits[2 * i + 1] = (byte >> 4).cast_signed();
    }
    for i in 0..63 {
        let carry = (digits[i] + 8) >> 4;
        digits[i] -= carry << 4;
        digits[i + 1] += carry;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::{
        ristretto::{CompressedRistretto, RistrettoPoint},
        scalar::Scalar,
    };
    use proptest::prelude::*;

    fn check(k: Scalar, uniform: &[[u8; 64]; 8]) {
        let Some(eight) = Ristretto8::detect() else { return };
        let got = eight.multiply_map(&k.to_bytes(), uniform);
        let points = uniform.map(|u| RistrettoPoint::from_uniform_bytes(&u));
        assert_eq!(got, points.map(|p| (p * k).compress().0));
        let encoded = points.map(|p| p.compress().0);
        let (again, good) = eight.multiply(&k.to_bytes(), &encoded);
        assert_eq!((again, good), (got, [true; 8]));
    }

    proptest! {
        #[test]
        fn as_curve25519_dalek(
            k in prop::array::uniform32(any::<u8>()),
            seeds in prop::array::uniform8(prop::array::uniform32(any::<u8>())),
            ends: bool,
        ) {
            let mut uniform = [[0u8; 64]; 8];
            for (u, seed) in uniform.iter_mut().zip(&seeds) {
                u[..32].copy_from_slice(seed);
                u[32..].copy_from_slice(seed);
                u[40] ^= seed[3] | 1;
                if ends {
                    // Numbers next to the modulus, and of few bits.
                    u[1..31].fill((seed[0] & 1) * 255);
                    u[31] = 0x7f;
                }
            }
            check(Scalar::from_bytes_mod_order(k), &uniform);
        }

        /// Bytes from anywhere: refused exactly where the reference refuses them.
        #[test]
        fn encodings_are_refused_alike(
            bytes in prop::array::uniform8(prop::array::uniform32(any::<u8>())),
            even: bool,
            high: u8,
        ) {
            let Some(eight) = Ristretto8::detect() else { return Ok(()) };
            let mut bytes = bytes;
            for b in &mut bytes {
                if even {
                    b[0] &= 0xfe;
                    b[31] &= 0x7f;
                }
                if high == 7 {
                    b[1..].fill(255);
                    b[31] = 0x7f;
                }
            }
            let (_, good) = eight.multiply(&Scalar::ONE.to_bytes(), &bytes);
            let expected = bytes.map(|b| CompressedRistretto(b).decompress().is_some());
            prop_assert_eq!(good, expected);
        }
    }

    #[test]
    fn corner_cases() {
        let l_minus_1 = -Scalar::ONE;
        for k in [Scalar::ZERO, Scalar::ONE, Scalar::from(8u8), Scalar::from(16u8), l_minus_1] {
            let mut uniform = [[0u8; 64]; 8];
            uniform[1] = [255; 64];
            uniform[2][0] = 1;
            uniform[3][32] = 1;
            uniform[4][..32].fill(0x7f);
            uniform[5][31] = 0x80;
            uniform[6][0] = 0xed;
            uniform[6][1..31].fill(0xff);
            uniform[6][31] = 0x7f;
            check(k, &uniform);
        }
        // The identity is well encoded, here as there: callers refuse it.
        if let Some(eight) = Ristretto8::detect() {
            let (out, good) = eight.multiply(&Scalar::from(5u8).to_bytes(), &[[0; 32]; 8]);
            assert_eq!((out, good), ([[0; 32]; 8], [true; 8]));
        }
    }

    #[test]
    fn digits_make_the_scalar() {
        for k in [Scalar::ZERO, -Scalar::ONE, Scalar::from(0x8888_8888_8888_8888u64)] {
            let sum = digits(&k.to_bytes()).iter().rev().fold(Scalar::ZERO, |sum, &d| {
                let digit = Scalar::from(d.unsigned_abs());
                sum * Scalar::from(16u8) + if d < 0 { -digit } else { digit }
            });
            assert_eq!(sum, k);
        }
    }
}
