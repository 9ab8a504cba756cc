//! Tables on engine `rep3`: right results, and the bytes and rounds that `shape`
//! says. On engine `rep3m`: right results. The programs are those that every
//! engine is tested with.
#![allow(clippy::expect_used, clippy::print_stdout)] // a failure shows its seed

use privity_core::Result;
use privity_mpc::{
    engine::{Engine, Recipients},
    laws::{
        self, Case, Parties,
        rows::{Columns, Program, Row, programs, rows},
    },
    rep3::{self, Rep3, Rep3Cost},
    rep3m::{self, Rep3m},
    shape::Shape,
};

/// Inputs, the program, and opening what comes of it.
fn whole<E: Engine>(
    e: &mut E,
    program: &Program<E>,
    rows: &[Row],
) -> Result<Vec<Option<Vec<u64>>>> {
    let columns = Columns::input(e, rows)?;
    let result = (program.run)(e, &columns)?;
    result.iter().map(|column| e.open(column, Recipients::All)).collect()
}

fn check(rows: &[Row]) {
    for (program, dry) in programs::<Rep3>().iter().zip(programs::<Shape>()) {
        let results = rep3::run_local(|e| {
            let opened = whole(e, program, rows)?;
            Ok((opened, e.mesh().meter().sent(), e.mesh().clock()))
        })
        .expect("three honest parties");
        let name = program.name;
        for (me, result) in results.iter().enumerate() {
            let mut shape = Shape::new(me, Rep3Cost);
            shape.set_up();
            whole(&mut shape, &dry, rows).expect("shape");
            let cost = shape.cost();
            assert_eq!(cost.sent[me], result.1, "{name}: bytes of party {me}");
            assert_eq!(cost.rounds[me], result.2, "{name}: rounds of party {me}");
            assert_eq!(result.0, results[0].0, "{name}: results of party {me}");
        }
        let [(opened, ..), ..] = results;
        let signed = |column: Option<Vec<u64>>| {
            column.expect("opened to all").into_iter().map(|x| x as i64).collect()
        };
        (program.check)(rows, &opened.into_iter().map(signed).collect::<Vec<_>>());
    }
}

#[test]
fn tables_are_right_and_cost_what_shape_says() {
    let seed = rand::random();
    println!("seed {seed}");
    for len in [1, 2, 3, 63, 64, 65, 200, 700, 2500] {
        check(&rows(Case { seed, len }));
    }
    // all rows equal, all invalid, all different
    check(&[(3, 5, true); 100]);
    check(&[(-8, -(1 << 40), false); 70]);
    check(&(0..600).map(|i| (i % 16 - 8, 1000 - i, true)).collect::<Vec<_>>());
}

struct Malicious;

impl Parties for Malicious {
    type Engine = Rep3m;

    fn run<T: Send>(&self, program: impl Fn(&mut Rep3m) -> Result<T> + Sync) -> Result<Vec<T>> {
        rep3m::run_local(program).map(Vec::from)
    }
}

#[test]
fn tables_are_right_under_checks() {
    let seed = rand::random();
    println!("seed {seed}");
    laws::check_tables(&Malicious, seed, &[1, 65, 600]);
}
