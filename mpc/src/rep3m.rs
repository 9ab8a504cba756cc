//! Engine `rep3m`: three computing parties, at most one of them malicious.
//!
//! **Model.** One party, fixed beforehand, may deviate in any way; the two
//! others finish with correct results or stop with an error (security with
//! abort, without fairness: the corrupt party may learn a result and keep it
//! from the others). A deviation is found, except with a probability below
//! 2^-40 for a whole session, before anything is opened or exported, or it is
//! harmless: results are unchanged and whether anybody stops does not depend on
//! honest inputs. Two parties that pool their views know everything. Channels
//! are private and authenticated (TLS).
//!
//! **Papers.** Sharing and products: Araki, Furukawa, Lindell, Nof, Ohara, CCS
//! 2016. That a cheater can only add errors which it knows, so that products
//! may be checked afterwards: Genkin, Ishai, Prabhakaran, Sahai, Tromer, STOC
//! 2014; Lindell, Nof, CCS 2017; Chida et al., CRYPTO 2018. The check by
//! distributed proofs: Boneh et al., CRYPTO 2019; Boyle, Gilboa, Ishai, Nof,
//! CCS 2019. Shuffle: Araki et al., CCS 2021. What is the library's own stands
//! in `verify`, with the argument.
//!
//! **Idea.** Wires are the same replicated shares as in [`rep3`].
//! Everything nonlinear is one of
//!
//! - a function of one component, which two parties know: local and consistent;
//! - a product by the semi-honest protocol, words over Z_2^128 (`multiply`);
//! - a carry or product that party 0 knows and shares (`carry`, `multiply`);
//! - a pass of a shuffle.
//!
//! The last three are logged as relations that each party proves to the two
//! others (`verify`) before anything leaves. Nothing is opened inside a
//! protocol. Until then all messages are masked, whatever errors they carry.
//!
//! | call | what a deviation meets |
//! |---|---|
//! | input by a party | nothing: any two components are an input |
//! | import from outside | each component is dealt to both holders, who compare hashes |
//! | open | the missing component comes from one holder, its hash from the other |
//! | export | recipients get each component twice and compare |
//! | all others | the log |
//!
//! **Leakage.** As `rep3`: lengths, shapes, the program; the rounding of a
//! truncation depends on x_2, which parties 1 and 2 know.
//!
//! **Cost** per element in bytes over all parties, without the check, whose size
//! hardly depends on the number of elements (see `docs/rep3m.md`):
//!
//! | operation | bytes, all parties | rounds |
//! |---|---|---|
//! | input | 8 | 1 |
//! | import from an outside owner | 0 | 0 |
//! | open to all | 24 and three hashes | 1 |
//! | export | 48 | 1 |
//! | product, inner product (per output) | 48 | 1 |
//! | matrix product (per output) | 24 | 1 |
//! | truncation | 88 | 2 |
//! | widening | 88 | 2 |
//! | wide product | 72 | 1 |
//! | wide truncation | 136 | 2 |
//! | AND | 3/8 | 1 |
//! | sign | 75.75 (606 bits) | 8 |
//! | test for zero | 31.5 (252 bits) | 7 |
//! | bit to number | 64 | 2 |
//! | shuffle, per row and column | 96 | 3 |

mod algebra;
mod carry;
mod convert;
mod cost;
mod log;
mod multiply;
mod shuffle;
mod transport;
mod truncate;
mod verify;

pub use cost::Rep3mCost;

use crate::{
    engine::{Dims, Engine, Recipients},
    rep3::{self, Bits, Permutation, Prss, constant, narrowed},
};
use log::Log;
use privity_core::{Error, Mesh, Result, ring::Ring, share::replicated::Replicated};
use rand::CryptoRng;
use verify::Compare;

/// One of the three computing parties.
pub struct Rep3m {
    mesh: Mesh,
    prss: Prss,
    log: Log,
    compare: Compare,
    #[cfg(any(test, feature = "test-util"))]
    unchecked: bool,
}

impl std::fmt::Debug for Rep3m {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rep3m").field("mesh", &self.mesh).finish_non_exhaustive()
    }
}

impl Rep3m {
    /// Sets up over a mesh of exactly three parties: one key of 16 bytes goes
    /// from each party to the previous one, which confirms it.
    ///
    /// A corrupt party may choose the keys it takes part in; each party lacks
    /// the third, which is all that privacy and soundness rest on.
    pub fn new(mut mesh: Mesh, rng: &mut impl CryptoRng) -> Result<Self> {
        if mesh.parties() != 3 {
            return Err(Error::Argument(format!(
                "engine rep3m needs exactly 3 computing parties, got {}",
                mesh.parties()
            )));
        }
        let prss = mesh.scope("rep3m/setup", |mesh| {
            let mut prss = Prss::agree(mesh, rng)?;
            let op = prss.operation();
            let (prev, next) = ((mesh.me() + 2) % 3, (mesh.me() + 1) % 3);
            // The two halves of one block: each side says the half that the
            // other one does not.
            let [own, other] = [prss.own_vec::<u64>(op, 4), prss.next_vec(op, 4)];
            mesh.send_bulk(next, &other[..2])?;
            mesh.send_bulk(prev, &own[2..])?;
            let (mut from_prev, mut from_next) = ([0u64; 2], [0u64; 2]);
            mesh.recv_bulk(prev, &mut from_prev)?;
            mesh.recv_bulk(next, &mut from_next)?;
            for (same, peer) in [(from_prev == own[..2], prev), (from_next == other[2..], next)] {
                if !same {
                    let error = mesh.deviation(peer, "its pairwise key is not this party's");
                    return Err(mesh.abort(error));
                }
            }
            Ok(prss)
        })?;
        Ok(Self {
            mesh,
            prss,
            log: Log::default(),
            compare: Compare::default(),
            #[cfg(any(test, feature = "test-util"))]
            unchecked: false,
        })
    }

