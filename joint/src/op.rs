//! What parties can do together, as plain values.
//!
//! An [`Op`] says everything the protocol depends on: inputs, parameters, what
//! is opened and to whom. Its canonical form is JSON with the fields in the
//! order of their declaration; all parties compare its digest before anything
//! runs. What one party may not know about another (file names, values) is not
//! in it.

use crate::{
    handle::{ModelId, TableId, TransformId, ValueId},
    private::{Attribute, Noise},
};
use serde::{Deserialize, Serialize};

/// One joint operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Op {
    /// Finds the rows that all owners have, by private set intersection on
    /// their identifier columns, and makes one table of all their columns.
    Align {
        /// What each owner bound.
        table: TableId,
        /// The identifier columns, by name, the same at every owner.
        on: Vec<String>,
        /// Whether nobody is to learn which rows these are: for two owners. The
        /// columns are shared, and their values are at no party.
        #[serde(default)]
        hidden: bool,
    },
    /// Cuts a table into two by rows: first part (training), second part (test).
    Split {
        /// The table to cut.
        table: TableId,
        /// The rule.
        by: SplitBy,
    },
    /// Keeps some columns.
    Select {
        /// The table.
        table: TableId,
        /// The columns to keep, in the new order.
        columns: Vec<String>,
    },
    /// Learns mean and standard deviation (ddof 0) of columns, at their owners.
    Standardise {
        /// The rows to learn from.
        table: TableId,
        /// Columns of numbers.
        columns: Vec<String>,
    },
    /// Learns the levels of text columns, at their owners.
    OneHot {
        /// The rows to learn from.
        table: TableId,
        /// Columns of text.
        columns: Vec<String>,
        /// Leave out the first level, so that the columns are not collinear
        /// with an intercept.
        drop_first: bool,
    },
    /// Learns weights of evidence and information values of columns against a
    /// label that another party may hold. Counts, weights and information
    /// values stay shared.
    Woe {
        /// The rows to learn from.
        table: TableId,
        /// Numbers are cut at quantiles, text by level.
        columns: Vec<String>,
        /// A column of 0 and 1 (1 is the event, "bad").
        label: String,
        /// Number of quantile bins of a column of numbers.
        bins: u32,
    },
    /// Replaces columns of a table by what a fitted transformation makes of them.
    Transform {
        /// The table.
        table: TableId,
        /// What was learned.
        transform: TransformId,
    },
    /// Opens which columns of a weight-of-evidence transformation have at least
    /// this information value, to everybody, and keeps these of the table.
    ///
    /// Once per transformation: a second threshold would tell more about the
    /// values than the first.
    SelectByIv {
        /// A table made by this transformation.
        table: TableId,
        /// The transformation.
        transform: TransformId,
        /// The smallest information value to keep.
        min_iv: f64,
    },
    /// Fits a logistic regression with intercept.
    Fit {
        /// The rows to learn from.
        table: TableId,
        /// The features, in order.
        columns: Vec<String>,
        /// A column of 0 and 1.
        label: String,
        /// How.
        solver: Solver,
    },
    /// Scores every row of a table. The scores stay shared.
    Predict {
        /// The model.
        model: ModelId,
        /// A table with the columns the model was fitted on.
        table: TableId,
    },
    /// Measures scores against a label. The results stay shared.
    Evaluate {
        /// Scores from `Predict`.
        scores: ValueId,
        /// The table that was scored, or one with the same rows.
        table: TableId,
        /// A column of 0 and 1.
        label: String,
        /// What to compute.
        metrics: Vec<Metric>,
    },
    /// Counts the rows in the cells of tables with public bins, and opens the counts to
    /// everybody with noise that makes them differentially private: see
    /// [`private`](crate::private).
    Count {
        /// The rows to count.
        table: TableId,
        /// What rows are counted by.
        attributes: Vec<Attribute>,
        /// The tables: each by one attribute or two, named by their places.
        margins: Vec<Vec<u32>>,
        /// The noise, and what it costs.
        noise: Noise,
    },
    /// Opens a result to recipients. The only way out without noise.
    Release {
        /// What to open.
        what: Released,
        /// To whom.
        to: To,
    },
}

/// How rows are cut in two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// By a column of 0 and 1 (or booleans) of one owner; 1 is the first part.
    /// All parties learn which rows of the common order are in which part.
    Column(String),
    /// By a public pseudo-random choice over the common order.
    Fraction {
        /// Share of rows in the first part, above 0 and below 1.
        first: f64,
        /// Seed of the choice.
        seed: u64,
    },
}

