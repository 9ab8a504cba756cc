//! The sign of a shared number, and the test for zero.
//!
//! **Idea.** x = a + b mod 2^64 with a = x_0 + x_1 known to party 0 and b = x_2
//! known to parties 1 and 2. The sign is a_63 + b_63 + (carry into bit 63).
//! Cut the lower 63 bits into 21 groups of three. Whether a group generates a
//! carry (G) or propagates one (P) is a polynomial in the three bits of a with
//! coefficients in the bits of b:
//!
//! (1)  T = a0 a1 a2 + b2 a0 a1 + b1 a0 a2 + b1 b2 a0,   U = a1 a2 + b2 a1
//!      G = b2 a2 + b1 U + b0 T
//!      P = T + b0 U + b0 b1 a2 + b0 b1 b2                      over GF(2)
//!
//! It is linear in the seven monomials of the group's bits of a, so once party
//! 0 has shared these between parties 1 and 2, the latter compute shares of G
//! and P without talking.
//!
//! **Protocol** for a vector of n numbers, bit-sliced:
//! 1. Party 0 shares the 147 monomials and a_63 between parties 1 (from F_1, no
//!    message) and 2 (148 bits per number).
//! 2. Parties 1 and 2 evaluate (1), 42 bits, and a_63 + b_63, and turn the
//!    two-party shares t_1, t_2 into replicated ones: y_0 from F_0, y_1 from
//!    F_1, y_2 = t_1 + t_2 + y_0 + y_1, for which each sends the other its part
//!    masked (43 bits each).
//! 3. A tree of ANDs combines neighbouring groups,
//!    (2)  (G, P) = (G_h + P_h G_l,  P_h P_l),
//!    five levels, 35 ANDs; the lowest group needs no P.
//!
//! The test for zero asks whether a + (b - 1) is all ones: P of every group
//! and of bit 63, with b - 1 in the place of b, and a tree of 21 ANDs.
//!
//! **Privacy.** Party 2 sees 148 bits masked by F_1, which it lacks, and party
//! 1's part masked by y_1; party 1 sees party 2's part masked by y_0; the ANDs
//! are those of Araki et al.
//!
//! **Cost.** Sign: 148 + 86 + 3 * 35 = 339 bits per number over all parties, 7
//! rounds. Zero: 148 + 44 + 63 = 255 bits, 7 rounds. Padding to words of 64
//! numbers comes on top.
//!
//! Source: carry look-ahead with groups, e.g. ABY3 section 5.3; dealing the
//! monomials of the component pair that one party knows is this library's
//! arrangement.

use super::{
    Prss, Rep3,
    share::{Bits, join, xor},
};
use privity_core::{
    Result, bits,
    ring::{self, Ring},
    share::replicated::Replicated,
};
use rayon::prelude::*;

/// Groups of three bits below the top bit.
pub(crate) const GROUPS: usize = 21;
/// Monomials per group.
const MONOMIALS: usize = 7;
/// Bits that party 0 shares per number: the monomials and the top bit.
pub(crate) const DEALT: usize = GROUPS * MONOMIALS + 1;

/// Words of each plane per message: 8192 numbers.
const BLOCK: usize = 128;

impl Rep3 {
    pub(super) fn sign(&mut self, x: &Replicated<u64>) -> Result<Bits> {
        let len = x.own.len();
        let planes = self.share_groups(x, 0, Wanted::Carries)?;
        let top = planes.plane(2 * GROUPS);
        let carry = self.combine_groups(planes)?;
        Ok(Bits { len, words: carry.zip_both(&top, xor) })
    }

    pub(super) fn zero_test(&mut self, x: &Replicated<u64>) -> Result<Bits> {
        let len = x.own.len();
        let mut planes = self.share_groups(x, 1, Wanted::Propagates)?;
        while planes.count > 1 {
            let pairs = planes.count / 2;
            let low = planes.gather((0..pairs).map(|p| 2 * p));
            let high = planes.gather((0..pairs).map(|p| 2 * p + 1));
            let odd = (planes.count % 2 == 1).then(|| planes.plane(planes.count - 1));
            let mut product = self.and_words(&low.words, &high.words)?;
            let mut count = pairs;
            if let Some(odd) = odd {
                product = join(&[&product, &odd]);
                count += 1;
            }
            planes = Planes { count, stride: planes.stride, words: product };
        }
        Ok(Bits { len, words: planes.plane(0) })
    }

