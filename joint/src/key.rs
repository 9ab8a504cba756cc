//! Canonical bytes of identifiers, so that equal identifiers are equal bytes
//! at every party and different ones never are.
//!
//! An identifier is one column or several. Each part is written with its type
//! and length. Types must be the same at all owners: 1 and 1.0 and "1" are
//! three things, and the session says so instead of finding no match.
//! Text is taken as it is but for spaces at its ends, which files of some formats
//! keep and others do not. "007" and 7 are different: a column of a text file with
//! one such cell is text, and other sources say themselves what they hold.

use crate::{
    canonical,
    error::{DataError, Result},
    table::{Column, Table, listed},
};
use privity_psi::{BadIdentifiers, check_identifiers};

/// The identifiers of all rows, and the type of each part.
pub(crate) struct Keys {
    /// One canonical byte string per row.
    pub(crate) bytes: Vec<Vec<u8>>,
    /// [`Column::type_name`] of each column.
    pub(crate) types: Vec<&'static str>,
}

/// The identifiers in columns `on` of a table; refuses empty and duplicated
/// ones with their row numbers.
pub(crate) fn keys(table: &Table, on: &[String]) -> Result<Keys> {
    let columns = on.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let types: Vec<_> = columns.iter().map(|c| c.type_name()).collect();
    for (name, column) in on.iter().zip(&columns) {
        if let Column::Number(_) = column {
            return Err(DataError::new(
                table.source(),
                "numbers with fractions cannot identify a row: rounding would decide who matches",
                "give the identifiers as integers or text",
            )
            .column(name)
            .into());
        }
        if let Some(row) = first_empty(column) {
            return Err(table
                .cell(name, row, "the identifier is empty", "fill it in or remove the row")
                .into());
        }
    }
    let bytes: Vec<Vec<u8>> = (0..table.rows())
        .map(|row| {
            let mut out = Vec::new();
            for column in &columns {
                append(column, row, &mut out);
            }
            out
        })
        .collect();
    check_identifiers(bytes.iter().map(|b| Some(b.as_slice())))
        .map_err(|bad| refuse(table, on, &bad))?;
    Ok(Keys { bytes, types })
}

fn first_empty(column: &Column) -> Option<usize> {
    match column {
        Column::Text { levels, codes } => {
            // A missing cell that was read as a level identifies nobody either.
            let empty = |text: &str| text.trim().is_empty() || text == crate::table::MISSING_LEVEL;
            codes.iter().position(|&c| empty(&levels[c as usize]))
        }
        Column::Integer(_) | Column::Number(_) | Column::Bool(_) => None,
    }
}

fn append(column: &Column, row: usize, out: &mut Vec<u8>) {
    match column {
        Column::Integer(x) => canonical::integer(x[row].into(), out),
        // Refused above.
        Column::Number(_) => {}
        Column::Text { levels, codes } => {
            canonical::text(levels[codes[row] as usize].trim(), out);
        }
        Column::Bool(x) => canonical::boolean(x[row], out),
    }
}

fn refuse(table: &Table, on: &[String], bad: &BadIdentifiers) -> DataError {
    let pairs: Vec<String> = bad
        .duplicates
        .first
        .iter()
        .map(|&(first, row)| format!("row {} repeats row {}", row + 1, first + 1))
        .collect();
    let more = bad.duplicates.total - pairs.len() as u64;
    let mut rule = format!(
        "{} rows repeat an identifier: {}",
        bad.duplicates.total,
        listed(pairs.iter().map(String::as_str))
    );
    if more > 0 {
        rule += &format!(" and {more} more");
    }
    let row = bad.duplicates.first.first().map(|&(_, row)| row);
    let mut error = DataError::new(
        table.source(),
        rule,
        "each individual needs exactly one row: remove or merge the repeated rows, or add a column \
         to the identifier",
    )
    .column(on.join(", "));
    // Row numbers come from a vector of this length.
    error.line = row.and_then(|row| table.line(row as usize));
    error.row = row.map(|row| row + 1);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, table::TextBuilder};

    fn table(columns: Vec<(&str, Column)>) -> Table {
        let columns = columns.into_iter().map(|(n, c)| (n.to_owned(), c)).collect();
        Table::new("t.csv", columns, None).unwrap()
    }

    fn text(cells: &[&str]) -> Column {
        let mut builder = TextBuilder::default();
        cells.iter().for_each(|c| builder.push(c));
        builder.finish()
    }

    fn on(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| n.to_string()).collect()
    }

    #[test]
    fn types_and_parts_cannot_be_confused() {
        let t = table(vec![
            ("i", Column::Integer(vec![1, 2])),
            ("s", text(&["1", "2"])),
            ("a", text(&["ab", "a"])),
            ("b", text(&["c", "bc"])),
        ]);
        let i = keys(&t, &on(&["i"])).unwrap();
        let s = keys(&t, &on(&["s"])).unwrap();
        assert_ne!(i.bytes[0], s.bytes[0]);
        assert_eq!((i.types[0], s.types[0]), ("integer", "text"));
        let ab = keys(&t, &on(&["a", "b"])).unwrap();
        assert_ne!(ab.bytes[0], ab.bytes[1]);
    }

    #[test]
    fn spaces_at_the_ends_do_not_count() {
        let t = table(vec![("a", text(&["x ", "y"])), ("b", text(&["x", " x"]))]);
        let keys = |name| keys(&t, &on(&[name]));
        assert!(keys("a").is_ok() && keys("b").is_err());
    }

    #[test]
    fn empty_and_duplicated_are_named() {
        let t = table(vec![("id", text(&["x", "y", "x"])), ("e", text(&["x", " ", "z"]))]);
        match keys(&t, &on(&["id"])) {
            Err(Error::Data(e)) => {
                assert_eq!((e.row, e.column.as_deref()), (Some(3), Some("id")));
                assert!(e.rule.contains("row 3 repeats row 1"), "{e}");
            }
            _ => panic!(),
        }
        match keys(&t, &on(&["e"])) {
            Err(Error::Data(e)) => assert_eq!(e.row, Some(2)),
            _ => panic!(),
        }
        match keys(&t, &on(&["nope"])) {
            Err(Error::Data(e)) => assert!(e.fix.contains("id, e"), "{e}"),
            _ => panic!(),
        }
    }
}
