//! Tables from Parquet files.

use super::{ReadOptions, Table, arrow};
use crate::error::{Error, Result};
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::{fs::File, path::Path};

/// Reads a whole file, batch by batch.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table> {
    let source = path.display().to_string();
    let file =
        File::open(path).map_err(|e| Error::File { file: path.into(), reason: e.to_string() })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|e| arrow::unreadable(&source, &e))?;
    arrow::read(&source, reader, options)
}
