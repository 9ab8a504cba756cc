//! Arithmetic modulo one prime and the negacyclic number-theoretic transform.
//!
//! **Papers.** Longa, Naehrig, "Speeding up the Number Theoretic Transform for
//! Faster Ideal Lattice-Based Cryptography", CANS 2016, algorithms 1 and 2;
//! Harvey, "Faster arithmetic for number-theoretic transforms", J. Symb. Comp.
//! 2014, for products by a constant with lazy reduction.
//!
//! Let \\(\psi\\) be of order 2N modulo p. The transform of a polynomial of
//! degree below N are its values at the odd powers of \\(\psi\\), so that
//! products modulo \\(X^N + 1\\) are products of values. Level l splits each of
//! \\(2^l\\) residues modulo \\(X^{2h} - \zeta^2\\) in two:
//!
//! \\[ a + X^h b \mapsto (a + \zeta b,\; a - \zeta b),
//!   \qquad h = N / 2^{l+1} \qquad (1) \\]
//!
//! A polynomial of degree below \\(2^t\\) is its own residue at level
//! \\(\log N - t\\): only the last t levels remain to be done, and they work
//! on \\(2^t\\) places each ([`Ntt::finish`]).
//!
//! No branch and no index depends on a value.

/// A constant w and floor(w 2^64 / p), for products with it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Factor {
    w: u64,
    quotient: u64,
}

/// The transform modulo one prime, for polynomials of N coefficients.
#[derive(Debug)]
pub(crate) struct Ntt {
    p: u64,
    log_n: u32,
    /// psi to the power of the bit-reversed index.
    roots: Vec<Factor>,
    /// Their inverses.
    inverses: Vec<Factor>,
    n_inverse: Factor,
    one: Factor,
    /// 2^64
    word: Factor,
}

impl Ntt {
    /// For a prime below 2^50 with 2^(log_n + 1) dividing p - 1.
    pub(crate) fn new(p: u64, log_n: u32) -> Self {
        let n = 1u64 << log_n;
        assert!(p < 1 << 50 && (p - 1).is_multiple_of(2 * n), "no transform modulo {p}");
        let psi = (2..p)
            .map(|g| power(g, (p - 1) / (2 * n), p))
            .find(|&psi| power(psi, n, p) == p - 1)
            .unwrap_or(1);
        let table = |base: u64| {
            let mut powers = vec![0; n as usize];
            let mut x = 1;
            for i in 0..n {
                powers[(i.reverse_bits() >> (64 - log_n)) as usize] = x;
                x = product(x, base, p);
            }
            powers.into_iter().map(|w| Factor::new(w, p)).collect()
        };
        Self {
            p,
            log_n,
            roots: table(psi),
            inverses: table(power(psi, p - 2, p)),
            n_inverse: Factor::new(power(n, p - 2, p), p),
            one: Factor::new(1, p),
            word: Factor::new(((1u128 << 64) % u128::from(p)) as u64, p),
        }
    }

    pub(crate) fn p(&self) -> u64 {
        self.p
    }

    /// w as a factor.
    pub(crate) fn factor(&self, w: u64) -> Factor {
        Factor::new(w, self.p)
    }

    /// a w modulo p, below 2 p, for any a.
    #[inline(always)]
    pub(crate) fn lazy(&self, a: u64, w: Factor) -> u64 {
        let q = ((u128::from(a) * u128::from(w.quotient)) >> 64) as u64;
        a.wrapping_mul(w.w).wrapping_sub(q.wrapping_mul(self.p))
    }

    /// a w modulo p, for any a.
    #[inline(always)]
    pub(crate) fn scale(&self, a: u64, w: Factor) -> u64 {
        below(self.lazy(a, w), self.p)
    }

    /// a modulo p.
    #[inline(always)]
    pub(crate) fn reduce(&self, a: u64) -> u64 {
        self.scale(a, self.one)
    }

    /// a modulo p.
    #[inline(always)]
    pub(crate) fn reduce_wide(&self, a: u128) -> u64 {
        let (high, low) = ((a >> 64) as u64, a as u64);
        self.reduce(self.lazy(high, self.word) + self.lazy(low, self.one))
    }

