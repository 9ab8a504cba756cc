//! Rényi differential privacy.
//!
//! **Papers.** Mironov, "Rényi Differential Privacy", CSF 2017; Mironov, Talwar, Zhang, "Rényi
//! Differential Privacy of the Sampled Gaussian Mechanism", 2019 (MTZ19); conversion by CKS20,
//! proposition 12 ([`super::zcdp`], equation 1).
//!
//! Divergences \\(D_\alpha\\) of one order add up, for every order α > 1. For one release,
//! with Q the law without the unit and γ the sampling rate:
//!
//! - Gaussian, discrete Gaussian, zCDP: αρ.
//! - Gaussian, Poisson sample: \\(D_\alpha = \ln A_\alpha/(\alpha-1)\\), for whole α
//!   \\[ A_\alpha = \sum_{k=0}^{\alpha} \binom\alpha k (1-\gamma)^{\alpha-k}\gamma^k
//!   e^{(k^2-k)/2\sigma^2}, \qquad (1) \\]
//!   otherwise the two series of MTZ19, section 3.3, which split the integral where
//!   \\(1 - \gamma = \gamma e^l\\), at \\(z = \sigma^2 \ln(1/\gamma - 1) + 1/2\\). Their terms
//!   alternate in sign and fall once k > α, so the first term left out bounds the rest. A
//!   removal is the worse direction (MTZ19, theorem 5).
//! - Everything else: the divergence of its dominating pair (every \\(D_\alpha\\) is a mixture
//!   of hockey sticks), both directions, in fine intervals by the chords of
//!   [`super::measure`]: \\(\int r^\alpha dQ\\) is convex in the ratio r. That covers samples
//!   of fixed size, where the divergence of the pair takes the place of the general bound of
//!   Wang, Balle, Kasiviswanathan, "Subsampled Rényi Differential Privacy", AISTATS 2019,
//!   which knows only the divergences before sampling. Mass of infinite loss and cut tails
//!   are set aside and added to δ.

use super::event::{Event, Sampling};
use super::measure::{Grid, Measure};
use super::normal::{U, ln_upper};
use super::sampling::{Direction, Loss, Sampled};
use super::zcdp::{UP, epsilon_at, ln_delta_at};
use crate::Result;

/// Intervals of a law with a density.
const INTERVALS: usize = 4096;
/// Atoms beyond which a grid is used.
const MOST: usize = 1 << 15;
/// The largest order for which (1) is summed.
const LARGEST: f64 = 4096.0;
/// Tails that are cut, far below every δ of interest; they are charged.
const TAIL: f64 = 1e-60;

pub(super) fn epsilon(events: &[(Event, u64)], delta: f64) -> Result<f64> {
    let total = Total::new(events, delta)?;
    let left = delta - total.spent;
    if left <= 0.0 {
        return Ok(f64::INFINITY);
    }
    Ok(total.least(|order, divergence| epsilon_at(order, divergence, left)) * UP)
}

pub(super) fn delta(events: &[(Event, u64)], epsilon: f64) -> Result<f64> {
    let total = Total::new(events, 1.0)?;
    let ln = total.least(|order, divergence| ln_delta_at(order, divergence, epsilon));
    Ok((ln.exp() * UP + total.spent).min(1.0))
}

/// What one event contributes.
pub(super) enum Curve {
    /// αρ.
    Linear(f64),
    /// (1).
    Sampled { sigma: f64, rate: f64 },
    /// (loss, ln mass) in each direction.
    Losses(Vec<Vec<(f64, f64)>>),
}

