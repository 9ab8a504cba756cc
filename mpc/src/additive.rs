//! Engine `additive`: two computing parties, or more, each of which may be alone
//! in being honest. No dealer.
//!
//! `docs/additive.md` tells the same at more length, with measured figures.
//!
//! **Sharing.** x = x_0 + x_1 + ... mod 2^64 (2^128 for wide words), one word
//! at each party; bits by exclusive or. Any N - 1 shares are uniform.
//!
//! **Papers.** Gilboa, CRYPTO 1999 (products by OT); Beaver, CRYPTO 1991
//! (triples); Rathee et al., CrypTFlow2, CCS 2020 (comparison); Rathee et al.,
//! SIRNN, IEEE S&P 2021 (truncation); Mohassel and Sadeghian, EUROCRYPT 2013
//! (shuffles); OT from [`privity_core::ot`] and [`privity_core::vole`]. The
//! submodules name sections and equations.
//!
//! **Adversary.** Semi-honest, static, up to N - 1 of N. A party that deviates
//! can change results and learn inputs. Channels are private and authenticated.
//! Computational security rests on that of the OT: a random oracle for the base
//! OTs, AES-128 as PRG and as an ideal permutation; with [`Profile::Wan`] the
//! dual LPN assumption for an expand-convolute code as well.
//!
//! **Functionality.** For each call of [`Engine`] the stated function, with
//! shares of which the corrupted parties may choose their own. For truncation it
//! rounds by the shares it hands out (see [`carry`]). Opening to some tells them
//! the value and nothing else: between more than two parties, shares are made
//! fresh by common keys first.
//!
//! **Leakage.** Vector lengths, shapes and the program itself.
//!
//! **Offline and online.** Everything expensive is correlated randomness that
//! does not depend on inputs ([`Kind`]). [`Additive::prepare`] makes it ahead by
//! a [`Plan`], which a dry run counts ([`AdditiveCost`]); what is missing is
//! made when an operation needs it. [`vault`] keeps it outside of the process,
//! sealed, and sees to it that none is used twice.
//!
//! **Cost** online, N = 2, bytes of both parties together for each element; the
//! preprocessing on top, of which `docs/additive.md` has a table:
//!
//! | operation | bytes | rounds |
//! |---|---|---|
//! | input, import, export, random bits | 0 | 0 |
//! | open to all | 16 | 1 |
//! | product | 32 | 1 |
//! | matrix product | 16 for each element of the factors | 1 |
//! | truncation, widening, bit to number | 1/4 | 1 |
//! | AND | 1/2 | 1 |
//! | sign | 82.25 | 6 |
//! | test for zero | 79.5 | 6 |
//!
//! More than two parties run comparisons, truncations and conversions bit by bit
//! ([`adder`]): correct, and slower by an order of magnitude (`docs/additive.md`).

pub mod adder;
pub mod boolean;
pub mod carry;
pub mod compare;
pub mod correlated;
mod cost;
pub mod gilboa;
pub mod leaf;
mod link;
pub mod matrix;
pub mod network;
pub mod online;
mod prepare;
mod share;
pub mod shuffle;
mod store;
mod tiling;
pub mod vault;

pub use cost::{AdditiveCost, PlanCount};
pub use share::{Bits, Words};
pub use shuffle::Permutation;
pub use store::{Kind, Plan};

use crate::engine::{Dims, Engine, Recipients};
use link::Link;
use prepare::random;
use privity_core::{
    Error, Mesh, Result, bits, ring,
    ring::Ring,
    vole::{Code, silent::DEFAULT_BATCH},
};
use rand::{CryptoRng, SeedableRng, rngs::StdRng};
use share::xor;
use store::Store;

/// How correlated OT is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// SoftSpokenOT with this k, 1 to 8: 16 ceil(128 / k) bytes for 128 rows.
    Lan {
        /// A larger k takes fewer bytes and more work.
        k: usize,
    },
    /// Silent OT from this code, this many rows at once: next to no bytes, and
    /// several times the work.
    Wan {
        /// The code of the LPN assumption.
        code: Code,
        /// Rows per batch.
        batch: usize,
    },
}

impl Profile {
    /// For fast networks.
    pub const LAN: Self = Self::Lan { k: 3 };
    /// For slow ones.
    pub const WAN: Self = Self::Wan { code: Code::ExConv7x24, batch: DEFAULT_BATCH };
}

/// One of the computing parties.
pub struct Additive {
    mesh: Mesh,
    profile: Profile,
    links: Vec<Option<Link>>,
    store: Store,
    rng: StdRng,
    /// Domains of the common keys used so far.
    domain: u64,
    /// Shuffles so far, in pairs of columns.
    uses: u64,
}

