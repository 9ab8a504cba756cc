//! Outlines of compositions: few atoms each, to place windows and choose tilts. Nothing here
//! has to be a bound, since every choice of the parameters gives one.

use super::event::{Event, Sampling};
use super::measure::Grid;
use super::pair::Atom;
use super::sampling::{Loss, Sampled};
use super::transform::Aim;
use crate::Result;

/// Intervals or atoms of an outline, of one event among few and among many.
const COARSE: usize = 300;
const COARSER: usize = 100;
/// Every so many orders the lower tail is looked at, too.
const LOWER: usize = 4;
/// Orders λ that are tried: from 1e-5 by this factor.
const FACTOR: f64 = 1.25;
const ORDERS: usize = 120;

/// An event of a composition.
pub(super) struct Part {
    event: Event,
    tail: f64,
    pub(super) times: u64,
    /// The length of the range of its losses.
    pub(super) span: f64,
    /// Losses are multiples of this.
    pub(super) unit: Option<f64>,
    /// Whether losses are few and far between.
    pub(super) discrete: bool,
    /// Losses of a removal, coarsely.
    losses: Vec<Loss>,
}

impl Part {
    /// Its dominating pair.
    pub(super) fn sampled(&self) -> Result<Sampled> {
        Sampled::new(&self.event, self.tail)
    }

    /// Where the tilted mass from there on is the part 1/(2 coarse²) of all: intervals that
    /// are `coarse` times as long cost half as much there as the short ones elsewhere.
    fn tail(&self, theta: f64, coarse: i64) -> f64 {
        let most = self.losses.iter().map(|l| theta * l.loss).fold(f64::NEG_INFINITY, f64::max);
        let weight = |l: &Loss| l.mass * (theta * l.loss - most).exp();
        let limit = self.losses.iter().map(weight).sum::<f64>() / (2 * coarse * coarse) as f64;
        let mut above = 0.0;
        for l in self.losses.iter().rev() {
            above += weight(l);
            if above > limit {
                return l.loss;
            }
        }
        f64::INFINITY
    }

    /// The grid with the tail that saves most intervals.
    pub(super) fn with_tail(&self, grid: Grid, theta: f64) -> Grid {
        if self.discrete {
            return grid;
        }
        let Some(highest) = self.losses.last().map(|l| l.loss) else { return grid };
        let saved = |coarse: i64| {
            let tail = self.tail(theta, coarse);
            (coarse, tail, (highest - tail) * (1.0 - 1.0 / coarse as f64))
        };
        let all = [4, 8, 16, 32].map(saved);
        let best = all.into_iter().fold((1, 0.0, 0.0), |a, b| if b.2 > a.2 { b } else { a });
        if best.0 == 1 { grid } else { grid.with_tail(best.1, best.0) }
    }
}

/// A composition and its cumulant function at a range of orders.
pub(super) struct Outline {
    pub(super) parts: Vec<Part>,
    orders: Vec<f64>,
    /// K(λ) for each direction.
    cumulants: Vec<Vec<f64>>,
    /// K(-λ).
    lower: Vec<Vec<f64>>,
}

