//! Bytes, messages, rounds and time, by protocol step.

use std::{collections::BTreeMap, time::Duration};

/// Counters by label. Bytes are payload bytes: the 16-byte header of each
/// message, and TLS records below, come on top.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    labels: BTreeMap<String, Count>,
}

/// What one label has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
    /// Messages sent.
    pub messages: u64,
    /// Rounds, for labels that ran as a scope.
    pub rounds: u64,
    /// Wall time, for labels that ran as a scope.
    pub time: Duration,
    /// Part of the wall time spent waiting for a peer.
    pub waiting: Duration,
}

impl Meter {
    /// Labels and their counters, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Count)> {
        self.labels.iter().map(|(label, count)| (label.as_str(), count))
    }

    /// The counters of one label; zero if it never ran.
    pub fn label(&self, label: &str) -> Count {
        self.labels.get(label).copied().unwrap_or_default()
    }

    /// Payload bytes sent under all labels.
    pub fn sent(&self) -> u64 {
        self.labels.values().map(|c| c.sent).sum()
    }

    /// Payload bytes received under all labels.
    pub fn received(&self) -> u64 {
        self.labels.values().map(|c| c.received).sum()
    }

    pub(crate) fn add_sent(&mut self, label: &str, bytes: usize) {
        let count = self.entry(label);
        count.sent += bytes as u64;
        count.messages += 1;
    }

    pub(crate) fn add_received(&mut self, label: &str, bytes: usize, waiting: Duration) {
        let count = self.entry(label);
        count.received += bytes as u64;
        count.waiting += waiting;
    }

    pub(crate) fn add_scope(&mut self, label: &str, time: Duration, rounds: u32) {
        let count = self.entry(label);
        count.time += time;
        count.rounds += u64::from(rounds);
    }

    /// Adds the counters of another meter.
    pub(crate) fn add(&mut self, other: &Self) {
        for (label, other) in &other.labels {
            let count = self.entry(label);
            count.sent += other.sent;
            count.received += other.received;
            count.messages += other.messages;
            count.rounds += other.rounds;
            count.time += other.time;
            count.waiting += other.waiting;
        }
    }

    fn entry(&mut self, label: &str) -> &mut Count {
        // Once per message: only a new label allocates.
        if !self.labels.contains_key(label) {
            self.labels.insert(label.to_owned(), Count::default());
        }
        match self.labels.get_mut(label) {
            Some(count) => count,
            None => unreachable!("the label has just been inserted"),
        }
    }
}
