//! The proof of one inner product whose factors the two verifiers hold.
//!
//! For each prover there are vectors s, known to the prover and its first
//! verifier V1, and t, known to the prover and its second verifier V2, and the
//! verifiers hold claims k_1, k_2. To be proved:
//!
//! (2)  <s, t> = k_1 + k_2
//!
//! **A level** with m rows: s and t are cut into m rows each; the prover shares
//! all products of rows between the verifiers,
//!
//! (3)  G = G_1 + G_2,  G_ab = <s_a, t_b>,  G_2 from a key it shares with V2,
//!
//! and sends G_1 to V1. Each verifier keeps its part of
//!
//! (4)  kappa = sum_a G_aa - (k_1 + k_2)        (zero if all is right)
//!
//! and, with random f and e,
//!
//! (5)  s <- sum f_a s_a,  t <- sum e_a t_a,  k_v <- f^T G_v e,
//!
//! is what remains to be proved, for vectors m times shorter.
//!
//! **The last level** has one more row, random vectors known to the prover and
//! one verifier, with coefficients f = e = 1. They do not enter (4). What (5)
//! yields is uniform to the other verifier, and so the two tell each other s
//! and t, their claims and their parts of each kappa, and check (2) and (4).

use super::{
    super::algebra::{Algebra, bilinear, cut, decode, fold, gram},
    challenge::Coins,
    plan::Plan,
};
use crate::rep3::{Prss, Y};
use privity_core::prg::Prg;
use zeroize::Zeroize;

/// This party's part in the three proofs about one log.
pub(crate) struct Proof<A: Algebra> {
    /// As the prover: s and t.
    pub(crate) prover: [Vec<A::E>; 2],
    /// As V1 of the next party.
    pub(crate) first: Side<A>,
    /// As V2 of the previous party.
    pub(crate) second: Side<A>,
    plan: Plan,
    level: usize,
    domain: u64,
}

/// A verifier's side.
pub(crate) struct Side<A: Algebra> {
    /// s or t.
    pub(crate) vector: Vec<A::E>,
    /// k_v
    pub(crate) claim: A::E,
    /// Its parts of kappa, level by level.
    pub(crate) kappas: Vec<A::E>,
    g: Vec<A::E>,
}

impl<A: Algebra> Default for Side<A> {
    fn default() -> Self {
        Self { vector: vec![], claim: A::E::default(), kappas: vec![], g: vec![] }
    }
}

impl<A: Algebra> Drop for Side<A> {
    fn drop(&mut self) {
        self.vector.zeroize();
    }
}

