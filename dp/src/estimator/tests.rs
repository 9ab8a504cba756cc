use super::*;
use crate::mechanism::Noise;
use crate::{
    Contributions, Grid, Loss, Neighbours, Partition, Privacy, Ratio, Units, sampler::Source,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

type Random = Source<StdRng>;

fn source(seed: u64) -> Random {
    Source::new(StdRng::seed_from_u64(seed))
}

const BOTH: [Neighbours; 2] = [Neighbours::AddRemove, Neighbours::Replace];

/// So much that there is no noise.
fn sure(neighbours: Neighbours) -> Privacy {
    Privacy::new(neighbours, Loss::Pure { epsilon: Ratio::new(1 << 39, 1).unwrap() })
}

fn privacy(neighbours: Neighbours, epsilon: f64) -> Privacy {
    Privacy::new(neighbours, Loss::pure(epsilon).unwrap())
}

/// Numbers that look like a bell.
fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..n)
        .map(|_| 50.0 + 15.0 * ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0))
        .collect()
}

fn close(a: f64, b: f64, error: f64) {
    assert!((a - b).abs() <= error, "{a} and {b}");
}

#[test]
fn without_noise_results_are_the_plain_ones() {
    let data = numbers(5001, 1);
    let n = data.len() as f64;
    let mean = data.iter().sum::<f64>() / n;
    let variance = data.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let mut sorted = data.clone();
    sorted.sort_by(f64::total_cmp);
    let source = &mut source(1);
    let grid = Grid::fitted(-50.0, 150.0).unwrap();
    for neighbours in BOTH {
        let privacy = sure(neighbours);
        let units = Units::Rows;
        let release = Mean::new(grid, privacy).unwrap().release(&data, units, source).unwrap();
        close(release.value, mean, 1e-4);
        let (low, high) = release.interval(0.95).unwrap();
        assert!(low <= release.value && release.value <= high && high - low < 1e-3);
        let release = Sum::new(grid, privacy).unwrap().release(&data, units, source).unwrap();
        close(release.value, mean * n, 1.0);
        let spread = Variance::new(-50.0, 150.0, privacy).unwrap();
        close(spread.release(&data, units, source).unwrap().value, variance, 0.02);
        for (q, place) in [(0.01, 50), (0.5, 2500), (0.9, 4500), (0.99, 4950)] {
            let quantile = Quantile::new(q, grid, privacy).unwrap();
            close(quantile.release(&data, units, source).unwrap().value, sorted[place], 0.2);
        }
        let all = Quantiles::new(&[0.9, 0.1, 0.5, 0.1], grid, privacy).unwrap();
        let found = all.release(&data, units, source).unwrap().value;
        for (x, place) in found.iter().zip([4500, 500, 2500, 500]) {
            close(*x, sorted[place], 0.2);
        }
        let count = Count::new(privacy).unwrap();
        let above: Vec<bool> = data.iter().map(|x| *x > 50.0).collect();
        let release = count.release(&above, units, source).unwrap();
        assert_eq!(release.value as usize, above.iter().filter(|x| **x).count());
        assert_eq!(release.interval(0.9).unwrap(), (release.value, release.value));
        let histogram = Histogram::new(0.0, 100.0, 10, privacy).unwrap();
        let edges = [0.0, 9.999_999, 10.0, 99.0, 100.0, 1e9, -1e9, f64::NAN, 30.0];
        let counts = histogram.release(&edges, units, source).unwrap().value;
        assert_eq!(counts, [3, 1, 0, 1, 0, 0, 0, 0, 0, 3]);
        let histogram = Histogram::with_edges(vec![0.0, 1.0, 10.0], privacy).unwrap();
        assert_eq!(histogram.release(&edges, units, source).unwrap().value, [2, 6]);
        let whole = Sum::new(Grid::integers(-3, 9).unwrap(), privacy).unwrap();
        let integers = [i64::MAX, i64::MIN, 5, 0];
        let release = whole.release_integers(&integers, units, source).unwrap();
        assert_eq!(release.value, 11.0);
    }
}

