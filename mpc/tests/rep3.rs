//! Engine `rep3` against plain arithmetic, and against its cost formulas.
#![allow(clippy::expect_used)] // a failed expectation fails the test

mod arithmetic;

use arithmetic::*;
use privity_core::{Mesh, Result, bits};
use privity_mpc::{
    engine::{Dims, Engine, Recipients},
    rep3::{self, Rep3, Rep3Cost},
    shape::Shape,
};
use proptest::prelude::*;

struct Semihonest;

impl Subject for Semihonest {
    type Engine = Rep3;
    const CASES: u32 = 24;

    fn run<T: Send>(program: impl Fn(&mut Rep3) -> Result<T> + Sync) -> Result<[T; 3]> {
        rep3::run_local(program)
    }
    fn mesh(e: &Rep3) -> &Mesh {
        e.mesh()
    }
    fn shape(me: usize) -> Shape {
        Shape::new(me, Rep3Cost)
    }
}

suite!(Semihonest);
