//! Alignment: from one table per owner to one joint table.

use super::{
    agree,
    context::Context,
    machine::{Counted, Demand, Joint, JointColumn, MAX_COLUMNS, Object, Runner},
    ops::{named, outcome},
};
use crate::{
    error::{DataError, Error, Result},
    handle::TableId,
    key,
    outcome::{Kind, Outcome, Output},
    table::{TYPE_NAMES, Table, fit_to_print},
};
use privity_psi::{
    Item, Options,
    vole::{self, Receiver, Sender},
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};

/// What an owner tells about its table.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Announced {
    /// Type of each part of the identifier.
    key: Vec<String>,
    pub(super) columns: Vec<(String, Kind)>,
    /// For a hidden alignment: how many rows.
    #[serde(default)]
    pub(super) rows: Option<u64>,
    /// For a hidden alignment: 1 for each column that has 0 and 1 only, else 0.
    #[serde(default)]
    pub(super) binary: String,
}

/// Longest announcement, of the most columns with names of the usual length.
const MAX_ANNOUNCED: usize = 1 << 20;

impl<E: Counted> Runner<E> {
    pub(super) fn check_align(
        &mut self,
        cx: &Context,
        id: TableId,
        (on, hidden): (&[String], bool),
    ) -> Result<Demand> {
        named("align", on)?;
        let owners = cx.owners();
        if hidden && owners.len() != 2 {
            return Err(Error::argument(
                "align",
                format!("{} parties own data", owners.len()),
                "a hidden alignment is for two data owners",
            ));
        }
        if !(2..=3).contains(&owners.len()) {
            return Err(Error::argument(
                "align",
                format!("{} parties own data", owners.len()),
                "alignment is for two or three data owners",
            ));
        }
        self.keys = None;
        if let Some(table) = self.bound("align", id)?.own.clone() {
            self.keys = Some(key::keys(&table, on)?);
        }
        Ok(Demand {
            sources: owners.iter().flat_map(|&o| on.iter().map(move |c| (o, c.clone()))).collect(),
            ..Demand::default()
        })
    }

    pub(super) fn run_align(
        &mut self,
        cx: &mut Context,
        id: TableId,
        on: &[String],
    ) -> Result<Outcome> {
        let owners = cx.owners();
        let bound = self.bound("align", id)?;
        let (own, planned) = (bound.own.clone(), bound.planned.clone());
        let keys = self.keys.take();

        let announced = announce(cx, on, own.as_deref(), keys.as_ref(), (&planned, false))?;
        check_announced(cx, on, &owners, &announced)?;

        cx.report("intersection", 0.0);
        let rows: Option<Common> = match (&own, keys) {
            (Some(_), Some(keys)) => Some(intersect(cx, &owners, &keys)?),
            _ => None,
        };
        let count = match (&cx.dry, &rows) {
            (Some(_), _) => Some(dry_intersect(cx, &owners, &planned)?),
            (None, Some(Common::Rows(rows))) => Some(rows.len() as u64),
            (None, Some(Common::TableTooSmall)) => Some(0),
            (None, None) => None,
        };
        let told = tell_count(cx, &owners, count)?;
        let count = count.or(told).ok_or(Error::Internal("nobody said how many rows there are"))?;
        let small = matches!(rows, Some(Common::TableTooSmall));
        let source = own.as_deref().map_or("align", Table::source);
        let verdict = enough(cx, source, on, count, small);
        agree::consent(cx, verdict)?;
        let rows = match rows {
            Some(Common::Rows(rows)) => Some(rows),
            Some(Common::TableTooSmall) | None => None,
        };

        let rows = rows.map(Arc::new);
        let mut columns = Vec::new();
        for &owner in &owners {
            for (name, kind) in &announced[owner].columns {
                let local = match (&own, &rows) {
                    (Some(table), Some(rows)) if owner == cx.me => {
                        Some(Arc::new(table.column(name)?.take(rows)))
                    }
                    _ => None,
                };
                columns.push(JointColumn {
                    name: name.clone(),
                    kind: *kind,
                    owner: Some(owner),
                    local,
                    shared: None,
                    label: None,
                    made_by: Vec::new(),
                    sources: [(owner, name.clone())].into(),
                    bins: None,
                    hidden: None,
                });
            }
        }
        let joint = Joint {
            row_set: self.new_row_set(),
            rows: usize::try_from(count).map_err(|_| Error::Internal("too many rows"))?,
            columns,
            origin: own.zip(rows),
        };
        let infos = joint.infos(&cx.parties);
        let id = TableId(self.insert(Object::Table(joint)));
        Ok(outcome(Output::Table { id, rows: count, columns: infos }, Vec::new()))
    }
}

