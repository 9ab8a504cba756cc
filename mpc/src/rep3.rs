//! Engine `rep3`: three computing parties, at most one of them curious.
//!
//! **Papers.** Araki, Furukawa, Lindell, Nof, Ohara, "High-Throughput
//! Semi-Honest Secure Three-Party Computation with an Honest Majority", CCS
//! 2016 (sharing, multiplication, correlated zeros: sections 2 and 3.1);
//! Mohassel, Rindal, "ABY3", CCS 2018 (conversions between ring and bits:
//! section 5). Truncation and the carry protocol are described in [`truncate`]
//! and [`compare`].
//!
//! **Adversary.** Semi-honest, static, at most one of three. A party that
//! deviates can change results and learn inputs; two parties that pool their
//! views know everything. Channels are private and authenticated (TLS).
//!
//! **Functionality.** For each call of [`Engine`], the ideal functionality
//! computes the stated function and hands out fresh replicated shares of the
//! result. For truncation it also gives the word x_b to parties 1 and 2 and
//! rounds by it (see [`truncate`], which says when the rounding is random).
//!
//! **Leakage.** Vector lengths, shapes and the program itself are public;
//! nothing else leaves a computing party except by `open` and `export`.
//!
//! **Cost** per element, payload bytes over all three parties, d the bits cut
//! off and e = ceil(d / 8). [`crate::shape`] holds the same as formulas, and
//! tests hold both against the counters.
//!
//! | operation | bytes, all parties | rounds |
//! |---|---|---|
//! | input | 8 | 1 |
//! | import from an outside owner | 24 | 1 |
//! | open to all | 24 | 1 |
//! | product, inner product, matrix product (per output) | 24 | 1 |
//! | the same with truncation | 32 + 2e (38 for d = 20) | 2 |
//! | truncation alone | 16 + 2e | 2 |
//! | AND | 3/8 | 1 |
//! | sign of a number | 47.1 (377 bits) | 6 |
//! | test for zero | 39.4 (315 bits) | 7 |
//! | all bits of a number | 156 | 8 |
//! | bit to number | 24 | 2 |
//! | random bit | 0 | 0 |
//! | shuffle, per row and column | 32 | 2 |
//! | widening to 128 bits | 48 | 2 |
//! | wide product, inner product | 48 | 1 |
//! | wide truncation | 32 + 2e | 2 |

pub mod compare;
mod convert;
mod cost;
mod multiply;
pub(crate) mod network;
mod prss;
mod share;
mod shuffle;
pub mod truncate;

pub use cost::Rep3Cost;

#[cfg(any(test, feature = "test-util"))]
pub use prss::Flaw;
pub use prss::Prss;
pub(crate) use prss::Y;
pub use share::Bits;
pub(crate) use share::{join, narrowed, xor};
pub use shuffle::Permutation;
pub(crate) use shuffle::move_rows;

use crate::{
    engine::{Dims, Engine, Recipients},
    local,
};
use privity_core::{
    Error, Mesh, Result,
    ring::{self, Ring},
    share::replicated::Replicated,
};
use rand::CryptoRng;
use rayon::prelude::*;
use std::ops::Range;
use truncate::{Divide, Widen};

/// Elements per message: 64 KiB of words.
pub(crate) const CHUNK: usize = 8192;

/// One of the three computing parties.
pub struct Rep3 {
    mesh: Mesh,
    prss: Prss,
}

impl Rep3 {
    /// Sets up over a mesh of exactly three parties: one key of 16 bytes goes
    /// from each party to the previous one.
    pub fn new(mut mesh: Mesh, rng: &mut impl CryptoRng) -> Result<Self> {
        if mesh.parties() != 3 {
            return Err(Error::Argument(format!(
                "engine rep3 needs exactly 3 computing parties, got {}",
                mesh.parties()
            )));
        }
        let prss = mesh.scope("rep3/setup", |mesh| Prss::agree(mesh, rng))?;
        Ok(Self { mesh, prss })
    }

    /// The links to the other computing parties, for counters and settings.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The links to the other computing parties.
    pub fn mesh_mut(&mut self) -> &mut Mesh {
        &mut self.mesh
    }

    /// Makes this party's randomness faulty, for tests that must notice it.
    #[cfg(any(test, feature = "test-util"))]
    pub fn plant(&mut self, flaw: Flaw) {
        self.prss.plant(flaw);
    }

    /// The party before this one: it holds x_{i-1} and x_i.
    fn prev(&self) -> usize {
        (self.me() + 2) % 3
    }

    /// The party after this one: it holds x_{i+1} and x_{i+2}.
    fn next(&self) -> usize {
        (self.me() + 1) % 3
    }
}

