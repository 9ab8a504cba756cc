//! Proofs about matrix products modulo 2^64.
//!
//! **Compression.** The verifiers draw F (m x 48) and E (n x 48) of random 0
//! and 1. If Z is not X Y, then F^T (X Y - Z) E is zero with a probability of at
//! most 2^-48 for each side: a row (column) of 0 and 1 hits the kernel of a
//! nonzero column (row) over Z_2^64 with probability at most 1/2. A side that is
//! short already stays as it is. So it suffices to verify, modulo 2^64,
//!
//! (8)  X'_i Y'_i + X'_i Y'_{i+1} + X'_{i+1} Y'_i + D_1 + D_2 = 0,
//!      X' = F^T X, Y' = Y E, D_1 = F^T (F(k_i) - Z_i) E, D_2 = -F^T F(k_{i+1}) E.
//!
//! **Lifting.** The prover computes V = X'_i Y'_i + X'_i Y'_{i+1} + X'_{i+1} Y'_i
//! over Z_2^128 and shares it between its verifiers, V = V_1 + V_2, V_2 from a
//! key. The verifiers compare V_1 + D_1 with -(V_2 + D_2) modulo 2^64 by hash.
//! That V is right is one more relation over Z_2^128, of which a random
//! combination with coefficients f_a e_b becomes, for s and t of length 2k,
//!
//! (9)  <f^T X'_i, Y'_{i+1} e> + <Y'_i e, f^T X'_{i+1}>
//!        = f^T V_1 e - <f^T X'_i, Y'_i e> + f^T V_2 e.

use super::{
    super::{
        algebra::{Algebra, Z128, bilinear, decode},
        log::Matrix,
    },
    challenge::Coins,
    plan::compressed,
    proof::{Proof, difference, shared},
};
use crate::{engine::Dims, rep3::Prss};
use privity_core::{
    prg::Prg,
    ring::{self, Ring},
    transcript::Transcript,
};
use rayon::prelude::*;
use zeroize::Zeroize;

/// The domains of F, E and of f, e.
const COMPRESS: u64 = 24;
const COMBINE: u64 = 25;

/// Compressed factors in one role: X' and Y' as that role knows them.
struct Factors {
    x: Vec<u64>,
    y: Vec<u64>,
}

impl Drop for Factors {
    fn drop(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
    }
}

/// One matrix product on its way through the proof.
pub(crate) struct Compressed {
    dims: Dims,
    /// The prover's components i and i + 1.
    prover: [Factors; 2],
    /// The first verifier's component, and the second's.
    first: Factors,
    second: Factors,
    /// V_1 of the next party's proof, V_2 of the previous one's.
    v: [Vec<u128>; 2],
    /// D_1, D_2
    d: [Vec<u64>; 2],
}

impl Drop for Compressed {
    fn drop(&mut self) {
        self.d.zeroize();
    }
}

/// F and E, 0 or 1 by element: m' x m and n x n'.
struct Sides {
    f: Option<Vec<u64>>,
    e: Option<Vec<u64>>,
}

impl Sides {
    fn draw(coins: &Prg, index: usize, dims: Dims) -> Self {
        let domain = COMPRESS | (index as u64) << 8;
        let bits = |half: u64, count: usize| -> Vec<u64> {
            let words: Vec<u64> = coins.vec(domain | half << 40, count.div_ceil(64));
            (0..count).map(|i| words[i / 64] >> (i % 64) & 1).collect()
        };
        let (m, n) = compressed(dims);
        Self {
            f: (m < dims.m).then(|| bits(0, m * dims.m)),
            e: (n < dims.n).then(|| bits(1, n * dims.n)),
        }
    }

    /// F^T x for x with `columns` columns.
    fn left(&self, x: &[u64], dims: Dims, columns: usize) -> Vec<u64> {
        let (m, _) = compressed(dims);
        match &self.f {
            Some(f) => product(f, x, m, dims.m, columns),
            None => x.to_vec(),
        }
    }

    /// y E for y with `rows` rows.
    fn right(&self, y: &[u64], dims: Dims, rows: usize) -> Vec<u64> {
        let (_, n) = compressed(dims);
        match &self.e {
            Some(e) => product(y, e, rows, dims.n, n),
            None => y.to_vec(),
        }
    }

    fn factors(&self, x: &[u64], y: &[u64], dims: Dims) -> Factors {
        Factors { x: self.left(x, dims, dims.k), y: self.right(y, dims, dims.k) }
    }

    fn both(&self, z: &[u64], dims: Dims) -> Vec<u64> {
        let (m, _) = compressed(dims);
        self.right(&self.left(z, dims, dims.n), dims, m)
    }
}

fn product(a: &[u64], b: &[u64], m: usize, k: usize, n: usize) -> Vec<u64> {
    let mut c = vec![0; m * n];
    ring::matmul_add(a, b, &mut c, m, k, n);
    c
}

