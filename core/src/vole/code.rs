//! Expand-convolute codes.
//!
//! **Paper.** Raghuraman, Rindal, Tanguy, "Expand-Convolute Codes for
//! Pseudorandom Correlation Generators from LPN", CRYPTO 2023, with the
//! parameters that the authors' library libOTe has as defaults: rate 1/2,
//! systematic, feedback to 24 places, the convolution applied twice and
//! cyclically, half of an expander row spread over equal regions.
//!
//! The generator matrix is \\(G = (I \mid B A_2 A_1)\\), of n rows and N
//! columns, over GF(2). A vector \\(e = (e_0, e_1)\\) over any space over GF(2)
//! becomes
//!
//! \\[ G e = e_0 + B A_2 A_1 e_1. \qquad (1) \\]
//!
//! A is [`arch::convolve`], run over all places with what leaves at the end
//! entering at the front; B adds up `weight` places. Since G is binary, its
//! distance over an extension field, or over vectors of bits, is that over
//! GF(2). All randomness in G comes from a fixed public key: both parties, and
//! all sessions, use the same code of a given size.

use super::plan::Plan;
use crate::{
    Secret,
    arch::{self, FEEDBACK},
    prg::Prg,
};
use rayon::prelude::*;
use zeroize::{DefaultIsZeroes, Zeroize};

/// Which code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Code {
    /// Expander of weight 7: fast; the distance is taken to be 0.15 N.
    #[default]
    ExConv7x24,
    /// Expander of weight 21: conservative; the distance is taken to be 0.2 N.
    ExConv21x24,
}

impl Code {
    const fn weight(self) -> usize {
        match self {
            Code::ExConv7x24 => 7,
            Code::ExConv21x24 => 21,
        }
    }

    /// The distance that is assumed, as a part of N (the
    /// value that libOTe computes noise with: an estimate, not a proved bound).
    pub const fn distance(self) -> f64 {
        match self {
            Code::ExConv7x24 => 0.15,
            Code::ExConv21x24 => 0.2,
        }
    }
}

/// What can be encoded: vectors over GF(2).
pub(crate) trait Cell: Copy + Send + Sync + Default {
    /// self + other.
    fn plus(self, other: Self) -> Self;
    /// self, or zero if `bit` is 0, without a branch.
    fn times(self, bit: u32) -> Self;
    /// As much of the convolution as a kernel can do; see [`arch::convolve`].
    fn kernel(_: &mut [Self], _: &[u32]) -> usize {
        0
    }
}

impl Cell for u128 {
    fn plus(self, other: Self) -> Self {
        self ^ other
    }
    fn times(self, bit: u32) -> Self {
        self & 0u128.wrapping_sub(u128::from(bit))
    }
    fn kernel(x: &mut [Self], coefficients: &[u32]) -> usize {
        arch::convolve(x, coefficients)
    }
}

impl Cell for u8 {
    fn plus(self, other: Self) -> Self {
        self ^ other
    }
    fn times(self, bit: u32) -> Self {
        self & 0u8.wrapping_sub(bit as u8)
    }
    /// The 25 places ahead stay in two words.
    fn kernel(x: &mut [Self], coefficients: &[u32]) -> usize {
        const AHEAD: usize = FEEDBACK + 1;
        if x.len() < 2 * AHEAD {
            return 0;
        }
        let done = x.len() - AHEAD;
        let mut first = [0; 16];
        first.copy_from_slice(&x[1..17]);
        let mut last = [0; 16];
        last[..AHEAD - 16].copy_from_slice(&x[17..=AHEAD]);
        let (mut near, mut far) = (u128::from_le_bytes(first), u128::from_le_bytes(last));
        let mut own = x[0];
        for i in 0..done {
            x[i] = own;
            let [a, b, c, _] = coefficients[i].to_le_bytes().map(|bits| u128::from(spread(bits)));
            let all = u128::from(own) * 0x0101_0101_0101_0101;
            near ^= (a | b << 64) & (all | all << 64);
            far ^= (c & all) | u128::from(own) << 64;
            own = near as u8;
            near = near >> 8 | far << 120;
            let next = x.get(i + AHEAD + 1).copied().unwrap_or(0);
            far = far >> 8 | u128::from(next) << 64;
        }
        x[done] = own;
        x[done + 1..done + 17].copy_from_slice(&near.to_le_bytes());
        x[done + 17..].copy_from_slice(&far.to_le_bytes()[..AHEAD - 17]);
        done
    }
}

/// A byte of ones for every bit that is set.
fn spread(bits: u8) -> u64 {
    let picked = (u64::from(bits) * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
    let top = (picked + 0x7f7f_7f7f_7f7f_7f7f) & 0x8080_8080_8080_8080;
    (top >> 7) * 0xff
}

/// Step 4 of [`super`]: G e in the place of e, the rest of which is wiped.
pub(crate) fn encode<T: Cell + DefaultIsZeroes>(plan: Plan, e: &mut Vec<T>) {
    let (e0, e1) = e.split_at_mut(plan.n);
    convolve(plan.code, plan.n, e1);
    expand(plan.code, e1, e0);
    e1.zeroize();
    e.truncate(plan.n);
}

/// Domains of the public generator.
const FIRST: u64 = 1;
const SECOND: u64 = 2;
const EXPANDER: u64 = 3;

fn public(code: Code, n: usize, len: usize) -> Prg {
    // One code for each size; the name keeps it apart from all other uses.
    let name = crate::channel::fork_id(len as u64, "privity expand-convolute code v1", n as u64);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&name.to_le_bytes());
    key[8] = code.weight() as u8;
    Prg::new(&Secret::new(key))
}

