//! Products of binary polynomials (carry-less products), summed or reduced
//! modulo x^64 + x^4 + x^3 + x + 1.
//!
//! The instruction is PCLMULQDQ, on registers of 128 bits or four of them at a
//! time. Where there is none, shifts and masks do the same in constant time.

/// What of a carry-less multiplier this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clmul64 {
    /// Four products per instruction.
    Wide,
    /// One product per instruction.
    Single,
    /// Shifts and masks.
    Portable,
}

impl Clmul64 {
    /// The best of this processor.
    pub(crate) fn detect() -> Self {
        #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
        {
            // The macro caches its answer.
            if std::arch::is_x86_feature_detected!("pclmulqdq")
                && std::arch::is_x86_feature_detected!("vpclmulqdq")
                && std::arch::is_x86_feature_detected!("avx512f")
            {
                return Clmul64::Wide;
            }
            if std::arch::is_x86_feature_detected!("pclmulqdq") {
                return Clmul64::Single;
            }
        }
        Clmul64::Portable
    }

    /// sum a_i b_i, unreduced.
    pub(crate) fn dot(self, a: &[u64], b: &[u64]) -> u128 {
        assert_eq!(a.len(), b.len(), "vectors of different lengths");
        #[cfg(target_arch = "x86_64")]
        match self {
            Clmul64::Wide if Self::detect() == Clmul64::Wide => {
                // SAFETY: `detect` has found vpclmulqdq and avx512f on this processor.
                return unsafe { x86::dot_wide(a, b) };
            }
            Clmul64::Single if Self::detect() != Clmul64::Portable => {
                // SAFETY: pclmulqdq has been found; vpclmulqdq implies it.
                return unsafe { x86::dot(a, b) };
            }
            _ => {}
        }
        a.iter().zip(b).fold(0, |s, (&a, &b)| s ^ portable(a, b))
    }

    /// sum t_i (a_i and b_i), unreduced.
    pub(crate) fn masked_dot(self, t: &[u64], a: &[u64], b: &[u64]) -> u128 {
        assert!(t.len() == a.len() && t.len() == b.len(), "vectors of different lengths");
        #[cfg(target_arch = "x86_64")]
        match self {
            Clmul64::Wide if Self::detect() == Clmul64::Wide => {
                // SAFETY: vpclmulqdq and avx512f have been found.
                return unsafe { x86::masked_dot_wide(t, a, b) };
            }
            Clmul64::Single if Self::detect() != Clmul64::Portable => {
                // SAFETY: pclmulqdq has been found; vpclmulqdq implies it.
                return unsafe { x86::masked_dot(t, a, b) };
            }
            _ => {}
        }
        t.iter().zip(a).zip(b).fold(0, |s, ((&t, &a), &b)| s ^ portable(t, a & b))
    }

    /// out_i = out_i + a_i b_i in GF(2^64).
    pub(crate) fn multiply_add(self, out: &mut [u64], a: &[u64], b: &[u64]) {
        assert!(out.len() == a.len() && out.len() == b.len(), "vectors of different lengths");
        #[cfg(target_arch = "x86_64")]
        match self {
            Clmul64::Wide if Self::detect() == Clmul64::Wide => {
                // SAFETY: vpclmulqdq and avx512f have been found.
                return unsafe { x86::multiply_add_wide(out, a, b) };
            }
            Clmul64::Single if Self::detect() != Clmul64::Portable => {
                // SAFETY: pclmulqdq has been found; vpclmulqdq implies it.
                return unsafe { x86::multiply_add(out, a, b) };
            }
            _ => {}
        }
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o ^= reduce(portable(a, b));
        }
    }
}

/// The low coefficients of the modulus: x^4 + x^3 + x + 1.
const TAIL: u64 = 0b1_1011;

/// A polynomial of degree below 128 modulo x^64 + x^4 + x^3 + x + 1.
pub(crate) fn reduce(product: u128) -> u64 {
    let by_tail = |x: u128| x ^ x << 1 ^ x << 3 ^ x << 4;
    let once = by_tail(product >> 64);
    let twice = by_tail(once >> 64);
    (product ^ once ^ twice) as u64
}

