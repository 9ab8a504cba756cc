//! Values of established accountants: dp-accounting 0.6.0 where nothing else is said.

use super::*;

/// (events, δ, ε by RDP, lower and upper limit for PLD). Lower limits are optimistic or
/// converged values, upper ones what the established accountants reach.
#[test]
fn sampled_gaussians() {
    for (sigma, rate, times, delta, rdp, least, most) in [
        // The bracket is that of the PRV accountant.
        (1.0, 0.01, 1000, 1e-5, 2.1014, 1.8181, 1.82826),
        (1.1, 256.0 / 60000.0, 14062, 1e-5, 2.5966, 2.3815, 2.38163),
        (0.8, 0.02, 500, 1e-6, 6.1645, 5.4401, 5.44036),
        // With a fixed grid of 1e-3 others say .574 here, more than by RDP.
        (4.0, 1e-3, 100_000, 1e-6, 0.3412, 0.3144, 0.31450),
    ] {
        let events = [(poisson(rate, gaussian(sigma)), times)];
        let pld = epsilon(Method::Pld, &events, delta);
        assert!((least..most).contains(&pld), "{sigma} {rate} {times}: {pld}");
        let by_rdp = epsilon(Method::Rdp, &events, delta);
        assert!((by_rdp - rdp).abs() < 6e-5, "{sigma} {rate} {times}: {by_rdp} against {rdp}");
        assert_eq!(epsilon(Method::Best, &events, delta), pld);
    }
}

#[test]
fn a_given_grid() {
    let event = poisson(0.01, gaussian(1.0));
    let mut last = f64::INFINITY;
    for (grid, most) in [(1e-2, 1.95), (1e-3, 1.829), (1e-4, 1.82825), (2e-5, 1.82824)] {
        let accountant = Accountant::new(Neighbours::AddRemove, Method::Pld).with_grid(grid);
        let mut accountant = accountant.unwrap();
        accountant.compose(&event, 1000).unwrap();
        let pld = accountant.epsilon(1e-5).unwrap();
        assert!(1.8181 < pld && pld < most && pld < last, "{grid}: {pld}");
        last = pld;
    }
}

#[test]
fn the_orders_of_a_sampled_gaussian() {
    // Numerical integration with mpmath 1.4.1, 30 digits.
    for (order, sigma, rate, divergence) in [
        (8.3, 1.0, 0.01, 0.000_989_287_355_825_894_4),
        (4.37, 0.8, 0.02, 0.006_044_725_425_820_927),
        (1.5, 0.8, 0.02, 0.001_064_893_895_901_713_8),
        (2.25, 2.0, 0.3, 0.028_821_680_525_465_315),
        (30.6, 1.0, 0.01, 10.539_249_740_175_248),
    ] {
        let (curve, aside) = rdp::Curve::new(&poisson(rate, gaussian(sigma)), 1e-40).unwrap();
        let ours = curve.divergence(order);
        assert_eq!(aside, 0.0);
        assert!(ours >= divergence && ours < divergence * (1.0 + 1e-8), "{order}: {ours}");
        // By the dominating pair: cut tails take from large orders only.
        let general = poisson(rate, Event::Laplace { scale: 2.0 });
        assert!(rdp::Curve::new(&general, 1e-40).unwrap().0.divergence(order) > 0.0);
    }
}

#[test]
fn laplace_and_gaussian() {
    let laplace = [(Event::Laplace { scale: 10.0 }, 100)];
    let (rdp, pld) = (epsilon(Method::Rdp, &laplace, 1e-5), epsilon(Method::Pld, &laplace, 1e-5));
    assert!((rdp - 4.5327).abs() < 6e-5, "{rdp}");
    // 4.22012 is an optimistic bound.
    assert!((4.22012..4.22045).contains(&pld), "{pld}");
    assert!((epsilon(Method::Basic, &laplace, 1e-5) - 10.0).abs() < 1e-9);

    let normal = [(gaussian(10.0), 100)];
    let rdp = epsilon(Method::Rdp, &normal, 1e-5);
    assert!((rdp - 4.7285).abs() < 6e-5, "{rdp}");
    let exact = epsilon(Method::Pld, &normal, 1e-5);
    assert!((4.377_178..4.377_178_2).contains(&exact), "{exact}");
    let fft = pld::epsilon(&normal, 1e-5, None).unwrap();
    assert!((4.377_178..4.377_26).contains(&fft), "{fft}");
    assert!((zcdp_epsilon_bs16(0.5, 1e-5).unwrap() - 5.299).abs() < 6e-4);
    let zcdp = epsilon(Method::Zcdp, &normal, 1e-5);
    assert!(zcdp <= rdp && zcdp > 4.728, "{zcdp}");
    assert_eq!(
        zcdp,
        zcdp_epsilon(0.5, 1e-5)
            .unwrap()
            .max(zcdp.min(zcdp_epsilon(0.5, 1e-5).unwrap() * (1.0 + 1e-11)))
    );
}

