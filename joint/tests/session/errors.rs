//! Wrong input: an error or a warning that names file, row, column, rule and fix.

use crate::{
    data::{banks, customers, integers, numbers, random, table, text},
    program::{align, learn, names, split, table_of},
};
use privity_joint::{
    DataError, Error, Missing, Op, Output, Result, Session, Solver, SplitBy, Table, TableId,
    run_local,
};
use std::path::PathBuf;

/// A file that goes away again.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("privity-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn read(&self) -> Result<Table> {
        Table::from_csv(&self.0, Missing::Refuse)
    }

    fn fails(&self) -> DataError {
        match self.read() {
            Err(Error::Data(e)) => {
                assert_eq!(e.source, self.0.display().to_string());
                *e
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_bad_number_is_named_without_its_content() {
    let e = File::new("bad.csv", "id,note,x\na,\"two\nlines\",1\nb,n,2\nc,n,3o5\nd,n,4\n").fails();
    assert_eq!((e.row, e.line, e.column.as_deref()), (Some(3), Some(5), Some("x")));
    assert!(e.rule.contains("not a number") && !e.to_string().contains("3o5"), "{e}");
    assert!(e.fix.contains("text"), "{e}");
}

#[test]
fn missing_nan_and_infinite_are_named() {
    for (name, cell, word) in
        [("empty", "", "missing"), ("nan", "NaN", "missing"), ("inf", "inf", "infinite")]
    {
        let e = File::new(name, &format!("id,x\na,1\nb,{cell}\nc,3\n")).fails();
        assert_eq!((e.row, e.line, e.column.as_deref()), (Some(2), Some(3), Some("x")), "{name}");
        assert!(e.rule.contains(word), "{e}");
    }
    let file = File::new("level.csv", "id,p\na,car\nb,\nc,home\n");
    assert_eq!(file.fails().row, Some(2));
    assert!(Table::from_csv(&file.0, Missing::AsLevel).is_ok());
}

#[test]
fn types_are_inferred_by_column() {
    let file = File::new(
        "types.csv",
        "id,zip,n,f,b,t\n1,007,1,1.5,true,x\n2,010,2,2,FALSE,y\n\n3,1,3,3,true,x\n",
    );
    let t = file.read().unwrap();
    let kinds: Vec<String> = t.schema().columns.iter().map(|c| format!("{:?}", c.kind)).collect();
    assert_eq!(kinds, ["Number", "Text", "Number", "Number", "Bool", "Text"]);
    assert_eq!(t.array("n").unwrap().data_type().to_string(), "Int64");
    let options = privity_joint::ReadOptions { text: names(&["id"]), ..Default::default() };
    let t = Table::from_csv(&file.0, options).unwrap();
    assert_eq!(t.array("id").unwrap().data_type().to_string(), "Utf8");
}

#[test]
fn one_leading_zero_makes_names_of_all() {
    let t = File::new("zero.csv", "id,x\n1,0\n2,0.5\n3,-0\n007,0\n").read().unwrap();
    let kinds: Vec<String> = t.schema().columns.iter().map(|c| format!("{:?}", c.kind)).collect();
    assert_eq!(kinds, ["Text", "Number"]);
}

#[test]
fn a_missing_column_lists_those_there_are() {
    let file = File::new("columns.csv", "id,x\na,1\n");
    match file.read().unwrap().array("y") {
        Err(Error::Data(e)) => assert!(e.fix.contains("id, x"), "{e}"),
        other => panic!("{other:?}"),
    }
    let file = File::new("twice.csv", "id,x,x\na,1,2\n");
    assert!(file.fails().rule.contains("two columns"));
}

/// Everybody's error when alpha brings `a` and beta brings `b`.
fn all_errors(
    a: &Table,
    b: &Table,
    program: impl Fn(&mut Session, TableId) -> Result<()> + Sync,
) -> Vec<Error> {
    let sessions = Session::local(&banks()).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = sessions
            .into_iter()
            .map(|mut s| {
                let own = match s.name() {
                    "alpha" => Some(a.clone()),
                    "beta" => Some(b.clone()),
                    _ => None,
                };
                let program = &program;
                scope.spawn(move || {
                    let result = align(&mut s, own).and_then(|table| program(&mut s, table));
                    result.unwrap_err()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// That alpha names the cell and the others only alpha.
fn only_alpha_knows(errors: &[Error], row: u64, column: &str, rule: &str) {
    match &errors[0] {
        Error::Data(e) => {
            assert_eq!((e.row, e.column.as_deref()), (Some(row), Some(column)), "{e}");
            assert!(e.rule.contains(rule) && !e.fix.is_empty(), "{e}");
            assert_eq!(e.source, "alpha.csv");
        }
        other => panic!("{other}"),
    }
    for error in &errors[1..] {
        assert_eq!(error.culprits(), ["alpha"], "{error}");
        assert!(!error.to_string().contains(column), "{error}");
    }
}

fn pair(ids: &[&str], x: &[f64], label: &[i64]) -> (Table, Table) {
    let beta_z: Vec<f64> = (0..ids.len()).map(|i| (i * i % 7) as f64).collect();
    let a =
        table("alpha.csv", vec![("id", text(ids)), ("x", numbers(x)), ("bad", integers(label))]);
    (a, table("beta.csv", vec![("id", text(ids)), ("z", numbers(&beta_z))]))
}

fn ids(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("i{i}")).collect()
}

/// `n` rows with a column and a label of its own that do not explain each other.
fn noise(n: usize) -> (Vec<String>, Vec<f64>, Vec<i64>) {
    let mut state = 9;
    let x = (0..n).map(|_| random(&mut state)).collect();
    let y = (0..n).map(|_| i64::from(random(&mut state) < 0.4)).collect();
    (ids(n), x, y)
}

fn fit_on(columns: &[&str]) -> impl Fn(&mut Session, TableId) -> Result<()> + Sync {
    let columns = names(columns);
    move |s, table| {
        let solver = Solver::default();
        let op = Op::Fit { table, columns: columns.clone(), label: "bad".into(), solver };
        s.perform(op).map(drop)
    }
}

#[test]
fn identifiers_that_repeat_or_are_empty() {
    let (_, b) = pair(&["a", "b", "c"], &[1., 2., 3.], &[0, 1, 0]);
    let (a, _) = pair(&["a", "b", "a"], &[1., 2., 3.], &[0, 1, 0]);
    only_alpha_knows(&all_errors(&a, &b, |_, _| Ok(())), 3, "id", "row 3 repeats row 1");
    let (a, _) = pair(&["a", "", "c"], &[1., 2., 3.], &[0, 1, 0]);
    only_alpha_knows(&all_errors(&a, &b, |_, _| Ok(())), 2, "id", "empty");
}

#[test]
fn identifiers_of_other_types_and_columns_of_one_name() {
    let (a, b) = pair(&["1", "2"], &[1., 2.], &[0, 1]);
    let c = table("beta.csv", vec![("id", integers(&[1, 2])), ("z", numbers(&[1., 2.]))]);
    for error in all_errors(&a, &c, |_, _| Ok(())) {
        let text = error.to_string();
        assert!(text.contains("text at 'alpha'") && text.contains("integer at 'beta'"), "{text}");
    }
    drop(b);
    let c = table("beta.csv", vec![("id", text(&["1", "2"])), ("x", numbers(&[1., 2.]))]);
    for error in all_errors(&a, &c, |_, _| Ok(())) {
        assert!(error.to_string().contains("both have a column 'x'"), "{error}");
    }
}

#[test]
fn an_empty_intersection() {
    let (a, _) = pair(&["a", "b"], &[1., 2.], &[0, 1]);
    let (_, b) = pair(&["c", "d"], &[1., 2.], &[0, 1]);
    for error in all_errors(&a, &b, |_, _| Ok(())) {
        match error {
            Error::Data(e) => assert!(e.rule.contains("empty") && e.fix.contains("case"), "{e}"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_label_of_one_class_or_of_something_else() {
    let (names, x, _) = noise(30);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (a, b) = pair(&names, &x, &[0; 30]);
    let errors = all_errors(&a, &b, fit_on(&["x", "z"]));
    match &errors[0] {
        Error::Data(e) => {
            assert!(e.rule.contains("one class") && e.column.as_deref() == Some("bad"))
        }
        other => panic!("{other}"),
    }
    let mut label = [0, 1].repeat(15);
    label[20] = 2;
    let (a, b) = pair(&names, &x, &label);
    only_alpha_knows(&all_errors(&a, &b, fit_on(&["x", "z"])), 21, "bad", "neither 0 nor 1");
}

#[test]
fn constant_columns_and_numbers_out_of_range() {
    let (names, mut x, y) = noise(30);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (a, b) = pair(&names, &[4.0; 30], &y);
    let errors = all_errors(&a, &b, fit_on(&["x", "z"]));
    assert!(errors[0].to_string().contains("constant"), "{}", errors[0]);
    x[11] = 1e7;
    let (a, b) = pair(&names, &x, &y);
    only_alpha_knows(&all_errors(&a, &b, fit_on(&["x", "z"])), 12, "x", "range");
    x[11] = 1e5;
    let (a, b) = pair(&names, &x, &y);
    let errors = all_errors(&a, &b, fit_on(&["x", "z"]));
    assert!(errors[0].to_string().contains("standardise"), "{}", errors[0]);
}

#[test]
fn fewer_rows_than_columns() {
    let (a, b) = pair(&["a", "b"], &[1., 2.], &[0, 1]);
    for error in all_errors(&a, &b, fit_on(&["x", "z"])) {
        assert!(error.to_string().contains("2 rows are too few for 2 columns"), "{error}");
    }
}

#[test]
fn perfect_separation() {
    let n = 40;
    let x: Vec<f64> = (0..n).map(|i| i as f64 / 10.0).collect();
    let y: Vec<i64> = (0..n).map(|i| i64::from(i >= 20)).collect();
    let names = ids(n);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (a, b) = pair(&names, &x, &y);
    for error in all_errors(&a, &b, fit_on(&["x", "z"])) {
        assert!(error.to_string().contains("separate"), "{error}");
    }
}

#[test]
fn collinear_columns_are_warned_of_by_name() {
    let (names, x, y) = noise(120);
    let twice: Vec<f64> = x.iter().map(|v| 2.0 * v + 1.0).collect();
    let a =
        table("alpha.csv", vec![("id", text(&names)), ("x", numbers(&x)), ("bad", integers(&y))]);
    let b = table("beta.csv", vec![("id", text(&names)), ("twice", numbers(&twice))]);
    let warnings = run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(a.clone()),
            "beta" => Some(b.clone()),
            _ => None,
        };
        let table = align(s, own)?;
        let columns = crate::program::names(&["x", "twice"]);
        let solver = Solver::default();
        Ok(s.perform(Op::Fit { table, columns, label: "bad".into(), solver })?.warnings)
    })
    .unwrap();
    for warnings in warnings {
        let w = warnings.iter().find(|w| w.rule.contains("dependent")).unwrap();
        assert_eq!(w.columns, ["x", "twice"]);
    }
}

#[test]
fn an_unseen_level_warns_its_owner() {
    let mut all = customers(100, 8);
    let test = all.part(false);
    all.purpose[test[3]] = "boat";
    let warnings = run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        let joint = align(s, own)?;
        let (train, test) = split(s, joint)?;
        let columns = names(&["purpose"]);
        let op = Op::Woe { table: train, columns: columns.clone(), label: "bad".into(), bins: 4 };
        let woe = learn(s, op)?;
        let first = s.perform(Op::Transform { table: test, transform: woe })?.warnings;
        let hot = learn(s, Op::OneHot { table: train, columns, drop_first: false })?;
        let second = s.perform(Op::Transform { table: test, transform: hot })?.warnings;
        Ok([first, second].concat())
    })
    .unwrap();
    assert_eq!(warnings[0].len(), 2);
    assert!(warnings[0][0].to_string().contains("1 rows have a level"), "{}", warnings[0][0]);
    assert!(warnings[1].is_empty() && warnings[2].is_empty());
}

#[test]
fn a_session_goes_on_after_a_refused_operation() {
    let all = customers(60, 9);
    run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        let joint = align(s, own)?;
        let by = SplitBy::Column("nothing".into());
        let error = s.perform(Op::Split { table: joint, by }).unwrap_err();
        assert!(error.to_string().contains("income"), "it lists the columns: {error}");
        let (train, _) = split(s, joint)?;
        let columns = names(&["age"]);
        table_of(s, Op::Select { table: train, columns }).map(drop)
    })
    .unwrap();
}

#[test]
fn a_model_wants_the_columns_it_was_fitted_on() {
    let all = customers(200, 10);
    run_local(&banks(), |s| {
        let own = match s.name() {
            "alpha" => Some(all.alpha()),
            "beta" => Some(all.beta()),
            _ => None,
        };
        let joint = align(s, own)?;
        let (train, test) = split(s, joint)?;
        let columns = names(&["income", "age"]);
        let op = Op::Standardise { table: train, columns: columns.clone() };
        let scale = learn(s, op)?;
        let train = table_of(s, Op::Transform { table: train, transform: scale })?;
        let op = Op::Fit { table: train, columns, label: "bad".into(), solver: Solver::default() };
        let Output::Model { id: model, .. } = s.perform(op)?.result else { panic!() };
        let error = s.perform(Op::Predict { model, table: test }).unwrap_err();
        assert!(error.to_string().contains("not transformed as for the fit"), "{error}");
        let test = table_of(s, Op::Transform { table: test, transform: scale })?;
        s.perform(Op::Predict { model, table: test }).map(drop)
    })
    .unwrap();
}