impl Curve {
    /// The curve and the mass that is set aside.
    pub(super) fn new(event: &Event, tail: f64) -> Result<(Self, f64)> {
        if let Some(rho) = event.linear() {
            return Ok((Self::Linear(rho), 0.0));
        }
        if let Event::Subsampled { sampling, event: base } = event {
            let rate = sampling.rate();
            match (&**base, sampling) {
                (base, _) if rate == 1.0 => return Self::new(base, tail),
                (Event::Gaussian { sigma }, Sampling::Poisson { .. }) => {
                    return Ok((Self::Sampled { sigma: *sigma, rate }, 0.0));
                }
                // Without a pair: at least what holds without sampling.
                (Event::Zcdp { rho }, _) => return Ok((Self::Linear(*rho), 0.0)),
                _ => {}
            }
        }
        let sampled = Sampled::new(event, tail)?;
        let directions: &[Direction] = match sampled.is_symmetric() {
            true => &[Direction::Remove],
            false => &[Direction::Remove, Direction::Add],
        };
        let aside = directions.iter().map(|d| sampled.infinite(*d)).fold(0.0, f64::max);
        Ok((Self::Losses(losses(&sampled, directions)), aside))
    }

    /// A bound on the divergence of this order.
    pub(super) fn divergence(&self, order: f64) -> f64 {
        match self {
            Self::Linear(rho) => rho * order,
            Self::Sampled { sigma, rate } => {
                let full = 0.5 * order / (sigma * sigma) * (1.0 + 8.0 * U);
                // Divergences grow with the order.
                // Orders this large matter only where sampling hardly does.
                if order > LARGEST {
                    return full;
                }
                let value = if order > 64.0 || order.fract() == 0.0 {
                    whole(order.ceil(), *sigma, *rate)
                } else {
                    fractional(order, *sigma, *rate)
                };
                // NaN or infinite where exponents leave the floats: no sampling then.
                if value < full { value } else { full }
            }
            Self::Losses(directions) => {
                let less = order - 1.0;
                let of = |losses: &Vec<(f64, f64)>| {
                    let exponent = |l: &(f64, f64)| less * l.0 + l.1;
                    let most = losses.iter().map(exponent).fold(f64::NEG_INFINITY, f64::max);
                    let sum: f64 = losses.iter().map(|l| (exponent(l) - most).exp()).sum();
                    let error = U * (losses.len() as f64 + 8.0 + 4.0 * most.abs());
                    (sum.ln() + most + error) / less
                };
                // A NaN proves nothing; `max` would drop it.
                let worst = |a: f64, b: f64| if b.is_nan() { f64::INFINITY } else { a.max(b) };
                directions.iter().map(of).fold(0.0, worst)
            }
        }
    }
}

struct Total {
    curves: Vec<(Curve, f64)>,
    spent: f64,
}

impl Total {
    fn new(events: &[(Event, u64)], delta: f64) -> Result<Self> {
        let (mut curves, mut spent) = (Vec::with_capacity(events.len()), 0.0);
        for (event, times) in events {
            let tail = (TAIL * delta.min(1.0) / *times as f64).max(1e-290);
            let (curve, aside) = Curve::new(event, tail)?;
            spent += aside * *times as f64;
            curves.push((curve, *times as f64));
        }
        Ok(Self { curves, spent: spent * (1.0 + 1e-12) })
    }

    /// Every order gives a bound: the least of a list.
    fn least(&self, value: impl Fn(f64, f64) -> f64) -> f64 {
        let at = |order: f64| {
            let divergence = self.curves.iter().map(|(c, times)| times * c.divergence(order));
            value(order, divergence.sum())
        };
        orders().map(at).fold(f64::INFINITY, f64::min)
    }
}

/// The orders in common use, so that figures can be compared with those of others (tenths
/// to 11, whole ones to 64), and on both sides as many as large and small budgets need.
fn orders() -> impl Iterator<Item = f64> {
    let small = (1..=60).map(|i| 1.0 + 0.1 * f64::powi(0.85, i)).rev();
    let tenths = (1..100).map(|i| 1.0 + f64::from(i) / 10.0);
    let whole = (11..=64).map(f64::from);
    let large = (1..=280).map(|i| (64.0 * f64::powi(1.04, i)).round());
    small.chain(tenths).chain(whole).chain(large)
}

