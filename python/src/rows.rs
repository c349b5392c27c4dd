//! Stones to be priced, from a frame or from a file, some at a time.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use serde_json::{Value, json};
use xtream_core::dataset::{Batch, Table};
use xtream_core::diamond::{Fault, Field};
use xtream_core::scoring::{Price, Wanted, price_table};
use xtream_core::{Interrupt, Pipeline, Result};

use crate::arguments::type_name;
use crate::arrow_stream::{METHOD, Stream};
use crate::attended::attended;
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
        if value.hasattr("collect")? {
            // A query of polars is no frame yet.
            let frame = value.py().import("xtream_core._frames")?.call_method1("at_rest", (value,))?;
            if frame.hasattr(METHOD)? {
                return Ok(Self::Frame(Stream::of(&frame)?));
            }
        }
        value.extract().map(Self::File).map_err(|_| {
            PyTypeError::new_err(format!(
                "a frame (pandas 2.2 or later, polars, pyarrow, anything with {METHOD}) or a path is \
                 needed, not {}",
                type_name(value)
            ))
        })
    }

    /// The rows, and what their numbers are: as Python counts, `df.iloc[0]` is the first row of a frame;
    /// a file has lines.
    pub(crate) fn table(self) -> Result<(Table, &'static str)> {
        Ok(match self {
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
        })
    }

    /// One price in US dollars a row, in order; if a single row is refused, the reasons instead.
    pub(crate) fn price(
        self,
        pipeline: &Pipeline,
        interrupt: &Interrupt,
    ) -> Result<Result<Vec<f64>, Refused>> {
        let (mut table, place) = self.table()?;
        let (mut prices, mut faults) = (Vec::new(), Faults::default());
        let take = |(batch, found): (Batch, Vec<Price>)| {
            for (row, price) in found.into_iter().enumerate() {
                match price {
                    Ok(priced) => {
                        faults.count();
                        prices.push(priced.price_usd);
                    }
                    Err(found) => faults.add(place, batch.line(row), found),
                }
            }
            Ok(())
        };
        let work = |batch, found| Ok((batch, found));
        price_table(pipeline, Wanted::default(), &mut table, interrupt, work, take)?;
        Ok(match faults.finish() {
            None => Ok(prices),
            Some(refused) => Err(refused),
        })
    }
}

/// How many rows a frame or file has for core: reading it, and nothing else. The benchmark tells by it
/// what the border costs.
#[pyfunction(name = "_count_rows")]
pub(crate) fn count_rows(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
    let rows = Rows::from_python(data)?;
    attended(py, None, move |_, interrupt| {
        let (mut table, _) = rows.table()?;
        let mut n_rows = 0;
        while let Some(batch) = table.next_batch()? {
            interrupt.check()?;
            n_rows += batch.len();
        }
        Ok(n_rows)
    })
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
        "likely": fault.likely,
    })
}
