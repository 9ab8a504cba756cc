//! Engine `shamir`: any number N of computing parties, at most t < N/2 of them
//! corrupt.
//!
//! **Papers.** Shamir 1979 (sharing); Gennaro, Rabin, Rabin, "Simplified VSS and
//! Fast-track Multiparty Computations", PODC 1998, and Damgård, Nielsen,
//! "Scalable and Unconditionally Secure Multiparty Computation", CRYPTO 2007
//! (products); Cramer, Damgård, Ishai, TCC 2005 (pseudo-random sharings);
//! Genkin et al., "Circuits Resilient to Additive Attacks", STOC 2014, Boneh et
//! al., "Zero-Knowledge Proofs on Secret-Shared Data via Fully Linear PCPs",
//! CRYPTO 2019, and Goyal, Song, "Malicious Security Comes Free in
//! Honest-Majority MPC", 2020 (verification); Damgård et al., TCC 2006, and
//! Escudero et al., "Improved Primitives for MPC over Mixed Arithmetic-Binary
//! Circuits", CRYPTO 2020 (masks whose bits are shared).
//!
//! **Adversary.** Static, at most t of N parties, semi-honest or, with
//! [`Security::Malicious`], arbitrary with abort. Channels are private and
//! authenticated.
//!
//! **Sharing.** Words are signed integers in the field of p = 2^127 - 1, so that
//! products of two words do not wrap; narrow and wide vectors are the same. Bits
//! are in GF(2^k), k the least of 2, 4, 8 with 2^k > N, bit-sliced: exclusive or
//! is local.
//!
//! **Products.** (1) sum over 2t + 1 parties of lambda_i x_i y_i = x y. With three
//! parties each deals its addend. With more, party q collects
//! lambda_i (x_i y_i + r_i) + u_i for its piece of the vector, r a random
//! sharing of degree t, u_i pseudo-random with sum 0, and
//! (2) e = x y + r is sent back as the polynomial that is e at 0 and 0 at the
//! next t parties; `[xy] = [e] - [r]`. Parties see e, uniform by r, and what
//! they contribute to it is uniform up to its sum by u.
//!
//! **Verification** (malicious). What a corrupt party sends in a product adds an
//! error that it knows to the result and learns nothing (Genkin et al. 2014).
//! Before anything is opened or exported, all products since the last time are
//! checked: (3) coins chi make them one inner product,
//! sum chi_j x_j y_j = sum chi_j z_j; matrix products by u (X Y) v = (u X)(Y v).
//! (4) ANDs likewise in the field of 2^64 elements, of which GF(2^k) is a
//! subfield. Then c parts are folded into one: polynomials f, g of degree c - 1
//! pass through the parts, h = f g is known at 2c - 1 points by as many products
//! (one follows from z), and a coin rho leaves f(rho) g(rho) = h(rho). In the
//! end a random product is joined, so that f, g, h(rho) are uniform but for
//! fg = h, and opened. A coin is a random sharing, opened with all
//! shares once every party has said that it has all that the coin binds. An
//! error stays unnoticed with probability at most 2/p + 14 log_8(n)/p for
//! products and (2 + 17 log_2(n)) / 2^64 < 2^-54 for ANDs. Every opening takes the shares
//! of all N = 2t + 1 parties, which must be on one polynomial of degree t: the
//! t + 1 honest ones fix it, so a wrong share is always noticed. Malicious mode
//! takes no more parties than that: honest ones beyond t + 1 could be dealt
//! shares off the polynomial, and what the check opens would tell theirs.
//!
//! **Inputs** are elements of the field. A malicious owner may input a number
//! outside the declared range; results that depend on it are then undefined for
//! that range, and an opening shows its recipients the whole element.
//!
//! **Masked openings** within comparisons, truncations and conversions reveal
//! numbers with a mask uniform in the whole field, so that they tell nothing
//! even if what they mask is wrong: they need no verification before them, and
//! whether a party aborts does not depend on secrets.
//!
//! **Masks.** Terms n_a of 127 bits, each known to a set of parties, are shared
//! in both fields. Either each set of N - t parties has one, from its key, which
//! costs no message and which nobody can get wrong (always against malicious
//! parties), or t + 1 parties deal one each. At least one is unknown to any t
//! parties. c = x' - sum n_a mod p is opened, and
//! (5) x' = c + sum n_a mod p is added up in bits: (6) carries are saved, those
//! out of the top brought around (2^127 = 1), until u + v = x' mod p. The sign is
//! the bit 63 of x' = x + 2^64, the carry into it a tree over all 127 planes,
//! beginning above it; x is zero if u xor v is all ones.
//!
//! **Truncation.** Cut all terms at bit d. With W the number of carries out of
//! plane d - 1 and Q of those brought around,
//! (7) floor(x' / 2^d) = floor(c / 2^d) + sum floor(n_a / 2^d) + W - Q 2^(127-d),
//! exactly: c + sum n_a + Q = x' + Q 2^127, and the lower d planes of both sides
//! differ by W 2^d. W and Q are counted in bits (13), whose planes become field
//! elements by (10): a bit is opened
//! with a mask uniform in GF(2^k), whose lowest coefficient is known in both
//! fields. x' = x + offset + delta with delta public, uniform below 2^d and new each
//! time: the result is rounded up with a probability equal to the fraction.
//! The functionality draws delta and gives it to all.
//!
//! **With t = 1 and semi-honest parties** x' = a + b - p for (11) a known to party
//! 0 and b to party 1, uniform by their common key, but for probability
//! x'/p <= 2^-62. (12) floor(a / 2^d) + floor(b / 2^d) - 2^(127-d) + 1 is then
//! floor(x'/2^d) or one more, and x = a + b + 1 mod 2^64 in bits.
//!
//! **Leakage.** Lengths and the program. **Dropouts**: see [`Shamir::without`] and
//! [`reshare`].
//!
//! Ours: the arrangement of masks (rotating carry-save sums, counting carries),
//! checks (4) in one extension for all k, and (11), (12), argued above.

