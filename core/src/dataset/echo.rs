//! A text file of any form once more, row by row as it stands there, with columns added in its own form.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;

use super::decoded::AtLine;
use super::form::{Form, Marks, is_blank, split};
use super::input::GZIP;
use super::records::Records;
use crate::error::{Error, Result};

/// What stands in an added column.
#[derive(Clone, Debug, PartialEq)]
pub enum Added {
    /// Nothing.
    Nothing,
    /// A number, to be written with the file's sign of decimals.
    Number(f64),
    /// A text, to be put into quotation marks.
    Text(String),
}

/// A file that is read again.
pub struct Echo {
    path: std::path::PathBuf,
    form: Form,
    records: Records,
    n_records: usize,
    /// What ends its lines.
    line_end: String,
    /// Whether nothing was written yet.
    is_new: bool,
    encoding: &'static Encoding,
}

impl Echo {
    pub(super) fn open(path: &Path, form: Form) -> Result<Self> {
        let failed = |source| Error::read(path, source);
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::new();
        (&mut file).take(GZIP.len() as u64).read_to_end(&mut magic).map_err(failed)?;
        let is_packed = magic == GZIP;
        let whole = std::io::Cursor::new(magic).chain(file);
        let reader: Box<dyn Read + Send> =
            if is_packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        let records = Records::new(&form, reader);
        let (encoding, line_end) = (form.encoding, form.line_end().to_string());
        Ok(Self { path: path.into(), form, records, n_records: 0, line_end, is_new: true, encoding })
    }

    /// In UTF-8, whatever the file's encoding is.
    pub fn in_utf_8(self) -> Self {
        Self { encoding: UTF_8, ..self }
    }

    /// In UTF-8 without a mark: what terminals and pipes expect.
    pub fn for_pipes(self) -> Self {
        let form = Form { has_mark: false, ..self.form };
        Self { encoding: UTF_8, form, ..self }
    }

    /// The name of the file's encoding.
    pub fn encoding(&self) -> &'static str {
        self.form.encoding.name()
    }

    /// All up to the header, and in it the names of the added columns.
    ///
    /// # Errors
    /// When the file cannot be read again.
    pub fn header(&mut self, names: &[String]) -> Result<Vec<u8>> {
        let mut written = Vec::new();
        while self.n_records <= self.form.n_above {
            let Some((record, _)) = self.next()? else { break };
            let is_header = self.n_records == self.form.n_above + 1;
            if is_header {
                let names: Vec<_> = names.iter().cloned().map(Added::Text).collect();
                let added = self.in_form(&names, false);
                let header = self.with(&record, &added);
                written.extend(self.encoded(&header));
            } else {
                written.extend(self.encoded(&record));
            }
        }
        Ok(written)
    }

    /// The row that begins on this line, with its added columns; rows come in the order of the file.
    ///
    /// # Errors
    /// When the file is no longer what it was.
    pub fn row(&mut self, line: u64, added: &[Added]) -> Result<Vec<u8>> {
        loop {
            let Some((record, at)) = self.next()? else { break };
            if at == line {
                let added = self.in_form(added, true);
                let record = self.without_trailing(&record);
                let record = if added.is_empty() { record } else { self.fitted(record) };
                let row = self.with(&record, &added);
                return Ok(self.encoded(&row));
            }
            if at > line {
                break;
            }
        }
        Err(Error::Malformed {
            path: self.path.clone(),
            line: Some(line),
            reason: "the file changed while it was read".into(),
            allowed: "a file that nobody writes to".into(),
        })
    }

    fn next(&mut self) -> Result<Option<(String, u64)>> {
        self.n_records += 1;
        let path = &self.path;
        let failed = |source: std::io::Error| match source.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(AtLine { line, reason }) => Error::Malformed {
                path: path.clone(),
                line: Some(*line),
                reason: reason.clone(),
                allowed: "one form from the first to the last line".into(),
            },
            None => Error::read(path, source),
        };
        self.records.next_record().map_err(failed)
    }

    /// A row that ends with a separator more than the header, without it: the added columns stand below their names.
    fn without_trailing(&self, record: &str) -> String {
        let row = record.trim_end_matches(['\r', '\n']);
        let cells = split(row, self.form.delimiter);
        let is_longer = self.form.has_trailing && cells.len() == self.form.are_read.len() + 1;
        match row.char_indices().rev().find(|(_, character)| *character == self.form.delimiter) {
            Some((at, _)) if is_longer && cells.last().is_some_and(|cell| is_blank(cell)) => {
                format!("{}{}", &row[..at], &record[row.len()..])
            }
            _ => record.to_owned(),
        }
    }

    /// A row of as many cells as there are names, so that those that are added stand below theirs: what is missing is
    /// empty, and what is too much stays with the last one.
    fn fitted(&self, record: String) -> String {
        let row = record.trim_end_matches(['\r', '\n']);
        let mark = self.form.delimiter.to_string();
        let cells = split(row, self.form.delimiter);
        let n_columns = self.form.are_read.len() + usize::from(self.form.has_row_names);
        let end = &record[row.len()..];
        match n_columns.checked_sub(cells.len()) {
            Some(0) => record,
            Some(n_missing) => format!("{row}{}{end}", mark.repeat(n_missing)),
            None => {
                let last = n_columns.saturating_sub(1);
                let rest = cells[last..].join(&mark).replace('"', "\"\"");
                let fitted: Vec<_> =
                    cells[..last].iter().copied().map(str::to_owned).chain([format!("\"{rest}\"")]).collect();
                format!("{}{end}", fitted.join(&mark))
            }
        }
    }

    fn in_form(&self, added: &[Added], quotes: bool) -> String {
        let mut text = String::new();
        for cell in added {
            text.push(self.form.delimiter);
            match cell {
                Added::Nothing => {}
                Added::Number(number) => {
                    let number = format!("{number:?}");
                    let is_comma = self.form.marks == Marks::Comma;
                    let number = if is_comma { number.replace('.', ",") } else { number };
                    let needs_quotes = number.contains(self.form.delimiter);
                    text += &if needs_quotes { format!("\"{number}\"") } else { number };
                }
                Added::Text(word) if quotes => text += &format!("\"{}\"", word.replace('"', "\"\"")),
                Added::Text(word) => text += word,
            }
        }
        text
    }

    fn encoded(&mut self, text: &str) -> Vec<u8> {
        let encoding = self.encoding;
        let mark = if std::mem::take(&mut self.is_new) { "\u{FEFF}" } else { "" };
        let units = || mark.encode_utf16().chain(text.encode_utf16());
        if encoding == UTF_16LE {
            units().flat_map(u16::to_le_bytes).collect()
        } else if encoding == UTF_16BE {
            units().flat_map(u16::to_be_bytes).collect()
        } else {
            let mark = if self.form.has_mark { mark } else { "" };
            encoding.encode(&format!("{mark}{text}")).0.into_owned()
        }
    }

    /// A record with more at the end of its line; a last line without an end gets that of the others.
    fn with(&mut self, record: &str, added: &str) -> String {
        let row = record.trim_end_matches(['\r', '\n']);
        if row.len() < record.len() {
            record[row.len()..].clone_into(&mut self.line_end);
        }
        format!("{row}{added}{}", self.line_end)
    }
}
