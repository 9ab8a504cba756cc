//! Products of polynomials over GF(2), modulo x^128 + x^7 + x^2 + x + 1.
//!
//! Bit i of a word is the coefficient of x^i. Hand-written, because no compiler
//! makes carry-less multiplications out of plain code. Every path takes a time
//! that depends on lengths only.

/// The ways to multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clmul {
    /// Four products side by side: VPCLMULQDQ on 512 bits.
    Vector,
    /// PCLMULQDQ.
    Single,
    /// Shifts and masks; the reference.
    Scalar,
}

/// The best way on this processor.
pub fn clmul() -> Clmul {
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    {
        // The macro caches its answer.
        if std::arch::is_x86_feature_detected!("pclmulqdq") {
            if std::arch::is_x86_feature_detected!("vpclmulqdq")
                && std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
            {
                return Clmul::Vector;
            }
            return Clmul::Single;
        }
    }
    Clmul::Scalar
}

/// What the processor has, if it is at least `wanted`; the scalar way otherwise.
#[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
fn available(wanted: Clmul) -> Clmul {
    match (wanted, clmul()) {
        (Clmul::Vector, Clmul::Vector) => Clmul::Vector,
        (Clmul::Vector | Clmul::Single, Clmul::Vector | Clmul::Single) => Clmul::Single,
        _ => Clmul::Scalar,
    }
}

/// The sum of a_i b_i.
///
/// # Panics
/// If the lengths differ.
pub fn inner_product(way: Clmul, a: &[u128], b: &[u128]) -> u128 {
    assert_eq!(a.len(), b.len(), "vectors of different lengths");
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    match available(way) {
        // SAFETY: `available` has found VPCLMULQDQ, AVX-512 F and BW, and PCLMULQDQ.
        Clmul::Vector => return unsafe { x86::inner_product_vector(a, b) },
        // SAFETY: `available` has found PCLMULQDQ.
        Clmul::Single => return unsafe { x86::inner_product_single(a, b) },
        Clmul::Scalar => {}
    }
    let _ = way;
    scalar::inner_product(a, b)
}

/// out_i += c a_i.
///
/// # Panics
/// If the lengths differ.
pub fn add_multiple(way: Clmul, out: &mut [u128], c: u128, a: &[u128]) {
    assert_eq!(a.len(), out.len(), "vectors of different lengths");
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    match available(way) {
        // SAFETY: `available` has found VPCLMULQDQ, AVX-512 F and BW, and PCLMULQDQ.
        Clmul::Vector => return unsafe { x86::add_multiple_vector(out, c, a) },
        // SAFETY: `available` has found PCLMULQDQ.
        Clmul::Single => return unsafe { x86::add_multiple_single(out, c, a) },
        Clmul::Scalar => {}
    }
    let _ = way;
    for (o, &x) in out.iter_mut().zip(a) {
        *o ^= scalar::multiply(c, x);
    }
}

mod scalar {
    /// Low and high half of the unreduced product of two words.
    fn wide(a: u64, b: u64) -> u128 {
        let a = u128::from(a);
        (0..64).fold(0, |sum, i| sum ^ ((a << i) & 0u128.wrapping_sub(u128::from(b >> i & 1))))
    }

    /// x^128 = x^7 + x^2 + x + 1: folds the high half onto the low one, twice.
    fn reduce(low: u128, high: u128) -> u128 {
        let over = high >> 127 ^ high >> 126 ^ high >> 121;
        let high = high ^ over;
        low ^ high ^ high << 1 ^ high << 2 ^ high << 7
    }

    fn product(a: u128, b: u128) -> (u128, u128) {
        let (a0, a1, b0, b1) = (a as u64, (a >> 64) as u64, b as u64, (b >> 64) as u64);
        let (low, high) = (wide(a0, b0), wide(a1, b1));
        let middle = wide(a0, b1) ^ wide(a1, b0);
        (low ^ middle << 64, high ^ middle >> 64)
    }

    pub(super) fn multiply(a: u128, b: u128) -> u128 {
        let (low, high) = product(a, b);
        reduce(low, high)
    }

    pub(super) fn inner_product(a: &[u128], b: &[u128]) -> u128 {
        let (low, high) = a.iter().zip(b).fold((0, 0), |(low, high), (&x, &y)| {
            let (l, h) = product(x, y);
            (low ^ l, high ^ h)
        });
        reduce(low, high)
    }
}

#[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
mod x86 {
    use std::arch::x86_64::*;

    #[inline(always)]
    fn load(x: u128) -> __m128i {
        // SAFETY: both types are 16 bytes of plain data.
        unsafe { std::mem::transmute(x) }
    }

    #[inline(always)]
    fn store(x: __m128i) -> u128 {
        // SAFETY: both types are 16 bytes of plain data.
        unsafe { std::mem::transmute(x) }
    }

    /// Low, middle and high part of the product: low + middle x^64 + high x^128.
    #[inline]
    #[target_feature(enable = "pclmulqdq,sse2")]
    fn parts(a: __m128i, b: __m128i) -> [__m128i; 3] {
        [
            _mm_clmulepi64_si128::<0x00>(a, b),
            _mm_xor_si128(_mm_clmulepi64_si128::<0x01>(a, b), _mm_clmulepi64_si128::<0x10>(a, b)),
            _mm_clmulepi64_si128::<0x11>(a, b),
        ]
    }

