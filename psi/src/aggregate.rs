//! Counts and sums over the intersection, and nothing else about it.
//!
//! # Paper
//!
//! Pinkas, Schneider, Tkachenko, Yanai, EUROCRYPT 2019 (circuit PSI), section 6, for
//! functions of the intersection; Ion et al., "On Deploying Secure Computing:
//! Private Intersection-Sum-with-Cardinality", IEEE EuroS&P 2020, for what is
//! wanted (theirs is by Diffie-Hellman and Paillier).
//!
//! # Functionality
//!
//! Both parties have sets and, for each item, words. Those named in [`Ask::learns`]
//! get the number of common items and, for each column of either party, the sum of
//! its words over them, modulo 2^64. With [`Ask::at_least`] k > 0 the parties first
//! learn whether k items or more are common, and nothing else if not. Both learn the
//! sizes of the sets and the numbers of columns.
//!
//! # Adversary
//!
//! Semi-honest, static, either party. [`crate::circuit`] gives shares, engine
//! [`additive`](privity_mpc::additive) computes on them.
//!
//! # What is not protected
//!
//! A sum over few items is almost their values, and the difference of two sums over
//! sets that differ in one item is that item's value. k guards against the first
//! only.
//!
//! # Cost
//!
//! [`crate::circuit::cost`]; a comparison of 64 bits for each bin; a product for each
//! bin and column.

use crate::{
    circuit::{self, Receiver, Sender},
    error,
    item::Item,
    job::Side,
    vole::Options,
};
use privity_core::{Error, Mesh};
use privity_mpc::{
    additive::{Additive, Profile},
    engine::{Engine, Recipients, RingShares},
};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// What is asked for, the same at both parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Columns of the sender and of the receiver.
    pub columns: [usize; 2],
    /// Nothing is opened if fewer items are common; 0 for no limit.
    pub at_least: u64,
    /// Whether the sender and the receiver learn the result.
    pub learns: [bool; 2],
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// How many items are common.
    pub count: u64,
    /// Sums of the sender's columns, then of the receiver's.
    pub sums: Vec<u64>,
}

/// Both parties of a mesh of two call this, from either side, with the words of each
/// item: one vector for each column. `None` at a party that does not learn the result.
///
/// The mesh is used up: the engine takes it over.
pub fn run(
    mut mesh: Mesh,
    (side, ask): (Side, Ask),
    items: &[Item],
    columns: &[&[u64]],
    options: &Options,
    rng: &mut impl CryptoRng,
) -> error::Result<(Option<Totals>, Mesh)> {
    let [theirs, own] = match side {
        Side::Sender => [ask.columns[1], ask.columns[0]],
        Side::Receiver => ask.columns,
    };
    if mesh.parties() != 2 {
        return Err(
            Error::Argument("totals over an intersection are for two parties".into()).into()
        );
    }
    if columns.len() != own || columns.iter().any(|c| c.len() != items.len()) {
        let rule = format!("{own} columns with a word for each of {} items", items.len());
        return Err(Error::Argument(format!("other columns were given than {rule}")).into());
    }
    // It is subtracted from a count as a signed word.
    if i64::try_from(ask.at_least).is_err() {
        let rule = format!("totals over at least {} items: 2^63 or more", ask.at_least);
        return Err(Error::Argument(rule).into());
    }
    let (me, peer) = (mesh.me(), 1 - mesh.me());
    let binned = match side {
        Side::Sender => {
            Sender::new(&mut mesh, peer, options, rng)?.run(&mut mesh, items, columns, rng)?
        }
        Side::Receiver => {
            Receiver::new(&mut mesh, peer, options, rng)?.run(&mut mesh, items, theirs, rng)?
        }
    };
    let bins = binned.tags.len();
    let sides = match side {
        Side::Sender => [peer, me],
        Side::Receiver => [me, peer],
    };
    // The receiver's columns by bin: bins without an item count for nothing.
    let placed: Vec<Zeroizing<Vec<u64>>> = match side {
        Side::Sender => Vec::new(),
        Side::Receiver => columns
            .iter()
            .map(|column| {
                let rows = binned.rows.iter();
                Zeroizing::new(rows.map(|r| r.map_or(0, |r| column[r as usize])).collect())
            })
            .collect(),
    };
    let mut engine = Additive::new(mesh, Profile::LAN, rng)?;
    let common = circuit::membership(&mut engine, sides, Some(&binned), bins)?;
    let common = engine.bit_to_ring(&common)?;
    let mut totals = vec![common.sum_columns(1)];
    for i in 0..ask.columns[0] {
        let column = circuit::payload(&mut engine, sides, Some(&binned), i, bins)?;
        totals.push(total(&mut engine, &common, &column)?);
    }
    for i in 0..ask.columns[1] {
        let words = placed.get(i).map(|column| column.as_slice());
        let column = engine.input(sides[0], words, bins)?;
        totals.push(total(&mut engine, &common, &column)?);
    }
    if ask.at_least > 0 {
        let short = totals[0].sub(&engine.public(&[ask.at_least]));
        let short = engine.is_negative(&short)?;
        let opened = engine.open_bits(&short, Recipients::All)?;
        if opened.is_some_and(|bit| bit[0] & 1 == 1) {
            return Err(error::Error::FewCommon { at_least: ask.at_least });
        }
    }
    let [sender, receiver] = ask.learns;
    let to: Vec<usize> = [(sides[1], sender), (sides[0], receiver)]
        .into_iter()
        .filter_map(|(party, learns)| learns.then_some(party))
        .collect();
    let all = RingShares::concat(&totals.iter().collect::<Vec<_>>());
    let opened = engine.open(&all, Recipients::Only(&to))?;
    let totals = opened.map(|words| Totals { count: words[0], sums: words[1..].to_vec() });
    Ok((totals, engine.into_mesh()))
}

