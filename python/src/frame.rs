//! From a stream of Arrow arrays to a frame that core reads: the columns of ours, in types that the
//! rest of the workspace has polars built for.

use polars::prelude::*;
use polars_arrow::array::{
    ArrayRef, BooleanArray, NullArray, PrimitiveArray, StructArray, Utf8ViewArray, new_empty_array,
};
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField};
use polars_arrow::types::NativeType;
use polars_utils::float16::pf16;
use pyo3::prelude::*;
use xtream_core::dataset::{Frame, Reading, fields_of, has, nearly_named};
use xtream_core::diamond::{Field, decimal_of_f16};
use xtream_core::{Error, Result};

use crate::arrow_stream::Stream;

const ALLOWED: &str = "a frame with columns of text and numbers: carat, cut, color, clarity and, to learn \
                       from it, depth, table, price, x, y, z";
/// What a frame is called in messages.
pub(crate) const NAME: &str = "the frame";

/// The columns of ours that the stream has, `wanted` ones only; `required` ones must be there. All
/// others are left aside unread, whatever their type.
pub(crate) fn frame(stream: Stream, required: &[Field], wanted: &[Field]) -> Result<Frame> {
    let (columns, batches) = stream.read().map_err(refuse)?;
    let mut extra_columns = Vec::new();
    let mut chosen: Vec<Option<usize>> = vec![None; Field::N_COLUMNS];
    let fields = fields_of(columns.iter().map(|column| column.name.as_str()), &Reading::default());
    for (index, (column, field)) in columns.iter().zip(fields.iter().copied()).enumerate() {
        let is_wanted = |field: &Field| wanted.contains(field) || Field::BESIDE.contains(field);
        let Some(field) = field.filter(is_wanted).filter(|field| !is_left_aside(*field, column)) else {
            extra_columns.push(column.name.to_string());
            continue;
        };
        if let Some(other) = chosen[field as usize].replace(index) {
            return Err(unusable(
                format!("{:?} and {:?} are the same column twice", columns[other].name, column.name),
                "each column once".into(),
            ));
        }
    }
    let there: Vec<_> = fields
        .iter()
        .enumerate()
        .filter(|(index, _)| chosen.contains(&Some(*index)))
        .map(|(_, field)| *field)
        .collect();
    let missing: Vec<_> =
        required.iter().filter(|field| !has(&there, **field)).map(|field| field.name()).collect();
    if !missing.is_empty() {
        let found = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(unusable(
            format!("no column {}; the columns found are {found}", missing.join(", ")),
            ALLOWED.into(),
        ));
    }
    let unknown = columns.iter().zip(&fields).filter(|(_, field)| field.is_none());
    let mut nearly = nearly_named(&there, unknown.map(|(column, _)| column.name.as_str()));
    if let Some((field, name)) = nearly.find(|(field, _)| wanted.contains(field)) {
        return Err(unusable(
            format!("no column {field}, and one called {name:?}"),
            format!(
                "{name:?} renamed to {:?} if that is what it means, and left out if it is not",
                field.name()
            ),
        ));
    }
    let n_rows = batches.iter().map(|batch| batch.len()).sum();
    let is_beside = |index: usize| fields[index].is_some_and(|field| Field::BESIDE.contains(&field));
    let chosen = chosen.into_iter().flatten();
    let series = chosen.map(|index| series(&columns[index], index, &batches, is_beside(index)));
    let series = series.collect::<Result<Vec<_>>>()?;
    let rows = DataFrame::new(n_rows, series).map_err(refuse)?;
    Ok(Frame { name: NAME.into(), rows, extra_columns })
}

/// A column that is no feature and of a type that says nothing, such as a list.
fn is_left_aside(field: Field, column: &ArrowField) -> bool {
    let is_plain =
        |kind: &ArrowDataType| is_text(kind) || kind.is_numeric() || *kind == ArrowDataType::Boolean;
    let is_plain = match column.dtype() {
        ArrowDataType::Dictionary(_, values, _) => is_text(values) || **values == ArrowDataType::Null,
        ArrowDataType::Null => true,
        other => is_plain(other),
    };
    Field::BESIDE.contains(&field) && !is_plain
}

/// Whether a column of that name means something to us.
#[pyfunction(name = "_is_column")]
pub(crate) fn is_column(name: &str) -> bool {
    fields_of(std::iter::once(name), &Reading::default()) != [None]
}

