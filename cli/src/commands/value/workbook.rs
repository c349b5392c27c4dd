//! Priced rows as a workbook of Excel.

use std::fs::File;

use polars::prelude::*;
use rust_xlsxwriter::{Workbook as Book, XlsxError};
use xtream_core::Error;

use super::priced_rows::cannot_write;

/// Rows that a sheet can have, the one with the names among them.
const MOST_ROWS: u32 = 1_048_576;

/// A workbook with one sheet, whose rows wait on disk.
pub(super) struct Workbook {
    book: Book,
    n_rows: u32,
}

impl Workbook {
    /// With the names of all columns.
    pub(super) fn new(empty: &DataFrame) -> xtream_core::Result<Self> {
        let mut book = Book::new();
        let sheet = book.add_worksheet_with_constant_memory().map_err(failed)?;
        for (column, name) in empty.get_column_names().iter().enumerate() {
            sheet.write_string(0, column as u16, name.as_str()).map_err(failed)?;
        }
        Ok(Self { book, n_rows: 1 })
    }

    pub(super) fn write(&mut self, rows: &DataFrame) -> xtream_core::Result<()> {
        if rows.height() > (MOST_ROWS - self.n_rows) as usize {
            return Err(Error::Usage {
                reason: format!("more than {} rows in a workbook of Excel", MOST_ROWS - 1),
                allowed: "a result that ends in .csv or .parquet".into(),
            });
        }
        let sheet = self.book.worksheet_from_index(0).map_err(failed)?;
        let columns: Vec<_> =
            rows.columns().iter().map(|column| column.as_materialized_series().clone()).collect();
        for row in 0..rows.height() {
            for (column, cells) in columns.iter().enumerate() {
                let (line, column) = (self.n_rows, column as u16);
                match cells.get(row).unwrap_or(AnyValue::Null) {
                    AnyValue::Null => {}
                    cell => match number(&cell) {
                        Some(number) => drop(sheet.write_number(line, column, number).map_err(failed)?),
                        None => {
                            let text = cell.get_str().map_or_else(|| cell.to_string(), str::to_owned);
                            sheet.write_string(line, column, text).map_err(failed)?;
                        }
                    },
                }
            }
            self.n_rows += 1;
        }
        Ok(())
    }

    pub(super) fn save(&mut self, file: &mut File) -> xtream_core::Result<()> {
        self.book.save_to_writer(file).map_err(failed)
    }
}

/// A number that Excel would write as it was written: `007` is none.
fn number(cell: &AnyValue<'_>) -> Option<f64> {
    let Some(text) = cell.get_str() else { return cell.extract::<f64>().filter(|number| number.is_finite()) };
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number.to_string() == text).then_some(number)
}

fn failed(error: XlsxError) -> Error {
    cannot_write(std::io::Error::other(error))
}