/// Equal widths and a search among edges must agree on every float.
#[test]
fn fast_bins_are_the_true_bins() {
    let source = &mut source(2);
    for bins in [1, 3, 7, 100] {
        let fast = Histogram::new(-0.1, 0.7, bins, sure(Neighbours::AddRemove)).unwrap();
        let slow =
            Histogram::with_edges(fast.edges().to_vec(), sure(Neighbours::AddRemove)).unwrap();
        let mut data: Vec<f64> =
            fast.edges().iter().flat_map(|x| [x.next_down(), *x, x.next_up()]).collect();
        data.extend([0.0, -0.0, 5e-324, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY]);
        let counts = fast.release(&data, Units::Rows, source).unwrap().value;
        assert_eq!(counts, slow.release(&data, Units::Rows, source).unwrap().value);
    }
}

/// Acceptance: order, overflow and rounding cannot move a sum by more than is claimed.
#[test]
fn sums_that_break_floats_stay_within_their_sensitivity() {
    let source = &mut source(3);
    let grid = Grid::new(0.0, 2f64.powi(40), 2f64.powi(-10)).unwrap();
    // Repeated rounding: in floats each of many small numbers is lost beside a large one.
    let large = 2f64.powi(40);
    let small = vec![2f64.powi(-10); 4096];
    let last = [small.clone(), vec![large]].concat();
    let first = [vec![large], small].concat();
    let sum = Sum::new(grid, Privacy::new(Neighbours::Replace, Loss::pure(1e-6).unwrap()));
    assert!(sum.is_err(), "2^50 steps need too much noise");
    let sum = Sum::new(Grid::new(0.0, 1024.0, 2f64.powi(-10)).unwrap(), sure(BOTH[0])).unwrap();
    let values = [&first, &last].map(|x| sum.release(x, Units::Rows, source).unwrap().value);
    assert_eq!(values, [1028.0; 2]);
    assert_eq!(grid.sum(&first), grid.sum(&last));
    assert_eq!(grid.sum(&first) - grid.sum(&first[1..]), 1 << 50);
    // Far more than 64 bits.
    let many = vec![large; 1 << 16];
    assert_eq!(grid.sum(&many), 1 << 66);
    assert_eq!(Grid::integers(0, 1 << 50).unwrap().sum(&many), 1 << 56);
}

/// Acceptance: data far from zero, whose sum of squared deviations in floats moves by more
/// than its claimed sensitivity (opendp/opendp#2923).
#[test]
fn variance_far_from_zero() {
    let source = &mut source(4);
    let base = 2f64.powi(50);
    let data: Vec<f64> = (0..1000).map(|i| base + f64::from(i % 9)).collect();
    let bounds = (base, base + 8.0);
    for neighbours in BOTH {
        let variance = Variance::new(bounds.0, bounds.1, sure(neighbours));
        // A grid of 2^20 steps over a width of 8 has no room at 2^50: refused.
        assert!(variance.is_err());
        let near: Vec<f64> = data.iter().map(|x| x - base).collect();
        let variance = Variance::new(0.0, 8.0, sure(neighbours)).unwrap();
        let value = variance.release(&near, Units::Rows, source).unwrap().value;
        let exact = {
            let mean = near.iter().sum::<f64>() / 1000.0;
            near.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1000.0
        };
        close(value, exact, 1e-3);
        let wide = Variance::new(-base, base, sure(neighbours)).unwrap();
        assert!(wide.release(&data, Units::Rows, source).unwrap().value >= 0.0);
    }
}

