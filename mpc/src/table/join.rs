//! Joining two tables on hidden keys.
//!
//! One side, the *lookup*, has columns that are brought to the rows of the
//! other, the *probe*. The result has the probe's rows, all of them, in the
//! probe's order, with a validity of its own: its size is public beforehand. To
//! shrink it, give the columns to [`super::filter::compact`].
//!
//! **Method** (sort-merge; the idea of sorting the union and carrying values
//! along is that of Blanton, Aguiar 2012 and of Krastnikov, Kerschbaum, Stebila,
//! VLDB 2020). Let S be the lookup's rows followed by the probe's.
//! 1. Sort S by the keys; stable, so that among equal keys lookup rows come
//!    first.
//! 2. Each row is compared with the one before. With m_i = 1 in valid lookup
//!    rows, a segment starts where the key changes or m_i = 1:
//!    (1)  c_i = [key_i = key_(i-1)] (1 - m_i).
//! 3. A segmented sum carries m and the lookup's columns, which are 0 in all
//!    other rows, from the start of each segment to its rows.
//! 4. The order of step 1 is undone; the last rows are the probe's.
//!
//! For three parties with replicated shares, Mohassel, Rindal, Rosulek ("Fast
//! Database Joins and PSI for Secret Shared Data", CCS 2020) join in a constant
//! number of rounds by opening encrypted keys into a hash table. It needs keys
//! that are unique on both sides, a block cipher under sharing and that setting;
//! this module takes duplicates in the probe and runs on every engine.
//!
//! **Duplicates.** Probe keys may repeat. If lookup keys repeat, probe rows are
//! given the last of the valid ones (in the lookup's order); whether they do is
//! told by [`super::group::distinct`]. For semi and anti joins repeats do not
//! matter. Invalid rows match nothing.
//!
//! **Leakage.** The two numbers of rows. **Cost**: the sort of all rows; one test
//! for zero per row and key, 48 bytes per row; the scan, with a sum for each
//! column and one more; 32 bytes per row and column to undo the order.
//!
//! **Range.** Keys as declared; the lookup's columns are arbitrary words, below
//! 2^62 in size on engines over a field.

use super::{
    check_lengths, complement, mul_columns,
    scan::{Scan, same_as_previous, scan},
    sort::{Key, sort_with_order},
};
use crate::engine::{Engine, RingShares};
use privity_core::{Error, Result};

/// Which probe rows the result keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Valid rows with a match.
    Inner,
    /// All valid rows; those without a match get zeros.
    Left,
    /// Valid rows with a match; no columns are brought.
    Semi,
    /// Valid rows without a match; no columns are brought.
    Anti,
}

/// One side of a join.
pub struct Side<'a, E: Engine> {
    /// Key columns; both sides have as many, of the same widths.
    pub keys: &'a [Key<'a, E>],
    /// Columns to bring, of the lookup side.
    pub columns: &'a [&'a E::Ring],
    /// Which rows count.
    pub valid: Option<&'a E::Ring>,
}

/// What a join makes of the probe's rows.
pub struct Joined<E: Engine> {
    /// The lookup's columns at each probe row, 0 where `valid` or `matched` is 0.
    pub columns: Vec<E::Ring>,
    /// 1 where the row has a match.
    pub matched: E::Ring,
    /// 1 where the row belongs to the result.
    pub valid: E::Ring,
}

/// Joins; `probe.columns` is not used.
pub fn join<E: Engine>(
    e: &mut E,
    kind: Kind,
    probe: &Side<'_, E>,
    lookup: &Side<'_, E>,
) -> Result<Joined<E>> {
    let (n, m) = (rows_of(probe)?, rows_of(lookup)?);
    let shape = |s: &Side<'_, E>| s.keys.iter().map(Key::kind).collect::<Vec<_>>();
    if shape(probe) != shape(lookup) {
        return Err(Error::Argument(
            "the two sides of a join need the same number of keys, of the same widths and \
             directions"
                .into(),
        ));
    }
    e.scope("table/join", |e| {
        let brings = matches!(kind, Kind::Inner | Kind::Left);
        let mut carried: Vec<E::Ring> = match lookup.valid {
            Some(valid) if brings => {
                let masked = mul_columns(e, valid, lookup.columns)?;
                std::iter::once(valid.clone()).chain(masked).collect()
            }
            Some(valid) => vec![valid.clone()],
            None => vec![e.public(&vec![1; m])],
        };
        if lookup.valid.is_none() && brings {
            carried.extend(lookup.columns.iter().map(|&c| c.clone()));
        }
        // Step 1.
        let nothing = E::Ring::zeros(n);
        let carried: Vec<E::Ring> =
            carried.iter().map(|c| E::Ring::concat(&[c, &nothing])).collect();
        let keys: Vec<E::Ring> = lookup
            .keys
            .iter()
            .zip(probe.keys)
            .map(|(l, p)| E::Ring::concat(&[l.column(), p.column()]))
            .collect();
        let keys: Vec<Key<'_, E>> =
            probe.keys.iter().zip(&keys).map(|(k, column)| k.over(column)).collect();
        let (order, sorted) = sort_with_order(e, &keys, &carried.iter().collect::<Vec<_>>())?;
        let (keys, carried) = sorted.split_at(keys.len());
        // (1)
        let same = same_as_previous(e, &keys.iter().collect::<Vec<_>>())?;
        let c = e.mul(&same, &complement(e, &carried[0]), 0)?;
        let sums: Vec<Scan<'_, E>> = carried.iter().map(Scan::Sum).collect();
        let scanned = scan(e, &c, &sums)?;
        let back = order.undo(e, &scanned.iter().collect::<Vec<_>>())?;
        let mut at_probe = back.iter().map(|c| c.slice(m..m + n));
        let matched = at_probe.next().ok_or(Error::Internal("a column in"))?;
        finish(e, kind, probe.valid, matched, at_probe.collect())
    })
}

