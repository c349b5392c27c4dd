//! A CSV file in bounded memory, block by block.
//!
//! Blocks in which no quoted field holds a comma, a line break or a quotation mark, which is nearly all, are
//! cut at their commas (`csv_lines`). The others are scanned record by record (`csv_records`), and polars
//! parses them. polars neither tells lines apart in its errors nor refuses a file whose form is broken, so
//! encoding, quotes and the number of fields of every record are looked at before.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use encoding_rs::UTF_8;
use memchr::memchr_iter;
use polars::prelude::DataFrame;

use super::Reading;
use super::batch::Batch;
use super::columns::fields_of;
use super::csv_format::CsvFormat;
use super::csv_lines::{TextRows, cut};
use super::csv_records::{self, Scanned, Scanner, scan};
use super::decoded::{AtLine, Decoded};
use super::form::{Form, Marks, Signs};
use super::input::Input;
use super::plain::{plain_fields, plain_header, plain_rows};
use super::records::{self, record_length};
use crate::diamond;
use crate::error::{Error, Result};

/// Bytes looked at to find out how the file is written.
const HEAD: usize = 256 << 10;
/// Bytes parsed at once: what is made of them stays in a core's own cache, and is not asked of the system anew each time.
const BLOCK: usize = 96 << 10;
/// A row that says anything about a stone has as many bytes as this.
const SHORTEST_ROW: usize = 24;
const ONE_FORM: &str = "one form from the first to the last line (save it as \"CSV UTF-8\")";

/// An open CSV file.
pub(super) struct CsvTable {
    format: Arc<CsvFormat>,
    input: Input,
    /// What to say of how the file is written, where it is not plain.
    words: Option<String>,
    /// Bytes of UTF-8 with lines ended by line feeds; those before `start` are done with.
    buffer: Vec<u8>,
    start: usize,
    at_end: bool,
    /// The line on which the next record begins, from 1.
    line: u64,
}

/// A block of whole records, to be made plain and parsed wherever there is time.
pub(crate) struct CsvBlock {
    format: Arc<CsvFormat>,
    text: Vec<u8>,
    /// The line on which it begins.
    line: u64,
}

impl CsvTable {
    pub(super) fn open(path: &Path, input: Input, reading: Arc<Reading>) -> Result<Self> {
        let places = [None; diamond::Field::N_COLUMNS];
        let format = CsvFormat {
            path: path.into(),
            columns: Vec::new(),
            places,
            reading: reading.clone(),
            form: None,
        };
        let mut table = Self {
            format: Arc::new(format),
            words: input.packed(),
            input,
            buffer: Vec::new(),
            start: 0,
            at_end: false,
            line: 1,
        };
        table.fill(HEAD)?;
        let form = table.decode()?;
        table.skip_byte_order_mark()?;
        table.format = Arc::new(CsvFormat { form: form.clone(), ..(*table.format).clone() });
        let columns = table.read_header()?;
        let found = fields_of(columns.iter().map(String::as_str), &reading);
        let mut places = places;
        for (place, field) in found.iter().enumerate() {
            if let Some(field) = field {
                places[*field as usize] = Some(place);
            }
        }
        table.format = Arc::new(CsvFormat { path: path.into(), columns, places, reading, form });
        if table.at_end && table.buffer[table.start..].iter().all(u8::is_ascii_whitespace) {
            let reason = "the names of the columns stand there, and no stone below them";
            return Err(table.malformed(table.line, reason, "a row for each stone"));
        }
        Ok(table)
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.format.columns
    }

    /// How many rows there are if all of the file is like its beginning; nothing where that cannot be told.
    pub(super) fn n_rows_about(&self) -> usize {
        let n_bytes = self.input.n_bytes().unwrap_or(0) as usize;
        let n_seen = self.buffer.len().max(1);
        let n_lines = memchr_iter(b'\n', &self.buffer).count();
        ((n_bytes as f64 * n_lines as f64 / n_seen as f64) as usize).min(n_bytes / SHORTEST_ROW)
    }

