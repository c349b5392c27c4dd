//! Stones to be priced, from a frame or from a file, some at a time.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use xtream_core::dataset::{Batch, Table};
use xtream_core::diamond::{Cell, Field};
use xtream_core::valuation::{Options, Refusal, Valued, value_table};
use xtream_core::{Interrupt, Pipeline, PricedDiamond, Result};

use crate::arguments::{type_name, unknown};
use crate::arrow_stream::{METHOD, Stream};
use crate::faults::{Faults, Refused};
use crate::file::FileArgument;
use crate::frame::frame;
use crate::interruptible::interruptible;

/// Where stones come from.
pub(crate) enum Rows {
    /// A frame of pandas, polars, pyarrow or any other library.
    Frame(Stream),
    /// A file.
    File(FileArgument),
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
        FileArgument::from_python(value).map(Self::File).map_err(|error| {
            if error.is_instance_of::<PyValueError>(value.py()) {
                return error;
            }
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
        self.table_of(&Field::CERTAIN, &Field::FEATURES)
    }

    /// The same with prices, which must be there.
    pub(crate) fn priced_table(self) -> Result<(Table, &'static str)> {
        self.table_of(&Field::OF_A_SALE, &Field::ALL)
    }

    fn table_of(self, required: &[Field], wanted: &[Field]) -> Result<(Table, &'static str)> {
        Ok(match self {
            Self::Frame(stream) => (Table::over(frame(stream, required, wanted)?), "row"),
            Self::File(FileArgument { path, reading }) => {
                let table = Table::open(&path, &reading)?;
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
        let work = |batch: Batch, found: Vec<Valued>| {
            let in_short = |(row, value): (usize, Valued)| match value {
                Ok(priced) => Ok((priced.price_usd, priced.is_known)),
                Err(refusal) => Err((batch.line(row), refusal)),
            };
            Ok(found.into_iter().enumerate().map(in_short).collect::<Vec<_>>())
        };
        let take = |found: Vec<std::result::Result<(f64, bool), (u64, Refusal)>>| {
            for value in found {
                match value {
                    Ok((price_usd, is_known)) => {
                        faults.count();
                        n_beyond += usize::from(!is_known);
                        usd.push(price_usd);
                    }
                    Err(_) if on_fault == OnFault::Nan => usd.push(f64::NAN),
                    Err((line, refusal)) => faults.add(place, line, Refusal::into_faults(refusal)),
                }
            }
            Ok(())
        };
        value_table(pipeline, &Options::PRICE_ALONE, &mut table, interrupt, work, take)?;
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
                let stone = pipeline.complete(&batch.raw(row));
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