#[test]
fn discrete_gaussians_by_their_own_mass() {
    let event = Event::DiscreteGaussian { sigma_squared: ratio(9, 1), sensitivity: 1 };
    let pld = epsilon(Method::Pld, &[(event, 10)], 1e-6);
    // The continuous formula says 5.18904.
    assert!((5.19029..5.19115).contains(&pld), "{pld}");
    let event = Event::DiscreteGaussian { sigma_squared: ratio(1, 1), sensitivity: 1 };
    let one = accountant(Neighbours::AddRemove, Method::Pld, &[(event, 1)]);
    let delta = one.delta(1.0).unwrap();
    assert!((delta - 0.141_351).abs() < 5e-7, "{delta}");
}

#[test]
fn analytic_gaussians() {
    let sigma = analytic_gaussian(10.0, 1e-9, 1.0).unwrap();
    assert!((0.650_246..0.650_247_5).contains(&sigma), "{sigma}");
    // What a rounded-down or classical sigma would do.
    assert!(gaussian_delta(sigma, 10.0).unwrap() <= 1e-9);
    assert!(gaussian_delta(0.647_247, 10.0).unwrap() > 1e-9);
    for epsilon in [0.0, 1e-6, 0.1, 1.0, 50.0] {
        for delta in [0.1, 1e-5, 1e-20, 1e-100] {
            let Ok(sigma) = analytic_gaussian(epsilon, delta, 1.0) else {
                assert!(epsilon < 1e-3 && delta < 1e-9);
                continue;
            };
            // What δ rises by with the last digits of sigma is its bound on round-off.
            assert!(gaussian_delta(sigma, epsilon).unwrap() <= delta * (1.0 + 1e-10));
            assert!(gaussian_delta(sigma * 0.9999, epsilon).unwrap() > delta);
            let back = gaussian_epsilon(sigma, delta).unwrap();
            assert!(back <= epsilon + 1e-9 && back > epsilon - 1e-4 * (1.0 + epsilon));
        }
    }
}

#[test]
fn other_laws() {
    let laplace = Event::DiscreteLaplace { scale: ratio(3, 1), sensitivity: 2 };
    let gauss = Event::DiscreteGaussian { sigma_squared: ratio(25, 1), sensitivity: 3 };
    let response = Event::RandomizedResponse { categories: 4, truth: 1.0 - 0.3 * 3.0 / 4.0 };
    let approximate = Event::Approximate { epsilon: 0.1, delta: 1e-8 };
    // With grids from 1e-4 to 1e-6.
    for (event, times, delta, reference, slack) in [
        (laplace, 30, 1e-6, 18.447_763, 1e-3),
        (gauss.clone(), 20, 1e-8, 18.117_521, 1e-4),
        (poisson(0.1, gauss), 200, 1e-6, 4.894_923, 2e-4),
        (approximate, 100, 1e-5, 4.329_637, 1e-4),
        (Event::Pure { epsilon: 0.1 }, 100, 1e-5, 4.306_792, 1e-4),
        (poisson(0.05, Event::Laplace { scale: 1.0 }), 200, 1e-6, 3.156_658, 2e-4),
    ] {
        let pld = epsilon(Method::Pld, &[(event.clone(), times)], delta);
        assert!((pld - reference).abs() < slack, "{event:?}: {pld} against {reference}");
        assert!(epsilon(Method::Rdp, &[(event, times)], delta) > pld);
    }
    let one = accountant(Neighbours::Replace, Method::Pld, &[(response, 10)]);
    let pld = one.epsilon(1e-6).unwrap();
    assert!((pld - 23.353_787).abs() < 1e-3, "{pld}");
}

#[test]
fn different_mechanisms_together() {
    let events = [
        (poisson(0.01, gaussian(1.0)), 500),
        (poisson(0.02, gaussian(1.5)), 300),
        (Event::Laplace { scale: 10.0 }, 20),
        (gaussian(5.0), 1),
    ];
    // Grid 2e-5.
    let pld = epsilon(Method::Pld, &events, 1e-6);
    assert!((2.9047..2.904_95).contains(&pld), "{pld}");
    assert!(epsilon(Method::Rdp, &events, 1e-6) > pld);
}

#[test]
fn samples_of_fixed_size() {
    let events = [(fixed(100, 10_000, gaussian(2.0)), 500)];
    let of = |method| accountant(Neighbours::Replace, method, &events).epsilon(1e-5).unwrap();
    let (pld, rdp) = (of(Method::Pld), of(Method::Rdp));
    // Others, by the general bound on divergences: 1.001 with their sensitivity.
    assert!(pld < rdp && rdp < 1.002, "{pld} {rdp}");
    // Not better than Poisson sampling at the same rate in the direction of a removal.
    let removal = [(poisson(0.01, gaussian(2.0)), 500)];
    assert!(pld >= epsilon(Method::Pld, &removal, 1e-5) * (1.0 - 1e-4));
}
