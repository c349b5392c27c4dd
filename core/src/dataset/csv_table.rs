//! A CSV file in bounded memory.
//!
//! polars parses the values, but it neither tells lines apart in its errors nor refuses a file
//! whose form is broken. So the form is checked first, block by block: encoding, quotes and the
//! number of fields of every record. Only a block in which each record is sound reaches polars.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::{memchr, memchr3};
use polars::prelude::*;

use super::Batch;
use crate::error::{Error, Result};

/// Bytes parsed at once.
const BLOCK: usize = 8 << 20;
/// No honest row is longer; an unclosed quotation mark or a missing line break is found here.
const LONGEST_RECORD: usize = 64 << 10;

/// An open CSV file.
pub struct CsvTable {
    path: PathBuf,
    file: File,
    columns: Vec<String>,
    /// Bytes read from the file; those before `start` are done with.
    buffer: Vec<u8>,
    start: usize,
    at_end: bool,
    /// The line on which the next record begins, from 1.
    line: u64,
}

/// Where a record ends, and what was in it.
struct Record {
    /// Bytes without the line break.
    len: usize,
    /// Bytes with it.
    len_with_break: usize,
    n_fields: usize,
    n_lines: u64,
}

impl CsvTable {
    /// `head` is what was read of the file so far.
    pub(super) fn open(path: &Path, file: File, head: Vec<u8>) -> Result<Self> {
        let mut table = Self {
            path: path.into(),
            file,
            columns: Vec::new(),
            buffer: head,
            start: 0,
            at_end: false,
            line: 1,
        };
        table.fill()?;
        table.skip_byte_order_mark()?;
        table.read_header()?;
        Ok(table)
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn no_rows(&self) -> Result<DataFrame> {
        self.parse(Vec::new())
    }

    fn malformed(&self, line: u64, reason: impl Into<String>, allowed: &str) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            line: Some(line),
            reason: reason.into(),
            allowed: allowed.into(),
        }
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

    fn read_header(&mut self) -> Result<()> {
        const ALLOWED: &str = "a first line with the names of the columns, separated by commas";
        let Some(record) = self.next_record()? else {
            return Err(self.malformed(1, "the file is empty", ALLOWED));
        };
        let line = self.line;
        let bytes = self.buffer[self.start..self.start + record.len].to_vec();
        self.check_text(&bytes, |_| line)?;
        self.advance(&record);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
        let mut header = csv::StringRecord::new();
        reader
            .read_record(&mut header)
            .map_err(|error| self.malformed(line, format!("the header cannot be read: {error}"), ALLOWED))?;
        self.columns = header.iter().map(|name| name.trim().to_owned()).collect();
        for (position, name) in self.columns.iter().enumerate() {
            let earlier = self.columns[..position].iter().position(|other| other.eq_ignore_ascii_case(name));
            if let Some(earlier) = earlier {
                let reason = format!("columns {} and {} are both called {name:?}", earlier + 1, position + 1);
                return Err(self.malformed(line, reason, "a header in which each name stands once"));
            }
        }
        Ok(())
    }

    /// The next block of records as a batch of text columns; `None` at the end of the file.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut block = Vec::new();
        let mut lines = Vec::new();
        let mut starts = Vec::new();
        while block.len() < BLOCK {
            let Some(record) = self.next_record()? else {
                break;
            };
            if record.n_fields != self.columns.len() {
                let reason =
                    format!("the row has {} fields, the header {}", record.n_fields, self.columns.len());
                return Err(self.malformed(self.line, reason, "as many fields in each row as in the header"));
            }
            lines.push(self.line);
            starts.push(block.len());
            block.extend_from_slice(&self.buffer[self.start..self.start + record.len]);
            block.push(b'\n');
            self.advance(&record);
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let line_of = |offset| lines[starts.partition_point(|start| *start <= offset) - 1];
        self.check_text(&block, line_of)?;
        let frame = self.parse(block)?;
        if frame.height() != lines.len() {
            // Ours and polars' idea of a record must agree, or rows would be blamed on wrong lines.
            let reason = format!("{} rows were found where {} begin", frame.height(), lines.len());
            return Err(self.malformed(lines[0], reason, "a quotation mark doubled inside a quoted field"));
        }
        Ok(Some(Batch::new(&self.path, frame, lines)?))
    }

