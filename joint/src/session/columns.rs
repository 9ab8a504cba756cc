//! Rows and columns: split, select, standardise, one-hot, and applying what
//! was learned about columns.

use super::{
    context::Context,
    hidden::levels_told,
    machine::{
        Counted, Cuts, Demand, Hidden, Joint, JointColumn, Levels, MAX_COLUMNS, Object, Runner,
        Scaled, Transform, Woe, WoeColumn, not_numbers,
    },
    ops::{named, outcome},
};
use crate::{
    error::{Error, Result},
    gate::{self, Permit},
    handle::{TableId, TransformId},
    model::woe,
    op::SplitBy,
    outcome::{Kind, Outcome, Output, Warning},
    table::{Column, fit_to_print},
};
use privity_core::prg::Prg;
use privity_mpc::engine::RingShares;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest list of level names of one column, as bytes.
const MAX_LEVELS: usize = 1 << 21;
/// Most words for the bins of all rows: 2 GiB.
pub(super) const MAX_INDICATORS: usize = 1 << 28;
/// Levels that a dry run assumes where the schema says nothing.
const GUESSED_LEVELS: u32 = 5;

impl<E: Counted> Runner<E> {
    /// A label, or another column of 0 and 1: its owner checks the values.
    /// With `least`, each must occur, and that often.
    pub(super) fn check_label(
        &self,
        op: &str,
        id: TableId,
        name: &str,
        least: Option<u64>,
    ) -> Result<()> {
        let table = self.joint(op, id)?;
        let column = table.column(op, name)?;
        if column.owner.is_none() {
            return Err(Error::argument(
                op,
                format!("column '{name}' was made by a transformation"),
                "use a column of 0 and 1 that one party owns",
            ));
        }
        if column.kind == Kind::Text {
            return Err(Error::argument(
                op,
                format!("column '{name}' is text"),
                "make a column of 0 and 1 of it before binding, 1 for the event",
            ));
        }
        if column.hidden.as_ref().is_some_and(|hidden| !hidden.binary) {
            return Err(Error::argument(
                op,
                format!("column '{name}' has other values than 0 and 1 in its owner's table"),
                "a label is 1 where the event happened and 0 elsewhere",
            ));
        }
        let Some(local) = &column.local else { return Ok(()) };
        let values = local.to_numbers().ok_or_else(|| not_numbers(op, name))?;
        if let Some(row) = values.iter().position(|&v| v != 0.0 && v != 1.0) {
            return Err(table.cell_error(
                name,
                row,
                "the value is neither 0 nor 1",
                "a label is 1 where the event happened and 0 elsewhere; a split column is 1 in the first part",
            ));
        }
        let Some(least) = least else { return Ok(()) };
        if local.is_constant() {
            return Err(table.column_error(
                name,
                "all rows have the same value: there is one class only",
                "use rows with both outcomes; check the rule of the split",
            ));
        }
        let ones = values.iter().filter(|&&v| v == 1.0).count();
        if (ones.min(values.len() - ones) as u64) < least {
            return Err(table.column_error(
                name,
                &format!(
                    "a class has fewer rows than min_cell = {least}, the largest of all policies"
                ),
                "use more rows, or agree on a smaller min_cell",
            ));
        }
        Ok(())
    }

