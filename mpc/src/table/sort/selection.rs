//! The rows at given ranks, without sorting all rows.
//!
//! **Method** (Floyd, Rivest 1975, on shuffled rows with opened comparisons as in
//! [`super::comparison`]). To find ranks a to b - 1 of n rows:
//! 1. Sort the first m rows; pick the pivots of ranks t_1 and t_2 among them.
//! 2. Compare all rows with both pivots and open the outcomes: 2 n comparisons,
//!    or n if one of the pivots is not needed.
//! 3. Sort the rows between the pivots, with as many comparisons as S rows need.
//!
//! The pivots lie on either side of the wanted ranks, and at most S rows between
//! them, except with a probability below 2^-30: the number X(r) of sampled rows
//! of rank less than r is hypergeometric with mean u = m r / n. By Bernstein's
//! inequality, which holds for sampling without replacement as well (Hoeffding
//! 1963, section 6), with L = 23, for either tail
//!
//! (1)  Pr[|X - u| >= d] <= e^-L  for d = L/3 + sqrt(L^2/9 + 2 L u (1 - u/m)).
//!
//! If it happens, which everyone sees, all rows are sorted: the result is right
//! and the run longer than its dry run.
//!
//! **Leakage.** None: as for sorting, all that is opened is a function of the
//! uniform ranks of the shuffled rows. **Cost**: m is chosen for the fewest
//! comparisons. Of 100,000 rows, the first ten take 3 comparisons per row and
//! the median 8, where sorting takes 20; of a million, 1.5, 4.3 and 24.

use super::comparison::{comparisons, less, sort_padded, sort_rows};
use crate::engine::{Engine, RingShares};
use privity_core::Result;
use std::ops::Range;

/// A sample and two pivots in it, by rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    sample: usize,
    low: Option<usize>,
    high: Option<usize>,
    /// Rows between the pivots, at most.
    room: usize,
}

/// L of (1): 4 e^-23 < 2^-30.
const L: u64 = 23;

impl Plan {
    /// The cheapest sample for these ranks; `None` where sorting is cheaper.
    fn of(n: usize, ranks: &Range<usize>) -> Option<Self> {
        (6..n.max(1).ilog2())
            .filter_map(|k| Self::with_sample(n, (1 << k) - 1, ranks))
            .map(|plan| (plan.comparisons(n), plan))
            .filter(|(c, _)| *c < comparisons(n))
            .min_by_key(|(c, plan)| (*c, plan.sample))
            .map(|(_, plan)| plan)
    }

    fn comparisons(&self, n: usize) -> u64 {
        let pivots = u64::from(self.low.is_some()) + u64::from(self.high.is_some());
        comparisons(self.sample) + pivots * n as u64 + comparisons(self.room)
    }

    fn with_sample(n: usize, m: usize, ranks: &Range<usize>) -> Option<Self> {
        let mean = |rank: usize| (rank as u64 * m as u64).div_ceil(n as u64);
        let rank_of = |u: u64| u as u128 * n as u128 / m as u128;
        let fits = |t: u64| usize::try_from(t).ok().filter(|&t| t < m);
        let d = |u: u64| deviation(u, m as u64);
        // The pivot t_2 has rank b or more, and less than `top`: X(top) > t_2.
        let high = fits(mean(ranks.end) + d(mean(ranks.end)));
        let top = high.map_or(n, |t| {
            let t = t as u64;
            let u = first(t, m as u64 + 1, |u| u >= t + 1 + d(u));
            usize::try_from(rank_of(u) + 1).unwrap_or(n).min(n)
        });
        // The pivot t_1 has rank a or less, and no less than `bottom`.
        let u = ranks.start as u64 * m as u64 / n as u64;
        let low = u.checked_sub(d(u) + 1).and_then(fits);
        let bottom = low.map_or(0, |t| {
            let t = t as u64;
            let u = first(0, t + 1, |u| u + d(u) > t).saturating_sub(1);
            usize::try_from(rank_of(u)).unwrap_or(0)
        });
        Some(Self { sample: m, low, high, room: (top - bottom + 2).min(n) })
    }
}

