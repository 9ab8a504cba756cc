//! Attempts to learn more than was agreed, by parties that write the program.

use crate::{
    data::{banks, customers, integers, numbers, table, text},
    program::{align, learn, model, names, release, split, table_of, value},
};
use privity_joint::{
    Assume, Error, Metric, Op, Opened, Output, Party, Planned, Policy, Released, Result, Session,
    Solver, SplitBy, Table, TableId, To, run_local,
};

/// Allows everything, within these limits.
fn policy(min_rows: u64, min_cell: u64) -> Policy {
    Policy::parse(&format!(
        "min_rows = {min_rows}\nmin_cell = {min_cell}\n[[allow]]\noperation = \"*\"\n\
         what = [\"*\"]\ncolumns = [\"*\"]\nto = [\"*\"]"
    ))
    .unwrap()
}

/// Everybody's result of `program`, with beta's policy.
fn each<T: Send>(
    beta: Policy,
    tables: [Table; 2],
    program: impl Fn(&mut Session, Option<Table>) -> T + Sync,
) -> Vec<T> {
    let mut parties = banks();
    parties[1].1 = beta;
    let sessions = Session::local(&parties).unwrap();
    let [a, b] = tables;
    std::thread::scope(|scope| {
        let threads: Vec<_> = sessions
            .into_iter()
            .zip([Some(a), Some(b), None])
            .map(|(mut s, own)| {
                let program = &program;
                scope.spawn(move || program(&mut s, own))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// `n` common rows; alpha has a label and a split that puts `first` rows in front.
fn rows(n: usize, first: usize) -> [Table; 2] {
    let all = customers(n, 40);
    let part: Vec<i64> = (0..n).map(|i| i64::from(i < first)).collect();
    let label: Vec<i64> = (0..n).map(|i| (i % 3 / 2) as i64).collect();
    let a = table(
        "alpha.csv",
        vec![("id", text(&all.id)), ("bad", integers(&label)), ("train", integers(&part))],
    );
    [a, table("beta.csv", vec![("id", text(&all.id)), ("age", numbers(&all.age))])]
}

#[test]
fn a_split_cannot_single_out_rows() {
    for (first, holds) in [(2, false), (98, false), (0, false), (19, false), (20, true)] {
        for result in each(policy(20, 0), rows(100, first), |s, own| {
            let joint = align(s, own)?;
            split(s, joint)
        }) {
            match result {
                Ok(_) => assert!(holds, "{first}"),
                Err(e) if first == 0 => assert!(e.to_string().contains("no rows"), "{e}"),
                Err(e) => assert!(!holds && e.to_string().contains("min_rows = 20"), "{e}"),
            }
        }
    }
    // No more does one by fraction, and the session goes on.
    for result in each(policy(20, 0), rows(100, 50), |s, own| {
        let table = align(s, own)?;
        let by = SplitBy::Fraction { first: 0.01, seed: 1 };
        let error = s.perform(Op::Split { table, by }).unwrap_err();
        assert!(error.to_string().contains("min_rows = 20"), "{error}");
        split(s, table)
    }) {
        result.unwrap();
    }
}

#[test]
fn a_class_needs_min_cell_rows() {
    let [_, b] = rows(60, 30);
    let all = customers(60, 40);
    let label: Vec<i64> = (0..60).map(|i| i64::from(i < 4)).collect();
    let a = || table("alpha.csv", vec![("id", text(&all.id)), ("bad", integers(&label))]);
    for op in ["fit", "woe"] {
        let results = each(policy(20, 5), [a(), b.clone()], |s, own| {
            let table = align(s, own)?;
            let (columns, label) = (names(&["age"]), "bad".to_owned());
            match op {
                "fit" => {
                    let scale = Op::Standardise { table, columns: columns.clone() };
                    let transform = learn(s, scale)?;
                    let table = table_of(s, Op::Transform { table, transform })?;
                    s.perform(Op::Fit { table, columns, label, solver: Solver::default() })
                }
                _ => s.perform(Op::Woe { table, columns, label, bins: 3 }),
            }
        });
        let text = results[0].as_ref().unwrap_err().to_string();
        assert!(text.contains("min_cell = 5") && text.contains("bad"), "{text}");
        assert!(matches!(results[1], Err(Error::PeerStopped { .. })), "{:?}", results[1]);
    }
}

#[test]
fn a_refusal_for_data_says_no_more_and_ends_the_session() {
    let all = customers(60, 41);
    let constant = table("beta.csv", vec![("id", text(&all.id)), ("age", numbers(&[3.0; 60]))]);
    let wide: Vec<f64> = (0..60).map(|i| f64::from(i) * 1e4).collect();
    let wide = table("beta.csv", vec![("id", text(&all.id)), ("age", numbers(&wide))]);
    let mut told = Vec::new();
    for beta in [constant, wide] {
        let [a, _] = rows(60, 30);
        let results = each(policy(20, 0), [a, beta], |s, own| {
            let table = align(s, own).unwrap();
            let (columns, label) = (names(&["age"]), "bad".to_owned());
            let solver = Solver::default();
            let first = s.perform(Op::Fit { table, columns, label, solver }).unwrap_err();
            let second = s.perform(Op::Select { table, columns: names(&["age"]) }).unwrap_err();
            assert!(matches!(second, Error::Closed(_)), "{second}");
            first
        });
        assert!(matches!(results[1], Error::Data(_)), "{}", results[1]);
        told.push(results[0].to_string());
        assert_eq!(results[0].to_string(), results[2].to_string());
    }
    assert_eq!(told[0], told[1]);
}

#[test]
fn whoever_learns_something_is_named_by_the_policy() {
    let beta = |op: &str, columns: &str| {
        Policy::parse(&format!(
            "min_rows = 1\nmin_cell = 0\n[[allow]]\noperation = \"{op}\"\n\
             columns = [{columns}]\nto = [\"alpha\"]\n[[allow]]\noperation = \"align\"\n\
             columns = [\"*\"]\nto = [\"*\"]"
        ))
        .unwrap()
    };
    for kind in ["fit", "woe", "standardise"] {
        let results = each(beta(kind, "\"age\""), rows(60, 30), |s, own| {
            let table = align(s, own).unwrap();
            let (columns, label) = (names(&["age"]), "bad".to_owned());
            s.perform(match kind {
                "fit" => Op::Fit { table, columns, label, solver: Solver::default() },
                "woe" => Op::Woe { table, columns, label, bins: 3 },
                _ => Op::Standardise { table, columns },
            })
        });
        match &results[1] {
            Err(Error::Refused { rule, .. }) if kind != "fit" => {
                assert!(rule.contains("recipient bureau"), "{rule}");
            }
            // Ages as they are may be too wide for a fit: either refuses.
            Err(Error::Refused { .. } | Error::Data(_)) if kind == "fit" => {}
            other => panic!("{kind}: {other:?}"),
        }
    }
    // Alignment tells all parties names of columns and the number of rows.
    let owners =
        "min_rows = 1\n[[allow]]\noperation = \"align\"\ncolumns = [\"id\"]\nto = [\"alpha\"]";
    let results = each(Policy::parse(owners).unwrap(), rows(60, 30), align);
    match &results[1] {
        Err(Error::Refused { rule, .. }) => assert!(rule.contains("recipient bureau"), "{rule}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_policy_cannot_say_what_it_does_not_mean() {
    for (operation, key) in [("select", "to"), ("transform", "to"), ("fit", "what")] {
        let text = format!("[[allow]]\noperation = \"{operation}\"\n{key} = [\"alpha\"]");
        let error = Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("'{operation}' has no '{key}'")), "{error}");
    }
}

#[test]
fn a_table_of_one_row_learns_nothing() {
    let [_, b] = rows(60, 30);
    let one = |id: &str| table("alpha.csv", vec![("id", text(&[id])), ("bad", integers(&[1]))]);
    // A row that beta has, and one that it has not: nobody can tell which.
    let run = |id: &str| {
        each(policy(20, 0), [one(id), b.clone()], |s, own| align(s, own).unwrap_err().to_string())
    };
    let (member, stranger) = (run("c00001"), run("nobody"));
    assert_eq!(member, stranger);
    assert!(member[0].contains("a table has fewer rows than min_rows = 20"), "{}", member[0]);
    assert!(member[2].contains("min_rows = 20"), "{}", member[2]);
}

#[test]
fn those_without_a_table_do_not_learn_a_small_count() {
    let all = customers(60, 40);
    let [_, b] = rows(60, 30);
    let mixed = |common: usize| {
        let own = (common..60).map(|i| format!("alpha{i}"));
        let ids: Vec<String> = all.id[..common].iter().cloned().chain(own).collect();
        table("alpha.csv", vec![("id", text(&ids)), ("bad", integers(&[1; 60]))])
    };
    let run = |common| {
        each(policy(20, 0), [mixed(common), b.clone()], |s, own| {
            align(s, own).map(drop).map_err(|e| e.to_string())
        })
    };
    let (some, none) = (run(19), run(0));
    assert_eq!(some[2], none[2]);
    assert!(some[2].as_ref().unwrap_err().contains("min_rows = 20"));
    assert!(run(20)[2].is_ok());
}

#[test]
fn information_values_are_not_found_by_asking_again() {
    for result in each(policy(20, 0), rows(60, 30), |s, own| {
        let table = align(s, own)?;
        let (columns, label) = (names(&["age"]), "bad".to_owned());
        let transform = learn(s, Op::Woe { table, columns, label, bins: 3 })?;
        let ask = |s: &mut Session, table: TableId, min_iv| {
            s.perform(Op::SelectByIv { table, transform, min_iv })
        };
        let error = ask(s, table, 0.0).unwrap_err().to_string();
        assert!(error.contains("not made by this transformation"), "{error}");
        let made = table_of(s, Op::Transform { table, transform })?;
        ask(s, made, 0.0)?;
        let error = ask(s, made, 0.1).unwrap_err().to_string();
        assert!(error.contains("selected already"), "{error}");
        Ok::<(), Error>(())
    }) {
        result.unwrap();
    }
}

#[test]
fn an_owner_that_does_not_receive_gets_nothing_as_an_owner() {
    let mut parties = banks();
    parties[1].0 = Party { receives: false, ..Party::new("beta") };
    let [a, b] = rows(60, 30);
    let opened = run_local(&parties, |s| {
        let own = match s.name() {
            "alpha" => Some(a.clone()),
            "beta" => Some(b.clone()),
            _ => None,
        };
        let table = align(s, own)?;
        let (columns, label) = (names(&["age"]), "bad".to_owned());
        let woe = learn(s, Op::Woe { table, columns, label, bins: 3 })?;
        release(s, Released::InformationValues(woe), To::Owners)
    })
    .unwrap();
    assert!(matches!(opened[..], [Some(_), None, None]), "{opened:?}");
}

#[test]
fn names_of_columns_cannot_collide_or_hide() {
    let all = customers(60, 42);
    let [a, _] = rows(60, 30);
    let a = || a.clone();
    let beta = |second: &str| {
        let purpose = text(&all.purpose);
        table(
            "beta.csv",
            vec![("id", text(&all.id)), ("purpose", purpose), (second, numbers(&all.age))],
        )
    };
    for result in each(policy(20, 0), [a(), beta("purpose=car")], |s, own| {
        let table = align(s, own)?;
        let hot = Op::OneHot { table, columns: names(&["purpose"]), drop_first: false };
        let transform = learn(s, hot)?;
        s.perform(Op::Transform { table, transform })
    }) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("two columns would be called 'purpose=car'"), "{error}");
    }
    let evil = std::env::temp_dir().join(format!("privity-{}-evil.csv", std::process::id()));
    std::fs::write(&evil, "id,\"a\x1b[2Jge\"\n1,2\n").unwrap();
    let error = Table::from_csv(&evil, privity_joint::Missing::Refuse).unwrap_err().to_string();
    let _ = std::fs::remove_file(&evil);
    assert!(error.contains("control characters") && !error.contains('\x1b'), "{error}");
    let levels: Vec<String> = all.purpose.iter().map(|p| format!("{p}\n")).collect();
    let b = table("beta.csv", vec![("id", text(&all.id)), ("purpose", text(&levels))]);
    let results = each(policy(20, 0), [a(), b], |s, own| {
        let table = align(s, own)?;
        s.perform(Op::OneHot { table, columns: names(&["purpose"]), drop_first: false })
    });
    assert!(results[1].as_ref().unwrap_err().to_string().contains("control characters"));
}

#[test]
fn a_metric_is_computed_once() {
    for result in each(policy(20, 0), rows(60, 30), |s, own| -> Result<()> {
        let table = align(s, own)?;
        let columns = names(&["age"]);
        let transform = learn(s, Op::Standardise { table, columns: columns.clone() })?;
        let table = table_of(s, Op::Transform { table, transform })?;
        let (label, solver) = ("bad".to_owned(), Solver::default());
        let op = Op::Fit { table, columns, label: label.clone(), solver };
        let model = model(s, op)?;
        let scores = value(s, Op::Predict { model, table })?;
        let evaluate = |metrics| Op::Evaluate { scores, table, label: label.clone(), metrics };
        let twice = vec![Metric::Bands(4), Metric::Auc, Metric::Bands(7)];
        let error = s.perform(evaluate(twice)).unwrap_err().to_string();
        assert!(error.contains("twice"), "{error}");
        match s.perform(evaluate(vec![Metric::Bands(4)]))?.result {
            Output::Metrics { id } => {
                let opened = release(s, Released::Metrics(id), To::All)?;
                assert!(matches!(opened, Some(Opened::Metrics { .. })));
                Ok(())
            }
            other => panic!("{other:?}"),
        }
    }) {
        result.unwrap();
    }
}

#[test]
fn bins_of_all_rows_must_fit_in_memory() {
    let planned: Vec<Planned> = banks()
        .into_iter()
        .zip([Some(rows(40, 20)[0].schema()), Some(rows(40, 20)[1].schema()), None])
        .map(|((party, policy), schema)| Planned { party, policy, schema, rows: 1 << 21 })
        .collect();
    for (bins, fits) in [(100, true), (129, false)] {
        let mut planned = planned.clone();
        let schema = planned[1].schema.as_mut().unwrap();
        schema.columns[1].levels = Some(bins);
        for mut s in Session::dry_run(&planned, Assume::default()).unwrap() {
            let table = align(&mut s, None).unwrap();
            let op = Op::Woe { table, columns: names(&["age"]), label: "bad".into(), bins: 100 };
            match s.perform(op) {
                Ok(_) => assert!(fits),
                Err(e) => assert!(!fits && e.to_string().contains("fewer bins"), "{e}"),
            }
        }
    }
}
