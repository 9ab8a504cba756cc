//! Encryption from ring learning with errors, for sums of products of a
//! decryptor's polynomials and an evaluator's, modulo 2^64.
//!
//! **Papers.** Brakerski, CRYPTO 2012, and Fan, Vercauteren, 2012 (messages as
//! multiples of q / 2^64); Bajard, Eynard, Hasan, Zucca, SAC 2016 (residues
//! modulo primes instead of large numbers); Huang, Lu, Hong, Ding, "Cheetah",
//! USENIX Security 2022, section 3 (plaintext modulus 2^64, replies of chosen
//! coefficients); Asharov et al., EUROCRYPT 2012, lemma 1 (flooding).
//!
//! **Parties.** The *decryptor* has the key and polynomials \\(a_t\\), the
//! *evaluator* polynomials \\(b_{t,l}\\) and random words r. In the ring
//! \\(\mathbb{Z}_q\[X\]/(X^N+1)\\), with \\(\lfloor x \rceil = \mathrm{round}(x
//! q / 2^{64})\\):
//!
//! \\[\begin{aligned}
//! &\text{decryptor sends } \rho,\quad p_0 = -p_1 s + e,\quad
//!   c_{0,t} = -c_{1,t} s + \lfloor a_t \rceil + e_t && (1)\\\\
//! &\text{evaluator: } d_{0,l} = \sum_t b_{t,l} c_{0,t} + p_0 u_l, \quad
//!   d_{1,l} = \sum_t b_{t,l} c_{1,t} + p_1 u_l + e'_l && (2)\\\\
//! &\text{at each chosen place j: } d_{0,l}\[j\] + f - \lfloor r \rceil,
//!   \quad f \text{ uniform in } [-H, H) && (3)\\\\
//! &\text{sends these and } d_{1,l}, \text{ rounded to the modulus } q' && (4)\\\\
//! &\text{decryptor: } \mathrm{round}(2^{64} (d_0 + d_1 s)\[j\] / q')
//!   = \Bigl(\sum_t a_t b_{t,l}\Bigr)\[j\] - r \bmod 2^{64} && (5)
//! \end{aligned}\\]
//!
//! where \\(p_1, c_{1,t}\\) come from the seed \\(\rho\\) by AES-128 in counter
//! mode, an ideal cipher to this end; s, u are uniform ternary; e centred
//! binomial ([`noise`]).
//!
//! **Parameters.** N = 8192; q is a product of five primes, of three times 40 and twice 48
//! bits, together 216 bits; q' of two of 40 bits. The Homomorphic Encryption
//! Standard (2018), table 1, allows 218 bits for N = 8192, ternary secrets and
//! a deviation of the errors of 3.2, at 128 bits of classical security.
//!
//! **Adversary.** Semi-honest, either of the two.
//!
//! **Why the evaluator learns nothing:** (1) are samples of RLWE with one secret s.
//!
//! **Why the decryptor learns (5) alone.** By [`noise`] the values of (3) are
//! within \\(2^{-40}\\) of ones that depend on \\(d_1\\), s, and the words of
//! (5), and on u, e', b in no other way; r makes the words of (5) uniform. Then
//! \\(p_1 u + e'\\) in (2) is an RLWE sample with a secret that nothing else
//! depends on, and hides the sum it is added to. Without this fresh encryption of zero
//! \\(d_1\\) would be a linear equation for b: flooding alone does
//! not do. The rounding of (4) works on what may be seen. Coefficients without a result
//! are not sent.
//!
//! **Not protected:** a decryptor that sends other than (1) may learn more
//! about b; a wrong residue is refused, a wrong noise is not noticed.

mod cipher;
mod evaluate;
pub mod noise;
mod ntt;
mod wire;

pub use cipher::Decryptor;
pub use evaluate::{Ciphertext, Evaluator, Factors, Reply};
pub use wire::{OutOfRange, PUBLIC_KEY_BYTES, UPLOAD_BYTES, reply_bytes};

use ntt::{Factor, Ntt};
use std::sync::OnceLock;

/// Coefficients of a polynomial.
pub const N: usize = 1 << LOG_N;

/// log2 N.
pub(crate) const LOG_N: u32 = 13;

