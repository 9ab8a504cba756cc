//! Counts and sums over the common rows, which nobody learns otherwise.

use super::{
    Intersect, Source,
    greeting::{Hello, agree, exchange_one, exchange_sizes},
    run::{OnProgress, allowed, note, side},
    store::{Reader, Whole},
};
use crate::{
    audit::{self, Audit},
    bins::bins,
    error::{DataError, Error, Result},
    outcome::Progress,
    policy::{Policy, Request},
};
use arrow::{
    array::{Array, AsArray},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Float64Type},
};
use privity_core::{Fixed, Mesh};
use privity_psi::{
    aggregate::{self, Ask},
    job::Side,
    vole::{Options, Security},
};
use rand::{SeedableRng, rngs::StdRng};
use std::path::Path;
use zeroize::Zeroizing;

/// Which totals.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// Own columns of numbers to be summed.
    pub sums: Vec<String>,
    /// Nothing is opened if fewer rows are common. At least the largest `min_cell` of
    /// both policies, in any case.
    pub at_least: u64,
}

/// What a party learns.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// How many rows are common.
    pub count: u64,
    /// Sums over the common rows, with the party whose column it is.
    pub sums: Vec<(String, String, f64)>,
    /// Payload bytes sent and received.
    pub bytes: [u64; 2],
    /// Rounds of messages.
    pub rounds: u32,
}

/// Counts the common rows with party `peer` of a mesh of two, who calls this too, and
/// sums columns over them. `None` at a party that does not learn the result. Numbers
/// are taken to 20 binary places: sums are off by at most rows / 2^21.
///
/// `policy` must allow operation `totals` on the columns of the identifier and on those
/// to be summed, to the peer if that learns.
pub fn totals(
    mut mesh: Mesh,
    (what, source, total): (&Intersect, &Source, &Total),
    (policy, record): (&Policy, Option<&Path>),
    progress: OnProgress<'_>,
) -> Result<Option<Totals>> {
    if mesh.parties() != 2 {
        return Err(Error::argument("psi", "totals are for two parties", "use a link of two"));
    }
    let peer = 1 - mesh.me();
    let names = [mesh.name(mesh.me()).to_string(), mesh.name(peer).to_string()];
    let learns = permitted(what, total, policy, &names)?;
    let reader = Reader::new(source, what)?;
    let mut record = record.map(Audit::open).transpose()?;
    let mut hello = Hello::new(what, &reader, &learns, policy, None);
    hello.totals = Some(total.sums.clone());
    hello.at_least = total.at_least.max(policy.min_cell());
    let theirs = exchange_one(&mut mesh, peer, &hello)?;
    let session = agree(&mesh, peer, &hello, &theirs)?;
    let their_sums = theirs.totals.clone().unwrap_or_default();

    let report = &mut |stage: &'static str, fraction: f64| {
        progress(Progress { op: "psi", sequence: 1, stage, fraction });
    };
    report("reading", 0.0);
    let read = read(&reader, &session, source, (what, total));
    let own = read.as_ref().ok().map(|(items, _)| items.len() as u64);
    let told = exchange_sizes(&mut mesh, &[peer], own);
    let (items, columns) = read?;
    let their_items = told?[0];

    let side = side(mesh.me() < peer, &learns, &names[0]);
    let min_items = hello.min_rows.max(theirs.min_rows);
    let at_least = hello.at_least.max(theirs.at_least);
    let (ours, others) = (total.sums.len(), their_sums.len());
    let learn = [&names[0], &names[1]].map(|name| learns.contains(name));
    let ask = match side {
        Side::Sender => Ask { columns: [ours, others], at_least, learns: learn },
        Side::Receiver => Ask { columns: [others, ours], at_least, learns: [learn[1], learn[0]] },
    };
    let tables = [(names[0].as_str(), items.len() as u64), (names[1].as_str(), their_items)];
    let tables = match side {
        Side::Sender => tables,
        Side::Receiver => [tables[1], tables[0]],
    };
    bins("psi", tables, ours + others)?;
    note(
        &mut record,
        "totals",
        (&hello, &names, what),
        &[
            ("session", audit::hex(&session).into()),
            ("sizes", vec![items.len() as u64, their_items].into()),
            ("sums", total.sums.clone().into()),
            ("their_sums", their_sums.clone().into()),
            ("at_least", at_least.into()),
        ],
    )?;
    let options = Options { min_items, security: Security::SemiHonest, ..Options::new(session) };
    let words: Vec<&[u64]> = columns.iter().map(|column| column.as_slice()).collect();
    let rng = &mut StdRng::from_rng(&mut rand::rng());
    report("computing", 0.1);
    let result = aggregate::run(mesh, (side, ask), &items, &words, &options, rng);
    let (opened, mesh) = match result {
        Ok(done) => done,
        Err(error) => {
            let error = match error {
                privity_psi::Error::Identifiers(_) => repeated(source, what),
                error => error.into(),
            };
            let outcome = format!("not run: {}", error.for_peers());
            note(&mut record, "end", (&hello, &names, what), &[("outcome", outcome.into())])?;
            return Err(error);
        }
    };
    note(&mut record, "end", (&hello, &names, what), &[("outcome", "done".into())])?;
    let fixed = Fixed::default();
    Ok(opened.map(|opened| {
        let [first, second] = match side {
            Side::Sender => [(&names[0], &total.sums), (&names[1], &their_sums)],
            Side::Receiver => [(&names[1], &their_sums), (&names[0], &total.sums)],
        };
        let labels = [first, second].into_iter().flat_map(|(party, columns)| {
            columns.iter().map(move |column| (party.clone(), column.clone()))
        });
        Totals {
            count: opened.count,
            sums: labels
                .zip(&opened.sums)
                .map(|((party, column), &word)| (party, column, fixed.decode(word)))
                .collect(),
            bytes: [mesh.meter().sent(), mesh.meter().received()],
            rounds: mesh.clock(),
        }
    }))
}

