//! A text of any encoding as UTF-8.

use std::io::{Cursor, Error, ErrorKind, Read, Result};

use encoding_rs::Decoder;

use super::form::Form;

/// Bytes decoded at once.
const CHUNK: usize = 64 << 10;

/// Reads on where the form was found out.
pub(super) struct Decoded {
    encoding: &'static str,
    decoder: Decoder,
    line_end: u8,
    /// Whether each line end becomes a line feed.
    to_line_feeds: bool,
    reader: Box<dyn Read + Send>,
    is_done: bool,
    /// What was decoded and nobody took yet, from `taken` on.
    text: String,
    taken: usize,
    /// Lines decoded before that text.
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

impl Decoded {
    /// What `reader` gives after `head`.
    pub(super) fn new(form: &Form, head: Vec<u8>, reader: Box<dyn Read + Send>) -> Self {
        Self {
            encoding: form.encoding.name(),
            decoder: form.encoding.new_decoder_with_bom_removal(),
            line_end: form.line_end() as u8,
            to_line_feeds: false,
            reader: Box::new(Cursor::new(head).chain(reader)),
            is_done: false,
            text: String::new(),
            taken: 0,
            n_lines: 0,
        }
    }

    /// With lines ended by line feeds.
    pub(super) fn with_line_feeds(self) -> Self {
        Self { to_line_feeds: true, ..self }
    }

    fn lines_in(&self, text: &str) -> u64 {
        memchr::memchr_iter(self.line_end, text.as_bytes()).count() as u64
    }

    fn fill(&mut self) -> Result<()> {
        self.n_lines += self.lines_in(&self.text);
        self.text.clear();
        self.taken = 0;
        let mut bytes = Vec::with_capacity(CHUNK);
        self.is_done = (&mut self.reader).take(CHUNK as u64).read_to_end(&mut bytes)? < CHUNK;
        let room = self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(4 * bytes.len() + 16);
        self.text.reserve(room);
        let (_, _, has_errors) = self.decoder.decode_to_string(&bytes, &mut self.text, self.is_done);
        let wrong_at = |at: usize, reason: String| {
            let line = self.n_lines + self.lines_in(&self.text[..at]) + 1;
            Err(Error::new(ErrorKind::InvalidData, AtLine { line, reason }))
        };
        if has_errors {
            let at = self.text.find(char::REPLACEMENT_CHARACTER).unwrap_or(self.text.len());
            return wrong_at(at, format!("it is not {}, as the beginning of the file is", self.encoding));
        }
        match self.text.find('\n') {
            Some(at) if self.to_line_feeds && self.line_end != b'\n' => {
                let reason = "a line feed stands here, and above a carriage return alone ends the lines";
                wrong_at(at, reason.into())
            }
            _ => Ok(()),
        }
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.taken == self.text.len() && !self.is_done {
            self.fill()?;
        }
        let n = buffer.len().min(self.text.len() - self.taken);
        buffer[..n].copy_from_slice(&self.text.as_bytes()[self.taken..self.taken + n]);
        self.taken += n;
        if self.to_line_feeds && self.line_end != b'\n' {
            buffer[..n].iter_mut().filter(|byte| **byte == self.line_end).for_each(|byte| *byte = b'\n');
        }
        Ok(n)
    }
}