impl<A: Algebra> Drop for Proof<A> {
    fn drop(&mut self) {
        self.prover.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl<A: Algebra> Side<A> {
    /// (4), (5) for this verifier.
    fn descend(
        &mut self,
        rows: usize,
        width: usize,
        f: &[u64],
        e: &[u64],
        mine: &[u64],
        mask: Option<Vec<A::E>>,
    ) {
        let columns = f.len();
        let g = std::mem::take(&mut self.g);
        let diagonal = A::sum((0..rows).map(|a| g[a * columns + a]));
        self.kappas.push(A::sub(diagonal, self.claim));
        self.claim = bilinear::<A>(&g, f, e);
        let next = {
            let mut parts = cut(&self.vector, rows, width);
            parts.extend(mask.as_deref());
            fold::<A>(&parts, mine, width)
        };
        self.vector.zeroize();
        self.vector = next;
    }

    /// What it tells the other verifier.
    fn statement(&self, sign: impl Fn(A::E) -> A::E, out: &mut Vec<u8>) {
        out.extend_from_slice(bytemuck::cast_slice(&self.vector));
        let claims: Vec<A::E> = self.kappas.iter().map(|&k| sign(k)).chain([self.claim]).collect();
        out.extend_from_slice(bytemuck::cast_slice(&claims));
    }
}

/// `len` elements that this party shares with the previous (`own`) or next party.
pub(crate) fn shared<E: Default + Clone + bytemuck::NoUninit + bytemuck::AnyBitPattern>(
    prss: &Prss,
    own: bool,
    op: u64,
    len: usize,
) -> Vec<E> {
    let mut out = vec![E::default(); len];
    let words: &mut [u64] = bytemuck::cast_slice_mut(&mut out);
    if own {
        prss.own_fill(op, 0, words);
    } else {
        prss.next_fill(op, 0, words);
    }
    out
}

/// a - b
pub(crate) fn difference<A: Algebra>(a: &[A::E], b: &[A::E]) -> Vec<A::E> {
    a.iter().zip(b).map(|(&a, &b)| A::sub(a, b)).collect()
}

impl<A: Algebra> Proof<A> {
    pub(crate) fn new(plan: Plan, domain: u64) -> Self {
        Self {
            prover: [vec![], vec![]],
            first: Side::default(),
            second: Side::default(),
            plan,
            level: 0,
            domain,
        }
    }

    /// Appends another claim: <s, t> + theta <s', t'> = k + theta k'. Without
    /// coins theta is 1, for claims that have random coefficients already and
    /// nothing that a prover chose afterwards.
    pub(crate) fn join(&mut self, mut other: Self, coins: Option<&Coins>) {
        let theta = |coins: &Prg| coins.vec::<u64>(THETA, 1)[0];
        let [prover, first, second] =
            coins.map_or([1; 3], |c| [&c.prover, &c.first, &c.second].map(theta));
        let scale = |v: &mut Vec<A::E>, k: u64| v.iter_mut().for_each(|x| *x = A::scale(*x, k));
        scale(&mut other.prover[0], prover);
        scale(&mut other.first.vector, first);
        for (mine, other) in self.prover.iter_mut().zip(&other.prover) {
            mine.extend_from_slice(other);
        }
        let sides = [(&mut self.first, &other.first), (&mut self.second, &other.second)];
        for ((mine, other), theta) in sides.into_iter().zip([first, second]) {
            mine.vector.extend_from_slice(&other.vector);
            mine.claim = A::add(mine.claim, A::scale(other.claim, theta));
        }
    }

    /// Whether all levels are done.
    pub(crate) fn is_done(&self) -> bool {
        self.level == self.plan.rows.len()
    }

    /// Levels to come.
    pub(crate) fn levels_left(&self) -> usize {
        self.plan.rows.len() - self.level
    }

    fn is_last(&self) -> bool {
        self.level + 1 == self.plan.rows.len()
    }

    /// Elements of G at this level.
    pub(crate) fn products(&self) -> usize {
        let rows = self.plan.rows[self.level] + usize::from(self.is_last());
        rows * rows
    }

    /// The prover's part of a level: (3), appended to its message. Also sets
    /// G_2 where this party is the second verifier.
    pub(crate) fn multiply(&mut self, prss: &Prss, op: u64, out: &mut Vec<u8>) {
        if self.level == 0 {
            let sides = [&self.first.vector, &self.second.vector];
            for vector in self.prover.iter().chain(sides) {
                debug_assert_eq!(vector.len(), self.plan.len, "a proof as planned");
            }
        }
        let (rows, width) = (self.plan.rows[self.level], self.plan.widths()[self.level]);
        let masks = self.is_last().then(|| {
            [
                shared::<A::E>(prss, true, op | MASK, width),
                shared(prss, false, op | MASK | Y, width),
            ]
        });
        let [mut s, mut t] = [0, 1].map(|side: usize| cut(&self.prover[side], rows, width));
        if let Some([a, b]) = &masks {
            s.push(a);
            t.push(b);
        }
        let g = gram::<A>(&s, &t);
        let g_2 = shared::<A::E>(prss, false, op, g.len());
        out.extend_from_slice(bytemuck::cast_slice(&difference::<A>(&g, &g_2)));
        self.second.g = shared(prss, true, op, g.len());
    }

    /// G_1 of the next party's proof.
    pub(crate) fn take(&mut self, message: &[u8]) {
        self.first.g = decode(message);
    }

    /// (4), (5) for all three roles. `op` is that of [`Proof::multiply`].
    pub(crate) fn descend(&mut self, prss: &Prss, op: u64, coins: &Coins) {
        let (rows, width, last) =
            (self.plan.rows[self.level], self.plan.widths()[self.level], self.is_last());
        self.level += 1;
        let draw = |coins: &Prg| -> [Vec<u64>; 2] {
            // A domain for each kind of log; the seed is fresh at every level.
            let both: Vec<u64> = coins.vec(self.domain, 2 * rows);
            [0, 1].map(|i| {
                let mut part = both[i * rows..(i + 1) * rows].to_vec();
                part.extend(last.then_some(1));
                part
            })
        };
        let [f, e] = draw(&coins.first);
        let mask = last.then(|| shared(prss, false, op | MASK, width));
        self.first.descend(rows, width, &f, &e, &f, mask);
        let [f, e] = draw(&coins.second);
        let mask = last.then(|| shared(prss, true, op | MASK | Y, width));
        self.second.descend(rows, width, &f, &e, &e, mask);
        let fe = draw(&coins.prover);
        for (side, k) in self.prover.iter_mut().zip(fe) {
            // The prover's vectors are not needed after the last level.
            let next = if last { vec![] } else { fold::<A>(&cut(side, rows, width), &k, width) };
            side.zeroize();
            *side = next;
        }
    }

    /// What this party tells the previous one, as V1, and the next one, as V2.
    pub(crate) fn statements(&self, to_prev: &mut Vec<u8>, to_next: &mut Vec<u8>) {
        // Negated, so that the other side compares with its own.
        self.first.statement(A::neg, to_prev);
        self.second.statement(|k| k, to_next);
    }

    /// Bytes of each statement.
    pub(crate) fn statement_bytes(&self) -> usize {
        (self.first.vector.len() + self.first.kappas.len() + 1) * size_of::<A::E>()
    }

    /// Whether the statements of the other verifiers agree with this party's:
    /// (2) and (4) for the next party's proof and for the previous one's.
    pub(crate) fn agrees(&self, from_prev: &[u8], from_next: &[u8]) -> [bool; 2] {
        let check = |side: &Side<A>, message: &[u8], sign: fn(A::E) -> A::E| {
            let theirs: Vec<A::E> = decode(message);
            let (vector, claims) = theirs.split_at(side.vector.len());
            let (kappas, claim) = claims.split_at(side.kappas.len());
            let product = A::dot(&side.vector, vector);
            let mut wrong = A::sub(product, A::add(side.claim, claim[0])) != A::E::default();
            for (&mine, &theirs) in side.kappas.iter().zip(kappas) {
                wrong |= sign(mine) != theirs;
            }
            !wrong
        };
        [check(&self.first, from_prev, A::neg), check(&self.second, from_next, |k| k)]
    }
}

/// The domain of theta.
const THETA: u64 = 4;

/// The sub-stream of the rows of masks.
const MASK: u64 = 1 << 62;

/// Nothing to prove.
impl<A: Algebra> Default for Proof<A> {
    fn default() -> Self {
        Self::new(Plan { len: 0, rows: vec![] }, 0)
    }
}
