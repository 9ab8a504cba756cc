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
//! relative error (2-norm) of at most \\(\phi = 16 u \log_2 n\\) (Higham, "Accuracy and
//! Stability of Numerical Algorithms", theorem 24.2, for exact twiddles to u about half of
//! that). All spectra are at most 1 in absolute value, so that a product of powers errs by
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
//! this is its share of the tolerance, as a multiple of the smallest one.

use super::chernoff::{Outline, Part};
use super::event::Event;
use super::measure::{Grid, Measure};
use super::normal::U;
use crate::Result;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::{cell::RefCell, sync::Arc};

/// The part of ε that the grid may cost.
const TOLERANCE: f64 = 4e-6;
/// The part of δ that cut tails may cost.
const TAILS: f64 = 1e-7;
/// The part of δ that wrapping may cost.
const SLIP: f64 = 1e-6;
/// The longest transform: 16 MB a buffer, of which there are few.
const LONGEST: usize = 1 << 20;
const SHORTEST: usize = 1 << 8;
/// The most intervals of one event.
const MOST_INTERVALS: f64 = (1 << 20) as f64;

/// Powers below this are taken as zero.
const TINY: f64 = 1e-100;

/// What is asked.
#[derive(Clone, Copy)]
enum Question {
    /// The least ε for this δ.
    Epsilon(f64),
    /// The least δ for this ε.
    Delta(f64),
}

/// An upper bound on ε at δ, or infinity.
pub(super) fn epsilon(events: &[(Event, u64)], delta: f64, grid: Option<f64>) -> Result<f64> {
    let outline = Outline::new(events, delta * TAILS)?;
    answer(&outline, Question::Epsilon(delta), delta, grid)
}

/// An upper bound on δ at ε.
pub(super) fn delta(events: &[(Event, u64)], epsilon: f64, grid: Option<f64>) -> Result<f64> {
    // Tails must be small against a δ that is not known yet.
    let mut scale = 1e-10;
    let mut best = 1.0f64;
    for _ in 0..6 {
        let outline = Outline::new(events, scale * TAILS)?;
        best = best.min(answer(&outline, Question::Delta(epsilon), scale, grid)?);
        if best >= scale {
            break;
        }
        scale = (best * 1e-3).powf(1.2).max(1e-240);
    }
    Ok(best)
}

/// One direction: where its window lies and how it is tilted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aim {
    pub(super) theta: f64,
    /// ε, or a bound from above.
    centre: f64,
    /// Whether `centre` is a bound.
    guess: bool,
    /// Where (2) is evaluated.
    lambda: f64,
    start: i64,
}

impl Aim {
    /// The highest start from which ε should be within the window.
    pub(super) fn highest(self) -> f64 {
        // The Chernoff bound is off by a factor of δ, e^6 at most in all cases of interest.
        if self.guess { (self.centre - 6.0 / self.theta).max(0.0) } else { self.centre }
    }
}

