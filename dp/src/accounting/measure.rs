//! Losses on a grid, never better than the losses they stand for.
//!
//! **Paper.** Doroshenko, Ghazi, Kamath, Kumar, Manurangsi, "Connect the Dots: Tighter
//! Discrete Approximations of Privacy Loss Distributions", PETS 2022.
//!
//! A measure μ on losses has the profile
//!
//! \\[ \delta_\mu(\varepsilon) = \int (1 - e^{\varepsilon - l})_+ \, d\mu(l). \qquad (1) \\]
//!
//! Composition is convolution, and
//! \\(\delta_{\mu * \kappa}(\varepsilon) = \int \delta_\mu(\varepsilon - l)\,d\kappa(l)\\):
//! a measure with a profile nowhere smaller may replace μ in any composition. It need not
//! have mass one.
//!
//! Mass p of loss l between grid points a < a + w goes to the two ends so that both p and
//! \\(q = p e^{-l}\\) are kept:
//!
//! \\[ \text{up: } p\,\frac{1 - e^{a - l}}{1 - e^{-w}}, \qquad \text{down: the rest}.
//!    \qquad (2) \\]
//!
//! The profile stays the same at and below a and at and above a + w; between them it becomes
//! the chord (in \\(e^\varepsilon\\)) of a convex function. The same holds for outcomes of
//! several losses in one interval, by their total p and q. Errors are always upwards: an
//! atom at a loss above the true one, or with more mass, has a larger profile.

use super::normal::U;
use super::sampling::{Direction, Loss, Sampled};

/// A measure on multiples of a step.
pub(super) struct Measure {
    /// The step.
    pub(super) step: f64,
    /// (multiple of the step, mass), not sorted, repeated where convenient.
    pub(super) points: Vec<(i64, f64)>,
    /// Mass of infinite loss.
    pub(super) infinite: f64,
    /// All losses may be larger by this: errors in the edges of intervals.
    pub(super) shift: f64,
}

/// Intervals of one event: `stride` steps each, in the upper tail of a removal (the lower
/// one of an addition) `coarse` times as many.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub(super) step: f64,
    pub(super) stride: i64,
    /// Where the tail begins: a multiple of its intervals, in units of `stride`.
    pub(super) tail: i64,
    pub(super) coarse: i64,
}

impl Grid {
    /// The same intervals everywhere.
    pub(super) fn even(step: f64, stride: i64) -> Self {
        Self { step, stride, tail: i64::MAX, coarse: 1 }
    }

    /// With intervals `coarse` times as long from `loss` on.
    pub(super) fn with_tail(self, loss: f64, coarse: i64) -> Self {
        let tail = (loss / (self.width() * coarse as f64)).ceil() as i64;
        Self { tail: tail.saturating_mul(coarse), coarse, ..self }
    }

    pub(super) fn width(self) -> f64 {
        self.step * self.stride as f64
    }
}

impl Measure {
    /// An event's losses in both directions (one, if they are the same).
    pub(super) fn of(event: &Sampled, grid: Grid) -> Vec<Self> {
        let edges = if event.pair.is_continuous() { edges(event, grid) } else { vec![] };
        let atoms = event.pair.pieces(&edges);
        let shift = if event.pair.is_continuous() { event.edge_error() } else { 0.0 };
        let part = |width: f64| -(-width).exp_m1();
        let full = (part(grid.width()), part(grid.width() * grid.coarse as f64));
        let of = |(losses, direction): (Vec<Loss>, Direction)| {
            let infinite = event.infinite(direction);
            let points = Vec::with_capacity(losses.len() + 2);
            let mut measure = Self { step: grid.step, points, infinite, shift };
            for l in losses {
                measure.put(l, grid, direction, full);
            }
            measure
        };
        let directions = [Direction::Remove, Direction::Add];
        event.losses(&atoms).into_iter().zip(directions).map(of).collect()
    }

    /// (2), with the loss moved up by more than the errors in the float arithmetic here.
    fn put(&mut self, l: Loss, grid: Grid, direction: Direction, full: (f64, f64)) {
        let Loss { mass, loss } = l;
        let loss = loss + 8.0 * U * loss.abs();
        let cell = (loss / grid.width()).floor();
        if cell.is_nan() || cell * grid.stride as f64 > 2f64.powi(50) {
            self.infinite += mass;
            return;
        }
        // Far down a loss is moved up to where it fits.
        let cell = cell.max(-(2f64.powi(50)) / grid.stride as f64).floor();
        let in_tail = match direction {
            Direction::Remove => cell as i64 >= grid.tail,
            Direction::Add => (cell as i64) < -grid.tail,
        };
        let many = if in_tail { grid.coarse } else { 1 };
        let low = (cell as i64).div_euclid(many) * many;
        let full = if in_tail { full.1 } else { full.0 };
        let fraction = -(low as f64 * grid.width() - loss).exp_m1() / full;
        let up = (mass * fraction * (1.0 + 8.0 * U)).clamp(0.0, mass);
        self.add(low * grid.stride, (mass - up) * (1.0 + 2.0 * U));
        self.add((low + many) * grid.stride, up);
    }

