//! Evaluation, and the way out.

use super::{
    context::Context,
    learn::{Learned, Metrics, Scores, check_rows, wrong_kind},
    machine::{Counted, Demand, Object, Runner, Sources},
    ops::outcome,
};
use crate::{
    error::{Error, Result},
    gate::{self, Permit},
    handle::{TableId, ValueId},
    metrics::{self, MAX_ROWS},
    op::{Metric, Released, To},
    outcome::{Band, Opened, Outcome, Output},
};
use privity_mpc::engine::RingShares;

impl<E: Counted> Runner<E> {
    fn scores(&self, op: &str, id: ValueId) -> Result<&Scores<E::Ring>> {
        match self.value(op, id)? {
            Learned::Scores(scores) => Ok(scores),
            other => Err(wrong_kind(op, id.0, other.describe().0, "scores")),
        }
    }

    pub(super) fn check_evaluate(
        &self,
        cx: &Context,
        id: ValueId,
        table: TableId,
        label: &str,
        wanted: &[Metric],
    ) -> Result<Demand> {
        let op = "evaluate";
        let scores = self.scores(op, id)?;
        let joint = self.joint(op, table)?;
        if scores.row_set != joint.row_set {
            return Err(Error::argument(
                op,
                "the scores belong to other rows than the table's",
                "pass the table that was scored",
            ));
        }
        check_rows(op, joint.rows, MAX_ROWS)?;
        if wanted.is_empty() {
            return Err(Error::argument(op, "no metric is asked for", "ask for auc, ks or bands"));
        }
        let same = |a: &Metric, b: &Metric| std::mem::discriminant(a) == std::mem::discriminant(b);
        if wanted.iter().enumerate().any(|(i, m)| wanted[..i].iter().any(|n| same(n, m))) {
            return Err(Error::argument(op, "a metric is asked for twice", "ask for it once"));
        }
        if wanted.iter().any(|m| matches!(m, Metric::Bands(k) if !(2..=1000).contains(k))) {
            return Err(Error::argument(op, "the number of bands", "use 2 to 1000 bands"));
        }
        self.check_label(op, table, label, Some(cx.min_cell))?;
        let mut sources = joint.sources(op, &[label.to_owned()])?;
        sources.extend(scores.sources.iter().cloned());
        Ok(Demand { sources, ..Demand::default() })
    }

    pub(super) fn run_evaluate(
        &mut self,
        cx: &mut Context,
        id: ValueId,
        table: TableId,
        (label, wanted): (&str, &[Metric]),
        permit: &Permit,
    ) -> Result<Outcome> {
        let y = self.labels(cx, table, label)?;
        self.check_classes(cx, (table, label), &y, permit)?;
        let joint = self.joint(cx.op, table)?;
        let rows = joint.rows;
        let mut sources = joint.sources(cx.op, &[label.to_owned()])?;
        let scores = self.scores(cx.op, id)?.clone();
        sources.extend(scores.sources);
        let (scores, ranks) = (scores.scores, scores.ranks);

        let (auc, ks) = (wanted.contains(&Metric::Auc), wanted.contains(&Metric::Ks));
        let ranking = match auc || ks {
            true => {
                let ranking = metrics::auc_ks(&mut self.engine, &ranks, &y, rows)?;
                Some(E::Ring::concat(&[&ranking.auc, &ranking.ks]))
            }
            false => None,
        };
        cx.report("ranking", 0.7);
        let count = wanted.iter().find_map(|m| match m {
            Metric::Bands(k) => Some(*k),
            Metric::Auc | Metric::Ks => None,
        });
        let bands = match count {
            Some(k) => {
                let edge = |i: u32| self.fixed.constant(f64::from(i) / f64::from(k));
                let edges: Vec<u64> = (1..k).map(edge).collect();
                let minimum = cx.min_cell;
                let bands = metrics::bands(&mut self.engine, &scores, &y, rows, &edges, minimum)?;
                Some(E::Ring::concat(&[&bands.good, &bands.bad]))
            }
            None => None,
        };
        let metrics = Learned::Metrics(Metrics { ranking, auc, ks, bands, sources });
        let id = ValueId(self.insert(Object::Learned(metrics)));
        Ok(outcome(Output::Metrics { id }, Vec::new()))
    }

