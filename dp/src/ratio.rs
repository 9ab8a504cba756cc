//! Exact parameters.

use crate::{Error, Result};
use dashu_int::UBig;
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
        Self::dyadic(x, f64::ceil)
    }

    /// The largest ratio with a power of two below it that is not greater than `x`, so that
    /// a privacy loss is never more than was asked for. At least 2^-40, at most 2^40.
    pub fn at_most(x: f64) -> Result<Self> {
        Self::dyadic(x, f64::floor)
    }

    fn dyadic(x: f64, round: fn(f64) -> f64) -> Result<Self> {
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
        Self::new(round(scaled) as u64, 1 << shift)
    }

    /// n/d, or where 64 bits do not hold it, a ratio above it by less than one part in 2^62.
    pub(crate) fn up(n: &UBig, d: &UBig) -> Result<Self> {
        Self::near(n, d, true)
    }

    /// n/d, or where 64 bits do not hold it, a ratio below it.
    pub(crate) fn down(n: &UBig, d: &UBig) -> Result<Self> {
        Self::near(n, d, false)
    }

    fn near(n: &UBig, d: &UBig, up: bool) -> Result<Self> {
        let rule = "it must be a number from 2^-63 to 2^63";
        let outside = Error::Parameter { what: "ratio", rule };
        if *d == UBig::ZERO {
            return Err(outside);
        }
        if let (Ok(n), Ok(d)) = (u128::try_from(n), u128::try_from(d)) {
            let common = gcd_wide(n, d);
            if let (Ok(n), Ok(d)) = (u64::try_from(n / common), u64::try_from(d / common)) {
                return Self::new(n, d);
            }
        }
        for shift in (0..64).rev() {
            let scaled = n << shift;
            let (mut quotient, rest) = (&scaled / d, &scaled % d);
            if up && rest != UBig::ZERO {
                quotient += UBig::ONE;
            }
            if let Ok(quotient) = u64::try_from(&quotient) {
                return Self::new(quotient, 1 << shift).map_err(|_| outside);
            }
        }
        Err(outside)
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

fn gcd_wide(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd_wide(b, a % b) }
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

    #[test]
    fn quotients_are_rounded_to_the_side_that_was_asked_for() {
        let big = |x: u128| UBig::from(x);
        assert_eq!(Ratio::up(&big(6), &big(4)).unwrap(), Ratio::new(3, 2).unwrap());
        let (n, d) = ((1u128 << 100) + 1, (1u128 << 97) + 9);
        let (up, down) =
            (Ratio::up(&big(n), &big(d)).unwrap(), Ratio::down(&big(n), &big(d)).unwrap());
        assert!(big(up.numerator().into()) * big(d) > big(n) * big(up.denominator().into()));
        assert!(big(down.numerator().into()) * big(d) < big(n) * big(down.denominator().into()));
        assert!(Ratio::up(&big(1 << 100), &big(1)).is_err());
        assert!(Ratio::down(&big(1), &big(1 << 100)).is_err());
        assert_eq!(Ratio::up(&big(1), &big(1 << 100)).unwrap().denominator(), 1 << 63);
        assert!(Ratio::up(&big(1), &big(0)).is_err() && Ratio::up(&big(0), &big(1)).is_err());
        for x in [0.1, 1.0 / 3.0, 1e-9, std::f64::consts::E] {
            let (down, up) = (Ratio::at_most(x).unwrap(), Ratio::at_least(x).unwrap());
            assert!(down.numerator() as f64 <= x * down.denominator() as f64);
            assert!(down.to_f64() <= up.to_f64() && down.to_f64() > x * 0.999_999);
        }
        assert!(Ratio::at_most(f64::NAN).is_err() && Ratio::at_most(0.0).is_err());
    }
}