    /// The links to the other computing parties, for counters and settings.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The links to the other computing parties.
    pub fn mesh_mut(&mut self) -> &mut Mesh {
        &mut self.mesh
    }

    /// Verifies everything computed so far, as every opening and export does
    /// first. All parties must call it at the same point.
    pub fn check(&mut self) -> Result<()> {
        self.verify()
    }

    /// Makes this party's randomness faulty, for tests that must notice it.
    #[cfg(any(test, feature = "test-util"))]
    pub fn plant(&mut self, flaw: crate::rep3::Flaw) {
        self.prss.plant(flaw);
    }

    /// Makes this party ignore what its checks say, for tests that must notice.
    #[cfg(any(test, feature = "test-util"))]
    pub fn ignore_checks(&mut self) {
        self.unchecked = true;
    }

    /// The party before this one: it holds x_{i-1} and x_i.
    fn prev(&self) -> usize {
        (self.mesh.me() + 2) % 3
    }

    /// The party after this one: it holds x_{i+1} and x_{i+2}.
    fn next(&self) -> usize {
        (self.mesh.me() + 1) % 3
    }
}

impl Engine for Rep3m {
    type Ring = Replicated<u64>;
    type Wide = Replicated<u128>;
    type Bits = Bits;
    type Permutation = Permutation;

    /// x_i and x_{i+1}, so that both holders of a component can compare.
    const DEALT_WORDS: usize = 2;

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
        rep3::input(&mut self.mesh, &mut self.prss, owner, values, len)
    }

    fn deal(values: &[u64], parties: usize, rng: &mut impl CryptoRng) -> Vec<Vec<u64>> {
        assert_eq!(parties, 3, "rep3m has three computing parties");
        Replicated::share(values, rng).iter().map(|s| [&s.own[..], &s.next].concat()).collect()
    }

    fn import(&mut self, dealt: &[u64]) -> Result<Self::Ring> {
        self.import_dealt(dealt)
    }

    fn export(&mut self, x: &Self::Ring) -> Result<Vec<u64>> {
        // Times one: new components for the same numbers, proved like any product.
        let fresh = self.product(x, &self.public(&vec![1; x.own.len()]), 1)?;
        self.verify()?;
        Ok([&fresh.own[..], &fresh.next].concat())
    }

    fn combine(exported: &[Vec<u64>]) -> Result<Vec<u64>> {
        transport::combine(exported)
    }

    fn public(&self, values: &[u64]) -> Self::Ring {
        constant(self.mesh.me(), values)
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
        let product = self.product(x, y, group)?;
        if trunc == 0 { Ok(product) } else { self.divide(&product, trunc) }
    }

    fn matmul(
        &mut self,
        x: &Self::Ring,
        y: &Self::Ring,
        dims: Dims,
        trunc: u32,
    ) -> Result<Self::Ring> {
        let product = self.matrix_product(x, y, dims)?;
        if trunc == 0 { Ok(product) } else { self.divide(&product, trunc) }
    }

    fn truncate(&mut self, x: &Self::Ring, bits: u32) -> Result<Self::Ring> {
        self.divide(x, bits)
    }

    fn and(&mut self, x: &Bits, y: &Bits) -> Result<Bits> {
        assert_eq!(x.len, y.len, "bit vectors of different lengths");
        Ok(Bits { len: x.len, words: self.and_words(x.words.clone(), y.words.clone())? })
    }

    fn not(&self, x: &Bits) -> Bits {
        x.complement(self.mesh.me())
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
        self.widened(x)
    }

    fn narrow(&self, x: &Self::Wide) -> Self::Ring {
        narrowed(x)
    }

    fn public_wide(&self, values: &[u128]) -> Self::Wide {
        constant(self.mesh.me(), values)
    }

    fn open_wide(&mut self, x: &Self::Wide, to: Recipients<'_>) -> Result<Option<Vec<u128>>> {
        self.open_words(x, to, u128::plus)
    }

    fn dot_wide(&mut self, x: &Self::Wide, y: &Self::Wide, group: usize) -> Result<Self::Wide> {
        self.product(x, y, group)
    }

    fn truncate_wide(&mut self, x: &Self::Wide, bits: u32) -> Result<Self::Wide> {
        self.divide(x, bits)
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

/// Runs `program` at three parties of this process, over memory channels, and
/// returns their results: for tests, benches and learning.
pub fn run_local<T: Send>(program: impl Fn(&mut Rep3m) -> Result<T> + Sync) -> Result<[T; 3]> {
    run_over(crate::local::meshes(3)?, program)
}

/// [`run_local`] over three meshes made elsewhere.
pub fn run_over<T: Send>(
    meshes: Vec<Mesh>,
    program: impl Fn(&mut Rep3m) -> Result<T> + Sync,
) -> Result<[T; 3]> {
    crate::rep3::run_three(meshes, |mesh| program(&mut Rep3m::new(mesh, &mut rand::rng())?))
}
