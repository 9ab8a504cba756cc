//! What must hold for every composition.

use super::*;
use proptest::prelude::*;

fn some_event() -> impl Strategy<Value = Event> {
    let small = 1u64..5;
    let simple = prop_oneof![
        (0.01f64..3.0).prop_map(|epsilon| Event::Pure { epsilon }),
        (0.01f64..3.0, 1e-9f64..1e-3)
            .prop_map(|(epsilon, delta)| Event::Approximate { epsilon, delta }),
        (0.2f64..20.0).prop_map(|scale| Event::Laplace { scale }),
        (0.3f64..50.0).prop_map(|sigma| Event::Gaussian { sigma }),
        (1u64..200, 1u64..20, small.clone()).prop_map(|(n, d, sensitivity)| {
            Event::DiscreteLaplace { scale: ratio(n, d), sensitivity }
        }),
        (1u64..2000, 1u64..20, small.clone()).prop_map(|(n, d, sensitivity)| {
            Event::DiscreteGaussian { sigma_squared: ratio(n, d), sensitivity }
        }),
        (0.3f64..500.0, small.clone())
            .prop_map(|(mu, sensitivity)| Event::Skellam { mu, sensitivity }),
        (1u64..2000, small)
            .prop_map(|(trials, sensitivity)| Event::Binomial { trials, sensitivity }),
    ];
    (simple, proptest::option::of(0.001f64..1.0)).prop_map(|(event, rate)| match rate {
        Some(rate) => poisson(rate, event),
        None => event,
    })
}

/// Numbers that break things.
fn odd() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(-1.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(1e308),
        Just(f64::NEG_INFINITY),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
        Just(1e-9),
        Just(1e9),
        Just(1.0),
        Just(0.5),
        Just(1.0 - f64::EPSILON),
        -10f64..10.0,
        (-300f64..300.0).prop_map(|x| 10f64.powf(x)),
    ]
}

fn odd_count() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(2),
        Just(1000),
        Just(1 << 20),
        Just(u64::MAX),
        any::<u64>(),
        0u64..100
    ]
}

