//! What can go wrong, beyond what can go wrong in the channels.

use crate::item::BadIdentifiers;

/// The result of everything public in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of alignment. No variant ever carries an identifier.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This party's own identifiers cannot be aligned.
    #[error(transparent)]
    Identifiers(#[from] BadIdentifiers),

    /// A set, one's own or another's, is too small to go on with. Nothing but
    /// the sizes was sent.
    #[error("a set has fewer than {min_items} items")]
    TooFew {
        /// The agreed limit.
        min_items: u64,
    },

    /// Fewer items are common than the result was asked for. Nothing else was opened.
    #[error("fewer than {at_least} items are common: nothing else was opened")]
    FewCommon {
        /// The agreed limit.
        at_least: u64,
    },

    /// The client's filter was made with another key than the server's: get the new one.
    #[error("the filter is of another version than the server's key: get the new filter")]
    OtherVersion,

    /// The server does not answer so many query items, or not any more.
    #[error("the server does not answer {items} items: ask for fewer, or for a new filter")]
    Allowance {
        /// Items of the query.
        items: u64,
    },

    /// The caller's [`Store`](crate::job::Store) failed, which knows why.
    #[error("the store of this party's items failed")]
    Store,

    /// A bad argument, the transport, a deviating peer, or a bug of ours.
    #[error(transparent)]
    Core(#[from] privity_core::Error),
}

impl Error {
    /// The peer that this error accuses or misses, if any.
    pub fn culprit(&self) -> Option<&str> {
        match self {
            Error::Identifiers(_) | Error::TooFew { .. } => None,
            Error::FewCommon { .. }
            | Error::OtherVersion
            | Error::Allowance { .. }
            | Error::Store => None,
            Error::Core(error) => error.culprit(),
        }
    }
}

/// The rule that a peer's message breaks. States return it; the driver, which
/// knows whose message it was, adds the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub(crate) String);

impl Refusal {
    pub(crate) fn new(rule: impl Into<String>) -> Self {
        Self(rule.into())
    }
}
