//! CSV in full: fields in quotation marks may hold commas, line breaks and doubled quotation marks. Finds
//! where each record ends, and refuses what is not well formed.

use memchr::memchr3;

use super::csv_format::{CsvFormat, LONGEST_RECORD};
use crate::error::Result;

const QUOTES: &str = "a field in quotation marks from its first to its last character, with quotation marks \
                      inside it doubled";

/// Records one after the other, each ended by a line feed.
pub(super) struct Scanned {
    pub(super) text: Vec<u8>,
    /// Where each begins.
    pub(super) starts: Vec<usize>,
    /// And on which line of the file.
    pub(super) lines: Vec<u64>,
}

/// Scans a block that begins on `line`; blank lines are no records.
///
/// # Errors
/// When it is not well formed, or a record has not as many fields as the header.
pub(super) fn scan(format: &CsvFormat, bytes: &[u8], line: u64) -> Result<Scanned> {
    let mut scanned =
        Scanned { text: Vec::with_capacity(bytes.len() + 1), starts: Vec::new(), lines: Vec::new() };
    let mut scanner = Scanner::new(format, bytes, line);
    while let Some(record) = scanner.next_record()? {
        if record.n_fields != format.columns.len() {
            return Err(format.wrong_fields(record.line, record.n_fields));
        }
        scanned.lines.push(record.line);
        scanned.starts.push(scanned.text.len());
        scanned.text.extend_from_slice(record.bytes);
        scanned.text.push(b'\n');
    }
    Ok(scanned)
}

/// Goes through bytes that end with a record's end or with the file.
pub(super) struct Scanner<'a> {
    format: &'a CsvFormat,
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

/// A record, and what is in it.
pub(super) struct Record<'a> {
    /// Without the line break.
    pub(super) bytes: &'a [u8],
    pub(super) n_fields: usize,
    /// The line on which it begins.
    pub(super) line: u64,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(format: &'a CsvFormat, bytes: &'a [u8], line: u64) -> Self {
        Self { format, bytes, at: 0, line }
    }

    /// Bytes done with.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The line on which the next record begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next record that is not a blank line; `None` at the end.
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'a>>> {
        while self.at < self.bytes.len() {
            let record = self.record()?;
            if !is_blank_row(record.bytes, self.format.columns.len()) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn record(&mut self) -> Result<Record<'a>> {
        let (format, first_line) = (self.format, self.line);
        let bytes = &self.bytes[self.at..];
        let (mut at, mut n_fields, mut n_lines) = (0, 1, 1);
        let mut quoted_since = None;
        let mut field_start = 0;
        let mut end = None;
        while let Some(found) = memchr3(b'"', b',', b'\n', &bytes[at..]) {
            let here = at + found;
            at = here + 1;
            match (bytes[here], quoted_since) {
                (b'"', None) if here == field_start => quoted_since = Some(first_line + n_lines - 1),
                (b'"', None) => {
                    let reason = "a quotation mark stands inside a field that does not begin with one";
                    return Err(format.malformed(first_line, reason, QUOTES));
                }
                (b'"', Some(_)) => match bytes.get(at) {
                    Some(b'"') => at += 1,
                    Some(b',' | b'\n' | b'\r') | None => quoted_since = None,
                    Some(_) => {
                        let reason = "text follows the closing quotation mark of a field";
                        return Err(format.malformed(first_line, reason, QUOTES));
                    }
                },
                (b',', None) => {
                    n_fields += 1;
                    field_start = at;
                }
                (b'\n', None) => {
                    end = Some(here);
                    break;
                }
                (b'\n', Some(_)) => n_lines += 1,
                _ => {}
            }
            if at > LONGEST_RECORD {
                break;
            }
        }
        if let Some(opened) = quoted_since {
            let reason = "a quotation mark is opened here and never closed";
            return Err(format.malformed(opened, reason, QUOTES));
        }
        let record = without_return(&bytes[..end.unwrap_or(bytes.len())]);
        if record.len() > LONGEST_RECORD {
            return Err(format.too_long(first_line));
        }
        self.at += end.map_or(bytes.len(), |end| end + 1);
        self.line += n_lines;
        Ok(Record { bytes: record, n_fields, line: first_line })
    }
}

/// A line without the carriage return that Windows puts before the line break.
pub(super) fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a row has nothing but separators and blanks, as spreadsheets write empty rows, or the mark at the end of a
/// file of DOS. Short ones alone are looked at.
#[inline]
pub(super) fn is_blank_row(row: &[u8], n_fields: usize) -> bool {
    row.len() < 2 * n_fields + 8 && row.iter().all(|byte| matches!(byte, b',' | b' ' | b'\t' | 0x1A))
}
