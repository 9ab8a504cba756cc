//! Laws of bits: logic, comparisons, conversions, randomness.

use super::{Case, Seen, expect, input, numbers, signed};
use crate::engine::{BitShares, Engine, MAX_BITS, Recipients, RingShares};
use privity_core::{Result, bits};

/// Opens bits and asserts that they are `expected`.
fn expect_bits<E: Engine>(e: &mut E, x: &E::Bits, expected: &[bool], what: &str) -> Result<Seen> {
    assert_eq!(x.len(), expected.len(), "{what}");
    let opened = e.open_bits(x, Recipients::All)?.unwrap_or_default();
    assert_eq!(opened, bits::pack(expected), "{what}");
    Ok(opened)
}

/// and, xor, not, concat, slice, and a bit as a number.
pub(super) fn logic<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len;
    let (x, y) = (numbers(case.seed, n, MAX_BITS), numbers(!case.seed, n, MAX_BITS));
    let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
    let (p, q) = (e.is_negative(&a)?, e.is_negative(&b)?);
    let sign = |v: &[u64]| v.iter().map(|&v| (v as i64) < 0).collect::<Vec<_>>();
    let (x, y) = (sign(&x), sign(&y));
    let zip = |f: fn(bool, bool) -> bool| x.iter().zip(&y).map(|(&a, &b)| f(a, b)).collect();
    let both: Vec<bool> = zip(|a, b| a & b);

    let and = e.and(&p, &q)?;
    let mut seen = expect_bits(e, &and, &both, "and")?;
    let either: Vec<bool> = zip(|a, b| a ^ b);
    seen.extend(expect_bits(e, &p.xor(&q), &either, "xor")?);
    let not = e.not(&p);
    let opposite: Vec<bool> = x.iter().map(|b| !b).collect();
    seen.extend(expect_bits(e, &not, &opposite, "not")?);
    let none = e.and(&p, &not)?;
    seen.extend(expect_bits(e, &none, &vec![false; n], "x and not x")?);

    let joined = E::Bits::concat(&[&p, &not, &and]);
    let expected = [x, opposite, both].concat();
    seen.extend(expect_bits(e, &joined, &expected, "concat")?);
    let part = joined.slice(n / 2..5 * n / 2);
    let expected = &expected[n / 2..5 * n / 2];
    seen.extend(expect_bits(e, &part, expected, "slice")?);
    let number = e.bit_to_ring(&part)?;
    let expected: Vec<u64> = expected.iter().map(|&b| u64::from(b)).collect();
    seen.extend(expect(e, &number, &expected, "bit_to_ring")?);

    for reader in 0..e.parties() {
        let opened = e.open_bits(&p, Recipients::Only(&[reader]))?;
        assert_eq!(opened.is_some(), reader == e.me(), "bits opened to party {reader} only");
    }
    Ok(seen)
}

/// Exact over the whole common range, for inputs, results and differences.
pub(super) fn signs_and_zeros<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len;
    let x = numbers(case.seed ^ 3, n, MAX_BITS - 1);
    let mut y = numbers(!case.seed ^ 3, n, MAX_BITS - 1);
    for i in (0..n).step_by(4) {
        y[i] = x[i];
    }
    for i in (1..n).step_by(5) {
        y[i] = x[i].wrapping_add(1);
    }
    let (a, b) = (input(e, 0, &x)?, input(e, 1, &y)?);
    let product = e.mul(&a.sub(&b), &e.public(&vec![1; n]), 0)?;
    let differences: Vec<i128> = x.iter().zip(&y).map(|(x, y)| signed(*x) - signed(*y)).collect();
    let negative: Vec<bool> = differences.iter().map(|&d| d < 0).collect();
    let zero: Vec<bool> = differences.iter().map(|&d| d == 0).collect();
    let mut seen = Seen::new();
    for d in [a.sub(&b), product] {
        let bits = e.is_negative(&d)?;
        seen.extend(expect_bits(e, &bits, &negative, "is_negative")?);
        let bits = e.is_zero(&d)?;
        seen.extend(expect_bits(e, &bits, &zero, "is_zero")?);
    }
    let x = numbers(case.seed ^ 4, n, MAX_BITS);
    let a = input(e, 1, &x)?;
    let bits = e.is_negative(&a)?;
    let negative: Vec<bool> = x.iter().map(|&x| (x as i64) < 0).collect();
    seen.extend(expect_bits(e, &bits, &negative, "is_negative")?);
    let bits = e.is_zero(&a)?;
    let zero: Vec<bool> = x.iter().map(|&x| x == 0).collect();
    seen.extend(expect_bits(e, &bits, &zero, "is_zero")?);
    Ok(seen)
}

/// The low bits are those of the two's complement, and compose to the number.
pub(super) fn bits_and_back<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len;
    let x = numbers(case.seed ^ 5, n, MAX_BITS);
    let a = input(e, 0, &x)?;
    let mut seen = Seen::new();
    for width in [1, 13, 32, 62, 64] {
        let planes = e.to_bits(&a, width)?;
        assert_eq!(planes.len(), width, "planes of to_bits");
        for (j, plane) in planes.iter().enumerate() {
            let expected: Vec<bool> = x.iter().map(|x| x >> j & 1 == 1).collect();
            seen.extend(expect_bits(e, plane, &expected, "to_bits")?);
        }
        if width == 13 || width == 64 {
            let back = e.compose(&planes)?;
            let low: Vec<u64> = x.iter().map(|x| x & u64::MAX >> (64 - width)).collect();
            seen.extend(expect(e, &back, &low, "compose")?);
        }
    }
    Ok(seen)
}

/// Balanced within six standard deviations, and never the same twice.
pub(super) fn random_bits<E: Engine>(e: &mut E, case: Case) -> Result<Seen> {
    let n = case.len;
    let (x, y) = (e.random_bits(n)?, e.random_bits(n)?);
    assert!(x.len() == n && y.len() == n, "random_bits");
    let number = e.bit_to_ring(&x)?;
    let x = e.open_bits(&x, Recipients::All)?.unwrap_or_default();
    let y = e.open_bits(&y, Recipients::All)?.unwrap_or_default();
    let expected: Vec<u64> = bits::unpack(&x, n).into_iter().map(u64::from).collect();
    expect(e, &number, &expected, "a random bit as a number")?;
    for bits in [&x, &y] {
        let ones = bits.iter().map(|w| w.count_ones()).sum::<u32>();
        let excess = (f64::from(ones) - n as f64 / 2.0).abs();
        assert!(excess <= 3.0 * (n as f64).sqrt() + 0.5, "{ones} of {n} random bits are set");
    }
    assert!(n < 64 || x != y, "random bits repeat");
    Ok([x, y].concat())
}
