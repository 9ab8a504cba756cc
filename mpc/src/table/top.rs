//! The first rows by some keys, and quantiles.
//!
//! Both select by rank ([`super::sort::selection`]) or sort, whichever is
//! cheaper for the public number of rows.
//!
//! **Quantiles** are exact up to the last rounding. For sorted values x_0 .. x_(n-1)
//! and a level p, h = (n - 1) p, j = floor(h):
//!
//! (1)  lower: x_j,   linear: x_j + (h - j) (x_(j+1) - x_j),
//!
//! numpy's methods "lower" and "linear" (its default). h is computed in f64 as
//! numpy does; h - j is rounded to F bits, F = 61 - width but at most 40, so that
//! "linear" is off by at most |x_(j+1) - x_j| 2^-(F+1) and one unit of the last
//! place.
//!
//! **Quantiles of valid rows** ([`quantiles_of_valid`]) are those of m valid rows
//! where m stays hidden: (m - 1) p is formed with 40 fractional bits of p, so h is
//! off by up to m 2^-41, its bits taken apart, and x_j found by testing every row
//! number against j. With "lower", a level whose h is an integer up to that
//! rounding is rounded up to it: p should then be a multiple of 2^-40.
//!
//! **Leakage.** The number of rows, k, the levels. What is opened is independent
//! of the data. **Cost**: see [`super::sort::selection`] and
//! [`super::sort::comparison`]; for hidden m, 80 bytes per row and level more.

use super::{
    check_lengths, complement, mul_columns,
    order::count,
    sort::{Key, comparison, selection::select_rows, sort},
};
use crate::engine::{Engine, RingShares};
use privity_core::{Error, Result};

/// The first k rows.
pub struct Top<E: Engine> {
    /// The key columns, then the payloads, k rows each.
    pub columns: Vec<E::Ring>,
    /// 1 for valid rows: fewer than k if there are not so many.
    pub valid: E::Ring,
}

/// The first `k` valid rows by `keys`, in order; equal ones in the order of the
/// input. With descending keys these are the largest. Of fewer than k rows, all.
pub fn top_k<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    valid: Option<&E::Ring>,
    payloads: &[&E::Ring],
    k: usize,
) -> Result<Top<E>> {
    let invalid = valid.map(|v| complement(e, v));
    let by: Vec<Key<'_, E>> =
        invalid.iter().map(|c| Key::unsigned(c, 1)).chain(keys.iter().cloned()).collect();
    let n = super::sort::check_keys(&by)?;
    check_lengths::<E>(n, payloads)?;
    let k = k.min(n);
    let columns = first_rows(e, &by, payloads, k)?;
    match invalid {
        None => Ok(Top { columns, valid: e.public(&vec![1; k]) }),
        Some(_) => {
            let valid = complement(e, &columns[0]);
            let columns = mul_columns(e, &valid, &columns[1..].iter().collect::<Vec<_>>())?;
            Ok(Top { columns, valid })
        }
    }
}

/// Keys and payloads of the first k rows.
fn first_rows<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    payloads: &[&E::Ring],
    k: usize,
) -> Result<Vec<E::Ring>> {
    let columns: Vec<&E::Ring> =
        keys.iter().map(Key::column).chain(payloads.iter().copied()).collect();
    rows_of_ranks(e, keys, &columns, 0..k)
}

/// The columns' rows of the given ranks by `keys`.
fn rows_of_ranks<E: Engine>(
    e: &mut E,
    keys: &[Key<'_, E>],
    columns: &[&E::Ring],
    ranks: std::ops::Range<usize>,
) -> Result<Vec<E::Ring>> {
    let n = keys.first().map_or(0, |k| k.column().len());
    if n < 2 || ranks.is_empty() {
        return Ok(columns.iter().map(|c| c.slice(ranks.clone())).collect());
    }
    e.scope("table/select", |e| {
        let pi = e.random_permutation(n)?;
        let numbers = e.public(&count(n));
        let key_columns: Vec<&E::Ring> = keys.iter().map(Key::column).collect();
        let all = [&[&numbers], &key_columns[..], columns].concat();
        let shuffled = e.shuffle(&pi, &all)?;
        let keys: Vec<Key<'_, E>> =
            keys.iter().zip(&shuffled[1..]).map(|(k, c)| k.over(c)).collect();
        let words = comparison::pack(e, &shuffled[0], &keys);
        let rows = select_rows(e, &words, n, ranks)?;
        Ok(shuffled[1 + keys.len()..].iter().map(|c| c.gather(&rows)).collect())
    })
}

/// What to take between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The lower one.
    Lower,
    /// In proportion.
    Linear,
}

