//! The Gaussian mechanism in closed form.
//!
//! **Paper.** Balle, Wang, "Improving the Gaussian Mechanism for Differential Privacy:
//! Analytical Calibration and Optimal Denoising", ICML 2018, theorem 8: with a standard
//! deviation of σ sensitivities
//!
//! \\[ \delta(\varepsilon) = \bar\Phi\bigl(\varepsilon\sigma - \tfrac1{2\sigma}\bigr)
//!     - e^\varepsilon\, \bar\Phi\bigl(\varepsilon\sigma + \tfrac1{2\sigma}\bigr). \qquad (1) \\]
//!
//! Releases with \\(\sigma_1, \sigma_2, \dots\\) are together one release with
//! \\(\sigma^{-2} = \sum_i \sigma_i^{-2}\\) (2). The bound on the round-off of (1) is added, and
//! searches end on the safe side.

use super::event::{Event, probability, refuse};
use super::normal::{U, ln_upper, upper_error};
use crate::Result;

/// The standard deviation of Gaussian noise for (ε, δ) at this sensitivity (L2), rounded up.
pub fn analytic_gaussian(epsilon: f64, delta: f64, sensitivity: f64) -> Result<f64> {
    let rule = "it must be a finite number from 1e-300 to 1e300";
    if !(1e-300..=1e300).contains(&sensitivity) {
        return refuse("sensitivity", rule);
    }
    if !(0.0..=1e6).contains(&epsilon) {
        return refuse("epsilon", "it must be a number from 0 to 1e6");
    }
    probability("delta", delta)?;
    let enough = |sigma: f64| profile(sigma, epsilon) <= delta;
    let (mut low, mut high) = (1e-9f64, 1e9f64);
    if !enough(high) {
        return refuse("epsilon and delta", "they ask for more noise than 1e9 sensitivities");
    }
    while high > low * (1.0 + 1e-14) {
        let middle = (low * high).sqrt();
        if middle <= low || middle >= high {
            break;
        }
        if enough(middle) { high = middle } else { low = middle }
    }
    Ok(high * sensitivity * (1.0 + 4.0 * U))
}

/// δ at ε of Gaussian noise, σ in units of the sensitivity.
pub fn gaussian_delta(sigma: f64, epsilon: f64) -> Result<f64> {
    Event::Gaussian { sigma }.check(crate::Neighbours::Replace)?;
    if !(0.0..=1e6).contains(&epsilon) {
        return refuse("epsilon", "it must be a number from 0 to 1e6");
    }
    Ok(profile(sigma, epsilon))
}

/// ε at δ of Gaussian noise, σ in units of the sensitivity.
pub fn gaussian_epsilon(sigma: f64, delta: f64) -> Result<f64> {
    Event::Gaussian { sigma }.check(crate::Neighbours::Replace)?;
    probability("delta", delta)?;
    if profile(sigma, 0.0) <= delta {
        return Ok(0.0);
    }
    // The mean of the loss and 40 deviations are past every delta that is allowed.
    let (mut low, mut high) = (0.0, 0.5 / (sigma * sigma) + 40.0 / sigma);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if profile(sigma, middle) <= delta { high = middle } else { low = middle }
    }
    Ok(high)
}

/// (1) with the bound on its error.
fn profile(sigma: f64, epsilon: f64) -> f64 {
    let (a, b) = (epsilon * sigma, 0.5 / sigma);
    let first = ln_upper(a - b);
    let second = epsilon + ln_upper(a + b);
    // Logarithms and exponentials add to the error of the tails; beyond 30 the
    // asymptotic series is above by less than 15/x^6.
    let size = a + b;
    let logs = 4.0 * U * (1.0 + first.abs() + second.abs() + epsilon);
    let series = if size > 30.0 { 16.0 / size.powi(6) } else { 0.0 };
    let error = upper_error(size) + logs + series;
    // An error of a logarithm is a factor, which is not near 1 where the error is large.
    let value = (first + error).exp() * (1.0 + 2.0 * U) - (second - error).exp() * (1.0 - 2.0 * U);
    // Out of the floats (NaN) nothing is proved.
    if value < 1.0 { value.max(0.0) } else { 1.0 }
}

/// All Gaussian releases as one (2), and the other events.
pub(super) fn combine(events: &[(Event, u64)]) -> (Vec<(Event, u64)>, Option<f64>) {
    let mut others = Vec::new();
    let mut precision = 0.0;
    for (event, times) in events {
        match event {
            Event::Gaussian { sigma } => precision += *times as f64 / (sigma * sigma),
            event => others.push((event.clone(), *times)),
        }
    }
    // Rounded down: less noise.
    let up = 1.0 + U * (events.len() + 8) as f64;
    let sigma = (precision > 0.0).then(|| 1.0 / (precision * up).sqrt());
    (others, sigma)
}
