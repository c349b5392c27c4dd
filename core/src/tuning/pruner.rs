//! What to give up early.

use super::Trial;

/// Gives a trial up when, after as many rounds, it is worse than half of those before it.
pub struct MedianPruner {
    /// The medians at [`CHECKPOINTS`] over the trials known; `None` where too few got so far.
    medians: [Option<f64>; CHECKPOINTS.len()],
}

/// Rounds after which a trial is looked at.
const CHECKPOINTS: [usize; 7] = [25, 50, 100, 200, 400, 800, 1600];

/// Trials that must have reached a checkpoint before it can end another.
const FEWEST_TRIALS: usize = 5;

impl MedianPruner {
    /// The pruner for a trial of which `earlier` trials are known. Nobody is given up before
    /// `patience` rounds: until then a slow learner that would win looks like a loser.
    pub fn new<'a>(patience: usize, earlier: impl Iterator<Item = &'a Trial> + Clone) -> Self {
        let median = |checkpoint: usize| {
            if checkpoint < patience {
                return None;
            }
            let at =
                |trial: &Trial| trial.curve.iter().find(|(step, _)| *step == checkpoint).map(|(_, v)| *v);
            let mut values: Vec<_> = earlier.clone().filter_map(at).collect();
            values.sort_by(f64::total_cmp);
            (values.len() >= FEWEST_TRIALS).then(|| values[values.len() / 2])
        };
        Self { medians: CHECKPOINTS.map(median) }
    }

    /// Whether `step` is one at which the trial's course is kept and judged.
    pub fn is_checkpoint(step: usize) -> bool {
        CHECKPOINTS.contains(&step)
    }

    /// Whether to give up a trial with this value (smaller is better) after this many rounds.
    pub fn gives_up(&self, step: usize, value: f64) -> bool {
        let checkpoint = CHECKPOINTS.iter().position(|checkpoint| *checkpoint == step);
        checkpoint.and_then(|checkpoint| self.medians[checkpoint]).is_some_and(|median| value > median)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use crate::model::Params;

    fn trial(value: f64) -> Trial {
        let outcome = Outcome::Complete { value, refit: Params::default() };
        Trial { number: 0, params: Params::default(), outcome, curve: vec![(25, value)], folds: Vec::new() }
    }

    #[test]
    fn a_trial_worse_than_the_median_is_given_up_once_enough_are_known() {
        let trials: Vec<_> = [1.0, 2.0, 3.0, 4.0, 5.0].into_iter().map(trial).collect();
        assert!(!MedianPruner::new(0, trials[..4].iter()).gives_up(25, 100.0));
        assert!(!MedianPruner::new(26, trials.iter()).gives_up(25, 100.0), "too early");
        let pruner = MedianPruner::new(25, trials.iter());
        assert!(pruner.gives_up(25, 3.1));
        assert!(!pruner.gives_up(25, 3.0));
        assert!(!pruner.gives_up(26, 100.0), "only at checkpoints");
        assert!(!pruner.gives_up(50, 100.0), "nobody got that far");
    }
}
