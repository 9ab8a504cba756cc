//! Counts.
//!
//! **Proof note.** A unit has at most k of the rows that are counted, under add/remove and
//! under replace alike: one unit may have k of them, the one in its place none. So the
//! sensitivity is k. Rows of a unit beyond k are not counted, whichever they are.

use crate::mechanism::{Noise, Sensitivity};
use crate::{Error, Explanation, Part, Privacy, Release, Result, Units};
use crate::{mechanism::narrow, release::Spread, sampler::Source};
use rand::CryptoRng;

/// How many rows there are of some kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    privacy: Privacy,
    noise: Noise,
}

impl Count {
    /// With these protections.
    pub fn new(privacy: Privacy) -> Result<Self> {
        let sensitivity = Sensitivity::scalar(privacy.contributions.all())?;
        Ok(Self { privacy, noise: Noise::new(sensitivity, privacy.loss)? })
    }

    fn part(&self) -> Part {
        Part::noise("count", self.privacy.loss, self.noise, 1.0, 1)
            .moved(vec![(self.privacy.contributions.all(), 1)])
    }

    /// Cost and reach, without data.
    pub fn explain(&self, level: f64) -> Explanation {
        Explanation::new(vec![self.part()], self.privacy.neighbours, level)
    }

    /// The number of rows that are `true`.
    pub fn release<R: CryptoRng>(
        &self,
        rows: &[bool],
        units: Units<'_>,
        source: &mut Source<R>,
    ) -> Result<Release<i64>> {
        let count = match units {
            Units::Rows => rows.iter().filter(|row| **row).count() as u128,
            Units::Ids(ids) => {
                if ids.len() != rows.len() {
                    let rule = "there must be one for each row";
                    return Err(Error::Parameter { what: "identifiers of units", rule });
                }
                let counted = ids.iter().zip(rows).filter(|(_, row)| **row);
                let mut counted: Vec<u64> = counted.map(|(&id, _)| id).collect();
                counted.sort_unstable();
                let most = self.privacy.contributions.all();
                counted.chunk_by(|a, b| a == b).map(|unit| most.min(unit.len() as u128)).sum()
            }
        };
        // Both are far below 2^127.
        Ok(Release {
            value: narrow(self.noise.release(count as i128, source)),
            parts: vec![self.part()],
            neighbours: self.privacy.neighbours,
            spread: Spread::Direct,
        })
    }
}
