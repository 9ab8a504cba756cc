use super::*;
use crate::{Grid, Loss, Neighbours, Ratio, sampler::Source};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

type Random = Source<StdRng>;

fn source(seed: u64) -> Random {
    Source::new(StdRng::seed_from_u64(seed))
}

fn epsilon(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator, denominator).unwrap()
}

/// So much that there is no noise.
fn without_noise() -> Loss {
    Loss::Pure { epsilon: epsilon(1 << 30, 1) }
}

#[test]
fn noise_has_the_scale_that_the_loss_asks_for() {
    let laplace = Laplace::new(10, epsilon(1, 2)).unwrap();
    assert_eq!(laplace.law().scale(), epsilon(20, 1));
    let gaussian = Gaussian::new(9, epsilon(1, 8)).unwrap();
    assert_eq!(gaussian.law().sigma_squared(), epsilon(36, 1));
    // Where 64 bits do not hold the quotient, more noise, never less.
    let odd = Ratio::at_most(0.1).unwrap();
    let scale = Laplace::new((1 << 30) + 1, odd).unwrap().law().scale();
    let (n, d) = (u128::from(scale.numerator()), u128::from(scale.denominator()));
    assert!(n * u128::from(odd.numerator()) >= d * u128::from(odd.denominator()) * ((1 << 30) + 1));
    assert!(Laplace::new(0, odd).is_err() && Laplace::new(u128::MAX, odd).is_err());
    assert!(Gaussian::new(0, odd).is_err() && Gaussian::new(u128::MAX, odd).is_err());
    let message = Laplace::new(1 << 60, odd).unwrap_err().to_string();
    assert!(message.contains("coarser granularity"), "{message}");
    // At the ends of the integers.
    let source = &mut source(1);
    let ends = [i128::MAX, i128::MIN].map(|x| laplace.release(x, source));
    assert!(ends[0] > i128::MAX - 10_000 && ends[1] < i128::MIN + 10_000);
}

/// As often as promised: five standard errors of 20 000 draws.
#[test]
fn half_widths_hold_the_noise() {
    let source = &mut source(2);
    let noises = [
        (Sensitivity::scalar(1), Loss::pure(1.0)),
        (Sensitivity::scalar(500), Loss::pure(0.3)),
        (Sensitivity::scalar(1), Loss::concentrated(0.5)),
        (Sensitivity::scalar(5000), Loss::concentrated(0.5)),
    ];
    for (sensitivity, loss) in noises {
        let noise = Noise::new(sensitivity.unwrap(), loss.unwrap()).unwrap();
        let draws: Vec<f64> = (0..20_000).map(|_| noise.release(0, source) as f64).collect();
        for level in [0.5, 0.95, 0.999] {
            let half = noise.half_width(level);
            let inside = |half: f64| draws.iter().filter(|x| x.abs() <= half).count() as f64;
            let slack = 5.0 * (20_000.0 * level * (1.0 - level)).sqrt();
            assert!(inside(half) >= 20_000.0 * level - slack, "{noise}: {half} at {level}");
            assert!(inside(half - 1.0 - half / 500.0) <= 20_000.0 * level + slack, "{noise}");
        }
        let square = draws.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        let ratio = square.sqrt() / noise.deviation();
        assert!((0.9..1.1).contains(&ratio), "{noise}: {ratio}");
    }
}

