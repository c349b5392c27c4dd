//! Named parameters of a model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Parameters by name, in alphabetical order; whole numbers are written without a fraction.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Params(BTreeMap<String, f64>);

impl Params {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Sets a parameter.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }

    /// Every parameter by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These parameters, those of `over` taking precedence.
    pub fn overlaid(mut self, over: &Self) -> Self {
        self.0.extend(over.0.iter().map(|(name, value)| (name.clone(), *value)));
        self
    }

    /// Refuses names that a model does not know: a misspelt parameter must not be a silent default.
    ///
    /// # Errors
    /// [`Error::Usage`] with the names allowed.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::Usage {
                reason: format!("there is no parameter {name:?}"),
                allowed: if known.is_empty() { "no parameter at all".into() } else { known.join(", ") },
            }),
        }
    }
}

impl<const N: usize> From<[(&str, f64); N]> for Params {
    fn from(pairs: [(&str, f64); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl Serialize for Params {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        const EXACT: f64 = (1_u64 << 53) as f64;
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            if value.fract() == 0.0 && value.abs() < EXACT {
                map.serialize_entry(name, &(*value as i64))?;
            } else {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}
