//! Reference values, exact sums and laws.

use super::*;
use crate::Ratio;

mod exact;
mod laws;
mod references;

fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator, denominator).unwrap()
}

fn poisson(rate: f64, event: Event) -> Event {
    Event::Subsampled { sampling: Sampling::Poisson { rate }, event: Box::new(event) }
}

fn fixed(sample: u64, population: u64, event: Event) -> Event {
    let sampling = Sampling::Fixed { sample, population };
    Event::Subsampled { sampling, event: Box::new(event) }
}

fn gaussian(sigma: f64) -> Event {
    Event::Gaussian { sigma }
}

fn accountant(neighbours: Neighbours, method: Method, parts: &[(Event, u64)]) -> Accountant {
    let mut accountant = Accountant::new(neighbours, method);
    for (event, times) in parts {
        accountant.compose(event, *times).unwrap();
    }
    accountant
}

fn epsilon(method: Method, parts: &[(Event, u64)], delta: f64) -> f64 {
    accountant(Neighbours::AddRemove, method, parts).epsilon(delta).unwrap()
}
