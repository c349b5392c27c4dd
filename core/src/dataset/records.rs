//! The records of a text of any form, one after the other: decoded, and each with the line on which it begins.

use std::io::{Error, ErrorKind, Read, Result};

use encoding_rs::Decoder;

use super::csv_format::LONGEST_RECORD;
use super::form::Form;

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// Reads on where the form was found out.
pub(super) struct Records {
    encoding: &'static str,
    decoder: Decoder,
    line_end: char,
    delimiter: char,
    /// What was read of the file before.
    head: Vec<u8>,
    reader: Box<dyn Read + Send>,
    at_end: bool,
    /// Decoded text, of which what is before `start` is done with.
    text: String,
    start: usize,
    /// Lines of the records so far.
    n_lines: u64,
}

/// What is wrong with a line, so that the file cannot be read on.
#[derive(Debug)]
pub(super) struct AtLine {
    pub(super) line: u64,
    pub(super) reason: String,
}

impl std::error::Error for AtLine {}

impl std::fmt::Display for AtLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl Records {
    /// Of what `reader` gives after `head`, which may be all there is.
    pub(super) fn new(form: &Form, head: Vec<u8>, reader: Box<dyn Read + Send>, at_end: bool) -> Self {
        Self {
            encoding: form.encoding.name(),
            decoder: form.encoding.new_decoder_with_bom_removal(),
            line_end: form.line_end(),
            delimiter: form.delimiter,
            head,
            reader,
            at_end,
            text: String::new(),
            start: 0,
            n_lines: 0,
        }
    }

    /// The next record with its line end, and its line from 1; `None` at the end.
    ///
    /// # Errors
    /// [`AtLine`] where the text is not in the encoding of its beginning.
    pub(super) fn next_record(&mut self) -> Result<Option<(&str, u64)>> {
        let length = loop {
            let is_last = self.at_end && self.head.is_empty();
            if let Some(length) = self.record_length(is_last) {
                break length;
            }
            if is_last {
                return Ok(None);
            }
            self.fill()?;
        };
        let record = &self.text[self.start..self.start + length];
        let line = self.n_lines + 1;
        self.start += length;
        self.n_lines += memchr::memchr_iter(self.line_end as u8, record.as_bytes()).count() as u64;
        Ok(Some((record, line)))
    }

    /// That the record last given cannot be read, and why.
    pub(super) fn wrong(line: u64, reason: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidData, AtLine { line, reason: reason.into() })
    }

    fn fill(&mut self) -> Result<()> {
        self.text.drain(..self.start);
        self.start = 0;
        let mut bytes = std::mem::take(&mut self.head);
        if bytes.is_empty() {
            let n_read = (&mut self.reader).take(CHUNK as u64).read_to_end(&mut bytes)?;
            self.at_end = n_read < CHUNK;
        }
        let room = self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(4 * bytes.len() + 16);
        self.text.reserve(room);
        let (_, _, has_errors) = self.decoder.decode_to_string(&bytes, &mut self.text, self.at_end);
        if has_errors {
            let wrong = self.text.find(char::REPLACEMENT_CHARACTER).unwrap_or(self.text.len());
            let line = self.n_lines + self.text[..wrong].matches(self.line_end).count() as u64 + 1;
            let reason = format!("it is not {}, as the beginning of the file is", self.encoding);
            return Err(Self::wrong(line, reason));
        }
        Ok(())
    }

    /// Bytes of the next record, if all of it is there. One that is far too long is cut, and refused by whoever reads on.
    fn record_length(&self, is_last: bool) -> Option<usize> {
        let text = &self.text.as_bytes()[self.start..];
        // Signs and line ends are of one byte each, and no other character has such a byte.
        let (end, delimiter) = (self.line_end as u8, self.delimiter as u8);
        let first_end = memchr::memchr(end, text);
        let is_simple = |line: &[u8]| memchr::memchr(b'"', line).is_none();
        if let Some(at) = first_end.filter(|at| *at <= LONGEST_RECORD && is_simple(&text[..*at])) {
            return Some(at + 1);
        }
        let (mut is_inside, mut previous) = (false, delimiter);
        for (at, byte) in text.iter().enumerate() {
            match *byte {
                b'"' if is_inside || previous == delimiter || previous == b'"' || at == 0 => {
                    is_inside = !is_inside
                }
                byte if byte == end && !is_inside => return Some(at + 1),
                _ if at > LONGEST_RECORD && self.text.is_char_boundary(self.start + at) => return Some(at),
                _ => {}
            }
            previous = *byte;
        }
        (is_last && !text.is_empty()).then_some(text.len())
    }
}
