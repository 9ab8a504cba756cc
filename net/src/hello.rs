//! The handshake on each connection, inside TLS: who, for which session, under
//! which parameters.
//!
//! ```text
//! dialler  -> listener   hello
//! listener -> dialler    hello, verdict
//! dialler  -> listener   verdict
//! ```
//!
//! Either side checks everything and tells the other what it found, so that
//! both users read the same reason.

use crate::{
    Error, NetConfig,
    config::{MAX_NAME, MAX_SESSION},
};
use privity_core::{
    PartyName,
    codec::{Decode, DecodeError, Encode, Reader, put_bytes},
};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Version of everything from the handshake to the frames.
const VERSION: u16 = 1;
const MAGIC: [u8; 4] = *b"PVTY";

/// A handshake message is never longer.
pub(crate) const MAX_HELLO: usize = 512;

/// One run of [`connect`](crate::connect): two connections belong together
/// only if their instances agree.
pub(crate) type Instance = [u8; 16];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) version: u16,
    pub(crate) session: Vec<u8>,
    pub(crate) parameters: [u8; 32],
    /// Hash of all names in order.
    pub(crate) roster: [u8; 32],
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) instance: Instance,
    pub(crate) connection: u16,
    pub(crate) connections: u16,
    pub(crate) heartbeat_ms: u32,
}

impl Hello {
    pub(crate) fn new(config: &NetConfig, to: usize, connection: u16, instance: Instance) -> Self {
        let mut roster = Sha256::new();
        for party in &config.parties {
            // Names are at most 64 bytes.
            roster.update([party.name.len() as u8]);
            roster.update(party.name.as_bytes());
        }
        Self {
            version: VERSION,
            session: config.session.clone(),
            parameters: config.parameters,
            roster: roster.finalize().into(),
            from: config.parties[config.me].name.to_string(),
            to: config.parties[to].name.to_string(),
            instance,
            connection,
            // At most 16.
            connections: config.connections as u16,
            heartbeat_ms: u32::try_from(config.heartbeat.as_millis()).unwrap_or(u32::MAX),
        }
    }

    /// Whether `theirs` fits what this party says.
    pub(crate) fn check(
        &self,
        theirs: &Hello,
        peer: &PartyName,
        dead_after: Duration,
    ) -> Result<(), Error> {
        let same = |equal: bool, what, ours: String, theirs: String, fix| {
            if equal {
                return Ok(());
            }
            Err(Error::Mismatch { peer: peer.clone(), what, ours, theirs, fix })
        };
        same(
            self.version == theirs.version,
            "protocol version",
            self.version.to_string(),
            theirs.version.to_string(),
            "install the same release of privity everywhere",
        )?;
        same(
            *self.to == theirs.from,
            "the name",
            format!("'{}' for it", self.to),
            format!("'{}'", theirs.from),
            "all parties must list the same names with the same keys",
        )?;
        same(
            self.from == theirs.to,
            "for this party the name",
            format!("'{}'", self.from),
            format!("'{}'", theirs.to),
            "all parties must list the same names with the same keys",
        )?;
        same(
            self.session == theirs.session,
            "session id",
            text(&self.session),
            text(&theirs.session),
            "start all parties with the same session id",
        )?;
        same(
            self.parameters == theirs.parameters,
            "parameter digest",
            hex(&self.parameters),
            hex(&theirs.parameters),
            "the list of parties (names, roles, order), the engine and the cipher suite must be the same everywhere",
        )?;
        same(
            self.roster == theirs.roster,
            "list of parties with digest",
            hex(&self.roster),
            hex(&theirs.roster),
            "all parties must list the same names in the same order",
        )?;
        same(
            self.connections == theirs.connections,
            "number of connections",
            self.connections.to_string(),
            theirs.connections.to_string(),
            "set the same number everywhere",
        )?;
        same(
            self.connection == theirs.connection && theirs.connection < self.connections,
            "connection index",
            self.connection.to_string(),
            theirs.connection.to_string(),
            "this is a bug; please report it",
        )?;
        same(
            dead_after >= 3 * Duration::from_millis(theirs.heartbeat_ms.into()),
            "heart-beat interval",
            format!("{dead_after:?} until it takes a peer for dead"),
            format!("{} ms", theirs.heartbeat_ms),
            "wait for at least three heart-beats of every peer",
        )
    }
}

