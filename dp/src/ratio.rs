//! Exact parameters.

use crate::{Error, Result};
use std::fmt;

/// A number above zero as a quotient of two 64-bit numbers, in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: u64,
    denominator: u64,
}

impl Ratio {
    /// numerator / denominator, both above zero.
    pub fn new(numerator: u64, denominator: u64) -> Result<Self> {
        if numerator == 0 || denominator == 0 {
            return Err(Error::Parameter { what: "ratio", rule: "both numbers must be above 0" });
        }
        let common = gcd(numerator, denominator);
        Ok(Self { numerator: numerator / common, denominator: denominator / common })
    }

    /// The least ratio with a power of two below it that is not smaller than `x`, so that
    /// noise is never less than was asked for: larger by less than one part in 2^52, or by
    /// 2^-63 if that is more.
    pub fn at_least(x: f64) -> Result<Self> {
        let rule = "it must be a number from 2^-40 to 2^40";
        if !(2f64.powi(-40)..=2f64.powi(40)).contains(&x) {
            return Err(Error::Parameter { what: "ratio", rule });
        }
        // Doubling is exact: at most 2^63 stands above the line, with all bits of x.
        let mut shift = 0u32;
        let mut scaled = x;
        while scaled < 2f64.powi(53) && shift < 63 {
            scaled *= 2.0;
            shift += 1;
        }
        Self::new(scaled.ceil() as u64, 1 << shift)
    }

    /// What stands above the line.
    pub fn numerator(self) -> u64 {
        self.numerator
    }

    /// What stands below the line.
    pub fn denominator(self) -> u64 {
        self.denominator
    }

    /// As a float, rounded.
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_reduced_and_floats_are_not_made_smaller() {
        let r = Ratio::new(30, 12).unwrap();
        assert_eq!((r.numerator(), r.denominator(), r.to_f64()), (5, 2, 2.5));
        assert!(Ratio::new(0, 1).is_err() && Ratio::new(1, 0).is_err());
        for x in [1.0, 0.1, 1.0 / 3.0, 10.0, 12_345.678, 1e-9, 1e9, std::f64::consts::PI] {
            let r = Ratio::at_least(x).unwrap();
            // Exactly: numerator >= x denominator.
            assert!(r.numerator() as f64 >= x * r.denominator() as f64, "{x}");
            let slack = (x * f64::EPSILON).max(2f64.powi(-63));
            assert!(r.to_f64() <= x + slack, "{x}: {r}");
        }
        assert_eq!(Ratio::at_least(2.5).unwrap(), Ratio::new(5, 2).unwrap());
        for x in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(Ratio::at_least(x).is_err());
        }
    }
}