/// Acceptance: the same type and shape for whatever there is.
#[test]
fn odd_numbers_and_no_rows_are_no_exceptions() {
    let source = &mut source(5);
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX];
    let grid = Grid::fitted(0.0, 10.0).unwrap();
    for neighbours in BOTH {
        for loss in [Loss::pure(0.1).unwrap(), Loss::concentrated(0.01).unwrap()] {
            let privacy = Privacy::new(neighbours, loss);
            for data in [&odd[..], &odd[..1], &[]] {
                let units = Units::Rows;
                let mean = Mean::new(grid, privacy).unwrap();
                let release = mean.release(data, units, source).unwrap();
                assert!((0.0..=10.0).contains(&release.value));
                assert!(release.interval(0.9).is_some_and(|(a, b)| a <= b));
                let sum = Sum::new(grid, privacy).unwrap();
                assert!(sum.release(data, units, source).unwrap().value.is_finite());
                let variance = Variance::new(0.0, 10.0, privacy).unwrap();
                let value = variance.release(data, units, source).unwrap().value;
                assert!((0.0..=25.0).contains(&value), "{value}");
                let histogram = Histogram::new(0.0, 10.0, 4, privacy).unwrap();
                assert_eq!(histogram.release(data, units, source).unwrap().value.len(), 4);
                let bounds = [(0.0, 10.0); 2];
                let linear = LinearRegression::new(&bounds, (0.0, 10.0), 0.1, privacy).unwrap();
                let model = linear.release(&[data, data], data, units, source).unwrap().value;
                assert!(model.predict(&[1.0, 2.0]).is_finite());
                let logistic = LogisticRegression::new(&bounds, 0.1, privacy).unwrap();
                let labels = vec![true; data.len()];
                let model = logistic.release(&[data, data], &labels, units, source).unwrap().value;
                assert!(model.predict(&[1.0, 2.0]).is_finite());
                if let Loss::Pure { .. } = loss {
                    let quantile = Quantile::new(0.5, grid, privacy).unwrap();
                    let value = quantile.release(data, units, source).unwrap().value;
                    assert!((0.0..=10.0).contains(&value));
                    let several = Quantiles::new(&[0.2, 0.8], grid, privacy).unwrap();
                    let values = several.release(data, units, source).unwrap().value;
                    assert!(values[0] <= values[1] && values.len() == 2);
                } else {
                    assert!(Quantile::new(0.5, grid, privacy).is_err());
                }
            }
        }
    }
}

/// Acceptance: piles of equal values, all equal, a single one.
#[test]
fn quantiles_of_piles() {
    let source = &mut source(6);
    let grid = Grid::fitted(0.0, 100.0).unwrap();
    let mut pile = vec![42.0; 8000];
    pile.extend((0..1000).map(|i| f64::from(i) * 0.04));
    pile.extend((0..1000).map(|i| 50.0 + f64::from(i) * 0.05));
    for neighbours in BOTH {
        let privacy = privacy(neighbours, 1.0);
        for q in [0.25, 0.5, 0.75] {
            let quantile = Quantile::new(q, grid, privacy).unwrap();
            let value = quantile.release(&pile, Units::Rows, source).unwrap().value;
            close(value, 42.0, 1e-3);
            let equal = vec![7.0; 2000];
            close(quantile.release(&equal, Units::Rows, source).unwrap().value, 7.0, 1e-3);
        }
        let several = Quantiles::new(&[0.02, 0.25, 0.5, 0.75, 0.98], grid, privacy).unwrap();
        let values = several.release(&pile, Units::Rows, source).unwrap().value;
        assert!(values.is_sorted());
        for value in &values[1..4] {
            close(*value, 42.0, 1e-3);
        }
        close(values[0], 8.0, 5.0);
        close(values[4], 90.0, 5.0);
        let quantile = Quantile::new(0.5, grid, privacy).unwrap();
        let value = quantile.release(&[3.0], Units::Rows, source).unwrap().value;
        assert!((0.0..=100.0).contains(&value));
        // The stated error of ranks, with room to spare.
        let data: Vec<f64> = (0..10_001).map(|i| f64::from(i) * 0.01).collect();
        for _ in 0..50 {
            let value = quantile.release(&data, Units::Rows, source).unwrap().value;
            let rank = data.iter().filter(|x| **x < value).count() as f64;
            assert!((rank - 5000.5).abs() <= quantile.rank_error(1.0 - 1e-6) + 1.0);
        }
    }
    assert!(Quantile::new(1.1, grid, privacy(BOTH[0], 1.0)).is_err());
    assert!(Quantiles::new(&[], grid, privacy(BOTH[0], 1.0)).is_err());
    assert!(Quantiles::new(&[f64::NAN], grid, privacy(BOTH[0], 1.0)).is_err());
}

