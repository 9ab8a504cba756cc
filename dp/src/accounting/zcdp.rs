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

/// (1), never below 0. A NaN stays one and proves nothing.
pub(super) fn epsilon_at(order: f64, divergence: f64, delta: f64) -> f64 {
    let value = divergence + (hockey(order) - delta.ln()) / (order - 1.0);
    if value < 0.0 { 0.0 } else { value }
}

/// The logarithm of (1), at most 0.
pub(super) fn ln_delta_at(order: f64, divergence: f64, epsilon: f64) -> f64 {
    ((order - 1.0) * (divergence - epsilon) + hockey(order)).min(0.0)
}

/// \\(-\ln(\alpha - 1) + \alpha \ln(1 - 1/\alpha)\\). Near 1 both terms are large and the
/// result is not: then in terms that are small themselves.
fn hockey(order: f64) -> f64 {
    let less = order - 1.0;
    if less < 1.0 {
        less * less.ln() - order * less.ln_1p()
    } else {
        order * (-1.0 / order).ln_1p() - less.ln()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// mpmath, 60 digits, at the floats nearest to the orders.
    #[test]
    fn conversions_near_order_one_keep_their_digits() {
        for (order, exact) in [
            (1.000_001, -1.481_551_105_682_755_1e-05),
            (1.000_1, -0.001_021_039_037_030_858_5),
            (1.25, -0.625_503_029_422_734_8),
            (1.5, -0.954_771_252_442_219_3),
            (1.999, -1.385_600_963_814_257_7),
        ] {
            let found = hockey(order);
            assert!((found - exact).abs() <= 1e-15 * exact.abs(), "{order}: {found} {exact}");
        }
        assert!(epsilon_at(2.0, f64::NAN, 1e-5).is_nan());
        assert_eq!(ln_delta_at(2.0, f64::NAN, 1.0), 0.0);
    }
}
