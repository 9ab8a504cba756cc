//! The sparse vector technique.
//!
//! **Paper.** Lyu, Su, Li, "Understanding the Sparse Vector Technique for Differential
//! Privacy", VLDB 2017, algorithm 7 without its numeric answers. (Several published
//! variants, among them ones without noise on the threshold or with noise that does not
//! grow with c, are not private; that paper says which and why.)
//!
//! **Proof note.** Answers are integers; each differs by at most \\(\Delta\\) between
//! neighbours, and questions may depend on earlier replies. The threshold gets noise rho of
//! scale \\(\Delta/\varepsilon_1\\), once; every answer gets its own of scale
//! \\(2c\Delta/\varepsilon_2\\); after c replies "above" it stops. Compare a run with
//! threshold noise z on D with one with \\(z + \Delta\\) on D', which costs
//! \\(e^{\varepsilon_1}\\). A reply "below" is then at least as likely: the answer rose by
//! \\(\Delta\\) at most, and so did the threshold. A reply "above" needs noise greater by
//! \\(2\Delta\\), which costs \\(e^{\varepsilon_2/c}\\), and there are c of them. Together
//! \\(\varepsilon_1 + \varepsilon_2\\), however many replies are "below". All shifts are
//! integers, so nothing changes for discrete noise. If all answers move in the same
//! direction, \\(\Delta\\) in place of \\(2\Delta\\) suffices (theorem 5 of the paper).

use super::Laplace;
use crate::{Error, Loss, Ratio, Result, accounting::Event, release::pure, sampler::Source};
use rand::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// Says which of many answers are above a threshold, for one epsilon.
///
/// The whole epsilon is spent by [`SparseVector::new`].
pub struct SparseVector {
    threshold: Zeroizing<i128>,
    query: Laplace,
    epsilon: Ratio,
    left: u32,
}

impl SparseVector {
    /// At most `above` times the reply is that an answer is above the threshold. Answers
    /// differ by at most `sensitivity` each.
    ///
    /// The split of epsilon is 1 : (2 above)^(2/3), which the paper finds best.
    pub fn new<R: CryptoRng>(
        threshold: i64,
        sensitivity: u64,
        above: u32,
        epsilon: Ratio,
        source: &mut Source<R>,
    ) -> Result<Self> {
        Self::with(threshold, (sensitivity, 2), above, epsilon, source)
    }

    /// The same for answers that a unit moves in one direction only, as counts under
    /// add/remove.
    pub fn monotonic<R: CryptoRng>(
        threshold: i64,
        sensitivity: u64,
        above: u32,
        epsilon: Ratio,
        source: &mut Source<R>,
    ) -> Result<Self> {
        Self::with(threshold, (sensitivity, 1), above, epsilon, source)
    }

    fn with<R: CryptoRng>(
        threshold: i64,
        (sensitivity, factor): (u64, u8),
        above: u32,
        epsilon: Ratio,
        source: &mut Source<R>,
    ) -> Result<Self> {
        if above == 0 {
            return Err(Error::Parameter { what: "above", rule: "it must be 1 at least" });
        }
        // Both shares are integers, so they add up to epsilon at most.
        let share = ((f64::from(factor) * f64::from(above)).powf(2.0 / 3.0) * 1024.0) as u64;
        let whole = Loss::Pure { epsilon };
        let first = whole.part(1024, 1024 + share)?.epsilon("sparse vector")?;
        let second = whole.part(share, 1024 + share)?.epsilon("sparse vector")?;
        let sensitivity = u128::from(sensitivity);
        let query = Laplace::new(sensitivity * u128::from(factor) * u128::from(above), second)?;
        let threshold = Laplace::new(sensitivity, first)?.release(threshold.into(), source);
        let threshold = Zeroizing::new(threshold);
        Ok(Self { threshold, query, epsilon, left: above })
    }

    /// The loss of all replies together.
    pub fn epsilon(&self) -> Ratio {
        self.epsilon
    }

    /// For an accountant.
    pub fn event(&self) -> Event {
        pure(self.epsilon)
    }

    /// How many replies "above" are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Whether the next answer is above the threshold; nothing if all replies "above" have
    /// been given.
    pub fn ask<R: CryptoRng>(&mut self, answer: i64, source: &mut Source<R>) -> Option<bool> {
        if self.left == 0 {
            return None;
        }
        let above = self.query.release(answer.into(), source) >= *self.threshold;
        self.left -= u32::from(above);
        Some(above)
    }
}

impl fmt::Debug for SparseVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparseVector").finish_non_exhaustive()
    }
}
