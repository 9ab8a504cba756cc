//! Every mechanism and estimator against its claim. Each bound is above the truth with
//! probability at most 1e-6, so one run of all of them gives a false alarm with probability
//! below 1e-4; seeds are fixed.
#![allow(clippy::print_stdout)] // the bounds

use super::*;
use crate::estimator::{
    Contingency, Count, Covariance, Histogram, LinearRegression, LogisticRegression, Mean,
    PrivateKeys, PublicKeys, Quantile, Quantiles, Sum, Variance,
};
use crate::mechanism::{
    Block, Exponential, Gaussian, HadamardResponse, Laplace, NoisyMax, PermuteAndFlip,
    RandomisedResponse, Real, SparseVector, Threshold, Tree,
};
use crate::sampler::Source;
use crate::{Contributions, Grid, Loss, Neighbours, Partition, Privacy, Ratio, Units};
use rand::{RngExt, SeedableRng, rngs::StdRng};

type Random = Source<StdRng>;

const TRIALS: u64 = 40_000;

fn bound(delta: f64, trials: u64, mut run: impl FnMut(Side, &mut Random) -> i64) -> f64 {
    let source = &mut Source::new(StdRng::seed_from_u64(2024));
    Audit::new(trials, 1e-6).unwrap().epsilon(delta, |side| run(side, source))
}

/// The claim holds, and the audit sees at least `share` of it.
fn holds(
    name: &str,
    (epsilon, delta): (f64, f64),
    share: f64,
    run: impl FnMut(Side, &mut Random) -> i64,
) {
    let found = bound(delta, TRIALS, run);
    println!("{name}: at least {found:.3} of {epsilon}");
    assert!(found <= epsilon, "{name}: {found} > {epsilon}");
    assert!(found >= share * epsilon, "{name}: {found} of {epsilon} shows nothing");
}

fn one() -> Ratio {
    Ratio::new(1, 1).unwrap()
}

fn either<T>(side: Side, first: T, second: T) -> T {
    if side == Side::First { first } else { second }
}

/// Epsilon of rho-zCDP at delta (Bun and Steinke 2016, proposition 1.3).
fn concentrated(rho: f64, delta: f64) -> f64 {
    rho + 2.0 * (rho * (1.0 / delta).ln()).sqrt()
}

#[test]
fn noise_on_numbers_keeps_its_promise() {
    let laplace = Laplace::new(3, one()).unwrap();
    holds("Laplace", (1.0, 0.0), 0.8, |side, source| {
        laplace.release(either(side, 0, 3), source) as i64
    });
    holds("Laplace, vector", (1.0, 0.0), 0.6, |side, source| {
        let mut answer = either(side, [0, 0], [2, -1]);
        laplace.release_vector(&mut answer, source);
        i64::from(answer[0] >= 2) + 2 * i64::from(answer[1] <= -1) + 4 * i64::from(answer[0] > 0)
    });
    let gaussian = Gaussian::new(9, Ratio::new(1, 8).unwrap()).unwrap();
    holds("Gaussian", (concentrated(0.125, 1e-5), 1e-5), 0.2, |side, source| {
        (gaussian.release(either(side, 0, 3), source) as i64).clamp(-15, 15)
    });
    let real =
        Real::new(1, (1.0, 1.0), 0.25, Neighbours::AddRemove, Loss::pure(1.0).unwrap()).unwrap();
    // A step of rounding is paid for, so the bound stays lower.
    holds("real", (1.0, 0.0), 0.5, |side, source| {
        (real.release(&[either(side, 0.1, 1.1)], source).unwrap().value[0] * 4.0) as i64
    });
    let loss = Loss::pure(1.0).unwrap();
    let grid = Grid::integers(0, 1).unwrap();
    holds("tree", (1.0, 0.0), 0.2, |side, source| {
        let mut tree = Tree::new(grid, 4, Neighbours::AddRemove, loss).unwrap();
        let steps = [either(side, 0.0, 1.0), 1.0, 0.0, 0.0];
        let sums = steps.map(|x| tree.push(x, source).unwrap() as i64);
        sums.iter().map(|&x| i64::from(x >= 2)).sum::<i64>()
    });
}

