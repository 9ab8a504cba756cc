//! Products: one message per output, however many terms it sums.
//!
//! With x = x_0 + x_1 + x_2 and y alike, party i computes
//!
//! (1)  z_i = x_i y_i + x_i y_{i+1} + x_{i+1} y_i + alpha_i
//!
//! which covers each of the nine cross terms once over the three parties, so
//! that z_0 + z_1 + z_2 = x y. Sums of products are summed before alpha_i is
//! added. z_i then goes to party i - 1 (Araki et al. 2016, section 2.2), or
//! straight into truncation.

use super::{
    Rep3, reshare,
    share::Bits,
    truncate::{Divide, cut_additive},
};
use crate::engine::{BitShares, Dims, RingShares};
use privity_core::{
    Result,
    ring::{self, PARALLEL, Ring},
    share::replicated::Replicated,
};
use rayon::prelude::*;
use std::ops::Range;

impl Rep3 {
    pub(super) fn dot_product(
        &mut self,
        x: &Replicated<u64>,
        y: &Replicated<u64>,
        group: usize,
        trunc: u32,
    ) -> Result<Replicated<u64>> {
        assert_eq!(RingShares::len(x), RingShares::len(y), "vectors of different lengths");
        assert!(
            group > 0 && RingShares::len(x).is_multiple_of(group),
            "groups must divide the length"
        );
        let len = RingShares::len(x) / group;
        let op = self.prss.operation();
        self.finish(len, trunc, op, |range, out| local_dot(x, y, group, range, out))
    }

    /// [`Rep3::dot_product`] without truncation, in any ring.
    pub(super) fn plain_dot<R: Ring>(
        &mut self,
        x: &Replicated<R>,
        y: &Replicated<R>,
        group: usize,
    ) -> Result<Replicated<R>> {
        assert_eq!(x.len(), y.len(), "vectors of different lengths");
        assert!(group > 0 && x.len().is_multiple_of(group), "groups must divide the length");
        let op = self.prss.operation();
        let prss = &self.prss;
        reshare(&mut self.mesh, x.len() / group, |range, out| {
            prss.zeros(op, range.start, out);
            local_dot(x, y, group, range, out);
        })
    }

    pub(super) fn matrix_product(
        &mut self,
        x: &Replicated<u64>,
        y: &Replicated<u64>,
        dims: Dims,
        trunc: u32,
    ) -> Result<Replicated<u64>> {
        let Dims { m, k, n } = dims;
        assert_eq!(RingShares::len(x), m * k, "left factor's shape");
        assert_eq!(RingShares::len(y), k * n, "right factor's shape");
        // (1) with x_i (y_i + y_{i+1}) + x_{i+1} y_i: two products instead of three.
        let both = ring::zip(&y.own, &y.next, u64::plus);
        let mut z = vec![0; m * n];
        ring::matmul_add(&x.own, &both, &mut z, m, k, n);
        ring::matmul_add(&x.next, &y.own, &mut z, m, k, n);
        let op = self.prss.operation();
        self.finish(m * n, trunc, op, |range, out| {
            for (o, &z) in out.iter_mut().zip(&z[range]) {
                *o = o.plus(z);
            }
        })
    }

    /// Adds the zero shares, which `local` finds in its output, then re-shares
    /// or truncates.
    fn finish(
        &mut self,
        len: usize,
        trunc: u32,
        op: u64,
        local: impl Fn(Range<usize>, &mut [u64]) + Sync,
    ) -> Result<Replicated<u64>> {
        let trunc_op = self.prss.operation();
        let prss = &self.prss;
        let z = |range: Range<usize>, out: &mut [u64]| {
            prss.zeros(op, range.start, out);
            local(range, out);
        };
        if trunc == 0 {
            reshare(&mut self.mesh, len, z)
        } else {
            cut_additive(&mut self.mesh, prss, trunc_op, len, Divide::by(trunc), z)
        }
    }

    pub(super) fn and_bits(&mut self, x: &Bits, y: &Bits) -> Result<Bits> {
        assert_eq!(x.len(), y.len(), "bit vectors of different lengths");
        Ok(Bits { len: x.len(), words: self.and_words(&x.words, &y.words)? })
    }

    /// (1) over GF(2), 64 bits at a time.
    pub(super) fn and_words(
        &mut self,
        x: &Replicated<u64>,
        y: &Replicated<u64>,
    ) -> Result<Replicated<u64>> {
        let op = self.prss.operation();
        let prss = &self.prss;
        reshare(&mut self.mesh, x.own.len(), |range, out| {
            prss.zero_bits(op, range.start, out);
            let (xo, xn) = (&x.own[range.clone()], &x.next[range.clone()]);
            let (yo, yn) = (&y.own[range.clone()], &y.next[range]);
            for i in 0..out.len() {
                out[i] ^= (xo[i] & (yo[i] ^ yn[i])) ^ (xn[i] & yo[i]);
            }
        })
    }
}

/// Adds the products of `range` to `out`.
fn local_dot<R: Ring>(
    x: &Replicated<R>,
    y: &Replicated<R>,
    group: usize,
    range: Range<usize>,
    out: &mut [R],
) {
    let terms = range.start * group..range.end * group;
    let (xo, xn) = (&x.own[terms.clone()], &x.next[terms.clone()]);
    let (yo, yn) = (&y.own[terms.clone()], &y.next[terms]);
    let term = |xo: R, xn: R, yo: R, yn: R| xo.times(yo.plus(yn)).plus(xn.times(yo));
    if group == 1 {
        for (i, o) in out.iter_mut().enumerate() {
            *o = o.plus(term(xo[i], xn[i], yo[i], yn[i]));
        }
        return;
    }
    let sum = |(g, o): (usize, &mut R)| {
        let terms = g * group..(g + 1) * group;
        let x = xo[terms.clone()].iter().zip(&xn[terms.clone()]);
        let y = yo[terms.clone()].iter().zip(&yn[terms]);
        *o = x.zip(y).fold(*o, |s, ((&xo, &xn), (&yo, &yn))| s.plus(term(xo, xn, yo, yn)));
    };
    // Few outputs may be many terms.
    let least = PARALLEL.div_ceil(group);
    if out.len() < 2 * least {
        out.iter_mut().enumerate().for_each(sum);
    } else {
        out.par_iter_mut().with_min_len(least).enumerate().for_each(sum);
    }
}
