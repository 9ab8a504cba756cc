//! Proofs about products of words: from the log to one inner product.
//!
//! Output j gets a random coefficient rho_j of 64 bits, which the left factors
//! take on: relation (1) of the log becomes (2) with
//!
//! s = (rho_j x_i, rho_j y_i),  t = (y_{i+1}, x_{i+1}),  k_v = -sum_j rho_j c_vj.
//!
//! Few terms become elements of the larger ring at once. Many are folded while
//! they are words: x and y are cut into two rows each, and (3) to (5) are
//! computed from words and coefficients, block by block, so that the vectors of
//! the larger ring are a quarter as long when they first exist.

use super::{
    super::{
        algebra::{Algebra, Lift, Word, Z128, bilinear, cut, decode},
        log::Terms,
    },
    challenge::Coins,
    plan::{self, Plan},
    proof::{Proof, difference, shared},
};
use crate::rep3::Prss;
use privity_core::{prg::Prg, ring::Ring};
use rayon::prelude::*;
use zeroize::Zeroize;

/// The kinds' domains in the challenges' streams.
pub(super) const WORDS: u64 = 2;
pub(super) const WIDE: u64 = 3;
/// The domains of rho, and of f and e at the level of words.
const RHO: u64 = 16;
const FOLD: u64 = 17;

/// Elements per task.
const TILE: usize = 1024;

/// The coefficient of each output.
fn draw<W: Word>(log: &[Terms<W>], coins: &Prg) -> Vec<u64> {
    coins.vec(RHO, log.iter().map(Terms::outputs).sum())
}

/// -sum_j rho_j c_j
fn weigh<W: Word>(log: &[Terms<W>], rho: &[u64], c: fn(&Terms<W>) -> &[Lift<W>]) -> Lift<W> {
    let mut sum = Lift::<W>::default();
    let mut at = 0;
    for entry in log {
        for (&c, &rho) in c(entry).iter().zip(&rho[at..]) {
            sum = W::Proof::add(sum, W::Proof::scale(c, rho));
        }
        at += entry.outputs();
    }
    W::Proof::neg(sum)
}

/// rho_j for every term of output j.
fn by_term<W: Word>(log: &[Terms<W>], rho: Vec<u64>) -> Vec<u64> {
    if log.iter().all(|e| e.group == 1) {
        return rho;
    }
    let mut out = Vec::with_capacity(log.iter().map(|e| e.x.own.len()).sum());
    let mut rest = &rho[..];
    for entry in log {
        let (mine, others) = rest.split_at(entry.outputs());
        rest = others;
        out.extend(mine.iter().flat_map(|&rho| std::iter::repeat_n(rho, entry.group)));
    }
    out
}

/// All terms as elements of the larger ring.
pub(crate) fn expand<W: Word>(
    plan: Plan,
    domain: u64,
    log: &[Terms<W>],
    coins: &Coins,
) -> Proof<W::Proof> {
    let mut proof = Proof::new(plan, domain);
    let [rho, rho_first, rho_second] =
        [&coins.prover, &coins.first, &coins.second].map(|coins| draw(log, coins));
    proof.first.claim = weigh(log, &rho_first, |e| &e.c1);
    proof.second.claim = weigh(log, &rho_second, |e| &e.c2);
    let (rho, rho_first) = (by_term(log, rho), by_term(log, rho_first));
    let mut at = 0;
    for entry in log {
        let terms = at..at + entry.x.own.len();
        at = terms.end;
        let [s, t] = &mut proof.prover;
        for (x, y) in [(&entry.x, &entry.y), (&entry.y, &entry.x)] {
            scaled(&x.own, &rho[terms.clone()], s);
            lifted(&y.next, t);
            scaled(&x.next, &rho_first[terms.clone()], &mut proof.first.vector);
            lifted(&y.own, &mut proof.second.vector);
        }
    }
    proof
}

fn scaled<W: Word>(x: &[W], rho: &[u64], out: &mut Vec<Lift<W>>) {
    out.extend(x.iter().zip(rho).map(|(x, &rho)| W::Proof::scale(x.lift(), rho)));
}

fn lifted<W: Word>(x: &[W], out: &mut Vec<Lift<W>>) {
    out.extend(x.iter().map(|x| x.lift()));
}

/// The terms of a log while they are words.
pub(crate) struct WordLevel {
    own: [Vec<u64>; 2],
    next: [Vec<u64>; 2],
    /// By term, as the prover and as the first verifier.
    rho: [Vec<u64>; 2],
    width: usize,
    claims: [u128; 2],
    g: [Vec<u128>; 2],
}

impl Drop for WordLevel {
    fn drop(&mut self) {
        self.own.iter_mut().chain(&mut self.next).for_each(Zeroize::zeroize);
    }
}

/// Rows of x or y, and of both.
const HALF: usize = plan::WORD_ROWS / 2;
const ROWS: usize = plan::WORD_ROWS;

