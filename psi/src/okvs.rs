//! Oblivious key-value stores: a vector that looks random and from which the
//! value of each key can be computed.
//!
//! **Papers.** Garimella, Pinkas, Rosulek, Trieu, Yanai, "Oblivious Key-Value
//! Stores and Amplification for Private Set Intersection", CRYPTO 2021;
//! Raghuraman, Rindal, "Blazing Fast PSI from Improved OKVS and Subfield VOLE",
//! CCS 2022 (RR22), sections 3 and 4, for the clustered form and its sizes.
//!
//! **Functionality.** Encode: from pairs \\((x_i, v_i)\\) with different keys, a
//! vector \\(P\\) over GF(2^128). Decode: for any key x the value
//!
//! \\[ \langle \mathrm{row}(x), P\rangle = P_{s_1} + P_{s_2} + P_{s_3} +
//!     \sum_{j=1}^{g} d_j\, P_{m+j} \qquad (1) \\]
//!
//! where the places \\(s_1, s_2, s_3 \le m\\) are different and, like the
//! coefficients \\(d_j \in\\) GF(2^128), a function of x and a public seed. Decode
//! is linear in P, and \\(v_i\\) for \\(x_i\\).
//!
//! **Subfield.** With the \\(d_j\\) in the subfield of 2^64 elements, stores over it
//! are half as long in bytes ([`Params::subfield`]). They are decoded over GF(2^128)
//! all the same, after [`Embedding`](privity_core::field::subfield::Embedding).
//!
//! **Clusters.** Keys are dealt to bins by a hash; each bin has a vector of its
//! own of m + g elements, made for a public capacity, so that only sizes of the
//! whole show. Everything of a bin fits the second-level cache.
//!
//! **Encoding.** In a bin: as long as some place occurs in one row only, that
//! row is set aside (it can be satisfied last, through that place). What is
//! left, almost always nothing, is solved with the dense columns by elimination;
//! then the rows set aside follow in reverse order. Places that are free get
//! values from the caller's generator, so that values of other keys are random.
//!
//! **Failure.** Encoding fails if a bin overflows or what is left cannot be
//! solved. [`Params`] takes sizes such that both together have a probability of
//! at most 2^-bits over the choice of the seed, for keys chosen before it. The
//! second is by the formula that RR22 fitted to experiments, as everybody's is;
//! with one dense column more than it asks for.
//!
//! **Leakage.** The time and memory access of encoding and decoding depend on
//! the own keys (their places), as the local sorting of a party's own rows does;
//! never on a value.

mod element;
mod params;
mod rows;
mod solve;

pub use element::Element;
pub use params::Params;
pub(crate) use params::capacity;
pub use rows::Rows;

use privity_core::field::Gf128;
use rand::CryptoRng;
use rayon::prelude::*;

/// Why a set of pairs could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Two keys are the same.
    Duplicate,
    /// It has bad luck with the seed: probability 2^-bits of the parameters.
    Seed,
}

/// The vector for these rows, whose values `value` gives by the key's index: over
/// GF(2^64) for parameters of the subfield, over GF(2^128) for others.
///
/// # Panics
/// If there are more rows than the parameters are made for, or they are for
/// another field.
pub fn encode<E: Element>(
    rows: &Rows,
    value: impl Fn(usize) -> E + Sync,
    rng: &mut impl CryptoRng,
) -> Result<Vec<E>, Failure> {
    let params = rows.params();
    assert_eq!(params.is_subfield(), E::SUBFIELD, "a store over another field");
    assert!(rows.len() <= params.keys(), "more keys than the store is made for");
    let free = privity_core::prg::Prg::new(&privity_core::prg::random_key(rng));
    let mut store = vec![E::default(); params.len()];
    store.par_chunks_mut(params.bin_len()).enumerate().try_for_each(|(bin, part)| {
        solve::solve(rows.bin(bin), &value, part, params, |part| {
            E::fill(part, &free, bin as u64);
        })
    })?;
    Ok(store)
}

/// The values of all keys, bin after bin as [`Rows::order`] lists them.
///
/// # Panics
/// If the vector is not as long as the parameters say.
pub fn decode(rows: &Rows, store: &[Gf128]) -> Vec<Gf128> {
    let params = rows.params();
    assert_eq!(store.len(), params.len(), "length of the store");
    let mut out = vec![Gf128::ZERO; rows.len()];
    let mut parts = Vec::with_capacity(params.bins());
    let mut rest = &mut out[..];
    for bin in 0..params.bins() {
        let (part, tail) = rest.split_at_mut(rows.bin(bin).len());
        parts.push(part);
        rest = tail;
    }
    parts.into_par_iter().enumerate().for_each(|(bin, out)| {
        rows.bin(bin).decode(&store[bin * params.bin_len()..][..params.bin_len()], out);
    });
    out
}

#[cfg(test)]
mod tests;
