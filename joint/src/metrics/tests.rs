#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::*;
use crate::{model::reference::Reference, plain::Plain};
use privity_core::Fixed;
use privity_mpc::{engine::Recipients, rep3};
use proptest::prelude::*;

/// (1) and (2) in f64.
fn truth(score: &[i64], y: &[u64]) -> (f64, f64) {
    let p = y.iter().sum::<u64>() as f64;
    let n = y.len() as f64 - p;
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(score[i]));
    let (mut tp, mut fp, mut area, mut ks) = (0.0, 0.0, 0.0, 0f64);
    for group in order.chunk_by(|&a, &b| score[a] == score[b]) {
        let positive = group.iter().map(|&i| y[i]).sum::<u64>() as f64;
        let negative = group.len() as f64 - positive;
        area += negative * (tp + positive / 2.0);
        (tp, fp) = (tp + positive, fp + negative);
        ks = ks.max(tp / p - fp / n);
    }
    (area / (p * n), ks)
}

fn open<E: Engine>(e: &mut E, score: &[i64], y: &[u64]) -> Result<(f64, f64, bool)> {
    let words: Vec<u64> = score.iter().map(|&s| s as u64).collect();
    let score = e.input(0, Some(&words[..]).filter(|_| e.me() == 0), words.len())?;
    let y = e.input(0, Some(y).filter(|_| e.me() == 0), words.len())?;
    let ranking = auc_ks(e, &score, &y, words.len())?;
    let fixed = Fixed::default();
    let auc = e.open(&ranking.auc, Recipients::All)?.unwrap()[0];
    let ks = e.open(&ranking.ks, Recipients::All)?.unwrap()[0];
    let both = e.open_bits(&ranking.both_classes, Recipients::All)?.unwrap()[0];
    Ok((fixed.decode(auc), fixed.decode(ks), both & 1 == 1))
}

#[test]
fn the_reference() {
    let reference = Reference::load();
    let names = reference.strings(&["logit_woe", "names"])[1..].to_vec();
    let w = reference.numbers(&["logit_woe", "coef"]);
    let columns: Vec<_> = names.iter().map(|n| reference.bins(n)).collect();
    for (train, set) in [(true, "train"), (false, "test")] {
        let rows: Vec<usize> = (0..1000).filter(|&r| Reference::train(r) == train).collect();
        let score: Vec<i64> = rows
            .iter()
            .map(|&r| {
                let sum = columns.iter().zip(&w[1..]).map(|((bin, woe), w)| w * woe[bin[r]]);
                Fixed::default().constant(w[0] + sum.sum::<f64>()) as i64
            })
            .collect();
        let y = reference.labels(&rows);
        let number = |k: &str| reference.json["logit_woe"][format!("{k}_{set}")].as_f64().unwrap();
        let mut results = vec![open(&mut Plain::new(1), &score, &y).unwrap()];
        results.extend(rep3::run_local(|e| open(e, &score, &y)).unwrap());
        for (auc, ks, both) in results {
            println!("{set}: AUC {:.1e}, KS {:.1e}", auc - number("auc"), ks - number("ks"));
            assert!((auc - number("auc")).abs() < 2e-6 && (ks - number("ks")).abs() < 2e-6 && both);
        }
    }
}

#[test]
fn large_tables_keep_their_digits() {
    let rows = 60_000;
    let score: Vec<i64> = (0..rows).map(|i: i64| i * 7919 % 100_003 % 30_000).collect();
    for rare in [2, 500] {
        let y: Vec<u64> = (0..rows).map(|i| u64::from((i * 31) % rare == 0)).collect();
        let (auc, ks, _) = open(&mut Plain::new(4), &score, &y).unwrap();
        let (a, k) = truth(&score, &y);
        println!("{rows} rows: AUC {:.1e}, KS {:.1e}", auc - a, ks - k);
        assert!((auc - a).abs() < 2e-6 && (ks - k).abs() < 2e-6);
    }
}

proptest! {
    #[test]
    fn ties_count_half(rows in prop::collection::vec((-20i64..20, 0u64..2), 2..150), wide: bool) {
        let score: Vec<i64> = rows.iter().map(|r| if wide { r.0 << 50 } else { r.0 }).collect();
        let y: Vec<u64> = rows.iter().map(|r| r.1).collect();
        let (auc, ks, both) = open(&mut Plain::new(1), &score, &y).unwrap();
        prop_assert_eq!(both, y.contains(&0) && y.contains(&1));
        if both {
            let (a, k) = truth(&score, &y);
            prop_assert!((auc - a).abs() < 2e-6 && (ks - k).abs() < 2e-6, "{} {} {} {}", auc, a, ks, k);
        }
    }

    #[test]
    fn bands_count(
        rows in prop::collection::vec((-50i64..50, 0u64..2), 2..150),
        mut edges in prop::collection::vec(-60i64..60, 0..6), minimum in 0u64..6,
    ) {
        edges.sort();
        let e = &mut Plain::new(1);
        let score = e.public(&rows.iter().map(|r| r.0 as u64).collect::<Vec<_>>());
        let y = e.public(&rows.iter().map(|r| r.1).collect::<Vec<_>>());
        let words: Vec<u64> = edges.iter().map(|&x| x as u64).collect();
        let bands = bands(e, &score, &y, rows.len(), &words, minimum).unwrap();
        for (class, counts) in [(0, bands.good.0), (1, bands.bad.0)] {
            let mut truth = vec![0i64; edges.len() + 1];
            for r in rows.iter().filter(|r| r.1 == class) {
                truth[edges.iter().filter(|x| **x <= r.0).count()] += 1;
            }
            for t in &mut truth {
                if *t > 0 && *t < minimum as i64 {
                    *t = -1;
                }
            }
            prop_assert_eq!(counts.iter().map(|&c| c as i64).collect::<Vec<_>>(), truth);
        }
    }
}
