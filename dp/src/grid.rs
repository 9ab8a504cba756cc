//! Real numbers on a declared grid of integers.
//!
//! **Why.** Sums of floats are not what the mathematics of sensitivity is about: order and
//! rounding move them by more than one row may (Casacuberta, Shoemate, Vadhan, Wagaman,
//! "Widespread Underestimation of Sensitivity in Differentially Private Libraries and How
//! to Fix It", CCS 2022), and the low bits of float noise tell inputs apart (Mironov, CCS
//! 2012). Here every number is turned into an integer on its own, before anything else
//! happens; all the rest is integer arithmetic.
//!
//! **Proof note.** For every float x, whatever it is,
//!
//! \\[ \mathrm{index}(x) \in \\{l, \dots, u\\}, \qquad (1) \\]
//!
//! because the last steps are a comparison with l and u and a rounding that keeps integers
//! between integers. The map looks at one number only and has no state. So neighbours
//! before the map are neighbours after it, and (1) is all that a sensitivity needs.

use crate::{Error, Result};

/// Multiples of a power of two between two bounds.
///
/// Numbers outside are moved to the nearer bound, infinities too. NaN, as well as a missing
/// value, counts as the middle: dropping it would make the number of rows depend on data
/// where that number is public.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    lower: i64,
    upper: i64,
    granularity: f64,
    /// 1 / granularity.
    inverse: f64,
}

/// Adding this to a number below 2^50 leaves an integer in the low bits, ties to even.
const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

impl Grid {
    /// The greatest index: both bounds stay below.
    const MOST: f64 = 1_125_899_906_842_624.0; // 2^50

    /// Multiples of `granularity`, a power of two, from `lower` to `upper`, both rounded to
    /// such multiples.
    pub fn new(lower: f64, upper: f64, granularity: f64) -> Result<Self> {
        let rule = "lower must be below upper, both finite";
        if !(lower < upper && lower.is_finite() && upper.is_finite()) {
            return Err(Error::Parameter { what: "bounds", rule });
        }
        // A power of two has no bits behind the first, and an exact inverse.
        let inverse = 1.0 / granularity;
        let exact = granularity.is_normal() && inverse.is_normal() && granularity > 0.0;
        if !exact || granularity.to_bits() << 12 != 0 {
            let rule = "it must be a power of two, such as 1.0, 0.25 or 2f64.powi(-20)";
            return Err(Error::Parameter { what: "granularity", rule });
        }
        let (low, high) =
            ((lower * inverse).round_ties_even(), (upper * inverse).round_ties_even());
        if low.abs() > Self::MOST || high.abs() > Self::MOST {
            let rule = "bounds must be within 2^50 steps of zero: use a coarser granularity";
            return Err(Error::Parameter { what: "granularity", rule });
        }
        if low >= high {
            let rule = "bounds must be a step apart: use a finer granularity";
            return Err(Error::Parameter { what: "granularity", rule });
        }
        Ok(Self { lower: low as i64, upper: high as i64, granularity, inverse })
    }

    /// With the granularity that makes 2^19 to 2^20 steps between the bounds: an error of at
    /// most one part in a million of the width, far below any noise on up to a million
    /// rows, and as many steps as an accountant takes.
    pub fn fitted(lower: f64, upper: f64) -> Result<Self> {
        let width = upper - lower;
        if !(width > 0.0 && width.is_finite()) {
            let rule = "lower must be below upper, both finite";
            return Err(Error::Parameter { what: "bounds", rule });
        }
        // Down to the power of two.
        let power = f64::from_bits(width.to_bits() & !((1 << 52) - 1));
        Self::new(lower, upper, power * 2f64.powi(-19))
    }

    /// Integers from `lower` to `upper`.
    pub fn integers(lower: i64, upper: i64) -> Result<Self> {
        let most = Self::MOST as i64;
        if !(-most..=most).contains(&lower) || !(-most..=most).contains(&upper) {
            let rule = "bounds must be within 2^50 of zero";
            return Err(Error::Parameter { what: "bounds", rule });
        }
        Self::new(lower as f64, upper as f64, 1.0)
    }

    /// The place of a number, between [`lower`](Self::lower) and [`upper`](Self::upper).
    #[inline]
    pub fn index(&self, x: f64) -> i64 {
        let scaled = x * self.inverse;
        let scaled = if scaled.is_nan() { self.middle() as f64 } else { scaled };
        // (1): both bounds are integers below 2^50, so the sum is between 2^52 and 2^53,
        // where floats are the integers, and rounding cannot pass a bound.
        let clipped = scaled.max(self.lower as f64).min(self.upper as f64);
        ((clipped + ROUNDER).to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64)
    }

