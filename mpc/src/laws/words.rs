//! Laws of 64-bit words: transport, linear operations, products, truncation.

use super::{Case, Seen, common_rng, expect, in_unit, input, numbers, open, signed};
use crate::engine::{Dims, Engine, MAX_BITS, Recipients, RingShares};
use privity_core::Result;

/// Inputs of every owner come back, to exactly those they are opened to.
pub(super) fn input_and_open<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let mut seen = Seen::new();
    for owner in 0..e.parties() {
        let x = numbers(case.seed ^ owner as u64, case.len, MAX_BITS);
        let shared = input(e, owner, &x)?;
        seen.extend(expect(e, &shared, &x, "input")?);
        for reader in 0..e.parties() {
            let opened = e.open(&shared, Recipients::Only(&[reader]))?;
            let expected = (reader == e.me()).then(|| x.clone());
            assert_eq!(opened, expected, "opened to party {reader} only");
        }
    }
    let k = numbers(case.seed ^ 0xA0, case.len, MAX_BITS);
    let public = e.public(&k);
    seen.extend(expect(e, &public, &k, "public")?);
    Ok(seen)
}

/// What an outside owner deals arrives, also if it sends more than once.
pub(super) fn deal_and_import<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let x = numbers(case.seed ^ 0xB0, case.len, MAX_BITS);
    let dealt = E::deal(&x, e.parties(), &mut common_rng(case));
    assert_eq!(dealt.len(), e.parties(), "one vector for each party");
    for words in &dealt {
        assert_eq!(words.len(), x.len() * E::DEALT_WORDS, "words dealt for each element");
    }
    let shared = e.import(&dealt[e.me()])?;
    expect(e, &shared, &x, "import")
}

/// Sums, differences and public multiples, of either sign.
pub(super) fn linear<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len;
    let (x, y) = (numbers(case.seed, n, 58), numbers(!case.seed, n, 58));
    let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
    let small: Vec<u64> = numbers(case.seed ^ 1, n, 3);
    let map = |f: &dyn Fn(i128, i128, i128) -> i128| -> Vec<u64> {
        (0..n).map(|i| f(signed(x[i]), signed(y[i]), signed(small[i])) as u64).collect()
    };
    let mut seen = expect(e, &a.add(&b), &map(&|x, y, _| x + y), "add")?;
    seen.extend(expect(e, &a.sub(&b), &map(&|x, y, _| x - y), "sub")?);
    seen.extend(expect(e, &a.neg(), &map(&|x, _, _| -x), "neg")?);
    seen.extend(expect(e, &a.scale(5), &map(&|x, _, _| 5 * x), "scale")?);
    let minus = 7u64.wrapping_neg();
    seen.extend(expect(e, &a.scale(minus), &map(&|x, _, _| -7 * x), "scale by a negative")?);
    seen.extend(expect(e, &a.mul_public(&small), &map(&|x, _, k| k * x), "mul_public")?);
    let sum = e.add_public(&a, &y);
    seen.extend(expect(e, &sum, &map(&|x, y, _| x + y), "add_public")?);
    seen.extend(expect(e, &E::Ring::zeros(n), &vec![0; n], "zeros")?);
    Ok(seen)
}

/// Selections and sums over rows and columns.
pub(super) fn rearrangement<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let (rows, columns) = (case.len, 3);
    let x = numbers(case.seed, rows * columns, 44);
    let a = input(e, 1, &x)?;
    let at = |r: usize, c: usize| x[r * columns + c];
    let total = |words: &mut dyn Iterator<Item = u64>| words.fold(0u64, u64::wrapping_add);

    let by_row: Vec<u64> = (0..rows).map(|r| total(&mut (0..columns).map(|c| at(r, c)))).collect();
    let mut seen = expect(e, &a.sum_rows(columns), &by_row, "sum_rows")?;
    let by_column: Vec<u64> =
        (0..columns).map(|c| total(&mut (0..rows).map(|r| at(r, c)))).collect();
    seen.extend(expect(e, &a.sum_columns(columns), &by_column, "sum_columns")?);
    let running: Vec<u64> = x
        .iter()
        .scan(0u64, |s, x| {
            *s = s.wrapping_add(*x);
            Some(*s)
        })
        .collect();
    seen.extend(expect(e, &a.prefix_sum(), &running, "prefix_sum")?);
    let turned: Vec<u64> =
        (0..columns).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| at(r, c)).collect();
    seen.extend(expect(e, &a.transpose(columns), &turned, "transpose")?);

    let n = x.len();
    let back: Vec<usize> = (0..n).rev().chain(0..n / 2).collect();
    let picked: Vec<u64> = back.iter().map(|&i| x[i]).collect();
    seen.extend(expect(e, &a.gather(&back), &picked, "gather")?);
    seen.extend(expect(e, &a.slice(n / 3..n), &x[n / 3..], "slice")?);
    let joined = E::Ring::concat(&[&a, &a.slice(0..n / 2), &a]);
    seen.extend(expect(e, &joined, &[&x[..], &x[..n / 2], &x[..]].concat(), "concat")?);
    seen.extend(expect(e, &a.tile(2), &[&x[..], &x[..]].concat(), "tile")?);
    let each: Vec<u64> = x.iter().flat_map(|&x| [x, x]).collect();
    seen.extend(expect(e, &a.repeat_each(2), &each, "repeat_each")?);
    Ok(seen)
}