    /// Step 3: the carry out of the highest group.
    fn combine_groups(&mut self, planes: Planes) -> Result<Replicated<u64>> {
        let mut g: Vec<Replicated<u64>> = (0..GROUPS).map(|i| planes.plane(i)).collect();
        let mut p: Vec<Replicated<u64>> = (GROUPS..2 * GROUPS).map(|i| planes.plane(i)).collect();
        drop(planes);
        while g.len() > 1 {
            let pairs = g.len() / 2;
            // (2); pair 0 holds the lowest group, whose P nobody needs.
            let high: Vec<_> = (0..pairs).map(|i| &p[2 * i + 1]).collect();
            let left = [&high[..], &high[1..]].concat();
            let right: Vec<_> =
                (0..pairs).map(|i| &g[2 * i]).chain((1..pairs).map(|i| &p[2 * i])).collect();
            let product = self.and_words(&join(&left), &join(&right))?;
            let stride = g[0].own.len();
            let part = |i: usize| product.slice(i * stride..(i + 1) * stride);
            let mut g_up: Vec<_> =
                (0..pairs).map(|i| g[2 * i + 1].zip_both(&part(i), xor)).collect();
            let mut p_up: Vec<_> = (0..pairs)
                .map(|i| if i == 0 { Replicated::default() } else { part(pairs + i - 1) })
                .collect();
            if g.len() % 2 == 1 {
                g_up.extend(g.pop());
                p_up.extend(p.pop());
            }
            (g, p) = (g_up, p_up);
        }
        Ok(g.pop().unwrap_or_default())
    }

    /// Steps 1 and 2: party 0 deals, parties 1 and 2 evaluate (1) and re-share.
    /// b is x_2 - `minus`.
    fn share_groups(&mut self, x: &Replicated<u64>, minus: u64, wanted: Wanted) -> Result<Planes> {
        let (op, mask) = (self.prss.operation(), self.prss.operation());
        let stride = bits::words(x.own.len());
        let count = wanted.planes();
        let (mesh, prss) = (&mut self.mesh, &self.prss);
        let me = mesh.me();
        let blocks: Vec<usize> = (0..stride).step_by(BLOCK).collect();
        let window = 4 * rayon::current_num_threads();
        let mut t = Vec::new();
        if me == 0 {
            let a = bits::to_planes(&ring::zip(&x.own, &x.next, u64::plus));
            for some in blocks.chunks(window) {
                let dealt: Vec<Vec<u64>> =
                    some.par_iter().map(|&at| deal_block(prss, op, &a, stride, at)).collect();
                for message in dealt {
                    mesh.send(2, bytemuck::cast_slice(&message))?;
                }
            }
        } else {
            let b = bits::to_planes(&ring::map(if me == 1 { &x.next } else { &x.own }, |b| {
                b.minus(minus)
            }));
            t = vec![0; count * stride];
            for some in blocks.chunks(window) {
                let mut dealt = Vec::with_capacity(some.len());
                for &at in some {
                    let mut a = vec![0u64; DEALT * BLOCK.min(stride - at)];
                    if me == 2 {
                        mesh.recv(0, bytemuck::cast_slice_mut(&mut a))?;
                    }
                    dealt.push((at, a));
                }
                let evaluated: Vec<(usize, Vec<u64>)> = dealt
                    .into_par_iter()
                    .map(|(at, mut a)| {
                        if me == 1 {
                            prss.own_fill(op, at * DEALT, &mut a);
                        }
                        (at, evaluate_block(&a, &b, stride, at, wanted, me == 1))
                    })
                    .collect();
                for (at, planes) in evaluated {
                    let width = BLOCK.min(stride - at);
                    for (j, plane) in planes.chunks_exact(width).enumerate() {
                        t[j * stride + at..][..width].copy_from_slice(plane);
                    }
                }
            }
        }
        let words = self.share_pairwise(mask, t, count * stride)?;
        Ok(Planes { count, stride, words })
    }

    /// From exclusive-or shares t_1, t_2 of parties 1 and 2 to replicated ones.
    pub(super) fn share_pairwise(
        &mut self,
        op: u64,
        t: Vec<u64>,
        len: usize,
    ) -> Result<Replicated<u64>> {
        let prss = &self.prss;
        match self.mesh.me() {
            0 => Ok(Replicated { own: prss.own_vec(op, len), next: prss.next_vec(op, len) }),
            me => {
                // y_1 is F_1 at party 1, y_0 is F_0 at party 2.
                let mask: Vec<u64> =
                    if me == 1 { prss.own_vec(op, len) } else { prss.next_vec(op, len) };
                let mine = xor(&t, &mask);
                self.mesh.send_bulk(3 - me, &mine)?;
                let mut theirs = vec![0; len];
                self.mesh.recv_bulk(3 - me, &mut theirs)?;
                let y_2 = xor(&mine, &theirs);
                Ok(if me == 1 {
                    Replicated { own: mask, next: y_2 }
                } else {
                    Replicated { own: y_2, next: mask }
                })
            }
        }
    }
}

