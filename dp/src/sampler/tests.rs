#![allow(clippy::print_stdout)] // the statistics of a failure

use super::*;
use crate::Ratio;
use rand::{SeedableRng, rngs::StdRng};
use std::collections::HashMap;

fn source(seed: u64) -> Source<StdRng> {
    Source::new(StdRng::seed_from_u64(seed))
}

fn ratio(n: u64, d: u64) -> Ratio {
    Ratio::new(n, d).unwrap()
}

const DRAWS: usize = 1_000_000;

/// The chi-square statistic of draws against a law, cells with an expectation below 10
/// taken together, and its degrees of freedom.
fn chi_square(draws: impl Iterator<Item = i64>, law: impl Fn(i64) -> f64, most: i64) -> (f64, f64) {
    let mut counts: HashMap<i64, f64> = HashMap::new();
    draws.for_each(|x| *counts.entry(x).or_default() += 1.0);
    let (mut sum, mut cells, mut rest, mut rest_expected) = (0.0, -1.0, DRAWS as f64, DRAWS as f64);
    for x in -most..=most {
        let (seen, expected) = (counts.get(&x).copied().unwrap_or(0.0), DRAWS as f64 * law(x));
        if expected >= 10.0 {
            sum += (seen - expected).powi(2) / expected;
            cells += 1.0;
            rest -= seen;
            rest_expected -= expected;
        }
    }
    if rest_expected >= 1.0 {
        sum += (rest - rest_expected).powi(2) / rest_expected;
        cells += 1.0;
    } else {
        assert!(rest < 20.0, "{rest} draws where there should be none");
    }
    (sum, cells)
}

/// Wilson and Hilferty: the cube root of a chi-square variable is close to normal. False
/// alarms: z above 4 has probability 3.2e-5, for a fixed seed never again.
fn check((sum, cells): (f64, f64), what: &str) {
    let a = 2.0 / (9.0 * cells);
    let z = ((sum / cells).cbrt() - (1.0 - a)) / a.sqrt();
    println!("{what}: {sum:.1} with {cells} degrees of freedom, z = {z:.2}");
    assert!(z < 4.0, "{what}: z = {z}");
}

#[test]
fn laplace_follows_its_law() {
    for (i, (t, s)) in [(1, 1), (10, 1), (1, 3), (7, 2), (1000, 1), (1 << 60, (1 << 60) - 1)]
        .into_iter()
        .enumerate()
    {
        let b = t as f64 / s as f64;
        let sampler = DiscreteLaplace::new(ratio(t, s)).unwrap();
        let source = &mut source(i as u64);
        let norm = ((1.0 / b).exp() - 1.0) / ((1.0 / b).exp() + 1.0);
        let law = |x: i64| norm * (-(x.abs() as f64) / b).exp();
        let most = (20.0 * b) as i64 + 20;
        let draws = (0..DRAWS).map(|_| sampler.sample(source));
        check(chi_square(draws, law, most), &format!("Laplace {t}/{s}"));
    }
}

#[test]
fn gaussian_follows_its_law() {
    for (i, (n, d)) in
        [(1, 1), (100, 1), (1, 5), (7, 3), (1 << 50, (1 << 50) - 1), (9, 1), (250_000, 1)]
            .into_iter()
            .enumerate()
    {
        let variance = n as f64 / d as f64;
        let sampler = DiscreteGaussian::new(ratio(n, d)).unwrap();
        let source = &mut source(100 + i as u64);
        let weight = |x: i64| (-((x * x) as f64) / (2.0 * variance)).exp();
        let most = (12.0 * variance.sqrt()) as i64 + 12;
        let norm: f64 = (-most..=most).map(weight).sum();
        let draws = (0..DRAWS).map(|_| sampler.sample(source));
        check(chi_square(draws, |x| weight(x) / norm, most), &format!("Gaussian {n}/{d}"));
    }
}

