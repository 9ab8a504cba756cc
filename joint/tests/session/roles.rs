//! Parties that own data, compute and receive in any mix.

use crate::{
    data::customers,
    program::{Results, risk_of},
};
use privity_joint::{Assume, Error, Opened, Party, Planned, Policy, Session, Table, run_local};

/// Two owners, three others that compute, one more that receives.
pub(crate) fn six() -> Vec<(Party, Policy)> {
    [
        Party::owner("alpha"),
        Party::computer("one"),
        Party { receives: false, ..Party::owner("beta") },
        Party::computer("two"),
        Party::computer("three"),
        Party::recipient("court"),
    ]
    .into_iter()
    .map(|p| (p, Policy::allow_all()))
    .collect()
}

fn run(parties: &[(Party, Policy)], seed: u64, hidden: bool) -> Vec<Results> {
    let all = customers(300, seed);
    run_local(parties, |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        risk_of(s, own, hidden)
    })
    .unwrap()
}

fn coefficients(results: &Results) -> Vec<f64> {
    match &results.model {
        Some(Opened::Model { intercept, coefficients, .. }) => {
            std::iter::once(*intercept).chain(coefficients.iter().copied()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn owners_and_recipients_need_not_compute() {
    apart_as_together(false);
}

#[test]
fn nor_for_a_hidden_alignment() {
    apart_as_together(true);
}

fn apart_as_together(hidden: bool) {
    let apart = run(&six(), 20, hidden);
    let together = run(&crate::data::banks(), 20, false);
    // Only alpha and the court receive.
    for i in [1, 2, 3, 4] {
        assert!(apart[i].model.is_none() && apart[i].metrics.is_none());
    }
    assert!(apart[0].scores.is_some() && apart[5].scores.is_none());
    for i in [0, 5] {
        for (a, b) in coefficients(&apart[i]).iter().zip(coefficients(&together[0])) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
}

#[test]
fn their_dry_run_is_exact_too() {
    exact_dry_run(false);
}

#[test]
fn their_dry_run_of_a_hidden_alignment_is_exact_too() {
    exact_dry_run(true);
}

fn exact_dry_run(hidden: bool) {
    let real = run(&six(), 21, hidden);
    let all = customers(300, 21);
    let tables = |name: &str| match name {
        "alpha" => Some(all.alpha()),
        "beta" => Some(all.beta()),
        _ => None,
    };
    let planned: Vec<Planned> = six()
        .into_iter()
        .map(|(party, policy)| {
            let table = tables(&party.name);
            Planned {
                party,
                policy,
                schema: table.as_ref().map(Table::schema),
                rows: table.as_ref().map_or(0, |t| t.rows() as u64),
            }
        })
        .collect();
    let assume = Assume { common_rows: Some(300), first_part: 0.7 };
    let sessions = Session::dry_run(&planned, assume).unwrap();
    for (mut session, real) in sessions.into_iter().zip(&real) {
        let dry = risk_of(&mut session, None, hidden).map(|r| r.costs);
        assert_eq!(dry.unwrap(), real.costs, "{}", session.name());
    }
}

#[test]
fn three_parties_must_compute() {
    let parties = [Party::new("a"), Party::new("b")].map(|p| (p, Policy::allow_all()));
    match Session::local(&parties) {
        Err(Error::Argument { rule, fix, .. }) => {
            assert!(rule.contains("2 parties compute") && fix.contains("three"), "{rule}");
        }
        _ => panic!(),
    }
}

#[test]
fn a_party_that_dies_is_named() {
    let all = customers(100, 22);
    let error = run_local(&crate::data::banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        if s.name() == "bureau" {
            return Err(Error::argument("test", "gone", "none"));
        }
        let error = crate::program::align(s, own).unwrap_err();
        assert_eq!(error.culprits(), ["bureau"], "{error}");
        Ok(())
    })
    .unwrap_err();
    assert!(error.to_string().contains("gone"));
}

#[test]
fn three_owners_of_different_sizes() {
    use crate::{
        data::{integers, numbers, table, text},
        program::{align, names},
    };
    use privity_joint::Op;
    let sizes = [50, 40, 60];
    let own = |i: usize| {
        let ids: Vec<String> = (0..sizes[i]).map(|k| format!("id{}", k + 10 * i)).collect();
        let x: Vec<f64> = (0..sizes[i]).map(|k| k as f64).collect();
        let y: Vec<i64> = (0..sizes[i]).map(|k| (k % 2) as i64).collect();
        let (x_name, y_name) = (["xa", "xb", "xc"][i], ["ya", "yb", "yc"][i]);
        table("t", vec![("id", text(&ids)), (x_name, numbers(&x)), (y_name, integers(&y))])
    };
    let parties: Vec<(Party, Policy)> =
        ["a", "b", "c"].map(|n| (Party::new(n), Policy::allow_all())).to_vec();
    let program = |s: &mut Session, own: Option<Table>| {
        let table = align(s, own)?;
        s.perform(Op::Select { table, columns: names(&["xa", "yb", "xc"]) })?;
        Ok(s.costs().to_vec())
    };
    let real = run_local(&parties, |s| {
        let i = ["a", "b", "c"].iter().position(|n| *n == s.name()).unwrap();
        program(s, Some(own(i)))
    })
    .unwrap();
    let planned: Vec<Planned> = parties
        .iter()
        .enumerate()
        .map(|(i, (party, policy))| Planned {
            party: party.clone(),
            policy: policy.clone(),
            schema: Some(own(i).schema()),
            rows: sizes[i] as u64,
        })
        .collect();
    let assume = Assume { common_rows: Some(30), first_part: 0.5 };
    for (mut s, real) in Session::dry_run(&planned, assume).unwrap().into_iter().zip(&real) {
        for (dry, real) in program(&mut s, None).unwrap().iter().zip(real) {
            assert_eq!(
                (dry.sent, dry.received, dry.rounds),
                (real.sent, real.received, real.rounds),
                "{} {}",
                s.name(),
                dry.op
            );
        }
    }
}
