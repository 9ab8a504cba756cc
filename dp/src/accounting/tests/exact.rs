//! Exact sums for small compositions.

use super::*;

/// δ of outcomes with masses (p, q) released `times` times.
fn brute(atoms: &[(f64, f64)], times: u32, epsilon: f64, p: f64, q: f64) -> f64 {
    if times == 0 {
        return (p - epsilon.exp() * q).max(0.0);
    }
    atoms.iter().map(|a| brute(atoms, times - 1, epsilon, p * a.0, q * a.1)).sum()
}

fn shifted(mass: impl Fn(i64) -> f64, reach: i64, sensitivity: i64) -> Vec<(f64, f64)> {
    (-reach..=reach + sensitivity).map(|x| (mass(x), mass(x - sensitivity))).collect()
}

fn close(event: &Event, times: u64, at: f64, exact: f64) {
    let one = accountant(Neighbours::AddRemove, Method::Pld, &[(event.clone(), times)]);
    let delta = one.delta(at).unwrap();
    // At and above the exact value, by no more than the grid may cost.
    assert!(delta >= exact * (1.0 - 1e-13), "{event:?} {times} {at}: {delta} below {exact}");
    assert!(delta <= exact * 1.001, "{event:?} {times} {at}: {delta} against {exact}");
}

#[test]
fn skellam_and_binomial() {
    // mpmath 1.4.1, 40 digits: δ(1) of one and of two releases.
    for (mu, sensitivity, one, two) in [
        (2.0, 1, 0.003_503_759_780_482_87, 0.037_925_890_796_257_6),
        (10.0, 3, 0.030_483_081_485_063_9, 0.109_356_990_072_2),
        (0.5, 1, 0.106_171_324_842_146, 0.344_300_761_953_983),
    ] {
        let event = Event::Skellam { mu, sensitivity };
        close(&event, 1, 1.0, one);
        close(&event, 2, 1.0, two);
    }
    for (trials, sensitivity, one, two) in [
        (20, 1, 0.004_632_497_588_031_54, 0.025_316_090_273_233_7),
        (100, 2, 0.001_468_585_793_058_5, 0.014_267_693_254_619_2),
        (31, 1, 0.000_815_204_071_632_92, 0.008_191_567_993_125_06),
    ] {
        let event = Event::Binomial { trials, sensitivity };
        close(&event, 1, 1.0, one);
        close(&event, 2, 1.0, two);
    }
}

#[test]
fn discrete_gaussian_and_laplace() {
    let normal = |variance: f64| {
        let weight = move |x: i64| (-0.5 * (x * x) as f64 / variance).exp();
        let sum: f64 = (-200..=200).map(weight).sum();
        move |x: i64| weight(x) / sum
    };
    for (numerator, denominator, sensitivity) in [(1, 2, 1), (4, 1, 1), (4, 1, 3), (25, 2, 2)] {
        let sigma_squared = ratio(numerator, denominator);
        let atoms = shifted(normal(sigma_squared.to_f64()), 45, sensitivity);
        let sensitivity = sensitivity as u64;
        let event = Event::DiscreteGaussian { sigma_squared, sensitivity };
        for (times, at) in [(1, 0.0), (1, 0.5), (1, 2.0), (2, 0.7), (2, 3.0), (3, 1.0)] {
            close(&event, times, at, brute(&atoms, times as u32, at, 1.0, 1.0));
        }
        let (rate, at) = (0.2, 0.3);
        let removal: Vec<_> =
            atoms.iter().map(|a| (rate * a.0 + (1.0 - rate) * a.1, a.1)).collect();
        let addition: Vec<_> = removal.iter().map(|a| (a.1, a.0)).collect();
        for times in [1, 2] {
            let worst = [&removal, &addition].map(|a| brute(a, times, at, 1.0, 1.0));
            let exact = worst[0].max(worst[1]);
            close(&poisson(rate, event.clone()), times.into(), at, exact);
        }
    }
    for (scale, sensitivity) in [(ratio(1, 1), 1), (ratio(5, 2), 3), (ratio(1, 3), 2)] {
        let a = (-1.0 / scale.to_f64()).exp();
        let mass = |x: i64| (1.0 - a) / (1.0 + a) * a.powi(x.unsigned_abs() as i32);
        let reach = (45.0 * scale.to_f64()).ceil() as i64;
        let atoms = shifted(mass, reach, sensitivity);
        let event = Event::DiscreteLaplace { scale, sensitivity: sensitivity as u64 };
        for (times, part) in [(1, 0.0), (1, 0.6), (2, 0.8), (2, 1.1)] {
            let at = part * sensitivity as f64 / scale.to_f64();
            close(&event, times, at, brute(&atoms, times as u32, at, 1.0, 1.0));
        }
    }
}

