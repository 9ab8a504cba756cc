//! The bits of a shared number by adding the parties' shares as binary numbers,
//! and what more than two parties make of them.
//!
//! Each party shares the bits of its own share: it holds them, the others hold
//! zeros. Three numbers become two by a carry-save step,
//!
//! \\[ a + b + c = (a \oplus b \oplus c) + 2\,((a \oplus c)(b \oplus c) \oplus c), \qquad (1) \\]
//!
//! and the last two are added by a Sklansky prefix network: with
//! \\(g_j = a_j b_j\\) and \\(p_j = a_j \oplus b_j\\),
//!
//! \\[ (g, p)_{j..} = (g_j \oplus p_j g_k,\; p_j p_k). \qquad (2) \\]
//!
//! The two products of (2) share the factor p_j.
//!
//! **More than two parties.** The carries of N shares are not the *or* of known
//! bits, so that everything goes by bits here: correct, and far slower than
//! between two parties.
//!
//! - *Sign*: the top bit. *Zero*: an AND of all bits' complements.
//! - *Truncation*: to z = x + 2^(B-2) a number r of d random bits, known to
//!   nobody, is added as one more binary number; floor((z + r) / 2^d) is a
//!   randomised rounding without bias. Its bits become a number again.
//! - *Widening*: the bits of x + 2^62 as a wide number.
//! - *A bit as a number*: b = b_0 xor ... xor b_{N-1} by s xor b_i = s + b_i -
//!   2 s b_i, one product of words for each party after the first. (3)

use super::{
    Additive, Bits, Words, gilboa::Word, online::Ands, prepare::random, share::xor, store::Kind,
};
use crate::engine::RingShares;
use privity_core::{Result, bits};

/// Levels of the prefix network for `width` bits: width - 1 carries.
pub(super) fn levels(width: usize) -> usize {
    (width - 1).next_power_of_two().trailing_zeros() as usize
}

/// (j, k) of (2) at one level, and whether p_j is used after it.
pub(super) fn targets(width: usize, level: usize) -> Vec<(usize, usize, bool)> {
    (0..width - 1)
        .filter(|j| j >> level & 1 == 1)
        .map(|j| (j, (j >> level << level) - 1, j >> (level + 1) != 0))
        .collect()
}

/// A binary number, plane by plane.
type Number = Vec<Vec<u64>>;

impl Additive {
    /// The low `width` bits of x.
    pub(super) fn decompose<R: Word>(&mut self, x: &[R], width: usize) -> Result<Vec<Bits>> {
        let numbers = self.numbers(x, width);
        let sum = self.add_numbers(numbers, width, bits::words(x.len()))?;
        Ok(sum.into_iter().map(|words| Bits { len: x.len(), words }).collect())
    }

    /// Every party's share as a shared binary number.
    fn numbers<R: Word>(&self, x: &[R], width: usize) -> Vec<Number> {
        let stride = bits::words(x.len());
        let parts = R::BITS as usize / 64;
        let words = R::to_words(x);
        let mut own = Number::new();
        for part in 0..parts {
            let column: Vec<u64> = words.iter().skip(part).step_by(parts).copied().collect();
            let planes = bits::to_planes(&column);
            own.extend((0..64).map(|j| planes[j * stride..(j + 1) * stride].to_vec()));
        }
        own.truncate(width);
        let zero = vec![vec![0; stride]; width];
        let me = self.mesh.me();
        (0..self.mesh.parties()).map(|p| if p == me { own.clone() } else { zero.clone() }).collect()
    }

    /// The sum modulo 2^width.
    fn add_numbers(
        &mut self,
        mut numbers: Vec<Number>,
        width: usize,
        stride: usize,
    ) -> Result<Number> {
        // (1), as many at once as there are
        while numbers.len() > 2 {
            let rest = numbers.split_off(numbers.len() / 3 * 3);
            let mut ands = Ands::default();
            for three in numbers.chunks_exact(3) {
                for j in 0..width - 1 {
                    let c = &three[2][j];
                    ands.push(&xor(&three[0][j], c), &xor(&three[1][j], c));
                }
            }
            let [products, _, _] = self.ands(&ands)?;
            let mut next = Vec::new();
            for (i, three) in numbers.chunks_exact(3).enumerate() {
                let sum = (0..width)
                    .map(|j| xor(&xor(&three[0][j], &three[1][j]), &three[2][j]))
                    .collect();
                let mut carries = vec![vec![0; stride]];
                for j in 0..width - 1 {
                    let product = &products[(i * (width - 1) + j) * stride..][..stride];
                    carries.push(xor(product, &three[2][j]));
                }
                next.extend([sum, carries]);
            }
            next.extend(rest);
            numbers = next;
        }
        let (Some(b), Some(a)) = (numbers.pop(), numbers.pop()) else {
            return Ok(vec![vec![0; stride]; width]);
        };
        let sum: Number = a.iter().zip(&b).map(|(a, b)| xor(a, b)).collect();
        let mut ands = Ands::default();
        for j in 0..width - 1 {
            ands.push(&a[j], &b[j]);
        }
        let [products, _, _] = self.ands(&ands)?;
        let mut g: Number =
            (0..width - 1).map(|j| products[j * stride..(j + 1) * stride].to_vec()).collect();
        let mut p = sum.clone();
        for level in 0..levels(width) {
            let targets = targets(width, level);
            let mut ands = Ands::default();
            for &(j, k, with_p) in &targets {
                if with_p {
                    ands.push_pair(&p[j], &g[k], &p[k]);
                } else {
                    ands.push(&p[j], &g[k]);
                }
            }
            let [one, gs, ps] = self.ands(&ands)?;
            let (mut single, mut paired) = (one.chunks(stride.max(1)), gs.chunks(stride.max(1)));
            let mut powers = ps.chunks(stride.max(1));
            for &(j, _, with_p) in &targets {
                let product = if with_p { paired.next() } else { single.next() };
                g[j] = xor(&g[j], product.unwrap_or_default());
                if with_p {
                    p[j] = powers.next().unwrap_or_default().to_vec();
                }
            }
        }
        let mut out = sum;
        for j in 1..width {
            out[j] = xor(&out[j], &g[j - 1]);
        }
        Ok(out)
    }

