//! Transpose of bit columns with GFNI: 8x8 bit matrices are transposed by one
//! instruction, the rest is moving bytes.

/// Whether this processor has GFNI and the byte permutations of AVX-512.
pub(super) fn available() -> bool {
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    {
        std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vbmi")
            && std::arch::is_x86_feature_detected!("gfni")
    }
    #[cfg(not(all(target_arch = "x86_64", not(privity_backend = "scalar"))))]
    false
}

/// The rows of as many whole runs of 512 as there are; see
/// [`super::transpose_columns`]. Returns how many rows are done: none where the
/// processor lacks the instructions.
pub(super) fn transpose_columns(columns: &[u128], rows: &mut [u128]) -> usize {
    assert!(columns.len() == rows.len() && rows.len().is_multiple_of(128), "bit matrix shape");
    if !available() {
        return 0;
    }
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    // SAFETY: `available` has just found the features.
    unsafe {
        x86::transpose_columns(columns, rows);
    }
    rows.len() / 512 * 512
}

#[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
mod x86 {
    use std::arch::x86_64::*;

    #[inline(always)]
    fn load(x: &[u128; 4]) -> __m512i {
        // SAFETY: both types are 64 bytes of plain data.
        unsafe { std::mem::transmute(*x) }
    }

    #[inline(always)]
    fn store(x: __m512i) -> [u128; 4] {
        // SAFETY: both types are 64 bytes of plain data.
        unsafe { std::mem::transmute(x) }
    }

    #[inline(always)]
    fn bytes(x: [u8; 64]) -> __m512i {
        // SAFETY: both types are 64 bytes of plain data.
        unsafe { std::mem::transmute(x) }
    }

    /// From byte p of column j (at 8j + p) to 8p + 7 - j: the 8x8 bit matrix of
    /// byte p of eight columns, in the order in which the instruction wants it.
    const GATHER: [u8; 64] = {
        let mut index = [0; 64];
        let mut i = 0;
        while i < 64 {
            index[i] = (8 * (7 - i % 8) + i / 8) as u8;
            i += 1;
        }
        index
    };

    /// Row 4j + l to byte j of 128-bit lane l.
    const DEAL: [u8; 64] = {
        let mut index = [0; 64];
        let mut i = 0;
        while i < 64 {
            index[i] = (4 * (i % 16) + i / 16) as u8;
            i += 1;
        }
        index
    };

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,gfni")]
    pub(super) fn transpose_columns(columns: &[u128], rows: &mut [u128]) {
        let width = columns.len() / 128;
        let (gather, deal) = (bytes(GATHER), bytes(DEAL));
        // Byte i of each word has bit i set.
        let identity = _mm512_set1_epi64(0x8040_2010_0804_0201_u64 as i64);
        for (t, rows) in rows.chunks_exact_mut(512).enumerate() {
            // planes[s][g]: byte i is bits 8g..8g+8 of row 64s + i.
            let mut planes = [[_mm512_setzero_si512(); 16]; 8];
            for g in 0..16 {
                let mut x = [_mm512_setzero_si512(); 8];
                for (j, x) in x.iter_mut().enumerate() {
                    let from = &columns[(8 * g + j) * width + 4 * t..];
                    if let Some(four) = from.first_chunk::<4>() {
                        *x = load(four);
                    }
                }
                for (s, x) in words(x).into_iter().enumerate() {
                    let matrices = _mm512_permutexvar_epi8(gather, x);
                    let turned = _mm512_gf2p8affine_epi64_epi8::<0>(identity, matrices);
                    planes[s][g] = _mm512_permutexvar_epi8(deal, turned);
                }
            }
            for (planes, rows) in planes.into_iter().zip(rows.as_chunks_mut::<64>().0) {
                for (x, rows) in lanes(planes).into_iter().zip(rows.as_chunks_mut::<4>().0) {
                    *rows = store(x);
                }
            }
        }
    }

    /// Transposes 8x8 words of 64 bits.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn words(x: [__m512i; 8]) -> [__m512i; 8] {
        let mut y = x;
        for i in 0..4 {
            y[2 * i] = _mm512_unpacklo_epi64(x[2 * i], x[2 * i + 1]);
            y[2 * i + 1] = _mm512_unpackhi_epi64(x[2 * i], x[2 * i + 1]);
        }
        // Lanes of 128 bits: a 4x4 transpose for the even and for the odd ones.
        let mut out = x;
        for odd in 0..2 {
            let (a, b, c, d) = (y[odd], y[2 + odd], y[4 + odd], y[6 + odd]);
            let ab_low = _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b);
            let ab_high = _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b);
            let cd_low = _mm512_shuffle_i64x2::<0b10_00_10_00>(c, d);
            let cd_high = _mm512_shuffle_i64x2::<0b11_01_11_01>(c, d);
            out[odd] = _mm512_shuffle_i64x2::<0b10_00_10_00>(ab_low, cd_low);
            out[4 + odd] = _mm512_shuffle_i64x2::<0b11_01_11_01>(ab_low, cd_low);
            out[2 + odd] = _mm512_shuffle_i64x2::<0b10_00_10_00>(ab_high, cd_high);
            out[6 + odd] = _mm512_shuffle_i64x2::<0b11_01_11_01>(ab_high, cd_high);
        }
        out
    }

    /// Transposes 16x16 bytes in every 128-bit lane: four perfect shuffles.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn lanes(x: [__m512i; 16]) -> [__m512i; 16] {
        let mut x = x;
        for _ in 0..4 {
            let mut y = x;
            for i in 0..8 {
                y[2 * i] = _mm512_unpacklo_epi8(x[i], x[i + 8]);
                y[2 * i + 1] = _mm512_unpackhi_epi8(x[i], x[i + 8]);
            }
            x = y;
        }
        x
    }
}
