//! Random bits and numbers of which both forms are shared.
//!
//! The engine's own operations use products of two known bits (`carry`) instead,
//! which cost less between two parties; these are for protocols written above.

use super::{Additive, Bits, Words, prepare::random};
use crate::engine::Engine;
use privity_core::Result;

impl Additive {
    /// daBits (Rotaru, Wood, INDOCRYPT 2019): uniform bits as bits and as
    /// numbers 0 or 1. They cost what [`Engine::bit_to_ring`] does.
    pub fn random_bits_both(&mut self, n: usize) -> Result<(Bits, Words<u64>)> {
        let bits = self.random_bits(n)?;
        let words = self.bit_to_ring(&bits)?;
        Ok((bits, words))
    }

    /// edaBits (Escudero, Ghosh, Keller, Rachuri, Scholl, CRYPTO 2020): uniform
    /// words and their low `width` bits, lowest plane first. They cost what
    /// [`Engine::to_bits`] does: each party draws its share, and the shares are
    /// added in binary.
    pub fn random_words_both(&mut self, n: usize, width: usize) -> Result<(Words<u64>, Vec<Bits>)> {
        let words = Words(random(&mut self.rng, n));
        let bits = self.to_bits(&words, width)?;
        Ok((words, bits))
    }
}
