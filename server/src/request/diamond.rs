//! From a JSON object to the cells that core's parser reads. Whether a value is a possible one is
//! core's to say; here is only what JSON can get wrong: its type and the names of its fields.

use serde_json::{Map, Value};
use xtream_core::diamond::{Cell, Fault, Field, RawDiamond};

use crate::problem::field_error::FieldError;

/// A diamond as a request gives it.
pub(crate) struct GivenDiamond<'a> {
    fields: &'a Map<String, Value>,
    pub(crate) parent: &'a str,
}

impl<'a> GivenDiamond<'a> {
    /// The diamond in `document`, which stands at the pointer `parent` of its request.
    ///
    /// # Errors
    /// When it is no object at all.
    pub(crate) fn new(document: &'a Value, parent: &'a str) -> Result<Self, Vec<FieldError>> {
        match document {
            Value::Object(fields) => Ok(Self { fields, parent }),
            other => {
                let message = format!(
                    "a diamond is an object such as {{\"carat\": 1.2, \"cut\": \"Premium\", \"color\": \"E\", \
                     \"clarity\": \"VS1\"}}, not {}",
                    kind(other)
                );
                Err(vec![FieldError::new(parent, message)])
            }
        }
    }

    /// Its cells; what is of no possible type counts as missing, because [`Self::faults`] names it.
    pub(crate) fn cells(&self) -> RawDiamond<'a> {
        RawDiamond::from_cells(|field| match self.fields.get(field.name()) {
            Some(Value::Number(number)) => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
            Some(Value::String(text)) => Cell::Text(text),
            _ => Cell::Missing,
        })
    }

    /// Every fault: those of JSON, and of the parser's those that are not their echo.
    pub(crate) fn faults(&self, parsed: &[Fault]) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for field in Field::FEATURES {
            match self.fields.get(field.name()) {
                Some(value) if is_of_impossible_type(value) => {
                    let expected = if field.is_grade() { "a text" } else { "a number" };
                    let message = format!("{field} is {expected}, not {}", kind(value));
                    errors.push(FieldError::new(format!("{}/{field}", self.parent), message));
                }
                _ => {
                    let parsed = parsed.iter().filter(|fault| fault.field == field);
                    errors.extend(parsed.map(|fault| FieldError::of(fault, self.parent)));
                }
            }
        }
        let names = self.fields.keys().map(String::as_str);
        errors.extend(FieldError::unknown(self.parent, names, &Field::FEATURES.map(Field::name)));
        errors
    }
}

/// `null` is how many programs write what they do not have, so it counts as missing.
fn is_of_impossible_type(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Array(_) | Value::Object(_))
}

/// What a value is, for people.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