mod bitwise;
pub mod cost;
mod element;
mod engine;
mod keys;
mod network;
mod reshare;
mod share;
mod shuffle;
mod sum;
mod tables;
mod verify;
mod waksman;

pub use cost::ShamirCost;
pub use reshare::reshare;
pub use share::{Bits, Signed, Vector};
pub use shuffle::Permutation;
pub use sum::Sum;

use keys::Keys;
use privity_core::{Error, Mesh, PartyName, Result};
use rand::CryptoRng;
use tables::Tables;
use verify::Log;

/// What corrupt parties may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// They follow the protocol and look.
    SemiHonest,
    /// They do anything; honest parties then stop.
    Malicious,
}

/// The most sets of parties with a key each. Semi-honest parties have a cheaper
/// way to masks beyond that; malicious ones have not, and the cost of a
/// truncation grows with the square of the sets.
pub(crate) const SETS: usize = 40;

/// One of the computing parties.
pub struct Shamir {
    mesh: Mesh,
    me: usize,
    n: usize,
    t: usize,
    k: usize,
    security: Security,
    /// Numbers of the parties, which give their points.
    numbers: Vec<usize>,
    sets: Option<Vec<Vec<usize>>>,
    tables: Tables,
    keys: Keys,
    operation: u64,
    log: Log,
    /// Parties that were lost, by name.
    lost: Vec<PartyName>,
    #[cfg(any(test, feature = "test-util"))]
    blind: bool,
    #[cfg(any(test, feature = "test-util"))]
    careless: bool,
}

impl Shamir {
    /// Sets up over a mesh of N parties with threshold 1 <= t < N/2.
    pub fn new(
        mesh: Mesh,
        threshold: usize,
        security: Security,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        let n = mesh.parties();
        if threshold == 0 || n <= 2 * threshold || n > 255 {
            return Err(Error::Argument(format!(
                "engine shamir needs a threshold t from 1 and 2t + 1 to 255 computing parties, \
                 got t = {threshold} and {n} parties"
            )));
        }
        Self::over(mesh, (0..n).collect(), threshold, security, vec![], rng)
    }

    fn over(
        mut mesh: Mesh,
        numbers: Vec<usize>,
        t: usize,
        security: Security,
        lost: Vec<PartyName>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        let (n, me) = (mesh.parties(), mesh.me());
        let highest = numbers.iter().copied().max().unwrap_or(0);
        let k = tables::planes(highest);
        let sets = if n > 2 * t { tables::subsets(n, t, SETS) } else { None };
        if security == Security::Malicious && n > 2 * t && sets.is_none() {
            return Err(Error::Argument(format!(
                "engine shamir in malicious mode has masks from keys of sets of parties, at most \
                 {SETS}; {n} parties with threshold {t} have more: take 3, 5 or 7 parties"
            )));
        }
        if security == Security::Malicious && n > 2 * t + 1 {
            // Honest parties beyond t + 1 could be given shares on no common
            // polynomial; what the check opens would then depend on them.
            return Err(Error::Argument(format!(
                "engine shamir in malicious mode needs exactly 2t + 1 parties, got {n} with t = \
                 {t}: raise the threshold"
            )));
        }
        let none = vec![];
        let list = sets.as_ref().unwrap_or(&none);
        let tables = Tables::new(&numbers, t, me, k, list);
        let keys = mesh.scope("shamir/setup", |mesh| Keys::agree(mesh, list, security, rng))?;
        Ok(Self {
            mesh,
            me,
            n,
            t,
            k,
            security,
            numbers,
            sets,
            tables,
            keys,
            operation: 0,
            log: Log::default(),
            lost,
            #[cfg(any(test, feature = "test-util"))]
            blind: false,
            #[cfg(any(test, feature = "test-util"))]
            careless: false,
        })
    }

