//! The least noise for a budget.

use super::Accountant;
use super::event::{Event, probability, refuse};
use crate::Result;
use std::ops::RangeInclusive;

/// The least noise in `range` whose ε at `delta` is at most `epsilon`, to one part in 10^6 and
/// on the safe side: the result itself was accounted and keeps to the budget. `events` says
/// what is released at some noise; ε must fall with the noise. `accountant` gives neighbours
/// and method; what it holds already counts.
pub fn calibrate(
    accountant: &Accountant,
    epsilon: f64,
    delta: f64,
    range: RangeInclusive<f64>,
    mut events: impl FnMut(f64) -> Result<Vec<(Event, u64)>>,
) -> Result<f64> {
    if !(epsilon > 0.0 && epsilon <= 1e6) {
        return refuse("epsilon", "it must be a number above 0 and at most 1e6");
    }
    if delta != 0.0 {
        probability("delta", delta)?;
    }
    let (mut low, mut high) = range.into_inner();
    if !(low > 0.0 && low < high && high <= 1e12) {
        return refuse("range of the noise", "it must ascend, above 0 and up to 1e12");
    }
    let mut enough = |noise: f64| {
        let mut accountant = accountant.clone();
        for (event, times) in events(noise)? {
            accountant.compose(&event, times)?;
        }
        Ok(accountant.epsilon(delta)? <= epsilon)
    };
    if enough(low)? {
        return Ok(low);
    }
    if !enough(high)? {
        let rule = "even its upper end passes the budget: widen it or release less";
        return refuse("range of the noise", rule);
    }
    while high > low * (1.0 + 1e-6) {
        let middle = (low * high).sqrt();
        if enough(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}
