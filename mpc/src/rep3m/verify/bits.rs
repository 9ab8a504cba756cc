//! Proofs about ANDs: from packed bits to vectors over the field of 2^64
//! elements.
//!
//! Relation (1) of the log holds for every bit. Bit j of word w gets the random
//! coefficient tau_w x^j (x generates the polynomial basis), so that a word
//! with any wrong bit contributes tau_w times a polynomial that is not zero.
//!
//! Few words become field elements at once: s_wj = tau_w x^j u_wj, t_wj = v_wj.
//! Many are folded while they are bits: x and y are cut into m rows each, the
//! rows of u are those of x and of y, the rows of v those of y and of x, and
//!
//! (6)  G_ab = sum_wj tau_w x^j u_awj v_bwj = sum_w tau_w (u_aw and v_bw),
//!
//! where a word is read as a polynomial: one carry-less product for 64 terms.
//! Relation (1) is weighted with sigma_a for row a of x, y and c:
//!
//! (7)  kappa = sum_a sigma_a (G_aa + G_{a+m,a+m} + sum_w tau_w c_aw)
//!
//! and (5) leaves s_wj = tau_w x^j sum_a f_a u_awj and t_wj = sum_a e_a v_awj.

use super::{
    super::{
        algebra::{Algebra, Gf64, bilinear, cut, decode},
        log::Ands,
    },
    challenge::Coins,
    plan,
    proof::{Proof, difference, shared},
};
use crate::rep3::Prss;
use privity_core::{bits, field::gf64, prg::Prg};
use rayon::prelude::*;
use zeroize::Zeroize;

/// The ANDs of a log, one after the other.
pub(crate) struct BitLevel {
    own: [Vec<u64>; 2],
    next: [Vec<u64>; 2],
    c: [Vec<u64>; 2],
    rows: usize,
    width: usize,
    tau: [Vec<u64>; 3],
    sigma: [Vec<u64>; 3],
    g: [Vec<u64>; 2],
}

impl Drop for BitLevel {
    fn drop(&mut self) {
        for v in self.own.iter_mut().chain(&mut self.next).chain(&mut self.c) {
            v.zeroize();
        }
    }
}

/// Words of a row per task.
const TILE: usize = 128;

/// The kind's domain in the challenges' streams.
pub(super) const DOMAIN: u64 = 1;
/// The domain of tau and sigma.
const TAU: u64 = 8;

impl BitLevel {
    pub(crate) fn new(ands: &[Ands], size: usize, coins: &Coins) -> Self {
        let join = |f: fn(&Ands) -> &[u64]| {
            let mut out = Vec::with_capacity(size);
            for entry in ands {
                let part = f(entry);
                out.extend_from_slice(part);
                if part.is_empty() {
                    out.resize(out.len() + entry.x.own.len(), 0);
                }
            }
            out
        };
        let rows = plan::bit_rows(size);
        let width = size.div_ceil(rows);
        let weighted = if plan::bits(size).0 { width } else { size };
        let draw = |coins: &Prg| coins.vec::<u64>(TAU, weighted);
        let all = [&coins.prover, &coins.first, &coins.second];
        let sigma = |coins: &Prg| coins.vec::<u64>(TAU + 1, rows);
        Self {
            own: [join(|a| &a.x.own), join(|a| &a.y.own)],
            next: [join(|a| &a.x.next), join(|a| &a.y.next)],
            c: [join(|a| &a.c1), join(|a| &a.c2)],
            rows,
            width,
            tau: all.map(draw),
            sigma: all.map(sigma),
            g: [vec![], vec![]],
        }
    }

    /// All bits as field elements, for small logs.
    pub(crate) fn expand(self, ands: usize) -> Proof<Gf64> {
        let mut proof = Proof::new(plan::bits(ands).1, DOMAIN);
        let weights = self.tau.each_ref().map(|tau| weights(&tau[..ands]));
        let ones = vec![1; 64 * ands];
        let [own_x, own_y] = &self.own;
        let [next_x, next_y] = &self.next;
        let s = |x: &[u64], y: &[u64], k: &[u64]| [elements(x, k), elements(y, k)].concat();
        proof.prover = [s(own_x, own_y, &weights[0]), s(next_y, next_x, &ones)];
        proof.first.vector = s(next_x, next_y, &weights[1]);
        proof.second.vector = s(own_y, own_x, &ones);
        proof.first.claim = gf64::dot(&self.tau[1][..ands], &self.c[0]);
        proof.second.claim = gf64::dot(&self.tau[2][..ands], &self.c[1]);
        proof
    }

