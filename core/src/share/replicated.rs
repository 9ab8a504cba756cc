//! 2-of-3 replicated sharing: x = x_0 + x_1 + x_2, and party i holds
//! (x_i, x_{i+1}), indices modulo 3. One party's pair is independent of x; two
//! parties together know all of it.
//!
//! Araki, Furukawa, Lindell, Nof, Ohara, "High-Throughput Semi-Honest Secure
//! Three-Party Computation with an Honest Majority", CCS 2016, section 2.1, in
//! the variant of ABY3 (Mohassel, Rindal, CCS 2018) where a share is a pair of
//! components rather than a component and a sum.

use crate::ring::{self, Ring};
use rand::CryptoRng;
use std::ops::Range;
use zeroize::Zeroize;

/// One party's part of a shared vector.
#[derive(Clone, Default)]
pub struct Replicated<R: Ring> {
    /// x_i
    pub own: Vec<R>,
    /// x_{i+1}
    pub next: Vec<R>,
}

impl<R: Ring> std::fmt::Debug for Replicated<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replicated").field("len", &self.own.len()).finish_non_exhaustive()
    }
}

impl<R: Ring> Drop for Replicated<R> {
    fn drop(&mut self) {
        self.own.zeroize();
        self.next.zeroize();
    }
}

impl<R: Ring> Replicated<R> {
    /// The three parties' shares of `x`, party 0 first.
    pub fn share(x: &[R], rng: &mut impl CryptoRng) -> [Self; 3] {
        let parts = super::additive::share(x, 3, rng);
        std::array::from_fn(|i| Self { own: parts[i].clone(), next: parts[(i + 1) % 3].clone() })
    }

    /// x from all three shares.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn reconstruct(shares: &[Self; 3]) -> Vec<R> {
        let sum = ring::zip(&shares[0].own, &shares[0].next, R::plus);
        ring::zip(&sum, &shares[1].next, R::plus)
    }

    /// Both components from `f`.
    pub fn map_both(&self, f: impl Fn(&[R]) -> Vec<R>) -> Self {
        Self { own: f(&self.own), next: f(&self.next) }
    }

    /// Both components of two shares from `f`.
    pub fn zip_both(&self, other: &Self, f: impl Fn(&[R], &[R]) -> Vec<R>) -> Self {
        Self { own: f(&self.own, &other.own), next: f(&self.next, &other.next) }
    }

    /// How many elements are shared.
    pub fn len(&self) -> usize {
        self.own.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    /// The elements of `range`.
    pub fn slice(&self, range: Range<usize>) -> Self {
        self.map_both(|c| c[range.clone()].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    proptest! {
        #[test]
        fn reconstruct_inverts_share(x: Vec<u64>, wide: Vec<u128>, seed: u64) {
            let mut rng = StdRng::seed_from_u64(seed);
            prop_assert_eq!(Replicated::reconstruct(&Replicated::share(&x, &mut rng)), x);
            prop_assert_eq!(Replicated::reconstruct(&Replicated::share(&wide, &mut rng)), wide);
        }
    }
}
