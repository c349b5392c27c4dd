//! One file as a sequence of batches of rows, whatever its format.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::DataFrame;

use super::Reading;
use super::batch::Batch;
use super::columns::{fields_of, has, lookalike, nearly_named};
use super::csv_table::{CsvBlock, CsvTable};
use super::echo::Echo;
use super::excel;
use super::form::Signs;
use super::frame_table::{Frame, FrameSlice, FrameTable};
use super::input::Input;
use super::parquet_table::ParquetTable;
use super::units::suspects;
use crate::diamond::Field;
use crate::error::{Error, Result};

/// An open data file.
pub struct Table {
    rows: Rows,
    /// What each of its columns is.
    fields: Vec<Option<Field>>,
    /// Of each column whether the user says that it means nothing to us.
    are_aside: Vec<bool>,
    /// Names that the user says something of, and no column has.
    unmatched: Vec<String>,
    /// What to call it if the units of its columns are refused, where they are to be looked at.
    unchecked: Option<PathBuf>,
    /// Whether rows were taken from it.
    is_begun: bool,
}

/// A frame of fewer rows was typed by hand, and what is wrong with it is said row by row.
const FEWEST_OF_A_FRAME: usize = 20;

enum Rows {
    /// Text.
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
    pub fn open(path: &Path, reading: &Arc<Reading>) -> Result<Self> {
        let mut magic = Vec::with_capacity(4);
        let mut file = std::fs::File::open(path).map_err(|source| Error::read(path, source))?;
        (&mut file).take(4).read_to_end(&mut magic).map_err(|source| Error::read(path, source))?;
        // Opened once and read on from here: a pipe cannot be read twice.
        let rows = if magic == b"PAR1" {
            Rows::Parquet(ParquetTable::open(path, file, &magic, reading)?)
        } else {
            let is_workbook = magic.starts_with(excel::ZIP) || magic.starts_with(excel::COMPOUND);
            let input = if is_workbook {
                excel::input(path, file, &magic, reading)?
            } else {
                Input::of(path, file, magic)?
            };
            Rows::Csv(CsvTable::open(path, input, reading.clone())?)
        };
        let unchecked = (!reading.accepts_units).then(|| path.to_owned());
        Ok(Self { unchecked, ..Self::of(rows, reading) })
    }

    /// Rows in memory as a table.
    pub fn over(frame: Frame) -> Self {
        let unchecked = (frame.rows.height() >= FEWEST_OF_A_FRAME).then(|| frame.name.clone());
        Self { unchecked, ..Self::of(Rows::Frame(FrameTable::new(frame)), &Reading::default()) }
    }

    fn of(rows: Rows, reading: &Reading) -> Self {
        let fields = fields_of(rows.columns().iter().map(String::as_str), reading);
        let are_aside = rows.columns().iter().map(|name| reading.leaves_aside(name)).collect();
        let unmatched = reading.unmatched(rows.columns());
        Self { rows, fields, are_aside, unmatched, unchecked: None, is_begun: false }
    }

    /// No rows, but every column: what a file with a header alone holds.
    pub fn no_rows(&self) -> Result<DataFrame> {
        match &self.rows {
            Rows::Csv(table) => table.no_rows(),
            Rows::Parquet(table) => table.no_rows(),
            Rows::Frame(table) => Ok(table.no_rows()),
        }
    }

    /// The file's column names as written.
    pub fn columns(&self) -> &[String] {
        self.rows.columns()
    }

    /// What each column is to us.
    pub fn fields(&self) -> &[Option<Field>] {
        &self.fields
    }

    /// How the file was understood where that is not plain: its form, and columns by other names than ours.
    pub fn understood(&self) -> Option<String> {
        let form = match &self.rows {
            Rows::Csv(table) => table.words().map(str::to_owned),
            Rows::Parquet(_) | Rows::Frame(_) => None,
        };
        let other = |(name, field): (&String, Option<Field>)| {
            let field = field.filter(|field| !field.name().eq_ignore_ascii_case(name.trim()))?;
            Some(format!("{name:?} taken for {field}"))
        };
        let others = self.columns().iter().zip(self.fields.iter().copied()).filter_map(other);
        let mut said: Vec<_> = form.into_iter().chain(others).collect();
        let unused: Vec<_> = self.unused().map(|name| format!("{name:?}")).collect();
        if !unused.is_empty() {
            let is_are = if unused.len() == 1 { "is" } else { "are" };
            let n_columns = self.columns().len();
            said.push(format!("{n_columns} columns, of which {} {is_are} not used", listed(&unused, 12)));
        }
        if said.is_empty() && !self.unmatched.is_empty() {
            said.push("plain".to_owned());
        }
        said.extend(self.unmatched.iter().map(|name| format!("no column is called {name:?}")));
        (!said.is_empty()).then(|| said.join(", "))
    }