/// Everybody tells everybody the names and kinds of its columns.
pub(super) fn announce(
    cx: &mut Context,
    on: &[String],
    own: Option<&Table>,
    keys: Option<&key::Keys>,
    (planned, hidden): (&[Option<(crate::table::Schema, u64)>], bool),
) -> Result<Vec<Announced>> {
    let columns = |schema: &crate::table::Schema| {
        let columns: Vec<(String, Kind)> = schema
            .columns
            .iter()
            .filter(|c| !on.contains(&c.name))
            .map(|c| (c.name.clone(), c.kind))
            .collect();
        columns.into_iter()
    };
    let of = |schema: &crate::table::Schema, rows: u64, key: Vec<String>| Announced {
        key,
        rows: hidden.then_some(rows),
        binary: match own {
            Some(table) if hidden => binary(table, on),
            // What a dry run cannot know it takes to be so.
            None if hidden => columns(schema).map(|_| '1').collect(),
            _ => String::new(),
        },
        columns: columns(schema).collect(),
    };
    let bytes = |announced: &Announced| serde_json::to_vec(announced).unwrap_or_default();
    let mine = match (own, keys) {
        (Some(table), Some(keys)) => {
            let rows = table.rows() as u64;
            of(&table.schema(), rows, keys.types.iter().map(|t| (*t).to_owned()).collect())
        }
        _ => Announced::default(),
    };
    let all = cx.wire.exchange("joint/columns", &bytes(&mine), MAX_ANNOUNCED, |p| {
        let planned = planned.get(p).and_then(Option::as_ref);
        bytes(&planned.map_or(Announced::default(), |(schema, rows)| {
            let key = on.iter().map(|name| {
                let column = schema.columns.iter().find(|c| c.name == *name);
                match column.map(|c| c.kind) {
                    Some(Kind::Number) => "integer".to_owned(),
                    _ => "text".to_owned(),
                }
            });
            of(schema, *rows, key.collect())
        }))
    })?;
    all.iter()
        .enumerate()
        .map(|(p, message)| {
            serde_json::from_slice(message)
                .map_err(|_| cx.deviation(p, "its announcement is malformed"))
        })
        .collect()
}

/// For each column beside the identifier, whether it has 0 and 1 only.
fn binary(table: &Table, on: &[String]) -> String {
    let names = table.column_names().filter(|name| !on.iter().any(|on| on == name));
    let flag = |name: &str| {
        let numbers = table.column(name).ok().and_then(|column| column.to_numbers());
        match numbers.is_some_and(|x| x.iter().all(|&x| x == 0.0 || x == 1.0)) {
            true => '1',
            false => '0',
        }
    };
    names.map(flag).collect()
}

