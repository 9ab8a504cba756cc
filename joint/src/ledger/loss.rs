//! Losses as whole numbers, so that sums are exact whatever their order.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What losses are measured in. Both add up, also if each release depends on earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// (epsilon, delta), summed.
    Approximate,
    /// rho of zero-concentrated differential privacy, with a delta besides: delta-approximate
    /// rho-zCDP of Bun and Steinke, TCC 2016.
    Zcdp,
}

/// Which way a number between two units goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// For costs.
    Up,
    /// For caps.
    Down,
}

/// A cost, a cap or a balance: epsilon or rho in units of 10^-12, and delta in units
/// of 10^-18. Decimal units, so that ten costs of 0.1 fit into a cap of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    pub(super) measure: Measure,
    /// In units of 10^-12.
    pub(super) loss: u64,
    /// In units of 10^-18.
    pub(super) delta: u64,
}

/// Decimal places of a unit.
const LOSS: u32 = 12;
const DELTA: u32 = 18;
/// Losses up to 10^6: above, nothing is private, and sums stay far from 2^64.
const MOST: u64 = 1_000_000 * 10u64.pow(LOSS);
const ONE: u64 = 10u64.pow(DELTA);

impl Loss {
    /// A cost in (epsilon, delta), rounded up. The float 0.1 is a little more than one tenth
    /// and becomes one unit more; [`Loss::read`] takes "0.1" as it is.
    pub fn approximate(epsilon: f64, delta: f64) -> Result<Self> {
        Self::cost(Measure::Approximate, epsilon, delta)
    }

    /// A cost in rho, rounded up.
    pub fn zcdp(rho: f64, delta: f64) -> Result<Self> {
        Self::cost(Measure::Zcdp, rho, delta)
    }

    fn cost(measure: Measure, loss: f64, delta: f64) -> Result<Self> {
        let units = |x: f64, scale| ceil(x, scale).ok_or_else(|| wrong(measure, &x.to_string()));
        Self::new(measure, units(loss, LOSS)?, units(delta, DELTA)?)
    }

    /// Reads decimal numbers such as "0.5" and "1e-6".
    pub fn read(measure: Measure, loss: &str, delta: &str, round: Round) -> Result<Self> {
        let units = |text, scale| parse(text, scale, round).ok_or_else(|| wrong(measure, text));
        Self::new(measure, units(loss, LOSS)?, units(delta, DELTA)?)
    }

    fn new(measure: Measure, loss: u64, delta: u64) -> Result<Self> {
        let made = Self { measure, loss, delta };
        match made.in_range() {
            true => Ok(made),
            false => Err(wrong(measure, &made.to_string())),
        }
    }

    pub(super) fn in_range(&self) -> bool {
        self.loss <= MOST && self.delta <= ONE
    }

    pub(super) fn none(measure: Measure) -> Self {
        Self { measure, loss: 0, delta: 0 }
    }

    /// The measure.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// Epsilon or rho in units of 10^-12, and delta in units of 10^-18.
    pub fn units(&self) -> (u64, u64) {
        (self.loss, self.delta)
    }

    /// Epsilon or rho, and delta, for reading.
    pub fn to_f64(&self) -> (f64, f64) {
        (self.loss as f64 / 1e12, self.delta as f64 / 1e18)
    }

    /// Whether nothing is lost.
    pub fn is_zero(&self) -> bool {
        (self.loss, self.delta) == (0, 0)
    }

    /// Whether both coordinates are at most those of another loss in the same measure.
    pub fn fits(&self, other: &Self) -> bool {
        self.measure == other.measure && self.loss <= other.loss && self.delta <= other.delta
    }

