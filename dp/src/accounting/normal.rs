//! Tails of the normal distribution, with bounds on the error.

use libm::erfc;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The unit round-off.
pub(super) const U: f64 = f64::EPSILON / 2.0;

/// Pr[N(0, 1) > x]. With y = x/√2 computed to a relative 2u and the tail ratio
/// \\(\phi(x)/\bar\Phi(x) \le |x| + 1\\), the relative error is below [`upper_error`].
pub(super) fn upper(x: f64) -> f64 {
    0.5 * erfc(x * FRAC_1_SQRT_2)
}

/// A bound on the relative error of [`upper`] at an argument known up to a relative 4u of
/// `size` (at least |x|): (size + 1)² · 6u for the argument, 16u for `erfc`, whose published
/// error is below one unit in the last place.
pub(super) fn upper_error(size: f64) -> f64 {
    U * (6.0 * (size + 1.0) * (size + 1.0) + 16.0)
}

/// The least x known to this search with Pr[N(0, 1) > x] <= tail.
pub(super) fn quantile(tail: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if upper(middle) * (1.0 + 1e-9) > tail { low = middle } else { high = middle }
    }
    high
}

/// ln Pr[N(0, 1) > x], from the asymptotic series where the tail underflows.
pub(super) fn ln_upper(x: f64) -> f64 {
    if x < 30.0 {
        return upper(x).ln();
    }
    let square = x * x;
    // Alternating: cut after a positive term it is an upper bound.
    let series = -1.0 / square + 3.0 / (square * square);
    -0.5 * square - x.ln() - 0.5 * (2.0 * PI).ln() + series.ln_1p()
}
