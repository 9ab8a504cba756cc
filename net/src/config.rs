//! What a party must be told before it can connect.

use crate::{Error, Fingerprint, Identity, Result};
use privity_core::PartyName;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// One party, as all parties list it.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// Its name: 1 to 64 bytes without control characters.
    pub name: PartyName,
    /// `host:port` at which it is dialled.
    pub address: String,
    /// Its public key.
    pub pin: Fingerprint,
}

/// How links are protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// Mutual TLS 1.3 under pinned keys.
    Tls(Arc<Identity>),
    /// Nothing: no secrecy, no integrity, and a peer is whoever claims the
    /// name. It measures what TLS costs, and is for nothing else.
    PlainForBenchmarks,
}

/// Everything that [`connect`](crate::connect) needs.
///
/// The parties in their order, the session, the parameters and the number of
/// connections are agreed: a peer that has others is refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetConfig {
    /// Index of this party in `parties`.
    pub me: usize,
    /// All parties, this one included, in the order on which all agree. Of two
    /// parties the later one dials the earlier.
    pub parties: Vec<PeerConfig>,
    /// Where this party listens, if it is not the address that others dial.
    pub listen: Option<String>,
    /// Names the session, at most 64 bytes. Agreed.
    pub session: Vec<u8>,
    /// Digest of cipher suite, protocols and parameters. Agreed.
    pub parameters: [u8; 32],
    /// Connections per peer, 1 to 16. Agreed. More of them fill a long or
    /// fast link: each has its own TCP window and its own cipher state.
    pub connections: usize,
    /// How long all peers together may take to come.
    pub connect_timeout: Duration,
    /// How long a receive waits, unless the mesh is told otherwise.
    pub timeout: Duration,
    /// A connection that is idle for so long says that it is alive.
    pub heartbeat: Duration,
    /// A connection from which nothing came for so long is dead; at least
    /// three heart-beats of either side.
    pub dead_after: Duration,
    /// How links are protected.
    pub security: Security,
}

impl NetConfig {
    /// A configuration with the usual times: 30 s to connect and to receive, a
    /// heart-beat every 3 s, dead after 12 s; two connections per peer.
    pub fn new(me: usize, parties: Vec<PeerConfig>, security: Security) -> Self {
        Self {
            me,
            parties,
            listen: None,
            session: Vec::new(),
            parameters: [0; 32],
            connections: 2,
            connect_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(3),
            dead_after: Duration::from_secs(12),
            security,
        }
    }

    /// Where this party listens.
    pub fn listen_address(&self) -> &str {
        self.listen.as_deref().unwrap_or(&self.parties[self.me].address)
    }

    /// Checks every rule that can be checked without a peer.
    pub fn validate(&self) -> Result<()> {
        let rule = |holds: bool, text: String| {
            if holds { Ok(()) } else { Err(Error::Argument(text)) }
        };
        let n = self.parties.len();
        rule(n >= 2, format!("{n} parties: there must be two or more"))?;
        rule(n <= MAX_PARTIES, format!("{n} parties: there can be {MAX_PARTIES} at most"))?;
        rule(self.me < n, format!("this party has index {} among {n} parties", self.me))?;
        rule(
            (1..=MAX_CONNECTIONS).contains(&self.connections),
            format!(
                "{} connections per peer: 1 to {MAX_CONNECTIONS} are possible",
                self.connections
            ),
        )?;
        rule(
            self.session.len() <= MAX_SESSION,
            format!("the session id has {} bytes: {MAX_SESSION} at most", self.session.len()),
        )?;
        rule(
            !self.heartbeat.is_zero() && self.heartbeat <= Duration::from_secs(3600),
            format!("a heart-beat every {:?}: between 0 and one hour", self.heartbeat),
        )?;
        rule(
            self.dead_after >= 3 * self.heartbeat,
            format!(
                "dead after {:?} with a heart-beat every {:?}: wait for three of them at least",
                self.dead_after, self.heartbeat
            ),
        )?;
        for party in &self.parties {
            rule(
                (1..=MAX_NAME).contains(&party.name.len())
                    && !party.name.chars().any(char::is_control),
                format!(
                    "the party name {:?} must have 1 to {MAX_NAME} bytes, all printable",
                    party.name
                ),
            )?;
        }
        let mut names = HashMap::new();
        for (i, party) in self.parties.iter().enumerate() {
            if let Some(j) = names.insert(&party.name, i) {
                return Err(Error::Argument(format!(
                    "parties {j} and {i} have the same name '{}'",
                    party.name
                )));
            }
        }
        let Security::Tls(identity) = &self.security else {
            return Ok(());
        };
        let mut keys: HashMap<Fingerprint, &PartyName> = HashMap::new();
        for party in &self.parties {
            if let Some(other) = keys.insert(party.pin, &party.name) {
                return Err(Error::DuplicateKey {
                    a: other.clone(),
                    b: party.name.clone(),
                    key: party.pin,
                });
            }
        }
        let (listed, own) = (self.parties[self.me].pin, identity.fingerprint());
        rule(
            listed == own,
            format!(
                "the key of this party is {own}, but '{}' is listed with {listed}: correct the \
                 list, here and at the peers, or load the right key",
                self.parties[self.me].name
            ),
        )
    }
}

pub(crate) const MAX_NAME: usize = 64;
pub(crate) const MAX_SESSION: usize = 64;
const MAX_CONNECTIONS: usize = 16;
const MAX_PARTIES: usize = 1024;
