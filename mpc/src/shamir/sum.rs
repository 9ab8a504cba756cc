//! Counts and sums of many owners, without an engine: shares over the field of
//! 2^61 - 1, 8 bytes each, that are added and opened.
//!
//! Every owner deals its vector to N parties ([`Sum::deal`]); each party adds
//! what it got ([`Sum::add`]) and gives the sum to the recipient, which needs t + 1
//! of them and checks the others ([`Sum::open`]). Any t parties learn nothing;
//! the recipient learns the sum of all, since the sum of random polynomials is
//! one. Sums must be below 2^60 in absolute value. With N - t > t honest parties
//! no wrong share goes unnoticed if the recipient has those of all N.

use privity_core::{
    Error, Result,
    field::{Field, Fp61},
    share::shamir::{reconstruct, share},
};
use rand::CryptoRng;

/// One party's sum of what owners dealt.
#[derive(Clone)]
pub struct Sum {
    shares: Vec<Fp61>,
}

impl std::fmt::Debug for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sum").field("len", &self.shares.len()).finish_non_exhaustive()
    }
}

impl Drop for Sum {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.shares);
    }
}

impl Sum {
    /// A sum of nothing.
    pub fn new(len: usize) -> Self {
        Self { shares: vec![Fp61::ZERO; len] }
    }

    /// What an owner sends to each of `parties`.
    pub fn deal(
        values: &[i64],
        parties: usize,
        threshold: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Vec<u64>>> {
        if parties <= 2 * threshold || threshold == 0 {
            return Err(Error::Argument(format!(
                "a sum among {parties} parties with threshold {threshold}: 1 <= t < N/2 is needed"
            )));
        }
        if values.iter().any(|v| v.unsigned_abs() >= 1 << 60) {
            return Err(Error::Argument("a value to be summed must be below 2^60".into()));
        }
        let values: Vec<Fp61> = values
            .iter()
            .map(|&v| {
                let magnitude = Fp61::new(v.unsigned_abs());
                if v < 0 { -magnitude } else { magnitude }
            })
            .collect();
        let points: Vec<Fp61> = (0..parties).map(Fp61::point).collect();
        let shares = share(&values, &points, threshold, || Fp61::random(rng));
        Ok(shares.into_iter().map(|s| s.into_iter().map(Fp61::value).collect()).collect())
    }

    /// Adds what one owner dealt to this party.
    pub fn add(&mut self, dealt: &[u64]) -> Result<()> {
        let canonical = dealt.iter().all(|&x| Fp61::new(x).value() == x);
        if dealt.len() != self.shares.len() || !canonical {
            return Err(Error::Argument(format!(
                "a dealt vector must have {} elements of the field of 2^61 - 1",
                self.shares.len()
            )));
        }
        for (s, &x) in self.shares.iter_mut().zip(dealt) {
            *s = *s + Fp61::new(x);
        }
        Ok(())
    }

    /// What this party gives to the recipient.
    pub fn export(&self) -> Vec<u64> {
        self.shares.iter().map(|s| s.value()).collect()
    }

    /// The sums, from the exports of the parties with these indices: t + 1 or
    /// more, all of which must agree.
    pub fn open(exports: &[(usize, Vec<u64>)], threshold: usize) -> Result<Vec<i64>> {
        let mut indices: Vec<usize> = exports.iter().map(|e| e.0).collect();
        indices.sort_unstable();
        indices.dedup();
        let same = exports.iter().all(|e| e.1.len() == exports[0].1.len());
        let canonical = exports.iter().flat_map(|e| &e.1).all(|&x| Fp61::new(x).value() == x);
        if indices.len() != exports.len() || exports.len() <= threshold || !same || !canonical {
            return Err(Error::Argument(format!(
                "a sum with threshold {threshold} opens with the shares of {} different parties, \
                 all of one length",
                threshold + 1
            )));
        }
        let points: Vec<Fp61> = exports.iter().map(|e| Fp61::point(e.0)).collect();
        let shares: Vec<Vec<Fp61>> =
            exports.iter().map(|e| e.1.iter().map(|&x| Fp61::new(x)).collect()).collect();
        let shares: Vec<&[Fp61]> = shares.iter().map(|s| &s[..]).collect();
        let sums = reconstruct(&shares, &points, threshold).ok_or_else(|| {
            Error::Argument("the shares of a sum are not consistent: a party deviated".into())
        })?;
        Ok(sums
            .into_iter()
            .map(|s| {
                let v = s.value().cast_signed();
                if v >= 1 << 60 { v - ((1 << 61) - 1) } else { v }
            })
            .collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn sums_of_owners(rows in prop::collection::vec(prop::collection::vec(-(1i64 << 40)..1 << 40, 3), 1..9), n in 3usize..31, skip: usize) {
            let t = (n - 1) / 2;
            let mut parties = vec![Sum::new(3); n];
            for row in &rows {
                for (p, d) in parties.iter_mut().zip(Sum::deal(row, n, t, &mut rand::rng()).unwrap()) {
                    p.add(&d).unwrap();
                }
            }
            let exports: Vec<_> = parties.iter().map(Sum::export).enumerate().collect();
            let expected: Vec<i64> = (0..3).map(|c| rows.iter().map(|r| r[c]).sum()).collect();
            prop_assert_eq!(Sum::open(&exports, t).unwrap(), expected.clone());
            let some: Vec<_> = (0..=t).map(|k| exports[(k + skip % n) % n].clone()).collect();
            prop_assert_eq!(Sum::open(&some, t).unwrap(), expected);
            let mut wrong = exports.clone();
            wrong[skip % n].1[0] ^= 1;
            prop_assert!(Sum::open(&wrong, t).is_err());
            prop_assert!(Sum::open(&exports[..t], t).is_err());
        }
    }
}
