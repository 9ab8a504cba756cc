//! The transform behind [`super::pld`], whose equations are cited here.

use super::chernoff::Outline;
use super::measure::{Grid, Measure};
use super::normal::U;
use crate::Result;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::{cell::RefCell, sync::Arc};

/// Powers below this are taken as zero.
const TINY: f64 = 1e-100;

/// θh up to which weights are multiplied up from one to the next.
const GENTLE: f64 = 1e-2;

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum Question {
    /// The least ε for this δ.
    Epsilon(f64),
    /// The least δ for this ε.
    Delta(f64),
}

/// One direction: where its window lies and how it is tilted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aim {
    pub(super) theta: f64,
    /// ε, or a bound from above.
    pub(super) centre: f64,
    /// Whether `centre` is a bound.
    pub(super) guess: bool,
    /// Where (2) is evaluated.
    pub(super) lambda: f64,
    pub(super) start: i64,
}

impl Aim {
    /// The highest start from which ε should be within the window.
    pub(super) fn highest(self) -> f64 {
        // The Chernoff bound is off by a factor of δ, e^6 at most in all cases of interest.
        if self.guess { (self.centre - 6.0 / self.theta).max(0.0) } else { self.centre }
    }
}

/// The upper part of a composed measure.
pub(super) struct Profile {
    /// The loss at the start of the window.
    pub(super) start: f64,
    step: f64,
    /// Masses of the window.
    mass: Vec<f64>,
    /// δ that is there at every ε: infinite losses and (2).
    rest: f64,
    /// ln of (4) at the start of the window, and how it falls. Strong tilts take both out of
    /// the floats and back within one window, so it is kept as a logarithm.
    ln_round_off: f64,
    theta: f64,
    /// All losses may be larger by this.
    shift: f64,
}

impl Profile {
    /// None if the answer lies below the window.
    pub(super) fn ask(&self, question: Question) -> Option<f64> {
        // δ at grid point i from that at i + 1, in positive terms only:
        // D(i) = (1 - e^-h) S(i + 1) + e^-h D(i + 1), S the mass from there on.
        let (fall, rise) = ((-self.step).exp(), -(-self.step).exp_m1());
        let slope = self.theta * self.step;
        let (mut above, mut profile) = (0.0, 0.0);
        let round_off = |i: f64| (self.ln_round_off - slope * i).exp();
        let error = |i: f64| self.rest + round_off(i);
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
                let value = value.max(0.0) * (1.0 + 1e-12) + error(position);
                Some(if value <= 1.0 { value } else { 1.0 })
            }
            Question::Epsilon(delta) => {
                let last = self.mass.len() - 1;
                // Where bounds have left the floats (NaN) nothing is within δ.
                let within = |x: f64| x <= delta;
                if !within(error(last as f64)) {
                    return Some(f64::INFINITY);
                }
                let (mut noise, climb) = (round_off(last as f64), slope.exp());
                for i in (0..last).rev() {
                    above += self.mass[i + 1];
                    let next = rise * above + fall * profile;
                    let fresh = i & 63 == 63 || slope > GENTLE;
                    noise = if fresh { round_off(i as f64) } else { noise * climb };
                    let e = self.rest + noise * (1.0 + 1e-12);
                    if !within(next + e) {
                        // Solve D(i+1) + (D(i) - D(i+1)) (e^h - e^x)/(e^h - 1) = δ - e for
                        // x in [0, h): linear in e^x.
                        let wanted = ((delta - e - profile) / (next - profile)).max(0.0);
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
pub(super) fn compose(
    outline: &Outline,
    grids: &[Grid],
    aims: &[Aim],
    n: usize,
) -> Result<Vec<Profile>> {
    let (forward, inverse) = plans(n);
    let zero = Complex::new(0.0, 0.0);
    let mut scratch = vec![zero; forward.get_inplace_scratch_len()];
    let mut buffer = vec![zero; n];
    let half = n / 2 + 1;
    let mut spectra = vec![vec![Complex::new(1.0, 0.0); half]; aims.len()];
    let phi = 32.0 * U * (n as f64).log2();
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
        // The masses, whose sum bounds the spectrum, sum to one up to round-off.
        let points = measures.iter().map(|m| m.points.len()).max().unwrap_or(0);
        growth += times * (phi * root * norm + U * (points as f64 + 16.0));
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
        // Above e^700 (4) alone is more than any δ, so that masses do not matter.
        let slope = aim.theta * step;
        let weight = |i: usize| (base - slope * i as f64).min(700.0).exp() * inv * grow;
        let first = aim.start & (n as i64 - 1);
        // One exponential a block; products within it err by less than 2 u a step, which
        // `grow` has room for. Not where a block falls far: its first weight may be cut.
        let fall = (-slope).exp();
        let mut factor = 0.0;
        let mut mass = Vec::with_capacity(n);
        for i in 0..n {
            factor = if i & 63 == 0 || slope > GENTLE { weight(i) } else { factor * fall };
            let cell = buffer[(first as usize + i) & (n - 1)];
            mass.push((if d == 0 { cell.re } else { cell.im }).max(0.0) * factor);
        }
        Profile {
            start,
            step,
            mass,
            rest: (-infinite.exp_m1() + chernoff.exp()) * (1.0 + 1e-9),
            ln_round_off: base + (grow * error).ln() + ln_weights_norm(slope, step, n) + 1e-9,
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

/// ln of a bound on the norm of w in (4): n terms with \\(1 - e^{-ih} \le \min(1, ih)\\), of
/// which the first is 0 and the second may have left the floats.
fn ln_weights_norm(slope: f64, step: f64, n: usize) -> f64 {
    let ln_rest = (-(-2.0 * slope).exp_m1()).ln();
    let linear = 2.0 * step.ln() - 2.0 * slope + (-2.0 * slope).exp().ln_1p() - 3.0 * ln_rest;
    0.5 * (-ln_rest).min(linear).min((n as f64).ln())
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
