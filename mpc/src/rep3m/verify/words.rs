//! Proofs about products of words: from the log to one inner product.
//!
//! Output j gets a random coefficient rho_j of 64 bits, which the left factors
//! take on: relation (1) of the log becomes (2) with
//!
//! s = (rho_j x_i, rho_j y_i),  t = (y_{i+1}, x_{i+1}),  k_v = -sum_j rho_j c_vj.

use super::{
    super::{
        algebra::{Algebra, Lift, Word},
        log::Terms,
    },
    challenge::Coins,
    proof::Proof,
};
use privity_core::prg::Prg;
use rayon::prelude::*;
use zeroize::Zeroize;

/// The kinds' domains in the challenges' streams.
pub(super) const WORDS: u64 = 2;
pub(super) const WIDE: u64 = 3;
/// The domain of rho.
const RHO: u64 = 16;

/// Elements per task.
const TILE: usize = 4096;

/// Appends the entries of a log to a proof.
pub(crate) fn extend<W: Word>(proof: &mut Proof<W::Proof>, log: &[Terms<W>], coins: &Coins) {
    let outputs: usize = log.iter().map(|e| e.c1.len()).sum();
    let draw = |coins: &Prg| coins.vec::<u64>(RHO, outputs);
    let [rho, rho_first] = [draw(&coins.prover), draw(&coins.first)];
    let mut at = 0;
    let terms: usize = log.iter().map(|e| 2 * e.x.own.len()).sum();
    for v in proof.prover.iter_mut().chain([&mut proof.first.vector, &mut proof.second.vector]) {
        v.reserve_exact(terms);
    }
    for entry in log {
        let outputs = at..at + entry.c1.len();
        at = outputs.end;
        let [s, t] = &mut proof.prover;
        for (x, y) in [(&entry.x, &entry.y), (&entry.y, &entry.x)] {
            scaled(&x.own, &rho[outputs.clone()], entry.group, s);
            lifted(&y.next, t);
            scaled(&x.next, &rho_first[outputs.clone()], entry.group, &mut proof.first.vector);
            lifted(&y.own, &mut proof.second.vector);
        }
    }
    let weigh = |rho: &[u64], c: fn(&Terms<W>) -> &[Lift<W>]| {
        let terms = log.iter().flat_map(c).zip(rho);
        W::Proof::neg(W::Proof::sum(terms.map(|(&c, &rho)| W::Proof::scale(c, rho))))
    };
    proof.first.claim = W::Proof::add(proof.first.claim, weigh(&rho_first, |e| &e.c1));
    let mut rho_second = draw(&coins.second);
    proof.second.claim = W::Proof::add(proof.second.claim, weigh(&rho_second, |e| &e.c2));
    rho_second.zeroize();
}

/// rho_j x for every term x of output j.
fn scaled<W: Word>(x: &[W], rho: &[u64], group: usize, out: &mut Vec<Lift<W>>) {
    let start = out.len();
    out.resize(start + x.len(), Lift::<W>::default());
    let work = |(i, (out, x)): (usize, (&mut [Lift<W>], &[W]))| {
        for (j, (o, &x)) in out.iter_mut().zip(x).enumerate() {
            *o = W::Proof::scale(x.lift(), rho[(i * TILE + j) / group]);
        }
    };
    if x.len() <= TILE {
        work((0, (&mut out[start..], x)));
    } else {
        out[start..].par_chunks_mut(TILE).zip(x.par_chunks(TILE)).enumerate().for_each(work);
    }
}

fn lifted<W: Word>(x: &[W], out: &mut Vec<Lift<W>>) {
    out.extend(x.iter().map(|x| x.lift()));
}
