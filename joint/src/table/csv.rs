//! Tables from CSV files: every cell is read as text, then each column is
//! typed as a whole, so that an error can name the cell that does not fit.

use super::{
    Column, MISSING_LEVEL, Missing, ReadOptions, Table, TextBuilder,
    arrow::{MISSING_FIX, MISSING_RULE, NOT_FINITE_FIX, NOT_FINITE_RULE, unreadable},
    listed,
};
use crate::error::{DataError, Error, Result};
use arrow::{
    array::{Array, StringArray},
    csv::{ReaderBuilder, reader::Format},
    datatypes::{DataType, Field, Schema},
};
use std::{
    collections::HashSet,
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
    sync::Arc,
};

/// Reads a whole file.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    let source = path.display().to_string();
    let io = |e: std::io::Error| Error::File { file: path.into(), reason: e.to_string() };
    let mut file = File::open(path).map_err(io)?;
    let lines = line_starts(BufReader::new(&file)).map_err(io)?;
    file.rewind().map_err(io)?;

    let format = Format::default().with_header(true);
    // Only the header is wanted here: types are not arrow's to guess.
    let (header, _) =
        format.infer_schema(BufReader::new(&file), Some(0)).map_err(|e| unreadable(&source, &e))?;
    file.rewind().map_err(io)?;
    let names: Vec<String> = header
        .fields()
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let name = f.name().trim();
            // A byte-order mark is not part of the first name.
            if i == 0 { name.trim_start_matches('\u{feff}') } else { name }.to_owned()
        })
        .collect();
    for name in options.text.iter().chain(&options.numbers) {
        if !names.contains(name) {
            return Err(DataError::new(
                &source,
                "there is no such column",
                format!("the columns are: {}", listed(names.iter().map(String::as_str))),
            )
            .column(name)
            .into());
        }
    }

    let fields: Vec<Field> = names.iter().map(|n| Field::new(n, DataType::Utf8, true)).collect();
    let reader = ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_header(true)
        .build(BufReader::new(&file))
        .map_err(|e| unreadable(&source, &e))?;
    let mut cells: Vec<Vec<StringArray>> = vec![Vec::new(); names.len()];
    for batch in reader {
        let batch = batch.map_err(|e| unreadable(&source, &e))?;
        for (column, array) in cells.iter_mut().zip(batch.columns()) {
            column.extend(array.as_any().downcast_ref::<StringArray>().cloned());
        }
    }
    let columns = names
        .into_iter()
        .zip(cells)
        .map(|(name, cells)| {
            let column = type_column(&source, &name, &cells, &lines, options)?;
            Ok((name, column))
        })
        .collect::<Result<_>>()?;
    Table::new(&source, columns, Some(lines))
}

fn type_column(
    source: &str,
    name: &str,
    arrays: &[StringArray],
    lines: &[u64],
    options: &ReadOptions,
) -> Result<Column> {
    let cells = || {
        arrays.iter().flat_map(|a| a.iter()).map(|c| c.map(str::trim).filter(|c| !is_missing(c)))
    };
    let wrong = |row: usize, rule: &str, fix: &str| -> Error {
        DataError::new(source, rule, fix)
            .column(name)
            .row(row as u64 + 1)
            .line(lines.get(row).copied())
            .into()
    };
    let present = cells().flatten().count();
    let numbers = cells().flatten().filter(|c| is_number(c)).count();
    let listed = |list: &[String]| list.iter().any(|n| n == name);

    // One "007" among numbers makes all of them names.
    let names = cells().flatten().any(has_leading_zero);
    if !listed(&options.text)
        && (listed(&options.numbers) || (present > 0 && 2 * numbers > present && !names))
    {
        let mut out = Vec::with_capacity(present);
        let mut integers = true;
        for (row, cell) in cells().enumerate() {
            let cell = cell.ok_or_else(|| wrong(row, MISSING_RULE, MISSING_FIX))?;
            let value: f64 = Some(cell)
                .filter(|c| is_number(c) || is_infinite(c))
                .and_then(|c| c.parse().ok())
                .ok_or_else(|| {
                    wrong(
                        row,
                        "the cell is not a number, in a column of numbers",
                        "correct the cell; a column is text unless more than half of its cells are numbers",
                    )
                })?;
            if !value.is_finite() {
                return Err(wrong(row, NOT_FINITE_RULE, NOT_FINITE_FIX));
            }
            integers &= cell.parse::<i64>().is_ok();
            out.push(value);
        }
        return Ok(if integers {
            // All cells parse: checked in the loop above.
            Column::Integer(cells().flatten().filter_map(|c| c.parse().ok()).collect())
        } else {
            Column::Number(out)
        });
    }

    let distinct: HashSet<String> = cells().flatten().map(str::to_ascii_lowercase).collect();
    let boolean = !listed(&options.text)
        && !distinct.is_empty()
        && distinct.iter().all(|c| c == "true" || c == "false");
    if boolean {
        let values = cells().enumerate().map(|(row, cell)| {
            cell.map(|c| c.eq_ignore_ascii_case("true"))
                .ok_or_else(|| wrong(row, MISSING_RULE, MISSING_FIX))
        });
        return Ok(Column::Bool(values.collect::<Result<_>>()?));
    }
    let mut text = TextBuilder::default();
    for (row, cell) in cells().enumerate() {
        match (cell, options.missing) {
            (Some(cell), _) => text.push(cell),
            (None, Missing::AsLevel) => text.push(MISSING_LEVEL),
            (None, Missing::Refuse) => return Err(wrong(row, MISSING_RULE, MISSING_FIX)),
        }
    }
    Ok(text.finish())
}

fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "NA" | "N/A" | "NaN" | "nan" | "null" | "NULL" | "None")
}

/// Decimal notation without leading zeros: "007" names somebody, it counts nothing.
fn is_number(cell: &str) -> bool {
    let first = cell.trim_start_matches(['-', '+']).chars().next();
    first.is_some_and(|c| c.is_ascii_digit() || c == '.')
        && !has_leading_zero(cell)
        && cell.parse::<f64>().is_ok()
}

/// Digits, the first of which is a zero that counts nothing.
fn has_leading_zero(cell: &str) -> bool {
    cell.len() > 1 && cell.starts_with('0') && cell.bytes().all(|b| b.is_ascii_digit())
}

fn is_infinite(cell: &str) -> bool {
    cell.parse::<f64>().is_ok_and(f64::is_infinite)
}

/// The line on which each record after the header starts, from 1. Quoted
/// cells may hold line ends; empty lines are no records, as for the reader.
fn line_starts(mut input: impl Read) -> std::io::Result<Vec<u64>> {
    let mut starts = Vec::new();
    let (mut line, mut quoted, mut at_start) = (1u64, false, true);
    let mut buffer = [0; 1 << 16];
    loop {
        let n = input.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        for &byte in &buffer[..n] {
            match byte {
                b'\n' => {
                    line += 1;
                    at_start |= !quoted;
                }
                b'\r' => {}
                _ => {
                    if at_start {
                        starts.push(line);
                        at_start = false;
                    }
                    quoted ^= byte == b'"';
                }
            }
        }
    }
    if !starts.is_empty() {
        starts.remove(0);
    }
    Ok(starts)
}
