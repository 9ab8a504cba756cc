//! Every engine under the same laws ([`privity_mpc::laws`]).
#![allow(clippy::print_stdout)] // the seed of a failure

use privity_core::Result;
use privity_mpc::{
    laws::{self, Parties},
    rep3::{self, Rep3},
    rep3m::{self, Rep3m},
};

/// Lengths that no word or chunk size divides, and those that one does.
const LENGTHS: [usize; 7] = [0, 1, 2, 63, 64, 65, 700];

struct ThreeParties;

impl Parties for ThreeParties {
    type Engine = Rep3;

    fn run<T: Send>(&self, program: impl Fn(&mut Rep3) -> Result<T> + Sync) -> Result<Vec<T>> {
        rep3::run_local(program).map(Vec::from)
    }
}

#[test]
fn rep3_obeys() {
    let seed = rand::random();
    println!("seed {seed}");
    laws::check(&ThreeParties, seed, &LENGTHS);
    laws::check(&ThreeParties, seed, &[8193]);
    laws::check_tables(&ThreeParties, seed, &[1, 65]);
    laws::check_unbiased(&ThreeParties, 100_000);
    laws::numeric::check(&ThreeParties, seed, 400);
}

struct ThreeWithACheater;

impl Parties for ThreeWithACheater {
    type Engine = Rep3m;

    fn run<T: Send>(&self, program: impl Fn(&mut Rep3m) -> Result<T> + Sync) -> Result<Vec<T>> {
        rep3m::run_local(program).map(Vec::from)
    }
}

#[test]
fn rep3m_obeys() {
    let seed = rand::random();
    println!("seed {seed}");
    laws::check(&ThreeWithACheater, seed, &LENGTHS);
    laws::check(&ThreeWithACheater, seed, &[8193]);
    laws::check_tables(&ThreeWithACheater, seed, &[1, 65]);
    laws::check_unbiased(&ThreeWithACheater, 100_000);
    laws::numeric::check(&ThreeWithACheater, seed, 400);
}
