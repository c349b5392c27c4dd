//! The native part of `xtream_core.similar`.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xtream_core::dataset::{Batch, Table};
use xtream_core::diamond::{Cell, Clarity, Color, Cut, Field, FourCs, Grade, RawDiamond};
use xtream_core::similar::SimilarIndex;
use xtream_core::{Error, Result};

use crate::arguments::{Decimal, whole};
use crate::arrow_stream::Stream;
use crate::error;
use crate::frame::frame;
use crate::interruptible::interruptible;

/// The columns that have a say: grades and weight choose, the price breaks ties.
const WANTED: [Field; 5] = [Field::Carat, Field::Cut, Field::Color, Field::Clarity, Field::Price];

/// The rows of the frame that are nearest, how far each is, and how many rows may have been of these grades
/// but cannot be read.
#[pyfunction(name = "_similar")]
#[pyo3(signature = (data, carat, cut, color, clarity, n))]
pub(crate) fn similar<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    carat: Decimal,
    cut: &str,
    color: &str,
    clarity: &str,
    n: i128,
) -> PyResult<Bound<'py, PyDict>> {
    let raise = |error: Error| error::to_python(py, &error);
    let n = whole("n", n, 1).map_err(raise)?;
    let asked = RawDiamond::from_cells(|field| match field {
        Field::Carat => Cell::Number(carat.0),
        Field::Cut => Cell::Text(cut),
        Field::Color => Cell::Text(color),
        Field::Clarity => Cell::Text(clarity),
        _ => Cell::Missing,
    });
    let asked = asked.four_cs().map_err(|faults| raise(Error::InvalidDiamond { faults }))?;
    let stream = Stream::of(data)?;
    let found = interruptible(py, None, move |_, interrupt| {
        let mut table = Table::over(frame(stream, &Field::CERTAIN, &WANTED)?);
        let has_price = table.fields().contains(&Some(Field::Price));
        let mut likenesses = Field::GRADES.map(|field| Likeness::to(&asked, field));
        let (mut stones, mut rows, mut n_wrong) = (Vec::new(), Vec::new(), 0_u64);
        while let Some(batch) = table.next_batch()? {
            interrupt.check()?;
            for row in 0..batch.len() {
                match likenesses.iter_mut().map(|likeness| likeness.of(&batch, row)).max() {
                    Some(Grades::Alike) => {}
                    Some(Grades::Wrong) => {
                        n_wrong += 1;
                        continue;
                    }
                    _ => continue,
                }
                // Without prices there are none to break a tie: all are equal.
                let price = if has_price { batch.cell(row, Field::Price) } else { Cell::Number(1.0) };
                match with_stand_ins(batch.raw(row)).parse_priced(price) {
                    Ok(stone) => {
                        stones.push(stone);
                        rows.push(batch.line(row));
                    }
                    Err(_) => n_wrong += 1,
                }
            }
        }
        let index = SimilarIndex::new(stones);
        let nearest = index.nearest(asked, n);
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

/// What a row's grades say; the worst of the three counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grades {
    Alike,
    Other,
    Wrong,
}

/// Compares one grade of many rows with that of one stone. A column holds few different texts, so each is
/// read once and remembered.
struct Likeness {
    field: Field,
    asked: Option<usize>,
    known: Vec<(String, Grades)>,
}

/// Different texts that are remembered; a column of nonsense must not fill the memory.
const MOST_KNOWN: usize = 64;

impl Likeness {
    fn to(asked: &FourCs, field: Field) -> Self {
        Self { field, asked: asked.rank(field), known: Vec::new() }
    }

    fn of(&mut self, batch: &Batch, row: usize) -> Grades {
        let Cell::Text(text) = batch.cell(row, self.field) else { return Grades::Wrong };
        if let Some((_, grades)) = self.known.iter().find(|(known, _)| known == text) {
            return *grades;
        }
        let rank = match self.field {
            Field::Cut => Cut::parse(text).map(Cut::rank),
            Field::Color => Color::parse(text).map(Color::rank),
            _ => Clarity::parse(text).map(Clarity::rank),
        };
        let grades = match rank {
            Err(_) => Grades::Wrong,
            Ok(rank) if Some(rank) == self.asked => Grades::Alike,
            Ok(_) => Grades::Other,
        };
        if self.known.len() < MOST_KNOWN {
            self.known.push((text.to_owned(), grades));
        }
        grades
    }
}
