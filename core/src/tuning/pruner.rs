//! What to give up early.

use serde::{Deserialize, Serialize};

use crate::math::{exp, ln};

use super::{FoldRacing, Trial};

/// Gives a trial up when it would not become the best even if it went on improving as it does, or when it
/// is far behind. A growing model improves more slowly the longer it grows, so the first errs on the side of going
/// on; the second gives up those that might come to the same in many more rounds than others need.
///
/// The idea of giving up on what a learning curve foretells: Domhan, Springenberg and Hutter, "Speeding up
/// automatic hyperparameter optimization by extrapolation of learning curves" (2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningCurvePruner {
    /// Rounds that a trial may have.
    n_rounds: usize,
    /// The value to come to; `None` while none is known.
    bar: Option<f64>,
    /// The least value of any trial at each checkpoint; `None` where none got.
    leaders: [Option<f64>; CHECKPOINTS.len()],
    /// Whether it is the first trial, which goes to its end so that there is one that did.
    is_first: bool,
}

/// Rounds after which a trial is looked at, each twice the one before.
const CHECKPOINTS: [usize; 8] = [10, 20, 40, 80, 160, 320, 640, 1280];

/// While nothing is known, only those are given up that do not learn: whoever would keep more than this share of its
/// first value to the end, at the pace of its first look. A model that starts from a base has little left to lose, so
/// how far it has come says nothing, and a pace that slackens is no sign either.
const SHARE_TO_KEEP: f64 = 0.9;

/// From this round on, and by this factor, a trial may be too far behind.
const FAR_BEHIND: (usize, f64) = (160, 1.5);