    pub(super) fn run_split(
        &mut self,
        cx: &mut Context,
        id: TableId,
        by: &SplitBy,
        permit: &Permit,
    ) -> Result<Outcome> {
        let table = self.joint(cx.op, id)?;
        let rows = table.rows;
        let first: Vec<bool> = match by {
            SplitBy::Column(name) if table.column(cx.op, name)?.hidden.is_some() => {
                let flags = self.labels(cx, id, name)?;
                let everybody = cx.everybody();
                let told = gate::reveal(&mut self.engine, cx, &flags, &everybody, permit)?;
                match (told, &cx.dry) {
                    (Some(told), _) => told.iter().map(|&flag| flag == 1).collect(),
                    (None, Some(plan)) => assumed_part(rows, plan.assume.first_part),
                    (None, None) => return Err(Error::Internal("nobody said how to split")),
                }
            }
            SplitBy::Column(name) => {
                let column = table.column(cx.op, name)?;
                let owner = column.owner.ok_or(Error::Internal("a column has no owner"))?;
                let mine: Option<Vec<u64>> = column
                    .local
                    .as_ref()
                    .map(|local| pack(&local.to_numbers().unwrap_or_default()));
                let all: Vec<usize> = cx.everybody().into_iter().collect();
                let words = rows.div_ceil(64);
                let told = cx.wire.pass("joint/split", owner, &all, mine.as_deref(), words)?;
                match (told, &cx.dry) {
                    (Some(told), _) => unpack(&told, rows),
                    (None, Some(plan)) => assumed_part(rows, plan.assume.first_part),
                    (None, None) => return Err(Error::Internal("nobody said how to split")),
                }
            }
            SplitBy::Fraction { first, seed } => choose(rows, *first, *seed),
        };
        let pick = |part: bool| -> Vec<u32> {
            // Tables have fewer than 2^32 rows.
            let rows = (0u32..).zip(&first);
            rows.filter(|(_, f)| **f == part).map(|(i, _)| i).collect()
        };
        let parts = [pick(true), pick(false)];
        if parts.iter().any(Vec::is_empty) {
            return Err(Error::argument(
                cx.op,
                "one of the two parts has no rows",
                "check the column or the fraction",
            ));
        }
        parts.iter().try_for_each(|part| cx.enough_rows(part.len()))?;
        let counts = [parts[0].len() as u64, parts[1].len() as u64];
        let table = self.joint(cx.op, id)?.clone();
        let [a, b] = parts.map(|part| table.take(&part, self.new_row_set()));
        let first = TableId(self.insert(Object::Table(a)));
        let second = TableId(self.insert(Object::Table(b)));
        Ok(outcome(Output::Split { first, second, rows: counts }, Vec::new()))
    }

    pub(super) fn run_select(
        &mut self,
        cx: &mut Context,
        id: TableId,
        columns: &[String],
    ) -> Result<Outcome> {
        let table = self.joint(cx.op, id)?;
        let columns =
            columns.iter().map(|name| table.column(cx.op, name).cloned()).collect::<Result<_>>()?;
        let table = Joint { columns, ..table.clone() };
        Ok(self.insert_table(cx, table, Vec::new()))
    }

    fn insert_table(
        &mut self,
        cx: &Context,
        table: Joint<E::Ring>,
        warnings: Vec<Warning>,
    ) -> Outcome {
        let (rows, columns) = (table.rows as u64, table.infos(&cx.parties));
        let id = TableId(self.insert(Object::Table(table)));
        outcome(Output::Table { id, rows, columns }, warnings)
    }

    pub(super) fn check_standardise(&self, id: TableId, columns: &[String]) -> Result<Demand> {
        let op = "standardise";
        named(op, columns)?;
        let table = self.joint(op, id)?;
        for name in columns {
            let column = self.owned(op, table, name)?;
            if column.kind == Kind::Text {
                return Err(not_numbers(op, name));
            }
            table.refuse_hidden(op, name, "use woe, or standardise it before binding")?;
            if column.local.as_ref().is_some_and(|c| c.is_constant()) {
                return Err(constant(table, name));
            }
        }
        Ok(Demand { sources: table.sources(op, columns)?, ..Demand::default() })
    }

    pub(super) fn run_standardise(
        &mut self,
        cx: &mut Context,
        id: TableId,
        columns: &[String],
    ) -> Result<Outcome> {
        let table = self.joint(cx.op, id)?;
        let scaled = columns
            .iter()
            .map(|name| {
                let column = table.column(cx.op, name)?;
                let values = column.local.as_ref().and_then(|c| c.to_numbers());
                Ok(Scaled { column: name.clone(), moments: values.map(|v| moments(&v)) })
            })
            .collect::<Result<_>>()?;
        Ok(self.insert_transform(Transform::Standardise(scaled), columns.to_vec(), Vec::new()))
    }

    pub(super) fn insert_transform(
        &mut self,
        transform: Transform<E::Ring>,
        columns: Vec<String>,
        warnings: Vec<Warning>,
    ) -> Outcome {
        let id = TransformId(self.insert(Object::Transform(transform)));
        outcome(Output::Transform { id, columns }, warnings)
    }

