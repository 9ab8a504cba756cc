//! What a release costs.

use crate::{Error, Ratio, Result, accounting::zcdp_epsilon, release::above};
use dashu_int::UBig;
use std::fmt;

/// A bound on the privacy loss of one release, or the part of a budget for one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// Epsilon-differential privacy (Dwork, McSherry, Nissim, Smith 2006).
    Pure {
        /// \\(\Pr\[M(D) \in S\] \le e^\varepsilon \Pr\[M(D') \in S\]\\).
        epsilon: Ratio,
    },
    /// Zero-concentrated differential privacy (Bun and Steinke 2016).
    Concentrated {
        /// \\(D_\alpha(M(D) \,\|\, M(D')) \le \rho\alpha\\) for every alpha above 1.
        rho: Ratio,
    },
    /// (epsilon, delta)-differential privacy.
    Approximate {
        /// As in `Pure`, but for an event of probability delta.
        epsilon: Ratio,
        /// The probability, rounded up.
        delta: f64,
    },
}

impl Loss {
    /// Pure, with the largest exact epsilon that is not above this.
    pub fn pure(epsilon: f64) -> Result<Self> {
        Ok(Self::Pure { epsilon: named(epsilon, "epsilon")? })
    }

    /// Concentrated, with the largest exact rho that is not above this.
    pub fn concentrated(rho: f64) -> Result<Self> {
        Ok(Self::Concentrated { rho: named(rho, "rho")? })
    }

    /// The greatest concentrated loss that is known to be (epsilon, delta)-private, by the
    /// conversion of CKS20 (corollary 13), for Gaussian noise. An accountant that knows the
    /// noise itself finds a smaller epsilon.
    pub fn within(epsilon: f64, delta: f64) -> Result<Self> {
        if !(1e-9..=1e6).contains(&epsilon) {
            let rule = "it must be from 1e-9 to 1e6, usually from 0.01 to 10";
            return Err(Error::Parameter { what: "epsilon", rule });
        }
        let enough = |rho: f64| Ok::<bool, Error>(zcdp_epsilon(rho, delta)? <= epsilon);
        // rho-zCDP is at least rho in epsilon for any delta of interest.
        let (mut low, mut high) = (1e-11, epsilon.max(1e-6));
        if !enough(low)? {
            let rule = "together with delta it must allow a rho of 1e-11: take more of either";
            return Err(Error::Parameter { what: "epsilon", rule });
        }
        while high > low * (1.0 + 1e-9) {
            let middle = (low * high).sqrt();
            if enough(middle)? { low = middle } else { high = middle }
        }
        Self::concentrated(low)
    }

    /// The part `share`/`whole` of epsilon or rho, and of delta, rounded down.
    pub fn part(self, share: u64, whole: u64) -> Result<Self> {
        let of = |x: Ratio| {
            Ratio::down(
                &(UBig::from(x.numerator()) * UBig::from(share)),
                &(UBig::from(x.denominator()) * UBig::from(whole)),
            )
        };
        if share > whole {
            return Err(Error::Parameter { what: "share", rule: "it must be at most the whole" });
        }
        Ok(match self {
            Self::Pure { epsilon } => Self::Pure { epsilon: of(epsilon)? },
            Self::Concentrated { rho } => Self::Concentrated { rho: of(rho)? },
            Self::Approximate { epsilon, delta } => Self::Approximate {
                epsilon: of(epsilon)?,
                // Two conversions, a product and a quotient.
                delta: delta * (share as f64 / whole as f64) * (1.0 - 3.0 * f64::EPSILON),
            },
        })
    }

    /// Epsilon, if the loss is pure.
    pub(crate) fn epsilon(self, what: &'static str) -> Result<Ratio> {
        match self {
            Self::Pure { epsilon } => Ok(epsilon),
            _ => Err(Error::Parameter { what, rule: "its loss must be pure: use Loss::pure" }),
        }
    }
}

