//! Learning from shared columns: weights of evidence, logistic models.
//! Between tables and the numeric code in [`crate::model`], which opens nothing.

use super::{
    columns::{constant, guessed_bins, planned_levels},
    context::Context,
    machine::{
        Counted, Cuts, Demand, Joint, Object, Runner, Sources, Transform, Woe, WoeColumn,
        not_numbers,
    },
    ops::{named, outcome},
};
use crate::{
    error::{Error, Result},
    gate::{self, Permit},
    handle::{ModelId, TableId, TransformId, ValueId},
    model::{
        logistic::{
            self, MAX_BATCH_MEAN, MAX_COLS, MAX_FEATURE, MAX_ROWS, NewtonOptions, SgdOptions,
            fit_newton, fit_sgd,
        },
        woe,
    },
    op::Solver,
    outcome::{Kind, Outcome, Output, Warning},
};
use privity_core::codec::{Decode, Encode};
use privity_mpc::engine::{BitShares, RingShares};

/// What was learned from shared columns.
pub(crate) enum Learned<R> {
    Model(Model<R>),
    Scores(Scores<R>),
    Metrics(Metrics<R>),
}

/// A logistic model.
#[derive(Clone)]
pub(crate) struct Model<R> {
    pub(crate) features: Vec<String>,
    /// The transformations that made each feature.
    made_by: Vec<Vec<u32>>,
    /// Intercept, then one coefficient per feature.
    pub(crate) coefficients: R,
    /// In the same order; only a fit of maximum likelihood has them.
    pub(crate) standard_errors: Option<R>,
    pub(crate) sources: Sources,
}

/// One score per row.
#[derive(Clone)]
pub(crate) struct Scores<R> {
    pub(crate) scores: R,
    /// In the same order as the scores, and equal where the rows are.
    pub(crate) ranks: R,
    pub(crate) row_set: u32,
    pub(crate) sources: Sources,
}

/// Results of an evaluation, each present if asked for.
#[derive(Clone)]
pub(crate) struct Metrics<R> {
    pub(crate) ranking: Option<R>,
    pub(crate) auc: bool,
    pub(crate) ks: bool,
    /// Counts of 0, then counts of 1, per band.
    pub(crate) bands: Option<R>,
    pub(crate) sources: Sources,
}

impl<R> Learned<R> {
    /// The word for its kind, and what it was made of.
    pub(crate) fn describe(&self) -> (&'static str, &Sources) {
        match self {
            Learned::Model(model) => ("model", &model.sources),
            Learned::Scores(scores) => ("scores", &scores.sources),
            Learned::Metrics(metrics) => ("metrics", &metrics.sources),
        }
    }
}

impl<E: Counted> Runner<E> {
    pub(super) fn check_woe(
        &self,
        cx: &Context,
        id: TableId,
        columns: &[String],
        label: &str,
        bins: u32,
    ) -> Result<Demand> {
        let op = "woe";
        named(op, columns)?;
        if !(2..=100).contains(&bins) {
            return Err(Error::argument(op, format!("{bins} bins"), "use 2 to 100 bins"));
        }
        let table = self.joint(op, id)?;
        check_rows(op, table.rows, MAX_ROWS)?;
        self.check_label(op, id, label, Some(cx.min_cell))?;
        for name in columns {
            let column = self.owned(op, table, name)?;
            if name == label {
                return Err(label_is_feature(op, name));
            }
            let Some(local) = &column.local else { continue };
            if local.is_constant() {
                return Err(constant(table, name));
            }
            if Cuts::learn(local, bins).bins() > MAX_BINS {
                return Err(table.column_error(
                    name,
                    &format!("the column has more than {MAX_BINS} levels"),
                    "group rare levels before binding; an identifier is no feature",
                ));
            }
        }
        let mut all = columns.to_vec();
        all.push(label.into());
        Ok(Demand { sources: table.sources(op, &all)?, ..Demand::default() })
    }

