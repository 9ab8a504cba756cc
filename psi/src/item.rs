//! From identifiers to items.

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fmt;

/// What the protocols compare: 128 bits that stand for one individual.
///
/// Made of a canonical identifier by SHA-256 under the session id, so that items
/// of different sessions cannot be compared. Two different identifiers among
/// \\(n\\) get the same item with probability at most \\(n^2/2^{129}\\): for
/// \\(2^{26}\\) individuals, \\(2^{-77}\\).
///
/// An item is a pseudonym, and whoever knows the session id can test guesses of
/// the identifier against it. It is as confidential as the identifier is, and
/// is not printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item([u8; 16]);

impl Item {
    /// The item of one identifier, which must be in canonical form already.
    pub fn new(session: &[u8; 32], identifier: &[u8]) -> Self {
        let digest = digest("item", &[session, identifier]);
        let mut item = [0; 16];
        item.copy_from_slice(&digest[..16]);
        Self(item)
    }

    /// An item from 16 bytes that the caller has hashed.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").finish_non_exhaustive()
    }
}

/// The items of a column of identifiers, in row order; or all that is wrong
/// with the column.
pub fn hash_identifiers<B: AsRef<[u8]>>(
    session: &[u8; 32],
    identifiers: impl IntoIterator<Item = Option<B>>,
) -> Result<Vec<Item>, BadIdentifiers> {
    let mut bad = BadIdentifiers::default();
    let mut items = Vec::new();
    let mut rows = Vec::new();
    for (row, identifier) in (0..).zip(identifiers) {
        match identifier.as_ref().map(B::as_ref) {
            None => bad.nulls.push(row),
            Some([]) => bad.empty.push(row),
            Some(identifier) => {
                let item = Item::new(session, identifier);
                items.push(item);
                rows.push((item, row));
            }
        }
    }
    bad.duplicates = Duplicates::among(rows);
    if bad.is_none() { Ok(items) } else { Err(bad) }
}

/// Whether a column of identifiers can be aligned; or all that is wrong with it.
pub fn check_identifiers<B: AsRef<[u8]>>(
    identifiers: impl IntoIterator<Item = Option<B>>,
) -> Result<(), BadIdentifiers> {
    hash_identifiers(&[0; 32], identifiers).map(drop)
}

/// Refuses duplicates among items; row numbers are positions.
pub(crate) fn check_items(items: &[Item]) -> Result<(), BadIdentifiers> {
    let bad = BadIdentifiers {
        duplicates: Duplicates::among(items.iter().copied().zip(0..).collect()),
        ..BadIdentifiers::default()
    };
    if bad.is_none() { Ok(()) } else { Err(bad) }
}

/// How many rows of each kind are named in a report; the total is always given.
const LISTED: usize = 10;

/// Why a column of identifiers cannot be aligned: rows without an identifier,
/// and rows that share one. Names rows, never identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadIdentifiers {
    /// Rows whose identifier is null.
    pub nulls: Rows,
    /// Rows whose identifier is the empty string.
    pub empty: Rows,
    /// Rows whose identifier stands in an earlier row too.
    pub duplicates: Duplicates,
}

/// A number of rows, and the first ten of them, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many there are.
    pub total: u64,
    /// The first of them.
    pub first: Vec<u64>,
}

/// A number of duplicates, and the first ten of them: the row where the
/// identifier stands first, and the row that repeats it, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// How many rows repeat an earlier one.
    pub total: u64,
    /// The first of them, with the row that each repeats.
    pub first: Vec<(u64, u64)>,
}

impl BadIdentifiers {
    fn is_none(&self) -> bool {
        self.nulls.total == 0 && self.empty.total == 0 && self.duplicates.total == 0
    }
}

impl Rows {
    fn push(&mut self, row: u64) {
        self.total += 1;
        if self.first.len() < LISTED {
            self.first.push(row);
        }
    }
}

impl Duplicates {
    fn among(mut rows: Vec<(Item, u64)>) -> Self {
        rows.par_sort_unstable();
        let mut pairs = Vec::new();
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            // `chunk_by` yields no empty group.
            pairs.extend(group[1..].iter().map(|&(_, row)| (group[0].1, row)));
        }
        pairs.sort_unstable_by_key(|&(_, row)| row);
        let total = pairs.len() as u64;
        pairs.truncate(LISTED);
        Self { total, first: pairs }
    }
}

