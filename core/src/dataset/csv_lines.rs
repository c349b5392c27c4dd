//! Rows of a CSV file in which a line is a row, and what stands between two commas is a cell, perhaps in
//! quotation marks. Nothing is copied; the cells are looked up in the block that was read.

use std::sync::Arc;

use memchr::memchr_iter;
use polars::prelude::DataFrame;

use super::csv_format::{CsvFormat, LONGEST_RECORD};
use super::csv_records::{is_blank_row, without_return};
use super::positions::positions;
use crate::diamond::{Cell, Field, PricedDiamond};
use crate::error::Result;

/// Some consecutive rows as text.
pub struct TextRows {
    format: Arc<CsvFormat>,
    text: String,
    /// For each row where its fields begin, and one more: where the next would.
    starts: Vec<u32>,
    is_quoted: bool,
}

/// Where the fields of a block of whole lines begin, parted by `delimiter`, as [`TextRows`] has them, and on which line
/// each row stands. Blank lines, and rows of separators alone, are no rows. `None` of a block that has to be looked at more
/// carefully: a line of it has not as many fields as the header, or quotation marks inside a field.
pub(super) fn cut(
    format: &CsvFormat,
    delimiter: u8,
    text: &[u8],
    first_line: u64,
) -> Option<(Vec<u32>, Vec<u64>)> {
    let n_fields = format.columns.len();
    let n_quotes = memchr_iter(b'"', text).count();
    let ends_line = |at: usize| matches!(text.get(at + 1), Some(b'\n') | None);
    if !memchr_iter(b'\r', text).all(ends_line) {
        return None;
    }
    // Rows of less than forty bytes are rare.
    let mut starts: Vec<u32> = Vec::with_capacity(text.len() / 40 * (n_fields + 1));
    let mut lines = Vec::with_capacity(text.len() / 40);
    let (mut line, mut row_start, mut field_start) = (first_line, 0, 0);
    let (mut n_first, mut n_quoted) = (0, 0);
    for end in positions(text, delimiter, b'\n').chain([text.len()]) {
        let is_delimiter = text.get(end) == Some(&delimiter);
        let field =
            if is_delimiter { &text[field_start..end] } else { without_return(&text[field_start..end]) };
        if let [b'"', inside @ ..] = field {
            if inside.last() != Some(&b'"') {
                return None;
            }
            n_quoted += 1;
        }
        starts.push(field_start as u32);
        if is_delimiter {
            field_start = end + 1;
            continue;
        }
        let row_end = field_start + field.len();
        if is_blank_row(&text[row_start..row_end], delimiter, n_fields) {
            starts.truncate(n_first);
        } else if starts.len() - n_first != n_fields || row_end - row_start > LONGEST_RECORD {
            return None;
        } else {
            starts.push(row_end as u32 + 1);
            lines.push(line);
        }
        n_first = starts.len();
        (row_start, field_start, line) = (end + 1, end + 1, line + 1);
    }
    // Two for each quoted field: then there is none inside one.
    (n_quotes == 2 * n_quoted).then_some((starts, lines))
}

impl TextRows {
    /// The rows of a text that was cut and checked.
    pub(super) fn new(format: Arc<CsvFormat>, text: Vec<u8>, starts: Vec<u32>) -> Self {
        let is_quoted = memchr::memchr(b'"', &text).is_some();
        Self { format, text: String::from_utf8(text).unwrap_or_default(), starts, is_quoted }
    }

    /// One cell as written.
    #[inline]
    pub(super) fn cell(&self, row: usize, field: Field) -> Cell<'_> {
        match self.format.places[field as usize].map(|place| self.field(row, place)) {
            None | Some("") => Cell::Missing,
            Some(text) => Cell::Text(unquoted(text)),
        }
    }

    /// The columns of a sale, by place, where each has one of its own.
    pub(super) fn plain_columns(&self) -> Option<[usize; Field::ALL.len()]> {
        let mut columns = [0; Field::ALL.len()];
        for (column, field) in columns.iter_mut().zip(Field::ALL) {
            *column = self.format.places[field as usize]?;
        }
        Some(columns)
    }

    /// The sale in a row whose cells stand in these columns, if nothing else can be said of it.
    #[inline]
    pub(super) fn plain_row(&self, row: usize, columns: [usize; Field::ALL.len()]) -> Option<PricedDiamond> {
        let n_starts = self.format.columns.len() + 1;
        let starts = &self.starts[row * n_starts..][..n_starts];
        let cells = columns.map(|column| starts[column] as usize..starts[column + 1] as usize - 1);
        PricedDiamond::of_plain_row(self.text.as_bytes(), cells)
    }

    /// Whether there is such a column.
    pub(super) fn has(&self, field: Field) -> bool {
        self.format.places[field as usize].is_some()
    }

    #[inline]
    fn field(&self, row: usize, place: usize) -> &str {
        let first = row * (self.format.columns.len() + 1) + place;
        let [start, next] = [self.starts[first], self.starts[first + 1]];
        &self.text[start as usize..next as usize - 1]
    }

    /// Appends a row to CSV, quoted only where it must be, without the line break.
    pub fn append_to(&self, row: usize, text: &mut String) {
        let n_fields = self.format.columns.len();
        if !self.is_quoted {
            let first = row * (n_fields + 1);
            let [start, next] = [self.starts[first], self.starts[first + n_fields]];
            text.push_str(&self.text[start as usize..next as usize - 1]);
            return;
        }
        for place in 0..n_fields {
            if place > 0 {
                text.push(',');
            }
            match self.field(row, place) {
                // Empty text, as opposed to nothing.
                "\"\"" => text.push_str("\"\""),
                field => text.push_str(unquoted(field)),
            }
        }
    }

    /// All columns, for whoever wants a frame.
    ///
    /// # Errors
    /// When polars cannot parse what is sound for us.
    pub(super) fn into_frame(self, n_rows: usize) -> Result<DataFrame> {
        let mut text = String::with_capacity(self.text.len() + 1);
        for row in 0..n_rows {
            self.append_to(row, &mut text);
            text.push('\n');
        }
        self.format.parse(text.into_bytes())
    }
}

