//! The discrete Laplace distribution.

use super::{
    Source, bernoulli_exp,
    enclosure::{Inverse, LaplaceWeights},
    geometric_exp,
};
use crate::{Error, Ratio, Result};
use rand::CryptoRng;

/// Integers x with probability proportional to exp(-|x| / scale):
///
/// \\[ \Pr\[x\] = \frac{e^{1/b} - 1}{e^{1/b} + 1}\, e^{-|x|/b}, \qquad b = t/s. \qquad (1) \\]
///
/// CKS20, algorithm 2: U uniform below t, kept with probability exp(-U/t); V geometric with
/// exp(-1); X = U + tV has \\(\Pr\[X\] \propto e^{-X/t}\\), and its quotient by s the
/// absolute value. A random sign, zero counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscreteLaplace {
    t: u64,
    s: u64,
}

impl DiscreteLaplace {
    /// With this scale, from 2^-40 to 2^40.
    pub fn new(scale: Ratio) -> Result<Self> {
        let (t, s) = (scale.numerator(), scale.denominator());
        if t >> 40 > s || s >> 40 > t {
            return Err(Error::Parameter {
                what: "scale of the discrete Laplace distribution",
                rule: "it must be from 2^-40 to 2^40",
            });
        }
        Ok(Self { t, s })
    }

    /// The scale b.
    pub fn scale(&self) -> Ratio {
        // Both are above zero and without a common factor.
        Ratio::new(self.t, self.s).unwrap_or_else(|_| unreachable!("a scale above zero"))
    }

    /// One draw. Beyond 2^62 in absolute value, which has probability below
    /// \\(e^{-2^{22}}\\), it is drawn again.
    pub fn sample<R: CryptoRng>(&self, source: &mut Source<R>) -> i64 {
        loop {
            let y = self.geometric(source);
            let negative = source.bit();
            if negative && y == 0 {
                continue;
            }
            return if negative { -y } else { y };
        }
    }

    /// 0, 1, 2, ... with probability proportional to exp(-x / scale).
    fn geometric<R: CryptoRng>(&self, source: &mut Source<R>) -> i64 {
        loop {
            let u = source.below(self.t);
            if !bernoulli_exp(source, u.into(), self.t.into()) {
                continue;
            }
            let v = geometric_exp(source);
            let x = u128::from(u) + u128::from(self.t) * u128::from(v);
            match i64::try_from(x / u128::from(self.s)) {
                Ok(y) if y < 1 << 62 => return y,
                _ => {}
            }
        }
    }

    /// One of `parts` independent shares that add up to one draw.
    ///
    /// A discrete Laplace variable is the difference of two geometric ones, and a geometric
    /// variable the sum of m negative binomial ones of order r = 1/m,
    ///
    /// \\[ \Pr\[k\] = (1 - q)^r\, q^k \prod_{i=1}^{k} \frac{i - 1 + r}{i},
    ///    \qquad q = e^{-1/b}. \qquad (2) \\]
    ///
    /// Each factor of the product is at most 1: a geometric variable, kept if a coin of
    /// (i m - m + 1) / (i m) shows 1 for each i from 1 to k, follows (2) exactly. One in
    /// about \\(b^{1-r}\\) is kept, most of the others at the first coin.
    pub fn sample_share<R: CryptoRng>(&self, parts: u32, source: &mut Source<R>) -> i64 {
        let plus = self.negative_binomial(parts.into(), source);
        let minus = self.negative_binomial(parts.into(), source);
        plus - minus
    }

    fn negative_binomial<R: CryptoRng>(&self, m: u64, source: &mut Source<R>) -> i64 {
        'again: loop {
            let k = self.geometric(source);
            for i in 1..=k.unsigned_abs() {
                // A coin of (i m - m + 1) / (i m) shows 0 with probability
                // (m - 1) / (i m): one of 1 / i, then one of (m - 1) / m.
                if source.below(i) == 0 && source.below(m) != 0 {
                    continue 'again;
                }
            }
            return k;
        }
    }

    /// Fills a slice with independent draws of the same law. Where they are many for the
    /// scale, each is looked up in the cumulative law.
    pub fn fill<R: CryptoRng>(&self, source: &mut Source<R>, out: &mut [i64]) {
        let scale = self.scale();
        // exp(-x / b) falls to 2^-64 at 45 b.
        if Inverse::fill(LaplaceWeights(scale), 45.0 * scale.to_f64(), source, out) {
            return;
        }
        out.iter_mut().for_each(|x| *x = self.sample(source));
    }
}
