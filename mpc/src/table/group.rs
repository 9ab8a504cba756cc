//! Group-by: one row for each value of the keys.
//!
//! **Method.** Rows are sorted by the keys (valid rows first), each row is
//! compared with the one before, and segmented scans ([`super::scan`]) carry
//! sums, extremes and first values to the last row of each group. That row
//! becomes the group's; all others become invalid. (Segmented scans for group-by
//! after sorting: Bogdanov, Laud, Randmets 2014 and later; see Asharov et al.
//! 2022, section 6.)
//!
//! **Result.** Groups in ascending order of the keys, as asked. The order within
//! a group, for `First` and `Last`, is that of the input. The number of groups
//! and their sizes stay hidden unless [`Size::Revealed`] is asked for.
//!
//! **Mean.** With s and c the sum and the count of a group, r about 1 / c with 60
//! fractional bits ([`normal::reciprocal`]),
//!
//! (1)  q = s r / 2^60,   q + (s - q c) r / 2^60,
//!
//! both products in wide words. The first q is off by |s / c| (3e-8 + c 2^-60)
//! and one unit; the second step squares the relative error, so that the mean is
//! s / c, rounded, within 2 units of the last place of the column (|s| < 2^62,
//! up to 2^31 rows).
//!
//! **Leakage.** None beyond the lengths, except with [`Size::Revealed`].
//! **Cost**: that of the sort; one test for zero per row and key; the scans;
//! masking; compaction; for means about 15 rounds and 700 bytes per row of the
//! result, which is why they come last.

use super::{
    check_lengths, complement,
    filter::{self, Size},
    mul_columns,
    scan::{Scan, same_as_previous, scan},
    sort::{Key, sort},
};
use crate::{
    engine::{Engine, RingShares},
    numeric::normal::{self, Range},
};
use privity_core::{Error, Result};

