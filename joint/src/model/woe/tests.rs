#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::*;
use crate::{model::reference::Reference, plain::Plain};
use privity_core::Fixed;
use privity_mpc::{engine::Recipients, rep3};

fn all_columns(reference: &Reference) -> Vec<String> {
    reference.json["woe"].as_object().unwrap().keys().cloned().collect()
}

/// WoE and IV of all columns on the training rows; WoE of the test rows.
fn run<E: Engine>(e: &mut E, reference: &Reference) -> Result<[Vec<f64>; 3]> {
    let names = all_columns(reference);
    let (train, test): (Vec<usize>, Vec<usize>) = (0..1000).partition(|&i| Reference::train(i));
    let (cells, bins) = reference.one_hot(&names, &train);
    let y = reference.labels(&train);
    let x = e.input(
        1 % e.parties(),
        Some(&cells[..]).filter(|_| e.me() == 1 % e.parties()),
        cells.len(),
    )?;
    let y = e.input(0, Some(&y[..]).filter(|_| e.me() == 0), train.len())?;
    let woe = fit(e, &x, &y, train.len(), &bins)?;
    let (cells, _) = reference.one_hot(&names, &test);
    let x = e.public(&cells);
    let table = transform(e, &x, &woe.woe, test.len(), &bins)?;
    let mut open = |x: &E::Ring| {
        Ok::<_, Error>(Fixed::default().decode_all(&e.open(x, Recipients::All)?.unwrap()))
    };
    Ok([open(&woe.woe)?, open(&woe.iv)?, open(&table)?])
}

fn check(reference: &Reference, [woe, iv, table]: [Vec<f64>; 3]) {
    let names = all_columns(reference);
    let truth: Vec<f64> = names.iter().flat_map(|n| reference.bins(n).1).collect();
    let worst = |a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let iv_truth: Vec<f64> =
        names.iter().map(|n| reference.json["iv_smoothed_0.5"][n].as_f64().unwrap()).collect();
    let (w, i) = (worst(&woe, &truth), worst(&iv, &iv_truth));
    println!("WoE {w:.1e}, IV {i:.1e}");
    assert!(w < 1.2e-6 && i < 4e-6);
    let columns: Vec<_> = names.iter().map(|n| reference.bins(n)).collect();
    let rows = (0..1000).filter(|&r| !Reference::train(r));
    let truth: Vec<f64> =
        rows.flat_map(|r| columns.iter().map(move |(bin, woe)| woe[bin[r]])).collect();
    assert!(worst(&table, &truth) < 1.2e-6);
}

#[test]
fn the_reference() {
    let reference = Reference::load();
    check(&reference, run(&mut Plain::new(1), &reference).unwrap());
    for result in rep3::run_local(|e| run(e, &reference)).unwrap() {
        check(&reference, result);
    }
}

#[test]
fn empty_bins_and_one_class() {
    let e = &mut Plain::new(3);
    let x = e.public(&[1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0]);
    let y = e.public(&[1, 0, 0, 1]);
    let woe = fit(e, &x, &y, 4, &[3]).unwrap();
    assert_eq!(woe.woe.0[2], 0);
    let fixed = Fixed::default();
    let truth = [(2.5f64 / 2.0 / (1.5 / 2.0)).ln(), (0.5f64 / 2.0 / (1.5 / 2.0)).ln()];
    for (w, t) in woe.woe.0.iter().zip(truth) {
        assert!((fixed.decode(*w) - t).abs() < 1.2e-6);
    }
    let iv = 0.5 * truth[0] - 0.5 * truth[1];
    assert!((fixed.decode(woe.iv.0[0]) - iv).abs() < 4e-6);
    let none = e.public(&[0; 4]);
    let woe = fit(e, &x, &none, 4, &[3]).unwrap();
    assert!(fixed.decode_all(&woe.woe.0).iter().all(|w| w.abs() < 100.0));
    assert!(fit(e, &x, &none, 4, &[2]).is_err());
    assert!(fit(e, &x, &none, 4, &[3, 0]).is_err());
}
