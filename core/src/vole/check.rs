//! Equations (4) and (5) of the check.

use crate::field::Gf128;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// The sum of x_i r^(N-1-i).
pub(crate) fn polynomial(r: Gf128, xs: &[u128]) -> Gf128 {
    const CHUNK: usize = 1 << 12;
    let mut powers = vec![Gf128::ONE];
    powers.extend(r.powers(CHUNK - 1));
    powers.reverse();
    let xs: &[Gf128] = bytemuck::cast_slice(xs);
    xs.par_chunks(CHUNK)
        .enumerate()
        .map(|(c, chunk)| {
            let after = xs.len() - c * CHUNK - chunk.len();
            let sum = Gf128::inner_product(chunk, &powers[CHUNK - chunk.len()..]);
            sum * r.pow_vartime(after as u64)
        })
        .reduce(|| Gf128::ZERO, |a, b| a + b)
}

/// The sum in (4). `flipped[j]` is the complement of alpha_j in `depth` bits.
pub(crate) fn noise(r: Gf128, depth: usize, flipped: &[u64], betas: &[Gf128]) -> Gf128 {
    // N-1-(jL + alpha) = (t-1-j) L + (L-1-alpha): Horner's rule in r^L, and
    // square and multiply, always both, for the second part.
    let mut squares = vec![r];
    for i in 0..depth {
        squares.push(squares[i] * squares[i]);
    }
    let step = squares[depth];
    flipped.iter().zip(betas).fold(Gf128::ZERO, |sum, (&flipped, &beta)| {
        let term = (0..depth).fold(beta, |term, b| {
            let mask = 0u128.wrapping_sub(u128::from(flipped >> b & 1));
            term * Gf128((squares[b].0 & mask) | (1 & !mask))
        });
        sum * step + term
    })
}

/// What the sender shows of V.
pub(crate) fn digest(v: Gf128) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"privity VOLE check v1");
    hash.update(v.0.to_le_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn the_noise_polynomial_is_that_of_the_noise_vector() {
        let mut rng = StdRng::seed_from_u64(4);
        let r = Gf128(rng.random());
        for (trees, depth) in [(1, 1), (3, 4), (5, 11)] {
            let alphas: Vec<u64> = (0..trees).map(|_| rng.random_range(0..1 << depth)).collect();
            let betas: Vec<Gf128> = (0..trees).map(|_| Gf128(rng.random())).collect();
            let mut e = vec![0u128; trees << depth];
            for (j, (&alpha, beta)) in alphas.iter().zip(&betas).enumerate() {
                e[(j << depth) + alpha as usize] = beta.0;
            }
            let horner = e.iter().fold(Gf128::ZERO, |sum, &x| sum * r + Gf128(x));
            assert_eq!(polynomial(r, &e), horner);
            let flipped: Vec<u64> = alphas.iter().map(|a| a ^ ((1 << depth) - 1)).collect();
            assert_eq!(noise(r, depth, &flipped, &betas), horner);
        }
    }
}
