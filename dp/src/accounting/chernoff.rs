//! Outlines of compositions: few atoms each, to place windows and choose tilts. Nothing here
//! has to be a bound, since every choice of the parameters gives one.

use super::event::Event;
use super::measure::Grid;
use super::pair::Atom;
use super::pld;
use super::sampling::{Direction, Loss, Sampled};
use crate::Result;

/// Intervals or atoms of an outline.
const COARSE: usize = 300;
/// Orders λ that are tried: from 1e-6 by this factor.
const FACTOR: f64 = 1.25;
const ORDERS: usize = 130;

/// A composition and its cumulant function at a range of orders.
pub(super) struct Outline {
    pub(super) events: Vec<(Sampled, u64)>,
    orders: Vec<f64>,
    /// K(λ) for each direction.
    cumulants: Vec<Vec<f64>>,
}

impl Outline {
    /// `tail` is what all cut tails together may have.
    pub(super) fn new(events: &[(Event, u64)], tail: f64) -> Result<Self> {
        let orders: Vec<f64> = (0..ORDERS).map(|i| 1e-6 * FACTOR.powi(i as i32)).collect();
        let share = tail / events.len().max(1) as f64;
        let mut sampled = Vec::with_capacity(events.len());
        for (event, times) in events {
            let tail = (share / *times as f64).clamp(1e-290, 1e-3);
            sampled.push((Sampled::new(event, tail)?, *times));
        }
        let one_sided = sampled.iter().all(|(e, _)| e.is_symmetric());
        let directions = if one_sided { 1 } else { 2 };
        let mut cumulants = vec![vec![0.0; ORDERS]; directions];
        for (event, times) in &sampled {
            let (low, high) = event.pair.range;
            let count = COARSE as f64;
            let edges: Vec<f64> =
                (0..=COARSE).map(|i| low + (high - low) * i as f64 / count).collect();
            let atoms = merge(event.pair.pieces(&edges));
            for (d, sums) in cumulants.iter_mut().enumerate() {
                if d == 1 && event.is_symmetric() {
                    continue;
                }
                let direction = if d == 0 { Direction::Remove } else { Direction::Add };
                let losses = event.losses(&atoms, direction);
                for (sum, order) in sums.iter_mut().zip(&orders) {
                    *sum += *times as f64 * cumulant(&losses, *order);
                }
            }
            if directions == 2 && event.is_symmetric() {
                let losses = event.losses(&atoms, Direction::Remove);
                for (sum, order) in cumulants[1].iter_mut().zip(&orders) {
                    *sum += *times as f64 * cumulant(&losses, *order);
                }
            }
        }
        Ok(Self { events: sampled, orders, cumulants })
    }

    pub(super) fn directions(&self) -> usize {
        self.cumulants.len()
    }

    /// The order and the ε of the Chernoff bound at δ:
    /// \\(\delta \le e^{K(\lambda) - \lambda\varepsilon}
    /// \lambda^\lambda/(1 + \lambda)^{1 + \lambda}\\).
    pub(super) fn epsilon(&self, direction: usize, delta: f64) -> (f64, f64) {
        let of = |(&order, &sum): (&f64, &f64)| {
            let hockey = order * order.ln() - (1.0 + order) * order.ln_1p();
            (order, ((sum + hockey - delta.ln()) / order).max(0.0))
        };
        let all = self.orders.iter().zip(&self.cumulants[direction]).map(of);
        all.fold((1.0, f64::INFINITY), |best, x| if x.1 < best.1 { x } else { best })
    }

    /// The order at which \\(K(\lambda) - \lambda\varepsilon\\) is least.
    pub(super) fn steepest(&self, direction: usize, epsilon: f64) -> f64 {
        self.least(direction, |_| epsilon).0
    }

    /// Whether a window has little left out and little wrapped around.
    pub(super) fn fits(
        &self,
        direction: usize,
        theta: f64,
        start: f64,
        length: f64,
        slip: f64,
    ) -> bool {
        let (_, exponent) = self.least(direction, |_| start + length);
        exponent < slip && -theta * length < slip && exponent + theta * length < slip
    }

    pub(super) fn grid(&self, aims: &[(f64, f64)], explicit: Option<f64>) -> Vec<Grid> {
        pld::grids(&self.events, aims, explicit)
    }

    fn least(&self, direction: usize, at: impl Fn(f64) -> f64) -> (f64, f64) {
        let all = self.orders.iter().zip(&self.cumulants[direction]);
        let all = all.map(|(&order, &sum)| (order, sum - order * at(order)));
        all.fold((1.0, f64::INFINITY), |best, x| if x.1 < best.1 { x } else { best })
    }
}

/// Neighbouring atoms taken together, if there are many.
fn merge(atoms: Vec<Atom>) -> Vec<Atom> {
    if atoms.len() <= 2 * COARSE {
        return atoms;
    }
    let together = |group: &[Atom]| {
        let (p, q) = group.iter().fold((0.0, 0.0), |s, a| (s.0 + a.p, s.1 + a.q));
        let middle = group[group.len() / 2];
        let loss = if p > 0.0 && q > 0.0 { f64::ln(p / q) } else { middle.loss };
        Atom { p, q, loss, slack: 0.0 }
    };
    atoms.chunks(atoms.len() / COARSE + 1).map(together).collect()
}

fn cumulant(losses: &[Loss], order: f64) -> f64 {
    let most = losses.iter().map(|l| l.loss).fold(f64::NEG_INFINITY, f64::max);
    losses.iter().map(|l| l.mass * (order * (l.loss - most)).exp()).sum::<f64>().ln() + order * most
}