/// Held against the exact sum over the law.
#[test]
fn calibrated_gaussians_are_as_private_as_they_say() {
    for (sensitivity, epsilon, delta) in [(1u64, 1.0, 1e-5), (1, 8.0, 1e-6), (5, 0.5, 1e-6)] {
        let gaussian = Gaussian::calibrated(sensitivity, epsilon, delta).unwrap();
        let hockey = |variance: f64| {
            let weight = |x: i64| (-(x * x) as f64 / (2.0 * variance)).exp();
            let norm: f64 = (-3000..=3000).map(weight).sum();
            let shift = sensitivity as i64;
            let over = |x| (weight(x) - epsilon.exp() * weight(x + shift)).max(0.0);
            (-3000..=3000).map(over).sum::<f64>() / norm
        };
        let variance = gaussian.law().sigma_squared().to_f64();
        assert!(hockey(variance) <= delta, "{}", hockey(variance));
        let concentrated = Loss::within(epsilon, delta).unwrap();
        let Ok(Noise::Gaussian(loose)) =
            Noise::new(Sensitivity::scalar(sensitivity.into()).unwrap(), concentrated)
        else {
            panic!("not Gaussian")
        };
        assert!(variance < loose.law().sigma_squared().to_f64());
        assert!(hockey(variance * 0.97) > delta, "twice the slack of the search");
    }
    assert!(Gaussian::calibrated(0, 1.0, 1e-6).is_err());
    assert!(Gaussian::calibrated(1, -1.0, 1e-6).is_err());
}

#[test]
fn reals_pay_for_their_rounding() {
    let loss = Loss::pure(1.0).unwrap();
    let real = Real::new(4, (1.0, 1.0), 0.25, Neighbours::AddRemove, loss).unwrap();
    // 4 steps and one for each coordinate.
    let explained = real.explain(0.95);
    let Some(Noise::Laplace(laplace)) = explained.parts[0].noise else { panic!("not Laplace") };
    assert_eq!(laplace.law().scale(), epsilon(8, 1));
    assert_eq!(explained.total().epsilon, 1f64.next_up().next_up().next_up());
    assert!(explained.to_string().contains("probability 0.95"), "{explained}");
    let source = &mut source(3);
    let odd = [f64::NAN, f64::INFINITY, -0.0, 5e-324];
    let release = real.release(&odd, source).unwrap();
    assert!(release.value.iter().all(|x| x.is_finite()));
    assert!(real.release(&[1.0], source).is_err());
    for (coordinates, l1, granularity) in
        [(0, 1.0, 1.0), (1, 0.0, 1.0), (1, -1.0, 1.0), (1, f64::NAN, 1.0), (1, 1.0, 0.3)]
    {
        let made = Real::new(coordinates, (l1, 1.0), granularity, Neighbours::Replace, loss);
        assert!(made.is_err());
    }
}

#[test]
fn choices_prefer_what_is_best() {
    let source = &mut source(4);
    let sure = epsilon(1 << 30, 1);
    let utilities = [3, 9, -4, i64::MIN, 8];
    assert_eq!(PermuteAndFlip::new(1, sure).unwrap().choose(&utilities, source).unwrap(), 1);
    assert_eq!(NoisyMax::new(1, sure).unwrap().choose(&utilities, source).unwrap(), 1);
    let flip = PermuteAndFlip::new(1, epsilon(1, 1)).unwrap();
    assert!(flip.choose(&[], source).is_err());
    assert!(NoisyMax::new(1, sure).unwrap().choose(&[], source).is_err());
    assert!(PermuteAndFlip::new(0, sure).is_err() && NoisyMax::new(0, sure).is_err());
    // Two candidates, gap 2: the worse one is chosen if it comes first and its coin of e^-1
    // shows 1. Five standard errors.
    let worse = (0..40_000).filter(|_| flip.choose(&[2, 0], source).unwrap() == 1).count() as f64;
    let p = 0.5 * (-1f64).exp();
    assert!((worse - 40_000.0 * p).abs() < 5.0 * (40_000.0 * p * (1.0 - p)).sqrt(), "{worse}");
    let extremes = [i64::MAX, i64::MIN];
    assert_eq!(flip.choose(&extremes, source).unwrap(), 0);
}

#[test]
fn sparse_vectors_stop_after_the_last_reply_above() {
    let source = &mut source(5);
    let sure = epsilon(1 << 30, 1);
    let mut vector = SparseVector::new(10, 1, 2, sure, source).unwrap();
    let replies = [3, 11, 9, 10, 50].map(|x| vector.ask(x, source));
    assert_eq!(replies, [Some(false), Some(true), Some(false), Some(true), None]);
    assert_eq!((vector.left(), vector.epsilon()), (0, sure));
    assert_eq!(format!("{vector:?}"), "SparseVector { .. }");
    assert!(SparseVector::new(10, 1, 0, sure, source).is_err());
    assert!(SparseVector::new(10, 0, 1, sure, source).is_err());
    assert!(SparseVector::monotonic(0, u64::MAX, u32::MAX, sure, source).is_err());
}

