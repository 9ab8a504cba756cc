#![allow(clippy::print_stdout)] // the statistics of a failure

use super::*;
use crate::Ratio;
use dashu_int::UBig;
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

/// Slices that are long for their law, and so filled from a table.
#[test]
fn long_slices_follow_their_laws() {
    let source = &mut source(150);
    let mut out = vec![0; DRAWS];
    for (n, d) in [(1, 1), (10, 1), (1, 3), (1 << 60, (1 << 57) - 1), (1000, 1)] {
        let b = n as f64 / d as f64;
        let norm = ((1.0 / b).exp() - 1.0) / ((1.0 / b).exp() + 1.0);
        DiscreteLaplace::new(ratio(n, d)).unwrap().fill(source, &mut out);
        let law = |x: i64| norm * (-(x.abs() as f64) / b).exp();
        let draws = out.iter().copied();
        check(chi_square(draws, law, (20.0 * b) as i64 + 20), &format!("Laplace {n}/{d}"));
        let weight = |x: i64| (-((x * x) as f64) / (2.0 * b)).exp();
        let most = (12.0 * b.sqrt()) as i64 + 12;
        let norm: f64 = (-most..=most).map(weight).sum();
        DiscreteGaussian::new(ratio(n, d)).unwrap().fill(source, &mut out);
        let draws = out.iter().copied();
        check(chi_square(draws, |x| weight(x) / norm, most), &format!("Gaussian {n}/{d}"));
    }
    // Laws at the ends of what is allowed.
    for (n, d) in [(1, 1 << 40), (1 << 40, 1)] {
        DiscreteLaplace::new(ratio(n, d)).unwrap().fill(source, &mut out[..5000]);
        DiscreteGaussian::new(ratio(n, d)).unwrap().fill(source, &mut out[5000..10_000]);
        let zeros = out[..10_000].iter().filter(|&&x| x == 0).count();
        assert!(zeros == if n == 1 { 10_000 } else { 0 }, "{n}/{d}: {zeros}");
    }
}

/// ln k!, from the sum of logarithms.
fn ln_factorials(most: usize) -> Vec<f64> {
    let logs = (1..=most).map(|k| (k as f64).ln());
    std::iter::once(0.0)
        .chain(logs.scan(0.0, |sum, l| {
            *sum += l;
            Some(*sum)
        }))
        .collect()
}

fn poisson_law(lambda: f64, most: usize) -> Vec<f64> {
    let logs = ln_factorials(most);
    (0..=most).map(|k| (k as f64 * lambda.ln() - lambda - logs[k]).exp()).collect()
}

#[test]
fn poisson_and_skellam_follow_their_laws() {
    for (i, (n, d)) in
        [(1, 1), (1, 10), (64, 1), (200, 3), (1 << 60, (1 << 58) - 1)].into_iter().enumerate()
    {
        let lambda = n as f64 / d as f64;
        let most = (lambda + 20.0 * lambda.sqrt()) as usize + 30;
        let law = poisson_law(lambda, most);
        let source = &mut source(200 + i as u64);
        let sampler = Poisson::new(ratio(n, d)).unwrap();
        let draws = (0..DRAWS).map(|_| sampler.sample(source) as i64);
        let at = |x: i64| usize::try_from(x).ok().and_then(|x| law.get(x)).copied().unwrap_or(0.0);
        check(chi_square(draws, at, most as i64), &format!("Poisson {n}/{d}"));

        let skellam = Skellam::new(ratio(n, d)).unwrap();
        let both = |x: i64| (0..=most as i64).map(|k| at(k) * at(k + x)).sum();
        let draws = (0..DRAWS).map(|_| skellam.sample(source));
        check(chi_square(draws, both, most as i64), &format!("Skellam {n}/{d}"));
    }
}

#[test]
fn binomial_follows_its_law() {
    for (i, (trials, n, d)) in
        [(1, 1, 2), (100, 1, 2), (64, 1, 2), (130, 1, 3), (50, 9, 10), (500, 1, 256)]
            .into_iter()
            .enumerate()
    {
        let p = n as f64 / d as f64;
        let logs = ln_factorials(trials);
        let law = |x: i64| match usize::try_from(x) {
            Ok(k) if k <= trials => {
                let rest = (trials - k) as f64;
                let choose = logs[trials] - logs[k] - logs[trials - k];
                (choose + k as f64 * p.ln() + rest * (1.0 - p).ln()).exp()
            }
            _ => 0.0,
        };
        let source = &mut source(300 + i as u64);
        let sampler = Binomial::new(trials as u64, ratio(n, d)).unwrap();
        let draws = (0..DRAWS).map(|_| sampler.sample(source) as i64);
        check(chi_square(draws, law, trials as i64), &format!("Binomial {trials} {n}/{d}"));
    }
    let certain = Binomial::new(77, ratio(1, 1)).unwrap();
    assert_eq!(certain.sample(&mut source(1)), 77);
    assert_eq!(Binomial::new(0, ratio(1, 3)).unwrap().sample(&mut source(1)), 0);
    assert!(Binomial::new(1, ratio(4, 3)).is_err() && Binomial::new(1 << 41, ratio(1, 2)).is_err());
}

