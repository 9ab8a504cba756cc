//! A random convolution along a vector, in place, on vector registers.

/// Bits of a coefficient word that are used: random feedback to the next 24
/// places. The 25th place always takes part.
pub const FEEDBACK: usize = 24;

/// For i = 0, 1, ...: x_i is added (exclusive or) to x_{i+1}, ..., x_{i+24} where
/// bit j - 1 of coefficient i is set, and to x_{i+25}. Returns the first i that
/// is left to the caller: zero where the processor lacks AVX-512 or BMI2.
///
/// # Panics
/// If there are fewer coefficients than elements.
pub fn convolve(x: &mut [u128], coefficients: &[u32]) -> usize {
    assert!(coefficients.len() >= x.len(), "one coefficient per element");
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    if std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("bmi2")
    {
        // SAFETY: the features have just been found.
        return unsafe { x86::convolve(x, coefficients) };
    }
    let _ = x;
    0
}

#[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
mod x86 {
    use super::FEEDBACK;
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

    /// Registers of the window: four elements and what they reach.
    const WINDOW: usize = 8;

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,bmi2")]
    pub(super) fn convolve(x: &mut [u128], coefficients: &[u32]) -> usize {
        let (blocks, _) = x.as_chunks_mut::<4>();
        let (coefficients, _) = coefficients.as_chunks::<4>();
        if blocks.len() < WINDOW {
            return 0;
        }
        let mut window = [_mm512_setzero_si512(); WINDOW];
        for (w, block) in window.iter_mut().zip(blocks.iter()) {
            *w = load(block);
        }
        let done = blocks.len() - WINDOW + 1;
        for z in 0..done {
            let c = &coefficients[z];
            feed::<0b00_00_00_00, 0>(&mut window, c[0]);
            feed::<0b01_01_01_01, 1>(&mut window, c[1]);
            feed::<0b10_10_10_10, 2>(&mut window, c[2]);
            feed::<0b11_11_11_11, 3>(&mut window, c[3]);
            blocks[z] = store(window[0]);
            for r in 1..WINDOW {
                window[r - 1] = window[r];
            }
            if let Some(next) = blocks.get(z + WINDOW) {
                window[WINDOW - 1] = load(next);
            }
        }
        for (w, block) in window.iter().zip(&mut blocks[done..]) {
            *block = store(*w);
        }
        4 * done
    }

    /// Adds element LANE of the window's first register to those it reaches.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,bmi2")]
    fn feed<const PICK: i32, const LANE: u32>(window: &mut [__m512i; WINDOW], coefficient: u32) {
        let x = _mm512_shuffle_i64x2::<PICK>(window[0], window[0]);
        let bits = u64::from(coefficient) & ((1 << FEEDBACK) - 1) | 1 << FEEDBACK;
        // Two words per element.
        let mask = (_pdep_u64(bits, 0x5555_5555_5555_5555) * 3) << (2 * (LANE + 1));
        for (r, w) in window.iter_mut().enumerate() {
            *w = _mm512_mask_xor_epi64(*w, (mask >> (8 * r)) as u8, *w, x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn agrees_with_the_definition_as_far_as_it_goes() {
        let mut rng = StdRng::seed_from_u64(5);
        for len in [0, 7, 31, 32, 33, 36, 100, 1000] {
            let plain: Vec<u128> = (0..len).map(|_| rng.random()).collect();
            let coefficients: Vec<u32> = (0..len).map(|_| rng.random()).collect();
            let mut x = plain.clone();
            let done = convolve(&mut x, &coefficients);
            let mut y = plain;
            for i in 0..done {
                for j in 1..=FEEDBACK {
                    if coefficients[i] >> (j - 1) & 1 == 1 {
                        y[i + j] ^= y[i];
                    }
                }
                y[i + FEEDBACK + 1] ^= y[i];
            }
            assert_eq!(x, y, "{len}");
        }
    }
}
