//! Products, made as in `rep3` but over the larger ring, and logged.
//!
//! Party i computes, with x and y as integers in [0, 2^64) (wide words: 2^128),
//!
//! (1)  Z_i = x_i y_i + x_i y_{i+1} + x_{i+1} y_i + F(k_i) - F(k_{i+1})  mod 2^128
//!
//! and sends it to party i - 1; the component of the product is Z_i mod 2^64.
//! The upper half is a mask and serves the check only: the relation between
//! Z_i and what the two other parties know then holds modulo 2^128. A corrupt
//! party i can add an error to Z_i and nothing else (Araki et al., "Optimized
//! Honest-Majority MPC for Malicious Adversaries", IEEE S&P 2017, section 3.1).
//!
//! For bits the ring is GF(2), and the proof's field extends it.
//!
//! Matrix products work modulo 2^64 throughout: they are compressed before they
//! are lifted (module `verify::matrix`).
//!
//! **Products that party 0 knows.** If the third component of both factors is
//! zero, party 0 has all four others and shares the product itself:
//!
//! (2)  P_1 = F(k_1),  P_0 = x_0 y_1 + x_1 y_0 - P_1,
//!
//! and sends P_0 to party 2. The same relation (1) of the log verifies it.

use super::{
    Rep3m,
    algebra::{Algebra, Lift},
    log::{Ands, Logged, Matrix, Terms},
};
use crate::{
    engine::{Dims, RingShares},
    rep3::{CHUNK, fill_parallel},
};
use privity_core::{
    Result,
    ring::{self, Ring},
    share::replicated::Replicated,
};
use rayon::prelude::*;

/// A chunk of z, c_1 and c_2, with its number.
type Chunks<'a, E> = (usize, ((&'a mut [E], &'a mut [E]), &'a mut [E]));

