//! An appraisal: what stands beside a price so that a jeweller can stand behind it. How sure it is
//! ([`range`]), where it comes from ([`reasons`]), what comparable stones were sold for
//! ([`comparable`]), and what it would be if the stone were another ([`what_if`]).
//!
//! Nothing here knows how a price is made: whoever asks brings a way to price stones.

mod comparable;
mod grades;
mod question;
mod range;
mod reasons;
mod what_if;

use crate::diamond::{Diamond, Fault, Field};

pub use comparable::{Comparable, MOST_ADJUSTED, N_COMPARABLES, comparables, nearest_comparables};
pub use grades::GradeFactors;
pub use question::{Confidence, Question};
pub use range::{FEWEST_SCORES, PriceRange, Range, Score};
pub use reasons::{Contribution, Group, N_BACKGROUND, Reasons, background, reasons};
pub use what_if::{Change, WhatIf, what_if};

/// What kind of value a price is: what the stones of the public data were appraised at.
pub const BASIS: &str = "2008 US dollars, retail appraisal";

/// Prices of stones in US dollars, one for each, in order; a stone's price does not depend on the
/// others.
pub type Prices<'a> = &'a dyn Fn(&[Diamond]) -> Vec<f64>;

/// All that was asked about a stone.
#[derive(Clone, Debug, PartialEq)]
pub struct Appraisal {
    /// The stone, with its missing measurements estimated.
    pub stone: Diamond,
    /// The measurements that were missing.
    pub assumed: Vec<Field>,
    /// Price in US dollars, to the cent.
    pub price_usd: f64,
    /// Where the price lies; `None` when the model was never calibrated.
    pub range: Option<PriceRange>,
    /// Likely typing errors and contradictions, and where the stone lies beyond what the model learned from.
    pub warnings: Vec<Fault>,
    /// Why it is the price; `None` when nobody asked, or the model has no background stones.
    pub reasons: Option<Reasons>,
    /// Stones that were sold, nearest first; `None` when nobody asked.
    pub comparables: Option<Vec<Comparable>>,
    /// The price if one thing were different; `None` when nobody asked.
    pub what_if: Option<Vec<WhatIf>>,
}
