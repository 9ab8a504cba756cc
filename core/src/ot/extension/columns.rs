//! Equations (1) and (2): the columns of a tile out of the seeds.

use super::{Groups, TILE};
use crate::{
    Secret,
    arch::{self, RoundKeys},
    prg::Prg,
};

/// One side's seeds as scheduled PRGs, in the order of x (receiver) or of
/// y = x + delta (sender, without y = 0).
pub(crate) struct Columns {
    groups: Groups,
    streams: Streams,
    /// The x of a group's first stream.
    start: usize,
}

/// AES-128 in counter mode, on vector registers where there are such.
enum Streams {
    Vector(Vec<Vec<RoundKeys>>),
    Portable(Vec<Vec<Prg>>),
}

impl Columns {
    pub(crate) fn new(groups: Groups, seeds: &[Vec<Secret<u128>>], start: usize) -> Self {
        let vector = |s: &Secret<u128>| RoundKeys::new(&s.expose().to_le_bytes());
        let vector: Option<Vec<Vec<_>>> =
            seeds.iter().map(|group| group.iter().map(vector).collect()).collect();
        let portable = |s: &Secret<u128>| Prg::new(&Secret::new(s.expose().to_le_bytes()));
        let streams = match vector {
            Some(keys) => Streams::Vector(keys),
            None => Streams::Portable(
                seeds.iter().map(|group| group.iter().map(portable).collect()).collect(),
            ),
        };
        Self { groups, streams, start }
    }

    /// Blocks `first..first + width` of all u_g (`width` apiece) and of all 128
    /// bit columns of v or w.
    pub(crate) fn fill(&self, first: usize, width: usize, u: &mut [u128], v: &mut [u128]) {
        for g in 0..self.groups.count() {
            let u = &mut u[g * width..][..width];
            let bits = self.groups.bits(g);
            let v = &mut v[bits.start * width..bits.end * width];
            match &self.streams {
                Streams::Vector(keys) => {
                    arch::small_field_sums(&keys[g], self.start, first as u64, u, v);
                }
                Streams::Portable(prgs) => sums(&prgs[g], self.start, first, u, v),
            }
        }
    }
}

/// [`arch::small_field_sums`] without vector registers.
fn sums(prgs: &[Prg], start: usize, first: usize, u: &mut [u128], v: &mut [u128]) {
    let mut stream = [0u128; TILE];
    let stream = &mut stream[..u.len()];
    u.fill(0);
    v.fill(0);
    for (i, prg) in prgs.iter().enumerate() {
        let x = start + i;
        prg.fill(0, first, stream);
        add(u, stream);
        for (b, v) in v.chunks_exact_mut(u.len()).enumerate() {
            // x is a public index here, at either side.
            if x >> b & 1 == 1 {
                add(v, stream);
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
