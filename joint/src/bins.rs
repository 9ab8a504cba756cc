//! What two tables in bins take of memory, asked before anything is allocated.

use crate::error::{Error, Result};
use privity_psi::circuit;

/// Most words of all bins: 2 GiB.
const MAX_WORDS: usize = 1 << 28;

/// The bins of the second of two tables, whose owners' names and rows these are, if the
/// tags and `columns` columns of both fit.
pub(crate) fn bins(op: &str, tables: [(&str, u64); 2], columns: usize) -> Result<usize> {
    let mut bins = 0;
    for (party, rows) in tables {
        bins = match usize::try_from(rows) {
            Ok(rows) if rows <= circuit::MOST_ITEMS => circuit::bins(rows),
            _ => {
                return Err(Error::argument(
                    op,
                    format!("'{party}' has {rows} rows"),
                    format!("hidden rows and totals take {} at most", circuit::MOST_ITEMS),
                ));
            }
        };
    }
    let words = columns.checked_add(1).and_then(|words| words.checked_mul(bins));
    if words.is_none_or(|words| words > MAX_WORDS) {
        let rows = tables[1].1;
        return Err(Error::argument(
            op,
            format!("{columns} columns over the {rows} rows of '{}' do not fit", tables[1].0),
            format!(
                "{} columns of both parties do: leave the others out",
                (MAX_WORDS / bins.max(1)).saturating_sub(1)
            ),
        ));
    }
    Ok(bins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_bounded_before_they_take_memory() {
        let of = |rows: u64, columns| bins("align", [("alpha", 5), ("beta", rows)], columns);
        assert_eq!(of(0, 4096).unwrap(), 0);
        assert_eq!(of(1000, 4096).unwrap(), circuit::bins(1000));
        assert_eq!(of(12_000_000, 15).unwrap(), circuit::bins(12_000_000));
        let error = of(12_000_000, 16).unwrap_err().to_string();
        assert!(error.contains("16 columns over the 12000000 rows of 'beta'"), "{error}");
        assert!(error.contains("15 columns of both parties do"), "{error}");
        assert!(of(1, usize::MAX).is_err());
        for rows in [12_000_001, u64::MAX] {
            let error = of(rows, 0).unwrap_err().to_string();
            assert!(error.contains("'beta' has") && error.contains("at most"), "{error}");
        }
        assert!(bins("align", [("alpha", 12_000_001), ("beta", 1)], 0).is_err());
    }
}