/// Turns an additive sharing that each party can produce range by range into a
/// replicated one: z_i goes to party i - 1. One round, 8 bytes per element and
/// party. The caller has masked z_i with a zero share.
fn reshare<R: Ring>(
    mesh: &mut Mesh,
    len: usize,
    z: impl Fn(Range<usize>, &mut [R]) + Sync,
) -> Result<Replicated<R>> {
    let (prev, next) = ((mesh.me() + 2) % 3, (mesh.me() + 1) % 3);
    let own = send_produced(mesh, prev, len, z)?;
    let mut received = vec![R::default(); len];
    mesh.recv_bulk(next, &mut received)?;
    Ok(Replicated { own, next: received })
}

/// Produces a vector on all cores and sends it in chunks while the rest is
/// still being made.
fn send_produced<R: Ring>(
    mesh: &mut Mesh,
    to: usize,
    len: usize,
    produce: impl Fn(Range<usize>, &mut [R]) + Sync,
) -> Result<Vec<R>> {
    let mut values = vec![R::default(); len];
    let window = CHUNK * 4 * rayon::current_num_threads();
    for (w, part) in values.chunks_mut(window).enumerate() {
        fill_parallel(part, w * window, &produce);
        mesh.send_bulk(to, part)?;
    }
    Ok(values)
}

/// Fills `out`, which starts at element `offset` of a vector, chunk by chunk.
pub(crate) fn fill_parallel<R: Ring>(
    out: &mut [R],
    offset: usize,
    produce: &(impl Fn(Range<usize>, &mut [R]) + Sync),
) {
    let one = |(c, part): (usize, &mut [R])| {
        let start = offset + c * CHUNK;
        produce(start..start + part.len(), part);
    };
    if out.len() <= CHUNK {
        one((0, out));
    } else {
        out.par_chunks_mut(CHUNK).enumerate().for_each(one);
    }
}

impl Engine for Rep3 {
    type Ring = Replicated<u64>;
    type Wide = Replicated<u128>;
    type Bits = Bits;
    type Permutation = Permutation;

    fn me(&self) -> usize {
        self.mesh.me()
    }

    fn parties(&self) -> usize {
        3
    }

    fn scope<T>(&mut self, label: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        // The mesh counts; it cannot lend itself to `work`, so enter and leave by hand.
        let outer = self.mesh.begin_scope(label);
        let result = work(self);
        self.mesh.end_scope(outer);
        result
    }

    fn input(&mut self, owner: usize, values: Option<&[u64]>, len: usize) -> Result<Self::Ring> {
        input(&mut self.mesh, &mut self.prss, owner, values, len)
    }

    fn import(&mut self, additive: &[u64]) -> Result<Self::Ring> {
        reshare(&mut self.mesh, additive.len(), |range, out| out.copy_from_slice(&additive[range]))
    }

    fn export(&mut self, x: &Self::Ring) -> Result<Vec<u64>> {
        let op = self.prss.operation();
        let mut out = vec![0; x.len()];
        self.prss.zeros(op, 0, &mut out);
        Ok(ring::zip(&x.own, &out, u64::plus))
    }

    fn public(&self, values: &[u64]) -> Self::Ring {
        constant(self.me(), values)
    }

    fn open(&mut self, x: &Self::Ring, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.open_words(x, to, u64::plus)
    }

    fn open_bits(&mut self, x: &Bits, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.open_words(&x.without_padding(), to, |a, b| a ^ b)
    }

    fn dot(
        &mut self,
        x: &Self::Ring,
        y: &Self::Ring,
        group: usize,
        trunc: u32,
    ) -> Result<Self::Ring> {
        self.dot_product(x, y, group, trunc)
    }

    fn matmul(
        &mut self,
        x: &Self::Ring,
        y: &Self::Ring,
        dims: Dims,
        trunc: u32,
    ) -> Result<Self::Ring> {
        self.matrix_product(x, y, dims, trunc)
    }

    fn truncate(&mut self, x: &Self::Ring, bits: u32) -> Result<Self::Ring> {
        self.cut_shared(x, Divide::by(bits))
    }

    fn and(&mut self, x: &Bits, y: &Bits) -> Result<Bits> {
        self.and_bits(x, y)
    }

    fn not(&self, x: &Bits) -> Bits {
        x.complement(self.me())
    }

    fn is_negative(&mut self, x: &Self::Ring) -> Result<Bits> {
        self.sign(x)
    }

    fn is_zero(&mut self, x: &Self::Ring) -> Result<Bits> {
        self.zero_test(x)
    }

    fn to_bits(&mut self, x: &Self::Ring, width: usize) -> Result<Vec<Bits>> {
        self.decompose(x, width)
    }

    fn random_bits(&mut self, len: usize) -> Result<Bits> {
        Ok(Bits::random(&mut self.prss, len))
    }

    fn bit_to_ring(&mut self, b: &Bits) -> Result<Self::Ring> {
        self.inject(b)
    }

    fn widen(&mut self, x: &Self::Ring) -> Result<Self::Wide> {
        self.cut_shared(x, Widen)
    }