/// Who learns, after all that this party can check by itself.
pub(super) fn permitted(
    what: &Intersect,
    total: &Total,
    policy: &Policy,
    names: &[String],
) -> Result<Vec<String>> {
    what.check_one_piece("totals are")?;
    let ask = |learns: &[String]| {
        let columns = what.on.iter().map(|c| &c.name).chain(&total.sums);
        policy.check(
            &names[0],
            &Request {
                operation: "totals",
                what: None,
                columns: columns.cloned().collect(),
                to: learns.iter().filter(|name| **name != names[0]).cloned().collect(),
            },
        )
    };
    allowed(what, names, ask)
}

/// Own items and the words of each column.
#[allow(clippy::type_complexity)]
fn read(
    reader: &Reader<'_>,
    session: &[u8; 32],
    source: &Source,
    (what, total): (&Intersect, &Total),
) -> Result<(Vec<privity_psi::Item>, Vec<Zeroizing<Vec<u64>>>)> {
    let Whole { items, rows, .. } = Whole::new(reader, session, what.memory)?;
    let positions = source.positions(total.sums.iter().map(String::as_str))?;
    let mut columns: Vec<Zeroizing<Vec<f64>>> =
        positions.iter().map(|_| Zeroizing::default()).collect();
    if !positions.is_empty() {
        let mut row = 0;
        for batch in source.read(&positions)? {
            let batch = batch?;
            for ((out, array), name) in columns.iter_mut().zip(batch.columns()).zip(&total.sums) {
                let wrong = |at: usize, rule: &str| {
                    let fix = "correct the cell, or leave the row out";
                    DataError::new(source.name(), rule, fix).column(name).row((row + at) as u64 + 1)
                };
                let cast = cast_with_options(array, &DataType::Float64, &CastOptions::default())
                    .map_err(|_| {
                        let rule = "the column is not one of numbers";
                        DataError::new(source.name(), rule, "sum columns of numbers").column(name)
                    })?;
                let numbers = cast.as_primitive::<Float64Type>();
                for at in 0..numbers.len() {
                    if numbers.is_null(at) || !numbers.value(at).is_finite() {
                        return Err(wrong(at, "the cell is no number").into());
                    }
                }
                out.extend_from_slice(numbers.values());
            }
            row += batch.num_rows();
        }
    }
    let fixed = Fixed::default();
    let columns = columns.iter().zip(&total.sums).map(|(numbers, name)| {
        let size: f64 = numbers.iter().map(|x| x.abs()).sum();
        if size >= 2f64.powi(42) {
            let rule = "the numbers are too large: their sum must stay below 2^42";
            let fix = "give them in thousands or millions";
            return Err(DataError::new(source.name(), rule, fix).column(name).into());
        }
        // Rows without an identifier are not among the items.
        let kept: Vec<f64> = rows.iter().map(|&row| numbers[row as usize]).collect();
        Ok(Zeroizing::new(fixed.encode_all(&Zeroizing::new(kept))?))
    });
    let columns = columns.collect::<Result<_>>()?;
    Ok((items, columns))
}

fn repeated(source: &Source, what: &Intersect) -> Error {
    let on: Vec<&str> = what.on.iter().map(|c| c.name.as_str()).collect();
    let fix = "remove or merge such rows; `privity psi` without totals names them";
    DataError::new(source.name(), "rows have the same identifier", fix).column(on.join(", ")).into()
}
