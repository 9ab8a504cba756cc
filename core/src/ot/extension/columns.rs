//! Equations (1) and (2): the columns of a tile out of the seeds.

use super::{Groups, KAPPA, TILE};
use crate::{Secret, prg::Prg};

/// One side's seeds as scheduled PRGs, in the order of x (receiver) or of
/// y = x + delta (sender, without y = 0).
pub(crate) struct Columns {
    groups: Groups,
    prgs: Vec<Vec<Prg>>,
    /// The x of a group's first PRG.
    start: usize,
}

impl Columns {
    pub(crate) fn new(groups: Groups, seeds: &[Vec<Secret<u128>>], start: usize) -> Self {
        let schedule = |s: &Secret<u128>| Prg::new(&Secret::new(s.expose().to_le_bytes()));
        let prgs = seeds.iter().map(|group| group.iter().map(schedule).collect()).collect();
        Self { groups, prgs, start }
    }

    /// Blocks `first..first + width` of all u_g (`width` apiece) and of all 128
    /// bit columns of v or w.
    pub(crate) fn fill(&self, first: usize, width: usize, u: &mut [u128], v: &mut [u128]) {
        let mut stream = [0u128; TILE];
        let stream = &mut stream[..width];
        v[..KAPPA * width].fill(0);
        u[..self.groups.count() * width].fill(0);
        for (g, prgs) in self.prgs.iter().enumerate() {
            let u = &mut u[g * width..][..width];
            let bits = self.groups.bits(g);
            let v = &mut v[bits.start * width..bits.end * width];
            for (i, prg) in prgs.iter().enumerate() {
                let x = self.start + i;
                prg.fill(0, first, stream);
                add(u, stream);
                for (b, v) in v.chunks_exact_mut(width).enumerate() {
                    // x is a public index here, at either side.
                    if x >> b & 1 == 1 {
                        add(v, stream);
                    }
                }
            }
        }
    }
}

fn add(sum: &mut [u128], x: &[u128]) {
    sum.iter_mut().zip(x).for_each(|(s, x)| *s ^= x);
}

impl std::fmt::Debug for Columns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Columns").finish_non_exhaustive()
    }
}
