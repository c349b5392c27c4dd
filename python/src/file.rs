//! A path as Python gives it, and what `xtream_core.File` says of how the file is to be read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use xtream_core::dataset::{FormSaid, Reading, inspect as core_inspect};
use xtream_core::{Error, Result};

use crate::error;
use crate::interruptible::interruptible;

/// A file, and how it is to be read.
pub(crate) struct FileArgument {
    pub(crate) path: PathBuf,
    pub(crate) reading: Arc<Reading>,
}

/// What `File` holds beside its path.
#[derive(Default, FromPyObject)]
struct Said {
    delimiter: Option<String>,
    decimal: Option<String>,
    encoding: Option<String>,
    sheet: Option<String>,
    columns: BTreeMap<String, String>,
    grades: BTreeMap<String, BTreeMap<String, String>>,
    accept_units: bool,
}

impl FileArgument {
    /// A path, or a `File`.
    pub(crate) fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let path = value.extract()?;
        let said = match value.getattr("accept_units") {
            Ok(_) => value.extract()?,
            Err(_) => Said::default(),
        };
        let reading = said.reading().map_err(|error| error::to_python(value.py(), &error))?;
        Ok(Self { path, reading: Arc::new(reading) })
    }
}

impl Said {
    fn reading(self) -> Result<Reading> {
        let said = FormSaid {
            delimiter: self.delimiter.as_deref(),
            decimal: self.decimal.as_deref(),
            encoding: self.encoding.as_deref(),
            sheet: self.sheet.as_deref(),
        };
        let shop = Reading::of_shop(&self.columns, &self.grades)?;
        shop.accepting_units(self.accept_units).with_form(said)
    }
}

/// What a file would be understood as: as JSON, and in words.
#[pyfunction(name = "_inspect")]
pub(crate) fn inspect(py: Python<'_>, file: &Bound<'_, PyAny>) -> PyResult<(String, String)> {
    let FileArgument { path, reading } = FileArgument::from_python(file)?;
    interruptible(py, None, move |_, interrupt| {
        let found = core_inspect(&path, &reading, interrupt)?;
        let json = serde_json::to_string(&found).map_err(|source| Error::Usage {
            reason: format!("what was found cannot be written: {source}"),
            allowed: "a file that can be inspected".into(),
        })?;
        Ok((json, found.in_words()))
    })
}
