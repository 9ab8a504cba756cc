//! Parallel composition: queries on parts that no unit shares.
//!
//! **Paper.** McSherry, "Privacy Integrated Queries", SIGMOD 2009, theorem 4.
//!
//! **Proof note.** The parts are public (their number, not who is in them), and a unit is in
//! one of them as a whole: the part is a function of the row where every row is a unit, of
//! the identifier otherwise. *Add/remove*: the unit changes one part by add/remove, all
//! others are the same; the loss is the greatest of the parts. *Replace*: a unit may leave
//! one part and enter another, which for each of them is add/remove; the loss is the sum of
//! the two greatest. Hence every part must be released for [`Neighbours::AddRemove`]: a
//! number of rows that is public on the whole is not public in a part.
//!
//! A [`Partition`] can only be made here, from a function that puts each row in one part,
//! so the composition cannot be claimed for parts that overlap:
//!
//! ```compile_fail
//! let overlapping = privity_dp::Partition { parts: vec![vec![1, 2], vec![2, 3]] };
//! ```

use crate::{Error, Neighbours, Release, Result, Total, sampler::Source};
use rand::CryptoRng;
use std::fmt;

/// Rows in parts that no unit shares.
pub struct Partition<T> {
    parts: Vec<Vec<T>>,
}

impl<T: Clone> Partition<T> {
    /// So many parts; `part` says where a row belongs. Every row is a unit. Rows with a part
    /// out of range are in none.
    pub fn by_row(rows: &[T], parts: usize, part: impl Fn(&T) -> usize) -> Result<Self> {
        let mut made = Self::empty(parts)?;
        for row in rows {
            if let Some(rows) = made.parts.get_mut(part(row)) {
                rows.push(row.clone());
            }
        }
        Ok(made)
    }

    /// The same by unit: rows with the same identifier go to the same part.
    pub fn by_unit(
        rows: &[T],
        ids: &[u64],
        parts: usize,
        part: impl Fn(u64) -> usize,
    ) -> Result<Self> {
        if ids.len() != rows.len() {
            let rule = "there must be one for each row";
            return Err(Error::Parameter { what: "identifiers of units", rule });
        }
        let mut made = Self::empty(parts)?;
        for (row, &id) in rows.iter().zip(ids) {
            if let Some(rows) = made.parts.get_mut(part(id)) {
                rows.push(row.clone());
            }
        }
        Ok(made)
    }

    fn empty(parts: usize) -> Result<Self> {
        if !(1..=1 << 24).contains(&parts) {
            return Err(Error::Parameter { what: "parts", rule: "there must be 1 to 2^24" });
        }
        Ok(Self { parts: (0..parts).map(|_| Vec::new()).collect() })
    }

    /// One release from every part, empty ones too, and what all cost together for
    /// `neighbours` of the whole. `release` must look at nothing but its rows.
    pub fn release<U, R: CryptoRng>(
        &self,
        neighbours: Neighbours,
        source: &mut Source<R>,
        mut release: impl FnMut(usize, &[T], &mut Source<R>) -> Result<Release<U>>,
    ) -> Result<(Vec<Release<U>>, Total)> {
        let mut releases = Vec::with_capacity(self.parts.len());
        let (mut first, mut second) = (Total::default(), Total::default());
        for (i, rows) in self.parts.iter().enumerate() {
            let one = release(i, rows, source)?;
            if one.neighbours != Neighbours::AddRemove {
                let rule = "each must be released for Neighbours::AddRemove";
                return Err(Error::Parameter { what: "parts", rule });
            }
            // The greatest and the second greatest, of epsilon, rho and delta each.
            let total = one.total();
            (first, second) = (first.max(total), second.max(first.min(total)));
            releases.push(one);
        }
        let total = match neighbours {
            Neighbours::AddRemove => first,
            Neighbours::Replace => first.plus(second),
        };
        Ok((releases, total))
    }
}

impl<T> fmt::Debug for Partition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").finish_non_exhaustive()
    }
}
