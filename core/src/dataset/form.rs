//! The form of a text file: its encoding, what ends its lines and parts its columns, which sign its decimals have, and
//! what stands above its header. It is found out from the first part of the file, and told in one sentence.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use serde::Serialize;

use super::Reading;
use super::columns::fields_of;
use crate::diamond::{Field, is_grade};

/// What may part columns; the first one is the usual one.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// Lines among which a header is looked for, and rows that tell which sign decimals have.
const MOST_LINES: usize = 200;
/// Fewer known names do not make a line a header.
const FEWEST_NAMES: usize = 2;

/// What Excel writes at the beginning of UTF-8, and looks for there.
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How a file is written.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) encoding: &'static Encoding,
    /// Whether a mark at its beginning says that it is UTF-8.
    pub(super) has_mark: bool,
    /// Whether a carriage return alone ends a line, as on a Mac of 2001.
    pub(super) has_lone_returns: bool,
    pub(super) delimiter: char,
    /// What stands for a decimal point, and for a mark between thousands.
    pub(super) marks: Marks,
    /// Lines above the header, blank ones included.
    pub(super) n_above: usize,
    /// Whether each row begins with its name, which has no heading (R writes such files).
    pub(super) has_row_names: bool,
    /// Whether rows end with a separator more than the header.
    pub(super) has_trailing: bool,
    /// Of each heading whether its column is read: one without a name and values is none.
    pub(super) are_read: Vec<bool>,
    /// What each of them means to us.
    pub(super) fields: Vec<Option<Field>>,
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// `1234.5`
    Point,
    /// `1,234.5`
    PointAndCommas,
    /// `1234,5` or `1.234,5`
    Comma,
}

/// Which signs a text file has between its columns and before its decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Signs {
    /// Between columns.
    pub separator: char,
    /// Before decimals: a point or a comma.
    pub decimal: char,
}

impl Signs {
    /// Those of a plain file, and of one that is no text.
    pub const PLAIN: Self = Self { separator: ',', decimal: '.' };
}

impl Form {
    /// Of a plain file with so many columns.
    pub(super) fn plain(n_columns: usize) -> Self {
        Self {
            encoding: UTF_8,
            has_mark: false,
            has_lone_returns: false,
            delimiter: ',',
            marks: Marks::Point,
            n_above: 0,
            has_row_names: false,
            has_trailing: false,
            are_read: vec![true; n_columns],
            fields: Vec::new(),
        }
    }

