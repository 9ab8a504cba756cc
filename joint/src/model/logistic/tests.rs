#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::*;
use crate::{
    model::reference::{Normals, Reference, newton},
    plain::Plain,
};
use privity_core::{Fixed, bits};
use privity_mpc::{engine::Recipients, rep3};
use proptest::prelude::*;

/// What a caller would see.
#[derive(Clone, Debug)]
struct Opened {
    coefficients: Vec<f64>,
    standard_errors: Vec<f64>,
    log_likelihood: f64,
    converged: bool,
    separated: bool,
    singular: bool,
    constant: Vec<bool>,
    collinear: Vec<bool>,
}

fn fit<E: Engine>(e: &mut E, x: &[f64], y: &[u64], options: &NewtonOptions) -> Result<Opened> {
    let (rows, fixed) = (y.len(), Fixed::default());
    let cols = x.len() / rows;
    let words = fixed.encode_all(x)?;
    let x = e.input(0, (e.me() == 0).then_some(&words[..]), words.len())?;
    let y = e.input(0, (e.me() == 0).then_some(y), rows)?;
    let fit = fit_newton(e, &x, &y, rows, cols, options)?;
    let mut numbers =
        |x: &E::Ring| Ok::<_, Error>(fixed.decode_all(&e.open(x, Recipients::All)?.unwrap()));
    let coefficients = numbers(&fit.coefficients)?;
    let standard_errors = numbers(&fit.standard_errors)?;
    let log_likelihood = numbers(&fit.log_likelihood)?[0];
    let mut flags = |x: &E::Bits, n| {
        Ok::<_, Error>(bits::unpack(&e.open_bits(x, Recipients::All)?.unwrap(), n))
    };
    Ok(Opened {
        coefficients,
        standard_errors,
        log_likelihood,
        converged: flags(&fit.converged, 1)?[0],
        separated: flags(&fit.separated, 1)?[0],
        singular: flags(&fit.singular, 1)?[0],
        constant: flags(&fit.constant, cols)?,
        collinear: flags(&fit.collinear, cols)?,
    })
}

