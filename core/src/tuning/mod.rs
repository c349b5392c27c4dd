//! The search for good parameters: what may be tried (`space`), what to try next (`sampler`), what
//! to give up early (`pruner`), what was tried (`study`), which
//! parameters mattered (`importance`), and the loop over it all (`search`).

mod importance;
mod pruner;
mod sampler;
mod search;
mod space;
mod study;

pub use importance::{FEWEST_FOR_IMPORTANCE, importance};
pub use pruner::MedianPruner;
pub use sampler::{RandomSampler, Sampler, SamplerKind, TpeSampler};
pub use search::{Measured, Report, Search, Verdict};
pub use space::{Domain, Space};
pub use study::{Outcome, Study, StudyHeader, Trial};
