//! Rows that agree in several identifiers of different weight: any of them, or enough.
//!
//! **Weaker than the other protocols**, and marked so: what it tells about rows that
//! are *not* linked is under Leakage. Take it where no single identifier is in both
//! tables or free of errors. Identifiers should be made robust before: folded, without
//! titles, phonetic codes, dates with day and month in order; what is equal then counts
//! as agreeing, and nothing else.
//!
//! # Functionality
//!
//! Each row of either party has, for each of the same *fields*, an item or none. Field f
//! has a weight \\(w_f\\). Rows i of the receiver and j of the sender have the score
//!
//! \\[ s_{ij} = \sum_f w_f\, [x_{if} = y_{jf}], \qquad (1) \\]
//!
//! and are linked if it is at least the threshold, one with one, those of the largest
//! score first (ties: in an order that nobody chose). With a threshold of the least
//! weight, any field suffices. The receiver learns the links, the sender too if told.
//!
//! # Protocol
//!
//! The sender gives each row a fresh random token. For each field, [`crate::vole`] with
//! labels gives the receiver the tokens of the rows with a common item; it adds up (1).
//! Items that a party has in two rows of a field are left out of that field: they do not
//! tell which row they mean.
//!
//! # Adversary
//!
//! Semi-honest, static, either party; assumptions of [`crate::vole`].
//!
//! # Leakage
//!
//! The receiver learns, for each field, which of its items the sender has, and which of
//! these belong to one row of the sender's, below the threshold too. Both learn how many
//! items the other has in each field. The sender learns the linked rows if told, and
//! nothing else.
//!
//! Sources: Fellegi, Sunter, "A Theory for Record Linkage", JASA 1969, for scores of
//! agreement; the protocol is ours, over labelled intersection.

use crate::{
    error,
    item::Item,
    job::Side,
    vole::{Options, Receiver, Sender},
};
use privity_core::{Error, Mesh};
use rand::{CryptoRng, RngExt};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What both parties must have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// One weight for each field, above zero.
    pub weights: Vec<u32>,
    /// The least score of linked rows, above zero.
    pub threshold: u64,
    /// Whether the sender learns the linked rows.
    pub told: bool,
}

/// Links rows with `peer`, who calls this from the other side with the same rule.
/// `fields` has, for each field, an item or none for each row. Own linked rows, in an
/// order that is the same at both; `None` if this party does not learn them.
pub fn run(
    mesh: &mut Mesh,
    peer: usize,
    (side, rule): (Side, &Rule),
    fields: &[Vec<Option<Item>>],
    options: &Options,
    rng: &mut impl CryptoRng,
) -> error::Result<Option<Vec<u32>>> {
    check(rule, fields)?;
    let options = &Options { runs: rule.weights.len() as u64, ..options.clone() };
    let scope = mesh.begin_scope("psi/linkage");
    let result = match side {
        Side::Sender => send(mesh, peer, rule, fields, options, rng),
        Side::Receiver => receive(mesh, peer, rule, fields, options, rng).map(Some),
    };
    mesh.end_scope(scope);
    result
}

fn check(rule: &Rule, fields: &[Vec<Option<Item>>]) -> Result<(), Error> {
    let rows = fields.first().map_or(0, Vec::len);
    let why = if fields.is_empty() || fields.len() != rule.weights.len() {
        "one weight for each field, and one field at least"
    } else if fields.iter().any(|field| field.len() != rows) {
        "all fields must have an entry for each row"
    } else if rule.weights.contains(&0) || rule.threshold == 0 {
        "weights and the threshold must be above zero"
    } else {
        return Ok(());
    };
    Err(Error::Argument(why.into()))
}

/// The items of a field that are in one row only, and their rows.
fn distinct(field: &[Option<Item>]) -> (Vec<Item>, Vec<u32>) {
    let mut count: HashMap<&Item, u32> = HashMap::new();
    field.iter().flatten().for_each(|item| *count.entry(item).or_default() += 1);
    let alone = (0u32..).zip(field).filter_map(|(row, item)| Some((row, (*item)?)));
    alone.filter(|(_, item)| count.get(item) == Some(&1)).map(|(row, item)| (item, row)).unzip()
}