#[test]
fn choices_keep_their_promise() {
    let flip = PermuteAndFlip::new(1, one()).unwrap();
    holds("permute and flip", (1.0, 0.0), 0.3, |side, source| {
        flip.choose(&either(side, [2, 1, 0], [1, 2, 1]), source).unwrap() as i64
    });
    let flip = PermuteAndFlip::monotonic(1, one()).unwrap();
    holds("permute and flip, monotonic", (1.0, 0.0), 0.3, |side, source| {
        flip.choose(&either(side, [5, 4, 4], [5, 5, 5]), source).unwrap() as i64
    });
    let noisy = NoisyMax::new(1, one()).unwrap();
    holds("noisy max", (1.0, 0.0), 0.3, |side, source| {
        noisy.choose(&either(side, [0, 1], [1, 0]), source).unwrap() as i64
    });
    let noisy = NoisyMax::monotonic(1, one()).unwrap();
    holds("noisy max, monotonic", (1.0, 0.0), 0.3, |side, source| {
        noisy.choose(&either(side, [0, 2, 2], [1, 2, 2]), source).unwrap() as i64
    });
    let exponential = Exponential::new(1, one()).unwrap();
    holds("exponential", (1.0, 0.0), 0.3, |side, source| {
        let costs = either(side, [0, 3], [1, 2]);
        let blocks = [(0, 1, costs[0]), (1, 9, costs[1])];
        let blocks = blocks.map(|(start, length, cost)| Block { start, length, cost });
        exponential.choose(blocks.into_iter(), source).unwrap()
    });
    let vector = |side, source: &mut Random, monotonic: bool| {
        let make = if monotonic { SparseVector::monotonic } else { SparseVector::new };
        let mut vector = make(0, 1, 2, one(), source).unwrap();
        let answers = if monotonic {
            either(side, [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1])
        } else {
            either(side, [0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
        };
        answers
            .into_iter()
            .fold(1, |word, answer| 3 * word + vector.ask(answer, source).map_or(2, i64::from))
    };
    holds("sparse vector", (1.0, 0.0), 0.1, |side, source| vector(side, source, false));
    holds("sparse vector, monotonic", (1.0, 0.0), 0.1, |side, source| vector(side, source, true));
    let response = RandomisedResponse::new(4, one()).unwrap();
    holds("randomised response", (1.0, 0.0), 0.8, |side, source| {
        response.respond(either(side, 0, 3), source).into()
    });
    let hadamard = HadamardResponse::new(6, one()).unwrap();
    holds("Hadamard response", (1.0, 0.0), 0.8, |side, source| {
        hadamard.respond(either(side, 0, 5), source).into()
    });
    let threshold = Threshold::new(1, 1, Neighbours::AddRemove, one(), 0.05).unwrap();
    holds("threshold", (1.0, 0.05), 0.3, |side, source| {
        let counts = [("a", either(side, 4, 5))].into_iter().collect();
        threshold.release(&counts, source).value.get("a").copied().unwrap_or(-1)
    });
    // One unit alone: shown with probability delta at most, 0.05 here.
    let shown = |side, source: &mut Random| {
        let counts = either(side, vec![], vec![("b", 1)]).into_iter().collect();
        threshold.release(&counts, source).value.len() as i64
    };
    assert_eq!(bound(0.05, TRIALS, shown), 0.0);
    assert!(bound(0.0, TRIALS, shown) > 1.0, "without delta it is not private");
}

#[test]
fn estimators_keep_their_promise() {
    let loss = Loss::pure(1.0).unwrap();
    let add = Privacy::new(Neighbours::AddRemove, loss);
    let replace = Privacy::new(Neighbours::Replace, loss);
    let grid = Grid::new(-1.0, 1.0, 0.5).unwrap();
    let claim = (1.0, 0.0);
    let bools = |side| either(side, vec![true], vec![true, true]);
    let count = Count::new(add).unwrap();
    holds("count", claim, 0.8, |side, source| {
        count.release(&bools(side), Units::Rows, source).unwrap().value
    });
    let two = add.contributions(Contributions::rows(2).unwrap());
    let units = Count::new(two).unwrap();
    holds("count of units", claim, 0.8, |side, source| {
        let rows = either(side, vec![true], vec![true; 6]);
        let ids = [1, 2, 2, 2, 2, 2];
        units.release(&rows, Units::Ids(&ids[..rows.len()]), source).unwrap().value
    });
    let numbers = |side| either(side, vec![0.5], vec![0.5, -1.0]);
    let sum = Sum::new(grid, add).unwrap();
    holds("sum", claim, 0.8, |side, source| {
        (sum.release(&numbers(side), Units::Rows, source).unwrap().value * 2.0) as i64
    });
    let other = |side| either(side, vec![0.5, 1.0], vec![0.5, f64::NEG_INFINITY]);
    let sum = Sum::new(grid, replace).unwrap();
    holds("sum, replace", claim, 0.8, |side, source| {
        (sum.release(&other(side), Units::Rows, source).unwrap().value * 2.0) as i64
    });
    for privacy in [add, replace] {
        let mean = Mean::new(grid, privacy).unwrap();
        let variance = Variance::new(-1.0, 1.0, privacy).unwrap();
        let rows = |side| match privacy.neighbours {
            Neighbours::AddRemove => numbers(side),
            Neighbours::Replace => other(side),
        };
        holds("mean", claim, 0.2, |side, source| {
            (mean.release(&rows(side), Units::Rows, source).unwrap().value * 8.0) as i64
        });
        holds("variance", claim, 0.0, |side, source| {
            (variance.release(&rows(side), Units::Rows, source).unwrap().value * 8.0) as i64
        });
        let histogram = Histogram::new(-1.0, 1.0, 2, privacy).unwrap();
        holds("histogram", claim, 0.6, |side, source| {
            let counts = histogram.release(&rows(side), Units::Rows, source).unwrap().value;
            counts[0].clamp(-2, 3) * 8 + counts[1].clamp(-2, 3)
        });
        let quantile = Quantile::new(0.5, grid, privacy).unwrap();
        let quantiles = Quantiles::new(&[0.25, 0.5, 0.75], grid, privacy).unwrap();
        let more = |side| either(side, vec![0.5, 0.5], vec![-1.0, 0.5]);
        let rows = |side| match privacy.neighbours {
            Neighbours::AddRemove => numbers(side),
            Neighbours::Replace => more(side),
        };
        holds("quantile", claim, 0.1, |side, source| {
            (quantile.release(&rows(side), Units::Rows, source).unwrap().value * 2.0) as i64
        });
        holds("quantiles", claim, 0.0, |side, source| {
            let found = quantiles.release(&rows(side), Units::Rows, source).unwrap().value;
            found.iter().fold(0, |word, x| word * 8 + (x * 2.0) as i64)
        });
    }
}

/// What is released is the vector of moments: whether each of the six sums reaches what the
/// additional row, which is at its upper bounds, makes of it.
#[test]
fn moments_keep_their_promise() {
    let add = Privacy::new(Neighbours::AddRemove, Loss::pure(1.0).unwrap());
    let covariance = Covariance::new(&[(0.0, 1.0), (0.0, 1.0)], add).unwrap();
    holds("moments", (1.0, 0.0), 0.4, |side, source| {
        let rows = [[0.25, 0.75].repeat(60), vec![1.0; either(side, 0, 1)]].concat();
        let moments = covariance.release(&[&rows, &rows], Units::Rows, source).unwrap().value;
        let n = moments.rows();
        // Columns are from 0 to 1; z is from -1 to 1.
        let z = |i| 2.0 * moments.mean(i).unwrap() - 1.0;
        let mean = |i| z(i) * n;
        let product = |i, j| (4.0 * moments.covariance(i, j).unwrap() + z(i) * z(j)) * n - 30.0;
        [n - 120.0, mean(0), mean(1), product(0, 0), product(0, 1), product(1, 1)]
            .iter()
            .fold(0, |bits, x| 2 * bits + i64::from(*x > 0.99))
    });
}

#[test]
fn tables_keys_and_models_keep_their_promise() {
    let loss = Loss::pure(1.0).unwrap();
    let add = Privacy::new(Neighbours::AddRemove, loss);
    let claim = (1.0, 0.0);
    let table = Contingency::new(&[2, 2], add).unwrap();
    holds("contingency", claim, 0.6, |side, source| {
        let (a, b): (&[u32], &[u32]) = either(side, (&[0], &[1]), (&[0, 1], &[1, 1]));
        let release = table.release(&[a, b], Units::Rows, source).unwrap();
        release.value.get(&[1, 1]).unwrap()
    });
    let keys = PublicKeys::new(["a", "b"], add).unwrap();
    let names = |side| either(side, vec!["a"; 3], vec!["a"; 4]);
    holds("public keys", claim, 0.6, |side, source| {
        keys.release(&names(side), Units::Rows, source).unwrap().value["a"]
    });
    // Both counts are below the threshold: few trials show anything, and little is left above
    // delta with such confidence.
    let keys = PrivateKeys::new(add, 0.01).unwrap();
    holds("private keys", (1.0, 0.01), 0.03, |side, source| {
        let release = keys.release(&names(side), Units::Rows, source).unwrap();
        release.value.get("a").copied().unwrap_or(-1)
    });
    let linear = LinearRegression::new(&[(0.0, 1.0)], (0.0, 1.0), 0.1, add).unwrap();
    let logistic = LogisticRegression::new(&[(0.0, 1.0)], 0.1, add).unwrap();
    let rows = |side| either(side, vec![0.0], vec![0.0, 1.0]);
    // Post-processing of moments, of which little is left in one coefficient.
    holds("linear regression", claim, 0.0, |side, source| {
        let x = rows(side);
        let release = linear.release(&[&x], &x, Units::Rows, source).unwrap();
        (release.value.intercept * 4.0) as i64
    });
    holds("logistic regression", claim, 0.0, |side, source| {
        let x = rows(side);
        let labels: Vec<bool> = x.iter().map(|&x| x > 0.5).collect();
        let release = logistic.release(&[&x], &labels, Units::Rows, source).unwrap();
        (release.value.coefficients[0] * 4.0) as i64
    });
    let count = Count::new(add).unwrap();
    holds("parts under replace", (2.0, 0.0), 0.3, |side, source| {
        let partition = Partition::by_row(&[either(side, 0usize, 1)], 2, |x| *x).unwrap();
        let (releases, total) = partition
            .release(Neighbours::Replace, source, |_, rows, source| {
                count.release(&vec![true; rows.len()], Units::Rows, source)
            })
            .unwrap();
        assert!(total.epsilon >= 2.0);
        releases[0].value.clamp(-3, 4) * 8 + releases[1].value.clamp(-3, 4)
    });
    // The unit stays in its part, which costs more than all others.
    let grid = Grid::integers(-1, 1).unwrap();
    let [dear, cheap] = [1.0, 0.1].map(|epsilon| {
        Sum::new(grid, Privacy::new(Neighbours::AddRemove, Loss::pure(epsilon).unwrap())).unwrap()
    });
    holds("one part under replace", (2.0, 0.0), 0.8, |side, source| {
        let partition = Partition::by_row(&[either(side, -1.0, 1.0)], 2, |_| 0).unwrap();
        let (releases, total) = partition
            .release(Neighbours::Replace, source, |i, rows, source| {
                if i == 0 { &dear } else { &cheap }.release(rows, Units::Rows, source)
            })
            .unwrap();
        assert!(total.epsilon >= 2.0);
        releases[0].value as i64
    });
}

/// Mechanisms that are wrong must be found out.
#[test]
fn broken_mechanisms_are_caught() {
    // Noise for half of the sensitivity.
    let half = Laplace::new(1, one()).unwrap();
    let found = bound(0.0, TRIALS, |side, source| half.release(either(side, 0, 2), source) as i64);
    println!("half of the sensitivity: at least {found:.3} of 1");
    assert!(found > 1.5);
    // Sparse vector whose noise does not grow with the number of replies "above", with a
    // threshold that has none (variants 3 and 5 of Lyu, Su, Li).
    let query = Laplace::new(1, one()).unwrap();
    let found = bound(0.0, TRIALS, |side, source| {
        let answers = either(side, [0, 0, 0, 0], [1, 1, 1, 1]);
        answers.into_iter().map(|x| i64::from(query.release(x, source) >= 1)).sum()
    });
    println!("sparse vector without noise on the threshold: at least {found:.3} of 1");
    assert!(found > 1.5);
    // Noise in floats, by inverting the distribution function: small outputs for the answer
    // 0 have digits that those for 1 cannot have (Mironov 2012).
    let mut rng = StdRng::seed_from_u64(7);
    let found = bound(0.0, TRIALS, |side, _| {
        let u: f64 = rng.random::<f64>() - 0.5;
        let noise = -u.signum() * (1.0 - 2.0 * u.abs()).ln();
        low_bits(either(side, 0.0, 1.0) + noise)
    });
    println!("Laplace noise in floats: at least {found:.3} of 1");
    assert!(found > 1.5);
}

/// Whether a number is small and off the grid of 2^-53.
fn low_bits(x: f64) -> i64 {
    let scaled = x * 2f64.powi(53);
    i64::from(x.abs() < 0.25 && scaled != scaled.round())
}

/// The low-bit attack on every release of floats: nothing is ever off the declared grid.
#[test]
fn low_bits_say_nothing() {
    let source = &mut Source::new(StdRng::seed_from_u64(5));
    for loss in [Loss::pure(1.0).unwrap(), Loss::concentrated(0.5).unwrap()] {
        let granularity = 2f64.powi(-30);
        let real = Real::new(1, (1.0, 1.0), granularity, Neighbours::AddRemove, loss).unwrap();
        let grid = Grid::new(0.0, 2f64.powi(20), granularity);
        let sum = Sum::new(grid.unwrap(), Privacy::new(Neighbours::Replace, loss));
        for x in [0.0, 1.0, 2f64.powi(20), 0.1] {
            for _ in 0..2000 {
                let value = real.release(&[x], source).unwrap().value[0];
                assert_eq!((value / granularity).fract(), 0.0);
            }
        }
        for x in [0.0, 1.0, 2f64.powi(20), 0.1] {
            let granularity = 2f64.powi(-20);
            let grid = Grid::new(-1.0, 1.0, granularity).unwrap();
            let mut tree = Tree::new(grid, 2000, Neighbours::AddRemove, loss).unwrap();
            for _ in 0..2000 {
                let value = tree.push(x, source).unwrap();
                assert_eq!((value / granularity).fract(), 0.0);
            }
        }
        // The noise of the sum would be 2^50 steps: refused, with the way out.
        assert!(sum.is_err());
        let grid = Grid::new(0.0, 1.0, granularity).unwrap();
        let sum = Sum::new(grid, Privacy::new(Neighbours::Replace, loss)).unwrap();
        for _ in 0..2000 {
            let value = sum.release(&[0.1, 0.7], Units::Rows, source).unwrap().value;
            assert_eq!((value / granularity).fract(), 0.0);
        }
    }
}

#[test]
fn intervals_of_probabilities_are_those_of_the_binomial_law() {
    // By the definition: sums of the law.
    let tail = |count: u64, n: u64, p: f64| -> f64 {
        (count..=n)
            .map(|k| {
                let choose: f64 = (0..k).map(|i| ((n - i) as f64 / (k - i) as f64).ln()).sum();
                (choose + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp()
            })
            .sum()
    };
    for (count, n) in [(1, 10), (5, 10), (10, 10), (3, 1000), (500, 1000), (997, 1000)] {
        for failure in [0.05, 1e-6] {
            let p = clopper_pearson_below(count, n, failure);
            let exact = tail(count, n, p);
            assert!((exact / failure - 1.0).abs() < 1e-6, "{count}/{n}: {exact}");
            let above = clopper_pearson_above(n - count, n, failure);
            assert!((above + p - 1.0).abs() < 1e-12);
        }
    }
    assert_eq!(clopper_pearson_below(0, 10, 0.1), 0.0);
    assert_eq!(clopper_pearson_above(10, 10, 0.1), 1.0);
    assert!(Audit::new(10, 0.1).is_err() && Audit::new(1000, 0.0).is_err());
}