    pub(super) fn run_woe(
        &mut self,
        cx: &mut Context,
        id: TableId,
        columns: &[String],
        (label, bins): (&str, u32),
        permit: &Permit,
    ) -> Result<Outcome> {
        let table = self.joint(cx.op, id)?.clone();
        let cuts: Vec<Option<Cuts>> = columns
            .iter()
            .map(|name| {
                let local = &table.column(cx.op, name)?.local;
                Ok(local.as_ref().map(|local| Cuts::learn(local, bins)))
            })
            .collect::<Result<_>>()?;
        let counts = self.announce_bins(cx, &table, columns, &cuts, bins)?;
        let y = self.labels(cx, id, label)?;
        self.check_classes(cx, (id, label), &y, permit)?;

        let label_sources = table.sources(cx.op, &[label.to_owned()])?;
        let mut learned: Vec<WoeColumn> = Vec::with_capacity(columns.len());
        for ((name, cuts), &bins) in columns.iter().zip(cuts).zip(&counts) {
            let mut sources = table.column(cx.op, name)?.sources.clone();
            sources.extend(label_sources.iter().cloned());
            learned.push(WoeColumn { column: name.clone(), bins, cuts, sources });
        }

        let mut edges: Vec<Option<E::Ring>> = vec![None; columns.len()];
        for (i, name) in columns.iter().enumerate() {
            let column = table.column(cx.op, name)?;
            let numbers = column.kind != Kind::Text && column.hidden.is_some();
            if let Some(x) = column.shared.as_ref().filter(|_| numbers) {
                edges[i] = Some(self.hidden_edges(x, counts[i])?);
            }
        }

        // One pass per owner; weights and values go to their columns' places.
        let mut weights: Vec<Option<E::Ring>> = vec![None; columns.len()];
        let mut ivs: Vec<Option<E::Ring>> = vec![None; columns.len()];
        for owner in 0..cx.parties.len() {
            let own: Vec<usize> = (0..columns.len())
                .filter(|&i| {
                    let column = table.columns.iter().find(|c| c.name == columns[i]);
                    column.is_some_and(|c| c.owner == Some(owner))
                })
                .collect();
            if own.is_empty() {
                continue;
            }
            let mut places = None;
            let hidden = table.column(cx.op, &columns[own[0]])?.hidden.is_some();
            if owner == cx.me && cx.dry.is_none() && !hidden {
                let all = own.iter().map(|&i| learned[i].places(table.column(cx.op, &columns[i])?));
                places = Some(all.collect::<Result<Vec<_>>>()?);
            }
            let sizes: Vec<usize> = own.iter().map(|&i| counts[i] as usize).collect();
            let rows = table.rows;
            let indicators = if hidden {
                let rules: Vec<_> = own.iter().map(|&i| (&learned[i], edges[i].as_ref())).collect();
                self.hidden_indicators(&table, &rules)?
            } else {
                self.share_indicators(cx, owner, places.as_deref(), rows, &sizes)?
            };
            let mut fit = woe::fit(&mut self.engine, &indicators, &y, rows, &sizes)?;
            if hidden {
                let numbers: Vec<_> = own.iter().map(|&i| edges[i].is_some()).collect();
                let kinds: Vec<_> = sizes.iter().copied().zip(numbers).collect();
                fit.woe = self.fill_empty(&fit.woe, &fit.bad.add(&fit.good), &kinds)?;
            }
            let mut start = 0;
            for (k, (&i, size)) in own.iter().zip(&sizes).enumerate() {
                weights[i] = Some(fit.woe.slice(start..start + size));
                ivs[i] = Some(fit.iv.slice(k..k + 1));
                start += size;
            }
        }
        let join = |parts: &[Option<E::Ring>]| {
            E::Ring::concat(&parts.iter().flatten().collect::<Vec<_>>())
        };
        let woe = Woe {
            weights: join(&weights),
            edges,
            ivs: join(&ivs),
            sources: learned.iter().flat_map(|c| c.sources.iter().cloned()).collect(),
            columns: learned,
        };
        Ok(self.insert_transform(Transform::Woe(woe), columns.to_vec(), Vec::new()))
    }

