//! Alignment: from one table per owner to one joint table.

use super::{
    agree,
    context::Context,
    machine::{Counted, Demand, Joint, JointColumn, Object, Runner},
    ops::{named, outcome},
};
use crate::{
    error::{DataError, Error, Result},
    handle::TableId,
    key,
    outcome::{Kind, Outcome, Output},
    table::Table,
};
use privity_psi::{Item, Options};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an owner tells about its table.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Announced {
    /// Type of each part of the identifier.
    key: Vec<String>,
    columns: Vec<(String, Kind)>,
}

/// Longest announcement: some ten thousand columns.
const MAX_ANNOUNCED: usize = 1 << 20;

impl<E: Counted> Runner<E> {
    pub(super) fn check_align(
        &mut self,
        cx: &Context,
        id: TableId,
        on: &[String],
    ) -> Result<Demand> {
        named("align", on)?;
        let owners = cx.owners();
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
            to: owners.into_iter().collect(),
            what: None,
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

        let announced = announce(cx, on, own.as_deref(), keys.as_ref(), &planned)?;
        check_announced(cx, on, &owners, &announced)?;

        cx.report("intersection", 0.0);
        let rows: Option<Vec<u32>> = match (&own, keys) {
            (Some(_), Some(keys)) => Some(intersect(cx, &owners, &keys)?),
            _ => None,
        };
        let count = match cx.dry {
            Some(_) => Some(dry_intersect(cx, &owners, &planned)?),
            None => rows.as_ref().map(|r| r.len() as u64),
        };
        // The first owner tells those who have no table how many rows there are.
        let others: Vec<usize> = (0..cx.parties.len()).filter(|p| !owners.contains(p)).collect();
        let from = *owners.first().ok_or(Error::Internal("no owners"))?;
        let mine = count.filter(|_| cx.me == from).map(|n| vec![n]);
        let told = cx.wire.pass("joint/count", from, &others, mine.as_deref(), 1)?;
        let count = count
            .or(told.and_then(|t| t.first().copied()))
            .ok_or(Error::Internal("nobody said how many rows there are"))?;

        agree::consent(cx, enough(cx, own.as_deref(), on, count))?;

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
fn announce(
    cx: &mut Context,
    on: &[String],
    own: Option<&Table>,
    keys: Option<&key::Keys>,
    planned: &[Option<(crate::table::Schema, u64)>],
) -> Result<Vec<Announced>> {
    let of = |schema: &crate::table::Schema, key: Vec<String>| Announced {
        key,
        columns: schema
            .columns
            .iter()
            .filter(|c| !on.contains(&c.name))
            .map(|c| (c.name.clone(), c.kind))
            .collect(),
    };
    let bytes = |announced: &Announced| serde_json::to_vec(announced).unwrap_or_default();
    let mine = match (own, keys) {
        (Some(table), Some(keys)) => {
            of(&table.schema(), keys.types.iter().map(|t| (*t).to_owned()).collect())
        }
        _ => Announced::default(),
    };
    let all = cx.wire.exchange("joint/columns", &bytes(&mine), MAX_ANNOUNCED, |p| {
        let planned = planned.get(p).and_then(Option::as_ref);
        bytes(&planned.map_or(Announced::default(), |(schema, _)| {
            let key = on.iter().map(|name| {
                let column = schema.columns.iter().find(|c| c.name == *name);
                match column.map(|c| c.kind) {
                    Some(Kind::Number) => "integer".to_owned(),
                    _ => "text".to_owned(),
                }
            });
            of(schema, key.collect())
        }))
    })?;
    all.iter()
        .enumerate()
        .map(|(p, message)| {
            serde_json::from_slice(message).map_err(|_| {
                let name = &cx.parties[p].name;
                agree::stopped("align", name, "its announcement is malformed")
            })
        })
        .collect()
}

/// The same rules, on the same announcements, at every party.
fn check_announced(
    cx: &Context,
    on: &[String],
    owners: &[usize],
    announced: &[Announced],
) -> Result<()> {
    let name = |p: usize| &cx.parties[p].name;
    let mut seen: Vec<(&str, usize)> = Vec::new();
    let first = *owners.first().ok_or(Error::Internal("no owners"))?;
    for &owner in owners {
        let theirs = &announced[owner];
        for (i, part) in on.iter().enumerate() {
            let (a, b) = (announced[first].key.get(i), theirs.key.get(i));
            if a != b || a.is_none() {
                return Err(Error::argument(
                    "align",
                    format!(
                        "identifier '{part}' is {} at '{}' and {} at '{}'",
                        a.map_or("absent", String::as_str),
                        name(first),
                        b.map_or("absent", String::as_str),
                        name(owner)
                    ),
                    "convert it to the same type at all owners, text if in doubt",
                ));
            }
        }
        for (column, _) in &theirs.columns {
            if let Some((_, other)) = seen.iter().find(|(c, _)| c == column) {
                return Err(Error::argument(
                    "align",
                    format!(
                        "'{}' and '{}' both have a column '{column}'",
                        name(*other),
                        name(owner)
                    ),
                    "rename one of them, or leave it out",
                ));
            }
            seen.push((column, owner));
        }
    }
    Ok(())
}

fn intersect(cx: &mut Context, owners: &[usize], keys: &key::Keys) -> Result<Vec<u32>> {
    use super::wire::Wire;
    let id = cx.derive("psi");
    let items: Vec<Item> = keys.bytes.iter().map(|bytes| Item::new(&id, bytes)).collect();
    let Wire::Live(mesh) = &mut cx.wire else {
        return Err(Error::Internal("the links are closed"));
    };
    let mut psi = mesh.fork("psi", owners)?;
    psi.set_timeout(cx.timeout);
    let (op, sequence, progress) = (cx.op, cx.sequence, &mut cx.progress);
    let alignment = privity_psi::align_with_progress(
        &mut psi,
        &items,
        &Options::new(id),
        &mut rand::rng(),
        &mut |p| {
            if let Some(report) = progress {
                report(crate::outcome::Progress {
                    op,
                    sequence,
                    stage: "intersection",
                    fraction: p.done as f64 / p.total.max(1) as f64,
                });
            }
        },
    )?;
    cx.used = cx.used.plus(super::wire::Counters {
        sent: psi.meter().sent(),
        received: psi.meter().received(),
        rounds: psi.clock().into(),
    });
    Ok(alignment.rows)
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
    let cost = privity_psi::cost(&sizes, common, &Options::new([0; 32]))?;
    if let Some(i) = owners.iter().position(|&o| o == cx.me) {
        // Of two, the first sends the last message; of three, the one with the
        // smallest set does. All others wait for it.
        let last = match sizes.len() {
            2 => 0,
            _ => sizes.iter().position(|&n| n == least).unwrap_or(0),
        };
        let early = i == last && least > 0;
        cx.used = cx.used.plus(super::wire::Counters {
            sent: cost.sent[i],
            received: cost.received[i],
            rounds: u64::from(cost.rounds) - u64::from(early),
        });
    }
    Ok(common)
}

/// Whether there are enough common rows for this party.
fn enough(cx: &Context, own: Option<&Table>, on: &[String], count: u64) -> Result<()> {
    if count == 0 {
        let source = own.map_or("align", Table::source);
        return Err(DataError::new(
            source,
            "no row is common to all owners: the intersection is empty",
            "check that the owners' identifiers mean the same and are written the same way: case, \
             spaces, leading zeros, hashing",
        )
        .column(on.join(", "))
        .into());
    }
    let least = cx.policy.min_rows();
    if count < least && cx.dry.is_none() {
        return Err(Error::Refused {
            op: "align".into(),
            party: cx.name().into(),
            rule: format!("{count} common rows are fewer than min_rows = {least}"),
            fix: format!("min_rows = {count}"),
        });
    }
    Ok(())
}