    /// The file once more, to write its rows as they stand there; `None` of a plain one, and of what is no text or cannot
    /// be read twice.
    ///
    /// # Errors
    /// When the file cannot be opened again.
    pub fn echo(&self, path: &Path) -> Result<Option<Echo>> {
        match &self.rows {
            Rows::Csv(table) => table.form().map(|form| Echo::open(path, form.clone())).transpose(),
            Rows::Parquet(_) | Rows::Frame(_) => Ok(None),
        }
    }

    /// The same of any text, plain or not.
    ///
    /// # Errors
    /// As [`Self::echo`].
    pub fn echo_of_text(&self, path: &Path) -> Result<Option<Echo>> {
        match &self.rows {
            Rows::Csv(table) => table.any_form().map(|form| Echo::open(path, form)).transpose(),
            Rows::Parquet(_) | Rows::Frame(_) => Ok(None),
        }
    }

    /// The signs between its columns and before its decimals.
    pub fn signs(&self) -> Signs {
        match &self.rows {
            Rows::Csv(table) => table.signs(),
            Rows::Parquet(_) | Rows::Frame(_) => Signs::PLAIN,
        }
    }

    /// About how many rows there are, to make room for them at once; 0 where that cannot be told.
    pub(crate) fn n_rows_about(&self) -> usize {
        match &self.rows {
            Rows::Csv(table) => table.n_rows_about(),
            Rows::Parquet(_) | Rows::Frame(_) => 0,
        }
    }

    /// The columns that mean nothing to us.
    fn unused(&self) -> impl Iterator<Item = &str> {
        let unused = self.columns().iter().zip(&self.fields).filter(|(_, field)| field.is_none());
        unused.map(|(name, _)| name.as_str())
    }

    /// Checks that each of `required` is there, by name and in any order, and returns the names of
    /// the columns that mean nothing to us.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming every missing column.
    pub fn require(&self, path: &Path, required: &[Field]) -> Result<Vec<String>> {
        let option = |said: &str| format!("--column {said:?}");
        self.missing(path, required, option)
            .map_or_else(|| Ok(self.unused().map(str::to_owned).collect()), Err)
    }

    /// The refusal of a file that lacks one of `required`, or has a measurement's column with a letter wrong, which is not
    /// passed over in silence; `said` is how somebody says `THEIRS=OURS`, what a column of
    /// his is to us.
    pub fn missing(&self, path: &Path, required: &[Field], said: impl Fn(&str) -> String) -> Option<Error> {
        let missing: Vec<_> = required.iter().copied().filter(|field| !has(&self.fields, *field)).collect();
        if missing.is_empty() {
            return self.misspelt(path, said);
        }
        let alike = |field: &Field| Some(said(&format!("{}={field}", lookalike(*field, self.unused())?)));
        let meant: Vec<_> = missing.iter().filter_map(alike).collect();
        let hint = match &meant[..] {
            [] if self.fields.iter().all(Option::is_none) => {
                "; is the line with the names missing?".to_owned()
            }
            [] if missing == [Field::Price] => {
                "; a model learns from prices that were paid, and these stones have none".to_owned()
            }
            [] => String::new(),
            meant => format!("; if that is what they mean, say so with {}", meant.join(" ")),
        };
        let names = |fields: &[Field]| fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ");
        let found = listed(self.columns(), 40);
        Some(Error::Malformed {
            path: path.into(),
            line: Some(1),
            reason: format!("no column {}; the columns found are {found}{hint}", names(&missing)),
            allowed: format!("a header with {}", names(required)),
        })
    }

