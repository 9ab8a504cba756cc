//! Zero-concentrated differential privacy.
//!
//! **Papers.** Bun, Steinke, "Concentrated Differential Privacy", TCC 2016 (BS16); Canonne,
//! Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020 (CKS20).
//!
//! ρ adds up (BS16, lemma 7). ρ of one release:
//! \\(\varepsilon^2/2\\) for ε-differential privacy (BS16, proposition 4),
//! \\(1/2\sigma^2\\) for Gaussian noise, \\(\Delta^2/2\sigma^2\\) for discrete Gaussian noise
//! (CKS20, theorem 4). δ of approximate events is set aside and added at the end.
//!
//! A Rényi divergence of at most τ at one order α > 1 gives (CKS20, proposition 12)
//!
//! \\[ \delta = \frac{e^{(\alpha - 1)(\tau - \varepsilon)}}{\alpha - 1}
//!     \Bigl(1 - \frac1\alpha\Bigr)^\alpha, \qquad
//!     \varepsilon = \tau + \frac{\ln(1/\delta) - \ln(\alpha - 1) + \alpha \ln(1 - 1/\alpha)}{\alpha - 1}.
//!     \qquad (1) \\]
//!
//! ρ-zCDP has τ = ρα at every α (corollary 13). Each α gives a valid bound, so a search for
//! the least cannot go wrong.

use super::event::{Event, probability, refuse};
use crate::Result;

/// ε of ρ-zCDP at δ, the best that its Rényi divergences prove (CKS20, corollary 13).
pub fn zcdp_epsilon(rho: f64, delta: f64) -> Result<f64> {
    check(rho)?;
    probability("delta", delta)?;
    Ok(search(|order| epsilon_at(order, rho * order, delta)) * UP)
}

/// δ of ρ-zCDP at ε, by the same bound.
pub fn zcdp_delta(rho: f64, epsilon: f64) -> Result<f64> {
    check(rho)?;
    if !(0.0..=1e6).contains(&epsilon) {
        return refuse("epsilon", "it must be a number from 0 to 1e6");
    }
    let ln = search(|order| ln_delta_at(order, rho * order, epsilon));
    Ok((ln.exp() * UP).min(1.0))
}

/// The looser bound of BS16, proposition 3: \\(\varepsilon = \rho + 2\sqrt{\rho \ln(1/\delta)}\\).
pub fn zcdp_epsilon_bs16(rho: f64, delta: f64) -> Result<f64> {
    check(rho)?;
    probability("delta", delta)?;
    Ok((rho + 2.0 * (rho * -delta.ln()).sqrt()) * UP)
}

pub(super) fn epsilon(events: &[(Event, u64)], delta: f64) -> Result<f64> {
    let (rho, spent) = total(events)?;
    let left = delta - spent;
    if left <= 0.0 {
        return Ok(f64::INFINITY);
    }
    Ok(search(|order| epsilon_at(order, rho * order, left)) * UP)
}

pub(super) fn delta(events: &[(Event, u64)], epsilon: f64) -> Result<f64> {
    let (rho, spent) = total(events)?;
    let ln = search(|order| ln_delta_at(order, rho * order, epsilon));
    Ok((ln.exp() * UP + spent).min(1.0))
}

/// Logarithms, exponentials and sums here err by a few units in the last place of terms that
/// are at most 1e3 times the result.
pub(super) const UP: f64 = 1.0 + 1e-12;

/// (1), never below 0.
pub(super) fn epsilon_at(order: f64, divergence: f64, delta: f64) -> f64 {
    let less = order - 1.0;
    let rest = -delta.ln() - less.ln() + order * (-1.0 / order).ln_1p();
    (divergence + rest / less).max(0.0)
}

/// The logarithm of (1), at most 0.
pub(super) fn ln_delta_at(order: f64, divergence: f64, epsilon: f64) -> f64 {
    let less = order - 1.0;
    (less * (divergence - epsilon) - less.ln() + order * (-1.0 / order).ln_1p()).min(0.0)
}

/// The least value over orders: a scan, and a golden section about the best.
pub(super) fn search(value: impl Fn(f64) -> f64) -> f64 {
    let order = |x: f64| 1.0 + x.exp();
    let scan = (-80..=160).map(|i| 0.125 * f64::from(i));
    let best = scan
        .map(|x| (x, value(order(x))))
        .fold((0.0, f64::INFINITY), |best, x| if x.1 < best.1 { x } else { best });
    let (mut low, mut high) = (best.0 - 0.125, best.0 + 0.125);
    let mut least = best.1;
    for _ in 0..30 {
        let (a, b) = (high - 0.618_034 * (high - low), low + 0.618_034 * (high - low));
        let (at_a, at_b) = (value(order(a)), value(order(b)));
        least = least.min(at_a).min(at_b);
        if at_a < at_b { high = b } else { low = a }
    }
    least
}

/// The sum of ρ and of δ, rounded up.
fn total(events: &[(Event, u64)]) -> Result<(f64, f64)> {
    let (mut rho, mut delta) = (0.0, 0.0);
    for (event, times) in events {
        let of = match (event.linear(), event.approximate()) {
            (Some(rho), _) => (rho, 0.0),
            (None, Some((epsilon, delta))) => (0.5 * epsilon * epsilon, delta),
            (None, None) => {
                let rule = "no rho is known for it: use Method::Rdp or Pld";
                return refuse("event", rule);
            }
        };
        rho += of.0 * *times as f64;
        delta += of.1 * *times as f64;
    }
    let up = 1.0 + f64::EPSILON * (events.len() + 8) as f64;
    Ok((rho * up, delta * up))
}

fn check(rho: f64) -> Result<()> {
    Event::Zcdp { rho }.check(crate::Neighbours::Replace)
}
