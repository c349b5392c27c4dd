//! What is to be read, and by which rules.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::intake::{Intake, Seen, read};
use super::{Counts, Dataset, Policy, RejectFile, SourceFile, Split, expand};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::{Event, Progress};

/// Files to train on.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// Files, folders and patterns; all together are one data set.
    pub data: Vec<PathBuf>,
    /// Files of test rows; when there are any, all of `data` trains.
    pub test: Vec<PathBuf>,
    /// How strict to be.
    pub policy: Policy,
    /// Which rows of `data` test, when `test` names no files.
    pub split: Split,
}

/// A delivery that was read.
#[derive(Debug)]
pub struct Rows {
    /// The rows kept.
    pub dataset: Dataset,
    /// What became of all rows, those of test files included.
    pub counts: Counts,
    /// The files read.
    pub files: Vec<SourceFile>,
}

impl Delivery {
    /// Refuses a place for results that would overwrite the delivery itself.
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
        progress: &dyn Progress,
        interrupt: &Interrupt,
    ) -> Result<Rows> {
        let mut refused = RejectFile::new(rejects)?;
        let mut seen = Seen::default();
        let mut read = |paths: &[PathBuf]| -> Result<Intake> {
            read(&expand(paths)?, self.policy, &mut seen, &mut refused, progress, interrupt)
        };
        // Test rows first: of a row that stands in both, the test keeps it and training loses it.
        let test = read(&self.test)?;
        let data = read(&self.data)?;
        refused.finish()?;
        let counts = data.counts.plus(test.counts);
        let files = [data.files, test.files].concat();
        let dataset = if self.test.is_empty() {
            Dataset::split(data.rows, &self.split)
        } else {
            Dataset::explicit(data.rows, test.rows)
        };
        let (n_train, n_test) = (dataset.n_train(), dataset.n_test());
        progress.report(&Event::DataReady { counts: &counts, n_train, n_test });
        Ok(Rows { dataset, counts, files })
    }
}