    pub(super) fn check_one_hot(&self, id: TableId, columns: &[String]) -> Result<Demand> {
        let op = "one_hot";
        named(op, columns)?;
        let table = self.joint(op, id)?;
        for name in columns {
            let column = self.owned(op, table, name)?;
            if column.kind != Kind::Text {
                return Err(Error::argument(
                    op,
                    format!("column '{name}' is not text"),
                    "use it as it is, or read it as text",
                ));
            }
            if let Some(local) = &column.local {
                if local.is_constant() {
                    return Err(constant(table, name));
                }
                if let Err(rule) = check_levels(&levels_of(local)) {
                    return Err(table.column_error(
                        name,
                        &format!("its levels cannot be told to the others: {rule}"),
                        "group rare levels before binding, or give them shorter names",
                    ));
                }
            }
        }
        Ok(Demand { sources: table.sources(op, columns)?, ..Demand::default() })
    }

    pub(super) fn run_one_hot(
        &mut self,
        cx: &mut Context,
        id: TableId,
        columns: &[String],
        drop_first: bool,
    ) -> Result<Outcome> {
        let table = self.joint(cx.op, id)?;
        let bound = cx.dry.clone();
        let mut learned = Vec::new();
        for name in columns {
            let column = table.column(cx.op, name)?;
            let owner = column.owner.ok_or(Error::Internal("a column has no owner"))?;
            let told = match &column.local {
                Some(local) => Some(levels_of(local)),
                None if cx.dry.is_some() => None,
                None => levels_told(cx, column, owner),
            };
            let mine = match told {
                Some(levels) => {
                    serde_json::to_vec(&levels).map_err(|_| Error::Internal("no JSON"))?
                }
                None => Vec::new(),
            };
            let all = cx.wire.exchange("joint/levels", &mine, MAX_LEVELS, |p| {
                let plan = bound.as_ref().filter(|_| p == owner);
                let guessed = plan.map(|plan| {
                    let n = planned_levels(plan, owner, name).unwrap_or(GUESSED_LEVELS);
                    let names: Vec<String> = (0..n).map(|i| format!("level{i}")).collect();
                    serde_json::to_vec(&names).unwrap_or_default()
                });
                guessed.unwrap_or_default()
            })?;
            let levels: Vec<String> = serde_json::from_slice(&all[owner])
                .map_err(|_| cx.deviation(owner, "its list of levels is malformed"))?;
            if cx.dry.is_none() {
                check_levels(&levels)
                    .map_err(|rule| cx.deviation(owner, format!("of its levels, {rule}")))?;
            }
            learned.push(Levels { column: name.clone(), levels, drop_first });
        }
        let names = learned.iter().flat_map(Levels::names).collect();
        Ok(self.insert_transform(Transform::OneHot(learned), names, Vec::new()))
    }

    pub(super) fn check_transform(
        &self,
        cx: &Context,
        id: TableId,
        transform: TransformId,
    ) -> Result<Demand> {
        let op = "transform";
        let table = self.joint(op, id)?;
        let (names, mut sources) = match self.transform(op, transform)? {
            Transform::Standardise(all) => {
                (all.iter().map(|s| s.column.clone()).collect(), Default::default())
            }
            Transform::OneHot(all) => {
                (all.iter().map(|l| l.column.clone()).collect(), Default::default())
            }
            Transform::Woe(woe) => (
                woe.columns.iter().map(|c| c.column.clone()).collect::<Vec<_>>(),
                woe.sources.clone(),
            ),
        };
        for name in &names {
            let column = self.owned(op, table, name)?;
            // Whoever knows the rule must have the values.
            let knows = match self.transform(op, transform)? {
                Transform::Standardise(all) => {
                    all.iter().find(|s| s.column == *name).map(|s| s.moments.is_some())
                }
                Transform::Woe(woe) => {
                    woe.columns.iter().find(|c| c.column == *name).map(|c| c.cuts.is_some())
                }
                Transform::OneHot(_) => None,
            };
            if knows.is_some_and(|knows| knows != column.local.is_some()) && cx.dry.is_none() {
                return Err(Error::argument(
                    op,
                    format!("column '{name}' is not the one that the rule was learned on"),
                    "transform tables of the same owners",
                ));
            }
        }
        sources.extend(table.sources(op, &names)?);
        Ok(Demand { sources, ..Demand::default() })
    }