/// The same rules, on the same announcements, at every party.
pub(super) fn check_announced(
    cx: &Context,
    on: &[String],
    owners: &[usize],
    announced: &[Announced],
) -> Result<()> {
    let name = |p: usize| &cx.parties[p].name;
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let first = *owners.first().ok_or(Error::Internal("no owners"))?;
    for &owner in owners {
        let theirs = &announced[owner];
        let words = theirs.key.iter().all(|word| TYPE_NAMES.contains(&word.as_str()));
        if theirs.key.len() != on.len() || !words {
            return Err(cx.deviation(owner, "the types of its identifier are none"));
        }
        if ![0, theirs.columns.len()].contains(&theirs.binary.len()) {
            return Err(cx.deviation(owner, "it says of more or fewer columns what they hold"));
        }
        if theirs.columns.len() > MAX_COLUMNS {
            return Err(cx.deviation(owner, format!("it has more than {MAX_COLUMNS} columns")));
        }
        if !theirs.columns.iter().all(|(column, _)| fit_to_print(column)) {
            let rule =
                "a name of a column is empty, longer than 256 bytes or has control characters";
            return Err(cx.deviation(owner, rule));
        }
        for (i, part) in on.iter().enumerate() {
            let (a, b) = (&announced[first].key[i], &theirs.key[i]);
            if a != b {
                return Err(Error::argument(
                    "align",
                    format!(
                        "identifier '{part}' is {a} at '{}' and {b} at '{}'",
                        name(first),
                        name(owner)
                    ),
                    "convert it to the same type at all owners, text if in doubt",
                ));
            }
        }
        for (column, _) in &theirs.columns {
            let Some(other) = seen.insert(column, owner) else { continue };
            return Err(Error::argument(
                "align",
                match other == owner {
                    true => format!("'{}' has two columns '{column}'", name(owner)),
                    false => format!(
                        "'{}' and '{}' both have a column '{column}'",
                        name(other),
                        name(owner)
                    ),
                },
                "rename one of them, or leave it out",
            ));
        }
    }
    match seen.len() > MAX_COLUMNS {
        true => Err(Error::argument(
            "align",
            format!("the table would have {} columns", seen.len()),
            format!("at most {MAX_COLUMNS} are possible: leave some out"),
        )),
        false => Ok(()),
    }
}

/// What the owners find.
enum Common {
    /// Own rows that all of them have.
    Rows(Vec<u32>),
    /// A table has fewer rows than `min_rows`: nothing was compared.
    TableTooSmall,
}

fn intersect(cx: &mut Context, owners: &[usize], keys: &key::Keys) -> Result<Common> {
    use super::wire::Wire;
    let id = cx.derive("psi");
    let items: Vec<Item> = keys.bytes.iter().map(|bytes| Item::new(&id, bytes)).collect();
    let Wire::Live(mesh) = &mut cx.wire else {
        return Err(Error::Internal("the links are closed"));
    };
    let mut psi = mesh.fork("psi", owners)?;
    psi.set_timeout(cx.timeout);
    let (op, sequence, progress) = (cx.op, cx.sequence, &mut cx.progress);
    let rng = &mut rand::rng();
    let alignment = if owners.len() == 2 {
        let options = &two_owners(id, cx.min_rows);
        match psi.me() {
            0 => Sender::new(&mut psi, 1, options, rng)
                .and_then(|mut sender| sender.run_and_learn(&mut psi, &items, rng)),
            _ => Receiver::new(&mut psi, 0, options, rng)
                .and_then(|mut receiver| receiver.run_and_tell(&mut psi, &items, rng)),
        }
    } else {
        let options = Options { min_items: cx.min_rows, ..Options::new(id) };
        privity_psi::align_with_progress(&mut psi, &items, &options, rng, &mut |p| {
            if let Some(report) = progress {
                report(crate::outcome::Progress {
                    op,
                    sequence,
                    stage: "intersection",
                    fraction: p.done as f64 / p.total.max(1) as f64,
                });
            }
        })
        .map(|alignment| alignment.rows)
    };
    cx.used = cx.used.plus(super::wire::Counters {
        sent: psi.meter().sent(),
        received: psi.meter().received(),
        rounds: psi.clock().into(),
    });
    match alignment {
        Ok(rows) => Ok(Common::Rows(rows)),
        Err(privity_psi::Error::TooFew { .. }) => Ok(Common::TableTooSmall),
        Err(error) => Err(error.into()),
    }
}

