//! What depends on the carry of two shares: division by 2^d, widening, and bits
//! as numbers. Two parties.
//!
//! **Paper.** Rathee et al., "SIRNN", IEEE S&P 2021, section III-B: for a value
//! of known sign the carry of its two shares is the *or* of their top bits.
//!
//! **A product of two bits**, m_0 known to party 0 and m_1 to party 1, modulo
//! 2^w. Prepared are random bits r_0, r_1 and shares of r_0 r_1
//! (`boolean`, equation (2)). The parties open e_i = m_i + r_i over GF(2) by one
//! message of a bit each. As integers m_i = e_i + (1 - 2 e_i) r_i, so that
//!
//! \\[ m_0 m_1 = e_0 e_1 + e_1 (1 - 2e_0) r_0 + e_0 (1 - 2e_1) r_1
//!    + (1 - 2e_0)(1 - 2e_1)\, r_0 r_1. \qquad (1) \\]
//!
//! Party 0 computes the first two terms, party 1 the third, and the last is
//! linear in what they share.
//!
//! **Truncation.** B is 64 or 128, and \\(z = x + 2^{B-2} = z_0 + z_1 \bmod 2^B\\)
//! is in \\([0, 2^{B-1})\\), m_i the top bit of z_i. With >> the arithmetic shift,
//!
//! \\[ (z_0 \gg d) + (z_1 \gg d) + 2^{B-d} m_0 m_1
//!    = (z - l_0 - l_1) / 2^d \bmod 2^B \qquad (2) \\]
//!
//! (l_i the low d bits of z_i): the shift of a word with top bit m is its
//! logical shift minus \\(2^{B-d} m\\), and the carry is m_0 + m_1 - m_0 m_1.
//! The product counts modulo 2^d. Adding \\(1 - 2^{B-2-d}\\) gives x / 2^d + 1 -
//! (l_0 + l_1) / 2^d, one of the integers next to x / 2^d; the upper one with a
//! probability equal to the fraction where shares are uniform, as after a
//! product.
//!
//! **Widening** from 64 to 128 bits: with the same z, the words read as
//! two's-complement numbers s_i,
//!
//! \\[ z = s_0 + s_1 + 2^{64} m_0 m_1 \bmod 2^{128}. \qquad (3) \\]
//!
//! **A bit as a number**: b = b_0 + b_1 - 2 b_0 b_1, by (1) modulo 2^64. (4)
//!
//! **Privacy.** Each party sees one bit masked by one that it does not know. In
//! (2) the rounding depends on the shares, which the functionality draws and
//! hands out.
//!
//! The arrangement (1), by which the online phase takes one round and two bits,
//! is the library's own.

use super::{Additive, Bits, Words, gilboa::Word, store::Kind};
use privity_core::{Result, bits};

/// Bytes that carry a number modulo 2^d.
pub(super) fn low_bytes(d: u32) -> u8 {
    d.div_ceil(8) as u8
}

/// # Panics
/// If a word of B bits cannot be divided by 2^d.
pub(super) fn check<R: Word>(d: u32) {
    let last = if R::BITS == 64 { 61 } else { 123 };
    assert!((1..=last).contains(&d), "truncation by {d} bits: 1 to {last} are possible");
}

impl Additive {
    /// Shares of m_0 m_1 modulo 2^(8 bytes), from this party's packed bits.
    fn bit_products(&mut self, own: &[u64], n: usize, bytes: u8) -> Result<Vec<u128>> {
        let prepared = self.take(Kind::Carry { bytes }, n)?;
        let (r, shares) = (&prepared[0], u128::from_words(&prepared[1]));
        let mut e: Vec<u64> = r
            .chunks(64)
            .zip(own)
            .map(|(r, m)| m ^ r.iter().rev().fold(0, |word, r| word << 1 | r))
            .collect();
        bits::clear_padding(&mut e, n);
        let both = self.exchange(&e, |a, b| a ^ b)?;
        let first = self.mesh.me() == 0;
        // (1), with f the other party's e
        let one = |i: usize, share: u128| {
            let ours = (e[i / 64] >> (i % 64)) & 1;
            let theirs = ours ^ ((both[i / 64] >> (i % 64)) & 1);
            let (e, f) = (u128::from(ours), u128::from(theirs));
            let sign = |e: u128| 1u128.wrapping_sub(2 * e);
            let linear = (f * u128::from(r[i])).wrapping_mul(sign(e));
            let constant = if first { e & f } else { 0 };
            share
                .wrapping_mul(sign(e))
                .wrapping_mul(sign(f))
                .wrapping_add(linear)
                .wrapping_add(constant)
        };
        Ok(shares.iter().enumerate().map(|(i, &s)| one(i, s)).collect())
    }

    /// (2)
    pub(super) fn truncate_two<R: Word>(&mut self, x: &[R], d: u32) -> Result<Words<R>> {
        check::<R>(d);
        let first = self.mesh.me() == 0;
        let offset = if first { R::ONE.shl(R::BITS - 2) } else { R::default() };
        let constant = if first { R::ONE.minus(R::ONE.shl(R::BITS - 2 - d)) } else { R::default() };
        let top = pack(x, |x| x.plus(offset).shr(R::BITS - 1) == R::ONE);
        let products = self.bit_products(&top, x.len(), low_bytes(d))?;
        let out = |(&x, &p): (&R, &u128)| {
            x.plus(offset).sar(d).plus(R::from_u128(p).shl(R::BITS - d)).plus(constant)
        };
        Ok(Words(x.iter().zip(&products).map(out).collect()))
    }

    /// (3)
    pub(super) fn widen_two(&mut self, x: &[u64]) -> Result<Words<u128>> {
        let offset = if self.mesh.me() == 0 { 1u64 << 62 } else { 0 };
        let top = pack(x, |x| x.wrapping_add(offset) >> 63 == 1);
        let products = self.bit_products(&top, x.len(), 8)?;
        let out = |(&x, &p): (&u64, &u128)| {
            let s = i128::from(x.wrapping_add(offset) as i64) as u128;
            s.wrapping_add(p << 64).wrapping_sub(u128::from(offset))
        };
        Ok(Words(x.iter().zip(&products).map(out).collect()))
    }

    /// (4)
    pub(super) fn inject_two(&mut self, b: &Bits) -> Result<Words<u64>> {
        let products = self.bit_products(&b.words, b.len, 8)?;
        let out = |(i, &p): (usize, &u128)| {
            (b.words[i / 64] >> (i % 64) & 1).wrapping_sub((p as u64).wrapping_mul(2))
        };
        Ok(Words(products.iter().enumerate().map(out).collect()))
    }
}

/// One bit of each element, packed.
fn pack<R: Word>(x: &[R], bit: impl Fn(R) -> bool) -> Vec<u64> {
    x.chunks(64).map(|x| x.iter().rev().fold(0, |word, &x| word << 1 | u64::from(bit(x)))).collect()
}
