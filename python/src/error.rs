//! The only place that makes Python exceptions of core's errors.

use std::io::ErrorKind;

use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyLookupError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use serde_json::Value;
use xtream_core::Error;

use crate::faults::{Refused, as_json};
use crate::to_python::to_python as as_python;

/// The exceptions. They are made by calling `type`, because a class that is both an `XtreamError`
/// and a `ValueError` needs two bases, which pyo3's own macros cannot give.
struct Exceptions {
    xtream: Py<PyType>,
    invalid_input: Py<PyType>,
    invalid_diamond: Py<PyType>,
    model_not_found: Py<PyType>,
}

/// A class must be one and the same wherever it is caught.
static EXCEPTIONS: PyOnceLock<Exceptions> = PyOnceLock::new();

impl Exceptions {
    fn shared(py: Python<'_>) -> PyResult<&Self> {
        EXCEPTIONS.get_or_try_init(py, || Self::new(py))
    }

    fn new(py: Python<'_>) -> PyResult<Self> {
        let xtream = class(
            py,
            "XtreamError",
            "InitScore of all errors of this package. Its text says what is wrong and what mends it.",
            &[&py.get_type::<PyException>()],
        )?;
        let invalid_input = class(
            py,
            "InvalidInputError",
            "A file, a frame or an argument that cannot be used as it is.",
            &[&xtream, &py.get_type::<PyValueError>()],
        )?;
        let invalid_diamond = class(
            py,
            "InvalidDiamondError",
            "Stones that cannot be. Its text names row, field, value and what is allowed; `faults` lists \
             all of them as dicts with `row` (from 0 in a frame, the line from 1 in a file, None for \
             a single stone), `field`, `value`, `reason` and `allowed`; `row` and `field` are those of the first.",
            &[&invalid_input],
        )?;
        // Until an instance has its own.
        invalid_diamond.setattr("faults", PyTuple::empty(py))?;
        invalid_diamond.setattr("row", py.None())?;
        invalid_diamond.setattr("field", py.None())?;
        let model_not_found = class(
            py,
            "ModelNotFoundError",
            "There is no such registry, model version or champion.",
            &[&xtream, &py.get_type::<PyLookupError>()],
        )?;
        Ok(Self {
            xtream: xtream.unbind(),
            invalid_input: invalid_input.unbind(),
            invalid_diamond: invalid_diamond.unbind(),
            model_not_found: model_not_found.unbind(),
        })
    }
}

fn class<'py>(
    py: Python<'py>,
    name: &str,
    doc: &str,
    bases: &[&Bound<'py, PyType>],
) -> PyResult<Bound<'py, PyType>> {
    let content = PyDict::new(py);
    content.set_item("__module__", "xtream_core")?;
    content.set_item("__doc__", doc)?;
    let made = py.get_type::<PyType>().call1((name, PyTuple::new(py, bases)?, content))?;
    Ok(made.cast_into::<PyType>()?)
}

/// Makes the exceptions part of the module.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let exceptions = Exceptions::shared(module.py())?;
    module.add("XtreamError", &exceptions.xtream)?;
    module.add("InvalidInputError", &exceptions.invalid_input)?;
    module.add("InvalidDiamondError", &exceptions.invalid_diamond)?;
    module.add("ModelNotFoundError", &exceptions.model_not_found)
}

/// The Python exception for an error of core's, which keeps its text.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let text = error.to_string();
    let raised = raise(py, text, |exceptions| match error {
        Error::Interrupted => None,
        Error::InvalidDiamond { .. } => Some(&exceptions.invalid_diamond),
        Error::NoRegistry { .. }
        | Error::ModelNotFound { .. }
        | Error::NoChampion
        | Error::NoFormerChampion => Some(&exceptions.model_not_found),
        // A file that is not there was named wrongly; any other trouble with one is not an input's.
        Error::File { source, .. } if source.kind() == ErrorKind::NotFound => Some(&exceptions.invalid_input),
        Error::NoData { .. }
        | Error::Malformed { .. }
        | Error::TooManyRejects { .. }
        | Error::Usage { .. }
        | Error::TooFewRows { .. } => Some(&exceptions.invalid_input),
        Error::File { .. }
        | Error::NotServed { .. }
        | Error::Fit { .. }
        | Error::XgboostMissing { .. }
        | Error::XgboostTooOld { .. }
        | Error::Xgboost { .. }
        | Error::ModelFile { .. }
        | Error::Storage { .. }
        | Error::Damaged { .. }
        | Error::ChampionChanged { .. }
        | Error::Study { .. }
        | Error::Worker { .. }
        | Error::Frame { .. } => Some(&exceptions.xtream),
        // The enum may grow; until it is named above, a new error is at least one of ours.
        _ => Some(&exceptions.xtream),
    });
    match error {
        Error::InvalidDiamond { faults } => {
            let faults = faults.iter().map(|fault| as_json(None, fault)).collect();
            with_faults(py, raised, &Value::Array(faults))
        }
        _ => raised,
    }
}

/// Stones that cannot be, row by row.
pub(crate) fn invalid_diamonds(py: Python<'_>, refused: Refused) -> PyErr {
    let error = raise(py, refused.text, |exceptions| Some(&exceptions.invalid_diamond));
    with_faults(py, error, &refused.faults)
}

/// The exception with the faults to look at.
fn with_faults(py: Python<'_>, error: PyErr, faults: &Value) -> PyErr {
    let value = error.value(py);
    let first = |part: &str| as_python(py, &faults[0][part]);
    let set = as_python(py, faults)
        .and_then(|all| value.setattr("faults", all))
        .and_then(|()| value.setattr("row", first("row")?))
        .and_then(|()| value.setattr("field", first("field")?));
    match set {
        Ok(()) => error,
        Err(failure) => failure,
    }
}

/// An error of ours that another exception caused.
pub(crate) fn caused_by(py: Python<'_>, error: PyErr, cause: PyErr) -> PyErr {
    error.set_cause(py, Some(cause));
    error
}

/// No class chosen is Python's own way to say that the user asked to stop.
fn raise(py: Python<'_>, text: String, choose: impl FnOnce(&Exceptions) -> Option<&Py<PyType>>) -> PyErr {
    match Exceptions::shared(py) {
        Ok(exceptions) => match choose(exceptions) {
            Some(class) => PyErr::from_type(class.bind(py).clone(), text),
            None => PyKeyboardInterrupt::new_err(text),
        },
        Err(failure) => failure,
    }
}