/// Losses and logarithms of masses that bound every divergence.
fn losses(event: &Sampled, directions: &[Direction]) -> Vec<Vec<(f64, f64)>> {
    let finish = |losses: Vec<(f64, f64)>| losses.into_iter().map(|(l, m)| (l, m.ln())).collect();
    if !event.pair.is_continuous() {
        let atoms = event.pair.pieces(&[]);
        if atoms.len() > MOST {
            let (low, high) = event.range();
            let grid = Grid::even((high - low) / INTERVALS as f64, 1);
            let points = |m: Measure| m.points.iter().map(|p| (p.0 as f64 * m.step, p.1)).collect();
            return Measure::of(event, grid).into_iter().map(points).map(finish).collect();
        }
        let of = |losses: Vec<Loss>| losses.iter().map(|l| (l.loss, l.mass)).collect();
        return event.losses(&atoms).into_iter().map(of).map(finish).collect();
    }
    let (low, high) = event.pair.range;
    let width = (high - low) / INTERVALS as f64;
    let edge = |i: usize| low + width * i as f64;
    // An even number of intervals: 0 is an edge, up to the error that is added below.
    let edges: Vec<f64> = (0..=INTERVALS).map(edge).collect();
    let atoms = event.pair.pieces(&edges);
    let error = event.edge_error();
    let of = |(losses, d): (Vec<Loss>, &Direction)| {
        let mut images: Vec<f64> = edges.iter().map(|e| event.image(*e, *d)).collect();
        images.sort_by(f64::total_cmp);
        let mut out = Vec::with_capacity(2 * atoms.len());
        for l in losses {
            let loss = l.loss + error;
            let next = images.partition_point(|e| *e <= loss);
            let (Some(a), Some(b)) = (next.checked_sub(1).map(|i| images[i]), images.get(next))
            else {
                // At an end, or an atom: it stands for itself.
                out.push((loss, l.mass));
                continue;
            };
            let up = (l.mass * (a - loss).exp_m1() / (a - b).exp_m1()).clamp(0.0, l.mass);
            out.push((a + error, l.mass - up));
            out.push((b + error, up));
        }
        out.retain(|l| l.1 > 0.0);
        out
    };
    event.losses(&atoms).into_iter().zip(directions).map(of).map(finish).collect()
}

/// (1).
fn whole(order: f64, sigma: f64, rate: f64) -> f64 {
    let (ln_in, ln_out) = (rate.ln(), (-rate).ln_1p());
    let mut choose = 0.0;
    let mut terms = Vec::with_capacity(order as usize + 1);
    let mut k = 0.0;
    while k <= order {
        let square = (k * k - k) / (2.0 * sigma * sigma);
        terms.push(choose + (order - k) * ln_out + k * ln_in + square);
        choose += f64::ln((order - k) / (k + 1.0));
        k += 1.0;
    }
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = terms.iter().map(|t| (t - most).exp()).sum();
    let size = order * (2.0 - ln_in + ln_out.abs()) + most.abs();
    let error = U * (8.0 * size + 2.0 * order + 8.0);
    (sum.ln() + most + error) / (order - 1.0)
}

/// The series of MTZ19, section 3.3.
fn fractional(order: f64, sigma: f64, rate: f64) -> f64 {
    let (ln_in, ln_out) = (rate.ln(), (-rate).ln_1p());
    let z = sigma * sigma * (ln_out - ln_in) + 0.5;
    let square = |k: f64| (k * k - k) / (2.0 * sigma * sigma);
    let (mut choose, mut sign) = (0.0f64, 1.0);
    let (mut sum, mut size, mut k, mut depth) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
    let last = loop {
        let j = order - k;
        let low = choose + j * ln_out + k * ln_in + square(k) + ln_upper((k - z) / sigma);
        let high = choose + k * ln_out + j * ln_in + square(j) + ln_upper((z - j) / sigma);
        let term = low.exp() + high.exp();
        sum += sign * term;
        size += term;
        depth = depth.max((square(k) + square(j) + choose.abs()) * term);
        if (k > order && term < 1e-14 * sum) || k > 3000.0 {
            break term;
        }
        let factor = (order - k) / (k + 1.0);
        choose += factor.abs().ln();
        sign *= factor.signum();
        k += 1.0;
    };
    let reach = 64.0 + order * (ln_in.abs() + ln_out.abs()) + order * order / (sigma * sigma);
    let error = size * U * 16.0 * (reach + k.min(64.0)) + U * 16.0 * depth + last;
    (sum + error).ln() / (order - 1.0)
}
