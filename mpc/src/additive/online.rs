//! Products with triples: one exchange of masked factors.
//!
//! **Paper.** Beaver, "Efficient Multiparty Protocols Using Circuit
//! Randomization", CRYPTO 1991; for matrices SecureML, section IV-A.
//!
//! With a triple c = a b, the parties open d = x - a and e = y - b; then
//!
//! \\[ x y = c + d\,b + a\,e + d\,e \qquad (1) \\]
//!
//! where the last term is public and party 0 adds it. d and e are uniform, as
//! each share of a and b is. The same holds for matrices, and for bits with
//! exclusive or.

use super::{Additive, Words, gilboa::Word, share::xor, store::Kind};
use crate::engine::Dims;
use privity_core::{
    Result,
    ring::{self, Ring},
};
use zeroize::Zeroizing;

/// Products of bits to be made in one exchange.
#[derive(Default)]
pub(super) struct Ands {
    /// x and y of single products.
    pub(super) one: [Vec<u64>; 2],
    /// x, y, y' of pairs with a common factor.
    pub(super) two: [Vec<u64>; 3],
}

impl Ands {
    pub(super) fn push(&mut self, x: &[u64], y: &[u64]) {
        self.one[0].extend_from_slice(x);
        self.one[1].extend_from_slice(y);
    }

    pub(super) fn push_pair(&mut self, x: &[u64], y: &[u64], z: &[u64]) {
        self.two[0].extend_from_slice(x);
        self.two[1].extend_from_slice(y);
        self.two[2].extend_from_slice(z);
    }
}

impl Additive {
    /// Sends `own` to all peers and adds what they send.
    pub(super) fn exchange<R: Ring>(&mut self, own: &[R], add: fn(R, R) -> R) -> Result<Vec<R>> {
        let me = self.mesh.me();
        let peers = || (0..self.links.len()).filter(move |&p| p != me);
        for p in peers() {
            self.mesh.send_bulk(p, own)?;
        }
        let mut sum = own.to_vec();
        let mut theirs = vec![R::default(); own.len()];
        for p in peers() {
            self.mesh.recv_bulk(p, &mut theirs)?;
            sum = ring::zip(&sum, &theirs, add);
        }
        Ok(sum)
    }

    /// (1) element by element, summed over groups.
    pub(super) fn multiply<R: Word>(
        &mut self,
        kind: Kind,
        x: &[R],
        y: &[R],
        group: usize,
    ) -> Result<Words<R>> {
        assert!(
            x.len() == y.len() && group > 0 && x.len().is_multiple_of(group),
            "groups must divide equal lengths"
        );
        let n = x.len();
        let triples = self.take(kind, n)?;
        let [a, b, c] = [0, 1, 2].map(|i| Zeroizing::new(R::from_words(&triples[i])));
        let mut masked = ring::zip(x, &a, R::minus);
        masked.extend(ring::zip(y, &b, R::minus));
        let opened = self.exchange(&masked, R::plus)?;
        let (d, e) = opened.split_at(n);
        let first = self.mesh.me() == 0;
        let term = |i: usize| {
            let b = if first { b[i].plus(e[i]) } else { b[i] };
            c[i].plus(d[i].times(b)).plus(a[i].times(e[i]))
        };
        let sum =
            |g: usize| (g * group..(g + 1) * group).fold(R::default(), |s, i| s.plus(term(i)));
        Ok(Words((0..n / group).map(sum).collect()))
    }

    /// (1) for matrices.
    pub(super) fn matrix_product(
        &mut self,
        x: &[u64],
        y: &[u64],
        dims: Dims,
    ) -> Result<Words<u64>> {
        assert!(x.len() == dims.m * dims.k && y.len() == dims.k * dims.n, "matrix shapes");
        let Dims { m, k, n } = dims;
        if m * k * n == 0 {
            return Ok(Words(vec![0; m * n]));
        }
        let triple = self.take(Kind::matrix(dims), 1)?;
        let (a, b) = (&triple[0], &triple[1]);
        let mut masked = ring::zip(x, a, u64::minus);
        masked.extend(ring::zip(y, b, u64::minus));
        let opened = self.exchange(&masked, u64::plus)?;
        let (d, e) = opened.split_at(m * k);
        let mut z = triple[2].to_vec();
        if self.mesh.me() == 0 {
            ring::matmul_add(d, &ring::zip(b, e, u64::plus), &mut z, m, k, n);
        } else {
            ring::matmul_add(d, b, &mut z, m, k, n);
        }
        ring::matmul_add(a, e, &mut z, m, k, n);
        Ok(Words(z))
    }

    /// (1) for packed bits: the single products, then both of each pair.
    pub(super) fn ands(&mut self, ands: &Ands) -> Result<[Vec<u64>; 3]> {
        let [x, y] = &ands.one;
        let [u, v, w] = &ands.two;
        let one = self.take(Kind::And, x.len())?;
        let two = self.take(Kind::Pair, u.len())?;
        let factors = [x, y, u, v, w].map(Vec::as_slice).concat();
        let masks = [&one[0], &one[1], &two[0], &two[1], &two[2]].map(|m| &m[..]).concat();
        let opened = self.exchange(&xor(&factors, &masks), |a, b| a ^ b)?;
        let (d, rest) = opened.split_at(x.len());
        let (e, rest) = rest.split_at(x.len());
        let (d2, rest) = rest.split_at(u.len());
        let (e2, f2) = rest.split_at(u.len());
        let public = if self.mesh.me() == 0 { u64::MAX } else { 0 };
        let product = |a: &[u64], b: &[u64], c: &[u64], d: &[u64], e: &[u64]| -> Vec<u64> {
            (0..a.len()).map(|i| c[i] ^ (d[i] & (b[i] ^ (e[i] & public))) ^ (a[i] & e[i])).collect()
        };
        Ok([
            product(&one[0], &one[1], &one[2], d, e),
            product(&two[0], &two[1], &two[3], d2, e2),
            product(&two[0], &two[2], &two[4], d2, f2),
        ])
    }
}
