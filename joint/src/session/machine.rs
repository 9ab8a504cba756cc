//! What a session holds, over any engine.
//!
//! A [`Runner`] runs the same code at every party: over the real engine at
//! those that compute, over `Shape` (which has no values) at those that only
//! bring data or receive results, and in a dry run. Whether *this* party has a
//! value is asked in two places only, where data goes in ([`Runner::share`])
//! and where results come out ([`crate::gate`]).

use super::{context::Context, learn::Learned, wire::Counters};
use crate::{
    error::{DataError, Error, Result},
    gate::Permit,
    handle::{TableId, TransformId, ValueId},
    key::Keys,
    op::Op,
    outcome::{ColumnInfo, Kind, Outcome},
    table::{Column, Schema, Table},
};
use arrow::array::ArrayRef;
use privity_core::{Fixed, prg, prg::Prg};
use privity_mpc::{
    engine::{Engine, RingShares},
    rep3::Rep3,
    shape::Shape,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use zeroize::Zeroizing;

/// A column of a party's table, by party and name: what results are made of.
pub(crate) type Sources = BTreeSet<(usize, String)>;

/// What an operation would do, for the policies.
#[derive(Default)]
pub(crate) struct Demand {
    /// Columns that it uses or that its inputs were made of.
    pub(crate) sources: Sources,
    /// Who learns something that is not just a diagnostic.
    pub(crate) to: BTreeSet<usize>,
    /// For releases, the kind of result.
    pub(crate) what: Option<&'static str>,
    /// Whether it works on columns whose owner has nothing to send any more.
    pub(crate) hidden: bool,
}

/// A session's engine and everything it holds.
pub(crate) trait Machine: Send {
    fn bind(&mut self, cx: &Context, table: Option<Table>) -> Result<TableId>;
    /// Checks everything that can be checked without a message.
    fn check(&mut self, cx: &Context, op: &Op) -> Result<Demand>;
    fn run(&mut self, cx: &mut Context, op: &Op, permit: Permit) -> Result<Outcome>;
    fn columns(&self, cx: &Context, table: TableId) -> Result<Vec<ColumnInfo>>;
    fn own_column(&self, table: TableId, column: &str) -> Result<ArrayRef>;
    /// What the engine has used so far at this party.
    fn counters(&self) -> Counters;
}

/// An engine that can say what it used.
pub(crate) trait Counted: Engine + Send {
    fn counters(&self) -> Counters;
}

impl Counted for Rep3 {
    fn counters(&self) -> Counters {
        Counters {
            sent: self.mesh().meter().sent(),
            received: self.mesh().meter().received(),
            rounds: self.mesh().clock().into(),
        }
    }
}

impl Counted for Shape {
    fn counters(&self) -> Counters {
        let (me, cost) = (self.me(), self.cost());
        Counters {
            sent: cost.sent[me],
            received: cost.received[me],
            rounds: cost.rounds[me].into(),
        }
    }
}

/// The machine over engine `E`.
pub(crate) struct Runner<E: Engine> {
    pub(crate) engine: E,
    /// Whether this party computes; if not, the engine is a stand-in.
    computes: bool,
    pub(crate) fixed: Fixed,
    objects: BTreeMap<u32, Object<E::Ring>>,
    next: u32,
    row_sets: u32,
    /// Identifiers that `check` made for `run`.
    pub(crate) keys: Option<Keys>,
    /// Transformations whose columns were selected by information value.
    pub(crate) selected: BTreeSet<TransformId>,
}

/// Something with a handle.
pub(crate) enum Object<R> {
    Bound(Bound),
    Table(Joint<R>),
    Transform(Transform<R>),
    Learned(Learned<R>),
}

/// What owners bound. In a dry run, everybody's schema.
pub(crate) struct Bound {
    pub(crate) own: Option<Arc<Table>>,
    pub(crate) planned: Vec<Option<(Schema, u64)>>,
}

/// A table of common rows.
#[derive(Clone)]
pub(crate) struct Joint<R> {
    pub(crate) rows: usize,
    /// The same number for tables with the same rows in the same order.
    pub(crate) row_set: u32,
    pub(crate) columns: Vec<JointColumn<R>>,
    /// At owners: the bound table, and which of its rows stands where.
    pub(crate) origin: Option<(Arc<Table>, Arc<Vec<u32>>)>,
}

/// A column of common rows: at its owner, shared, or both.
#[derive(Clone)]
pub(crate) struct JointColumn<R> {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) owner: Option<usize>,
    pub(crate) local: Option<Arc<Column>>,
    /// As features: fixed point.
    pub(crate) shared: Option<R>,
    /// As a label: integers 0 and 1.
    pub(crate) label: Option<R>,
    pub(crate) sources: Sources,
    /// The transformations that made it, in order.
    pub(crate) made_by: Vec<u32>,
    /// Number of bins or levels, where all parties know it.
    pub(crate) bins: Option<u32>,
    /// What is known of a column whose values nobody has, its owner included.
    pub(crate) hidden: Option<Hidden>,
}

