//! `party.toml`: who this party is, who the others are, and under which rules.
//!
//! ```toml
//! session = "risk-2026-11"        # the same at all parties
//! name = "alpha"                  # this party, one of those below
//! key = "alpha.key"               # private key; paths are relative to this file
//! policy = "policy.toml"
//! audit = "audit.jsonl"
//! ledger = "budget.ledger"        # optional: privacy budgets of this party's data sets
//! engine = "rep3"                 # optional: the default
//! listen = "0.0.0.0:7001"         # optional: where to listen, if not at `address`
//! timeout = 30                    # optional: seconds to wait for a message
//! connect_timeout = 30            # optional: seconds to wait for the peers
//! connections = 2                 # optional: per peer, the same at all parties
//!
//! [[party]]                       # all parties in the same order everywhere
//! name = "alpha"
//! roles = ["owner", "compute", "recipient"]
//! address = "alpha.example:7001"
//! pin = "sha256:..."              # public key, as `privity key` prints it
//!
//! [[party]]
//! name = "beta"
//! # ...
//! ```

use crate::{
    error::{Error, Result},
    party::Party,
};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The content of a `party.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PartyFile {
    /// Names the session; the same at all parties.
    pub session: String,
    /// This party's name.
    pub name: String,
    /// File of the private key.
    pub key: PathBuf,
    /// File of the policy.
    pub policy: PathBuf,
    /// File of the audit record.
    pub audit: PathBuf,
    /// File of the privacy budgets, if this party keeps any.
    #[serde(default)]
    pub ledger: Option<PathBuf>,
    /// The engine; `rep3` is the only one so far.
    #[serde(default = "default_engine")]
    pub engine: String,
    /// Where this party listens, if not at its address.
    #[serde(default)]
    pub listen: Option<String>,
    /// Seconds to wait for a message.
    #[serde(default = "default_timeout")]
    pub timeout: u64,
    /// Seconds to wait for the peers to come.
    #[serde(default = "default_timeout")]
    pub connect_timeout: u64,
    /// Connections per peer.
    #[serde(default = "default_connections")]
    pub connections: usize,
    /// All parties.
    #[serde(rename = "party")]
    pub parties: Vec<Peer>,
}

/// One `[[party]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// "owner", "compute", "recipient".
    pub roles: Vec<Role>,
    /// `host:port`.
    pub address: String,
    /// Fingerprint of its public key.
    pub pin: String,
}

/// What a party does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Brings a table.
    Owner,
    /// Runs the engine.
    Compute,
    /// May receive results.
    Recipient,
}

fn default_engine() -> String {
    "rep3".into()
}

fn default_timeout() -> u64 {
    30
}

fn default_connections() -> usize {
    2
}