/// Both convolutions of (1), in place on e_1.
pub(crate) fn convolve<T: Cell>(code: Code, n: usize, e1: &mut [T]) {
    let prg = public(code, n, e1.len());
    for domain in [FIRST, SECOND] {
        let words: Vec<u64> = prg.vec(domain, e1.len().div_ceil(2));
        convolve_once(e1, bytemuck::cast_slice(&words));
    }
}

fn convolve_once<T: Cell>(x: &mut [T], coefficients: &[u32]) {
    let len = x.len();
    let done = T::kernel(x, coefficients);
    for i in done..len {
        let own = x[i];
        for j in 1..=FEEDBACK + 1 {
            let bit = if j > FEEDBACK { 1 } else { coefficients[i] >> (j - 1) & 1 };
            // Cyclic: what leaves at the end enters at the front.
            let to = if i + j < len { i + j } else { (i + j) % len };
            x[to] = x[to].plus(own.times(bit));
        }
    }
}

/// B of (1): adds to each of `out` its places of `e1`.
pub(crate) fn expand<T: Cell>(code: Code, e1: &[T], out: &mut [T]) {
    const CHUNK: usize = 256;
    let prg = public(code, out.len(), e1.len());
    let weight = code.weight();
    let regular = weight - weight / 2;
    let region = e1.len() / regular;
    let words = weight.div_ceil(2);
    out.par_chunks_mut(CHUNK).with_min_len(16).enumerate().for_each(|(c, out)| {
        let mut random = [0u64; CHUNK * 11];
        let random = &mut random[..CHUNK * words];
        prg.fill(EXPANDER, c * CHUNK * words, random);
        // All outputs of one term, then the next term: short and without a
        // branch, so that many loads from far away are under way at once.
        let random: &[u32] = bytemuck::cast_slice(random);
        let mut places = [0u32; CHUNK];
        for j in 0..weight {
            let (start, range) = if j < regular { (j * region, region) } else { (0, e1.len()) };
            for (place, random) in places.iter_mut().zip(random.chunks_exact(2 * words)) {
                *place = below(random[j], range);
            }
            let from = &e1[start..start + range];
            for (out, &place) in out.iter_mut().zip(&places) {
                *out = out.plus(from[place as usize]);
            }
        }
    });
}

/// A number below `range` from 32 random bits; public, and as good as uniform
/// for ranges far below 2^32.
#[inline(always)]
fn below(r: u32, range: usize) -> u32 {
    ((u64::from(r) * range as u64) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[derive(Clone, Copy, Default)]
    struct Plain(u128);

    impl Cell for Plain {
        fn plus(self, other: Self) -> Self {
            Self(self.0 ^ other.0)
        }
        fn times(self, bit: u32) -> Self {
            Self(self.0.times(bit))
        }
    }

    #[test]
    fn kernels_agree_with_the_definition() {
        let mut rng = StdRng::seed_from_u64(7);
        for (n, len) in [(300, 340), (999, 1024), (300, 640), (500, 2049), (64, 115)] {
            let code = if n % 2 == 0 { Code::ExConv7x24 } else { Code::ExConv21x24 };
            let e: Vec<u128> = (0..len).map(|_| rng.random()).collect();
            let mut wide = e.clone();
            // Without a kernel.
            let mut plain: Vec<Plain> = e.iter().map(|&x| Plain(x)).collect();
            let mut narrow: Vec<u8> = e.iter().map(|&x| x as u8).collect();
            convolve(code, n, &mut wide);
            convolve(code, n, &mut plain);
            convolve(code, n, &mut narrow);
            let (mut a, mut b, mut c) = (vec![0; n], vec![Plain(0); n], vec![0; n]);
            expand(code, &wide, &mut a);
            expand(code, &plain, &mut b);
            expand(code, &narrow, &mut c);
            for i in 0..n {
                assert_eq!((a[i], a[i] as u8), (b[i].0, c[i]));
            }
        }
    }

    /// Rows of G and sums of two rows are far from light. (A sign of life, not
    /// a proof of the distance.)
    #[test]
    fn single_rows_and_pairs_are_heavy() {
        let (code, n, len) = (Code::ExConv7x24, 256, 256);
        // Column p of B A_2 A_1 as bits of the outputs, for 128 outputs at once.
        let mut rows = vec![vec![false; len]; n];
        for p in 0..len {
            let mut e = vec![0u8; len];
            e[p] = 1;
            convolve(code, n, &mut e);
            let mut out = vec![0u8; n];
            expand(code, &e, &mut out);
            out.iter().zip(&mut rows).for_each(|(&o, row)| row[p] = o & 1 == 1);
        }
        let limit = (code.distance() * (n + len) as f64) as usize;
        for i in 0..n {
            assert!(1 + rows[i].iter().filter(|&&b| b).count() > limit, "row {i}");
            for j in 0..i {
                let sum = rows[i].iter().zip(&rows[j]).filter(|(a, b)| a != b).count();
                assert!(2 + sum > limit, "rows {i} and {j}");
            }
        }
    }
}
