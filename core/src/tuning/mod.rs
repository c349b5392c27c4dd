//! The search for good parameters: what may be tried (`space`), what to try next (`sampler/`), what
//! to give up early (`pruner` within a fold, `fold_racing` between folds), what was tried (`study`), which
//! parameters mattered (`importance`), one trial to be carried out (`job`), how many may be under way (`parallel`), and the
//! loop over it all (`search`).

mod fold_racing;
mod importance;
mod job;
mod parallel;
mod pruner;
mod sampler;
mod search;
mod space;
mod study;

pub use fold_racing::FoldRacing;
pub use importance::{FEWEST_FOR_IMPORTANCE, importance};
pub use job::{Job, Measured, Milestone, Objective, OnMilestone};
pub use parallel::Parallel;
pub use pruner::LearningCurvePruner;
pub use sampler::{RandomSampler, Sampler, SamplerKind, Tpe};
pub use search::Search;
pub use space::{Domain, Space};
pub use study::{Outcome, Study, StudyHeader, Trial};
