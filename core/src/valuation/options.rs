//! What is asked about a stone.

use crate::pipeline::interval::Confidence;

/// What is asked besides the price; the default is a range that holds nine times in ten, and warnings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How often the range shall hold the price; `None` for no range.
    pub confidence: Option<Confidence>,
    /// Whether to say what looks mistyped, and where the stone lies beyond what the model learned from.
    pub warnings: bool,
    /// Whether to say how size, grades and proportions make the price; it takes about a thousand prices.
    pub reasons: bool,
    /// Whether to look for comparable stones.
    pub comparables: bool,
    /// Whether to price the stone with one thing changed.
    pub what_if: bool,
}

impl Options {
    /// The price and nothing else.
    pub const PRICE_ALONE: Self =
        Self { confidence: None, warnings: false, reasons: false, comparables: false, what_if: false };
}

impl Default for Options {
    fn default() -> Self {
        Self { confidence: Some(Confidence::NINE_IN_TEN), warnings: true, ..Self::PRICE_ALONE }
    }
}