fn total<E: Engine>(
    engine: &mut E,
    common: &E::Ring,
    column: &E::Ring,
) -> privity_core::Result<E::Ring> {
    let products = engine.mul(common, column, 0)?;
    Ok(products.sum_columns(1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::print_stdout)] // the seed of a failure

    use super::*;
    use crate::vole::Security;
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use std::{collections::HashSet, thread};

    fn item(x: u64) -> Item {
        Item::new(&[1; 32], &x.to_le_bytes())
    }

    type Answer = error::Result<Option<Totals>>;

    fn both(ask: Ask, x: &[u64], y: &[u64], a: &[Vec<u64>], b: &[Vec<u64>]) -> [Answer; 2] {
        let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
        let (ben, ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
        let options = &Options { security: Security::SemiHonest, ..Options::new([7; 32]) };
        let party = |mesh, side, set: &[u64], columns: &[Vec<u64>]| {
            let items: Vec<Item> = set.iter().map(|&x| item(x)).collect();
            let columns: Vec<&[u64]> = columns.iter().map(Vec::as_slice).collect();
            run(mesh, (side, ask), &items, &columns, options, &mut rand::rng()).map(|r| r.0)
        };
        thread::scope(|scope| {
            let ann = scope.spawn(|| party(ann, Side::Sender, x, a));
            [party(ben, Side::Receiver, y, b), ann.join().unwrap()]
        })
    }

    #[test]
    fn totals_are_those_of_the_common_items() {
        let seed = rand::random();
        println!("seed {seed}");
        let rng = &mut StdRng::seed_from_u64(seed);
        for (n, m, columns) in [(1, 1, [1, 0]), (300, 500, [2, 1]), (800, 90, [0, 2])] {
            let x: Vec<u64> = (0..n).collect();
            let y: Vec<u64> = (n / 2..n / 2 + m).collect();
            let mut words = |rows: u64, columns: usize| -> Vec<Vec<u64>> {
                (0..columns).map(|_| (0..rows).map(|_| rng.random()).collect()).collect()
            };
            let (a, b) = (words(n, columns[0]), words(m, columns[1]));
            let ask = Ask { columns, at_least: 1, learns: [true, true] };
            let shared: HashSet<u64> = y.iter().copied().filter(|v| x.contains(v)).collect();
            let sum = |set: &[u64], column: &Vec<u64>| {
                let rows = set.iter().zip(column).filter(|(v, _)| shared.contains(v));
                rows.fold(0u64, |sum, (_, w)| sum.wrapping_add(*w))
            };
            let sums = a.iter().map(|c| sum(&x, c)).chain(b.iter().map(|c| sum(&y, c))).collect();
            let expected = Totals { count: shared.len() as u64, sums };
            for got in both(ask, &x, &y, &a, &b) {
                assert_eq!(got.unwrap().unwrap(), expected);
            }
        }
    }

    #[test]
    fn who_learns_and_from_how_many_on() {
        let (x, y): (Vec<u64>, Vec<u64>) = ((0..60).collect(), (50..90).collect());
        let ask = Ask { columns: [0, 0], at_least: 10, learns: [true, false] };
        let [receiver, sender] = both(ask, &x, &y, &[], &[]);
        assert_eq!(receiver.unwrap(), None);
        assert_eq!(sender.unwrap().unwrap().count, 10);
        for answer in both(Ask { at_least: 11, ..ask }, &x, &y, &[], &[]) {
            assert!(matches!(answer, Err(error::Error::FewCommon { at_least: 11 })));
        }
        for answer in both(Ask { at_least: u64::MAX, ..ask }, &x, &y, &[], &[]) {
            assert!(answer.unwrap_err().to_string().contains("2^63"));
        }
        let [a, b] = both(Ask { columns: [1, 0], ..ask }, &x, &y, &[vec![1; 59]], &[]);
        assert!(a.is_err() && b.unwrap_err().to_string().contains("other columns"));
    }
}
