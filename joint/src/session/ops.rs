//! From an operation to the code that checks and runs it.

use super::{
    context::Context,
    machine::{Counted, Demand, Runner},
};
use crate::{
    error::{Error, Result},
    gate::Permit,
    op::{Op, Released, SplitBy},
    outcome::{Outcome, Output, Warning},
};

impl<E: Counted> Runner<E> {
    pub(super) fn check_op(&mut self, cx: &Context, op: &Op) -> Result<Demand> {
        let kind = op.kind();
        if let Some(table) = op.table() {
            cx.enough_rows(self.joint(kind, table)?.rows)?;
        }
        let demand = self.demand(cx, op)?;
        match op.tells_all() {
            true => Ok(Demand { to: cx.everybody(), ..demand }),
            false => Ok(demand),
        }
    }

    fn demand(&mut self, cx: &Context, op: &Op) -> Result<Demand> {
        let kind = op.kind();
        match op {
            Op::Align { table, on, hidden } => self.check_align(cx, *table, (on, *hidden)),
            Op::Split { table, by } => {
                let joint = self.joint(kind, *table)?;
                match by {
                    SplitBy::Column(column) => {
                        self.check_label(kind, *table, column, None)?;
                        let sources = joint.sources(kind, std::slice::from_ref(column))?;
                        Ok(Demand { sources, ..Demand::default() })
                    }
                    SplitBy::Fraction { first, .. } if *first > 0.0 && *first < 1.0 => {
                        Ok(Demand::default())
                    }
                    SplitBy::Fraction { .. } => Err(Error::argument(
                        kind,
                        "the share of the first part is not between 0 and 1",
                        "choose, for instance, 0.7",
                    )),
                }
            }
            Op::Select { table, columns } => {
                named(kind, columns)?;
                let sources = self.joint(kind, *table)?.sources(kind, columns)?;
                Ok(Demand { sources, ..Demand::default() })
            }
            Op::Standardise { table, columns } => self.check_standardise(*table, columns),
            Op::OneHot { table, columns, .. } => self.check_one_hot(*table, columns),
            Op::Woe { table, columns, label, bins } => {
                self.check_woe(cx, *table, columns, label, *bins)
            }
            Op::Transform { table, transform } => self.check_transform(cx, *table, *transform),
            Op::SelectByIv { table, transform, min_iv } => {
                self.check_select_by_iv(*table, *transform)?;
                if !min_iv.is_finite() || min_iv.abs() > 1000.0 {
                    return Err(Error::argument(
                        kind,
                        "the smallest information value is not a number below 1000",
                        "0.02 is usual",
                    ));
                }
                let sources = self.woe(kind, *transform)?.sources.clone();
                Ok(Demand { sources, ..Demand::default() })
            }
            Op::Fit { table, columns, label, solver } => {
                self.check_fit(cx, *table, columns, label, solver)
            }
            Op::Predict { model, table } => self.check_predict(*model, *table),
            Op::Evaluate { scores, table, label, metrics } => {
                self.check_evaluate(cx, *scores, *table, label, metrics)
            }
            Op::Count { table, attributes, margins, noise } => {
                self.check_count(*table, attributes, margins, noise)
            }
            Op::Release { what, to } => {
                let (sources, word) = match what {
                    Released::InformationValues(id) => {
                        (self.woe(kind, *id)?.sources.clone(), "information_values")
                    }
                    Released::Model(id) => self.check_release(kind, id.0, "model")?,
                    Released::Scores(id) => self.check_release(kind, id.0, "scores")?,
                    Released::Metrics(id) => self.check_release(kind, id.0, "metrics")?,
                };
                let to = cx.recipients(to)?;
                if to.is_empty() {
                    return Err(Error::argument(
                        kind,
                        "no party would receive the result",
                        "name one with the role of a recipient",
                    ));
                }
                Ok(Demand { sources, to, what: Some(word), ..Demand::default() })
            }
        }
    }

    pub(super) fn run_op(&mut self, cx: &mut Context, op: &Op, permit: Permit) -> Result<Outcome> {
        match op {
            Op::Align { table, on, hidden: false } => self.run_align(cx, *table, on),
            Op::Align { table, on, hidden: true } => self.run_align_hidden(cx, *table, on, &permit),
            Op::Split { table, by } => self.run_split(cx, *table, by, &permit),
            Op::Select { table, columns } => self.run_select(cx, *table, columns),
            Op::Standardise { table, columns } => self.run_standardise(cx, *table, columns),
            Op::OneHot { table, columns, drop_first } => {
                self.run_one_hot(cx, *table, columns, *drop_first)
            }
            Op::Woe { table, columns, label, bins } => {
                self.run_woe(cx, *table, columns, (label, *bins), &permit)
            }
            Op::Transform { table, transform } => self.run_transform(cx, *table, *transform),
            Op::SelectByIv { table, transform, min_iv } => {
                self.run_select_by_iv(cx, *table, *transform, *min_iv, &permit)
            }
            Op::Fit { table, columns, label, solver } => {
                self.run_fit(cx, *table, columns, label, solver, &permit)
            }
            Op::Predict { model, table } => self.run_predict(cx, *model, *table),
            Op::Evaluate { scores, table, label, metrics } => {
                self.run_evaluate(cx, *scores, *table, (label, metrics), &permit)
            }
            Op::Count { table, attributes, margins, noise } => {
                self.run_count(cx, *table, (attributes, margins), noise, &permit)
            }
            Op::Release { what, to } => self.run_release(cx, what, to, &permit),
        }
    }
}

/// Refuses an empty list of columns and repeated names.
pub(super) fn named(op: &str, columns: &[String]) -> Result<()> {
    if columns.is_empty() {
        return Err(Error::argument(op, "the list of columns is empty", "name some"));
    }
    for (i, name) in columns.iter().enumerate() {
        if columns[..i].contains(name) {
            return Err(Error::argument(
                op,
                format!("column '{name}' is named twice"),
                "name it once",
            ));
        }
    }
    Ok(())
}

pub(super) fn outcome(result: Output, warnings: Vec<Warning>) -> Outcome {
    Outcome { result, warnings }
}
