//! Everything that knows diamonds or learning.
//!
//! The list below is the architecture: each module is one idea, and every arrow between the
//! programs and this crate points here. See `ARCHITECTURE.md` for a walk through a training run
//! and through a prediction.

pub mod dataset;
pub mod diamond;
pub mod error;
pub mod features;
mod folder;
pub mod format;
pub mod interrupt;
mod math;
pub mod metrics;
pub mod model;
mod parallel;
pub mod pipeline;
pub mod progress;
pub mod promotion;
pub mod registry;
pub mod similar;
pub mod training;
pub mod tuning;
pub mod valuation;

pub use diamond::{Clarity, Color, Cut, Diamond, PricedDiamond};
pub use error::{Error, Result};
pub use interrupt::Interrupt;
pub use pipeline::Pipeline;

pub use registry::Registry;
