//! Stones to be priced, from a frame or from a file, some at a time.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use serde_json::{Value, json};
use xtream_core::dataset::{Batch, Table};
use xtream_core::diamond::{Cell, Fault, Field};
use xtream_core::features::PartialDiamond;
use xtream_core::valuation::{Price, Wanted, price_table};
use xtream_core::{Interrupt, Pipeline, PricedDiamond, Result};

use crate::arguments::{type_name, unknown};
use crate::arrow_stream::{METHOD, Stream};
use crate::frame::{FEATURES, frame};
use crate::interruptible::interruptible;

/// Faults that are named one by one; a whole frame of nonsense need not scroll by.
const MOST_NAMED: usize = 10;
/// Where stones come from.
pub(crate) enum Rows {
    /// A frame of pandas, polars, pyarrow or any other library.
    Frame(Stream),
    /// A CSV or Parquet file.
    File(PathBuf),
}

/// What becomes of a row with a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFault {
    /// The whole call is refused.
    Raise,
    /// Its price is NaN.
    Nan,
}

impl OnFault {
    /// By the name that users type.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "raise" => Ok(Self::Raise),
            "nan" => Ok(Self::Nan),
            _ => Err(unknown("errors", format!("{name:?}"), "\"raise\" or \"nan\"")),
        }
    }
}

/// Prices in US dollars, one a row.
pub(crate) struct Prices {
    pub(crate) usd: Vec<f64>,
    /// Stones among them that lie beyond those that the model learned from.
    pub(crate) n_beyond: usize,
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
        // A price is what is asked for: whatever stands in such a column does not matter.
        self.table_of(&Field::CERTAIN, &FEATURES)
    }

    /// The same with prices, which must be there.
    pub(crate) fn priced_table(self) -> Result<(Table, &'static str)> {
        let required = [Field::Carat, Field::Cut, Field::Color, Field::Clarity, Field::Price];
        self.table_of(&required, &Field::ALL)
    }

    fn table_of(self, required: &[Field], wanted: &[Field]) -> Result<(Table, &'static str)> {
        Ok(match self {
            Self::Frame(stream) => (Table::over(frame(stream, required, wanted)?), "row"),
            Self::File(path) => {
                let table = Table::open(&path)?;
                table.require(&path, required)?;
                (table, "line")
            }
        })
    }

    /// One price in US dollars a row, in order; if a single row is refused and that is to be told, the reasons
    /// instead.
    pub(crate) fn price(
        self,
        pipeline: &Pipeline,
        on_fault: OnFault,
        interrupt: &Interrupt,
    ) -> Result<Result<Prices, Refused>> {
        let (mut table, place) = self.table()?;
        let (mut usd, mut n_beyond, mut faults) = (Vec::new(), 0, Faults::default());
        let take = |(batch, found): (Batch, Vec<Price>)| {
            for (row, price) in found.into_iter().enumerate() {
                match price {
                    Ok(priced) => {
                        faults.count();
                        n_beyond += usize::from(!priced.is_known);
                        usd.push(priced.price_usd);
                    }
                    Err(_) if on_fault == OnFault::Nan => usd.push(f64::NAN),
                    Err(found) => faults.add(place, batch.line(row), found),
                }
            }
            Ok(())
        };
        let work = |batch, found| Ok((batch, found));
        price_table(pipeline, Wanted::default(), &mut table, interrupt, work, take)?;
        Ok(match faults.finish() {
            None => Ok(Prices { usd, n_beyond }),
            Some(refused) => Err(refused),
        })
    }
}

impl Rows {
    /// The stones of all rows, missing measurements estimated as this model does it; with `are_priced` what they were
    /// sold for, else with a stand-in for it. If a single row is refused, the reasons instead.
    pub(crate) fn stones(
        self,
        pipeline: &Pipeline,
        are_priced: bool,
        interrupt: &Interrupt,
    ) -> Result<Result<Vec<PricedDiamond>, Refused>> {
        let (mut table, place) = if are_priced { self.priced_table()? } else { self.table()? };
        let (mut stones, mut faults) = (Vec::new(), Faults::default());
        while let Some(batch) = table.next_batch()? {
            interrupt.check()?;
            for row in 0..batch.len() {
                let price = if are_priced { batch.cell(row, Field::Price) } else { Cell::Number(1.0) };
                let stone = pipeline.complete(PartialDiamond(batch.raw(row)));
                match stone.and_then(|(stone, _)| stone.sold_at(price).map_err(|fault| vec![fault])) {
                    Ok(stone) => {
                        faults.count();
                        stones.push(stone);
                    }
                    Err(found) => faults.add(place, batch.line(row), found),
                }
            }
        }
        Ok(match faults.finish() {
            None => Ok(stones),
            Some(refused) => Err(refused),
        })
    }

    /// What the model makes of each row, in US dollars, also where no diamond can have such a price.
    pub(crate) fn numbers(
        self,
        pipeline: &Pipeline,
        interrupt: &Interrupt,
    ) -> Result<Result<Vec<f64>, Refused>> {
        let stones = self.stones(pipeline, false, interrupt)?;
        Ok(stones.map(|stones| pipeline.predict(stones.iter().map(PricedDiamond::diamond))))
    }
}

/// How many rows a frame or file has for core: reading it, and nothing else. The benchmark tells by it
/// what the border costs.
#[pyfunction(name = "_count_rows")]
pub(crate) fn count_rows(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
    let rows = Rows::from_python(data)?;
    interruptible(py, None, move |_, interrupt| {
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
        self.carried.extend(faults.iter().map(|fault| as_json(Some(number), fault)));
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
