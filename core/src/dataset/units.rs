//! Numbers in another unit than ours: weights in points, lengths in cm; `price_units` has prices. One number of them is
//! a typing error; here the middle of a column tells.

use std::ops::Range;

use serde::Serialize;

use crate::diamond::{CARAT_PER_MM3, Cell, Field, number};
use crate::error::Error;
use crate::math::cbrt;

use super::Batch;

/// A column whose numbers look as if they had another unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuspectUnit {
    /// The column.
    pub field: Field,
    /// How many times too large its numbers are, about.
    pub factor: f64,
    /// What its numbers look like, in words.
    pub reason: String,
    /// What is expected in their place.
    pub allowed: &'static str,
}

/// A weight in the middle of a delivery that is heavier than this is none in carat.
const HEAVIEST_MIDDLE_CARAT: f64 = 20.0;
/// Length in mm of a round stone of one carat; that of others grows with the cube root of their weight.
const LENGTH_OF_ONE_CARAT: f64 = 6.45;
/// Rows that are looked at together: a file may have been put together from several.
const STRETCH: usize = 1 << 11;
/// So few rows may be wrong in most of them without being in another unit.
pub(super) const FEWEST: usize = 20;
/// Rows of a stretch further down that are looked at: their middle is near that of all.
const MOST_OF_A_STRETCH: usize = 32;

/// Columns of features that look as if they had another unit, by the middle of the numbers that can be read: of the
/// first rows of a file, and of each stretch further down.
pub(super) fn suspects(batch: &Batch, is_further_down: bool) -> Vec<SuspectUnit> {
    let mut found: Vec<SuspectUnit> = Vec::new();
    for first in (0..batch.len()).step_by(STRETCH) {
        let rows = first..batch.len().min(first + STRETCH);
        if first == 0 && !is_further_down {
            found = suspects_among(batch, rows, 1);
        } else if rows.len() >= FEWEST {
            let every = rows.len().div_ceil(MOST_OF_A_STRETCH);
            for suspect in suspects_among(batch, rows, every) {
                if found.iter().all(|known| known.field != suspect.field) {
                    let reason = format!("from line {} on {}", batch.line(first), suspect.reason);
                    found.push(SuspectUnit { reason, ..suspect });
                }
            }
        }
    }
    found
}

fn suspects_among(batch: &Batch, rows: Range<usize>, every: usize) -> Vec<SuspectUnit> {
    let rows: Vec<Numbers> = rows.step_by(every).map(|row| Numbers::of(batch, row)).collect();
    let middle = |of: &dyn Fn(&Numbers) -> Option<f64>| median(rows.iter().filter_map(of).collect());
    let column = |field: Field| middle(&|row| row.of_field(field));
    let by_size = middle(&|row| {
        let [x, y, z] = row.lengths;
        Some(row.carat? / (CARAT_PER_MM3 * x? * y? * z?))
    });
    let mut found = Vec::new();
    let mut add = |field, factor, middle: f64, looks_like: &str, allowed| {
        let reason = format!("its middle number is {middle}, which looks like {looks_like}");
        found.push(SuspectUnit { field, factor, reason, allowed });
    };
    let carat = column(Field::Carat);
    if let Some(carat) = carat {
        match by_size {
            Some(ratio) if is_about(ratio, 100.0) => {
                add(
                    Field::Carat,
                    100.0,
                    carat,
                    "points (a hundredth of a carat each)",
                    "the weight in carat",
                );
            }
            Some(ratio) if is_about(ratio, 200.0) => {
                add(Field::Carat, 200.0, carat, "milligrams (200 to a carat)", "the weight in carat");
            }
            Some(ratio) if is_about(ratio, 0.2) => {
                add(Field::Carat, 0.2, carat, "grams (a fifth of a gram is a carat)", "the weight in carat");
            }
            None if carat > HEAVIEST_MIDDLE_CARAT => {
                let looks_like = format!(
                    "points (then it is {} ct) or milligrams (then it is {} ct)",
                    carat / 100.0,
                    carat / 200.0
                );
                add(Field::Carat, 100.0, carat, &looks_like, "the weight in carat");
            }
            _ => {}
        }
    }
    for field in [Field::X, Field::Y, Field::Z] {
        // The height of a round stone is three fifths of its width.
        let share = if field == Field::Z { 0.618 } else { 1.0 };
        let ratio =
            middle(&|row| Some(row.of_field(field)? / (share * LENGTH_OF_ONE_CARAT * row.cube_root?)));
        let length = column(field).unwrap_or_default();
        match ratio {
            Some(ratio) if is_about(ratio, 0.1) => add(field, 0.1, length, "cm", "the length in mm"),
            Some(ratio) if is_about(ratio, 1.0 / 25.4) => {
                add(field, 1.0 / 25.4, length, "inches (25.4 mm each)", "the length in mm");
            }
            _ => {}
        }
    }
    match column(Field::Depth) {
        Some(depth) if (1.2..12.0).contains(&depth) => {
            let allowed = "the depth in percent of the width, such as 62.1; a height in mm is the column z";
            add(Field::Depth, depth / 62.0, depth, "the height in mm", allowed);
        }
        Some(depth) if (0.4..0.9).contains(&depth) => {
            let allowed =
                "the depth in percent, such as 62.1 (a cell of Excel in the format Percentage holds 0.621)";
            add(Field::Depth, 0.01, depth, "a share and no percentage", allowed);
        }
        _ => {}
    }
    match column(Field::Table) {
        Some(table) if (0.4..0.9).contains(&table) => {
            let allowed =
                "the table in percent, such as 57 (a cell of Excel in the format Percentage holds 0.57)";
            add(Field::Table, 0.01, table, "a share and no percentage", allowed);
        }
        _ => {}
    }
    found
}

