//! Canonical bytes of a cell of an identifier: equal identifiers are equal bytes at
//! every party, whatever their files hold them as, and different ones never are.
//!
//! | kind | equal are | taken from |
//! |---|---|---|
//! | integer | the same whole numbers | columns of integers; text of digits with a sign |
//! | decimal | the same numbers: 1, 1.0 and 1.00 | decimals, integers; text without an exponent |
//! | text | the same characters, but for spaces at the ends | text |
//! | folded text | the same after compatibility normalisation (NFKC) and lower case | text |
//! | date | the same days | dates, time stamps at midnight; text as 2026-11-25 |
//! | true/false | the same | booleans; text "true" and "false" in any case |
//!
//! Kinds are part of the bytes and are compared before anything else, so that the
//! integer 1, the decimal 1.0 and the text "1" are three things, and parties learn
//! that instead of finding nothing in common. Numbers with a binary fraction
//! identify nothing: rounding would decide who matches.

use crate::error::{DataError, Error, Result};
use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Date32Type, Decimal128Type, TimeUnit},
};
use std::{fmt, str::FromStr};
use unicode_normalization::UnicodeNormalization;

/// What the cells of an identifier's column are compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Whole numbers.
    Integer,
    /// Numbers with a decimal fraction.
    Decimal,
    /// Characters as they are.
    Text,
    /// Characters without regard to case and compatibility forms.
    FoldedText,
    /// Days.
    Date,
    /// Truth values.
    Bool,
}

/// A column of an identifier, and what it is compared as: `id`, or `id:integer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// What its cells are compared as; by the type of the column if absent.
    pub kind: Option<KeyKind>,
}

const WORDS: [(&str, KeyKind); 6] = [
    ("integer", KeyKind::Integer),
    ("decimal", KeyKind::Decimal),
    ("text", KeyKind::Text),
    ("folded", KeyKind::FoldedText),
    ("date", KeyKind::Date),
    ("bool", KeyKind::Bool),
];

impl KeyKind {
    /// The word for this kind.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    /// Whether there is a kind with this word.
    pub(crate) fn is_word(word: &str) -> bool {
        WORDS.iter().any(|(w, _)| *w == word)
    }

    /// The kind that a column of this type has by itself.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        use DataType as T;
        Some(match data_type {
            T::Dictionary(_, values) => return Self::of(values),
            t if t.is_integer() => KeyKind::Integer,
            T::Decimal128(..) | T::Decimal256(..) => KeyKind::Decimal,
            T::Utf8 | T::LargeUtf8 | T::Utf8View => KeyKind::Text,
            T::Date32 | T::Date64 => KeyKind::Date,
            T::Boolean => KeyKind::Bool,
            _ => return None,
        })
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for KeyColumn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((name, word)) = text.rsplit_once(':') else {
            return Ok(Self { name: text.into(), kind: None });
        };
        let kind =
            WORDS.iter().find(|(w, _)| *w == word).map(|(_, kind)| *kind).ok_or_else(|| {
                let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
                Error::argument(
                    "on",
                    format!("there is no kind of identifier '{word}'"),
                    format!("the kinds are {}", words.join(", ")),
                )
            })?;
        Ok(Self { name: name.into(), kind: Some(kind) })
    }
}

/// The cells of one column of an identifier in one batch.
pub(crate) enum Cells {
    Integer(ArrayRef),
    /// With the number of decimals.
    Decimal(ArrayRef, i8),
    Text(ArrayRef),
    Date(ArrayRef),
    Bool(ArrayRef),
}