impl Additive {
    /// Sets up OT with every other party of the mesh. All must give the same
    /// profile. Everything random at this party follows from `rng`.
    pub fn new(mut mesh: Mesh, profile: Profile, rng: &mut impl CryptoRng) -> Result<Self> {
        let n = mesh.parties();
        if n < 2 {
            return Err(Error::Argument(
                "engine additive needs 2 computing parties or more".into(),
            ));
        }
        let me = mesh.me();
        let links = mesh.scope("additive/setup", |mesh| {
            let agree =
                |peer| (peer != me).then(|| Link::agree(mesh, peer, profile, rng)).transpose();
            (0..n).map(agree).collect::<Result<Vec<_>>>()
        })?;
        let rng = StdRng::from_rng(rng);
        Ok(Self { mesh, profile, links, store: Store::new(me == 0), rng, domain: 0, uses: 0 })
    }

    /// The links to the other computing parties, for counters and settings.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The links to the other computing parties.
    pub fn mesh_mut(&mut self) -> &mut Mesh {
        &mut self.mesh
    }

    /// The links, when the computing is done.
    pub fn into_mesh(self) -> Mesh {
        self.mesh
    }

    fn two(&self) -> bool {
        self.mesh.parties() == 2
    }

    fn next_domain(&mut self) -> u64 {
        self.domain += 1;
        self.domain
    }

    /// This party's part of a fresh sharing of zeros, from the common keys.
    fn zeros<R: Ring>(&mut self, len: usize) -> Vec<R> {
        let domain = self.next_domain();
        let me = self.mesh.me();
        let mut sum = vec![R::default(); len];
        for (peer, link) in self.links.iter().enumerate() {
            let Some(link) = link else { continue };
            let common: Vec<R> = link.common.vec(domain, len);
            sum = ring::zip(&sum, &common, if me < peer { R::plus } else { R::minus });
        }
        sum
    }

    /// Opens words that are shared by `add`; `own` is fresh if it has to be.
    fn open_words<R: Ring>(
        &mut self,
        own: &[R],
        to: Recipients<'_>,
        add: fn(R, R) -> R,
    ) -> Result<Option<Vec<R>>> {
        let (me, n) = (self.mesh.me(), self.mesh.parties());
        for p in (0..n).filter(|&p| p != me && to.contains(p)) {
            self.mesh.send_bulk(p, own)?;
        }
        if !to.contains(me) {
            return Ok(None);
        }
        let mut sum = own.to_vec();
        let mut theirs = vec![R::default(); own.len()];
        for p in (0..n).filter(|&p| p != me) {
            self.mesh.recv_bulk(p, &mut theirs)?;
            sum = ring::zip(&sum, &theirs, add);
        }
        Ok(Some(sum))
    }

    fn open_shares<R: Ring>(&mut self, x: &[R], to: Recipients<'_>) -> Result<Option<Vec<R>>> {
        if self.two() {
            return self.open_words(x, to, R::plus);
        }
        let zeros = self.zeros(x.len());
        self.open_words(&ring::zip(x, &zeros, R::plus), to, R::plus)
    }

    /// A public constant is party 0's share.
    fn constant<R: Ring>(&self, values: &[R]) -> Words<R> {
        Words(if self.mesh.me() == 0 { values.to_vec() } else { vec![R::default(); values.len()] })
    }
}

impl Engine for Additive {
    type Ring = Words<u64>;
    type Wide = Words<u128>;
    type Bits = Bits;
    type Permutation = Permutation;

    fn me(&self) -> usize {
        self.mesh.me()
    }

    fn parties(&self) -> usize {
        self.mesh.parties()
    }

    fn scope<T>(&mut self, label: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = self.mesh.begin_scope(label);
        let result = work(self);
        self.mesh.end_scope(outer);
        result
    }

    /// The others' shares come from their common keys with the owner, whose
    /// share is the rest.
    fn input(&mut self, owner: usize, values: Option<&[u64]>, len: usize) -> Result<Words<u64>> {
        let domain = self.next_domain();
        if owner != self.mesh.me() {
            return match self.links.get(owner).and_then(Option::as_ref) {
                Some(link) => Ok(Words(link.common.vec(domain, len))),
                None => Err(Error::Argument(format!("party {owner} does not compute"))),
            };
        }
        let values = values.filter(|v| v.len() == len).ok_or_else(|| {
            Error::Argument(format!("the owner of an input must give its {len} values"))
        })?;
        let mut own = Words(values.to_vec());
        for link in self.links.iter().flatten() {
            let theirs = Words(link.common.vec(domain, len));
            own = Words(ring::zip(&own.0, &theirs.0, u64::minus));
        }
        Ok(own)
    }

    fn import(&mut self, dealt: &[u64]) -> Result<Words<u64>> {
        Ok(Words(dealt.to_vec()))
    }

    fn export(&mut self, x: &Words<u64>) -> Result<Vec<u64>> {
        let zeros = self.zeros(x.0.len());
        Ok(ring::zip(&x.0, &zeros, u64::plus))
    }

    fn public(&self, values: &[u64]) -> Words<u64> {
        self.constant(values)
    }

    fn open(&mut self, x: &Words<u64>, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        self.open_shares(&x.0, to)
    }

