//! Arguments that need more than a conversion: a wrong one is named, with what would be right.

use std::fmt::Display;

use pyo3::prelude::*;
use pyo3::types::PyFloat;
use xtream_core::diamond::{decimal_of_f16, decimal_of_f32};
use xtream_core::{Error, Result};

/// A number of one stone, as its decimal: numpy's numbers of 16 and 32 bits are read as in a frame.
#[derive(Clone, Copy)]
pub(crate) struct Decimal(pub(crate) f64);

impl<'py> FromPyObject<'_, 'py> for Decimal {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let number: f64 = given.extract()?;
        if given.is_exact_instance_of::<PyFloat>() {
            return Ok(Decimal(number));
        }
        let dtype = given.getattr_opt("dtype")?.map(|dtype| dtype.str()).transpose()?;
        let dtype = dtype.as_ref().map(|name| name.to_cow()).transpose()?;
        Ok(Decimal(match dtype.as_deref() {
            Some("float16") => decimal_of_f16(number),
            Some("float32") => decimal_of_f32(number as f32),
            _ => number,
        }))
    }
}

/// A whole number of at least `least`.
///
/// # Errors
/// [`Error::Usage`] when it is less, or too large for its purpose.
pub(crate) fn whole<T: TryFrom<i128>>(name: &str, given: i128, least: i128) -> Result<T> {
    let number = T::try_from(given).ok().filter(|_| given >= least);
    number.ok_or_else(|| unknown(name, given, &format!("a whole number of at least {least}")))
}

/// The error for an argument with a value that it cannot have.
pub(crate) fn unknown(name: &str, given: impl Display, allowed: &str) -> Error {
    Error::Usage { reason: format!("{name} = {given}"), allowed: allowed.into() }
}

/// What Python calls the value's type.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map(|name| name.to_string()).unwrap_or_default()
}
