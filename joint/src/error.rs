//! Every way in which joint work can fail.
//!
//! Four kinds, as below: the caller's argument or data, the transport, a peer,
//! a bug of ours. No variant carries the content of a cell: errors name file,
//! row, column and rule, and are safe to log and to show to anybody at this
//! party. What peers are told is less: see [`Error::for_peers`].

use crate::ledger::LedgerFault;
use std::path::PathBuf;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of joint work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A table or an identifier breaks a rule.
    #[error("{0}")]
    Data(Box<DataError>),

    /// An operation was called with something it cannot work with.
    #[error("{op}: {rule}; {fix}")]
    Argument {
        /// The operation or function.
        op: String,
        /// What is wrong.
        rule: String,
        /// What to do.
        fix: String,
    },

    /// A configuration or policy file is wrong.
    #[error("{}: {rule}; {fix}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the key.
        rule: String,
        /// What to do.
        fix: String,
    },

    /// This party's own policy does not allow the operation.
    #[error("{op} refused by the policy of '{party}': {rule}; to allow it, add:\n{fix}")]
    Refused {
        /// The operation.
        op: String,
        /// Whose policy.
        party: String,
        /// The rule that is missing or broken.
        rule: String,
        /// TOML that would allow it.
        fix: String,
    },

    /// A peer did not take part in the operation.
    #[error("{op} stopped by '{party}': {reason}")]
    PeerStopped {
        /// The operation.
        op: String,
        /// Who.
        party: String,
        /// Why, as far as the peer tells.
        reason: String,
    },

    /// The parties' programs differ.
    #[error(
        "the programs differ at operation {sequence}: this party runs\n  {ours}\n'{party}' runs\n  \
         {theirs}\nall parties must run the same program with the same parameters"
    )]
    Divergence {
        /// Position in the program, from 1.
        sequence: u64,
        /// The peer.
        party: String,
        /// Our operation as JSON.
        ours: String,
        /// Theirs; at most a few kilobytes, with control characters removed.
        theirs: String,
    },

    /// Something failed during an earlier operation; the links are closed.
    #[error("the session ended earlier: {0}; open a new one")]
    Closed(String),

    /// A file cannot be read or written.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },

    /// The audit record is damaged or was changed.
    #[error("{}: line {line}: {rule}", file.display())]
    Audit {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What does not hold.
        rule: String,
    },

    /// The budget ledger cannot be used; nothing was released.
    #[error("{}: {rule}; {fix}", file.display())]
    Ledger {
        /// The file.
        file: PathBuf,
        /// Which kind of trouble.
        kind: LedgerFault,
        /// What does not hold.
        rule: String,
        /// What to do.
        fix: String,
    },

    /// A release would cost more than is left of a privacy budget.
    #[error(
        "the budget of {whose} does not allow the release: it costs {cost}, and {left} is left \
         of {cap}; ask for less, or have the budget raised: privity budget grant"
    )]
    Overspent {
        /// The data set, or the recipient and the data set.
        whose: String,
        /// The cost of the release.
        cost: String,
        /// What is left of the cap.
        left: String,
        /// The cap.
        cap: String,
    },

    /// Channels, codecs and engines.
    #[error(transparent)]
    Core(#[from] privity_core::Error),

    /// The alignment protocol.
    #[error(transparent)]
    Psi(Box<privity_psi::Error>),

    /// Keys, pins and setting up the links.
    #[error(transparent)]
    Net(Box<privity_net::Error>),

    /// A rule of our own was broken.
    #[error("internal error: {0}; please report it")]
    Internal(&'static str),
}

/// A table or an identifier that breaks a rule: where, which rule, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    /// The file, or the name the table was given.
    pub source: String,
    /// The data row, from 1.
    pub row: Option<u64>,
    /// The line of the file, from 1, for text files.
    pub line: Option<u64>,
    /// The column or columns.
    pub column: Option<String>,
    /// What does not hold.
    pub rule: String,
    /// What to do.
    pub fix: String,
}

impl DataError {
    /// An error about a whole table.
    pub fn new(source: &str, rule: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            row: None,
            line: None,
            column: None,
            rule: rule.into(),
            fix: fix.into(),
        }
    }

    /// With the column.
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// With the data row, from 1.
    pub fn row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    /// With the line of the file, from 1.
    pub fn line(mut self, line: Option<u64>) -> Self {
        self.line = line;
        self
    }
}

impl std::fmt::Display for DataError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column '{column}'")?;
        }
        write!(f, ": {}; {}", self.rule, self.fix)
    }
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        Error::Data(Box::new(error))
    }
}

impl From<privity_psi::Error> for Error {
    fn from(error: privity_psi::Error) -> Self {
        match error {
            privity_psi::Error::Core(error) => Error::Core(error),
            other => Error::Psi(Box::new(other)),
        }
    }
}

impl From<privity_net::Error> for Error {
    fn from(error: privity_net::Error) -> Self {
        match error {
            privity_net::Error::Core(error) => Error::Core(error),
            other => Error::Net(Box::new(other)),
        }
    }
}

impl Error {
    /// An argument that an operation cannot work with.
    pub fn argument(op: &str, rule: impl Into<String>, fix: impl Into<String>) -> Self {
        Error::Argument { op: op.into(), rule: rule.into(), fix: fix.into() }
    }

    /// The parties that this error accuses or misses.
    pub fn culprits(&self) -> Vec<String> {
        match self {
            Error::PeerStopped { party, .. } | Error::Divergence { party, .. } => {
                vec![party.clone()]
            }
            Error::Core(e) => e.culprit().map(str::to_owned).into_iter().collect(),
            Error::Psi(e) => e.culprit().map(str::to_owned).into_iter().collect(),
            Error::Net(e) => e.culprit().map(str::to_owned).into_iter().collect(),
            Error::Data(_)
            | Error::Argument { .. }
            | Error::Config { .. }
            | Error::Refused { .. }
            | Error::Closed(_)
            | Error::File { .. }
            | Error::Audit { .. }
            | Error::Ledger { .. }
            | Error::Overspent { .. }
            | Error::Internal(_) => Vec::new(),
        }
    }

    /// The reason that peers are told when this party does not take part in
    /// an operation. It says nothing about this party's data or files.
    pub fn for_peers(&self) -> String {
        match self {
            Error::Refused { rule, .. } => format!("its policy refuses: {rule}"),
            Error::Data(_) | Error::Argument { .. } => {
                "the operation cannot be done as called, or not on its data".into()
            }
            Error::Core(privity_core::Error::Cancelled { .. }) => "it was cancelled".into(),
            Error::Overspent { .. } => "its privacy budget does not allow the release".into(),
            Error::Ledger { .. } => "it cannot use its budget ledger".into(),
            Error::File { .. } | Error::Audit { .. } => "it cannot write its audit record".into(),
            _ => "an error on its side".into(),
        }
    }
}
