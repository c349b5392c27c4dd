//! How sure a range shall be.

use std::str::FromStr;

use crate::error::{Error, Result};

/// How often a range shall hold the price, from .5 to .99. Text is parsed as a number, with blanks around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence(f64);

impl Confidence {
    /// The allowed values, for messages.
    pub const ALLOWED: &'static str = "a number from 0.5 to 0.99, such as 0.9";

    /// Nine times in ten, the default.
    pub const NINE_IN_TEN: Self = Self(0.9);

    /// # Errors
    /// [`Error::Usage`] outside .5 to .99.
    pub fn new(share: f64) -> Result<Self> {
        if (0.5..=0.99).contains(&share) {
            return Ok(Self(share));
        }
        Err(Error::Usage { reason: format!("a confidence of {share}"), allowed: Self::ALLOWED.into() })
    }

    /// As a share of 1.
    pub fn share(self) -> f64 {
        self.0
    }
}

impl FromStr for Confidence {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let share = text.trim().parse().ok();
        share.and_then(|share| Self::new(share).ok()).ok_or_else(|| Error::Usage {
            reason: format!("a confidence of {text:?}"),
            allowed: Self::ALLOWED.into(),
        })
    }
}

impl Default for Confidence {
    fn default() -> Self {
        Self::NINE_IN_TEN
    }
}