    /// The sum. What is at the end of the range stays there, above every cap.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            measure: self.measure,
            loss: self.loss.saturating_add(other.loss),
            delta: self.delta.saturating_add(other.delta),
        }
    }

    /// The difference, not below zero.
    pub(super) fn minus(&self, other: &Self) -> Self {
        Self {
            measure: self.measure,
            loss: self.loss.saturating_sub(other.loss),
            delta: self.delta.saturating_sub(other.delta),
        }
    }

    /// The smaller of both, in each coordinate.
    pub(super) fn min(&self, other: &Self) -> Self {
        let (loss, delta) = (self.loss.min(other.loss), self.delta.min(other.delta));
        Self { measure: self.measure, loss, delta }
    }

    /// An epsilon that holds with this delta, for reading; none if delta is too small.
    ///
    /// For zCDP it is the least over \\(\alpha > 1\\), as found by search, of
    ///
    /// \\[ \rho\alpha + \frac{\ln(1/\alpha\delta)}{\alpha-1} + \ln(1-1/\alpha) \qquad (1) \\]
    ///
    /// (Canonne, Kamath and Steinke, NeurIPS 2020); every \\(\alpha\\) gives a bound.
    pub fn epsilon_at(&self, delta: f64) -> Option<f64> {
        let (loss, own) = self.to_f64();
        match self.measure {
            Measure::Approximate => (delta >= own).then_some(loss),
            _ if delta.is_nan() || delta <= own || delta >= 1.0 => None,
            Measure::Zcdp if self.loss == 0 => Some(0.0),
            Measure::Zcdp => {
                let delta = delta - own;
                // (1), over the logarithm of alpha - 1
                let bound = |t: f64| {
                    let alpha = 1.0 + t.exp();
                    loss * alpha - (alpha * delta).ln() / t.exp() + (-1.0 / alpha).ln_1p()
                };
                let [mut low, mut high] = [-30.0, 60.0];
                for _ in 0..200 {
                    let third = (high - low) / 3.0;
                    match bound(low + third) < bound(high - third) {
                        true => high -= third,
                        false => low += third,
                    }
                }
                Some(bound(low).max(0.0) * (1.0 + 1e-9))
            }
        }
    }
}

impl Measure {
    /// What its losses are called.
    pub fn letter(self) -> &'static str {
        match self {
            Measure::Approximate => "epsilon",
            Measure::Zcdp => "rho",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.measure.letter(), decimal(self.loss, LOSS))?;
        match self.delta {
            0 => Ok(()),
            delta => write!(f, ", delta {}", decimal(delta, DELTA)),
        }
    }
}

fn wrong(measure: Measure, what: &str) -> Error {
    Error::argument(
        "budget",
        format!("'{what}' is no {} and no delta", measure.letter()),
        "give a decimal number such as 0.5 or 1e-6: at least 0, at most 1000000, delta at most 1",
    )
}

/// The least number of units of 10^-scale that is not below x.
fn ceil(x: f64, scale: u32) -> Option<u64> {
    if !(0.0..=1e6).contains(&x) {
        return None;
    }
    // x = m 2^-shift
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    let m = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    // At most 1e6 < 2^20, so the exponent is at most 1023 + 19.
    let shift = 1075 - exponent.max(1);
    // Less than 2^53 10^18 < 2^113.
    let product = u128::from(m) * 10u128.pow(scale);
    if shift >= 128 {
        return Some(u64::from(m != 0));
    }
    let whole = product >> shift;
    u64::try_from(whole + u128::from(whole << shift != product)).ok()
}

/// A decimal number in units of 10^-scale.
fn parse(text: &str, scale: u32, round: Round) -> Option<u64> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let ok = digits.bytes().all(|b| b.is_ascii_digit()) && (1..=36).contains(&digits.len());
    if !ok || exponent.abs() > 1000 {
        return None;
    }
    let digits: u128 = digits.parse().ok()?;
    // units = digits 10^power
    let power = exponent - fraction.len() as i32 + scale as i32;
    if digits == 0 {
        return Some(0);
    }
    let units = if power >= 0 {
        digits.checked_mul(10u128.checked_pow(power.unsigned_abs())?)?
    } else {
        match 10u128.checked_pow(power.unsigned_abs()) {
            Some(by) => digits / by + u128::from(round == Round::Up && !digits.is_multiple_of(by)),
            None => u128::from(round == Round::Up),
        }
    };
    u64::try_from(units).ok()
}