/// Of two owners, the first sends and the second finds out and tells. Checks
/// against a malicious party cost little and are always on.
fn two_owners(id: [u8; 32], min_items: u64) -> vole::Options {
    vole::Options { min_items, ..vole::Options::new(id) }
}

/// Every owner tells those who have no table how many rows there are, or 0 if
/// they are too few to go on with; these compare what they are told.
fn tell_count(cx: &mut Context, owners: &[usize], count: Option<u64>) -> Result<Option<u64>> {
    let others: Vec<usize> = (0..cx.parties.len()).filter(|p| !owners.contains(p)).collect();
    let mine = count.map(|n| [if n < cx.min_rows { 0 } else { n }]);
    let mut told: Option<u64> = None;
    for &owner in owners {
        let mine = mine.as_ref().filter(|_| owner == cx.me).map(|n| n.as_slice());
        let said = cx.wire.pass("joint/count", owner, &others, mine, 1)?;
        let said = said.filter(|_| others.contains(&cx.me)).and_then(|n| n.first().copied());
        let Some(said) = said else { continue };
        if said > u64::from(u32::MAX) {
            return Err(cx.deviation(owner, "it claims 2^32 common rows or more"));
        }
        if told.is_some_and(|told| told != said) {
            return Err(
                cx.deviation(owner, "it counts other common rows than the owners before it")
            );
        }
        told = Some(said);
    }
    Ok(told)
}

/// Counts what the intersection would cost and assumes its size.
fn dry_intersect(
    cx: &mut Context,
    owners: &[usize],
    planned: &[Option<(crate::table::Schema, u64)>],
) -> Result<u64> {
    let sizes: Vec<u64> = owners
        .iter()
        .map(|&o| planned.get(o).and_then(Option::as_ref).map_or(0, |(_, rows)| *rows))
        .collect();
    let least = sizes.iter().copied().min().unwrap_or(0);
    let assumed = cx.dry.as_ref().and_then(|plan| plan.assume.common_rows);
    let common = assumed.unwrap_or(least).min(least);
    let Some(i) = owners.iter().position(|&o| o == cx.me) else { return Ok(common) };
    if let [sender, receiver] = sizes[..] {
        let sizes = [sender, receiver].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let told = usize::try_from(common).unwrap_or(usize::MAX);
        let cost = vole::cost(&two_owners([0; 32], 0), sizes, Some(told))?;
        let sent = [cost.sender, cost.receiver];
        cx.used = cx.used.plus(super::wire::Counters {
            sent: sent[i],
            received: sent[1 - i],
            rounds: cost.rounds[i].into(),
        });
    } else {
        let cost = privity_psi::cost(&sizes, common, &Options::new([0; 32]))?;
        // The one with the smallest set sends the last message; the others wait for it.
        let last = sizes.iter().position(|&n| n == least).unwrap_or(0);
        let early = i == last && least > 0;
        cx.used = cx.used.plus(super::wire::Counters {
            sent: cost.sent[i],
            received: cost.received[i],
            rounds: u64::from(cost.rounds) - u64::from(early),
        });
    }
    Ok(common)
}

/// Whether there are enough common rows for all parties. With a `small` table,
/// nobody knows how many there are.
pub(super) fn enough(
    cx: &Context,
    source: &str,
    on: &[String],
    count: u64,
    small: bool,
) -> Result<()> {
    if count > 0 && (count >= cx.min_rows || cx.dry.is_some()) {
        return Ok(());
    }
    let least = format!("min_rows = {}, the largest of all policies", cx.min_rows);
    let rule = if small {
        format!("a table has fewer rows than {least}")
    } else if cx.min_rows <= 1 {
        "no row is common to all owners: the intersection is empty".into()
    } else {
        format!("fewer rows are common to all owners than {least}")
    };
    let fix = match small {
        true => "bring more rows, or agree on a smaller min_rows",
        false => {
            "check that the owners' identifiers mean the same and are written the same way: case, \
             leading zeros, hashing; or agree on a smaller min_rows"
        }
    };
    Err(DataError::new(source, rule, fix).column(on.join(", ")).into())
}
