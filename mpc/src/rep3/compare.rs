//! The sign of a shared number, and the test for zero.
//!
//! **Idea.** x = a + b mod 2^64 with a = x_0 + x_1 known to party 0 and b = x_2
//! known to parties 1 and 2. The sign is a_63 + b_63 + (carry into bit 63).
//! Cut the lower 63 bits into 16 groups, the lowest of three bits and the others
//! of four, so that a tree of four levels combines them. Whether a group of k
//! bits generates a carry (G) or propagates one (P) is a polynomial in the bits
//! of a with coefficients in the bits of b. For S a set of bits of the group
//! below i + 1, let
//!
//! (1)  T_i(S) = prod_(j in S) a_j * prod_(j > i) (a_j + b_j)      over GF(2),
//!      T_(k-1)(S) = prod_(j in S) a_j,
//!      T_(i-1)(S) = T_i(S + {i}) + b_i T_i(S)      for S below i,
//!      G = sum_i b_i T_i({i}),   P = T_(-1)({}).
//!
//! G holds since a carry leaves the group exactly if some bit i generates one
//! (a_i b_i = 1) and all above it propagate, and as exclusive events: a bit
//! that generates has a_j + b_j = 0. All is linear in the 2^k - 1 monomials
//! T_(k-1)(S) of the group's bits of a, so once party 0 has shared these
//! between parties 1 and 2, the latter compute shares of G and P without
//! talking.
//!
//! **Protocol** for a vector of n numbers, bit-sliced:
//! 1. Party 0 shares the 7 + 15 * 15 = 232 monomials and a_63 between parties 1
//!    (from F_1, no message) and 2 (233 bits per number).
//! 2. Parties 1 and 2 evaluate (1), 32 bits, and a_63 + b_63, and turn the
//!    two-party shares t_1, t_2 into replicated ones: y_0 from F_0, y_1 from
//!    F_1, y_2 = t_1 + t_2 + y_0 + y_1, for which each sends the other its part
//!    masked (33 bits each).
//! 3. A tree of ANDs combines neighbouring groups,
//!    (2)  (G, P) = (G_h + P_h G_l,  P_h P_l),
//!    four levels, 26 ANDs; the lowest group needs no P.
//!
//! The test for zero asks whether a + (b - 1) is all ones: P of every group
//! and of bit 63, with b - 1 in the place of b, and a tree of 16 ANDs in five
//! levels.
//!
//! **Privacy.** Party 2 sees 233 bits masked by F_1, which it lacks, and party
//! 1's part masked by y_1; party 1 sees party 2's part masked by y_0; the ANDs
//! are those of Araki et al.
//!
//! **Cost.** Sign: 233 + 66 + 3 * 26 = 377 bits per number over all parties, 6
//! rounds. Zero: 233 + 34 + 48 = 315 bits, 7 rounds. Padding to words of 64
//! numbers comes on top. Groups of three bits would take 339 and 255 bits, but
//! a round more for the sign.
//!
//! Source: carry look-ahead with groups, e.g. ABY3 section 5.3; dealing the
//! monomials of the component pair that one party knows is this library's
//! arrangement.

use super::{
    Prss, Rep3,
    network::carry_out,
    share::{Bits, join, xor},
};
use privity_core::{
    Result, bits,
    ring::{self, Ring},
    share::replicated::Replicated,
};
use rayon::prelude::*;

/// Groups below the top bit.
pub(crate) const GROUPS: usize = 16;
/// Bits of a group; the lowest has one less.
const GROUP_BITS: usize = 4;
/// Bits that party 0 shares per number: the monomials and the top bit.
pub(crate) const DEALT: usize = TOP + 1;
/// Where the top bit is among them.
const TOP: usize = first_monomial(GROUPS);

/// The lowest bit of group g.
const fn first_bit(g: usize) -> usize {
    (GROUP_BITS * g).saturating_sub(1)
}

/// The place of the first monomial of group g among the dealt planes. That of
/// the product over S, a set of bits as a mask, is S - 1 planes further.
const fn first_monomial(g: usize) -> usize {
    match g {
        0 => 0,
        g => (1 << (GROUP_BITS - 1)) - 1 + (g - 1) * ((1 << GROUP_BITS) - 1),
    }
}

const _: () = assert!(first_bit(GROUPS) == 63);

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
        let g: Vec<Replicated<u64>> = (0..GROUPS).map(|i| planes.plane(i)).collect();
        let p: Vec<Replicated<u64>> = (GROUPS..2 * GROUPS).map(|i| planes.plane(i)).collect();
        drop(planes);
        carry_out(g, p, |x, y| self.and_words(&x, &y))
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

// Every block of the mask stream begins on a cipher block of two words: it
// begins at a multiple of BLOCK * DEALT.
const _: () = assert!((BLOCK * DEALT).is_multiple_of(2));

/// The monomials of one block of word positions, masked, plane after plane.
fn deal_block(prss: &Prss, op: u64, a: &[u64], stride: usize, at: usize) -> Vec<u64> {
    let width = BLOCK.min(stride - at);
    let mut out = vec![0u64; DEALT * width];
    prss.next_fill(op, at * DEALT, &mut out);
    let plane = |j: usize| &a[j * stride + at..][..width];
    // The product over S is that over S without its lowest bit, times that bit.
    let mut products = vec![0u64; width << GROUP_BITS];
    products[..width].fill(u64::MAX);
    for g in 0..GROUPS {
        let first = first_monomial(g);
        let out = out[first * width..first_monomial(g + 1) * width].chunks_exact_mut(width);
        for (s, out) in (1usize..).zip(out) {
            let bit = plane(first_bit(g) + s.trailing_zeros() as usize);
            let (done, product) = products.split_at_mut(s * width);
            let rest = &done[(s & (s - 1)) * width..][..width];
            for (((o, p), r), a) in out.iter_mut().zip(product).zip(rest).zip(bit) {
                *p = r & a;
                *o ^= *p;
            }
        }
    }
    for (o, &top) in out[TOP * width..].iter_mut().zip(plane(63)) {
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
    // T_i(S) at plane S, first for the group's highest i.
    let mut t = vec![0u64; width << GROUP_BITS];
    for (g, p) in p_out.chunks_exact_mut(width).enumerate() {
        let dealt = &a[first_monomial(g) * width..first_monomial(g + 1) * width];
        t[..width].fill(ones);
        t[width..][..dealt.len()].copy_from_slice(dealt);
        for i in (0..first_bit(g + 1) - first_bit(g)).rev() {
            let b = b(first_bit(g) + i);
            let (without, with) = t.split_at_mut(width << i);
            if wanted == Wanted::Carries {
                for ((o, t), b) in g_out[g * width..][..width].iter_mut().zip(&*with).zip(b) {
                    *o ^= b & t;
                }
            }
            for (t, with) in without.chunks_exact_mut(width).zip(with.chunks_exact(width)) {
                for ((t, with), b) in t.iter_mut().zip(with).zip(b) {
                    *t = with ^ (b & *t);
                }
            }
        }
        p.copy_from_slice(&t[..width]);
    }
    for ((o, &a), &b) in top.iter_mut().zip(&a[TOP * width..]).zip(b(63)) {
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