    /// Owners tell everybody how many bins each of their columns has.
    fn announce_bins(
        &self,
        cx: &mut Context,
        table: &Joint<E::Ring>,
        columns: &[String],
        cuts: &[Option<Cuts>],
        bins: u32,
    ) -> Result<Vec<u32>> {
        let mut mine = Vec::new();
        for (name, cuts) in columns.iter().zip(cuts) {
            let column = table.column(cx.op, name)?;
            match (cuts, &column.hidden) {
                (Some(cuts), _) => cuts.bins().encode(&mut mine),
                (None, Some(hidden)) if column.owner == Some(cx.me) => {
                    // Fewer than rows, of which there are fewer than 2^32.
                    let levels = hidden.levels.as_ref().map(|levels| levels.len() as u32);
                    levels.unwrap_or(bins).encode(&mut mine);
                }
                (None, _) => {}
            }
        }
        let plan = cx.dry.clone();
        let all = cx.wire.exchange("joint/bins", &mine, 4 * columns.len(), |p| {
            let mut message = Vec::new();
            let Some(plan) = &plan else { return message };
            for name in columns {
                let column = table.columns.iter().find(|c| c.name == *name);
                if let Some(column) = column.filter(|c| c.owner == Some(p)) {
                    match column.hidden.is_some() && column.kind != Kind::Text {
                        true => bins,
                        false => {
                            planned_levels(plan, p, name).unwrap_or(guessed_bins(column.kind, bins))
                        }
                    }
                    .encode(&mut message);
                }
            }
            message
        })?;
        let mut next: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let counts: Vec<u32> = columns
            .iter()
            .map(|name| {
                let owner = table.column(cx.op, name)?.owner;
                let owner = owner.ok_or(Error::Internal("a column has no owner"))?;
                let malformed = || cx.deviation(owner, "its numbers of bins are malformed");
                let (head, rest) = next[owner].split_at_checked(4).ok_or_else(malformed)?;
                next[owner] = rest;
                let bins = u32::from_bytes(head).map_err(|_| malformed())?;
                match (1..=MAX_BINS).contains(&bins) {
                    true => Ok(bins),
                    false => Err(malformed()),
                }
            })
            .collect::<Result<_>>()?;
        match next.iter().position(|rest| !rest.is_empty()) {
            Some(party) => Err(cx.deviation(party, "it has more numbers of bins than columns")),
            None => Ok(counts),
        }
    }

    /// The answer is about columns of this table that the transformation made,
    /// and is given once.
    pub(super) fn check_select_by_iv(&self, id: TableId, transform: TransformId) -> Result<()> {
        let op = "select_by_iv";
        let woe = self.woe(op, transform)?;
        let table = self.joint(op, id)?;
        let present = |rule: &WoeColumn| table.columns.iter().find(|c| c.name == rule.column);
        let mut present = woe.columns.iter().filter_map(present).peekable();
        let any = present.peek().is_some();
        if !any || !present.all(|c| c.made_by.contains(&transform.0)) {
            return Err(Error::argument(
                op,
                "the table was not made by this transformation",
                "transform it first",
            ));
        }
        if self.selected.contains(&transform) {
            return Err(Error::argument(
                op,
                "this transformation's columns were selected already: a second threshold would \
                 tell more about their information values",
                "select the columns by name, or release the information values",
            ));
        }
        Ok(())
    }

    pub(super) fn run_select_by_iv(
        &mut self,
        cx: &mut Context,
        id: TableId,
        transform: TransformId,
        min_iv: f64,
        permit: &Permit,
    ) -> Result<Outcome> {
        self.selected.insert(transform);
        let woe = self.woe(cx.op, transform)?;
        let names: Vec<String> = woe.columns.iter().map(|c| c.column.clone()).collect();
        let least = vec![self.fixed.constant(min_iv); names.len()];
        let below = woe.ivs.sub(&self.engine.public(&least));
        let below = self.engine.is_negative(&below)?;
        let below = self.engine.bit_to_ring(&below)?;
        let opened = gate::reveal(&mut self.engine, cx, &below, &cx.everybody(), permit)?;
        // A dry run keeps all of them.
        let below = opened.unwrap_or(vec![0; names.len()]);

        let table = self.joint(cx.op, id)?;
        let keep = |name: &String| match names.iter().position(|n| n == name) {
            Some(i) => below[i] == 0,
            None => true,
        };
        let columns: Vec<String> =
            table.columns.iter().map(|c| c.name.clone()).filter(keep).collect();
        if columns.is_empty() {
            return Err(Error::argument(
                cx.op,
                format!("no column has an information value of {min_iv} or more"),
                "choose a smaller one",
            ));
        }
        self.run_select(cx, id, &columns)
    }

