//! The discrete Gaussian distribution.

use super::{
    DiscreteLaplace, Source,
    bernoulli::bernoulli_exp_big,
    bernoulli_exp,
    enclosure::{GaussianWeights, Inverse},
};
use crate::{Error, Ratio, Result};
use dashu_int::UBig;
use rand::CryptoRng;

/// Integers x with probability proportional to exp(-x^2 / 2 sigma^2).
///
/// CKS20, algorithm 3: a discrete Laplace variable Y of scale
/// \\(t = \lfloor\sigma\rfloor + 1\\), kept with probability
///
/// \\[ \exp\left(-\frac{(|Y| - \sigma^2/t)^2}{2\sigma^2}\right) =
///    \exp\left(-\frac{(|Y|\,d\,t - n)^2}{2\,n\,d\,t^2}\right),
///    \qquad \sigma^2 = n/d. \qquad (1) \\]
///
/// sigma^2 is the parameter of the law; its variance is a little smaller for small sigma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscreteGaussian {
    n: u64,
    d: u64,
    t: u64,
    laplace: DiscreteLaplace,
    /// The denominator of (1), if it fits.
    bound: Option<u128>,
}

impl DiscreteGaussian {
    /// With this sigma^2, from 2^-40 to 2^62.
    pub fn new(sigma_squared: Ratio) -> Result<Self> {
        let (n, d) = (sigma_squared.numerator(), sigma_squared.denominator());
        if n >> 62 > d || d >> 40 > n {
            return Err(Error::Parameter {
                what: "sigma^2 of the discrete Gaussian distribution",
                rule: "it must be from 2^-40 to 2^62",
            });
        }
        // floor(sqrt(n/d)) = floor(sqrt(floor(n/d)))
        let t = (n / d).isqrt() + 1;
        let laplace = DiscreteLaplace::new(Ratio::new(t, 1)?)?;
        let wide = |x: u64| u128::from(x);
        let bound = (2 * wide(n))
            .checked_mul(wide(d))
            .and_then(|x| x.checked_mul(wide(t)))
            .and_then(|x| x.checked_mul(wide(t)));
        Ok(Self { n, d, t, laplace, bound })
    }

    /// sigma^2.
    pub fn sigma_squared(&self) -> Ratio {
        // Both are above zero and without a common factor.
        Ratio::new(self.n, self.d).unwrap_or_else(|_| unreachable!("a parameter above zero"))
    }

    /// One draw.
    pub fn sample<R: CryptoRng>(&self, source: &mut Source<R>) -> i64 {
        loop {
            let y = self.laplace.sample(source);
            if self.keep(source, y.unsigned_abs()) {
                return y;
            }
        }
    }

    /// A coin of (1).
    fn keep<R: CryptoRng>(&self, source: &mut Source<R>, y: u64) -> bool {
        let fits = self.bound.and_then(|bound| {
            let product =
                u128::from(y).checked_mul(u128::from(self.d))?.checked_mul(u128::from(self.t))?;
            let distance = product.abs_diff(u128::from(self.n));
            Some((distance.checked_mul(distance)?, bound))
        });
        if let Some((p, q)) = fits {
            return bernoulli_exp(source, p, q);
        }
        let big = |x: u64| UBig::from(x);
        let product = big(y) * big(self.d) * big(self.t);
        let n = big(self.n);
        let distance = if product > n { product - &n } else { &n - product };
        let bound = UBig::from(2u8) * n * big(self.d) * big(self.t) * big(self.t);
        bernoulli_exp_big(source, &(&distance * &distance), &bound)
    }

    /// Fills a slice with independent draws of the same law. Where they are many for sigma,
    /// each is looked up in the cumulative law.
    pub fn fill<R: CryptoRng>(&self, source: &mut Source<R>, out: &mut [i64]) {
        let sigma_squared = self.sigma_squared();
        // exp(-x^2 / 2 sigma^2) falls to 2^-64 at 9.5 sigma.
        let width = 9.5 * sigma_squared.to_f64().sqrt();
        if Inverse::fill(GaussianWeights(sigma_squared), width, source, out) {
            return;
        }
        out.iter_mut().for_each(|x| *x = self.sample(source));
    }
}
