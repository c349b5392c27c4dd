//! `xtream value`: the rows of a file, in order, with a column `price_usd` added.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use polars::prelude::*;
use xtream_core::Interrupt;
use xtream_core::dataset::Table;
use xtream_core::diamond::Field;
use xtream_core::scoring::price;

use super::{note, open, resolve};
use crate::WrongUsage;
use crate::args::ValueArgs;
use crate::settings::Settings;
use crate::table::grouped;

const PRICE: &str = "price_usd";
const REQUIRED: [Field; 4] = [Field::Carat, Field::Cut, Field::Color, Field::Clarity];
/// Rows priced between two looks at the keyboard.
const SLICE: usize = 16_384;
/// Refused rows that are named one by one; a whole file of nonsense need not scroll by.
const MOST_NAMED: u64 = 100;

pub(crate) fn run(args: &ValueArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    let registry = open(&args.registry, settings)?;
    let pipeline = registry.pipeline(resolve(&registry, args.version)?)?;
    let mut table = Table::open(&args.file)?;
    table.require(&args.file, &REQUIRED)?;
    let mut output = Output::create(args.out.as_deref())?;
    let (mut n_rows, mut n_refused) = (0, 0);
    while let Some(batch) = table.next_batch()? {
        n_rows += batch.len() as u64;
        let mut prices = Vec::with_capacity(batch.len());
        for start in (0..batch.len()).step_by(SLICE) {
            interrupt.check()?;
            let rows = start..batch.len().min(start + SLICE);
            for (row, price) in rows.clone().zip(price(&pipeline, &batch, rows)) {
                prices.push(price.map_err(|faults| {
                    n_refused += 1;
                    for fault in faults.iter().filter(|_| n_refused <= MOST_NAMED) {
                        note(&format!("{}, line {}: {fault}", args.file.display(), batch.line(row)));
                    }
                }));
            }
        }
        let prices = prices.into_iter().map(Result::ok);
        let prices = Float64Chunked::from_iter_options(PRICE.into(), prices);
        output.write(batch.into_frame(), prices)?;
    }
    if n_rows == 0 {
        output.write(table.no_rows()?, Float64Chunked::from_slice(PRICE.into(), &[]))?;
    }
    output.finish()?;
    if n_refused > 0 {
        let (n_refused, n_rows) = (grouped(n_refused), grouped(n_rows));
        let message =
            format!("{n_refused} of {n_rows} rows could not be priced; their {PRICE} is left empty");
        return Err(WrongUsage(message).into());
    }
    Ok(())
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

    fn write(&mut self, mut frame: DataFrame, prices: Float64Chunked) -> Result<()> {
        // One chunk each: what is read in parallel comes in pieces, and the price in one.
        frame.rechunk_mut();
        frame.with_column(prices.into_column())?;
        match &mut self.writer {
            Writer::Csv { sink, has_header } => {
                CsvWriter::new(sink).include_header(!*has_header).finish(&mut frame)?;
                *has_header = true;
            }
            Writer::Parquet { file, batched } => {
                let writer = match batched {
                    Some(writer) => writer,
                    None => {
                        let writer = ParquetWriter::new(file.try_clone()?).batched(frame.schema())?;
                        batched.insert(Box::new(writer))
                    }
                };
                writer.write_batch(&frame)?;
            }
        }
        Ok(())
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
