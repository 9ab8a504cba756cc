//! AES-128 on four blocks at once (VAES with 512-bit registers), fused with
//! what is done to the blocks, so that they never leave the registers.
//!
//! A [`RoundKeys`] exists only on a processor that has the instructions; where
//! it does not, callers use the crate `aes`. Tests compare the two.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A scheduled key, and the proof that the kernels of this module may run.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RoundKeys([u128; 11]);

impl RoundKeys {
    /// Schedules `key`; `None` if this processor has no VAES or AVX-512.
    pub fn new(key: &[u8; 16]) -> Option<Self> {
        #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("vaes")
            && std::arch::is_x86_feature_detected!("aes")
        {
            // SAFETY: AES-NI has just been found.
            return Some(Self(unsafe { x86::expand(u128::from_le_bytes(*key)) }));
        }
        let _ = key;
        None
    }
}

impl std::fmt::Debug for RoundKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoundKeys").finish_non_exhaustive()
    }
}

/// Replaces x_j by P(P(x_j) + t_j) + P(x_j) with t_j = tweak + j, P being AES
/// under `keys` and all sums but that of the tweak exclusive or.
pub fn tweaked_hash(keys: &RoundKeys, tweak: u128, xs: &mut [u128]) {
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    // SAFETY: a `RoundKeys` exists only where VAES and AVX-512 F and BW do.
    unsafe {
        x86::tweaked_hash(&keys.0, tweak, xs);
    }
    #[cfg(not(all(target_arch = "x86_64", not(privity_backend = "scalar"))))]
    let _ = (keys, tweak, xs);
}

/// Blocks `first..first + u.len()` of the counter-mode streams of all keys:
/// `u` becomes the sum (exclusive or) of all, column b of `v` (`u.len()` blocks
/// each) the sum over the keys i for which bit b of `start + i` is set. Block c
/// of a stream is the encryption of c 2^64.
///
/// # Panics
/// If `v` does not hold whole columns.
pub fn small_field_sums(
    keys: &[RoundKeys],
    start: usize,
    first: u64,
    u: &mut [u128],
    v: &mut [u128],
) {
    assert!(u.is_empty() || v.len().is_multiple_of(u.len()), "column lengths");
    if keys.is_empty() || u.is_empty() {
        u.fill(0);
        v.fill(0);
        return;
    }
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    // SAFETY: a `RoundKeys` exists only where VAES and AVX-512 F and BW do.
    unsafe {
        x86::small_field_sums(keys, start, first, u, v);
    }
    #[cfg(not(all(target_arch = "x86_64", not(privity_backend = "scalar"))))]
    let _ = (start, first);
}

#[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
mod x86 {
    use super::RoundKeys;
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

    #[inline(always)]
    fn load4(x: &[u128; 4]) -> __m512i {
        // SAFETY: both types are 64 bytes of plain data.
        unsafe { std::mem::transmute(*x) }
    }

    #[inline(always)]
    fn store4(x: __m512i) -> [u128; 4] {
        // SAFETY: both types are 64 bytes of plain data.
        unsafe { std::mem::transmute(x) }
    }

