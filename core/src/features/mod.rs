//! From a stone to the numbers a model sees.

mod column;
mod encoder;
mod engineered;
mod imputer;
mod presets;

pub(crate) use column::Role;
pub use encoder::{Encoder, Encoding};
pub(crate) use engineered::{CLASSES_FROM_CARAT, weight_class};
pub use imputer::Imputer;
pub(crate) use presets::{paths_of_trees, paths_of_trees_apart};