    pub(super) fn run_transform(
        &mut self,
        cx: &mut Context,
        id: TableId,
        transform: TransformId,
    ) -> Result<Outcome> {
        let table = self.joint(cx.op, id)?.clone();
        let mut warnings = Vec::new();
        let by = transform.0;
        let columns = match self.transform(cx.op, transform)?.clone() {
            Transform::Standardise(all) => standardise(&table, &all, by),
            Transform::OneHot(all) => {
                let mut columns = one_hot(cx.op, &table, &all, by, &mut warnings);
                self.share_levels(&table, &all, &mut columns)?;
                columns
            }
            Transform::Woe(woe) => self.weigh(cx, &table, &woe, by, &mut warnings)?,
        };
        let table = Joint { columns, ..table };
        table.check_names(cx.op)?;
        Ok(self.insert_table(cx, table, warnings))
    }

    /// Of hidden columns, whether rows have each level, as fixed point.
    fn share_levels(
        &mut self,
        table: &Joint<E::Ring>,
        all: &[Levels],
        columns: &mut [JointColumn<E::Ring>],
    ) -> Result<()> {
        let one = self.fixed.constant(1.0);
        for rule in all {
            let column = table.column("transform", &rule.column)?;
            let (Some(_), Some(codes)) = (&column.hidden, &column.shared) else { continue };
            let bits = self.level_bits(codes, rule.levels.len())?.scale(one);
            for (i, level) in rule.kept() {
                let name = format!("{}={level}", rule.column);
                for column in columns.iter_mut().filter(|c| c.name == name) {
                    column.shared = Some(bits.slice(i * table.rows..(i + 1) * table.rows));
                }
            }
        }
        Ok(())
    }

    /// Replaces columns by the weights of their bins.
    fn weigh(
        &mut self,
        cx: &mut Context,
        table: &Joint<E::Ring>,
        learned: &Woe<E::Ring>,
        by: u32,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<JointColumn<E::Ring>>> {
        let rows = table.rows;
        let mut columns = table.columns.clone();
        for owner in 0..cx.parties.len() {
            // Of this owner's columns: place in the table, rule, place of the weights.
            let mut own: Vec<(usize, &WoeColumn, usize)> = Vec::new();
            let mut start = 0;
            for rule in &learned.columns {
                let place = columns.iter().position(|c| c.name == rule.column);
                let place = place.ok_or(Error::Internal("a column went away"))?;
                if columns[place].owner == Some(owner) {
                    own.push((place, rule, start));
                }
                start += rule.bins as usize;
            }
            if own.is_empty() {
                continue;
            }
            let hidden = columns[own[0].0].hidden.is_some();
            let bins: Vec<usize> = own.iter().map(|(_, rule, _)| rule.bins as usize).collect();
            let mut places = None;
            if owner == cx.me && cx.dry.is_none() && !hidden {
                let mut all = Vec::with_capacity(own.len());
                for (place, rule, _) in &own {
                    let found = rule.places(&columns[*place])?;
                    warn_unseen(cx.op, &rule.column, &found, warnings);
                    all.push(found);
                }
                places = Some(all);
            }
            let indicators = if hidden {
                let edges = |rule: &WoeColumn| {
                    let at = learned.columns.iter().position(|c| c.column == rule.column)?;
                    learned.edges[at].as_ref()
                };
                let rules: Vec<_> = own.iter().map(|(_, rule, _)| (*rule, edges(rule))).collect();
                self.hidden_indicators(table, &rules)?
            } else {
                self.share_indicators(cx, owner, places.as_deref(), rows, &bins)?
            };
            let parts: Vec<E::Ring> = own
                .iter()
                .map(|(_, rule, start)| learned.weights.slice(*start..start + rule.bins as usize))
                .collect();
            let weights = E::Ring::concat(&parts.iter().collect::<Vec<_>>());
            let weighed = woe::transform(&mut self.engine, &indicators, &weights, rows, &bins)?;
            let weighed = weighed.transpose(own.len());
            for (k, (place, rule, _)) in own.into_iter().enumerate() {
                let mut sources = rule.sources.clone();
                sources.extend(columns[place].sources.iter().cloned());
                columns[place] = JointColumn {
                    name: rule.column.clone(),
                    kind: Kind::Number,
                    owner: None,
                    local: None,
                    shared: Some(weighed.slice(k * rows..(k + 1) * rows)),
                    label: None,
                    made_by: made_by(&columns[place], by),
                    sources,
                    bins: Some(rule.bins),
                    hidden: None,
                };
            }
        }
        Ok(columns)
    }

    /// Shares, for each row, 1 at the place of its bin in each column and 0 at
    /// the others.
    pub(super) fn share_indicators(
        &mut self,
        cx: &mut Context,
        owner: usize,
        places: Option<&[Vec<Option<u32>>]>,
        rows: usize,
        bins: &[usize],
    ) -> Result<E::Ring> {
        let total: usize = bins.iter().sum();
        if rows.checked_mul(total).is_none_or(|n| n > MAX_INDICATORS) {
            return Err(Error::argument(
                cx.op,
                format!(
                    "{rows} rows times {total} bins of '{}' do not fit",
                    cx.parties[owner].name
                ),
                format!("at most {MAX_INDICATORS} do: use fewer bins or columns at a time"),
            ));
        }
        let words = places.map(|places| {
            let mut matrix = Zeroizing::new(vec![0u64; rows * total]);
            let mut offset = 0;
            for (found, bins) in places.iter().zip(bins) {
                for (row, bin) in found.iter().enumerate() {
                    if let Some(bin) = bin {
                        matrix[row * total + offset + *bin as usize] = 1;
                    }
                }
                offset += bins;
            }
            matrix
        });
        self.share(cx, owner, words.as_ref().map(|w| w.as_slice()), rows * total)
    }

    pub(super) fn owned<'a>(
        &self,
        op: &str,
        table: &'a Joint<E::Ring>,
        name: &str,
    ) -> Result<&'a JointColumn<E::Ring>> {
        let column = table.column(op, name)?;
        if column.owner.is_none() {
            return Err(Error::argument(
                op,
                format!("column '{name}' was made by a transformation already"),
                "use the table before it was transformed",
            ));
        }
        Ok(column)
    }
}