/// Why a cell has no canonical form.
pub(crate) enum NoKey {
    Missing,
    Rule(&'static str),
}

impl Cells {
    /// The cells of a column to be compared as `kind`; `Err` is the rule against it.
    pub(crate) fn new(array: &ArrayRef, kind: KeyKind) -> std::result::Result<Self, String> {
        use DataType as T;
        let plain = match array.data_type() {
            T::Dictionary(_, values) => values.as_ref().clone(),
            other => other.clone(),
        };
        let cast = |to: &T| {
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, to, &strict).map_err(|_| format!("is not all of type {to}"))
        };
        let text = matches!(plain, T::Utf8 | T::LargeUtf8 | T::Utf8View);
        Ok(match kind {
            _ if text => match plain {
                T::Utf8 if array.data_type() == &plain => Self::Text(array.clone()),
                _ => Self::Text(cast(&T::LargeUtf8)?),
            },
            KeyKind::Integer if plain.is_integer() => Self::Integer(cast(&T::Decimal128(20, 0))?),
            KeyKind::Decimal if plain.is_integer() => {
                Self::Decimal(cast(&T::Decimal128(20, 0))?, 0)
            }
            KeyKind::Decimal => match plain {
                T::Decimal128(_, scale) | T::Decimal256(_, scale) => {
                    Self::Decimal(cast(&T::Decimal128(38, scale))?, scale)
                }
                other => return Err(wrong(&other, kind)),
            },
            KeyKind::Date => match plain {
                T::Date32 => Self::Date(cast(&T::Date32)?),
                T::Date64 | T::Timestamp(_, None) => {
                    let days = cast(&T::Date32)?;
                    let back = cast_with_options(
                        &days,
                        &T::Timestamp(TimeUnit::Microsecond, None),
                        &CastOptions::default(),
                    );
                    let same = cast(&T::Timestamp(TimeUnit::Microsecond, None))?;
                    if back.is_ok_and(|back| back == same) {
                        Self::Date(days)
                    } else {
                        return Err("holds times of the day, which a date leaves out".into());
                    }
                }
                other => return Err(wrong(&other, kind)),
            },
            KeyKind::Bool if plain == T::Boolean => Self::Bool(array.clone()),
            _ => return Err(wrong(&plain, kind)),
        })
    }

    /// Appends the canonical bytes of a row.
    pub(crate) fn append(
        &self,
        kind: KeyKind,
        row: usize,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), NoKey> {
        let array = match self {
            Self::Integer(a)
            | Self::Decimal(a, _)
            | Self::Text(a)
            | Self::Date(a)
            | Self::Bool(a) => a,
        };
        if array.is_null(row) {
            return Err(NoKey::Missing);
        }
        match self {
            Self::Integer(a) => integer(a.as_primitive::<Decimal128Type>().value(row), out),
            Self::Decimal(a, scale) => {
                decimal(a.as_primitive::<Decimal128Type>().value(row), *scale, out);
            }
            Self::Date(a) => date(a.as_primitive::<Date32Type>().value(row), out),
            Self::Bool(a) => boolean(a.as_boolean().value(row), out),
            Self::Text(a) => {
                let cell = match a.data_type() {
                    DataType::Utf8 => a.as_string::<i32>().value(row),
                    _ => a.as_string::<i64>().value(row),
                };
                return parse(cell.trim(), kind, out);
            }
        }
        Ok(())
    }
}

fn wrong(found: &DataType, kind: KeyKind) -> String {
    if matches!(found, DataType::Float16 | DataType::Float32 | DataType::Float64) {
        return "has binary fractions: rounding would decide who matches".into();
    }
    format!("has the type {found} and cannot be compared as {kind}")
}

/// A cell of text as another kind.
fn parse(cell: &str, kind: KeyKind, out: &mut Vec<u8>) -> std::result::Result<(), NoKey> {
    if cell.is_empty() {
        return Err(NoKey::Missing);
    }
    match kind {
        KeyKind::Text => text(cell, out),
        KeyKind::FoldedText => folded(cell, out),
        KeyKind::Integer => {
            let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
            let whole = digits.bytes().all(|b| b.is_ascii_digit());
            let value = cell.parse().ok().filter(|_| whole);
            integer(value.ok_or(NoKey::Rule("the cell is no whole number"))?, out);
        }
        KeyKind::Decimal => {
            let (negative, digits) = match cell.strip_prefix(['+', '-']) {
                Some(digits) => (cell.starts_with('-'), digits),
                None => (false, cell),
            };
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let all = || whole.bytes().chain(fraction.bytes());
            if all().next().is_none() || !all().all(|b| b.is_ascii_digit()) {
                return Err(NoKey::Rule("the cell is no decimal number such as -12.50"));
            }
            digits_of(negative, whole, fraction, out);
        }
        KeyKind::Date => {
            date(days(cell).ok_or(NoKey::Rule("the cell is no date such as 2026-11-25"))?, out)
        }
        KeyKind::Bool => match () {
            () if cell.eq_ignore_ascii_case("true") => boolean(true, out),
            () if cell.eq_ignore_ascii_case("false") => boolean(false, out),
            () => return Err(NoKey::Rule("the cell is neither true nor false")),
        },
    }
    Ok(())
}