    pub(super) fn no_rows(&self) -> Result<DataFrame> {
        self.format.parse(Vec::new())
    }

    fn malformed(&self, line: u64, reason: impl Into<String>, allowed: &str) -> Error {
        self.format.malformed(line, reason, allowed)
    }

    /// What to say of how the file is written, where it is not plain.
    pub(super) fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }

    /// How a text file is written, where it is not plain.
    pub(super) fn form(&self) -> Option<&Form> {
        self.format.form.as_ref().filter(|_| self.input.is_text_file())
    }

    /// The same of any text file.
    pub(super) fn any_form(&self) -> Option<Form> {
        let form = || self.format.form.clone().unwrap_or_else(|| Form::plain(self.columns().len()));
        self.input.is_text_file().then(form)
    }

    /// The signs that it is written with.
    pub(super) fn signs(&self) -> Signs {
        let of = |form: &Form| Signs {
            separator: form.delimiter,
            decimal: if form.marks == Marks::Comma { ',' } else { '.' },
        };
        self.format.form.as_ref().map_or(Signs::PLAIN, of)
    }

    /// Finds out how a file is written that is not plain. From its beginning on it is read as UTF-8.
    fn decode(&mut self) -> Result<Option<Form>> {
        let reading = &self.format.reading;
        let Some(form) = Form::of(&self.buffer, self.at_end, reading).filter(|form| !form.is_plain()) else {
            return Ok(None);
        };
        self.words =
            self.words.take().into_iter().chain(form.in_words()).reduce(|one, other| one + ", " + &other);
        if form.encoding != UTF_8 || form.has_lone_returns {
            let head = std::mem::take(&mut self.buffer);
            self.at_end = false;
            self.input.wrap(|reader| Box::new(Decoded::new(&form, head, reader).with_line_feeds()));
            self.fill(HEAD)?;
        }
        Ok(Some(form))
    }

    fn skip_byte_order_mark(&mut self) -> Result<()> {
        if self.buffer.starts_with(&[0xFF, 0xFE]) || self.buffer.starts_with(&[0xFE, 0xFF]) {
            return Err(self.malformed(
                1,
                "the file is encoded in UTF-16",
                "UTF-8 (save it as \"CSV UTF-8\")",
            ));
        }
        if self.buffer.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.start = 3;
        }
        Ok(())
    }

    fn read_header(&mut self) -> Result<Vec<String>> {
        const ALLOWED: &str = "a first line with the names of the columns, separated by commas";
        let format = self.format.clone();
        let (line, bytes) = match &format.form {
            Some(form) => self.made_header(form)?,
            None => {
                let mut scanner = Scanner::new(&format, &self.buffer[self.start..], self.line);
                let Some(record) = scanner.next_record()? else {
                    return Err(self.malformed(1, "the file is empty", ALLOWED));
                };
                let found = (record.line, record.bytes.to_vec());
                self.start += scanner.at();
                self.line = scanner.line();
                found
            }
        };
        self.format.check_text(&bytes, |_| line)?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
        let mut header = csv::StringRecord::new();
        reader
            .read_record(&mut header)
            .map_err(|error| self.malformed(line, format!("the header cannot be read: {error}"), ALLOWED))?;
        let columns: Vec<_> = header.iter().map(|name| name.trim().to_owned()).collect();
        for (position, name) in columns.iter().enumerate() {
            let earlier = columns[..position].iter().position(|other| other.eq_ignore_ascii_case(name));
            if let Some(earlier) = earlier {
                let reason = format!("columns {} and {} are both called {name:?}", earlier + 1, position + 1);
                return Err(self.malformed(line, reason, "a header in which each name stands once"));
            }
        }
        Ok(columns)
    }

    /// The header of a file that is not plain, as a plain one, and its line. What stands above it is done with.
    fn made_header(&mut self, form: &Form) -> Result<(u64, Vec<u8>)> {
        for number in 0..=form.n_above {
            let ahead = &self.buffer[self.start..];
            let length = record_length(ahead, b'\n', form.delimiter as u8);
            let length = match length {
                Some(length) => length,
                None if self.at_end => ahead.len(),
                None => break,
            };
            let line = self.line;
            let record = &ahead[..length];
            self.line += memchr_iter(b'\n', record).count() as u64;
            self.start += length;
            if number == form.n_above {
                self.format.check_text(record, |_| line)?;
                return Ok((line, plain_header(form, &String::from_utf8_lossy(record))));
            }
        }
        Err(self.format.too_long(self.line))
    }

    /// The next rows; `None` at the end of the file.
    pub(super) fn next_block(&mut self) -> Result<Option<CsvBlock>> {
        self.fill(BLOCK)?;
        let ahead = &self.buffer[self.start..];
        if ahead.is_empty() {
            return Ok(None);
        }
        let end = match &self.format.form {
            _ if self.at_end => ahead.len(),
            Some(form) => records::whole_records(ahead, form.delimiter as u8),
            None => csv_records::whole_records(ahead),
        };
        let line = self.line;
        self.line += memchr_iter(b'\n', &ahead[..end]).count() as u64;
        let rest = self.buffer.split_off(self.start + end);
        let mut text = std::mem::replace(&mut self.buffer, rest);
        text.drain(..self.start);
        self.start = 0;
        Ok(Some(CsvBlock { format: self.format.clone(), text, line }))
    }

    /// Reads on until so many bytes are there, or the file ends.
    fn fill(&mut self, n_bytes: usize) -> Result<()> {
        let n_ahead = self.buffer.len() - self.start;
        if n_ahead < n_bytes && !self.at_end {
            let missing = (n_bytes - n_ahead) as u64;
            self.buffer.reserve(n_bytes);
            let read = (&mut self.input).take(missing).read_to_end(&mut self.buffer);
            let read =
                read.map_err(|source| match source.get_ref().and_then(|inner| inner.downcast_ref()) {
                    Some(AtLine { line, reason }) => self.format.malformed(*line, reason.clone(), ONE_FORM),
                    None => self.input.error(&self.format.path, source),
                })?;
            self.at_end = (read as u64) < missing;
            if self.at_end {
                self.input.check()?;
            }
        }
        Ok(())
    }
}

