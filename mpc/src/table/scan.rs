//! Scans within segments: running sums and maxima that start anew.
//!
//! Rows are cut into segments by bits c as numbers: c_i = 1 says that row i
//! continues the segment of row i - 1. c_0 has no influence.
//!
//! **Method.** For an associative operation o, pairs (c, v) combine by
//!
//! (1)  (c_k, v_k) (c_j, v_j) = (c_k c_j,  c_j = 1 ? v_k o v_j : v_j),
//!
//! again associative. All prefixes are computed by t levels of a Brent-Kung
//! network (which leave the combined value of 2^t rows in each 2^t-th), a Sklansky
//! network over those rows, and t levels back (Ladner, Fischer 1980, for such
//! mixtures). Each level is one step; with t = log2 n - 9, from 0 to 4, there are
//! log2 n + t levels, and about 2 n + n (log2 n - t) / 2^(t+1) combinations.
//!
//! For sums a combination is
//!
//! (2)  v_j + c_j v_k,
//!
//! for maxima, with w = c_j (v_k - v_j) and b = 1 where v_j < v_k,
//!
//! (3)  v_j + b w.
//!
//! All columns of a call go through the levels together.
//!
//! **Leakage.** None. **Cost** in `rep3`: for each level 1 round, with maxima 10;
//! for each combination 24 bytes for c and for each sum, 90 for each maximum.

use super::{check_lengths, complement, mul_columns};
use crate::engine::{Engine, RingShares};
use privity_core::Result;

