//! What is known of a CSV file from its header on, and the words for what is wrong with its form.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use memchr::memchr;
use polars::prelude::*;

use super::Reading;
use super::form::Form;
use crate::diamond::{self, Fault};
use crate::error::{Error, Result};

/// No honest row is longer; an unclosed quotation mark or a missing line break is found here.
pub(super) const LONGEST_RECORD: usize = 64 << 10;

/// What all blocks of a file share.
#[derive(Clone)]
pub(super) struct CsvFormat {
    pub(super) path: PathBuf,
    pub(super) columns: Vec<String>,
    /// Where each field stands among the columns.
    pub(super) places: [Option<usize>; diamond::Field::N_COLUMNS],
    pub(super) reading: Arc<Reading>,
    /// How the file is written, where it is not plain.
    pub(super) form: Option<Form>,
}

impl CsvFormat {
    pub(super) fn malformed(&self, line: u64, reason: impl Into<String>, allowed: &str) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            line: Some(line),
            reason: reason.into(),
            allowed: allowed.into(),
        }
    }

    /// What is wrong with a row that has not as many values as there are columns.
    pub(super) fn misfit(&self, record: &[u8], n_fields: usize) -> Fault {
        let n_columns = self.columns.len();
        let reason = format!("has {n_fields} values, and the header {n_columns} names");
        let allowed = format!("{n_columns} values; one that holds a comma stands in quotation marks");
        Fault::wrong(diamond::Field::Row, &String::from_utf8_lossy(record), &reason, allowed)
    }

    /// Refuses a file in which none of these lines fits the header.
    pub(super) fn shifted(&self, lines: &[u64]) -> Error {
        let named: Vec<_> = lines.iter().map(u64::to_string).collect();
        let n_columns = self.columns.len();
        let reason = format!(
            "from here on the rows have not as many values as the header has names ({n_columns}): lines {}",
            named.join(", ")
        );
        let line = lines.first().copied().unwrap_or(1);
        self.malformed(line, reason, "rows whose values stand below the names that they belong to")
    }

    pub(super) fn unclosed(&self, line: u64) -> Error {
        let reason = "a quotation mark is opened here and never closed";
        let allowed = "a value in quotation marks from its first to its last character, with quotation marks inside it \
                       doubled";
        self.malformed(line, reason, allowed)
    }

    pub(super) fn too_long(&self, line: u64) -> Error {
        let reason = format!("the line is longer than {LONGEST_RECORD} bytes");
        self.malformed(line, reason, "one row a line, with line breaks between the rows")
    }

    /// Refuses bytes that are not text, naming the line.
    pub(super) fn check_text(&self, bytes: &[u8], line_of: impl Fn(usize) -> u64) -> Result<()> {
        if let Some(offset) = memchr(0, bytes) {
            return Err(self.malformed(line_of(offset), "the row holds a NUL byte", "text in UTF-8"));
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            let offset = error.valid_up_to();
            let reason = format!("byte 0x{:02X} is not UTF-8 (is the file in Latin-1?)", bytes[offset]);
            return Err(self.malformed(line_of(offset), reason, "UTF-8 (save it as \"CSV UTF-8\")"));
        }
        Ok(())
    }

    /// Has polars parse records whose form is sound.
    pub(super) fn parse(&self, text: Vec<u8>) -> Result<DataFrame> {
        let schema = self.columns.iter().map(|name| Field::new(name.into(), DataType::String));
        CsvReadOptions::default()
            .with_has_header(false)
            .with_schema(Some(Arc::new(Schema::from_iter(schema))))
            .with_raise_if_empty(false)
            .with_parse_options(CsvParseOptions::default().with_missing_is_null(true))
            .into_reader_with_file_handle(Cursor::new(text))
            .finish()
            .map_err(|source| Error::Frame {
                context: format!("cannot parse {}", self.path.display()),
                source,
            })
    }
}
