//! Stones to be priced, from a frame or from a file, some at a time.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use xtream_core::dataset::{Batch, Table};
use xtream_core::{Error, Interrupt, Pipeline, Result, scoring};

use crate::arguments::type_name;
use crate::arrow_stream::{METHOD, Stream};
use crate::frame::{REQUIRED, frame, refuse};

/// Rows priced between two looks at the keyboard.
const SLICE: usize = 1 << 14;
/// Faults that are named one by one; a whole frame of nonsense need not scroll by.
const MOST_NAMED: usize = 10;

/// Where stones come from.
pub(crate) enum Rows {
    /// A frame of pandas, polars, pyarrow or any other library.
    Frame(Stream),
    /// A CSV or Parquet file.
    File(PathBuf),
}

/// Rows that are no stones, in words.
pub(crate) struct Refused(pub(crate) String);

impl Rows {
    /// A frame, or a path to a file.
    pub(crate) fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.hasattr(METHOD)? {
            return Ok(Self::Frame(Stream::of(value)?));
        }
        value.extract().map(Self::File).map_err(|_| {
            PyTypeError::new_err(format!(
                "a frame (pandas 2.2 or later, polars, pyarrow, anything with {METHOD}) or a path is \
                 needed, not {}",
                type_name(value)
            ))
        })
    }

    /// One price in US dollars a row, in order; if a single row is refused, the reasons instead.
    pub(crate) fn price(
        self,
        pipeline: &Pipeline,
        interrupt: &Interrupt,
    ) -> Result<Result<Vec<f64>, Refused>> {
        let mut prices = Prices::default();
        match self {
            Self::Frame(stream) => {
                let frame = frame(stream)?;
                for first in (0..frame.height()).step_by(SLICE) {
                    interrupt.check()?;
                    let batch = Batch::from_frame(frame.slice(first as i64, SLICE));
                    let batch = batch.map_err(|error| match error {
                        Error::Frame { source, .. } => refuse(source),
                        error => error,
                    })?;
                    // As Python counts rows: `df.iloc[0]` is the first.
                    prices.add(pipeline, &batch, |row| format!("row {}", first + row));
                }
            }
            Self::File(path) => {
                let mut table = Table::open(&path)?;
                table.require(&path, &REQUIRED)?;
                while let Some(batch) = table.next_batch()? {
                    interrupt.check()?;
                    prices.add(pipeline, &batch, |row| format!("line {}", batch.line(row)));
                }
            }
        }
        Ok(prices.finish())
    }
}

/// Prices so far, and what was wrong so far.
#[derive(Default)]
struct Prices {
    prices: Vec<f64>,
    named: Vec<String>,
    n_faults: usize,
    n_refused: usize,
    n_rows: usize,
}

impl Prices {
    fn add(&mut self, pipeline: &Pipeline, batch: &Batch, place: impl Fn(usize) -> String) {
        for (row, price) in scoring::price(pipeline, batch, 0..batch.len()).into_iter().enumerate() {
            self.n_rows += 1;
            match price {
                Ok(price) => self.prices.push(price),
                Err(faults) => {
                    self.n_refused += 1;
                    self.n_faults += faults.len();
                    let room = MOST_NAMED - self.named.len();
                    self.named
                        .extend(faults.iter().take(room).map(|fault| format!("{}: {fault}", place(row))));
                }
            }
        }
    }

    fn finish(self) -> Result<Vec<f64>, Refused> {
        if self.n_refused == 0 {
            return Ok(self.prices);
        }
        let mut text = format!("{} of {} rows are not valid diamonds", self.n_refused, self.n_rows);
        for fault in &self.named {
            text.push_str("\n  ");
            text.push_str(fault);
        }
        match self.n_faults - self.named.len() {
            0 => {}
            n => text.push_str(&format!("\n  and {n} more faults")),
        }
        Err(Refused(text))
    }
}
