//! Tables that can be read as often as needed, batch by batch.

use super::BATCH;
use crate::{
    error::{DataError, Error, Result},
    table::{listed, unreadable},
};
use arrow::{
    array::RecordBatch,
    csv::{ReaderBuilder, reader::Format},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
};
use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A table on disk or in memory.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    schema: SchemaRef,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Csv { path: PathBuf, delimiter: u8 },
    Parquet { path: PathBuf },
    Batches(Vec<RecordBatch>),
}

/// Batches of a source, in order.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

impl Source {
    /// A CSV file with a header line, by the extension, or a Parquet file.
    pub fn open(path: &Path, delimiter: u8) -> Result<Self> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        match extension.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Self::csv(path, delimiter),
            "parquet" | "pq" => Self::parquet(path),
            _ => Err(Error::File {
                file: path.into(),
                reason: "the name must end in .csv, .tsv, .txt, .parquet or .pq".into(),
            }),
        }
    }

    /// A CSV file with a header line. All cells are text, written as they were read.
    pub fn csv(path: &Path, delimiter: u8) -> Result<Self> {
        let name = path.display().to_string();
        let format = Format::default().with_header(true).with_delimiter(delimiter);
        let (header, _) = format
            .infer_schema(BufReader::new(open(path)?), Some(0))
            .map_err(|e| unreadable(&name, &e))?;
        let names = header.fields().iter().enumerate().map(|(i, field)| {
            let name = field.name().trim();
            // A byte-order mark is not part of the first name.
            if i == 0 { name.trim_start_matches('\u{feff}') } else { name }
        });
        let fields: Vec<Field> = names.map(|n| Field::new(n, DataType::Utf8, true)).collect();
        let kind = Kind::Csv { path: path.into(), delimiter };
        Self::new(name, Arc::new(Schema::new(fields)), kind)
    }

    /// A Parquet file.
    pub fn parquet(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let metadata = ArrowReaderMetadata::load(&open(path)?, ArrowReaderOptions::new())
            .map_err(|e| unreadable(&name, &e))?;
        Self::new(name, metadata.schema().clone(), Kind::Parquet { path: path.into() })
    }

    /// Batches in memory; `name` is what errors call them.
    pub fn batches(name: &str, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Self> {
        Self::new(name.into(), schema, Kind::Batches(batches))
    }

    fn new(name: String, schema: SchemaRef, kind: Kind) -> Result<Self> {
        let mut names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let rule = "the name stands above two columns";
            return Err(DataError::new(&name, rule, "rename one of them").column(pair[0]).into());
        }
        Ok(Self { name, schema, kind })
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Counts its rows, for which a text file is read.
    pub fn rows(&self) -> Result<u64> {
        self.read(&[0])?.try_fold(0, |rows, batch| Ok(rows + batch?.num_rows() as u64))
    }

    /// The positions of columns, or the error about one that is not there.
    pub(super) fn positions<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Vec<usize>> {
        let find = |name: &str| {
            self.schema.index_of(name).map_err(|_| {
                let all = self.schema.fields().iter().map(|f| f.name().as_str());
                let fix = format!("the columns are: {}", listed(all));
                DataError::new(&self.name, "there is no such column", fix).column(name).into()
            })
        };
        names.map(find).collect()
    }

    /// Reads these columns, in this order, from the start.
    pub(super) fn read(&self, columns: &[usize]) -> Result<Batches> {
        // Readers give columns in the order of the file.
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let order: Vec<usize> =
            columns.iter().filter_map(|c| sorted.binary_search(c).ok()).collect();
        let name = self.name.clone();
        let arrange = move |batch: std::result::Result<RecordBatch, String>| {
            let batch = batch.map_err(|e| unreadable(&name, &e))?;
            batch.project(&order).map_err(|e| unreadable(&name, &e).into())
        };
        Ok(match &self.kind {
            Kind::Csv { path, delimiter } => Box::new(
                ReaderBuilder::new(self.schema.clone())
                    .with_header(true)
                    .with_delimiter(*delimiter)
                    .with_batch_size(BATCH)
                    .with_projection(sorted)
                    .build(BufReader::with_capacity(1 << 20, open(path)?))
                    .map_err(|e| unreadable(&self.name, &e))?
                    .map(move |batch| arrange(batch.map_err(|e| e.to_string()))),
            ),
            Kind::Parquet { path } => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(open(path)?)
                    .and_then(|builder| {
                        let mask = ProjectionMask::roots(builder.parquet_schema(), sorted);
                        builder.with_projection(mask).with_batch_size(BATCH).build()
                    })
                    .map_err(|e| unreadable(&self.name, &e))?;
                Box::new(reader.map(move |batch| arrange(batch.map_err(|e| e.to_string()))))
            }
            Kind::Batches(batches) => {
                let batches: Vec<_> = batches
                    .iter()
                    .map(|batch| batch.project(&sorted).map_err(|e| e.to_string()))
                    .collect();
                Box::new(batches.into_iter().map(arrange))
            }
        })
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|e| Error::File { file: path.into(), reason: e.to_string() })
}