    pub(super) fn check_fit(
        &self,
        cx: &Context,
        id: TableId,
        columns: &[String],
        label: &str,
        solver: &Solver,
    ) -> Result<Demand> {
        let op = "fit";
        named(op, columns)?;
        let table = self.joint(op, id)?;
        check_rows(op, table.rows, MAX_ROWS)?;
        if columns.len() > MAX_COLS {
            return Err(Error::argument(
                op,
                format!("{} columns", columns.len()),
                format!("use at most {MAX_COLS}"),
            ));
        }
        if table.rows <= columns.len() {
            return Err(Error::argument(
                op,
                format!(
                    "{} rows are too few for {} columns and an intercept",
                    table.rows,
                    columns.len()
                ),
                "use more rows or fewer columns",
            ));
        }
        self.check_label(op, id, label, Some(cx.min_cell))?;
        check_solver(solver)?;
        for name in columns {
            if name == label {
                return Err(label_is_feature(op, name));
            }
            self.check_feature(op, table, name, Some(solver))?;
        }
        let mut all = columns.to_vec();
        all.push(label.into());
        Ok(Demand { sources: table.sources(op, &all)?, ..Demand::default() })
    }

    /// Whether a column can be a feature; its owner checks its values.
    fn check_feature(
        &self,
        op: &str,
        table: &Joint<E::Ring>,
        name: &str,
        solver: Option<&Solver>,
    ) -> Result<()> {
        let column = table.column(op, name)?;
        if column.kind == Kind::Text {
            return Err(not_numbers(op, name));
        }
        if column.bins == Some(1) && solver.is_some() {
            return Err(Error::argument(
                op,
                format!("column '{name}' has a single bin: it is constant"),
                "leave the column out",
            ));
        }
        if column.made_by.is_empty() {
            table.refuse_hidden(op, name, "use woe or one_hot: its range could not be checked")?;
        }
        let Some(local) = &column.local else { return Ok(()) };
        let values = local.to_numbers().ok_or_else(|| not_numbers(op, name))?;
        if let Some(row) = values.iter().position(|x| x.abs() > MAX_FEATURE) {
            return Err(table.cell_error(
                name,
                row,
                &format!("the number is out of a feature's range of ±{MAX_FEATURE}"),
                "standardise the column, or rescale it",
            ));
        }
        let Some(solver) = solver else { return Ok(()) };
        if local.is_constant() {
            return Err(constant(table, name));
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let wide = match solver {
            Solver::Newton { .. } => deviation > 128f64.min((2f64.powi(34) / n).sqrt()),
            Solver::Sgd { .. } => sgd_options(solver, values.len()).is_some_and(|options| {
                options.batches(values.len()).iter().any(|batch| {
                    let size = batch.iter().map(|&i| values[i].abs()).sum::<f64>();
                    size > MAX_BATCH_MEAN * batch.len() as f64
                })
            }),
        };
        if wide || deviation < 1.0 / 256.0 {
            let limit = match solver {
                Solver::Newton { .. } => {
                    "a standard deviation from 1/256 to 128 (less above a million rows)"
                }
                Solver::Sgd { .. } => {
                    "a standard deviation of at least 1/256 and, in each batch, a mean magnitude of \
                     at most 15"
                }
            };
            let which = if wide { "wide" } else { "close" };
            return Err(table.column_error(
                name,
                &format!("the values are too {which}: a feature needs {limit}"),
                "standardise the column",
            ));
        }
        Ok(())
    }

    pub(super) fn run_fit(
        &mut self,
        cx: &mut Context,
        id: TableId,
        columns: &[String],
        label: &str,
        solver: &Solver,
        permit: &Permit,
    ) -> Result<Outcome> {
        let x = self.matrix(cx, id, columns)?;
        let y = self.labels(cx, id, label)?;
        self.check_classes(cx, (id, label), &y, permit)?;
        let table = self.joint(cx.op, id)?;
        let (rows, cols) = (table.rows, columns.len());
        let mut all = columns.to_vec();
        all.push(label.into());
        let sources = table.sources(cx.op, &all)?;
        let made_by = columns
            .iter()
            .map(|name| Ok(table.column(cx.op, name)?.made_by.clone()))
            .collect::<Result<_>>()?;
        cx.report("fit", 0.1);

        let mut warnings = Vec::new();
        let (coefficients, standard_errors, converged, iterations) = match *solver {
            Solver::Newton { max_iterations, l2 } => {
                let options =
                    NewtonOptions { iterations: max_iterations, l2, ..NewtonOptions::default() };
                let fit = fit_newton(&mut self.engine, &x, &y, rows, cols, &options)?;
                let flags = E::Bits::concat(&[
                    &fit.converged,
                    &fit.separated,
                    &fit.singular,
                    &fit.constant,
                    &fit.collinear,
                ]);
                let flags = self.engine.bit_to_ring(&flags)?;
                let everybody = cx.everybody();
                let flags = gate::reveal(&mut self.engine, cx, &flags, &everybody, permit)?;
                let flags = flags.unwrap_or_else(|| {
                    let mut good = vec![0; 3 + 2 * cols];
                    good[0] = 1;
                    good
                });
                let found = Found::new(&flags, columns)?;
                found.judge(l2, &mut warnings)?;
                let errors = (l2 == 0.0).then_some(fit.standard_errors);
                (fit.coefficients, errors, found.converged, max_iterations)
            }
            Solver::Sgd { epochs, .. } => {
                let options = sgd_options(solver, rows)
                    .ok_or(Error::Internal("the solver changed during a fit"))?;
                let fit = fit_sgd(&mut self.engine, &x, &y, rows, cols, &options)?;
                let settled = self.engine.bit_to_ring(&fit.settled)?;
                let everybody = cx.everybody();
                let settled = gate::reveal(&mut self.engine, cx, &settled, &everybody, permit)?;
                let settled = settled.is_none_or(|bit| bit == [1]);
                if !settled {
                    warnings.push(Warning {
                        op: "fit",
                        columns: Vec::new(),
                        rule: "the coefficients still swing: the fit has not converged".into(),
                        fix: "use a smaller learning rate, larger batches or more epochs".into(),
                    });
                }
                let steps = rows.div_ceil(options.batch) as u64 * u64::from(epochs);
                (fit.coefficients, None, settled, u32::try_from(steps).unwrap_or(u32::MAX))
            }
        };
        let features = columns.to_vec();
        let model = Model { features, made_by, coefficients, standard_errors, sources };
        let id = ModelId(self.insert(Object::Learned(Learned::Model(model))));
        let features = columns.to_vec();
        Ok(outcome(Output::Model { id, features, converged, iterations }, warnings))
    }

    fn model(&self, op: &str, id: ModelId) -> Result<&Model<E::Ring>> {
        match self.learned(op, id.0)? {
            Learned::Model(model) => Ok(model),
            other => Err(wrong_kind(op, id.0, other.describe().0, "model")),
        }
    }

    pub(super) fn check_predict(&self, id: ModelId, table: TableId) -> Result<Demand> {
        let op = "predict";
        let model = self.model(op, id)?;
        let table = self.joint(op, table)?;
        check_rows(op, table.rows, MAX_ROWS)?;
        for (name, made_by) in model.features.iter().zip(&model.made_by) {
            let column = table.column(op, name)?;
            if column.made_by != *made_by {
                return Err(Error::argument(
                    op,
                    format!("column '{name}' was not transformed as for the fit"),
                    "apply the same transformations to both tables, learned on the training rows",
                ));
            }
            self.check_feature(op, table, name, None)?;
        }
        let mut sources = table.sources(op, &model.features)?;
        sources.extend(model.sources.iter().cloned());
        Ok(Demand { sources, ..Demand::default() })
    }

    pub(super) fn run_predict(
        &mut self,
        cx: &mut Context,
        id: ModelId,
        table: TableId,
    ) -> Result<Outcome> {
        let model = self.model(cx.op, id)?.clone();
        let x = self.matrix(cx, table, &model.features)?;
        let joint = self.joint(cx.op, table)?;
        let (rows, row_set) = (joint.rows, joint.row_set);
        let mut sources = joint.sources(cx.op, &model.features)?;
        sources.extend(model.sources.iter().cloned());
        let cols = model.features.len();
        let made = logistic::predict(&mut self.engine, &x, &model.coefficients, rows, cols)?;
        let (scores, ranks) = (made.probability, made.rank);
        let scores = Learned::Scores(Scores { scores, ranks, row_set, sources });
        let id = ValueId(self.insert(Object::Learned(scores)));
        Ok(outcome(Output::Scores { id, rows: rows as u64 }, Vec::new()))
    }
}

/// The opened diagnostics of a fit.
struct Found {
    converged: bool,
    separated: bool,
    singular: bool,
    constant: Vec<String>,
    collinear: Vec<String>,
}

impl Found {
    fn new(flags: &[u64], columns: &[String]) -> Result<Self> {
        let cols = columns.len();
        if flags.len() != 3 + 2 * cols {
            return Err(Error::Internal("a fit has another number of flags"));
        }
        let named = |flags: &[u64]| {
            let set = columns.iter().zip(flags).filter(|(_, f)| **f == 1);
            set.map(|(c, _)| c.clone()).collect::<Vec<_>>()
        };
        Ok(Self {
            converged: flags[0] == 1,
            separated: flags[1] == 1,
            singular: flags[2] == 1,
            constant: named(&flags[3..3 + cols]),
            collinear: named(&flags[3 + cols..]),
        })
    }

