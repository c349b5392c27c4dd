//! The records of a text of any form, one after the other, each with the line on which it begins.

use std::io::{Read, Result};

use super::csv_format::LONGEST_RECORD;
use super::csv_records::whole_plain_records;
use super::decoded::Decoded;
use super::form::Form;

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// How long the first record of a text is, its line end included; `None` where it goes on behind the text. One that is
/// far too long is cut, and refused by whoever reads on. Line ends and delimiters are of one byte each, and no other
/// character has such a byte.
pub(super) fn record_length(text: &[u8], line_end: u8, delimiter: u8) -> Option<usize> {
    let first_end = memchr::memchr(line_end, text);
    let is_simple = |line: &[u8]| memchr::memchr(b'"', line).is_none();
    if let Some(at) = first_end.filter(|at| *at <= LONGEST_RECORD && is_simple(&text[..*at])) {
        return Some(at + 1);
    }
    let (mut is_inside, mut previous) = (false, delimiter);
    for (at, byte) in text.iter().enumerate() {
        let begins_character = byte & 0xC0 != 0x80;
        match *byte {
            b'"' if is_inside || previous == delimiter || previous == b'"' || at == 0 => {
                is_inside = !is_inside;
            }
            byte if byte == line_end && !is_inside => return Some(at + 1),
            _ if at > LONGEST_RECORD && begins_character => return Some(at),
            _ => {}
        }
        previous = *byte;
    }
    None
}

/// How far whole records go, lines ended by line feeds; all of it where none is whole.
pub(super) fn whole_records(text: &[u8], delimiter: u8) -> usize {
    whole_plain_records(text, delimiter).unwrap_or_else(|| whole_odd_rows(text, delimiter))
}

/// The same of any text, record by record.
pub(super) fn whole_odd_rows(text: &[u8], delimiter: u8) -> usize {
    let mut end = 0;
    while let Some(length) = record_length(&text[end..], b'\n', delimiter) {
        end += length;
    }
    if end == 0 { text.len() } else { end }
}

/// The records of a file.
pub(super) struct Records {
    decoded: Decoded,
    line_end: u8,
    delimiter: u8,
    at_end: bool,
    /// Decoded text, of which what is before `start` is done with.
    text: Vec<u8>,
    start: usize,
    /// Lines of the records so far.
    n_lines: u64,
}

impl Records {
    /// Of all that `reader` gives.
    pub(super) fn new(form: &Form, reader: Box<dyn Read + Send>) -> Self {
        Self {
            decoded: Decoded::new(form, Vec::new(), reader),
            line_end: form.line_end() as u8,
            delimiter: form.delimiter as u8,
            at_end: false,
            text: Vec::new(),
            start: 0,
            n_lines: 0,
        }
    }

    /// The next record with its line end, and its line from 1; `None` at the end.
    ///
    /// # Errors
    /// [`super::decoded::AtLine`] where the text is not in the encoding of its beginning.
    pub(super) fn next_record(&mut self) -> Result<Option<(String, u64)>> {
        let length = loop {
            let ahead = &self.text[self.start..];
            match record_length(ahead, self.line_end, self.delimiter) {
                Some(length) => break length,
                None if self.at_end && ahead.is_empty() => return Ok(None),
                None if self.at_end => break ahead.len(),
                None => self.fill()?,
            }
        };
        let record = &self.text[self.start..self.start + length];
        let line = self.n_lines + 1;
        self.start += length;
        self.n_lines += memchr::memchr_iter(self.line_end, record).count() as u64;
        Ok(Some((String::from_utf8_lossy(record).into_owned(), line)))
    }

    fn fill(&mut self) -> Result<()> {
        self.text.drain(..self.start);
        self.start = 0;
        self.at_end = (&mut self.decoded).take(CHUNK as u64).read_to_end(&mut self.text)? < CHUNK;
        Ok(())
    }
}