#[test]
fn tables_follow_their_laws() {
    let source = &mut source(400);
    for (n, d) in [(1u64, 1u64), (10, 1), (1, 3)] {
        let b = n as f64 / d as f64;
        let norm = ((1.0 / b).exp() - 1.0) / ((1.0 / b).exp() + 1.0);
        let table = Table::laplace(ratio(n, d)).unwrap();
        assert!(table.distance() < 2f64.powi(-110), "{}", table.distance());
        let law = |x: i64| norm * (-(x.abs() as f64) / b).exp();
        let draws = (0..DRAWS).map(|_| table.sample(source));
        check(chi_square(draws, law, (20.0 * b) as i64 + 20), &format!("Laplace table {n}/{d}"));

        let weight = |x: i64| (-((x * x) as f64) / (2.0 * b)).exp();
        let most = (12.0 * b.sqrt()) as i64 + 12;
        let norm: f64 = (-most..=most).map(weight).sum();
        let table = Table::gaussian(ratio(n, d)).unwrap();
        let draws = (0..DRAWS).map(|_| table.sample(source));
        check(chi_square(draws, |x| weight(x) / norm, most), &format!("Gaussian table {n}/{d}"));
    }
    assert!(Table::laplace(ratio(100_000, 1)).is_err() && Table::gaussian(ratio(1, 5000)).is_err());
    assert_eq!(format!("{:?}", Table::laplace(ratio(1, 1)).unwrap()), "Table { entries: 83, .. }");
}

/// As dudect does: Welch's t between the times of draws whose absolute value is small and
/// of those where it is large. The slowest tenth is left out: the machine was at
/// something else. A t of 4.5 or more in each of five runs would be a false alarm with a
/// probability below 1e-20.
#[test]
fn the_time_of_a_table_says_nothing_about_the_draw() {
    let table = Table::laplace(ratio(10, 1)).unwrap();
    let seed = 500;
    let source = &mut source(seed);
    let run = |source: &mut Source<StdRng>| {
        let mut times: Vec<(f64, bool)> = (0..100_000)
            .map(|_| {
                let start = std::time::Instant::now();
                let x = std::hint::black_box(table.sample(source));
                (start.elapsed().as_nanos() as f64, x.abs() > 6)
            })
            .collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        times.truncate(90_000);
        let class = |large| {
            let times: Vec<f64> = times.iter().filter(|t| t.1 == large).map(|t| t.0).collect();
            let n = times.len() as f64;
            let mean = times.iter().sum::<f64>() / n;
            let variance = times.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0);
            (mean, variance / n)
        };
        let ((a, va), (b, vb)) = (class(false), class(true));
        (a - b).abs() / (va + vb).sqrt()
    };
    let runs: Vec<f64> = (0..5).map(|_| run(source)).collect();
    println!("seed {seed}, t of each run: {runs:?}");
    assert!(runs.iter().any(|&t| t < 4.5), "seed {seed}: {runs:?}");
}

/// Where 64 bits do not decide, more do.
#[test]
fn ties_are_broken_by_more_bits() {
    use super::enclosure::{Inverse, PoissonWeights, cumulative};
    let law = PoissonWeights(ratio(3, 1));
    let table = Inverse::new(law.clone()).unwrap();
    let source = &mut source(9);
    for (k, place) in cumulative(&law, 256).iter().take(8).enumerate() {
        let word = u64::try_from(&place.low >> 192).unwrap();
        // The share of numbers with this first word that are below the place.
        let share = u64::try_from((&place.low >> 128) & UBig::from(u64::MAX)).unwrap();
        let share = share as f64 / 2f64.powi(64);
        let below = (0..2000).filter(|_| table.refine(source, word) == k as u64).count() as f64;
        let deviation = (2000.0 * share * (1.0 - share)).sqrt();
        assert!((below - 2000.0 * share).abs() <= 5.0 * deviation + 1.0, "{k}: {below} {share}");
    }
    // Beyond the table's end.
    assert!(table.refine(source, u64::MAX) > 20);
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
        let big = |x: u8| UBig::from(x) << 200;
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