/// What stands between the quotation marks, if there are any.
fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dataset::{Batch, Table};

    fn batches(text: &str) -> Result<Vec<Batch>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, text).unwrap();
        let mut table = Table::open(&path, &Arc::default())?;
        std::iter::from_fn(|| table.next_batch().transpose()).collect()
    }

    const HEADER: &str = "carat,note,cut,color\n";
    const FIELDS: [Field; 4] = [Field::Carat, Field::Cut, Field::Color, Field::Price];

    #[test]
    fn plain_lines_are_read_as_polars_reads_them() {
        let rows =
            ["0.5,ab,Ideal,E", ",,,", "\r", "", "1.2,é,\"Very Good\",\r", " 3 ,-,,\"\"", "\"4\",5,6,7\r"];
        for ending in ["\n", ""] {
            let plain = format!("{HEADER}{}{ending}", rows.join("\n"));
            // A comma inside a quoted field, and the other way is taken.
            let quoted = plain.replace("ab", "\"a,b\"");
            let [plain, quoted] = [plain, quoted].map(|text| batches(&text).unwrap().remove(0));
            assert!(plain.as_text().is_some() && quoted.as_text().is_none());
            assert_eq!(plain.len(), 4, "rows of commas are none");
            for row in 0..4 {
                assert_eq!(plain.line(row), quoted.line(row), "row {row}");
                for field in FIELDS {
                    assert_eq!(plain.cell(row, field), quoted.cell(row, field), "row {row}, {field}");
                }
            }
            let (plain, quoted) = (plain.into_frame().unwrap(), quoted.into_frame().unwrap());
            assert!(plain.slice(1, 3).equals_missing(&quoted.slice(1, 3)), "{plain} {quoted}");
        }
    }

    #[test]
    fn a_row_with_another_number_of_values_is_one_faulty_row_and_loses_nothing() {
        let rows =
            ["1,2,Ideal,E", "1,6\" ring,Ideal,E", "1,\"2\"2,Ideal,E", "1,2,Ideal", "1,\"2,3\",Ideal,E,G,H"];
        let text = format!("{HEADER}{}\n(2 rows)\n1,2,Fair,D\n", rows.join("\n"));
        let batch = batches(&text).unwrap().remove(0);
        let faults = |row| batch.raw(row).parse().unwrap_err();
        let is_misfit = |row: &usize| faults(*row)[0].field == Field::Row;
        assert_eq!(batch.len(), 6, "a count of rows is none");
        assert_eq!((0..6).filter(is_misfit).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(faults(3).len(), 1, "nothing else is said of a row whose cells may stand anywhere");
        assert!(
            faults(4)[0].to_string().contains("has 6 values, and the header 4 names"),
            "{}",
            faults(4)[0]
        );
        assert_eq!(batch.line(4), 6);
        let written = batch.into_frame().unwrap();
        let note = |row: usize| written.column("note").unwrap().str().unwrap().get(row).map(str::to_owned);
        assert_eq!([1, 2, 4].map(note), ["6\" ring", "\"2\"2", "2,3"].map(|text| Some(text.to_owned())));
        let color = written.column("color").unwrap().str().unwrap().get(4).map(str::to_owned);
        assert_eq!(color.as_deref(), Some("E,G,H"));
    }

    #[test]
    fn a_file_that_seems_to_hold_a_billion_rows_is_read_as_far_as_it_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let header = "carat,cut,color,clarity,depth,table,price,x,y,z\n";
        std::fs::write(
            &path,
            header.to_owned() + &"0.23,Ideal,E,SI2,61.5,55,326,3.95,3.98,2.43\n".repeat(9000),
        )
        .unwrap();
        // A hole, which takes no place on the disk.
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let source = crate::dataset::Source { data: vec![path], ..Default::default() };
        let read = source.read(&mut std::io::sink(), &crate::progress::Silent, &Default::default());
        assert!(read.unwrap_err().to_string().contains("line 9002"));
    }

    #[test]
    fn a_broken_line_is_named_whichever_way_is_taken() {
        for (broken, line) in [
            ("1,2,3,4\n\n\n1,\0,3,4\n1,2,3,4\n", 5),
            ("1,2,3,4\n1,\"2,3,4\n", 3),
            // A mark that is not closed takes the lines below it with it, until another one stands there.
            ("1,2,3,4\n1,\"2,3,4\n1,2,3,4\n1,\"2\",3,4\n", 3),
            ("1,2,3,4\n1,2,3,\"4\n1,2,3,4\n1,2,3,\"\n1,2,3,4\n", 3),
            (&format!("1,2,3,4\n{}", "1,2,3,4,5\n".repeat(20)), 3),
            (&format!("1,2,3,4\n1,{},3,4\n", "2".repeat(70_000)), 3),
        ] {
            for first in ["", "\"0\",1,2,3\n", "\"0,\",1,2,3\n"] {
                let Err(error) = batches(&format!("{HEADER}{first}{broken}")) else {
                    unreachable!("{broken:.40} was read")
                };
                let line = line + u64::from(!first.is_empty());
                assert!(error.to_string().contains(&format!("line {line}")), "{error}");
            }
        }
    }
}