/// The numbers of a row that can be read.
struct Numbers {
    carat: Option<f64>,
    /// Of its weight.
    cube_root: Option<f64>,
    depth: Option<f64>,
    table: Option<f64>,
    lengths: [Option<f64>; 3],
}

impl Numbers {
    fn of(batch: &Batch, row: usize) -> Self {
        let value = |field: Field| match batch.cell(row, field) {
            Cell::Missing => None,
            cell => number(field, cell).ok(),
        };
        let carat = value(Field::Carat);
        let lengths = [Field::X, Field::Y, Field::Z].map(value);
        let cube_root = carat.map(cbrt);
        Self { carat, cube_root, depth: value(Field::Depth), table: value(Field::Table), lengths }
    }

    fn of_field(&self, field: Field) -> Option<f64> {
        match field {
            Field::Carat => self.carat,
            Field::Depth => self.depth,
            Field::Table => self.table,
            Field::X => self.lengths[0],
            Field::Y => self.lengths[1],
            Field::Z => self.lengths[2],
            _ => None,
        }
    }
}

/// Within a quarter.
fn is_about(number: f64, wanted: f64) -> bool {
    (0.75 * wanted..=1.25 * wanted).contains(&number)
}

pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    if numbers.is_empty() {
        return None;
    }
    let middle = numbers.len() / 2;
    Some(*numbers.select_nth_unstable_by(middle, f64::total_cmp).1)
}

impl SuspectUnit {
    /// The refusal of a delivery for its sake; `remedy` says how it is read all the same.
    pub(super) fn refused(&self, path: &std::path::Path, remedy: &str) -> Error {
        Error::Malformed {
            path: path.into(),
            line: None,
            reason: format!("the column {} seems to have another unit: {}", self.field, self.reason),
            allowed: format!("{}{remedy}", self.allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use polars::prelude::{Column, DataFrame};

    use super::*;

    /// Stones of 0.3, 0.71 and 1.5 ct, each number times what `times` says of its column.
    fn batch(times: impl Fn(Field) -> f64) -> Batch {
        let stones = [
            [0.3, 61.0, 57.0, 4.31, 4.33, 2.64],
            [0.71, 61.8, 56.0, 5.72, 5.75, 3.54],
            [1.5, 62.5, 58.0, 7.31, 7.35, 4.58],
        ];
        let fields = [Field::Carat, Field::Depth, Field::Table, Field::X, Field::Y, Field::Z];
        let column = |(place, field): (usize, &Field)| {
            let numbers: Vec<f64> = stones.iter().map(|stone| stone[place] * times(*field)).collect();
            Column::new(field.name().into(), numbers)
        };
        Batch::from_frame(DataFrame::new(3, fields.iter().enumerate().map(column).collect()).unwrap())
            .unwrap()
    }

    fn named(times: impl Fn(Field) -> f64) -> Vec<Field> {
        suspects(&batch(times), false).iter().map(|suspect| suspect.field).collect()
    }

    #[test]
    fn columns_in_other_units_are_named_and_no_others() {
        use crate::diamond::Field::{Carat, Depth, Table, X, Y, Z};
        assert_eq!(named(|_| 1.0), []);
        for factor in [100.0, 200.0, 0.2] {
            assert_eq!(named(|field| if field == Carat { factor } else { 1.0 }), [Carat], "{factor}");
        }
        let is_length = |field| matches!(field, X | Y | Z);
        for factor in [0.1, 1.0 / 25.4] {
            assert_eq!(named(|field| if is_length(field) { factor } else { 1.0 }), [X, Y, Z], "{factor}");
        }
        assert_eq!(named(|field| if matches!(field, Depth | Table) { 0.01 } else { 1.0 }), [Depth, Table]);
        assert_eq!(named(|field| if field == Depth { 3.97 / 62.0 } else { 1.0 }), [Depth]);
    }
}
