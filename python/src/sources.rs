//! What to learn from, or to judge: frames and paths, as Python gives them.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use xtream_core::Result;
use xtream_core::dataset::{Duplicates, Frame, Policy, Reading, Source, Split, Suspect};
use xtream_core::diamond::Field;

use crate::arguments::{type_name, unknown};
use crate::arrow_stream::{METHOD, Stream};
use crate::file::FileArgument;
use crate::frame::frame;

/// Frames and paths that were not read yet.
#[derive(Default)]
pub(crate) struct Sources {
    frames: Vec<Stream>,
    paths: Vec<PathBuf>,
    /// How they are to be read.
    reading: Option<Arc<Reading>>,
}

impl Sources {
    /// `value` is a frame, a path, or a list or tuple of them.
    pub(crate) fn from_python(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut sources = Self::default();
        if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            for part in value.try_iter()? {
                sources.add(name, &part?)?;
            }
        } else {
            sources.add(name, value)?;
        }
        Ok(sources)
    }

    fn add(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.hasattr(METHOD)? {
            self.frames.push(Stream::of(value)?);
            return Ok(());
        }
        let file = FileArgument::from_python(value).map_err(|error| {
            if error.is_instance_of::<PyValueError>(value.py()) {
                return error;
            }
            PyTypeError::new_err(format!(
                "{name} must be a frame (pandas 2.2 or later, polars, pyarrow, anything with {METHOD}), a \
                 path, or a list of them, not {}",
                type_name(value)
            ))
        })?;
        if self.reading.as_ref().is_some_and(|reading| *reading != file.reading) {
            let reason = "files of one data set that are to be read in different ways";
            return Err(PyValueError::new_err(format!(
                "{reason}; allowed is the same delimiter, decimal, encoding, sheet, columns and grades for all of them"
            )));
        }
        self.reading = Some(file.reading);
        self.paths.push(file.path);
        Ok(())
    }

    fn read(self, unpriced: bool) -> Result<(Vec<PathBuf>, Vec<Frame>)> {
        let (required, wanted) = if unpriced {
            (&Field::CERTAIN[..], &Field::FEATURES[..])
        } else {
            (&Field::OF_A_SALE[..], &Field::ALL[..])
        };
        let frames = self.frames.into_iter().map(|stream| frame(stream, required, wanted));
        Ok((self.paths, frames.collect::<Result<_>>()?))
    }
}

/// These sources as one. The interpreter lock must not be held.
pub(crate) fn source(data: Sources, test: Sources, policy: Policy) -> Result<Source> {
    let reading = data.reading.clone().or_else(|| test.reading.clone()).unwrap_or_default();
    let ((data, frames), (test, test_frames)) = (data.read(policy.unpriced)?, test.read(policy.unpriced)?);
    Ok(Source { data, frames, test, test_frames, reading, policy, split: Split::default() })
}

/// How strict to be, by the names that users type.
pub(crate) fn policy(suspect: &str, duplicates: &str, unpriced: bool) -> Result<Policy> {
    let suspect = match suspect {
        "reject" => Suspect::Reject,
        "keep" => Suspect::Keep,
        _ => return Err(unknown("suspect", format!("{suspect:?}"), "\"reject\" or \"keep\"")),
    };
    let duplicates = match duplicates {
        "drop" => Duplicates::Drop,
        "keep" => Duplicates::Keep,
        _ => return Err(unknown("duplicates", format!("{duplicates:?}"), "\"drop\" or \"keep\"")),
    };
    Ok(Policy { suspect, duplicates, unpriced })
}
