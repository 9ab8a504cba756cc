use super::*;

fn dp_sgd(sigma: f64, rate: f64) -> Event {
    let event = Box::new(Event::Gaussian { sigma });
    Event::Subsampled { sampling: Sampling::Poisson { rate }, event }
}

fn eps(method: Method, parts: &[(Event, u64)], delta: f64) -> f64 {
    let mut a = Accountant::new(Neighbours::AddRemove, method);
    for (e, t) in parts {
        a.compose(e, *t).unwrap();
    }
    a.epsilon(delta).unwrap()
}

#[test]
fn scratch() {
    for (s, q, t, d) in [
        (1.0, 0.01, 1000, 1e-5),
        (1.1, 256.0 / 60000.0, 14062, 1e-5),
        (0.8, 0.02, 500, 1e-6),
        (4.0, 1e-3, 100_000, 1e-6),
    ] {
        let e = [(dp_sgd(s, q), t)];
        let now = std::time::Instant::now();
        let pld = eps(Method::Pld, &e, d);
        let a = now.elapsed();
        let now = std::time::Instant::now();
        let rdp = eps(Method::Rdp, &e, d);
        println!("{s} {q} {t}: pld {pld} {a:?} rdp {rdp} {:?}", now.elapsed());
    }
    let mut a = Accountant::new(Neighbours::AddRemove, Method::Pld).with_grid(1e-4).unwrap();
    a.compose(&dp_sgd(1.0, 0.01), 1000).unwrap();
    for _ in 0..std::env::var("N").map_or(5, |n| n.parse().unwrap()) {
        let now = std::time::Instant::now();
        let e = a.epsilon(1e-5).unwrap();
        if e < 0.0 {}
        eprintln!("grid 1e-4 {e} {:?}", now.elapsed());
    }
    let r = |n, d| crate::Ratio::new(n, d).unwrap();
    let dg = Event::DiscreteGaussian { sigma_squared: r(9, 1), sensitivity: 1 };
    if std::env::var("N").is_ok() {
        return;
    }
    println!("dg {}", eps(Method::Pld, &[(dg, 10)], 1e-6));
    println!("lap {}", eps(Method::Pld, &[(Event::Laplace { scale: 10.0 }, 100)], 1e-5));
    println!("lap rdp {}", eps(Method::Rdp, &[(Event::Laplace { scale: 10.0 }, 100)], 1e-5));
    println!(
        "gauss {}",
        pld::epsilon(&[(Event::Gaussian { sigma: 10.0 }, 100)], 1e-5, None).unwrap()
    );
    println!("gauss {}", eps(Method::Rdp, &[(Event::Gaussian { sigma: 10.0 }, 100)], 1e-5));
    println!("gauss {}", eps(Method::Zcdp, &[(Event::Gaussian { sigma: 10.0 }, 100)], 1e-5));
    println!("gauss {}", eps(Method::Best, &[(Event::Gaussian { sigma: 10.0 }, 100)], 1e-5));
    println!("ag {}", analytic_gaussian(10.0, 1e-9, 1.0).unwrap());
    let mut a = Accountant::new(Neighbours::AddRemove, Method::Pld);
    a.compose(&Event::DiscreteGaussian { sigma_squared: r(1, 1), sensitivity: 1 }, 1).unwrap();
    println!("dg delta {}", a.delta(1.0).unwrap());
    println!("pure {}", eps(Method::Pld, &[(Event::Pure { epsilon: 0.1 }, 100)], 1e-5));
    println!("pure1 {}", eps(Method::Pld, &[(Event::Pure { epsilon: 1.0 }, 1)], 1e-5));
}

#[test]
fn scratch2() {
    // FFT against the closed form.
    for sigma in [0.3, 1.0, 5.0, 50.0, 1000.0] {
        for times in [1u64, 7, 100, 10_000, 1_000_000] {
            for delta in [1e-3, 1e-5, 1e-8, 1e-12, 1e-30] {
                let one = sigma / (times as f64).sqrt();
                let exact = gaussian_epsilon(one, delta).unwrap();
                let now = std::time::Instant::now();
                let fft = pld::epsilon(&[(Event::Gaussian { sigma }, times)], delta, None).unwrap();
                let el = now.elapsed();
                let now = std::time::Instant::now();
                let d = pld::delta(&[(Event::Gaussian { sigma }, times)], exact, None).unwrap();
                println!(
                    "{sigma} {times} {delta:e}: {exact} rel {:.2e} {el:?}; delta rel {:.2e} {:?}",
                    fft / exact - 1.0,
                    d / delta - 1.0,
                    now.elapsed()
                );
            }
        }
    }
}