/// One product in constant time.
fn portable(a: u64, b: u64) -> u128 {
    let mut sum = 0;
    for i in 0..64 {
        // All ones if bit i of b is set.
        let mask = u128::from(b >> i & 1).wrapping_neg();
        sum ^= (u128::from(a) << i) & mask;
    }
    sum
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{TAIL, reduce};
    use std::arch::x86_64::*;

    /// One product.
    #[target_feature(enable = "pclmulqdq")]
    fn product(a: u64, b: u64) -> u128 {
        let wide = _mm_clmulepi64_si128::<0>(
            _mm_set_epi64x(0, a.cast_signed()),
            _mm_set_epi64x(0, b.cast_signed()),
        );
        sum_128(wide)
    }

    #[target_feature(enable = "pclmulqdq")]
    fn sum_128(x: __m128i) -> u128 {
        let mut words = [0u64; 2];
        // SAFETY: `words` has 16 bytes; the store needs no alignment.
        unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), x) };
        u128::from(words[0]) | u128::from(words[1]) << 64
    }

    #[target_feature(enable = "pclmulqdq")]
    pub(super) fn dot(a: &[u64], b: &[u64]) -> u128 {
        a.iter().zip(b).fold(0, |s, (&a, &b)| s ^ product(a, b))
    }

    #[target_feature(enable = "pclmulqdq")]
    pub(super) fn masked_dot(t: &[u64], a: &[u64], b: &[u64]) -> u128 {
        t.iter().zip(a).zip(b).fold(0, |s, ((&t, &a), &b)| s ^ product(t, a & b))
    }

    #[target_feature(enable = "pclmulqdq")]
    pub(super) fn multiply_add(out: &mut [u64], a: &[u64], b: &[u64]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o ^= reduce(product(a, b));
        }
    }

    #[target_feature(enable = "avx512f")]
    fn load(x: &[u64; 8]) -> __m512i {
        // SAFETY: `x` has 64 bytes; the load needs no alignment.
        unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f")]
    fn store(x: &mut [u64; 8], value: __m512i) {
        // SAFETY: `x` has 64 bytes; the store needs no alignment.
        unsafe { _mm512_storeu_si512(x.as_mut_ptr().cast(), value) }
    }

    /// The four 128-bit lanes, added.
    #[target_feature(enable = "avx512f")]
    fn sum(x: __m512i) -> u128 {
        let mut w = [0u64; 8];
        store(&mut w, x);
        let (low, high) = (w[0] ^ w[2] ^ w[4] ^ w[6], w[1] ^ w[3] ^ w[5] ^ w[7]);
        u128::from(low) | u128::from(high) << 64
    }

    /// The rest of a vector, filled up with zeros.
    fn padded(x: &[u64]) -> [u64; 8] {
        let mut out = [0; 8];
        out[..x.len()].copy_from_slice(x);
        out
    }

    #[target_feature(enable = "avx512f,vpclmulqdq")]
    pub(super) fn dot_wide(a: &[u64], b: &[u64]) -> u128 {
        let (a, a_rest) = a.as_chunks::<8>();
        let (b, b_rest) = b.as_chunks::<8>();
        let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        let mut step = |a: &[u64; 8], b: &[u64; 8]| {
            let (a, b) = (load(a), load(b));
            even = _mm512_xor_si512(even, _mm512_clmulepi64_epi128::<0x00>(a, b));
            odd = _mm512_xor_si512(odd, _mm512_clmulepi64_epi128::<0x11>(a, b));
        };
        a.iter().zip(b).for_each(|(a, b)| step(a, b));
        if !a_rest.is_empty() {
            step(&padded(a_rest), &padded(b_rest));
        }
        sum(_mm512_xor_si512(even, odd))
    }

    #[target_feature(enable = "avx512f,vpclmulqdq")]
    pub(super) fn masked_dot_wide(t: &[u64], a: &[u64], b: &[u64]) -> u128 {
        let (t, t_rest) = t.as_chunks::<8>();
        let (a, a_rest) = a.as_chunks::<8>();
        let (b, b_rest) = b.as_chunks::<8>();
        let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        let mut step = |t: &[u64; 8], a: &[u64; 8], b: &[u64; 8]| {
            let (t, ab) = (load(t), _mm512_and_si512(load(a), load(b)));
            even = _mm512_xor_si512(even, _mm512_clmulepi64_epi128::<0x00>(t, ab));
            odd = _mm512_xor_si512(odd, _mm512_clmulepi64_epi128::<0x11>(t, ab));
        };
        t.iter().zip(a).zip(b).for_each(|((t, a), b)| step(t, a, b));
        if !t_rest.is_empty() {
            step(&padded(t_rest), &padded(a_rest), &padded(b_rest));
        }
        sum(_mm512_xor_si512(even, odd))
    }

    #[target_feature(enable = "avx512f,vpclmulqdq")]
    pub(super) fn multiply_add_wide(out: &mut [u64], a: &[u64], b: &[u64]) {
        let tail = _mm512_set1_epi64(TAIL.cast_signed());
        // A product modulo the field polynomial, in the low half of each lane.
        let fold = |p: __m512i| {
            let once = _mm512_clmulepi64_epi128::<0x01>(p, tail);
            let twice = _mm512_clmulepi64_epi128::<0x01>(once, tail);
            _mm512_xor_si512(p, _mm512_xor_si512(once, twice))
        };
        let step = |out: &mut [u64; 8], a: &[u64; 8], b: &[u64; 8]| {
            let (a, b) = (load(a), load(b));
            let even = fold(_mm512_clmulepi64_epi128::<0x00>(a, b));
            let odd = fold(_mm512_clmulepi64_epi128::<0x11>(a, b));
            let both = _mm512_unpacklo_epi64(even, odd);
            let sum = _mm512_xor_si512(load(out), both);
            store(out, sum);
        };
        let (out, out_rest) = out.as_chunks_mut::<8>();
        let (a, a_rest) = a.as_chunks::<8>();
        let (b, b_rest) = b.as_chunks::<8>();
        out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| step(o, a, b));
        if !out_rest.is_empty() {
            let mut last = padded(out_rest);
            step(&mut last, &padded(a_rest), &padded(b_rest));
            out_rest.copy_from_slice(&last[..out_rest.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_backend_agrees_with_the_definition(
            rows in prop::collection::vec(any::<(u64, u64, u64)>(), 0..40),
        ) {
            let t: Vec<u64> = rows.iter().map(|r| r.0).collect();
            let a: Vec<u64> = rows.iter().map(|r| r.1).collect();
            let b: Vec<u64> = rows.iter().map(|r| r.2).collect();
            let dot = a.iter().zip(&b).fold(0, |s, (&a, &b)| s ^ portable(a, b));
            let masked = rows.iter().fold(0, |s, r| s ^ portable(r.0, r.1 & r.2));
            let added: Vec<u64> = rows.iter().map(|r| r.0 ^ reduce(portable(r.1, r.2))).collect();
            for way in [Clmul64::Wide, Clmul64::Single, Clmul64::Portable] {
                prop_assert_eq!(way.dot(&a, &b), dot);
                prop_assert_eq!(way.masked_dot(&t, &a, &b), masked);
                let mut out = t.clone();
                way.multiply_add(&mut out, &a, &b);
                prop_assert_eq!(&out, &added);
            }
        }
    }
}
