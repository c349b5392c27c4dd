//! What is wrong with one field of one stone, in words for the person who typed it.

use serde::Serialize;

use super::Field;

/// How sure we are that a value is a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Such a stone cannot be: always refused.
    Wrong,
    /// Such a stone is implausible, most likely a typing error: refused unless the user keeps it.
    Suspect,
}

impl Severity {
    /// The word used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Suspect => "suspect",
        }
    }
}

/// One fault of one field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// The field at fault.
    pub field: Field,
    /// The value as it was given, shortened if very long.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would be accepted.
    pub allowed: String,
    /// Whether it is certainly or only probably a mistake.
    pub severity: Severity,
}

impl Fault {
    /// A certain mistake.
    pub(crate) fn wrong(field: Field, value: &str, reason: &str, allowed: String) -> Self {
        Self { field, value: shortened(value), reason: reason.into(), allowed, severity: Severity::Wrong }
    }

    /// A probable mistake.
    pub(crate) fn suspect(field: Field, value: f64, reason: String, allowed: String) -> Self {
        Self { field, value: value.to_string(), reason, allowed, severity: Severity::Suspect }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {:?} {}; allowed is {}", self.field, self.value, self.reason, self.allowed)
    }
}

/// A value is repeated to the user as given, but a megabyte of it helps nobody.
fn shortened(value: &str) -> String {
    const LONGEST: usize = 80;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}