    pub(super) fn sign_many(&mut self, x: &[u64]) -> Result<Bits> {
        let planes = self.decompose(x, 64)?;
        Ok(planes.into_iter().next_back().unwrap_or_default())
    }

    pub(super) fn zero_many(&mut self, x: &[u64]) -> Result<Bits> {
        let stride = bits::words(x.len());
        let mut planes: Vec<u64> =
            self.decompose(x, 64)?.iter().flat_map(|p| p.words.clone()).collect();
        if self.mesh.me() == 0 {
            planes.iter_mut().for_each(|w| *w = !*w);
        }
        while planes.len() > stride {
            let (left, right) = planes.split_at(planes.len() / 2);
            let mut ands = Ands::default();
            ands.push(left, right);
            [planes, _, _] = self.ands(&ands)?;
        }
        Ok(Bits { len: x.len(), words: planes })
    }

    pub(super) fn truncate_many<R: Word>(
        &mut self,
        kind: Kind,
        x: &[R],
        d: u32,
    ) -> Result<Words<R>> {
        super::carry::check::<R>(d);
        let first = self.mesh.me() == 0;
        let offset = if first { R::ONE.shl(R::BITS - 2) } else { R::default() };
        let moved: Vec<R> = x.iter().map(|x| x.plus(offset)).collect();
        let (width, stride) = (R::BITS as usize, bits::words(x.len()));
        let mut numbers = self.numbers(&moved, width);
        let noise = (0..width)
            .map(|j| if j < d as usize { random(&mut self.rng, stride) } else { vec![0; stride] })
            .collect();
        numbers.push(noise);
        let planes = self.add_numbers(numbers, width, stride)?;
        let back = if first { R::ONE.shl(R::BITS - 2 - d) } else { R::default() };
        let sum = self.recompose::<R>(kind, &planes[d as usize..], x.len())?;
        Ok(Words(sum.0.iter().map(|x| x.minus(back)).collect()))
    }

    pub(super) fn widen_many(&mut self, x: &[u64]) -> Result<Words<u128>> {
        let offset = if self.mesh.me() == 0 { 1u64 << 62 } else { 0 };
        let moved: Vec<u64> = x.iter().map(|x| x.wrapping_add(offset)).collect();
        let planes: Number = self.decompose(&moved, 63)?.iter().map(|p| p.words.clone()).collect();
        let sum = self.recompose::<u128>(Kind::Wide, &planes, x.len())?;
        Ok(Words(sum.0.iter().map(|x| x.wrapping_sub(u128::from(offset))).collect()))
    }

    /// The numbers with these bits, lowest plane first.
    fn recompose<R: Word>(
        &mut self,
        kind: Kind,
        planes: &[Vec<u64>],
        len: usize,
    ) -> Result<Words<R>> {
        let mut all = Vec::new();
        for (j, plane) in planes.iter().enumerate() {
            bits::append(&mut all, j * len, plane, len);
        }
        let all = self.inject_many::<R>(kind, &Bits { len: planes.len() * len, words: all })?;
        let mut sum = Words(vec![R::default(); len]);
        for j in 0..planes.len() {
            sum = sum.add(&all.slice(j * len..(j + 1) * len).scale(R::ONE.shl(j as u32)));
        }
        Ok(sum)
    }

    /// (3)
    pub(super) fn inject_many<R: Word>(&mut self, kind: Kind, b: &Bits) -> Result<Words<R>> {
        let me = self.mesh.me();
        let own: Vec<R> =
            (0..b.len).map(|i| R::from_u64(b.words[i / 64] >> (i % 64) & 1)).collect();
        let zero = vec![R::default(); b.len];
        let of = |p: usize| if p == me { &own } else { &zero };
        let mut sum = Words(of(0).clone());
        for p in 1..self.mesh.parties() {
            let product = self.multiply(kind, &sum.0, of(p), 1)?;
            sum = sum.add(&Words(of(p).clone())).sub(&product.scale(R::from_u64(2)));
        }
        Ok(sum)
    }
}