    fn open_bits(&mut self, x: &Bits, to: Recipients<'_>) -> Result<Option<Vec<u64>>> {
        // The last word may hold bits that are not to be opened.
        let mut words = x.words.clone();
        bits::clear_padding(&mut words, x.len);
        if !self.two() {
            let domain = self.next_domain();
            for link in self.links.iter().flatten() {
                words = xor(&words, &link.common.vec(domain, words.len()));
            }
        }
        let mut opened = self.open_words(&words, to, |a, b| a ^ b)?;
        if let Some(words) = &mut opened {
            bits::clear_padding(words, x.len);
        }
        Ok(opened)
    }

    fn dot(
        &mut self,
        x: &Words<u64>,
        y: &Words<u64>,
        group: usize,
        trunc: u32,
    ) -> Result<Words<u64>> {
        let z = self.multiply(Kind::Ring, &x.0, &y.0, group)?;
        if trunc == 0 { Ok(z) } else { self.truncate(&z, trunc) }
    }

    fn matmul(
        &mut self,
        x: &Words<u64>,
        y: &Words<u64>,
        dims: Dims,
        trunc: u32,
    ) -> Result<Words<u64>> {
        let z = self.matrix_product(&x.0, &y.0, dims)?;
        if trunc == 0 { Ok(z) } else { self.truncate(&z, trunc) }
    }

    fn truncate(&mut self, x: &Words<u64>, bits: u32) -> Result<Words<u64>> {
        if self.two() {
            self.truncate_two(&x.0, bits)
        } else {
            self.truncate_many(Kind::Ring, &x.0, bits)
        }
    }

    fn and(&mut self, x: &Bits, y: &Bits) -> Result<Bits> {
        assert_eq!(x.len, y.len, "bit vectors of different lengths");
        let mut ands = online::Ands::default();
        ands.push(&x.words, &y.words);
        let [words, _, _] = self.ands(&ands)?;
        Ok(Bits { len: x.len, words })
    }

    fn not(&self, x: &Bits) -> Bits {
        let mut out = x.clone();
        if self.mesh.me() == 0 {
            out.words.iter_mut().for_each(|w| *w = !*w);
        }
        out
    }

    fn is_negative(&mut self, x: &Words<u64>) -> Result<Bits> {
        if self.two() { self.sign_two(&x.0) } else { self.sign_many(&x.0) }
    }

    fn is_zero(&mut self, x: &Words<u64>) -> Result<Bits> {
        if self.two() { self.zero_two(&x.0) } else { self.zero_many(&x.0) }
    }

    fn to_bits(&mut self, x: &Words<u64>, width: usize) -> Result<Vec<Bits>> {
        assert!((1..=64).contains(&width), "{width} bits of a word");
        self.decompose(&x.0, width)
    }

    fn random_bits(&mut self, len: usize) -> Result<Bits> {
        Ok(Bits { len, words: random(&mut self.rng, bits::words(len)) })
    }

    fn bit_to_ring(&mut self, b: &Bits) -> Result<Words<u64>> {
        if self.two() { self.inject_two(b) } else { self.inject_many(Kind::Ring, b) }
    }

    fn widen(&mut self, x: &Words<u64>) -> Result<Words<u128>> {
        if self.two() { self.widen_two(&x.0) } else { self.widen_many(&x.0) }
    }

    fn narrow(&self, x: &Words<u128>) -> Words<u64> {
        Words(x.0.iter().map(|&x| x as u64).collect())
    }

    fn public_wide(&self, values: &[u128]) -> Words<u128> {
        self.constant(values)
    }

    fn open_wide(&mut self, x: &Words<u128>, to: Recipients<'_>) -> Result<Option<Vec<u128>>> {
        self.open_shares(&x.0, to)
    }

    fn dot_wide(&mut self, x: &Words<u128>, y: &Words<u128>, group: usize) -> Result<Words<u128>> {
        self.multiply(Kind::Wide, &x.0, &y.0, group)
    }

    fn truncate_wide(&mut self, x: &Words<u128>, bits: u32) -> Result<Words<u128>> {
        if self.two() {
            self.truncate_two(&x.0, bits)
        } else {
            self.truncate_many(Kind::Wide, &x.0, bits)
        }
    }

    fn random_permutation(&mut self, n: usize) -> Result<Permutation> {
        self.draw_permutation(n)
    }

    fn shuffle(
        &mut self,
        permutation: &Permutation,
        columns: &[&Words<u64>],
    ) -> Result<Vec<Words<u64>>> {
        self.move_rows(permutation, columns, false)
    }

    fn unshuffle(
        &mut self,
        permutation: &Permutation,
        columns: &[&Words<u64>],
    ) -> Result<Vec<Words<u64>>> {
        self.move_rows(permutation, columns, true)
    }
}

/// Runs `program` at `parties` parties of this process, over memory channels,
/// and returns their results: for tests, benches and learning.
pub fn run_local<T: Send>(
    parties: usize,
    profile: Profile,
    program: impl Fn(&mut Additive) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    run_over(crate::local::meshes(parties)?, profile, program)
}

/// [`run_local`] over meshes made elsewhere.
pub fn run_over<T: Send>(
    meshes: Vec<Mesh>,
    profile: Profile,
    program: impl Fn(&mut Additive) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    crate::local::run_over(meshes, |mesh| {
        program(&mut Additive::new(mesh, profile, &mut rand::rng())?)
    })
}
