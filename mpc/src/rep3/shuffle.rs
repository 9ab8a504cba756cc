//! Shuffling: a permutation that no party knows.
//!
//! **Idea** (Araki, Furukawa, Ohara, Pinkas, Rosemarin, Tsuchida, "Secure Graph
//! Analysis at Scale", CCS 2021, section 5: three permutations, each known to
//! one pair of parties). pi = pi_ca . pi_bc . pi_ab for the parties (a, b, c) =
//! (0, 1, 2); every party lacks one factor, so that pi is uniform to each.
//!
//! **Protocol.** F_pq denotes fresh randomness known to parties p and q.
//!
//! 1. a and b hold x as A + B: A the two components of a, B the one it lacks.
//!    (1)  a: A' = pi_ab(A) - r,  b: B' = pi_ab(B) + r,  r from F_ab;
//!    a sends A' to c.
//! 2. (2)  b: B'' = pi_bc(B') - s,  c: A'' = pi_bc(A') + s,  s from F_bc;
//!    b sends B'' to a. It waits for nothing, so this is still round one.
//! 3. c and a apply pi_ca to A'' and B''. To share the sum again they take
//!    y_bc from F_bc and y_ab from F_ab, and exchange
//!    (3)  c: pi_ca(A'') - y_bc,  a: pi_ca(B'') - y_ab,
//!    whose sum is y_ca.
//!
//! The inverse runs backwards: pi_ca^-1, then pi_bc^-1, then pi_ab^-1, which is
//! the same protocol for (a, b, c) = (0, 2, 1) with inverted factors.
//!
//! **Privacy.** c sees A', masked by r, which it lacks; a sees B'', masked by s,
//! which it lacks; the exchange (3) is masked by y_bc towards a and by y_ab
//! towards c. b sees nothing. A simulator draws uniform words.
//!
//! **Cost** per element: 32 bytes over all parties, 2 rounds.
//!
//! **Timing.** A party moves rows by the factors that it knows itself; they are
//! its own randomness, and memory accesses may follow them.
//!
//! The re-sharing at the end, and starting b's message early, are this library's.

use super::{Prss, Rep3, prss::Y};
use crate::engine::RingShares;
use privity_core::{
    Result,
    ring::{self, Ring},
    share::replicated::Replicated,
};
use rayon::prelude::*;
use zeroize::Zeroize;

/// The two factors that this party knows: row i goes to row `own[i]`.
pub struct Permutation {
    /// From the key shared with the previous party.
    pub(crate) own: Vec<u32>,
    /// From the key shared with the next party.
    pub(crate) next: Vec<u32>,
}

impl std::fmt::Debug for Permutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permutation").field("len", &self.own.len()).finish_non_exhaustive()
    }
}

impl Drop for Permutation {
    fn drop(&mut self) {
        self.own.zeroize();
        self.next.zeroize();
    }
}

/// The order of the pairs: (a, b), (b, c), (c, a).
pub(crate) const FORTH: [usize; 3] = [0, 1, 2];
/// The pairs of [`FORTH`] from the last to the first.
pub(crate) const BACK: [usize; 3] = [0, 2, 1];

impl Permutation {
    /// Local: the factors come from the pairwise keys.
    pub(crate) fn draw(prss: &mut Prss, n: usize) -> Self {
        assert!(u32::try_from(n).is_ok(), "a permutation of {n} rows: at most 2^32 - 1");
        let op = prss.operation();
        let own = prss.own_vec::<u128>(op, n);
        let next = prss.next_vec::<u128>(op, n);
        Self { own: fisher_yates(&own), next: fisher_yates(&next) }
    }
}

