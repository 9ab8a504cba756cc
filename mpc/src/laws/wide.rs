//! Laws of 128-bit words.

use super::{Case, Seen, expect, in_unit, input, numbers, signed};
use crate::engine::{Engine, MAX_BITS, Recipients, RingShares, WIDE_MAX_BITS};
use privity_core::Result;

fn open<E: Engine>(e: &mut E, x: &E::Wide) -> Result<Vec<i128>> {
    let opened = e.open_wide(x, Recipients::All)?.unwrap_or_default();
    assert_eq!(opened.len(), x.len(), "a wide vector opened to all");
    Ok(opened.into_iter().map(|w| w as i128).collect())
}

fn expect_wide<E: Engine>(e: &mut E, x: &E::Wide, expected: &[i128], what: &str) -> Result<Seen> {
    let opened = open(e, x)?;
    assert_eq!(opened, expected, "{what}");
    Ok(seen(&opened))
}

fn seen(words: &[i128]) -> Seen {
    words.iter().flat_map(|&w| [w as u64, (w >> 64) as u64]).collect()
}

/// Numbers of every size up to 2^`bits`.
fn numbers_wide(seed: u64, len: usize, bits: u32) -> Vec<i128> {
    let (high, low) = (numbers(seed, len, 60), numbers(!seed, len, 60));
    high.iter()
        .zip(&low)
        .enumerate()
        .map(|(i, (h, l))| {
            let wide = signed(*h) << 60 | signed(*l) & ((1 << 60) - 1);
            // |wide| < 2^120
            match i % 5 {
                0 => (1 << bits) - 1,
                1 => -((1 << bits) - 1),
                _ => wide >> (120 - bits.min(120)),
            }
        })
        .collect()
}

/// widen and narrow, linear operations in between.
pub(super) fn conversion<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len;
    let x = numbers(case.seed ^ 6, n, MAX_BITS);
    let a = input(e, 0, &x)?;
    let wide = e.widen(&a)?;
    let exact: Vec<i128> = x.iter().map(|&x| signed(x)).collect();
    let mut all = expect_wide(e, &wide, &exact, "widen")?;
    let narrow = e.narrow(&wide);
    all.extend(expect(e, &narrow, &x, "narrow of widen")?);

    let k = numbers_wide(case.seed ^ 7, n, 100);
    let public: Vec<u128> = k.iter().map(|&k| k as u128).collect();
    let shared = e.public_wide(&public);
    all.extend(expect_wide(e, &shared, &k, "public_wide")?);
    let map = |f: &dyn Fn(i128, i128) -> i128| -> Vec<i128> {
        exact.iter().zip(&k).map(|(&x, &k)| f(x, k)).collect()
    };
    all.extend(expect_wide(e, &wide.add(&shared), &map(&|x, k| x + k), "wide add")?);
    all.extend(expect_wide(e, &wide.sub(&shared), &map(&|x, k| x - k), "wide sub")?);
    let factor = -(1i128 << 60) - 1;
    let scaled = wide.scale(factor as u128);
    all.extend(expect_wide(e, &scaled, &map(&|x, _| x * factor), "wide scale")?);
    // A large word that comes back into range.
    let back = wide.add(&shared).sub(&shared);
    let back = e.narrow(&back);
    all.extend(expect(e, &back, &x, "narrow after wide sums")?);
    let total: i128 = exact.iter().sum();
    if n > 0 {
        let sum = wide.sum_columns(1);
        all.extend(expect_wide(e, &sum, &[total], "wide sum_columns")?);
    }
    for reader in 0..e.parties() {
        let opened = e.open_wide(&wide, Recipients::Only(&[reader]))?;
        assert_eq!(opened.is_some(), reader == e.me(), "opened to party {reader} only");
    }
    Ok(all)
}

/// Inner products of up to 124 bits.
pub(super) fn products<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let mut all = Seen::new();
    for (group, bits) in [(1, 61), (3, 60)] {
        let n = case.len * group;
        let (x, y) = (numbers(case.seed ^ 8, n, MAX_BITS), numbers(!case.seed, n, bits));
        let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
        let (a, b) = (e.widen(&a)?, e.widen(&b)?);
        let dot = e.dot_wide(&a, &b, group)?;
        let exact: Vec<i128> = x
            .chunks(group)
            .zip(y.chunks(group))
            .map(|(x, y)| x.iter().zip(y).map(|(a, b)| signed(*a) * signed(*b)).sum())
            .collect();
        all.extend(expect_wide(e, &dot, &exact, "dot_wide")?);
    }
    Ok(all)
}

/// Truncation over its whole range, of public words and of products.
pub(super) fn truncation<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let mut all = Seen::new();
    let x = numbers_wide(case.seed ^ 9, case.len, WIDE_MAX_BITS - 1);
    let zero = input(e, 1, &vec![0; case.len])?;
    let zero = e.widen(&zero)?;
    let words: Vec<u128> = x.iter().map(|&x| x as u128).collect();
    let shared = e.public_wide(&words).add(&zero);
    for bits in [1, 40, 63, 64, 90, 123] {
        let cut = e.truncate_wide(&shared, bits)?;
        let opened = open(e, &cut)?;
        for (got, x) in opened.iter().zip(&x) {
            in_unit(*got, *x, bits, "truncate_wide");
        }
        all.extend(seen(&opened));
    }
    Ok(all)
}
