//! What is asked about a stone besides its price.

use crate::pipeline::interval::Confidence;

/// What is asked; the default is the price and its range alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// How often the range shall hold the price.
    pub confidence: Confidence,
    /// Whether to say how size, grades and proportions make the price.
    pub reasons: bool,
    /// Whether to look for comparable stones.
    pub comparables: bool,
    /// Whether to price the stone with one thing changed.
    pub what_if: bool,
}