impl Rep3 {
    pub(super) fn permute(
        &mut self,
        permutation: &Permutation,
        columns: &[&Replicated<u64>],
        inverse: bool,
    ) -> Result<Vec<Replicated<u64>>> {
        let rows = permutation.own.len();
        assert!(columns.iter().all(|c| c.len() == rows), "columns of different lengths");
        let [a, b, c] = if inverse { BACK } else { FORTH };
        let len = rows * columns.len();
        let (op, me) = (self.prss.operation(), self.mesh.me());
        // This party's part of x between a and b.
        let held = |f: &(dyn Fn(&Replicated<u64>) -> Vec<u64> + Sync)| -> Vec<u64> {
            columns.par_iter().flat_map_iter(|x| f(x)).collect()
        };
        // Component a - 1 is the one that a lacks; b has it first or second.
        let lacked = |x: &Replicated<u64>| {
            if me == (a + 2) % 3 { x.own.clone() } else { x.next.clone() }
        };
        let shared = |peer: usize, sub: u64| -> Vec<u64> {
            if peer == (me + 1) % 3 {
                self.prss.next_vec(op | sub, len)
            } else {
                self.prss.own_vec(op | sub, len)
            }
        };
        let moved = |peer: usize, x: &[u64]| {
            let factor = if peer == (me + 1) % 3 { &permutation.next } else { &permutation.own };
            move_rows(factor, x, inverse)
        };
        let mesh = &mut self.mesh;
        let mut received = vec![0u64; len];
        let y = if me == a {
            let sum = held(&|x| ring::zip(&x.own, &x.next, u64::plus));
            // (1)
            let masked = ring::zip(&moved(b, &sum), &shared(b, 0), u64::minus);
            mesh.send_bulk(c, &masked)?;
            mesh.recv_bulk(b, &mut received)?;
            // (3)
            let y_ab = shared(b, Y);
            let part = ring::zip(&moved(c, &received), &y_ab, u64::minus);
            mesh.send_bulk(c, &part)?;
            mesh.recv_bulk(c, &mut received)?;
            [(b, y_ab), (c, ring::zip(&part, &received, u64::plus))]
        } else if me == b {
            let mine = held(&lacked);
            // (1), (2)
            let masked = ring::zip(&moved(a, &mine), &shared(a, 0), u64::plus);
            let masked = ring::zip(&moved(c, &masked), &shared(c, 0), u64::minus);
            mesh.send_bulk(a, &masked)?;
            [(a, shared(a, Y)), (c, shared(c, Y))]
        } else {
            mesh.recv_bulk(a, &mut received)?;
            // (2), (3)
            let open = ring::zip(&moved(b, &received), &shared(b, 0), u64::plus);
            let y_bc = shared(b, Y);
            let part = ring::zip(&moved(a, &open), &y_bc, u64::minus);
            mesh.send_bulk(a, &part)?;
            mesh.recv_bulk(a, &mut received)?;
            [(b, y_bc), (a, ring::zip(&part, &received, u64::plus))]
        };
        // The component shared with the previous party is this party's first.
        let [(peer, first), (_, second)] = y;
        let (own, next) = if peer == (me + 2) % 3 { (first, second) } else { (second, first) };
        let y = Replicated { own, next };
        Ok((0..columns.len()).map(|k| RingShares::slice(&y, k * rows..(k + 1) * rows)).collect())
    }
}

/// A uniform permutation from 128 random bits per row: each step's choice is
/// off uniform by at most n / 2^128.
fn fisher_yates(random: &[u128]) -> Vec<u32> {
    let mut permutation: Vec<u32> = (0..random.len() as u32).collect();
    for i in (1..random.len()).rev() {
        // floor(r (i + 1) / 2^128)
        let (high, low) = (random[i] >> 64, random[i] & u128::from(u64::MAX));
        let bound = i as u128 + 1;
        let choice = (high * bound + ((low * bound) >> 64)) >> 64;
        permutation.swap(i, choice as usize);
    }
    permutation
}

/// Row i of each column goes to row `to[i]`, or the other way round.
pub(crate) fn move_rows(to: &[u32], x: &[u64], inverse: bool) -> Vec<u64> {
    let mut out = vec![0; x.len()];
    let rows = to.len().max(1);
    out.par_chunks_mut(rows).zip(x.par_chunks(rows)).for_each(|(out, x)| {
        if inverse {
            for (o, &t) in out.iter_mut().zip(to) {
                *o = x[t as usize];
            }
        } else {
            for (&x, &t) in x.iter().zip(to) {
                out[t as usize] = x;
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    /// All 24 orders of four rows, 48,000 draws: the chi-square statistic with
    /// 23 degrees of freedom exceeds 80 with a probability below 1e-7.
    #[test]
    fn permutations_are_uniform() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..48_000 {
            let random: [u128; 4] =
                std::array::from_fn(|_| rng.next_u64() as u128 | (rng.next_u64() as u128) << 64);
            *counts.entry(fisher_yates(&random)).or_insert(0u32) += 1;
        }
        let chi: f64 = counts.values().map(|&c| (f64::from(c) - 2000.0).powi(2) / 2000.0).sum();
        assert!(counts.len() == 24 && chi < 80.0, "{chi}");
    }
}
