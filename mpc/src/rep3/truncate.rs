//! Division by 2^d without large errors.
//!
//! **Idea.** Write x + 2^62 = x_a + x_b mod 2^64 with x_a known to party 0 and
//! x_b to parties 1 and 2. For |x| < 2^62 the left side lies in [0, 2^63), so
//! the sum over the integers is at least 2^64 exactly if one of the top bits
//! m_a, m_b of x_a and x_b is set: the carry is the *or* of two bits that
//! single parties know (the observation of SIRNN, Rathee et al., IEEE S&P 2021,
//! section III-B, for values of known sign). With >> the arithmetic shift,
//!
//! (1)  (x_a >> d) + (x_b >> d) + 2^(64-d) m_a m_b
//!        = (x + 2^62 - l_a - l_b) / 2^d   mod 2^64,
//!
//! l_a, l_b being the low d bits of x_a, x_b,
//! because the arithmetic shift of a word with top bit m is its logical shift
//! minus 2^(64-d) m, and m_a or m_b = m_a + m_b - m_a m_b. Local truncation
//! (ABY3, section 5.1) drops the last term and is off by 2^(64-d) with
//! probability |x| / 2^63; it is not offered.
//!
//! **Protocol.** F_i denotes fresh randomness known to parties i - 1 and i.
//! Write C = 2^(64-d).
//!
//! 1. For a product, parties 1 and 2 exchange their masked addends z_1, z_2,
//!    and x_b = z_1 + z_2; party 0 sets x_a = z_0 + 2^62. For a sharing that
//!    exists, x_b = x_2 is known to both and x_a = x_0 + x_1 + 2^62.
//! 2. Party 0 draws y_1, w, n_1 from F_1 (known to party 1), w and n_1 modulo
//!    2^d, and sends party 2
//!    (2)  s = (x_a >> d) - y_1 - C w   and   n_2 = m_a - n_1 mod 2^d.
//! 3. Party 1 sends party 2   (3)  v = m_b n_1 + w mod 2^d.
//!    Party 2 draws y_0 from F_0 (known to party 0) and sends party 1
//!    (4)  q = s + C m_b n_2 - y_0.
//! 4. Parties 1 and 2 set   (5)  y_2 = q + C v + (x_b >> d) - 2^(62-d) + 1.
//!
//! Adding up, y_0 + y_1 + y_2 = (x_a >> d) + (x_b >> d) + C m_b (n_1 + n_2) - 2^(62-d) + 1,
//! which is (1) moved back by 2^62 / 2^d, plus one.
//!
//! **Rounding.** The result is x / 2^d + 1 - (l_a + l_b) / 2^d: one of the two
//! integers next to x / 2^d. Since x_b is uniform, the upper one is taken with
//! a probability equal to the fraction (up to 2^-d), so that the error is below
//! one unit and zero on average. (Where x_b is not uniform, as when an input of
//! party 0 is truncated before anything else is done with it, the bound of one
//! unit holds and the average does not.)
//!
//! **Privacy.** Party 0 receives nothing. Party 1 sees z_2, masked by F_0, and
//! q, masked by y_0. Party 2 sees z_1, masked by F_1, and s, n_2, v, which are
//! uniform and independent by y_1, n_1, w up to the relation (5) with its own
//! output y_2; a simulator draws n_2 and v and solves (5) for s. Both know x_b,
//! which decides the rounding together with x: the ideal functionality draws
//! x_b and gives it to them.
//!
//! **Cost**, e = ceil(d / 8): 16 bytes in step 1 (products only), 8 + e in
//! step 2, 8 + e in step 3. Two rounds: steps 1 and 2 run together.
//!
//! **Other widths.** All of it holds over Z_2^128 with 2^126 in the place of
//! 2^62. With x in Z_2^64, d = 0 and the shifts extended to 128 bits, (1) reads
//!
//! (6)  x_a + x_b + 2^64 m_a m_b = x + 2^62   mod 2^128,
//!
//! x_a and x_b sign-extended: the same protocol, C = 2^64 and w, n_1, n_2, v
//! modulo 2^64, *widens* x to 128 bits, exactly.
//!
//! Source: the observation is SIRNN's; the arrangement for three replicated
//! parties, with re-sharing merged into the correction, is this library's own
//! and is argued above.