impl std::error::Error for BadIdentifiers {}

impl fmt::Display for BadIdentifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the identifiers cannot be aligned:")?;
        let mut separator = " ";
        for (rows, kind) in [(&self.nulls, "null"), (&self.empty, "empty")] {
            if rows.total > 0 {
                write!(f, "{separator}{} {kind} (row ", rows.total)?;
                list(f, rows.total, &rows.first, |f, row| write!(f, "{row}"))?;
                separator = "; ";
            }
        }
        if self.duplicates.total > 0 {
            write!(f, "{separator}{} repeated (row ", self.duplicates.total)?;
            list(f, self.duplicates.total, &self.duplicates.first, |f, (first, row)| {
                write!(f, "{row} repeats {first}")
            })?;
        }
        f.write_str(
            "; rows are counted from 0. Each individual needs one row with an identifier: \
             remove or merge these rows",
        )
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    total: u64,
    first: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, entry) in first.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write(f, entry)?;
    }
    f.write_str(if total > first.len() as u64 { ", ...)" } else { ")" })
}

/// SHA-256 under a domain. All parts but the last have a fixed length, so that
/// no two inputs share an encoding.
pub(crate) fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    prefix(&mut hash, domain);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Starts a hash in a domain of its own.
pub(crate) fn prefix(hash: &mut impl Digest, domain: &str) {
    hash.update(b"privity psi v1");
    // Fits: domains are short constants of this crate.
    hash.update([domain.len() as u8]);
    hash.update(domain.as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bad_rows_are_named_and_identifiers_are_not() {
        let column = [Some("ada"), None, Some(""), Some("emmy"), Some("ada"), None, Some("ada")];
        let bad = check_identifiers(column).unwrap_err();
        assert_eq!(bad.nulls, Rows { total: 2, first: vec![1, 5] });
        assert_eq!(bad.empty, Rows { total: 1, first: vec![2] });
        assert_eq!(bad.duplicates, Duplicates { total: 2, first: vec![(0, 4), (0, 6)] });
        assert_eq!(
            bad.to_string(),
            "the identifiers cannot be aligned: 2 null (row 1, 5); 1 empty (row 2); 2 repeated \
             (row 4 repeats 0, 6 repeats 0); rows are counted from 0. Each individual needs one \
             row with an identifier: remove or merge these rows"
        );
        assert!(!format!("{bad:?}{bad}").contains("ada"));
    }

    #[test]
    fn long_reports_are_cut_and_counted() {
        let bad = check_identifiers((0..25).map(|i| Some((i % 5).to_string()))).unwrap_err();
        assert_eq!(bad.duplicates.total, 20);
        assert_eq!(bad.duplicates.first.len(), LISTED);
        assert_eq!(bad.duplicates.first[..2], [(0, 5), (1, 6)]);
        assert!(bad.to_string().contains("9 repeats 4, 10 repeats 0, 11 repeats 1"));
        assert!(bad.to_string().contains(", ...)"));
    }

    #[test]
    fn items_depend_on_session_and_identifier_and_print_nothing() {
        let item = Item::new(&[0; 32], b"ada");
        assert_ne!(item, Item::new(&[1; 32], b"ada"));
        assert_ne!(item, Item::new(&[0; 32], b"emmy"));
        assert_eq!(format!("{item:?}"), "Item { .. }");
        let items = hash_identifiers(&[0; 32], [Some("ada"), Some("emmy")]).unwrap();
        assert_eq!(items[0], item);
        assert_eq!(check_items(&items), Ok(()));
        assert_eq!(check_items(&[item, item]).unwrap_err().duplicates.first, [(0, 1)]);
    }

    #[test]
    fn a_thousand_keys_of_any_length_stay_apart() {
        let keys: Vec<String> = (0..1000).map(|i| "x".repeat(i + 1)).collect();
        assert_eq!(check_identifiers(keys.iter().map(Some)), Ok(()));
        assert_eq!(check_identifiers::<&str>([]), Ok(()));
    }
}
