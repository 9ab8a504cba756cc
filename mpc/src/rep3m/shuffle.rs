//! Shuffling: three passes, each by a pair of parties.
//!
//! Araki, Furukawa, Ohara, Pinkas, Rosemarin, Tsuchida, "Secure Graph Analysis
//! at Scale", CCS 2021, section 5: a permutation from each pairwise key, so
//! that every party lacks one. In a pass of the pair (p, q = p + 1) with the
//! third party r, q knows x_q + x_r and p knows x_p. They move the rows and
//! share anew,
//!
//! (1)  y_r = F(k_r),  y_p = F(k_p),
//!      m_q = pi(x_q + x_r) - F(k_r)  to p,   m_p = pi(x_p) - F(k_p)  to q,
//!      y_q = m_q + m_p
//!
//! over Z_2^128 with components as integers, of which the lower halves are the
//! result. A corrupt member can add an error and nothing else, moving the rows
//! by another permutation included: it knows all that it moves. Module
//! `verify::passes` proves both messages.
//!
//! **Privacy.** p receives m_q, masked by k_r, which it lacks; q receives m_p,
//! masked by k_p, which it lacks; r receives nothing.
//!
//! **Cost** per element: 32 bytes per pass, 96 in all; three rounds.
//!
//! **Timing.** A party moves rows by permutations that are its own randomness.

use super::{Rep3m, log::Pass};
use crate::rep3::{Permutation, move_rows};
use privity_core::{Result, ring::Ring, share::replicated::Replicated};
use zeroize::Zeroize;

impl Rep3m {
    pub(super) fn permute(
        &mut self,
        permutation: &Permutation,
        columns: &[&Replicated<u64>],
        inverse: bool,
    ) -> Result<Vec<Replicated<u64>>> {
        let rows = permutation.own.len();
        assert!(columns.iter().all(|c| c.len() == rows), "columns of different lengths");
        let mut x = crate::rep3::join(columns);
        for pass in 0..3 {
            let q = if inverse { 2 - pass } else { pass };
            x = self.pass(permutation, q, x, rows, columns.len(), inverse)?;
        }
        self.verify_if_full()?;
        Ok((0..columns.len()).map(|c| x.slice(c * rows..(c + 1) * rows)).collect())
    }

    fn pass(
        &mut self,
        permutation: &Permutation,
        q: usize,
        x: Replicated<u64>,
        rows: usize,
        columns: usize,
        inverse: bool,
    ) -> Result<Replicated<u64>> {
        let (me, op, len) = (self.mesh.me(), self.prss.operation(), x.own.len());
        let p = (q + 2) % 3;
        let masks = |own: bool| -> Vec<u128> {
            if own { self.prss.own_vec(op, len) } else { self.prss.next_vec(op, len) }
        };
        let low = |x: &[u128]| -> Vec<u64> { x.iter().map(|&x| x as u64).collect() };
        let (y, to, received) = if me == q || me == p {
            // (1)
            let (to, other, mask) = if me == q {
                (&permutation.own, p, masks(false))
            } else {
                (&permutation.next, q, masks(true))
            };
            let mut sent: Vec<u128> =
                move_rows(to, &x.own, inverse).into_iter().map(u128::from).collect();
            if me == q {
                let second = move_rows(to, &x.next, inverse);
                sent.iter_mut().zip(second).for_each(|(s, x)| *s = s.plus(x.into()));
            }
            sent.iter_mut().zip(&mask).for_each(|(s, &m)| *s = s.minus(m));
            self.mesh.send_bulk(other, &sent)?;
            let mut received = vec![0u128; len];
            self.mesh.recv_bulk(other, &mut received)?;
            let sum: Vec<u64> =
                sent.iter().zip(&received).map(|(&a, &b)| a.plus(b) as u64).collect();
            sent.zeroize();
            let y = if me == q {
                Replicated { own: sum, next: low(&mask) }
            } else {
                Replicated { own: low(&mask), next: sum }
            };
            (y, Some(to.clone()), received)
        } else {
            (Replicated { own: low(&masks(true)), next: low(&masks(false)) }, None, vec![])
        };
        self.log.pass(Pass { q, to, inverse, x, received, op }, rows, columns);
        Ok(y)
    }
}