/// What to compute for each group.
pub enum Aggregate<'a, E: Engine> {
    /// The number of valid rows.
    Count,
    /// The sum of a column; each group's must be below 2^62 in size.
    Sum(&'a E::Ring),
    /// Sum over count in the column's own scale, see (1).
    Mean(&'a E::Ring),
    /// The smallest value, |v| < 2^61.
    Min(&'a E::Ring),
    /// The largest value, |v| < 2^61.
    Max(&'a E::Ring),
    /// The value in the first row.
    First(&'a E::Ring),
    /// The value in the last row.
    Last(&'a E::Ring),
}

impl<'a, E: Engine> Aggregate<'a, E> {
    fn column(&self) -> Option<&'a E::Ring> {
        match self {
            Aggregate::Count => None,
            Aggregate::Sum(v)
            | Aggregate::Mean(v)
            | Aggregate::Min(v)
            | Aggregate::Max(v)
            | Aggregate::First(v)
            | Aggregate::Last(v) => Some(v),
        }
    }

    fn over<'b>(&self, column: Option<&'b E::Ring>) -> Aggregate<'b, E> {
        match (self, column) {
            (Aggregate::Sum(_), Some(v)) => Aggregate::Sum(v),
            (Aggregate::Mean(_), Some(v)) => Aggregate::Mean(v),
            (Aggregate::Min(_), Some(v)) => Aggregate::Min(v),
            (Aggregate::Max(_), Some(v)) => Aggregate::Max(v),
            (Aggregate::First(_), Some(v)) => Aggregate::First(v),
            (Aggregate::Last(_), Some(v)) => Aggregate::Last(v),
            _ => Aggregate::Count,
        }
    }
}

/// One row for each group, and invalid ones.
pub struct Groups<E: Engine> {
    /// The key columns.
    pub keys: Vec<E::Ring>,
    /// One column for each aggregate.
    pub values: Vec<E::Ring>,
    /// 1 where the row stands for a group.
    pub valid: E::Ring,
    /// The number of groups that did not find room, as a vector of one.
    pub lost: E::Ring,
}

/// Groups the valid rows by `keys`, in their order.
///
/// With [`Size::InPlace`] there are as many rows as before, and a group's row is
/// anywhere among them, in the order of the keys.
pub fn group_by<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    valid: Option<&E::Ring>,
    aggregates: &[Aggregate<'_, E>],
    size: Size,
) -> Result<Groups<E>> {
    let columns: Vec<&E::Ring> = aggregates.iter().filter_map(Aggregate::column).collect();
    // Invalid rows come last.
    let invalid = valid.map(|v| complement(e, v));
    let by: Vec<Key<'_, E>> =
        invalid.iter().map(|c| Key::unsigned(c, 1)).chain(keys.iter().cloned()).collect();
    let sorted = sort(e, &by, &columns)?;
    let (front, payloads) = sorted.split_at(by.len());
    let (valid, keys) = match invalid {
        Some(_) => (Some(complement(e, &front[0])), &front[1..]),
        None => (None, front),
    };
    let mut payloads = payloads.iter();
    let aggregates: Vec<Aggregate<'_, E>> =
        aggregates.iter().map(|a| a.over(a.column().and_then(|_| payloads.next()))).collect();
    let keys: Vec<&E::Ring> = keys.iter().collect();
    group_sorted(e, &keys, valid.as_ref(), &aggregates, size)
}

/// Groups rows of which those with equal keys are next to one another. Invalid
/// rows may only be at the end; elsewhere they split a group.
pub fn group_sorted<E: Engine>(
    e: &mut E,
    keys: &[&E::Ring],
    valid: Option<&E::Ring>,
    aggregates: &[Aggregate<'_, E>],
    size: Size,
) -> Result<Groups<E>> {
    let n = keys
        .first()
        .map(|k| k.len())
        .ok_or_else(|| Error::Argument("grouping needs a key column: none was given".into()))?;
    let columns: Vec<&E::Ring> = aggregates.iter().filter_map(Aggregate::column).collect();
    check_lengths::<E>(n, &[keys, &columns].concat())?;
    check_lengths::<E>(n, &valid.into_iter().collect::<Vec<_>>())?;
    e.scope("table/group", |e| {
        let (mut columns, end) = at_group_ends(e, keys, valid, aggregates)?;
        columns = mul_columns(e, &end, &columns.iter().collect::<Vec<_>>())?;
        let rows = filter::compact_masked(e, columns, &end, size)?;
        let mut columns = rows.columns;
        let mut values = columns.split_off(keys.len());
        if aggregates.iter().any(|a| matches!(a, Aggregate::Mean(_))) {
            let count = values.pop().ok_or(Error::Internal("means bring a count"))?;
            means(e, aggregates, &mut values, &count, &rows.valid)?;
        }
        Ok(Groups { keys: columns, values, valid: rows.valid, lost: rows.lost })
    })
}

/// The keys, the aggregates and, if there are means, the counts, right in the
/// last row of each group; and bits for those rows.
fn at_group_ends<E: Engine>(
    e: &mut E,
    keys: &[&E::Ring],
    valid: Option<&E::Ring>,
    aggregates: &[Aggregate<'_, E>],
) -> Result<(Vec<E::Ring>, E::Ring)> {
    let n = keys[0].len();
    let by: Vec<&E::Ring> = keys.iter().copied().chain(valid).collect();
    let continues = same_as_previous(e, &by)?;
    let after = E::Ring::concat(&[&continues.slice(n.min(1)..n), &E::Ring::zeros(n.min(1))]);
    let mut end = complement(e, &after);
    if let Some(valid) = valid {
        end = e.mul(&end, valid, 0)?;
    }
    let ones = e.public(&vec![1; n]);
    let mut scans: Vec<Scan<'_, E>> = Vec::new();
    for a in aggregates {
        match a {
            Aggregate::Count => scans.push(Scan::Sum(&ones)),
            Aggregate::Sum(v) | Aggregate::Mean(v) => scans.push(Scan::Sum(*v)),
            Aggregate::Min(v) => scans.push(Scan::Min(*v)),
            Aggregate::Max(v) => scans.push(Scan::Max(*v)),
            Aggregate::First(v) => scans.push(Scan::First(*v)),
            Aggregate::Last(_) => {}
        }
    }
    if aggregates.iter().any(|a| matches!(a, Aggregate::Mean(_))) {
        scans.push(Scan::Sum(&ones));
    }
    let mut scanned = scan(e, &continues, &scans)?.into_iter();
    let mut columns: Vec<E::Ring> = keys.iter().map(|&k| k.clone()).collect();
    for a in aggregates {
        match a {
            Aggregate::Last(v) => columns.push((*v).clone()),
            _ => columns.extend(scanned.next()),
        }
    }
    columns.extend(scanned);
    Ok((columns, end))
}

/// Replaces the sums of [`Aggregate::Mean`] by means, (1).
fn means<E: Engine>(
    e: &mut E,
    aggregates: &[Aggregate<'_, E>],
    values: &mut [E::Ring],
    count: &E::Ring,
    valid: &E::Ring,
) -> Result<()> {
    const FRAC: u32 = 60;
    let n = count.len();
    let at: Vec<usize> =
        (0..values.len()).filter(|&i| matches!(aggregates[i], Aggregate::Mean(_))).collect();
    if n == 0 {
        return Ok(());
    }
    // Invalid rows divide by one.
    let count = count.add(&complement(e, valid));
    let r = normal::reciprocal(e, &count, Range::integers(32), FRAC)?;
    let r = e.widen(&r)?.tile(at.len());
    let sums: Vec<&E::Ring> = at.iter().map(|&i| &values[i]).collect();
    let sums = E::Ring::concat(&sums);
    let times_r = |e: &mut E, x: &E::Ring| -> Result<E::Ring> {
        let product = e.widen(x)?;
        let product = e.dot_wide(&product, &r, 1)?;
        let product = e.truncate_wide(&product, FRAC)?;
        Ok(e.narrow(&product))
    };
    let q = times_r(e, &sums)?;
    let rest = sums.sub(&e.mul(&q, &count.tile(at.len()), 0)?);
    let q = q.add(&times_r(e, &rest)?);
    // Rounding may have left a unit in an invalid row.
    let q = e.mul(&q, &valid.tile(at.len()), 0)?;
    for (k, &i) in at.iter().enumerate() {
        values[i] = q.slice(k * n..(k + 1) * n);
    }
    Ok(())
}

/// The number of different keys among the valid rows, as a vector of one. It
/// stays shared.
pub fn distinct<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    valid: Option<&E::Ring>,
) -> Result<E::Ring> {
    Ok(group_by(e, keys, valid, &[], Size::InPlace)?.valid.sum_columns(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    struct Row {
        key: (i64, i64),
        value: i64,
        valid: bool,
    }

    fn row() -> impl Strategy<Value = Row> {
        let value = prop_oneof![-1000i64..1000, -(1i64 << 50)..1 << 50];
        ((-2i64..2, 0i64..3), value, any::<bool>()).prop_map(|(key, value, valid)| Row {
            key,
            value,
            valid,
        })
    }

    fn words(f: impl Iterator<Item = i64>) -> Words {
        Words(f.map(|x| x as u64).collect())
    }

    proptest! {
        #[test]
        fn groups_match_a_map(rows in prop::collection::vec(row(), 0..120), nulls: bool) {
            let e = &mut Plain::new(5);
            let (a, b) = (words(rows.iter().map(|r| r.key.0)), words(rows.iter().map(|r| r.key.1)));
            let v = words(rows.iter().map(|r| r.value));
            let valid = words(rows.iter().map(|r| i64::from(r.valid)));
            let valid = nulls.then_some(&valid);
            let keys = [Key::signed(&a, 3).descending(), Key::unsigned(&b, 2)];
            let aggregates = [
                Aggregate::Count, Aggregate::Sum(&v), Aggregate::Min(&v), Aggregate::Mean(&v),
                Aggregate::Max(&v), Aggregate::First(&v), Aggregate::Last(&v),
            ];
            let mut truth: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
            for r in rows.iter().filter(|r| r.valid || !nulls) {
                truth.entry((-r.key.0, r.key.1)).or_default().push(r.value);
            }
            let count = distinct(e, &keys, valid).unwrap();
            prop_assert_eq!(count.0, vec![truth.len() as u64]);
            for size in [Size::Revealed, Size::AtMost(12), Size::InPlace, Size::AtMost(3)] {
                let got = group_by(e, &keys, valid, &aggregates, size).unwrap();
                let room = if size == Size::AtMost(3) { 3 } else { usize::MAX };
                prop_assert_eq!(got.lost.0[0] as usize, truth.len().saturating_sub(room));
                let at: Vec<usize> = (0..got.valid.len()).filter(|&i| got.valid.0[i] == 1).collect();
                prop_assert_eq!(at.len(), truth.len().min(room));
                for (&i, (key, values)) in at.iter().zip(&truth) {
                    prop_assert_eq!((got.keys[0].0[i] as i64, got.keys[1].0[i] as i64), (-key.0, key.1));
                    let is = |k: usize| got.values[k].0[i] as i64;
                    let sum: i64 = values.iter().sum();
                    let n = values.len() as i64;
                    prop_assert_eq!([is(0), is(1)], [n, sum]);
                    prop_assert_eq!([is(2), is(4)], [*values.iter().min().unwrap(), *values.iter().max().unwrap()]);
                    prop_assert_eq!([is(5), is(6)], [values[0], values[values.len() - 1]]);
                    let error = is(3) as f64 - sum as f64 / n as f64;
                    prop_assert!(error.abs() <= 2.0, "mean {} of {sum} / {n}", is(3));
                }
                for i in (0..got.valid.len()).filter(|i| !at.contains(i)) {
                    prop_assert!(got.keys.iter().chain(&got.values).all(|c| c.0[i] == 0));
                }
            }
        }
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let e = &mut Plain::new(1);
        let (two, three) = (Words(vec![1, 2]), Words(vec![1, 2, 3]));
        let key = [Key::unsigned(&two, 2)];
        assert!(matches!(group_by(e, &[], None, &[], Size::InPlace), Err(Error::Argument(_))));
        assert!(matches!(
            group_by(e, &key, Some(&three), &[], Size::InPlace),
            Err(Error::Argument(_))
        ));
        assert!(matches!(
            group_by(e, &key, None, &[Aggregate::Sum(&three)], Size::InPlace),
            Err(Error::Argument(_))
        ));
    }
}
