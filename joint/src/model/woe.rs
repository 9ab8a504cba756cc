//! Weight of evidence and information value.
//!
//! **Definition.** Of a binned column, with bad_k and good_k the rows of bin k
//! with y = 1 and y = 0, B and G their totals over all rows,
//!
//! (1)  bb_k = (bad_k + 1/2) / B,   gg_k = (good_k + 1/2) / G
//! (2)  WoE_k = ln(bb_k / gg_k)
//!            = ln(2 bad_k + 1) - ln(2 good_k + 1) - ln B + ln G
//! (3)  IV = sum_k (bb_k - gg_k) WoE_k
//!
//! (the totals carry no smoothing). A bin without any row has the WoE 0, as a
//! level that was never seen, and adds nothing to IV.
//!
//! **Input.** The bins of all columns side by side as one matrix of indicators,
//! integers 0 and 1; the bins per column are public.
//!
//! **Error.** Counts are exact. WoE: four logarithms within 6e-8 each and one
//! unit: 1.2e-6. IV: 2e-6 per bin.
//!
//! **Rounds.** Counts 1; WoE 25; IV 25. One pass over the table, whatever the
//! number of columns.

use super::FRAC;
use privity_core::{Error, Result};
use privity_mpc::{
    engine::{Dims, Engine, RingShares},
    numeric::normal::{self, Range},
};

/// Everything about the bins, shared.
pub struct Woe<E: Engine> {
    /// Bins of each column, as given.
    pub bins: Vec<usize>,
    /// Rows with y = 1 per bin; integers.
    pub bad: E::Ring,
    /// Rows with y = 0 per bin; integers.
    pub good: E::Ring,
    /// (2) per bin, 20 fractional bits.
    pub woe: E::Ring,
    /// (3) per column, 20 fractional bits.
    pub iv: E::Ring,
}

/// Fits (1) to (3) to `one_hot` (`rows` x sum of `bins`) and `y`, up to 2^21
/// rows. If y has one class only the results are finite and mean nothing.
pub fn fit<E: Engine>(
    e: &mut E,
    one_hot: &E::Ring,
    y: &E::Ring,
    rows: usize,
    bins: &[usize],
) -> Result<Woe<E>> {
    let total = check(one_hot.len(), rows, bins)?;
    if y.len() != rows {
        return Err(Error::Argument(format!("{} labels for {rows} rows", y.len())));
    }
    let bad = e.matmul(y, one_hot, Dims { m: 1, k: rows, n: total }, 0)?;
    let count = one_hot.sum_columns(total);
    let good = count.sub(&bad);
    let bads = y.sum_columns(1);
    let goods = e.add_public(&bads.neg(), &[rows as u64]);

    // (2); an empty bin has 1 and 1 there and must lose ln G - ln B as well
    // 2 bad_k + 1, then 2 good_k + 1
    let odd = e.add_public(&E::Ring::concat(&[&bad, &good]).scale(2), &vec![1; 2 * total]);
    let arguments = E::Ring::concat(&[&odd, &bads, &goods]);
    let logs = normal::ln(e, &arguments, Range::integers(23), 28)?;
    let part = |k: usize| logs.slice(k * total..(k + 1) * total);
    let offset =
        logs.slice(2 * total + 1..2 * total + 2).sub(&logs.slice(2 * total..2 * total + 1));
    let woe = part(0).sub(&part(1)).add(&offset.repeat_each(total));
    let woe = e.truncate(&woe, 28 - FRAC)?;
    let empty = e.is_zero(&count)?;
    let empty = e.bit_to_ring(&empty)?;
    let woe = woe.sub(&e.mul(&empty, &woe, 0)?);

    // (3) as sum_k [(2 bad_k + 1) WoE_k] / 2B - the same for good
    let shares = E::Ring::concat(&[&bads, &goods]);
    let reciprocals = normal::reciprocal(e, &shares, Range::integers(22), 38)?;
    let factors = E::Ring::concat(&[
        &reciprocals.slice(0..1).repeat_each(total),
        &reciprocals.slice(1..2).repeat_each(total),
    ]);
    // (bad + 1/2) / B with 26 fractional bits: cut 38 + 1 - 26
    let densities = e.mul(&odd, &factors, 13)?;
    let difference = densities.slice(0..total).sub(&densities.slice(total..2 * total));
    let terms = e.mul(&difference, &woe, 0)?;
    let sums: Vec<E::Ring> = ranges(bins).map(|r| terms.slice(r).sum_columns(1)).collect();
    let iv = e.truncate(&E::Ring::concat(&sums.iter().collect::<Vec<_>>()), 26)?;
    Ok(Woe { bins: bins.to_vec(), bad, good, woe, iv })
}

/// The WoE of each row's bin, `rows` x columns, from indicators of the same
/// bins: exact, one matrix product without truncation. A row without any bin
/// in a column (an unseen level) gets 0.
pub fn transform<E: Engine>(
    e: &mut E,
    one_hot: &E::Ring,
    woe: &E::Ring,
    rows: usize,
    bins: &[usize],
) -> Result<E::Ring> {
    let total = check(one_hot.len(), rows, bins)?;
    if woe.len() != total {
        return Err(Error::Argument(format!("{} values for {total} bins", woe.len())));
    }
    // bins x columns, the WoE of a bin in its column and 0 elsewhere
    let mut pattern = vec![0; total * bins.len()];
    for (column, range) in ranges(bins).enumerate() {
        for bin in range {
            pattern[bin * bins.len() + column] = 1;
        }
    }
    let weights = woe.repeat_each(bins.len()).mul_public(&pattern);
    e.matmul(one_hot, &weights, Dims { m: rows, k: total, n: bins.len() }, 0)
}

/// The bins of each column within all.
fn ranges(bins: &[usize]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    bins.iter().scan(0, |start, &n| {
        let range = *start..*start + n;
        *start = range.end;
        Some(range)
    })
}

fn check(cells: usize, rows: usize, bins: &[usize]) -> Result<usize> {
    let total: usize = bins.iter().sum();
    if rows == 0 || rows > 1 << 21 || bins.contains(&0) || cells != rows * total {
        return Err(Error::Argument(format!(
            "{cells} indicators for {rows} rows (1 to 2^21) of {total} bins in {} columns (none empty)",
            bins.len()
        )));
    }
    Ok(total)
}

#[cfg(test)]
mod tests;
