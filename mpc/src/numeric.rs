//! Numbers on shares: written once, for every engine.
//!
//! Fixed-point words carry a number of fractional bits that the caller knows.
//! Every function states its range, its error and its rounds; control flow
//! depends on lengths and public options only. Errors are measured by tests and
//! stand, with rounds and bytes, in `docs/numeric.md`. A "unit" is one unit in
//! the last place of the result.
//!
//! | module | what is in it | error |
//! |---|---|---|
//! | [`range`] | numbers with a tracked bound: widened or refused before they overflow | as below |
//! | [`moments`] | sums, means, variances, covariances, in batches of any number | 1/2 and 1 unit |
//! | [`compare`] | less-than, equality, selection, abs, sign, clamp, min, max, argmin, argmax | exact |
//! | [`exact`] | floor, ceil, round, division of integers by public ones | exact |
//! | [`normal`] | reciprocal, division, square roots, logarithms | 3e-8 relative + 1 unit |
//! | [`exp`] | exponentials, real powers, tanh | 2e-8 relative + 1 unit |
//! | [`spline`] | sigmoid, exact and fast, and softplus | 4e-7 + 1 unit |
//! | [`piecewise`] | polynomials and splines of the caller's | see there |
//! | [`linalg`] | inverses, systems, least squares, eigenvalues | see there |
//! | [`polynomial`] | fitting in f64, powers, evaluation at \|u\| <= 1 | 2^-28 |

pub mod compare;
pub mod exact;
pub mod exp;
pub mod linalg;
pub mod moments;
pub mod normal;
pub mod piecewise;
pub mod polynomial;
pub mod range;
pub mod spline;
