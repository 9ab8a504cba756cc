//! Alignment that tells nobody who is in the intersection, and learning from tables
//! that no party can read.
//!
//! **Protocol.** The two owners run [`privity_psi::circuit`]: the second one's rows lie
//! in bins, the first one's columns are the payloads. Tags, payloads and the second
//! one's columns are shared in the engine, which compares the tags to a bit for each
//! bin. Bits and columns are moved by a permutation that nobody knows; then the bits
//! are opened, and the rows with a 1 are the joint table.
//!
//! **Leakage.** All parties learn how many rows the owners have and how many are
//! common. The opened bits stand in an order that is uniform and unknown to all, so
//! that they tell their number and nothing else. Semi-honest, as the circuit and the
//! engine are.
//!
//! **Tables.** Columns have an owner still, whose policy is asked, but no values at
//! it: numbers are shared as fixed point, text as its number in the owner's list of
//! levels. What an owner checks elsewhere by looking is checked on its whole table
//! before (a label has only 0 and 1), or under sharing (rows per class).
//!
//! **Bins of weights of evidence** are those that the owner would find in the common
//! rows: column x is sorted under sharing, and with n rows and k bins edge j is
//!
//! \\[ k\,e_j = k\,x_{(l)} + m\,(x_{(l+1)} - x_{(l)}), \qquad
//!    l = \lfloor j(n-1)/k \rfloor,\ m = j(n-1) \bmod k, \qquad (1) \\]
//!
//! k times the quantile by linear interpolation, an exact integer; row i lies beyond
//! edge j if \\(k\,x_i > k\,e_j\\). Equal edges make empty bins, which take the
//! weight of the next one that is not, or of the one before (2): as if they had been
//! merged, which nobody learns.

use super::{
    agree,
    align::{Announced, announce, check_announced, enough},
    columns::planned_levels,
    context::Context,
    machine::{Counted, Hidden, Joint, JointColumn, Object, Runner, WoeColumn},
    ops::outcome,
};
use crate::{
    bins::bins,
    error::{DataError, Error, Result},
    gate::{self, Permit},
    handle::TableId,
    key,
    outcome::{Kind, Outcome, Output},
    table::{Column, Table},
};
use privity_core::Fixed;
use privity_mpc::{
    engine::RingShares,
    table::sort::{Key, sort},
};
use privity_psi::{
    Item,
    circuit::{self, Binned},
    vole,
};
use std::sync::Arc;
use zeroize::Zeroizing;