const TOKEN: usize = 16;

fn send(
    mesh: &mut Mesh,
    peer: usize,
    rule: &Rule,
    fields: &[Vec<Option<Item>>],
    options: &Options,
    rng: &mut impl CryptoRng,
) -> error::Result<Option<Vec<u32>>> {
    let mut sender = Sender::new(mesh, peer, options, rng)?;
    let rows = fields.first().map_or(0, Vec::len);
    let tokens: Vec<[u8; TOKEN]> = (0..rows).map(|_| rng.random()).collect();
    for field in fields {
        let (items, rows) = distinct(field);
        let labels: Vec<&[u8]> = rows.iter().map(|&row| &tokens[row as usize][..]).collect();
        sender.run_labelled(mesh, &items, &labels, rng)?;
    }
    if !rule.told {
        return Ok(None);
    }
    mesh.enter("psi/tell");
    let mut count = [0u32];
    mesh.recv_bulk(peer, &mut count)?;
    let count = count[0] as usize;
    if count > rows {
        let error = mesh.deviation(peer, "it links more rows than there are");
        return Err(mesh.abort(error).into());
    }
    let mut told = vec![[0u8; TOKEN]; count];
    mesh.recv(peer, told.as_flattened_mut())?;
    let row_of: HashMap<[u8; TOKEN], u32> = tokens.into_iter().zip(0..).collect();
    let linked: Vec<u32> = told.iter().filter_map(|token| row_of.get(token).copied()).collect();
    if linked.iter().collect::<HashSet<_>>().len() != count {
        let error = mesh.deviation(peer, "it links rows that this party has not, or one twice");
        return Err(mesh.abort(error).into());
    }
    Ok(Some(linked))
}

