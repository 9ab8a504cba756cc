//! Each rule of a policy refuses, and the others learn whose it is.

use crate::{
    data::{banks, customers},
    program::{align, names, risk},
};
use privity_joint::{Error, Op, Party, Policy, Result, Session, TableId, To, audit};

const OWNER: &str = r#"
    min_rows = 20
    min_cell = 0
    [[allow]]
    operation = "align"
    columns = ["id"]
    to = ["alpha", "beta", "bureau"]
    [[allow]]
    operation = "split"
    columns = ["train"]
    to = ["*"]
    [[allow]]
    operation = "woe"
    columns = ["income", "purpose", "age", "bad"]
    to = ["*"]
    [[allow]]
    operation = "transform"
    columns = ["income", "purpose", "age", "bad"]
    [[allow]]
    operation = "select_by_iv"
    columns = ["income", "purpose", "age", "bad"]
    to = ["*"]
    [[allow]]
    operation = "fit"
    columns = ["income", "purpose", "age", "bad"]
    to = ["*"]
    [[allow]]
    operation = "predict"
    columns = ["income", "purpose", "age", "bad"]
    to = ["*"]
    [[allow]]
    operation = "evaluate"
    columns = ["income", "purpose", "age", "bad"]
    to = ["*"]
    [[allow]]
    operation = "release"
    what = ["information_values", "model", "metrics"]
    columns = ["*"]
    to = ["*"]
    [[allow]]
    operation = "release"
    what = ["scores"]
    columns = ["*"]
    to = ["alpha"]
"#;

/// What alpha, beta and the bureau get when `risk` runs under these policies.
fn run(alpha: &str, beta: &str) -> Vec<Result<()>> {
    let all = customers(200, 11);
    let mut parties = banks();
    parties[0].1 = Policy::parse(alpha).unwrap();
    parties[1].1 = Policy::parse(beta).unwrap();
    let sessions = Session::local(&parties).unwrap();
    std::thread::scope(|scope| {
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
                    let result = risk(&mut s, own).map(drop);
                    if matches!(result, Err(Error::Refused { .. })) {
                        let record = s.audit().unwrap();
                        assert!(record.contains("refuse"), "{record}");
                        audit::verify_text(&record).unwrap();
                    }
                    result
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

#[test]
fn a_policy_that_covers_the_program_lets_it_pass() {
    for result in run(OWNER, OWNER) {
        result.unwrap();
    }
}

#[test]
fn every_missing_rule_refuses_and_is_named() {
    for (from, to, op, word) in [
        ("operation = \"align\"", "operation = \"release\"", "align", "'align'"),
        ("\"align\"\n    columns = [\"id\"]", "\"align\"\n    columns = []", "align", "column id"),
        (
            "to = [\"alpha\", \"beta\", \"bureau\"]",
            "to = [\"beta\", \"bureau\"]",
            "align",
            "recipient alpha",
        ),
        ("to = [\"alpha\", \"beta\", \"bureau\"]", "to = [\"alpha\"]", "align", "recipient bureau"),
        (
            "operation = \"fit\"\n    columns = [\"income\", \"purpose\", \"age\"",
            "operation = \"fit\"\n    columns = [\"income\"",
            "fit",
            "column age",
        ),
        ("\"model\", \"metrics\"", "\"metrics\"", "release", "'model'"),
        (
            "what = [\"scores\"]\n    columns = [\"*\"]\n    to = [\"alpha\"]",
            "what = [\"scores\"]\n    columns = [\"*\"]\n    to = []",
            "release",
            "recipient alpha",
        ),
        ("operation = \"evaluate\"", "operation = \"release\"", "evaluate", "'evaluate'"),
        ("operation = \"predict\"", "operation = \"release\"", "predict", "'predict'"),
        ("operation = \"woe\"", "operation = \"release\"", "woe", "'woe'"),
    ] {
        let beta = OWNER.replace(from, to);
        assert_ne!(beta, OWNER, "{from}");
        let results = run(OWNER, &beta);
        match &results[1] {
            Err(Error::Refused { op: at, party, rule, fix }) => {
                assert_eq!((at.as_str(), party.as_str()), (op, "beta"));
                assert!(rule.contains(word), "{rule}");
                assert!(Policy::parse(fix).is_ok(), "{fix}");
            }
            other => panic!("{word}: {other:?}"),
        }
        for i in [0, 2] {
            match &results[i] {
                Err(Error::PeerStopped { op: at, party, reason }) => {
                    assert_eq!((at.as_str(), party.as_str()), (op, "beta"));
                    assert!(reason.contains("policy"), "{reason}");
                }
                other => panic!("{word}: {other:?}"),
            }
        }
    }
}

#[test]
fn no_policy_is_no() {
    for result in run(OWNER, "") {
        assert!(result.is_err());
    }
}

#[test]
fn small_counts_are_not_opened() {
    use privity_joint::{Metric, Opened, Output, Released, Solver, SplitBy};
    let all = customers(200, 12);
    let mut parties = banks();
    parties[1].1 = Policy::parse(
        "min_rows = 1\nmin_cell = 30\n[[allow]]\noperation = \"*\"\nwhat = [\"*\"]\n\
         columns = [\"*\"]\nto = [\"*\"]",
    )
    .unwrap();
    let results = privity_joint::run_local(&parties, |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        let joint = align(s, own)?;
        let columns = names(&["age"]);
        let op = Op::Standardise { table: joint, columns: columns.clone() };
        let scale = crate::program::learn(s, op)?;
        let table = crate::program::table_of(s, Op::Transform { table: joint, transform: scale })?;
        let (label, solver) = ("bad".to_owned(), Solver::default());
        let op = Op::Fit { table, columns, label: label.clone(), solver };
        let Output::Model { id: model, .. } = s.perform(op)?.result else { panic!() };
        let scores = crate::program::value(s, Op::Predict { model, table })?;
        let metrics = vec![Metric::Bands(10)];
        let op = Op::Evaluate { scores, table, label, metrics };
        let metrics = crate::program::value(s, op)?;
        let _ = SplitBy::Column(String::new());
        crate::program::release(s, Released::Metrics(metrics), To::All)
    })
    .unwrap();
    for opened in results {
        let Some(Opened::Metrics { bands: Some(bands), auc: None, ks: None }) = opened else {
            panic!()
        };
        let counts: Vec<Option<u64>> =
            bands.iter().flat_map(|b| [b.negatives, b.positives]).collect();
        assert!(counts.contains(&None), "{counts:?}");
        assert!(counts.iter().flatten().all(|&c| c == 0 || c >= 30), "{counts:?}");
    }
}

#[test]
fn a_recipient_must_exist_and_receive() {
    let parties = [
        (Party::new("alpha"), Policy::allow_all()),
        (Party::new("beta"), Policy::allow_all()),
        (Party::computer("gamma"), Policy::allow_all()),
    ];
    let all = customers(80, 13);
    privity_joint::run_local(&parties, |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        let table: TableId = align(s, own)?;
        let op = Op::Woe { table, columns: names(&["age"]), label: "bad".into(), bins: 3 };
        let woe = crate::program::learn(s, op)?;
        for (name, word) in [("delta", "no party 'delta'"), ("gamma", "does not receive")] {
            let op = Op::Release {
                what: privity_joint::Released::InformationValues(woe),
                to: To::Parties(names(&[name])),
            };
            let error = s.perform(op).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        Ok(())
    })
    .unwrap();
}