    /// FIPS 197, section 5.2.
    #[target_feature(enable = "aes,sse2")]
    pub(super) fn expand(key: u128) -> [u128; 11] {
        #[inline]
        #[target_feature(enable = "aes,sse2")]
        fn next<const RCON: i32>(key: __m128i) -> __m128i {
            let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<RCON>(key));
            let key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
            let key = _mm_xor_si128(key, _mm_slli_si128::<8>(key));
            _mm_xor_si128(key, word)
        }
        let mut keys = [load(key); 11];
        keys[1] = next::<0x01>(keys[0]);
        keys[2] = next::<0x02>(keys[1]);
        keys[3] = next::<0x04>(keys[2]);
        keys[4] = next::<0x08>(keys[3]);
        keys[5] = next::<0x10>(keys[4]);
        keys[6] = next::<0x20>(keys[5]);
        keys[7] = next::<0x40>(keys[6]);
        keys[8] = next::<0x80>(keys[7]);
        keys[9] = next::<0x1b>(keys[8]);
        keys[10] = next::<0x36>(keys[9]);
        keys.map(store)
    }

    type Schedule = [__m512i; 11];

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn broadcast(keys: &[u128; 11]) -> Schedule {
        let mut all = [_mm512_setzero_si512(); 11];
        for (wide, &key) in all.iter_mut().zip(keys) {
            *wide = _mm512_broadcast_i32x4(load(key));
        }
        all
    }

    #[inline]
    #[target_feature(enable = "avx512f,vaes")]
    fn encrypt<const N: usize>(keys: &Schedule, x: &mut [__m512i; N]) {
        for x in x.iter_mut() {
            *x = _mm512_xor_si512(*x, keys[0]);
        }
        for key in &keys[1..10] {
            for x in x.iter_mut() {
                *x = _mm512_aesenc_epi128(*x, *key);
            }
        }
        for x in x.iter_mut() {
            *x = _mm512_aesenclast_epi128(*x, keys[10]);
        }
    }

    /// `tweak + 0..4`, as four blocks.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn tweaks(tweak: u128) -> __m512i {
        let t = |j| tweak.wrapping_add(j);
        load4(&[t(0), t(1), t(2), t(3)])
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes,aes")]
    pub(super) fn tweaked_hash(keys: &[u128; 11], tweak: u128, xs: &mut [u128]) {
        const N: usize = 4;
        let keys = broadcast(keys);
        // The usual case: no carry out of the low word of any tweak.
        let (low, high) = (tweak as u64, (tweak >> 64) as u64);
        let carries = low.checked_add(xs.len() as u64).is_none();
        let step = _mm512_set_epi64(0, 4, 0, 4, 0, 4, 0, 4);
        let high = high as i64;
        let base = low as i64;
        let add = |a: i64, b: i64| a.wrapping_add(b);
        let mut next = _mm512_set_epi64(
            high,
            add(base, 3),
            high,
            add(base, 2),
            high,
            add(base, 1),
            high,
            base,
        );
        let mut at = tweak;
        let (whole, rest) = xs.as_chunks_mut::<{ 4 * N }>();
        for chunk in whole {
            let mut inner = [_mm512_setzero_si512(); N];
            for (x, block) in inner.iter_mut().zip(chunk.as_chunks::<4>().0) {
                *x = load4(block);
            }
            encrypt(&keys, &mut inner);
            let mut outer = inner;
            for (j, x) in outer.iter_mut().enumerate() {
                let t = if carries { tweaks(at.wrapping_add(4 * j as u128)) } else { next };
                *x = _mm512_xor_si512(*x, t);
                next = _mm512_add_epi64(next, step);
            }
            at = at.wrapping_add(4 * N as u128);
            encrypt(&keys, &mut outer);
            for ((x, inner), block) in outer.iter().zip(inner).zip(chunk.as_chunks_mut::<4>().0) {
                *block = store4(_mm512_xor_si512(*x, inner));
            }
        }
        for part in rest.chunks_mut(4) {
            let mut block = [0; 4];
            block[..part.len()].copy_from_slice(part);
            let mut inner = [load4(&block)];
            encrypt(&keys, &mut inner);
            let mut outer = [_mm512_xor_si512(inner[0], tweaks(at))];
            encrypt(&keys, &mut outer);
            let out = store4(_mm512_xor_si512(outer[0], inner[0]));
            part.copy_from_slice(&out[..part.len()]);
            at = at.wrapping_add(4);
        }
    }

    /// Registers per piece of a column.
    const PIECE: usize = 4;

    #[target_feature(enable = "avx512f,avx512bw,vaes,aes")]
    pub(super) fn small_field_sums(
        keys: &[RoundKeys],
        start: usize,
        first: u64,
        u: &mut [u128],
        v: &mut [u128],
    ) {
        let width = u.len();
        let bits = v.len() / width;
        match bits {
            1 => sums::<1>(keys, start, first, width, u, v),
            2 => sums::<2>(keys, start, first, width, u, v),
            3 => sums::<3>(keys, start, first, width, u, v),
            4 => sums::<4>(keys, start, first, width, u, v),
            5 => sums::<5>(keys, start, first, width, u, v),
            6 => sums::<6>(keys, start, first, width, u, v),
            7 => sums::<7>(keys, start, first, width, u, v),
            _ => sums::<8>(keys, start, first, width, u, v),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vaes,aes")]
    fn sums<const BITS: usize>(
        keys: &[RoundKeys],
        start: usize,
        first: u64,
        width: usize,
        u: &mut [u128],
        v: &mut [u128],
    ) {
        let mut at = 0;
        while at < width {
            let len = (4 * PIECE).min(width - at);
            let counter = (first + at as u64) as i64;
            let mut counters = [_mm512_setzero_si512(); PIECE];
            for (i, c) in (0i64..).zip(&mut counters) {
                let c0 = counter + 4 * i;
                *c = _mm512_set_epi64(c0 + 3, 0, c0 + 2, 0, c0 + 1, 0, c0, 0);
            }
            let mut all = [_mm512_setzero_si512(); PIECE];
            let mut by_bit = [[_mm512_setzero_si512(); PIECE]; BITS];
            for (i, key) in keys.iter().enumerate() {
                let mut r = counters;
                encrypt(&broadcast(&key.0), &mut r);
                for (a, r) in all.iter_mut().zip(&r) {
                    *a = _mm512_xor_si512(*a, *r);
                }
                for (b, sums) in by_bit.iter_mut().enumerate() {
                    // Public: the position of the key, not a secret.
                    if (start + i) >> b & 1 == 1 {
                        for (s, r) in sums.iter_mut().zip(&r) {
                            *s = _mm512_xor_si512(*s, *r);
                        }
                    }
                }
            }
            let put = |registers: [__m512i; PIECE], out: &mut [u128]| {
                let blocks = registers.map(store4);
                out.copy_from_slice(&blocks.as_flattened()[..len]);
            };
            put(all, &mut u[at..at + len]);
            for (b, sums) in by_bit.into_iter().enumerate() {
                put(sums, &mut v[b * width + at..][..len]);
            }
            at += len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, prg::Prg};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sums_are_those_of_the_generator(
            seeds in prop::collection::vec(any::<[u8; 16]>(), 1..20),
            start in 0usize..2, first in 0u64..1000, width in 1usize..40, bits in 1usize..=8
        ) {
            let keys: Option<Vec<RoundKeys>> = seeds.iter().map(RoundKeys::new).collect();
            let Some(keys) = keys else { return Ok(()) };
            let (mut u, mut v) = (vec![1; width], vec![1; bits * width]);
            small_field_sums(&keys, start, first, &mut u, &mut v);
            let (mut all, mut by_bit) = (vec![0u128; width], vec![0u128; bits * width]);
            for (i, seed) in seeds.iter().enumerate() {
                let mut stream = vec![0u128; width];
                Prg::new(&Secret::new(*seed)).fill(0, first as usize, &mut stream);
                for (j, s) in stream.iter().enumerate() {
                    all[j] ^= s;
                    for b in 0..bits {
                        by_bit[b * width + j] ^= s * ((start + i) >> b & 1) as u128;
                    }
                }
            }
            prop_assert_eq!(u, all);
            prop_assert_eq!(v, by_bit);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        if let Some(keys) = RoundKeys::new(&[0xAB; 16]) {
            assert_eq!(format!("{keys:?}"), "RoundKeys { .. }");
        }
    }
}
