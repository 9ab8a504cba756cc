//! Secrets, errors, the flood, and the budget of noise.
//!
//! **What is to be shown.** (a) every reply decrypts to the right word;
//! (b) what the decryptor sees of the noise is within \\(2^{-40}\\) of something
//! that does not depend on the evaluator's factor. Both by worst cases, not by
//! standard deviations.
//!
//! Write \\(\eta = 21\\) for the largest error, w for the number of the
//! evaluator's words that meet in one coefficient of a reply, M for the number
//! of coefficients released, H for half the width of the flood.
//!
//! * A fresh encryption has the error \\(|e| \le \eta\\), and the rounding of
//!   the message adds 1/2. Times words \\(|b| \le 2^{63}\\), summed over w of them:
//!   \\(w\, 2^{63} (\eta + 1/2)\\).
//! * The fresh encryption of zero has \\(e u + e' s\\) with ternary u, s:
//!   \\(2 N \eta\\). The rounding of the mask: 1/2.
//!
//! \\[ B = w\, 2^{63} (\eta + \tfrac12) + 2 N \eta + 1 \qquad (1) \\]
//!
//! **Flooding.** The uniform distribution on 2H numbers and its shift by
//! \\(|x| \le B\\) are at a statistical distance of at most \\(B / 2H\\). Hence
//! (b) if
//!
//! \\[ M\, B \le 2 H \cdot 2^{-40}. \qquad (2) \\]
//!
//! **Decryption** is right if the noise stays below half a step, in the modulus
//! \\(q'\\) of a reply, where exact rounding of both components adds at most
//! \\((1 + N)/2\\) and a little for each of three primes dropped:
//!
//! \\[ (H + B)\, \frac{q'}{q} + \frac{N + 1}{2} (1 + 2^{-38}) < \frac{q'}{2^{65}} (1 - 2^{-18}) \qquad (3) \\]
//!
//! where the last factor is for the fixed point of decoding. With \\(q =
//! 2^{216}\\), \\(q' = 2^{80}\\), both less a 2^-19th, and \\(H = 2^{150}\\) the terms are 1/2,
//! \\(2^{-41}\\) and 1/8 of the right side. (2) leaves \\(w M \le 2^{43}\\)
//! ([`fits`]).

use super::{N, Rns};
use crate::{
    params::STATISTICAL_BITS,
    prg::{Prg, random_key},
};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// The largest error: centred binomial of 2 x 21 bits, whose standard deviation
/// is 3.24.
pub(crate) const ETA: u32 = 21;

/// log2 of H.
pub(crate) const FLOOD_BITS: u32 = 150;

/// log2 of what w M may be.
pub(crate) const LOAD_BITS: u32 = 43;

/// Whether replies with `released` coefficients in all, in each of which `words`
/// words of the evaluator's meet, keep (2).
pub fn fits(words: usize, released: usize) -> bool {
    words as u128 * released as u128 <= 1 << LOAD_BITS
}

// (2) at the limit: B is at most 87/2 2^62 w, of which the last 2^61 w covers the
// terms of (1) without w. Both sides over 2^100.
const _: () =
    assert!(87u128 << (61 + LOAD_BITS + STATISTICAL_BITS - 100) <= 1 << (FLOOD_BITS + 1 - 100));

/// Random polynomials of one party, each from a domain of its own.
pub(crate) struct Sampler(Prg);

impl Sampler {
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        Self(Prg::new(&random_key(rng)))
    }

    pub(crate) fn words(&self, domain: u64, len: usize) -> Zeroizing<Vec<u64>> {
        Zeroizing::new(self.0.vec(domain, len))
    }

    /// Uniform in -1, 0, 1, up to 2^-63.
    pub(crate) fn ternary(&self, domain: u64) -> Zeroizing<Vec<i64>> {
        let draw = |&x: &u64| ((u128::from(x) * 3) >> 64) as i64 - 1;
        Zeroizing::new(self.words(domain, N).iter().map(draw).collect())
    }

    /// Centred binomial.
    pub(crate) fn errors(&self, domain: u64) -> Zeroizing<Vec<i64>> {
        const MASK: u64 = (1 << ETA) - 1;
        let draw = |&x: &u64| {
            i64::from((x & MASK).count_ones()) - i64::from((x >> ETA & MASK).count_ones())
        };
        Zeroizing::new(self.words(domain, N).iter().map(draw).collect())
    }

    /// f of (3) in the module above, modulo each prime: `len` of them.
    pub(crate) fn flood(&self, domain: u64, len: usize) -> Vec<Zeroizing<Vec<u64>>> {
        let limbs = self.words(domain, 3 * len);
        let mask = (1u64 << (FLOOD_BITS + 1 - 128)) - 1;
        let residues = |rns: &Rns| {
            let half = rns.power_of_two(FLOOD_BITS);
            let [word, square] = [64, 128].map(|b| rns.ntt.factor(rns.power_of_two(b)));
            let one = |x: &[u64]| {
                let high = rns.ntt.scale(x[2] & mask, square);
                let low = rns.ntt.add(rns.ntt.scale(x[1], word), rns.ntt.reduce(x[0]));
                rns.ntt.sub(rns.ntt.add(high, low), half)
            };
            Zeroizing::new(limbs.chunks_exact(3).map(one).collect())
        };
        super::rns().iter().map(residues).collect()
    }
}