/// Five standard errors for every frequency, and errors as they were stated.
#[test]
fn frequencies_of_local_reports_are_unbiased() {
    let source = &mut source(6);
    let truth: Vec<u32> = (0..40_000u32).map(|i| if i % 4 == 0 { 1 } else { i % 7 }).collect();
    let count = |x: u32| truth.iter().filter(|y| **y == x).count() as f64;
    for (numerator, denominator) in [(1, 2), (3, 1)] {
        let response = RandomisedResponse::new(7, epsilon(numerator, denominator)).unwrap();
        let reports: Vec<u32> = truth.iter().map(|&x| response.respond(x, source)).collect();
        let hadamard = HadamardResponse::new(7, epsilon(numerator, denominator)).unwrap();
        let signs: Vec<u32> = truth.iter().map(|&x| hadamard.respond(x, source)).collect();
        for estimates in [response.estimate(&reports), hadamard.estimate(&signs)] {
            assert_eq!(estimates.len(), 7);
            for (x, estimate) in estimates.into_iter().enumerate() {
                let off = (estimate.count - count(x as u32)) / estimate.error;
                assert!(off.abs() < 5.0, "{x}: {estimate:?}");
            }
        }
    }
    let hadamard = HadamardResponse::new(1000, epsilon(1, 1)).unwrap();
    assert!(hadamard.respond(u32::MAX, source) < 1024);
    assert_eq!(hadamard.estimate(&[u32::MAX]).len(), 1000);
    assert!(RandomisedResponse::new(1, epsilon(1, 1)).is_err());
    assert!(HadamardResponse::new(1 << 25, epsilon(1, 1)).is_err());
    assert_eq!(RandomisedResponse::new(2, epsilon(1, 1)).unwrap().estimate(&[9]).len(), 2);
}

#[test]
fn rare_keys_stay_unknown_and_order_says_nothing() {
    let delta = 1e-6;
    for neighbours in [Neighbours::AddRemove, Neighbours::Replace] {
        for (keys, most) in [(1, 1), (5, 1), (3, 7)] {
            let threshold = Threshold::new(keys, most, neighbours, epsilon(1, 2), delta).unwrap();
            let both = if neighbours == Neighbours::Replace { 2.0 } else { 1.0 };
            let b = both * f64::from(keys) * f64::from(most) * 2.0;
            // The tail by summing the law.
            let r = (-1.0 / b).exp();
            let norm = (1.0 - r) / (1.0 + r);
            let first = threshold.threshold() - i64::from(most);
            let tail: f64 = (first..first + 4000).map(|x| norm * (-(x as f64) / b).exp()).sum();
            assert!(f64::from(keys) * tail <= delta, "{tail}");
            assert!(f64::from(keys) * tail > delta * 0.2, "{tail}");
        }
    }
    let threshold = Threshold::new(1, 1, Neighbours::AddRemove, epsilon(1, 1), delta).unwrap();
    let counts: BTreeMap<&str, u64> =
        [("often", 1000), ("rare", 1), ("none", 0), ("also", 500)].into_iter().collect();
    let release = threshold.release(&counts, &mut source(7));
    assert_eq!(release.value.keys().copied().collect::<Vec<_>>(), ["also", "often"]);
    assert_eq!((release.total().delta, release.total().rho), (delta, 0.0));
    for delta in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(Threshold::new(1, 1, Neighbours::AddRemove, epsilon(1, 1), delta).is_err());
    }
    assert!(Threshold::new(0, 1, Neighbours::AddRemove, epsilon(1, 1), 0.1).is_err());
}

