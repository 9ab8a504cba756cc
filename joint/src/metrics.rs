//! How well a score ranks: AUC, KS and counts per score band, under sharing.
//!
//! **Definitions.** Rows are sorted by descending score. At the end of each
//! group of equal scores, TP and FP count the rows so far with y = 1 and y = 0;
//! P and N are the totals.
//!
//! (1)  AUC = sum_groups (FP_g - FP_{g-1}) (TP_g + TP_{g-1}) / (2 P N)
//! (2)  KS = max_g (TP_g / P - FP_g / N), at least 0
//!
//! that is, ties count half, as in scikit-learn's `roc_auc_score` and
//! `max(tpr - fpr)` of its `roc_curve`.

use crate::model::FRAC;
use privity_core::{Error, Result};
use privity_mpc::{
    engine::{BitShares, Engine, RingShares},
    numeric::{
        compare,
        normal::{self, Range},
    },
    table::{
        scan::{Scan, scan},
        sort::sort_by_key,
    },
};

/// Most rows of one evaluation.
pub const MAX_ROWS: usize = 1 << 20;

/// (1) and (2), each one shared number with 20 fractional bits.
pub struct Ranking<E: Engine> {
    /// Area under the ROC curve.
    pub auc: E::Ring,
    /// Kolmogorov-Smirnov distance.
    pub ks: E::Ring,
    /// Whether both classes occur; otherwise `auc` and `ks` mean nothing.
    pub both_classes: E::Bits,
}

/// AUC and KS of `score` against `y` (0 or 1), for scores with |score| < 2^61
/// as words, equal words being ties, and up to 2^20 rows.
///
/// **Error** 2e-6 each. **Cost**: one sort with one payload; a scan with two
/// sums; n - 1 comparisons of a tournament; n tests for zero.
pub fn auc_ks<E: Engine>(
    e: &mut E,
    score: &E::Ring,
    y: &E::Ring,
    rows: usize,
) -> Result<Ranking<E>> {
    check(score.len(), y.len(), rows)?;
    let sorted = e.scope("ranking/sort", |e| sort_by_key(e, score, &[y], true))?;
    let (score, y) = (&sorted[0], &sorted[1]);
    e.scope("ranking/count", |e| {
        let tp = y.prefix_sum();
        let index: Vec<u64> = (1..=rows as u64).collect();
        let fp = e.public(&index).sub(&tp);
        // the last row of each group
        let end = {
            let equal = compare::equal(e, &score.slice(0..rows - 1), &score.slice(1..rows))?;
            let differs = e.not(&equal);
            let differs = e.bit_to_ring(&differs)?;
            E::Ring::concat(&[&differs, &e.public(&[1])])
        };
        // TP and FP at the ends, 0 elsewhere
        let both = e.mul(&end.tile(2), &E::Ring::concat(&[&tp, &fp]), 0)?;
        let (tp_end, fp_end) = (both.slice(0..rows), both.slice(rows..2 * rows));
        let (tp_before, fp_before) = before(e, &end, &both, rows)?;

        // 2 P N AUC: up to 2 P N < 2^39, exact
        let width = fp_end.sub(&fp_before);
        let height = tp_end.add(&tp_before);
        let area = e.mul(&width, &end, 0)?;
        let area = e.dot(&area, &height, rows, 0)?;

        let positives = y.sum_columns(1);
        let negatives = e.add_public(&positives.neg(), &[rows as u64]);
        let totals = E::Ring::concat(&[&positives, &negatives]);
        let one_class = e.is_zero(&totals)?;
        let none = compare::or(e, &one_class.slice(0..1), &one_class.slice(1..2))?;
        let both_classes = e.not(&none);
        let inverse = normal::reciprocal(e, &totals, Range::integers(21), 39)?;
        let (by_p, by_n) = (inverse.slice(0..1), inverse.slice(1..2));

        // area / P <= 2 N < 2^21 with 39 bits, cut to 19; times 1 / N: 2^59
        let area = e.mul(&area, &by_p, 20)?;
        let auc = e.mul(&area, &by_n, 19 + 39 + 1 - FRAC)?;

        // (2) with 39 fractional bits, cut after the maximum
        let rates = E::Ring::concat(&[&by_p.repeat_each(rows), &by_n.repeat_each(rows)]);
        let rates = e.mul(&both, &rates, 0)?;
        let distance = rates.slice(0..rows).sub(&rates.slice(rows..2 * rows));
        let ks = compare::max_all(e, &E::Ring::concat(&[&distance, &E::Ring::zeros(1)]))?;
        let ks = e.truncate(&ks, 39 - FRAC)?;
        Ok(Ranking { auc, ks, both_classes })
    })
}