/// A column of a hidden alignment.
#[derive(Clone)]
pub(crate) struct Hidden {
    /// Whether its owner has 0 and 1 only.
    pub(crate) binary: bool,
    /// Of text, the levels that the shared numbers mean, at the owner.
    pub(crate) levels: Option<Arc<Vec<String>>>,
}

/// Something learned about columns, applied by `transform`.
#[derive(Clone)]
pub(crate) enum Transform<R> {
    Standardise(Vec<Scaled>),
    OneHot(Vec<Levels>),
    Woe(Woe<R>),
}

/// Mean and deviation of a column, known to its owner.
#[derive(Clone)]
pub(crate) struct Scaled {
    pub(crate) column: String,
    pub(crate) moments: Option<(f64, f64)>,
}

/// Levels of a column, known to all.
#[derive(Clone)]
pub(crate) struct Levels {
    pub(crate) column: String,
    pub(crate) levels: Vec<String>,
    pub(crate) drop_first: bool,
}

/// Weights of evidence of several columns.
#[derive(Clone)]
pub(crate) struct Woe<R> {
    pub(crate) columns: Vec<WoeColumn>,
    /// One weight per bin, column after column.
    pub(crate) weights: R,
    /// Of hidden columns of numbers, the edges of the bins.
    pub(crate) edges: Vec<Option<R>>,
    /// One information value per column.
    pub(crate) ivs: R,
    pub(crate) sources: Sources,
}

/// How a column falls into bins; the cuts are known to its owner.
#[derive(Clone)]
pub(crate) struct WoeColumn {
    pub(crate) column: String,
    pub(crate) bins: u32,
    pub(crate) cuts: Option<Cuts>,
    pub(crate) sources: Sources,
}

/// The rule from a value to a bin.
#[derive(Clone)]
pub(crate) enum Cuts {
    /// Bin j holds edges\[j-1\] < x <= edges\[j\].
    Edges(Vec<f64>),
    Levels(Vec<String>),
}

impl<E: Counted> Runner<E> {
    pub(crate) fn new(engine: E, computes: bool) -> Self {
        Self {
            engine,
            computes,
            fixed: Fixed::default(),
            objects: BTreeMap::new(),
            next: 1,
            row_sets: 0,
            keys: None,
            selected: BTreeSet::new(),
        }
    }

    pub(crate) fn insert(&mut self, object: Object<E::Ring>) -> u32 {
        let id = self.next;
        self.next += 1;
        self.objects.insert(id, object);
        id
    }

    pub(crate) fn bound(&self, op: &str, id: TableId) -> Result<&Bound> {
        match self.objects.get(&id.0) {
            Some(Object::Bound(bound)) => Ok(bound),
            Some(Object::Table(_)) => Err(Error::argument(
                op,
                format!("table {} is a joint table already", id.0),
                "pass what bind returned",
            )),
            _ => Err(unknown(op, "bound table", id.0)),
        }
    }

    pub(crate) fn joint(&self, op: &str, id: TableId) -> Result<&Joint<E::Ring>> {
        match self.objects.get(&id.0) {
            Some(Object::Table(table)) => Ok(table),
            Some(Object::Bound(_)) => Err(Error::argument(
                op,
                format!("table {} is bound and not aligned yet", id.0),
                "align it first",
            )),
            _ => Err(unknown(op, "joint table", id.0)),
        }
    }

    pub(crate) fn transform(&self, op: &str, id: TransformId) -> Result<&Transform<E::Ring>> {
        match self.objects.get(&id.0) {
            Some(Object::Transform(transform)) => Ok(transform),
            _ => Err(unknown(op, "transformation", id.0)),
        }
    }