/// How a logistic regression is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// To the (penalised) maximum-likelihood fit.
    Newton {
        /// Newton steps, 1 to 30. All of them are made: whether fewer would do is
        /// not known before the end.
        max_iterations: u32,
        /// L2 penalty as in scikit-learn's 1/C, intercept unpenalised; 0 for none.
        l2: f64,
    },
    /// Mini-batch gradient descent, for large tables.
    Sgd {
        /// Passes over the rows.
        epochs: u32,
        /// Rows per step.
        batch: u32,
        /// Step size.
        rate: f64,
        /// L2 penalty as in scikit-learn's 1/C, intercept unpenalised; 0 for none.
        l2: f64,
    },
}

impl Default for Solver {
    fn default() -> Self {
        Solver::Newton { max_iterations: 15, l2: 0.0 }
    }
}

/// A measure of scores against a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Area under the ROC curve; ties count one half.
    Auc,
    /// Kolmogorov-Smirnov distance between the classes.
    Ks,
    /// Counts of both classes in this many score bands of equal width between
    /// 0 and 1.
    Bands(u32),
}

/// What a release opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Released {
    /// Intercept and coefficients of a model.
    Model(ModelId),
    /// Every score.
    Scores(ValueId),
    /// Results of `Evaluate`.
    Metrics(ValueId),
    /// Information values of a weight-of-evidence transformation.
    InformationValues(TransformId),
}

/// Recipients by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// Every party that may receive. In a [`Disclosure`]: every party.
    All,
    /// Every party that owns data and may receive. In a [`Disclosure`]: every
    /// party that owns data.
    Owners,
    /// These.
    Parties(Vec<String>),
}

/// One thing that somebody learns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// What, in plain words.
    pub what: String,
    /// Who learns it.
    pub to: To,
}

impl Op {
    /// The joint table that this operation works on.
    pub(crate) fn table(&self) -> Option<TableId> {
        match self {
            Op::Split { table, .. }
            | Op::Select { table, .. }
            | Op::Standardise { table, .. }
            | Op::OneHot { table, .. }
            | Op::Woe { table, .. }
            | Op::Transform { table, .. }
            | Op::SelectByIv { table, .. }
            | Op::Fit { table, .. }
            | Op::Predict { table, .. }
            | Op::Evaluate { table, .. }
            | Op::Count { table, .. } => Some(*table),
            Op::Align { .. } | Op::Release { .. } => None,
        }
    }

