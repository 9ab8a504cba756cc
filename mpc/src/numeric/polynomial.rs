//! Polynomials: fitted in f64 when the program starts, evaluated on shares.

use crate::engine::{Engine, RingShares};
use privity_core::{Fixed, Result};

/// Fractional bits inside this module's evaluations. A number of absolute
/// value up to 4 has products below 2^61 at this precision.
pub const INNER: u32 = 28;

/// The monomial coefficients c_0, c_1, ... of the polynomial of `degree` that
/// meets `f` at the Chebyshev points of [-1, 1]; within a small factor of the
/// best approximation (log(degree) by Lebesgue).
pub fn chebyshev_fit(f: impl Fn(f64) -> f64, degree: usize) -> Vec<f64> {
    let points = degree + 1;
    let angle = |i: usize| std::f64::consts::PI * (i as f64 + 0.5) / points as f64;
    let values: Vec<f64> = (0..points).map(|i| f(angle(i).cos())).collect();
    let series: Vec<f64> = (0..points)
        .map(|k| {
            let sum: f64 = (0..points).map(|i| values[i] * (k as f64 * angle(i)).cos()).sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / points as f64
        })
        .collect();
    // T_0 = 1, T_1 = u, T_{k+1} = 2 u T_k - T_{k-1}
    let mut coefficients = vec![0.0; points];
    let (mut before, mut now) = (vec![0.0; points], vec![0.0; points]);
    now[0] = 1.0;
    for (k, &c) in series.iter().enumerate() {
        for (to, t) in coefficients.iter_mut().zip(&now) {
            *to += c * t;
        }
        let factor = if k == 0 { 1.0 } else { 2.0 };
        let mut next: Vec<f64> = before.iter().map(|b| -b).collect();
        for i in 1..points {
            next[i] += factor * now[i - 1];
        }
        before = std::mem::replace(&mut now, next);
    }
    coefficients
}

/// c_0 + c_1 u + c_2 u^2 + ...
pub fn horner(coefficients: &[f64], u: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * u + c)
}

/// u, u^2, ..., u^degree with [`INNER`] fractional bits, for |u| <= 1 + 2^-6.
/// ceil(log2 degree) products with truncation; u^k is within k units of the
/// last place.
pub fn powers<E: Engine>(e: &mut E, u: &E::Ring, degree: usize) -> Result<Vec<E::Ring>> {
    let mut powers = vec![u.clone()];
    while powers.len() < degree {
        // u^(m+1) .. u^2m from u^m, of which at most `degree - m` are wanted.
        let m = powers.len();
        let new = m.min(degree - m);
        let low = E::Ring::concat(&powers[..new].iter().collect::<Vec<_>>());
        let products = e.mul(&low, &powers[m - 1].tile(new), INNER)?;
        let n = u.len();
        powers.extend((0..new).map(|i| products.slice(i * n..(i + 1) * n)));
    }
    Ok(powers)
}

/// A polynomial with public coefficients at |u| <= 1, all with [`INNER`]
/// fractional bits; needs |p(u)| < 32. [`powers`], then one truncation. The
/// rounding error is below 1 + sum k |c_k| units of 2^-[`INNER`].
pub fn evaluate<E: Engine>(e: &mut E, u: &E::Ring, coefficients: &[f64]) -> Result<E::Ring> {
    let inner = Fixed::new(INNER)?;
    let powers = powers(e, u, coefficients.len().saturating_sub(1))?;
    let constant = coefficients.first().copied().unwrap_or(0.0);
    let mut sum = e.public(&vec![inner.constant(constant) << INNER; u.len()]);
    for (power, &c) in powers.iter().zip(&coefficients[1..]) {
        sum = sum.add(&power.scale(inner.constant(c)));
    }
    e.truncate(&sum, INNER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_of_a_polynomial_is_that_polynomial() {
        let p = [0.5, -1.0, 0.25, 2.0];
        let fitted = chebyshev_fit(|u| horner(&p, u), 3);
        for (a, b) in p.iter().zip(&fitted) {
            assert!((a - b).abs() < 1e-14, "{fitted:?}");
        }
        let exp = chebyshev_fit(f64::exp, 10);
        for i in -10..=10 {
            let u = f64::from(i) / 10.0;
            assert!((horner(&exp, u) - u.exp()).abs() < 1e-9);
        }
        assert_eq!(chebyshev_fit(|_| 3.0, 0), [3.0]);
    }
}
