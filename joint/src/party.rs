//! Who takes part, and in which roles.

use serde::{Deserialize, Serialize};

/// One party of a session. The three roles mix freely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its name, unique in the session.
    pub name: String,
    /// It brings a table.
    pub owns_data: bool,
    /// It runs the engine and holds shares of everything.
    pub computes: bool,
    /// Results may be released to it.
    pub receives: bool,
}

impl Party {
    /// A party with all three roles.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), owns_data: true, computes: true, receives: true }
    }

    /// A party that computes and may receive, without data of its own.
    pub fn helper(name: &str) -> Self {
        Self { owns_data: false, ..Self::new(name) }
    }

    /// A party that brings data and may receive, and does not compute.
    pub fn owner(name: &str) -> Self {
        Self { computes: false, ..Self::new(name) }
    }

    /// A party that only computes.
    pub fn computer(name: &str) -> Self {
        Self { owns_data: false, receives: false, ..Self::new(name) }
    }

    /// A party that only receives results.
    pub fn recipient(name: &str) -> Self {
        Self { owns_data: false, computes: false, ..Self::new(name) }
    }
}
