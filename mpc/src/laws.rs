//! The laws that every engine obeys, as one suite for all of them.
//!
//! A law is a program over any [`Engine`] that computes on known values, opens
//! the results and asserts that they are what the declared functionality says,
//! over the declared common range with its edges. [`check`] runs all laws at
//! all parties of an engine and also compares what the parties saw: results
//! that may round either way must round the same way everywhere.
//!
//! An engine's test is a few lines:
//!
//! ```
//! use privity_core::Result;
//! use privity_mpc::{laws::{self, Parties}, rep3::{self, Rep3}};
//!
//! struct ThreeParties;
//! impl Parties for ThreeParties {
//!     type Engine = Rep3;
//!     fn run<T: Send>(&self, program: impl Fn(&mut Rep3) -> Result<T> + Sync) -> Result<Vec<T>> {
//!         rep3::run_local(program).map(Vec::from)
//!     }
//! }
//! laws::check(&ThreeParties, 7, &[0, 1, 65]);
//! ```
//!
//! Values depend on the seed alone, so that all parties expect the same.
//! Compiled under the feature `test-util` only. A broken law panics.

mod bits;
pub mod numeric;
pub mod rows;
mod table;
mod wide;
mod words;

use crate::engine::{Engine, Recipients, RingShares};
use privity_core::Result;
use rand::{SeedableRng, rngs::StdRng};

/// A way to run all computing parties of an engine in this process.
pub trait Parties {
    /// The engine of each party.
    type Engine: Engine;

    /// Runs `program` at all parties at once; their results, party 0 first.
    fn run<T: Send>(
        &self,
        program: impl Fn(&mut Self::Engine) -> Result<T> + Sync,
    ) -> Result<Vec<T>>;
}

/// What one law runs on.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// All values follow from it.
    pub seed: u64,
    /// Elements per vector.
    pub len: usize,
}

/// Everything a law opened to all parties.
pub type Seen = Vec<u64>;

/// A law, as a program of one party.
pub type Law<E> = fn(&mut E, Case) -> Result<Seen>;

/// All laws that hold for every length.
pub fn laws<E: Engine>() -> Vec<(&'static str, Law<E>)> {
    vec![
        ("input and open", words::input_and_open),
        ("deal and import", words::deal_and_import),
        ("linear operations", words::linear),
        ("rearrangement", words::rearrangement),
        ("products", words::products),
        ("products with truncation", words::truncated_products),
        ("matrix products", words::matrix_products),
        ("truncation", words::truncation),
        ("logic", bits::logic),
        ("signs and zeros", bits::signs_and_zeros),
        ("bits and back", bits::bits_and_back),
        ("random bits", bits::random_bits),
        ("wide words", wide::conversion),
        ("wide products", wide::products),
        ("wide truncation", wide::truncation),
        ("shuffles", table::shuffles),
    ]
}

/// Runs all [`laws`] for each of `lengths`, and export and combine.
///
/// # Panics
/// If a law does not hold; the message says which. The caller prints the seed.
pub fn check<P: Parties>(parties: &P, seed: u64, lengths: &[usize]) {
    for &len in lengths {
        let case = Case { seed: seed ^ (len as u64) << 40, len };
        let seen = run(parties, |e| {
            laws::<P::Engine>()
                .into_iter()
                .map(|(name, law)| Ok((name, e.scope(name, |e| law(e, case))?)))
                .collect::<Result<Vec<_>>>()
        });
        for party in &seen[1..] {
            for (ours, theirs) in seen[0].iter().zip(party) {
                assert_eq!(ours, theirs, "parties disagree on '{}'", ours.0);
            }
        }
        exports_combine(parties, case);
    }
}

/// Runs all programs of [`rows`] on tables with each of these numbers of rows.
///
/// # Panics
/// If a result is wrong, or parties disagree.
pub fn check_tables<P: Parties>(parties: &P, seed: u64, lengths: &[usize]) {
    for &len in lengths.iter().filter(|&&len| len > 0) {
        let rows = rows::rows(Case { seed: seed ^ (len as u64) << 40, len });
        for program in rows::programs::<P::Engine>() {
            let seen = run(parties, |e| {
                e.scope(program.name, |e| {
                    let columns = rows::Columns::input(e, &rows)?;
                    let result = (program.run)(e, &columns)?;
                    result.iter().map(|column| open(e, column)).collect::<Result<Vec<_>>>()
                })
            });
            let signed = |column: &Vec<u64>| column.iter().map(|&x| x as i64).collect();
            (program.check)(&rows, &seen[0].iter().map(signed).collect::<Vec<_>>());
            for party in &seen[1..] {
                assert_eq!(&seen[0], party, "parties disagree on '{}'", program.name);
            }
        }
    }
}

