//! Counts with noise: against plain counts where the noise is as good as none, and the
//! noise itself where there is nothing to count.

use crate::{
    data::{Customers, banks, customers, planned},
    program::{align, learn, names, table_of},
    roles::six,
};
use privity_joint::{
    Assume, Error, Op, Opened, Output, Party, Policy, Result, Session, Table, TableId,
    ledger::{Ledger, Loss, Measure, Neighbours, Round, Standing, Terms},
    private::{Attribute, Noise, NoiseLaw, NoiseSource, Term},
    run_local,
};

/// Noise that is 0 with probability 1 - 1e-10: for two margins it costs epsilon 97.6.
const NONE: Noise =
    Noise { law: NoiseLaw::Laplace { scale_thousandths: 41 }, epsilon: 98.0, delta: 0.0 };

fn own(s: &Session, all: &Customers) -> Option<Table> {
    match s.name() {
        "alpha" => Some(all.alpha()),
        "beta" => Some(all.beta()),
        _ => None,
    }
}

fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::Edges { column: "age".into(), edges: vec![30.0, 45.0] },
        Attribute::Edges { column: "bad".into(), edges: vec![0.5] },
        Attribute::Edges { column: "income".into(), edges: vec![2000.0] },
    ]
}

fn with_purpose() -> Vec<Attribute> {
    let levels = names(&["trip", "boat", "car"]);
    let mut all = attributes();
    all.push(Attribute::Levels { column: "purpose".into(), levels });
    all
}

fn count(
    s: &mut Session,
    table: TableId,
    attributes: &[Attribute],
    margins: &[&[u32]],
    noise: Noise,
) -> Result<(Vec<Vec<i64>>, f64)> {
    let margins = margins.iter().map(|m| m.to_vec()).collect();
    let op = Op::Count { table, attributes: attributes.to_vec(), margins, noise };
    match s.perform(op)?.result {
        Output::Released(Some(Opened::Counts { margins, variance })) => Ok((margins, variance)),
        other => panic!("{other:?}"),
    }
}

/// The bin of a row by hand.
fn bin(all: &Customers, row: usize, attribute: u32) -> usize {
    match attribute {
        0 => [30.0, 45.0].iter().filter(|&&e| all.age[row] > e).count(),
        1 => all.bad[row] as usize,
        2 => usize::from(all.income[row] > 2000.0),
        _ => match all.purpose[row] {
            "trip" => 0,
            "car" => 2,
            _ => 3,
        },
    }
}

fn plain(all: &Customers, margin: &[u32], bins: &[usize]) -> Vec<i64> {
    let mut cells = vec![0; margin.iter().map(|&a| bins[a as usize]).product()];
    for row in 0..all.id.len() {
        let place = margin.iter().fold(0, |p, &a| p * bins[a as usize] + bin(all, row, a));
        cells[place] += 1;
    }
    cells
}

#[test]
fn counts_are_the_plain_ones() {
    let all = customers(300, 5);
    let bins = [3, 2, 2, 4];
    for parties in [banks(), six()] {
        let results = run_local(&parties, |s| {
            let table = align(s, own(s, &all))?;
            let first = count(s, table, &with_purpose(), &[&[3, 1], &[0]], NONE)?.0;
            let second = count(s, table, &with_purpose(), &[&[2], &[0, 3]], NONE)?.0;
            Ok([first, second].concat())
        });
        for counts in results.unwrap() {
            for (counts, margin) in counts.iter().zip([&[3, 1][..], &[0], &[2], &[0, 3]]) {
                assert_eq!(*counts, plain(&all, margin, &bins), "{margin:?}");
            }
        }
    }
}

#[test]
fn rows_that_nobody_knows_are_counted_too() {
    let all = customers(200, 6);
    let results = run_local(&banks(), |s| {
        let table = s.bind(own(s, &all))?;
        let table = table_of(s, Op::Align { table, on: names(&["id"]), hidden: true })?;
        let text = count(s, table, &with_purpose(), &[&[3]], NONE).unwrap_err().to_string();
        assert!(text.contains("before binding"), "{text}");
        Ok(count(s, table, &attributes(), &[&[0, 1], &[2]], NONE)?.0)
    });
    for counts in results.unwrap() {
        assert_eq!(counts[0], plain(&all, &[0, 1], &[3, 2, 2]));
        assert_eq!(counts[1], plain(&all, &[2], &[3, 2, 2]));
    }
}