/// The error of means and medians of the survey's data, epsilon 1: not worse than what the
/// noise alone explains.
#[test]
fn errors_are_those_of_the_noise() {
    let source = &mut source(7);
    let grid = Grid::fitted(0.0, 100.0).unwrap();
    let data: Vec<f64> = numbers(1000, 8).into_iter().map(|x| x.clamp(0.0, 100.0)).collect();
    let mean = data.iter().sum::<f64>() / 1000.0;
    let mut sorted = data.clone();
    sorted.sort_by(f64::total_cmp);
    for (neighbours, most) in [(BOTH[0], 0.115), (BOTH[1], 0.16)] {
        let estimator = Mean::new(grid, privacy(neighbours, 1.0)).unwrap();
        let median = Quantile::new(0.5, grid, privacy(neighbours, 1.0)).unwrap();
        let (mut error, mut ranks, mut inside) = (0.0, 0.0, 0);
        for _ in 0..400 {
            let release = estimator.release(&data, Units::Rows, source).unwrap();
            error += (release.value - mean).powi(2);
            let (low, high) = release.interval(0.9).unwrap();
            inside += i32::from(low <= mean && mean <= high);
            let value = median.release(&data, Units::Rows, source).unwrap().value;
            ranks += (value - sorted[500]).powi(2);
        }
        assert!((error / 400.0).sqrt() < most, "{}", (error / 400.0).sqrt());
        assert!((ranks / 400.0).sqrt() < 0.4, "{}", (ranks / 400.0).sqrt());
        // 90 %, less five standard errors.
        assert!(inside > 330, "{inside}");
    }
}

/// Acceptance: the relation is a type, and replacing costs twice as much around zero.
#[test]
fn relations_and_contributions_set_the_noise() {
    let scale = |part: &crate::Part| match part.noise {
        Some(Noise::Laplace(laplace)) => laplace.law().scale().to_f64(),
        _ => panic!("not Laplace"),
    };
    let grid = Grid::new(-8.0, 8.0, 1.0).unwrap();
    let scales = BOTH.map(|neighbours| {
        let privacy = privacy(neighbours, 1.0);
        let three = privacy.contributions(Contributions::new(3, 2).unwrap());
        let first = |x: crate::Explanation| scale(&x.parts[0]);
        [
            first(Sum::new(grid, privacy).unwrap().explain(0.9)),
            first(Sum::new(grid, three).unwrap().explain(0.9)),
            first(Mean::new(grid, privacy).unwrap().explain(0.9)),
            first(Mean::new(grid, three).unwrap().explain(0.9)),
            first(Histogram::new(0.0, 1.0, 5, privacy).unwrap().explain(0.9)),
            first(Histogram::new(0.0, 1.0, 5, three).unwrap().explain(0.9)),
            first(Count::new(three).unwrap().explain(0.9)),
        ]
    });
    assert_eq!(scales[0], [8.0, 48.0, 16.0, 96.0, 1.0, 6.0, 6.0]);
    assert_eq!(scales[1], [16.0, 96.0, 16.0, 192.0, 2.0, 12.0, 6.0]);
}

/// Every release has an event that an accountant of the relation takes, and what it makes of
/// one release is not more than was asked for.
#[test]
fn accountants_take_what_was_released() {
    use crate::accounting::{Accountant, Method};
    let source = &mut source(15);
    let grid = Grid::fitted(0.0, 100.0).unwrap();
    let data = numbers(100, 16);
    for neighbours in BOTH {
        for contributions in [(1, 1), (2, 3)] {
            let bound = Contributions::new(contributions.0, contributions.1).unwrap();
            let privacy = privacy(neighbours, 0.5).contributions(bound);
            let rho = Privacy { loss: Loss::concentrated(0.02).unwrap(), ..privacy };
            let events = |privacy| {
                [
                    Mean::new(grid, privacy).unwrap().explain(0.9).events(),
                    Sum::new(grid, privacy).unwrap().explain(0.9).events(),
                    Count::new(privacy).unwrap().explain(0.9).events(),
                    Histogram::new(0.0, 1.0, 9, privacy).unwrap().explain(0.9).events(),
                    Covariance::new(&[(0.0, 1.0); 2], privacy).unwrap().explain(0.9).events(),
                ]
                .concat()
            };
            let quantile = Quantile::new(0.5, grid, privacy).unwrap();
            let release = quantile.release(&data, Units::Rows, source).unwrap();
            let mut pure = events(privacy);
            pure.extend(release.events());
            for event in pure {
                let mut accountant = Accountant::new(neighbours, Method::Basic);
                accountant.compose(&event, 1).unwrap();
                close(accountant.epsilon(0.0).unwrap(), 0.5, 1e-6);
            }
            for event in events(rho) {
                let mut accountant = Accountant::new(neighbours, Method::Zcdp);
                accountant.compose(&event, 1).unwrap();
                let most = crate::accounting::zcdp_epsilon(0.02, 1e-6).unwrap();
                assert!(accountant.epsilon(1e-6).unwrap() <= most + 1e-6, "{event:?}");
            }
        }
    }
}

