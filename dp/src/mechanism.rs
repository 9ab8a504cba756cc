//! Mechanisms: what is done to one exact answer so that it may be shown.
//!
//! Every module states, beside the code, who its neighbours are, what sensitivity means for
//! it, and why its loss is what it says. Answers are integers; [`Real`] brings reals to a
//! grid first. Noise and choices follow their law exactly ([`crate::sampler`]).

mod exponential;
mod gaussian;
mod hadamard;
mod laplace;
mod noise;
mod noisy_max;
mod permute_and_flip;
mod randomised_response;
mod real;
mod sparse_vector;
mod threshold;
mod tree;

pub use exponential::{Block, Exponential};
pub use gaussian::Gaussian;
pub use hadamard::HadamardResponse;
pub use laplace::Laplace;
pub use noise::{Noise, Sensitivity};
pub use noisy_max::NoisyMax;
pub use permute_and_flip::PermuteAndFlip;
pub use randomised_response::{Estimate, RandomisedResponse};
pub use real::Real;
pub use sparse_vector::SparseVector;
pub use threshold::Threshold;
pub(crate) use threshold::narrow;
pub use tree::Tree;

#[cfg(test)]
mod tests;
