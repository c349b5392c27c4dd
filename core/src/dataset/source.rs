//! What is to be read, and by which rules.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::duplicates::UniqueRows;
use super::event::{ReadEvent, ReadListener};
use super::ingest::{Ingested, Place, RowOutcome, RowSink, read};
use super::price_units::{MOST_PRICES, Sold, suspect_prices};
use super::validation::Collector;
use super::{
    Counts, Dataset, Frame, Policy, Reading, RejectFile, SourceFile, Split, Validation, expand,
    stone_fingerprint,
};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Files to train on.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Files, folders and patterns; all together are one data set.
    pub data: Vec<PathBuf>,
    /// Rows in memory that belong to the data; they come after those of the files.
    pub frames: Vec<Frame>,
    /// Files of test rows; when there are any, all of `data` and `frames` trains.
    pub test: Vec<PathBuf>,
    /// Test rows in memory.
    pub test_frames: Vec<Frame>,
    /// What is said of how the files are to be read.
    pub reading: Arc<Reading>,
    /// How strict to be.
    pub policy: Policy,
    /// Which rows test, when no test rows are given.
    pub split: Split,
}

/// A source that was read.
#[derive(Debug)]
pub struct Rows {
    /// The rows unique.
    pub dataset: Dataset,
    /// What became of all rows, those of test files included.
    pub counts: Counts,
    /// The files read.
    pub files: Vec<SourceFile>,
}

impl Source {
    /// Whether test rows are given, so that nothing else tests.
    pub fn has_test_rows(&self) -> bool {
        !(self.test.is_empty() && self.test_frames.is_empty())
    }

    /// Refuses a place for results that would overwrite the source itself.
    ///
    /// # Errors
    /// [`Error::Usage`] when `path` is one of the files to be read.
    pub fn spares(&self, path: &Path) -> Result<()> {
        let same = |file: &PathBuf| match (file.canonicalize(), path.canonicalize()) {
            (Ok(file), Ok(path)) => file == path,
            _ => false,
        };
        if !expand(&self.data)?.iter().chain(&expand(&self.test)?).any(same) {
            return Ok(());
        }
        Err(Error::Usage {
            reason: format!("{} is a file to be read and would be overwritten", path.display()),
            allowed: "a file of its own".into(),
        })
    }

    /// Reads and validates every file; each refused row is written to `rejects`, with its reason.
    ///
    /// # Errors
    /// When a file is missing or its form is broken, or on interruption.
    pub fn read(
        &self,
        rejects: &mut impl Write,
        progress: &(impl ReadListener + ?Sized),
        interrupt: &Interrupt,
    ) -> Result<Rows> {
        let mut refused = RejectFile::new(rejects)?;
        let mut unique = UniqueRows::new(self.policy.duplicates);
        let read = |paths: &[PathBuf],
                    frames: &[Frame],
                    unique: &mut UniqueRows,
                    sink: &mut dyn RowSink|
         -> Result<Ingested> {
            let rules = (self.policy, &self.reading);
            read(&expand(paths)?, frames, rules, unique, sink, &|event| progress.hear(event), interrupt)
        };
        // Test rows first: of a row that stands in both, the test keeps it and training loses it.
        let test = read(&self.test, &self.test_frames, &mut unique, &mut refused)?;
        let n_test = unique.len();
        let tested = unique.rows().iter().map(|stone| stone_fingerprint(stone.diamond(), 0)).collect();
        let mut overlap = Overlap { sink: &mut refused, tested, n_rows: 0, n_kept: 0 };
        let mut data = read(&self.data, &self.frames, &mut unique, &mut overlap)?;
        data.counts.n_in_both = overlap.n_rows;
        data.counts.n_in_both_kept = overlap.n_kept;
        let mut rows = unique.into_rows();
        refused.finish()?;
        if !self.reading.accepts_units {
            // Files of a few stones each tell something together.
            let all = || {
                let sold = rows.iter().step_by(rows.len().div_ceil(MOST_PRICES).max(1)).map(Sold::from);
                let names: Vec<_> = test.files.iter().chain(&data.files).map(|file| &file.path).collect();
                let name = match &names[..] {
                    [name] => (*name).clone(),
                    names => format!("{} files together", names.len()).into(),
                };
                suspect_prices(sold).map(|suspect| (name, suspect))
            };
            if let Some((name, suspect)) = test.suspect.or(data.suspect).or_else(all) {
                let remedy = "; if they are right, they are learned from with --accept-units";
                return Err(suspect.refused(&name, remedy));
            }
        }
        let counts = data.counts.plus(test.counts);
        let files = [data.files, test.files].concat();
        let dataset = if self.has_test_rows() {
            let train = rows.split_off(n_test);
            Dataset::explicit(train, rows)
        } else {
            Dataset::split(rows, &self.split)
        };
        let (n_train, n_test) = (dataset.n_train(), dataset.n_test());
        progress.hear(&ReadEvent::DataReady { counts: &counts, n_train, n_test });
        Ok(Rows { dataset, counts, files })
    }

    /// Reads and validates the data (not the test rows), and keeps what became of each row.
    ///
    /// Memory grows with all rows, refused ones included.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn validate(
        &self,
        progress: &(impl ReadListener + ?Sized),
        interrupt: &Interrupt,
    ) -> Result<Validation> {
        let mut collector = Collector::default();
        let sink: &mut dyn RowSink = &mut collector;
        let files = expand(&self.data)?;
        let mut unique = UniqueRows::new(self.policy.duplicates);
        let report = |event: &ReadEvent<'_>| progress.hear(event);
        let ingested =
            read(&files, &self.frames, (self.policy, &self.reading), &mut unique, sink, &report, interrupt)?;
        Ok(collector.finish(ingested.counts, ingested.files, unique.into_rows()))
    }
}

/// Counts the rows of stones that are test rows already, whatever becomes of them.
struct Overlap<'a> {
    sink: &'a mut dyn RowSink,
    tested: HashSet<u64>,
    n_rows: u64,
    n_kept: u64,
}

impl RowSink for Overlap<'_> {
    fn row(&mut self, place: &Place<'_>, outcome: RowOutcome<'_>) -> Result<()> {
        let is_kept = matches!(outcome, RowOutcome::Kept);
        if (is_kept || matches!(outcome, RowOutcome::Duplicate))
            && !self.tested.is_empty()
            && let Ok(stone) = place.batch.raw(place.row).parse()
            && self.tested.contains(&stone_fingerprint(&stone, 0))
        {
            self.n_rows += 1;
            self.n_kept += u64::from(is_kept);
        }
        self.sink.row(place, outcome)
    }
}
