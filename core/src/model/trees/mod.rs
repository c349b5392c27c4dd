//! Prediction over boosted trees in bounded, safe Rust.
//!
//! XGBoost's own reader trusts its file: its documentation says that a manipulated one can read
//! out of bounds. A model that serves requests is therefore read here, checked in full before the
//! first prediction, and then followed without a call into the library.
//!
//! Bit-identical to the library: the sum starts at `base_score` and leaves are added in the order
//! of the trees, all in 32 bits; a missing value takes the node's default side; a number goes left
//! when it is smaller than the threshold; a category goes right when it is in the node's set.

mod ensemble;
mod flatten;
mod gains;
mod model_file;
mod open;
mod questions;
mod ubj;

pub use self::ensemble::TreeEnsemble;
pub use self::open::{N_OPEN, Open, OpenTrees};
