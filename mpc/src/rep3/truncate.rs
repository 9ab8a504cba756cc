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

/// Half of the range that (1) needs: added before, taken off after.
const OFFSET: u64 = 1 << 62;

impl Rep3 {
    pub(super) fn truncate_shared(
        &mut self,
        x: &Replicated<u64>,
        d: u32,
    ) -> Result<Replicated<u64>> {
        let op = self.prss.operation();
        let (mesh, prss) = (&mut self.mesh, &self.prss);
        match mesh.me() {
            0 => deal(mesh, prss, op, x.own.len(), d, &|range, out: &mut [u64]| {
                for (o, i) in out.iter_mut().zip(range) {
                    *o = x.own[i].plus(x.next[i]);
                }
            }),
            1 => combine(mesh, prss, op, d, x.next.clone()),
            _ => combine(mesh, prss, op, d, x.own.clone()),
        }
    }
}

/// Truncates x = z_0 + z_1 + z_2 without forming replicated shares of x first.
/// `z` produces this party's masked addend, range by range.
pub(super) fn truncate_additive(
    mesh: &mut Mesh,
    prss: &Prss,
    op: u64,
    len: usize,
    d: u32,
    z: impl Fn(Range<usize>, &mut [u64]) + Sync,
) -> Result<Replicated<u64>> {
    if mesh.me() == 0 {
        return deal(mesh, prss, op, len, d, &z);
    }
    let other = 3 - mesh.me();
    let mut x_b = super::send_produced(mesh, other, len, &z)?;
    let mut theirs = vec![0; CHUNK.min(len)];
    for part in x_b.chunks_mut(CHUNK) {
        let theirs = &mut theirs[..part.len()];
        mesh.recv(other, bytemuck::cast_slice_mut(theirs))?;
        for (x, &t) in part.iter_mut().zip(theirs.iter()) {
            *x = x.plus(t);
        }
    }
    combine(mesh, prss, op, d, x_b)
}

/// Party 0: step 2.
fn deal(
    mesh: &mut Mesh,
    prss: &Prss,
    op: u64,
    len: usize,
    d: u32,
    x_a: &(impl Fn(Range<usize>, &mut [u64]) + Sync),
) -> Result<Replicated<u64>> {
    check(d);
    let e = low_bytes(d);
    let mut y_0 = vec![0; len];
    let mut y_1 = vec![0; len];
    let window = CHUNK * 4 * rayon::current_num_threads();
    let mut sums = vec![0; window.min(len)];
    let mut messages = vec![0u8; window.min(len) * (8 + e)];
    for start in (0..len).step_by(window) {
        let range = start..len.min(start + window);
        let sums = &mut sums[..range.len()];
        fill_parallel(sums, start, x_a);
        let messages = &mut messages[..range.len() * (8 + e)];
        let y_1 = &mut y_1[range.clone()];
        let work = |c: usize, sums: &mut [u64], y_1: &mut [u64], message: &mut [u8]| {
            let at = start + c * CHUNK;
            let (mut w, mut n_1) = (vec![0; sums.len()], vec![0; sums.len()]);
            prss.next_fill(op | Y, at, y_1);
            prss.next_fill(op | W, at, &mut w);
            prss.next_fill(op | N, at, &mut n_1);
            let (words, lows) = message.split_at_mut(8 * sums.len());
            for i in 0..sums.len() {
                let x = sums[i].plus(OFFSET);
                // (2)
                let s = shift(x, d).minus(y_1[i]).minus(w[i] << (64 - d));
                words[8 * i..8 * i + 8].copy_from_slice(&s.to_le_bytes());
                put_low(&mut lows[e * i..e * i + e], (x >> 63).minus(n_1[i]));
            }
        };
        if sums.len() <= CHUNK {
            work(0, sums, y_1, messages);
        } else {
            sums.par_chunks_mut(CHUNK)
                .zip(y_1.par_chunks_mut(CHUNK))
                .zip(messages.par_chunks_mut(CHUNK * (8 + e)))
                .enumerate()
                .for_each(|(c, ((sums, y_1), message))| work(c, sums, y_1, message));
        }
        for message in messages.chunks(CHUNK * (8 + e)) {
            mesh.send(2, message)?;
        }
    }
    fill_parallel(&mut y_0, 0, &|range: Range<usize>, out: &mut [u64]| {
        prss.own_fill(op | Y, range.start, out);
    });
    Ok(Replicated { own: y_0, next: y_1 })
}