use super::{
    CHUNK, Prss, Rep3, fill_parallel,
    prss::{N, W, Y},
};
use privity_core::{Mesh, Result, ring::Ring, share::replicated::Replicated};
use rayon::prelude::*;
use std::ops::Range;

/// What the protocol computes: words of `From` become words of `To`.
pub(crate) trait Cut: Copy + Sync {
    /// The ring of x.
    type From: Ring;
    /// The ring of the result.
    type To: Ring;
    /// Added to x before, so that the sum is in the lower half of the ring.
    fn offset(self) -> Self::From;
    /// x >> d, sign-extended.
    fn shift(self, x: Self::From) -> Self::To;
    /// All ones if the top bit is set: the bit as a factor, without a branch.
    fn top(self, x: Self::From) -> Self::To;
    /// log2 of C.
    fn correction(self) -> u32;
    /// What is taken off the result: the offset divided, less the rounding.
    fn constant(self) -> Self::To;

    /// Bytes that carry the low numbers, modulo 2^(bits of `To`) / C.
    fn low_bytes(self) -> usize {
        (Self::To::BITS - self.correction()).div_ceil(8) as usize
    }

    /// Bytes of one message of step 2.
    fn dealt_bytes(self) -> usize {
        size_of::<Self::To>() + self.low_bytes()
    }
}

/// Division by 2^d within a ring.
#[derive(Clone, Copy)]
pub(crate) struct Divide<R> {
    d: u32,
    ring: std::marker::PhantomData<R>,
}

impl<R: Ring> Divide<R> {
    /// # Panics
    /// If d is 0 or leaves no bits.
    pub(crate) fn by(d: u32) -> Self {
        let most = R::BITS - 3;
        assert!((1..=most).contains(&d), "truncation by {d} bits: 1 to {most} are possible");
        Self { d, ring: std::marker::PhantomData }
    }
}

impl<R: Ring> Cut for Divide<R> {
    type From = R;
    type To = R;
    #[inline(always)]
    fn offset(self) -> R {
        R::ONE.shl(R::BITS - 2)
    }
    #[inline(always)]
    fn shift(self, x: R) -> R {
        x.sar(self.d)
    }
    #[inline(always)]
    fn top(self, x: R) -> R {
        x.sar(R::BITS - 1)
    }
    #[inline(always)]
    fn correction(self) -> u32 {
        R::BITS - self.d
    }
    #[inline(always)]
    fn constant(self) -> R {
        R::ONE.shl(R::BITS - 2 - self.d).minus(R::ONE)
    }
}

/// (6): from 64 to 128 bits.
#[derive(Clone, Copy)]
pub(crate) struct Widen;

impl Cut for Widen {
    type From = u64;
    type To = u128;
    #[inline(always)]
    fn offset(self) -> u64 {
        1 << 62
    }
    #[inline(always)]
    fn shift(self, x: u64) -> u128 {
        i128::from(x.cast_signed()).cast_unsigned()
    }
    #[inline(always)]
    fn top(self, x: u64) -> u128 {
        self.shift(x.sar(63))
    }
    #[inline(always)]
    fn correction(self) -> u32 {
        64
    }
    #[inline(always)]
    fn constant(self) -> u128 {
        1 << 62
    }
}

impl Rep3 {
    pub(super) fn cut_shared<C: Cut>(
        &mut self,
        x: &Replicated<C::From>,
        cut: C,
    ) -> Result<Replicated<C::To>> {
        let op = self.prss.operation();
        let (mesh, prss) = (&mut self.mesh, &self.prss);
        match mesh.me() {
            0 => deal(mesh, prss, op, x.own.len(), cut, &|range, out: &mut [C::From]| {
                for (o, i) in out.iter_mut().zip(range) {
                    *o = x.own[i].plus(x.next[i]);
                }
            }),
            1 => combine(mesh, prss, op, cut, x.next.clone()),
            _ => combine(mesh, prss, op, cut, x.own.clone()),
        }
    }
}

