//! Differential privacy: noise that follows its law exactly.
//!
//! [`sampler`] draws noise; [`accounting`] says what releases cost together.
//!
//! ```
//! use privity_dp::{Ratio, sampler::{DiscreteGaussian, DiscreteLaplace, Source}};
//!
//! # fn main() -> Result<(), privity_dp::Error> {
//! let source = &mut Source::new(rand::rng());
//! let laplace = DiscreteLaplace::new(Ratio::new(10, 1)?)?; // scale 10
//! let gaussian = DiscreteGaussian::new(Ratio::new(100, 1)?)?; // variance 100
//! let noisy_count = 1234 + laplace.sample(source) + gaussian.sample(source);
//! # let _ = noisy_count; Ok(()) }
//! ```
//!
//! # Who trusts whom
//!
//! Whoever sees a released value may know the algorithm, the parameters and everything
//! about the data but the row that is protected. Nobody but the caller sees the generator:
//! a seed that becomes known takes the noise away.
//!
//! # What is not protected
//!
//! Samplers reject and try again: the time of one draw depends on the noise that it makes.
//! Draw noise before anybody outside can time it.

#![forbid(unsafe_code)]

pub mod accounting;
pub mod distributed;
mod neighbours;
mod ratio;
pub mod sampler;

pub use neighbours::Neighbours;
pub use ratio::Ratio;

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
