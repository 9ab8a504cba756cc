//! Intersection whose result stays shared: neither party learns what is common,
//! and both can compute on it.
//!
//! # Papers
//!
//! Pinkas, Schneider, Tkachenko, Yanai, "Efficient Circuit-Based PSI with Linear
//! Communication", EUROCRYPT 2019 (PSTY19), sections 4 and 5: cuckoo against
//! simple hashing, a programmable function, a comparison for each bin. Rindal,
//! Schoppmann, "VOLE-PSI", EUROCRYPT 2021, section 5: the function from VOLE, the
//! hint from an oblivious key-value store.
//!
//! # Functionality
//!
//! The *receiver* has a set Y, the *sender* a set X and, for each x, payloads
//! \\(z_1(x), \dots, z_p(x)\\) of 64 bits. The receiver's items lie in B bins, one
//! in a bin at most; B follows from its size ([`bins`]). For each bin b the
//! receiver gets a tag \\(v_b\\) and words \\(s_{b,i}\\), the sender a tag
//! \\(t_b\\) and words \\(r_{b,i}\\), so that
//!
//! \\[ v_b = t_b \iff \text{the item } y \text{ of bin } b \text{ is in } X,
//!    \qquad \text{then } s_{b,i} + r_{b,i} = z_i(y) \bmod 2^{64}, \qquad (1) \\]
//!
//! and everything that a party gets is uniform to it otherwise. Nothing is learnt
//! but the sizes. [`membership`] compares the tags in any engine, to one shared
//! bit for each bin.
//!
//! # Adversary
//!
//! Semi-honest, static, either party. (The function is that of [`crate::vole`],
//! in either of its modes; what the parties program and compare is not checked.)
//! Assumptions: those of [`crate::vole`]; AES-128 under a fixed key as a
//! correlation-robust permutation, for the pads (3).
//!
//! # Protocol
//!
//! Three hash functions give an item three different bins. The receiver moves its
//! items until each is alone in one of its own (cuckoo hashing, `cuckoo`); with j
//! for the place that y has taken, it asks the oblivious function F of
//! [`crate::vole`] for \\(k = k_j(y)\\), an item of its own made of both. The
//! sender draws \\(t_b, r_{b,i}\\) and encodes
//!
//! \\[ k_j(x) \mapsto \big(t_b \,\|\, z_1(x) - r_{b,1} \,\|\, \dots\big) \oplus
//!    G(F(k_j(x))), \qquad b = h_j(x),\ x \in X,\ j = 1, 2, 3 \qquad (2) \\]
//!
//! in stores of 3|X| pairs, two words in each element; G is
//!
//! \\[ G_i(f) = E(f \oplus i) \oplus f. \qquad (3) \\]
//!
//! The receiver decodes at its keys and takes the pad away. Where the key is not
//! among the sender's, F of it is unknown and the result uniform: the tags agree
//! with probability 2^-64, in any bin with probability 2^-40 for \\(B \le 2^{24}\\).
//! Words of bins without an item are drawn by the receiver.
//!
//! The receiver's view is F at its keys and the stores, whose values are uniform:
//! those of its own keys because \\(t_b\\) and \\(r_{b,i}\\) are, and each bin is
//! asked once; all others because F is. The sender sees the messages of F alone.
//!
//! # Cost
//!
//! [`cost`], exact. With n items on both sides: 28 bytes per item for F, and 63 for
//! each pair of words (of which the tag is one).
//!
//! # Leakage
//!
//! Sizes. Moving items takes a time that depends on the own items.

mod cost;
mod cuckoo;
mod receiver;
mod sender;

pub use cost::cost;
pub use cuckoo::bins;
pub use receiver::Receiver;
pub use sender::Sender;

use crate::{
    okvs::Params,
    vole::{Options, Purpose},
};
use privity_core::{
    Error,
    prg::{Prg, random_key},
};
use privity_mpc::engine::{Engine, RingShares};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// What a party holds for each bin, by bin.
#[derive(Default)]
pub struct Binned {
    /// At the receiver, the own row of the bin, if there is one. At the sender,
    /// nothing.
    pub rows: Vec<Option<u32>>,
    /// v at the receiver, t at the sender.
    pub tags: Zeroizing<Vec<u64>>,
    /// s at the receiver, r at the sender, for each payload.
    pub payloads: Vec<Zeroizing<Vec<u64>>>,
}

impl std::fmt::Debug for Binned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binned").field("bins", &self.tags.len()).finish_non_exhaustive()
    }
}

/// The most items of a side: 64-bit tags serve for 2^24 bins.
pub const MOST_ITEMS: usize = 12_000_000;

/// One bit for each bin, whether its item is common: (1) in an engine in which the
/// receiver and the sender compute, as the parties `receiver` and `sender`.
/// `own` is given at these two, all parties know the number of bins.
pub fn membership<E: Engine>(
    engine: &mut E,
    [receiver, sender]: [usize; 2],
    own: Option<&Binned>,
    bins: usize,
) -> privity_core::Result<E::Bits> {
    engine.scope("psi/membership", |engine| {
        let me = engine.me();
        let tags = |party| own.filter(|_| me == party).map(|own| own.tags.as_slice());
        let v = engine.input(receiver, tags(receiver), bins)?;
        let t = engine.input(sender, tags(sender), bins)?;
        engine.is_zero(&v.sub(&t))
    })
}

/// Payload `i` of every bin as shares; of bins without a common item it is noise.
pub fn payload<E: Engine>(
    engine: &mut E,
    [receiver, sender]: [usize; 2],
    own: Option<&Binned>,
    i: usize,
    bins: usize,
) -> privity_core::Result<E::Ring> {
    let me = engine.me();
    let words = |party| own.filter(|_| me == party).map(|own| own.payloads[i].as_slice());
    let s = engine.input(receiver, words(receiver), bins)?;
    let r = engine.input(sender, words(sender), bins)?;
    Ok(s.add(&r))
}

fn check_size(items: usize) -> Result<(), Error> {
    if items <= MOST_ITEMS {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "{items} items are more than the {MOST_ITEMS} of a comparison of 64-bit tags"
    )))
}

fn purpose(payloads: usize) -> Result<Purpose, Error> {
    let rule = || Error::Argument(format!("{payloads} payloads: at most 2^16"));
    u32::try_from(payloads).ok().filter(|&p| p <= 1 << 16).map(Purpose::Circuit).ok_or_else(rule)
}

fn random(rng: &mut impl CryptoRng, len: usize) -> Zeroizing<Vec<u64>> {
    let mut words = Zeroizing::new(vec![0u64; len]);
    Prg::new(&random_key(rng)).fill(0, 0, &mut words);
    words
}

/// The sender's store for a set of this size.
fn store(options: &Options, items: usize) -> Params {
    options.wide_store(cuckoo::WAYS * items)
}

/// Pairs of words: the elements of the stores, for the tag and the payloads.
fn columns(payloads: usize) -> usize {
    (1 + payloads).div_ceil(2)
}

/// E of (3): any fixed key serves.
const PAD_KEY: [u8; 16] = *b"privity circuit1";

#[cfg(test)]
mod tests;