#[test]
fn responses() {
    let (k, truth) = (5u64, 0.6f64);
    let lie = (1.0 - truth) / 4.0;
    let atoms = [(truth, lie), (lie, truth), (3.0 * lie, 3.0 * lie)];
    let event = Event::RandomizedResponse { categories: k, truth };
    for times in [1, 2, 6] {
        let all = accountant(Neighbours::Replace, Method::Pld, &[(event.clone(), times)]);
        for at in [0.0, 0.5, 1.5, 3.0] {
            let (delta, exact) =
                (all.delta(at).unwrap(), brute(&atoms, times as u32, at, 1.0, 1.0));
            assert!(
                delta >= exact * (1.0 - 1e-13) && delta <= exact * 1.001 + 1e-11,
                "{delta} {exact}"
            );
        }
    }
    // KOV15: (ε, δ) is a coin of δ and a response of ε.
    let (e, d) = (0.7f64, 1e-3);
    let high = (1.0 - d) / (1.0 + (-e).exp());
    let low = high * (-e).exp();
    let atoms = [(high, low), (low, high), (d, 0.0), (0.0, d)];
    let event = Event::Approximate { epsilon: e, delta: d };
    for (times, at) in [(1, 0.3), (2, 1.0), (5, 1.2)] {
        close(&event, times, at, brute(&atoms, times as u32, at, 1.0, 1.0));
    }
}

#[test]
fn fixed_size_against_its_curve() {
    // One release: equation 2 of the sampling module, from both of its lines.
    let weight = |x: i64| (-0.125 * (x * x) as f64).exp();
    let sum: f64 = (-200..=200).map(weight).sum();
    let atoms = shifted(|x| weight(x) / sum, 60, 2);
    let event = Event::DiscreteGaussian { sigma_squared: ratio(4, 1), sensitivity: 2 };
    let rate: f64 = 0.25;
    let mut pair: Vec<(f64, f64)> = Vec::new();
    let mut distance = 0.0;
    for (p, q) in atoms {
        if p > q {
            pair.push((rate * p + (1.0 - rate) * q, q));
            distance += p - q;
        } else {
            pair.push((p, (1.0 - rate) * p + rate * q));
        }
    }
    pair.push(((1.0 - rate) * distance, (1.0 - rate) * distance));
    for (times, at) in [(1, 0.0), (1, 0.4), (2, 0.1), (2, 0.6)] {
        let event = fixed(25, 100, event.clone());
        let all = accountant(Neighbours::Replace, Method::Pld, &[(event, times)]);
        let (delta, exact) = (all.delta(at).unwrap(), brute(&pair, times as u32, at, 1.0, 1.0));
        assert!(
            delta >= exact * (1.0 - 1e-13) && delta <= exact * 1.001,
            "{times} {at}: {delta} {exact}"
        );
    }
}

