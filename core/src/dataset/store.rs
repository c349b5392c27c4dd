//! A data set as bytes: Parquet, so that a data scientist opens it with her own tools. The
//! bytes are a function of the rows alone, and their digest names the data set.

use std::io::Cursor;

use polars::prelude::*;

use super::Dataset;
use super::batch::Batch;
use super::ingest::sold;
use crate::diamond::{Field, Grade, PricedDiamond};
use crate::error::{Error, Result};
use crate::features::Imputer;

const IS_TEST: &str = "is_test";
/// Rows written at once, to bound the memory for their columns.
const ROW_GROUP: usize = 1 << 18;

fn failed(source: PolarsError) -> Error {
    Error::Frame { context: "cannot store or read back the training data".into(), source }
}

/// The data set as Parquet: the ten columns of a delivery and `is_test`.
pub fn to_parquet(dataset: &Dataset) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let schema = frame(&[]).map_err(failed)?.schema().clone();
    let rows: Vec<_> = dataset.rows().collect();
    let mut writer = ParquetWriter::new(&mut bytes).batched(&schema).map_err(failed)?;
    for group in rows.chunks(ROW_GROUP) {
        writer.write_batch(&frame(group).map_err(failed)?).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    drop(writer);
    Ok(bytes)
}

/// Reads back what [`to_parquet`] wrote.
///
/// # Errors
/// When the bytes are not such a file; every row goes through the same door as a fresh one.
pub fn from_parquet(bytes: &[u8]) -> Result<Dataset> {
    let frame = ParquetReader::new(Cursor::new(bytes)).finish().map_err(failed)?;
    let damaged = |reason: String| Error::Damaged { what: "a stored data set".into(), reason };
    let sides = frame.column(IS_TEST).and_then(|column| column.bool().cloned()).map_err(failed)?;
    let batch = Batch::from_frame(frame)?;
    let textbook = Imputer::fit(std::iter::empty());
    let mut rows = Vec::with_capacity(batch.len());
    let mut is_test = Vec::with_capacity(batch.len());
    for (row, side) in sides.iter().enumerate() {
        let stone = sold(&batch.raw(row), batch.cell(row, Field::Price), &textbook);
        rows.push(stone.map_err(|faults| damaged(format!("row {}: {}", row + 1, faults[0])))?);
        is_test.push(side.ok_or_else(|| damaged(format!("row {} is on no side", row + 1)))?);
    }
    Ok(Dataset { rows, is_test })
}

fn frame(rows: &[(&PricedDiamond, bool)]) -> PolarsResult<DataFrame> {
    let columns = Field::ALL.into_iter().map(|field| {
        let name = field.name().into();
        match field {
            Field::Cut => grades(name, rows, |stone| stone.diamond().cut()),
            Field::Color => grades(name, rows, |stone| stone.diamond().color()),
            Field::Clarity => grades(name, rows, |stone| stone.diamond().clarity()),
            Field::Price => numbers(name, rows, PricedDiamond::price_usd),
            _ if rows.iter().any(|(row, _)| row.diamond().is_estimated(field)) => {
                let measured = rows.iter().map(|(row, _)| row.diamond().measured(field));
                Float64Chunked::from_iter_options(name, measured).into_column()
            }
            _ => numbers(name, rows, |stone| stone.diamond().number(field).unwrap_or(f64::NAN)),
        }
    });
    let sides = BooleanChunked::from_iter_values(IS_TEST.into(), rows.iter().map(|(_, side)| *side));
    DataFrame::new(rows.len(), columns.chain([sides.into_column()]).collect())
}

fn grades<G: Grade>(
    name: PlSmallStr,
    rows: &[(&PricedDiamond, bool)],
    grade: impl Fn(&PricedDiamond) -> G,
) -> Column {
    StringChunked::from_iter_values(name, rows.iter().map(|(row, _)| grade(row).label())).into_column()
}

fn numbers(
    name: PlSmallStr,
    rows: &[(&PricedDiamond, bool)],
    number: impl Fn(&PricedDiamond) -> f64,
) -> Column {
    Float64Chunked::from_iter_values(name, rows.iter().map(|(row, _)| number(row))).into_column()
}