impl<E: Counted> Runner<E> {
    pub(super) fn run_align_hidden(
        &mut self,
        cx: &mut Context,
        id: TableId,
        on: &[String],
        permit: &Permit,
    ) -> Result<Outcome> {
        let owners = cx.owners();
        let [first, second] = owners[..] else {
            return Err(Error::Internal("a hidden alignment of other than two owners"));
        };
        let bound = self.bound(cx.op, id)?;
        let (own, planned) = (bound.own.clone(), bound.planned.clone());
        let keys = self.keys.take();
        let announced = announce(cx, on, own.as_deref(), keys.as_ref(), (&planned, true))?;
        check_announced(cx, on, &owners, &announced)?;
        let sizes = [first, second].map(|o| announced[o].rows.unwrap_or(0));
        let tables = [(first, sizes[0]), (second, sizes[1])];
        let bins = bins(
            cx.op,
            tables.map(|(owner, rows)| (cx.parties[owner].name.as_str(), rows)),
            owners.iter().map(|&o| announced[o].columns.len()).sum(),
        )?;
        if owners.iter().any(|&o| announced[o].binary.len() != announced[o].columns.len()) {
            return Err(cx.deviation(first, "an owner does not say what its columns hold"));
        }

        cx.report("intersection", 0.0);
        let payloads = announced[first].columns.len();
        let encoded = own.as_deref().map(|t| encode(t, &announced[cx.me], self.fixed)).transpose();
        let (encoded, verdict) = match encoded {
            Ok(encoded) => (encoded, Ok(())),
            Err(error) => (None, Err(error)),
        };
        agree::consent(cx, verdict)?;
        let binned = match (&encoded, keys) {
            (Some(encoded), Some(keys)) => {
                Some(run_circuit(cx, [first, second], &keys, encoded, payloads)?)
            }
            _ => None,
        };
        if cx.dry.is_some() {
            count_circuit(cx, [first, second], sizes.map(|rows| rows as usize), payloads)?;
        }
        let (binned, small) = match binned {
            Some(Found::Binned(binned)) => (Some(binned), false),
            Some(Found::TableTooSmall) => (None, true),
            None => (None, false),
        };
        if small {
            let source = own.as_deref().map_or("align", Table::source);
            agree::consent(cx, enough(cx, source, on, 0, true))?;
        } else {
            agree::consent(cx, Ok(()))?;
        }

        // Tags and payloads, from both owners; then the second one's columns.
        let words = |party: usize| {
            let binned = binned.as_ref().filter(|_| party == cx.me)?;
            let mut all = Zeroizing::new(Vec::with_capacity(bins * (1 + payloads)));
            all.extend_from_slice(&binned.tags);
            binned.payloads.iter().for_each(|p| all.extend_from_slice(p));
            Some(all)
        };
        let (r, s) = (words(first), words(second));
        let binned_columns = encoded.as_ref().zip(binned.as_ref()).filter(|_| cx.me == second);
        let theirs = binned_columns.map(|(columns, binned)| {
            let mut all = Zeroizing::new(Vec::with_capacity(bins * columns.len()));
            for column in columns {
                all.extend(binned.rows.iter().map(|row| row.map_or(0, |row| column[row as usize])));
            }
            all
        });
        let len = bins * (1 + payloads);
        let r = self.share(cx, first, r.as_ref().map(|w| w.as_slice()), len)?;
        let s = self.share(cx, second, s.as_ref().map(|w| w.as_slice()), len)?;
        let len = bins * announced[second].columns.len();
        let theirs = self.share(cx, second, theirs.as_ref().map(|w| w.as_slice()), len)?;
        let common = self.engine.is_zero(&s.slice(0..bins).sub(&r.slice(0..bins)))?;
        let common = self.engine.bit_to_ring(&common)?;
        let sum = s.add(&r);
        let column = |of: &E::Ring, i: usize| of.slice(i * bins..(i + 1) * bins);
        let mut all = vec![common];
        all.extend((1..=payloads).map(|i| column(&sum, i)));
        all.extend((0..announced[second].columns.len()).map(|i| column(&theirs, i)));
        let permutation = self.engine.random_permutation(bins)?;
        let moved = self.engine.shuffle(&permutation, &all.iter().collect::<Vec<_>>())?;
        let (common, moved) = moved.split_first().ok_or(Error::Internal("no column came back"))?;

        let everybody = cx.everybody();
        let opened = gate::reveal(&mut self.engine, cx, common, &everybody, permit)?;
        let rows: Vec<usize> = match opened {
            Some(bits) => (0..bins).filter(|&i| bits[i] == 1).collect(),
            None => (0..assumed(cx, &announced, [first, second]).min(bins)).collect(),
        };
        let source = own.as_deref().map_or("align", Table::source);
        let verdict = enough(cx, source, on, rows.len() as u64, false);
        agree::consent(cx, verdict)?;

        let mut columns = Vec::new();
        let mut moved = moved.iter();
        for owner in [first, second] {
            let flags = announced[owner].binary.bytes();
            for ((name, kind), flag) in announced[owner].columns.iter().zip(flags) {
                let shared = moved.next().ok_or(Error::Internal("a column did not come back"))?;
                let levels = match (&own, kind) {
                    (Some(table), Kind::Text) if owner == cx.me => levels(table, name)?,
                    _ => None,
                };
                columns.push(JointColumn {
                    name: name.clone(),
                    kind: *kind,
                    owner: Some(owner),
                    local: None,
                    shared: Some(shared.gather(&rows)),
                    label: None,
                    made_by: Vec::new(),
                    sources: [(owner, name.clone())].into(),
                    bins: None,
                    hidden: Some(Hidden { binary: flag == b'1', levels: levels.map(Arc::new) }),
                });
            }
        }
        let joint = Joint { row_set: self.new_row_set(), rows: rows.len(), columns, origin: None };
        let (count, infos) = (joint.rows as u64, joint.infos(&cx.parties));
        let id = TableId(self.insert(Object::Table(joint)));
        Ok(outcome(Output::Table { id, rows: count, columns: infos }, Vec::new()))
    }

