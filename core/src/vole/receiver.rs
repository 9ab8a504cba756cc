//! The side of the noise: holds the punctured trees.

use super::{
    BASE_K, Code, check,
    code::{Cell, encode},
    first,
    plan::Plan,
    tree,
};
use crate::{
    Error, Mesh, Result, Secret, bits,
    crhash::CrHash,
    field::Gf128,
    ot::{
        ChosenRows, Purpose, Receiver, Security, extension::CotReceiver, extension::begin,
        one_of_n::combine, tweak,
    },
    prg::{Prg, random_key},
};
use rand::CryptoRng;
use rayon::prelude::*;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// VOLE at the side of a and c.
pub struct VoleReceiver {
    base: CotReceiver,
    code: Code,
    security: Security,
    trees: u64,
    /// Draws the challenges of the check.
    challenges: Secret<[u8; 16]>,
    challenge_count: usize,
    /// A call is under way, or has failed.
    busy: bool,
    /// To see that the tests of the check notice when it is gone.
    #[cfg(test)]
    pub(crate) ignore_check: bool,
}

/// What values a of w bits are stored in: a polynomial's lowest coefficients.
pub trait Value: Copy + Send + Sync + Default + Zeroize {
    /// The most bits that fit.
    const BITS: usize;
    /// From the low bits.
    fn from_low(x: u128) -> Self;
}

impl Value for u8 {
    const BITS: usize = 8;
    fn from_low(x: u128) -> Self {
        x as u8
    }
}

impl Value for u64 {
    const BITS: usize = 64;
    fn from_low(x: u128) -> Self {
        x as u64
    }
}

impl Value for u128 {
    const BITS: usize = 128;
    fn from_low(x: u128) -> Self {
        x
    }
}

/// A vector that is wiped after use.
type Wiped<T> = Zeroizing<Vec<T>>;

/// The noise of one extension.
struct Noise {
    /// The complements of the positions, d bits each.
    flipped: Zeroizing<Vec<u64>>,
    /// The values.
    betas: Zeroizing<Vec<Gf128>>,
}

