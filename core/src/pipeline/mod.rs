//! What is trained is what is served: encoder, model and target transform are fitted together (`recipe`), stored in
//! one file (`file`) and loaded as one. Serving has no encoding of its own to get wrong.

mod extent;
mod file;
mod fitted;
mod init_score;
pub mod interval;
mod order;
mod prepared;
mod recipe;
mod target;

pub use self::extent::{Extent, MOST_TIMES_PRICE, MOST_TIMES_WEIGHT};
pub use self::file::FORMAT_VERSION;
pub use self::fitted::Pipeline;
pub(crate) use self::fitted::Priced;
pub use self::init_score::InitScoreRecipe;
pub use self::order::MONOTONE;
pub use self::prepared::{AfterRound, Prepared};
pub use self::recipe::Recipe;
pub use self::target::Target;
