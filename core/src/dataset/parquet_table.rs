//! A Parquet file in bounded memory: a slice of rows at a time.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::Batch;
use crate::error::{Error, Result};

/// Rows decoded at once.
const SLICE: usize = 1 << 18;

/// An open Parquet file.
pub struct ParquetTable {
    path: PathBuf,
    columns: Vec<String>,
    n_rows: usize,
    next_row: usize,
}

impl ParquetTable {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (columns, n_rows) = guarded(path, |mut reader| {
            let names = reader.schema()?.iter_names().map(|name| name.to_string()).collect();
            Ok((names, reader.num_rows()?))
        })?;
        Ok(Self { path: path.into(), columns, n_rows, next_row: 0 })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn no_rows(&self) -> Result<DataFrame> {
        guarded(&self.path, |reader| reader.with_slice(Some((0, 0))).finish())
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>> {
        if self.next_row >= self.n_rows {
            return Ok(None);
        }
        let slice = (self.next_row, SLICE.min(self.n_rows - self.next_row));
        let frame = guarded(&self.path, |reader| reader.with_slice(Some(slice)).finish())?;
        if frame.height() == 0 {
            return Err(damaged(&self.path, "it ends before the rows it announces"));
        }
        let first = self.next_row as u64 + 1;
        self.next_row += frame.height();
        let lines = (first..first + frame.height() as u64).collect();
        Ok(Some(Batch::new(&self.path, frame, lines)?))
    }
}

fn damaged(path: &Path, reason: impl Into<String>) -> Error {
    Error::Malformed {
        path: path.into(),
        line: None,
        reason: format!("not a sound Parquet file: {}", reason.into()),
        allowed: "a complete Parquet file or a CSV file".into(),
    }
}

/// Runs polars on a file that may be damaged on purpose: where polars panics over it, the caller
/// gets an error instead.
fn guarded<T>(path: &Path, read: impl FnOnce(ParquetReader<File>) -> PolarsResult<T>) -> Result<T> {
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    match catch_unwind(AssertUnwindSafe(|| read(ParquetReader::new(file)))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(path, error.to_string())),
        Err(_) => Err(damaged(path, "its content contradicts itself")),
    }
}