impl VoleReceiver {
    /// Sets up with `peer`, who calls
    /// [`VoleSender::new`](super::VoleSender::new) with the same code and
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
        let (terms, base) = (super::terms(code, terms), (BASE_K, security));
        let base = CotReceiver::with_terms(mesh, peer, base, &terms, rng)?;
        Ok(Self::from_base(base, code, security, rng))
    }

    pub(crate) fn from_base(
        base: CotReceiver,
        code: Code,
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let challenges = random_key(rng);
        Self {
            base,
            code,
            security,
            trees: 0,
            challenges,
            challenge_count: 0,
            busy: false,
            #[cfg(test)]
            ignore_check: false,
        }
    }

    /// The party on the other side.
    pub fn peer(&self) -> usize {
        self.base.peer()
    }

    pub(crate) fn session(&self) -> u128 {
        self.base.session()
    }

    /// a and c for `n` values of `width` bits, 2 to 128.
    pub fn extend<A: Value>(
        &mut self,
        mesh: &mut Mesh,
        n: usize,
        width: usize,
    ) -> Result<(Vec<A>, Vec<u128>)> {
        if width > A::BITS {
            return Err(Error::Argument(format!(
                "values of {width} bits do not fit {} bits",
                A::BITS
            )));
        }
        let (a, c) = self.run(mesh, Plan::new(self.code, n, width.max(2))?)?;
        Ok((first(a, n), first(c, n)))
    }

    /// a and c for `n` values in the subfield of 2^64 elements ([`crate::field::Gf64`]),
    /// with \\(c_i = b_i + \varphi(a_i) \Delta\\). Semi-honest only.
    pub fn extend_subfield(&mut self, mesh: &mut Mesh, n: usize) -> Result<(Vec<u64>, Vec<u128>)> {
        let plan = Plan::subfield(self.code, n, self.security)?;
        let (a, c) = self.run::<u64>(mesh, plan)?;
        Ok((first(a, n), first(c, n)))
    }

    /// All outputs of a plan with w > 1.
    pub(crate) fn run<A: Value>(
        &mut self,
        mesh: &mut Mesh,
        plan: Plan,
    ) -> Result<(Wiped<A>, Wiped<u128>)> {
        let (noise, mut c) = self.noisy(mesh, plan)?;
        let a = if A::BITS <= 8 {
            let mut e = Zeroizing::new(noise.vector(plan, |beta| beta as u8));
            rayon::join(|| encode(plan, &mut e), || encode(plan, &mut c));
            e.iter().map(|&x| A::from_low(u128::from(x))).collect()
        } else {
            let mut e = Zeroizing::new(noise.vector(plan, |beta| beta));
            rayon::join(|| encode(plan, &mut e), || encode(plan, &mut c));
            e.iter().map(|&x| A::from_low(x)).collect()
        };
        Ok((Zeroizing::new(a), c))
    }

    /// All rows of a plan with w = 1: the lowest bit of each is the choice.
    pub(crate) fn run_bits(&mut self, mesh: &mut Mesh, plan: Plan) -> Result<Zeroizing<Vec<u128>>> {
        let (_, mut c) = self.noisy(mesh, plan)?;
        encode(plan, &mut c);
        Ok(c)
    }

    /// Steps 1 to 3: the noise and w of (2).
    fn noisy(&mut self, mesh: &mut Mesh, plan: Plan) -> Result<(Noise, Zeroizing<Vec<u128>>)> {
        begin(&mut self.busy)?;
        let [tree_rows, value_rows, check_rows] = plan.rows(self.security);
        let ChosenRows { choices, rows } =
            self.base.extend_random(mesh, tree_rows + value_rows + check_rows)?;
        let choices = Zeroizing::new(choices);
        let first = rows.first;
        let t = rows.rows;
        let (t_trees, t_rest) = t.split_at(tree_rows);
        let (t_values, t_check) = t_rest.split_at(value_rows);
        // The key that a row gives is that of the side not taken.
        let flipped: Vec<u64> = (0..plan.trees)
            .map(|j| number(&choices, j * plan.depth, plan.depth).reverse_bits())
            .map(|x| (x >> (128 - plan.depth)) as u64)
            .collect();
        let beta = |j: usize| match plan.width {
            1 => 1,
            w => number(&choices, tree_rows + j * w, w),
        };
        let noise = Noise {
            flipped: Zeroizing::new(flipped),
            betas: Zeroizing::new((0..plan.trees).map(|j| Gf128(beta(j))).collect()),
        };
        let mut message = vec![0u128; plan.message()];
        mesh.recv_bulk(self.peer(), &mut message)?;
        let mut w = Zeroizing::new(vec![0u128; plan.places()]);
        let numbers = self.trees;
        self.trees += plan.trees as u64;
        let (hash, session) = (CrHash::new(), self.base.session());
        let keep = if plan.width == 1 { !1 } else { u128::MAX };
        (
            w.par_chunks_mut(1 << plan.depth),
            message.par_chunks(tree::message_len(plan.depth)),
            t_trees.par_chunks(plan.depth),
        )
            .into_par_iter()
            .enumerate()
            .for_each(|(j, (leaves, message, t))| {
                let mut keys = Zeroizing::new(t.to_vec());
                let index = tweak(session, Purpose::Tree, first + (j * plan.depth) as u64);
                hash.hash_all(index, &mut keys);
                let delta = match plan.width {
                    1 => 0,
                    w => plan.combine(&t_values[j * w..][..w]),
                };
                let alpha = noise.flipped[j] ^ ((1 << plan.depth) - 1);
                let tree = (session, numbers + j as u64);
                tree::hold(&hash, tree, &keys, alpha, (delta, keep), leaves, message);
            });
        if self.security == Security::Malicious {
            let x = number(&choices, tree_rows + value_rows, check_rows);
            self.check(mesh, plan, &noise, &w, (Gf128(x), Gf128(combine(t_check))))?;
        }
        self.busy = false;
        Ok((noise, w))
    }

    /// (4) and (5).
    fn check(
        &mut self,
        mesh: &mut Mesh,
        plan: Plan,
        noise: &Noise,
        w: &[u128],
        (x, tau): (Gf128, Gf128),
    ) -> Result<()> {
        let mut r = [0u128];
        Prg::new(&self.challenges).fill(0, self.challenge_count, &mut r);
        self.challenge_count += 1;
        let r = Gf128(r[0]);
        let masked = x + check::noise(r, plan.depth, &noise.flipped, &noise.betas);
        mesh.send_bulk(self.peer(), &[r, masked])?;
        let expected = check::digest(check::polynomial(r, w) + tau);
        let mut answer = [0u8; 32];
        mesh.recv_bulk(self.peer(), &mut answer)?;
        let failed = !bool::from(answer.ct_eq(&expected));
        #[cfg(test)]
        let failed = failed && !self.ignore_check;
        if failed {
            return Err(crate::ot::stop(
                mesh,
                self.peer(),
                "its trees of the VOLE are not consistent",
            ));
        }
        Ok(())
    }
}

impl Noise {
    /// e, its places found by comparing with all, so that none shows.
    fn vector<T: Cell>(&self, plan: Plan, value: impl Fn(u128) -> T + Sync) -> Vec<T> {
        let mut e = vec![T::default(); plan.places()];
        e.par_chunks_mut(1 << plan.depth)
            .zip(self.flipped.par_iter().zip(self.betas.par_iter()))
            .for_each(|(block, (&flipped, beta))| {
                let alpha = flipped ^ ((1 << plan.depth) - 1);
                let beta = value(beta.0);
                for (x, e) in (0u64..).zip(block) {
                    // 1 if x = alpha: only zero minus one borrows.
                    *e = beta.times(((x ^ alpha).wrapping_sub(1) >> 63) as u32);
                }
            });
        e
    }
}

/// The `len` bits from `start` on, at most 128, the first the lowest.
fn number(packed: &[u64], start: usize, len: usize) -> u128 {
    bits::extract(packed, start..start + len)
        .iter()
        .enumerate()
        .fold(0, |x, (i, &word)| x | u128::from(word) << (64 * i))
        & u128::MAX.checked_shr(128 - len as u32).unwrap_or(0)
}

impl std::fmt::Debug for VoleReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoleReceiver").finish_non_exhaustive()
    }
}