fn plain(x: &[f64], y: &[u64], options: &NewtonOptions) -> Opened {
    fit(&mut Plain::new(11), x, y, options).unwrap()
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn train_rows() -> Vec<usize> {
    (0..1000).filter(|&i| Reference::train(i)).collect()
}

/// The three models of the reference.
fn against_the_reference(mut fit: impl FnMut(&[f64], &[u64], &NewtonOptions) -> Opened) {
    let (reference, train) = (Reference::load(), train_rows());
    let y = reference.labels(&train);

    let names = reference.strings(&["logit_woe", "names"])[1..].to_vec();
    let columns: Vec<_> = names.iter().map(|n| reference.bins(n)).collect();
    let x: Vec<f64> =
        train.iter().flat_map(|&r| columns.iter().map(move |(bin, woe)| woe[bin[r]])).collect();
    let got = fit(&x, &y, &NewtonOptions::default());
    let coefficients = difference(&got.coefficients, &reference.numbers(&["logit_woe", "coef"]));
    let errors = difference(&got.standard_errors, &reference.numbers(&["logit_woe", "se"]));
    let llf = (got.log_likelihood - reference.json["logit_woe"]["llf"].as_f64().unwrap()).abs();
    println!("WoE: coefficients {coefficients:.1e}, standard errors {errors:.1e}, llf {llf:.1e}");
    assert!(coefficients < 2e-4 && errors < 2e-4 && llf < 1e-3, "{got:?}");
    assert!(got.converged && !got.separated && !got.singular, "{got:?}");
    assert!(!got.constant.contains(&true) && !got.collinear.contains(&true), "{got:?}");

    let x = reference.numeric(&train);
    let got = fit(&x, &y, &NewtonOptions::default());
    let coefficients =
        difference(&got.coefficients, &reference.numbers(&["logit_numeric7", "coef"]));
    let errors = difference(&got.standard_errors, &reference.numbers(&["logit_numeric7", "se"]));
    println!("numeric: coefficients {coefficients:.1e}, standard errors {errors:.1e}");
    assert!(coefficients < 2e-5 && errors < 2e-5, "{got:?}");

    let ridge = NewtonOptions { l2: 1.0, ..NewtonOptions::default() };
    let got = fit(&x, &y, &ridge);
    let coefficients =
        difference(&got.coefficients, &reference.numbers(&["ridge_logit_numeric7_C1", "coef"]));
    println!("ridge: coefficients {coefficients:.1e}");
    assert!(coefficients < 2e-5 && got.converged, "{got:?}");
}

#[test]
fn the_reference_on_plain() {
    against_the_reference(plain);
}

#[test]
fn the_reference_on_rep3() {
    against_the_reference(|x, y, options| {
        let [a, ..] = rep3::run_local(|e| fit(e, x, y, options)).unwrap();
        a
    });
}

#[test]
fn raw_columns_and_rare_events() {
    let scales = [(11.0, 35.0), (0.05, 0.3), (1.0, 0.0), (20.0, -3.0)];
    for (intercept, rows) in [(-4.6, 20_000), (0.0, 300), (3.0, 2_000)] {
        let (x, y) = Normals(3).table(rows, &scales, &[intercept, 0.8, -0.5, 0.1, 0.4]);
        let bad = y.iter().sum::<u64>();
        let (w, se, llf) = newton(&x, &y, 4, 0.0);
        let got = plain(&x, &y, &NewtonOptions::default());
        // in units of standard errors, and absolutely where that is smaller
        let worst = got.coefficients.iter().zip(&w).zip(&se).map(|((a, b), s)| (a - b).abs() / s);
        let worst = worst.fold(0.0, f64::max);
        let errors = got.standard_errors.iter().zip(&se).map(|(a, b)| (a / b - 1.0).abs());
        let errors = errors.fold(0.0, f64::max);
        println!(
            "{bad} of {rows}: coefficients {worst:.1e} standard errors off ({:.1e}), \
             standard errors {errors:.1e} relative, llf {:.1e}",
            difference(&got.coefficients, &w),
            (got.log_likelihood - llf).abs()
        );
        assert!(
            worst < 2e-3 && errors < 2e-3 && (got.log_likelihood - llf).abs() < 0.02,
            "{got:?}\n{w:?} {se:?}"
        );
        assert!(got.converged && !got.separated && !got.singular);
    }
}

#[test]
fn perfect_separation_is_flagged() {
    for rows in [20, 500] {
        let (x, _) = Normals(5).table(rows, &[(1.0, 0.0), (1.0, 2.0)], &[0.0, 0.0, 0.0]);
        let y: Vec<u64> = x.chunks(2).map(|r| u64::from(2.0 * r[0] + r[1] > 2.0)).collect();
        let got = plain(&x, &y, &NewtonOptions::default());
        assert!(got.separated, "{got:?}");
        assert!(got.coefficients.iter().all(|c| c.abs() < 200.0), "{got:?}");
        let one_class = plain(&x, &vec![1; rows], &NewtonOptions::default());
        assert!(one_class.separated && one_class.coefficients[0] > 2.0, "{one_class:?}");
    }
}

#[test]
fn dependent_and_constant_columns_are_flagged() {
    let (x, y) = Normals(6).table(400, &[(1.0, 0.0), (1.0, 0.0)], &[-1.0, 0.7, 0.2]);
    // x1, x2, x1 - 2 x2, constant 3
    let wide: Vec<f64> = x.chunks(2).flat_map(|r| [r[0], r[1], r[0] - 2.0 * r[1], 3.0]).collect();
    let got = plain(&wide, &y, &NewtonOptions::default());
    assert_eq!(got.constant, [false, false, false, true]);
    assert_eq!(got.collinear, [true, true, true, false], "{got:?}");
    assert!(got.singular && !got.separated);
    assert!(got.coefficients[4].abs() < 1e-6);
    // a constant column alone changes nothing else
    let constant: Vec<f64> = x.chunks(2).flat_map(|r| [r[0], 7.5, r[1]]).collect();
    let got = plain(&constant, &y, &NewtonOptions::default());
    let (w, se, _) = newton(&x, &y, 2, 0.0);
    assert_eq!(got.constant, [false, true, false]);
    assert!(got.converged && !got.singular && !got.collinear.contains(&true), "{got:?}");
    let kept = |v: &[f64]| vec![v[0], v[1], v[3]];
    assert!(difference(&kept(&got.coefficients), &w) < 1e-4);
    assert!(difference(&kept(&got.standard_errors), &se) < 1e-4);
    // all levels of a category beside an intercept
    let dummies: Vec<f64> =
        (0..400).flat_map(|i| (0..8).map(move |k| f64::from(u8::from(i * 7 % 8 == k)))).collect();
    assert!(plain(&dummies, &y, &NewtonOptions::default()).singular);
    // more columns than rows
    let (x, y) = Normals(7).table(20, &[(1.0, 0.0); 30], &[0.0; 31]);
    assert!(plain(&x, &y, &NewtonOptions::default()).singular);
}

#[test]
fn strong_effects_converge() {
    // 95 % of the rows are on the right side
    let (x, y) = Normals(8).table(3000, &[(1.0, 0.0); 6], &[1.0, 4.0, -3.0, 2.0, 0.0, 0.5, -6.0]);
    let (w, ..) = newton(&x, &y, 6, 0.0);
    let got = plain(&x, &y, &NewtonOptions::default());
    println!("strong effects: {:.1e}", difference(&got.coefficients, &w));
    assert!(got.converged && difference(&got.coefficients, &w) < 2e-3, "{got:?} {w:?}");
}

#[test]
fn wrong_options_are_refused() {
    let e = &mut Plain::new(1);
    let (x, y) = (e.public(&[0; 6]), e.public(&[0; 3]));
    for options in [
        NewtonOptions { iterations: 0, ..NewtonOptions::default() },
        NewtonOptions { step_limit: f64::NAN, ..NewtonOptions::default() },
        NewtonOptions { l2: -1.0, ..NewtonOptions::default() },
    ] {
        assert!(fit_newton(e, &x, &y, 3, 2, &options).is_err());
    }
    assert!(fit_newton(e, &x, &y, 3, 3, &NewtonOptions::default()).is_err());
    assert!(fit_sgd(e, &x, &y, 3, 2, &SgdOptions { batch: 0, ..SgdOptions::default() }).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Nothing overflows and the fit is right, whatever the scales.
    #[test]
    fn any_table(
        seed: u64, rows in 60usize..400,
        columns in prop::collection::vec((0.02f64..30.0, -20.0f64..20.0, -1.0f64..1.0), 1..6),
        intercept in -1.5f64..1.5, l2 in prop_oneof![Just(0.0), 0.1f64..10.0],
    ) {
        let scales: Vec<(f64, f64)> = columns.iter().map(|c| (c.0, c.1)).collect();
        let mut w = vec![intercept];
        w.extend(columns.iter().map(|c| c.2));
        let (x, y) = Normals(seed).table(rows, &scales, &w);
        let (w, se, llf) = newton(&x, &y, columns.len(), l2);
        prop_assume!(llf < -0.15 * rows as f64);
        let got = plain(&x, &y, &NewtonOptions { l2, ..NewtonOptions::default() });
        prop_assert!(got.converged && !got.separated, "{:?}", got);
        for ((a, b), s) in got.coefficients.iter().zip(&w).zip(&se) {
            prop_assert!((a - b).abs() < 1e-3 * s + 3e-5, "{:?} {:?} {:?}", got, w, se);
        }
    }
}

fn accuracy(x: &[f64], y: &[u64], w: &[f64]) -> f64 {
    let right = x.chunks(w.len() - 1).zip(y).filter(|(r, y)| {
        let eta = w[0] + r.iter().zip(&w[1..]).map(|(a, b)| a * b).sum::<f64>();
        (eta > 0.0) == (**y == 1)
    });
    right.count() as f64 / y.len() as f64
}

#[test]
fn descent_classifies_as_the_exact_fit() {
    let (cols, rows) = (20, 20_000);
    let w: Vec<f64> = (0..=cols).map(|j| f64::from(j % 7 - 3) * 0.3).collect();
    let (x, y) = Normals(9).table(rows, &vec![(1.0, 0.0); cols as usize], &w);
    let (exact, ..) = newton(&x, &y, cols as usize, 0.0);
    for l2 in [0.0, 1e-4] {
        let e = &mut Plain::new(2);
        let words = Fixed::default().encode_all(&x).unwrap();
        let (sx, sy) = (e.public(&words), e.public(&y));
        let options = SgdOptions { batch: 512, l2, ..SgdOptions::default() };
        let w = fit_sgd(e, &sx, &sy, rows, cols as usize, &options).unwrap().coefficients;
        let w = Fixed::default().decode_all(&w.0);
        let (a, b) = (accuracy(&x, &y, &w), accuracy(&x, &y, &exact));
        println!("descent: accuracy {a:.4}, exact fit {b:.4}");
        assert!((a - b).abs() < 0.002);
        let p = predict(e, &sx, &e.public(&Fixed::default().encode_all(&w).unwrap()), rows, 20)
            .unwrap()
            .probability;
        for (p, r) in p.0.iter().zip(x.chunks(20)) {
            let eta = w[0] + r.iter().zip(&w[1..]).map(|(a, b)| a * b).sum::<f64>();
            assert!((Fixed::default().decode(*p) - 1.0 / (1.0 + (-eta).exp())).abs() < 4e-6);
        }
    }
}

/// Where the linear predictor wraps, the score is still 0 or 1.
#[test]
fn outliers_score_zero_or_one() {
    let fixed = Fixed::default();
    let x = [1024.0, -1024.0, 600.0, -600.0, 0.0, 1e-3, -1e-3];
    for slope in [4096.0, -4096.0, 2100.0, 12.0] {
        let words = fixed.encode_all(&x).unwrap();
        let w = fixed.encode_all(&[0.5, slope]).unwrap();
        let scores = rep3::run_local(|e| {
            let sx = e.input(0, (e.me() == 0).then_some(&words[..]), x.len())?;
            let sw = e.input(1, (e.me() == 1).then_some(&w[..]), 2)?;
            let p = predict(e, &sx, &sw, x.len(), 1)?;
            e.open(&p.probability, Recipients::All)
        })
        .unwrap();
        for (p, x) in scores[0].as_ref().unwrap().iter().zip(x) {
            let exact = 1.0 / (1.0 + (-0.5 - slope * x).exp());
            let p = fixed.decode(*p);
            assert!((p - exact).abs() < 1e-3, "slope {slope}, x {x}: {p}, not {exact}");
        }
    }
}

#[test]
fn a_step_size_that_is_too_large_is_noticed() {
    let (x, y) = Normals(11).table(600, &[(1.0, 0.0); 2], &[0.1, 0.4, -0.3]);
    for (learning_rate, batch, expected) in [(0.5, 64, 1), (16.0, 16, 0)] {
        let options = SgdOptions { batch, learning_rate, ..SgdOptions::default() };
        let settled = rep3::run_local(|e| {
            let words = Fixed::default().encode_all(&x)?;
            let sx = e.input(0, (e.me() == 0).then_some(&words[..]), x.len())?;
            let sy = e.input(1, (e.me() == 1).then_some(&y[..]), y.len())?;
            let fit = fit_sgd(e, &sx, &sy, 600, 2, &options)?;
            e.open_bits(&fit.settled, Recipients::All)
        })
        .unwrap();
        assert_eq!(settled[0], Some(vec![expected]), "learning rate {learning_rate}");
    }
}
