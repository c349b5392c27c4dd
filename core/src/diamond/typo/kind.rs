//! The kinds of typing errors, and how often each happens.

use crate::diamond::correction::Correction;

/// What became of the pen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The decimal point stands one or two places off.
    Shifted,
    /// Two numbers changed places.
    Swapped,
    /// The number of another field (mostly the weight) was typed once more.
    Repeated,
    /// It is in another unit than its field.
    OtherUnit,
    /// A digit was left out.
    MissingDigit,
    /// A digit was typed twice.
    DoubledDigit,
    /// One digit was mistaken for another.
    WrongDigit,
    /// Two digits beside each other changed places.
    TurnedDigits,
    /// Some other mistake in one number.
    Unknown,
}

/// A likely typing error.
#[derive(Clone, Debug, PartialEq)]
pub struct Typo {
    /// What most likely happened.
    pub kind: Kind,
    /// What was most likely meant.
    pub likely: Correction,
    /// What may have been meant as well, if it is nearly as likely.
    pub alternative: Option<Correction>,
}

impl Kind {
    /// Logarithm of how often it happens in a given place, each kind as often as another. Doubled, turned and
    /// wrong digits, of which many good stones look guilty, need more evidence.
    pub(super) fn prior(self) -> f64 {
        match self {
            Self::Shifted => -3.2,
            Self::Swapped => -2.7,
            Self::Repeated => -1.1,
            Self::OtherUnit => -7.0,
            Self::MissingDigit => -5.0,
            Self::DoubledDigit => -6.7,
            Self::TurnedDigits => -9.7,
            Self::WrongDigit => -14.0,
            Self::Unknown => -16.0,
        }
    }
}
