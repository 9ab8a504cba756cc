//! Sorting by comparisons that are opened, after a shuffle.
//!
//! **Paper.** Hamada, Kikuchi, Ikarashi, Chida, Takahashi, "Practically
//! Efficient Multi-party Sorting Protocols from Comparison Sort Algorithms",
//! ICISC 2012: if rows are shuffled first and no two keys are equal, the
//! outcomes of comparisons depend on nothing but the shuffle and may be opened.
//! Adversary and security are the engine's. The algorithm below, which needs few
//! rounds and a number of comparisons that is known beforehand, is this
//! library's own.
//!
//! **Functionality.** The order of the rows by the keys; equal keys in the order
//! of the input. Row numbers, shuffled along, are the last key: this makes the
//! order stable and all rows different.
//!
//! **Words.** Row number and keys are packed into words of at most 62 bits, the
//! row number lowest, as many as fit to a word:
//!
//! (1)  w = number + 2^l (code_k + 2^(width_k) (code_(k-1) + ...)),  l = ceil(log2 n)
//!
//! For keys and row number of at most 62 bits together, a comparison is one sign
//! test. For words W_t, ..., W_0 it is
//!
//! (2)  less = [W_t < W'_t] xor [W_t = W'_t] ([W_(t-1) < W'_(t-1)] xor ...)
//!
//! **Algorithm.** Let the shuffled rows be numbered 0 to n - 1.
//! 1. Few rows: compare all pairs, in one step.
//! 2. More: m = 2^k - 1, so that n / 2^k is from 4 to 32. Sort the first m rows by
//!    the same algorithm. Every other row finds its gap between these pivots by
//!    binary search: k steps of n - m comparisons.
//! 3. In one more step compare all pairs within each gap.
//!
//! **Number of comparisons.** Only in step 3 does it depend on the shuffle: sum
//! s_g (s_g - 1) / 2 over G = m + 1 gaps of sizes s_g, which are a uniform
//! composition of N = n - m. Step 3 is filled up with comparisons of row 0 with
//! itself to
//!
//! (3)  B = (N / G)^2 (G + 6 sqrt G + (30 + k)^2 / 3),
//!
//! which the sum exceeds with a probability below 2^-30: a Chernoff bound on the
//! sum, over compositions without a gap so long that its probability is 2^-31,
//! which a test evaluates. If it does exceed B, the remaining pairs are compared
//! all the same, so the result is right and the run a little longer than its dry
//! run.
//!
//! k, and all pairs or not, are chosen for few comparisons and steps, where a
//! step counts as much as 2^15 comparisons.
//!
//! **Leakage.** Let R be the ranks of the shuffled rows. All rows differ, so R is
//! a uniform permutation, whatever the keys are. Which rows are compared, and
//! each outcome, is a function of R alone. A simulator draws R.
//!
//! **Cost.** 20 comparisons per row for 100,000 rows, 24 for a million, up to 60
//! for a few thousand. In `rep3` each is 377 bits
//! for the sign, 3 for opening; 1,069 and 6 for two words. Each step takes 7 rounds,
//! 15 or more with several words; steps above 2^21 comparisons are done in parts.
//!
//! **Errors.** Keys must be within their widths: importers check ranges, and what
//! is computed has a known one. Beyond them rows may come out of order; words that
//! are 2^62 or more apart make comparisons wrong, so that outcomes may contradict
//! one another ([`Error::Argument`]) and the argument above does not hold.

use super::{
    super::order::{Order, count, inverse},
    Key, check_keys,
};
use crate::engine::{BitShares, Engine, MAX_BITS, Recipients, RingShares};
use privity_core::{Error, Result, bits};

/// The order by `keys`; the key columns and `payloads` in that order.
pub fn order_with<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    payloads: &[&E::Ring],
) -> Result<(Order<E>, Vec<E::Ring>)> {
    let n = check_keys(keys)?;
    super::check_lengths::<E>(n, payloads)?;
    let columns: Vec<&E::Ring> =
        keys.iter().map(|k| k.column).chain(payloads.iter().copied()).collect();
    if n < 2 {
        return Ok((Order::trivial(n), columns.into_iter().cloned().collect()));
    }
    e.scope("table/comparison sort", |e| {
        let pi = e.random_permutation(n)?;
        let numbers = e.public(&count(n));
        let mut shuffled = e.shuffle(&pi, &[&[&numbers], &columns[..]].concat())?;
        let moved = shuffled.split_off(1);
        let keys: Vec<Key<'_, E>> = keys.iter().zip(&moved).map(|(k, c)| k.over(c)).collect();
        let words = pack(e, &shuffled[0], &keys);
        drop(keys);
        let order = Order::new(pi, sort_rows(e, &words, n)?);
        let placed = order.place(&moved);
        Ok((order, placed))
    })
}