/// polars' complaint about a frame, as the fault of the frame.
pub(crate) fn refuse(error: PolarsError) -> Error {
    unusable(error.to_string(), ALLOWED.into())
}

fn unusable(reason: String, allowed: String) -> Error {
    Error::Malformed { path: NAME.into(), line: None, reason, allowed }
}

/// `is_beside` where the column is no feature: then it may say yes or no.
fn series(column: &ArrowField, index: usize, batches: &[StructArray], is_beside: bool) -> Result<Column> {
    let mut chunks: Vec<_> = batches.iter().map(|batch| batch.values()[index].clone()).collect();
    if chunks.is_empty() {
        chunks.push(new_empty_array(column.dtype().clone()));
    }
    let known = |chunk: &ArrayRef| match chunk.dtype() {
        ArrowDataType::Boolean if is_beside => Ok(words(chunk)),
        _ => known(&column.name, chunk),
    };
    let chunks = chunks.iter().map(known).collect::<Result<Vec<_>>>()?;
    Ok(Series::try_from((column.name.clone(), chunks)).map_err(refuse)?.into_column())
}

/// The array in a type that polars knows without features that we do not have: over others it panics.
fn known(name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    use ArrowDataType as Type;
    match array.dtype() {
        // A float holds each of these exactly.
        Type::Int8 => Ok(floats(array, |number: i8| number.into())),
        Type::Int16 => Ok(floats(array, |number: i16| number.into())),
        Type::UInt8 => Ok(floats(array, |number: u8| number.into())),
        Type::UInt16 => Ok(floats(array, |number: u16| number.into())),
        Type::Float16 => Ok(floats(array, |number: pf16| decimal_of_f16(number.0.to_f64()))),
        Type::Decimal32(_, scale) => Ok(floats(array, |digits: i32| decimal(digits.into(), *scale))),
        Type::Decimal64(_, scale) => Ok(floats(array, |digits: i64| decimal(digits.into(), *scale))),
        Type::Decimal(_, scale) => Ok(floats(array, |digits: i128| decimal(digits, *scale))),
        Type::Int32 | Type::Int64 | Type::UInt32 | Type::UInt64 => Ok(array.clone()),
        Type::Float32 | Type::Float64 | Type::Null => Ok(array.clone()),
        text if is_text(text) => Ok(array.clone()),
        Type::Dictionary(_, values, _) if is_text(values) => Ok(array.clone()),
        // What pandas makes of a category that nothing belongs to.
        Type::Dictionary(_, values, _) if **values == Type::Null => {
            Ok(NullArray::new(Type::Null, array.len()).boxed())
        }
        other => Err(unusable(
            format!("column {name} is of type {other:?}"),
            "integers, floats, decimals, text, and categories of text".into(),
        )),
    }
}

fn is_text(dtype: &ArrowDataType) -> bool {
    matches!(dtype, ArrowDataType::Utf8 | ArrowDataType::LargeUtf8 | ArrowDataType::Utf8View)
}

/// Yes or no in words.
fn words(array: &ArrayRef) -> ArrayRef {
    match array.as_any().downcast_ref::<BooleanArray>() {
        Some(values) => {
            let word = |value: Option<bool>| value.map(|is_true| if is_true { "yes" } else { "no" });
            Utf8ViewArray::from_slice(values.iter().map(word).collect::<Vec<_>>()).boxed()
        }
        None => array.clone(),
    }
}

fn floats<T: NativeType>(array: &ArrayRef, float: impl Fn(T) -> f64) -> ArrayRef {
    match array.as_any().downcast_ref::<PrimitiveArray<T>>() {
        Some(numbers) => {
            let values = numbers.values_iter().map(|number| float(*number)).collect();
            PrimitiveArray::<f64>::from_vec(values).with_validity(numbers.validity().cloned()).boxed()
        }
        None => array.clone(),
    }
}

/// The float nearest to so many digits, of which `scale` stand behind the point.
fn decimal(digits: i128, scale: usize) -> f64 {
    /// Up to these the quotient of two exact numbers is the nearest number there is.
    const MOST_DIGITS: u128 = 1 << 53;
    const MOST_PLACES: usize = 22;
    if digits.unsigned_abs() <= MOST_DIGITS && scale <= MOST_PLACES {
        return digits as f64 / 10_f64.powi(scale as i32);
    }
    format!("{digits}e-{scale}").parse().unwrap_or(f64::NAN)
}