/// A part of an identifier: its kind, its length, its bytes.
fn part(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

pub(crate) fn integer(value: i128, out: &mut Vec<u8>) {
    part(b'i', &value.to_be_bytes(), out);
}

pub(crate) fn text(cell: &str, out: &mut Vec<u8>) {
    part(b't', cell.as_bytes(), out);
}

pub(crate) fn boolean(value: bool, out: &mut Vec<u8>) {
    part(b'b', &[u8::from(value)], out);
}

fn folded(cell: &str, out: &mut Vec<u8>) {
    // Lower case may bring back forms that normalisation removes.
    let lower: String = cell.nfkc().collect::<String>().to_lowercase();
    let folded: String = lower.nfkc().collect();
    part(b'f', folded.trim().as_bytes(), out);
}

fn date(days: i32, out: &mut Vec<u8>) {
    part(b'd', &days.to_be_bytes(), out);
}

fn decimal(value: i128, scale: i8, out: &mut Vec<u8>) {
    let digits = value.unsigned_abs().to_string();
    match usize::try_from(scale) {
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            digits_of(value < 0, whole, fraction, out);
        }
        Err(_) => {
            let zeros = "0".repeat(usize::from(scale.unsigned_abs()));
            digits_of(value < 0, &(digits + &zeros), "", out);
        }
    }
}

/// A number without zeros that count nothing, and zero without a sign.
fn digits_of(negative: bool, whole: &str, fraction: &str, out: &mut Vec<u8>) {
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if negative && !(whole.is_empty() && fraction.is_empty()) { "-" } else { "" };
    part(b'n', format!("{sign}{whole}.{fraction}").as_bytes(), out);
}

/// Days since 1970 of a date as ISO 8601 writes it.
fn days(cell: &str) -> Option<i32> {
    let bytes = cell.as_bytes();
    let separators = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
    let digits = |range: std::ops::Range<usize>| {
        let part = cell.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i64>().ok())?
    };
    let (y, m, d) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let length = match m {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if !separators || !(1..=length).contains(&d) {
        return None;
    }
    // Days from the civil calendar, years beginning in March.
    let (y, m) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * m + 2) / 5 + d - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    i32::try_from(era * 146_097 + of_era - 719_468).ok()
}