fn named(x: f64, what: &'static str) -> Result<Ratio> {
    let rule = "it must be a number from 2^-40 to 2^40, usually from 0.01 to 10";
    Ratio::at_most(x).map_err(|_| Error::Parameter { what, rule })
}

/// What several releases of the same data cost together, by adding up (basic composition;
/// the sum of rho for concentrated ones). An accountant does better. All numbers are
/// rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// The sum of epsilon.
    pub epsilon: f64,
    /// The sum of rho; its loss comes on top of epsilon.
    pub rho: f64,
    /// The sum of delta.
    pub delta: f64,
}

impl Total {
    /// Adds one more.
    #[must_use]
    pub fn and(self, loss: Loss) -> Self {
        let one = match loss {
            Loss::Pure { epsilon } => Self { epsilon: above(epsilon), ..Self::default() },
            Loss::Concentrated { rho } => Self { rho: above(rho), ..Self::default() },
            Loss::Approximate { epsilon, delta } => {
                Self { epsilon: above(epsilon), delta, rho: 0.0 }
            }
        };
        self.plus(one)
    }

    /// All of them.
    pub fn of(losses: impl IntoIterator<Item = Loss>) -> Self {
        losses.into_iter().fold(Self::default(), Self::and)
    }

    /// The greater of each.
    pub(crate) fn max(self, other: Self) -> Self {
        self.zip(other, f64::max)
    }

    /// The sum of each.
    pub(crate) fn plus(self, other: Self) -> Self {
        // A zero adds exactly.
        self.zip(other, |a, b| if a == 0.0 || b == 0.0 { a + b } else { (a + b).next_up() })
    }

    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            epsilon: f(self.epsilon, other.epsilon),
            rho: f(self.rho, other.rho),
            delta: f(self.delta, other.delta),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pure { epsilon } => write!(f, "epsilon {:.6}", epsilon.to_f64()),
            Self::Concentrated { rho } => write!(f, "rho {:.6}", rho.to_f64()),
            Self::Approximate { epsilon, delta } => {
                write!(f, "epsilon {:.6}, delta {delta:.3e}", epsilon.to_f64())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_whole() {
        let loss = Loss::pure(0.1).unwrap();
        let third = loss.part(1, 3).unwrap();
        let total = Total::of([third, third, third]);
        assert!(total.epsilon <= 0.1 + 1e-15 && total.epsilon > 0.1 - 1e-12);
        assert!(loss.part(2, 1).is_err() && loss.part(0, 1).is_err());
        assert!(Loss::pure(0.0).is_err() && Loss::concentrated(f64::NAN).is_err());
        let rho = Loss::concentrated(0.5).unwrap();
        let approximate = Loss::Approximate { epsilon: Ratio::new(1, 1).unwrap(), delta: 1e-6 };
        let total = Total::of([rho, approximate, loss]);
        assert!(total.rho >= 0.5 && total.delta >= 1e-6 && total.epsilon >= 1.1);
        assert_eq!(rho.to_string(), "rho 0.500000");
        for (epsilon, delta) in [(0.1, 1e-6), (1.0, 1e-9), (8.0, 1e-5)] {
            let Loss::Concentrated { rho } = Loss::within(epsilon, delta).unwrap() else {
                panic!("not concentrated")
            };
            let back = zcdp_epsilon(rho.to_f64(), delta).unwrap();
            assert!(back <= epsilon && back > 0.999 * epsilon, "{back}");
        }
        for whole in 1..2000u64 {
            let Loss::Approximate { delta, .. } = approximate.part(1, whole).unwrap() else {
                panic!("not approximate")
            };
            let sum = (0..whole).fold(0.0, |sum: f64, _| (sum + delta).next_up());
            assert!(sum <= 1e-6 * (1.0 + 1e-12) && delta * whole as f64 <= 1e-6, "{whole}");
        }
        assert!(Loss::within(f64::NAN, 1e-6).is_err() && Loss::within(1.0, 0.0).is_err());
    }
}
