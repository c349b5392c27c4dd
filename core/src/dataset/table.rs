//! One file as a sequence of batches of rows, whatever its format.

use std::io::Read;
use std::path::Path;

use polars::prelude::DataFrame;

use super::batch::Batch;
use super::columns::fields_of;
use super::csv_table::{CsvBlock, CsvTable};
use super::frame_table::{Frame, FrameSlice, FrameTable};
use super::parquet_table::ParquetTable;
use crate::diamond::Field;
use crate::error::{Error, Result};

/// An open data file.
pub enum Table {
    /// Comma-separated text.
    Csv(CsvTable),
    /// Apache Parquet.
    Parquet(ParquetTable),
    /// No file at all, but rows in memory.
    Frame(FrameTable),
}

impl Table {
    /// Opens a file; its first bytes, not its name, tell the format.
    ///
    /// # Errors
    /// When the file cannot be read, is empty or has no usable header.
    pub fn open(path: &Path) -> Result<Self> {
        let mut magic = Vec::with_capacity(4);
        let mut file = std::fs::File::open(path).map_err(|source| Error::read(path, source))?;
        (&mut file).take(4).read_to_end(&mut magic).map_err(|source| Error::read(path, source))?;
        if magic == b"PAR1" {
            Ok(Self::Parquet(ParquetTable::open(path, file, &magic)?))
        } else {
            // Opened once and read on from here: a pipe cannot be read twice.
            Ok(Self::Csv(CsvTable::open(path, file, magic)?))
        }
    }

    /// Rows in memory as a table.
    pub fn over(frame: Frame) -> Self {
        Self::Frame(FrameTable::new(frame))
    }

    /// No rows, but every column: what a file with a header alone holds.
    pub fn no_rows(&self) -> Result<DataFrame> {
        match self {
            Self::Csv(table) => table.no_rows(),
            Self::Parquet(table) => table.no_rows(),
            Self::Frame(table) => Ok(table.no_rows()),
        }
    }

    /// The file's column names as written.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Csv(table) => table.columns(),
            Self::Parquet(table) => table.columns(),
            Self::Frame(table) => table.columns(),
        }
    }

    /// How the file was understood where that is not plain: its form, and columns by other names than ours.
    pub fn understood(&self) -> Option<String> {
        let form = match self {
            Self::Csv(table) => table.form().map(str::to_owned),
            Self::Parquet(_) | Self::Frame(_) => None,
        };
        let fields = fields_of(self.columns().iter().map(String::as_str));
        let other = |(name, field): (&String, Option<Field>)| {
            let field = field.filter(|field| !field.name().eq_ignore_ascii_case(name.trim()))?;
            Some(format!("{name:?} taken for {field}"))
        };
        let others = self.columns().iter().zip(fields).filter_map(other);
        let said: Vec<_> = form.into_iter().chain(others).collect();
        (!said.is_empty()).then(|| said.join(", "))
    }

    /// About how many rows there are, to make room for them at once; 0 where that cannot be told.
    pub(crate) fn n_rows_about(&self) -> usize {
        match self {
            Self::Csv(table) => table.n_rows_about(),
            Self::Parquet(_) | Self::Frame(_) => 0,
        }
    }

    /// Checks that each of `required` is there, by name and in any order, and returns the names of
    /// the columns that mean nothing to us.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming every missing column.
    pub fn require(&self, path: &Path, required: &[Field]) -> Result<Vec<String>> {
        let known = fields_of(self.columns().iter().map(String::as_str));
        let missing: Vec<_> = required
            .iter()
            .filter(|field| !known.contains(&Some(**field)))
            .map(|field| field.name())
            .collect();
        if missing.is_empty() {
            let unknown = self.columns().iter().zip(known).filter(|(_, field)| field.is_none());
            return Ok(unknown.map(|(name, _)| name.clone()).collect());
        }
        let found = self.columns().join(", ");
        let hint = if found.contains(';') { " (is the file separated by semicolons?)" } else { "" };
        let required: Vec<_> = required.iter().map(|field| field.name()).collect();
        Err(Error::Malformed {
            path: path.into(),
            line: Some(1),
            reason: format!("no column {}; the columns found are {found}{hint}", missing.join(", ")),
            allowed: format!("a header with {}, separated by commas", required.join(", ")),
        })
    }

    /// The next rows, or `None` at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or its form is broken.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        self.next_part()?.map(Part::batch).transpose()
    }

    /// The next rows, as little worked on as their order allows.
    ///
    /// # Errors
    /// As [`Self::next_batch`]; what is wrong inside the part is told by [`Part::batch`].
    pub(crate) fn next_part(&mut self) -> Result<Option<Part>> {
        Ok(match self {
            Self::Csv(table) => table.next_block()?.map(Part::Csv),
            Self::Parquet(table) => table.next_batch()?.map(Part::Ready),
            Self::Frame(table) => table.next_slice().map(Part::Frame),
        })
    }
}

/// Rows of a table that are still to be parsed, on any thread.
pub(crate) enum Part {
    Csv(CsvBlock),
    Frame(FrameSlice),
    Ready(Batch),
}

impl Part {
    pub(crate) fn batch(self) -> Result<Batch> {
        match self {
            Self::Csv(block) => block.batch(),
            Self::Frame(slice) => slice.batch(),
            Self::Ready(batch) => Ok(batch),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::File;
    use std::io::Write;

    use super::*;

    /// A CSV file of several blocks, opened, of which the first rows were read.
    fn half_read(path: &Path) -> Table {
        let mut file = File::create(path).unwrap();
        writeln!(file, "carat,cut,color,clarity").unwrap();
        for number in 0..60_000 {
            writeln!(file, "1.{number:06},Ideal,E,VS1").unwrap();
        }
        let mut table = Table::open(path).unwrap();
        assert!(!table.next_batch().unwrap().unwrap().is_empty());
        table
    }

    fn rest(mut table: Table) -> Result<usize> {
        let mut n_rows = 0;
        while let Some(batch) = table.next_batch()? {
            n_rows += batch.len();
        }
        Ok(n_rows)
    }

    #[test]
    fn a_csv_file_that_changes_while_it_is_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("delivery.csv");
        assert!(rest(half_read(&path)).unwrap() > 40_000);
        let said = |table| rest(table).unwrap_err().to_string();

        let table = half_read(&path);
        File::options().write(true).open(&path).unwrap().set_len(600_011).unwrap();
        assert!(said(table).contains("the file changed while it was read"));

        let table = half_read(&path);
        File::options().append(true).open(&path).unwrap().write_all(b"1.5,Ideal,E,VS1\n").unwrap();
        assert!(said(table).contains("the file changed while it was read"));

        let table = half_read(&path);
        std::fs::write(folder.path().join("other"), "").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(said(table).contains("the file was replaced while it was read"));
    }
}
