//! Samplers that follow their law exactly, from random bits.
//!
//! **Paper.** Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy",
//! NeurIPS 2020 (CKS20), section 5: algorithms 1 to 3. Uniform numbers below a bound by
//! Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 2019.
//!
//! **Exactness.** Every decision is a comparison of uniform integers with integers that
//! follow from the parameters: no float, and rounding only where both roundings lead to
//! the same decision. Parameters are quotients of 64-bit numbers; where a product outgrows
//! 128 bits the same algorithm goes on with large integers ([`dashu_int`]). Given uniform
//! bits, the output has the stated law, with two exceptions: [`Table`] is off by a stated
//! distance, and a Laplace or Gaussian draw of 2^62 or more in absolute value is drawn again.
//! The latter has a probability below \\(e^{-2^{22}}\\) a draw, which no statement of this
//! crate takes into account.
//!
//! **Time.** Random: a draw is tried again until it is accepted. It depends on the
//! parameters and on the value drawn, not on data. [`Table`] and [`Binomial`] with p = 1/2
//! take the same time for every value.

mod bernoulli;
mod binomial;
mod enclosure;
mod gaussian;
mod laplace;
mod poisson;
mod source;
mod table;

pub use bernoulli::{bernoulli, bernoulli_exp, geometric_exp};
pub use binomial::Binomial;
pub use gaussian::DiscreteGaussian;
pub use laplace::DiscreteLaplace;
pub use poisson::{Poisson, Skellam};
pub use source::Source;
pub use table::Table;

#[cfg(test)]
mod tests;
