//! JSON as MongoDB's documents, and the way back.

use mongodb::bson::Bson;
use serde_json::{Map, Value};

use crate::exchanges::record::timestamp;

/// JSON as plain data. The driver's own conversion would take a client's `{"$date": 1}` for a date.
pub(super) fn to_bson(json: Value) -> Bson {
    match json {
        Value::Null => Bson::Null,
        Value::Bool(value) => Bson::Boolean(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            (None, Some(value)) => Bson::Double(value),
            (None, None) => Bson::String(number.to_string()),
        },
        Value::String(text) => Bson::String(text),
        Value::Array(items) => Bson::Array(items.into_iter().map(to_bson).collect()),
        Value::Object(fields) => {
            Bson::Document(fields.into_iter().map(|(name, value)| (name, to_bson(value))).collect())
        }
    }
}

/// The way back; what only others write into the collection is shown as text.
pub(super) fn to_json(bson: Bson) -> Value {
    match bson {
        Bson::Null => Value::Null,
        Bson::Boolean(value) => value.into(),
        Bson::Int32(value) => value.into(),
        Bson::Int64(value) => value.into(),
        Bson::Double(value) => value.into(),
        Bson::String(text) => text.into(),
        Bson::DateTime(at) => match chrono::DateTime::from_timestamp_millis(at.timestamp_millis()) {
            Some(at) => timestamp(at).into(),
            None => at.to_string().into(),
        },
        Bson::Array(items) => items.into_iter().map(to_json).collect(),
        Bson::Document(document) => {
            document.into_iter().map(|(name, value)| (name, to_json(value))).collect::<Map<_, _>>().into()
        }
        other => other.to_string().into(),
    }
}