/// Parameters whose products outgrow 128 bits: the path of large integers.
#[test]
fn large_integers_follow_the_law_too() {
    let (n, d) = ((1u64 << 63) + 1, (1u64 << 61) + 3);
    let sampler = DiscreteGaussian::new(ratio(n, d)).unwrap();
    let source = &mut source(7);
    let variance = n as f64 / d as f64;
    let draws: Vec<i64> = (0..20_000).map(|_| sampler.sample(source)).collect();
    let mean = draws.iter().sum::<i64>() as f64 / 20_000.0;
    let square = draws.iter().map(|x| x * x).sum::<i64>() as f64 / 20_000.0;
    // Five standard errors each.
    assert!(mean.abs() < 5.0 * (variance / 20_000.0).sqrt(), "{mean}");
    assert!((square - variance).abs() < 5.0 * variance * (2.0f64 / 20_000.0).sqrt(), "{square}");
    // As the coin of the fast path for the same quotient.
    let mut heads = [0u32; 2];
    for _ in 0..50_000 {
        heads[0] += u32::from(bernoulli_exp(source, 7, 10));
        let big = |x: u8| dashu_int::UBig::from(x) << 200;
        heads[1] += u32::from(bernoulli::bernoulli_exp_big(source, &big(7), &big(10)));
    }
    for heads in heads {
        let expected = 50_000.0 * (-0.7f64).exp();
        assert!((f64::from(heads) - expected).abs() < 5.0 * (expected * 0.51).sqrt(), "{heads}");
    }
}

#[test]
fn coins_have_their_probabilities() {
    let source = &mut source(3);
    for (p, q) in [(0u64, 7u64), (1, 7), (3, 4), (7, 7), (1, u64::MAX), (u64::MAX / 3, u64::MAX)] {
        let ones = (0..100_000).filter(|_| bernoulli(source, p, q)).count() as f64;
        let mean = 100_000.0 * p as f64 / q as f64;
        assert!((ones - mean).abs() <= 5.0 * mean.sqrt().max(1.0), "{p}/{q}: {ones}");
    }
    for (p, q) in [(0u128, 1u128), (1, 2), (1, 1), (5, 2), (u128::MAX / 2, u128::MAX)] {
        let ones = (0..100_000).filter(|_| bernoulli_exp(source, p, q)).count() as f64;
        let mean = 100_000.0 * (-(p as f64) / q as f64).exp();
        assert!((ones - mean).abs() <= 5.0 * mean.sqrt(), "exp(-{p}/{q}): {ones}");
    }
    let mean = (0..100_000).map(|_| geometric_exp(source)).sum::<u64>() as f64 / 1e5;
    assert!((mean - 1.0 / (1f64.exp() - 1.0)).abs() < 0.02, "{mean}");
    for n in [1u128, 3, 1 << 70, (1 << 100) + 7] {
        assert!((0..1000).all(|_| source.below_wide(n) < n));
    }
}

#[test]
fn parameters_are_checked_and_nothing_is_shown() {
    assert!(DiscreteLaplace::new(ratio(1 << 50, 1)).is_err());
    assert!(DiscreteLaplace::new(ratio(1, 1 << 50)).is_err());
    assert!(DiscreteGaussian::new(ratio(u64::MAX, 1)).is_err());
    assert!(DiscreteGaussian::new(ratio(1 << 61, 1)).is_ok());
    assert_eq!(DiscreteLaplace::new(ratio(6, 4)).unwrap().scale(), ratio(3, 2));
    assert_eq!(DiscreteGaussian::new(ratio(6, 4)).unwrap().sigma_squared(), ratio(3, 2));
    let mut source = source(1);
    source.word();
    assert_eq!(format!("{source:?}"), "Source { .. }");
    let (mut a, mut b) = (vec![0; 100], vec![0; 100]);
    DiscreteLaplace::new(ratio(50, 1)).unwrap().fill(&mut source, &mut a);
    DiscreteGaussian::new(ratio(2500, 1)).unwrap().fill(&mut source, &mut b);
    assert!(a != b && a.iter().any(|&x| x < 0) && b.iter().any(|&x| x > 0));
}
