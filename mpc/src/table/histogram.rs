//! Histograms over public edges, and contingency tables of small domains.
//!
//! **Histogram.** As numpy's: for edges e_0 < ... < e_k, bin j counts the rows
//! with e_j <= v < e_(j+1), the last one also v = e_k; other rows are not
//! counted. With weights, each row counts its weight. Computed from
//!
//! (1)  B_j = sum of w_i where v_i < e_j,   bin_j = B_(j+1) - B_j,
//!
//! with e_k + 1 in the place of the last edge: values are integers as words.
//!
//! **Contingency table.** Cell (r, s) counts the rows with a = r and b = s, the
//! inner product of two one-hot columns: one matrix product in all. Codes outside
//! the domains are not counted.
//!
//! All results are exact integers; sums of weights must stay below 2^62.
//!
//! **Leakage.** None. **Cost** in `rep3`, bytes per row: 66 for each edge; for a
//! contingency table about 25 (rows + columns) and 150. The results cost nothing
//! that grows with the number of rows. With more than about 20 edges sorting
//! values and edges together would send less; nobody needed it yet.

use super::{check_lengths, join_columns, lookup::one_hot};
use crate::engine::{Dims, Engine, RingShares};
use privity_core::{Error, Result};

/// Counts, or sums of `weights`, in the bins between `edges`, of the valid rows.
/// |v - edge| < 2^62.
pub fn histogram<E: Engine>(
    e: &mut E,
    values: &E::Ring,
    edges: &[i64],
    weights: Option<&E::Ring>,
    valid: Option<&E::Ring>,
) -> Result<E::Ring> {
    let n = values.len();
    check_lengths::<E>(n, &weights.into_iter().chain(valid).collect::<Vec<_>>())?;
    if edges.len() < 2 || !edges.is_sorted_by(|a, b| a < b) {
        return Err(Error::Argument(
            "a histogram needs two edges or more, each larger than the one before".into(),
        ));
    }
    if edges.iter().any(|edge| edge.unsigned_abs() >= 1 << 62) {
        return Err(Error::Argument("an edge of a histogram is 2^62 or more in size".into()));
    }
    let bins = edges.len() - 1;
    if n == 0 {
        return Ok(E::Ring::zeros(bins));
    }
    let weights = match (weights, valid) {
        (Some(w), Some(v)) => Some(e.mul(w, v, 0)?),
        (w, v) => w.or(v).cloned(),
    };
    let mut edges: Vec<u64> = edges.iter().map(|&edge| edge as u64).collect();
    edges[bins] = edges[bins].wrapping_add(1);
    let mut below = Vec::new();
    for edges in edges.chunks((PART / n).max(1)) {
        let shifted: Vec<E::Ring> =
            edges.iter().map(|edge| e.add_public(values, &vec![edge.wrapping_neg(); n])).collect();
        let less = e.is_negative(&join_columns::<E>(&shifted))?;
        let less = e.bit_to_ring(&less)?;
        below.push(match &weights {
            Some(w) => e.dot(&less, &w.tile(edges.len()), n, 0)?,
            None => less.sum_rows(n),
        });
    }
    let below = join_columns::<E>(&below);
    Ok(below.slice(1..bins + 1).sub(&below.slice(0..bins)))
}

/// Comparisons at a time, which bounds the memory.
const PART: usize = 1 << 21;

/// How often each of the codes 0 .. d - 1 occurs, or its sum of `weights`.
pub fn frequencies<E: Engine>(
    e: &mut E,
    codes: &E::Ring,
    d: usize,
    weights: Option<&E::Ring>,
    valid: Option<&E::Ring>,
) -> Result<E::Ring> {
    let n = codes.len();
    check_lengths::<E>(n, &weights.into_iter().chain(valid).collect::<Vec<_>>())?;
    let codes = only_valid(e, codes, valid)?;
    let z = join_columns::<E>(&one_hot(e, &codes, d)?);
    match weights {
        _ if n == 0 => Ok(E::Ring::zeros(d)),
        Some(w) => e.dot(&z, &w.tile(d), n, 0),
        None => Ok(z.sum_rows(n)),
    }
}

