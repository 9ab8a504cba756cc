//! Dominating pairs: the two output distributions of one release that are hardest to tell
//! apart.
//!
//! **Papers.** Zhu, Dong, Wang, "Optimal Accounting of Differential Privacy via
//! Characteristic Function", AISTATS 2022 (ZDW22), definition 7 and theorem 11; Kairouz, Oh,
//! Viswanath, "The Composition Theorem for Differential Privacy", ICML 2015 (KOV15).
//!
//! (P, Q) dominates a mechanism if for all neighbours D, D' and all \\(\alpha \ge 0\\)
//! \\(H_\alpha(M(D) \| M(D')) \le H_\alpha(P \| Q)\\) with the hockey-stick divergence
//! \\(H_\alpha(P \| Q) = \int (P - \alpha Q)_+\\). Here P is the output *with* the unit and
//! Q the one without it (under Replace: with and without the change). All pairs below are
//! symmetric, \\(H_\alpha(P\|Q) = H_\alpha(Q\|P)\\), before sampling.
//!
//! | release | P, Q |
//! |---|---|
//! | Pure, Approximate | KOV15: a coin that tells all with probability δ, otherwise randomized response with ε |
//! | Laplace, Gaussian | noise about 1 and about 0 |
//! | discrete noise | noise about 0 and about Δ, by its own mass function ([`super::lattice`]) |
//! | randomized response | the reports of two categories |
//!
//! A change smaller than Δ is dominated by Δ: the losses of these log-concave laws grow with
//! the shift, \\(H_\alpha(f \| f(\cdot - s))\\) being monotone in s for log-concave f.

use super::event::{Event, refuse};
use super::lattice::{self, Lattice};
use super::normal::{U, quantile, upper, upper_error};
use crate::Result;

/// Outcomes whose masses are at most `p` under P and `q` under Q. The loss ln(P/Q) of their
/// union is within `slack` of `loss`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom {
    pub(super) p: f64,
    pub(super) q: f64,
    pub(super) loss: f64,
    pub(super) slack: f64,
}

/// A dominating pair, up to tails.
pub(super) struct Pair {
    law: Law,
    /// Mass of P where Q has none; Q has as much where P has none.
    pub(super) only: f64,
    /// A bound on the mass of P, and on that of Q, in tails that were cut off.
    pub(super) lost: f64,
    /// All losses are multiples of this.
    pub(super) unit: Option<f64>,
    /// Losses of what is left lie between these.
    pub(super) range: (f64, f64),
}

enum Law {
    Atoms(Vec<Atom>),
    Gaussian { sigma: f64 },
    Laplace { scale: f64 },
}

impl Pair {
    /// Of an event that is not sampled or composed; tails of at most `tail` are cut off.
    pub(super) fn new(event: &Event, tail: f64) -> Result<Self> {
        Ok(match *event {
            Event::Pure { epsilon } => Self::response(epsilon, 0.0),
            Event::Approximate { epsilon, delta } => Self::response(epsilon, delta),
            Event::Gaussian { sigma } => {
                let reach = (quantile(tail) + 0.5 / sigma) / sigma;
                Self::continuous(Law::Gaussian { sigma }, 2.0 * tail, reach)
            }
            Event::Laplace { scale } => Self::continuous(Law::Laplace { scale }, 0.0, 1.0 / scale),
            Event::RandomizedResponse { categories, truth } => {
                let lie = (1.0 - truth) / (categories - 1) as f64;
                let loss = (truth / lie).ln();
                let slack = 8.0 * U * (1.0 + loss.abs());
                let grow = 1.0 + 8.0 * U;
                let (own, other) = (truth * grow, lie * grow);
                let rest = (categories - 2) as f64 * other;
                let atoms = vec![
                    Atom { p: other, q: own, loss: -loss, slack },
                    Atom { p: rest, q: rest, loss: 0.0, slack: 0.0 },
                    Atom { p: own, q: other, loss, slack },
                ];
                Self { unit: Some(loss), ..Self::atoms(atoms) }
            }
            Event::DiscreteLaplace { scale, sensitivity } => {
                let b = scale.to_f64();
                let atoms = lattice::laplace(b, sensitivity);
                Self { unit: Some(1.0 / b), ..Self::atoms(atoms) }
            }
            Event::DiscreteGaussian { sigma_squared, sensitivity } => {
                let variance = sigma_squared.to_f64();
                let law = Lattice::gaussian(variance, sensitivity, tail)?;
                // Losses are Δ(Δ - 2x)/2σ².
                let unit = Some(0.5 * sensitivity as f64 / variance);
                Self { unit, ..Self::shifted(&law, sensitivity) }
            }
            Event::Skellam { mu, sensitivity } => {
                Self::shifted(&Lattice::skellam(mu, sensitivity, tail)?, sensitivity)
            }
            Event::Binomial { trials, sensitivity } => {
                Self::shifted(&Lattice::binomial(trials, sensitivity, tail)?, sensitivity)
            }
            Event::Zcdp { .. } => {
                let rule = "it has no dominating pair: use Method::Zcdp, Rdp or Best";
                return refuse("zCDP event", rule);
            }
            Event::Subsampled { .. } | Event::Composed(_) => {
                return refuse("event", "it must be one release");
            }
        })
    }

