//! A workbook of Excel as text: the sheet that has our columns, a row a line, as a CSV file would have it.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use calamine::{DataType, Reader, Xls, XlsError, Xlsx, XlsxError};

use super::Reading;
use super::columns::has;
use super::excel_size;
use super::form::Form;
use super::input::Input;
use super::steadiness::Steadiness;
use crate::diamond::Field;
use crate::error::{Error, Result};

/// How a packed workbook (`.xlsx`) begins, and one of before 2007 (`.xls`, or one with a password).
pub(super) const ZIP: &[u8] = b"PK\x03\x04";
pub(super) const COMPOUND: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0];
/// Bytes of a workbook that are taken into memory.
const LARGEST_FILE: u64 = 256 << 20;
/// Rows that a sheet of Excel may have.
const MOST_ROWS: u32 = 1 << 20;
/// Bytes of text that a sheet may have.
const MOST_TEXT: usize = 512 << 20;

/// The text of a workbook of which `head` was read.
pub(super) fn input(path: &Path, file: File, head: &[u8], reading: &Arc<Reading>) -> Result<Input> {
    let steadiness = Steadiness::of(path, &file)?;
    let mut bytes = head.to_vec();
    let rest = BufReader::new(file).take(LARGEST_FILE).read_to_end(&mut bytes);
    rest.map_err(|source| Error::read(path, source))?;
    let refused = |reason: String| Error::Malformed {
        path: path.into(),
        line: None,
        reason,
        allowed: "a workbook of Excel without a password, with the names of the columns above the stones"
            .into(),
    };
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(refused(format!("the workbook has more than {} MB", LARGEST_FILE >> 20)));
    }
    let n_bytes = bytes.len() as u64;
    // The reader of workbooks was not made for files that mean harm.
    let read = catch_unwind(AssertUnwindSafe(|| sheet(bytes, reading)));
    let read = read.unwrap_or_else(|_| Err("it is damaged".into()));
    let (name, text) = read.map_err(|reason| refused(format!("the workbook cannot be read: {reason}")))?;
    Ok(Input::of_text(text, steadiness, n_bytes, format!("Excel, sheet {name:?}")))
}

/// Name and text of the sheet to read.
fn sheet(bytes: Vec<u8>, reading: &Reading) -> std::result::Result<(String, Vec<u8>), String> {
    let is_packed = bytes.starts_with(ZIP);
    if is_packed {
        excel_size::check_packed(&bytes)?;
        let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| match error {
            XlsxError::Password => "it has a password".to_owned(),
            error => error.to_string(),
        })?;
        let names = book.sheet_names();
        return chosen(&names, reading, |name| {
            let mut text = Text::default();
            let mut cells = book.worksheet_cells_reader(name).map_err(|error| error.to_string())?;
            while let Some(cell) = cells.next_cell().map_err(|error| error.to_string())? {
                let (row, column) = cell.get_position();
                text.add(row, column, cell.get_value())?;
            }
            Ok(text)
        });
    }
    let bytes = excel_size::checked_compound(&bytes)?.ok_or("it has a password")?;
    let mut book = Xls::new(Cursor::new(bytes)).map_err(|error| match error {
        XlsError::Password => "it has a password".to_owned(),
        error => error.to_string(),
    })?;
    let names = book.sheet_names();
    chosen(&names, reading, |name| {
        let range = book.worksheet_range(name).map_err(|error| error.to_string())?;
        let mut text = Text::default();
        let (first_row, first_column) = range.start().unwrap_or_default();
        for (row, column, value) in range.used_cells() {
            text.add(first_row + row as u32, first_column + column as u32, value)?;
        }
        Ok(text)
    })
}

/// The sheet that the user names, else the first one that has our columns.
fn chosen(
    names: &[String],
    reading: &Reading,
    mut text_of: impl FnMut(&str) -> std::result::Result<Text, String>,
) -> std::result::Result<(String, Vec<u8>), String> {
    let found = || format!("its sheets are {}", names.join(", "));
    if let Some(wanted) = &reading.sheet {
        let name = names.iter().find(|name| *name == wanted);
        let name = name.ok_or_else(|| format!("it has no sheet {wanted:?}; {}", found()))?;
        let text = text_of(name)?;
        let form = Form::of(&text.bytes, true, reading);
        return Ok((name.clone(), text.filled(form.as_ref())?));
    }
    for name in names {
        let text = text_of(name)?;
        let form = Form::of(&text.bytes, true, reading);
        if let Some(form) = form.filter(|form| Field::CERTAIN.iter().all(|field| has(&form.fields, *field))) {
            return Ok((name.clone(), text.filled(Some(&form))?));
        }
    }
    Err(format!("no sheet has columns for carat, cut, color and clarity; {}", found()))
}

/// Lines of cells, filled in the order of the sheet.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    row: u32,
    column: u32,
    /// Where each row but the last ends, and the column of its last cell.
    ends: Vec<(usize, u32)>,
}