/// (1): the least significant word first.
pub(in crate::table) fn pack<E: Engine>(
    e: &E,
    numbers: &E::Ring,
    keys: &[Key<'_, E>],
) -> Vec<E::Ring> {
    let mut words = vec![numbers.clone()];
    let mut used = number_bits(numbers.len());
    for key in keys.iter().rev() {
        let code = key.code(e);
        match words.last_mut() {
            Some(word) if used + key.width <= MAX_BITS => {
                *word = word.add(&code.scale(1 << used));
                used += key.width;
            }
            _ => {
                words.push(code);
                used = key.width;
            }
        }
    }
    words
}

/// What a sort costs in `rep3`: bytes of all parties, and [`ROUND`] for each
/// round.
pub(in crate::table) fn cost(rows: usize, widths: &[u32]) -> u64 {
    let plan = Plan::of(rows);
    let words = words(rows, widths) as u64;
    // A test for sign is 377 bits, one for zero 315, an opened bit 3.
    let bits = 380 * words + 318 * (words - 1);
    let rounds = plan.steps * if words > 1 { 13 + words } else { 7 };
    plan.comparisons * bits / 8 + 32 * rows as u64 + ROUND * (rounds + 2)
}

/// How many words (1) has.
fn words(rows: usize, widths: &[u32]) -> usize {
    let (mut words, mut used) = (1, number_bits(rows));
    for &width in widths.iter().rev() {
        if used + width <= MAX_BITS {
            used += width;
        } else {
            words += 1;
            used = width;
        }
    }
    words
}

fn number_bits(rows: usize) -> u32 {
    rows.next_power_of_two().trailing_zeros()
}

/// Rows up to which comparing all pairs is considered.
const ALL_PAIRS: usize = 2048;

/// Comparisons that one step is worth: on a fast local network their bytes take
/// about as long as the step's rounds; where rounds last longer, more.
const STEP: u64 = 1 << 15;

/// What one round is worth on the same network, in bytes (176 kB).
pub(in crate::table) const ROUND: u64 = 43 << 12;

/// How many rows are sorted.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// log2 (m + 1) for the number m of pivots of step 2; 0 for none.
    k: u32,
    comparisons: u64,
    steps: u64,
}

impl Plan {
    fn of(n: usize) -> Self {
        let all = Plan { k: 0, comparisons: budget(n, 0) as u64, steps: 1 };
        let with = |k: u32| {
            let pivots = (1usize << k) - 1;
            let first = Plan::of(pivots);
            let search = u64::from(k) * (n - pivots) as u64;
            Plan {
                k,
                comparisons: first.comparisons + search + budget(n, k) as u64,
                steps: first.steps + u64::from(k) + 1,
            }
        };
        let top = n.max(1).ilog2();
        (top.saturating_sub(4).max(5)..top.saturating_sub(1))
            .map(with)
            .chain((n <= ALL_PAIRS).then_some(all))
            .min_by_key(|p| p.comparisons + STEP * p.steps)
            .unwrap_or(all)
    }
}

/// Comparisons for n rows.
pub(super) fn comparisons(n: usize) -> u64 {
    Plan::of(n).comparisons
}

/// (3), or all pairs if they are fewer.
fn budget(n: usize, k: u32) -> usize {
    let rest = n as u128 + 1 - (1 << k);
    let all = rest * (rest.saturating_sub(1)) / 2;
    if k == 0 {
        return all as usize;
    }
    let gaps = 1u128 << k;
    let (root, depth) = (gaps.isqrt() + 1, u128::from(30 + k));
    let bound = rest * rest * (3 * gaps + 18 * root + depth * depth) / (3 * gaps * gaps);
    bound.min(all) as usize
}