fn receive(
    mesh: &mut Mesh,
    peer: usize,
    rule: &Rule,
    fields: &[Vec<Option<Item>>],
    options: &Options,
    rng: &mut impl CryptoRng,
) -> error::Result<Vec<u32>> {
    let mut receiver = Receiver::new(mesh, peer, options, rng)?;
    // (1), by token and row: the order of random tokens breaks ties.
    let mut scores: BTreeMap<([u8; TOKEN], u32), u64> = BTreeMap::new();
    for (field, &weight) in fields.iter().zip(&rule.weights) {
        let (items, rows) = distinct(field);
        for (at, label) in receiver.run_labelled(mesh, &items, TOKEN, rng)? {
            let mut token = [0; TOKEN];
            token.copy_from_slice(&label);
            *scores.entry((token, rows[at as usize])).or_default() += u64::from(weight);
        }
    }
    let mut pairs: Vec<_> = scores.into_iter().filter(|(_, s)| *s >= rule.threshold).collect();
    pairs.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    let (mut tokens, mut rows, mut links) = (HashSet::new(), HashSet::new(), Vec::new());
    for ((token, row), _) in pairs {
        if !tokens.contains(&token) && !rows.contains(&row) {
            tokens.insert(token);
            rows.insert(row);
            links.push((token, row));
        }
    }
    // Not by score.
    links.sort_unstable();
    if rule.told {
        mesh.enter("psi/tell");
        // There are fewer than 2^32 rows.
        mesh.send_bulk(peer, &[links.len() as u32])?;
        let told: Vec<[u8; TOKEN]> = links.iter().map(|(token, _)| *token).collect();
        mesh.send(peer, told.as_flattened())?;
    }
    Ok(links.into_iter().map(|(_, row)| row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vole::Security;
    use std::thread;

    fn fields(table: &[[&str; 3]]) -> Vec<Vec<Option<Item>>> {
        let item = |f: usize, cell: &str| {
            (!cell.is_empty()).then(|| Item::new(&[f as u8; 32], cell.as_bytes()))
        };
        (0..3).map(|f| table.iter().map(|row| item(f, row[f])).collect()).collect()
    }

    type Linked = error::Result<Option<Vec<u32>>>;

    fn link(rule: &Rule, theirs: &[[&str; 3]], own: &[[&str; 3]]) -> (Linked, Linked) {
        let mut meshes = Mesh::in_memory(&["ann", "ben"]).unwrap();
        let (mut ben, mut ann) = (meshes.pop().unwrap(), meshes.pop().unwrap());
        let options = &Options { security: Security::SemiHonest, ..Options::new([7; 32]) };
        let (theirs, own) = (fields(theirs), fields(own));
        thread::scope(|scope| {
            let sent = scope.spawn(move || {
                let side = (Side::Sender, rule);
                run(&mut ann, 1, side, &theirs, options, &mut rand::rng())
            });
            let side = (Side::Receiver, rule);
            let got = run(&mut ben, 0, side, &own, options, &mut rand::rng());
            drop(ben);
            (sent.join().unwrap(), got)
        })
    }

    const BANK: [[&str; 3]; 6] = [
        ["ada@x", "555-1", "1815"],
        ["grace@x", "555-2", "1906"],
        ["", "555-3", "1882"],
        ["sofia@x", "", "1850"],
        ["twin@x", "555-9", "1900"],
        ["twin@x", "555-8", "1900"],
    ];
    const SHOP: [[&str; 3]; 6] = [
        ["grace@y", "555-2", "1906"],
        ["ada@x", "555-7", "1815"],
        ["emmy@y", "555-3", ""],
        ["sofia@x", "", "1851"],
        ["twin@x", "", "1900"],
        ["", "", ""],
    ];

    fn pairs(rule: &Rule) -> Vec<(u32, u32)> {
        let (sent, got) = link(rule, &BANK, &SHOP);
        let (sent, got) = (sent.unwrap().unwrap(), got.unwrap().unwrap());
        let mut pairs: Vec<_> = sent.into_iter().zip(got).collect();
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn rows_are_linked_by_any_field_or_by_enough() {
        let any = Rule { weights: vec![1, 1, 1], threshold: 1, told: true };
        // The years of twins are two rows', so that they mean nothing.
        assert_eq!(pairs(&any), [(0, 1), (1, 0), (2, 2), (3, 3)]);
        let two = Rule { weights: vec![2, 2, 1], threshold: 3, told: true };
        assert_eq!(pairs(&two), [(0, 1), (1, 0)]);
        let one_sided = Rule { told: false, ..two };
        let (sent, got) = link(&one_sided, &BANK, &SHOP);
        assert_eq!((sent.unwrap(), got.unwrap().unwrap().len()), (None, 2));
    }

    #[test]
    fn the_better_link_wins() {
        let theirs = [["a", "1", "x"], ["b", "2", "y"]];
        let own = [["a", "2", "y"], ["c", "1", "z"]];
        let rule = Rule { weights: vec![3, 2, 2], threshold: 2, told: true };
        let (sent, got) = link(&rule, &theirs, &own);
        let mut pairs: Vec<_> =
            sent.unwrap().unwrap().into_iter().zip(got.unwrap().unwrap()).collect();
        pairs.sort_unstable();
        // Row 0 agrees with the first in 3, with the second in 4.
        assert_eq!(pairs, [(0, 1), (1, 0)]);
    }

    #[test]
    fn rules_are_checked() {
        let good = Rule { weights: vec![1, 1, 1], threshold: 1, told: true };
        for rule in [
            Rule { weights: vec![1, 1], ..good.clone() },
            Rule { weights: vec![1, 0, 1], ..good.clone() },
            Rule { threshold: 0, ..good },
        ] {
            let (sent, got) = link(&rule, &BANK, &SHOP);
            assert!(sent.is_err() && got.is_err());
        }
    }
}
