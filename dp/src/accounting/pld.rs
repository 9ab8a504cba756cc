//! Privacy-loss distributions, composed by FFT.
//!
//! **Papers.** Koskela, Jälkö, Honkela, "Computing Tight Differential Privacy Guarantees
//! Using FFT", AISTATS 2020; Gopi, Lee, Wutschitz, "Numerical Composition of Differential
//! Privacy", NeurIPS 2021. Tilting and the bounds below are worked out here.
//!
//! Event j occurs \\(T_j\\) times with a measure \\(\mu_j\\) on the grid ([`super::measure`]).
//! Wanted is the profile of \\(\mu = \mu_1^{*T_1} * \mu_2^{*T_2} * \dots\\).
//!
//! **Tilting.** For any θ > 0 put
//! \\(\nu_j(l) = \mu_j(l)\, e^{\theta l} / M_j\\) with \\(M_j = \int e^{\theta l} d\mu_j\\).
//! Then
//!
//! \\[ \mu(l) = e^{K - \theta l}\,\nu(l), \quad K = \sum_j T_j \ln M_j, \quad
//!     \nu = \nu_1^{*T_1} * \nu_2^{*T_2} * \dots \qquad (1) \\]
//!
//! With θ at the minimum of the Chernoff bound, ν has its bulk where the profile reaches δ:
//! round-off, which is absolute in ν, becomes relative to δ however small δ is.
//!
//! **Aliasing.** A transform of length n gives \\(\nu_\circ(l) = \sum_m \nu(l + mnh)\\), at
//! least ν everywhere. Sums over a window [A, A + nh) therefore err upwards only; what they
//! leave out lies at A + nh and above and is at most
//!
//! \\[ \mu([A + nh, \infty)) \le e^{K(\lambda) - \lambda (A + nh)} \qquad (2) \\]
//!
//! for each λ > 0: it is added to δ. n is chosen so that (2) is small and little is wrapped
//! around: mass from below A arrives with a factor \\(e^{-\theta n h}\\), mass from
//! above in \\(l \ge A\\) is at most \\(e^{\theta n h}\mu([A + nh, \infty))\\).
//!
//! **Round-off**, as a bound on the 2-norm of the error of ν. A transform of length n has a
//! relative error (2-norm) of at most \\(\phi = 32 u \log_2 n\\): Higham, "Accuracy and
//! Stability of Numerical Algorithms", theorem 24.2, gives 17 u a level with twiddles that are
//! known to 11 u (the rounding of an angle below 2π, and of its sine). Spectra are
//! at most 1 in absolute value up to round-off, so that a product of powers errs by
//!
//! \\[ E \le e^{\sum T_j \phi \sqrt n}\sum_j T_j\,\phi \|\nu_j\|_2
//!     + \bigl(\phi + 12 u \textstyle\sum_j (T_j + 1)\bigr) \|\nu\|_2. \qquad (3) \\]
//!
//! By Cauchy-Schwarz δ(ε) errs by at most \\(e^{K - \theta\varepsilon} \|w\|_2 E\\) with
//! \\(w_i = e^{-\theta i h}(1 - e^{-ih})\\), which is added (4). Relative errors of weights,
//! masses and sums are paid by one factor.
//!
//! **Grid.** (2) of [`super::measure`] adds to one loss a variance of about h²/6 and half of
//! that to its mean: to ε about \\(T h^2 (1 + \theta)/12\\). Every event gets the step at which
//! this is its share of the tolerance, as a multiple of the smallest one. Laws with a density
//! have longer intervals in the tail, where little of the tilted mass lies. Laws with atoms
//! get finer steps if they occur rarely, because their errors do not average out; if all
//! losses of the only event are multiples of one number, the grid meets them exactly.
//! Whatever the grid, the result is a bound.
//!
//! **Limits.** (3) grows with the number of releases: at 10^9 it starts to show in the
//! result, at 10^12 nothing is proved (the answer is infinity, or δ = 1).
//! [`super::Method::Best`] then has the Rényi bound.

use super::chernoff::{Outline, Part};
use super::event::Event;
use super::measure::Grid;
use super::normal::U;
use super::transform::{Aim, Question, compose};
use crate::Result;

/// The part of ε that the grid may cost.
const TOLERANCE: f64 = 8e-6;
/// The part of ε that one step may be for a law with atoms, before roots of times.
const FEW: f64 = 5e-5;
/// The part of δ that cut tails may cost.
const TAILS: f64 = 1e-7;
/// The part of δ that wrapping may cost.
const SLIP: f64 = 1e-6;
/// The longest transform: 16 MB a buffer, of which there are few.
const LONGEST: usize = 1 << 20;
const SHORTEST: usize = 1 << 8;
/// The most intervals of one event.
const MOST_INTERVALS: f64 = (1 << 19) as f64;

