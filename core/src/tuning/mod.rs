//! The search for good parameters: what may be tried (`space`), what to try next (`sampler`, `tpe`), what
//! to give up early (`pruner` within a fold, `race` between folds), what was tried (`study`), which
//! parameters mattered (`importance`), and the loop over it all (`search`).

mod importance;
mod pruner;
mod race;
mod sampler;
mod search;
mod space;
mod study;
mod tpe;

pub use importance::{FEWEST_FOR_IMPORTANCE, importance};
pub use pruner::Foresight;
pub use race::Race;
pub use sampler::{RandomSampler, Sampler, SamplerKind};
pub use search::{Measured, Milestone, Report, Search, Verdict};
pub use space::{Domain, Space};
pub use study::{Outcome, Study, StudyHeader, Trial};
pub use tpe::Tpe;