impl Text {
    fn add(&mut self, row: u32, column: u32, value: &impl DataType) -> std::result::Result<(), String> {
        if (row, column) < (self.row, self.column) {
            return Err("its cells are in no order".into());
        }
        if row >= MOST_ROWS {
            return Err(format!("a sheet has more than {MOST_ROWS} rows, which Excel has not"));
        }
        let n_new =
            (row - self.row) as usize + if row > self.row { column } else { column - self.column } as usize;
        if self.bytes.len() + n_new > MOST_TEXT {
            return Err(too_much_text());
        }
        for _ in self.row..row {
            self.ends.push((self.bytes.len(), self.column));
            self.bytes.push(b'\n');
            self.column = 0;
        }
        for _ in self.column..column {
            self.bytes.push(b',');
        }
        (self.row, self.column) = (row, column);
        // A line break inside a cell would move all lines below it.
        let written = value.as_text().replace(['\n', '\r', '\0'], " ");
        if written.contains(['"', ',']) {
            self.bytes.extend(format!("\"{}\"", written.replace('"', "\"\"")).bytes());
        } else {
            self.bytes.extend(written.bytes());
        }
        Ok(())
    }

    /// The text with as many cells in each row below the header as the header has: a sheet keeps none that are empty, and
    /// a row that ends with some is as long as any other. Blank rows stay blank.
    fn filled(mut self, form: Option<&Form>) -> std::result::Result<Vec<u8>, String> {
        let Some(form) = form else { return Ok(self.bytes) };
        let last_column = (form.are_read.len() + usize::from(form.has_row_names)).saturating_sub(1) as u32;
        self.ends.push((self.bytes.len(), self.column));
        let mut filled = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for (row, (end, column)) in self.ends.iter().enumerate() {
            filled.extend_from_slice(&self.bytes[from..*end]);
            if row > form.n_above && *end > from + 1 {
                filled.extend((*column..last_column).map(|_| b','));
            }
            if filled.len() > MOST_TEXT {
                return Err(too_much_text());
            }
            from = *end;
        }
        Ok(filled)
    }
}

fn too_much_text() -> String {
    format!("a sheet has more than {} MB of text", MOST_TEXT >> 20)
}

/// A cell in words: a formula by the value that was stored with it, a number with as many digits as it has.
trait AsText {
    fn as_text(&self) -> String;
}

impl<T: DataType> AsText for T {
    fn as_text(&self) -> String {
        if let Some(text) = self.get_string() {
            return text.to_owned();
        }
        match (self.get_int(), self.get_float(), self.get_bool()) {
            (Some(number), ..) => number.to_string(),
            (_, Some(number), _) => number.to_string(),
            (.., Some(is_true)) => is_true.to_string(),
            _ if self.is_empty() => String::new(),
            // A date, or an error such as #N/A.
            _ => self.get_datetime().map_or_else(|| "#N/A".to_owned(), |date| date.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_on_the_line_and_in_the_column_of_their_sheet() {
        let mut text = Text::default();
        for (row, column, value) in
            [(1, 0, "carat"), (1, 2, "a,b"), (3, 1, "x\ny"), (3, 2, "6\""), (3, 3, "")]
        {
            assert_eq!(text.add(row, column, &calamine::Data::String(value.to_owned())), Ok(()));
        }
        assert_eq!(String::from_utf8_lossy(&text.bytes), "\ncarat,,\"a,b\"\n\n,x y,\"6\"\"\",");
        assert!(text.add(2, 0, &calamine::Data::Int(1)).is_err());
    }

    #[test]
    fn a_row_whose_last_cells_are_empty_is_as_long_as_its_header() {
        let filled = |rows: &[(u32, &[&str])]| {
            let mut text = Text::default();
            for (row, cells) in rows {
                for (column, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
                    let cell = calamine::Data::String((*cell).to_owned());
                    assert_eq!(text.add(*row, column as u32, &cell), Ok(()));
                }
            }
            let form = Form::of(&text.bytes, true, &Reading::default());
            text.filled(form.as_ref()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let header = &["carat", "cut", "color", "clarity", "note"][..];
        let rows = [(0, &["Stock"][..]), (1, header), (2, &["1", "Ideal", "G", "VS2"]), (4, &["2", "", "G"])];
        let expected = "Stock\ncarat,cut,color,clarity,note\n1,Ideal,G,VS2,\n\n2,,G,,";
        assert_eq!(filled(&rows).as_deref(), Ok(expected));
        // What is too much is told of its row as in any file.
        let longer = [(0, &header[..4]), (1, &["1", "Ideal", "G", "VS2", "", "x"])];
        assert_eq!(filled(&longer).as_deref(), Ok("carat,cut,color,clarity\n1,Ideal,G,VS2,,x"));
        assert_eq!(filled(&[(0, &["a"])]).as_deref(), Ok("a"));
    }

    #[test]
    fn a_sheet_that_announces_more_than_memory_is_refused() {
        let mut text = Text::default();
        let far = calamine::Data::Float(0.5);
        let added = (0..MOST_ROWS).map(|row| text.add(row, 1 << 20, &far)).find(Result::is_err);
        assert!(added.is_some_and(|added| added.is_err_and(|said| said.contains("MB of text"))));
        let below = Text::default().add(MOST_ROWS, 0, &far);
        assert!(below.is_err_and(|said| said.contains("more than 1048576 rows")));
    }
}