impl PartyFile {
    /// Reads and checks a file. Relative paths in it become relative to its folder.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::File { file: path.into(), reason: e.to_string() })?;
        let wrong =
            |rule: String, fix: &str| Error::Config { file: path.into(), rule, fix: fix.into() };
        let mut file: Self = toml::from_str(&text).map_err(|e| {
            wrong(
                e.to_string().trim_end().to_owned(),
                "the keys are session, name, key, policy, audit, ledger, engine, listen, \
                 timeout, connect_timeout, connections, and [[party]] with name, roles, address, pin",
            )
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let files = [&mut file.key, &mut file.policy, &mut file.audit];
        for file in files.into_iter().chain(&mut file.ledger) {
            *file = folder.join(&*file);
        }
        if file.timeout == 0 || file.connect_timeout == 0 {
            return Err(wrong("a time-out is 0".into(), "give it in seconds, at least 1"));
        }
        if file.engine != "rep3" {
            return Err(wrong(
                format!("there is no engine '{}'", file.engine),
                "leave the key out, or write engine = \"rep3\"",
            ));
        }
        if !file.parties.iter().any(|p| p.name == file.name) {
            return Err(wrong(
                format!("this party, '{}', is not among the parties", file.name),
                "add a [[party]] with this name, or correct the key 'name'",
            ));
        }
        for (i, a) in file.parties.iter().enumerate() {
            let later = &file.parties[i + 1..];
            if let Some(b) = later.iter().find(|b| b.pin.eq_ignore_ascii_case(&a.pin)) {
                return Err(wrong(
                    format!("parties '{}' and '{}' have the same key {}", a.name, b.name, a.pin),
                    "give each party a key of its own and write its fingerprint as pin",
                ));
            }
        }
        check_parties(&file.parties()).map_err(|(rule, fix)| wrong(rule, fix))?;
        Ok(file)
    }

    /// The parties with their roles.
    pub fn parties(&self) -> Vec<Party> {
        let parties = self.parties.iter().map(|p| Party {
            name: p.name.clone(),
            owns_data: p.roles.contains(&Role::Owner),
            computes: p.roles.contains(&Role::Compute),
            receives: p.roles.contains(&Role::Recipient),
        });
        parties.collect()
    }
}

/// What must hold for any set of parties: the rule and the fix, otherwise.
pub(crate) fn check_parties(parties: &[Party]) -> std::result::Result<(), (String, &'static str)> {
    for (i, party) in parties.iter().enumerate() {
        if party.name.is_empty() || party.name.chars().any(char::is_control) {
            return Err(("a party has no printable name".into(), "give each a short name"));
        }
        if parties[..i].iter().any(|p| p.name == party.name) {
            return Err((
                format!("two parties are called '{}'", party.name),
                "give each a name of its own",
            ));
        }
        if !(party.owns_data || party.computes || party.receives) {
            return Err((
                format!("party '{}' has no role", party.name),
                "make it owner, compute or recipient, or leave it out",
            ));
        }
    }
    Ok(())
}

/// What must hold, beyond, for parties that compute together.
pub(crate) fn check_computing(
    parties: &[Party],
) -> std::result::Result<(), (String, &'static str)> {
    let computing = parties.iter().filter(|p| p.computes).count();
    if computing != 3 {
        return Err((
            format!("{computing} parties compute"),
            "engine rep3 needs exactly three computing parties: add one, which needs no data of its own",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pin_b: &str, extra: &str) -> String {
        let party = |name: &str, pin: &str| {
            format!(
                "[[party]]\nname = \"{name}\"\nroles = [\"owner\", \"compute\", \"recipient\"]\n\
                 address = \"127.0.0.1:1\"\npin = \"{pin}\"\n"
            )
        };
        format!(
            "session = \"s\"\nname = \"a\"\nkey = \"a.key\"\npolicy = \"p.toml\"\n\
             audit = \"a.jsonl\"\n{extra}\n{}{}{}",
            party("a", "sha256:aa"),
            party("b", pin_b),
            party("c", "sha256:cc")
        )
    }

    fn load(name: &str, text: &str) -> Result<PartyFile> {
        let path = std::env::temp_dir().join(format!("privity-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let result = PartyFile::load(&path);
        let _ = std::fs::remove_file(&path);
        result
    }

    #[test]
    fn a_good_file_is_read() {
        let file = load("good", &text("sha256:bb", "timeout = 5")).unwrap();
        assert_eq!((file.timeout, file.parties().len()), (5, 3));
        assert!(file.key.is_absolute());
        assert_eq!(file.ledger, None);
        let file = load("ledger", &text("sha256:bb", "ledger = \"b.ledger\"")).unwrap();
        assert_eq!(file.ledger, Some(std::env::temp_dir().join("b.ledger")));
    }

    #[test]
    fn wrong_files_say_what_to_do() {
        for (name, text, word) in [
            ("one-key", text("SHA256:AA", ""), "'a' and 'b' have the same key"),
            ("unknown", text("sha256:bb", "time_out = 5"), "time_out"),
            ("engine", text("sha256:bb", "engine = \"x\""), "no engine 'x'"),
            (
                "name",
                text("sha256:bb", "").replace("name = \"a\"\nkey", "name = \"z\"\nkey"),
                "'z'",
            ),
            ("twice", text("sha256:bb", "").replace("name = \"b\"", "name = \"a\""), "two parties"),
        ] {
            let error = load(name, &text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        // Two parties may compare tables; computing takes three.
        let two = text("sha256:bb", "").replacen("\"compute\", ", "", 1);
        let parties = load("two", &two).unwrap().parties();
        assert!(check_computing(&parties).unwrap_err().0.contains("2 parties compute"));
    }
}