impl Levels {
    /// Names of the columns that this makes.
    fn names(&self) -> Vec<String> {
        self.kept().map(|(_, l)| format!("{}={l}", self.column)).collect()
    }

    fn kept(&self) -> impl Iterator<Item = (usize, &String)> {
        self.levels.iter().enumerate().skip(usize::from(self.drop_first))
    }
}

impl WoeColumn {
    /// The bin of each row, at the column's owner.
    pub(super) fn places<R>(&self, column: &JointColumn<R>) -> Result<Vec<Option<u32>>> {
        let local = column.local.as_ref().ok_or(Error::Internal("a column is not here"))?;
        let cuts = self.cuts.as_ref().ok_or(Error::Internal("a rule is not here"))?;
        Ok(cuts.places(local))
    }
}

impl Cuts {
    /// Cuts numbers at the inner quantiles of `bins` (linear interpolation,
    /// equal edges merged), text by level.
    pub(super) fn learn(column: &Column, bins: u32) -> Self {
        match column.to_numbers() {
            None => Cuts::Levels(levels_of(column)),
            Some(mut values) => {
                values.sort_unstable_by(f64::total_cmp);
                let inner = 1..bins;
                let mut edges: Vec<f64> =
                    inner.map(|j| quantile(&values, f64::from(j) / f64::from(bins))).collect();
                edges.dedup();
                // A bin without a training row would get a weight from nothing:
                // it goes to the next one, or the last one to the one before.
                let mut below = 0;
                edges.retain(|&e| {
                    let upto = values.partition_point(|&x| x <= e);
                    let keep = upto > below && upto < values.len();
                    if keep {
                        below = upto;
                    }
                    keep
                });
                Cuts::Edges(edges)
            }
        }
    }

    pub(super) fn bins(&self) -> u32 {
        // Levels and edges are fewer than rows, which are fewer than 2^32.
        match self {
            Cuts::Edges(edges) => edges.len() as u32 + 1,
            Cuts::Levels(levels) => levels.len() as u32,
        }
    }

