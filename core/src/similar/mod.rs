//! Stones that were sold and are like a given one: by an exact index of those of the same grades (`index`), and,
//! where they are few, of other grades too, each adjusted to the stone asked about (`adjusted`).

mod adjusted;
mod index;

use crate::diamond::Diamond;

pub use adjusted::{Comparable, MOST_ADJUSTED, N_COMPARABLES, comparables, nearest_comparables};
pub use index::{Neighbour, SimilarIndex};

/// A way to price stones: US dollars, one price for each, in order; a stone's price does not depend on the others.
pub type Prices<'a> = &'a dyn Fn(&[Diamond]) -> Vec<f64>;
