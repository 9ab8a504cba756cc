//! Between numbers and bits: sign, test for zero, all bits, a bit as a number.
//!
//! x = a + b with a = x_0 + x_1, whose bits are shared with proven carries
//! (module `carry`: one round), and b = x_2, whose bits parties 1 and 2 know.
//! With g_j = a_j b_j and p_j = a_j + b_j,
//!
//! - the *sign* is p_63 plus the carry out of the lower 63 bits, by a tree
//!   (1) (g, p) = (g_h + p_h g_l, p_h p_l) of six levels, 118 ANDs after the 63 for g;
//! - x is *zero* if all 64 bits of a equal those of -b: a tree of 63 ANDs;
//! - *all bits* come from a prefix network (Sklansky) of (1).
//!
//! **A bit as a number.** Party 0 knows b_0 and b_1, so it shares their product
//! over Z_2^64 (a known product); then
//!
//! (2)  u = b_0 + b_1 - 2 b_0 b_1,   b = u + b_2 - 2 u b_2,
//!
//! the last product being an ordinary one, of which b_2 as a component is known
//! to parties 1 and 2. Everything is verified by the log; nothing is opened.

use super::{Rep3m, carry::Halves};
use crate::{
    engine::RingShares,
    rep3::{
        Bits,
        network::{carry_out, prefix_carries},
        xor,
    },
};
use privity_core::{Result, bits, ring, ring::Ring, share::replicated::Replicated};

impl Rep3m {
    pub(super) fn sign(&mut self, x: &Replicated<u64>) -> Result<Bits> {
        let len = x.own.len();
        let Halves { a, b, .. } = self.halves(x, 64, 63, false)?;
        let g = self.and_words(a.range(0..63), b.range(0..63))?;
        let p = a.words.zip_both(&b.words, xor);
        let stride = a.stride;
        let cut = |v: &Replicated<u64>, j: usize| v.slice(j * stride..(j + 1) * stride);
        let top = cut(&p, 63);
        let g: Vec<_> = (0..63).map(|j| cut(&g, j)).collect();
        let p: Vec<_> = (0..63).map(|j| cut(&p, j)).collect();
        let carry = carry_out(g, p, |x, y| self.and_words(x, y))?;
        Ok(Bits { len, words: carry.zip_both(&top, xor) })
    }

    pub(super) fn zero_test(&mut self, x: &Replicated<u64>) -> Result<Bits> {
        let len = x.own.len();
        let Halves { a, b, .. } = self.halves(x, 64, 63, true)?;
        // One where the bits are equal.
        let words = a.words.zip_both(&b.words, xor);
        let mut equal = Bits { len: 64 * words.own.len(), words }.complement(self.mesh.me()).words;
        let mut planes = 64;
        while planes > 1 {
            planes /= 2;
            let half = planes * a.stride;
            equal = self.and_words(equal.slice(0..half), equal.slice(half..2 * half))?;
        }
        Ok(Bits { len, words: equal })
    }

    pub(super) fn decompose(&mut self, x: &Replicated<u64>, width: usize) -> Result<Vec<Bits>> {
        assert!((1..=64).contains(&width), "{width} bits of a word");
        let len = x.own.len();
        let Halves { a, b, .. } = self.halves(x, width, width - 1, false)?;
        let stride = a.stride;
        let g = self.and_words(a.range(0..width - 1), b.range(0..width - 1))?;
        let sum = a.words.zip_both(&b.words, xor);
        let cut = |v: &Replicated<u64>, j: usize| v.slice(j * stride..(j + 1) * stride);
        let p: Vec<_> = (0..width - 1).map(|j| cut(&sum, j)).collect();
        let g: Vec<_> = (0..width - 1).map(|j| cut(&g, j)).collect();
        let g = prefix_carries(g, p, |x, y| self.and_words(x, y))?;
        let bit = |j: usize| {
            let s = cut(&sum, j);
            Bits { len, words: if j == 0 { s } else { s.zip_both(&g[j - 1], xor) } }
        };
        Ok((0..width).map(bit).collect())
    }

    /// (2)
    pub(super) fn inject(&mut self, b: &Bits) -> Result<Replicated<u64>> {
        let me = self.mesh.me();
        let number = |words: &[u64], wanted: bool| -> Vec<u64> {
            if wanted { unpack(words, b.len) } else { vec![0; b.len] }
        };
        // Component j alone, as this party holds it.
        let only = |j: usize| Replicated {
            own: number(&b.words.own, me == j),
            next: number(&b.words.next, (me + 1) % 3 == j),
        };
        let (b_0, b_1, b_2) = (only(0), only(1), only(2));
        let both = self.product_of_known(b_0.clone(), b_1.clone())?;
        let u = RingShares::sub(&RingShares::add(&b_0, &b_1), &both.scale(2));
        let product = self.product(&u, &b_2, 1)?;
        Ok(RingShares::sub(&RingShares::add(&u, &b_2), &product.scale(2)))
    }
}

/// The first `len` bits as numbers.
pub(super) fn unpack<W: Ring>(words: &[u64], len: usize) -> Vec<W> {
    let mut out = vec![W::default(); len];
    for (chunk, &word) in out.chunks_mut(64).zip(&words[..bits::words(len)]) {
        for (i, o) in chunk.iter_mut().enumerate() {
            *o = W::from_u64(word >> i & 1);
        }
    }
    out
}

/// a + b, component by component.
pub(super) fn plus<W: Ring>(a: &Replicated<W>, b: &Replicated<W>) -> Replicated<W> {
    a.zip_both(b, |a, b| ring::zip(a, b, W::plus))
}
