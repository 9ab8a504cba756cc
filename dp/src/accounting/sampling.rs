//! Amplification by sampling, on dominating pairs.
//!
//! **Papers.** ZDW22, theorem 11; Balle, Barthe, Gaboardi, "Privacy Amplification by
//! Subsampling", NeurIPS 2018 (BBG18), theorem 2.
//!
//! Let (P, Q) dominate the release from the sample, P the output with the unit, and γ the
//! probability that the unit is drawn.
//!
//! **Poisson, AddRemove.** The sampled release is dominated by
//!
//! \\[ \text{removal: } ((1-\gamma)Q + \gamma P,\ Q), \qquad
//!     \text{addition: } (P', Q') = (Q,\ (1-\gamma)Q + \gamma P). \qquad (1) \\]
//!
//! *Proof.* Without the unit the output is c, with it (1-γ)c + γa; given the rest of the
//! sample, a and c are outputs of neighbours. \\(H_\alpha((1-\gamma)c + \gamma a \| c)\\) is
//! an f-divergence of (a, c) with \\(f(r) = ((1-\gamma) + \gamma r - \alpha)_+\\), that is γ
//! times a hockey stick: joint convexity over the rest of the sample and domination give
//! the first pair; the second is the same with the arguments exchanged. ∎
//!
//! **Fixed size, Replace.** Let (P, Q) dominate under replacement, at the size of the
//! sample. Then
//!
//! \\[ H_\alpha \le \begin{cases}
//!      H_\alpha((1-\gamma)Q + \gamma P \,\|\, Q) & \alpha \ge 1 \\\\
//!      H_\alpha(P \,\|\, (1-\gamma)P + \gamma Q) & \alpha < 1. \end{cases} \qquad (2) \\]
//!
//! *Proof.* The outputs are (1-γ)c + γa and (1-γ)c + γb; exchanging the unit for one outside
//! the sample couples (a, b), (a, c) and (b, c), all outputs of neighbours. For
//! \\(\alpha \ge 1\\) advanced joint convexity (BBG18, theorem 2) bounds the divergence by
//! \\(\gamma H_{\alpha'}(P \| Q)\\) with \\(\alpha' = 1 + (\alpha - 1)/\gamma\\), which is
//! the first line. For \\(\alpha < 1\\) use
//! \\(H_\alpha(A\|B) = 1 - \alpha + \alpha H_{1/\alpha}(B\|A)\\) and the first line for the
//! exchanged pair. ∎ One curve covers both orders of the neighbours. As masses: outcomes with
//! positive loss as in a removal, the others as (P, (1-γ)P + γQ), and
//! \\((1-\gamma)\,\mathrm{TV}(P, Q)\\) at loss zero, which makes the mass one.
//!
//! Other combinations have no such theorem and are refused.
//!
//! A removal turns a loss l into \\(\lambda(l) = \ln(1 - \gamma + \gamma e^l)\\) (3), an
//! addition into \\(-\lambda(l)\\). Slopes are at most 1, so bounds on errors carry over.

use super::event::{Event, Sampling};
use super::normal::U;
use super::pair::{Atom, Pair};
use crate::Result;

/// An event with its dominating pair, from which losses of either direction follow.
pub(super) struct Sampled {
    pub(super) pair: Pair,
    scheme: Scheme,
}

#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    All,
    Poisson(f64),
    Fixed(f64),
}

/// Which of the two neighbours has the unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Direction {
    /// The first; the only direction of symmetric pairs.
    Remove,
    Add,
}

/// A mass of the first law and its loss, both bounded from above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) mass: f64,
    pub(super) loss: f64,
}

impl Sampled {
    /// Tails of at most `tail` are cut off.
    pub(super) fn new(event: &Event, tail: f64) -> Result<Self> {
        let (event, scheme) = match event {
            Event::Subsampled { sampling, event } => {
                let rate = sampling.rate();
                let scheme = match sampling {
                    _ if rate == 1.0 => Scheme::All,
                    Sampling::Poisson { .. } => Scheme::Poisson(rate),
                    Sampling::Fixed { .. } => Scheme::Fixed(rate),
                };
                (&**event, scheme)
            }
            event => (event, Scheme::All),
        };
        Ok(Self { pair: Pair::new(event, tail)?, scheme })
    }

    pub(super) fn is_symmetric(&self) -> bool {
        !matches!(self.scheme, Scheme::Poisson(_))
    }

    /// All losses are multiples of this.
    pub(super) fn unit(&self) -> Option<f64> {
        self.pair.unit.filter(|_| self.scheme == Scheme::All)
    }

    /// Mass of infinite loss.
    pub(super) fn infinite(&self, direction: Direction) -> f64 {
        let of_pair = match (self.scheme, direction) {
            (Scheme::All, _) => self.pair.only,
            (Scheme::Poisson(rate) | Scheme::Fixed(rate), Direction::Remove) => {
                rate * self.pair.only
            }
            (_, Direction::Add) => 0.0,
        };
        // What was cut off may lie anywhere and counts under P and under Q.
        of_pair + 2.0 * self.pair.lost
    }