    fn add(&mut self, index: i64, mass: f64) {
        let len = self.points.len();
        // Intervals come in order: one of the last two points, if any.
        for point in &mut self.points[len.saturating_sub(2)..] {
            if point.0 == index {
                point.1 += mass * (1.0 + 2.0 * U);
                return;
            }
        }
        if mass > 0.0 {
            self.points.push((index, mass));
        }
    }

    /// The largest absolute loss.
    pub(super) fn reach(&self) -> f64 {
        let largest = self.points.iter().map(|p| p.0.unsigned_abs()).max().unwrap_or(0);
        largest as f64 * self.step
    }

    /// ln of the integral of \\(e^{\lambda l}\\), with the tilted masses (which sum to one)
    /// passed on.
    pub(super) fn tilt(&self, lambda: f64, mut visit: impl FnMut(i64, f64)) -> f64 {
        let slope = lambda * self.step;
        let exponent = |index: i64| slope * index as f64;
        let ends = self.points.iter().map(|p| exponent(p.0));
        let most = ends.fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> =
            self.points.iter().map(|p| p.1 * (exponent(p.0) - most).exp()).collect();
        let total: f64 = weights.iter().sum();
        for (point, weight) in self.points.iter().zip(&weights) {
            visit(point.0, weight / total);
        }
        total.ln() + most
    }
}

/// The edges of the grid within the range of the losses, before sampling, with the ends of
/// the range.
fn edges(event: &Sampled, grid: Grid) -> Vec<f64> {
    let (low, high) = event.pair.range;
    let (sampled_low, sampled_high) = event.range();
    let width = grid.width();
    let (first, last) =
        ((sampled_low / width).floor() as i64, (sampled_high / width).ceil() as i64);
    let mut edges = Vec::with_capacity((last.min(grid.tail) - first + 1).max(2) as usize);
    edges.push(low);
    let mut k = first + 1;
    while k < last {
        let edge = event.backward(k as f64 * width);
        // Round-off at the ends.
        if edge > edges[edges.len() - 1] && edge < high {
            edges.push(edge);
        }
        // The intervals of the tail begin at multiples of their length.
        let long = (k.div_euclid(grid.coarse) + 1) * grid.coarse;
        k = if k >= grid.tail { long } else { k + 1 };
    }
    edges.push(high);
    edges
}

#[cfg(test)]
mod tests {
    use super::super::event::{Event, Sampling};
    use super::*;

    /// Intervals of any length keep to the rule: the profile is nowhere below that of
    /// fine ones.
    #[test]
    fn long_intervals_cost_but_never_gain() {
        let event = Event::Subsampled {
            sampling: Sampling::Poisson { rate: 0.1 },
            event: Box::new(Event::Gaussian { sigma: 1.0 }),
        };
        let sampled = Sampled::new(&event, 1e-20).unwrap();
        let fine = Measure::of(&sampled, Grid::even(1e-4, 1));
        for (stride, tail, coarse) in [(10, 0.1, 8), (10, 1.0, 32), (100, -1.0, 4), (7, 0.013, 16)]
        {
            let long = Measure::of(&sampled, Grid::even(1e-4, stride).with_tail(tail, coarse));
            for (fine, long) in fine.iter().zip(&long) {
                for i in (-200..600).step_by(3) {
                    let epsilon = 0.013 * f64::from(i);
                    let (least, most) = (profile(fine, epsilon), profile(long, epsilon));
                    assert!(most >= least * (1.0 - 2e-4) - 1e-15, "{epsilon}: {most} {least}");
                    assert!(most <= least + 0.2, "{epsilon}: {most} {least}");
                }
            }
        }
    }

    fn profile(measure: &Measure, epsilon: f64) -> f64 {
        let part =
            |p: &(i64, f64)| p.1 * (-(epsilon - p.0 as f64 * measure.step).exp_m1()).max(0.0);
        measure.points.iter().map(part).sum::<f64>() + measure.infinite
    }
}