    /// For each row, 1 at the place of its bin in each of these hidden columns and 0
    /// elsewhere; with the edges that the rows have, or those that are given.
    pub(super) fn hidden_indicators(
        &mut self,
        table: &Joint<E::Ring>,
        rules: &[(&WoeColumn, Option<&E::Ring>)],
    ) -> Result<E::Ring> {
        let rows = table.rows;
        let mut planes = Vec::new();
        for (rule, edges) in rules {
            let column = table.column("woe", &rule.column)?;
            let x = column.shared.as_ref().ok_or(Error::Internal("a column is not shared"))?;
            let k = rule.bins as usize;
            let Some(edges) = edges else {
                planes.push(self.level_bits(x, k)?);
                continue;
            };
            if k == 1 {
                planes.push(self.engine.public(&vec![1; rows]));
                continue;
            }
            // (1): k e_j < k x_i
            planes.push(self.bin_planes(&x.scale(k as u64), edges)?);
        }
        Ok(E::Ring::concat(&planes.iter().collect::<Vec<_>>()).transpose(rows))
    }

    /// For each bin edges\[j-1\] < x <= edges\[j\], of which there is one more than edges, and
    /// each row, 1 or 0.
    pub(super) fn bin_planes(&mut self, x: &E::Ring, edges: &E::Ring) -> Result<E::Ring> {
        let rows = x.len();
        let beyond = edges.repeat_each(rows).sub(&x.tile(edges.len()));
        let beyond = self.engine.is_negative(&beyond)?;
        let beyond = self.engine.bit_to_ring(&beyond)?;
        let ones = self.engine.public(&vec![1; rows]);
        let from = E::Ring::concat(&[&ones, &beyond]);
        let to = E::Ring::concat(&[&beyond, &E::Ring::zeros(rows)]);
        Ok(from.sub(&to))
    }

    /// For each of `levels` levels, whether rows have it, as integers 0 and 1.
    pub(super) fn level_bits(&mut self, codes: &E::Ring, levels: usize) -> Result<E::Ring> {
        let rows = codes.len();
        let each: Vec<u64> =
            (0..levels as u64).flat_map(|l| std::iter::repeat_n(l, rows)).collect();
        let differences = codes.tile(levels).sub(&self.engine.public(&each));
        let same = self.engine.is_zero(&differences)?;
        Ok(self.engine.bit_to_ring(&same)?)
    }

    /// (1) of a column: k - 1 edges, k times as large.
    pub(super) fn hidden_edges(&mut self, x: &E::Ring, k: u32) -> Result<E::Ring> {
        let n = x.len();
        let sorted = sort(&mut self.engine, &[Key::signed(x, VALUE_BITS)], &[])?;
        let sorted = sorted.first().ok_or(Error::Internal("no column came back"))?;
        let (mut low, mut high, mut part) = (Vec::new(), Vec::new(), Vec::new());
        for j in 1..k as usize {
            let (l, m) = (j * (n - 1) / k as usize, j * (n - 1) % k as usize);
            low.push(l);
            high.push((l + 1).min(n - 1));
            part.push(m as u64);
        }
        let (low, high) = (sorted.gather(&low), sorted.gather(&high));
        Ok(low.scale(k.into()).add(&high.sub(&low).mul_public(&part)))
    }

