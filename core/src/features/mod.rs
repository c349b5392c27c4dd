//! From a stone to the numbers a model sees.

mod column;
mod derived;
mod encoder;
mod proportions;

pub use encoder::{Encoder, Encoding};
pub use proportions::{PartialDiamond, Proportions};