    fn narrow(&self, x: &Self::Wide) -> Self::Ring {
        narrowed(x)
    }

    fn public_wide(&self, values: &[u128]) -> Self::Wide {
        constant(self.me(), values)
    }

    fn open_wide(&mut self, x: &Self::Wide, to: Recipients<'_>) -> Result<Option<Vec<u128>>> {
        self.open_words(x, to, u128::plus)
    }

    fn dot_wide(&mut self, x: &Self::Wide, y: &Self::Wide, group: usize) -> Result<Self::Wide> {
        self.plain_dot(x, y, group)
    }

    fn truncate_wide(&mut self, x: &Self::Wide, bits: u32) -> Result<Self::Wide> {
        self.cut_shared(x, Divide::by(bits))
    }

    fn random_permutation(&mut self, n: usize) -> Result<Permutation> {
        Ok(Permutation::draw(&mut self.prss, n))
    }

    fn shuffle(
        &mut self,
        permutation: &Permutation,
        columns: &[&Self::Ring],
    ) -> Result<Vec<Self::Ring>> {
        self.permute(permutation, columns, false)
    }

    fn unshuffle(
        &mut self,
        permutation: &Permutation,
        columns: &[&Self::Ring],
    ) -> Result<Vec<Self::Ring>> {
        self.permute(permutation, columns, true)
    }
}

impl Rep3 {
    /// Party i lacks x_{i-1}, which party i - 1 holds first.
    fn open_words<R: Ring>(
        &mut self,
        x: &Replicated<R>,
        to: Recipients<'_>,
        add: fn(R, R) -> R,
    ) -> Result<Option<Vec<R>>> {
        let (prev, next) = (self.prev(), self.next());
        if to.contains(next) {
            self.mesh.send_bulk(next, &x.own)?;
        }
        if !to.contains(self.me()) {
            return Ok(None);
        }
        let mut missing = vec![R::default(); x.len()];
        self.mesh.recv_bulk(prev, &mut missing)?;
        let known = ring::zip(&x.own, &x.next, add);
        Ok(Some(ring::zip(&known, &missing, add)))
    }
}

/// Shares a vector of party o: x_{o+2} = 0, x_{o+1} is random and known to o and
/// o + 1, and x_o = x - x_{o+1} goes to party o - 1.
pub(crate) fn input(
    mesh: &mut Mesh,
    prss: &mut Prss,
    owner: usize,
    values: Option<&[u64]>,
    len: usize,
) -> Result<Replicated<u64>> {
    if owner > 2 {
        return Err(Error::Argument(format!("party {owner} does not compute")));
    }
    let (me, prev) = (mesh.me(), (mesh.me() + 2) % 3);
    let op = prss.operation();
    if owner == me {
        let values = values.filter(|v| v.len() == len).ok_or_else(|| {
            Error::Argument(format!("the owner of an input must give its {len} values"))
        })?;
        let next: Vec<u64> = prss.next_vec(op, len);
        let own = ring::zip(values, &next, u64::minus);
        mesh.send_bulk(prev, &own)?;
        Ok(Replicated { own, next })
    } else if owner == prev {
        Ok(Replicated { own: prss.own_vec(op, len), next: vec![0; len] })
    } else {
        let mut next = vec![0; len];
        mesh.recv_bulk(owner, &mut next)?;
        Ok(Replicated { own: vec![0; len], next })
    }
}

/// Component 0 carries a constant; party 0 holds it first, party 2 second.
pub(crate) fn constant<R: Ring>(me: usize, values: &[R]) -> Replicated<R> {
    let zero = vec![R::default(); values.len()];
    match me {
        0 => Replicated { own: values.to_vec(), next: zero },
        2 => Replicated { own: zero, next: values.to_vec() },
        _ => Replicated { own: zero.clone(), next: zero },
    }
}

/// Runs `program` at three parties of this process, over memory channels, and
/// returns their results: for tests, benches and learning.
pub fn run_local<T: Send>(program: impl Fn(&mut Rep3) -> Result<T> + Sync) -> Result<[T; 3]> {
    run_over(local::meshes(3)?, program)
}

/// [`run_local`] over three meshes made elsewhere.
pub fn run_over<T: Send>(
    meshes: Vec<Mesh>,
    program: impl Fn(&mut Rep3) -> Result<T> + Sync,
) -> Result<[T; 3]> {
    run_three(meshes, |mesh| program(&mut Rep3::new(mesh, &mut rand::rng())?))
}

/// [`local::run_over`] for exactly three parties.
pub(crate) fn run_three<T: Send>(
    meshes: Vec<Mesh>,
    party: impl Fn(Mesh) -> Result<T> + Sync,
) -> Result<[T; 3]> {
    let done = local::run_over(meshes, party)?;
    done.try_into().map_err(|_| Error::Argument("three meshes are needed".into()))
}