#[test]
fn scores_are_sums_of_points() {
    let all = customers(250, 7);
    let points = [vec![-70_000, 5, 90_000], vec![1, -40_000]];
    let score = |row| points[0][bin(&all, row, 0)] + points[1][bin(&all, row, 2)];
    let edges = vec![-70_000, -39_995, 6, 90_001];
    let mut attributes = attributes();
    let term = |attribute, points: &Vec<i64>| Term { attribute, points: points.clone() };
    attributes.push(Attribute::Score {
        terms: vec![term(0, &points[0]), term(2, &points[1])],
        edges: edges.clone(),
    });
    let results = run_local(&banks(), |s| {
        let table = align(s, own(s, &all))?;
        Ok(count(s, table, &attributes, &[&[3, 1]], NONE)?.0)
    });
    let mut expected = vec![0; 10];
    for row in 0..250 {
        let band = edges.iter().filter(|&&e| score(row) >= e).count();
        expected[2 * band + all.bad[row] as usize] += 1;
    }
    for counts in results.unwrap() {
        assert_eq!(counts[0], expected);
    }
}

/// 1994 cells of which most are empty: what is in them is noise. Its mean square against
/// the stated variance, six standard errors (a false alarm in 500 million).
#[test]
fn noise_has_its_variance() {
    let all = customers(40, 8);
    let edges = |from: f64| (0..996).map(|i| from + f64::from(i) / 1000.0).collect();
    let attributes = [
        Attribute::Edges { column: "age".into(), edges: edges(200.0) },
        Attribute::Edges { column: "bad".into(), edges: edges(7.0) },
    ];
    let laws = [
        (NoiseLaw::Skellam { mu_thousandths: 60_500 }, 0.0),
        (NoiseLaw::Laplace { scale_thousandths: 7_300 }, 3.0),
        (NoiseLaw::Binomial { trials: 330 }, 0.0),
    ];
    for (law, kurtosis) in laws {
        let mut noise = Noise { law, epsilon: 100.0, delta: 1e-6 };
        noise.epsilon = noise.epsilon(2).unwrap();
        let results = run_local(&banks(), |s| {
            let table = align(s, own(s, &all))?;
            count(s, table, &attributes, &[&[0], &[1]], noise)
        });
        let results = results.unwrap();
        assert!(results.iter().all(|r| *r == results[0]), "all parties see the same");
        let (counts, variance) = &results[0];
        let empty: Vec<f64> = counts.iter().flat_map(|c| &c[1..]).map(|&x| x as f64).collect();
        let n = empty.len() as f64;
        let square = empty.iter().map(|x| x * x).sum::<f64>() / n;
        let error = variance * ((2.0 + kurtosis + 1.0) / n).sqrt();
        assert!((square - variance).abs() < 6.0 * error, "{law:?}: {square} {variance}");
        let mean = empty.iter().sum::<f64>() / n;
        assert!(mean.abs() < 6.0 * (variance / n).sqrt(), "{law:?}: mean {mean}");
    }
}

#[test]
fn claims_are_checked_and_calibrated() {
    for (margins, epsilon, delta, source) in [
        (1, 0.4, 1e-6, NoiseSource::Shares),
        (10, 1.0, 1e-6, NoiseSource::Shares),
        (3, 1.0, 0.0, NoiseSource::Shares),
        (4, 0.5, 1e-7, NoiseSource::Joint),
    ] {
        let noise = Noise::calibrate(margins, epsilon, delta, source).unwrap();
        let cost = noise.epsilon(margins).unwrap();
        assert!(cost <= epsilon && cost > 0.98 * epsilon, "{noise:?}: {cost}");
    }
    // One margin of pure noise is better than Skellam's, many the other way round.
    let law = |margins| Noise::calibrate(margins, 0.4, 1e-6, NoiseSource::Shares).unwrap().law;
    assert!(matches!(law(1), NoiseLaw::Laplace { .. }), "{:?}", law(1));
    assert!(matches!(law(30), NoiseLaw::Skellam { .. }), "{:?}", law(30));
    assert!(Noise::calibrate(3, 1.0, 0.0, NoiseSource::Joint).is_err());
    for bad in [f64::NAN, 0.0, -1.0, 1e9] {
        assert!(Noise::calibrate(1, bad, 1e-6, NoiseSource::Shares).is_err());
        assert!(Noise::calibrate(1, 1.0, bad, NoiseSource::Shares).is_err() || bad == 0.0);
    }

    let all = customers(60, 9);
    let results = run_local(&banks(), |s| {
        let table = align(s, own(s, &all))?;
        let lie = Noise { epsilon: 50.0, ..NONE };
        let error = count(s, table, &attributes(), &[&[0], &[1]], lie).unwrap_err();
        assert!(matches!(&error, Error::Argument { .. }), "{error}");
        assert!(error.to_string().contains("too small"), "{error}");
        let text =
            |attribute| vec![Attribute::Edges { column: "purpose".into(), edges: attribute }];
        assert!(count(s, table, &text(vec![1.0]), &[&[0]], NONE).is_err());
        // A mean of all rows stands in a standardised column.
        let columns = names(&["age"]);
        let scaled = learn(s, Op::Standardise { table, columns })?;
        let made = table_of(s, Op::Transform { table, transform: scaled })?;
        let error = count(s, made, &attributes(), &[&[0], &[1]], NONE).unwrap_err();
        assert!(error.to_string().contains("made by a transformation"), "{error}");
        let slow =
            Noise { law: NoiseLaw::Skellam { mu_thousandths: 1 << 49 }, epsilon: 1.0, delta: 1e-6 };
        let error = count(s, table, &attributes(), &[&[0], &[1]], slow).unwrap_err();
        assert!(error.to_string().contains("minutes"), "{error}");
        assert!(count(s, table, &attributes(), &[&[0], &[0]], NONE).is_err());
        // The session goes on.
        count(s, table, &attributes(), &[&[0], &[1]], NONE).map(|_| ())
    });
    results.unwrap();
}

