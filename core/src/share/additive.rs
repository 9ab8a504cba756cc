//! n-of-n additive sharing: x = x_0 + ... + x_{n-1} over a ring. Any n - 1
//! shares are uniform and independent of x.

use crate::ring::Ring;
use rand::CryptoRng;

/// Splits `x` among `n` parties; entry i is party i's share vector.
///
/// # Panics
/// If `n` is zero.
pub fn share<R: Ring>(x: &[R], n: usize, rng: &mut impl CryptoRng) -> Vec<Vec<R>> {
    assert!(n > 0, "additive sharing needs a party");
    let mut shares = vec![x.to_vec()];
    for _ in 1..n {
        let mut mask = vec![R::default(); x.len()];
        rng.fill_bytes(bytemuck::cast_slice_mut(&mut mask));
        for (s, &m) in shares[0].iter_mut().zip(&mask) {
            *s = s.minus(m);
        }
        shares.push(mask);
    }
    shares
}

/// The sum of all shares.
///
/// # Panics
/// If the shares have different lengths.
pub fn reconstruct<R: Ring>(shares: &[Vec<R>]) -> Vec<R> {
    let mut sum = vec![R::default(); shares.first().map_or(0, Vec::len)];
    for share in shares {
        assert_eq!(share.len(), sum.len(), "shares of different lengths");
        for (s, &x) in sum.iter_mut().zip(share) {
            *s = s.plus(x);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    proptest! {
        #[test]
        fn reconstruct_inverts_share(x: Vec<u64>, n in 1usize..6, seed: u64) {
            let mut rng = StdRng::seed_from_u64(seed);
            prop_assert_eq!(reconstruct(&share(&x, n, &mut rng)), x);
        }
    }
}
