//! CSV in full: fields in quotation marks may hold commas, line breaks and doubled quotation marks. Finds
//! where each record ends. A record that has not as many fields as the header is a row that is refused; a file of which
//! a whole stretch is so, or in which a quotation mark never closes, is refused as a whole.

use memchr::memchr3;

use super::csv_format::{CsvFormat, LONGEST_RECORD};
use super::form::is_count_of_rows;
use super::positions::positions;
use crate::diamond::Fault;
use crate::error::Result;

/// So many records one after the other with another number of fields than the header: the columns have shifted.
const MOST_MISFITS: usize = 20;

/// Records one after the other, each ended by a line feed and with as many fields as the header.
pub(super) struct Scanned {
    pub(super) text: Vec<u8>,
    /// On which line of the file each begins.
    pub(super) lines: Vec<u64>,
    /// Those that were made to fit, by their number, and what is wrong with them.
    pub(super) misfits: Vec<(usize, Fault)>,
}

/// Scans a block that begins on `line`; blank lines are no records.
///
/// # Errors
/// When it is not well formed, or the columns of many records in a row are not those of the header.
pub(super) fn scan(format: &CsvFormat, bytes: &[u8], line: u64) -> Result<Scanned> {
    let text = Vec::with_capacity(bytes.len() + 1);
    let mut scanned = Scanned { text, lines: Vec::new(), misfits: Vec::new() };
    let mut scanner = Scanner::new(format, bytes, line);
    let mut shifted = Vec::new();
    while let Some(record) = scanner.next_record()? {
        let n_columns = format.columns.len();
        if record.n_fields == n_columns {
            shifted.clear();
        } else {
            if is_count_of_rows(&String::from_utf8_lossy(record.bytes)) {
                continue;
            }
            shifted.push(record.line);
            if shifted.len() >= MOST_MISFITS {
                return Err(format.shifted(&shifted));
            }
            scanned.misfits.push((scanned.lines.len(), format.misfit(record.bytes, record.n_fields)));
        }
        scanned.lines.push(record.line);
        if record.n_fields == n_columns && !record.has_stray_quotes {
            scanned.text.extend_from_slice(record.bytes);
        } else {
            write_fitting(record.bytes, n_columns, &mut scanned.text);
        }
        scanned.text.push(b'\n');
    }
    Ok(scanned)
}

/// Writes a record with exactly `n_columns` fields, quoted where they must be: what is missing is empty, and what is
/// too much stays with the last one, so that nothing is lost.
fn write_fitting(record: &[u8], n_columns: usize, text: &mut Vec<u8>) {
    let mut fields: Vec<Vec<u8>> = Vec::with_capacity(n_columns);
    let mut rest = Some(record);
    while let Some(bytes) = rest {
        if fields.len() + 1 == n_columns {
            // The last one, and all that follows.
            let (field, end) = first_field(bytes);
            fields.push(if end == bytes.len() { field } else { bytes.to_vec() });
            break;
        }
        let (field, end) = first_field(bytes);
        fields.push(field);
        rest = bytes.get(end + 1..);
    }
    fields.resize(n_columns, Vec::new());
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            text.push(b',');
        }
        if memchr3(b'"', b',', b'\n', field).is_none() {
            text.extend_from_slice(field);
            continue;
        }
        text.push(b'"');
        for byte in field {
            text.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
        }
        text.push(b'"');
    }
}

/// The first field of a record as it is meant, and where it ends.
fn first_field(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut quotes = Quotes::default();
    let end = bytes.iter().position(|byte| *byte == b',' && !quotes.is_inside() || quotes.pass(*byte));
    let end = end.unwrap_or(bytes.len());
    let field = &bytes[..end];
    match field {
        [b'"', inside @ .., b'"'] => {
            let mut meant = Vec::with_capacity(inside.len());
            let mut is_second = false;
            for byte in inside {
                if *byte == b'"' && is_second {
                    is_second = false;
                } else {
                    is_second = *byte == b'"';
                    meant.push(*byte);
                }
            }
            (meant, end)
        }
        _ => (field.to_vec(), end),
    }
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
    /// Whether a quotation mark is a part of a field's text without being doubled.
    pub(super) has_stray_quotes: bool,
    /// The line on which it begins.
    pub(super) line: u64,
}

/// Whether a byte stands inside quotation marks. A mark opens them at the beginning of a field alone, and the one
/// before a comma or a line's end closes them; every other is text.
#[derive(Default)]
struct Quotes {
    is_inside: bool,
    /// Whether the next byte begins no field.
    is_in_field: bool,
    /// Whether the byte before was a mark inside, which is the second of two or closes.
    is_pending: bool,
    has_stray: bool,
}

impl Quotes {
    /// Whether a comma or line feed that comes next is text.
    fn is_inside(&self) -> bool {
        self.is_inside && !self.is_pending
    }

    /// Takes a byte, and never says that it ends something.
    fn pass(&mut self, byte: u8) -> bool {
        match (self.is_inside, self.is_pending, byte) {
            (false, _, b'"') if !self.is_in_field => (self.is_inside, self.is_in_field) = (true, true),
            (false, _, b',' | b'\n') => self.is_in_field = false,
            (false, ..) => {
                self.has_stray |= byte == b'"';
                self.is_in_field = true;
            }
            (true, false, b'"') => self.is_pending = true,
            (true, true, b'"') => self.is_pending = false,
            (true, true, b',' | b'\n') => *self = Self { has_stray: self.has_stray, ..Self::default() },
            // Before a line feed it means nothing.
            (true, true, b'\r') => {}
            // Text behind the mark that closes: all of the field is text, with its marks.
            (true, true, _) => *self = Self { is_in_field: true, has_stray: true, ..Self::default() },
            (true, false, _) => {}
        }
        false
    }
}

