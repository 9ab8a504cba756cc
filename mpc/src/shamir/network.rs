//! Dealing, random sharings, reduction of the degree, and opening.

use super::{
    Security, Shamir,
    element::{CHUNK, Element, add_to, combine, map, produce, zip},
};
use crate::engine::Recipients;
use privity_core::{Error, Result, share::shamir::lagrange};
use std::ops::Range;

impl Shamir {
    /// Sub-streams: a number of its own for each use of the generators.
    pub(super) fn operation(&mut self) -> u64 {
        self.operation += 1;
        self.operation
    }

    /// A stream that this party has in common with `other`, for what `dealer`
    /// deals.
    fn pair_stream<E: Element>(&self, op: u64, dealer: usize, other: usize, len: usize) -> Vec<E> {
        let domain = op << 1 | u64::from(dealer == self.me.max(other));
        match &self.keys.pairs[other] {
            Some(prg) => produce(len, |start, out| E::fill(prg, domain, start, out)),
            None => vec![E::default(); len],
        }
    }

    /// Uniform elements that nobody else knows.
    pub(super) fn secret<E: Element>(&mut self, len: usize) -> Vec<E> {
        let op = self.operation();
        produce(len, |start, out| E::fill(&self.keys.own, op, start, out))
    }

    fn send<E: Element>(&mut self, to: usize, values: &[E]) -> Result<()> {
        let wire: Vec<E::Wire> = values.iter().map(|x| x.to_wire()).collect();
        self.mesh.send_bulk(to, &wire)
    }

    fn recv<E: Element>(&mut self, from: usize, len: usize) -> Result<Vec<E>> {
        let mut wire = vec![E::Wire::default(); len];
        self.mesh.recv_bulk(from, &mut wire)?;
        let values: Option<Vec<E>> = wire.into_iter().map(E::from_wire).collect();
        values.ok_or_else(|| {
            let error = self.mesh.deviation(from, "it sent what is no field element");
            self.mesh.abort(error)
        })
    }

    /// Each of `dealers` shares a vector of `len`; this party's shares of each.
    /// The shares of the next t parties after a dealer are pseudo-random; the
    /// others follow from them and the secret. One round, N - 1 - t elements.
    pub(super) fn deal<E: Element>(
        &mut self,
        dealers: Range<usize>,
        secrets: Option<&[E]>,
        len: usize,
    ) -> Result<Vec<Vec<E>>> {
        let op = self.operation();
        let (me, n, t) = (self.me, self.n, self.t);
        let mut own = Vec::new();
        if let (true, Some(secrets)) = (dealers.contains(&me), secrets) {
            assert_eq!(secrets.len(), len, "what is dealt");
            let random: Vec<Vec<E>> =
                (1..=t).map(|h| self.pair_stream(op, me, (me + h) % n, len)).collect();
            let mut known: Vec<&[E]> = vec![secrets];
            known.extend(random.iter().map(|r| &r[..]));
            for to in (0..n).filter(|&j| !is_next(n, t, me, j)) {
                let share = combine(&E::group(&self.tables).deal[me][to], &known);
                if to == me {
                    own = share;
                } else {
                    self.send(to, &share)?;
                }
            }
        }
        dealers
            .map(|d| {
                if d == me {
                    Ok(std::mem::take(&mut own))
                } else if is_next(n, t, d, me) {
                    Ok(self.pair_stream(op, d, d, len))
                } else {
                    self.recv(d, len)
                }
            })
            .collect()
    }