    pub(crate) fn woe(&self, op: &str, id: TransformId) -> Result<&Woe<E::Ring>> {
        match self.transform(op, id)? {
            Transform::Woe(woe) => Ok(woe),
            _ => Err(Error::argument(
                op,
                format!("transformation {} has no information values", id.0),
                "pass one that the operation woe made",
            )),
        }
    }

    pub(crate) fn learned(&self, op: &str, id: u32) -> Result<&Learned<E::Ring>> {
        match self.objects.get(&id) {
            Some(Object::Learned(learned)) => Ok(learned),
            _ => Err(unknown(op, "model or result", id)),
        }
    }

    pub(crate) fn value(&self, op: &str, id: ValueId) -> Result<&Learned<E::Ring>> {
        self.learned(op, id.0)
    }

    /// Shares a vector that `owner` has. `words` is `Some` exactly there, and
    /// nowhere in a dry run.
    pub(crate) fn share(
        &mut self,
        cx: &mut Context,
        owner: usize,
        words: Option<&[u64]>,
        len: usize,
    ) -> Result<E::Ring> {
        let computing = cx.computing();
        if let Some(index) = computing.iter().position(|&c| c == owner) {
            return Ok(self.engine.input(index, words, len)?);
        }
        // An owner outside deals additive shares: seeds to all computing
        // parties but the last, the difference to that one.
        let (last, others) = computing.split_last().ok_or(Error::Internal("no party computes"))?;
        let mut mine = Zeroizing::new(vec![0; len]);
        let mut rest = words.map(|words| Zeroizing::new(words.to_vec()));
        for &to in others {
            let seed = words.map(|_| prg::random_key(&mut rand::rng()));
            let seed_words = seed.as_ref().map(|seed| {
                let (low, high) = seed.expose().split_at(8);
                Zeroizing::new([low, high].map(le_word))
            });
            let got = cx.wire.pass(
                "joint/share",
                owner,
                &[to],
                seed_words.as_ref().map(|w| w.as_slice()),
                2,
            )?;
            let Some(got) = got.map(Zeroizing::new) else { continue };
            let mut share = Zeroizing::new(vec![0; len]);
            let mut bytes = Zeroizing::new([0; 16]);
            bytes[..8].copy_from_slice(&got[0].to_le_bytes());
            bytes[8..].copy_from_slice(&got[1].to_le_bytes());
            Prg::new(&privity_core::Secret::new(*bytes)).fill(0, 0, &mut share);
            if let Some(rest) = &mut rest {
                for (r, s) in rest.iter_mut().zip(share.iter()) {
                    *r = r.wrapping_sub(*s);
                }
            } else {
                mine = share;
            }
        }
        let got = cx.wire.pass(
            "joint/share",
            owner,
            &[*last],
            rest.as_ref().map(|r| r.as_slice()),
            len,
        )?;
        if cx.me == *last {
            mine = got.map_or(mine, Zeroizing::new);
        }
        Ok(self.engine.import(&mine)?)
    }

    /// Makes sure that columns of numbers are shared, in as few rounds as there
    /// are owners.
    pub(crate) fn share_columns(
        &mut self,
        cx: &mut Context,
        id: TableId,
        names: &[String],
    ) -> Result<()> {
        for owner in 0..cx.parties.len() {
            let table = self.joint(cx.op, id)?;
            let rows = table.rows;
            let wanted: Vec<usize> = (0..table.columns.len())
                .filter(|&i| {
                    let c = &table.columns[i];
                    c.owner == Some(owner) && c.shared.is_none() && names.contains(&c.name)
                })
                .collect();
            if wanted.is_empty() {
                continue;
            }
            // As large as it gets: growing would leave copies behind.
            let mut words = (owner == cx.me && cx.dry.is_none())
                .then(|| Zeroizing::new(Vec::with_capacity(rows * wanted.len())));
            if let Some(words) = &mut words {
                for &i in &wanted {
                    let encoded = self.fixed.encode_all(&table.numbers(i, cx.op)?)?;
                    words.extend_from_slice(&Zeroizing::new(encoded));
                }
            }
            let words = words.as_ref().map(|w| w.as_slice());
            let all = self.share(cx, owner, words, rows * wanted.len())?;
            let Some(Object::Table(table)) = self.objects.get_mut(&id.0) else {
                return Err(Error::Internal("a table went away"));
            };
            for (k, i) in wanted.into_iter().enumerate() {
                table.columns[i].shared = Some(all.slice(k * rows..(k + 1) * rows));
            }
        }
        Ok(())
    }

