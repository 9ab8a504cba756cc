//! Numbers on shares: written once, for every engine.
//!
//! Fixed-point words carry a number of fractional bits that the caller knows.
//! Every function states its range, its error and its rounds; control flow
//! depends on lengths and public options only. Errors are measured by the
//! tests beside each function, which print them. A "unit" is one unit in the
//! last place of the result.
//!
//! | function | approximation | range | largest error | calls of the engine, in sequence |
//! |---|---|---|---|---|
//! | [`compare`]: less_than, equal, ... | exact | \|x - y\| < 2^62 as words | 0 | 1 |
//! | [`compare::select`], max, min, abs | exact | as above | 0 | 2, 3 |
//! | [`compare::max_all`] | tournament | as above | 0 | 3 ceil(log2 n) |
//! | [`spline::sigmoid_fast`] | three pieces | any | 0.1193 | 3 |
//! | [`spline::sigmoid`] | 7 pieces of degree 7, two tails | \|x\| < 2^21 | 4e-7 + 1 unit | 8 |
//! | [`spline::sigmoid_and_softplus`] | the same pieces | \|x\| < 2^21 | 9e-7 + 1 unit | 8 |
//! | [`normal::reciprocal`] | normalised, degree 10 | 32 bits | 3e-8 relative + 1 unit | 15 |
//! | [`normal::divide`] | x times 1/y | 32 bits for y | see there | 16 |
//! | [`normal::inv_sqrt`], [`normal::sqrt`] | normalised, degree 8 | 32 bits | 5e-6 relative + 1 unit | 14, 15 |
//! | [`normal::ln`] | normalised, degree 9 | 62 bits | 6e-8 + 1 unit | 16 |
//! | [`linalg::inverse_spd`] | Newton-Schulz | see there | see there | 2 per iteration |

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