/// Truncates x = z_0 + z_1 + z_2 without forming replicated shares of x first.
/// `z` produces this party's masked addend, range by range.
pub(super) fn cut_additive<C: Cut>(
    mesh: &mut Mesh,
    prss: &Prss,
    op: u64,
    len: usize,
    cut: C,
    z: impl Fn(Range<usize>, &mut [C::From]) + Sync,
) -> Result<Replicated<C::To>> {
    if mesh.me() == 0 {
        return deal(mesh, prss, op, len, cut, &z);
    }
    let other = 3 - mesh.me();
    let mut x_b = super::send_produced(mesh, other, len, &z)?;
    let mut theirs = vec![C::From::default(); CHUNK.min(len)];
    for part in x_b.chunks_mut(CHUNK) {
        let theirs = &mut theirs[..part.len()];
        mesh.recv_bulk(other, theirs)?;
        for (x, &t) in part.iter_mut().zip(theirs.iter()) {
            *x = x.plus(t);
        }
    }
    combine(mesh, prss, op, cut, x_b)
}

/// Party 0: step 2.
fn deal<C: Cut>(
    mesh: &mut Mesh,
    prss: &Prss,
    op: u64,
    len: usize,
    cut: C,
    x_a: &(impl Fn(Range<usize>, &mut [C::From]) + Sync),
) -> Result<Replicated<C::To>> {
    let (e, each, word) = (cut.low_bytes(), cut.dealt_bytes(), size_of::<C::To>());
    let one = C::To::ONE;
    let mut y_0 = vec![C::To::default(); len];
    let mut y_1 = vec![C::To::default(); len];
    let window = CHUNK * 4 * rayon::current_num_threads();
    let mut sums = vec![C::From::default(); window.min(len)];
    let mut messages = vec![0u8; window.min(len) * each];
    for start in (0..len).step_by(window) {
        let range = start..len.min(start + window);
        let sums = &mut sums[..range.len()];
        fill_parallel(sums, start, x_a);
        let messages = &mut messages[..range.len() * each];
        let y_1 = &mut y_1[range.clone()];
        let work = |c: usize, sums: &mut [C::From], y_1: &mut [C::To], message: &mut [u8]| {
            let at = start + c * CHUNK;
            let mut w = vec![C::To::default(); sums.len()];
            let mut n_1 = w.clone();
            prss.next_fill(op | Y, at, y_1);
            prss.next_fill(op | W, at, &mut w);
            prss.next_fill(op | N, at, &mut n_1);
            let (words, lows) = message.split_at_mut(word * sums.len());
            for i in 0..sums.len() {
                let x = sums[i].plus(cut.offset());
                // (2)
                let s = cut.shift(x).minus(y_1[i]).minus(w[i].shl(cut.correction()));
                put_low(&mut words[word * i..word * (i + 1)], s);
                let m_a = C::To::default().minus(cut.top(x));
                debug_assert!(m_a == C::To::default() || m_a == one);
                put_low(&mut lows[e * i..e * i + e], m_a.minus(n_1[i]));
            }
        };
        if sums.len() <= CHUNK {
            work(0, sums, y_1, messages);
        } else {
            sums.par_chunks_mut(CHUNK)
                .zip(y_1.par_chunks_mut(CHUNK))
                .zip(messages.par_chunks_mut(CHUNK * each))
                .enumerate()
                .for_each(|(c, ((sums, y_1), message))| work(c, sums, y_1, message));
        }
        for message in messages.chunks(CHUNK * each) {
            mesh.send(2, message)?;
        }
    }
    fill_parallel(&mut y_0, 0, &|range: Range<usize>, out: &mut [C::To]| {
        prss.own_fill(op | Y, range.start, out);
    });
    Ok(Replicated { own: y_0, next: y_1 })
}

