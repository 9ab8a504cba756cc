//! Two-party intersection from VOLE and an oblivious key-value store: fast, few
//! bytes, and secure against a party that does anything.
//!
//! # Papers
//!
//! Rindal, Schoppmann, "VOLE-PSI: Fast OPRF and Circuit-PSI from Vector-OLE",
//! EUROCRYPT 2021, section 3 (the OPRF, its malicious form); Raghuraman, Rindal,
//! "Blazing Fast PSI from Improved OKVS and Subfield VOLE", CCS 2022 (the store,
//! see [`crate::okvs`]).
//!
//! # Functionality
//!
//! The *sender* has a set X of \\(n_s\\) items, the *receiver* Y of \\(n_r\\).
//! The receiver learns \\(X \cap Y\\), the sender nothing. Both learn the sizes.
//! [`Sender::run_and_learn`] and [`Receiver::run_and_tell`] give the sender the
//! result too, in a common pseudorandom order: it has then only the receiver's
//! word for it.
//!
//! # Adversary
//!
//! Static; either party; semi-honest, or malicious with abort
//! ([`Security`], malicious by default). Assumptions: those of
//! [`privity_core::vole`]; AES-128 as an ideal cipher, for the oracles below.
//!
//! # Protocol
//!
//! \\(h\\) and \\(F\\) are oracles, Decode is that of the store, linear in the
//! vector. VOLE gives the receiver \\(a, c\\), the sender \\(b, \Delta\\) with
//! \\(c = b + a \Delta\\), of the store's length.
//!
//! \\[\begin{aligned}
//! &\text{sender: } w_s \text{ random, commits to it} && (1)\\\\
//! &\text{receiver: } P = \mathrm{Encode}(\{(y, h(y))\}),\quad
//!    \text{sends its seed},\ w_r,\ D = P + a && (2)\\\\
//! &\text{sender: } K = b + \Delta D,\quad \text{opens } w_s,\quad w = w_s + w_r && (3)\\\\
//! &\text{sender sends } F(x, \mathrm{Decode}(K, x) + \Delta h(x) + w)
//!    \text{ for all } x \in X, \text{ sorted} && (4)\\\\
//! &\text{receiver compares with } F(y, \mathrm{Decode}(c, y) + w) && (5)
//! \end{aligned}\\]
//!
//! As \\(\mathrm{Decode}(K, x) = \mathrm{Decode}(c, x) + \Delta\,
//! \mathrm{Decode}(P, x)\\), the two agree for \\(x \in Y\\); for every other x
//! a multiple of the unknown \\(\Delta\\) is between them. Masks are sorted, so
//! that their order tells nothing.
//!
//! *Semi-honest*, \\(w\\) is not needed and masks are cut to
//! \\(40 + \log_2(N_s N_r)\\) bits, N the totals of the job: no two different
//! items meet but with probability 2^-40.
//!
//! *Subfield* (RR22, section 3.2; semi-honest, [`StoreField::Gf64`]): h, P, a and D
//! are in GF(2^64), of which \\(\varphi\\) is the image in GF(2^128):
//! \\(c = b + \varphi(a) \Delta\\), \\(K = b + \Delta\,\varphi(D)\\), and
//! \\(\Delta\,\varphi(h(x))\\) in (4). An item x that is not in Y has
//! \\(\mathrm{Decode}(P, x) = h(x)\\) with probability 2^-64, so that of 2^24 items one
//! is a false match with probability 2^-40.
//!
//! *Malicious.* Masks have 128 bits. A corrupt **receiver** is free in D: the
//! items that it gets masks for are those with \\(\mathrm{Decode}(P, y) = h(y)\\)
//! among all it asked h for. A vector of m elements satisfies no more than m of
//! them (m + 1 oracle values are in its image with probability 2^-128 for each
//! choice of items, see the paper), so its set has up to n' = [`most_items`] items
//! instead of the \\(n_r\\) it announced: a policy that charges by the item must
//! charge for n'. A corrupt **sender** is free in \\(\Delta, b\\) and its masks.
//! w is random and unknown when these are chosen, so that F is asked at points
//! that it could not prepare; every mask is that of one item at most, the one it
//! asked the oracle about (Davies and Meyer's F(x, v) = E_x(v) + v collides with
//! probability \\(q^2/2^{128}\\)). It can only leave items out, or put up to
//! \\(n_s\\) in that it may have guessed: which own items it uses nobody can
//! check. The receiver's output is then a function of that set; nothing goes back,
//! so that nothing depends on it.
//!
//! The oracle \\(h(x) = E_k(x) + x\\) has a key from the session: whichever of
//! the two directions of the cipher is asked, one of x and h(x) is random.
//!
//! # Cost
//!
//! [`cost`], exact; tests hold it against the counters. Per item of the receiver
//! about 21 bytes (16 times the store's expansion), per item of the sender one
//! mask: 10 bytes at 2^20 (semi-honest), 16 (malicious).
//!
//! # Leakage
//!
//! Sizes. The time of either party depends on its own items (places in the store,
//! sorting), not on the other's.
//!
//! # Ours
//!
//! Sorting instead of a permutation drawn by the sender: masks are
//! pseudorandom, so their order is. Oracles from AES with the item as the key,
//! or as the input of a cipher with a public key. \\(\Delta\\) and the set-up serve
//! any number of runs (buckets of a job); rows of VOLE, seeds and w are fresh for
//! each.