/// The error about a column that cannot be compared as asked.
pub(crate) fn unfit(source: &str, column: &str, rule: &str) -> DataError {
    DataError::new(
        source,
        format!("the column {rule}"),
        "give it as integers, decimals, text or dates, or say what to compare it as: \
         name:integer, :decimal, :text, :folded, :date, :bool",
    )
    .column(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::{
        array::{
            BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
            TimestampSecondArray, UInt64Array,
        },
        compute::cast,
    };
    use proptest::prelude::*;
    use std::sync::Arc;

    fn bytes(array: impl Array + 'static, kind: KeyKind) -> Vec<Option<Vec<u8>>> {
        let array: ArrayRef = Arc::new(array);
        let cells = Cells::new(&array, kind).unwrap_or_else(|e| panic!("{e}"));
        (0..array.len())
            .map(|row| {
                let mut out = Vec::new();
                cells.append(kind, row, &mut out).ok().map(|()| out)
            })
            .collect()
    }

    fn text_as(cells: &[&str], kind: KeyKind) -> Vec<Option<Vec<u8>>> {
        bytes(StringArray::from(cells.to_vec()), kind)
    }

    #[test]
    fn the_same_number_is_the_same_from_every_type() {
        let int = bytes(Int64Array::from(vec![1, -20, 0]), KeyKind::Integer);
        assert_eq!(int, text_as(&["1", "-20", "-0"], KeyKind::Integer));
        assert_eq!(int[0], bytes(UInt64Array::from(vec![1]), KeyKind::Integer)[0]);
        assert!(bytes(UInt64Array::from(vec![u64::MAX]), KeyKind::Integer)[0].is_some());
        let decimal = text_as(&["1", "-20.0", "0.000"], KeyKind::Decimal);
        assert_eq!(decimal, bytes(Int64Array::from(vec![1, -20, 0]), KeyKind::Decimal));
        let scaled = Decimal128Array::from(vec![100, -2000, 0]).with_precision_and_scale(9, 2);
        assert_eq!(decimal, bytes(scaled.unwrap(), KeyKind::Decimal));
        assert_ne!(int[0], decimal[0]);
        assert_ne!(text_as(&["1"], KeyKind::Text)[0], int[0]);
        for bad in ["", "1e3", "1_0", "--1", "0x1", " "] {
            assert_eq!(text_as(&[bad], KeyKind::Integer), [None], "{bad}");
            assert_eq!(text_as(&[bad], KeyKind::Decimal), [None], "{bad}");
        }
        assert_eq!(text_as(&["1.0", "."], KeyKind::Integer), [None, None]);
    }

    #[test]
    fn text_folds_on_request_only() {
        let kind = KeyKind::FoldedText;
        let folded = text_as(&["Ａda", "ADA ", "ﬁ", "FI", "É", "e\u{301}"], kind);
        assert_eq!(folded[0], folded[1]);
        assert_eq!(folded[2], folded[3]);
        assert_eq!(folded[4], folded[5]);
        let plain = text_as(&["Ada", "ada", " ada "], KeyKind::Text);
        assert_ne!(plain[0], plain[1]);
        assert_eq!(plain[1], plain[2]);
    }

    #[test]
    fn dates_are_days() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![0, 11_016, -719_468 + 60, 20_782]));
        let words = cast(&days, &DataType::Utf8).unwrap();
        let words: Vec<&str> = words.as_string::<i32>().iter().flatten().collect();
        assert_eq!(words[3], "2026-11-25");
        let expected = bytes(days.as_primitive::<Date32Type>().clone(), KeyKind::Date);
        assert_eq!(text_as(&words, KeyKind::Date), expected);
        for bad in ["2026-02-29", "2026-13-01", "26-1-1", "2026/01/01", "2026-00-10", "2026-01-00"]
        {
            assert_eq!(text_as(&[bad], KeyKind::Date), [None], "{bad}");
        }
        let midnight = TimestampSecondArray::from(vec![86_400]);
        assert_eq!(bytes(midnight, KeyKind::Date), text_as(&["1970-01-02"], KeyKind::Date));
        let noon: ArrayRef = Arc::new(TimestampSecondArray::from(vec![86_400 + 43_200]));
        assert!(Cells::new(&noon, KeyKind::Date).is_err());
    }

    #[test]
    fn other_columns_are_refused() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        for (_, kind) in WORDS {
            assert!(Cells::new(&floats, kind).is_err());
        }
        let bools = bytes(BooleanArray::from(vec![true, false]), KeyKind::Bool);
        assert_eq!(bools, text_as(&["TRUE", "false"], KeyKind::Bool));
        assert_eq!(text_as(&["yes"], KeyKind::Bool), [None]);
        let column: KeyColumn = "a:b:date".parse().unwrap();
        assert_eq!((column.name.as_str(), column.kind), ("a:b", Some(KeyKind::Date)));
        assert!("a:uuid".parse::<KeyColumn>().unwrap_err().to_string().contains("folded"));
    }

    proptest! {
        #[test]
        fn decimals_are_equal_as_numbers(a in -10_000i64..10_000, zeros in 0usize..4) {
            let written = format!("{}{}", a, if zeros > 0 { ".".to_owned() + &"0".repeat(zeros) } else { String::new() });
            prop_assert_eq!(
                text_as(&[&written], KeyKind::Decimal),
                bytes(Int64Array::from(vec![a]), KeyKind::Decimal)
            );
        }
    }
}
