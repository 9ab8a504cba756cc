//! What a hidden alignment refuses, and whom its policy asks.

use crate::{
    data::{banks, customers},
    program::{learn, model, names, release, table_of},
};
use privity_joint::{
    Assume, ColumnSchema, Error, Kind, Op, Opened, Party, Planned, Policy, Released, Result,
    Schema, Session, Solver, SplitBy, Table, TableId, To, run_local,
};

fn own(s: &Session, all: &crate::data::Customers) -> Option<Table> {
    match s.name() {
        "alpha" => Some(all.alpha()),
        "beta" => Some(all.beta()),
        _ => None,
    }
}

fn align(s: &mut Session, table: Option<Table>) -> Result<TableId> {
    let table = s.bind(table)?;
    table_of(s, Op::Align { table, on: names(&["id"]), hidden: true })
}

/// Everybody's error of one operation after the alignment.
fn refused(op: impl Fn(TableId) -> Op + Sync) -> Vec<String> {
    let all = customers(80, 1);
    let results = run_local(&banks(), |s| {
        let own = own(s, &all);
        let table = align(s, own)?;
        assert!(s.own_column(table, "id").is_err());
        Ok(s.perform(op(table)).unwrap_err().to_string())
    });
    results.unwrap()
}

/// What owners announce is bounded before anybody allocates it.
#[test]
fn a_table_in_bins_must_fit_the_memory() {
    let column = |name: String| ColumnSchema { name, kind: Kind::Number, levels: None };
    let schema = |owner: &str, columns: usize| {
        let names = (0..columns).map(|i| column(format!("{owner}{i}")));
        Schema { columns: std::iter::once(column("id".into())).chain(names).collect() }
    };
    let run = |rows: u64, columns: usize| {
        let schemas = [Some(schema("a", columns)), Some(schema("b", columns)), None];
        let planned: Vec<Planned> = banks()
            .into_iter()
            .zip(schemas)
            .map(|((party, policy), schema)| Planned { party, policy, schema, rows })
            .collect();
        let sessions = Session::dry_run(&planned, Assume::default()).unwrap();
        sessions.into_iter().map(|mut s| align(&mut s, None).map(drop)).collect::<Vec<_>>()
    };
    for (rows, columns, word) in
        [(1 << 20, 97, "194 columns over the 1048576 rows of 'beta'"), (1 << 24, 1, "'alpha' has")]
    {
        for result in run(rows, columns) {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Argument { .. }), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
    assert!(run(1 << 10, 97).iter().all(Result::is_ok));
}

#[test]
fn what_needs_an_owners_eyes_is_refused() {
    let label = || "bad".to_owned();
    let cases: [(&(dyn Fn(TableId) -> Op + Sync), &str); 4] = [
        (&|table| Op::Standardise { table, columns: names(&["age"]) }, "before binding"),
        (
            &|table| Op::Fit {
                table,
                columns: names(&["age"]),
                label: label(),
                solver: Solver::default(),
            },
            "use woe or one_hot",
        ),
        (
            &|table| Op::Woe { table, columns: names(&["age"]), label: "income".into(), bins: 4 },
            "other values than 0 and 1",
        ),
        (&|table| Op::Split { table, by: SplitBy::Column("age".into()) }, "other values"),
    ];
    for (op, word) in cases {
        for error in refused(op) {
            assert!(error.contains(word), "{error}");
        }
    }
}

#[test]
fn levels_become_columns() {
    let all = customers(300, 3);
    let results = run_local(&banks(), |s| {
        let own = own(s, &all);
        let table = align(s, own)?;
        let columns = names(&["purpose"]);
        let hot = learn(s, Op::OneHot { table, columns, drop_first: true })?;
        let table = table_of(s, Op::Transform { table, transform: hot })?;
        let columns = names(&["purpose=home", "purpose=trip"]);
        let op = Op::Fit { table, columns, label: "bad".into(), solver: Solver::default() };
        let fitted = model(s, op)?;
        release(s, Released::Model(fitted), To::All)
    })
    .unwrap();
    // A saturated model: the logarithms of odds per level.
    let odds = |purpose: &str| {
        let rows = (0..300).filter(|&i| all.purpose[i] == purpose);
        let bad: Vec<i64> = rows.map(|i| all.bad[i]).collect();
        let ones = bad.iter().sum::<i64>() as f64;
        (ones / (bad.len() as f64 - ones)).ln()
    };
    let Some(Opened::Model { intercept, coefficients, .. }) = &results[2] else { panic!() };
    assert!((intercept - odds("car")).abs() < 1e-3);
    assert!((coefficients[0] + intercept - odds("home")).abs() < 1e-3);
    assert!((coefficients[1] + intercept - odds("trip")).abs() < 1e-3);
}

#[test]
fn too_few_rows_and_small_classes_stop_everybody() {
    let all = customers(40, 1);
    let run = |policy: &str, woe: bool| {
        let mut parties = banks();
        parties[1].1 = Policy::parse(policy).unwrap();
        let sessions = Session::local(&parties).unwrap();
        std::thread::scope(|scope| {
            let threads: Vec<_> = sessions
                .into_iter()
                .map(|mut s| {
                    let all = &all;
                    scope.spawn(move || {
                        let own = own(&s, all);
                        let table = align(&mut s, own)?;
                        if woe {
                            let columns = names(&["income"]);
                            let label = "bad".to_owned();
                            learn(&mut s, Op::Woe { table, columns, label, bins: 2 })?;
                        }
                        Ok(())
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|t| t.join().unwrap());
            joined.collect::<Vec<Result<()>>>()
        })
    };
    let allow = "[[allow]]\noperation = \"*\"\nwhat = [\"*\"]\ncolumns = [\"*\"]\nto = [\"*\"]\n";
    for (head, woe, word) in [
        // A table has too few rows, then the intersection.
        ("min_rows = 46\n", false, "fewer rows than min_rows = 46"),
        ("min_rows = 41\n", false, "fewer rows are common"),
        ("min_rows = 1\nmin_cell = 39\n", true, "fewer rows than 39"),
    ] {
        let results = run(&format!("{head}{allow}"), woe);
        let said = results.iter().filter(|r| match r {
            Err(error) => error.to_string().contains(word),
            Ok(()) => panic!("{head}"),
        });
        assert!(said.count() >= 2, "{head}");
    }
    // Leave to align openly is none to align hidden, and the reverse.
    let open = "min_rows = 1\n[[allow]]\noperation = \"align\"\ncolumns = [\"*\"]\nto = [\"*\"]\n";
    let results = run(open, false);
    assert!(matches!(results[1], Err(Error::Refused { .. })));
    let hidden = open.replace("\"align\"", "\"align_hidden\"");
    assert!(run(&hidden, false).iter().all(Result::is_ok));
}

#[test]
fn it_takes_two_owners() {
    let mut parties = banks();
    parties[2].0 = Party::new("bureau");
    let all = customers(40, 1);
    let error = run_local(&parties, |s| {
        let own = own(s, &all).or(Some(all.beta()));
        align(s, own)
    })
    .unwrap_err();
    assert!(error.to_string().contains("for two data owners"), "{error}");
}

/// The variant follows the policies, and all hear the same reason.
#[test]
fn policies_choose() {
    let rule = |operation: &str| {
        format!("[[allow]]\noperation = \"{operation}\"\ncolumns = [\"*\"]\nto = [\"*\"]\n")
    };
    let (open, hidden) = (rule("align"), rule("align_hidden"));
    let both = format!("{open}{hidden}");
    for (policies, is_hidden, word) in [
        ([&both, &both, &both], false, "all policies allow it"),
        ([&both, &hidden, &both], true, "policy of 'beta'"),
        ([&open, &hidden, &both], false, "not possible either"),
        ([&both, &both, &open], false, "by VOLE"),
    ] {
        let mut parties = banks();
        for (party, policy) in parties.iter_mut().zip(policies) {
            party.1 = Policy::parse(policy).unwrap();
        }
        let choices = run_local(&parties, |s| s.choose_alignment(&names(&["id"]))).unwrap();
        for choice in choices {
            assert_eq!(choice.hidden, is_hidden);
            assert!(choice.why.contains(word), "{}", choice.why);
        }
    }
}