/// The shortest text of units of 10^-scale, exact.
fn decimal(units: u64, scale: u32) -> String {
    let one = 10u64.pow(scale);
    let (whole, rest) = (units / one, units % one);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = units.to_string();
    let digits = digits.trim_end_matches('0');
    if units < one / 1000 {
        let power = scale as usize + 1 - units.to_string().len();
        let (first, more) = digits.split_at(1);
        let point = if more.is_empty() { "" } else { "." };
        return format!("{first}{point}{more}e-{power}");
    }
    let fraction = format!("{rest:0width$}", width = scale as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(loss: &str, delta: &str, round: Round) -> Loss {
        Loss::read(Measure::Approximate, loss, delta, round).unwrap()
    }

    #[test]
    fn decimals_are_exact_and_others_go_the_safe_way() {
        assert_eq!(read("0.1", "1e-6", Round::Up).units(), (100_000_000_000, 1_000_000_000_000));
        assert_eq!(read("1e-13", "1e-30", Round::Up).units(), (1, 1));
        assert_eq!(read("1e-13", "1e-300", Round::Down).units(), (0, 0));
        assert_eq!(read("1.5", "0", Round::Down).to_string(), "epsilon 1.5");
        assert_eq!(read("12.05", "2.5e-7", Round::Up).to_string(), "epsilon 12.05, delta 2.5e-7");
        assert_eq!(read("0.00001", "1", Round::Up).to_string(), "epsilon 1e-5, delta 1");
        // The floats of 0.1 and 1e-6 are above and below what is written.
        assert_eq!(Loss::approximate(0.1, 0.0).unwrap().units().0, 100_000_000_001);
        assert_eq!(Loss::zcdp(0.5, 1e-6).unwrap().units(), (500_000_000_000, 1_000_000_000_000));
        assert_eq!(Loss::zcdp(f64::MIN_POSITIVE, 5e-324).unwrap().units(), (1, 1));
        assert_eq!(Loss::zcdp(1e6, 1.0).unwrap().units(), (MOST, ONE));
    }

    #[test]
    fn what_is_no_loss_is_refused() {
        for text in ["", "-1", "nan", "inf", "1e", "1e7", ".", "1,5", "0x1", "1e9999", "1 "] {
            assert!(Loss::read(Measure::Zcdp, text, "0", Round::Up).is_err(), "{text}");
        }
        assert!(Loss::read(Measure::Zcdp, "1", "1.1", Round::Up).is_err());
        for x in [-1.0, f64::NAN, f64::INFINITY, 1e7, -1e-300] {
            assert!(Loss::approximate(x, 0.0).is_err(), "{x}");
            assert!(Loss::approximate(0.0, x).is_err(), "{x}");
        }
    }

    #[test]
    fn zcdp_is_shown_as_epsilon() {
        // Never above the formula of Bun and Steinke, rho + 2 sqrt(rho ln 1/delta).
        for (rho, delta) in [(0.005, 1e-5), (0.1, 1e-6), (1.0, 1e-9), (20.0, 1e-3), (1e-9, 1e-6)] {
            let shown = Loss::zcdp(rho, 0.0).unwrap().epsilon_at(delta).unwrap();
            let plain = rho + 2.0 * (rho * (1.0 / delta).ln()).sqrt();
            assert!(shown <= plain, "{rho}: {shown} {plain}");
            // And not below the exact Gaussian mechanism, which is about 0.7 of it or more.
            assert!(rho < 1e-6 || shown > 0.6 * plain, "{rho}: {shown} {plain}");
        }
        assert_eq!(Loss::zcdp(0.0, 0.0).unwrap().epsilon_at(1e-6), Some(0.0));
        assert_eq!(Loss::zcdp(1.0, 1e-5).unwrap().epsilon_at(1e-6), None);
        assert_eq!(Loss::approximate(1.0, 1e-5).unwrap().epsilon_at(1e-6), None);
    }

    proptest! {
        #[test]
        fn floats_are_never_rounded_down(x in 0.0f64..1e6) {
            let units = ceil(x, LOSS).unwrap();
            // The float of units / 10^12 is within half a place of the quotient.
            prop_assert!(units as f64 >= (x * 1e12) * (1.0 - 1e-15));
            prop_assert!(units as f64 <= (x * 1e12 + 1.0) * (1.0 + 1e-15));
        }

        #[test]
        fn texts_are_read_as_written(units in 0..=MOST) {
            let text = decimal(units, LOSS);
            prop_assert_eq!(parse(&text, LOSS, Round::Up), Some(units), "{}", text);
            prop_assert_eq!(parse(&text, LOSS, Round::Down), Some(units), "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = parse(&text, LOSS, Round::Up);
        }
    }
}
