//! One trial to be carried out, by whichever worker: what is tried, and when to give it up.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{FoldRacing, LearningCurvePruner, Outcome, Trial};
use crate::error::{Error, Result};
use crate::model::Params;

/// A trial to be carried out. It holds all that is known of earlier ones, so nothing needs to be asked on the way, and
/// it can be carried out anywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The trial's number, from 0.
    pub number: usize,
    /// What is tried.
    pub params: Params,
    pub(super) pruner: LearningCurvePruner,
    pub(super) racing: FoldRacing,
}

/// A finished measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The value to minimise; of a training, the mean absolute error in US dollars.
    pub value: f64,
    /// Parameters for a fit that repeats it.
    pub refit: Params,
}

/// How far a trial has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// So many rounds in its first fold (or its only one).
    Rounds(usize),
    /// So many folds, where there are several.
    Folds(usize),
}

/// Hears of a trial as it goes on: how far it is, and its value there. Says when to give up.
pub type OnMilestone<'a> = &'a mut dyn FnMut(Milestone, f64) -> ControlFlow<()>;

/// Measures one set of parameters; `None` when it was told to give up.
pub type Objective<'a> = &'a (dyn Fn(&Params, OnMilestone<'_>) -> Result<Option<Measured>> + Sync);

impl Job {
    /// Carries it out. With `keeps_failures` a fit that fails ([`Error::Fit`]) is the end of this trial only, and not of
    /// the search.
    ///
    /// # Errors
    /// Those of the objective.
    pub fn run(self, objective: Objective<'_>, keeps_failures: bool) -> Result<Trial> {
        let (mut curve, mut folds) = (Vec::new(), Vec::new());
        let mut last = f64::INFINITY;
        let mut report = |milestone, value: f64| {
            last = value;
            let is_hopeless = match milestone {
                Milestone::Rounds(step) if LearningCurvePruner::is_checkpoint(step) => {
                    curve.push((step, value));
                    self.pruner.gives_up(&curve)
                }
                Milestone::Rounds(_) => false,
                Milestone::Folds(n_folds) => {
                    folds.push(value);
                    self.racing.gives_up(n_folds, value)
                }
            };
            if is_hopeless { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let outcome = match objective(&self.params, &mut report) {
            Ok(Some(Measured { value, refit })) => Outcome::Complete { value, refit },
            Ok(None) => Outcome::Pruned { value: last },
            Err(Error::Fit { reason, .. }) if keeps_failures => Outcome::Failed { reason },
            Err(error) => return Err(error),
        };
        Ok(Trial { number: self.number, params: self.params, outcome, curve, folds })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn grown(number: usize, value: f64) -> Trial {
        let outcome = Outcome::Complete { value, refit: Params::default() };
        let curve = vec![(10, value * 1.7), (20, value * 1.1)];
        Trial { number, params: Params::default(), outcome, curve, folds: vec![value, value / 3.0] }
    }

    #[test]
    fn a_job_that_was_sent_is_the_job_that_was_meant_to_the_last_bit() {
        for n_known in [0, 3, 9] {
            let told: Vec<_> =
                (0..n_known).map(|number| grown(number, 1000.0 / (number + 3) as f64)).collect();
            let racing = FoldRacing::new(told.iter());
            let pruner = LearningCurvePruner::new(17, 1000, told.iter(), &racing);
            let params = Params::from([("rate", 0.1 + 0.2), ("depth", 7.0)]);
            let job = Job { number: 17, params, pruner, racing };
            let sent: Job = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
            assert_eq!(sent, job, "{n_known} known");
        }
    }
}