    /// (2): gives empty bins of hidden columns of numbers the weight of a neighbour.
    pub(super) fn fill_empty(
        &mut self,
        weights: &E::Ring,
        counts: &E::Ring,
        columns: &[(usize, bool)],
    ) -> Result<E::Ring> {
        let empty = self.engine.is_zero(counts)?;
        let empty = self.engine.bit_to_ring(&empty)?;
        let mut parts = Vec::new();
        let mut start = 0;
        for &(k, numbers) in columns {
            let at = |of: &E::Ring, j: usize| of.slice(start + j..start + j + 1);
            let mut w: Vec<E::Ring> = (0..k).map(|j| at(weights, j)).collect();
            let mut e: Vec<E::Ring> = (0..k).map(|j| at(&empty, j)).collect();
            start += k;
            if numbers {
                // From the right, then what is still empty from the left: weights of
                // empty bins are 0.
                let places = (0..k - 1).rev().map(|j| (j, j + 1)).chain((1..k).map(|j| (j, j - 1)));
                for (j, from) in places {
                    let both = E::Ring::concat(&[&w[from], &e[from]]);
                    let both = self.engine.mul(&e[j].tile(2), &both, 0)?;
                    w[j] = w[j].add(&both.slice(0..1));
                    e[j] = both.slice(1..2);
                }
            }
            parts.extend(w);
        }
        Ok(E::Ring::concat(&parts.iter().collect::<Vec<_>>()))
    }

    /// Opens to everybody whether each class of a hidden label has `min_cell` rows,
    /// and one at least.
    pub(super) fn check_classes(
        &mut self,
        cx: &mut Context,
        (id, label): (TableId, &str),
        y: &E::Ring,
        permit: &Permit,
    ) -> Result<()> {
        if self.joint(cx.op, id)?.column(cx.op, label)?.hidden.is_none() {
            return Ok(());
        }
        let least = cx.min_cell.max(1);
        let ones = y.sum_columns(1);
        let zeros = self.engine.add_public(&ones.neg(), &[y.len() as u64]);
        let both = E::Ring::concat(&[&ones, &zeros]);
        let few = self.engine.is_negative(&both.sub(&self.engine.public(&[least; 2])))?;
        let enough = self.engine.not(&few);
        let enough = self.engine.bit_to_ring(&enough)?;
        let enough = self.engine.mul(&enough.slice(0..1), &enough.slice(1..2), 0)?;
        let everybody = cx.everybody();
        let opened = gate::reveal(&mut self.engine, cx, &enough, &everybody, permit)?;
        if opened.is_none_or(|bit| bit == [1]) {
            return Ok(());
        }
        Err(DataError::new(
            "joint table",
            format!("a class has fewer rows than {least}: min_cell, the largest of all policies"),
            "use more rows, or agree on a smaller min_cell",
        )
        .column(label)
        .into())
    }

    /// A hidden column of 0 and 1 as integers.
    pub(super) fn hidden_label(&mut self, x: &E::Ring) -> Result<E::Ring> {
        // 1/2 - x < 0
        let half = self.engine.public(&vec![self.fixed.constant(0.5); x.len()]);
        let bits = self.engine.is_negative(&half.sub(x))?;
        Ok(self.engine.bit_to_ring(&bits)?)
    }
}

impl<R: RingShares> Joint<R> {
    /// Whether it has a column whose values nobody has.
    pub(super) fn refuse_hidden(&self, op: &str, name: &str, fix: &str) -> Result<()> {
        match self.column(op, name)?.hidden {
            None => Ok(()),
            Some(_) => Err(Error::argument(
                op,
                format!("column '{name}' is hidden from its owner too"),
                fix,
            )),
        }
    }
}

/// Levels of a hidden column as its owner or a plan has them.
pub(super) fn levels_told<R: RingShares>(
    cx: &Context,
    column: &JointColumn<R>,
    owner: usize,
) -> Option<Vec<String>> {
    let hidden = column.hidden.as_ref()?;
    match &cx.dry {
        Some(plan) => {
            let n = planned_levels(plan, owner, &column.name).unwrap_or(5);
            Some((0..n).map(|i| format!("level{i}")).collect())
        }
        None => hidden.levels.as_ref().map(|levels| levels.to_vec()),
    }
}

/// What the owners' protocol gives.
enum Found {
    Binned(Binned),
    /// A table has fewer rows than `min_rows`: nothing was compared.
    TableTooSmall,
}

