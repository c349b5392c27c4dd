//! A Parquet file in bounded memory: a slice of rows at a time.

use std::fs::File;
use std::io::{Cursor, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::io::mmap::MmapBytesReader;
use polars::prelude::*;

use super::Reading;
use super::batch::Batch;
use super::csv_format::LONGEST_RECORD;
use super::parquet_pages::{Slice, slices};
use super::steadiness::Steadiness;
use crate::error::{Error, Result};

/// Bytes of text in the rows that are handed out together.
const MOST_TEXT: usize = 64 << 20;
/// Larger files are copied to a file of our own, smaller ones into memory.
const LARGEST_IN_MEMORY: u64 = 64 << 20;

/// An open Parquet file.
pub(super) struct ParquetTable {
    path: PathBuf,
    reading: Arc<Reading>,
    copy: Copy,
    columns: Vec<String>,
    /// What is still to be decoded, the next slice last.
    slices: Vec<Slice>,
    /// Rows that are decoded and not yet handed out, how many at a time, and the number of the first.
    decoded: DataFrame,
    n_at_once: usize,
    next_row: u64,
}

impl ParquetTable {
    /// `head` is what was read of the file so far.
    pub(super) fn open(path: &Path, file: File, head: &[u8], reading: &Arc<Reading>) -> Result<Self> {
        let copy = Copy::of(path, file, head)?;
        let (columns, mut slices) = copy.guarded(path, |mut reader| {
            let names = reader.schema()?.iter_names().map(|name| name.to_string()).collect();
            let metadata = Arc::clone(reader.get_metadata()?);
            Ok((names, slices(&mut copy.bytes()?, &metadata)?))
        })?;
        if slices.is_empty() {
            return Err(damaged(path, "it has columns and no stone"));
        }
        slices.reverse();
        let decoded = DataFrame::empty();
        let reading = reading.clone();
        Ok(Self { path: path.into(), reading, copy, columns, slices, decoded, n_at_once: 1, next_row: 1 })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn no_rows(&self) -> Result<DataFrame> {
        self.copy.guarded(&self.path, |reader| reader.with_slice(Some((0, 0))).finish())
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>> {
        if self.decoded.height() == 0 {
            let Some(Slice { first, n_rows }) = self.slices.pop() else { return Ok(None) };
            let slice = Some((first, n_rows));
            self.decoded = self.copy.guarded(&self.path, |reader| reader.with_slice(slice).finish())?;
            if self.decoded.height() != n_rows {
                return Err(damaged(&self.path, "it ends before the rows it announces"));
            }
            let n_bytes = self.copy.guarded(&self.path, |_| longest_row(&self.decoded))?;
            if n_bytes > LONGEST_RECORD {
                let reason = format!(
                    "rows {} to {} hold texts of {n_bytes} bytes, and a row has at most {LONGEST_RECORD}",
                    first + 1,
                    first + n_rows
                );
                return Err(damaged(&self.path, reason));
            }
            self.n_at_once = MOST_TEXT / n_bytes.max(1);
        }
        let frame = self.decoded.slice(0, self.n_at_once);
        self.decoded = self.decoded.slice(frame.height() as i64, usize::MAX);
        let first = self.next_row;
        self.next_row += frame.height() as u64;
        Ok(Some(Batch::new(&self.path, frame, (first..self.next_row).collect(), &self.reading)?))
    }
}

/// Bytes of text that a row may have, at most: those of the longest text of each column together. Texts that
/// are the same are one text here, and many in the next place that they are copied to.
fn longest_row(frame: &DataFrame) -> PolarsResult<usize> {
    let longest = frame.columns().iter().map(|column| longest_text(column.as_materialized_series()));
    longest.sum()
}

fn longest_text(series: &Series) -> PolarsResult<usize> {
    Ok(match series.dtype() {
        DataType::String => series.str()?.iter().flatten().map(str::len).max().unwrap_or(0),
        DataType::Binary => series.binary()?.iter().flatten().map(<[u8]>::len).max().unwrap_or(0),
        DataType::Categorical(_, words) | DataType::Enum(_, words) => {
            let codes = series.to_physical_repr().cast(&DataType::UInt32)?;
            let texts = codes.u32()?.iter().flatten().filter_map(|code| words.cat_to_str(code));
            texts.map(str::len).max().unwrap_or(0)
        }
        DataType::List(_) => longest_text(&series.list()?.get_inner())?,
        DataType::Struct(_) => {
            let fields = series.struct_()?.fields_as_series();
            fields.iter().map(longest_text).sum::<PolarsResult<usize>>()?
        }
        _ => 0,
    })
}

/// The file as it was, out of reach of whoever writes to it: it is mapped into memory while it is decoded, and a
/// mapped file that is cut short ends the program.
enum Copy {
    Memory(Arc<[u8]>),
    File(File),
}

trait Bytes: Read + Seek {}
impl<T: Read + Seek> Bytes for T {}

impl Copy {
    fn of(path: &Path, mut file: File, head: &[u8]) -> Result<Self> {
        let steadiness = Steadiness::of(path, &file)?;
        let Some(n_bytes) = steadiness.n_bytes() else {
            let reason = "a Parquet file is read from its end, and a pipe has none";
            return Err(Error::NoData { path: path.into(), reason: reason.into() });
        };
        // No more than there was: a file that grows has no end.
        let rest = (&mut file).take(n_bytes.saturating_sub(head.len() as u64));
        let read = |source| Error::read(path, source);
        let (copy, n_copied) = if n_bytes <= LARGEST_IN_MEMORY {
            let mut bytes = head.to_vec();
            let mut rest = rest;
            rest.read_to_end(&mut bytes).map_err(read)?;
            let n_copied = bytes.len() as u64;
            (Self::Memory(bytes.into()), n_copied)
        } else {
            let failed = |source| Error::File {
                action: "cannot copy to the folder for temporary files",
                path: path.into(),
                source,
            };
            let mut own = tempfile::tempfile().map_err(failed)?;
            own.write_all(head).map_err(failed)?;
            let mut rest = rest;
            let n_copied = head.len() as u64 + std::io::copy(&mut rest, &mut own).map_err(failed)?;
            (Self::File(own), n_copied)
        };
        steadiness.check(n_copied)?;
        Ok(copy)
    }

    fn bytes(&self) -> std::io::Result<Box<dyn Bytes>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Self::File(file) => Box::new(file.try_clone()?),
        })
    }

    /// Runs polars on a file that may be damaged on purpose: where polars panics over it, the caller
    /// gets an error instead.
    fn guarded<T>(
        &self,
        path: &Path,
        read: impl FnOnce(ParquetReader<Box<dyn MmapBytesReader>>) -> PolarsResult<T>,
    ) -> Result<T> {
        let bytes: Box<dyn MmapBytesReader> = match self {
            Self::Memory(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Self::File(file) => Box::new(file.try_clone().map_err(|source| Error::read(path, source))?),
        };
        match catch_unwind(AssertUnwindSafe(|| read(ParquetReader::new(bytes)))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(damaged(path, error.to_string())),
            Err(_) => Err(damaged(path, "its content contradicts itself")),
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::SeekFrom;

    use super::super::Table;
    use super::*;

    fn written(path: &Path, n_rows: usize) {
        let carat = Column::new("carat".into(), (0..n_rows).map(|row| row as f64).collect::<Vec<_>>());
        let cut = Column::new("cut".into(), vec!["Ideal"; n_rows]);
        let mut frame = DataFrame::new(n_rows, vec![carat, cut]).unwrap();
        ParquetWriter::new(File::create(path).unwrap()).finish(&mut frame).unwrap();
    }

    #[test]
    fn rows_come_in_order_and_whole_whatever_becomes_of_the_file_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("delivery.parquet");
        let n_rows = 700_000;
        written(&path, n_rows);
        let mut table = Table::open(&path, &Arc::new(Reading::default().accepting_units(true))).unwrap();
        // Cut short: a program that had it mapped would end with the next look at it.
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        let mut next = 0;
        while let Some(batch) = table.next_batch().unwrap() {
            for row in 0..batch.len() {
                assert_eq!(batch.line(row), next as u64 + 1);
                let cell = batch.cell(row, crate::diamond::Field::Carat);
                assert!(matches!(cell, crate::diamond::Cell::Number(number) if number == next as f64));
                next += 1;
            }
        }
        assert_eq!(next, n_rows);
    }

    #[test]
    fn a_file_that_gives_fewer_bytes_than_it_had_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("delivery.parquet");
        written(&path, 10);
        let mut file = File::open(&path).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        let error = ParquetTable::open(&path, file, b"PAR1", &Arc::default()).err().unwrap().to_string();
        assert!(error.contains("4 were read"), "{error}");
    }
}
