//! Proofs about the passes of a shuffle.
//!
//! In a pass of the pair (p, q) with the permutation pi (row l goes to row
//! pi(l)) the two members send each other, over Z_2^128,
//!
//! (10)  m_q = pi(x_q + x_{q+1}) - F(k_{q+1}),   m_p = pi(x_p) - F(k_p).
//!
//! A combination of all rows with coefficients rho and of all columns with
//! gamma, x standing for the combined columns, turns them into inner products
//! of rho in permuted order, which the pair knows, with a component that the
//! third party knows:
//!
//! (11)  <rho_pi, x_{q+1}> = <rho, m_q - pi(x_q)> + <rho, F(k_{q+1})>
//!       <x_p, rho_pi>     = <rho, F(k_p)> + <rho, m_p>          (rho_pi)_l = rho_pi(l)
//!
//! The first is the proof of q: its first verifier p knows pi, x_q and m_q. The
//! second is that of p: its second verifier q knows pi and m_p. The third party
//! has nothing to prove and takes vectors of zeros.

use super::{
    super::{
        algebra::{Algebra, Z128},
        log::Pass,
    },
    challenge::Coins,
    proof::{Proof, shared},
};
use crate::rep3::Prss;
use privity_core::prg::Prg;

/// The domain of rho and gamma.
const SHUFFLE: u64 = 32;

/// rho and gamma of one proof.
struct Weights {
    rho: Vec<u64>,
    gamma: Vec<u64>,
}

impl Weights {
    fn draw(coins: &Prg, index: usize, rows: usize, columns: usize) -> Self {
        let both: Vec<u64> = coins.vec(SHUFFLE | (index as u64) << 8, rows + columns);
        Self { rho: both[..rows].to_vec(), gamma: both[rows..].to_vec() }
    }

    /// sum_c gamma_c x_c by row.
    fn combine<T: Copy + Into<u128>>(&self, x: &[T]) -> Vec<u128> {
        let mut out = vec![0u128; self.rho.len()];
        for (column, &gamma) in x.chunks(self.rho.len().max(1)).zip(&self.gamma) {
            for (o, &x) in out.iter_mut().zip(column) {
                *o = Z128::add(*o, Z128::scale(x.into(), gamma));
            }
        }
        out
    }

    /// <rho, sum_c gamma_c x_c>
    fn weigh<T: Copy + Into<u128>>(&self, x: &[T]) -> u128 {
        let terms = self.combine(x);
        Z128::sum(terms.into_iter().zip(&self.rho).map(|(x, &rho)| Z128::scale(x, rho)))
    }

    /// rho in the order of the rows before the pass.
    fn permuted(&self, pass: &Pass) -> Vec<u128> {
        let mut out = vec![0u128; self.rho.len()];
        for (i, &to) in pass.to.iter().flatten().enumerate() {
            let (before, after) = if pass.inverse { (to as usize, i) } else { (i, to as usize) };
            out[before] = self.rho[after].into();
        }
        out
    }
}

/// Appends one pass to a proof.
pub(crate) fn extend(
    proof: &mut Proof<Z128>,
    index: usize,
    pass: &Pass,
    rows: usize,
    me: usize,
    coins: &Coins,
    prss: &Prss,
) {
    let columns = pass.x.own.len().checked_div(rows).unwrap_or(0);
    let draw = |coins: &Prg| Weights::draw(coins, index, rows, columns);
    let (q, p) = (pass.q, (pass.q + 2) % 3);
    let zeros = || vec![0u128; rows];
    let len = rows * columns;
    let weights = draw(&coins.prover);
    let [s, t] = &mut proof.prover;
    if me == q {
        s.extend(weights.permuted(pass));
        t.extend(weights.combine(&pass.x.next));
    } else if me == p {
        s.extend(weights.combine(&pass.x.own));
        t.extend(weights.permuted(pass));
    } else {
        s.extend(zeros());
        t.extend(zeros());
    }
    // As the first verifier of the next party: p for q, the third party for p.
    let (first, second) = (&mut proof.first, &mut proof.second);
    let weights = draw(&coins.first);
    if me == p {
        let permuted = weights.permuted(pass);
        // <rho, pi(x_q)> = <rho_pi, x_q>
        let moved = Z128::dot(&permuted, &weights.combine(&pass.x.next));
        let claim = Z128::sub(weights.weigh(&pass.received), moved);
        first.claim = Z128::add(first.claim, claim);
        first.vector.extend(permuted);
    } else if me != q {
        let masks: Vec<u128> = shared(prss, false, pass.op, len);
        first.claim = Z128::add(first.claim, weights.weigh(&masks));
        first.vector.extend(weights.combine(&pass.x.next));
    } else {
        first.vector.extend(zeros());
    }
    // As the second verifier of the previous party: the third party for q, q for p.
    let weights = draw(&coins.second);
    if me == q {
        second.claim = Z128::add(second.claim, weights.weigh(&pass.received));
        second.vector.extend(weights.permuted(pass));
    } else if me != p {
        let masks: Vec<u128> = shared(prss, true, pass.op, len);
        second.claim = Z128::add(second.claim, weights.weigh(&masks));
        second.vector.extend(weights.combine(&pass.x.own));
    } else {
        second.vector.extend(zeros());
    }
}