#[test]
fn running_sums_run() {
    let source = &mut source(8);
    let grid = Grid::integers(-5, 5).unwrap();
    let mut tree = Tree::new(grid, 100, Neighbours::AddRemove, without_noise()).unwrap();
    let mut sum = 0.0;
    for i in 0..100 {
        let x = f64::from(i % 13 - 6);
        sum += x.clamp(-5.0, 5.0);
        assert_eq!(tree.push(x, source).unwrap(), sum);
    }
    assert!(tree.push(0.0, source).is_err());
    assert_eq!(format!("{tree:?}"), "Tree { .. }");
    assert!(Tree::new(grid, 0, Neighbours::AddRemove, without_noise()).is_err());
    // Seven levels, a step is worth 5 in each; ten under replace.
    for (neighbours, scale) in [(Neighbours::AddRemove, 35), (Neighbours::Replace, 70)] {
        let tree = Tree::new(grid, 100, neighbours, Loss::pure(1.0).unwrap()).unwrap();
        let Some(Noise::Laplace(laplace)) = tree.part().noise else { panic!("not Laplace") };
        assert_eq!(laplace.law().scale(), epsilon(scale, 1));
    }
    // Noise of a running sum: that of at most seven nodes, not of a hundred steps.
    let rho = Loss::concentrated(0.5).unwrap();
    let mut squares = 0.0;
    for _ in 0..200 {
        let mut tree = Tree::new(grid, 64, Neighbours::AddRemove, rho).unwrap();
        let sums: Vec<f64> = (0..63).map(|_| tree.push(0.0, source).unwrap()).collect();
        squares += sums[62] * sums[62];
    }
    // Six nodes of variance 7 * 25; a chi-square of 200 within five standard errors.
    let ratio = squares / 200.0 / (6.0 * 175.0);
    assert!((ratio - 1.0).abs() < 0.5, "{ratio}");
}

/// An accountant takes every event, and finds the epsilon that was asked for.
#[test]
fn mechanisms_say_their_events() {
    use crate::accounting::{Accountant, Method};
    let one = epsilon(1, 1);
    let source = &mut source(10);
    let real = Real::new(1, (1.0, 1.0), 0.25, Neighbours::Replace, Loss::pure(1.0).unwrap());
    let grid = Grid::integers(0, 1).unwrap();
    let tree = Tree::new(grid, 9, Neighbours::Replace, Loss::pure(1.0).unwrap());
    let events = [
        Laplace::new(3, one).unwrap().event(),
        Laplace::new(3, one).unwrap().scalar_event().unwrap(),
        PermuteAndFlip::new(1, one).unwrap().event(),
        NoisyMax::new(1, one).unwrap().event(),
        Exponential::new(1, one).unwrap().event(),
        SparseVector::new(0, 1, 3, one, source).unwrap().event(),
        RandomisedResponse::new(5, one).unwrap().event(),
        HadamardResponse::new(5, one).unwrap().event(),
        Threshold::new(1, 1, Neighbours::Replace, one, 1e-9).unwrap().event(),
        real.unwrap().explain(0.9).events().remove(0),
        tree.unwrap().part().event(),
    ];
    for event in events {
        let mut accountant = Accountant::new(Neighbours::Replace, Method::Basic);
        accountant.compose(&event, 1).unwrap();
        let found = accountant.epsilon(1e-8).unwrap();
        assert!((found - 1.0).abs() < 1e-9, "{event:?}: {found}");
    }
    let gaussian = Gaussian::new(9, epsilon(1, 8)).unwrap();
    for event in [gaussian.event(), gaussian.scalar_event().unwrap()] {
        let mut accountant = Accountant::new(Neighbours::Replace, Method::Best);
        accountant.compose(&event, 1).unwrap();
        assert!(accountant.epsilon(1e-6).unwrap() < 3.0, "{event:?}");
    }
}

