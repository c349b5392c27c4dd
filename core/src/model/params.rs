//! Named parameters of a model.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Parameters by name, in alphabetical order; whole numbers are written without a fraction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    numbers: BTreeMap<String, f64>,
    words: BTreeMap<String, String>,
}

impl Params {
    /// The value of a parameter that is a number.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    /// The value of a parameter that is a word.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words.get(name).map(String::as_str)
    }

    /// Sets a parameter to a number.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        self.words.remove(&name);
        self.numbers.insert(name, value);
    }

    /// Sets a parameter to a word, such as the name of a criterion.
    pub fn set_word(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.numbers.remove(&name);
        self.words.insert(name, value.into());
    }

    /// Every parameter that is a number, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.numbers.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Every parameter that is a word, by name.
    pub fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        self.words.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.words.is_empty()
    }

    /// These parameters, those of `over` taking precedence.
    pub fn overlaid(mut self, over: &Self) -> Self {
        over.iter().for_each(|(name, value)| self.set(name, value));
        over.words().for_each(|(name, value)| self.set_word(name, value));
        self
    }

    /// These parameters but for one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.numbers.remove(name);
        self.words.remove(name);
        self
    }

    /// Refuses names that a model does not know: a misspelt parameter must not be a silent default.
    ///
    /// # Errors
    /// [`Error::Usage`] with the names allowed.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        let mut names = self.numbers.keys().chain(self.words.keys());
        match names.find(|name| !known.contains(&name.as_str())) {
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
        let numbers = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { numbers, words: BTreeMap::new() }
    }
}

impl Serialize for Params {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        const EXACT: f64 = (1_u64 << 53) as f64;
        let mut map = serializer.serialize_map(Some(self.numbers.len() + self.words.len()))?;
        let names: BTreeSet<_> = self.numbers.keys().chain(self.words.keys()).collect();
        for name in names {
            match (self.get(name), self.word(name)) {
                (Some(value), _) if value.fract() == 0.0 && value.abs() < EXACT => {
                    map.serialize_entry(name, &(value as i64))?;
                }
                (Some(value), _) => map.serialize_entry(name, &value)?,
                (None, word) => map.serialize_entry(name, &word)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut params = Self::default();
        for (name, value) in BTreeMap::<String, serde_json::Value>::deserialize(deserializer)? {
            match (value.as_f64(), value.as_str()) {
                (Some(number), _) => params.set(name, number),
                (None, Some(word)) => params.set_word(name, word),
                (None, None) => {
                    let text = format!("the parameter {name} is neither a number nor a word");
                    return Err(serde::de::Error::custom(text));
                }
            }
        }
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_and_words_survive_being_written_and_read() {
        let mut params = Params::from([("depth", 3.0), ("rate", 0.1)]);
        params.set_word("criterion", "absolute error");
        let text = serde_json::to_string(&params).unwrap();
        assert_eq!(text, r#"{"criterion":"absolute error","depth":3,"rate":0.1}"#);
        assert_eq!(serde_json::from_str::<Params>(&text).unwrap(), params);
        assert!(serde_json::from_str::<Params>(r#"{"depth":null}"#).is_err());
    }

    #[test]
    fn a_parameter_has_one_value_whichever_kind_came_last() {
        let mut params = Params::from([("max_features", 0.5)]);
        params.set_word("max_features", "sqrt");
        assert_eq!((params.get("max_features"), params.word("max_features")), (None, Some("sqrt")));
        let over = Params::from([("max_features", 1.0)]);
        assert_eq!(params.overlaid(&over), over);
    }

    #[test]
    fn an_unknown_word_is_refused_as_an_unknown_number_is() {
        let mut params = Params::default();
        params.set_word("shade", "blue");
        assert!(params.only(&["depth"]).unwrap_err().to_string().contains("shade"));
    }
}
