//! From a stone to the numbers a model sees.

mod column;
mod encoder;
mod engineered;
mod imputer;
mod presets;

pub use encoder::{Encoder, Encoding};
pub use imputer::Imputer;
pub(crate) use presets::paths_of_trees;
