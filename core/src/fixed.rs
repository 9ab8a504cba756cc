//! Real numbers in Z_2^64: x is stored as the integer nearest to x * 2^f.

use crate::error::{Error, Result};

/// A fixed-point encoding with `frac_bits` fractional bits.
///
/// The accepted range is |x| < 2^(62 - 2f) with f fractional bits, so that one
/// product of two encoded numbers, which carries 2f fractional bits, stays
/// below 2^62 if its value stays in the same range: the range on which the
/// engines' truncation is exact to one unit. For f = 20 this is |x| < 2^22.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    frac_bits: u32,
}

impl Default for Fixed {
    fn default() -> Self {
        Self { frac_bits: 20 }
    }
}

impl Fixed {
    /// An encoding with 1 to 30 fractional bits.
    pub fn new(frac_bits: u32) -> Result<Self> {
        if (1..=30).contains(&frac_bits) {
            Ok(Self { frac_bits })
        } else {
            Err(Error::Argument(format!("{frac_bits} fractional bits: 1 to 30 are possible")))
        }
    }

    /// f.
    pub fn frac_bits(self) -> u32 {
        self.frac_bits
    }

    /// Every accepted x has |x| < 2^`int_bits`.
    pub fn int_bits(self) -> u32 {
        62 - 2 * self.frac_bits
    }

    /// One unit in the last place.
    pub fn ulp(self) -> f64 {
        (-f64::from(self.frac_bits)).exp2()
    }

    /// The nearest encoding of a constant of ours, which must be in range.
    pub fn constant(self, x: f64) -> u64 {
        (x * f64::from(self.frac_bits).exp2()).round() as i64 as u64
    }

    /// The nearest encoding of `x`; refuses NaN, infinities and what is out of range.
    pub fn encode(self, x: f64) -> Result<u64> {
        self.check(0, x)?;
        Ok(self.constant(x))
    }

    /// Encodes a column; the error gives the index of the first bad value.
    pub fn encode_all(self, xs: &[f64]) -> Result<Vec<u64>> {
        xs.iter()
            .enumerate()
            .map(|(index, &x)| {
                self.check(index, x)?;
                Ok(self.constant(x))
            })
            .collect()
    }

    /// The number that an encoding stands for.
    pub fn decode(self, word: u64) -> f64 {
        word as i64 as f64 * self.ulp()
    }

    /// Decodes a column.
    pub fn decode_all(self, words: &[u64]) -> Vec<f64> {
        words.iter().map(|&w| self.decode(w)).collect()
    }

    fn check(self, index: usize, x: f64) -> Result<()> {
        let reason = if x.is_nan() {
            "not a number"
        } else if x.abs() >= f64::from(self.int_bits()).exp2() {
            "out of range"
        } else {
            return Ok(());
        };
        Err(Error::Range { index, reason, frac_bits: self.frac_bits, int_bits: self.int_bits() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_is_within_half_a_unit(x in -4.0e6f64..4.0e6) {
            let fixed = Fixed::default();
            let back = fixed.decode(fixed.encode(x).unwrap_or(0));
            prop_assert!((back - x).abs() <= fixed.ulp() / 2.0);
        }
    }

    #[test]
    fn bad_values_are_named() {
        let fixed = Fixed::default();
        let edge = 2f64.powi(22);
        assert!(fixed.encode(edge - 1.0).is_ok());
        assert!(fixed.encode(1.0 - edge).is_ok());
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, edge, -edge] {
            match fixed.encode_all(&[0.0, bad]) {
                Err(Error::Range { index: 1, .. }) => {}
                other => panic!("{bad}: {other:?}"),
            }
        }
        assert!(Fixed::new(0).is_err() && Fixed::new(31).is_err());
    }
}