/// d of (1), rounded up.
fn deviation(u: u64, m: u64) -> u64 {
    let variance = u * m.saturating_sub(u) / m + 1;
    L / 3 + 2 + (L * L / 9 + 1 + 2 * L * variance).isqrt()
}

/// The first number from `from` to `to` for which the condition holds, which
/// then holds for all that follow; `to` if there is none.
fn first(mut from: u64, mut to: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while from < to {
        let middle = from + (to - from) / 2;
        if holds(middle) { to = middle } else { from = middle + 1 }
    }
    from
}

/// The shuffled rows of the given ranks, in order; in a dry run, some rows.
/// `words` as in [`super::comparison`].
pub(in crate::table) fn select_rows<E: Engine>(
    e: &mut E,
    words: &[E::Ring],
    n: usize,
    ranks: Range<usize>,
) -> Result<Vec<usize>> {
    let Some(plan) = Plan::of(n, &ranks) else {
        return Ok(sort_rows(e, words, n)?[ranks].to_vec());
    };
    let sample = sort_rows(e, words, plan.sample)?;
    let all: Vec<usize> = (0..n).collect();
    let low = plan.low.map(|t| sample[t]);
    let high = plan.high.map(|t| sample[t]);
    let pivots: Vec<usize> = low.iter().chain(&high).copied().collect();
    let left: Vec<usize> = pivots.iter().flat_map(|_| all.iter().copied()).collect();
    let right: Vec<usize> = pivots.iter().flat_map(|&p| std::iter::repeat_n(p, n)).collect();
    let outcomes = less(e, words, &left, &right)?;
    let dry = outcomes.is_none();
    let outcomes = outcomes.unwrap_or_default();
    let (mut kept, mut lower) = (Vec::with_capacity(plan.room), 0);
    for &row in &all {
        let high_at = if low.is_some() { n + row } else { row };
        let is_low = low.is_some() && !dry && outcomes[row];
        let is_high = high.is_some_and(|p| p != row) && !dry && !outcomes[high_at];
        if is_low {
            lower += 1;
        } else if !is_high {
            kept.push(row);
        }
    }
    if dry {
        kept.truncate(plan.room);
    }
    let below = if dry { ranks.start } else { lower };
    if kept.len() > plan.room || below > ranks.start || (!dry && below + kept.len() < ranks.end) {
        return Ok(sort_rows(e, words, n)?[ranks].to_vec());
    }
    let part: Vec<E::Ring> = words.iter().map(|w| w.gather(&kept)).collect();
    let order = sort_padded(e, &part, plan.room, kept.len())?;
    let at = |rank: usize| kept[order[rank - below]];
    Ok(ranks.map(at).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn selected_rows_have_their_ranks(
            n in prop_oneof![1usize..700, 2000usize..20_000], a in 0.0f64..1.0, many: bool, seed: u32,
        ) {
            let e = &mut Plain::new(u64::from(seed));
            let p = e.random_permutation(n).unwrap();
            let words = [Words(p.iter().map(|&r| r as u64).collect())];
            let start = ((n - 1) as f64 * a) as usize;
            let end = (start + if many { 100 } else { 1 }).min(n);
            for ranks in [start..end, 0..end.min(10), n - 1..n] {
                let rows = select_rows(e, &words, n, ranks.clone()).unwrap();
                prop_assert_eq!(rows.iter().map(|&r| p[r]).collect::<Vec<_>>(), ranks.collect::<Vec<_>>());
            }
        }
    }

    /// The plan holds, and is worth its while.
    #[test]
    fn the_pivots_enclose_the_ranks() {
        for (n, ranks, share) in
            [(20_000usize, 0..10usize, 2), (20_000, 10_000..10_001, 1), (20_000, 19_500..19_502, 2)]
        {
            let plan = Plan::of(n, &ranks).unwrap();
            assert!(plan.comparisons(n) * share < comparisons(n), "{plan:?}");
            for seed in 0..300 {
                let mut p = Plain::new(seed).random_permutation(n).unwrap();
                p.truncate(plan.sample);
                p.sort_unstable();
                let (low, high) = (plan.low.map_or(0, |t| p[t]), plan.high.map_or(n - 1, |t| p[t]));
                assert!(low <= ranks.start && high >= ranks.end - 1 && high - low < plan.room);
            }
        }
    }
}