    /// The place of an integer, moved to the nearer bound. For grids of integers.
    pub(crate) fn clip(&self, x: i64) -> i64 {
        x.clamp(self.lower, self.upper)
    }

    /// The number at a place, or at a sum of places: exact up to 2^53 steps.
    pub fn value(&self, index: i128) -> f64 {
        index as f64 * self.granularity
    }

    /// The first place.
    pub fn lower(&self) -> i64 {
        self.lower
    }

    /// The last place.
    pub fn upper(&self) -> i64 {
        self.upper
    }

    /// From the first place to the last.
    pub fn steps(&self) -> u64 {
        self.upper.abs_diff(self.lower)
    }

    /// Where NaN goes.
    pub fn middle(&self) -> i64 {
        self.lower + (self.upper - self.lower) / 2
    }

    /// The width of a step.
    pub fn granularity(&self) -> f64 {
        self.granularity
    }

    /// The sum of the places of many numbers, in any order the same.
    pub(crate) fn sum(&self, data: &[f64]) -> i128 {
        // 2^50 times 2^12 stays below 2^63.
        data.chunks(1 << 12)
            .map(|chunk| i128::from(chunk.iter().map(|&x| self.index(x)).sum::<i64>()))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounding_is_to_nearest_with_ties_to_even_and_odd_numbers_have_their_place() {
        let grid = Grid::new(-10.0, 10.0, 0.5).unwrap();
        for (x, place) in [
            (0.0, 0),
            (-0.0, 0),
            (5e-324, 0),
            (0.25, 0),
            (0.75, 2),
            (-0.25, 0),
            (-0.75, -2),
            (3.1, 6),
            (10.0, 20),
            (11.0, 20),
            (f64::MAX, 20),
            (f64::INFINITY, 20),
            (f64::NEG_INFINITY, -20),
            (f64::NAN, 0),
            (-f64::NAN, 0),
        ] {
            assert_eq!(grid.index(x), place, "{x}");
        }
        assert_eq!((grid.value(7), grid.steps(), grid.middle()), (3.5, 40, 0));
        let fitted = Grid::fitted(0.0, 100.0).unwrap();
        assert!((1 << 19..=1 << 20).contains(&fitted.steps()));
        let far = Grid::new(2f64.powi(50), 2f64.powi(50) + 8.0, 1.0);
        assert!(far.is_err(), "one step too far");
        assert!(Grid::integers(1 << 49, (1 << 49) + 8).is_ok());
    }

    #[test]
    fn wrong_grids_are_refused_with_the_way_out() {
        for (lower, upper, granularity) in [
            (1.0, 1.0, 1.0),
            (2.0, 1.0, 1.0),
            (f64::NAN, 1.0, 1.0),
            (0.0, f64::INFINITY, 1.0),
            (0.0, 1.0, 0.3),
            (0.0, 1.0, 0.0),
            (0.0, 1.0, -1.0),
            (0.0, 1.0, f64::NAN),
            (0.0, 1.0, 5e-324),
            (0.0, 1.0, 4.0),
            (0.0, 1e300, 1.0),
        ] {
            assert!(Grid::new(lower, upper, granularity).is_err());
        }
        assert!(Grid::fitted(-f64::MAX, f64::MAX).is_err());
        assert!(Grid::fitted(0.0, 5e-324).is_err());
        assert!(Grid::integers(i64::MIN, 0).is_err() && Grid::integers(3, 3).is_err());
    }

    proptest! {
        #[test]
        fn every_float_has_a_place_between_the_bounds(
            bits in any::<u64>(), lower in -1e6..1e6f64, width in 1e-3..1e6f64, power in -8..8i32,
        ) {
            if let Ok(grid) = Grid::new(lower, lower + width, 2f64.powi(power)) {
                let place = grid.index(f64::from_bits(bits));
                prop_assert!((grid.lower()..=grid.upper()).contains(&place));
                let near = grid.index(lower + width / 3.0);
                prop_assert!(
                    (grid.value(near.into()) - (lower + width / 3.0)).abs() <= grid.granularity()
                );
            }
        }

        #[test]
        fn sums_do_not_depend_on_order(mut data in prop::collection::vec(any::<f64>(), 0..50)) {
            let grid = Grid::new(-1e9, 1e9, 2f64.powi(-20)).unwrap();
            let sum = grid.sum(&data);
            data.reverse();
            prop_assert_eq!(sum, grid.sum(&data));
        }
    }
}
