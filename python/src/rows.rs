//! Stones to be priced, from a frame or from a file, some at a time.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use serde_json::{Value, json};
use xtream_core::dataset::{Batch, Table};
use xtream_core::diamond::{Fault, Field};
use xtream_core::{Interrupt, Pipeline, Result, scoring};

use crate::arguments::type_name;
use crate::arrow_stream::{METHOD, Stream};
use crate::frame::{REQUIRED, frame};

/// Faults that are named one by one; a whole frame of nonsense need not scroll by.
const MOST_NAMED: usize = 10;
/// Faults that the exception carries for whoever wants to look at them.
const MOST_CARRIED: usize = 1000;

/// Where stones come from.
pub(crate) enum Rows {
    /// A frame of pandas, polars, pyarrow or any other library.
    Frame(Stream),
    /// A CSV or Parquet file.
    File(PathBuf),
}

/// Rows that are no stones: in words, and one by one.
pub(crate) struct Refused {
    pub(crate) text: String,
    pub(crate) faults: Value,
}

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
        // As Python counts rows, `df.iloc[0]` is the first; a file has lines.
        let (mut table, place) = match self {
            Self::Frame(stream) => {
                // A price is what is asked for: whatever stands in such a column does not matter.
                let wanted: Vec<_> = Field::ALL.into_iter().filter(|field| *field != Field::Price).collect();
                (Table::over(frame(stream, &REQUIRED, &wanted)?), "row")
            }
            Self::File(path) => {
                let table = Table::open(&path)?;
                table.require(&path, &REQUIRED)?;
                (table, "line")
            }
        };
        let (mut prices, mut faults) = (Vec::new(), Faults::default());
        while let Some(batch) = table.next_batch()? {
            interrupt.check()?;
            price(pipeline, &batch, place, &mut prices, &mut faults);
        }
        Ok(match faults.finish() {
            None => Ok(prices),
            Some(refused) => Err(refused),
        })
    }
}

fn price(
    pipeline: &Pipeline,
    batch: &Batch,
    place: &'static str,
    prices: &mut Vec<f64>,
    faults: &mut Faults,
) {
    for (row, price) in scoring::price(pipeline, batch, 0..batch.len()).into_iter().enumerate() {
        match price {
            Ok(price) => {
                faults.count();
                prices.push(price);
            }
            Err(found) => faults.add(place, batch.line(row), found),
        }
    }
}

/// What was wrong so far.
#[derive(Default)]
pub(crate) struct Faults {
    named: Vec<String>,
    carried: Vec<Value>,
    n_faults: usize,
    n_refused: usize,
    n_rows: usize,
}

impl Faults {
    /// Counts a row without fault.
    pub(crate) fn count(&mut self) {
        self.n_rows += 1;
    }

    /// Adds the faults of a row, `number` in its frame ("row") or file ("line").
    pub(crate) fn add(&mut self, place: &'static str, number: u64, faults: Vec<Fault>) {
        self.n_rows += 1;
        self.n_refused += 1;
        self.n_faults += faults.len();
        let room = MOST_NAMED - self.named.len();
        self.named.extend(faults.iter().take(room).map(|fault| format!("{place} {number}: {fault}")));
        let room = MOST_CARRIED - self.carried.len();
        self.carried.extend(faults.iter().take(room).map(|fault| as_json(Some(number), fault)));
    }

    /// What is to be said; `None` when nothing was wrong.
    pub(crate) fn finish(self) -> Option<Refused> {
        if self.n_refused == 0 {
            return None;
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
        Some(Refused { text, faults: Value::Array(self.carried) })
    }
}

/// A fault as the exception carries it; `row` is none where a single stone was given.
pub(crate) fn as_json(row: Option<u64>, fault: &Fault) -> Value {
    json!({
        "row": row,
        "field": fault.field,
        "value": fault.value,
        "reason": fault.reason,
        "allowed": fault.allowed,
    })
}