/// Exact products and inner products of results below 2^62.
pub(super) fn products<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let mut seen = Seen::new();
    for group in [1, 2, 5] {
        let n = case.len * group;
        let (x, y) = (numbers(case.seed, n, 39), numbers(!case.seed, n, 20));
        let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
        let dot = e.dot(&a, &b, group, 0)?;
        let exact: Vec<u64> = inner(&x, &y, group).iter().map(|&s| s as u64).collect();
        seen.extend(expect(e, &dot, &exact, "dot")?);
        // A product of products: what comes out is as good as an input.
        let negated = e.mul(&dot, &e.public(&vec![u64::MAX; case.len]), 0)?;
        let expected: Vec<u64> = exact.iter().map(|x| x.wrapping_neg()).collect();
        seen.extend(expect(e, &negated, &expected, "mul of a product by -1")?);
    }
    let (x, y) = (numbers(case.seed, case.len, 31), numbers(!case.seed, case.len, 31));
    let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
    if case.len > 0 {
        let whole = (a.scale(0), b);
        let dot = e.dot(&whole.0, &whole.1, case.len, 0)?;
        seen.extend(expect(e, &dot, &[0], "dot of the whole with zeros")?);
    }
    Ok(seen)
}

/// Products of up to 62 bits, truncated: floor or one more.
pub(super) fn truncated_products<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let mut seen = Seen::new();
    for (group, trunc) in [(1, 1), (1, 20), (2, 33), (1, 61)] {
        let n = case.len * group;
        let (x, y) = (numbers(case.seed, n, 31), numbers(!case.seed, n, 30));
        let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
        let dot = e.dot(&a, &b, group, trunc)?;
        let opened = open(e, &dot)?;
        for (got, exact) in opened.iter().zip(inner(&x, &y, group)) {
            in_unit(signed(*got), exact, trunc, "dot");
        }
        seen.extend(opened);
    }
    Ok(seen)
}

/// Matrix products, exact and truncated, with shapes that depend on the length.
pub(super) fn matrix_products<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let mut seen = Seen::new();
    let k = case.len.min(70);
    for (dims, trunc) in [
        (Dims { m: 1, k, n: 3 }, 0),
        (Dims { m: 5, k: 3, n: k }, 20),
        (Dims { m: k.min(9), k: 4, n: 1 }, 7),
    ] {
        let Dims { m, k, n } = dims;
        let (x, y) = (numbers(case.seed, m * k, 28), numbers(!case.seed, k * n, 27));
        let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
        let z = e.matmul(&a, &b, dims, trunc)?;
        let opened = open(e, &z)?;
        assert_eq!(opened.len(), m * n, "matmul");
        for i in 0..m {
            for j in 0..n {
                let exact = (0..k).map(|p| signed(x[i * k + p]) * signed(y[p * n + j])).sum();
                let got = signed(opened[i * n + j]);
                if trunc == 0 {
                    assert_eq!(got, exact, "matmul, element {i}, {j}");
                } else {
                    in_unit(got, exact, trunc, "matmul");
                }
            }
        }
        seen.extend(opened);
    }
    Ok(seen)
}

/// Truncation over its whole range, of inputs and of results.
pub(super) fn truncation<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let mut seen = Seen::new();
    let x = numbers(case.seed ^ 2, case.len, MAX_BITS);
    let a = input(e, 2, &x)?;
    let b = e.mul(&a, &e.public(&vec![1; case.len]), 0)?;
    for bits in [1, 13, 20, 40, 61] {
        for shared in [&a, &b] {
            let cut = e.truncate(shared, bits)?;
            let opened = open(e, &cut)?;
            for (got, x) in opened.iter().zip(&x) {
                in_unit(signed(*got), signed(*x), bits, "truncate");
            }
            seen.extend(opened);
        }
    }
    Ok(seen)
}

fn inner(x: &[u64], y: &[u64], group: usize) -> Vec<i128> {
    x.chunks(group)
        .zip(y.chunks(group))
        .map(|(x, y)| x.iter().zip(y).map(|(a, b)| signed(*a) * signed(*b)).sum())
        .collect()
}