/// The first `n` of shuffled rows in ascending order: the row at each position.
/// In a dry run, some permutation.
pub(in crate::table) fn sort_rows<E: Engine>(
    e: &mut E,
    words: &[E::Ring],
    n: usize,
) -> Result<Vec<usize>> {
    sort_padded(e, words, n, n)
}

/// [`sort_rows`] for `real` rows, by the comparisons that n rows would need: rows
/// from `real` on do not exist and count as larger than all that do.
pub(in crate::table) fn sort_padded<E: Engine>(
    e: &mut E,
    words: &[E::Ring],
    n: usize,
    real: usize,
) -> Result<Vec<usize>> {
    let k = Plan::of(n).k;
    let m = (1usize << k) - 1;
    let pivots = if k == 0 { Vec::new() } else { sort_padded(e, words, m, real)? };
    let mut dry = false;
    // step 2: how many pivots are less than each row
    let mut gap = vec![0usize; n - m];
    for level in (0..k).rev() {
        let half = 1usize << level;
        let (mut left, mut right) = (Vec::with_capacity(n - m), Vec::with_capacity(n - m));
        for (row, g) in (m..n).zip(&gap) {
            let pivot = pivots[g + half - 1];
            // Row 0 with itself, where one of the two does not exist.
            let exist = row < real && pivot < real;
            left.push(if exist { pivot } else { 0 });
            right.push(if exist { row } else { 0 });
        }
        match less(e, words, &left, &right)? {
            Some(below) => {
                for ((row, g), below) in (m..n).zip(&mut gap).zip(below) {
                    *g += if below || row >= real { half } else { 0 };
                }
            }
            None => dry = true,
        }
    }
    let (start, members) = by_gap(&gap, m);
    // step 3; in a gap, rows that exist come before those that do not
    let budget = budget(n, k);
    let (mut left, mut right) = (Vec::with_capacity(budget), Vec::with_capacity(budget));
    let mut rank: Vec<usize> = (0..=m).flat_map(|g| 0..start[g + 1] - start[g]).collect();
    if !dry {
        for g in 0..=m {
            let members = &members[start[g]..start[g + 1]];
            let end = start[g] + members.partition_point(|&i| m + i < real);
            for i in start[g]..end {
                rank[i] = 0;
                for j in i + 1..end {
                    left.push(i);
                    right.push(j);
                }
            }
        }
    }
    let filled = left.len().max(budget);
    let rows_of = |at: &[usize]| -> Vec<usize> {
        let fill = std::iter::repeat_n(0, filled - at.len());
        at.iter().map(|&i| m + members[i]).chain(fill).collect()
    };
    if let Some(outcomes) = less(e, words, &rows_of(&left), &rows_of(&right))? {
        for ((&i, &j), less) in left.iter().zip(&right).zip(outcomes) {
            rank[if less { j } else { i }] += 1;
        }
    } else {
        rank = (0..=m).flat_map(|g| 0..start[g + 1] - start[g]).collect();
    }
    // Gap g comes after g pivots.
    let in_gap = (0..=m).flat_map(|g| (start[g]..start[g + 1]).map(move |i| (g, i)));
    let to: Vec<usize> = in_gap
        .map(|(g, i)| g + start[g] + rank[i])
        .chain((0..m).map(|g| g + start[g + 1]))
        .collect();
    let from = inverse(&to).map_err(|_| {
        Error::Argument(
            "the comparisons of a sort contradict one another: a key is outside its declared \
             width, or a party deviated"
                .into(),
        )
    })?;
    let row = |i: usize| members.get(i).map_or_else(|| pivots[i - members.len()], |r| m + r);
    Ok(from.into_iter().map(row).collect())
}

/// The indices of `gap` in the order of the gaps: gap g has those from start[g]
/// to start[g + 1].
fn by_gap(gap: &[usize], m: usize) -> (Vec<usize>, Vec<usize>) {
    let mut start = vec![0usize; m + 2];
    for &g in gap {
        start[g + 1] += 1;
    }
    for g in 0..=m {
        start[g + 1] += start[g];
    }
    let mut next = start.clone();
    let mut members = vec![0usize; gap.len()];
    for (i, &g) in gap.iter().enumerate() {
        members[next[g]] = i;
        next[g] += 1;
    }
    (start, members)
}