impl CsvBlock {
    pub(super) fn batch(self) -> Result<Batch> {
        let Self { format, text, line } = self;
        format.check_text(&text, |offset| line + memchr_iter(b'\n', &text[..offset]).count() as u64)?;
        let reading = format.reading.clone();
        let text = match &format.form {
            Some(form) => {
                if let Some((text, starts, lines)) = plain_fields(&format, form, &text, line) {
                    return Ok(Batch::of_text(TextRows::new(format, text, starts), lines, &reading));
                }
                made_plain(&format, form, text, line)?
            }
            None => text,
        };
        if let Some((starts, lines)) = cut(&format, b',', &text, line) {
            return Ok(Batch::of_text(TextRows::new(format, text, starts), lines, &reading));
        }
        let Scanned { text, lines, misfits } = scan(&format, &text, line)?;
        let frame = format.parse(text)?;
        if frame.height() != lines.len() {
            // Ours and polars' idea of a record must agree, or rows would be blamed on wrong lines.
            let reason = format!("{} rows were found where {} begin", frame.height(), lines.len());
            let allowed = "a quotation mark doubled inside a quoted field";
            return Err(format.malformed(line, reason, allowed));
        }
        Ok(Batch::new(&format.path, frame, lines, &reading)?.with_misfits(misfits))
    }
}

fn made_plain(format: &CsvFormat, form: &Form, text: Vec<u8>, line: u64) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(&text);
    plain_rows(form, &text).map_err(|n_lines| {
        let reason = "a column without a name was empty so far and has a value here";
        format.malformed(line + n_lines, reason, ONE_FORM)
    })
}