/// An upper bound on ε at δ, or infinity.
pub(super) fn epsilon(events: &[(Event, u64)], delta: f64, grid: Option<f64>) -> Result<f64> {
    let outline = Outline::new(events, delta * TAILS)?;
    answer(&outline, Question::Epsilon(delta), delta, grid)
}

/// An upper bound on δ at ε.
pub(super) fn delta(events: &[(Event, u64)], epsilon: f64, grid: Option<f64>) -> Result<f64> {
    // Tails must be small against a δ that is not known yet: a guess from the Chernoff bound.
    // Wide laws of integers may not reach that far out.
    let outline = Outline::new(events, 1e-200).or_else(|_| Outline::new(events, 1e-12))?;
    let guess = (0..outline.directions()).map(|d| outline.delta(d, epsilon).1);
    let mut scale = (guess.fold(f64::NEG_INFINITY, f64::max).exp() * 1e-2).clamp(1e-240, 1e-2);
    let mut best = 1.0f64;
    for _ in 0..7 {
        let outline = Outline::new(events, scale * TAILS)?;
        best = best.min(answer(&outline, Question::Delta(epsilon), scale, grid)?);
        if best < scale {
            // Tails may be most of it.
            scale = (best * 1e-3).powf(1.2).max(1e-240);
        } else if best > 1e4 * scale && scale < 1e-10 {
            // No window is good enough for so small a δ.
            scale = scale.sqrt();
        } else {
            break;
        }
    }
    Ok(best)
}

fn answer(outline: &Outline, question: Question, scale: f64, grid: Option<f64>) -> Result<f64> {
    let mut aims = aims(outline, question);
    if aims.iter().any(|a| !a.centre.is_finite()) {
        return Ok(f64::INFINITY);
    }
    let mut grids = grids(&outline.parts, &aims, grid);
    let mut window = window(outline, &mut aims, scale, &mut grids);
    for attempt in 0.. {
        let composed = compose(outline, &grids, &aims, window)?;
        let found: Vec<Option<f64>> =
            composed.iter().map(|profile| profile.ask(question)).collect();
        if attempt == 3 || found.iter().all(Option::is_some) {
            let worst = |d: usize, f: &Option<f64>| f.unwrap_or(composed[d].start);
            let all = found.iter().enumerate().map(|(d, f)| worst(d, f));
            return Ok(all.fold(0.0, f64::max));
        }
        // ε lies below the window: look further down, at last from 0.
        for (aim, found) in aims.iter_mut().zip(&found) {
            if found.is_none() {
                let step = grids[0].step;
                let down = ((30.0 / aim.theta / step) as i64).max(window as i64 / 2);
                aim.start = if attempt == 2 { 0 } else { (aim.start - down).max(0) };
            }
        }
        if attempt == 1 {
            window = (2 * window).min(LONGEST);
        }
    }
    Ok(f64::INFINITY)
}

/// Where the answer should be in each direction, by the Chernoff bound.
fn aims(outline: &Outline, question: Question) -> Vec<Aim> {
    let aim = |d| {
        let (theta, centre) = match question {
            Question::Epsilon(delta) => outline.epsilon(d, delta),
            Question::Delta(epsilon) => (outline.delta(d, epsilon).0, epsilon),
        };
        let guess = matches!(question, Question::Epsilon(_));
        Aim { theta, centre, guess, ..Aim::default() }
    };
    (0..outline.directions()).map(aim).collect()
}

