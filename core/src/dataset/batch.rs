//! Some consecutive rows of a source, cell by cell.

use std::path::Path;

use polars::prelude::*;

use super::columns::fields_of;
use super::csv_lines::TextRows;
use crate::diamond::{Cell, Field, RawDiamond, decimal_of_f32};
use crate::error::{Error, Result};

/// Some consecutive rows of a file.
pub struct Batch {
    lines: Vec<u64>,
    rows: Rows,
}

enum Rows {
    Text(TextRows),
    Columns { frame: DataFrame, cells: Box<[Cells; Field::ALL.len()]> },
}

impl Batch {
    /// The rows of a frame, numbered from 1.
    ///
    /// # Errors
    /// When a column of ours is neither text nor a number.
    pub fn from_frame(frame: DataFrame) -> Result<Self> {
        let lines = (1..=frame.height() as u64).collect();
        Self::new(Path::new("the frame"), frame, lines)
    }

    /// `lines` holds, for each row, its line in the file (or its number in a Parquet file), from 1.
    pub(super) fn new(path: &Path, frame: DataFrame, lines: Vec<u64>) -> Result<Self> {
        let context = |source| Error::Frame { context: format!("cannot read {}", path.display()), source };
        let mut cells = Box::new([const { Cells::Absent }; Field::ALL.len()]);
        let fields = fields_of(frame.columns().iter().map(|column| column.name().as_str()));
        for (column, field) in frame.columns().iter().zip(fields) {
            if let Some(field) = field {
                cells[field as usize] = Cells::of(column).map_err(context)?;
            }
        }
        Ok(Self { lines, rows: Rows::Columns { frame, cells } })
    }

    pub(super) fn of_text(rows: TextRows, lines: Vec<u64>) -> Self {
        Self { lines, rows: Rows::Text(rows) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The line of a row in its file, from 1.
    pub fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    /// One cell as written.
    pub fn cell(&self, row: usize, field: Field) -> Cell<'_> {
        match &self.rows {
            Rows::Text(text) => text.cell(row, field),
            Rows::Columns { cells, .. } => match &cells[field as usize] {
                Cells::Absent => Cell::Missing,
                Cells::Text(column) => column.get(row).map_or(Cell::Missing, Cell::Text),
                Cells::Number(column) => column.get(row).map_or(Cell::Missing, Cell::Number),
            },
        }
    }

    /// The nine features of a row as written.
    pub fn raw(&self, row: usize) -> RawDiamond<'_> {
        RawDiamond::from_cells(|field| self.cell(row, field))
    }

    /// The rows as they stand in their CSV file, if they came from one and need no parser to be written again.
    pub fn as_text(&self) -> Option<&TextRows> {
        match &self.rows {
            Rows::Text(text) => Some(text),
            Rows::Columns { .. } => None,
        }
    }

    /// All columns, extra ones too.
    ///
    /// # Errors
    /// When polars cannot parse a CSV file that is sound for us.
    pub fn into_frame(self) -> Result<DataFrame> {
        match self.rows {
            Rows::Text(text) => text.into_frame(self.lines.len()),
            Rows::Columns { frame, .. } => Ok(frame),
        }
    }
}

enum Cells {
    Absent,
    Text(StringChunked),
    Number(Float64Chunked),
}

impl Cells {
    fn of(column: &Column) -> PolarsResult<Self> {
        // One chunk, so that a cell is found without a search.
        let column = column.as_materialized_series().rechunk();
        if let Ok(numbers) = column.f32() {
            let decimals = numbers.iter().map(|number| number.map(decimal_of_f32));
            Ok(Self::Number(Float64Chunked::from_iter_options(column.name().clone(), decimals)))
        } else if column.dtype().is_primitive_numeric() || column.dtype().is_decimal() {
            Ok(Self::Number(column.cast(&DataType::Float64)?.f64()?.clone()))
        } else {
            Ok(Self::Text(column.cast(&DataType::String)?.str()?.clone()))
        }
    }
}