/// Parties 1 and 2: steps 3 and 4.
fn combine<C: Cut>(
    mesh: &mut Mesh,
    prss: &Prss,
    op: u64,
    cut: C,
    x_b: Vec<C::From>,
) -> Result<Replicated<C::To>> {
    let (len, e, me) = (x_b.len(), cut.low_bytes(), mesh.me());
    let (each, word) = (cut.dealt_bytes(), size_of::<C::To>());
    let c = cut.correction();
    // (5) without q and v.
    let constant = cut.constant();
    let mut y_2 = vec![C::To::default(); len];
    let size = CHUNK.min(len);
    let mut scratch = vec![C::To::default(); size];
    if me == 1 {
        let mut n_1 = scratch.clone();
        let mut v = vec![0u8; size * e];
        for (i, (part, x_b)) in y_2.chunks_mut(CHUNK).zip(x_b.chunks(CHUNK)).enumerate() {
            let (w, n_1, v) =
                (&mut scratch[..part.len()], &mut n_1[..part.len()], &mut v[..part.len() * e]);
            prss.own_fill(op | W, i * CHUNK, w);
            prss.own_fill(op | N, i * CHUNK, n_1);
            for j in 0..part.len() {
                // (3), as a word whose low bits count
                let low = w[j].plus(n_1[j].times(C::To::default().minus(cut.top(x_b[j]))));
                put_low(&mut v[e * j..e * j + e], low);
                part[j] = cut.shift(x_b[j]).minus(constant).plus(low.shl(c));
            }
            mesh.send(2, v)?;
        }
        for part in y_2.chunks_mut(CHUNK) {
            let q = &mut scratch[..part.len()];
            mesh.recv(2, bytemuck::cast_slice_mut(q))?;
            for (y, &q) in part.iter_mut().zip(q.iter()) {
                *y = y.plus(q);
            }
        }
        let mut y_1 = vec![C::To::default(); len];
        fill_parallel(&mut y_1, 0, &|range: Range<usize>, out: &mut [C::To]| {
            prss.own_fill(op | Y, range.start, out);
        });
        Ok(Replicated { own: y_1, next: y_2 })
    } else {
        let mut y_0 = vec![C::To::default(); len];
        fill_parallel(&mut y_0, 0, &|range: Range<usize>, out: &mut [C::To]| {
            prss.next_fill(op | Y, range.start, out);
        });
        let mut message = vec![0u8; size * each];
        let chunks = y_2.chunks_mut(CHUNK).zip(x_b.chunks(CHUNK)).zip(y_0.chunks(CHUNK));
        for ((part, x_b), y_0) in chunks {
            let message = &mut message[..part.len() * each];
            mesh.recv(0, message)?;
            let (words, lows) = message.split_at(word * part.len());
            let q = &mut scratch[..part.len()];
            for j in 0..part.len() {
                let n_2: C::To = take_low(&lows[e * j..e * j + e]);
                let n_2 = n_2.times(C::To::default().minus(cut.top(x_b[j])));
                let s: C::To = take_low(&words[word * j..word * (j + 1)]);
                // (4)
                q[j] = s.plus(n_2.shl(c)).minus(y_0[j]);
                part[j] = cut.shift(x_b[j]).minus(constant).plus(q[j]);
            }
            mesh.send(1, bytemuck::cast_slice(q))?;
        }
        let v = &mut message[..size * e];
        for part in y_2.chunks_mut(CHUNK) {
            let v = &mut v[..part.len() * e];
            mesh.recv(1, v)?;
            for (j, y) in part.iter_mut().enumerate() {
                let v: C::To = take_low(&v[e * j..e * j + e]);
                *y = y.plus(v.shl(c));
            }
        }
        Ok(Replicated { own: y_2, next: y_0 })
    }
}

#[inline(always)]
fn put_low<R: Ring>(out: &mut [u8], value: R) {
    out.copy_from_slice(&bytemuck::bytes_of(&value)[..out.len()]);
}

#[inline(always)]
fn take_low<R: Ring>(bytes: &[u8]) -> R {
    let mut word = R::default();
    bytemuck::bytes_of_mut(&mut word)[..bytes.len()].copy_from_slice(bytes);
    word
}
