//! Arguments that need more than a conversion: a wrong one is named, with what would be right.

use std::fmt::Display;

use pyo3::prelude::*;
use xtream_core::{Error, Result};

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