#[test]
fn gaussians_by_transform_against_the_closed_form() {
    for sigma in [0.3, 1.0, 5.0, 50.0, 1000.0] {
        for times in [1u64, 7, 100, 10_000] {
            for delta in [1e-3, 1e-5, 1e-12, 1e-30] {
                let parts = [(gaussian(sigma), times)];
                let exact = gaussian_epsilon(sigma / (times as f64).sqrt(), delta).unwrap();
                let ours = pld::epsilon(&parts, delta, None).unwrap();
                let scale = exact.max((times as f64).sqrt() / sigma);
                let (least, most) = (exact * (1.0 - 1e-12), exact + 2e-5 * scale);
                assert!(ours >= least && ours <= most, "{sigma} {times} {delta}: {ours} {exact}");
                if exact > 0.0 {
                    let back = pld::delta(&parts, exact, None).unwrap();
                    let theta = exact * sigma * sigma / times as f64 + 1.0;
                    let (least, most) =
                        (delta * (1.0 - 1e-9), delta * (1.0 + 2e-5 * (1.0 + theta * exact)));
                    assert!(back >= least && back <= most, "{sigma} {times} {delta}: {back}");
                }
            }
        }
    }
}

#[test]
fn divergences_of_the_laplace_mechanism() {
    for scale in [0.5f64, 1.0, 10.0] {
        let (curve, _) = rdp::Curve::new(&Event::Laplace { scale }, 1e-40).unwrap();
        for order in [1.01, 1.5, 2.0, 8.0, 100.0] {
            // Mironov 2017, proposition 6.
            let up = order / (2.0 * order - 1.0) * ((order - 1.0) / scale).exp();
            let down = (order - 1.0) / (2.0 * order - 1.0) * (-order / scale).exp();
            let exact = (up + down).ln() / (order - 1.0);
            let ours = curve.divergence(order);
            assert!(
                ours >= exact * (1.0 - 1e-12) && ours < exact * (1.0 + 1e-5),
                "{scale} {order}: {ours} {exact}"
            );
        }
    }
}

/// δ at the ε that is reported is within the δ that was asked for, though one atom of few
/// holds all that matters and the best tilt is steep.
#[test]
fn reported_losses_are_large_enough() {
    let response = |e: f64| {
        let high = 1.0 / (1.0 + (-e).exp());
        vec![(high, 1.0 - high), (1.0 - high, high)]
    };
    let laplace = |rate: f64| {
        let a = (-1.0f64).exp();
        let mass = |x: i64| (1.0 - a) / (1.0 + a) * a.powi(x.unsigned_abs() as i32);
        let both = shifted(mass, 45, 3);
        both.iter().map(|a| (rate * a.0 + (1.0 - rate) * a.1, a.1)).collect()
    };
    let integers = Event::DiscreteLaplace { scale: ratio(1, 1), sensitivity: 3 };
    let cases: [(Event, Vec<(f64, f64)>); 5] = [
        (Event::Pure { epsilon: 3.0 }, response(3.0)),
        (Event::Pure { epsilon: 0.1 }, response(0.1)),
        (integers.clone(), laplace(1.0)),
        (poisson(0.99, integers.clone()), laplace(0.99)),
        (poisson(0.5, integers), laplace(0.5)),
    ];
    for (event, atoms) in cases {
        for (power, grid) in (1..=14).flat_map(|p| [None, Some(1e-2), Some(1e-4)].map(|g| (p, g))) {
            for times in [1, 2] {
                let delta = 10f64.powi(-power);
                let mut all = Accountant::new(Neighbours::AddRemove, Method::Pld);
                if let Some(step) = grid {
                    all = all.with_grid(step).unwrap();
                }
                all.compose(&event, times).unwrap();
                let epsilon = all.epsilon(delta).unwrap();
                let spent = brute(&atoms, times as u32, epsilon, 1.0, 1.0);
                assert!(
                    spent <= delta * (1.0 + 1e-9),
                    "{event:?} {times} {delta} {grid:?}: {epsilon} leaves {spent}"
                );
            }
        }
    }
}
