//! What can go wrong below the engines, in four kinds: a bad argument, the
//! transport, a peer that deviates, a bug of ours.

use std::{sync::Arc, time::Duration};

/// The name of a party, as its peers know it.
pub type PartyName = Arc<str>;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of channels, codecs and algebra. No variant ever carries a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller passed something that the function's contract excludes.
    #[error("bad argument: {0}")]
    Argument(String),

    /// A number does not fit the fixed-point range.
    #[error(
        "value at index {index} is {reason}: fixed point with {frac_bits} fractional bits holds \
         |x| < 2^{int_bits}; rescale or standardise the column"
    )]
    Range {
        /// Position in the input.
        index: usize,
        /// Why it was refused ("not a number", "too large").
        reason: &'static str,
        /// Fractional bits of the encoding.
        frac_bits: u32,
        /// Integer bits of the accepted range.
        int_bits: u32,
    },

    /// By the public bounds of its operands a result could outgrow the words.
    /// Found before anything is computed.
    #[error(
        "{operation} could reach 2^{bits}, beyond the 2^{limit} that is computed exactly; \
         state a tighter bound or take fewer fractional bits"
    )]
    Overflow {
        /// What was asked for.
        operation: &'static str,
        /// log2 of a bound on the result, as a word.
        bits: u32,
        /// log2 of what fits.
        limit: u32,
    },

    /// Nothing came from the peer within the configured time.
    #[error(
        "party '{peer}' sent nothing for {after:?} during '{during}': it is slow, stalled or unreachable; check that it runs, or raise the time-out"
    )]
    Timeout {
        /// Who was waited for.
        peer: PartyName,
        /// The protocol step.
        during: String,
        /// The configured time.
        after: Duration,
    },

    /// The link to the peer is gone.
    #[error("lost party '{peer}' during '{during}': {reason}")]
    Disconnected {
        /// Who is gone.
        peer: PartyName,
        /// The protocol step.
        during: String,
        /// What the transport says.
        reason: String,
    },

    /// The peer sent something that the protocol does not allow.
    #[error("party '{peer}' deviated during '{during}': {rule}")]
    Deviation {
        /// Who sent it.
        peer: PartyName,
        /// The protocol step.
        during: String,
        /// The rule that was broken.
        rule: String,
    },

    /// The peer is at another step of the program.
    #[error(
        "party '{peer}' is at another step: it sent a message for step {theirs:#010x}, this party is in '{during}' ({ours:#010x}); all parties must run the same program"
    )]
    OutOfStep {
        /// Who sent it.
        peer: PartyName,
        /// The step of this party.
        during: String,
        /// Tag of the peer's step.
        theirs: u32,
        /// Tag of ours.
        ours: u32,
    },

    /// The user or a sibling asked to stop.
    #[error("cancelled during '{during}'")]
    Cancelled {
        /// The protocol step.
        during: String,
    },

    /// A rule of our own was broken.
    #[error("internal error: {0}; please report it")]
    Internal(&'static str),
}

impl Error {
    /// The peer that this error accuses or misses, if any.
    pub fn culprit(&self) -> Option<&str> {
        match self {
            Error::Timeout { peer, .. }
            | Error::Disconnected { peer, .. }
            | Error::Deviation { peer, .. }
            | Error::OutOfStep { peer, .. } => Some(peer),
            Error::Argument(_)
            | Error::Range { .. }
            | Error::Overflow { .. }
            | Error::Cancelled { .. }
            | Error::Internal(_) => None,
        }
    }
}