    /// The bin of each value; `None` for a level that was not in training.
    pub(super) fn places(&self, column: &Column) -> Vec<Option<u32>> {
        match (self, column) {
            (Cuts::Levels(known), Column::Text { levels, codes }) => {
                let find = |l: &String| known.binary_search(l).ok().map(|i| i as u32);
                let map: Vec<Option<u32>> = levels.iter().map(find).collect();
                codes.iter().map(|&c| map[c as usize]).collect()
            }
            (Cuts::Edges(edges), column) => column
                .to_numbers()
                .unwrap_or_default()
                .iter()
                .map(|&x| Some(edges.partition_point(|&e| e < x) as u32))
                .collect(),
            (Cuts::Levels(_), _) => vec![None; column.len()],
        }
    }
}

fn standardise<R: RingShares>(table: &Joint<R>, all: &[Scaled], by: u32) -> Vec<JointColumn<R>> {
    let mut columns = table.columns.clone();
    for column in &mut columns {
        let Some(scaled) = all.iter().find(|s| s.column == column.name) else { continue };
        column.kind = Kind::Number;
        column.shared = None;
        column.label = None;
        column.made_by.push(by);
        let values = column.local.as_ref().and_then(|c| c.to_numbers());
        if let (Some((mean, deviation)), Some(values)) = (scaled.moments, values) {
            let values = values.iter().map(|x| (x - mean) / deviation).collect();
            column.local = Some(Arc::new(Column::Number(values)));
        }
    }
    columns
}

fn one_hot<R: RingShares>(
    op: &'static str,
    table: &Joint<R>,
    all: &[Levels],
    by: u32,
    warnings: &mut Vec<Warning>,
) -> Vec<JointColumn<R>> {
    let mut columns = Vec::new();
    for column in &table.columns {
        let Some(rule) = all.iter().find(|l| l.column == column.name) else {
            columns.push(column.clone());
            continue;
        };
        let places =
            column.local.as_ref().map(|local| Cuts::Levels(rule.levels.clone()).places(local));
        if let Some(places) = &places {
            warn_unseen(op, &rule.column, places, warnings);
        }
        for (i, level) in rule.kept() {
            let bits = places.as_ref().map(|places| {
                let bits = places.iter().map(|p| *p == u32::try_from(i).ok());
                Arc::new(Column::Bool(bits.collect()))
            });
            columns.push(JointColumn {
                name: format!("{}={level}", rule.column),
                kind: Kind::Bool,
                owner: column.owner,
                local: bits,
                shared: None,
                label: None,
                sources: column.sources.clone(),
                made_by: made_by(column, by),
                bins: None,
                hidden: column.hidden.as_ref().map(|_| Hidden { binary: true, levels: None }),
            });
        }
    }
    columns
}

fn made_by<R>(column: &JointColumn<R>, by: u32) -> Vec<u32> {
    let mut list = column.made_by.clone();
    list.push(by);
    list
}

fn warn_unseen(
    op: &'static str,
    column: &str,
    places: &[Option<u32>],
    warnings: &mut Vec<Warning>,
) {
    let unseen = places.iter().filter(|p| p.is_none()).count();
    if unseen > 0 {
        warnings.push(Warning {
            op,
            columns: vec![column.into()],
            rule: format!(
                "{unseen} rows have a level that was not there in training; they count as 0"
            ),
            fix: "group rare levels before binding, or train on rows that have all levels".into(),
        });
    }
}

pub(super) fn constant<R: RingShares>(table: &Joint<R>, name: &str) -> Error {
    table.column_error(
        name,
        "all rows have the same value: the column is constant",
        "leave the column out",
    )
}

/// The levels that occur, in alphabetical order.
fn levels_of(column: &Column) -> Vec<String> {
    let Column::Text { levels, codes } = column else { return Vec::new() };
    let mut used = vec![false; levels.len()];
    codes.iter().for_each(|&c| used[c as usize] = true);
    let mut list: Vec<String> =
        levels.iter().zip(used).filter(|(_, u)| *u).map(|(l, _)| l.clone()).collect();
    list.sort_unstable();
    list
}