/// For every row, TP and FP at the last group end strictly before it (0 if
/// there is none): what is marked is carried on to the next mark.
fn before<E: Engine>(
    e: &mut E,
    end: &E::Ring,
    both: &E::Ring,
    rows: usize,
) -> Result<(E::Ring, E::Ring)> {
    // Row i starts with what row i - 1 holds.
    let previous = |x: E::Ring| E::Ring::concat(&[&E::Ring::zeros(1), &x.slice(0..rows - 1)]);
    let marked = previous(end.clone());
    let (tp, fp) = (previous(both.slice(0..rows)), previous(both.slice(rows..2 * rows)));
    // Unmarked rows are 0, so a sum since the last mark is the value at the mark.
    let continues = e.add_public(&marked.neg(), &vec![1; rows]);
    let mut carried = scan(e, &continues, &[Scan::Sum(&tp), Scan::Sum(&fp)])?.into_iter();
    match (carried.next(), carried.next()) {
        (Some(tp), Some(fp)) => Ok((tp, fp)),
        _ => Err(Error::Internal("a scan yields a column for each")),
    }
}

/// Rows per score band, shared integers, the lowest band first.
pub struct Bands<E: Engine> {
    /// y = 0 per band, -1 where suppressed.
    pub good: E::Ring,
    /// y = 1 per band, -1 where suppressed.
    pub bad: E::Ring,
}

/// Counts rows with y = 0 and y = 1 in the bands (-inf, edge_0), [edge_0,
/// edge_1), ..., [edge_last, inf). A count from 1 to `minimum` - 1 becomes -1
/// before anything is opened; with a `minimum` of 0 or 1 all counts stay.
///
/// Suppression is cell by cell: whoever knows a total can work out a single
/// suppressed cell from the others.
///
/// `edges` are words of the scores' scale, in ascending order; |score - edge| <
/// 2^62. Exact. Cost: rows times edges comparisons, one matrix product.
pub fn bands<E: Engine>(
    e: &mut E,
    score: &E::Ring,
    y: &E::Ring,
    rows: usize,
    edges: &[u64],
    minimum: u64,
) -> Result<Bands<E>> {
    check(score.len(), y.len(), rows)?;
    if !edges.is_sorted_by_key(|&w| w as i64) {
        return Err(Error::Argument("the edges of score bands must ascend".into()));
    }
    let k = edges.len();
    // cumulative counts below each edge, and of all
    let mut bad = Vec::with_capacity(k + 1);
    let mut all = Vec::with_capacity(k + 1);
    // a few edges at a time bound the memory
    for edges in edges.chunks(((1 << 22) / rows).max(1)) {
        let shifted: Vec<E::Ring> = edges
            .iter()
            .map(|edge| e.add_public(score, &vec![edge.wrapping_neg(); rows]))
            .collect();
        let below = e.is_negative(&E::Ring::concat(&shifted.iter().collect::<Vec<_>>()))?;
        drop(shifted);
        let below = e.bit_to_ring(&below)?;
        bad.push(e.dot(&below, &y.tile(edges.len()), rows, 0)?);
        all.push(below.sum_rows(rows));
    }
    bad.push(y.sum_columns(1));
    all.push(e.public(&[rows as u64]));
    let bad = E::Ring::concat(&bad.iter().collect::<Vec<_>>());
    let all = E::Ring::concat(&all.iter().collect::<Vec<_>>());
    let difference = |x: &E::Ring| x.sub(&E::Ring::concat(&[&E::Ring::zeros(1), &x.slice(0..k)]));
    let (bad, all) = (difference(&bad), difference(&all));
    let counts = E::Ring::concat(&[&all.sub(&bad), &bad]);
    let counts = suppress(e, &counts, minimum)?;
    Ok(Bands { good: counts.slice(0..k + 1), bad: counts.slice(k + 1..2 * (k + 1)) })
}

/// Replaces counts from 1 to `minimum` - 1 by -1, without opening anything.
/// One test for zero and one comparison per count.
pub fn suppress<E: Engine>(e: &mut E, counts: &E::Ring, minimum: u64) -> Result<E::Ring> {
    if minimum <= 1 {
        return Ok(counts.clone());
    }
    let n = counts.len();
    let small = e.add_public(counts, &vec![minimum.wrapping_neg(); n]);
    let small = e.is_negative(&small)?;
    let zero = e.is_zero(counts)?;
    // zero implies small
    let hidden = E::Bits::xor(&small, &zero);
    let hidden = e.bit_to_ring(&hidden)?;
    // c + hidden (-1 - c)
    let minus = e.add_public(&counts.neg(), &vec![1u64.wrapping_neg(); n]);
    Ok(counts.add(&e.mul(&hidden, &minus, 0)?))
}

fn check(scores: usize, labels: usize, rows: usize) -> Result<()> {
    if scores != rows || labels != rows || !(2..=MAX_ROWS).contains(&rows) {
        return Err(Error::Argument(format!(
            "{scores} scores and {labels} labels for {rows} rows (2 to {MAX_ROWS})"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
