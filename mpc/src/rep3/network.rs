//! Networks of ANDs that add up carries, on bit planes: for every engine on
//! replicated shares. `and` is the engine's product of words.
//!
//! A place generates a carry (g) or propagates one (p). Neighbours combine by
//!
//! (1)  (g, p) = (g_h + p_h g_l,  p_h p_l),  h the higher one.

use super::{join, share::xor};
use privity_core::{Result, share::replicated::Replicated};

type Plane = Replicated<u64>;

/// The carry out of the highest place: a tree. The lowest place needs no p.
pub(crate) fn carry_out(
    mut g: Vec<Plane>,
    mut p: Vec<Plane>,
    mut and: impl FnMut(Plane, Plane) -> Result<Plane>,
) -> Result<Plane> {
    while g.len() > 1 {
        let pairs = g.len() / 2;
        // (1); pair 0 holds the lowest place, whose p nobody needs.
        let high: Vec<_> = (0..pairs).map(|i| &p[2 * i + 1]).collect();
        let left = [&high[..], &high[1..]].concat();
        let right: Vec<_> =
            (0..pairs).map(|i| &g[2 * i]).chain((1..pairs).map(|i| &p[2 * i])).collect();
        let product = and(join(&left), join(&right))?;
        let stride = g[0].own.len();
        let part = |i: usize| product.slice(i * stride..(i + 1) * stride);
        let mut g_up: Vec<_> = (0..pairs).map(|i| g[2 * i + 1].zip_both(&part(i), xor)).collect();
        let mut p_up: Vec<_> = (0..pairs)
            .map(|i| if i == 0 { Plane::default() } else { part(pairs + i - 1) })
            .collect();
        if g.len() % 2 == 1 {
            g_up.extend(g.pop());
            p_up.extend(p.pop());
        }
        (g, p) = (g_up, p_up);
    }
    Ok(g.pop().unwrap_or_default())
}

/// The carry out of every place: Sklansky's prefix network.
pub(crate) fn prefix_carries(
    mut g: Vec<Plane>,
    mut p: Vec<Plane>,
    mut and: impl FnMut(Plane, Plane) -> Result<Plane>,
) -> Result<Vec<Plane>> {
    let width = g.len() + 1;
    for level in 0..levels(width) {
        let targets = targets(width, level);
        let with_p: Vec<_> = targets.iter().filter(|&&(j, _)| needs_p(j, level)).copied().collect();
        let left: Vec<_> = targets.iter().chain(&with_p).map(|&(j, _)| &p[j]).collect();
        let right: Vec<_> =
            targets.iter().map(|&(_, k)| &g[k]).chain(with_p.iter().map(|&(_, k)| &p[k])).collect();
        let product = and(join(&left), join(&right))?;
        let stride = g[0].own.len();
        let part = |i: usize| product.slice(i * stride..(i + 1) * stride);
        for (i, &(j, _)) in targets.iter().enumerate() {
            g[j] = g[j].zip_both(&part(i), xor);
        }
        for (i, &(j, _)) in with_p.iter().enumerate() {
            p[j] = part(targets.len() + i);
        }
    }
    Ok(g)
}

/// Levels of the prefix network for the low `width` bits: width - 1 carries.
pub(crate) fn levels(width: usize) -> usize {
    (width - 1).next_power_of_two().trailing_zeros() as usize
}

/// (j, k) of (1) at one level: every j whose bit `level` is set, with the last
/// position k before its block of 2^level.
pub(crate) fn targets(width: usize, level: usize) -> Vec<(usize, usize)> {
    let carries = 0..width - 1;
    carries.filter(|j| j >> level & 1 == 1).map(|j| (j, (j >> level << level) - 1)).collect()
}

/// Whether p_j is used after `level`: not if g_j is final already.
pub(crate) fn needs_p(j: usize, level: usize) -> bool {
    j >> (level + 1) != 0
}
