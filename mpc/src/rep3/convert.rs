//! Between ring elements and bits.
//!
//! **The low bits of a number**, w of them. As in [`super::compare`], x = a + b with a known to
//! party 0 and b to parties 1 and 2. Party 0 shares the bits of a between them;
//! g_j = a_j b_j and p_j = a_j + b_j are then local, and after re-sharing (2w - 1
//! planes: the last g is not needed) a Sklansky prefix network of ceil(log2(w - 1))
//! levels gives every carry:
//!
//! (1)  (g, p)_{j..} = (g_j + p_j g_k, p_j p_k)
//!
//! Cost per number for w = 64: 64 + 2 * 127 + 3 * 310 = 1248 bits over all
//! parties, 8 rounds.
//!
//! **A bit as a number.** b = u xor v with u = b_0 xor b_1 known to party 0 and
//! v = b_2 to parties 1 and 2. Party 0 shares u additively between them, u = s_1
//! + s_2, s_1 from F_1. Then
//!
//! (2)  u xor v = u + v - 2 u v = (1 - 2v) s_1 + v + (1 - 2v) s_2
//!
//! is an additive sharing between parties 1 and 2, which they re-share with
//! y_0, y_1 from F_0, F_1. Cost: 24 bytes over all parties, 2 rounds. (ABY3,
//! section 5.4.1, does the same with three-party OT.)

use super::{
    Rep3,
    network::prefix_carries,
    prss::Y,
    share::{Bits, xor},
};
use privity_core::{
    Result, bits,
    ring::{self, Ring},
    share::replicated::Replicated,
};

impl Rep3 {
    pub(super) fn decompose(&mut self, x: &Replicated<u64>, width: usize) -> Result<Vec<Bits>> {
        assert!((1..=64).contains(&width), "{width} bits of a word");
        let len = x.own.len();
        let stride = bits::words(len);
        let planes = 2 * width - 1;
        let (op, mask) = (self.prss.operation(), self.prss.operation());
        let me = self.mesh.me();
        let t = match me {
            0 => {
                let a = bits::to_planes(&ring::zip(&x.own, &x.next, u64::plus));
                let pad: Vec<u64> = self.prss.next_vec(op, width * stride);
                let masked = xor(&a[..width * stride], &pad);
                self.mesh.send_bulk(2, &masked)?;
                Vec::new()
            }
            _ => {
                let b = bits::to_planes(if me == 1 { &x.next } else { &x.own });
                let mut a = vec![0; width * stride];
                if me == 1 {
                    self.prss.own_fill(op, 0, &mut a);
                } else {
                    self.mesh.recv_bulk(0, &mut a)?;
                }
                let mut t = vec![0; planes * stride];
                let (p, g) = t.split_at_mut(width * stride);
                let ones = if me == 1 { u64::MAX } else { 0 };
                for i in 0..width * stride {
                    p[i] = a[i] ^ (b[i] & ones);
                    if i < (width - 1) * stride {
                        g[i] = a[i] & b[i];
                    }
                }
                t
            }
        };
        let shared = self.share_pairwise(mask, t, planes * stride)?;
        let plane = |j: usize| shared.slice(j * stride..(j + 1) * stride);
        let mut p: Vec<Replicated<u64>> = (0..width).map(plane).collect();
        let sum_without_carry = p.clone();
        let g: Vec<Replicated<u64>> = (width..planes).map(plane).collect();
        p.truncate(width - 1);
        drop(shared);

        let g = prefix_carries(g, p, |x, y| self.and_words(&x, &y))?;
        let mut out = Vec::with_capacity(width);
        for (j, s) in sum_without_carry.into_iter().enumerate() {
            let words = if j == 0 { s } else { s.zip_both(&g[j - 1], xor) };
            out.push(Bits { len, words });
        }
        Ok(out)
    }

    pub(super) fn inject(&mut self, b: &Bits) -> Result<Replicated<u64>> {
        let len = b.len;
        let op = self.prss.operation();
        let (own, next) = (&b.words.own, &b.words.next);
        let prss = &self.prss;
        match self.mesh.me() {
            0 => {
                let mut s_1: Vec<u64> = prss.next_vec(op, len);
                for (i, s) in s_1.iter_mut().enumerate() {
                    let u = (own[i / 64] ^ next[i / 64]) >> (i % 64) & 1;
                    *s = u.minus(*s);
                }
                self.mesh.send_bulk(2, &s_1)?;
                Ok(Replicated { own: prss.own_vec(op | Y, len), next: prss.next_vec(op | Y, len) })
            }
            me => {
                let v = if me == 1 { next } else { own };
                let mut t = vec![0u64; len];
                let mask: Vec<u64> = if me == 1 {
                    prss.own_fill(op, 0, &mut t);
                    prss.own_vec(op | Y, len)
                } else {
                    self.mesh.recv_bulk(0, &mut t)?;
                    prss.next_vec(op | Y, len)
                };
                for (i, t) in t.iter_mut().enumerate() {
                    let v = v[i / 64] >> (i % 64) & 1;
                    // (2); the constant v goes to party 1's share.
                    let constant = if me == 1 { v } else { 0 };
                    *t = t.times(1u64.minus(2 * v)).plus(constant).minus(mask[i]);
                }
                self.mesh.send_bulk(3 - me, &t)?;
                let mut theirs = vec![0; len];
                self.mesh.recv_bulk(3 - me, &mut theirs)?;
                let y_2 = ring::zip(&t, &theirs, u64::plus);
                Ok(if me == 1 {
                    Replicated { own: mask, next: y_2 }
                } else {
                    Replicated { own: y_2, next: mask }
                })
            }
        }
    }
}
