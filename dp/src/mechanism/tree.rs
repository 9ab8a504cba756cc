//! Counts that go on: a running sum after every step.
//!
//! **Papers.** Chan, Shi, Song, "Private and Continual Release of Statistics", TISSEC 2011;
//! Dwork, Naor, Pitassi, Rothblum, "Differential Privacy under Continual Observation",
//! STOC 2010.
//!
//! **Proof note.** Neighbours are two streams that differ in one step (the unit is a step:
//! under add/remove its number is there or counts as zero, under replace it is another
//! one). A number is between l and u, so a step moves a sum that contains it by at most
//! \\(\Delta = \max(|l|, |u|)\\), or \\(u - l\\) under replace. Steps 1 to T are the leaves
//! of a binary tree; each of its nodes holds the sum of its leaves, with its own noise,
//! drawn once. A step is in one node of each of the
//!
//! \\[ h = \lfloor \log_2 T \rfloor + 1 \qquad (1) \\]
//!
//! levels that are ever finished, so the vector of all nodes differs by \\(h\Delta\\) in
//! L1, by \\(h\Delta^2\\) in squared L2. The sum of the first t steps is that of at most h
//! nodes, one for each bit of t: post-processing. That the next number may depend on what
//! was shown so far changes nothing, since the noise of a node does not depend on numbers.

use super::{Noise, Sensitivity};
use crate::{Error, Grid, Loss, Neighbours, Part, Result, sampler::Source};
use rand::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// A running sum over a stream of known length.
///
/// The whole loss is spent by the first step.
pub struct Tree {
    grid: Grid,
    noise: Noise,
    loss: Loss,
    neighbours: Neighbours,
    horizon: u64,
    step: u64,
    /// The sums of the finished nodes of each level that are still in use: exact, noisy.
    nodes: Zeroizing<Vec<(i128, i128)>>,
}

impl Tree {
    /// For at most `horizon` numbers on a grid. [`Grid::integers`]`(0, 1)` counts events.
    pub fn new(grid: Grid, horizon: u64, neighbours: Neighbours, loss: Loss) -> Result<Self> {
        if horizon == 0 {
            return Err(Error::Parameter { what: "horizon", rule: "it must be 1 at least" });
        }
        // (1)
        let h = u128::from(horizon.ilog2() + 1);
        let most = most(&grid, neighbours);
        let sensitivity = Sensitivity::checked(most.checked_mul(h), (most * most).checked_mul(h))?;
        let noise = Noise::new(sensitivity, loss)?;
        let nodes = Zeroizing::new(vec![(0, 0); h as usize]);
        Ok(Self { grid, noise, loss, neighbours, horizon, step: 0, nodes })
    }

    /// What the whole stream costs, and the noise of one node. A running sum has that of at
    /// most log2 T + 1 nodes.
    pub fn part(&self) -> Part {
        let unit = self.grid.granularity();
        let changes = vec![(most(&self.grid, self.neighbours), self.nodes.len() as u64)];
        Part::noise("running sums", self.loss, self.noise, unit, self.nodes.len()).moved(changes)
    }

    /// For which relation.
    pub fn neighbours(&self) -> Neighbours {
        self.neighbours
    }

    /// The sum of all numbers so far, this one too; an error after the last step.
    pub fn push<R: CryptoRng>(&mut self, x: f64, source: &mut Source<R>) -> Result<f64> {
        if self.step == self.horizon {
            let rule = "all steps are used: begin a new stream with a new budget";
            return Err(Error::Parameter { what: "horizon", rule });
        }
        self.step += 1;
        // The finished nodes to the left of this step become one with it.
        let level = self.step.trailing_zeros() as usize;
        let below: i128 = self.nodes[..level].iter().map(|node| node.0).sum();
        self.nodes[..level].fill((0, 0));
        let exact = below + i128::from(self.grid.index(x));
        self.nodes[level] = (exact, self.noise.release(exact, source));
        let sum = (0..self.nodes.len())
            .filter(|level| self.step >> level & 1 == 1)
            .map(|level| self.nodes[level].1)
            .sum();
        Ok(self.grid.value(sum))
    }
}

/// Delta.
fn most(grid: &Grid, neighbours: Neighbours) -> u128 {
    u128::from(match neighbours {
        Neighbours::AddRemove => grid.lower().unsigned_abs().max(grid.upper().unsigned_abs()),
        Neighbours::Replace => grid.steps(),
    })
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").finish_non_exhaustive()
    }
}