impl Outline {
    /// `tail` is what all cut tails together may have.
    pub(super) fn new(events: &[(Event, u64)], tail: f64) -> Result<Self> {
        let orders: Vec<f64> = (0..ORDERS).map(|i| 1e-5 * FACTOR.powi(i as i32)).collect();
        let share = tail / events.len().max(1) as f64;
        let one_sided = |event: &Event| match event {
            Event::Subsampled { sampling, .. } => {
                sampling.rate() == 1.0 || matches!(sampling, Sampling::Fixed { .. })
            }
            _ => true,
        };
        let directions = if events.iter().all(|(e, _)| one_sided(e)) { 1 } else { 2 };
        let mut cumulants = vec![vec![0.0; ORDERS]; directions];
        let mut lower = vec![vec![f64::INFINITY; ORDERS]; directions];
        for sums in &mut lower {
            sums.iter_mut().step_by(LOWER).for_each(|sum| *sum = 0.0);
        }
        let mut parts = Vec::with_capacity(events.len());
        let coarse = if events.len() > 8 { COARSER } else { COARSE };
        for (event, times) in events {
            let tail = (share / *times as f64).clamp(1e-290, 1e-3);
            let sampled = Sampled::new(event, tail)?;
            let (low, high) = sampled.range();
            let (span, unit) = (high - low, sampled.unit());
            let discrete = !sampled.pair.is_continuous();
            let (low, high) = sampled.pair.range;
            let edge = |i: usize| low + (high - low) * i as f64 / coarse as f64;
            let edges: Vec<f64> = (0..=coarse).map(edge).collect();
            let atoms = merge(sampled.pair.pieces(&edges), coarse);
            let losses = sampled.losses(&atoms);
            let mut outline = losses[0].clone();
            outline.sort_by(|a, b| a.loss.total_cmp(&b.loss));
            for (i, order) in orders.iter().enumerate() {
                for d in 0..directions {
                    let losses = &losses[d.min(losses.len() - 1)];
                    cumulants[d][i] += *times as f64 * cumulant(losses, *order);
                    if i % LOWER == 0 {
                        lower[d][i] += *times as f64 * cumulant(losses, -*order);
                    }
                }
            }
            let event = event.clone();
            let times = *times;
            parts.push(Part { event, tail, times, span, unit, discrete, losses: outline });
        }
        Ok(Self { parts, orders, cumulants, lower })
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

    /// The order of the same bound at ε, and ln δ.
    pub(super) fn delta(&self, direction: usize, epsilon: f64) -> (f64, f64) {
        let of = |(&order, &sum): (&f64, &f64)| {
            let hockey = order * order.ln() - (1.0 + order) * order.ln_1p();
            (order, sum + hockey - order * epsilon)
        };
        let all = self.orders.iter().zip(&self.cumulants[direction]).map(of);
        all.fold((1.0, f64::INFINITY), |best, x| if x.1 < best.1 { x } else { best })
    }

    /// What grids add to K at each order: an interval of width w adds a variance of w²/6, and
    /// w at most.
    pub(super) fn coarsening(&self, grids: &[Grid]) -> Vec<f64> {
        let of = |order: &f64| {
            let event = |(part, grid): (&Part, &Grid)| {
                let wide = order * grid.width();
                part.times as f64 * wide.min(0.5 * wide * wide)
            };
            self.parts.iter().zip(grids).map(event).sum()
        };
        self.orders.iter().map(of).collect()
    }

    /// The order at which the bound of the mass from `at` on is least.
    pub(super) fn steepest(&self, direction: usize, at: f64, extra: &[f64]) -> f64 {
        let all = self.raised(direction, extra).map(|(order, sum)| (order, sum - order * at));
        all.fold((1.0, f64::INFINITY), |best, x| if x.1 < best.1 { x } else { best }).0
    }

    /// Orders and K on the grids.
    fn raised(&self, direction: usize, extra: &[f64]) -> impl Iterator<Item = (f64, f64)> {
        let sums = self.cumulants[direction].iter().zip(extra);
        self.orders.iter().zip(sums).map(|(order, (sum, extra))| (*order, sum + extra))
    }

    /// A tilt and a start for a window of this length that has little left out and little
    /// wrapped around, with `best` the tilt of the Chernoff bound and `centre` a guess of ε.
    ///
    /// Weak tilts have short tails, strong ones little round-off: `noise` is what the
    /// round-off of a tilted law may be.
    pub(super) fn window(
        &self,
        direction: usize,
        aim: Aim,
        (length, step): (f64, f64),
        (slip, noise): (f64, f64),
        extra: &[f64],
    ) -> Option<(f64, f64)> {
        // The window may start as low as its upper end allows.
        let (order, exponent) = self.least_of(direction, slip, extra);
        let start = (exponent - slip) / order - length + 2.0 * step;
        let highest = aim.highest();
        if start > highest {
            return None;
        }
        let low = self.lower(direction, start);
        let fits = |(&theta, &sum): (&f64, &f64)| {
            let weights = -0.5 * theta.ln() - theta.ln().max(0.0);
            let round_off = sum - theta * highest + noise + weights;
            let all = self.raised(direction, extra);
            let beyond = all
                .map(|(order, sum)| sum - order * (highest + length))
                .fold(f64::INFINITY, f64::min);
            let quiet = round_off < slip + 2.0 || theta >= aim.theta;
            quiet && low - theta * length < slip && beyond + theta * length < slip
        };
        let tilts = self.orders.iter().zip(&self.cumulants[direction]);
        let mut tilts = tilts.filter(|t| *t.0 <= aim.theta && *t.0 >= 1e-2 * aim.theta);
        tilts.rfind(|t| fits(*t)).map(|t| (*t.0, start))
    }

    /// ln of a bound on the mass below `at`.
    fn lower(&self, direction: usize, at: f64) -> f64 {
        let all = self.orders.iter().zip(&self.lower[direction]);
        all.map(|(order, sum)| sum + order * at).fold(0.0, f64::min)
    }

    /// The order and the cumulant with which \\(e^{K(\lambda) - \lambda b}\\) reaches e^slip
    /// at the least b.
    fn least_of(&self, direction: usize, slip: f64, extra: &[f64]) -> (f64, f64) {
        let all = self.raised(direction, extra);
        let at = |x: &(f64, f64)| (x.1 - slip) / x.0;
        all.fold((1.0, f64::INFINITY), |best, x| if at(&x) < at(&best) { x } else { best })
    }
}

/// Neighbouring atoms taken together, if there are many.
fn merge(atoms: Vec<Atom>, coarse: usize) -> Vec<Atom> {
    if atoms.len() <= 2 * coarse {
        return atoms;
    }
    let together = |group: &[Atom]| {
        let (p, q) = group.iter().fold((0.0, 0.0), |s, a| (s.0 + a.p, s.1 + a.q));
        let middle = group[group.len() / 2];
        let loss = if p > 0.0 && q > 0.0 { f64::ln(p / q) } else { middle.loss };
        Atom { p, q, loss, slack: 0.0 }
    };
    atoms.chunks(atoms.len() / coarse + 1).map(together).collect()
}

fn cumulant(losses: &[Loss], order: f64) -> f64 {
    let most = losses.iter().map(|l| order * l.loss).fold(f64::NEG_INFINITY, f64::max);
    losses.iter().map(|l| l.mass * (order * l.loss - most).exp()).sum::<f64>().ln() + most
}