    fn misspelt(&self, path: &Path, said: impl Fn(&str) -> String) -> Option<Error> {
        let (field, name) = self.nearly_named().next()?;
        Some(Error::Malformed {
            path: path.into(),
            line: Some(1),
            reason: format!("no column {field}, and one called {name:?}"),
            allowed: format!(
                "{} if that is what it means, {} if it is not",
                said(&format!("{name}={field}")),
                said(&format!("{name}=-"))
            ),
        })
    }

    /// The measurements without a column of their own, to be estimated.
    pub(crate) fn without(&self) -> impl Iterator<Item = Field> {
        Field::MEASUREMENTS.into_iter().filter(|field| !has(&self.fields, *field))
    }

    /// Those of them that a column seems to be with a letter wrong, and its name.
    pub(super) fn nearly_named(&self) -> impl Iterator<Item = (Field, &str)> {
        let unknown = self.columns().iter().zip(&self.fields).zip(&self.are_aside);
        let unknown = unknown.filter(|((_, field), is_aside)| field.is_none() && !**is_aside);
        nearly_named(&self.fields, unknown.map(|((name, _), _)| name.as_str()))
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
        let Some(rows) = self.rows.next_part()? else { return Ok(None) };
        let is_further_down = std::mem::replace(&mut self.is_begun, true);
        let unchecked = self.unchecked.as_ref().map(|path| (path.clone(), is_further_down));
        Ok(Some(Part { rows, unchecked }))
    }
}

/// The first names of columns, of which a file may have a thousand.
fn listed(names: &[String], most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let named = names[..names.len() - more].join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

impl Rows {
    fn next_part(&mut self) -> Result<Option<PartRows>> {
        Ok(match self {
            Self::Csv(table) => table.next_block()?.map(PartRows::Csv),
            Self::Parquet(table) => table.next_batch()?.map(PartRows::Ready),
            Self::Frame(table) => table.next_slice().map(PartRows::Frame),
        })
    }

    fn columns(&self) -> &[String] {
        match self {
            Self::Csv(table) => table.columns(),
            Self::Parquet(table) => table.columns(),
            Self::Frame(table) => table.columns(),
        }
    }
}

/// Rows of a table that are still to be parsed, on any thread.
pub(crate) struct Part {
    rows: PartRows,
    /// The name of the table, where units are to be looked at, and whether these are not its first rows.
    unchecked: Option<(PathBuf, bool)>,
}

enum PartRows {
    Csv(CsvBlock),
    Frame(FrameSlice),
    Ready(Batch),
}

impl Part {
    /// # Errors
    /// When its form is broken, or a column seems to have another unit.
    pub(crate) fn batch(self) -> Result<Batch> {
        let batch = match self.rows {
            PartRows::Csv(block) => block.batch()?,
            PartRows::Frame(slice) => slice.batch()?,
            PartRows::Ready(batch) => batch,
        };
        if let Some((path, is_further_down)) = self.unchecked
            && let Some(suspect) = suspects(&batch, is_further_down).first()
        {
            return Err(suspect.refused(&path, ""));
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::File;
    use std::io::Write;

    use polars::prelude::Column;

    use super::*;

    /// A CSV file of several blocks, opened, of which the first rows were read.
    fn half_read(path: &Path) -> Table {
        let mut file = File::create(path).unwrap();
        writeln!(file, "carat,cut,color,clarity").unwrap();
        for number in 0..60_000 {
            writeln!(file, "1.{number:06},Ideal,E,VS1").unwrap();
        }
        let mut table = Table::open(path, &Arc::default()).unwrap();
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
    fn rows_of_a_frame_further_down_in_another_unit_are_refused_and_a_few_are_not() {
        let said = |n_in_points: usize| {
            let carat = (0..10_000).map(|row| if row < 10_000 - n_in_points { 0.71 } else { 71.0 });
            let carat = Column::new("carat".into(), carat.collect::<Vec<f64>>());
            let rows = DataFrame::new(10_000, vec![carat]).unwrap();
            let frame = Frame { name: "the frame".into(), rows, extra_columns: Vec::new() };
            rest(Table::over(frame)).map_err(|error| error.to_string())
        };
        assert_eq!(said(0), Ok(10_000));
        assert_eq!(said(15), Ok(10_000));
        let reason = said(4_000).unwrap_err();
        assert!(
            reason.starts_with("the frame: the column carat seems to have another unit: from line 6144 on"),
            "{reason}"
        );
        assert!(reason.contains("points"), "{reason}");
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