/// The quantiles of a column at public `levels` from 0 to 1, see (1): one
/// element for each. The key gives the column's range; its direction has no
/// influence.
pub fn quantiles<E: Engine>(
    e: &mut E,
    key: &Key<'_, E>,
    levels: &[f64],
    interpolation: Interpolation,
) -> Result<E::Ring> {
    let n = super::sort::check_keys(std::slice::from_ref(key))?;
    let frac = check_levels(n, levels, key.width(), interpolation)?;
    let key = key.clone().ascending();
    let at: Vec<(usize, u64)> = levels
        .iter()
        .map(|p| {
            let h = (n - 1) as f64 * p;
            let j = (h.floor() as usize).min(n - 1);
            (j, ((h - h.floor()) * f64::from(frac).exp2()).round() as u64)
        })
        .collect();
    let linear = interpolation == Interpolation::Linear && at.iter().any(|(_, g)| *g != 0);
    let next = |j: usize| (j + 1).min(n - 1);
    let column = key.column();
    // The ranks that are needed, from one selection if it is a single level.
    let (first, sorted) = match at[..] {
        [(j, _)] => {
            let end = if linear { next(j) + 1 } else { j + 1 };
            (j, rows_of_ranks(e, &[key], &[column], j..end)?.swap_remove(0))
        }
        _ => (0, sort(e, &[key], &[])?.swap_remove(0)),
    };
    let x = |f: &dyn Fn(usize) -> usize| {
        sorted.gather(&at.iter().map(|(j, _)| f(*j) - first).collect::<Vec<_>>())
    };
    let lower = x(&|j| j);
    if !linear {
        return Ok(lower);
    }
    let g: Vec<u64> = at.iter().map(|(_, g)| *g).collect();
    let step = x(&next).sub(&lower).mul_public(&g);
    Ok(lower.add(&e.truncate(&step, frac)?))
}

/// [`quantiles`] of the valid rows, at most 2^21 rows. Where no row is valid the
/// result means nothing.
pub fn quantiles_of_valid<E: Engine>(
    e: &mut E,
    key: &Key<'_, E>,
    valid: &E::Ring,
    levels: &[f64],
    interpolation: Interpolation,
) -> Result<E::Ring> {
    const LEVEL_BITS: u32 = 40;
    let n = super::sort::check_keys(std::slice::from_ref(key))?;
    check_lengths::<E>(n, &[valid])?;
    let frac = check_levels(n, levels, key.width(), interpolation)?;
    if n > 1 << 21 {
        return Err(Error::Argument(format!(
            "quantiles of {n} rows of hidden validity: at most 2^21 are possible"
        )));
    }
    let invalid = complement(e, valid);
    let by = [Key::unsigned(&invalid, 1), key.clone().ascending()];
    let sorted = sort(e, &by, &[])?.swap_remove(1);
    e.scope("table/quantile", |e| {
        let q = levels.len();
        // (m - 1) p with 40 fractional bits, all in bits
        let last = e.add_public(&valid.sum_columns(1), &[1u64.wrapping_neg()]);
        let scaled: Vec<u64> =
            levels.iter().map(|p| (p * f64::from(LEVEL_BITS).exp2()).round() as u64).collect();
        let h = last.tile(q).mul_public(&scaled);
        let index_bits = n.next_power_of_two().trailing_zeros() + 1;
        let planes = e.to_bits(&h, (LEVEL_BITS + index_bits) as usize)?;
        let (low, high) = planes.split_at(LEVEL_BITS as usize);
        let j = e.compose(high)?;
        // Every row number against j.
        let numbers = e.public(&count(n));
        let is_j = e.is_zero(&j.repeat_each(n).sub(&numbers.tile(q)))?;
        let is_j = e.bit_to_ring(&is_j)?;
        let following = E::Ring::concat(&[&sorted.slice(1..n), &sorted.slice(n - 1..n)]);
        let lower = e.dot(&is_j, &sorted.tile(q), n, 0)?;
        if interpolation == Interpolation::Lower {
            return Ok(lower);
        }
        let upper = e.dot(&is_j, &following.tile(q), n, 0)?;
        let g = e.compose(&low[(LEVEL_BITS - frac) as usize..])?;
        let step = e.mul(&upper.sub(&lower), &g, frac)?;
        Ok(lower.add(&step))
    })
}

