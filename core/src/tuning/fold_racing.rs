//! Which trials are worth another fold.

use serde::{Deserialize, Serialize};

use super::Trial;

/// Gives a trial up between folds: one fold is enough to see that it is not among the best, and only
/// the best are worth the folds that tell them apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldRacing {
    /// The value after each number of folds above which a trial is given up.
    bars: Vec<f64>,
}

/// Share of all trials known that may go on to a second fold.
const SHARE_OF_ALL: f64 = 0.25;
/// Share of those that got there that may go on from each later one.
const SHARE_OF_RIVALS: f64 = 0.5;
/// Trials that must be known before one is given up.
const FEWEST_TRIALS: usize = 5;

impl FoldRacing {
    /// The bars of a trial of which `earlier` trials are known.
    pub fn new<'a>(earlier: impl Iterator<Item = &'a Trial> + Clone) -> Self {
        let n_known = earlier.clone().count();
        let mut bars = Vec::new();
        for n_folds in 1.. {
            let mut rivals: Vec<_> =
                earlier.clone().filter_map(|trial| trial.folds.get(n_folds - 1).copied()).collect();
            // Those that were given up within the first fold would have come in behind.
            let (n_field, share) =
                if n_folds == 1 { (n_known, SHARE_OF_ALL) } else { (rivals.len(), SHARE_OF_RIVALS) };
            if rivals.is_empty() || n_field < FEWEST_TRIALS {
                break;
            }
            rivals.sort_by(f64::total_cmp);
            let last = (n_field as f64 * share) as usize;
            bars.push(rivals[last.min(rivals.len() - 1)]);
        }
        Self { bars }
    }

    /// Whether to give up a trial with this value (smaller is better) after so many folds.
    pub fn gives_up(&self, n_folds: usize, value: f64) -> bool {
        self.bar(n_folds).is_some_and(|bar| value > bar)
    }

    /// The value above which a trial is given up after so many folds; none while too few are known.
    pub fn bar(&self, n_folds: usize) -> Option<f64> {
        n_folds.checked_sub(1).and_then(|index| self.bars.get(index)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use crate::model::Params;

    fn trial(folds: &[f64]) -> Trial {
        let outcome = Outcome::Pruned { value: 0.0 };
        Trial { number: 0, params: Params::default(), outcome, curve: Vec::new(), folds: folds.to_vec() }
    }

    #[test]
    fn only_the_best_quarter_goes_on_once_enough_are_known() {
        let trials: Vec<_> = (1..=8).map(|value| trial(&[f64::from(value)])).collect();
        assert!(!FoldRacing::new(trials[..4].iter()).gives_up(1, 100.0), "too few are known");
        let racing = FoldRacing::new(trials.iter());
        assert!(!racing.gives_up(1, 3.0) && racing.gives_up(1, 3.1));
        assert!(!racing.gives_up(2, 100.0), "nobody got that far");
    }

    #[test]
    fn those_given_up_within_the_first_fold_count_as_beaten() {
        let mut trials: Vec<_> = (0..6).map(|_| trial(&[])).collect();
        trials.extend([trial(&[5.0]), trial(&[6.0])]);
        let racing = FoldRacing::new(trials.iter());
        assert!(!racing.gives_up(1, 6.0) && racing.gives_up(1, 6.1));
    }

    #[test]
    fn later_folds_are_for_the_better_half_of_those_that_reach_them() {
        let trials: Vec<_> = (1..=6).map(|value| trial(&[1.0, f64::from(value)])).collect();
        let racing = FoldRacing::new(trials.iter());
        assert!(!racing.gives_up(2, 4.0) && racing.gives_up(2, 4.1));
    }
}
