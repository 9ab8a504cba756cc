//! What every step of a session needs besides the engine: who is who, links,
//! policy, record, and how to report.

use super::{Assume, Planned, wire::Wire};
use crate::{
    audit::Audit,
    error::{Error, Result},
    ledger::Ledger,
    op::To,
    outcome::Progress,
    party::Party,
    policy::Policy,
};
use privity_core::{Cancel, transcript::Transcript};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Everything but the engine and what it holds.
pub(crate) struct Context {
    pub(crate) parties: Vec<Party>,
    pub(crate) me: usize,
    pub(crate) wire: Wire,
    pub(crate) policy: Policy,
    pub(crate) audit: Audit,
    /// Where releases with noise are paid for.
    pub(crate) ledger: Option<Ledger>,
    /// The id of this run: a hash of what all agreed on and of everybody's nonce.
    pub(crate) session: [u8; 32],
    pub(crate) sequence: u64,
    /// The largest of all parties' `min_cell`.
    pub(crate) min_cell: u64,
    /// The largest of all parties' `min_rows`.
    pub(crate) min_rows: u64,
    /// Whether a party refused the current operation for what is in its data.
    pub(crate) data_refused: bool,
    pub(crate) dry: Option<Arc<Plan>>,
    pub(crate) cancel: Cancel,
    /// How long a protocol waits for a message from a party that is at work on it.
    pub(crate) timeout: Duration,
    pub(crate) progress: Option<Box<dyn FnMut(Progress) + Send>>,
    pub(crate) op: &'static str,
    /// What protocols over meshes of their own have used.
    pub(crate) used: super::wire::Counters,
}

/// How long a party waits for the others to come to the next operation, or to
/// finish a protocol in which it has no part. Peers that die meanwhile are
/// noticed by their links, within the time of the heart-beats.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3600);

/// What a dry run knows about everybody.
pub(crate) struct Plan {
    pub(crate) parties: Vec<Planned>,
    pub(crate) assume: Assume,
}

impl Context {
    pub(crate) fn name(&self) -> &str {
        &self.parties[self.me].name
    }

    /// Indices of the parties that own data.
    pub(crate) fn owners(&self) -> Vec<usize> {
        self.select(|p| p.owns_data)
    }

    /// Indices of the parties that compute; position is the index in the engine.
    pub(crate) fn computing(&self) -> Vec<usize> {
        self.select(|p| p.computes)
    }

    pub(crate) fn everybody(&self) -> BTreeSet<usize> {
        (0..self.parties.len()).collect()
    }

    fn select(&self, role: impl Fn(&Party) -> bool) -> Vec<usize> {
        let all = self.parties.iter().enumerate();
        all.filter(|(_, p)| role(p)).map(|(i, _)| i).collect()
    }

    /// Names without this party's own.
    pub(crate) fn others(&self, parties: &BTreeSet<usize>) -> BTreeSet<String> {
        let others = parties.iter().filter(|&&p| p != self.me);
        others.map(|&p| self.parties[p].name.clone()).collect()
    }

    /// The parties that `to` means for a release.
    pub(crate) fn recipients(&self, to: &To) -> Result<BTreeSet<usize>> {
        match to {
            To::All => Ok(self.select(|p| p.receives).into_iter().collect()),
            To::Owners => Ok(self.select(|p| p.owns_data && p.receives).into_iter().collect()),
            To::Parties(names) => names
                .iter()
                .map(|name| {
                    let known = self.parties.iter().position(|p| p.name == *name);
                    let i = known.ok_or_else(|| {
                        let all: Vec<&str> = self.parties.iter().map(|p| p.name.as_str()).collect();
                        Error::argument(
                            self.op,
                            format!("there is no party '{name}'"),
                            format!("the parties are: {}", all.join(", ")),
                        )
                    })?;
                    if !self.parties[i].receives {
                        return Err(Error::argument(
                            self.op,
                            format!("party '{name}' does not receive results"),
                            "give it the role of a recipient, or leave it out",
                        ));
                    }
                    Ok(i)
                })
                .collect(),
        }
    }

    /// Refuses fewer rows than any party's `min_rows`. For numbers of rows that
    /// all parties know: all of them come to the same answer.
    pub(crate) fn enough_rows(&self, rows: usize) -> Result<()> {
        if rows as u64 >= self.min_rows || self.dry.is_some() {
            return Ok(());
        }
        Err(Error::argument(
            self.op,
            format!(
                "{rows} rows are fewer than min_rows = {}, the largest of all policies",
                self.min_rows
            ),
            "use more rows, or agree on a smaller min_rows",
        ))
    }

    /// The error about a message of `party`'s that breaks a rule.
    pub(crate) fn deviation(&self, party: usize, rule: impl Into<String>) -> Error {
        Error::Core(privity_core::Error::Deviation {
            peer: self.parties[party].name.as_str().into(),
            during: self.op.into(),
            rule: rule.into(),
        })
    }

    /// A hash of this run, this operation and a purpose, the same at all parties.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut transcript = Transcript::new("privity joint");
        transcript.append("session", &self.session);
        transcript.append("sequence", &self.sequence.to_be_bytes());
        transcript.append("purpose", purpose.as_bytes());
        transcript.digest()
    }

    pub(crate) fn report(&mut self, stage: &'static str, fraction: f64) {
        let (op, sequence) = (self.op, self.sequence);
        if let Some(progress) = &mut self.progress {
            progress(Progress { op, sequence, stage, fraction: fraction.clamp(0.0, 1.0) });
        }
    }
}