#[test]
fn units_are_bounded_before_anything_is_counted() {
    let source = &mut source(9);
    let grid = Grid::integers(0, 10).unwrap();
    for neighbours in BOTH {
        let two = sure(neighbours).contributions(Contributions::rows(2).unwrap());
        // Unit 1 has 1000 rows and counts for 2.
        let (data, mut ids) = (vec![10.0; 1010], vec![1u64; 1000]);
        ids.extend(2..12u64);
        let units = Units::Ids(&ids);
        let sum = Sum::new(grid, two).unwrap();
        assert_eq!(sum.release(&data, units, source).unwrap().value, 120.0);
        assert_eq!(sum.release_integers(&[10; 1010], units, source).unwrap().value, 120.0);
        let count = Count::new(two).unwrap();
        assert_eq!(count.release(&[true; 1010], units, source).unwrap().value, 12);
        let histogram = Histogram::new(0.0, 20.0, 2, two).unwrap();
        assert_eq!(histogram.release(&data, units, source).unwrap().value, [0, 12]);
        let keys = PublicKeys::new(["x", "unseen"], two).unwrap();
        let release = keys.release(&vec!["x"; 1010], units, source).unwrap();
        assert_eq!(release.value.into_iter().collect::<Vec<_>>(), [("unseen", 0), ("x", 12)]);
        let table = Contingency::new(&[2, 3], two).unwrap();
        let (a, b) = (vec![1u32; 1010], vec![2u32; 1010]);
        let release = table.release(&[&a, &b], units, source).unwrap();
        assert_eq!(release.value.get(&[1, 2]), Some(12));
        assert_eq!(release.value.marginal(1), Some(vec![0, 0, 12]));
        assert_eq!((release.value.get(&[2, 0]), release.value.marginal(2)), (None, None));
        let wrong = Units::Ids(&ids[1..]);
        assert!(sum.release(&data, wrong, source).is_err());
        assert!(histogram.release(&data, wrong, source).is_err());
        assert!(count.release(&[true; 1010], wrong, source).is_err());
    }
}

/// Acceptance: public keys are always there, private ones need a threshold and a delta.
#[test]
fn keys_public_and_private() {
    let source = &mut source(10);
    let privacy = privacy(Neighbours::AddRemove, 1.0);
    let rows: Vec<&str> = [vec!["common"; 500], vec!["alone"], vec!["other"; 300]].concat();
    let public = PublicKeys::new(["nobody", "common"], privacy).unwrap();
    let release = public.release(&rows, Units::Rows, source).unwrap();
    assert_eq!(release.value.keys().copied().collect::<Vec<_>>(), ["common", "nobody"]);
    let private = PrivateKeys::new(privacy, 1e-9).unwrap();
    let mut backwards = rows.clone();
    backwards.reverse();
    for rows in [rows, backwards] {
        let release = private.release(&rows, Units::Rows, source).unwrap();
        assert_eq!(release.value.keys().copied().collect::<Vec<_>>(), ["common", "other"]);
        assert_eq!(release.total().delta, 1e-9);
        let ids: Vec<u64> = (0..801).collect();
        let release = private.release(&rows, Units::Ids(&ids), source).unwrap();
        assert_eq!(release.value.len(), 2);
    }
    assert!(private.threshold() > 15 && private.explain(0.9).half_width.is_some());
    let concentrated = Privacy::new(Neighbours::AddRemove, Loss::concentrated(0.1).unwrap());
    assert!(PrivateKeys::new(concentrated, 1e-9).is_err());
    assert!(PublicKeys::<u32>::new([], privacy).is_err());
}