/// Comparisons in one step; more are done in parts, which bounds the memory.
const PART: usize = 1 << 21;

/// (2) for pairs of shuffled rows, opened to all.
pub(in crate::table) fn less<E: Engine>(
    e: &mut E,
    words: &[E::Ring],
    left: &[usize],
    right: &[usize],
) -> Result<Option<Vec<bool>>> {
    let mut outcomes = Vec::with_capacity(left.len());
    let mut wet = true;
    for (left, right) in left.chunks(PART).zip(right.chunks(PART)) {
        let n = left.len();
        let differences: Vec<E::Ring> =
            words.iter().map(|w| w.gather(left).sub(&w.gather(right))).collect();
        let negative = e.is_negative(&super::super::join_columns::<E>(&differences))?;
        let mut less = negative.slice(0..n);
        if words.len() > 1 {
            let zero = e.is_zero(&super::super::join_columns::<E>(&differences[1..]))?;
            for t in 1..words.len() {
                let lower = e.and(&zero.slice((t - 1) * n..t * n), &less)?;
                less = negative.slice(t * n..(t + 1) * n).xor(&lower);
            }
        }
        match e.open_bits(&less, Recipients::All)? {
            Some(opened) => outcomes.extend(bits::unpack(&opened, n)),
            None => wet = false,
        }
    }
    Ok(wet.then_some(outcomes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln n!, by Stirling's series; exact to 1e-9 from 20 on.
    fn ln_factorial(n: usize) -> f64 {
        let x = n as f64 + 1.0;
        if n < 20 {
            return (2..=n).map(|i| (i as f64).ln()).sum();
        }
        (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + 1.0 / (12.0 * x)
            - 1.0 / (360.0 * x.powi(3))
    }

    /// ln of the number of ways to write n as a sum of `gaps` sizes.
    fn ln_compositions(n: usize, gaps: usize) -> f64 {
        ln_factorial(n + gaps - 1) - ln_factorial(gaps - 1) - ln_factorial(n)
    }

    /// ln of the Chernoff bound on Pr[sum s (s - 1) / 2 > B] over uniform
    /// compositions of `n` into `gaps` sizes of at most `longest`: for all z and
    /// t, the number of those compositions is at most F(z)^gaps z^-n e^(-t B) with
    /// F(z) = sum_s z^s e^(t s (s - 1) / 2).
    fn ln_excess(n: usize, gaps: usize, longest: usize, bound: f64) -> f64 {
        let all = ln_compositions(n, gaps);
        let mean = n as f64 / gaps as f64;
        let at = |t: f64, ln_z: f64| {
            let term = |s: usize| s as f64 * (ln_z + t * (s as f64 - 1.0) / 2.0);
            let most = (0..=longest).map(term).fold(f64::MIN, f64::max);
            let sum: f64 = (0..=longest).map(|s| (term(s) - most).exp()).sum();
            gaps as f64 * (most + sum.ln()) - n as f64 * ln_z - t * bound - all
        };
        let mut best = f64::MAX;
        for i in 0..45 {
            let t = 0.02 / (mean * mean) * 1.12f64.powi(i);
            // convex in ln z
            let (mut low, mut high) = (-1.0, 0.0);
            for _ in 0..40 {
                let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
                if at(t, a) < at(t, b) { high = b } else { low = a }
            }
            best = best.min(at(t, (low + high) / 2.0));
        }
        best
    }

    #[test]
    fn the_budget_is_exceeded_with_a_probability_below_2_to_the_minus_30() {
        let target = -31.0 * std::f64::consts::LN_2;
        for n in [600, 1000, 1023, 3000, 4095, 5000, 8191, 20_000, 32_767, 100_000] {
            let k = Plan::of(n).k;
            if k == 0 {
                continue;
            }
            let gaps = 1usize << k;
            let rest = n + 1 - gaps;
            let too_long = |s: usize| {
                (gaps as f64).ln() + ln_compositions(rest - s, gaps) - ln_compositions(rest, gaps)
            };
            let longest = (1..rest).find(|&s| too_long(s) < target).unwrap_or(rest);
            let excess = ln_excess(rest, gaps, longest, budget(n, k) as f64);
            assert!(excess < target, "{n} rows: 2^{:.1}", excess / std::f64::consts::LN_2);
        }
    }
}
