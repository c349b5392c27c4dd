//! What to learn from, or to judge: frames and paths, as Python gives them.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use xtream_core::Result;
use xtream_core::dataset::{Duplicates, Frame, Policy, Source, Split, Suspect};
use xtream_core::diamond::Field;

use crate::arguments::{type_name, unknown};
use crate::arrow_stream::{METHOD, Stream};
use crate::frame::frame;

/// Frames and paths that were not read yet.
#[derive(Default)]
pub(crate) struct Sources {
    frames: Vec<Stream>,
    paths: Vec<PathBuf>,
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
        let path = value.extract().map_err(|_| {
            PyTypeError::new_err(format!(
                "{name} must be a frame (pandas 2.2 or later, polars, pyarrow, anything with {METHOD}), a \
                 path, or a list of them, not {}",
                type_name(value)
            ))
        })?;
        self.paths.push(path);
        Ok(())
    }

    fn read(self, unpriced: bool) -> Result<(Vec<PathBuf>, Vec<Frame>)> {
        let (required, wanted) = if unpriced {
            (&Field::CERTAIN[..], &Field::FEATURES[..])
        } else {
            (&Field::ALL[..], &Field::ALL[..])
        };
        let frames = self.frames.into_iter().map(|stream| frame(stream, required, wanted));
        Ok((self.paths, frames.collect::<Result<_>>()?))
    }
}

/// These sources as one. The interpreter lock must not be held.
pub(crate) fn source(data: Sources, test: Sources, policy: Policy) -> Result<Source> {
    let ((data, frames), (test, test_frames)) = (data.read(policy.unpriced)?, test.read(policy.unpriced)?);
    Ok(Source { data, frames, test, test_frames, policy, split: Split::default(), ..Source::default() })
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
