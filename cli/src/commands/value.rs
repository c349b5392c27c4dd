//! `xtream value`: the rows of a file, in order, with the columns `price_usd` and `warnings` added, and those of the
//! range if asked.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use polars::prelude::*;
use xtream_core::dataset::{Batch, Spellings, Table, TextRows};
use xtream_core::diamond::{Fault, Field};
use xtream_core::format::grouped;
use xtream_core::valuation::{Options, Valuation, Valued, require_ranges, value_table};
use xtream_core::{Error, Interrupt, Registry};

use super::reading::reading;
use super::{note, resolve};
use crate::args::ValueArgs;
use crate::settings::Settings;
use crate::wrong_usage::WrongUsage;

/// A column that is added, and its figure of a price.
type Figure = (&'static str, fn(&Valuation) -> Option<f64>);
/// The columns that are added, by the names that they get: the last one has the warnings.
struct Added {
    names: Vec<String>,
    figures: &'static [Figure],
}
const PRICE: Figure = ("price_usd", |priced| Some(priced.price_usd));
const LOW: Figure = ("low_usd", |priced| priced.range.map(|range| range.low_usd));
const HIGH: Figure = ("high_usd", |priced| priced.range.map(|range| range.high_usd));
/// Empty where the range has none, because the stone lies beyond what the model learned from.
const CONFIDENCE: Figure = ("confidence", |priced| priced.range.and_then(|range| range.confidence));
/// The column of what is odd about a stone, or why it has no price.
const WARNINGS: &str = "warnings";
const REQUIRED: [Field; 4] = [Field::Carat, Field::Cut, Field::Color, Field::Clarity];
/// Refused rows that are named one by one; a whole file of nonsense need not scroll by.
const MOST_NAMED: u64 = 100;

pub(crate) fn run(args: &ValueArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    let registry = Registry::open(&settings.registry)?;
    let pipeline = registry.pipeline(resolve(&registry, args.version)?)?;
    let mut table = Table::open(&args.file, &reading(&args.reading, false, settings)?)?;
    table.require(&args.file, &REQUIRED)?;
    if let Some(understood) = table.understood() {
        note(&format!("{}: read as {understood}", args.file.display()));
    }
    if args.range {
        require_ranges(&pipeline)?;
    }
    let added = Added::beside(table.columns(), args.range);
    for (name, ours) in added.renamed() {
        note(&format!("{}: has a column {name} already, so ours is {ours}", args.file.display()));
    }
    let mut output = Output::create(args.out.as_deref())?;
    let empty = with_figures(table.no_rows()?, &[], &added, &[])?;
    let (mut n_rows, mut n_refused, mut n_odd) = (0, 0, 0);
    let mut spellings = Spellings::default();
    let is_text = output.is_text();
    let work = |batch: Batch, values: Vec<Valued>| PricedRows::of(batch, values, &added, is_text);
    let take = |priced: PricedRows| {
        n_rows += priced.n_rows;
        n_odd += priced.n_odd;
        spellings.add(priced.spelled);
        for (line, faults) in &priced.refused {
            n_refused += 1;
            for fault in faults.iter().filter(|_| n_refused <= MOST_NAMED) {
                note(&format!("{}, line {line}: {fault}", args.file.display()));
            }
        }
        output.write(&empty, priced.rows)
    };
    let options = Options { confidence: args.confidence(), ..Options::default() };
    value_table(&pipeline, &options, &mut table, interrupt, work, take)?;
    if n_rows == 0 {
        output.write(&empty, Rows::of_frame(empty.clone(), is_text)?)?;
    }
    output.finish()?;
    if let Some(spelled) = spellings.in_words() {
        note(&format!("{}: {spelled}", args.file.display()));
    }
    let n_rows = grouped(n_rows);
    if n_odd > 0 {
        note(&format!("{} of {n_rows} rows look odd; their {} say why", grouped(n_odd), added.warnings()));
    }
    if n_refused > 0 {
        let n_refused = grouped(n_refused);
        let message = format!(
            "{n_refused} of {n_rows} rows could not be priced; their {} is left empty",
            added.names[0]
        );
        return Err(WrongUsage(message).into());
    }
    Ok(())
}

impl Added {
    /// Names that none of the file's own columns has: theirs stay.
    fn beside(columns: &[String], with_range: bool) -> Self {
        let figures: &[Figure] = if with_range { &[PRICE, LOW, HIGH, CONFIDENCE] } else { &[PRICE] };
        let is_taken = |name: &str| columns.iter().any(|other| other.eq_ignore_ascii_case(name));
        let free = |name: &str| {
            let mut name = name.to_owned();
            while is_taken(&name) {
                name.insert_str(0, "xtream_");
            }
            name
        };
        let names = figures.iter().map(|(name, _)| *name).chain([WARNINGS]).map(free).collect();
        Self { names, figures }
    }

    fn warnings(&self) -> &str {
        self.names.last().map_or(WARNINGS, String::as_str)
    }

    /// Our names that were taken, and those that the columns have in their place.
    fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.figures.iter().map(|(name, _)| *name).chain([WARNINGS]);
        names.zip(self.names.iter().map(String::as_str)).filter(|(name, ours)| name != ours)
    }
}