impl WordLevel {
    pub(crate) fn new(mut log: Vec<Terms<u64>>, size: usize, coins: &Coins) -> Self {
        let [rho, rho_first, rho_second] =
            [&coins.prover, &coins.first, &coins.second].map(|coins| draw(&log, coins));
        let claims = [weigh(&log, &rho_first, |e| &e.c1), weigh(&log, &rho_second, |e| &e.c2)];
        let rho = [by_term(&log, rho), by_term(&log, rho_first)];
        // The log is released as it is copied: the two are large.
        let mut join = |f: fn(&mut Terms<u64>) -> &mut Vec<u64>| {
            let mut out = Vec::with_capacity(size);
            for entry in &mut log {
                let mut part = std::mem::take(f(entry));
                out.extend_from_slice(&part);
                part.zeroize();
            }
            out
        };
        Self {
            own: [join(|e| &mut e.x.own), join(|e| &mut e.y.own)],
            next: [join(|e| &mut e.x.next), join(|e| &mut e.y.next)],
            claims,
            rho,
            width: size.div_ceil(HALF),
            g: [vec![], vec![]],
        }
    }

    /// (3)
    pub(crate) fn multiply(&mut self, prss: &Prss, op: u64, out: &mut Vec<u8>) {
        let (s, t) = (self.cut(&self.own, false), self.cut(&self.next, true));
        let rho = self.weights(0);
        let tile = |i: usize| {
            let mut g = vec![0u128; ROWS * ROWS];
            let mut weighted = [0u128; TILE];
            for (a, (s, rho)) in s.iter().zip(&rho).enumerate() {
                let (s, rho) = (part(s, i), part(rho, i));
                for (w, (&s, &rho)) in weighted.iter_mut().zip(s.iter().zip(rho)) {
                    *w = u128::from(s) * u128::from(rho);
                }
                for (b, t) in t.iter().enumerate() {
                    let pairs = weighted[..s.len()].iter().zip(part(t, i));
                    g[a * ROWS + b] =
                        pairs.fold(0u128, |sum, (&w, &t)| sum.plus(w.times(u128::from(t))));
                }
            }
            weighted.zeroize();
            g
        };
        let add = |mut a: Vec<u128>, b: Vec<u128>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a = a.plus(b));
            a
        };
        let g = (0..self.width.div_ceil(TILE))
            .into_par_iter()
            .map(tile)
            .reduce(|| vec![0; ROWS * ROWS], add);
        let g_2: Vec<u128> = shared(prss, false, op, g.len());
        out.extend_from_slice(bytemuck::cast_slice(&difference::<Z128>(&g, &g_2)));
        self.g[1] = shared(prss, true, op, g.len());
    }

    /// G_1 of the next party's proof.
    pub(crate) fn take(&mut self, message: &[u8]) {
        self.g[0] = decode(message);
    }

    /// (4), (5)
    pub(crate) fn descend(self, plan: Plan, coins: &Coins) -> Proof<Z128> {
        let mut proof = Proof::new(plan, WORDS);
        let draw = |coins: &Prg| -> [Vec<u64>; 2] {
            let both: Vec<u64> = coins.vec(FOLD, 2 * ROWS);
            [both[..ROWS].to_vec(), both[ROWS..].to_vec()]
        };
        let [f, e] = draw(&coins.prover);
        proof.prover =
            [self.folded(&self.own, false, &f, Some(0)), self.folded(&self.next, true, &e, None)];
        let [f, e] = draw(&coins.first);
        proof.first.vector = self.folded(&self.next, false, &f, Some(1));
        let [f_2, e_2] = draw(&coins.second);
        proof.second.vector = self.folded(&self.own, true, &e_2, None);
        let sides = [(&mut proof.first, [f, e]), (&mut proof.second, [f_2, e_2])];
        for ((side, [f, e]), (g, claim)) in sides.into_iter().zip(self.g.iter().zip(self.claims)) {
            let diagonal = Z128::sum((0..ROWS).map(|a| g[a * ROWS + a]));
            side.kappas.push(diagonal.minus(claim));
            side.claim = bilinear::<Z128>(g, &f, &e);
        }
        proof
    }

    /// The rows of x and of y, or of y and of x.
    fn cut<'a>(&self, xy: &'a [Vec<u64>; 2], swapped: bool) -> Vec<&'a [u64]> {
        let [x, y] = [0, 1].map(|i| cut(&xy[i], HALF, self.width));
        if swapped { [y, x].concat() } else { [x, y].concat() }
    }

    /// The coefficients of the rows; x and y have the same.
    fn weights(&self, role: usize) -> Vec<&[u64]> {
        let half = cut(&self.rho[role], HALF, self.width);
        [&half[..], &half].concat()
    }

    /// sum_a k_a row_a, the rows multiplied by their coefficients if `role` says whose.
    fn folded(
        &self,
        xy: &[Vec<u64>; 2],
        swapped: bool,
        k: &[u64],
        role: Option<usize>,
    ) -> Vec<u128> {
        let rows = self.cut(xy, swapped);
        let weights = role.map(|role| self.weights(role));
        let mut out = vec![0u128; self.width];
        out.par_chunks_mut(TILE).enumerate().for_each(|(i, out)| {
            for (a, row) in rows.iter().enumerate() {
                let (row, k) = (part(row, i), u128::from(k[a]));
                match &weights {
                    Some(weights) => {
                        for (o, (&x, &rho)) in
                            out.iter_mut().zip(row.iter().zip(part(weights[a], i)))
                        {
                            *o = o.plus((u128::from(x) * u128::from(rho)).times(k));
                        }
                    }
                    None => {
                        for (o, &x) in out.iter_mut().zip(row) {
                            *o = o.plus(u128::from(x) * k);
                        }
                    }
                }
            }
        });
        out
    }
}

/// Block i of a row, which may be cut short.
fn part(row: &[u64], i: usize) -> &[u64] {
    let at = |i: usize| (i * TILE).min(row.len());
    &row[at(i)..at(i + 1)]
}