    /// Columns of numbers as a shared matrix, one row per row of the table.
    pub(crate) fn matrix(
        &mut self,
        cx: &mut Context,
        id: TableId,
        names: &[String],
    ) -> Result<E::Ring> {
        self.share_columns(cx, id, names)?;
        let table = self.joint(cx.op, id)?;
        let columns = names
            .iter()
            .map(|name| {
                let shared = table.column(cx.op, name)?.shared.as_ref();
                shared.ok_or(Error::Internal("a column is not shared"))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(E::Ring::concat(&columns).transpose(table.rows))
    }

    /// A column of 0 and 1 as shared integers.
    pub(crate) fn labels(&mut self, cx: &mut Context, id: TableId, name: &str) -> Result<E::Ring> {
        let table = self.joint(cx.op, id)?;
        let column = table.column(cx.op, name)?;
        if let Some(label) = &column.label {
            return Ok(label.clone());
        }
        let owner = column.owner.ok_or(Error::Internal("a label has no owner"))?;
        let rows = table.rows;
        let hidden = column.hidden.as_ref().and(column.shared.clone());
        let values = column.local.as_ref().and_then(|c| c.to_numbers());
        let words: Option<Zeroizing<Vec<u64>>> =
            values.map(|v| Zeroizing::new(v.iter().map(|&x| u64::from(x != 0.0)).collect()));
        let label = match hidden {
            Some(shared) => self.hidden_label(&shared)?,
            None => self.share(cx, owner, words.as_ref().map(|w| w.as_slice()), rows)?,
        };
        if let Some(Object::Table(table)) = self.objects.get_mut(&id.0) {
            for column in table.columns.iter_mut().filter(|c| c.name == name) {
                column.label = Some(label.clone());
            }
        }
        Ok(label)
    }

    /// A number that no other set of rows has.
    pub(crate) fn new_row_set(&mut self) -> u32 {
        self.row_sets += 1;
        self.row_sets
    }
}

impl<E: Counted> Machine for Runner<E> {
    fn bind(&mut self, cx: &Context, table: Option<Table>) -> Result<TableId> {
        if table.is_some() && !cx.parties[cx.me].owns_data {
            return Err(Error::argument(
                "bind",
                format!("party '{}' is not a data owner", cx.name()),
                "give it that role, or bind no table",
            ));
        }
        if table.is_none() && cx.parties[cx.me].owns_data && cx.dry.is_none() {
            return Err(Error::argument(
                "bind",
                format!("party '{}' is a data owner and bound no table", cx.name()),
                "bind its table, or take the role away",
            ));
        }
        let planned = cx.dry.as_ref().map_or(Vec::new(), |plan| {
            let all = plan.parties.iter();
            all.map(|p| p.schema.clone().map(|s| (s, p.rows))).collect()
        });
        let own = table.map(Arc::new);
        Ok(TableId(self.insert(Object::Bound(Bound { own, planned }))))
    }

    fn check(&mut self, cx: &Context, op: &Op) -> Result<Demand> {
        self.check_op(cx, op)
    }

    fn run(&mut self, cx: &mut Context, op: &Op, permit: Permit) -> Result<Outcome> {
        self.run_op(cx, op, permit)
    }

    fn columns(&self, cx: &Context, table: TableId) -> Result<Vec<ColumnInfo>> {
        Ok(self.joint("columns", table)?.infos(&cx.parties))
    }

    fn own_column(&self, table: TableId, column: &str) -> Result<ArrayRef> {
        let joint = self.joint("own_column", table)?;
        if let Some(local) =
            joint.columns.iter().find(|c| c.name == column).and_then(|c| c.local.as_ref())
        {
            return Ok(local.to_array());
        }
        match &joint.origin {
            Some((table, rows)) => Ok(table.column(column)?.take(rows).to_array()),
            None => Err(Error::argument(
                "own_column",
                "this party has no rows of this table",
                "ask a data owner; of a hidden alignment nobody has",
            )),
        }
    }

    fn counters(&self) -> Counters {
        match self.computes {
            true => self.engine.counters(),
            false => Counters::default(),
        }
    }
}

impl<R: RingShares> Joint<R> {
    pub(crate) fn column(&self, op: &str, name: &str) -> Result<&JointColumn<R>> {
        self.columns.iter().find(|c| c.name == name).ok_or_else(|| {
            let names = self.columns.iter().map(|c| c.name.as_str());
            Error::argument(
                op,
                format!("the table has no column '{name}'"),
                format!("its columns are: {}", crate::table::listed(names)),
            )
        })
    }

    /// Descriptions of the columns; owners by name.
    pub(crate) fn infos(&self, parties: &[crate::party::Party]) -> Vec<ColumnInfo> {
        self.columns
            .iter()
            .map(|c| ColumnInfo {
                name: c.name.clone(),
                owner: c.owner.and_then(|o| parties.get(o)).map(|p| p.name.clone()),
                kind: c.kind,
            })
            .collect()
    }

    /// The values of the `i`-th column at its owner.
    pub(crate) fn numbers(&self, i: usize, op: &str) -> Result<Vec<f64>> {
        let column = &self.columns[i];
        let local = column.local.as_ref().ok_or(Error::Internal("a column is not here"))?;
        local.to_numbers().ok_or_else(|| not_numbers(op, &column.name))
    }

    /// An error about the `row`-th common row of a column of this party's own,
    /// named by its row in the party's own table.
    pub(crate) fn cell_error(&self, column: &str, row: usize, rule: &str, fix: &str) -> Error {
        match &self.origin {
            Some((table, rows)) => {
                let row = rows.get(row).map_or(row, |&r| r as usize);
                table.cell(column, row, rule, fix).into()
            }
            None => DataError::new("joint table", rule, fix).column(column).into(),
        }
    }

    /// An error about a column of this party's own as a whole.
    pub(crate) fn column_error(&self, column: &str, rule: &str, fix: &str) -> Error {
        let source = self.origin.as_ref().map_or("joint table", |(table, _)| table.source());
        DataError::new(source, rule, fix).column(column).into()
    }

    /// Refuses names that stand for two columns, and more columns than all
    /// parties can name. The same answer at all of them.
    pub(crate) fn check_names(&self, op: &str) -> Result<()> {
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.columns.iter().find(|c| !seen.insert(c.name.as_str())) {
            return Err(Error::argument(
                op,
                format!("two columns would be called '{}'", twice.name),
                "rename a column before binding, or leave it out",
            ));
        }
        if self.columns.len() > MAX_COLUMNS {
            return Err(Error::argument(
                op,
                format!("the table would have {} columns", self.columns.len()),
                format!("at most {MAX_COLUMNS} are possible: group rare levels, or select columns"),
            ));
        }
        Ok(())
    }

    /// The rows at `indices`, in that order, as the rows called `row_set`.
    pub(crate) fn take(&self, indices: &[u32], row_set: u32) -> Self {
        let places: Vec<usize> = indices.iter().map(|&i| i as usize).collect();
        let columns = self.columns.iter().map(|c| JointColumn {
            local: c.local.as_ref().map(|l| Arc::new(l.take(indices))),
            shared: c.shared.as_ref().map(|s| s.gather(&places)),
            label: c.label.as_ref().map(|s| s.gather(&places)),
            ..c.clone()
        });
        Self {
            rows: indices.len(),
            row_set,
            columns: columns.collect(),
            origin: self.origin.as_ref().map(|(table, rows)| {
                let rows = indices.iter().map(|&i| rows[i as usize]).collect();
                (table.clone(), Arc::new(rows))
            }),
        }
    }

    /// What columns were made of.
    pub(crate) fn sources(&self, op: &str, names: &[String]) -> Result<Sources> {
        let mut all = Sources::new();
        for name in names {
            all.extend(self.column(op, name)?.sources.iter().cloned());
        }
        Ok(all)
    }
}

/// Most columns of a joint table.
pub(crate) const MAX_COLUMNS: usize = 4096;

pub(crate) fn not_numbers(op: &str, column: &str) -> Error {
    Error::argument(
        op,
        format!("column '{column}' is text"),
        "use one_hot or woe to make numbers of it",
    )
}

fn unknown(op: &str, what: &str, id: u32) -> Error {
    Error::argument(
        op,
        format!("there is no {what} {id} in this session"),
        "pass a handle that an operation of this session returned",
    )
}

fn le_word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &b| (word << 8) | u64::from(b))
}
