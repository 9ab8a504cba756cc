//! The whole way, against plain arithmetic; and the same dry.

use crate::data::{auc_ks, banks, customers, fit, planned};
use privity_joint::{
    Assume, Error, Metric, ModelId, Op, Opened, Output, Released, Result, Session, Solver, SplitBy,
    Table, TableId, To, TransformId, ValueId, audit, run_local,
};

pub(crate) fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|n| n.to_string()).collect()
}

pub(crate) fn align(s: &mut Session, table: Option<Table>) -> Result<TableId> {
    let table = s.bind(table)?;
    table_of(s, Op::Align { table, on: names(&["id"]), hidden: false })
}

pub(crate) fn table_of(s: &mut Session, op: Op) -> Result<TableId> {
    match s.perform(op)?.result {
        Output::Table { id, .. } => Ok(id),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn split(s: &mut Session, table: TableId) -> Result<(TableId, TableId)> {
    match s.perform(Op::Split { table, by: SplitBy::Column("train".into()) })?.result {
        Output::Split { first, second, .. } => Ok((first, second)),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn learn(s: &mut Session, op: Op) -> Result<TransformId> {
    match s.perform(op)?.result {
        Output::Transform { id, .. } => Ok(id),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn model(s: &mut Session, op: Op) -> Result<ModelId> {
    match s.perform(op)?.result {
        Output::Model { id, converged: true, .. } => Ok(id),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn value(s: &mut Session, op: Op) -> Result<ValueId> {
    match s.perform(op)?.result {
        Output::Scores { id, .. } | Output::Metrics { id } => Ok(id),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn release(s: &mut Session, what: Released, to: To) -> Result<Option<Opened>> {
    match s.perform(Op::Release { what, to })?.result {
        Output::Released(opened) => Ok(opened),
        other => panic!("{other:?}"),
    }
}

pub(crate) struct Results {
    pub(crate) ivs: Option<Opened>,
    pub(crate) model: Option<Opened>,
    pub(crate) metrics: Option<Opened>,
    pub(crate) scores: Option<Opened>,
    pub(crate) ids: Vec<String>,
    pub(crate) costs: Vec<(String, u64, u64, u64)>,
    pub(crate) explained: usize,
    pub(crate) audit: String,
}

/// Weights of evidence, a logistic model, its quality.
pub(crate) fn risk(s: &mut Session, own: Option<Table>) -> Result<Results> {
    risk_of(s, own, false)
}

/// The same after an alignment that tells nobody who is in it.
pub(crate) fn risk_of(s: &mut Session, own: Option<Table>, hidden: bool) -> Result<Results> {
    let owner = own.is_some() && !hidden;
    let table = s.bind(own)?;
    let joint = table_of(s, Op::Align { table, on: names(&["id"]), hidden })?;
    let (train, test) = split(s, joint)?;
    let columns = names(&["income", "purpose", "age"]);
    let label = "bad".to_owned();
    let woe = learn(
        s,
        Op::Woe { table: train, columns: columns.clone(), label: label.clone(), bins: 4 },
    )?;
    let train_woe = table_of(s, Op::Transform { table: train, transform: woe })?;
    let test_woe = table_of(s, Op::Transform { table: test, transform: woe })?;
    let train_woe = table_of(s, Op::SelectByIv { table: train_woe, transform: woe, min_iv: 0.01 })?;
    let solver = Solver::default();
    let fitted = model(s, Op::Fit { table: train_woe, columns, label: label.clone(), solver })?;
    let scores = value(s, Op::Predict { model: fitted, table: test_woe })?;
    let metrics = vec![Metric::Auc, Metric::Ks, Metric::Bands(4)];
    let metrics = value(s, Op::Evaluate { scores, table: test_woe, label, metrics })?;
    let ivs = release(s, Released::InformationValues(woe), To::All)?;
    let model = release(s, Released::Model(fitted), To::All)?;
    let metrics = release(s, Released::Metrics(metrics), To::All)?;
    let scores = release(s, Released::Scores(scores), To::Parties(names(&["alpha"])))?;
    let ids = match owner {
        true => {
            use arrow::array::AsArray;
            let ids = s.own_column(test, "id")?;
            ids.as_string::<i32>().iter().flatten().map(str::to_owned).collect()
        }
        false => Vec::new(),
    };
    let costs = s.costs().iter().map(|c| (c.op.clone(), c.sent, c.received, c.rounds)).collect();
    Ok(Results {
        ivs,
        model,
        metrics,
        scores,
        ids,
        costs,
        explained: s.explain().len(),
        audit: s.audit()?,
    })
}

#[test]
fn a_joint_risk_model_matches_plain_arithmetic() {
    matches_plain_arithmetic(false);
}

#[test]
fn a_model_on_rows_that_nobody_knows_matches_plain_arithmetic() {
    matches_plain_arithmetic(true);
}

fn matches_plain_arithmetic(hidden: bool) {
    let all = customers(600, 1);
    let results = run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        risk_of(s, own, hidden)
    })
    .unwrap();

    // In the clear: the same bins, weights, fit and measures.
    let (train, test) = (all.part(true), all.part(false));
    let y = |rows: &[usize]| rows.iter().map(|&i| all.bad[i] as f64).collect::<Vec<_>>();
    let bin = |x: &[f64]| -> Vec<usize> {
        let mut sorted: Vec<f64> = train.iter().map(|&i| x[i]).collect();
        sorted.sort_by(f64::total_cmp);
        let edges: Vec<f64> = [0.25, 0.5, 0.75]
            .iter()
            .map(|q| {
                let at = q * (sorted.len() - 1) as f64;
                let (low, part) = (at as usize, at.fract());
                sorted[low] + part * (sorted[low + 1] - sorted[low])
            })
            .collect();
        x.iter().map(|v| edges.iter().filter(|e| **e < *v).count()).collect()
    };
    let purpose: Vec<usize> = all
        .purpose
        .iter()
        .map(|p| ["car", "home", "trip"].iter().position(|q| q == p).unwrap())
        .collect();
    let bins = [bin(&all.income), purpose, bin(&all.age)];
    let total_bad: f64 = y(&train).iter().sum();
    let total_good = train.len() as f64 - total_bad;
    let mut weights = Vec::new();
    let mut ivs = Vec::new();
    for bins in &bins {
        let mut w = vec![0.0; 4];
        let mut iv = 0.0;
        for (k, w) in w.iter_mut().enumerate() {
            let of = |bad: i64| {
                train.iter().filter(|&&i| bins[i] == k && all.bad[i] == bad).count() as f64
            };
            if of(0) + of(1) > 0.0 {
                let (b, g) = ((of(1) + 0.5) / total_bad, (of(0) + 0.5) / total_good);
                *w = (b / g).ln();
                iv += (b - g) * *w;
            }
        }
        weights.push(w);
        ivs.push(iv);
    }
    let x = |rows: &[usize]| -> Vec<Vec<f64>> {
        rows.iter().map(|&i| (0..3).map(|c| weights[c][bins[c][i]]).collect()).collect()
    };
    let w = fit(&x(&train), &y(&train));
    let scores: Vec<f64> = x(&test)
        .iter()
        .map(|r| {
            1.0 / (1.0 + (-(w[0] + r.iter().zip(&w[1..]).map(|(a, b)| a * b).sum::<f64>())).exp())
        })
        .collect();
    let (auc, ks) = auc_ks(&scores, &y(&test));

    for r in &results {
        let Some(Opened::InformationValues(got)) = &r.ivs else { panic!() };
        for ((_, got), want) in got.iter().zip(&ivs) {
            assert!((got - want).abs() < 1e-4, "{got} {want}");
        }
        let Some(Opened::Model { intercept, coefficients, .. }) = &r.model else { panic!() };
        assert!((intercept - w[0]).abs() < 1e-3, "{intercept} {}", w[0]);
        for (got, want) in coefficients.iter().zip(&w[1..]) {
            assert!((got - want).abs() < 1e-3, "{got} {want}");
        }
        let Some(Opened::Metrics { auc: Some(a), ks: Some(k), bands: Some(bands) }) = &r.metrics
        else {
            panic!()
        };
        // Scores that are equal in the clear may differ in the last place.
        assert!((a - auc).abs() < 1e-2, "{a} {auc}");
        assert!((k - ks).abs() < 3e-2, "{k} {ks}");
        let rows: u64 = bands.iter().map(|b| b.negatives.unwrap() + b.positives.unwrap()).sum();
        assert_eq!(rows, test.len() as u64);
        assert!(audit::verify_text(&r.audit).unwrap().lines > 20);
        assert!(!r.audit.contains("c00001"));
        assert!(r.explained >= 10);
    }
    // Scores go to alpha only, in the order of its own identifiers.
    assert!(results[1].scores.is_none() && results[2].scores.is_none());
    let Some(Opened::Scores(got)) = &results[0].scores else { panic!() };
    if hidden {
        // In an order that nobody knows.
        let (mut got, mut scores) = (got.clone(), scores);
        got.sort_by(f64::total_cmp);
        scores.sort_by(f64::total_cmp);
        assert!(got.iter().zip(&scores).all(|(a, b)| (a - b).abs() < 1e-3));
        return;
    }
    assert_eq!(results[0].ids, results[1].ids);
    for (id, got) in results[0].ids.iter().zip(got) {
        let i = test.iter().position(|&i| all.id[i] == *id).unwrap();
        assert!((got - scores[i]).abs() < 1e-3, "{got} {}", scores[i]);
    }
}

#[test]
fn a_dry_run_forecasts_bytes_and_rounds() {
    forecasts(false);
}

#[test]
fn a_dry_run_forecasts_a_hidden_alignment() {
    forecasts(true);
}

fn forecasts(hidden: bool) {
    let all = customers(300, 2);
    let real = run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        risk_of(s, own, hidden)
    })
    .unwrap();

    let assume = Assume { common_rows: Some(300), first_part: 0.7 };
    let sessions = Session::dry_run(&planned(&all), assume).unwrap();
    for ((mut session, real), party) in sessions.into_iter().zip(&real).zip(["a", "b", "c"]) {
        let dry = match risk_of(&mut session, None, hidden) {
            Ok(dry) => dry,
            Err(error) => panic!("{error}"),
        };
        assert!(session.is_dry() && dry.model.is_none());
        assert_eq!(dry.costs, real.costs, "{party}");
    }
}

#[test]
fn standardised_and_one_hot_columns_fit_too() {
    let all = customers(400, 3);
    let results = run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        let joint = align(s, own)?;
        let (train, _) = split(s, joint)?;
        let scale = learn(s, Op::Standardise { table: train, columns: names(&["income", "age"]) })?;
        let train = table_of(s, Op::Transform { table: train, transform: scale })?;
        let hot = Op::OneHot { table: train, columns: names(&["purpose"]), drop_first: true };
        let hot = learn(s, hot)?;
        let train = table_of(s, Op::Transform { table: train, transform: hot })?;
        let columns = names(&["income", "age", "purpose=home", "purpose=trip"]);
        let op = Op::Fit { table: train, columns, label: "bad".into(), solver: Solver::default() };
        let fitted = model(s, op)?;
        release(s, Released::Model(fitted), To::Owners)
    })
    .unwrap();
    let train = all.part(true);
    let scaled = |x: &[f64]| -> Vec<f64> {
        let v: Vec<f64> = train.iter().map(|&i| x[i]).collect();
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let sd = (v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
        v.iter().map(|x| (x - mean) / sd).collect()
    };
    let (income, age) = (scaled(&all.income), scaled(&all.age));
    let hot = |i: usize, p: &str| f64::from(u8::from(all.purpose[i] == p));
    let x: Vec<Vec<f64>> = train
        .iter()
        .enumerate()
        .map(|(k, &i)| vec![income[k], age[k], hot(i, "home"), hot(i, "trip")])
        .collect();
    let y: Vec<f64> = train.iter().map(|&i| all.bad[i] as f64).collect();
    let w = fit(&x, &y);
    assert!(results[2].is_none(), "the bureau owns no data");
    let Some(Opened::Model { intercept, coefficients, features, .. }) = &results[0] else {
        panic!()
    };
    assert_eq!(features[3], "purpose=trip");
    for (got, want) in std::iter::once(intercept).chain(coefficients).zip(&w) {
        assert!((got - want).abs() < 1e-3, "{got} {want}");
    }
}

#[test]
fn programs_that_differ_stop_with_both_versions() {
    let all = customers(60, 4);
    let sessions = Session::local(&banks()).unwrap();
    let errors: Vec<Error> = std::thread::scope(|scope| {
        let threads: Vec<_> = sessions
            .into_iter()
            .map(|mut s| {
                let all = &all;
                scope.spawn(move || {
                    let own = match s.name() {
                        "alpha" => Some(all.alpha()),
                        "beta" => Some(all.beta()),
                        _ => None,
                    };
                    let table = align(&mut s, own).unwrap();
                    let first = if s.name() == "beta" { 0.6 } else { 0.7 };
                    let op = Op::Split { table, by: SplitBy::Fraction { first, seed: 1 } };
                    let error = s.perform(op.clone()).unwrap_err();
                    assert!(matches!(s.perform(op), Err(Error::Closed(_))));
                    error
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    for (error, other) in errors.iter().zip(["beta", "alpha", "beta"]) {
        let Error::Divergence { sequence: 2, party, ours, theirs } = error else {
            panic!("{error}")
        };
        assert_eq!(party, other);
        assert!(format!("{ours}{theirs}").contains("0.6"), "{error}");
        assert!(format!("{ours}{theirs}").contains("0.7"), "{error}");
        assert_eq!(error.culprits(), [other]);
    }
}

#[test]
fn cancelling_one_party_ends_all_of_them() {
    let all = customers(60, 5);
    let start = std::time::Instant::now();
    let error = run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        if s.name() == "beta" {
            s.cancel_flag().cancel();
        }
        align(s, own)
    })
    .unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert!(start.elapsed().as_secs() < 5);
}