#[test]
fn models_find_what_is_there() {
    let mut rng = StdRng::seed_from_u64(11);
    let n = 20_000;
    let x: Vec<f64> = (0..n).map(|_| 4.0 * rng.random::<f64>() - 2.0).collect();
    let z: Vec<f64> = (0..n).map(|_| rng.random::<f64>()).collect();
    let y: Vec<f64> =
        (0..n).map(|i| 1.0 + 0.5 * x[i] - 2.0 * z[i] + 0.2 * (rng.random::<f64>() - 0.5)).collect();
    let labels: Vec<bool> = (0..n)
        .map(|i| rng.random::<f64>() < 1.0 / (1.0 + (-(0.4 * x[i] - 0.5 * z[i] + 0.2)).exp()))
        .collect();
    let source = &mut source(12);
    let bounds = [(-2.0, 2.0), (0.0, 1.0)];
    for neighbours in BOTH {
        for privacy in [sure(neighbours), privacy(neighbours, 2.0)] {
            let linear = LinearRegression::new(&bounds, (-3.0, 3.0), 1e-6, privacy).unwrap();
            let model = linear.release(&[&x, &z], &y, Units::Rows, source).unwrap().value;
            close(model.coefficients[0], 0.5, 0.05);
            close(model.coefficients[1], -2.0, 0.2);
            close(model.intercept, 1.0, 0.1);
            let logistic = LogisticRegression::new(&bounds, 1e-6, privacy).unwrap();
            let model = logistic.release(&[&x, &z], &labels, Units::Rows, source).unwrap().value;
            close(model.coefficients[0], 0.4, 0.1);
            close(model.coefficients[1], -0.5, 0.2);
            let covariance = Covariance::new(&bounds, privacy).unwrap();
            let moments = covariance.release(&[&x, &z], Units::Rows, source).unwrap().value;
            close(moments.covariance(0, 0).unwrap(), 4.0 / 3.0, 0.05);
            close(moments.covariance(0, 1).unwrap(), 0.0, 0.05);
            close(moments.mean(1).unwrap(), 0.5, 0.05);
            close(moments.rows(), n as f64, 100.0);
            assert_eq!(moments.covariance(2, 0), None);
            assert!(covariance.release(&[&x, &z[1..]], Units::Rows, source).is_err());
        }
    }
    let privacy = privacy(Neighbours::Replace, 1.0);
    assert!(LinearRegression::new(&[], (0.0, 1.0), 0.1, privacy).is_err());
    assert!(LinearRegression::new(&bounds, (0.0, 1.0), f64::NAN, privacy).is_err());
    assert!(LogisticRegression::new(&bounds, 0.0, privacy).is_err());
    assert!(Covariance::new(&[], privacy).is_err());
}

