//! Own rows into a file.

use super::{BATCH, Common, Source};
use crate::{
    error::{DataError, Error, Result},
    table::unreadable,
};
use arrow::{
    array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array},
    compute::{concat_batches, take_record_batch},
    csv::WriterBuilder,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Which own rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// Common rows.
    #[default]
    Inner,
    /// Common rows, then all others.
    Left,
    /// Rows that are not common.
    Anti,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// That which is the same at both parties.
    #[default]
    Common,
    /// That of the own table. The column [`Write::place`] says which rows of both
    /// parties belong together.
    Own,
}

/// How own rows are written.
#[derive(Clone, Debug)]
pub struct Write {
    /// A .parquet or .csv file, which must not be there yet.
    pub path: PathBuf,
    /// Which rows.
    pub join: Join,
    /// In which order.
    pub order: Order,
    /// Whether columns are written; otherwise the number of the row alone, as `row`.
    pub columns: bool,
    /// A column with the place in the common order, empty where there is none.
    pub place: Option<String>,
    /// Bytes for rows in memory; a larger table is read several times.
    pub memory: u64,
}

impl Write {
    /// Common rows in the common order.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            join: Join::Inner,
            order: Order::Common,
            columns: true,
            place: None,
            memory: 1 << 30,
        }
    }
}

/// A row of the file to be written: own row, place in the common order.
type Line = (u32, u32);

/// No place.
const NONE: u32 = u32::MAX;

/// Writes, and says how many rows.
pub(super) fn write(common: &Common, source: &Source, write: &Write) -> Result<u64> {
    let lines = lines(common, write)?;
    let mut file = Out::create(write, source)?;
    let part = file.part.clone();
    let result = fill(&mut file, &lines, source, write)
        .and_then(|()| file.finish())
        .and_then(|()| std::fs::rename(&part, &write.path).map_err(|e| failed(&write.path, e)));
    if result.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    result.map(|()| lines.len() as u64)
}

fn lines(common: &Common, write: &Write) -> Result<Vec<Line>> {
    let nothing = || {
        let rule = "this party does not learn which rows are common";
        Error::argument("psi", rule, "write a file at a party that does")
    };
    let rows = common.rows().ok_or_else(nothing)?;
    let mut lines: Vec<Line> = match write.join {
        Join::Anti => Vec::new(),
        Join::Inner | Join::Left => rows.iter().copied().zip(0..).collect(),
    };
    if write.join != Join::Inner {
        lines.extend(common.others().unwrap_or_default().into_iter().map(|row| (row, NONE)));
    }
    if write.order == Order::Own {
        lines.sort_unstable();
    }
    Ok(lines)
}

fn fill(file: &mut Out, lines: &[Line], source: &Source, write: &Write) -> Result<()> {
    if !write.columns {
        for part in lines.chunks(BATCH) {
            let rows: UInt32Array = part.iter().map(|(row, _)| *row).collect();
            file.put(vec![Arc::new(rows) as ArrayRef], part)?;
        }
        return Ok(());
    }
    let all: Vec<usize> = (0..source.schema().fields().len()).collect();
    let mut at = 0;
    // As many lines at a time as fit, by what the first batch takes.
    let mut fit = BATCH;
    if let Some(batch) = source.read(&all)?.next() {
        let batch = batch?;
        let row = batch.get_array_memory_size() / batch.num_rows().max(1) + 64;
        fit = (write.memory as usize / (2 * row)).max(BATCH);
    }
    while at < lines.len() {
        let part = &lines[at..lines.len().min(at + fit)];
        for (batch, part) in gather(source, &all, part)?.iter().zip(part.chunks(BATCH)) {
            file.put(batch.columns().to_vec(), part)?;
        }
        at += part.len();
    }
    Ok(())
}