/// The `rows` x `columns` table of counts, or of sums of `weights`, of the codes
/// `a` (0 .. rows - 1) and `b` (0 .. columns - 1), in row-major order.
pub fn contingency<E: Engine>(
    e: &mut E,
    (a, rows): (&E::Ring, usize),
    (b, columns): (&E::Ring, usize),
    weights: Option<&E::Ring>,
    valid: Option<&E::Ring>,
) -> Result<E::Ring> {
    let n = a.len();
    check_lengths::<E>(n, &std::iter::once(b).chain(weights).chain(valid).collect::<Vec<_>>())?;
    let a = only_valid(e, a, valid)?;
    let mut left = join_columns::<E>(&one_hot(e, &a, rows)?);
    let right = join_columns::<E>(&one_hot(e, b, columns)?);
    if n == 0 {
        return Ok(E::Ring::zeros(rows * columns));
    }
    if let Some(w) = weights {
        left = e.mul(&left, &w.tile(rows), 0)?;
    }
    e.matmul(&left, &right.transpose(n), Dims { m: rows, k: n, n: columns }, 0)
}

/// -1, which is no code, in the invalid rows: (code + 1) valid - 1.
fn only_valid<E: Engine>(e: &mut E, codes: &E::Ring, valid: Option<&E::Ring>) -> Result<E::Ring> {
    let Some(valid) = valid else { return Ok(codes.clone()) };
    let ones = vec![1; codes.len()];
    let product = e.mul(&e.add_public(codes, &ones), valid, 0)?;
    Ok(product.sub(&e.public(&ones)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    type Row = (i64, i64, i64, bool);

    fn row() -> impl Strategy<Value = Row> {
        (-6i64..6, -1i64..5, -1000i64..1000, any::<bool>())
    }

    fn words(f: impl Iterator<Item = i64>) -> Words {
        Words(f.map(|x| x as u64).collect())
    }

    proptest! {
        #[test]
        fn counts_and_weights(
            rows in prop::collection::vec(row(), 0..80), nulls: bool, weighted: bool,
            edges in prop::collection::btree_set(-7i64..7, 2..6),
        ) {
            let e = &mut Plain::new(9);
            let a = words(rows.iter().map(|r| r.0));
            let b = words(rows.iter().map(|r| r.1));
            let w = words(rows.iter().map(|r| r.2));
            let v = words(rows.iter().map(|r| i64::from(r.3)));
            let (w, v) = (weighted.then_some(&w), nulls.then_some(&v));
            let sum = |keep: &dyn Fn(&Row) -> bool| -> u64 {
                rows.iter().filter(|r| (r.3 || !nulls) && keep(r))
                    .map(|r| if weighted { r.2 } else { 1 }).sum::<i64>() as u64
            };
            let edges: Vec<i64> = edges.into_iter().collect();
            let got = histogram(e, &a, &edges, w, v).unwrap();
            for (j, pair) in edges.windows(2).enumerate() {
                let last = j + 2 == edges.len();
                let truth = sum(&|r| r.0 >= pair[0] && (r.0 < pair[1] || last && r.0 == pair[1]));
                prop_assert_eq!(got.0[j], truth);
            }
            let (da, db) = (5, 4);
            let got = contingency(e, (&a, da), (&b, db), w, v).unwrap();
            for r in 0..da {
                for s in 0..db {
                    prop_assert_eq!(got.0[r * db + s], sum(&|row| row.0 == r as i64 && row.1 == s as i64));
                }
            }
            let got = frequencies(e, &b, db, w, v).unwrap();
            for s in 0..db {
                prop_assert_eq!(got.0[s], sum(&|row| row.1 == s as i64));
            }
        }
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let e = &mut Plain::new(1);
        let (two, three) = (Words(vec![1, 2]), Words(vec![1, 2, 3]));
        for edges in [&[][..], &[1], &[2, 1], &[1, 1], &[0, i64::MAX]] {
            assert!(matches!(histogram(e, &two, edges, None, None), Err(Error::Argument(_))));
        }
        let short = histogram(e, &two, &[0, 1], Some(&three), None);
        assert!(matches!(short, Err(Error::Argument(_))));
        let short = contingency(e, (&two, 2), (&three, 2), None, None);
        assert!(matches!(short, Err(Error::Argument(_))));
    }
}
