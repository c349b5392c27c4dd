//! The parameters of a query, each at most once unless it is a list, and none unknown.

use crate::problem::field_error::FieldError;

/// Parameters that may be given several times. Where they are lists, `include=a,b` and `include=a&include=b` are the same.
const SEVERAL: [&str; 2] = ["include", "column"];

/// Names and values as they were sent.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The value of a parameter as it was sent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be given several times, as they were sent.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that is a list.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|part| !part.is_empty())
    }

    /// A fault for each name that is unknown or given twice.
    pub(crate) fn faults(&self, allowed: &[&'static str]) -> Vec<FieldError> {
        let names = || self.0.iter().map(|(name, _)| name.as_str());
        let single = allowed.iter().filter(|name| !SEVERAL.contains(name));
        let repeated = single.filter(|name| names().filter(|given| given == *name).count() > 1);
        let error = |name| FieldError::new(format!("/{name}"), format!("{name} is given more than once"));
        let mut errors: Vec<_> = repeated.map(error).collect();
        errors.extend(FieldError::unknown("", names(), allowed));
        errors
    }
}
