//! A cap that no release may pass.
//!
//! **Papers.** Rogers, Roth, Ullman, Vadhan, "Privacy Odometers and Filters", NeurIPS 2016;
//! Feldman, Zrnic, "Individual Privacy Accounting via a Rényi Filter", NeurIPS 2021.
//!
//! Queries may always depend on earlier answers. Whether the *parameters* of the next
//! event may do so too is what the two constructors differ in:
//!
//! - [`Filter::preset`]: the sequence of events is fixed in advance or chosen without regard to
//!   answers; any method serves, since each prefix of it is an ordinary composition.
//! - [`Filter::adaptive`]: events are chosen freely. The divergences of one order α, fixed at
//!   the start, are summed and kept at or below what (1) of the conversion
//!   (`accounting/zcdp.rs`) leaves for (ε, δ) at that order: the Rényi filter of Feldman and
//!   Zrnic, section 4. α is the best for Gaussian noise. Mass set aside (δ of approximate events, cut tails) adds
//!   up and has a share of δ.

use super::event::{Event, count, probability, refuse};
use super::rdp::Curve;
use super::zcdp::epsilon_at;
use super::{Accountant, Method};
use crate::{Neighbours, Result};

/// Part of δ for mass that is set aside, in an adaptive filter.
const SHARE: f64 = 0.1;

/// Refuses events that would pass a cap, before anything is spent.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    accountant: Accountant,
    epsilon: f64,
    delta: f64,
    adaptive: Option<Adaptive>,
}

#[derive(Clone, Debug, PartialEq)]
struct Adaptive {
    order: f64,
    /// The sum of divergences of this order, and what it may become.
    spent: f64,
    cap: f64,
    /// Mass set aside.
    aside: f64,
}

impl Filter {
    /// For events whose parameters do not depend on answers. `accountant` gives neighbours and
    /// method; what it holds already counts.
    pub fn preset(accountant: Accountant, epsilon: f64, delta: f64) -> Result<Self> {
        check(epsilon, delta)?;
        if accountant.epsilon(delta)? > epsilon {
            return refuse("accountant", "it has already spent more than the cap");
        }
        Ok(Self { accountant, epsilon, delta, adaptive: None })
    }

    /// For events whose parameters may depend on answers. δ must be above 0.
    pub fn adaptive(neighbours: Neighbours, epsilon: f64, delta: f64) -> Result<Self> {
        check(epsilon, delta)?;
        probability("delta", delta)?;
        let rest = delta * (1.0 - SHARE) * (1.0 - 1e-15);
        let left = |order: f64| epsilon - epsilon_at(order, 0.0, rest);
        let orders = (-40..=160).map(|i| 1.0 + (0.05 * f64::from(i)).exp());
        let best =
            orders.map(|a| (a, left(a) / a)).fold((2.0, 0.0), |b, x| if x.1 > b.1 { x } else { b });
        let cap = left(best.0) * (1.0 - 1e-12) - 1e-14 * epsilon;
        if cap <= 0.0 {
            return refuse("cap", "epsilon is too small for this delta: raise one of them");
        }
        let adaptive = Some(Adaptive { order: best.0, spent: 0.0, cap, aside: 0.0 });
        let accountant = Accountant::new(neighbours, Method::Rdp);
        Ok(Self { accountant, epsilon, delta, adaptive })
    }

    /// Spends on an event that happens so many times, or refuses it and spends nothing.
    pub fn spend(&mut self, event: &Event, times: u64) -> Result<()> {
        count(times)?;
        let mut next = self.accountant.clone();
        next.compose(event, times)?;
        let Some(state) = &self.adaptive else {
            if next.epsilon(self.delta)? > self.epsilon {
                return passed();
            }
            self.accountant = next;
            return Ok(());
        };
        let mut state = state.clone();
        let parts = match event {
            Event::Composed(parts) => parts.clone(),
            event => vec![(event.clone(), 1)],
        };
        for (event, inner) in parts {
            let times = times as f64 * inner as f64;
            let (curve, aside) = Curve::new(&event, (self.delta * 1e-40 / times).max(1e-290))?;
            // Rounded up at each step: steps may be very many.
            let (cost, aside) = (times * curve.divergence(state.order), times * aside);
            state.spent = (state.spent + cost * (1.0 + 1e-14)).next_up();
            if aside > 0.0 {
                state.aside = (state.aside + aside * (1.0 + 1e-14)).next_up();
            }
        }
        // Not "greater": a NaN is refused too.
        if !(state.spent <= state.cap && state.aside <= SHARE * self.delta) {
            return passed();
        }
        self.accountant = next;
        self.adaptive = Some(state);
        Ok(())
    }

    /// What was spent: for preset events ε at the cap's δ, for adaptive ones the part of the
    /// cap that is used up, times its ε.
    pub fn spent(&self) -> Result<f64> {
        match &self.adaptive {
            None => self.accountant.epsilon(self.delta),
            Some(state) => {
                let part = (state.spent / state.cap).max(state.aside / (SHARE * self.delta));
                Ok(part * self.epsilon)
            }
        }
    }

    /// What was released.
    pub fn accountant(&self) -> &Accountant {
        &self.accountant
    }
}

fn passed<T>() -> Result<T> {
    refuse("event", "it would pass the cap: nothing was spent; release less or with more noise")
}

fn check(epsilon: f64, delta: f64) -> Result<()> {
    if !(epsilon > 0.0 && epsilon <= 1e6) {
        return refuse("cap", "epsilon must be a number above 0 and at most 1e6");
    }
    if delta != 0.0 {
        probability("delta of the cap", delta)?;
    }
    Ok(())
}