    /// The residue of a signed number.
    #[inline(always)]
    pub(crate) fn signed(&self, a: i64) -> u64 {
        // a + 2^63 as an unsigned number, less 2^63.
        let shifted = self.reduce((a as u64) ^ 1 << 63);
        self.sub(shifted, self.reduce(1 << 63))
    }

    /// a + b for a, b below p.
    #[inline(always)]
    pub(crate) fn add(&self, a: u64, b: u64) -> u64 {
        below(a + b, self.p)
    }

    /// a - b for a, b below p.
    #[inline(always)]
    pub(crate) fn sub(&self, a: u64, b: u64) -> u64 {
        below(a + self.p - b, self.p)
    }

    /// a b for a, b below p.
    #[inline(always)]
    pub(crate) fn mul(&self, a: u64, b: u64) -> u64 {
        self.reduce_wide(u128::from(a) * u128::from(b))
    }

    /// Coefficients below p to values below p.
    pub(crate) fn forward(&self, data: &mut [u64]) {
        assert_eq!(data.len(), 1 << self.log_n, "coefficients of a polynomial");
        self.finish(data, 0, 0);
        data.iter_mut().for_each(|x| *x = self.reduce(*x));
    }

    /// (1) from level `from` on, for the residues `first`, `first` + 1, ... of
    /// that level, which `data` holds. Values below 4 p, from coefficients below p.
    #[inline(always)]
    pub(crate) fn finish(&self, data: &mut [u64], from: u32, first: usize) {
        let twice = 2 * self.p;
        for level in from..self.log_n {
            let half = 1usize << (self.log_n - level - 1);
            let start = (1 << level) + (first << (level - from));
            for (block, &w) in data.chunks_exact_mut(2 * half).zip(&self.roots[start..]) {
                let (a, b) = block.split_at_mut(half);
                for (a, b) in a.iter_mut().zip(b) {
                    let x = below(*a, twice);
                    let y = self.lazy(*b, w);
                    *a = x + y;
                    *b = x + twice - y;
                }
            }
        }
    }

    /// Values below p to coefficients below p.
    pub(crate) fn inverse(&self, data: &mut [u64]) {
        assert_eq!(data.len(), 1 << self.log_n, "values of a polynomial");
        let twice = 2 * self.p;
        for level in (0..self.log_n).rev() {
            let half = 1usize << (self.log_n - level - 1);
            for (block, &w) in data.chunks_exact_mut(2 * half).zip(&self.inverses[1 << level..]) {
                let (a, b) = block.split_at_mut(half);
                for (a, b) in a.iter_mut().zip(b) {
                    let (x, y) = (*a, *b);
                    *a = below(x + y, twice);
                    *b = self.lazy(x + twice - y, w);
                }
            }
        }
        data.iter_mut().for_each(|x| *x = self.scale(*x, self.n_inverse));
    }
}

impl Factor {
    fn new(w: u64, p: u64) -> Self {
        Self { w, quotient: ((u128::from(w) << 64) / u128::from(p)) as u64 }
    }
}

/// x modulo `bound`, for x below twice the bound and 2^63.
#[inline(always)]
fn below(x: u64, bound: u64) -> u64 {
    let less = x.wrapping_sub(bound);
    // The sign as a mask: the compiler has no comparison to branch on.
    less.wrapping_add(bound & 0u64.wrapping_sub(less >> 63))
}

/// For public constants only: division takes a time of its own.
pub(crate) fn product(a: u64, b: u64, p: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(p)) as u64
}