    /// Random sharings of degree t that nobody knows. Pseudo-random where keys
    /// of sets exist; else each party deals, and a Vandermonde matrix extracts
    /// N - t vectors that are uniform to any t parties (Damgård, Nielsen 2007).
    pub(super) fn random<E: Element>(&mut self, len: usize) -> Result<Vec<E>> {
        if self.sets.is_some() {
            let op = self.operation();
            let group = E::group(&self.tables);
            let keys = &self.keys.sets;
            return Ok(produce(len, |start, out: &mut [E]| {
                let mut one = vec![E::default(); out.len()];
                for (key, c) in keys.iter().zip(&group.sets) {
                    if let (Some(key), Some(c)) = (key, c) {
                        E::fill(key, op, start, &mut one);
                        for (o, x) in out.iter_mut().zip(&one) {
                            *o = o.plus(x.scale(*c));
                        }
                    }
                }
            }));
        }
        let each = len.div_ceil(self.n - self.t);
        let mine = self.secret(each);
        let dealt = self.deal(0..self.n, Some(&mine), each)?;
        let dealt: Vec<&[E]> = dealt.iter().map(|d| &d[..]).collect();
        let mut out = Vec::with_capacity(len);
        for row in &E::group(&self.tables).extract {
            out.extend(combine(row, &dealt));
        }
        out.truncate(len);
        Ok(out)
    }

    /// Which elements of a vector party `q` works on.
    pub(super) fn piece(len: usize, n: usize, q: usize) -> Range<usize> {
        let size = len.div_ceil(n).next_multiple_of(2);
        (q * size).min(len)..((q + 1) * size).min(len)
    }

    /// Fresh sharings of degree t from local products, sharings of degree 2t.
    ///
    /// With three parties each deals its addend (Gennaro, Rabin, Rabin 1998);
    /// with more, by Damgård and Nielsen's king (see the module).
    pub(super) fn reduce<E: Element>(&mut self, z: &[E]) -> Result<Vec<E>> {
        self.can_multiply()?;
        let (me, n, t) = (self.me, self.n, self.t);
        if n == 3 {
            let c = E::group(&self.tables).product[0][me];
            let addend = map(z, |x| x.scale(c));
            let dealt = self.deal(0..3, Some(&addend), z.len())?;
            return Ok(produce(z.len(), |start, out| {
                for d in &dealt {
                    add_to(out, &d[start..start + out.len()]);
                }
            }));
        }
        let r: Vec<E> = self.random(z.len())?;
        let first = self.operation;
        self.operation += n as u64;
        let in_product = |q: usize| (me + n - q) % n <= 2 * t;
        let mut mine = Vec::new();
        for q in (0..n).filter(|&q| in_product(q)) {
            let range = Self::piece(z.len(), n, q);
            let c = E::group(&self.tables).product[q][(me + n - q) % n];
            let mut v = zip(&z[range.clone()], &r[range.clone()], |z, r| z.plus(r).scale(c));
            // Zero shares of the 2t + 1 parties that contribute.
            for other in (0..=2 * t).map(|k| (q + k) % n).filter(|&l| l != me) {
                let op = first + 1 + q as u64;
                let mask: Vec<E> = self.pair_stream(op, me.min(other), other, v.len());
                for (v, m) in v.iter_mut().zip(mask) {
                    *v = if me < other { v.plus(m) } else { v.minus(m) };
                }
            }
            if q == me {
                mine = v;
            } else {
                self.send(q, &v)?;
            }
        }
        for from in (1..=2 * t).map(|k| (me + k) % n) {
            let theirs = self.recv(from, mine.len())?;
            add_to(&mut mine, &theirs);
        }
        for to in (0..n).filter(|&j| j != me && !is_next(n, t, me, j)) {
            self.send(to, &mine)?;
        }
        let mut out = map(&r, |r| E::default().minus(r));
        for q in (0..n).filter(|&q| !is_next(n, t, q, me)) {
            let range = Self::piece(z.len(), n, q);
            let e = if q == me { std::mem::take(&mut mine) } else { self.recv(q, range.len())? };
            let c = E::group(&self.tables).unit[q][me];
            for (o, e) in out[range].iter_mut().zip(e) {
                *o = o.plus(e.scale(c));
            }
        }
        Ok(out)
    }

    /// Element by element.
    pub(super) fn product<E: Element>(&mut self, x: &[E], y: &[E]) -> Result<Vec<E>> {
        let z = zip(x, y, E::times);
        self.reduce(&z)
    }

