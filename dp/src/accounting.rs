//! Privacy accounting: what releases cost together.
//!
//! ```
//! use privity_dp::{Neighbours, accounting::{Accountant, Event, Method, Sampling}};
//!
//! # fn main() -> Result<(), privity_dp::Error> {
//! let step = Event::Subsampled {
//!     sampling: Sampling::Poisson { rate: 0.01 },
//!     event: Box::new(Event::Gaussian { sigma: 1.0 }),
//! };
//! let mut accountant = Accountant::new(Neighbours::AddRemove, Method::Pld);
//! accountant.compose(&step, 1000)?;
//! let epsilon = accountant.epsilon(1e-5)?;
//! assert!(1.818 < epsilon && epsilon < 1.829);
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! Results are never below the true value of the composition described by the events:
//! discretisation, cut tails, aliasing and round-off are bounded and charged
//! (`accounting/pld.rs`). The description is the caller's: sensitivities hold under the
//! accountant's [`Neighbours`], and samples and noise are drawn anew for each release.
//!
//! Queries may depend on earlier answers. The *parameters* of the events may not, unless a
//! [`Filter::adaptive`] stands guard: no theorem covers loss distributions chosen on the
//! way.
//!
//! # Methods
//!
//! | method | accounts | bound |
//! |---|---|---|
//! | [`Method::Basic`] | pure and approximate | sums |
//! | [`Method::Zcdp`] | the same, zCDP, Gaussians | ρ adds up; CKS20, corollary 13 |
//! | [`Method::Rdp`] | everything | Rényi divergences add up; CKS20, proposition 12 |
//! | [`Method::Pld`] | everything but zCDP | exact up to the grid |
//! | [`Method::Best`] | everything | the least of those that apply |

mod calibrate;
mod chernoff;
mod event;
mod filter;
mod gaussian;
mod lattice;
mod measure;
mod normal;
mod pair;
mod pld;
mod rdp;
mod sampling;
mod transform;
mod zcdp;

pub use calibrate::calibrate;
pub use event::{Event, Sampling};
pub use filter::Filter;
pub use gaussian::{analytic_gaussian, gaussian_delta, gaussian_epsilon};
pub use zcdp::{zcdp_delta, zcdp_epsilon, zcdp_epsilon_bs16};

use crate::{Neighbours, Result};
use event::refuse;

#[cfg(test)]
mod tests;

/// How bounds are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// ε and δ add up.
    Basic,
    /// Zero-concentrated differential privacy.
    Zcdp,
    /// Rényi differential privacy.
    Rdp,
    /// Privacy-loss distributions.
    Pld,
    /// The least bound of all methods that apply.
    Best,
}

/// What has been released, and what it costs: an odometer that can be read at any time.
#[derive(Clone, Debug, PartialEq)]
pub struct Accountant {
    neighbours: Neighbours,
    method: Method,
    grid: Option<f64>,
    events: Vec<(Event, u64)>,
}

impl Accountant {
    /// Nothing released.
    pub fn new(neighbours: Neighbours, method: Method) -> Self {
        Self { neighbours, method, grid: None, events: Vec::new() }
    }

    /// Loss distributions on a grid of this step, instead of one that fits the composition.
    /// A grid that is too coarse costs accuracy, never correctness; where the memory would
    /// not do it is made coarser.
    pub fn with_grid(mut self, step: f64) -> Result<Self> {
        if !(1e-9..=1.0).contains(&step) {
            return refuse("grid", "the step must be from 1e-9 to 1");
        }
        self.grid = Some(step);
        Ok(self)
    }

    /// Adds an event that happens so many times. Nothing is added on an error.
    pub fn compose(&mut self, event: &Event, times: u64) -> Result<()> {
        event::count(times)?;
        event.check(self.neighbours)?;
        let Event::Composed(parts) = event else { return add(&mut self.events, event, times) };
        let mut events = self.events.clone();
        for (part, inner) in parts {
            add(&mut events, part, inner.checked_mul(times).unwrap_or(u64::MAX))?;
        }
        self.events = events;
        Ok(())
    }

    /// What was composed: different events and how often each.
    pub fn events(&self) -> &[(Event, u64)] {
        &self.events
    }

