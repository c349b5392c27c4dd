//! One fault of a request: where it is, what is wrong, what may stand there instead.

use serde::Serialize;
use utoipa::ToSchema;
use xtream_core::diamond::{Correction, Fault, Field, labels};

use crate::schemas;

/// Unknown names that are repeated one by one; an answer should not outgrow what it answers.
const MOST_NAMED: usize = 10;
/// Characters of a client's text that are repeated.
const LONGEST_SHOWN: usize = 80;

/// One fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or `/` and the name of a query parameter; empty for the whole.
    pub(crate) pointer: String,
    /// What is wrong, in words.
    pub(crate) message: String,
    /// What may stand there, where that is a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) allowed: Option<Vec<&'static str>>,
    /// What was most likely meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Correction, required = false)]
    pub(crate) likely: Option<Correction>,
    /// What may have been meant as well, nearly as likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Correction, required = false)]
    pub(crate) alternative: Option<Correction>,
}

impl FieldError {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
            allowed: None,
            likely: None,
            alternative: None,
        }
    }

    /// One fault for each name that is not `allowed`, in the object at `parent` of the request.
    pub(crate) fn unknown<'a>(
        parent: &str,
        names: impl Iterator<Item = &'a str>,
        allowed: &[&'static str],
    ) -> Vec<Self> {
        let mut names = names.filter(|name| !allowed.contains(name));
        let list = allowed.join(", ");
        let error =
            |pointer: String, message| Self { allowed: Some(allowed.into()), ..Self::new(pointer, message) };
        let unknown = |name: &str| {
            let name = shortened(name);
            let pointer = format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"));
            error(pointer, format!("{name:?} is not known here; allowed are {list}"))
        };
        let mut errors: Vec<_> = names.by_ref().take(MOST_NAMED).map(unknown).collect();
        match names.count() {
            0 => {}
            n_more => {
                let message = format!("{n_more} more names are not known here; allowed are {list}");
                errors.push(error(parent.into(), message));
            }
        }
        errors
    }

    /// A fault of a diamond that stands at `parent` in the request.
    pub(crate) fn of(fault: &Fault, parent: &str) -> Self {
        let Fault { field, value, reason, .. } = fault;
        let value = if value.is_empty() { String::new() } else { format!("{value:?} ") };
        let labels = labels(*field);
        Self {
            // The price is the answer's, and the stone as a whole has it.
            pointer: if *field == Field::Price { parent.into() } else { format!("{parent}/{field}") },
            message: format!("{field} {value}{reason}{}", fault.advice()),
            allowed: (!labels.is_empty() && !fault.allowed.is_empty()).then_some(labels),
            likely: fault.likely.clone(),
            alternative: fault.alternative.clone(),
        }
    }
}

/// A client's text, short enough to be repeated.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}