/// For public constants only.
pub(crate) fn power(mut base: u64, mut exponent: u64, p: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, base, p);
        }
        base = product(base, base, p);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rlwe::PRIMES;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn random(n: usize, p: u64, seed: u64) -> Vec<u64> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..n)
            .map(|_| if rng.random::<u8>() < 32 { p - 1 } else { rng.random_range(0..p) })
            .collect()
    }

    /// By the definition, with division.
    fn schoolbook(a: &[u64], b: &[u64], p: u64) -> Vec<u64> {
        let n = a.len();
        let mut c = vec![0u64; n];
        for i in 0..n {
            for j in 0..n {
                let x = product(a[i], b[j], p);
                let k = (i + j) % n;
                let x = if i + j < n { x } else { (p - x) % p };
                c[k] = (c[k] + x) % p;
            }
        }
        c
    }

    /// Trial division by the primes to 47 and Miller-Rabin with bases that
    /// decide all numbers below 2^64 (Sorenson, Webster, 2015).
    #[test]
    fn the_primes_are_prime() {
        for p in PRIMES {
            let (d, s) = ((p - 1) >> (p - 1).trailing_zeros(), (p - 1).trailing_zeros());
            for a in [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37] {
                let mut x = power(a, d, p);
                let mut strong = x == 1;
                for _ in 0..s {
                    strong |= x == p - 1;
                    x = product(x, x, p);
                }
                assert!(strong, "{p} is composite by base {a}");
            }
        }
    }

    /// X^(N-1) X = -1, and the values are those at odd powers of one psi.
    #[test]
    fn the_ring_is_negacyclic() {
        let ntt = Ntt::new(PRIMES[0], 13);
        let n = 1 << 13;
        let (mut a, mut b) = (vec![0; n], vec![0; n]);
        (a[n - 1], b[1]) = (1, 1);
        ntt.forward(&mut a);
        ntt.forward(&mut b);
        assert!(b.iter().all(|&x| power(x, n as u64, ntt.p) == ntt.p - 1));
        let mut c: Vec<u64> = a.iter().zip(&b).map(|(&x, &y)| ntt.mul(x, y)).collect();
        ntt.inverse(&mut c);
        assert_eq!(c[0], ntt.p - 1);
        assert!(c[1..].iter().all(|&x| x == 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn products_are_those_of_the_ring(log_n in 1u32..8, i in 0usize..5, seed: u64) {
            let ntt = Ntt::new(PRIMES[i], log_n);
            let a = random(1 << log_n, ntt.p, seed);
            let b = random(1 << log_n, ntt.p, !seed);
            let (mut x, mut y) = (a.clone(), b.clone());
            ntt.forward(&mut x);
            ntt.forward(&mut y);
            let mut z: Vec<u64> = x.iter().zip(&y).map(|(&x, &y)| ntt.mul(x, y)).collect();
            ntt.inverse(&mut z);
            prop_assert_eq!(z, schoolbook(&a, &b, ntt.p));
            ntt.inverse(&mut x);
            prop_assert_eq!(x, a);
        }

        #[test]
        fn short_polynomials_need_the_last_levels_only(t in 0u32..=10, i in 0usize..5, seed: u64) {
            let log_n = 10;
            let ntt = Ntt::new(PRIMES[i], log_n);
            let short = random(1 << t, ntt.p, seed);
            let mut whole = short.clone();
            whole.resize(1 << log_n, 0);
            ntt.forward(&mut whole);
            for (first, expected) in whole.chunks(1 << t).enumerate() {
                let mut part = short.clone();
                ntt.finish(&mut part, log_n - t, first);
                let part: Vec<u64> = part.into_iter().map(|x| ntt.reduce(x)).collect();
                prop_assert_eq!(&part[..], expected);
            }
        }

        #[test]
        fn reductions(a: u64, b: u128, c: i64, i in 0usize..5) {
            let ntt = Ntt::new(PRIMES[i], 4);
            let p = ntt.p;
            prop_assert_eq!(ntt.reduce(a), a % p);
            prop_assert_eq!(ntt.reduce_wide(b), (b % u128::from(p)) as u64);
            prop_assert_eq!(ntt.signed(c), i128::from(c).rem_euclid(i128::from(p)) as u64);
            prop_assert_eq!(ntt.scale(a, ntt.factor(p - 1)), (p - a % p) % p);
            let (x, y) = (a % p, (b % u128::from(p)) as u64);
            prop_assert_eq!(ntt.add(x, y), ((u128::from(x) + u128::from(y)) % u128::from(p)) as u64);
            prop_assert_eq!(ntt.sub(ntt.add(x, y), y), x);
        }
    }

    #[test]
    fn reductions_at_the_edges() {
        for p in PRIMES {
            let ntt = Ntt::new(p, 4);
            for a in [0, 1, p - 1, p, 2 * p - 1, 2 * p, 1 << 63, u64::MAX] {
                assert_eq!(ntt.reduce(a), a % p);
            }
            for a in [i64::MIN, -1, 0, 1, i64::MAX] {
                assert_eq!(ntt.signed(a), i128::from(a).rem_euclid(i128::from(p)) as u64);
            }
            assert_eq!(ntt.reduce_wide(u128::MAX), (u128::MAX % u128::from(p)) as u64);
        }
    }
}