    /// Everything that is not cut off, in pieces whose losses lie between consecutive
    /// `edges`, which ascend and span the range. Discrete laws come atom by atom.
    pub(super) fn pieces(&self, edges: &[f64]) -> Vec<Atom> {
        match &self.law {
            Law::Atoms(atoms) => atoms.clone(),
            Law::Gaussian { sigma } => gaussian(*sigma, edges),
            Law::Laplace { scale } => laplace(*scale, edges),
        }
    }

    /// Whether the law has a density, so that `edges` matter.
    pub(super) fn is_continuous(&self) -> bool {
        !matches!(self.law, Law::Atoms(_))
    }

    fn continuous(law: Law, lost: f64, reach: f64) -> Self {
        Self { law, only: 0.0, lost, unit: None, range: (-reach, reach) }
    }

    fn atoms(atoms: Vec<Atom>) -> Self {
        let fold = |f: fn(f64, f64) -> f64, start| atoms.iter().map(|a| a.loss).fold(start, f);
        let range = (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY));
        Self { law: Law::Atoms(atoms), only: 0.0, lost: 0.0, unit: None, range }
    }

    fn response(epsilon: f64, delta: f64) -> Self {
        let high = (1.0 - delta) / (1.0 + (-epsilon).exp());
        let low = high * (-epsilon).exp();
        let slack = 4.0 * U * (1.0 + epsilon);
        let (p, q) = (low * (1.0 + slack), high * (1.0 + slack));
        let atoms = vec![
            Atom { p, q, loss: -epsilon, slack: 0.0 },
            Atom { p: q, q: p, loss: epsilon, slack: 0.0 },
        ];
        Self { unit: Some(epsilon), only: delta, ..Self::atoms(atoms) }
    }

    fn shifted(law: &Lattice, sensitivity: u64) -> Self {
        let (atoms, only) = law.against_shifted(sensitivity);
        Self { only, lost: law.cut(), ..Self::atoms(atoms) }
    }
}

/// Noise about 1 against noise about 0. At loss l the output is σ²l + 1/2, which is
/// σl - 1/(2σ) standard deviations above 1 and σl + 1/(2σ) above 0. Masses are differences
/// of the nearer tails; their errors go into the slack.
fn gaussian(sigma: f64, edges: &[f64]) -> Vec<Atom> {
    let half = 0.5 / sigma;
    let tail = |x: f64| (upper(x.abs()), x >= 0.0);
    // Mass between two points, with a bound on its error.
    let between = |(s, s_up): (f64, bool), (t, t_up): (f64, bool), relative: f64| {
        let mass = match (s_up, t_up) {
            (false, true) => (1.0 - s) - t,
            (true, _) => s - t,
            (false, false) => t - s,
        };
        let scale = if s_up == t_up { s.max(t) } else { 1.0 };
        (mass.max(0.0), scale * relative)
    };
    let mut atoms = Vec::with_capacity(edges.len());
    let mut last = None;
    for &edge in edges {
        let scaled = sigma * edge;
        let now = (tail(scaled - half), tail(scaled + half), upper_error(scaled.abs() + half));
        if let Some((p_last, q_last, e_last)) = last.replace(now) {
            let relative = now.2.max(e_last);
            let (p, p_error) = between(p_last, now.0, relative);
            let (q, q_error) = between(q_last, now.1, relative);
            atoms.push((p, p_error, q, q_error));
        }
    }
    let piece = |((p, p_error, q, q_error), ends): ((f64, f64, f64, f64), &[f64])| {
        let (low, high) = (ends[0], ends[1]);
        // A mass lost in round-off: its loss may be anywhere between the edges.
        let known = p > 4.0 * p_error && q > 4.0 * q_error;
        let (loss, slack) = if known {
            let slack = 2.0 * (p_error / p + q_error / q) + 4.0 * U;
            ((p / q).ln().clamp(low, high), slack.min(high - low))
        } else {
            (0.5 * (low + high), 0.5 * (high - low))
        };
        Atom { p: p + p_error, q: q + q_error, loss, slack }
    };
    atoms.into_iter().zip(edges.windows(2)).map(piece).collect()
}

/// Half of the mass of P lies at or above 1, where the loss is 1/b; between 0 and 1 the
/// loss is (2x - 1)/b; below 0 it is -1/b.
fn laplace(scale: f64, edges: &[f64]) -> Vec<Atom> {
    let reach = 1.0 / scale;
    let far = 0.5 * (-reach).exp();
    let end = 8.0 * U * (1.0 + reach);
    let mut atoms = vec![Atom { p: far * (1.0 + end), q: 0.5, loss: -reach, slack: end }];
    for ends in edges.windows(2) {
        let (low, high) = (ends[0].max(-reach), ends[1].min(reach));
        if high <= low {
            continue;
        }
        let step = -(-0.5 * (high - low)).exp_m1();
        let p = 0.5 * (-0.5 * (reach - high)).exp() * step;
        let q = 0.5 * (-0.5 * (low + reach)).exp() * step;
        // ln(p/q) is the middle exactly; `step` is the same in both.
        let (slack, grow) = (end, 1.0 + 4.0 * end);
        atoms.push(Atom { p: p * grow, q: q * grow, loss: 0.5 * (low + high), slack });
    }
    atoms.push(Atom { p: 0.5, q: far * (1.0 + end), loss: reach, slack: end });
    atoms
}