/// Matches become validity.
fn finish<E: Engine>(
    e: &mut E,
    kind: Kind,
    valid: Option<&E::Ring>,
    matched: E::Ring,
    columns: Vec<E::Ring>,
) -> Result<Joined<E>> {
    let Some(valid) = valid else {
        let all = e.public(&vec![1; matched.len()]);
        let valid = match kind {
            Kind::Left => all,
            Kind::Inner | Kind::Semi => matched.clone(),
            Kind::Anti => complement(e, &matched),
        };
        return Ok(Joined { columns, matched, valid });
    };
    let all: Vec<&E::Ring> = std::iter::once(&matched).chain(&columns).collect();
    let mut masked = mul_columns(e, valid, &all)?;
    let columns = masked.split_off(1);
    let matched = masked.swap_remove(0);
    let valid = match kind {
        Kind::Left => valid.clone(),
        Kind::Inner | Kind::Semi => matched.clone(),
        Kind::Anti => valid.sub(&matched),
    };
    Ok(Joined { columns, matched, valid })
}

fn rows_of<E: Engine>(side: &Side<'_, E>) -> Result<usize> {
    let rows = side
        .keys
        .first()
        .map(|k| k.column().len())
        .ok_or_else(|| Error::Argument("a join needs a key column: none was given".into()))?;
    let columns: Vec<&E::Ring> = side
        .keys
        .iter()
        .map(Key::column)
        .chain(side.columns.iter().copied())
        .chain(side.valid)
        .collect();
    check_lengths::<E>(rows, &columns)?;
    Ok(rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    type Row = ((i64, u64), u64, bool);

    fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
        prop::collection::vec(((-3i64..3, 0u64..3), any::<u64>(), any::<bool>()), 0..most)
    }

    struct Shared {
        a: Words,
        b: Words,
        payload: Words,
        valid: Words,
    }

    impl Shared {
        fn new(rows: &[Row]) -> Self {
            let column = |f: fn(&Row) -> u64| Words(rows.iter().map(f).collect());
            Self {
                a: column(|r| r.0.0 as u64),
                b: column(|r| r.0.1),
                payload: column(|r| r.1),
                valid: column(|r| u64::from(r.2)),
            }
        }
        fn keys(&self) -> [Key<'_, Plain>; 2] {
            [Key::signed(&self.a, 4), Key::unsigned(&self.b, 2)]
        }
    }

    proptest! {
        #[test]
        fn joins_match_a_search(l in rows(60), p in rows(60), nulls: bool) {
            let e = &mut Plain::new(6);
            let (sl, sp) = (Shared::new(&l), Shared::new(&p));
            let (lk, pk) = (sl.keys(), sp.keys());
            let payload = [&sl.payload];
            let lookup = Side { keys: &lk, columns: &payload, valid: nulls.then_some(&sl.valid) };
            let probe = Side { keys: &pk, columns: &[], valid: nulls.then_some(&sp.valid) };
            for kind in [Kind::Inner, Kind::Left, Kind::Semi, Kind::Anti] {
                let got = join(e, kind, &probe, &lookup).unwrap();
                for (i, row) in p.iter().enumerate() {
                    let valid = row.2 || !nulls;
                    let hit = l.iter().rev().find(|r| r.0 == row.0 && (r.2 || !nulls)).filter(|_| valid);
                    prop_assert_eq!(got.matched.0[i], u64::from(hit.is_some()));
                    let kept = match kind {
                        Kind::Left => valid,
                        Kind::Inner | Kind::Semi => hit.is_some(),
                        Kind::Anti => valid && hit.is_none(),
                    };
                    prop_assert_eq!(got.valid.0[i], u64::from(kept));
                    if matches!(kind, Kind::Inner | Kind::Left) {
                        prop_assert_eq!(got.columns[0].0[i], hit.map_or(0, |r| r.1));
                    } else {
                        prop_assert!(got.columns.is_empty());
                    }
                }
            }
        }
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let e = &mut Plain::new(1);
        let (two, three) = (Words(vec![1, 2]), Words(vec![1, 2, 3]));
        let narrow = [Key::unsigned(&two, 2)];
        let wide = [Key::unsigned(&three, 3)];
        let side = |keys, valid| Side { keys, columns: &[], valid };
        let refused = |e: &mut Plain, p: &Side<'_, Plain>, l: &Side<'_, Plain>| {
            matches!(join(e, Kind::Inner, p, l), Err(Error::Argument(_)))
        };
        assert!(refused(e, &side(&narrow, None), &side(&wide, None)));
        assert!(refused(e, &side(&narrow, None), &side(&[], None)));
        assert!(refused(e, &side(&narrow, Some(&three)), &side(&narrow, None)));
    }
}