impl LearningCurvePruner {
    /// The pruner of the trial of this number, of which `earlier` trials are known and which may have `n_rounds`.
    /// Where there are several folds it need not become the best in the first one: it is enough to be worth a second
    /// one, for which [`FoldRacing`] asks.
    pub fn new<'a>(
        number: usize,
        n_rounds: usize,
        earlier: impl Iterator<Item = &'a Trial>,
        racing: &FoldRacing,
    ) -> Self {
        let (mut best, mut leaders) = (None, [None; CHECKPOINTS.len()]);
        let lower = |least: &mut Option<f64>, value: f64| {
            *least = Some(least.map_or(value, |least| least.min(value)));
        };
        let mut has_folds = false;
        for trial in earlier {
            has_folds |= !trial.folds.is_empty();
            if trial.has_grown() {
                lower(&mut best, trial.comparable());
            }
            for (leader, (_, value)) in leaders.iter_mut().zip(&trial.curve) {
                lower(leader, *value);
            }
        }
        let bar = if has_folds { racing.bar(1) } else { best };
        Self { n_rounds, bar, leaders, is_first: number == 0 }
    }

    /// Whether `round` is one at which the trial's learning curve is noted and judged.
    pub fn is_checkpoint(round: usize) -> bool {
        CHECKPOINTS.contains(&round)
    }

    /// The least value (smaller is better) that a trial with this curve at the checkpoints may come to: its pace is
    /// how much of its value it loses a round, and from checkpoint to checkpoint it keeps as much of its pace as it
    /// last did, or all of it before that can be seen.
    fn extrapolated(&self, curve: &[(usize, f64)]) -> Option<f64> {
        let pace = |from: (usize, f64), to: (usize, f64)| ln(from.1 / to.1).max(0.0) / (to.0 - from.0) as f64;
        let (mut pace, slackening) = match *curve {
            [.., first, second, third] => {
                let (former, last) = (pace(first, second), pace(second, third));
                (last, if former > last { last / former } else { 1.0 })
            }
            [first, second] => (pace(first, second), 1.0),
            _ => return None,
        };
        let (mut round, mut value) = *curve.last()?;
        while round < self.n_rounds {
            let next = (2 * round).min(self.n_rounds);
            pace *= slackening;
            value *= exp(-pace * (next - round) as f64);
            round = next;
        }
        Some(value)
    }

    /// Whether to give up a trial with this curve at the checkpoints so far.
    pub fn gives_up(&self, curve: &[(usize, f64)]) -> bool {
        let ([(_, first), ..], [.., (round, value)]) = (curve, curve) else { return false };
        let leader = self.leaders.get(curve.len() - 1).copied().flatten();
        let is_far_behind =
            *round >= FAR_BEHIND.0 && leader.is_some_and(|leader| *value > FAR_BEHIND.1 * leader);
        let bar = match (self.bar, curve.len()) {
            (Some(bar), _) => bar,
            (None, 2) => SHARE_TO_KEEP * first,
            (None, _) => f64::INFINITY,
        };
        !self.is_first && (is_far_behind || self.extrapolated(curve).is_some_and(|value| value > bar))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use crate::math::power;
    use crate::model::Params;

    fn pruner_of<'a>(
        number: usize,
        n_rounds: usize,
        earlier: impl Iterator<Item = &'a Trial> + Clone,
    ) -> LearningCurvePruner {
        LearningCurvePruner::new(number, n_rounds, earlier.clone(), &FoldRacing::new(earlier))
    }

    fn known(value: f64) -> Trial {
        let outcome = Outcome::Complete { value, refit: Params::default() };
        Trial { number: 0, params: Params::default(), outcome, curve: Vec::new(), folds: Vec::new() }
    }

    #[test]
    fn a_trial_goes_on_while_its_pace_could_make_it_the_best() {
        let known = [known(30.0), known(20.0)];
        let pruner = pruner_of(5, 40, known.iter());
        assert!(!pruner.gives_up(&[(10, 1000.0)]), "one look shows no pace");
        // From 120 to 60 in ten rounds: a quarter of that after twenty more.
        assert!(!pruner.gives_up(&[(10, 120.0), (20, 60.0)]));
        assert!(pruner.gives_up(&[(10, 240.0), (20, 120.0)]));
        // At its end it is what it is.
        assert!(!pruner.gives_up(&[(20, 25.0), (40, 20.0)]) && pruner.gives_up(&[(20, 25.0), (40, 20.1)]));
    }

    #[test]
    fn a_pace_that_slackens_is_expected_to_slacken_further() {
        let pruner = pruner_of(5, 80, [known(20.0)].iter());
        // It halved in ten rounds and then in twenty: half the pace. Half of that in the next forty.
        let extrapolated = |curve: &[(usize, f64)]| pruner.extrapolated(curve).map(f64::round);
        assert_eq!(extrapolated(&[(10, 160.0), (20, 80.0), (40, 40.0)]), Some(20.0));
        // At an even pace, a half every ten rounds, it comes to a sixteenth.
        assert_eq!(extrapolated(&[(10, 1280.0), (20, 640.0), (40, 160.0)]), Some(10.0));
    }

    #[test]
    fn a_trial_that_grows_worse_is_not_thought_to_explode() {
        let pruner = pruner_of(5, 1000, [known(20.0)].iter());
        assert!(pruner.gives_up(&[(10, 101.0), (20, 102.0)]));
        assert_eq!(pruner.extrapolated(&[(10, 18.0), (20, 19.0)]), Some(19.0));
    }

    #[test]
    fn who_is_far_behind_the_leader_of_its_round_is_given_up_late() {
        let mut leader = known(20.0);
        leader.curve = [10, 20, 40, 80, 160, 320].map(|round| (round, 100.0)).to_vec();
        let pruner = pruner_of(5, 10_000, [leader].iter());
        // At an even pace, which promises everything.
        let curve = |last: f64| {
            let at = |round: usize| (round, last * power(1.1, f64::from((160 - round as i32) / 10)));
            [10, 20, 40, 80, 160].map(at)
        };
        assert!(!pruner.gives_up(&curve(150.0)) && pruner.gives_up(&curve(151.0)));
        assert!(!pruner.gives_up(&curve(151.0)[..4]), "too early");
    }

    #[test]
    fn without_rivals_only_those_that_do_not_learn_are_given_up_and_never_the_first() {
        let pruner = |number| pruner_of(number, 1000, [].iter());
        let dull = [(10, 3000.0), (20, 2999.0)];
        assert!(pruner(1).gives_up(&dull) && !pruner(0).gives_up(&dull));
        assert!(!pruner(1).gives_up(&[(10, 3000.0), (20, 2900.0)]));
    }

    #[test]
    fn without_rivals_a_model_that_starts_close_to_its_best_is_not_given_up() {
        // The curve of a model that starts from a regression: a tenth is left to gain, most of it early.
        let curve = [(10, 321.0), (20, 309.5), (40, 302.0), (80, 298.9), (160, 298.6), (320, 299.0)];
        let pruner = pruner_of(3, 1000, [].iter());
        for n_looks in 1..=curve.len() {
            assert!(!pruner.gives_up(&curve[..n_looks]), "after {n_looks} looks");
        }
        // With a rival known that it will not reach, it is.
        assert!(pruner_of(8, 1000, [known(290.0)].iter()).gives_up(&curve));
    }

    #[test]
    fn what_was_given_up_itself_is_not_the_best() {
        let mut given_up = known(1.0);
        given_up.outcome = Outcome::Pruned { value: 1.0 };
        assert!(!pruner_of(5, 20, [given_up].iter()).gives_up(&[(10, 30.0), (20, 4.0)]));
    }
}