    /// Of a file that begins with `head`; `None` where no header can be found.
    pub(super) fn of(head: &[u8], is_whole: bool, reading: &Reading) -> Option<Self> {
        let encoding = match reading.encoding {
            Some(encoding) => encoding,
            None => encoding(head, is_whole)?,
        };
        let (text, _, _) = encoding.decode(head);
        if text.contains('\0') {
            return None;
        }
        let has_lone_returns = begins_with_lone_return(&text);
        let lines: Vec<_> = text.split(if has_lone_returns { '\r' } else { '\n' }).take(MOST_LINES).collect();
        let mut found: Option<(usize, char, usize)> = None;
        for (number, line) in lines.iter().enumerate() {
            let said = reading.delimiter.map(|delimiter| [delimiter; 1]);
            for delimiter in said.as_ref().map_or(&DELIMITERS[..], |said| &said[..]).iter().copied() {
                let names = split(line, delimiter);
                let known = fields_of(names.iter().map(|name| unquoted(name)), reading);
                let n_known = known.iter().flatten().count();
                if n_known >= FEWEST_NAMES && found.is_none_or(|(.., most)| n_known > most) {
                    found = Some((number, delimiter, n_known));
                }
            }
            if found.is_some() {
                break;
            }
        }
        // Who says what parts columns is shown the names so parted, even if none of them means anything to us.
        let by_user = || {
            let delimiter = reading.delimiter?;
            let header = lines.iter().position(|line| split(line, delimiter).len() > 1)?;
            Some((header, delimiter, 0))
        };
        let (n_above, delimiter, _) = found.or_else(by_user)?;
        // What stands above the header is left aside, so it must be no stone.
        if lines[..n_above].iter().any(|line| may_be_a_stone(line, delimiter)) {
            return None;
        }
        // Nor may it have lost its end, and with it the stones up to the next one.
        if begins_with_lone_return(lines[n_above]) {
            return None;
        }
        let header = split(lines[n_above], delimiter);
        let fields = fields_of(header.iter().map(|cell| unquoted(cell)), reading);
        let rows = lines[n_above + 1..]
            .iter()
            .filter(|line| !is_nothing(line, delimiter) && !is_count_of_rows(line));
        let rows: Vec<_> = rows.collect();
        // The last one may be cut off.
        let n_sure = if is_whole { rows.len() } else { rows.len().saturating_sub(1) };
        let rows: Vec<_> = rows[..n_sure].iter().map(|line| split(line, delimiter)).collect();
        let n_one_more = rows.iter().filter(|row| row.len() == header.len() + 1).count();
        // A row or two may be wrong.
        let is_one_more = n_one_more > 0 && 10 * n_one_more >= 9 * rows.len();
        // So many grades stand below their names when rows begin so many cells later.
        let n_fitting = |offset: usize| {
            let is_fitting = |row: &Vec<&str>| {
                fields
                    .iter()
                    .enumerate()
                    .filter(|(place, field)| {
                        let cell = row.get(place + offset).map(|cell| unquoted(cell));
                        field.zip(cell).is_some_and(|(field, cell)| is_grade(field, cell))
                    })
                    .count()
            };
            rows.iter().map(is_fitting).sum::<usize>()
        };
        let mut longer = rows.iter().filter(|row| row.len() == header.len() + 1);
        let ends_blank = longer.all(|row| row.last().is_none_or(|cell| is_blank(cell)));
        let has_trailing = is_one_more && ends_blank && n_fitting(0) >= n_fitting(1);
        // Where not all rows are longer, those that are may as well have shifted.
        let are_names = n_one_more == rows.len() || n_fitting(1) > n_fitting(0);
        let has_row_names = is_one_more && !has_trailing && are_names;
        let offset = usize::from(has_row_names);
        let has_values =
            |place: usize| rows.iter().any(|row| row.get(place + offset).is_some_and(|cell| !is_blank(cell)));
        let are_read = header.iter().enumerate().map(|(place, name)| !is_blank(name) || has_values(place));
        let are_read = are_read.collect();
        let cells = |wanted: &dyn Fn(Field) -> bool| -> Vec<&str> {
            let places = fields.iter().enumerate();
            let places = places.filter(|(_, field)| field.is_some_and(|f| f.is_number() && wanted(f)));
            let places: Vec<_> = places.map(|(place, _)| place + offset).collect();
            rows.iter().flat_map(|row| places.iter().filter_map(|place| row.get(*place).copied())).collect()
        };
        let is_price = |field| matches!(field, Field::Price | Field::PricePerCarat);
        let of_measurements = cells(&|field| !is_price(field) && field != Field::Measurements);
        let has_commas = || cells(&is_price).iter().any(|cell| cell.contains(','));
        let marks = if reading.decimal == Some(',') {
            Marks::Comma
        } else if reading.decimal == Some('.') {
            if has_commas() { Marks::PointAndCommas } else { Marks::Point }
        } else if of_measurements.iter().any(|cell| has_sign(cell, ',')) {
            Marks::Comma
        } else if of_measurements.iter().any(|cell| has_sign(cell, '.')) && has_commas() {
            Marks::PointAndCommas
        } else {
            Marks::Point
        };
        Some(Self {
            encoding,
            has_mark: head.starts_with(UTF_8_MARK),
            has_lone_returns,
            delimiter,
            marks,
            n_above,
            has_row_names,
            has_trailing,
            are_read,
            fields,
        })
    }

    pub(super) fn line_end(&self) -> char {
        if self.has_lone_returns { '\r' } else { '\n' }
    }

    /// Whether the file is what the reader takes as it is, and is written again as it is.
    pub(super) fn is_plain(&self) -> bool {
        self.is_usual() && !self.has_mark
    }

    /// Whether nothing is to be said of it.
    fn is_usual(&self) -> bool {
        let is_plain = self.encoding == UTF_8
            && !self.has_lone_returns
            && self.delimiter == ','
            && !self.has_row_names
            && !self.has_trailing
            && self.are_read.iter().all(|is_read| *is_read);
        is_plain && self.n_above == 0 && self.marks == Marks::Point
    }

    /// How the file was read, where it is not plain.
    pub(super) fn in_words(&self) -> Option<String> {
        if self.is_usual() {
            return None;
        }
        let mut words = vec![
            match self.delimiter {
                ';' => "semicolons",
                '\t' => "tabs",
                '|' => "vertical bars",
                _ => "commas",
            }
            .to_owned(),
        ];
        match self.marks {
            Marks::Point => {}
            Marks::PointAndCommas => words.push("commas between thousands".into()),
            Marks::Comma => words.push("decimal comma".into()),
        }
        words.push(self.encoding.name().replace("windows", "Windows"));
        if self.has_lone_returns {
            words.push("lines ended by a carriage return".into());
        }
        if self.n_above > 0 {
            words.push(format!("the header on line {}", self.n_above + 1));
        }
        if self.has_row_names {
            words.push("the first column taken for row names".into());
        }
        if self.are_read.iter().any(|is_read| !is_read) {
            words.push("empty columns without a name left aside".into());
        }
        Some(words.join(", "))
    }
}

/// Whether the first line ends with a carriage return that no line feed follows, outside quotation marks. Several of them
/// before a line feed are one end of a line, which some programs write.
fn begins_with_lone_return(text: &str) -> bool {
    let line = text.split('\n').next().unwrap_or(text);
    let line = if line.len() < text.len() { line.trim_end_matches('\r') } else { line.trim_end() };
    let mut is_inside = false;
    line.bytes().any(|byte| {
        is_inside ^= byte == b'"';
        byte == b'\r' && !is_inside
    })
}

