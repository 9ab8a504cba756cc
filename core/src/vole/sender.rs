//! The side that holds delta: deals the trees.

use super::{BASE_K, Code, check, code::encode, first, plan::Plan, tree};
use crate::{
    Mesh, Result, Secret,
    crhash::CrHash,
    field::Gf128,
    ot::{
        Purpose, Security, Sender,
        extension::{CotSender, begin},
        one_of_n::combine,
        tweak,
    },
};
use rand::CryptoRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// VOLE at the side of delta and b.
#[derive(Debug)]
pub struct VoleSender {
    base: CotSender,
    code: Code,
    security: Security,
    /// Trees dealt so far: their numbers are in the tweaks of the hash.
    trees: u64,
    /// A call is under way, or has failed.
    busy: bool,
}

impl VoleSender {
    /// Sets up with `peer`, who calls
    /// [`VoleReceiver::new`](super::VoleReceiver::new) with the same code and
    /// security.
    pub fn new(
        mesh: &mut Mesh,
        peer: usize,
        code: Code,
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        Self::with_terms(mesh, peer, (code, security), "", rng)
    }

    pub(crate) fn with_terms(
        mesh: &mut Mesh,
        peer: usize,
        (code, security): (Code, Security),
        terms: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        let mut delta = Secret::new([0u8; 16]);
        rng.fill_bytes(delta.expose_mut());
        let delta = Secret::new(u128::from_le_bytes(*delta.expose()) | 1);
        let (terms, base) = (super::terms(code, terms), (BASE_K, security));
        let base = CotSender::with_terms(mesh, peer, base, delta, &terms, rng)?;
        Ok(Self::from_base(base, code, security))
    }

    /// Over an extension whose delta is odd.
    pub(crate) fn from_base(base: CotSender, code: Code, security: Security) -> Self {
        Self { base, code, security, trees: 0, busy: false }
    }

    /// Delta. Its lowest bit is 1.
    pub fn delta(&self) -> &Secret<u128> {
        self.base.delta()
    }

    /// The party on the other side.
    pub fn peer(&self) -> usize {
        self.base.peer()
    }

    pub(crate) fn session(&self) -> u128 {
        self.base.session()
    }

    /// b for `n` values of `width` bits, 2 to 128; elements of GF(2^128) as in
    /// [`Gf128`].
    pub fn extend(&mut self, mesh: &mut Mesh, n: usize, width: usize) -> Result<Vec<u128>> {
        Ok(first(self.run(mesh, Plan::new(self.code, n, width.max(2))?)?, n))
    }

    /// b for `n` values in the subfield of 2^64 elements. Semi-honest only.
    pub fn extend_subfield(&mut self, mesh: &mut Mesh, n: usize) -> Result<Vec<u128>> {
        Ok(first(self.run(mesh, Plan::subfield(self.code, n, self.security)?)?, n))
    }

    /// All outputs of a plan.
    pub(crate) fn run(&mut self, mesh: &mut Mesh, plan: Plan) -> Result<Zeroizing<Vec<u128>>> {
        begin(&mut self.busy)?;
        let [tree_rows, value_rows, check_rows] = plan.rows(self.security);
        let rows = self.base.extend_random(mesh, tree_rows + value_rows + check_rows)?;
        let first = rows.first;
        let q = rows.rows;
        let (q_trees, q_rest) = q.split_at(tree_rows);
        let (q_values, q_check) = q_rest.split_at(value_rows);
        let mut v = Zeroizing::new(vec![0u128; plan.places()]);
        let mut message = vec![0u128; plan.message()];
        let numbers = self.trees;
        self.trees += plan.trees as u64;
        let (hash, delta) = (CrHash::new(), *self.delta().expose());
        let session = self.base.session();
        // The lowest bit of a leaf stays free for the choice bit if w = 1.
        let keep = if plan.width == 1 { !1 } else { u128::MAX };
        (
            v.par_chunks_mut(1 << plan.depth),
            message.par_chunks_mut(tree::message_len(plan.depth)),
            q_trees.par_chunks(plan.depth),
        )
            .into_par_iter()
            .enumerate()
            .for_each(|(j, (leaves, message, q))| {
                let index = tweak(session, Purpose::Tree, first + (j * plan.depth) as u64);
                let mut zero = Zeroizing::new(q.to_vec());
                let mut one = Zeroizing::new(q.iter().map(|q| q ^ delta).collect::<Vec<_>>());
                hash.hash_all(index, &mut zero);
                hash.hash_all(index, &mut one);
                let keys: Zeroizing<Vec<[u128; 2]>> =
                    Zeroizing::new(zero.iter().zip(one.iter()).map(|(&a, &b)| [a, b]).collect());
                let gamma = match plan.width {
                    1 => delta,
                    w => plan.combine(&q_values[j * w..][..w]),
                };
                tree::deal(
                    &hash,
                    (session, numbers + j as u64),
                    &keys,
                    (gamma, keep),
                    leaves,
                    message,
                );
            });
        mesh.send_bulk(self.peer(), &message)?;
        if self.security == Security::Malicious {
            self.answer(mesh, &v, combine(q_check))?;
        }
        encode(plan, &mut v);
        self.busy = false;
        Ok(v)
    }

    /// V of (5), hashed.
    fn answer(&self, mesh: &mut Mesh, v: &[u128], kappa: u128) -> Result<()> {
        let mut challenge = [0u128; 2];
        mesh.recv_bulk(self.peer(), &mut challenge)?;
        let [r, x] = challenge.map(Gf128);
        let delta = Gf128(*self.delta().expose());
        let v = check::polynomial(r, v) + Gf128(kappa) + x * delta;
        mesh.send_bulk(self.peer(), &check::digest(v))
    }
}
