//! What can go wrong before a mesh stands. Once it stands, its channels return
//! [`privity_core::Error`].

use crate::Fingerprint;
use privity_core::PartyName;
use std::time::Duration;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of keys and of setting up a session. No variant carries a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration contradicts itself.
    #[error("bad configuration: {0}")]
    Argument(String),

    /// The key file cannot be used or written.
    #[error("key file '{path}': {rule}")]
    KeyFile {
        /// Where it is.
        path: String,
        /// What is wrong and how to put it right.
        rule: String,
    },

    /// The key is not a private key that TLS can use.
    #[error("unusable key: {0}")]
    Key(String),

    /// A fingerprint is not written as `sha256:` and 64 hexadecimal digits.
    #[error("'{0}' is not a fingerprint: it must be 'sha256:' and 64 hexadecimal digits")]
    BadFingerprint(String),

    /// Two parties have one key, so that either could pass for the other.
    #[error("parties '{a}' and '{b}' have the same key {key}: give each party a key of its own")]
    DuplicateKey {
        /// The first of them.
        a: PartyName,
        /// The second.
        b: PartyName,
        /// Their key.
        key: Fingerprint,
    },

    /// Another program listens where this party should.
    #[error("cannot listen at {address}: {reason}; stop the other program or choose another port")]
    AddressInUse {
        /// The address of this party.
        address: String,
        /// What the system says.
        reason: String,
    },

    /// The listening address cannot be used for another reason.
    #[error("cannot listen at {address}: {reason}")]
    Listen {
        /// The address of this party.
        address: String,
        /// What the system says.
        reason: String,
    },

    /// The peer did not come within the configured time.
    #[error("party '{peer}' ({address}) is not there after {after:?}: {hint}")]
    PeerMissing {
        /// Who is missing.
        peer: PartyName,
        /// Where it was looked for.
        address: String,
        /// The configured time.
        after: Duration,
        /// What was seen meanwhile.
        hint: String,
    },

    /// Another key answers at the peer's address.
    #[error(
        "the key at {address} is {got}, but party '{peer}' is pinned to {expected}: ask '{peer}' \
         for its fingerprint over a trusted path and correct the pin, or find out who answers there"
    )]
    WrongKey {
        /// Who should be there.
        peer: PartyName,
        /// Where it was looked for.
        address: String,
        /// The pinned key.
        expected: Fingerprint,
        /// The key that was shown.
        got: Fingerprint,
    },

    /// The peer has pinned another key for this party.
    #[error("party '{peer}' refuses the key of this party, {ours}: it must pin that fingerprint")]
    KeyRefused {
        /// Who refuses.
        peer: PartyName,
        /// The key of this party.
        ours: Fingerprint,
    },

    /// The peer runs with other parameters.
    #[error("party '{peer}' has {what} {theirs}, this party has {ours}: {fix}")]
    Mismatch {
        /// Who differs.
        peer: PartyName,
        /// In what.
        what: &'static str,
        /// Our value.
        ours: String,
        /// Its value.
        theirs: String,
        /// What to do.
        fix: &'static str,
    },

    /// The peer broke a rule of the handshake, or ended it.
    #[error("handshake with party '{peer}' failed: {rule}")]
    Handshake {
        /// With whom.
        peer: PartyName,
        /// The rule, or what the peer said.
        rule: String,
    },

    /// The system refused a resource, such as a thread.
    #[error("the system refused {what}: {reason}")]
    System {
        /// Which resource.
        what: &'static str,
        /// What the system says.
        reason: String,
    },

    /// Cancelled, or an error of the mesh itself.
    #[error(transparent)]
    Core(#[from] privity_core::Error),
}

impl Error {
    /// The peer that this error accuses or misses, if any.
    pub fn culprit(&self) -> Option<&str> {
        match self {
            Error::PeerMissing { peer, .. }
            | Error::WrongKey { peer, .. }
            | Error::KeyRefused { peer, .. }
            | Error::Mismatch { peer, .. }
            | Error::Handshake { peer, .. } => Some(peer),
            Error::Core(error) => error.culprit(),
            Error::Argument(_)
            | Error::KeyFile { .. }
            | Error::Key(_)
            | Error::BadFingerprint(_)
            | Error::DuplicateKey { .. }
            | Error::AddressInUse { .. }
            | Error::Listen { .. }
            | Error::System { .. } => None,
        }
    }
}
