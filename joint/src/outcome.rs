//! What an operation gives back.

use crate::handle::{ModelId, TableId, TransformId, ValueId};
use serde::{Deserialize, Serialize};

/// The result of one [`Op`](crate::Op), with what the party should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The result.
    pub result: Output,
    /// What a statistician would want to hear. Warnings about a party's own
    /// data reach only that party.
    pub warnings: Vec<Warning>,
}

/// The result proper.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// A joint table.
    Table {
        /// Its handle.
        id: TableId,
        /// Rows, the same at all parties.
        rows: u64,
        /// Its columns.
        columns: Vec<ColumnInfo>,
    },
    /// Two tables.
    Split {
        /// Training rows.
        first: TableId,
        /// The others.
        second: TableId,
        /// Rows of both.
        rows: [u64; 2],
    },
    /// Something learned about columns.
    Transform {
        /// Its handle.
        id: TransformId,
        /// The columns it makes.
        columns: Vec<String>,
    },
    /// A fitted model; coefficients stay shared.
    Model {
        /// Its handle.
        id: ModelId,
        /// Features in the order of the coefficients, without the intercept.
        features: Vec<String>,
        /// Whether the solver reached its tolerance (always true for SGD, which
        /// has none).
        converged: bool,
        /// Iterations or steps done.
        iterations: u32,
    },
    /// Shared scores.
    Scores {
        /// Their handle.
        id: ValueId,
        /// How many.
        rows: u64,
    },
    /// Shared metrics.
    Metrics {
        /// Their handle.
        id: ValueId,
    },
    /// An opened result; `None` at parties that are not recipients and in a
    /// dry run.
    Released(Option<Opened>),
}

/// Numbers that left the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Opened {
    /// A logistic model.
    Model {
        /// The constant.
        intercept: f64,
        /// Names of the features.
        features: Vec<String>,
        /// One coefficient per feature.
        coefficients: Vec<f64>,
        /// Standard errors, the intercept's first; none for a fit with a
        /// penalty or by SGD.
        standard_errors: Option<Vec<f64>>,
    },
    /// Scores in the common order of their table.
    Scores(Vec<f64>),
    /// Metrics that were asked for.
    Metrics {
        /// Area under the ROC curve.
        auc: Option<f64>,
        /// Kolmogorov-Smirnov distance.
        ks: Option<f64>,
        /// Score bands from low to high.
        bands: Option<Vec<Band>>,
    },
    /// Information values by column.
    InformationValues(Vec<(String, f64)>),
    /// Counts with noise.
    Counts {
        /// For each margin its cells, the last attribute's bins first.
        margins: Vec<Vec<i64>>,
        /// The variance of the noise of each count.
        variance: f64,
    },
}

/// One band of scores. Counts from 1 to the parties' `min_cell` - 1 are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Rows with label 0.
    pub negatives: Option<u64>,
    /// Rows with label 1.
    pub positives: Option<u64>,
}

/// What all parties know about a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// The party that has its values; `None` if they are shared.
    pub owner: Option<String>,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Real numbers or integers.
    Number,
    /// Categories.
    Text,
    /// True or false.
    Bool,
}

/// Something that is not wrong, and that a statistician would want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The operation.
    pub op: &'static str,
    /// The columns it is about, if any.
    pub columns: Vec<String>,
    /// What was found.
    pub rule: String,
    /// What can be done.
    pub fix: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.op)?;
        if !self.columns.is_empty() {
            write!(f, "column {}: ", self.columns.join(", "))?;
        }
        write!(f, "{}; {}", self.rule, self.fix)
    }
}

/// What one step cost this party.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCost {
    /// Position in the program, from 1.
    pub sequence: u64,
    /// The operation.
    pub op: String,
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
    /// Rounds: the longest chain of messages that waited for one another.
    pub rounds: u64,
    /// Wall time; zero in a dry run.
    pub seconds: f64,
}

/// One line of what a program lets parties learn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Position in the program, from 1.
    pub sequence: u64,
    /// The operation.
    pub op: String,
    /// What is learned, in plain words.
    pub what: String,
    /// By whom.
    pub to: Vec<String>,
    /// This party's rule that allows it, if its policy does.
    pub allowed_by: Option<String>,
}

/// How far a long operation is, for progress displays.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The operation.
    pub op: &'static str,
    /// Position in the program, from 1.
    pub sequence: u64,
    /// The step within the operation.
    pub stage: &'static str,
    /// Work done, between 0 and 1.
    pub fraction: f64,
}