    fn parse(&self, block: Vec<u8>) -> Result<DataFrame> {
        let schema = self.columns.iter().map(|name| Field::new(name.into(), DataType::String));
        CsvReadOptions::default()
            .with_has_header(false)
            .with_schema(Some(Arc::new(Schema::from_iter(schema))))
            .with_raise_if_empty(false)
            .with_parse_options(CsvParseOptions::default().with_missing_is_null(true))
            .into_reader_with_file_handle(Cursor::new(block))
            .finish()
            .map_err(|source| Error::Frame {
                context: format!("cannot parse {}", self.path.display()),
                source,
            })
    }

    /// Refuses bytes that are not text, naming the line.
    fn check_text(&self, bytes: &[u8], line_of: impl Fn(usize) -> u64) -> Result<()> {
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

    fn advance(&mut self, record: &Record) {
        self.start += record.len_with_break;
        self.line += record.n_lines;
    }

    /// The next record that is not a blank line; `None` at the end of the file.
    fn next_record(&mut self) -> Result<Option<Record>> {
        loop {
            match self.scan()? {
                Some(record) if record.len == 0 => self.advance(&record),
                Some(record) => return Ok(Some(record)),
                None if self.at_end => return Ok(None),
                None => self.fill()?,
            }
        }
    }

    /// Finds the end of the record at `start`; `None` when more of the file is needed to tell, or
    /// nothing is left.
    fn scan(&self) -> Result<Option<Record>> {
        const QUOTES: &str = "a field in quotation marks from its first to its last character, \
                              with quotation marks inside it doubled";
        let bytes = &self.buffer[self.start..];
        let (mut at, mut n_fields, mut n_lines) = (0, 1, 1);
        let mut quoted_since = None;
        let mut field_start = 0;
        while let Some(found) = memchr3(b'"', b',', b'\n', &bytes[at.min(bytes.len())..]) {
            let here = at + found;
            at = here + 1;
            match (bytes[here], quoted_since) {
                (b'"', None) if here == field_start => quoted_since = Some(self.line + n_lines - 1),
                (b'"', None) => {
                    let reason = "a quotation mark stands inside a field that does not begin with one";
                    return Err(self.malformed(self.line, reason, QUOTES));
                }
                (b'"', Some(_)) => match bytes.get(at) {
                    Some(b'"') => at += 1,
                    Some(b',' | b'\n' | b'\r') => quoted_since = None,
                    None if self.at_end => quoted_since = None,
                    None => break,
                    Some(_) => {
                        let reason = "text follows the closing quotation mark of a field";
                        return Err(self.malformed(self.line, reason, QUOTES));
                    }
                },
                (b',', None) => {
                    n_fields += 1;
                    field_start = at;
                }
                (b'\n', None) => {
                    return self.bounded(trimmed(bytes, here), at, n_fields, n_lines).map(Some);
                }
                (b'\n', Some(_)) => n_lines += 1,
                _ => {}
            }
            if at > LONGEST_RECORD {
                break;
            }
        }
        if let Some(opened) = quoted_since
            && (self.at_end || bytes.len() > LONGEST_RECORD)
        {
            let reason = "a quotation mark is opened here and never closed";
            return Err(self.malformed(opened, reason, QUOTES));
        }
        if bytes.len() > LONGEST_RECORD || (self.at_end && !bytes.is_empty()) {
            return self.bounded(trimmed(bytes, bytes.len()), bytes.len(), n_fields, n_lines).map(Some);
        }
        Ok(None)
    }

    fn bounded(&self, len: usize, len_with_break: usize, n_fields: usize, n_lines: u64) -> Result<Record> {
        if len > LONGEST_RECORD {
            let reason = format!("the line is longer than {LONGEST_RECORD} bytes");
            return Err(self.malformed(
                self.line,
                reason,
                "one row a line, with line breaks between the rows",
            ));
        }
        Ok(Record { len, len_with_break, n_fields, n_lines })
    }

    /// Reads more of the file behind what is not yet done with.
    fn fill(&mut self) -> Result<()> {
        const STEP: u64 = 1 << 20;
        self.buffer.drain(..self.start);
        self.start = 0;
        let read = (&mut self.file)
            .take(STEP)
            .read_to_end(&mut self.buffer)
            .map_err(|source| Error::read(&self.path, source))?;
        self.at_end = read == 0;
        Ok(())
    }
}

/// Length of a record without the carriage return that Windows puts before the line break.
fn trimmed(bytes: &[u8], end: usize) -> usize {
    if end > 0 && bytes[end - 1] == b'\r' { end - 1 } else { end }
}