fn run_circuit(
    cx: &mut Context,
    owners: [usize; 2],
    keys: &key::Keys,
    columns: &[Zeroizing<Vec<u64>>],
    payloads: usize,
) -> Result<Found> {
    use super::wire::Wire;
    let id = cx.derive("psi");
    let items: Vec<Item> = keys.bytes.iter().map(|bytes| Item::new(&id, bytes)).collect();
    let Wire::Live(mesh) = &mut cx.wire else {
        return Err(Error::Internal("the links are closed"));
    };
    let mut psi = mesh.fork("psi", &owners)?;
    psi.set_timeout(cx.timeout);
    let (options, rng) = (&options(id, cx.min_rows), &mut rand::rng());
    let binned = match psi.me() {
        0 => circuit::Sender::new(&mut psi, 1, options, rng).and_then(|mut sender| {
            let payloads: Vec<&[u64]> = columns.iter().map(|c| c.as_slice()).collect();
            sender.run(&mut psi, &items, &payloads, rng)
        }),
        _ => circuit::Receiver::new(&mut psi, 0, options, rng)
            .and_then(|mut receiver| receiver.run(&mut psi, &items, payloads, rng)),
    };
    cx.used = cx.used.plus(super::wire::Counters {
        sent: psi.meter().sent(),
        received: psi.meter().received(),
        rounds: psi.clock().into(),
    });
    match binned {
        Ok(binned) => Ok(Found::Binned(binned)),
        Err(privity_psi::Error::TooFew { .. }) => Ok(Found::TableTooSmall),
        Err(error) => Err(error.into()),
    }
}

/// The circuit is semi-honest, and the engine too.
fn options(id: [u8; 32], min_items: u64) -> vole::Options {
    vole::Options { min_items, security: vole::Security::SemiHonest, ..vole::Options::new(id) }
}

/// Counts what [`run_circuit`] would send.
fn count_circuit(
    cx: &mut Context,
    owners: [usize; 2],
    sizes: [usize; 2],
    payloads: usize,
) -> Result<()> {
    let Some(i) = owners.iter().position(|&o| o == cx.me) else { return Ok(()) };
    let cost = circuit::cost(&options([0; 32], 0), sizes, payloads)?;
    let sent = [cost.sender, cost.receiver];
    cx.used = cx.used.plus(super::wire::Counters {
        sent: sent[i],
        received: sent[1 - i],
        rounds: cost.rounds[i].into(),
    });
    Ok(())
}

/// The common rows that a dry run assumes.
fn assumed(cx: &Context, announced: &[Announced], owners: [usize; 2]) -> usize {
    let least = owners.iter().filter_map(|&o| announced[o].rows).min().unwrap_or(0);
    let assumed = cx.dry.as_ref().and_then(|plan| plan.assume.common_rows);
    assumed.unwrap_or(least).min(least) as usize
}

/// The columns that were announced, as words: fixed point, or numbers of levels.
fn encode(table: &Table, announced: &Announced, fixed: Fixed) -> Result<Vec<Zeroizing<Vec<u64>>>> {
    let words = announced.columns.iter().map(|(name, _)| match table.column(name)? {
        Column::Text { levels, codes } => {
            let sorted = sorted(levels);
            let place = |level: &String| sorted.binary_search(&level).unwrap_or(0) as u64;
            let places: Vec<u64> = levels.iter().map(place).collect();
            Ok(Zeroizing::new(codes.iter().map(|&c| places[c as usize]).collect()))
        }
        column => {
            let numbers = Zeroizing::new(column.to_numbers().unwrap_or_default());
            let limit = 2f64.powi(VALUE_BITS as i32 - 1 - fixed.frac_bits() as i32);
            if let Some(row) = numbers.iter().position(|x| x.abs() >= limit) {
                let fix = "rescale the column, or leave it out";
                return Err(table.cell(name, row, "the number is too large", fix).into());
            }
            Ok(Zeroizing::new(fixed.encode_all(&numbers)?))
        }
    });
    words.collect()
}

fn levels(table: &Table, name: &str) -> Result<Option<Vec<String>>> {
    Ok(match table.column(name)? {
        Column::Text { levels, .. } => Some(sorted(levels).into_iter().cloned().collect()),
        _ => None,
    })
}

fn sorted(levels: &[String]) -> Vec<&String> {
    let mut sorted: Vec<&String> = levels.iter().collect();
    sorted.sort_unstable();
    sorted
}

/// Hidden numbers have this many bits as fixed point, the sign included; 100 bins
/// make 7 more in (1), and a difference one.
const VALUE_BITS: u32 = 53;
