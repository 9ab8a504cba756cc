//! Parallel composition: queries on parts that no unit shares.
//!
//! **Paper.** McSherry, "Privacy Integrated Queries", SIGMOD 2009, theorem 4.
//!
//! **Proof note.** The parts are public (their number, not who is in them), and a unit is in
//! one of them as a whole: the part is a function of the row where every row is a unit, of
//! the identifier otherwise. *Add/remove*: the unit changes one part by add/remove, all
//! others are the same; the loss is the greatest of the parts. *Replace*: a unit may leave
//! one part and enter another, or change within one part; each is a removal and an addition.
//! In two parts their losses add up; in one and the same part it is the loss for two units
//! (group privacy; for \\(\rho\\) Bun and Steinke 2016), which is no smaller:
//!
//! \\[ 2\varepsilon, \qquad 4\rho, \qquad
//!    (2\varepsilon,\ (1 + e^\varepsilon)\,\delta). \qquad (1) \\]
//!
//! Hence every part must be released for [`Neighbours::AddRemove`]: a number of rows that is
//! public on the whole is not public in a part.
//!
//! A [`Partition`] can only be made here, from a function that puts each row in one part,
//! so the composition cannot be claimed for parts that overlap:
//!
//! ```compile_fail
//! let overlapping = privity_dp::Partition { parts: vec![vec![1, 2], vec![2, 3]] };
//! ```

use crate::{Error, Loss, Neighbours, Release, Result, Total, sampler::Source};
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
        let mut total = Total::default();
        for (i, rows) in self.parts.iter().enumerate() {
            let one = release(i, rows, source)?;
            if one.neighbours != Neighbours::AddRemove {
                let rule = "each must be released for Neighbours::AddRemove";
                return Err(Error::Parameter { what: "parts", rule });
            }
            // The greatest, of epsilon, rho and delta each.
            total = total.max(match neighbours {
                Neighbours::AddRemove => one.total(),
                Neighbours::Replace => {
                    one.parts().iter().map(|p| twice(p.loss)).fold(Total::default(), Total::plus)
                }
            });
            releases.push(one);
        }
        Ok((releases, total))
    }
}

/// (1), rounded up.
fn twice(loss: Loss) -> Total {
    let Total { epsilon, rho, delta } = Total::of([loss]);
    // Factors of two are exact; the rest errs by less than four units in the last place.
    let more = (1.0 + epsilon.exp()) * (1.0 + 4.0 * f64::EPSILON);
    let delta = if delta > 0.0 { (delta * more).min(1.0) } else { 0.0 };
    Total { epsilon: 2.0 * epsilon, rho: 4.0 * rho, delta }
}

impl<T> fmt::Debug for Partition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").finish_non_exhaustive()
    }
}