mod cost;
mod label;
mod mask;
mod receiver;
mod sender;
mod wire;

pub use cost::{Cost, cost};
pub use label::MOST_LABEL;
pub use mask::mask_bytes;
pub use privity_core::{ot::Security, vole::Code};
pub use receiver::{Match, Receiver, receive};
pub use sender::{Sender, send};
pub(crate) use {
    cost::{function_cost, setup_cost},
    mask::keys,
    receiver::unsolved,
    wire::Purpose,
};

use crate::okvs::Params;
use privity_core::{Error, params::STATISTICAL_BITS};

/// What both parties must have the same, and how much this one accepts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The id of the job, the same at both parties and used once. It need not be
    /// secret.
    pub session: [u8; 32],
    /// Against whom.
    pub security: Security,
    /// The code of VOLE.
    pub code: Code,
    /// The field of the receiver's store.
    pub field: StoreField,
    /// Items of the whole job, an upper bound for each side: what masks and
    /// failure probabilities are made for. A job of one run has its own sizes.
    pub most_items: u64,
    /// Runs of the job, at most.
    pub runs: u64,
    /// The smallest set to go on with: if one is smaller, both stop after the
    /// announcement, before anything about an item is sent.
    pub min_items: u64,
}

/// The field of the receiver's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreField {
    /// 16 bytes an element.
    Gf128,
    /// 8 bytes an element: semi-honest only, and for at most 2^24 items in a job.
    Gf64,
}

impl Options {
    /// One run against a malicious party with at most 2^24 items on either side.
    pub fn new(session: [u8; 32]) -> Self {
        Self {
            session,
            security: Security::Malicious,
            code: Code::ExConv7x24,
            field: StoreField::Gf128,
            most_items: 1 << 24,
            runs: 1,
            min_items: 0,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let rule = if !(1..=1 << 40).contains(&self.most_items) {
            "most_items must be between 1 and 2^40"
        } else if !(1..=1 << 30).contains(&self.runs) {
            "runs must be between 1 and 2^30"
        } else if self.field == StoreField::Gf64 && self.security == Security::Malicious {
            "a store over GF(2^64) is secure against semi-honest parties only"
        } else if self.field == StoreField::Gf64 && self.most_items > 1 << 24 {
            "a store over GF(2^64) is for jobs of at most 2^24 items"
        } else {
            return Ok(());
        };
        Err(Error::Argument(rule.into()))
    }

    /// The store for a receiver's set of one run. 2^-40 is for the whole job.
    pub(crate) fn store(&self, items: usize) -> Params {
        match self.field {
            StoreField::Gf128 => self.wide_store(items),
            StoreField::Gf64 => self.wide_store(items).subfield(),
        }
    }

    /// A store over GF(2^128) for so many items of one run.
    pub(crate) fn wide_store(&self, items: usize) -> Params {
        Params::new(items, f64::from(STATISTICAL_BITS) + (self.runs as f64).log2())
    }

    /// Bytes of an element of the receiver's store.
    pub(crate) fn element_bytes(&self) -> usize {
        match self.field {
            StoreField::Gf128 => 16,
            StoreField::Gf64 => 8,
        }
    }
}

/// n': as many items a corrupt receiver that announces `items` may really ask for.
pub fn most_items(items: usize, options: &Options) -> usize {
    options.store(items).len()
}

/// The most items of one run.
pub const MOST_ITEMS: usize = 1 << 24;

#[cfg(test)]
mod tests;