/// Rounding of products is random and right on average: 0.25 rounds up in a
/// quarter of `trials`. The bound is six standard deviations: a false alarm in
/// 5e8 runs.
///
/// # Panics
/// If it is not.
pub fn check_unbiased<P: Parties>(parties: &P, trials: usize) {
    let x = vec![(7u64 << 20) + (1 << 18); trials];
    let seen = run(parties, |e| {
        let owner = (e.me() == 0).then_some(&x[..]);
        let x = e.input(0, owner, trials)?;
        let z = e.mul(&x, &e.public(&vec![1; trials]), 20)?;
        e.open(&z, Recipients::All)
    });
    for z in seen.into_iter().flatten() {
        assert!(z.iter().all(|&z| z == 7 || z == 8), "an error of more than a unit");
        let up = z.iter().filter(|&&z| z == 8).count() as f64;
        let sigma = (trials as f64 * 0.25 * 0.75).sqrt();
        let expected = trials as f64 / 4.0;
        assert!((up - expected).abs() < 6.0 * sigma, "{up} of {trials} rounded up");
    }
}

/// What all parties export is x, to whoever has all of it, and two exports of
/// the same vector have nothing in common.
fn exports_combine<P: Parties>(parties: &P, case: Case) {
    let x = numbers(case.seed ^ 0xE0, case.len, 62);
    let exported = run(parties, |e| {
        let shared = e.input(0, (e.me() == 0).then_some(&x[..]), case.len)?;
        Ok([e.export(&shared)?, e.export(&shared)?])
    });
    for k in 0..2 {
        let all: Vec<Vec<u64>> = exported.iter().map(|e| e[k].clone()).collect();
        let combined = <P::Engine as Engine>::combine(&all);
        assert_eq!(combined.ok(), Some(x.clone()), "exports do not combine to x");
    }
    if case.len >= 8 && exported.len() > 1 {
        assert_ne!(exported[0][0], exported[0][1], "an export is not fresh");
    }
}

fn run<P: Parties, T: Send>(
    parties: &P,
    program: impl Fn(&mut P::Engine) -> Result<T> + Sync,
) -> Vec<T> {
    match parties.run(program) {
        Ok(results) => results,
        Err(error) => panic!("the parties did not finish: {error}"),
    }
}

/// Numbers of every size below 2^`bits`, edges included, as words.
pub fn numbers(seed: u64, len: usize, bits: u32) -> Vec<u64> {
    let top = (1i64 << bits) - 1;
    let edges = [0, 1, -1, top, -top, top / 2 + 1, -(top / 2) - 1, 3, -3, top - 1];
    (0..len)
        .map(|i| {
            let z = mix(seed, i);
            let x = if i.is_multiple_of(3) {
                edges[(z % edges.len() as u64) as usize]
            } else {
                (z as i64) >> (63 - bits) >> (z % u64::from(bits))
            };
            x.clamp(-top, top) as u64
        })
        .collect()
}

/// splitmix64
fn mix(seed: u64, i: usize) -> u64 {
    let z = seed.wrapping_add((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A generator that is the same at all parties, where one plays the owner.
fn common_rng(case: Case) -> StdRng {
    StdRng::seed_from_u64(case.seed)
}

fn signed(x: u64) -> i128 {
    i128::from(x as i64)
}

/// Shares `x` from owner `owner` modulo the number of parties.
fn input<E: Engine>(e: &mut E, owner: usize, x: &[u64]) -> Result<E::Ring> {
    let owner = owner % e.parties();
    e.input(owner, (e.me() == owner).then_some(x), x.len())
}

/// Opens to all, which must yield a value.
fn open<E: Engine>(e: &mut E, x: &E::Ring) -> Result<Vec<u64>> {
    let opened = e.open(x, Recipients::All)?;
    assert!(opened.is_some(), "a vector opened to all is not there");
    let opened = opened.unwrap_or_default();
    assert_eq!(opened.len(), x.len(), "a vector changed its length");
    Ok(opened)
}

/// Opens x and asserts that it is `expected`.
fn expect<E: Engine>(e: &mut E, x: &E::Ring, expected: &[u64], what: &str) -> Result<Seen> {
    let opened = open(e, x)?;
    for (i, (got, want)) in opened.iter().zip(expected).enumerate() {
        assert!(got == want, "{what}, element {i}: {} instead of {}", *got as i64, *want as i64);
    }
    assert_eq!(opened.len(), expected.len(), "{what}");
    Ok(opened)
}

/// floor(exact / 2^bits), or that plus one.
fn in_unit(got: i128, exact: i128, bits: u32, what: &str) {
    let floor = exact >> bits;
    assert!(
        got == floor || got == floor + 1,
        "{what}: {exact} / 2^{bits} gave {got} instead of {floor} or one more"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::Plain;

    /// One party in the clear, or several that do not talk to each other: their
    /// roundings differ.
    struct Clear(usize);

    impl Parties for Clear {
        type Engine = Plain;

        fn run<T: Send>(&self, program: impl Fn(&mut Plain) -> Result<T> + Sync) -> Result<Vec<T>> {
            (0..self.0 as u64).map(|seed| program(&mut Plain::new(seed))).collect()
        }
    }

    #[test]
    fn hold_in_the_clear() {
        check(&Clear(1), 5, &[0, 1, 2, 63, 64, 65, 700]);
        check_unbiased(&Clear(1), 100_000);
        numeric::check(&Clear(1), 5, 2000);
    }

    #[test]
    #[should_panic(expected = "parties disagree")]
    fn parties_that_disagree_are_noticed() {
        check(&Clear(2), 5, &[65]);
    }
}
