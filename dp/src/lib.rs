//! Differential privacy: exact noise, mechanisms, estimators, accounting, audits.
//!
//! ```
//! use privity_dp::{Grid, Loss, Neighbours, Privacy, Units, estimator::Mean, sampler::Source};
//!
//! # fn main() -> Result<(), privity_dp::Error> {
//! let privacy = Privacy::new(Neighbours::AddRemove, Loss::pure(0.5)?);
//! let mean = Mean::new(Grid::fitted(0.0, 120.0)?, privacy)?;
//! println!("{}", mean.explain(0.95)); // cost and reach, before any data are touched
//!
//! let ages = [34.0, 71.0, 19.5, f64::NAN];
//! let release = mean.release(&ages, Units::Rows, &mut Source::new(rand::rng()))?;
//! assert!((0.0..=120.0).contains(&release.value) && release.total().epsilon < 0.500001);
//! # Ok(()) }
//! ```
//!
//! # How the modules fit
//!
//! [`estimator`] takes rows: it bounds what a unit contributes ([`Units`]), clips and brings
//! reals to a [`Grid`], computes an exact integer answer, and hands it to a [`mechanism`],
//! which draws from a [`sampler`]. Between clipping and release there is no float. A
//! [`Release`] says what it cost ([`Loss`]); [`accounting`] says what several cost together.
//! [`Partition`] is for parts that no unit shares. [`distributed`] noise is made by several
//! parties. [`audit`] bounds a loss from below by trial.
//!
//! # Who trusts whom
//!
//! Whoever sees a released value may know the algorithm, the parameters and everything
//! about the data but the unit that is protected. Nobody but the caller sees the generator:
//! a seed that becomes known takes the noise away. For randomised response and Hadamard
//! response not even the collector is trusted.
//!
//! # What is not protected
//!
//! Samplers reject and try again, and some estimators take time that depends on data: the
//! time of a release depends on the noise and on the rows. Release before anybody outside
//! can time it. Lengths of inputs are not protected where an error speaks of them.

#![forbid(unsafe_code)]

pub mod accounting;
pub mod audit;
mod bounding;
pub mod distributed;
pub mod estimator;
mod grid;
mod loss;
pub mod mechanism;
mod neighbours;
mod partition;
mod ratio;
mod release;
pub mod sampler;

pub use bounding::{Contributions, Privacy, Units};
pub use grid::Grid;
pub use loss::{Loss, Total};
pub use neighbours::Neighbours;
pub use partition::Partition;
pub use ratio::Ratio;
pub use release::{Explanation, Part, Release};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Wrong parameters. No variant carries noise or data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter breaks a rule.
    #[error("{what}: {rule}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// The rule.
        rule: &'static str,
    },
}
