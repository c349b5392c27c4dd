//! What was most likely meant in the place of what was typed.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::field::Field;

/// Fields and the values that they should most likely have.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction(pub Box<[(Field, f64)]>);

impl Correction {
    /// The value that this field should have, if it is to be corrected.
    pub fn of(&self, field: Field) -> Option<f64> {
        self.0.iter().find(|(corrected, _)| *corrected == field).map(|(_, value)| *value)
    }
}

impl std::fmt::Display for Correction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(field, value)| format!("{field} {value}")).collect();
        f.write_str(&parts.join(" and "))
    }
}

/// An object of fields and values, such as `{"x": 6.8}`.
impl Serialize for Correction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(field, value)| map.serialize_entry(field.name(), value))?;
        map.end()
    }
}
