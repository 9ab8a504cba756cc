//! The noise that a loss asks for, and how far it reaches.

use super::{Gaussian, Laplace};
use crate::{Error, Loss, Result, accounting::Event, sampler::Source};
use rand::CryptoRng;
use std::fmt;

/// How far the exact answers of neighbours may be apart, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sensitivity {
    /// The sum of absolute differences.
    pub l1: u128,
    /// The sum of squared differences.
    pub l2_squared: u128,
}

impl Sensitivity {
    /// One number that differs by at most this.
    pub fn scalar(most: u128) -> Result<Self> {
        Self::checked(Some(most), most.checked_mul(most))
    }

    pub(crate) fn checked(l1: Option<u128>, l2_squared: Option<u128>) -> Result<Self> {
        match (l1, l2_squared) {
            (Some(l1), Some(l2_squared)) => Ok(Self { l1, l2_squared }),
            _ => Err(Error::Parameter {
                what: "sensitivity",
                rule: "its square must be below 2^128 steps: use a coarser granularity or \
                       fewer contributions",
            }),
        }
    }
}

/// Noise of either law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// For a pure loss.
    Laplace(Laplace),
    /// For a concentrated loss.
    Gaussian(Gaussian),
}

impl Noise {
    /// Laplace for a pure loss, Gaussian for a concentrated one.
    pub fn new(sensitivity: Sensitivity, loss: Loss) -> Result<Self> {
        match loss {
            Loss::Pure { epsilon } => Ok(Self::Laplace(Laplace::new(sensitivity.l1, epsilon)?)),
            Loss::Concentrated { rho } => {
                Ok(Self::Gaussian(Gaussian::new(sensitivity.l2_squared, rho)?))
            }
            Loss::Approximate { .. } => Err(Error::Parameter {
                what: "loss",
                rule: "noise is calibrated to a pure or a concentrated loss",
            }),
        }
    }

    /// Adds noise to every number.
    pub fn add<R: CryptoRng>(&self, answer: &mut [i128], source: &mut Source<R>) {
        match self {
            Self::Laplace(noise) => noise.release_vector(answer, source),
            Self::Gaussian(noise) => noise.release_vector(answer, source),
        }
    }

    /// One number with noise.
    pub fn release<R: CryptoRng>(&self, answer: i128, source: &mut Source<R>) -> i128 {
        let mut answer = [answer];
        self.add(&mut answer, source);
        answer[0]
    }

    /// For an accountant: of a number that moves by at most `steps`, by the law of the noise,
    /// if it takes that.
    pub(crate) fn event(&self, steps: u128) -> Option<Event> {
        match self {
            Self::Laplace(noise) => noise.moved(steps),
            Self::Gaussian(noise) => noise.moved(steps),
        }
    }

    /// The standard deviation in steps (for small sigma a little more than that of the
    /// discrete Gaussian).
    pub fn deviation(&self) -> f64 {
        match self {
            Self::Laplace(noise) => {
                let r = (-1.0 / noise.law().scale().to_f64()).exp();
                (2.0 * r).sqrt() / (1.0 - r)
            }
            Self::Gaussian(noise) => noise.law().sigma_squared().to_f64().sqrt(),
        }
    }

    /// The noise is within this many steps of zero with probability `level`.
    pub fn half_width(&self, level: f64) -> f64 {
        let miss = (1.0 - level).clamp(1e-15, 1.0);
        match self {
            Self::Laplace(noise) => {
                // Pr[|X| > w] = 2 r^(w+1) / (1 + r)
                let b = noise.law().scale().to_f64();
                let r = (-1.0 / b).exp();
                ((b * (2.0 / (miss * (1.0 + r))).ln()).ceil() - 1.0).max(0.0)
            }
            Self::Gaussian(noise) => {
                let variance = noise.law().sigma_squared().to_f64();
                if variance > 1e6 {
                    return (variance.sqrt() * normal_half_width(miss)).ceil();
                }
                let weight = |x: f64| (-x * x / (2.0 * variance)).exp();
                let most = (9.0 * variance.sqrt()).ceil() as u32 + 2;
                let all: f64 = 1.0 + 2.0 * (1..=most).map(|x| weight(x.into())).sum::<f64>();
                let (mut w, mut inside) = (0u32, 1.0);
                while inside < (1.0 - miss) * all && w < most {
                    w += 1;
                    inside += 2.0 * weight(w.into());
                }
                w.into()
            }
        }
    }
}

/// The z with probability `miss` outside -z..z, by Simpson's rule.
fn normal_half_width(miss: f64) -> f64 {
    const STEP: f64 = 1.0 / 512.0;
    let density = |z: f64| (-z * z / 2.0).exp() * 2.0 / std::f64::consts::TAU.sqrt();
    let (mut z, mut inside) = (0.0, 0.0);
    while inside < 1.0 - miss && z < 9.0 {
        inside += STEP / 6.0 * (density(z) + 4.0 * density(z + STEP / 2.0) + density(z + STEP));
        z += STEP;
    }
    z
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Laplace(noise) => {
                write!(f, "discrete Laplace noise of scale {:.4}", noise.law().scale().to_f64())
            }
            Self::Gaussian(noise) => write!(
                f,
                "discrete Gaussian noise of sigma {:.4}",
                noise.law().sigma_squared().to_f64().sqrt()
            ),
        }
    }
}
