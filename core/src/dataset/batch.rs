//! Some consecutive rows of a source, cell by cell.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;

use super::Reading;
use super::columns::fields_of;
use super::csv_lines::TextRows;
use crate::diamond::{
    Cell, Diamond, Fault, Field, Grade, PricedDiamond, RawDiamond, decimal_of_f32, measured_part, objection,
    short_form, total_price,
};
use crate::error::{Error, Result};

/// Some consecutive rows of a file.
pub struct Batch {
    lines: Vec<u64>,
    rows: Rows,
    reading: Arc<Reading>,
    /// What is wrong with rows as a whole, by their places here.
    objections: BTreeMap<usize, Vec<Fault>>,
}

enum Rows {
    Text(TextRows),
    Columns { frame: DataFrame, cells: Box<[Cells; Field::N_COLUMNS]> },
}

impl Batch {
    /// The rows of a frame, numbered from 1.
    ///
    /// # Errors
    /// When a column of ours is neither text nor a number.
    pub fn from_frame(frame: DataFrame) -> Result<Self> {
        let lines = (1..=frame.height() as u64).collect();
        Self::new(Path::new("the frame"), frame, lines, &Arc::default())
    }

    /// `lines` holds, for each row, its line in the file (or its number in a Parquet file), from 1.
    pub(super) fn new(
        path: &Path,
        frame: DataFrame,
        lines: Vec<u64>,
        reading: &Arc<Reading>,
    ) -> Result<Self> {
        let context = |source| Error::Frame { context: format!("cannot read {}", path.display()), source };
        let mut cells = Box::new([const { Cells::Absent }; Field::N_COLUMNS]);
        let fields = fields_of(frame.columns().iter().map(|column| column.name().as_str()), reading);
        for (column, field) in frame.columns().iter().zip(fields) {
            if let Some(field) = field {
                cells[field as usize] = Cells::of(column).map_err(context)?;
            }
        }
        Ok(Self::of_rows(Rows::Columns { frame, cells }, lines, reading))
    }

    pub(super) fn of_text(rows: TextRows, lines: Vec<u64>, reading: &Arc<Reading>) -> Self {
        Self::of_rows(Rows::Text(rows), lines, reading)
    }

    fn of_rows(rows: Rows, lines: Vec<u64>, reading: &Arc<Reading>) -> Self {
        let mut batch = Self { lines, rows, reading: reading.clone(), objections: BTreeMap::new() };
        let telling = Field::TELLING.map(|field| batch.has(field).then_some(field));
        for field in telling.into_iter().flatten() {
            for row in 0..batch.len() {
                if let Some(fault) = objection(field, batch.written(row, field)) {
                    batch.objections.entry(row).or_default().push(fault);
                }
            }
        }
        batch
    }

    /// Adds that these rows, by their places here, are none that can be read.
    pub(super) fn with_misfits(mut self, misfits: Vec<(usize, Fault)>) -> Self {
        for (row, fault) in misfits {
            self.objections.insert(row, vec![fault]);
        }
        self
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

    fn has(&self, field: Field) -> bool {
        match &self.rows {
            Rows::Text(text) => text.has(field),
            Rows::Columns { cells, .. } => !matches!(cells[field as usize], Cells::Absent),
        }
    }

    /// One cell as written, or as it follows from another: a length from the three in one text, a grade of the shop's
    /// own, a price from that of a carat.
    #[inline]
    pub fn cell(&self, row: usize, field: Field) -> Cell<'_> {
        match (field, self.written(row, field)) {
            (_, Cell::Missing) => self.made(row, field),
            (Field::Cut | Field::Color | Field::Clarity, Cell::Text(text)) => {
                Cell::Text(self.reading.grade(field, text).unwrap_or(text))
            }
            (_, cell) => cell,
        }
    }

    /// A grade that is not written as ours is, and ours that it was taken for.
    pub(super) fn spelling(&self, row: usize, field: Field) -> Option<(String, &'static str)> {
        let Cell::Text(text) = self.written(row, field) else { return None };
        let of_the_shop = self.reading.grade(field, text).map(|label| (text.trim().to_lowercase(), label));
        of_the_shop.or_else(|| short_form(field, text))
    }

    /// Whether the grades of a row are written as those of the stone that it became.
    pub(super) fn is_spelled_as_ours(&self, raw: &RawDiamond<'_>, stone: &Diamond) -> bool {
        let labels = [stone.cut().label(), stone.color().label(), stone.clarity().label()];
        self.reading.grades.is_empty() && [raw.cut, raw.color, raw.clarity] == labels.map(Cell::Text)
    }

    fn made(&self, row: usize, field: Field) -> Cell<'_> {
        let measurements = || self.written(row, Field::Measurements);
        match field {
            Field::X => measured_part(measurements(), 0),
            Field::Y => measured_part(measurements(), 1),
            Field::Z => measured_part(measurements(), 2),
            Field::Price if self.has(Field::PricePerCarat) => {
                total_price(self.written(row, Field::PricePerCarat), self.written(row, Field::Carat))
            }
            _ => Cell::Missing,
        }
    }

    #[inline]
    fn written(&self, row: usize, field: Field) -> Cell<'_> {
        match &self.rows {
            Rows::Text(text) => text.cell(row, field),
            Rows::Columns { cells, .. } => match &cells[field as usize] {
                Cells::Absent => Cell::Missing,
                Cells::Text(column) => column.get(row).map_or(Cell::Missing, Cell::Text),
                Cells::Number(column) => column.get(row).map_or(Cell::Missing, Cell::Number),
            },
        }
    }

    /// The nine features of a row as written, and what is wrong with it as a whole.
    pub fn raw(&self, row: usize) -> RawDiamond<'_> {
        let raw = RawDiamond::from_cells(|field| self.cell(row, field));
        match self.objections.get(&row) {
            Some(objections) => RawDiamond { objections, ..raw },
            None => raw,
        }
    }

    /// The rows of sales of which nothing else can be said, by place; the others are `None`.
    pub(super) fn plain_sales(&self) -> impl Fn(usize) -> Option<PricedDiamond> {
        let text = self.as_text().filter(|_| self.objections.is_empty() && self.reading.grades.is_empty());
        let plain = text.and_then(|text| Some((text, text.plain_columns()?)));
        move |row| plain.and_then(|(text, columns)| text.plain_row(row, columns))
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
