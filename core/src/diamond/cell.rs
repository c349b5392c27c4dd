//! A value as it is given, before anything is believed.

use super::cell_text::is_missing;

/// A value as a file, a frame or a request gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing was given.
    Missing,
    /// Text as typed.
    Text(&'a str),
    /// A number, perhaps not a finite one.
    Number(f64),
}

impl Cell<'_> {
    /// Whether nothing stands in it but blanks or a word for nothing (`NA`).
    pub fn is_blank(&self) -> bool {
        match self {
            Cell::Missing => true,
            Cell::Text(text) => is_missing(text),
            Cell::Number(_) => false,
        }
    }

    /// Whether it is a number, and zero.
    pub fn is_zero(&self) -> bool {
        match self {
            Cell::Number(number) => *number == 0.0,
            Cell::Text(text) => text.trim().parse() == Ok(0.0),
            Cell::Missing => false,
        }
    }

    /// Whether it gives no measurement: it is blank, or zero, as programs write what they do not know.
    pub fn is_unmeasured(&self) -> bool {
        self.is_blank() || self.is_zero()
    }

    /// The cell as text; `None` where nothing was given.
    pub fn as_written(&self) -> Option<String> {
        match self {
            Cell::Missing => None,
            Cell::Text(text) => Some((*text).to_owned()),
            Cell::Number(number) => Some(number.to_string()),
        }
    }
}