    /// Goes on without the parties `lost` (indices in this engine): all that
    /// remain call it with the same arguments. Vectors and bits that exist stay
    /// valid. t + 1 parties can open, 2t + 1 can multiply, and with fewer every
    /// product is an error that names the lost. In malicious mode openings need
    /// 2t + 1 too, since fewer shares cannot be checked.
    ///
    /// Products not yet verified are lost with the party: in malicious mode
    /// call [`Shamir::check`] before vectors are kept.
    pub fn without(mut self, lost: &[usize], rng: &mut impl CryptoRng) -> Result<Self> {
        let members: Vec<usize> = (0..self.n).filter(|i| !lost.contains(i)).collect();
        if members.len() <= self.t {
            return Err(Error::Argument(format!(
                "{} of {} parties are left; threshold {} needs one more than that",
                members.len(),
                self.n,
                self.t
            )));
        }
        if self.log.length > 0 || self.has_unverified_bits() {
            return Err(Error::Argument(
                "products that are not verified cannot be kept: the shares must be those of the \
                 last check"
                    .into(),
            ));
        }
        let mut names = std::mem::take(&mut self.lost);
        names.extend(lost.iter().filter(|&&i| i < self.n).map(|&i| self.mesh.name(i).clone()));
        let numbers = members.iter().map(|&i| self.numbers[i]).collect();
        let mesh = self.mesh.fork("shamir without", &members)?;
        Self::over(mesh, numbers, self.t, self.security, names, rng)
    }

    fn has_unverified_bits(&self) -> bool {
        self.log.has_bits()
    }

    /// Verifies all products so far, as openings do by themselves.
    pub fn check(&mut self) -> Result<()> {
        self.verify()
    }

    /// The links to the other computing parties, for counters and settings.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The links to the other computing parties.
    pub fn mesh_mut(&mut self) -> &mut Mesh {
        &mut self.mesh
    }

    /// t
    pub fn threshold(&self) -> usize {
        self.t
    }

    /// Gives shares of coins away before the others are ready, for tests that
    /// must notice it.
    #[cfg(any(test, feature = "test-util"))]
    pub fn give_coins_at_once(&mut self) {
        self.careless = true;
    }

    /// Ignores all checks, for tests that must notice it.
    #[cfg(any(test, feature = "test-util"))]
    pub fn ignore_checks(&mut self) {
        self.blind = true;
    }

    fn can_multiply(&self) -> Result<()> {
        if self.n > 2 * self.t {
            return Ok(());
        }
        let names: Vec<&str> = self.lost.iter().map(|n| &**n).collect();
        Err(Error::Argument(format!(
            "{} computing parties are left, threshold {} needs {}: lost are {}; wait for one to \
             return and share anew with it",
            self.n,
            self.t,
            2 * self.t + 1,
            names.join(", ")
        )))
    }

    fn inconsistent(&mut self, rule: &str) -> Error {
        // Which party it was cannot be told with N < 3t + 1.
        let error = Error::Deviation {
            peer: "one of the computing parties".into(),
            during: "shamir".into(),
            rule: rule.into(),
        };
        self.mesh.abort(error)
    }
}

/// Runs `program` at all parties of this process, over memory channels: for
/// tests, benches and learning.
pub fn run_local<T: Send>(
    parties: usize,
    threshold: usize,
    security: Security,
    program: impl Fn(&mut Shamir) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    run_over(crate::local::meshes(parties)?, threshold, security, program)
}

/// [`run_local`] over meshes made elsewhere.
pub fn run_over<T: Send>(
    meshes: Vec<Mesh>,
    threshold: usize,
    security: Security,
    program: impl Fn(&mut Shamir) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    crate::local::run_over(meshes, |mesh| {
        program(&mut Shamir::new(mesh, threshold, security, &mut rand::rng())?)
    })
}