/// Chooses the windows; makes the grid coarser if they would be too long.
fn window(outline: &Outline, aims: &mut [Aim], scale: f64, grids: &mut [Grid]) -> usize {
    let Some(first) = grids.first() else { return SHORTEST };
    let slip = (SLIP * scale).ln();
    let times: f64 = outline.parts.iter().map(|p| p.times as f64).sum();
    let mut step = first.step;
    // Doubling 200 times is past all losses there are.
    for doubling in 0.. {
        let extra = outline.coarsening(grids);
        let mut n = SHORTEST;
        while n <= LONGEST {
            let length = n as f64 * step;
            // (3) and (4), with a typical norm of one event's law.
            let noise = (60.0 * U * times / step.sqrt()).ln();
            let found: Option<Vec<_>> = aims
                .iter()
                .enumerate()
                .map(|(d, aim)| outline.window(d, *aim, (length, step), (slip, noise), &extra))
                .collect();
            // An answer from a grid that is too coarse is still a bound.
            if found.is_some() || doubling == 200 {
                for (d, (theta, start)) in found.unwrap_or_default().into_iter().enumerate() {
                    aims[d].theta = theta;
                    aims[d].start = (start / step).floor() as i64 - 1;
                    aims[d].lambda =
                        outline.steepest(d, (aims[d].start as f64 + n as f64) * step, &extra);
                }
                return n;
            }
            n *= 2;
        }
        step *= 2.0;
        for grid in grids.iter_mut() {
            // Widths stay, or double where they are one step.
            *grid = Grid::even(step, (grid.stride / 2).max(1));
        }
    }
    SHORTEST
}

/// The share of each event of the tolerance, and the grids that follow.
fn grids(parts: &[Part], aims: &[Aim], explicit: Option<f64>) -> Vec<Grid> {
    let share = TOLERANCE / parts.len().max(1) as f64;
    let wanted = |part: &Part| {
        let of = |aim: &Aim| {
            let tolerance = share * aim.centre.max(1e-3 / aim.theta);
            let step = (12.0 * tolerance / ((1.0 + aim.theta) * part.times as f64)).sqrt();
            // One loss of few is off by up to the step itself.
            let few = FEW * aim.centre.max(1e-3 / aim.theta) * (part.times as f64).sqrt();
            if part.discrete { step.min(few) } else { step }
        };
        let least = aims.iter().map(of).fold(f64::INFINITY, f64::min);
        // Never so many intervals that memory grows.
        let most = (part.span / MOST_INTERVALS).max(1e-12);
        explicit.unwrap_or(least).max(most)
    };
    let wanted: Vec<f64> = parts.iter().map(wanted).collect();
    let mut step = wanted.iter().copied().fold(f64::INFINITY, f64::min);
    if let Some(explicit) = explicit {
        step = explicit;
    } else if let [part] = parts {
        // A lattice of losses is met exactly.
        if let Some(unit) = part.unit.filter(|u| *u > step) {
            step = unit / (unit / step).ceil();
        }
    }
    let stride = |w: &f64| ((w / step * (1.0 + 1e-9)).floor() as i64).max(1);
    let theta = aims.first().map_or(1.0, |a| a.theta);
    let grid = |(w, part): (&f64, &Part)| {
        let even = Grid::even(step, stride(w));
        if explicit.is_some() { even } else { part.with_tail(even, theta) }
    };
    wanted.iter().zip(parts).map(grid).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{event::Sampling, measure::Measure};
    use super::*;

    /// Acceptance: small budgets take no more memory than others, on a grid that is chosen
    /// for them.
    #[test]
    fn small_budgets_take_little_memory() {
        let sampled = |rate, event| Event::Subsampled {
            sampling: Sampling::Poisson { rate },
            event: Box::new(event),
        };
        let gaussian = |sigma| Event::Gaussian { sigma };
        let laplace = |scale| Event::Laplace { scale };
        let many = (0..10).map(|i| (sampled(1e-3, gaussian(20.0 + f64::from(i))), 500));
        let cases = [
            vec![(sampled(1e-3, gaussian(50.0)), 10_000)],
            vec![(laplace(1e4), 1000)],
            vec![(sampled(1e-2, laplace(10.0)), 3)],
            vec![(Event::Pure { epsilon: 1e-5 }, 100)],
            vec![(Event::Skellam { mu: 1e6, sensitivity: 1 }, 1)],
            many.collect(),
        ];
        for events in cases {
            let delta = 1e-6;
            let outline = Outline::new(&events, delta * TAILS).unwrap();
            let mut aims = aims(&outline, Question::Epsilon(delta));
            let mut grids = grids(&outline.parts, &aims, None);
            let n = window(&outline, &mut aims, delta, &mut grids);
            assert!(n <= LONGEST, "{events:?}: {n}");
            for (part, grid) in outline.parts.iter().zip(&grids) {
                for measure in Measure::of(&part.sampled().unwrap(), *grid) {
                    assert!(measure.points.len() <= 1 << 20, "{:?}", measure.points.len());
                }
            }
            let (exact, bound) = (
                epsilon(&events, delta, None).unwrap(),
                super::super::rdp::epsilon(&events, delta),
            );
            assert!(exact <= bound.unwrap() && exact < 0.02, "{events:?}: {exact}");
        }
    }
}