    /// Who are neighbours.
    pub fn neighbours(&self) -> Neighbours {
        self.neighbours
    }

    /// The least ε that this method proves at δ; infinity if it proves none. δ may be 0 for
    /// pure events (by [`Method::Basic`]).
    pub fn epsilon(&self, delta: f64) -> Result<f64> {
        if delta == 0.0 && matches!(self.method, Method::Basic | Method::Best) {
            return self
                .basic()
                .map(|(epsilon, spent)| if spent > 0.0 { f64::INFINITY } else { epsilon });
        }
        if !(1e-200..1.0).contains(&delta) {
            return refuse("delta", "it must be from 1e-200 to below 1; 0 only for pure events");
        }
        self.bound(&|method| {
            let epsilon = match method {
                Method::Basic => {
                    let (epsilon, spent) = self.basic()?;
                    if spent <= delta { epsilon } else { f64::INFINITY }
                }
                Method::Zcdp => zcdp::epsilon(&self.events, delta)?,
                Method::Rdp => rdp::epsilon(&self.events, delta)?,
                Method::Pld | Method::Best => match gaussian::combine(&self.events) {
                    (events, Some(sigma)) if events.is_empty() => gaussian_epsilon(sigma, delta)?,
                    (events, sigma) => pld::epsilon(&with(events, sigma), delta, self.grid)?,
                },
            };
            Ok(epsilon * (1.0 + 1e-12))
        })
    }

    /// The least δ that this method proves at ε.
    pub fn delta(&self, epsilon: f64) -> Result<f64> {
        if !(0.0..=1e6).contains(&epsilon) {
            return refuse("epsilon", "it must be a number from 0 to 1e6");
        }
        self.bound(&|method| {
            let delta = match method {
                Method::Basic => {
                    let (spent, delta) = self.basic()?;
                    if spent <= epsilon { delta } else { 1.0 }
                }
                Method::Zcdp => zcdp::delta(&self.events, epsilon)?,
                Method::Rdp => rdp::delta(&self.events, epsilon)?,
                Method::Pld | Method::Best => match gaussian::combine(&self.events) {
                    (events, Some(sigma)) if events.is_empty() => gaussian_delta(sigma, epsilon)?,
                    (events, sigma) => pld::delta(&with(events, sigma), epsilon, self.grid)?,
                },
            };
            Ok((delta * (1.0 + 1e-12)).min(1.0))
        })
    }

    /// By this accountant's method, or the least over all that apply.
    fn bound(&self, by: &dyn Fn(Method) -> Result<f64>) -> Result<f64> {
        if self.events.is_empty() {
            return Ok(0.0);
        }
        if self.method != Method::Best {
            return by(self.method);
        }
        let all = [Method::Pld, Method::Rdp, Method::Zcdp, Method::Basic].map(by);
        let least = all.iter().flatten().copied().fold(f64::NAN, f64::min);
        let [pld, ..] = all;
        // If no method applies, the reason of the best one.
        if least.is_nan() { pld } else { Ok(least) }
    }

    /// The sums of ε and of δ, rounded up.
    fn basic(&self) -> Result<(f64, f64)> {
        let (mut epsilon, mut delta) = (0.0, 0.0);
        for (event, times) in &self.events {
            let Some((e, d)) = event.approximate() else {
                let rule = "it has no epsilon of its own: use another method";
                return refuse("event", rule);
            };
            epsilon += e * *times as f64;
            delta += d * *times as f64;
        }
        let up = 1.0 + f64::EPSILON * (self.events.len() + 4) as f64;
        Ok((epsilon * up, delta * up))
    }
}

/// Nothing is added on an error.
fn add(events: &mut Vec<(Event, u64)>, event: &Event, times: u64) -> Result<()> {
    if let Some(known) = events.iter_mut().find(|known| known.0 == *event) {
        let sum = known.1.saturating_add(times);
        event::count(sum)?;
        known.1 = sum;
        return Ok(());
    }
    event::count(times)?;
    events.push((event.clone(), times));
    Ok(())
}

fn with(mut events: Vec<(Event, u64)>, sigma: Option<f64>) -> Vec<(Event, u64)> {
    events.extend(sigma.map(|sigma| (Event::Gaussian { sigma }, 1)));
    events
}
