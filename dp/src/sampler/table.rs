//! Draws whose time does not depend on what is drawn.

use super::{
    Source,
    enclosure::{GaussianWeights, LaplaceWeights, Weights, cumulative},
};
use crate::{Error, Ratio, Result};
use dashu_int::UBig;
use rand::CryptoRng;

/// A sampler of fixed time: a uniform number of 128 bits is compared with every entry of
/// a table, and the number of entries that are not above it is the absolute value.
///
/// The table is the cumulative law rounded to 128 bits and cut where less than 2^-120 is
/// left, so a draw is not exact: the law is within [`Table::distance`] of the named one in
/// total variation. Add that, times the number of draws and times \\(1 + e^\varepsilon\\),
/// to delta; a pure guarantee becomes an approximate one. (For a mechanism M and its
/// approximation M', \\(\Pr[M'(x) \in S] \le \Pr[M(x) \in S] + d \le
/// e^\varepsilon \Pr[M(x') \in S] + \delta + d \le e^\varepsilon \Pr[M'(x') \in S] +
/// \delta + (1 + e^\varepsilon) d\\).)
#[derive(Clone)]
pub struct Table {
    /// The first 128 bits of how likely it is that |x| is at most k.
    entries: Vec<u128>,
    distance: f64,
}

/// Widest table: a draw reads all of it.
const MOST: usize = 1 << 15;

impl Table {
    /// Of the discrete Laplace distribution, for scales from 2^-10 to about 2^8.
    pub fn laplace(scale: Ratio) -> Result<Self> {
        Self::new(&LaplaceWeights(scale), scale.to_f64() * 90.0, scale)
    }

    /// Of the discrete Gaussian distribution, for sigma from 2^-5 to about 2^11.
    pub fn gaussian(sigma_squared: Ratio) -> Result<Self> {
        let width = sigma_squared.to_f64().sqrt() * 14.0;
        Self::new(&GaussianWeights(sigma_squared), width, sigma_squared)
    }

    fn new(law: &impl Weights, width: f64, parameter: Ratio) -> Result<Self> {
        if width > MOST as f64 || parameter.to_f64() < 2f64.powi(-10) {
            return Err(Error::Parameter {
                what: "scale of a table",
                rule: "a table has at most 2^15 entries, and its parameter is at least 2^-10: use \
                       the exact sampler",
            });
        }
        let places = cumulative(law, 192);
        let least = (UBig::ONE << 192) - (UBig::ONE << 72);
        let mut entries = Vec::new();
        for place in places {
            if place.low >= least {
                break;
            }
            let word = u128::try_from(place.low >> 64);
            entries.push(word.map_err(|_| Error::Parameter {
                what: "scale of a table",
                rule: "it is too small",
            })?);
        }
        // Each of the n + 1 probabilities is off by less than 2^-127, and less than 2^-120
        // is moved from beyond the end; half the sum of both is the distance.
        let distance = (entries.len() + 1) as f64 * 2f64.powi(-127) + 2f64.powi(-120);
        Ok(Self { entries, distance })
    }

    /// A bound on the distance from the exact law in total variation, for one draw.
    pub fn distance(&self) -> f64 {
        self.distance
    }

    /// One draw: the source has the same instructions and the same memory whatever comes out.
    /// What a compiler makes of it is measured by a test, not proved.
    pub fn sample<R: CryptoRng>(&self, source: &mut Source<R>) -> i64 {
        let uniform = u128::from(source.word()) << 64 | u128::from(source.word());
        let sign = (source.word() & 1) as i64;
        let mut place = 0i64;
        for &entry in &self.entries {
            // A borrow says that the number is below the entry.
            let (_, below) = uniform.overflowing_sub(entry);
            place += 1 - i64::from(below);
        }
        (place ^ -sign) + sign
    }

    /// Fills a slice with independent draws.
    pub fn fill<R: CryptoRng>(&self, source: &mut Source<R>, out: &mut [i64]) {
        out.iter_mut().for_each(|x| *x = self.sample(source));
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}