/// What a scan makes of a column.
pub enum Scan<'a, E: Engine> {
    /// Sums, which must stay below 2^62 in size.
    Sum(&'a E::Ring),
    /// Largest values so far, |v| < 2^61.
    Max(&'a E::Ring),
    /// Smallest values so far, |v| < 2^61.
    Min(&'a E::Ring),
    /// The first value of the segment.
    First(&'a E::Ring),
}

/// The scans of some columns within the same segments.
pub fn scan<E: Engine>(
    e: &mut E,
    continues: &E::Ring,
    columns: &[Scan<'_, E>],
) -> Result<Vec<E::Ring>> {
    let n = continues.len();
    let given: Vec<&E::Ring> = columns.iter().map(Scan::column).collect();
    check_lengths::<E>(n, &given)?;
    if n == 0 {
        return Ok(given.into_iter().cloned().collect());
    }
    // Row 0 starts a segment.
    let c = E::Ring::concat(&[&E::Ring::zeros(1), &continues.slice(1..n)]);
    // The first value, carried on, is the sum of the values that are not
    // followers.
    let first: Vec<&E::Ring> =
        columns.iter().filter(|s| matches!(s, Scan::First(_))).map(Scan::column).collect();
    let mut first = mul_columns(e, &complement(e, &c), &first)?.into_iter();
    let mut values: Vec<E::Ring> = columns
        .iter()
        .map(|s| match s {
            Scan::Sum(v) | Scan::Max(v) => (*v).clone(),
            Scan::Min(v) => v.neg(),
            // One product for each First, in order.
            Scan::First(_) => first.next().unwrap_or_else(|| E::Ring::zeros(n)),
        })
        .collect();
    let is_max: Vec<bool> =
        columns.iter().map(|s| matches!(s, Scan::Max(_) | Scan::Min(_))).collect();
    levels(e, c, &mut values, &is_max)?;
    for (v, s) in values.iter_mut().zip(columns) {
        if matches!(s, Scan::Min(_)) {
            *v = v.neg();
        }
    }
    Ok(values)
}

impl<'a, E: Engine> Scan<'a, E> {
    fn column(&self) -> &'a E::Ring {
        match self {
            Scan::Sum(v) | Scan::Max(v) | Scan::Min(v) | Scan::First(v) => v,
        }
    }
}

/// One level: row to[i] takes what row from[i] has.
struct Level {
    to: Vec<usize>,
    from: Vec<usize>,
    /// Whether a later level combines the result further.
    more: bool,
}

/// All prefixes of n rows.
fn network(n: usize) -> Vec<Level> {
    let depth = n.next_power_of_two().trailing_zeros();
    let t = depth.saturating_sub(9).min(4);
    let mut levels = Vec::new();
    for l in 0..t {
        let (half, block) = (1 << l, 2 << l);
        let to: Vec<usize> = (block - 1..n).step_by(block).collect();
        let from = to.iter().map(|j| j - half).collect();
        levels.push(Level { to, from, more: true });
    }
    // Row q of the middle is the last of the q-th block.
    let last = |q: usize| ((q + 1) << t) - 1;
    let middle = n >> t;
    for l in 0..middle.next_power_of_two().trailing_zeros() {
        let to = (0..middle).filter(|q| q >> l & 1 == 1);
        let (to, from) = to.map(|q| (last(q), last((q >> l << l) - 1))).unzip();
        levels.push(Level { to, from, more: true });
    }
    for l in (0..t).rev() {
        let (half, block) = (1 << l, 2 << l);
        let to: Vec<usize> = (block + half - 1..n).step_by(block).collect();
        let from = to.iter().map(|j| j - half).collect();
        levels.push(Level { to, from, more: false });
    }
    levels
}

/// Runs the network on (1).
fn levels<E: Engine>(
    e: &mut E,
    mut c: E::Ring,
    values: &mut [E::Ring],
    is_max: &[bool],
) -> Result<()> {
    let n = c.len();
    let maxima: Vec<usize> = (0..values.len()).filter(|&i| is_max[i]).collect();
    for Level { to, from, more } in network(n).into_iter().filter(|l| !l.to.is_empty()) {
        let m = to.len();
        // c_j times v_k or v_k - v_j, and c_k
        let factors: Vec<E::Ring> = values
            .iter()
            .zip(is_max)
            .map(|(v, &max)| {
                let k = v.gather(&from);
                if max { k.sub(&v.gather(&to)) } else { k }
            })
            .chain(more.then(|| c.gather(&from)))
            .collect();
        let mine = c.gather(&to);
        let mut taken = mul_columns(e, &mine, &factors.iter().collect::<Vec<_>>())?;
        if !maxima.is_empty() {
            // (3): v_j - v_k < 0
            let difference: Vec<E::Ring> = maxima.iter().map(|&i| factors[i].neg()).collect();
            let less = e.is_negative(&super::join_columns::<E>(&difference))?;
            let less = e.bit_to_ring(&less)?;
            let w: Vec<&E::Ring> = maxima.iter().map(|&i| &taken[i]).collect();
            let w = e.mul(&less, &E::Ring::concat(&w), 0)?;
            for (part, &i) in maxima.iter().enumerate() {
                taken[i] = w.slice(part * m..(part + 1) * m);
            }
        }
        let mut taken = taken.into_iter();
        for (v, taken) in values.iter_mut().zip(&mut taken) {
            let sum = v.gather(&to).add(&taken);
            *v = placed::<E>(v, &sum, &to);
        }
        if let Some(product) = taken.next() {
            c = placed::<E>(&c, &product, &to);
        }
    }
    Ok(())
}

/// x with the elements at `to` replaced by those of y.
fn placed<E: Engine>(x: &E::Ring, y: &E::Ring, to: &[usize]) -> E::Ring {
    let n = x.len();
    let mut source: Vec<usize> = (0..n).collect();
    for (i, &t) in to.iter().enumerate() {
        source[t] = n + i;
    }
    E::Ring::concat(&[x, y]).gather(&source)
}

/// Bits as numbers: 1 where a row agrees with the row before in all columns, 0
/// in row 0. One test for zero per row and column, |x - y| < 2^62.
pub fn same_as_previous<E: Engine>(e: &mut E, columns: &[&E::Ring]) -> Result<E::Ring> {
    use crate::engine::BitShares;
    let n = columns.first().map_or(0, |c| c.len());
    check_lengths::<E>(n, columns)?;
    if n < 2 {
        return Ok(E::Ring::zeros(n));
    }
    let differences: Vec<E::Ring> =
        columns.iter().map(|c| c.slice(1..n).sub(&c.slice(0..n - 1))).collect();
    let equal = e.is_zero(&super::join_columns::<E>(&differences))?;
    let mut parts: Vec<E::Bits> =
        (0..columns.len()).map(|k| equal.slice(k * (n - 1)..(k + 1) * (n - 1))).collect();
    while parts.len() > 1 {
        let odd = if parts.len() % 2 == 1 { parts.pop() } else { None };
        let half = parts.len() / 2;
        let join = |p: &[E::Bits]| E::Bits::concat(&p.iter().collect::<Vec<_>>());
        let both = e.and(&join(&parts[..half]), &join(&parts[half..]))?;
        parts = (0..half).map(|k| both.slice(k * (n - 1)..(k + 1) * (n - 1))).chain(odd).collect();
    }
    let equal = e.bit_to_ring(&parts[0])?;
    Ok(E::Ring::concat(&[&E::Ring::zeros(1), &equal]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scans_start_anew(
            rows in prop_oneof![0usize..200, 500usize..9000].prop_flat_map(|n| prop::collection::vec(
                (any::<bool>(), -(1i64 << 47)..1 << 47, -(1i64 << 60) + 1..1 << 60), n,
            )),
        ) {
            let e = &mut Plain::new(3);
            let c = Words(rows.iter().map(|r| u64::from(r.0)).collect());
            let a = Words(rows.iter().map(|r| r.1 as u64).collect());
            let b = Words(rows.iter().map(|r| r.2 as u64).collect());
            let got = scan(e, &c, &[Scan::Sum(&a), Scan::Max(&b), Scan::First(&a), Scan::Min(&b), Scan::First(&b)]).unwrap();
            let (mut sum, mut max, mut min, mut fa, mut fb) = (0, 0, 0, 0, 0);
            for (i, &(c, a, b)) in rows.iter().enumerate() {
                if c && i > 0 {
                    (sum, max, min) = (sum + a, b.max(max), b.min(min));
                } else {
                    (sum, max, min, fa, fb) = (a, b, b, a, b);
                }
                let want = [sum, max, fa, min, fb];
                for (g, w) in got.iter().zip(want) {
                    prop_assert_eq!(g.0[i] as i64, w);
                }
            }
        }

        #[test]
        fn rows_are_compared_with_the_previous(
            rows in prop::collection::vec((0u64..2, 0u64..2, 0u64..2), 0..90), k in 1usize..4,
        ) {
            let e = &mut Plain::new(3);
            let columns: Vec<Words> = (0..k)
                .map(|k| Words(rows.iter().map(|r| [r.0, r.1, r.2][k]).collect()))
                .collect();
            let got = same_as_previous(e, &columns.iter().collect::<Vec<_>>()).unwrap();
            for i in 0..rows.len() {
                let same = i > 0 && columns.iter().all(|c| c.0[i] == c.0[i - 1]);
                prop_assert_eq!(got.0[i], u64::from(same));
            }
        }
    }
}
