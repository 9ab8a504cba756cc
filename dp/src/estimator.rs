//! Estimators: from rows to a release, with clipping, contribution bounding and noise.
//!
//! Every one is made of public parameters, says by `explain` what it would cost and how
//! exact it would be, and has a `release` that takes data, who their units are, and
//! randomness. Reals are brought to a [`Grid`](crate::Grid) row by row before anything
//! else; after that everything is an integer until the noise is in. No output type, shape
//! or error depends on data, only on lengths.

mod cells;
mod contingency;
mod count;
mod histogram;
mod keys;
mod mean;
mod moments;
mod quantile;
mod quantiles;
mod regression;
mod sum;

pub use contingency::{Contingency, Table};
pub use count::Count;
pub use histogram::Histogram;
pub use keys::{PrivateKeys, PublicKeys};
pub use mean::Mean;
pub use moments::{Covariance, Moments, Variance};
pub use quantile::Quantile;
pub use quantiles::Quantiles;
pub use regression::{LinearRegression, LogisticRegression, Model};
pub use sum::Sum;

#[cfg(test)]
mod tests;