    pub(super) fn check_release(
        &self,
        op: &str,
        id: u32,
        wanted: &'static str,
    ) -> Result<(Sources, &'static str)> {
        let (kind, sources) = self.learned(op, id)?.describe();
        match kind == wanted {
            true => Ok((sources.clone(), kind)),
            false => Err(wrong_kind(op, id, kind, wanted)),
        }
    }

    pub(super) fn run_release(
        &mut self,
        cx: &mut Context,
        what: &Released,
        to: &To,
        permit: &Permit,
    ) -> Result<Outcome> {
        let to = cx.recipients(to)?;
        let share = match what {
            Released::InformationValues(id) => self.woe(cx.op, *id)?.ivs.clone(),
            Released::Model(id) => self.learned(cx.op, id.0)?.numbers(),
            Released::Scores(id) | Released::Metrics(id) => self.value(cx.op, *id)?.numbers(),
        };
        let opened = gate::reveal(&mut self.engine, cx, &share, &to, permit)?;
        let Some(words) = opened else {
            return Ok(outcome(Output::Released(None), Vec::new()));
        };
        let numbers = self.fixed.decode_all(&words);
        let opened = match what {
            Released::InformationValues(id) => {
                let names = self.woe(cx.op, *id)?.columns.iter().map(|c| c.column.clone());
                Opened::InformationValues(names.zip(numbers).collect())
            }
            Released::Model(id) => self.learned(cx.op, id.0)?.present(&words, &numbers)?,
            Released::Scores(id) | Released::Metrics(id) => {
                self.value(cx.op, *id)?.present(&words, &numbers)?
            }
        };
        Ok(outcome(Output::Released(Some(opened)), Vec::new()))
    }
}

impl<R: RingShares> Learned<R> {
    /// All shared numbers, in one vector.
    fn numbers(&self) -> R {
        match self {
            Learned::Model(model) => match &model.standard_errors {
                Some(errors) => R::concat(&[&model.coefficients, errors]),
                None => model.coefficients.clone(),
            },
            Learned::Scores(scores) => scores.scores.clone(),
            Learned::Metrics(metrics) => {
                let mut parts = Vec::new();
                if let Some(ranking) = &metrics.ranking {
                    // Only what was asked for.
                    if metrics.auc {
                        parts.push(ranking.slice(0..1));
                    }
                    if metrics.ks {
                        parts.push(ranking.slice(1..2));
                    }
                }
                parts.extend(metrics.bands.clone());
                R::concat(&parts.iter().collect::<Vec<_>>())
            }
        }
    }

    /// The opened words, and the same as fixed-point numbers, in their places.
    fn present(&self, words: &[u64], numbers: &[f64]) -> Result<Opened> {
        let missing = || Error::Internal("too few numbers were opened");
        match self {
            Learned::Model(model) => {
                let (&intercept, rest) = numbers.split_first().ok_or_else(missing)?;
                let (coefficients, errors) =
                    rest.split_at_checked(model.features.len()).ok_or_else(missing)?;
                Ok(Opened::Model {
                    intercept,
                    features: model.features.clone(),
                    coefficients: coefficients.to_vec(),
                    standard_errors: (!errors.is_empty()).then(|| errors.to_vec()),
                })
            }
            Learned::Scores(_) => Ok(Opened::Scores(numbers.to_vec())),
            Learned::Metrics(metrics) => {
                let mut next = numbers.iter().copied();
                let auc = metrics.auc.then(|| next.next()).flatten();
                let ks = metrics.ks.then(|| next.next()).flatten();
                let bands = metrics.bands.as_ref().map(|_| {
                    let skip = usize::from(metrics.auc) + usize::from(metrics.ks);
                    let counts = &words[skip.min(words.len())..];
                    let (zeros, ones) = counts.split_at(counts.len() / 2);
                    // A suppressed count is -1.
                    let count = |w: u64| (w as i64 >= 0).then_some(w);
                    let pairs = zeros.iter().zip(ones);
                    pairs
                        .map(|(&n, &p)| Band { negatives: count(n), positives: count(p) })
                        .collect()
                });
                Ok(Opened::Metrics { auc, ks, bands })
            }
        }
    }
}