/// A dry run draws the same messages, and says what is learnt.
#[test]
fn a_dry_run_costs_the_same() {
    let all = customers(200, 10);
    let noise =
        [NONE, Noise { law: NoiseLaw::Binomial { trials: 2000 }, epsilon: 1.0, delta: 1e-6 }];
    let program = |s: &mut Session, own: Option<Table>| {
        let table = align(s, own)?;
        for noise in noise {
            count(s, table, &attributes(), &[&[0, 1], &[2]], noise)?;
        }
        let costs = s.costs().iter().map(|c| (c.sent, c.received, c.rounds));
        Ok((costs.collect::<Vec<_>>(), s.explain().to_vec()))
    };
    let live = run_local(&banks(), |s| program(s, own(s, &all))).unwrap();
    let assume = Assume { common_rows: Some(200), ..Assume::default() };
    let dry = Session::dry_run(&planned(&all), assume).unwrap();
    for (mut session, (costs, _)) in dry.into_iter().zip(live) {
        let (planned, explained) = program(&mut session, None).unwrap();
        assert_eq!(planned[1..], costs[1..]);
        let told = explained.iter().filter(|e| e.op == "count").collect::<Vec<_>>();
        assert!(told.len() == 2 && told[0].what.contains("epsilon 98"), "{told:?}");
    }
}

fn paying(own: &str, columns: &str) -> Policy {
    Policy::parse(&format!(
        "min_rows = 1\nmin_cell = 0\n[[allow]]\noperation = \"align\"\ncolumns = [\"id\"]\nto = [\"*\"]\n\
         [[allow]]\noperation = \"count\"\ncolumns = [{columns}]\nto = [\"*\"]\nbudget = \"{own}\"\n"
    ))
    .unwrap()
}

