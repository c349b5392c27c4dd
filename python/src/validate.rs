//! The native part of `xtream_core.validate`.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use xtream_core::PricedDiamond;
use xtream_core::dataset::{FaultyRow, Validation};
use xtream_core::diamond::Field;

use crate::error;
use crate::interruptible::interruptible;
use crate::sources::{Sources, policy, source};
use crate::to_python::to_python;

/// Every row's fate, as plain lists and arrays: the package makes frames of them.
#[pyfunction(name = "_validate")]
pub(crate) fn validate<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    suspect: &str,
    duplicates: &str,
    unpriced: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let policy = policy(suspect, duplicates, unpriced).map_err(|error| error::to_python(py, &error))?;
    let sources = Sources::from_python("data", data)?;
    let found = interruptible(py, None, move |progress, interrupt| {
        source(sources, Sources::default(), policy)?.validate(progress, interrupt)
    })?;
    let report = PyDict::new(py);
    report.set_item("counts", to_python(py, &json!(found.counts))?)?;
    report.set_item("files", to_python(py, &json!(found.files))?)?;
    report.set_item("kept_rows", rows(py, &found.kept_rows))?;
    report.set_item("duplicate_rows", rows(py, &found.duplicate_rows))?;
    report
        .set_item("refused_rows", rows(py, &found.refused.iter().map(|row| row.row).collect::<Vec<_>>()))?;
    report.set_item("faults", faults(py, &found.refused)?)?;
    report.set_item("doubts", faults(py, &found.doubtful)?)?;
    report.set_item("refused", refused(py, &found)?)?;
    let stones = kept(py, &found.kept)?;
    if unpriced {
        stones.del_item(Field::Price.name())?;
    }
    report.set_item("kept", stones)?;
    Ok(report)
}

fn rows<'py>(py: Python<'py>, numbers: &[u64]) -> Bound<'py, PyArray1<i64>> {
    PyArray1::from_iter(py, numbers.iter().map(|row| *row as i64))
}

/// One line a fault.
fn faults<'py>(py: Python<'py>, rows_at_fault: &[FaultyRow]) -> PyResult<Bound<'py, PyDict>> {
    let each = || rows_at_fault.iter().flat_map(|row| row.faults.iter().map(move |fault| (row, fault)));
    let columns = PyDict::new(py);
    columns.set_item("file", each().map(|(row, _)| row.file.to_string_lossy()).collect::<Vec<_>>())?;
    columns.set_item("line", rows(py, &each().map(|(row, _)| row.line).collect::<Vec<_>>()))?;
    columns.set_item("row", rows(py, &each().map(|(row, _)| row.row).collect::<Vec<_>>()))?;
    columns.set_item("column", each().map(|(_, fault)| fault.field.name()).collect::<Vec<_>>())?;
    columns.set_item("value", each().map(|(_, fault)| &*fault.value).collect::<Vec<_>>())?;
    columns.set_item("severity", each().map(|(_, fault)| fault.severity.name()).collect::<Vec<_>>())?;
    columns.set_item("reason", each().map(|(_, fault)| &*fault.reason).collect::<Vec<_>>())?;
    columns.set_item("allowed", each().map(|(_, fault)| &*fault.allowed).collect::<Vec<_>>())?;
    let likely = each().map(|(_, fault)| fault.likely.as_ref().and_then(|likely| likely.of(fault.field)));
    columns.set_item("likely", PyArray1::from_iter(py, likely.map(|value| value.unwrap_or(f64::NAN))))?;
    Ok(columns)
}

/// The rows refused, as written.
fn refused<'py>(py: Python<'py>, found: &Validation) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    let files = found.refused.iter().map(|row| row.file.to_string_lossy());
    columns.set_item("file", files.collect::<Vec<_>>())?;
    columns.set_item("line", rows(py, &found.refused.iter().map(|row| row.line).collect::<Vec<_>>()))?;
    for field in Field::ALL {
        let cells = found.refused.iter().map(|row| row.cells[field as usize].as_deref());
        columns.set_item(field.name(), cells.collect::<Vec<_>>())?;
    }
    Ok(columns)
}

/// Stones as columns; NaN for measurements that nobody made.
pub(crate) fn kept<'py>(py: Python<'py>, stones: &[PricedDiamond]) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    for field in Field::ALL {
        let grades: Option<Vec<&str>> = match field {
            Field::Cut => Some(stones.iter().map(|stone| label(stone.diamond().cut())).collect()),
            Field::Color => Some(stones.iter().map(|stone| label(stone.diamond().color())).collect()),
            Field::Clarity => Some(stones.iter().map(|stone| label(stone.diamond().clarity())).collect()),
            _ => None,
        };
        let number = |stone: &PricedDiamond| match field {
            Field::Price => stone.price_usd(),
            _ => stone.diamond().measured(field).unwrap_or(f64::NAN),
        };
        match grades {
            Some(grades) => columns.set_item(field.name(), grades)?,
            None => {
                let numbers: Vec<_> = stones.iter().map(number).collect();
                columns.set_item(field.name(), PyArray1::from_vec(py, numbers))?;
            }
        }
    }
    Ok(columns)
}

fn label(grade: impl xtream_core::diamond::Grade) -> &'static str {
    grade.label()
}
