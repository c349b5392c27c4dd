//! What a stone is worth, and what stands beside its price so that a jeweller can stand behind it: how sure it is,
//! where it comes from (`shapley`), what comparable stones were sold for, and what it would be if the stone were
//! another (`counterfactual`); for one stone, or for the rows of a table (`batch`).

mod batch;
mod counterfactual;
mod options;
mod shapley;

use crate::diamond::{Diamond, Fault, Field};
use crate::similar::Comparable;

pub use self::batch::{Price, Priced, Wanted, price, price_table};
pub use self::counterfactual::{Change, Counterfactual, counterfactuals};
pub use self::options::Options;
pub use self::shapley::{Contribution, Group, N_BACKGROUND, Reasons, background, explain};
pub use crate::pipeline::interval::{Confidence, PriceRange};

/// What kind of value a price is: what the stones of the public data were appraised at.
pub const BASIS: &str = "2008 US dollars, retail appraisal";

/// All that was asked about a stone.
#[derive(Clone, Debug, PartialEq)]
pub struct Appraisal {
    /// The stone, with its missing measurements estimated.
    pub stone: Diamond,
    /// The measurements that were missing.
    pub assumed: Vec<Field>,
    /// Price in US dollars, to the cent.
    pub price_usd: f64,
    /// Where the price lies; `None` when the model was trained without ranges, which a warning says.
    pub range: Option<PriceRange>,
    /// Likely typing errors and contradictions, and where the stone lies beyond what the model learned from.
    pub warnings: Vec<Fault>,
    /// Why it is the price; `None` when nobody asked, or the model has no background stones.
    pub reasons: Option<Reasons>,
    /// Stones that were sold, nearest first; `None` when nobody asked.
    pub comparables: Option<Vec<Comparable>>,
    /// The price if one thing were different; `None` when nobody asked.
    pub what_if: Option<Vec<Counterfactual>>,
}