/// Acceptance: what is printed is made of parameters and noisy values. With so much noise the
/// digits of a secret could only come from the secret (or by chance: 1 in 10^4; the seed is
/// fixed).
#[test]
fn nothing_secret_is_printed() {
    let (secret, digits) = (754_321.0, "75432");
    let (data, units) = ([secret], Units::Ids(&[75_432]));
    let source = &mut source(16);
    let grid = Grid::integers(0, 1 << 20).unwrap();
    let privacy = privacy(BOTH[0], 1e-5);
    let sum = Sum::new(grid, privacy).unwrap();
    let mean = Mean::new(grid, privacy).unwrap();
    let histogram = Histogram::new(0.0, 1e6, 4, privacy).unwrap();
    let variance = Variance::new(0.0, 1e6, privacy).unwrap();
    let quantile = Quantile::new(0.5, grid, privacy).unwrap();
    let keys = PrivateKeys::new(privacy, 1e-6).unwrap();
    let partition = Partition::by_row(&data, 1, |_| 0).unwrap();
    let mut tree = crate::mechanism::Tree::new(grid, 2, BOTH[0], privacy.loss).unwrap();
    tree.push(secret, source).unwrap();
    let half = Ratio::new(1, 1000).unwrap();
    let vector = crate::mechanism::SparseVector::new(secret as i64, 1, 1, half, source).unwrap();
    let printed = [
        format!("{sum:?} {:?}", sum.release(&data, units, source).unwrap()),
        format!("{mean:?} {:?}", mean.release(&data, units, source).unwrap()),
        format!("{histogram:?} {:?}", histogram.release(&data, units, source).unwrap()),
        format!("{variance:?} {:?}", variance.release(&data, units, source).unwrap()),
        format!("{quantile:?} {:?}", quantile.release(&data, units, source).unwrap()),
        format!("{keys:?} {:?}", keys.release(&[754_321], units, source).unwrap()),
        format!("{:?}", sum.release(&[], units, source).unwrap_err()),
        format!("{units:?} {partition:?} {tree:?} {vector:?} {source:?}"),
    ];
    for text in printed {
        assert!(!text.contains(digits), "{text}");
    }
}

/// Acceptance: parallel composition for parts that the library made, and no others.
#[test]
fn parts_cost_as_much_as_the_dearest() {
    let source = &mut source(13);
    let count = Count::new(privacy(Neighbours::AddRemove, 0.5)).unwrap();
    let dear = Count::new(privacy(Neighbours::AddRemove, 0.7)).unwrap();
    let rows: Vec<u64> = (0..100).collect();
    let partition = Partition::by_row(&rows, 4, |x| (x % 5) as usize).unwrap();
    let per_part = |i: usize, rows: &[u64], source: &mut Random| {
        assert_eq!(rows.len(), 20);
        let count = if i == 2 { &dear } else { &count };
        count.release(&vec![true; rows.len()], Units::Rows, source)
    };
    let (releases, total) = partition.release(BOTH[0], source, per_part).unwrap();
    assert_eq!(releases.len(), 4);
    close(total.epsilon, 0.7, 1e-12);
    let (_, total) = partition.release(BOTH[1], source, per_part).unwrap();
    // Who is replaced may stay in the dearest part: two units there.
    close(total.epsilon, 1.4, 1e-12);
    let keys = PrivateKeys::new(privacy(BOTH[0], 0.5), 1e-6).unwrap();
    let (_, total) = partition
        .release(BOTH[1], source, |_, rows, source| keys.release(rows, Units::Rows, source))
        .unwrap();
    close(total.epsilon, 1.0, 1e-12);
    close(total.delta, 1e-6 * (1.0 + 0.5f64.exp()), 1e-12);
    let rho = Privacy::new(BOTH[0], Loss::concentrated(0.25).unwrap());
    let (_, total) = partition
        .release(BOTH[1], source, |_, rows, source| {
            Count::new(rho)?.release(&vec![true; rows.len()], Units::Rows, source)
        })
        .unwrap();
    close(total.rho, 1.0, 1e-12);
    let unfit = Count::new(privacy(Neighbours::Replace, 0.5)).unwrap();
    let refused = partition.release(BOTH[0], source, |_, rows, source| {
        unfit.release(&vec![true; rows.len()], Units::Rows, source)
    });
    assert!(refused.is_err());
    let ids = [1, 1, 2];
    let partition = Partition::by_unit(&[7, 8, 9], &ids, 2, |id| (id % 2) as usize).unwrap();
    assert_eq!(format!("{partition:?}"), "Partition { .. }");
    assert!(Partition::by_row(&rows, 0, |_| 0).is_err());
    assert!(Partition::by_unit(&rows, &ids, 2, |_| 0).is_err());
}

