//! One stone, one price, whatever type of number it came in: every public stone as 64, 32 and 16-bit numbers, as
//! text, as decimals and with the noise that calculating with binary numbers leaves.

use polars::prelude::*;
use xtream_core::dataset::{Batch, Frame, Source, Split, Table, stone_fingerprint};
use xtream_core::diamond::{Cell, Field, RawDiamond, decimal_of_f16};
use xtream_core::progress::Silent;
use xtream_core::{Interrupt, PricedDiamond};

use crate::helpers;

const NUMBERS: [Field; 7] =
    [Field::Carat, Field::Depth, Field::Table, Field::Price, Field::X, Field::Y, Field::Z];

fn public() -> DataFrame {
    let mut table = Table::open(&helpers::public(), &Default::default()).unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = table.next_batch().unwrap() {
        rows.push(batch.into_frame().unwrap());
    }
    let mut all = rows.remove(0);
    for more in &rows {
        all.vstack_mut(more).unwrap();
    }
    all
}

/// The frame with each of its numbers made something else.
fn with_numbers(frame: &DataFrame, change: impl Fn(&Column, Field) -> Column) -> DataFrame {
    let mut changed = frame.clone();
    for field in NUMBERS {
        let column = frame.column(field.name()).unwrap().cast(&DataType::Float64).unwrap();
        changed.with_column(change(&column, field)).unwrap();
    }
    changed
}

fn each_number(column: &Column, change: impl Fn(f64) -> f64 + Copy) -> Column {
    column.f64().unwrap().apply_values(change).into_column()
}

/// Each row as a stone with its price; `None` of those that are none.
fn stones(frame: DataFrame) -> Vec<Option<PricedDiamond>> {
    let batch = Batch::from_frame(frame).unwrap();
    (0..batch.len()).map(|row| batch.raw(row).parse_priced(batch.cell(row, Field::Price)).ok()).collect()
}

/// The number of 16 bits that is nearest.
fn in_16_bits(value: f64) -> f64 {
    let unit = 2_f64.powi(value.log2().floor() as i32 - 10);
    (value / unit).round_ties_even() * unit
}

#[test]
fn a_public_stone_is_the_same_in_every_type_of_number() {
    let public = public();
    let expected = stones(with_numbers(&public, |column, _| column.clone()));
    assert_eq!(expected.iter().flatten().count(), 53_920);
    let decimals = |column: &Column, field: Field| {
        let scale = if field == Field::Price { 0 } else { 2 };
        column.cast(&DataType::Decimal(12, scale)).unwrap()
    };
    let types: [(&str, DataFrame); 7] = [
        ("as they stand in the file", public.clone()),
        ("32 bits", with_numbers(&public, |column, _| column.cast(&DataType::Float32).unwrap())),
        ("text", with_numbers(&public, |column, _| column.cast(&DataType::String).unwrap())),
        ("decimals", with_numbers(&public, decimals)),
        ("one step above", with_numbers(&public, |column, _| each_number(column, f64::next_up))),
        ("one step below", with_numbers(&public, |column, _| each_number(column, f64::next_down))),
        ("a difference", with_numbers(&public, |column, _| each_number(column, |n| (n + 0.3) - 0.3))),
    ];
    let split = Split::default();
    for (name, frame) in types {
        let found = stones(frame);
        assert_eq!(found.len(), expected.len());
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "{name}, row {row}");
            let Some((found, expected)) = found.as_ref().zip(expected.as_ref()) else { continue };
            let print = |stone: &PricedDiamond| stone_fingerprint(stone.diamond(), 42);
            assert_eq!(print(found), print(expected), "{name}, row {row}");
            assert_eq!(split.is_test(found.diamond()), split.is_test(expected.diamond()));
            assert_eq!(found.price_usd().to_bits(), expected.price_usd().to_bits());
        }
    }
}

#[test]
fn a_number_that_fits_into_16_bits_comes_back_from_there() {
    let public = public();
    for field in NUMBERS {
        // The last place of the public data.
        let unit = match field {
            Field::Price => 1.0,
            Field::Depth | Field::Table => 0.1,
            _ => 0.01,
        };
        let column = public.column(field.name()).unwrap().cast(&DataType::Float64).unwrap();
        let numbers = column.f64().unwrap().iter().flatten().filter(|number| *number > 0.0);
        let mut n_fit = 0;
        for number in numbers {
            let half = in_16_bits(number);
            let distance = 2_f64.powi(number.log2().floor() as i32 - 10);
            if distance < unit {
                n_fit += 1;
                assert_eq!(decimal_of_f16(half), number, "{field} {half}");
            }
        }
        assert!(n_fit > 10_000, "{field}: {n_fit}");
    }
}

#[test]
fn a_step_of_prices_is_reached_however_its_weight_was_calculated() {
    let carat = |carat: f64| {
        let raw = RawDiamond::from_cells(|field| match field {
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text("G"),
            Field::Clarity => Cell::Text("VS2"),
            Field::Carat => Cell::Number(carat),
            _ => Cell::Number(5.0),
        });
        raw.parse().unwrap().carat()
    };
    assert_eq!(carat(1.2 - 0.3), 0.9);
    assert_eq!(carat(f64::from(0.7_f32)), 0.7);
    assert_eq!(carat(0.9004), 0.9);
    assert_eq!(carat(0.8994), 0.899, "a weight that was measured is not moved over a step");
}

#[test]
fn a_sale_in_two_types_of_number_is_one_sale() {
    let public = public();
    let frame = |name: &str, to: DataType| Frame {
        name: name.into(),
        rows: with_numbers(&public, |column, _| column.cast(&to).unwrap()),
        extra_columns: Vec::new(),
    };
    let read = |frames: Vec<Frame>| {
        let source = Source { frames, ..Source::default() };
        source.read(&mut std::io::sink(), &Silent, &Interrupt::default()).unwrap()
    };
    let one = read(vec![frame("64 bits", DataType::Float64)]);
    let both = read(vec![frame("64 bits", DataType::Float64), frame("32 bits", DataType::Float32)]);
    assert_eq!(both.dataset, one.dataset);
}