    /// Multiplying by x^7 + x^2 + x + 1 folds 64 bits at a time, from the top.
    #[inline]
    #[target_feature(enable = "pclmulqdq,sse2")]
    fn reduce([low, middle, high]: [__m128i; 3]) -> __m128i {
        let fold = _mm_set_epi64x(0, 0x87);
        let high = _mm_xor_si128(high, _mm_srli_si128::<8>(middle));
        let low = _mm_xor_si128(low, _mm_slli_si128::<8>(middle));
        let top = _mm_clmulepi64_si128::<0x01>(high, fold);
        let high = _mm_xor_si128(high, _mm_srli_si128::<8>(top));
        let low = _mm_xor_si128(low, _mm_slli_si128::<8>(top));
        _mm_xor_si128(low, _mm_clmulepi64_si128::<0x00>(high, fold))
    }

    #[target_feature(enable = "pclmulqdq,sse2")]
    pub(super) fn inner_product_single(a: &[u128], b: &[u128]) -> u128 {
        let mut sum = [_mm_setzero_si128(); 3];
        for (&x, &y) in a.iter().zip(b) {
            let p = parts(load(x), load(y));
            for (s, p) in sum.iter_mut().zip(p) {
                *s = _mm_xor_si128(*s, p);
            }
        }
        store(reduce(sum))
    }

    #[target_feature(enable = "pclmulqdq,sse2")]
    pub(super) fn add_multiple_single(out: &mut [u128], c: u128, a: &[u128]) {
        let c = load(c);
        for (o, &x) in out.iter_mut().zip(a) {
            *o ^= store(reduce(parts(c, load(x))));
        }
    }

    #[inline(always)]
    fn load4(x: &[u128; 4]) -> __m512i {
        // SAFETY: reads exactly the 64 bytes of the array; the load may be unaligned.
        unsafe { std::ptr::read_unaligned(x.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,vpclmulqdq")]
    fn parts4(a: __m512i, b: __m512i) -> [__m512i; 3] {
        [
            _mm512_clmulepi64_epi128::<0x00>(a, b),
            _mm512_xor_si512(
                _mm512_clmulepi64_epi128::<0x01>(a, b),
                _mm512_clmulepi64_epi128::<0x10>(a, b),
            ),
            _mm512_clmulepi64_epi128::<0x11>(a, b),
        ]
    }

    /// The 128-bit lanes of `x`, summed.
    #[inline]
    #[target_feature(enable = "avx512f,sse2")]
    fn across(x: __m512i) -> __m128i {
        let half = _mm512_xor_si512(x, _mm512_shuffle_i64x2::<0b01_00_11_10>(x, x));
        let quarter = _mm512_xor_si512(half, _mm512_shuffle_i64x2::<0b10_11_00_01>(half, half));
        _mm512_castsi512_si128(quarter)
    }

    #[target_feature(enable = "avx512f,vpclmulqdq,pclmulqdq,sse2")]
    pub(super) fn inner_product_vector(a: &[u128], b: &[u128]) -> u128 {
        let mut sum = [_mm512_setzero_si512(); 3];
        let ((a4, a), (b4, b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
        for (x, y) in a4.iter().zip(b4) {
            let p = parts4(load4(x), load4(y));
            for (s, p) in sum.iter_mut().zip(p) {
                *s = _mm512_xor_si512(*s, p);
            }
        }
        let mut sum = [across(sum[0]), across(sum[1]), across(sum[2])];
        for (&x, &y) in a.iter().zip(b) {
            let p = parts(load(x), load(y));
            for (s, p) in sum.iter_mut().zip(p) {
                *s = _mm_xor_si128(*s, p);
            }
        }
        store(reduce(sum))
    }

    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq,pclmulqdq,sse2")]
    pub(super) fn add_multiple_vector(out: &mut [u128], c: u128, a: &[u128]) {
        let fold = _mm512_set1_epi64(0x87);
        let c4 = load4(&[c; 4]);
        let ((out4, out), (a4, a)) = (out.as_chunks_mut::<4>(), a.as_chunks::<4>());
        for (o, x) in out4.iter_mut().zip(a4) {
            let [low, middle, high] = parts4(c4, load4(x));
            let high = _mm512_xor_si512(high, _mm512_bsrli_epi128::<8>(middle));
            let low = _mm512_xor_si512(low, _mm512_bslli_epi128::<8>(middle));
            let top = _mm512_clmulepi64_epi128::<0x01>(high, fold);
            let high = _mm512_xor_si512(high, _mm512_bsrli_epi128::<8>(top));
            let low = _mm512_xor_si512(low, _mm512_bslli_epi128::<8>(top));
            let product = _mm512_xor_si512(low, _mm512_clmulepi64_epi128::<0x00>(high, fold));
            let sum = _mm512_xor_si512(product, load4(o));
            // SAFETY: both types are 64 bytes of plain data.
            *o = unsafe { std::mem::transmute::<__m512i, [u128; 4]>(sum) };
        }
        add_multiple_single(out, c, a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_way_agrees(pairs: Vec<(u128, u128)>, c: u128) {
            let (a, b): (Vec<u128>, Vec<u128>) = pairs.into_iter().unzip();
            let expected = inner_product(Clmul::Scalar, &a, &b);
            let sum = a.iter().zip(&b).fold(0, |s, (&x, &y)| s ^ scalar::multiply(x, y));
            prop_assert_eq!(expected, sum);
            for way in [Clmul::Vector, Clmul::Single] {
                prop_assert_eq!(inner_product(way, &a, &b), expected);
                let mut out = b.clone();
                add_multiple(way, &mut out, c, &a);
                for ((&o, &x), &y) in out.iter().zip(&a).zip(&b) {
                    prop_assert_eq!(o, y ^ scalar::multiply(c, x));
                }
            }
        }
    }
}