fn odd_event() -> impl Strategy<Value = Event> {
    let rational = || (1u64.., 1u64..).prop_map(|(n, d)| ratio(n, d));
    let simple = prop_oneof![
        odd().prop_map(|epsilon| Event::Pure { epsilon }),
        (odd(), odd()).prop_map(|(epsilon, delta)| Event::Approximate { epsilon, delta }),
        odd().prop_map(|rho| Event::Zcdp { rho }),
        odd().prop_map(|scale| Event::Laplace { scale }),
        odd().prop_map(|sigma| Event::Gaussian { sigma }),
        (rational(), 0u64..20)
            .prop_map(|(scale, sensitivity)| Event::DiscreteLaplace { scale, sensitivity }),
        (rational(), 0u64..20).prop_map(|(sigma_squared, sensitivity)| Event::DiscreteGaussian {
            sigma_squared,
            sensitivity
        }),
        (odd(), 0u64..20).prop_map(|(mu, sensitivity)| Event::Skellam { mu, sensitivity }),
        (odd_count(), 0u64..20)
            .prop_map(|(trials, sensitivity)| Event::Binomial { trials, sensitivity }),
        (odd_count(), odd())
            .prop_map(|(categories, truth)| Event::RandomizedResponse { categories, truth }),
    ];
    (simple, odd(), odd_count(), odd_count(), 0..3).prop_map(
        |(event, rate, sample, population, kind)| match kind {
            0 => poisson(rate, event),
            1 => fixed(sample, population, event),
            _ => event,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn more_releases_cost_more(a in some_event(), b in some_event(), times in 1u64..50, power in 2i32..12) {
        let delta = 10f64.powi(-power);
        let of = |parts: &[(Event, u64)]| epsilon(Method::Pld, parts, delta);
        let (one, more, both) = (of(&[(a.clone(), times)]), of(&[(a.clone(), times + 1)]), of(&[(a, times), (b, 1)]));
        // Each is above its true value by little.
        prop_assert!(one <= more * (1.0 + 1e-4) + 1e-4, "{} {}", one, more);
        prop_assert!(one <= both * (1.0 + 1e-4) + 1e-4, "{} {}", one, both);
    }

    #[test]
    fn epsilon_and_delta_agree(a in some_event(), b in some_event(), times in 1u64..50, power in 2i32..12) {
        let delta = 10f64.powi(-power);
        for method in [Method::Pld, Method::Rdp] {
            let all = accountant(Neighbours::AddRemove, method, &[(a.clone(), times), (b.clone(), 2)]);
            let least = all.epsilon(delta).unwrap();
            if least.is_finite() && least < 1e3 {
                let back = all.delta(least * (1.0 + 1e-4) + 1e-6).unwrap();
                prop_assert!(back <= delta * (1.0 + 1e-3), "{:?} {} {}", method, least, back);
                // A larger δ never needs a larger ε.
                prop_assert!(all.epsilon(2.0 * delta).unwrap() <= least * (1.0 + 1e-4) + 1e-9);
            }
        }
    }

    #[test]
    fn distributions_are_tighter_than_divergences(a in some_event(), times in 1u64..100, power in 2i32..10) {
        let (parts, delta) = ([(a, times)], 10f64.powi(-power));
        let (pld, rdp) = (epsilon(Method::Pld, &parts, delta), epsilon(Method::Rdp, &parts, delta));
        prop_assert!(pld <= rdp * (1.0 + 1e-4) + 1e-6, "{} {}", pld, rdp);
        prop_assert!(epsilon(Method::Best, &parts, delta) <= pld);
    }

    #[test]
    fn sampling_helps(rate in 0.01f64..0.99, sigma in 0.5f64..5.0, times in 1u64..50) {
        let of = |event| epsilon(Method::Pld, &[(event, times)], 1e-6);
        let (all, some, fewer) = (of(gaussian(sigma)), of(poisson(rate, gaussian(sigma))), of(poisson(0.5 * rate, gaussian(sigma))));
        prop_assert!(fewer <= some * (1.0 + 1e-4) && some <= all * (1.0 + 1e-4));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_panics(event in odd_event(), times in odd_count(), x in odd(), replace: bool, method in 0..5) {
        let methods = [Method::Basic, Method::Zcdp, Method::Rdp, Method::Pld, Method::Best];
        let neighbours = if replace { Neighbours::Replace } else { Neighbours::AddRemove };
        let mut all = Accountant::new(neighbours, methods[method as usize]);
        if all.compose(&event, times).is_ok() {
            if let Ok(epsilon) = all.epsilon(x) {
                prop_assert!(epsilon >= 0.0, "{}", epsilon);
            }
            if let Ok(delta) = all.delta(x) {
                prop_assert!((0.0..=1.0).contains(&delta), "{}", delta);
            }
        }
        let _ = analytic_gaussian(x, 1e-5, 1.0);
        let _ = (gaussian_epsilon(x, 1e-5), gaussian_delta(1.0, x), zcdp_epsilon(x, x), zcdp_delta(x, x));
        let _ = Filter::adaptive(neighbours, x, 1e-5).and_then(|mut f| f.spend(&event, times));
    }
}

#[test]
fn wrong_parameters_are_refused() {
    let mut all = Accountant::new(Neighbours::AddRemove, Method::Pld);
    for x in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(all.compose(&gaussian(x), 1).is_err());
        assert!(all.compose(&Event::Laplace { scale: x }, 1).is_err());
        assert!(all.compose(&Event::Pure { epsilon: x }, 1).is_err());
        assert!(all.compose(&Event::Skellam { mu: x, sensitivity: 1 }, 1).is_err());
        assert!(all.compose(&poisson(x, gaussian(1.0)), 1).is_err());
        assert!(all.clone().with_grid(x).is_err());
    }
    assert!(all.compose(&gaussian(1.0), 0).is_err());
    // An error leaves what was there.
    let mut full = accountant(Neighbours::AddRemove, Method::Pld, &[(gaussian(9.0), 1)]);
    let many = Event::Composed(vec![(gaussian(1.0), 1), (gaussian(9.0), 1_000_000_000_000)]);
    for event in [&gaussian(9.0), &many] {
        assert!(full.compose(event, 1_000_000_000_000).is_err());
        assert_eq!(full.events(), [(gaussian(9.0), 1)]);
    }
    // No theorem.
    assert!(all.compose(&fixed(1, 10, gaussian(1.0)), 1).is_err());
    assert!(all.compose(&poisson(0.1, poisson(0.1, gaussian(1.0))), 1).is_err());
    let mut replace = Accountant::new(Neighbours::Replace, Method::Pld);
    assert!(replace.compose(&poisson(0.1, gaussian(1.0)), 1).is_err());
    assert!(all.events().is_empty() && all.epsilon(1e-5) == Ok(0.0));
    all.compose(&Event::Zcdp { rho: 0.1 }, 1).unwrap();
    assert!(all.epsilon(1e-5).is_err());
    let best = accountant(Neighbours::AddRemove, Method::Best, all.events());
    assert!(best.epsilon(1e-5).unwrap() > 0.0);
}

#[test]
fn calibrated_noise_keeps_to_the_budget() {
    let start = Accountant::new(Neighbours::AddRemove, Method::Pld);
    let steps = |sigma| Ok(vec![(poisson(0.01, gaussian(sigma)), 1000)]);
    let sigma = calibrate(&start, 1.0, 1e-5, 0.3..=50.0, steps).unwrap();
    let of = |sigma| epsilon(Method::Pld, &steps(sigma).unwrap(), 1e-5);
    assert!(of(sigma) <= 1.0 && of(sigma * 0.9999) > 1.0);
    assert!(calibrate(&start, 1e-3, 1e-5, 0.3..=0.5, steps).is_err());
    // A pure budget.
    let basic = Accountant::new(Neighbours::AddRemove, Method::Basic);
    let laplace = |scale| Ok(vec![(Event::Laplace { scale }, 4)]);
    let scale = calibrate(&basic, 2.0, 0.0, 0.1..=100.0, laplace).unwrap();
    assert!((2.0..2.00001).contains(&scale), "{scale}");
}

#[test]
fn filters_refuse_before_spending() {
    let start = Accountant::new(Neighbours::AddRemove, Method::Pld);
    let mut preset = Filter::preset(start, 1.0, 1e-6).unwrap();
    let mut adaptive = Filter::adaptive(Neighbours::AddRemove, 1.0, 1e-6).unwrap();
    let event = gaussian(50.0);
    let mut spends = [0, 0];
    for (i, filter) in [&mut preset, &mut adaptive].into_iter().enumerate() {
        while filter.spend(&event, 1).is_ok() {
            spends[i] += 1;
        }
        let (spent, released) = (filter.spent().unwrap(), filter.accountant().clone());
        assert!(spent <= 1.0 && spent > 0.9);
        assert!(filter.spend(&event, 1).is_err() && filter.spend(&gaussian(f64::NAN), 1).is_err());
        assert_eq!((filter.spent().unwrap(), filter.accountant()), (spent, &released));
        // What was released is within the cap by the sharpest method.
        let parts = filter.accountant().events().to_vec();
        assert!(epsilon(Method::Pld, &parts, 1e-6) <= 1.0);
        assert_eq!(parts[0].1, spends[i]);
    }
    assert!(spends[0] > spends[1] && spends[1] > spends[0] / 2, "{spends:?}");
    let mut pure =
        Filter::preset(Accountant::new(Neighbours::AddRemove, Method::Basic), 1.0, 0.0).unwrap();
    pure.spend(&Event::Pure { epsilon: 0.5 }, 1).unwrap();
    assert!(pure.spend(&Event::Pure { epsilon: 0.51 }, 1).is_err());
}

/// Very many small spends: the odometer of a filter is never below their sum.
#[test]
fn rounding_does_not_add_up_in_a_filter() {
    let mut filter = Filter::adaptive(Neighbours::AddRemove, 1.0, 1e-6).unwrap();
    let event = Event::Zcdp { rho: 1e-7 };
    filter.spend(&event, 1).unwrap();
    let once = filter.spent().unwrap();
    for _ in 1..20_000 {
        filter.spend(&event, 1).unwrap();
    }
    let mut whole = Filter::adaptive(Neighbours::AddRemove, 1.0, 1e-6).unwrap();
    whole.spend(&event, 20_000).unwrap();
    let (steps, whole) = (filter.spent().unwrap(), whole.spent().unwrap());
    assert!(steps >= whole && steps <= 20_000.0 * once * (1.0 + 1e-9), "{steps} {whole}");
}

#[test]
fn bounds_that_leave_the_floats_say_nothing() {
    // σ so small that the closed form has no digits left: all or nothing, and not below it.
    let (mean, half) = (0.5 / 1e-14, 1.0 / 1e-7);
    let most = gaussian_epsilon(1e-7, 1e-5).unwrap();
    assert!(most >= mean + 4.0 * half, "{most}");
    // About Gaussian with 100 deviations: at least .02 at this δ.
    let parts = [(poisson(1e-5, gaussian(1000.0)), 1_000_000_000_000)];
    for method in [Method::Pld, Method::Rdp, Method::Best] {
        assert!(epsilon(method, &parts, 1e-6) > 0.02, "{method:?}");
    }
    // And within reach: 10^9 of them.
    let parts = [(poisson(1e-4, gaussian(100.0)), 1_000_000_000)];
    let (pld, rdp) = (epsilon(Method::Pld, &parts, 1e-6), epsilon(Method::Rdp, &parts, 1e-6));
    assert!(0.117 < pld && pld < rdp && rdp < 0.127, "{pld} {rdp}");
}
