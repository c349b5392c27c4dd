//! The parameters of a query, each at most once and none unknown.

use crate::field_error::FieldError;

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

    /// A fault for each name that is unknown or given twice.
    pub(crate) fn faults(&self, allowed: &[&'static str]) -> Vec<FieldError> {
        let names = || self.0.iter().map(|(name, _)| name.as_str());
        let repeated = allowed.iter().filter(|name| names().filter(|given| given == *name).count() > 1);
        let error = |name| FieldError::new(format!("/{name}"), format!("{name} is given more than once"));
        let mut errors: Vec<_> = repeated.map(error).collect();
        errors.extend(FieldError::unknown("", names(), allowed));
        errors
    }
}
