//! Shamir's t-of-N sharing: a polynomial f of degree t with f(0) = x, of which
//! party i holds f(alpha_i). Any t shares are uniform and independent of x; any
//! t + 1 determine it; N - t or more honest ones among N > 2t are inconsistent
//! with any other polynomial, so that a changed share is noticed.
//!
//! Shamir, "How to Share a Secret", CACM 22(11), 1979; the check is that of a
//! Reed-Solomon code (McEliece, Sarwate, CACM 24(9), 1981).

use crate::field::Field;

/// Coefficients c_k with f(at) = sum c_k f(points_k) for every f of a degree
/// below the number of points, which must differ.
pub fn lagrange<F: Field>(points: &[F], at: F) -> Vec<F> {
    (0..points.len())
        .map(|k| {
            let (mut above, mut below) = (F::ONE, F::ONE);
            for (m, &p) in points.iter().enumerate() {
                if m != k {
                    above = above * (at - p);
                    below = below * (points[k] - p);
                }
            }
            above * below.inverse()
        })
        .collect()
}

/// The shares of `x` at `points`, from t coefficients per element that must be
/// uniform: `random` is asked for each.
pub fn share<F: Field>(
    x: &[F],
    points: &[F],
    t: usize,
    mut random: impl FnMut() -> F,
) -> Vec<Vec<F>> {
    let mut shares = vec![Vec::with_capacity(x.len()); points.len()];
    let mut coefficients = vec![F::ZERO; t];
    for &secret in x {
        coefficients.iter_mut().for_each(|c| *c = random());
        for (share, &point) in shares.iter_mut().zip(points) {
            // Horner, from the highest coefficient down to the secret.
            let high = coefficients.iter().fold(F::ZERO, |sum, &c| (sum + c) * point);
            share.push(high + secret);
        }
    }
    shares
}

/// x from the shares at `points`, of which the first t + 1 determine it and all
/// others must agree. `None` if they do not.
///
/// # Panics
/// If the shares have different lengths or there are fewer than t + 1.
pub fn reconstruct<F: Field>(shares: &[&[F]], points: &[F], t: usize) -> Option<Vec<F>> {
    assert!(shares.len() > t && shares.len() == points.len(), "too few shares");
    let len = shares[0].len();
    assert!(shares.iter().all(|s| s.len() == len), "shares of different lengths");
    let base = &points[..=t];
    for (share, &point) in shares.iter().zip(points).skip(t + 1) {
        let expected = combine(&lagrange(base, point), shares);
        // No early end: which element differs is nobody's business.
        if expected.iter().zip(*share).fold(false, |bad, (a, b)| bad | (a != b)) {
            return None;
        }
    }
    Some(combine(&lagrange(base, F::ZERO), shares))
}

fn combine<F: Field>(coefficients: &[F], shares: &[&[F]]) -> Vec<F> {
    (0..shares[0].len())
        .map(|i| {
            coefficients.iter().zip(shares).fold(F::ZERO, |sum, (&c, share)| sum + c * share[i])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Fp61, Fp127, Small};
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    fn laws<F: Field>(
        x: &[F],
        n: usize,
        t: usize,
        first: usize,
        bad: usize,
        mut random: impl FnMut() -> F,
    ) {
        let points: Vec<F> = (0..n).map(F::point).collect();
        let shares = share(x, &points, t, &mut random);
        // Any t + 1, cyclically from `first`, and all of them.
        let some: Vec<usize> = (0..=t).map(|k| (first + k) % n).collect();
        let pick = |set: &[usize]| {
            let shares: Vec<&[F]> = set.iter().map(|&i| &shares[i][..]).collect();
            let points: Vec<F> = set.iter().map(|&i| points[i]).collect();
            reconstruct(&shares, &points, t)
        };
        assert_eq!(pick(&some).as_deref(), Some(x));
        let all: Vec<usize> = (0..n).collect();
        assert_eq!(pick(&all).as_deref(), Some(x));
        if !x.is_empty() && n > t + 1 {
            let mut changed = shares.clone();
            changed[bad % n][0] = changed[bad % n][0] + F::ONE;
            let refs: Vec<&[F]> = changed.iter().map(|s| &s[..]).collect();
            assert_eq!(reconstruct(&refs, &points, t), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn sharing_laws(x: Vec<u128>, n in 3usize..31, t in 1usize..15, first: usize, bad: usize, seed: u64) {
            let t = t.min((n - 1) / 2);
            let (first, bad) = (first % n, bad % n);
            let mut rng = StdRng::seed_from_u64(seed);
            let wide: Vec<Fp127> = x.iter().map(|&x| Fp127::new(x)).collect();
            laws(&wide, n, t, first, bad, || Fp127::new(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())));
            let narrow: Vec<Fp61> = x.iter().map(|&x| Fp61::new(x as u64)).collect();
            laws(&narrow, n, t, first, bad, || Fp61::random(&mut rng));
            let bytes: Vec<Small<8>> = x.iter().map(|&x| Small(x as u8)).collect();
            laws(&bytes, n, t, first, bad, || Small(rng.next_u64() as u8));
        }
    }

    /// t shares of GF(2^8), t = 2: each pair of bytes, reduced to 16 classes, is
    /// uniform whatever the secret. Chi-square with 15 degrees of freedom; above
    /// 60 with probability 2.4e-7 per test, and there are 20 tests.
    #[test]
    fn t_shares_are_uniform() {
        let mut rng = StdRng::seed_from_u64(rand::random());
        let points: Vec<Small<8>> = (0..5).map(Small::point).collect();
        for secret in [0, 0xA7] {
            let trials = 20_000;
            let shares =
                share(&vec![Small(secret); trials], &points, 2, || Small(rng.next_u64() as u8));
            for i in 0..5 {
                for j in 0..i {
                    let mut counts = [0.0f64; 16];
                    for (a, b) in shares[i].iter().zip(&shares[j]) {
                        counts[usize::from(a.0 & 3 | (b.0 & 3) << 2)] += 1.0;
                    }
                    let mean = trials as f64 / 16.0;
                    let chi: f64 = counts.iter().map(|c| (c - mean).powi(2) / mean).sum();
                    assert!(chi < 60.0, "shares {i} and {j} of {secret}: {chi}");
                }
            }
        }
    }

    /// f = 7 + 3x + x^2 over GF(2^61 - 1) at 1, 2, 3.
    #[test]
    fn a_known_polynomial() {
        let points = [1u64, 2, 3].map(Fp61::new);
        let shares = [11u64, 17, 25].map(|y| vec![Fp61::new(y)]);
        let refs: Vec<&[Fp61]> = shares.iter().map(|s| &s[..]).collect();
        assert_eq!(reconstruct(&refs, &points, 2), Some(vec![Fp61::new(7)]));
        assert_eq!(
            lagrange(&points, Fp61::ZERO),
            [3, 0, 1].map(|c| { if c == 0 { -Fp61::new(3) } else { Fp61::new(c) } })
        );
    }
}