/// The rule that a list of levels breaks: each is a name that may be shown, and
/// they are in alphabetical order, so none is there twice.
fn check_levels(levels: &[String]) -> std::result::Result<(), &'static str> {
    if !(2..=MAX_COLUMNS).contains(&levels.len()) {
        return Err("there are fewer than 2 or more than 4096");
    }
    if !levels.iter().all(|level| fit_to_print(level)) {
        return Err("one has control characters or is longer than 256 bytes");
    }
    match levels.windows(2).all(|pair| pair[0] < pair[1]) {
        true => Ok(()),
        false => Err("two are the same or out of order"),
    }
}

/// Levels or bins that the schema of a dry run gives.
pub(super) fn planned_levels(plan: &super::context::Plan, owner: usize, name: &str) -> Option<u32> {
    let schema = plan.parties.get(owner)?.schema.as_ref()?;
    schema.columns.iter().find(|c| c.name == name)?.levels
}

pub(super) fn guessed_bins(kind: Kind, bins: u32) -> u32 {
    match kind {
        Kind::Number => bins,
        Kind::Bool => 2,
        Kind::Text => GUESSED_LEVELS,
    }
}

/// Quantile of sorted values by linear interpolation, as numpy's default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len().saturating_sub(1)) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let at = |i: usize| sorted.get(i).or(sorted.last()).copied().unwrap_or_default();
    let (a, b) = (at(low), at(low + 1));
    // numpy's lerp: from the nearer end, so that the result is monotone in q.
    if part < 0.5 { a + (b - a) * part } else { b - (b - a) * (1.0 - part) }
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// The first part of a split that a dry run assumes.
fn assumed_part(rows: usize, part: f64) -> Vec<bool> {
    let k = (rows as f64 * part).round();
    (0..rows).map(|i| (i as f64) < k).collect()
}

fn pack(flags: &[f64]) -> Vec<u64> {
    flags
        .chunks(64)
        .map(|chunk| {
            let bits = chunk.iter().enumerate();
            bits.fold(0, |word, (i, &f)| word | (u64::from(f != 0.0) << i))
        })
        .collect()
}

fn unpack(words: &[u64], rows: usize) -> Vec<bool> {
    (0..rows).map(|i| words[i / 64] >> (i % 64) & 1 == 1).collect()
}

/// The rows with the smallest pseudo-random words.
fn choose(rows: usize, first: f64, seed: u64) -> Vec<bool> {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut words = vec![0u64; rows];
    Prg::new(&privity_core::Secret::new(key)).fill(0, 0, &mut words);
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_unstable_by_key(|&i| (words[i], i));
    let mut flags = vec![false; rows];
    let k = (rows as f64 * first).round() as usize;
    order.iter().take(k).for_each(|&i| flags[i] = true);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let x = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!(quantile(&x, 0.0), 1.0);
        assert_eq!(quantile(&x, 0.2), 1.8);
        assert_eq!(quantile(&x, 0.5), 4.0);
        assert_eq!(quantile(&x, 1.0), 16.0);
    }

    #[test]
    fn bins_are_left_open() {
        let column = Column::Number(vec![1.0, 2.0, 3.0, 4.0, 5.0]);
        let cuts = Cuts::Edges(vec![2.0, 4.0]);
        let places: Vec<u32> = cuts.places(&column).into_iter().flatten().collect();
        assert_eq!(places, [0, 0, 1, 1, 2]);
        let ones = Column::Integer(vec![1, 1, 1, 1, 2]);
        assert_eq!(Cuts::learn(&ones, 5).bins(), 2);
    }

    #[test]
    fn a_peers_levels_are_checked() {
        let check = |list: &[&str]| {
            let levels: Vec<String> = list.iter().map(|l| (*l).to_owned()).collect();
            check_levels(&levels)
        };
        assert!(check(&["a", "b"]).is_ok());
        for bad in [&["a"][..], &["a", "a"], &["b", "a"], &["a", "b\u{1b}[2J"], &["", "a"]] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&["a", &"b".repeat(257)]).is_err());
        let many: Vec<String> = (0..5000).map(|i| format!("{i:05}")).collect();
        assert!(check_levels(&many).is_err());
    }

    #[test]
    fn a_fraction_is_that_large() {
        let flags = choose(1000, 0.7, 5);
        assert_eq!(flags.iter().filter(|f| **f).count(), 700);
        assert_ne!(flags, choose(1000, 0.7, 6));
    }
}
