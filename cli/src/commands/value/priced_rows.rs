//! Rows of a file with their prices beside them, in the form in which they are to be written.

use std::fmt::Write as _;

use polars::prelude::*;
use xtream_core::Error;
use xtream_core::dataset::{Added, Batch, Spellings, TextRows};
use xtream_core::diamond::Fault;
use xtream_core::valuation::{Valuation, Valued};

use super::columns::AddedColumns;

/// A batch with its prices, ready to be written.
pub(super) struct PricedRows {
    pub(super) n_rows: u64,
    /// How many of them have a price and a warning.
    pub(super) n_odd: u64,
    /// The rows that could not be priced, by their lines.
    pub(super) refused: Vec<(u64, Vec<Fault>)>,
    pub(super) spelled: Spellings,
    pub(super) rows: Rows,
}

/// What an output takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines of plain CSV.
    Text,
    /// What stands beside the lines of a file of another form.
    Beside,
    /// Columns.
    Frame,
}

pub(super) enum Rows {
    /// Lines of CSV, without a header.
    Text(Vec<u8>),
    /// The added columns of the row on each line.
    Beside(Vec<(u64, Vec<Added>)>),
    Frame(DataFrame),
}

impl PricedRows {
    pub(super) fn of(
        batch: Batch,
        values: Vec<Valued>,
        added: &AddedColumns,
        kind: Kind,
    ) -> xtream_core::Result<Self> {
        let n_rows = batch.len() as u64;
        let mut refused = Vec::new();
        let mut texts = Vec::with_capacity(values.len());
        let mut n_odd = 0;
        let keep = |(row, value): (usize, Valued)| match value {
            Ok(priced) => {
                texts.push(in_words(&priced.warnings));
                n_odd += u64::from(!priced.warnings.is_empty());
                Some(priced)
            }
            Err(refusal) => {
                let faults = refusal.into_faults();
                texts.push(in_words(&faults));
                refused.push((batch.line(row), faults));
                None
            }
        };
        let spelled = Spellings::of(&batch);
        let prices: Vec<_> = values.into_iter().enumerate().map(keep).collect();
        let rows = match (kind, batch.as_text()) {
            (Kind::Beside, _) => Rows::Beside(beside(&batch, &prices, added, texts)),
            (Kind::Text, Some(text)) => Rows::Text(with_their_prices(text, &prices, added, &texts)),
            _ => Rows::of_frame(with_figures(batch.into_frame()?, &prices, added, &texts)?, kind)?,
        };
        Ok(Self { n_rows, n_odd, refused, spelled, rows })
    }
}

/// What there is to say of one row; `None` of nothing.
fn in_words(faults: &[Fault]) -> Option<String> {
    let texts: Vec<_> = faults.iter().map(Fault::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(" | "))
}

fn beside(
    batch: &Batch,
    prices: &[Option<Valuation>],
    added: &AddedColumns,
    warnings: Vec<Option<String>>,
) -> Vec<(u64, Vec<Added>)> {
    let row = |(row, (price, warnings)): (usize, (&Option<Valuation>, Option<String>))| {
        let figure = |(_, figure): &(&str, fn(&Valuation) -> Option<f64>)| {
            price.as_ref().and_then(figure).map_or(Added::Nothing, Added::Number)
        };
        let figures = added.figures.iter().map(figure);
        let cells = figures.chain([warnings.map_or(Added::Nothing, Added::Text)]).collect();
        (batch.line(row), cells)
    };
    prices.iter().zip(warnings).enumerate().map(row).collect()
}

/// Rows that need no parser are written as they were read; polars would write the same.
fn with_their_prices(
    rows: &TextRows,
    prices: &[Option<Valuation>],
    added: &AddedColumns,
    warnings: &[Option<String>],
) -> Vec<u8> {
    let mut text = String::with_capacity(prices.len() * 80);
    for (row, (price, warnings)) in prices.iter().zip(warnings).enumerate() {
        rows.append_to(row, &mut text);
        for (_, figure) in added.figures {
            text.push(',');
            if let Some(figure) = price.as_ref().and_then(figure) {
                // The shortest digits that are this number again; a `String` takes them all.
                let _ = write!(text, "{figure:?}");
            }
        }
        text.push(',');
        if let Some(warnings) = warnings {
            let _ = write!(text, "\"{}\"", warnings.replace('"', "\"\""));
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// The rows with their figures and warnings in columns of their own.
pub(super) fn with_figures(
    mut frame: DataFrame,
    prices: &[Option<Valuation>],
    added: &AddedColumns,
    warnings: &[Option<String>],
) -> xtream_core::Result<DataFrame> {
    // One chunk each: what is read in parallel comes in pieces, and the figures in one.
    frame.rechunk_mut();
    for ((_, figure), name) in added.figures.iter().zip(&added.names) {
        let figures = prices.iter().map(|price| price.as_ref().and_then(figure));
        let figures = Float64Chunked::from_iter_options(name.into(), figures);
        frame.with_column(figures.into_column()).map_err(failed)?;
    }
    let warnings =
        StringChunked::from_iter_options(added.warnings().into(), warnings.iter().map(Option::as_deref));
    frame.with_column(warnings.into_column()).map_err(failed)?;
    Ok(frame)
}

pub(super) fn failed(source: PolarsError) -> Error {
    Error::Frame { context: "cannot write the prices".into(), source }
}

pub(super) fn cannot_write(source: std::io::Error) -> Error {
    Error::File { action: "cannot write", path: "the prices".into(), source }
}

impl Rows {
    /// All columns of rows, where nothing quicker is at hand.
    pub(super) fn of_frame(mut frame: DataFrame, kind: Kind) -> xtream_core::Result<Self> {
        match kind {
            Kind::Frame => return Ok(Self::Frame(frame)),
            Kind::Beside => return Ok(Self::Beside(Vec::new())),
            Kind::Text => {}
        }
        let mut text = Vec::new();
        CsvWriter::new(&mut text).include_header(false).finish(&mut frame).map_err(failed)?;
        Ok(Self::Text(text))
    }
}
