//! A file of another form as the plain one that the reader takes: UTF-8, lines ended by a line feed, cells parted by
//! commas, decimals with a point. Each line stays on its line, so that faults are told where they stand in the file.

use std::io::{Error, ErrorKind, Read, Result};

use encoding_rs::Decoder;

use super::csv_format::LONGEST_RECORD;
use super::form::{Form, Marks, is_blank, split, unquoted};
use crate::diamond::Field;

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// What is written behind a number that may be read in two ways.
pub(super) const DOUBTS: [&str; 2] =
    [" (the other numbers have a decimal comma)", " (the other numbers have a decimal point)"];

/// Reads on where the form was found out.
pub(super) struct Plain {
    form: Form,
    decoder: Decoder,
    /// What was read of the file before.
    head: Vec<u8>,
    reader: Box<dyn Read + Send>,
    at_end: bool,
    /// Text that is yet to be made plain: a part of a record.
    text: String,
    n_records: usize,
    /// Lines that were made plain; the next one is wrong where reading fails.
    n_lines: usize,
    /// Plain text that nobody took yet, from `taken` on.
    out: Vec<u8>,
    taken: usize,
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

impl Plain {
    /// Of what `reader` gives after `head`, which may be all there is.
    pub(super) fn new(form: Form, head: Vec<u8>, reader: Box<dyn Read + Send>, at_end: bool) -> Self {
        Self {
            decoder: form.encoding.new_decoder_with_bom_removal(),
            form,
            head,
            reader,
            at_end,
            text: String::new(),
            n_records: 0,
            n_lines: 0,
            out: Vec::new(),
            taken: 0,
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.head);
        if bytes.is_empty() {
            let n_read = (&mut self.reader).take(CHUNK as u64).read_to_end(&mut bytes)?;
            self.at_end = n_read < CHUNK;
        }
        let room = self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(4 * bytes.len() + 16);
        self.text.reserve(room);
        let (_, _, has_errors) = self.decoder.decode_to_string(&bytes, &mut self.text, self.at_end);
        let end = self.form.line_end();
        if has_errors {
            let wrong = self.text.find(char::REPLACEMENT_CHARACTER).unwrap_or(self.text.len());
            self.n_lines += self.text[..wrong].matches(end).count();
            let reason = format!("it is not {}, as the beginning of the file is", self.form.encoding.name());
            return Err(self.wrong(reason));
        }
        let text = std::mem::take(&mut self.text);
        let mut rest = &*text;
        while let Some((record, behind)) = self.record(rest) {
            self.write(record)?;
            self.n_lines += record.matches(end).count();
            rest = behind;
        }
        self.text = rest.to_owned();
        Ok(())
    }

    /// That the next line cannot be read, and why.
    fn wrong(&self, reason: impl Into<String>) -> Error {
        let wrong = AtLine { line: self.n_lines as u64 + 1, reason: reason.into() };
        Error::new(ErrorKind::InvalidData, wrong)
    }

    /// The next record with its line end, and what follows. A record that is far too long is cut, and refused by
    /// whoever reads on.
    fn record<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let end = self.form.line_end();
        let (mut is_inside, mut previous) = (false, self.form.delimiter);
        for (at, character) in text.char_indices() {
            match character {
                '"' if is_inside || previous == self.form.delimiter || previous == '"' || at == 0 => {
                    is_inside = !is_inside;
                }
                _ if character == end && !is_inside => return Some(text.split_at(at + 1)),
                _ if at > LONGEST_RECORD => return Some(text.split_at(at)),
                _ => {}
            }
            previous = character;
        }
        (self.at_end && !text.is_empty()).then_some((text, ""))
    }

    fn write(&mut self, record: &str) -> Result<()> {
        let has_end = record.ends_with(['\r', '\n']);
        let line = record.trim_end_matches(['\r', '\n']);
        self.n_records += 1;
        let is_header = self.n_records == self.form.n_above + 1;
        let is_above = self.n_records <= self.form.n_above;
        if !is_above && !line.trim().is_empty() && line.trim() != "\u{1A}" {
            let mut cells = split(line, self.form.delimiter);
            if self.form.has_row_names && !is_header {
                cells.remove(0);
            }
            let n_columns = self.form.are_read.len();
            let has_trailing = self.form.has_trailing && !is_header && cells.len() == n_columns + 1;
            if has_trailing && cells.last().is_some_and(|cell| is_blank(cell)) {
                cells.pop();
            }
            let is_read = |place: usize| self.form.are_read.get(place).copied().unwrap_or(true);
            if (0..cells.len()).any(|place| !is_read(place) && !is_blank(cells[place])) {
                let reason = "a column without a name was empty so far and has a value here";
                return Err(self.wrong(reason));
            }
            let read: Vec<_> = (0..cells.len()).filter(|place| is_read(*place)).collect();
            for (number, place) in read.into_iter().enumerate() {
                if number > 0 {
                    self.out.push(b',');
                }
                let field = self.form.fields.get(place).copied().flatten();
                let number = field.filter(|field| field.is_number() && !is_header);
                let cell = cells[place];
                match number.and_then(|field| plain_number(unquoted(cell).trim(), field, self.form.marks)) {
                    Some(number) => self.out.extend(number.bytes()),
                    None if cell.starts_with('"') => self.out.extend(cell.bytes()),
                    None if cell.contains([',', '"', '\n']) => {
                        self.out.extend(format!("\"{}\"", cell.replace('"', "\"\"")).bytes());
                    }
                    None => self.out.extend(cell.trim().bytes()),
                }
            }
        }
        if has_end {
            self.out.push(b'\n');
        }
        Ok(())
    }
}

/// A number as it is written with a decimal point. One that may be read in two ways stays no number, and says so.
fn plain_number(cell: &str, field: Field, marks: Marks) -> Option<String> {
    let (decimal, thousand) = match marks {
        Marks::Point => return None,
        Marks::PointAndCommas => ('.', ','),
        Marks::Comma => (',', '.'),
    };
    if field == Field::Measurements {
        // Three lengths with their own signs between them.
        return Some(cell.replace(decimal, "."));
    }
    let is_number = cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b',' || byte == b'.');
    if !is_number || cell.is_empty() {
        return None;
    }
    let (whole, decimals) = cell.split_once(decimal).unwrap_or((cell, ""));
    if !whole.contains(thousand) {
        return (!decimals.contains(thousand)).then(|| cell.replace(decimal, "."));
    }
    let mut groups = whole.split(thousand);
    let is_first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    // Weights and measures have no thousands.
    if is_first
        && groups.all(|group| group.len() == 3)
        && matches!(field, Field::Price | Field::PricePerCarat)
    {
        let whole = whole.replace(thousand, "");
        return Some(if decimals.is_empty() { whole } else { format!("{whole}.{decimals}") });
    }
    Some(format!("\"{cell}{}\"", DOUBTS[usize::from(decimal == '.')]))
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.taken == self.out.len() {
            if self.at_end && self.head.is_empty() {
                return Ok(0);
            }
            self.out.clear();
            self.taken = 0;
            self.fill()?;
        }
        let n = buffer.len().min(self.out.len() - self.taken);
        buffer[..n].copy_from_slice(&self.out[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}
