//! A file of another form as the plain one that the reader takes: UTF-8, lines ended by a line feed, cells parted by
//! commas, decimals with a point. Each line stays on its line, so that faults are told where they stand in the file.

use memchr::{memchr, memchr_iter};

use super::csv_format::CsvFormat;
use super::csv_lines::cut;
use super::form::{Form, Marks, is_blank, split, unquoted};
use super::records::record_length;
use crate::diamond::Field;

/// What is written behind a number that may be read in two ways.
pub(super) const DOUBTS: [&str; 2] =
    [" (the other numbers have a decimal comma)", " (the other numbers have a decimal point)"];

/// Whole lines as plain text in which nothing but delimiters and the sign of decimals has to change, cut as
/// [`TextRows`](super::TextRows) has them; `None` where there is more to do.
pub(super) fn plain_fields(
    format: &CsvFormat,
    form: &Form,
    text: &[u8],
    first_line: u64,
) -> Option<(Vec<u8>, Vec<u32>, Vec<u64>)> {
    let is_regular =
        !form.has_row_names && !form.has_trailing && form.are_read.iter().all(|is_read| *is_read);
    if !is_regular {
        return None;
    }
    let delimiter = form.delimiter as u8;
    let (starts, lines) = cut(format, delimiter, text, first_line)?;
    let has_commas = delimiter != b',' && memchr(b',', text).is_some();
    let (is_comma_decimal, has_points) = (form.marks == Marks::Comma, memchr(b'.', text).is_some());
    if has_commas && !is_comma_decimal {
        return None;
    }
    // A point that parts thousands, or a comma that is text.
    let odd_sign = |is_number: bool| match is_number {
        true => (is_comma_decimal && has_points).then_some(b'.'),
        false => has_commas.then_some(b','),
    };
    let are_numbers = form.fields.iter().map(|field| field.is_some_and(|field| field.is_number()));
    let odd_signs: Vec<(usize, u8)> = are_numbers
        .enumerate()
        .filter_map(|(place, is_number)| Some((place, odd_sign(is_number)?)))
        .collect();
    for row in starts.chunks_exact(form.fields.len() + 1) {
        let has = |(place, sign): &(usize, u8)| {
            text[row[*place] as usize..row[place + 1] as usize - 1].contains(sign)
        };
        if odd_signs.iter().any(has) {
            return None;
        }
    }
    // Every delimiter ends a cell, else the rows could not have been cut at them. All signs at once are quicker than
    // those of each cell.
    let decimal = if is_comma_decimal { b'.' } else { b',' };
    let exchanged = |byte: &u8| match *byte {
        sign if sign == delimiter => b',',
        b',' => decimal,
        other => other,
    };
    let plain = text.iter().map(exchanged).collect();
    Some((plain, starts, lines))
}

/// Whole records as plain text, or the number of the line, from 0, on which a column that is left aside has a value.
pub(super) fn plain_rows(form: &Form, text: &str) -> Result<Vec<u8>, u64> {
    let mut out = Vec::with_capacity(text.len() + 1);
    let mut rest = text;
    while !rest.is_empty() {
        let length = record_length(rest.as_bytes(), b'\n', form.delimiter as u8).unwrap_or(rest.len());
        let (record, after) = rest.split_at(length);
        let row = record.trim_end_matches(['\r', '\n']);
        let is_row = !row.trim().is_empty() && row.trim() != "\u{1A}";
        if is_row && write(row, false, form, &mut out).is_none() {
            let before = &text.as_bytes()[..text.len() - rest.len()];
            return Err(memchr_iter(b'\n', before).count() as u64);
        }
        if record.len() > row.len() {
            out.push(b'\n');
        }
        rest = after;
    }
    Ok(out)
}

/// The line of the header as plain text.
pub(super) fn plain_header(form: &Form, line: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let header = line.trim_end_matches(['\r', '\n']);
    // A column without a name that has values is one that is read.
    write(header, true, form, &mut out);
    out
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