// Every block of the mask stream begins on a cipher block of two words.
const _: () = assert!(DEALT.is_multiple_of(2));

/// The monomials of one block of word positions, masked, plane after plane.
fn deal_block(prss: &Prss, op: u64, a: &[u64], stride: usize, at: usize) -> Vec<u64> {
    let width = BLOCK.min(stride - at);
    let mut out = vec![0u64; DEALT * width];
    prss.next_fill(op, at * DEALT, &mut out);
    let plane = |j: usize| &a[j * stride + at..][..width];
    for g in 0..GROUPS {
        let (a0, a1, a2) = (plane(3 * g), plane(3 * g + 1), plane(3 * g + 2));
        let out = &mut out[MONOMIALS * g * width..][..MONOMIALS * width];
        for i in 0..width {
            let (a0, a1, a2) = (a0[i], a1[i], a2[i]);
            let monomials = [a0, a1, a2, a0 & a1, a0 & a2, a1 & a2, a0 & a1 & a2];
            for (k, m) in monomials.into_iter().enumerate() {
                out[k * width + i] ^= m;
            }
        }
    }
    for (o, &top) in out[MONOMIALS * GROUPS * width..].iter_mut().zip(plane(63)) {
        *o ^= top;
    }
    out
}

/// Which planes step 2 yields, in this order.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// G of each group, P of each group, the top bit.
    Carries,
    /// P of each group, the top bit.
    Propagates,
}

impl Wanted {
    fn planes(self) -> usize {
        match self {
            Wanted::Carries => 2 * GROUPS + 1,
            Wanted::Propagates => GROUPS + 1,
        }
    }
}

/// (1) for one block: the wanted planes, as this party's additive shares.
/// Constants belong to one of the two shares, party 1's (`constants`).
fn evaluate_block(
    a: &[u64],
    b: &[u64],
    stride: usize,
    at: usize,
    wanted: Wanted,
    constants: bool,
) -> Vec<u64> {
    let width = BLOCK.min(stride - at);
    let ones = if constants { u64::MAX } else { 0 };
    let b = |j: usize| &b[j * stride + at..][..width];
    let mut out = vec![0; wanted.planes() * width];
    let carries = if wanted == Wanted::Carries { GROUPS * width } else { 0 };
    let (g_out, rest) = out.split_at_mut(carries);
    let (p_out, top) = rest.split_at_mut(GROUPS * width);
    for g in 0..GROUPS {
        let m = &a[MONOMIALS * g * width..][..MONOMIALS * width];
        let m = |k: usize| &m[k * width..][..width];
        let [a0, a1, a2, a01, a02, a12, a012] = [m(0), m(1), m(2), m(3), m(4), m(5), m(6)];
        let [b0, b1, b2] = [b(3 * g), b(3 * g + 1), b(3 * g + 2)];
        let t = |i: usize| a012[i] ^ (b2[i] & a01[i]) ^ (b1[i] & a02[i]) ^ (b1[i] & b2[i] & a0[i]);
        let u = |i: usize| a12[i] ^ (b2[i] & a1[i]);
        for (i, p) in p_out[g * width..][..width].iter_mut().enumerate() {
            *p = t(i) ^ (b0[i] & u(i)) ^ (b0[i] & b1[i] & (a2[i] ^ (b2[i] & ones)));
        }
        if wanted == Wanted::Carries {
            for (i, o) in g_out[g * width..][..width].iter_mut().enumerate() {
                *o = (b2[i] & a2[i]) ^ (b1[i] & u(i)) ^ (b0[i] & t(i));
            }
        }
    }
    for ((o, &a), &b) in top.iter_mut().zip(&a[MONOMIALS * GROUPS * width..]).zip(b(63)) {
        *o = a ^ (b & ones);
    }
    out
}

/// Bit planes, shared, one after the other.
struct Planes {
    count: usize,
    stride: usize,
    words: Replicated<u64>,
}

impl Planes {
    fn plane(&self, j: usize) -> Replicated<u64> {
        self.words.slice(j * self.stride..(j + 1) * self.stride)
    }

    fn gather(&self, which: impl Iterator<Item = usize>) -> Planes {
        let planes: Vec<_> = which.map(|j| self.plane(j)).collect();
        let words = join(&planes.iter().collect::<Vec<_>>());
        Planes { count: planes.len(), stride: self.stride, words }
    }
}