/// UTF-16 by its mark; else UTF-8, and where it is not that, Windows-1252.
fn encoding(head: &[u8], is_whole: bool) -> Option<&'static Encoding> {
    if let Some((marked, _)) = Encoding::for_bom(head) {
        return Some(marked);
    }
    match std::str::from_utf8(head) {
        Ok(_) => Some(UTF_8),
        // A character that is cut off at the end of what was read is none that is wrong.
        Err(error) if error.error_len().is_none() && !is_whole => Some(UTF_8),
        // Bytes that mean nothing there.
        Err(_) if head.iter().any(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D | 0)) => None,
        Err(_) => Some(WINDOWS_1252),
    }
}

/// The cells of one line, those in quotation marks with them.
pub(super) fn split(line: &str, delimiter: char) -> Vec<&str> {
    let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches('\u{FEFF}');
    let (mut cells, mut start, mut is_inside) = (Vec::new(), 0, false);
    let mut previous = delimiter;
    for (at, character) in line.char_indices() {
        match character {
            // One that is doubled closes and opens again.
            '"' if is_inside || previous == delimiter || previous == '"' => is_inside = !is_inside,
            _ if character == delimiter && !is_inside => {
                cells.push(&line[start..at]);
                start = at + character.len_utf8();
            }
            _ => {}
        }
        previous = character;
    }
    cells.push(&line[start..]);
    cells
}

pub(super) fn unquoted(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(cell)
}

pub(super) fn is_blank(cell: &str) -> bool {
    unquoted(cell).trim().is_empty()
}

/// Whether a line holds nothing but separators, blanks and the mark at the end of a file of DOS.
pub(super) fn is_nothing(line: &str, delimiter: char) -> bool {
    line.chars().all(|character| character == delimiter || character.is_whitespace() || character == '\u{1A}')
}

/// What databases write below their rows: `(2 rows)`.
pub(super) fn is_count_of_rows(line: &str) -> bool {
    let text = line.trim().trim_end_matches(',').to_lowercase();
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let words = inside.and_then(|text| text.split_once(' '));
    words.is_some_and(|(number, word)| {
        number.parse::<u64>().is_ok() && ["row", "rows", "rows affected"].contains(&word)
    })
}

/// Whether a line has as many values as weight and grades are, and one of them is a number.
fn may_be_a_stone(line: &str, delimiter: char) -> bool {
    let cells = split(line, delimiter);
    let values: Vec<_> =
        cells.iter().map(|cell| unquoted(cell).trim()).filter(|cell| !cell.is_empty()).collect();
    let is_number = |cell: &&str| cell.replace(',', ".").parse::<f64>().is_ok();
    values.len() >= Field::CERTAIN.len() && values.iter().any(is_number)
}

/// Whether this is a number in which the sign stands once between digits.
fn has_sign(cell: &str, sign: char) -> bool {
    let cell = unquoted(cell);
    cell.split_once(sign).is_some_and(|(whole, rest)| {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        is_digits(whole) && is_digits(rest) && !rest.is_empty()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn words(text: &[u8]) -> Option<String> {
        Form::of(text, true, &Reading::default()).unwrap().in_words()
    }

    #[test]
    fn a_form_is_told_in_one_sentence() {
        let table = |text: &str| words(text.as_bytes());
        assert_eq!(table("carat,cut,color,clarity\n0.71,Ideal,G,VS2\n"), None);
        assert_eq!(table("carat,cut,color,clarity\r\n0.71,Ideal,G,VS2\r\n"), None);
        assert_eq!(
            table("carat;cut;color;clarity\n0,71;Ideal;G;VS2\n").as_deref(),
            Some("semicolons, decimal comma, UTF-8")
        );
        assert_eq!(
            table("carat,cut,color,clarity\r0.71,Ideal,G,VS2\r").as_deref(),
            Some("commas, UTF-8, lines ended by a carriage return")
        );
        assert_eq!(
            table("Stock of May\n\ncarat\tcut\n0.71\tIdeal\n").as_deref(),
            Some("tabs, UTF-8, the header on line 3")
        );
        assert_eq!(
            table("\"carat\",\"cut\"\n\"1\",0.71,\"Ideal\"\n").as_deref(),
            Some("commas, UTF-8, the first column taken for row names")
        );
        assert_eq!(words(b"carat,cut,seller\n0.7,Ideal,Caf\xE9\n").as_deref(), Some("commas, Windows-1252"));
        // Only the first line ends so: the rest is refused where it is read, and no stone is lost.
        let mixed = "carat,cut,color,clarity\r0.71,Ideal,G,VS2\r0.9,Fair,D,IF\n0.8,Fair,D,IF\n";
        assert!(table(mixed).unwrap().ends_with("lines ended by a carriage return"));
        assert_eq!(table(&mixed.replace('\r', "\r\r\n")), None);
        assert!(Form::of(format!("Stock\n{mixed}").as_bytes(), true, &Reading::default()).is_none());
        assert!(Form::of(b"\x89PNG\r\n\x1a\n\0\0", true, &Reading::default()).is_none());
        assert!(Form::of(b"", true, &Reading::default()).is_none());
    }
}