impl Encode for Hello {
    fn encode(&self, out: &mut Vec<u8>) {
        MAGIC.encode(out);
        self.version.encode(out);
        put_bytes(out, &self.session);
        self.parameters.encode(out);
        self.roster.encode(out);
        put_bytes(out, self.from.as_bytes());
        put_bytes(out, self.to.as_bytes());
        self.instance.encode(out);
        self.connection.encode(out);
        self.connections.encode(out);
        self.heartbeat_ms.encode(out);
    }
}

impl Decode for Hello {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if input.array()? != MAGIC {
            return Err(DecodeError::NotCanonical("the magic number"));
        }
        let version = u16::decode(input)?;
        if version != VERSION {
            // What follows is unknown; the check speaks of the version.
            while input.take(1).is_ok() {}
            return Ok(Self::unreadable(version));
        }
        Ok(Self {
            version,
            session: input.bytes(MAX_SESSION)?.to_vec(),
            parameters: input.array()?,
            roster: input.array()?,
            from: input.text(MAX_NAME)?.into(),
            to: input.text(MAX_NAME)?.into(),
            instance: input.array()?,
            connection: u16::decode(input)?,
            connections: u16::decode(input)?,
            heartbeat_ms: u32::decode(input)?,
        })
    }
}

impl Hello {
    fn unreadable(version: u16) -> Self {
        Self {
            version,
            session: Vec::new(),
            parameters: [0; 32],
            roster: [0; 32],
            from: String::new(),
            to: String::new(),
            instance: [0; 16],
            connection: 0,
            connections: 0,
            heartbeat_ms: 0,
        }
    }
}

/// What a side thinks of the other's hello: nothing, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict(pub(crate) String);

impl Encode for Verdict {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut end = self.0.len().min(MAX_VERDICT);
        while !self.0.is_char_boundary(end) {
            end -= 1;
        }
        put_bytes(out, &self.0.as_bytes()[..end]);
    }
}

impl Decode for Verdict {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.text(MAX_VERDICT)?.into()))
    }
}

const MAX_VERDICT: usize = 400;

/// Peer text for a user's eyes: no control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn text(id: &[u8]) -> String {
    match std::str::from_utf8(id) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => format!("'{text}'"),
        _ => hex(id),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".into(), |out, byte| format!("{out}{byte:02x}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            version: VERSION,
            session: b"trial 7".to_vec(),
            parameters: [3; 32],
            roster: [4; 32],
            from: "alpha".into(),
            to: "beta".into(),
            instance: [5; 16],
            connection: 1,
            connections: 2,
            heartbeat_ms: 3000,
        }
    }

    fn mirrored() -> Hello {
        Hello { from: "beta".into(), to: "alpha".into(), ..hello() }
    }

    #[test]
    fn survives_the_wire() {
        let bytes = hello().to_bytes();
        assert!(bytes.len() <= MAX_HELLO);
        assert_eq!(Hello::from_bytes(&bytes), Ok(hello()));
        for n in 0..bytes.len() {
            // Cut, it is refused, or was another version.
            assert!(Hello::from_bytes(&bytes[..n]).is_err());
        }
        let verdict = Verdict("é".repeat(1000));
        assert!(Verdict::from_bytes(&verdict.to_bytes()).is_ok());
    }

    #[test]
    fn every_difference_is_named_with_both_values() {
        let check = |theirs: &Hello| {
            hello()
                .check(theirs, &"beta".into(), Duration::from_secs(12))
                .map_err(|e| e.to_string())
        };
        assert_eq!(check(&mirrored()), Ok(()));
        let cases: [(&str, &str, Hello); 9] = [
            ("version 9", "has 1", Hello { version: 9, ..mirrored() }),
            ("'gamma'", "'beta'", Hello { from: "gamma".into(), ..mirrored() }),
            ("'gamma'", "'alpha'", Hello { to: "gamma".into(), ..mirrored() }),
            ("'trial 8'", "'trial 7'", Hello { session: b"trial 8".to_vec(), ..mirrored() }),
            ("0x0909", "0x0303", Hello { parameters: [9; 32], ..mirrored() }),
            ("0x0909", "0x0404", Hello { roster: [9; 32], ..mirrored() }),
            ("connections 3", "has 2", Hello { connections: 3, ..mirrored() }),
            ("index 0", "has 1", Hello { connection: 0, ..mirrored() }),
            ("5000 ms", "12s", Hello { heartbeat_ms: 5000, ..mirrored() }),
        ];
        for (theirs, ours, case) in cases {
            let message = check(&case).unwrap_err();
            assert!(message.contains(theirs) && message.contains(ours), "{message}");
            assert!(message.contains("party 'beta'"), "{message}");
        }
    }
}