    /// Opens sharings of degree t. In malicious mode every party sends its share
    /// and every recipient checks that all lie on one polynomial.
    pub(super) fn reveal<E: Element>(
        &mut self,
        x: &[E],
        to: Recipients<'_>,
    ) -> Result<Option<Vec<E>>> {
        if self.security == Security::Malicious {
            return self.reveal_checked(x, to);
        }
        if to == Recipients::All && self.by_kings(x.len()) {
            return self.reveal_by_kings(x).map(Some);
        }
        let (me, n, t) = (self.me, self.n, self.t);
        for j in (0..n).filter(|&j| to.contains(j) && is_next(n, t, j, me)) {
            self.send(j, x)?;
        }
        if !to.contains(me) {
            return Ok(None);
        }
        let mut shares = vec![x.to_vec()];
        for k in 1..=t {
            shares.push(self.recv((me + k) % n, x.len())?);
        }
        let shares: Vec<&[E]> = shares.iter().map(|s| &s[..]).collect();
        Ok(Some(combine(&E::group(&self.tables).open[me], &shares)))
    }

    /// Whether kings save bytes, and the vector is long enough for them to be
    /// worth a second round.
    pub(super) fn kings_open(n: usize, t: usize, len: usize) -> bool {
        n * t > t + n - 1 && len >= 256
    }

    fn by_kings(&self, len: usize) -> bool {
        Self::kings_open(self.n, self.t, len)
    }

    fn reveal_by_kings<E: Element>(&mut self, x: &[E]) -> Result<Vec<E>> {
        let (me, n, t) = (self.me, self.n, self.t);
        for q in (0..n).filter(|&q| is_next(n, t, q, me)) {
            self.send(q, &x[Self::piece(x.len(), n, q)])?;
        }
        let mut shares = vec![x[Self::piece(x.len(), n, me)].to_vec()];
        for k in 1..=t {
            shares.push(self.recv((me + k) % n, shares[0].len())?);
        }
        let refs: Vec<&[E]> = shares.iter().map(|s| &s[..]).collect();
        let opened = combine(&E::group(&self.tables).open[me], &refs);
        for to in (0..n).filter(|&j| j != me) {
            self.send(to, &opened)?;
        }
        let mut out = Vec::with_capacity(x.len());
        for q in 0..n {
            if q == me {
                out.extend_from_slice(&opened);
            } else {
                out.extend(self.recv::<E>(q, Self::piece(x.len(), n, q).len())?);
            }
        }
        Ok(out)
    }

    fn reveal_checked<E: Element>(
        &mut self,
        x: &[E],
        to: Recipients<'_>,
    ) -> Result<Option<Vec<E>>> {
        let (me, n, t) = (self.me, self.n, self.t);
        self.can_multiply()?;
        for j in (0..n).filter(|&j| j != me && to.contains(j)) {
            self.send(j, x)?;
        }
        if !to.contains(me) {
            return Ok(None);
        }
        let mut shares = Vec::with_capacity(n);
        for i in 0..n {
            shares.push(if i == me { x.to_vec() } else { self.recv(i, x.len())? });
        }
        let shares: Vec<&[E]> = shares.iter().map(|s| &s[..]).collect();
        let points = &E::group(&self.tables).points;
        let mut consistent = true;
        for j in t + 1..n {
            let expected = combine(&lagrange(&points[..=t], points[j]), &shares[..=t]);
            consistent &= expected.iter().zip(shares[j]).fold(true, |ok, (a, b)| ok & (a == b));
        }
        #[cfg(any(test, feature = "test-util"))]
        {
            consistent |= self.blind;
        }
        if !consistent {
            return Err(self.inconsistent("shares that were opened are on no common polynomial"));
        }
        let zero = E::Scalar::default();
        Ok(Some(combine(&lagrange(&points[..=t], zero), &shares[..=t])))
    }

    /// Opens to all.
    pub(super) fn reveal_all<E: Element>(&mut self, x: &[E]) -> Result<Vec<E>> {
        self.reveal(x, Recipients::All)?
            .ok_or(Error::Internal("a vector opened to all is not there"))
    }
}

const _: () = assert!(CHUNK.is_multiple_of(2));

/// Whether `party` is one of the t parties after `of`.
pub(super) fn is_next(n: usize, t: usize, of: usize, party: usize) -> bool {
    (party + n - of - 1) % n < t
}
