//! Where a registry lies: a path, or the address of a store with the settings that the environment has for it.

use std::fmt;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::{Borrowed, IntoPyObjectExt};
use xtream_core::Result;
use xtream_core::registry::{Location, S3Settings};

/// What a user wrote: a path, or the address of a store. Whether it can be reached is not known yet.
#[derive(Clone)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn of(location: &Location) -> Self {
        Self(location.folder().map_or_else(|| location.to_string().into(), PathBuf::from))
    }

    /// The place, with the settings that the environment has now.
    pub(crate) fn location(&self) -> Result<Location> {
        let variable = |name: &str| std::env::var(name).ok();
        let cache =
            || S3Settings::cache_folder(variable).unwrap_or_else(|| std::env::temp_dir().join("xtream"));
        match self.0.to_str() {
            Some(text) => Location::parse(text, || S3Settings::from_variables(variable, cache())),
            None => Ok(self.0.clone().into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl<'py> FromPyObject<'_, 'py> for Place {
    type Error = PyErr;

    fn extract(place: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        place.extract().map(Self)
    }
}

/// A path, or the address as a text: a path would lose one of its strokes.
impl<'py> IntoPyObject<'py> for Place {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        match self.0.to_str() {
            Some(text) if text.starts_with("s3:") => text.into_bound_py_any(py),
            _ => self.0.into_bound_py_any(py),
        }
    }
}
