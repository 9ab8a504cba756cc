//! Events and the chain over them.

use super::loss::{Loss, Measure};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// What makes two versions of a data set neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbours {
    /// One unit more or less.
    AddRemove,
    /// One unit with other data.
    Replace,
}

/// Under which terms results of a data set may be released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whose presence and data are protected: the column that tells one from another,
    /// or a word such as "customer".
    pub unit: String,
    /// The neighbouring relation.
    pub neighbours: Neighbours,
    /// The hard cap over all recipients; its measure is that of the data set.
    pub cap: Loss,
    /// Caps of single recipients, none above the hard cap. If any are named, only they may
    /// receive anything, so that a misspelt name does not pass a lower cap by.
    pub recipients: BTreeMap<String, Loss>,
}

impl Terms {
    /// Terms without caps of single recipients.
    pub fn new(unit: &str, neighbours: Neighbours, cap: Loss) -> Self {
        Self { unit: unit.into(), neighbours, cap, recipients: BTreeMap::new() }
    }

    /// With the cap of a recipient.
    pub fn recipient(mut self, name: &str, cap: Loss) -> Self {
        self.recipients.insert(name.into(), cap);
        self
    }

    /// The measure.
    pub fn measure(&self) -> Measure {
        self.cap.measure
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The ledger was begun.
    Created {
        /// Tells it from all others.
        id: String,
    },
    /// Terms were stated.
    Granted {
        /// Of which data set.
        data_set: String,
        /// The terms, all of them.
        terms: Terms,
    },
    /// A release was charged.
    Reserved {
        /// To which data set.
        data_set: String,
        /// And to which recipients.
        recipients: Vec<String>,
        /// What it costs.
        cost: Loss,
        /// The session that it belongs to.
        session: String,
        /// Digest of the operation, in hexadecimal digits.
        operation: String,
        /// A line of the caller.
        note: String,
    },
    /// The charge was given back; no noise had been drawn.
    Cancelled {
        /// Number of the entry that charged it.
        reservation: u64,
    },
    /// The release was finished.
    Committed {
        /// Number of the entry that charged it.
        reservation: u64,
    },
}

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Neither committed nor cancelled: it is under way, or its program ended. Charged.
    Unfinished,
    /// Finished. Charged.
    Committed,
    /// Given back.
    Cancelled,
}

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its number, from 1.
    pub number: u64,
    /// Seconds since 1970.
    pub time: u64,
    /// What happened.
    pub event: Event,
    /// For a reservation, what became of it.
    pub standing: Option<Standing>,
}

/// The end of a ledger's chain at some time; as text, `12:8c1f...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub entries: u64,
    /// Hash of the last one, in hexadecimal digits.
    pub hash: String,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.entries, self.hash)
    }
}

impl FromStr for Head {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.split_once(':')
            .and_then(|(entries, hash)| {
                let digits = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
                let entries = entries.parse().ok().filter(|&n| n > 0 && digits)?;
                Some(Self { entries, hash: hash.to_ascii_lowercase() })
            })
            .ok_or_else(|| {
                let rule = "the head is not a number, a colon and 64 hexadecimal digits";
                Error::argument("budget", rule, "give it as `privity budget show` printed it")
            })
    }
}

/// A row as it is hashed and kept: the time and the event, as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) time: u64,
    pub(super) event: Event,
}

/// Hash of the row before the first one.
pub(super) const GENESIS: [u8; 32] = *b"privity ledger of budgets, v1\0\0\0";

/// Hash of a row: over the one before it, its number and its content.
pub(super) fn link(previous: &[u8; 32], number: u64, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(number.to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}