    /// (6) and its sharing (3).
    pub(crate) fn multiply(&mut self, prss: &Prss, op: u64, out: &mut Vec<u8>) {
        let [u, v] = [self.cut(&self.own, false), self.cut(&self.next, true)];
        let tau = &self.tau[0][..self.width];
        let all = 2 * self.rows;
        let tile = |i: usize| {
            let at = i * TILE;
            let mut g = vec![0; all * all];
            for (a, u) in u.iter().enumerate() {
                for (b, v) in v.iter().enumerate() {
                    let end = (at + TILE).min(u.len()).min(v.len());
                    let range = at.min(end)..end;
                    g[a * all + b] =
                        gf64::masked_dot(&tau[range.clone()], &u[range.clone()], &v[range]);
                }
            }
            g
        };
        let xor = |mut a: Vec<u64>, b: Vec<u64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a ^= b);
            a
        };
        let g = (0..self.width.div_ceil(TILE))
            .into_par_iter()
            .map(tile)
            .reduce(|| vec![0; all * all], xor);
        let g_2: Vec<u64> = shared(prss, false, op, g.len());
        out.extend_from_slice(bytemuck::cast_slice(&difference::<Gf64>(&g, &g_2)));
        self.g[1] = shared(prss, true, op, g.len());
    }

    /// G_1 of the next party's proof.
    pub(crate) fn take(&mut self, message: &[u8]) {
        self.g[0] = decode(message);
    }

    /// (7), and (5) over to field elements.
    pub(crate) fn descend(self, ands: usize, coins: &Coins) -> Proof<Gf64> {
        let mut proof = Proof::new(plan::bits(ands).1, DOMAIN);
        let all = 2 * self.rows;
        let draw = |coins: &Prg| -> [Vec<u64>; 2] {
            let both: Vec<u64> = coins.vec(TAU, 2 * all);
            [both[..all].to_vec(), both[all..].to_vec()]
        };
        let [f, e] = draw(&coins.prover);
        proof.prover = [
            weighted(&self.cut(&self.own, false), &f, self.width, &self.tau[0]),
            folded(&self.cut(&self.next, true), &e, self.width),
        ];
        let [f, e] = draw(&coins.first);
        proof.first.vector = weighted(&self.cut(&self.next, false), &f, self.width, &self.tau[1]);
        proof.first.claim = bilinear::<Gf64>(&self.g[0], &f, &e);
        proof.first.kappas.push(self.kappa(&self.g[0], &self.c[0], 1));
        let [f, e] = draw(&coins.second);
        proof.second.vector = folded(&self.cut(&self.own, true), &e, self.width);
        proof.second.claim = bilinear::<Gf64>(&self.g[1], &f, &e);
        proof.second.kappas.push(self.kappa(&self.g[1], &self.c[1], 2));
        proof
    }

    /// (7)
    fn kappa(&self, g: &[u64], c: &[u64], role: usize) -> u64 {
        let all = 2 * self.rows;
        let c = cut(c, self.rows, self.width);
        let one = |a: usize| {
            let b = a + self.rows;
            let constants = gf64::dot(&self.tau[role][..c[a].len()], c[a]);
            let sum = g[a * all + a] ^ g[b * all + b] ^ constants;
            gf64::multiply(self.sigma[role][a], sum)
        };
        Gf64::sum((0..self.rows).map(one))
    }

    /// The rows of x and of y, or of y and of x.
    fn cut<'a>(&self, xy: &'a [Vec<u64>; 2], swapped: bool) -> Vec<&'a [u64]> {
        let [x, y] = [0, 1].map(|i| cut(&xy[i], self.rows, self.width));
        if swapped { [y, x].concat() } else { [x, y].concat() }
    }
}