    /// What must not be used is an error at all parties; the rest are warnings.
    fn judge(&self, l2: f64, warnings: &mut Vec<Warning>) -> Result<()> {
        if self.separated && l2 == 0.0 {
            return Err(Error::argument(
                "fit",
                "the features separate the two classes perfectly: the likelihood has no maximum",
                "look for a feature that gives the label away, use more rows or fewer features, or \
                 set a penalty (l2)",
            ));
        }
        let mut warn = |columns: &[String], rule: &str, fix: &str| {
            warnings.push(Warning {
                op: "fit",
                columns: columns.to_vec(),
                rule: rule.into(),
                fix: fix.into(),
            });
        };
        if !self.constant.is_empty() {
            warn(&self.constant, "the feature is constant; its coefficient is 0", "leave it out");
        }
        if self.singular || !self.collinear.is_empty() {
            let rule = match self.singular {
                true => "the features are linearly dependent; their coefficients are not unique",
                false => "the features are almost collinear; their coefficients are uncertain",
            };
            warn(&self.collinear, rule, "leave one of them out, or set a penalty (l2)");
        }
        if self.separated {
            warn(
                &[],
                "the features separate the two classes perfectly; the penalty alone bounds the fit",
                "look for a feature that gives the label away",
            );
        }
        if !self.converged {
            warn(
                &[],
                "the last step was not small: the fit has not converged",
                "use more iterations, fewer features or a penalty (l2)",
            );
        }
        Ok(())
    }
}

/// What [`fit_sgd`] is told; `None` for another solver. The penalty of an
/// operation is that of scikit-learn's 1 / C, on the sum of the loss; SGD's is
/// on the mean.
fn sgd_options(solver: &Solver, rows: usize) -> Option<SgdOptions> {
    let Solver::Sgd { epochs, batch, rate, l2 } = *solver else { return None };
    Some(SgdOptions {
        epochs,
        batch: batch as usize,
        learning_rate: rate,
        l2: l2 / rows as f64,
        ..SgdOptions::default()
    })
}

fn check_solver(solver: &Solver) -> Result<()> {
    let (holds, fix) = match *solver {
        Solver::Newton { max_iterations, l2 } => (
            (1..=30).contains(&max_iterations) && (0.0..=1e6).contains(&l2),
            "max_iterations is from 1 to 30, l2 from 0 to a million",
        ),
        Solver::Sgd { epochs, batch, rate, l2 } => (
            (1..=10_000).contains(&epochs)
                && (1..=1 << 14).contains(&batch)
                && rate > 1.0 / 1024.0
                && rate <= 16.0
                && (0.0..=1e6).contains(&l2),
            "epochs is from 1 to 10000, batch from 1 to 16384, rate above 1/1024 and at most 16, \
             l2 from 0 to a million",
        ),
    };
    match holds {
        true => Ok(()),
        false => Err(Error::argument("fit", "a parameter of the solver is out of range", fix)),
    }
}

pub(super) fn check_rows(op: &str, rows: usize, most: usize) -> Result<()> {
    match (2..=most).contains(&rows) {
        true => Ok(()),
        false => Err(Error::argument(
            op,
            format!("the table has {rows} rows"),
            format!("2 to {most} are possible"),
        )),
    }
}

fn label_is_feature(op: &str, name: &str) -> Error {
    Error::argument(
        op,
        format!("column '{name}' is the label and among the features"),
        "take it out of the features",
    )
}

pub(super) fn wrong_kind(op: &str, id: u32, is: &str, wanted: &str) -> Error {
    Error::argument(
        op,
        format!("handle {id} means {is}, not {wanted}"),
        "pass a handle that the right operation returned",
    )
}

/// Most bins or levels of one column.
const MAX_BINS: u32 = 1000;