/// Parties 1 and 2: steps 3 and 4.
fn combine(
    mesh: &mut Mesh,
    prss: &Prss,
    op: u64,
    d: u32,
    x_b: Vec<u64>,
) -> Result<Replicated<u64>> {
    check(d);
    let (len, e, me) = (x_b.len(), low_bytes(d), mesh.me());
    let c = 64 - d;
    // (5) without q and v.
    let constant = (OFFSET >> d) - 1;
    let mut y_2 = x_b;
    let size = CHUNK.min(len);
    let mut scratch = vec![0u64; size];
    if me == 1 {
        let mut n_1 = vec![0u64; size];
        let mut v = vec![0u8; size * e];
        for (i, part) in y_2.chunks_mut(CHUNK).enumerate() {
            let (w, n_1, v) =
                (&mut scratch[..part.len()], &mut n_1[..part.len()], &mut v[..part.len() * e]);
            prss.own_fill(op | W, i * CHUNK, w);
            prss.own_fill(op | N, i * CHUNK, n_1);
            for j in 0..part.len() {
                // (3), as a word whose low d bits count
                let low = w[j].plus(n_1[j] & top_mask(part[j]));
                put_low(&mut v[e * j..e * j + e], low);
                part[j] = shift(part[j], d).minus(constant).plus(low << c);
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
        let mut y_1 = vec![0; len];
        fill_parallel(&mut y_1, 0, &|range: Range<usize>, out: &mut [u64]| {
            prss.own_fill(op | Y, range.start, out);
        });
        Ok(Replicated { own: y_1, next: y_2 })
    } else {
        let mut y_0 = vec![0; len];
        fill_parallel(&mut y_0, 0, &|range: Range<usize>, out: &mut [u64]| {
            prss.next_fill(op | Y, range.start, out);
        });
        let mut message = vec![0u8; size * (8 + e)];
        for (part, y_0) in y_2.chunks_mut(CHUNK).zip(y_0.chunks(CHUNK)) {
            let message = &mut message[..part.len() * (8 + e)];
            mesh.recv(0, message)?;
            let (words, lows) = message.split_at(8 * part.len());
            let q = &mut scratch[..part.len()];
            for j in 0..part.len() {
                let n_2 = take_low(&lows[e * j..e * j + e]) & top_mask(part[j]);
                let mut s = [0; 8];
                s.copy_from_slice(&words[8 * j..8 * j + 8]);
                // (4)
                q[j] = u64::from_le_bytes(s).plus(n_2 << c).minus(y_0[j]);
                part[j] = shift(part[j], d).minus(constant).plus(q[j]);
            }
            mesh.send(1, bytemuck::cast_slice(q))?;
        }
        let v = &mut message[..size * e];
        for part in y_2.chunks_mut(CHUNK) {
            let v = &mut v[..part.len() * e];
            mesh.recv(1, v)?;
            for (j, y) in part.iter_mut().enumerate() {
                *y = y.plus(take_low(&v[e * j..e * j + e]) << c);
            }
        }
        Ok(Replicated { own: y_2, next: y_0 })
    }
}

pub(crate) fn check(d: u32) {
    assert!((1..62).contains(&d), "truncation by {d} bits: 1 to 61 are possible");
}

/// Arithmetic shift.
fn shift(x: u64, d: u32) -> u64 {
    ((x as i64) >> d) as u64
}

/// All ones if the top bit is set: the bit as a factor, without a branch.
fn top_mask(x: u64) -> u64 {
    ((x as i64) >> 63) as u64
}

/// Bytes that carry a number modulo 2^d.
pub(crate) fn low_bytes(d: u32) -> usize {
    d.div_ceil(8) as usize
}

fn put_low(out: &mut [u8], value: u64) {
    out.copy_from_slice(&value.to_le_bytes()[..out.len()]);
}

fn take_low(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