/// tau_w x^j
fn weights(tau: &[u64]) -> Vec<u64> {
    let powers = |&t: &u64| std::iter::successors(Some(t), |&p| Some(gf64::times_x(p))).take(64);
    tau.iter().flat_map(powers).collect()
}

/// Bit by bit, the weight where the bit is set.
fn elements(words: &[u64], weights: &[u64]) -> Vec<u64> {
    let bit = |i: usize| (words[i / 64] >> (i % 64) & 1).wrapping_neg();
    weights.iter().enumerate().map(|(i, &k)| k & bit(i)).collect()
}

/// sum_a k_a row_a for rows of bits: 64 elements for each of `width` words.
///
/// The planes of the result are exclusive ors of rows, chosen by the bits of
/// the public k. Rows are taken four at a time: all 16 sums of four rows are
/// made once and each plane adds the one that it needs.
fn folded(rows: &[&[u64]], k: &[u64], width: usize) -> Vec<u64> {
    const BLOCK: usize = 64;
    let block = |i: usize| {
        let at = i * BLOCK;
        let mut planes = vec![[0u64; BLOCK]; 64];
        for (rows, k) in rows.chunks(4).zip(k.chunks(4)) {
            let mut sums = [[0u64; BLOCK]; 16];
            for (r, row) in rows.iter().enumerate() {
                let row = &row[at.min(row.len())..(at + BLOCK).min(row.len())];
                let (done, new) = sums.split_at_mut(1 << r);
                for (new, done) in new.iter_mut().zip(done) {
                    *new = *done;
                    new.iter_mut().zip(row).for_each(|(n, &r)| *n ^= r);
                }
            }
            for (j, plane) in planes.iter_mut().enumerate() {
                let which = k.iter().enumerate().fold(0, |w, (r, k)| w | (k >> j & 1) << r);
                let sum = &sums[which as usize];
                plane.iter_mut().zip(sum).for_each(|(p, &s)| *p ^= s);
            }
        }
        let mut words = bits::from_planes(planes.as_flattened(), 64, 64 * BLOCK);
        words.truncate(64 * BLOCK.min(width - at));
        planes.as_flattened_mut().zeroize();
        words
    };
    let blocks: Vec<Vec<u64>> = (0..width.div_ceil(BLOCK)).into_par_iter().map(block).collect();
    let mut out = Vec::with_capacity(64 * width);
    for mut b in blocks {
        out.extend_from_slice(&b);
        b.zeroize();
    }
    out
}

/// [`folded`], times tau_w x^j.
fn weighted(rows: &[&[u64]], k: &[u64], width: usize, tau: &[u64]) -> Vec<u64> {
    let plain = folded(rows, k, width);
    let mut out = vec![0; plain.len()];
    const WORDS: usize = 64;
    out.par_chunks_mut(64 * WORDS)
        .zip(plain.par_chunks(64 * WORDS))
        .zip(tau[..width].par_chunks(WORDS))
        .for_each(|((out, plain), tau)| gf64::multiply_add(out, plain, &weights(tau)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn folding_bits_is_folding_their_elements() {
        let mut rng = StdRng::seed_from_u64(4);
        let width = 70;
        let rows: Vec<Vec<u64>> = [70, 70, 70, 69, 1, 0]
            .iter()
            .map(|&n| (0..n).map(|_| rng.random()).collect())
            .collect();
        let rows: Vec<&[u64]> = rows.iter().map(|r| &r[..]).collect();
        let k: Vec<u64> = (0..6).map(|_| rng.random()).collect();
        let tau: Vec<u64> = (0..width).map(|_| rng.random()).collect();
        let mut expected = vec![0; 64 * width];
        for (row, &k) in rows.iter().zip(&k) {
            let set = elements(row, &vec![k; 64 * row.len()]);
            expected.iter_mut().zip(set).for_each(|(e, s)| *e ^= s);
        }
        assert_eq!(folded(&rows, &k, width), expected);
        let by_weight: Vec<u64> =
            expected.iter().zip(weights(&tau)).map(|(&e, w)| gf64::multiply(e, w)).collect();
        assert_eq!(weighted(&rows, &k, width, &tau), by_weight);
    }
}
