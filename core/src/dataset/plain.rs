//! A file of another form as the plain one that the reader takes: UTF-8, lines ended by a line feed, cells parted by
//! commas, decimals with a point. Each line stays on its line, so that faults are told where they stand in the file.

use std::io::{Read, Result};

use super::form::{Form, Marks, is_blank, split, unquoted};
use super::records::Records;
use crate::diamond::Field;

/// Bytes of plain text made at once.
const CHUNK: usize = 64 << 10;

/// What is written behind a number that may be read in two ways.
pub(super) const DOUBTS: [&str; 2] =
    [" (the other numbers have a decimal comma)", " (the other numbers have a decimal point)"];

/// Reads on where the form was found out.
pub(super) struct Plain {
    form: Form,
    records: Records,
    n_records: usize,
    /// For each column whether it holds numbers; nothing where rows have to be looked at one by one.
    numbers: Vec<bool>,
    /// Plain text that nobody took yet, from `taken` on.
    out: Vec<u8>,
    taken: usize,
}

impl Plain {
    /// Of what `reader` gives after `head`, which may be all there is.
    pub(super) fn new(form: Form, head: Vec<u8>, reader: Box<dyn Read + Send>, at_end: bool) -> Self {
        let is_regular =
            !form.has_row_names && !form.has_trailing && form.are_read.iter().all(|is_read| *is_read);
        let is_number = |field: &Option<Field>| field.is_some_and(Field::is_number);
        let numbers = if is_regular { form.fields.iter().map(is_number).collect() } else { Vec::new() };
        let records = Records::new(&form, head, reader, at_end);
        Self { form, records, n_records: 0, numbers, out: Vec::new(), taken: 0 }
    }

    /// Makes more plain text; none at the end.
    fn fill(&mut self) -> Result<()> {
        while self.out.len() < CHUNK {
            let Some((record, line)) = self.records.next_record()? else { return Ok(()) };
            self.n_records += 1;
            let is_above = self.n_records <= self.form.n_above;
            let is_header = self.n_records == self.form.n_above + 1;
            let text = record.trim_end_matches(['\r', '\n']);
            if !is_above && !text.trim().is_empty() && text.trim() != "\u{1A}" {
                let is_done =
                    !is_header && write_simple(text.as_bytes(), &self.form, &self.numbers, &mut self.out);
                if !is_done && write(text, is_header, &self.form, &mut self.out).is_none() {
                    let reason = "a column without a name was empty so far and has a value here";
                    return Err(Records::wrong(line, reason));
                }
            }
            if record.len() > text.len() {
                self.out.push(b'\n');
            }
        }
        Ok(())
    }
}

/// Writes a row in which nothing but separators and the sign of decimals has to change; `false`, and nothing written,
/// where there is more to do.
fn write_simple(row: &[u8], form: &Form, numbers: &[bool], out: &mut Vec<u8>) -> bool {
    let (start, delimiter) = (out.len(), form.delimiter as u8);
    let mut column = 0;
    let mut is_number = numbers.first() == Some(&true);
    let mut previous = delimiter;
    for byte in row {
        let plain = match *byte {
            byte if byte == delimiter && previous != b' ' => {
                column += 1;
                is_number = numbers.get(column) == Some(&true);
                b','
            }
            b',' if is_number && form.marks == Marks::Comma => b'.',
            b'.' if is_number && form.marks != Marks::Point => {
                if form.marks == Marks::Comma {
                    break;
                }
                b'.'
            }
            b',' | b'"' => break,
            b' ' if previous == delimiter => break,
            byte => byte,
        };
        out.push(plain);
        previous = *byte;
    }
    let is_done = out.len() - start == row.len() && column + 1 == numbers.len() && previous != b' ';
    if !is_done {
        out.truncate(start);
    }
    is_done
}

/// Writes any row; `None` where a column that is left aside has a value.
fn write(row: &str, is_header: bool, form: &Form, out: &mut Vec<u8>) -> Option<()> {
    let mut cells = split(row, form.delimiter);
    if form.has_row_names && !is_header {
        cells.remove(0);
    }
    let n_columns = form.are_read.len();
    let has_trailing = form.has_trailing && !is_header && cells.len() == n_columns + 1;
    if has_trailing && cells.last().is_some_and(|cell| is_blank(cell)) {
        cells.pop();
    }
    let is_read = |place: usize| form.are_read.get(place).copied().unwrap_or(true);
    if (0..cells.len()).any(|place| !is_read(place) && !is_blank(cells[place])) {
        return None;
    }
    for (number, place) in (0..cells.len()).filter(|place| is_read(*place)).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        let field = form.fields.get(place).copied().flatten();
        let number = field.filter(|field| field.is_number() && !is_header);
        let cell = cells[place];
        match number.and_then(|field| plain_number(unquoted(cell).trim(), field, form.marks)) {
            Some(number) => out.extend(number.bytes()),
            None if cell.starts_with('"') => out.extend(cell.bytes()),
            None if cell.contains([',', '"', '\n']) => {
                out.extend(format!("\"{}\"", cell.replace('"', "\"\"")).bytes());
            }
            None => out.extend(cell.trim().bytes()),
        }
    }
    Some(())
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
        if self.taken == self.out.len() {
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
