//! Values of few bits each, without gaps, as 64-bit words.

use crate::ring::Ring;
use rayon::prelude::*;

/// Widths in bits, repeated in a cycle along a vector: value i has
/// `widths[i % widths.len()]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Widths<'a>(pub(crate) &'a [u32]);

impl Widths<'_> {
    fn cycle_bits(self) -> usize {
        self.0.iter().map(|&w| w as usize).sum()
    }

    /// Bits of `n` values.
    pub(crate) fn bits(self, n: usize) -> usize {
        let rest = &self.0[..n % self.0.len()];
        n / self.0.len() * self.cycle_bits() + rest.iter().map(|&w| w as usize).sum::<usize>()
    }

    /// Words of `n` values.
    pub(crate) fn words(self, n: usize) -> usize {
        self.bits(n).div_ceil(64)
    }

    /// Values per independent piece, and its words: 64 cycles end at a word.
    fn piece(self) -> (usize, usize) {
        let cycles = 64 * (64usize).div_ceil(self.0.len());
        (cycles * self.0.len(), cycles / 64 * self.cycle_bits())
    }

    /// Packs the low bits of `value(i)` for i in 0..n.
    pub(crate) fn pack<R: Ring + Bits>(
        self,
        n: usize,
        value: impl Fn(usize) -> R + Sync,
    ) -> Vec<u64> {
        let mut out = vec![0u64; self.words(n)];
        let (values, words) = self.piece();
        out.par_chunks_mut(words).enumerate().for_each(|(p, out)| {
            let start = p * values;
            let (mut buffer, mut held, mut at) = (0u128, 0u32, 0);
            let mut put = |x: u64, width: u32| {
                buffer |= u128::from(x) << held;
                held += width;
                if held >= 64 {
                    out[at] = buffer as u64;
                    at += 1;
                    buffer >>= 64;
                    held -= 64;
                }
            };
            for (i, &width) in (start..n.min(start + values)).zip(self.0.iter().cycle()) {
                let (low, high) = value(i).low_bits(width);
                put(low, width.min(64));
                if width > 64 {
                    put(high, width - 64);
                }
            }
            if held > 0 {
                out[at] = buffer as u64;
            }
        });
        out
    }

    /// Unpacks `n` values and hands each to `f` with its index and place.
    pub(crate) fn unpack<R: Ring + Bits>(
        self,
        packed: &[u64],
        out: &mut [R],
        f: impl Fn(usize, R) -> R + Sync,
    ) {
        let (values, words) = self.piece();
        out.par_chunks_mut(values).zip(packed.par_chunks(words)).enumerate().for_each(
            |(p, (out, packed))| {
                let start = p * values;
                let (mut buffer, mut held) = (0u128, 0u32);
                let mut words = packed.iter();
                let mut take = |width: u32| {
                    if held < width {
                        buffer |= u128::from(words.next().copied().unwrap_or(0)) << held;
                        held += 64;
                    }
                    let x = buffer as u64 & low_mask(width);
                    buffer >>= width;
                    held -= width;
                    x
                };
                for ((i, out), &width) in (start..).zip(out).zip(self.0.iter().cycle()) {
                    let low = take(width.min(64));
                    let high = if width > 64 { take(width - 64) } else { 0 };
                    *out = f(i, R::from_halves(low, high));
                }
            },
        );
    }
}

fn low_mask(width: u32) -> u64 {
    u64::MAX.checked_shr(64 - width).unwrap_or(0)
}

/// The halves of a ring element.
pub trait Bits: Sized {
    /// The low `width` bits, as two words.
    fn low_bits(self, width: u32) -> (u64, u64);
    /// The value of these bits.
    fn from_halves(low: u64, high: u64) -> Self;
}

impl Bits for u64 {
    fn low_bits(self, width: u32) -> (u64, u64) {
        (self & low_mask(width), 0)
    }
    fn from_halves(low: u64, _: u64) -> Self {
        low
    }
}

impl Bits for u128 {
    fn low_bits(self, width: u32) -> (u64, u64) {
        let high = if width > 64 { (self >> 64) as u64 & low_mask(width - 64) } else { 0 };
        (self as u64 & low_mask(width.min(64)), high)
    }
    fn from_halves(low: u64, high: u64) -> Self {
        u128::from(low) | u128::from(high) << 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unpack_inverts_pack(
            xs: Vec<u128>,
            narrow in prop::collection::vec(1u32..=64, 1..70),
            wide in prop::collection::vec(1u32..=128, 1..5),
            times in 1usize..90
        ) {
            let xs = xs.repeat(times);
            let widths = Widths(&wide);
            let packed = widths.pack(xs.len(), |i| xs[i]);
            prop_assert_eq!(packed.len(), widths.words(xs.len()));
            let mut out = vec![0u128; xs.len()];
            widths.unpack(&packed, &mut out, |_, x| x);
            for (i, (&o, &x)) in out.iter().zip(&xs).enumerate() {
                prop_assert_eq!(o, x & (u128::MAX >> (128 - wide[i % wide.len()])));
            }
            let widths = Widths(&narrow);
            let packed = widths.pack(xs.len(), |i| xs[i] as u64);
            let mut out = vec![0u64; xs.len()];
            widths.unpack(&packed, &mut out, |_, x| x);
            for (i, (&o, &x)) in out.iter().zip(&xs).enumerate() {
                prop_assert_eq!(o, x as u64 & (u64::MAX >> (64 - narrow[i % narrow.len()])));
            }
        }
    }
}