    /// The range of losses of a removal, without those that are infinite.
    pub(super) fn range(&self) -> (f64, f64) {
        let (low, high) = self.pair.range;
        (self.forward(low), self.forward(high))
    }

    /// What becomes of a loss in this direction.
    pub(super) fn image(&self, loss: f64, direction: Direction) -> f64 {
        match direction {
            Direction::Remove => self.forward(loss),
            Direction::Add => -self.forward(loss),
        }
    }

    fn forward(&self, loss: f64) -> f64 {
        match self.scheme {
            Scheme::All => loss,
            Scheme::Poisson(rate) => sampled(rate, loss),
            Scheme::Fixed(rate) => {
                if loss > 0.0 {
                    sampled(rate, loss)
                } else {
                    -sampled(rate, -loss)
                }
            }
        }
    }

    /// The loss before sampling that becomes `loss` in a removal.
    pub(super) fn backward(&self, loss: f64) -> f64 {
        let inverse = |rate: f64, loss: f64| {
            if loss > 30.0 {
                loss - rate.ln() + (-(1.0 - rate) * (-loss).exp()).ln_1p()
            } else {
                (loss.exp_m1() / rate).ln_1p()
            }
        };
        match self.scheme {
            Scheme::All => loss,
            Scheme::Poisson(rate) => inverse(rate, loss),
            Scheme::Fixed(rate) => {
                if loss > 0.0 {
                    inverse(rate, loss)
                } else {
                    -inverse(rate, -loss)
                }
            }
        }
    }

    /// A bound on the distance between a loss and the image of its [`Self::backward`]: the
    /// derivative of (3) is at most 1, the error of `ln_1p`'s argument is relative.
    pub(super) fn edge_error(&self) -> f64 {
        let (low, high) = self.range();
        let reach = self.pair.range.1.abs().max(self.pair.range.0.abs());
        let steep = match self.scheme {
            Scheme::Poisson(_) => (-low).exp(),
            _ => 1.0,
        };
        8.0 * U * (2.0 + reach + high.abs() + steep)
    }

    /// The losses of `atoms`, a removal first; only that if both directions are the same.
    pub(super) fn losses(&self, atoms: &[Atom]) -> Vec<Vec<Loss>> {
        // Slopes are at most 1: the slack of a loss is that of its image.
        let error = 8.0 * U;
        let mut remove = Vec::with_capacity(atoms.len() + 1);
        let only = self.pair.only;
        let all = match self.scheme {
            Scheme::All => {
                remove.extend(atoms.iter().map(|a| Loss { mass: a.p, loss: a.loss + a.slack }));
                vec![remove]
            }
            Scheme::Poisson(rate) => {
                let mut add = Vec::with_capacity(atoms.len() + 1);
                for a in atoms {
                    let image = sampled(rate, a.loss);
                    remove.push(Loss { mass: mixed(rate, a), loss: image + a.slack + error });
                    add.push(Loss { mass: a.q, loss: a.slack + error - image });
                }
                // Where the unit cannot have been drawn.
                let least = (-rate).ln_1p();
                remove.push(Loss { mass: (1.0 - rate) * only, loss: least });
                add.push(Loss { mass: only, loss: error - least });
                vec![remove, add]
            }
            Scheme::Fixed(rate) => {
                let mut distance = only;
                for a in atoms {
                    if a.loss > 0.0 {
                        let loss = sampled(rate, a.loss) + a.slack + error;
                        remove.push(Loss { mass: mixed(rate, a), loss });
                        distance -= a.p * (-a.loss - a.slack).exp_m1();
                    } else {
                        let loss = a.slack + error - sampled(rate, -a.loss);
                        remove.push(Loss { mass: a.p, loss });
                    }
                }
                remove.push(Loss { mass: (1.0 - rate) * distance * (1.0 + 1e-12), loss: 0.0 });
                vec![remove]
            }
        };
        let positive = |mut losses: Vec<Loss>| {
            losses.retain(|l| l.mass > 0.0);
            losses
        };
        all.into_iter().map(positive).collect()
    }
}

/// The mass of an atom under (1-γ)Q + γP.
fn mixed(rate: f64, a: &Atom) -> f64 {
    (rate * a.p + (1.0 - rate) * a.q) * (1.0 + 4.0 * U)
}

/// (3), to an absolute error of a few u and a relative one of 2u.
fn sampled(rate: f64, loss: f64) -> f64 {
    if loss > 30.0 {
        loss + rate.ln() + ((1.0 - rate) / rate * (-loss).exp()).ln_1p()
    } else if loss < -1.0 && rate > 0.5 {
        (1.0 - rate + rate * loss.exp()).ln()
    } else {
        (rate * loss.exp_m1()).ln_1p()
    }
}
