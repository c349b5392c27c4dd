//! What a stone is worth, and what stands beside its price so that a jeweller can stand behind it: how sure it is,
//! where it comes from (`shapley`), what comparable stones were sold for, and what it would be if the stone were
//! another (`counterfactual`); for one stone, for several (`value`), and for the rows of a table (`table`). Every door
//! asks here.

mod counterfactual;
mod options;
mod shapley;
mod table;
mod value;

pub use self::counterfactual::{Change, Counterfactual, counterfactuals};
pub use self::options::Options;
pub use self::shapley::{Contribution, Group, N_BACKGROUND, Reasons, background, explain};
pub use self::table::{require_ranges, value_table};
pub use self::value::{Refusal, Valuation, Valued, value, value_all};
pub use crate::pipeline::interval::{Confidence, PriceRange};

/// What kind of value a price is: what the stones of the public data were appraised at.
pub const BASIS: &str = "2008 US dollars, retail appraisal";