fn answer(outline: &Outline, question: Question, scale: f64, grid: Option<f64>) -> Result<f64> {
    let directions = outline.directions();
    let mut aims: Vec<Aim> = (0..directions)
        .map(|d| {
            let (theta, centre) = match question {
                Question::Epsilon(delta) => outline.epsilon(d, delta),
                Question::Delta(epsilon) => (outline.delta(d, epsilon), epsilon),
            };
            let guess = matches!(question, Question::Epsilon(_));
            Aim { theta, centre, guess, ..Aim::default() }
        })
        .collect();
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

/// Chooses the windows; makes the grid coarser if they would be too long.
fn window(outline: &Outline, aims: &mut [Aim], scale: f64, grids: &mut [Grid]) -> usize {
    let Some(first) = grids.first() else { return SHORTEST };
    let slip = (SLIP * scale).ln();
    let times: f64 = outline.parts.iter().map(|p| p.times as f64).sum();
    let mut step = first.step;
    loop {
        let mut n = SHORTEST;
        while n <= LONGEST {
            let length = n as f64 * step;
            // (3) and (4), with a typical norm of one event's law.
            let noise = (60.0 * U * times / step.sqrt()).ln();
            let found: Option<Vec<_>> = aims
                .iter()
                .enumerate()
                .map(|(d, aim)| outline.window(d, *aim, (length, step), slip, noise))
                .collect();
            // An answer from a grid that is too coarse is still a bound.
            if found.is_some() || step > 1e6 {
                for (d, (theta, start)) in found.unwrap_or_default().into_iter().enumerate() {
                    aims[d].theta = theta;
                    aims[d].start = (start / step).floor() as i64 - 1;
                    aims[d].lambda = outline.steepest(d, (aims[d].start as f64 + n as f64) * step);
                }
                return n;
            }
            n *= 2;
        }
        step *= 2.0;
        for grid in grids.iter_mut() {
            grid.step = step;
            grid.stride = (grid.stride / 2).max(1);
        }
    }
}

/// The upper part of a composed measure.
struct Profile {
    /// The loss at the start of the window.
    start: f64,
    step: f64,
    /// Masses of the window.
    mass: Vec<f64>,
    /// δ that is there at every ε: infinite losses and (2).
    rest: f64,
    /// (4) at the start of the window, and how it falls.
    round_off: f64,
    theta: f64,
    /// All losses may be larger by this.
    shift: f64,
}

impl Profile {
    /// None if the answer lies below the window.
    fn ask(&self, question: Question) -> Option<f64> {
        // δ at grid point i from that at i + 1, in positive terms only:
        // D(i) = (1 - e^-h) S(i + 1) + e^-h D(i + 1), S the mass from there on.
        let (fall, rise) = ((-self.step).exp(), -(-self.step).exp_m1());
        let slope = (-self.theta * self.step).exp();
        let (mut above, mut profile) = (0.0, 0.0);
        let error = |i: f64| self.rest + self.round_off * (-self.theta * self.step * i).exp();
        match question {
            Question::Delta(epsilon) => {
                let position = (epsilon - self.shift - self.start) / self.step;
                // Below the window δ is not known. Shifts are far smaller than a step.
                if position < 0.0 {
                    return Some(1.0);
                }
                let cell = position.floor().min(self.mass.len() as f64) as usize;
                for mass in self.mass[(cell + 1).min(self.mass.len())..].iter().rev() {
                    above += mass;
                    profile = rise * above + fall * profile;
                }
                // Now at `cell`; between grid points δ is linear in e^ε.
                let inside = (position - cell as f64) * self.step;
                let value = profile - inside.exp_m1() * (above - profile);
                Some((value.max(0.0) * (1.0 + 1e-12) + error(position)).min(1.0))
            }
            Question::Epsilon(delta) => {
                let last = self.mass.len() - 1;
                let mut e = error(last as f64);
                if e > delta {
                    return Some(f64::INFINITY);
                }
                let climb = 1.0 / slope;
                for i in (0..last).rev() {
                    above += self.mass[i + 1];
                    let next = rise * above + fall * profile;
                    e = self.rest + (e - self.rest) * climb;
                    if next + e > delta {
                        // Solve D(i+1) + (D(i) - D(i+1)) (e^h - e^x)/(e^h - 1) = δ - e for
                        // x in [0, h): linear in e^x.
                        let wanted = (delta - e - profile).max(0.0) / (next - profile);
                        let x = (self.step.exp_m1() * (1.0 - wanted.min(1.0))).ln_1p();
                        let epsilon = self.start + i as f64 * self.step + x;
                        return Some(epsilon.max(0.0) + self.shift);
                    }
                    profile = next;
                }
                if self.start <= 0.0 { Some(self.shift) } else { None }
            }
        }
    }
}

/// All directions at once, two real sequences in one transform.
fn compose(outline: &Outline, grids: &[Grid], aims: &[Aim], n: usize) -> Result<Vec<Profile>> {
    let (forward, inverse) = plans(n);
    let zero = Complex::new(0.0, 0.0);
    let mut scratch = vec![zero; forward.get_inplace_scratch_len()];
    let mut buffer = vec![zero; n];
    let half = n / 2 + 1;
    let mut spectra = vec![vec![Complex::new(1.0, 0.0); half]; aims.len()];
    let phi = 16.0 * U * (n as f64).log2();
    let root = (n as f64).sqrt();
    let (mut from_input, mut growth, mut products) = (0.0, 0.0, 0.0);
    let mut log_mass = vec![0.0; aims.len()];
    let mut relative = vec![0.0; aims.len()];
    let mut rest = vec![Rest::default(); aims.len()];
    let step = grids.first().map_or(1.0, |g| g.step);
    for (part, grid) in outline.parts.iter().zip(grids) {
        // Made anew and dropped: only one event's law is held at a time.
        let measures = Measure::of(&part.sampled()?, *grid);
        let times = part.times as f64;
        buffer.fill(zero);
        let mut norm = 0.0;
        for (d, aim) in aims.iter().enumerate() {
            let measure = measures.get(d).unwrap_or(&measures[0]);
            let ln = measure.tilt(aim.theta, |index, mass| {
                let cell = &mut buffer[(index & (n as i64 - 1)) as usize];
                if d == 0 { cell.re += mass } else { cell.im += mass }
            });
            log_mass[d] += times * ln;
            let exponent = aim.theta * measure.reach();
            relative[d] += times * (2.0 * exponent + ln.abs() + 16.0) * 2.0 * U;
            let error =
                U * (measure.points.len() as f64 + 4.0 * aim.lambda * measure.reach() + 16.0);
            rest[d].chernoff += times * (measure.tilt(aim.lambda, |_, _| ()) + error);
            rest[d].infinite += times * (-measure.infinite.min(1.0)).ln_1p();
            rest[d].shift += times * measure.shift;
        }
        for cell in &buffer {
            norm += cell.norm_sqr();
        }
        let norm = norm.sqrt();
        from_input += times * phi * norm;
        growth += times * phi * root * norm;
        products += times + 1.0;
        forward.process_with_scratch(&mut buffer, &mut scratch);
        if aims.len() == 1 {
            multiply(&buffer, &mut spectra[0], part.times, |z, mirror| 0.5 * (z + mirror));
        } else {
            let i = Complex::new(0.0, -0.5);
            multiply(&buffer, &mut spectra[0], part.times, |z, mirror| 0.5 * (z + mirror));
            multiply(&buffer, &mut spectra[1], part.times, |z, mirror| i * (z - mirror));
        }
    }
    for k in 0..half {
        let x = spectra[0][k];
        let y = if aims.len() == 1 { zero } else { spectra[1][k] };
        let i = Complex::new(0.0, 1.0);
        buffer[k] = x + i * y;
        if k > 0 && k < n / 2 {
            buffer[n - k] = x.conj() + i * y.conj();
        }
    }
    inverse.process_with_scratch(&mut buffer, &mut scratch);
    let inv = 1.0 / n as f64;
    let norm = buffer.iter().map(Complex::norm_sqr).sum::<f64>().sqrt() * inv;
    // (3); the norm of the result is itself known up to the error.
    let from_input = from_input * f64::exp(growth);
    let error = (from_input + (phi + 12.0 * U * products) * (norm + from_input)) * 1.01 + 1e-90;
    let profile = |(d, aim): (usize, &Aim)| {
        let grow = (relative[d] + (n as f64 * 8.0 + 256.0) * U).exp();
        let top = (aim.start as f64 + n as f64) * step;
        let Rest { chernoff, infinite, shift } = rest[d];
        let chernoff = (chernoff - aim.lambda * top) + 4.0 * U * chernoff.abs();
        let start = aim.start as f64 * step;
        let base = log_mass[d] - aim.theta * start;
        let weight = |i: usize| (base - aim.theta * step * i as f64).min(700.0).exp() * inv * grow;
        let first = aim.start & (n as i64 - 1);
        // One exponential a block; products within it err by less than 2 u a step, which
        // `grow` has room for.
        let fall = (-aim.theta * step).exp();
        let mut factor = 0.0;
        let mut mass = Vec::with_capacity(n);
        for i in 0..n {
            factor = if i & 63 == 0 { weight(i) } else { factor * fall };
            let cell = buffer[(first as usize + i) & (n - 1)];
            mass.push((if d == 0 { cell.re } else { cell.im }).max(0.0) * factor);
        }
        Profile {
            start,
            step,
            mass,
            rest: (-infinite.exp_m1() + chernoff.exp()) * (1.0 + 1e-9),
            round_off: base.min(700.0).exp() * grow * error * weights_norm(aim.theta, step, n),
            theta: aim.theta,
            shift,
        }
    };
    Ok(aims.iter().enumerate().map(profile).collect())
}

/// What adds up over events besides their laws.
#[derive(Clone, Copy, Default)]
struct Rest {
    /// K(λ) of (2).
    chernoff: f64,
    /// ln of the probability that no loss is infinite.
    infinite: f64,
    shift: f64,
}

/// A bound on the norm of w in (4): n terms with \\(1 - e^{-ih} \le \min(1, ih)\\).
fn weights_norm(theta: f64, step: f64, n: usize) -> f64 {
    let x = (-2.0 * theta * step).exp();
    let rest = -(-2.0 * theta * step).exp_m1();
    let plain = 1.0 / rest;
    let linear = step * step * x * (1.0 + x) / (rest * rest * rest);
    plain.min(linear).min(n as f64).sqrt() * (1.0 + 1e-9)
}

/// Multiplies `spectrum` by powers of one of the two real sequences behind `buffer`, in
/// lanes that the compiler turns into vectors.
fn multiply(
    buffer: &[Complex<f64>],
    spectrum: &mut [Complex<f64>],
    times: u64,
    part: impl Fn(Complex<f64>, Complex<f64>) -> Complex<f64>,
) {
    const LANES: usize = 16;
    let n = buffer.len();
    for (block, out) in spectrum.chunks_mut(LANES).enumerate() {
        let mut square = ([0.0; LANES], [0.0; LANES]);
        let mut power = ([0.0; LANES], [0.0; LANES]);
        for (lane, value) in out.iter().enumerate() {
            let k = block * LANES + lane;
            let z = part(buffer[k], buffer[(n - k) & (n - 1)].conj());
            (square.0[lane], square.1[lane]) = (z.re, z.im);
            (power.0[lane], power.1[lane]) = (value.re, value.im);
        }
        let mut rest = times;
        loop {
            if rest & 1 == 1 {
                for lane in 0..LANES {
                    let (a, b) = (power.0[lane], power.1[lane]);
                    let (c, d) = (square.0[lane], square.1[lane]);
                    (power.0[lane], power.1[lane]) = (a * c - b * d, a * d + b * c);
                }
            }
            rest >>= 1;
            if rest == 0 {
                break;
            }
            for lane in 0..LANES {
                let (c, d) = (square.0[lane], square.1[lane]);
                let (re, im) = (c * c - d * d, 2.0 * c * d);
                // Subnormal numbers are slow: TINY is in the bound of the error.
                let keep = if re.abs() + im.abs() > TINY { 1.0 } else { 0.0 };
                (square.0[lane], square.1[lane]) = (re * keep, im * keep);
            }
        }
        for (lane, value) in out.iter_mut().enumerate() {
            *value = Complex::new(power.0[lane], power.1[lane]);
        }
    }
}

/// A plan of the forward and one of the inverse transform.
type Plans = (Arc<dyn Fft<f64>>, Arc<dyn Fft<f64>>);

thread_local! {
    static PLANNER: RefCell<FftPlanner<f64>> = RefCell::new(FftPlanner::new());
}

/// Plans are kept for lengths that are small enough to stay.
fn plans(n: usize) -> Plans {
    let plan = |p: &mut FftPlanner<f64>| (p.plan_fft_forward(n), p.plan_fft_inverse(n));
    if n > 1 << 18 {
        return plan(&mut FftPlanner::new());
    }
    PLANNER.with_borrow_mut(plan)
}

/// The share of each event of the tolerance, and the grids that follow.
fn grids(parts: &[Part], aims: &[Aim], explicit: Option<f64>) -> Vec<Grid> {
    let share = TOLERANCE / parts.len().max(1) as f64;
    let wanted = |part: &Part| {
        let of = |aim: &Aim| {
            let tolerance = share * aim.centre.max(1e-3 / aim.theta);
            (12.0 * tolerance / ((1.0 + aim.theta) * part.times as f64)).sqrt()
        };
        let least = aims.iter().map(of).fold(f64::INFINITY, f64::min);
        // Never so many intervals that memory grows.
        let most = (part.span / MOST_INTERVALS).max(1e-12);
        explicit.unwrap_or(least).max(most).min(1e3)
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
    wanted.iter().map(|w| Grid { step, stride: stride(w) }).collect()
}