/// Every owner whose columns are used pays, before anything is read; who cannot stops it
/// for all, and then nobody has paid.
#[test]
fn owners_pay_from_their_ledgers() {
    let folder = std::env::temp_dir().join(format!("privity-count-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let ledger = |name: &str, cap: &str| {
        let path = folder.join(name);
        let _ = std::fs::remove_file(&path);
        let ledger = Ledger::create(&path).unwrap();
        let cap = Loss::read(Measure::Approximate, cap, "1e-5", Round::Down).unwrap();
        ledger.grant(name, &Terms::new("id", Neighbours::Replace, cap)).unwrap();
        ledger
    };
    // alpha could pay three times, beta twice.
    let ledgers = [ledger("alpha", "300"), ledger("beta", "196")];
    let mut parties = banks();
    parties[0].1 = paying("alpha", "\"bad\", \"income\"");
    parties[1].1 = paying("beta", "\"age\"");
    let all = customers(60, 12);
    let results = run_local(&parties, |s| {
        if let Some(ledger) = ledgers.iter().zip(["alpha", "beta"]).find(|(_, n)| *n == s.name()) {
            s.pay_from(ledger.0.clone());
        }
        let table = align(s, own(s, &all))?;
        // Only alpha's columns: beta pays nothing.
        count(s, table, &attributes(), &[&[1], &[2]], NONE)?;
        let both = |s: &mut Session| count(s, table, &attributes(), &[&[0], &[1]], NONE);
        both(s)?;
        // Now alpha has 104 left, beta 98.
        both(s)?;
        let error = both(s).unwrap_err().to_string();
        Ok((error, s.audit()?))
    });
    let results = results.unwrap();
    for (name, ledger) in ["alpha", "beta"].iter().zip(&ledgers) {
        let spent = ledger.balance(name).unwrap().total.spent().to_f64().0;
        let expected = if *name == "alpha" { 294.0 } else { 196.0 };
        assert_eq!(spent, expected, "{name}");
        let standings: Vec<_> =
            ledger.history(Some(name)).unwrap().iter().filter_map(|e| e.standing).collect();
        assert!(standings.iter().all(|s| *s != Standing::Unfinished), "{standings:?}");
        let _ = std::fs::remove_file(ledger.path());
    }
    assert!(results[1].0.contains("'beta'") && results[1].0.contains("left"), "{}", results[1].0);
    assert!(results[0].0.contains("budget"), "{}", results[0].0);
    assert!(results[0].1.contains("\"charged\"") && results[0].1.contains("\"ledger\""));
    let _ = std::fs::remove_dir_all(&folder);
}

/// An owner that does not compute has nothing to send after a hidden alignment: the others
/// could go on without it, so it gets nothing back on a peer's word.
#[test]
fn no_refund_where_the_others_could_go_on() {
    for (hidden, spent) in [(false, 0.0), (true, 98.0)] {
        let path = std::env::temp_dir()
            .join(format!("privity-refund-{hidden}-{}.ledger", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let ledger = Ledger::create(&path).unwrap();
        let cap = Loss::read(Measure::Approximate, "100", "0", Round::Down).unwrap();
        ledger.grant("alpha", &Terms::new("id", Neighbours::Replace, cap)).unwrap();
        let mut parties = six();
        let rule = |operation: &str, columns: &str, more: &str| {
            format!(
                "[[allow]]\noperation = \"{operation}\"\ncolumns = [{columns}]\nto = [\"*\"]\n{more}\n"
            )
        };
        let align = if hidden { "align_hidden" } else { "align" };
        let limits = "min_rows = 1\nmin_cell = 0\n";
        let pays = rule("count", "\"bad\", \"income\"", "budget = \"alpha\"");
        let alpha = [limits.into(), rule(align, "\"id\"", ""), pays].concat();
        parties[0].1 = Policy::parse(&alpha).unwrap();
        // beta allows the alignment only.
        let beta = [limits.into(), rule(align, "\"id\"", "")].concat();
        parties[2].1 = Policy::parse(&beta).unwrap();
        let all = customers(60, 14);
        let results = run_local(&parties, |s| {
            if s.name() == "alpha" {
                s.pay_from(ledger.clone());
            }
            let table = s.bind(own(s, &all))?;
            let table = table_of(s, Op::Align { table, on: names(&["id"]), hidden })?;
            Ok(count(s, table, &attributes(), &[&[1], &[2]], NONE).unwrap_err().to_string())
        });
        let errors = results.unwrap();
        assert!(errors[0].contains("stopped by 'beta'"), "{}", errors[0]);
        assert_eq!(ledger.balance("alpha").unwrap().total.spent().to_f64().0, spent);
        let _ = std::fs::remove_file(&path);
    }
}

#[test]
fn who_pays_needs_a_ledger() {
    let all = customers(60, 13);
    let mut parties = banks();
    parties[1].1 = paying("beta", "\"age\"");
    let results = run_local(&parties, |s| {
        let table = align(s, own(s, &all))?;
        Ok(count(s, table, &attributes(), &[&[0], &[1]], NONE).unwrap_err().to_string())
    });
    let errors = results.unwrap();
    assert!(errors[1].contains("no ledger"), "{}", errors[1]);
    assert!(errors[0].contains("stopped by 'beta'"), "{}", errors[0]);
}

#[test]
fn a_policy_must_allow_it() {
    let all = customers(60, 11);
    let mut parties = banks();
    let policy = "min_rows = 1\nmin_cell = 0\n[[allow]]\noperation = \"align\"\ncolumns = [\"*\"]\nto = [\"*\"]\n";
    parties[1] = (Party::new("beta"), Policy::parse(policy).unwrap());
    let results = run_local(&parties, |s| {
        let table = align(s, own(s, &all))?;
        Ok(count(s, table, &attributes(), &[&[0]], NONE).unwrap_err().to_string())
    });
    let errors = results.unwrap();
    assert!(errors[1].contains("no rule allows operation 'count' on age"), "{}", errors[1]);
    assert!(errors[0].contains("stopped by 'beta'"), "{}", errors[0]);
}