/// How far whole records go, if they go anywhere.
pub(super) fn whole_records(bytes: &[u8]) -> usize {
    if memchr::memchr(b'"', bytes).is_none() {
        return memchr::memrchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    }
    whole_plain_records(bytes, b',').unwrap_or_else(|| whole_odd_records(bytes))
}

/// The same of any text, byte by byte.
fn whole_odd_records(bytes: &[u8]) -> usize {
    let mut quotes = Quotes::default();
    let mut end = None;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' && !quotes.is_inside() {
            end = Some(at + 1);
        }
        quotes.pass(*byte);
    }
    end.unwrap_or(bytes.len())
}

/// The same where quotation marks enclose whole fields and nothing else, as nearly everywhere; else `None`.
pub(super) fn whole_plain_records(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let last_end = memchr::memrchr(b'\n', bytes)?;
    let begins_field = |before: &u8| *before == delimiter || *before == b'\n';
    let mut opened = None;
    for at in positions(bytes, b'"', b'"') {
        match opened {
            None if at == 0 || begins_field(&bytes[at - 1]) => opened = Some(at),
            Some(from)
                if bytes.get(at + 1).is_none_or(begins_field) || bytes[at + 1..].starts_with(b"\r\n") =>
            {
                if (from..at).contains(&last_end) {
                    return None;
                }
                opened = None;
            }
            _ => return None,
        }
    }
    // Behind a mark that was not closed yet a line end is text.
    opened.is_none_or(|from| from > last_end).then_some(last_end + 1)
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
            if !is_blank_row(record.bytes, b',', self.format.columns.len()) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn record(&mut self) -> Result<Record<'a>> {
        let first_line = self.line;
        let bytes = &self.bytes[self.at..];
        let (mut n_fields, mut n_lines, mut opened) = (1, 1, first_line);
        let mut quotes = Quotes::default();
        let mut end = None;
        // Commas on the present line, and whether a whole line inside quotation marks has as many as a row has.
        let (mut n_commas, mut has_row_inside) = (0, false);
        for (at, byte) in bytes.iter().enumerate() {
            let is_text = quotes.is_inside();
            n_commas += usize::from(*byte == b',');
            match byte {
                b'\n' if !is_text => {
                    end = Some(at);
                    break;
                }
                b'\n' => {
                    has_row_inside |= n_lines > 1 && n_commas + 1 == self.format.columns.len();
                    (n_lines, n_commas) = (n_lines + 1, 0);
                }
                b',' if !is_text => n_fields += 1,
                _ => {}
            }
            quotes.pass(*byte);
            if !is_text && quotes.is_inside() {
                opened = first_line + n_lines - 1;
            }
            if at > LONGEST_RECORD {
                break;
            }
        }
        if end.is_none() && quotes.is_inside() {
            return Err(self.format.unclosed(opened));
        }
        let record = without_return(&bytes[..end.unwrap_or(bytes.len())]);
        if record.len() > LONGEST_RECORD {
            return Err(self.format.too_long(first_line));
        }
        let n_columns = self.format.columns.len();
        // Lines that a mark joined which nobody closed would be lost in one value.
        let is_doubtful = quotes.has_stray || n_fields != n_columns || (has_row_inside && n_columns > 2);
        if n_lines > 1 && n_columns > 0 && is_doubtful {
            return Err(self.format.unclosed(opened));
        }
        self.at += end.map_or(bytes.len(), |end| end + 1);
        self.line += n_lines;
        Ok(Record { bytes: record, n_fields, has_stray_quotes: quotes.has_stray, line: first_line })
    }
}

/// A line without the carriage return that Windows puts before the line break.
pub(super) fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a row has nothing but separators and blanks, as spreadsheets write empty rows, or the mark at the end of a
/// file of DOS. Short ones alone are looked at.
#[inline]
pub(super) fn is_blank_row(row: &[u8], delimiter: u8, n_fields: usize) -> bool {
    let is_blank = |byte: &u8| *byte == delimiter || matches!(byte, b' ' | b'\t' | 0x1A);
    row.len() < 2 * n_fields + 8 && row.iter().all(is_blank)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::super::records::whole_odd_rows;
    use super::*;

    #[test]
    fn records_end_in_the_same_place_whichever_way_they_are_looked_for() {
        let seed = 12;
        let mut random = Pcg64::seed_from_u64(seed);
        let mut n_plain = 0;
        for _ in 0..200_000 {
            let parts = ["a", ",", "\n", "\r\n", "\"", "\"b\"", "\"b,\n\"", "\"\"", "\r"];
            let length = random.random_range(1..12);
            let text: String = (0..length).map(|_| parts[random.random_range(0..parts.len())]).collect();
            if let Some(end) = whole_plain_records(text.as_bytes(), b',') {
                n_plain += 1;
                assert_eq!(end, whole_odd_records(text.as_bytes()), "seed {seed}: {text:?}");
                let text = text.replace(',', ";");
                assert_eq!(whole_odd_rows(text.as_bytes(), b';'), end, "seed {seed}: {text:?}");
            }
        }
        assert!(n_plain > 10_000, "{n_plain}");
    }
}