/// Noise beyond what an accountant knows the law of is accounted by its loss, and reports
/// are not accounted where who is there is protected.
#[test]
fn accountants_take_every_event() {
    use crate::accounting::{Accountant, Event, Method};
    use crate::{Privacy, estimator::Sum};
    let take = |neighbours, event: &Event| {
        let mut accountant = Accountant::new(neighbours, Method::Best);
        accountant.compose(event, 1).map(|()| accountant)
    };
    for steps in [1 << 10, 1 << 16, 1 << 20, 1 << 24] {
        for (n, d) in [(1, 1), (1, 10_000), (100_000, 1)] {
            let (grid, share) = (Grid::integers(0, steps).unwrap(), epsilon(n, d));
            let losses = [Loss::Pure { epsilon: share }, Loss::Concentrated { rho: share }];
            for loss in losses {
                let Ok(sum) = Sum::new(grid, Privacy::new(Neighbours::AddRemove, loss)) else {
                    continue;
                };
                for event in sum.explain(0.9).events() {
                    take(Neighbours::AddRemove, &event).unwrap();
                }
            }
            let laplace = Laplace::new(steps as u128, share).unwrap();
            for event in [Some(laplace.event()), laplace.scalar_event()].iter().flatten() {
                take(Neighbours::Replace, event).unwrap();
            }
        }
    }
    let least = epsilon(1, 1 << 40);
    take(Neighbours::AddRemove, &Laplace::new(1, least).unwrap().event()).unwrap();
    let rare = Threshold::new(1, 1, Neighbours::AddRemove, epsilon(1, 1), 1e-290).unwrap();
    take(Neighbours::AddRemove, &rare.event()).unwrap();
    for share in [epsilon(1, 10), epsilon(50, 1)] {
        let response = RandomisedResponse::new(4, share).unwrap().event();
        let cost = take(Neighbours::Replace, &response).unwrap().epsilon(1e-6).unwrap();
        assert!(cost <= share.to_f64() * 1.000_001, "{cost}");
    }
    let hadamard = HadamardResponse::new(4, epsilon(1, 1)).unwrap().event();
    assert!(take(Neighbours::AddRemove, &hadamard).is_err());
    assert!(take(Neighbours::Replace, &hadamard).is_ok());
}

proptest! {
    /// Whatever comes in, an answer or a typed error comes out.
    #[test]
    fn nothing_panics(
        n in any::<u64>(), d in any::<u64>(), sensitivity in any::<u64>(),
        x in any::<i64>(), y in any::<i64>(), small in any::<u32>(), bits in any::<u64>(),
    ) {
        let source = &mut source(9);
        let float = f64::from_bits(bits);
        let relation = Neighbours::Replace;
        let _ = (Loss::pure(float), Loss::concentrated(float));
        if let Ok(epsilon) = Ratio::new(n, d) {
            let loss = Loss::Pure { epsilon };
            let _ = Laplace::new(sensitivity.into(), epsilon).map(|m| m.release(x.into(), source));
            let _ = Gaussian::new(sensitivity.into(), epsilon).map(|m| m.release(x.into(), source));
            let _ = PermuteAndFlip::new(sensitivity, epsilon).map(|m| m.choose(&[x, y], source));
            let _ = NoisyMax::new(sensitivity, epsilon).map(|m| m.choose(&[x, y], source));
            let _ = SparseVector::new(x, sensitivity, small, epsilon, source)
                .map(|mut m| m.ask(y, source));
            let _ = HadamardResponse::new(small % 1000, epsilon).map(|m| m.respond(small, source));
            let _ = RandomisedResponse::new(small % 50, epsilon).map(|m| m.respond(small, source));
            let _ = Threshold::new(small, small, relation, epsilon, float);
            let _ = Grid::integers(x, y).and_then(|grid| Tree::new(grid, n, relation, loss));
            let _ = Real::new(small as usize, (float, float), 0.5, relation, loss);
            let block = |start, length, cost| Block { start, length, cost };
            let blocks = [block(x, sensitivity >> 2, d), block(y, 1, n)];
            let _ = Exponential::new(sensitivity, epsilon)
                .map(|m| m.choose(blocks.into_iter(), source));
        }
    }
}