/// The fractional bits of an interpolation.
fn check_levels(n: usize, levels: &[f64], width: u32, how: Interpolation) -> Result<u32> {
    if n == 0 {
        return Err(Error::Argument("a quantile of no rows does not exist".into()));
    }
    if levels.is_empty() || levels.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::Argument(
            "levels of quantiles go from 0 to 1, and there must be one".into(),
        ));
    }
    let frac = 61u32.saturating_sub(width).min(40);
    if how == Interpolation::Linear && frac < 16 {
        return Err(Error::Argument(format!(
            "a linear quantile of {width} bits: at most 45 leave room for the fraction; declare \
             a narrower range, or use the lower value"
        )));
    }
    Ok(frac)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plain::{Plain, Words};
    use proptest::prelude::*;

    fn words(f: impl Iterator<Item = i64>) -> Words {
        Words(f.map(|x| x as u64).collect())
    }

    /// (1) in f64.
    fn truth(values: &[i64], p: f64, how: Interpolation) -> f64 {
        let mut x = values.to_vec();
        x.sort_unstable();
        let h = (x.len() - 1) as f64 * p;
        let j = h.floor() as usize;
        let next = x[(j + 1).min(x.len() - 1)];
        match how {
            Interpolation::Lower => x[j] as f64,
            Interpolation::Linear => x[j] as f64 + (h - j as f64) * (next - x[j]) as f64,
        }
    }

    const LEVELS: [f64; 6] = [0.0, 0.25, 0.5, 0.75, 0.109375, 1.0];

    proptest! {
        #[test]
        fn quantiles_match_a_sort(
            rows in prop::collection::vec((-1_000_000i64..1_000_000, any::<bool>()), 1..90), one in 0usize..6,
        ) {
            let e = &mut Plain::new(10);
            let x = words(rows.iter().map(|r| r.0));
            let valid = words(rows.iter().map(|r| i64::from(r.1)));
            let key = Key::signed(&x, 21).descending();
            let all: Vec<i64> = rows.iter().map(|r| r.0).collect();
            let some: Vec<i64> = rows.iter().filter(|r| r.1).map(|r| r.0).collect();
            for how in [Interpolation::Lower, Interpolation::Linear] {
                let slack = if how == Interpolation::Lower { 0.0 } else { 1.001 };
                for levels in [&LEVELS[..], &LEVELS[one..=one]] {
                    let got = quantiles(e, &key, levels, how).unwrap();
                    for (p, g) in levels.iter().zip(&got.0) {
                        prop_assert!((*g as i64 as f64 - truth(&all, *p, how)).abs() <= slack);
                    }
                    if some.is_empty() { continue }
                    let got = quantiles_of_valid(e, &key, &valid, levels, how).unwrap();
                    for (p, g) in levels.iter().zip(&got.0) {
                        prop_assert!((*g as i64 as f64 - truth(&some, *p, how)).abs() <= slack, "{} {p}", *g as i64);
                    }
                }
            }
        }

        #[test]
        fn the_first_rows(
            rows in prop::collection::vec((-9i64..9, any::<u64>(), any::<bool>()), 0..90), k in 0usize..20, nulls: bool,
        ) {
            let e = &mut Plain::new(11);
            let x = words(rows.iter().map(|r| r.0));
            let payload = Words(rows.iter().map(|r| r.1).collect());
            let valid = words(rows.iter().map(|r| i64::from(r.2)));
            let got = top_k(e, &[Key::signed(&x, 5).descending()], nulls.then_some(&valid), &[&payload], k).unwrap();
            let mut sorted: Vec<_> = rows.iter().filter(|r| r.2 || !nulls).collect();
            sorted.sort_by_key(|r| -r.0);
            for i in 0..k.min(rows.len()) {
                let want = sorted.get(i).map_or((0, 0, 0), |r| (1, r.0 as u64, r.1));
                prop_assert_eq!((got.valid.0[i], got.columns[0].0[i], got.columns[1].0[i]), want);
            }
        }
    }

    #[test]
    fn many_rows_are_selected_from() {
        let e = &mut Plain::new(12);
        let x: Vec<i64> = (0..20_000).map(|i| (i * 7919) % 20_011 / 3).collect();
        let shared = words(x.iter().copied());
        let key = Key::unsigned(&shared, 20);
        for p in [0.5, 0.99, 0.001] {
            let got = quantiles(e, &key, &[p], Interpolation::Linear).unwrap();
            let error = got.0[0] as f64 - truth(&x, p, Interpolation::Linear);
            assert!(error.abs() <= 1.001);
        }
        let got = top_k(e, &[key], None, &[], 10).unwrap();
        let mut sorted = x;
        sorted.sort_unstable();
        assert_eq!(got.columns[0].0, sorted[..10].iter().map(|&v| v as u64).collect::<Vec<_>>());
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let e = &mut Plain::new(1);
        let (none, two) = (Words(vec![]), Words(vec![1, 2]));
        let linear = Interpolation::Linear;
        for (key, levels) in [
            (Key::unsigned(&none, 8), &[0.5][..]),
            (Key::unsigned(&two, 8), &[]),
            (Key::unsigned(&two, 8), &[1.5]),
            (Key::unsigned(&two, 8), &[f64::NAN]),
            (Key::unsigned(&two, 50), &[0.5]),
        ] {
            assert!(matches!(quantiles(e, &key, levels, linear), Err(Error::Argument(_))));
        }
    }
}