impl Compressed {
    /// The factors of (8) in all roles.
    pub(crate) fn new(index: usize, entry: &Matrix, coins: &Coins, prss: &Prss) -> Self {
        let Matrix { x, y, dims, received, op } = entry;
        let dims = *dims;
        let [prover, first, second] = [&coins.prover, &coins.first, &coins.second]
            .map(|coins| Sides::draw(coins, index, dims));
        let masks: Vec<u64> = prss.next_vec(*op, received.len());
        let d_1 = first.both(&ring::zip(&masks, received, u64::minus), dims);
        let masks: Vec<u64> = prss.own_vec(*op, received.len());
        let d_2 = second.both(&ring::map(&masks, |a| 0u64.minus(a)), dims);
        Self {
            dims,
            prover: [prover.factors(&x.own, &y.own, dims), prover.factors(&x.next, &y.next, dims)],
            first: first.factors(&x.next, &y.next, dims),
            second: second.factors(&x.own, &y.own, dims),
            v: [vec![], vec![]],
            d: [d_1, d_2],
        }
    }

    /// Elements of V.
    pub(crate) fn len(&self) -> usize {
        let (m, n) = compressed(self.dims);
        m * n
    }

    /// The prover's share of V for its first verifier.
    pub(crate) fn lift(&mut self, prss: &Prss, op: u64, out: &mut Vec<u8>) {
        let k = self.dims.k;
        let (_, n) = compressed(self.dims);
        let [own, next] = &self.prover;
        // Columns of Y', one after the other, and Y'_i + Y'_{i+1} over the integers.
        let column = |y: &[u64], j: usize| -> Vec<u64> { (0..k).map(|p| y[p * n + j]).collect() };
        let columns: Vec<[Vec<u64>; 2]> =
            (0..n).map(|j| [column(&own.y, j), column(&next.y, j)]).collect();
        let v: Vec<u128> = (0..self.len())
            .into_par_iter()
            .map(|i| {
                let [y, y_next] = &columns[i % n];
                let at = i / n * k..(i / n + 1) * k;
                let (x, x_next) = (&own.x[at.clone()], &next.x[at]);
                let mut sum = 0u128;
                for p in 0..k {
                    let both = u128::from(y[p]) + u128::from(y_next[p]);
                    sum = sum
                        .plus(u128::from(x[p]).times(both))
                        .plus(u128::from(x_next[p]) * u128::from(y[p]));
                }
                sum
            })
            .collect();
        let v_2: Vec<u128> = shared(prss, false, op, v.len());
        out.extend_from_slice(bytemuck::cast_slice(&difference::<Z128>(&v, &v_2)));
        self.v[1] = shared(prss, true, op, v.len());
    }

    /// V_1 of the next party's proof.
    pub(crate) fn take(&mut self, message: &[u8]) {
        self.v[0] = decode(message);
    }

    /// V_1 + D_1 and -(V_2 + D_2), which must agree with the other verifiers'.
    pub(crate) fn residues(&self, first: &mut Transcript, second: &mut Transcript) {
        let residue = |role: usize, sign: fn(u64) -> u64| -> Vec<u64> {
            let sums = self.v[role].iter().zip(&self.d[role]);
            sums.map(|(&v, &d)| sign((v as u64).plus(d))).collect()
        };
        let bytes = |words: Vec<u64>| bytemuck::cast_slice::<u64, u8>(&words).to_vec();
        first.append("V_1 + D_1", &bytes(residue(0, |r| r)));
        second.append("V_1 + D_1", &bytes(residue(1, |r| 0u64.minus(r))));
    }

    /// (9)
    pub(crate) fn combine(&self, index: usize, coins: &Coins, proof: &mut Proof<Z128>) {
        let (m, n) = compressed(self.dims);
        let draw = |coins: &Prg| -> [Vec<u64>; 2] {
            let both: Vec<u64> = coins.vec(COMBINE | (index as u64) << 8, m + n);
            [both[..m].to_vec(), both[m..].to_vec()]
        };
        let [f, e] = draw(&coins.prover);
        let [own, next] = &self.prover;
        let [s, t] = &mut proof.prover;
        s.extend(self.rows(&own.x, &f));
        s.extend(self.columns(&own.y, &e));
        t.extend(self.columns(&next.y, &e));
        t.extend(self.rows(&next.x, &f));

        let [f, e] = draw(&coins.first);
        let (x, y) = (self.rows(&self.first.x, &f), self.columns(&self.first.y, &e));
        let claim = Z128::sub(bilinear::<Z128>(&self.v[0], &f, &e), Z128::dot(&x, &y));
        proof.first.claim = Z128::add(proof.first.claim, claim);
        proof.first.vector.extend(x);
        proof.first.vector.extend(y);

        let [f, e] = draw(&coins.second);
        let claim = bilinear::<Z128>(&self.v[1], &f, &e);
        proof.second.claim = Z128::add(proof.second.claim, claim);
        proof.second.vector.extend(self.columns(&self.second.y, &e));
        proof.second.vector.extend(self.rows(&self.second.x, &f));
    }

    /// f^T X'
    fn rows(&self, x: &[u64], f: &[u64]) -> Vec<u128> {
        let mut out = vec![0u128; self.dims.k];
        for (row, &f) in x.chunks(self.dims.k.max(1)).zip(f) {
            for (o, &x) in out.iter_mut().zip(row) {
                *o = o.plus(u128::from(x) * u128::from(f));
            }
        }
        out
    }

    /// Y' e
    fn columns(&self, y: &[u64], e: &[u64]) -> Vec<u128> {
        let n = e.len();
        let dot = |p: usize| {
            let row = y[p * n..(p + 1) * n].iter().zip(e);
            row.fold(0u128, |s, (&y, &e)| s.plus(u128::from(y) * u128::from(e)))
        };
        (0..self.dims.k).map(dot).collect()
    }
}