proptest! {
    /// Acceptance: whatever the rows, neighbours are never further apart than is claimed.
    /// There is no noise, so releases are the exact answers.
    #[test]
    fn neighbours_are_within_the_claimed_sensitivity(
        rows in prop::collection::vec((any::<u64>().prop_map(f64::from_bits), 0u64..8), 1..30),
        other in any::<u64>().prop_map(f64::from_bits), most in 1u32..3, unit in 0u64..8,
    ) {
        let source = &mut source(17);
        let grid = Grid::new(-3.0, 5.0, 0.5).unwrap();
        for neighbours in BOTH {
            let privacy = sure(neighbours).contributions(Contributions::rows(most).unwrap());
            // Every row of the unit is gone, or all are others.
            let next: Vec<(f64, u64)> = match neighbours {
                Neighbours::AddRemove => {
                    rows.iter().copied().filter(|row| row.1 != unit).collect()
                }
                Neighbours::Replace => {
                    let change = |row: (f64, u64)| if row.1 == unit { (other, unit) } else { row };
                    rows.iter().copied().map(change).collect()
                }
            };
            // A random choice of rows would differ between the two for other units: they
            // have one row each here.
            let single = |rows: &[(f64, u64)]| {
                let rows = rows.iter().enumerate();
                let id = |(i, row): (usize, &(f64, u64))| {
                    (row.0, if row.1 == unit { 1 << 40 } else { i as u64 })
                };
                rows.map(id).unzip::<f64, u64, Vec<f64>, Vec<u64>>()
            };
            let (before, after) = (single(&rows), single(&next));
            let sum = Sum::new(grid, privacy).unwrap();
            let mut value = |of: &(Vec<f64>, Vec<u64>)| {
                let sum = sum.release(&of.0, Units::Ids(&of.1), source).unwrap().value / 0.5;
                let histogram = Histogram::new(-1.0, 1.0, 3, privacy).unwrap();
                let bins = histogram.release(&of.0, Units::Ids(&of.1), source).unwrap().value;
                let flags: Vec<bool> = of.0.iter().map(|x| *x > 0.0).collect();
                let count = Count::new(privacy).unwrap();
                (sum, bins, count.release(&flags, Units::Ids(&of.1), source).unwrap().value)
            };
            let (before, after) = (value(&before), value(&after));
            let span = privacy.span(grid.lower(), grid.upper()).unwrap() as f64;
            prop_assert!((before.0 - after.0).abs() <= span);
            let l1: u64 = before.1.iter().zip(&after.1).map(|(a, b)| a.abs_diff(*b)).sum();
            let both = if neighbours == Neighbours::Replace { 2 } else { 1 };
            prop_assert!(l1 <= both * u64::from(most));
            prop_assert!(before.2.abs_diff(after.2) <= u64::from(most));
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(
        data in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..20),
        lower in any::<u64>(), upper in any::<u64>(), granularity in any::<u64>(),
        epsilon in 1e-3..1e3f64, rows in 1u32..5, bins in any::<u32>(), replace in any::<bool>(),
    ) {
        let [lower, upper, granularity] = [lower, upper, granularity].map(f64::from_bits);
        let source = &mut source(14);
        let privacy = privacy(BOTH[usize::from(replace)], epsilon)
            .contributions(Contributions::rows(rows).unwrap());
        let ids: Vec<u64> = (0..data.len() as u64).map(|i| i % 3).collect();
        let units = Units::Ids(&ids);
        for grid in [
            Grid::new(lower, upper, granularity),
            Grid::fitted(lower, upper),
            Grid::new(-1.0, 1.0, 2f64.powi(-8)),
        ].into_iter().flatten() {
            let _ = Mean::new(grid, privacy).map(|m| m.release(&data, units, source));
            let _ = Sum::new(grid, privacy).map(|m| m.release(&data, units, source));
            let _ = Quantile::new(epsilon % 1.0, grid, privacy)
                .map(|m| m.release(&data, units, source));
            let _ = Quantiles::new(&[epsilon % 1.0, 0.3, 1.0], grid, privacy)
                .map(|m| m.release(&data, units, source).unwrap());
        }
        let _ = Variance::new(lower, upper, privacy).map(|m| m.release(&data, units, source));
        let _ = Histogram::new(lower, upper, bins % 1000, privacy)
            .map(|m| m.release(&data, units, source));
        let _ = Histogram::with_edges(data.clone(), privacy);
        let _ = Contingency::new(&[bins, bins], privacy);
    }
}
