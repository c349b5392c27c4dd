//! What is wrong with one field of one stone, in words for the person who typed it.

use serde::Serialize;

use super::{Correction, Field};

/// How sure we are that a value is a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Such a stone cannot be: always refused.
    Wrong,
    /// Such a stone is implausible, most likely a typing error: refused unless the user keeps it.
    Suspect,
    /// Such a stone can be, but it looks mistyped: never refused, only pointed out.
    Doubtful,
}

impl Severity {
    /// The word used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Suspect => "suspect",
            Self::Doubtful => "doubtful",
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
    /// What would be accepted; empty where nothing needs to be changed.
    pub allowed: String,
    /// Whether it is certainly or only probably a mistake.
    pub severity: Severity,
    /// What was most likely meant, where that can be told.
    pub likely: Option<Correction>,
    /// What may have been meant as well, nearly as likely.
    pub alternative: Option<Correction>,
}

impl Fault {
    /// A certain mistake.
    pub(crate) fn wrong(field: Field, value: &str, reason: &str, allowed: String) -> Self {
        Self::new(field, shortened(value), reason.into(), allowed, Severity::Wrong)
    }

    /// A probable mistake.
    pub(crate) fn suspect(field: Field, value: f64, reason: String, allowed: String) -> Self {
        Self::new(field, value.to_string(), reason, allowed, Severity::Suspect)
    }

    /// A number that looks wrong, as far as `severity` says.
    pub(crate) fn warning(
        field: Field,
        value: f64,
        reason: String,
        allowed: String,
        severity: Severity,
    ) -> Self {
        Self::new(field, value.to_string(), reason, allowed, severity)
    }

    /// What can be, and of which too little is known.
    pub(crate) fn beyond(field: Field, value: String, reason: String) -> Self {
        Self::new(field, value, reason, String::new(), Severity::Doubtful)
    }

    fn new(field: Field, value: String, reason: String, allowed: String, severity: Severity) -> Self {
        Self { field, value, reason, allowed, severity, likely: None, alternative: None }
    }

    /// What is allowed and what was most likely meant, in words to follow those of the fault; empty where there is
    /// nothing to say.
    pub fn advice(&self) -> String {
        let allowed = match &*self.allowed {
            "" => String::new(),
            allowed => format!("; allowed is {allowed}"),
        };
        allowed + &self.hint()
    }

    fn hint(&self) -> String {
        let Some(likely) = &self.likely else { return String::new() };
        let alternative = self.alternative.as_ref().map_or(String::new(), |other| format!(", or {other}"));
        match &*likely.0 {
            [(field, value)] if *field == self.field => {
                format!("; most likely {value} is meant{alternative}")
            }
            _ => format!("; most likely {likely} are meant{alternative}"),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, value, reason, .. } = self;
        write!(f, "{field} = {value:?} {reason}{}", self.advice())
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
