//! Scans within segments: running sums and maxima that start anew.
//!
//! Rows are cut into segments by bits c as numbers: c_i = 1 says that row i
//! continues the segment of row i - 1. c_0 has no influence.
//!
//! **Method.** For an associative operation o, pairs (c, v) combine by
//!
//! (1)  (c_k, v_k) (c_j, v_j) = (c_k c_j,  c_j = 1 ? v_k o v_j : v_j),
//!
//! again associative; a Sklansky network of ceil(log2 n) levels computes all
//! prefixes. At level l every row j whose bit l is set takes what row k =
//! (j >> l << l) - 1 has, which is at most n / 2 rows. For sums,
//!
//! (2)  v_j + c_j v_k,
//!
//! for maxima, with w = c_j (v_k - v_j) and b = 1 where v_j < v_k,
//!
//! (3)  v_j + b w.
//!
//! All columns of a call go through the levels together.
//!
//! **Leakage.** None. **Cost** per level in `rep3`: 1 round, 12 bytes per row for
//! c and for each sum; with maxima 10 rounds, and 45 bytes per row for each.

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

/// The Sklansky network on (1).
fn levels<E: Engine>(
    e: &mut E,
    mut c: E::Ring,
    values: &mut [E::Ring],
    is_max: &[bool],
) -> Result<()> {
    let n = c.len();
    let depth = n.next_power_of_two().trailing_zeros();
    for level in 0..depth {
        let to: Vec<usize> = (0..n).filter(|j| j >> level & 1 == 1).collect();
        let from: Vec<usize> = to.iter().map(|j| (j >> level << level) - 1).collect();
        let mine = c.gather(&to);
        let earlier: Vec<E::Ring> = values.iter().map(|v| v.gather(&from)).collect();
        let own: Vec<Option<E::Ring>> =
            values.iter().zip(is_max).map(|(v, &max)| max.then(|| v.gather(&to))).collect();
        // c_j times c_k, v_k, or v_k - v_j
        let factors: Vec<E::Ring> = std::iter::once(c.gather(&from))
            .chain(earlier.iter().zip(&own).map(|(k, j)| match j {
                Some(j) => k.sub(j),
                None => k.clone(),
            }))
            .collect();
        let mut taken = mul_columns(e, &mine, &factors.iter().collect::<Vec<_>>())?;
        let maxima: Vec<usize> = (0..values.len()).filter(|&i| is_max[i]).collect();
        if !maxima.is_empty() {
            // (3): v_j - v_k < 0
            let difference: Vec<E::Ring> = maxima.iter().map(|&i| factors[i + 1].neg()).collect();
            let less = e.is_negative(&super::join_columns::<E>(&difference))?;
            let less = e.bit_to_ring(&less)?;
            let w: Vec<&E::Ring> = maxima.iter().map(|&i| &taken[i + 1]).collect();
            let w = e.mul(&less, &E::Ring::concat(&w), 0)?;
            for (m, &i) in maxima.iter().enumerate() {
                taken[i + 1] = w.slice(m * to.len()..(m + 1) * to.len());
            }
        }
        // Row j now holds the old one plus what it took; c_j becomes the product.
        let mut taken = taken.into_iter();
        if let Some(product) = taken.next() {
            c = placed::<E>(&c, &product, &to);
        }
        for (v, taken) in values.iter_mut().zip(taken) {
            *v = v.add(&placed::<E>(&E::Ring::zeros(n), &taken, &to));
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
            rows in prop::collection::vec((any::<bool>(), -(1i64 << 50)..1 << 50, -(1i64 << 60) + 1..1 << 60), 0..200),
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