/// The primes whose product is q: the largest below 2^40 and 2^48 that are 1
/// modulo 2 N.
pub(crate) const PRIMES: [u64; 5] =
    [0xff_fffd_c001, 0xff_fff4_c001, 0xff_fff3_c001, 0xffff_ffff_c001, 0xffff_fffd_8001];

/// The first so many make q'.
pub(crate) const KEPT: usize = 2;

/// What is needed modulo one of the primes.
pub(crate) struct Rns {
    pub(crate) ntt: Ntt,
    /// 2^-64
    word_inverse: Factor,
    /// The inverses of the later primes, by index.
    dropped: Vec<Factor>,
    /// Of the primes of q': (q' / p)^-1 and floor(2^124 / p).
    fraction: (Factor, u128),
}

/// q modulo 2^64.
const Q_LOW: u64 = {
    let (mut q, mut i) = (1u64, 0);
    while i < PRIMES.len() {
        q = q.wrapping_mul(PRIMES[i]);
        i += 1;
    }
    q
};

impl Rns {
    fn new(i: usize) -> Self {
        let p = PRIMES[i];
        let ntt = Ntt::new(p, LOG_N);
        let inverse = |x: u64| ntt.factor(ntt::power(x % p, p - 2, p));
        let others = |i: usize| PRIMES[..KEPT].iter().enumerate().filter(move |x| x.0 != i);
        let cofactor = others(i).fold(1, |x, (_, &o)| ntt::product(x, o % p, p));
        let fraction = (inverse(cofactor), (1u128 << 124) / u128::from(p));
        let word_inverse = inverse(((1u128 << 64) % u128::from(p)) as u64);
        let dropped = PRIMES.iter().map(|&later| inverse(later)).collect();
        Self { word_inverse, dropped, fraction, ntt }
    }

    pub(crate) fn power_of_two(&self, bits: u32) -> u64 {
        ntt::power(2, u64::from(bits), self.ntt.p())
    }

    /// round(q m / 2^64): q m + 2^63 less its last 64 bits is a multiple of
    /// 2^64, and q m of p.
    #[inline(always)]
    fn scaled(&self, m: u64) -> u64 {
        let low = Q_LOW.wrapping_mul(m).wrapping_add(1 << 63);
        let rest = self.ntt.sub(self.ntt.reduce(1 << 63), self.ntt.reduce(low));
        self.ntt.scale(rest, self.word_inverse)
    }
}

/// The tables, made once.
pub(crate) fn rns() -> &'static [Rns] {
    static TABLES: OnceLock<Vec<Rns>> = OnceLock::new();
    TABLES.get_or_init(|| (0..PRIMES.len()).map(Rns::new).collect())
}

/// Coefficients from the modulus q to q', rounded; by prime.
fn switch(c: &mut [impl AsMut<[u64]>]) {
    let rns = rns();
    for j in (KEPT..PRIMES.len()).rev() {
        let half = PRIMES[j] / 2;
        let (kept, dropped) = c.split_at_mut(j);
        let Some(last) = dropped.first_mut() else { continue };
        for (i, c) in kept.iter_mut().enumerate() {
            let (ntt, inverse) = (&rns[i].ntt, rns[i].dropped[j]);
            let offset = ntt.reduce(half);
            for (c, &d) in c.as_mut().iter_mut().zip(last.as_mut().iter()) {
                // d + half modulo p_j, less half: the remainder of least magnitude.
                let centred = ntt.sub(ntt.reduce(rns[j].ntt.add(d, half)), offset);
                *c = ntt.scale(ntt.sub(*c, centred), inverse);
            }
        }
    }
}

/// round(2^64 x / q') modulo 2^64, from the residues of x.
#[inline(always)]
fn decode(x: [u64; KEPT]) -> u64 {
    // x / q' is the sum of y_i / p_i modulo 1, here in units of 2^-124.
    let sum = rns().iter().zip(x).fold(1u128 << 59, |sum, (rns, x)| {
        let (inverse, unit) = rns.fraction;
        sum + u128::from(rns.ntt.scale(x, inverse)) * unit
    });
    (sum >> 60) as u64
}

#[cfg(test)]
mod tests;