/// A batch with its prices, ready to be written.
struct PricedRows {
    n_rows: u64,
    /// How many of them have a price and a warning.
    n_odd: u64,
    /// The rows that could not be priced, by their lines.
    refused: Vec<(u64, Vec<Fault>)>,
    spelled: Spellings,
    rows: Rows,
}

enum Rows {
    /// Lines of CSV, without a header.
    Text(Vec<u8>),
    Frame(DataFrame),
}

impl PricedRows {
    fn of(batch: Batch, values: Vec<Valued>, added: &Added, is_text: bool) -> xtream_core::Result<Self> {
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
        let rows = match batch.as_text() {
            Some(text) if is_text => Rows::Text(with_their_prices(text, &prices, added, &texts)),
            _ => Rows::of_frame(with_figures(batch.into_frame()?, &prices, added, &texts)?, is_text)?,
        };
        Ok(Self { n_rows, n_odd, refused, spelled, rows })
    }
}

/// What there is to say of one row; `None` of nothing.
fn in_words(faults: &[Fault]) -> Option<String> {
    let texts: Vec<_> = faults.iter().map(Fault::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(" | "))
}

/// Rows that need no parser are written as they were read; polars would write the same.
fn with_their_prices(
    rows: &TextRows,
    prices: &[Option<Valuation>],
    added: &Added,
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
fn with_figures(
    mut frame: DataFrame,
    prices: &[Option<Valuation>],
    added: &Added,
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

fn failed(source: PolarsError) -> Error {
    Error::Frame { context: "cannot write the prices".into(), source }
}

impl Rows {
    fn of_frame(mut frame: DataFrame, is_text: bool) -> xtream_core::Result<Self> {
        if !is_text {
            return Ok(Self::Frame(frame));
        }
        let mut text = Vec::new();
        CsvWriter::new(&mut text).include_header(false).finish(&mut frame).map_err(failed)?;
        Ok(Self::Text(text))
    }
}

/// Where the rows go, a batch at a time. A file is there under its name only when it is whole.
struct Output {
    path: Option<(PathBuf, PathBuf)>,
    writer: Writer,
}

enum Writer {
    Csv { sink: Box<dyn Write>, has_header: bool },
    Parquet { file: File, batched: Option<Box<polars::io::parquet::write::BatchedWriter<File>>> },
}

impl Output {
    fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            let sink = Box::new(BufWriter::new(std::io::stdout()));
            return Ok(Self { path: None, writer: Writer::Csv { sink, has_header: false } });
        };
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
        let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
        let writer = if is_parquet {
            Writer::Parquet { file, batched: None }
        } else {
            Writer::Csv { sink: Box::new(BufWriter::new(file)), has_header: false }
        };
        Ok(Self { path: Some((partial, path.into())), writer })
    }

    fn is_text(&self) -> bool {
        matches!(self.writer, Writer::Csv { .. })
    }

    /// `empty` has all columns, for the header.
    fn write(&mut self, empty: &DataFrame, rows: Rows) -> xtream_core::Result<()> {
        let wrong = |source| Error::File { action: "cannot write", path: "the prices".into(), source };
        match (&mut self.writer, rows) {
            (Writer::Csv { sink, has_header }, Rows::Text(text)) => {
                if !*has_header {
                    let header = &mut empty.clone();
                    CsvWriter::new(&mut *sink).include_header(true).finish(header).map_err(failed)?;
                    *has_header = true;
                }
                sink.write_all(&text).map_err(wrong)
            }
            (Writer::Parquet { file, batched }, Rows::Frame(frame)) => {
                let writer = match batched {
                    Some(writer) => writer,
                    None => {
                        let file = file.try_clone().map_err(wrong)?;
                        let writer = ParquetWriter::new(file).batched(frame.schema()).map_err(failed)?;
                        batched.insert(Box::new(writer))
                    }
                };
                writer.write_batch(&frame).map_err(failed)
            }
            // Rows are made as `is_text` says, so there are no others.
            (Writer::Csv { .. }, Rows::Frame(_)) | (Writer::Parquet { .. }, Rows::Text(_)) => {
                Err(wrong(std::io::Error::other("they are of another format than the file")))
            }
        }
    }

    fn finish(mut self) -> Result<()> {
        match &mut self.writer {
            Writer::Csv { sink, .. } => sink.flush()?,
            Writer::Parquet { batched: Some(writer), .. } => {
                writer.finish()?;
            }
            Writer::Parquet { batched: None, .. } => {}
        }
        if let Some((partial, path)) = self.path.take() {
            std::fs::rename(&partial, &path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((partial, _)) = &self.path {
            // Not finished: nothing half-written stays. If even this fails there is no more to do.
            let _ = std::fs::remove_file(partial);
        }
    }
}