impl Rep3m {
    /// Inner products of groups, without truncation.
    pub(super) fn product<W: Logged>(
        &mut self,
        x: &Replicated<W>,
        y: &Replicated<W>,
        group: usize,
    ) -> Result<Replicated<W>> {
        assert_eq!(x.own.len(), y.own.len(), "vectors of different lengths");
        assert!(group > 0 && x.own.len().is_multiple_of(group), "groups must divide the length");
        let len = x.own.len() / group;
        let op = self.prss.operation();
        let zero = Lift::<W>::default();
        let mut z = vec![zero; len];
        let mut c1 = vec![zero; len];
        let mut c2 = vec![zero; len];
        let prss = &self.prss;
        let work = |(i, ((z, c1), c2)): Chunks<'_, Lift<W>>| {
            let start = i * CHUNK;
            fill(c2, |words, at| prss.own_fill(op, at, words), start);
            fill(c1, |words, at| prss.next_fill(op, at, words), start);
            for j in 0..z.len() {
                let terms = (start + j) * group..(start + j + 1) * group;
                let (mut sum, mut known) = (zero, zero);
                for t in terms {
                    let (xo, xn, yo, yn) = (x.own[t], x.next[t], y.own[t], y.next[t]);
                    let cross = W::Proof::add(xo.times_lift(yn), xn.times_lift(yo));
                    sum = W::Proof::add(sum, W::Proof::add(xo.times_lift(yo), cross));
                    known = W::Proof::add(known, xn.times_lift(yn));
                }
                // (1)
                z[j] = W::Proof::add(sum, W::Proof::sub(c2[j], c1[j]));
                c1[j] = W::Proof::add(known, c1[j]);
                c2[j] = W::Proof::neg(c2[j]);
            }
        };
        z.par_chunks_mut(CHUNK)
            .zip(c1.par_chunks_mut(CHUNK))
            .zip(c2.par_chunks_mut(CHUNK))
            .enumerate()
            .for_each(work);
        let (prev, next) = (self.prev(), self.next());
        self.mesh.send_bulk(prev, &z)?;
        let own = z.iter().map(|&z| W::low(z)).collect();
        self.mesh.recv_bulk(next, &mut z)?;
        for (c, &z) in c1.iter_mut().zip(&z) {
            *c = W::Proof::sub(*c, z);
        }
        let product = Replicated { own, next: z.iter().map(|&z| W::low(z)).collect() };
        let entry = Terms { x: x.clone(), y: y.clone(), group, c1, c2 };
        W::log(&mut self.log, entry);
        self.verify_if_full()?;
        Ok(product)
    }

    /// (2), element by element. The third components must be zero.
    pub(super) fn product_of_known<W: Logged>(
        &mut self,
        x: Replicated<W>,
        y: Replicated<W>,
    ) -> Result<Replicated<W>> {
        let len = x.own.len();
        let op = self.prss.operation();
        let zero = || vec![Lift::<W>::default(); len];
        let low = |p: &[Lift<W>]| p.iter().map(|&p| W::low(p)).collect::<Vec<W>>();
        let nothing = || vec![W::default(); len];
        let negated = |mut p: Vec<Lift<W>>| {
            p.iter_mut().for_each(|p| *p = W::Proof::neg(*p));
            p
        };
        let (mut c1, mut c2) = (vec![], vec![]);
        let product = match self.mesh.me() {
            0 => {
                let mut p_1 = zero();
                fill(&mut p_1, |words, at| self.prss.next_fill(op, at, words), 0);
                let p_0: Vec<Lift<W>> = (0..len)
                    .map(|i| {
                        let cross = W::Proof::add(
                            x.own[i].times_lift(y.next[i]),
                            x.next[i].times_lift(y.own[i]),
                        );
                        W::Proof::sub(cross, p_1[i])
                    })
                    .collect();
                self.mesh.send_bulk(2, &p_0)?;
                Replicated { own: low(&p_0), next: low(&p_1) }
            }
            1 => {
                let mut p_1 = zero();
                fill(&mut p_1, |words, at| self.prss.own_fill(op, at, words), 0);
                let own = low(&p_1);
                c2 = negated(p_1);
                Replicated { own, next: nothing() }
            }
            _ => {
                let mut p_0 = zero();
                self.mesh.recv_bulk(0, &mut p_0)?;
                let next = low(&p_0);
                c1 = negated(p_0);
                Replicated { own: nothing(), next }
            }
        };
        W::log(&mut self.log, Terms { x, y, group: 1, c1, c2 });
        Ok(product)
    }

    pub(super) fn matrix_product(
        &mut self,
        x: &Replicated<u64>,
        y: &Replicated<u64>,
        dims: Dims,
    ) -> Result<Replicated<u64>> {
        let Dims { m, k, n } = dims;
        assert_eq!(RingShares::len(x), m * k, "left factor's shape");
        assert_eq!(RingShares::len(y), k * n, "right factor's shape");
        // x_i (y_i + y_{i+1}) + x_{i+1} y_i: two products instead of three.
        let both = ring::zip(&y.own, &y.next, u64::plus);
        let op = self.prss.operation();
        let mut z = vec![0; m * n];
        let prss = &self.prss;
        fill_parallel(&mut z, 0, &|range, out| prss.zeros(op, range.start, out));
        ring::matmul_add(&x.own, &both, &mut z, m, k, n);
        ring::matmul_add(&x.next, &y.own, &mut z, m, k, n);
        let (prev, next) = (self.prev(), self.next());
        self.mesh.send_bulk(prev, &z)?;
        let mut received = vec![0; m * n];
        self.mesh.recv_bulk(next, &mut received)?;
        let product = Replicated { own: z, next: received.clone() };
        self.log.matrix(Matrix { x: x.clone(), y: y.clone(), dims, received, op });
        self.verify_if_full()?;
        Ok(product)
    }

    /// 64 ANDs per word.
    pub(super) fn and_words(
        &mut self,
        x: Replicated<u64>,
        y: Replicated<u64>,
    ) -> Result<Replicated<u64>> {
        let len = x.own.len();
        assert_eq!(len, y.own.len(), "bit vectors of different lengths");
        let op = self.prss.operation();
        let prss = &self.prss;
        let (mut z, mut c1, mut c2) = (vec![0; len], vec![0; len], vec![0; len]);
        let work = |(i, ((z, c1), c2)): Chunks<'_, u64>| {
            let start = i * CHUNK;
            prss.own_fill(op, start, c2);
            prss.next_fill(op, start, c1);
            let range = start..start + z.len();
            let (xo, xn) = (&x.own[range.clone()], &x.next[range.clone()]);
            let (yo, yn) = (&y.own[range.clone()], &y.next[range]);
            for j in 0..z.len() {
                // (1) over GF(2)
                z[j] = (xo[j] & (yo[j] ^ yn[j])) ^ (xn[j] & yo[j]) ^ c1[j] ^ c2[j];
                c1[j] ^= xn[j] & yn[j];
            }
        };
        z.par_chunks_mut(CHUNK)
            .zip(c1.par_chunks_mut(CHUNK))
            .zip(c2.par_chunks_mut(CHUNK))
            .enumerate()
            .for_each(work);
        let (prev, next) = (self.prev(), self.next());
        self.mesh.send_bulk(prev, &z)?;
        let mut received = vec![0; len];
        self.mesh.recv_bulk(next, &mut received)?;
        for (c, &z) in c1.iter_mut().zip(&received) {
            *c ^= z;
        }
        self.log.ands(Ands { x, y, c1, c2 });
        self.verify_if_full()?;
        Ok(Replicated { own: z, next: received })
    }
}

/// Fills lifted words with a stream, from element `start` on.
fn fill<E: bytemuck::NoUninit + bytemuck::AnyBitPattern>(
    out: &mut [E],
    stream: impl Fn(&mut [u64], usize),
    start: usize,
) {
    stream(bytemuck::cast_slice_mut(out), start * (size_of::<E>() / 8));
}