/// The rows of these lines, in batches of [`BATCH`].
fn gather(source: &Source, columns: &[usize], lines: &[Line]) -> Result<Vec<RecordBatch>> {
    // Rows ascending, with the place of each among the lines.
    let mut wanted: Vec<(u32, u32)> =
        lines.iter().zip(0..).map(|((row, _), place)| (*row, place)).collect();
    wanted.sort_unstable();
    let (mut pieces, mut places, mut first, mut at) = (Vec::new(), Vec::new(), 0u64, 0);
    for batch in source.read(columns)? {
        if at == wanted.len() {
            break;
        }
        let batch = batch?;
        let end = first + batch.num_rows() as u64;
        let until = at + wanted[at..].partition_point(|(row, _)| u64::from(*row) < end);
        let here = &wanted[at..until];
        // Less than the batch's length.
        let rows: UInt32Array =
            here.iter().map(|(row, _)| (u64::from(*row) - first) as u32).collect();
        pieces.push(take_record_batch(&batch, &rows).map_err(|e| unreadable(source.name(), &e))?);
        places.extend(here.iter().map(|(_, place)| *place));
        (first, at) = (end, until);
    }
    if at < wanted.len() {
        let rule = "it has fewer rows than when it was compared";
        return Err(DataError::new(source.name(), rule, "do not change it meanwhile").into());
    }
    let Some(schema) = pieces.first().map(RecordBatch::schema) else { return Ok(vec![]) };
    let all = concat_batches(&schema, &pieces).map_err(|e| unreadable(source.name(), &e))?;
    drop(pieces);
    let mut order = vec![0u32; places.len()];
    for (at, place) in (0..).zip(places) {
        order[place as usize] = at;
    }
    order
        .chunks(BATCH)
        .map(|part| {
            let part = UInt32Array::from(part.to_vec());
            take_record_batch(&all, &part).map_err(|e| unreadable(source.name(), &e).into())
        })
        .collect()
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::File { file: path.into(), reason: error.to_string() }
}

/// A file under way: it has its name when it is whole, and NAME.part until then.
struct Out {
    path: PathBuf,
    part: PathBuf,
    schema: SchemaRef,
    place: bool,
    writer: Writer,
}

enum Writer {
    Csv(Box<arrow::csv::Writer<BufWriter<File>>>),
    Parquet(Box<ArrowWriter<BufWriter<File>>>),
}

impl Out {
    fn create(write: &Write, source: &Source) -> Result<Self> {
        let path = &write.path;
        let mut fields: Vec<Arc<Field>> = match write.columns {
            true => source.schema().fields().iter().cloned().collect(),
            false => vec![Arc::new(Field::new("row", DataType::UInt32, false))],
        };
        if let Some(place) = &write.place {
            if fields.iter().any(|f| f.name() == place) {
                let rule = format!("the table has a column '{place}' already");
                return Err(Error::argument("psi", rule, "name the place column otherwise"));
            }
            fields.push(Arc::new(Field::new(place, DataType::UInt64, true)));
        }
        let schema = Arc::new(Schema::new(fields));
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_lowercase();
        if !["csv", "parquet", "pq"].contains(&extension.as_str()) {
            return Err(failed(path, "the name must end in .csv, .parquet or .pq"));
        }
        if path.exists() {
            return Err(failed(path, "it exists; name another file, or remove it"));
        }
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&part).map_err(|e| failed(path, e))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let writer = if extension == "csv" {
            Writer::Csv(Box::new(WriterBuilder::new().with_header(true).build(file)))
        } else {
            let properties =
                WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))
                .map_err(|e| failed(path, e))?;
            Writer::Parquet(Box::new(writer))
        };
        Ok(Self { path: path.clone(), part, schema, place: write.place.is_some(), writer })
    }

    fn put(&mut self, mut columns: Vec<ArrayRef>, lines: &[Line]) -> Result<()> {
        if self.place {
            let places: UInt64Array =
                lines.iter().map(|&(_, place)| (place != NONE).then_some(place.into())).collect();
            columns.push(Arc::new(places));
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| failed(&self.path, e))?;
        let result = match &mut self.writer {
            Writer::Csv(writer) => writer.write(&batch).map_err(|e| e.to_string()),
            Writer::Parquet(writer) => writer.write(&batch).map_err(|e| e.to_string()),
        };
        result.map_err(|e| failed(&self.path, e))
    }

    fn finish(self) -> Result<()> {
        let path = &self.path;
        let mut file = match self.writer {
            Writer::Csv(writer) => writer.into_inner(),
            Writer::Parquet(writer) => writer.into_inner().map_err(|e| failed(path, e))?,
        };
        file.flush().map_err(|e| failed(path, e))?;
        let file = file.into_inner().map_err(|e| failed(path, e))?;
        file.sync_all().map_err(|e| failed(path, e))
    }
}
