//! The decryptor: key, encryption, decryption.

use super::{
    KEPT, N, PRIMES, decode,
    noise::Sampler,
    rns,
    wire::{self, OutOfRange, PUBLIC_KEY_BYTES, SEED, UPLOAD_BYTES},
};
use crate::{prg::Prg, secret::Secret};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// A polynomial by its residues modulo each prime.
pub(super) type Residues = Vec<Zeroizing<Vec<u64>>>;

/// The holder of a fresh key, for one product.
pub struct Decryptor {
    seed: [u8; SEED],
    uniform: Uniform,
    sampler: Sampler,
    /// s by its values.
    s: Residues,
}

/// Domains of the decryptor's sampler.
const SECRET: u64 = 0;
const KEY_ERROR: u64 = 1;
const ERRORS: u64 = 2;

impl Decryptor {
    /// A key; all that is secret follows from `rng`.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let mut seed = [0; SEED];
        rng.fill_bytes(&mut seed);
        let sampler = Sampler::new(rng);
        let s = values(&sampler.ternary(SECRET));
        Self { seed, uniform: Uniform::new(&seed), sampler, s }
    }

    /// The seed and p_0 of (1).
    pub fn public_key(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PUBLIC_KEY_BYTES);
        out.extend_from_slice(&self.seed);
        self.hide(values(&self.sampler.errors(KEY_ERROR)), KEY, &mut out);
        out
    }

    /// c_0 of (1), for the polynomial with this index; each index once.
    ///
    /// # Panics
    /// If there are not N coefficients.
    pub fn encrypt(&self, index: u64, message: &[u64]) -> Vec<u8> {
        assert_eq!(message.len(), N, "coefficients of a polynomial");
        let e = self.sampler.errors(ERRORS + index);
        let residues = |rns: &super::Rns| {
            let one = |(&m, &e): (&u64, &i64)| rns.ntt.add(rns.scaled(m), rns.ntt.signed(e));
            let mut x: Vec<u64> = message.iter().zip(e.iter()).map(one).collect();
            rns.ntt.forward(&mut x);
            Zeroizing::new(x)
        };
        let mut out = Vec::with_capacity(UPLOAD_BYTES);
        self.hide(rns().iter().map(residues).collect(), KEY + 1 + index, &mut out);
        out
    }

    /// Appends x - c_1 s.
    fn hide(&self, mut x: Residues, index: u64, out: &mut Vec<u8>) {
        for (i, (rns, x)) in rns().iter().zip(&mut x).enumerate() {
            let uniform = self.uniform.residues(index, i);
            for ((x, c), s) in x.iter_mut().zip(uniform).zip(self.s[i].iter()) {
                *x = rns.ntt.sub(*x, rns.ntt.mul(c, *s));
            }
        }
        wire::write(&x, out);
    }

    /// (5), for a reply with `places` results, in the order of these.
    pub fn decrypt(
        &self,
        reply: &[u8],
        places: &[usize],
    ) -> Result<Zeroizing<Vec<u64>>, OutOfRange> {
        let (d1, d0) = reply.split_at(wire::reply_bytes(0));
        let d1 = wire::read(d1, KEPT, N)?;
        let d0 = wire::read(d0, KEPT, places.len())?;
        let phase = self.phase(d1);
        let one = |(n, &place): (usize, &usize)| {
            let at = |i: usize| rns()[i].ntt.add(d0[i][n], phase[i][place]);
            decode(std::array::from_fn(at))
        };
        Ok(Zeroizing::new(places.iter().enumerate().map(one).collect()))
    }

    /// d_1 s, modulo as many primes as d_1 has.
    pub(super) fn phase(&self, d1: Vec<Vec<u64>>) -> Residues {
        let times = |((rns, s), mut d): ((&super::Rns, &Zeroizing<Vec<u64>>), Vec<u64>)| {
            rns.ntt.forward(&mut d);
            d.iter_mut().zip(s.iter()).for_each(|(d, s)| *d = rns.ntt.mul(*d, *s));
            rns.ntt.inverse(&mut d);
            Zeroizing::new(d)
        };
        rns().iter().zip(&self.s).zip(d1).map(times).collect()
    }
}

impl std::fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decryptor").finish_non_exhaustive()
    }
}

/// The values of a small polynomial, modulo each prime.
pub(super) fn values(small: &[i64]) -> Residues {
    let residues = |rns: &super::Rns| {
        let mut x: Vec<u64> = small.iter().map(|&x| rns.ntt.signed(x)).collect();
        rns.ntt.forward(&mut x);
        Zeroizing::new(x)
    };
    rns().iter().map(residues).collect()
}

/// Index of p_1 in the stream of the seed.
pub(super) const KEY: u64 = 0;

/// Public uniform polynomials from the seed.
pub(super) struct Uniform(Prg);

impl Uniform {
    pub(super) fn new(seed: &[u8; SEED]) -> Self {
        Self(Prg::new(&Secret::new(*seed)))
    }

    /// The values of polynomial `index` modulo prime `i`: the low bits of each
    /// word of a stream, and where they reach the prime, of the next words after
    /// the first N.
    pub(super) fn residues(&self, index: u64, i: usize) -> Vec<u64> {
        const SPARE: usize = 64;
        let p = PRIMES[i];
        let domain = index * PRIMES.len() as u64 + i as u64;
        let mask = p.next_power_of_two() - 1;
        let mut out: Vec<u64> = self.0.vec(domain, N);
        let (mut spare, mut at) = (Vec::new(), N);
        for x in &mut out {
            *x &= mask;
            // These numbers are public. One in 10^6 is refused.
            while *x >= p {
                if spare.is_empty() {
                    spare = vec![0; SPARE];
                    self.0.fill(domain, at, &mut spare);
                    at += SPARE;
                }
                *x = spare.pop().unwrap_or(0) & mask;
            }
        }
        out
    }
}
