//! Counts by key.
//!
//! **Proof note.** *Public keys*: the list does not depend on data, every key in it is
//! released with noise whether any row has it or not, and rows with other keys count
//! nowhere; as for cells in `cells.rs`. *Private keys*: which keys there are is itself
//! protected; see [`crate::mechanism::Threshold`]. Rows of a unit are bounded by keys and
//! by rows of one key before anything is counted.

use super::cells::Cells;
use crate::{Error, Explanation, Privacy, Release, Result, Units};
use crate::{mechanism::Threshold, sampler::Source};
use rand::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};

/// Counts of keys of a public list.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicKeys<K> {
    keys: Vec<K>,
    cells: Cells,
}

impl<K: Ord + Clone> PublicKeys<K> {
    /// For these keys.
    pub fn new(keys: impl IntoIterator<Item = K>, privacy: Privacy) -> Result<Self> {
        let keys: Vec<K> = keys.into_iter().collect::<BTreeSet<K>>().into_iter().collect();
        let cells = Cells::new(keys.len(), privacy)?;
        Ok(Self { keys, cells })
    }

    /// Cost and reach, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        self.cells.explain("counts of public keys", level)
    }

    /// A count for every key of the list.
    pub fn release<R: CryptoRng>(
        &self,
        rows: &[K],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<BTreeMap<K, i64>>> {
        let cell = |row: usize| self.keys.binary_search(&rows[row]).unwrap_or(usize::MAX);
        let what = "counts of public keys";
        let release = self.cells.release(what, rows.len(), cell, units, source)?;
        Ok(release.map(|counts| self.keys.iter().cloned().zip(counts).collect()))
    }
}

/// Counts of keys that nobody may know: rare ones are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrivateKeys {
    privacy: Privacy,
    threshold: Threshold,
}

impl PrivateKeys {
    /// For a pure loss, to which `delta` is added.
    pub fn new(privacy: Privacy, delta: f64) -> Result<Self> {
        let epsilon = privacy.loss.epsilon("counts of private keys")?;
        let (groups, rows) = (privacy.contributions.groups(), privacy.contributions.per_group());
        let threshold = Threshold::new(groups, rows, privacy.neighbours, epsilon, delta)?;
        Ok(Self { privacy, threshold })
    }

    /// The least noisy count that is shown.
    pub fn threshold(&self) -> i64 {
        self.threshold.threshold()
    }

    /// Cost and reach, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        let part = self.threshold.part("counts of private keys");
        Explanation::new(vec![part], self.privacy.neighbours, level)
    }

    /// The keys that are frequent enough, in their own order.
    pub fn release<K: Ord + Clone, R: CryptoRng>(
        &self,
        rows: &[K],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<BTreeMap<K, i64>>> {
        let mut counts: BTreeMap<K, u64> = BTreeMap::new();
        match units {
            Units::Rows => rows.iter().for_each(|key| *counts.entry(key.clone()).or_default() += 1),
            Units::Ids(_) => {
                // Of rows, not of keys: no error depends on data.
                if u32::try_from(rows.len()).is_err() {
                    let rule = "there must be fewer than 2^32";
                    return Err(Error::Parameter { what: "rows", rule });
                }
                let names: BTreeSet<&K> = rows.iter().collect();
                let numbers: BTreeMap<&K, u32> = names.into_iter().zip(0..).collect();
                let group = |row: usize| numbers.get(&rows[row]).copied().unwrap_or(0);
                let most = self.privacy.contributions;
                let kept = units.select(rows.len(), group, most, source)?.unwrap_or_default();
                for row in kept {
                    *counts.entry(rows[row].clone()).or_default() += 1;
                }
            }
        }
        Ok(self.threshold.release(&counts, source))
    }
}
