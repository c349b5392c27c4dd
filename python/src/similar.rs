//! The native part of `xtream_core.similar`.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xtream_core::comparables::Comparables;
use xtream_core::dataset::Table;
use xtream_core::diamond::{Cell, Field, RawDiamond};
use xtream_core::features::{PartialDiamond, Proportions};
use xtream_core::{Diamond, Error, Result};

use crate::arguments::whole;
use crate::arrow_stream::Stream;
use crate::attended::attended;
use crate::error;
use crate::frame::{REQUIRED, frame};

/// The columns that have a say: grades and weight choose, the price breaks ties.
const WANTED: [Field; 5] = [Field::Carat, Field::Cut, Field::Color, Field::Clarity, Field::Price];

/// The rows of the frame that are nearest, how far each is, and how many rows are no diamonds.
#[pyfunction(name = "_similar")]
#[pyo3(signature = (data, carat, cut, color, clarity, n))]
pub(crate) fn similar<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    carat: f64,
    cut: &str,
    color: &str,
    clarity: &str,
    n: i128,
) -> PyResult<Bound<'py, PyDict>> {
    let raise = |error: Error| error::to_python(py, &error);
    let n = whole("n", n, 1).map_err(raise)?;
    let asked = RawDiamond::from_cells(|field| match field {
        Field::Carat => Cell::Number(carat),
        Field::Cut => Cell::Text(cut),
        Field::Color => Cell::Text(color),
        Field::Clarity => Cell::Text(clarity),
        _ => Cell::Missing,
    });
    let textbook = Proportions::fit(std::iter::empty());
    let asked = textbook.complete(PartialDiamond(asked));
    let (asked, _) = asked.map_err(|faults| raise(Error::InvalidDiamond { faults }))?;
    let stream = Stream::of(data)?;
    let found = attended(py, None, move |_, interrupt| {
        let mut table = Table::over(frame(stream, &REQUIRED, &WANTED)?);
        let has_price = table.columns().iter().any(|name| Field::from_name(name) == Some(Field::Price));
        let (mut stones, mut rows, mut n_wrong) = (Vec::new(), Vec::new(), 0_u64);
        while let Some(batch) = table.next_batch()? {
            interrupt.check()?;
            for row in 0..batch.len() {
                // Without prices there are none to break a tie: all are equal.
                let price = if has_price { batch.cell(row, Field::Price) } else { Cell::Number(1.0) };
                let stone = with_stand_ins(batch.raw(row)).parse_priced(price);
                match stone {
                    Ok(stone) if is_alike(stone.diamond(), &asked) => {
                        stones.push(stone);
                        rows.push(batch.line(row));
                    }
                    Ok(_) => {}
                    Err(_) => n_wrong += 1,
                }
            }
        }
        let index = Comparables::new(stones);
        let nearest = index.nearest(asked.carat(), asked.cut(), asked.color(), asked.clarity(), n);
        let rows = nearest.iter().map(|found| rows[found.row] as i64).collect::<Vec<_>>();
        let differences = nearest.iter().map(|found| found.carat_difference).collect::<Vec<_>>();
        Result::Ok((rows, differences, n_wrong))
    })?;
    let (rows, differences, n_wrong) = found;
    let answer = PyDict::new(py);
    answer.set_item("rows", PyArray1::from_vec(py, rows))?;
    answer.set_item("carat_difference", PyArray1::from_vec(py, differences))?;
    answer.set_item("n_wrong", n_wrong)?;
    Ok(answer)
}

/// Measurements have no say in what is similar.
fn with_stand_ins(raw: RawDiamond<'_>) -> RawDiamond<'_> {
    let one = Cell::Number(1.0);
    RawDiamond { depth: one, table: one, x: one, y: one, z: one, ..raw }
}

fn is_alike(stone: &Diamond, other: &Diamond) -> bool {
    (stone.cut(), stone.color(), stone.clarity()) == (other.cut(), other.color(), other.clarity())
}