    /// The word for this operation in policies and records.
    pub fn kind(&self) -> &'static str {
        match self {
            Op::Align { hidden: false, .. } => "align",
            Op::Align { hidden: true, .. } => "align_hidden",
            Op::Split { .. } => "split",
            Op::Select { .. } => "select",
            Op::Standardise { .. } => "standardise",
            Op::OneHot { .. } => "one_hot",
            Op::Woe { .. } => "woe",
            Op::Transform { .. } => "transform",
            Op::SelectByIv { .. } => "select_by_iv",
            Op::Fit { .. } => "fit",
            Op::Predict { .. } => "predict",
            Op::Evaluate { .. } => "evaluate",
            Op::Count { .. } => "count",
            Op::Release { .. } => "release",
        }
    }

    /// What it costs of a privacy budget.
    pub(crate) fn noise(&self) -> Option<&Noise> {
        match self {
            Op::Count { noise, .. } => Some(noise),
            _ => None,
        }
    }

    /// Whether it opens shared values.
    pub(crate) fn opens(&self) -> bool {
        // Split, woe and evaluate open something of hidden tables only.
        matches!(
            self,
            Op::Align { hidden: true, .. }
                | Op::Split { by: SplitBy::Column(_), .. }
                | Op::Woe { .. }
                | Op::SelectByIv { .. }
                | Op::Fit { .. }
                | Op::Evaluate { .. }
                | Op::Count { .. }
                | Op::Release { .. }
        )
    }

    /// Whether everybody learns something by it: policies must name them all.
    pub(crate) fn tells_all(&self) -> bool {
        let told = |d: Disclosure| d.to == To::All;
        !matches!(self, Op::Release { .. }) && self.reveals().into_iter().any(told)
    }

    /// What this operation lets anybody learn, beyond that it runs, with these
    /// parameters, on tables of these many rows.
    pub fn reveals(&self) -> Vec<Disclosure> {
        let one = |what: String, to: To| vec![Disclosure { what, to }];
        // A check of data that only its owner can make tells everybody how it went.
        let checked = |rule: &str| Disclosure {
            what: format!(
                "whether {} can be done: {rule} stops it, and ends the session",
                self.kind()
            ),
            to: To::All,
        };
        match self {
            Op::Align { hidden: true, .. } => vec![
                Disclosure {
                    what: "how many rows each owner has, and how many they have in common, or \
                           that these are fewer than min_rows; names and kinds of columns, and \
                           which of them have 0 and 1 only"
                        .into(),
                    to: To::All,
                },
                checked("an identifier that is empty or repeated, or a number that is too large"),
            ],
            Op::Align { on, .. } => {
                let on = on.join(", ");
                let mut list =
                    one(format!("which of their own rows all owners have, by {on}"), To::Owners);
                list.push(Disclosure {
                    what: "how many rows each owner has".into(),
                    to: To::Owners,
                });
                list.push(Disclosure {
                    what: "how many rows all owners have in common, or that they are fewer than \
                           min_rows; names and kinds of columns"
                        .into(),
                    to: To::All,
                });
                list.push(checked("an identifier that is empty or repeated"));
                list
            }
            Op::Split { by: SplitBy::Column(column), .. } => one(
                format!(
                    "the values of {column} in the common rows: which row is in which part, or \
                     that not all are 0 and 1"
                ),
                To::All,
            ),
            Op::Standardise { .. } => vec![checked("a constant column")],
            Op::OneHot { columns, .. } => vec![
                Disclosure {
                    what: format!("the names of the levels of {}", columns.join(", ")),
                    to: To::All,
                },
                checked("a constant column, or one of too many levels"),
            ],
            Op::Woe { columns, .. } => vec![
                Disclosure {
                    what: format!("how many bins or levels each of {} has", columns.join(", ")),
                    to: To::All,
                },
                checked(
                    "a constant column, one of too many levels, or a label with too few rows of a \
                     class",
                ),
            ],
            Op::SelectByIv { min_iv, .. } => one(
                format!("which columns have an information value of at least {min_iv}"),
                To::All,
            ),
            Op::Fit { solver, .. } => {
                let flags = match solver {
                    Solver::Newton { .. } => {
                        "whether the fit converged, whether the label is perfectly separated, \
                         whether the features are linearly dependent, and which are constant or \
                         collinear"
                    }
                    Solver::Sgd { .. } => "whether the fit converged",
                };
                vec![
                    Disclosure { what: flags.into(), to: To::All },
                    checked(
                        "a constant or out-of-range column, or a label with too few rows of a class",
                    ),
                ]
            }
            Op::Predict { .. } => vec![checked("an out-of-range column")],
            Op::Evaluate { .. } => vec![checked("a label with too few rows of a class")],
            Op::Count { margins, noise, .. } => {
                let deviation = noise.variance().map_or(f64::NAN, f64::sqrt);
                one(
                    format!(
                        "counts by {} public table(s), each with noise of standard deviation \
                         {deviation:.1}: differentially private with epsilon {} and delta {:e} for \
                         the values of one row, given who is in the table",
                        margins.len(),
                        noise.epsilon,
                        noise.delta
                    ),
                    To::All,
                )
            }
            Op::Release { what, to } => {
                let what = match what {
                    Released::Model(_) => {
                        "the intercept and the coefficients of the model, with their standard errors"
                    }
                    Released::Scores(_) => "the score of every row, in the common order",
                    Released::Metrics(_) => "the metrics that were computed",
                    Released::InformationValues(_) => "the information value of every column",
                };
                one(what.into(), to.clone())
            }
            Op::Split { .. } | Op::Select { .. } | Op::Transform { .. } => Vec::new(),
        }
    }
}

/// Those by which parties learn something: policies say who, in `to`.
pub(crate) const TELLING: [&str; 13] = [
    "align",
    "align_hidden",
    "totals",
    "split",
    "standardise",
    "one_hot",
    "woe",
    "select_by_iv",
    "fit",
    "predict",
    "evaluate",
    "count",
    "release",
];

/// Every [`Op::kind`], and what [`crate::intersect`] asks for.
pub(crate) const KINDS: [&str; 15] = [
    "align",
    "align_hidden",
    "totals",
    "split",
    "select",
    "standardise",
    "one_hot",
    "woe",
    "transform",
    "select_by_iv",
    "fit",
    "predict",
    "evaluate",
    "count",
    "release",
];
