//! Which parameters mattered.

use super::{Outcome, Trial};
use crate::math::square;
use crate::model::Params;

/// Groups that a parameter's values are sorted into.
const N_GROUPS: usize = 4;
/// With fewer trials the figures would be chance alone.
pub const FEWEST_FOR_IMPORTANCE: usize = 8;

/// How much of the differences between trials each parameter explains by itself, from 0 to 1, largest first:
/// trials are sorted into groups by the parameter's value (up to four of equal size; one for each word), and the
/// share is that of the variance between the groups' mean ranks in the variance of all ranks, the correlation
/// ratio (Pearson, 1905). Ranks, because one hopeless trial would outweigh all others. Trials that were given up
/// rank behind those that ran to their end, and before others the further they came.
///
/// Parameters that were the same in every trial are left out; nothing is said of fewer than
/// [`FEWEST_FOR_IMPORTANCE`] trials. Effects that two parameters have only together do not show.
pub fn importance(trials: &[Trial]) -> Vec<(String, f64)> {
    if trials.len() < FEWEST_FOR_IMPORTANCE {
        return Vec::new();
    }
    let ranks = ranks(&trials.iter().map(standing).collect::<Vec<_>>());
    let mut names: Vec<&str> = trials
        .iter()
        .flat_map(|trial| {
            trial.params.iter().map(|(name, _)| name).chain(trial.params.words().map(|(name, _)| name))
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    let share = |name: &str| {
        let groups = groups(&trials.iter().map(|trial| &trial.params).collect::<Vec<_>>(), name)?;
        Some((name.to_owned(), explained(&ranks, &groups)))
    };
    let mut shares: Vec<_> = names.into_iter().filter_map(share).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}

/// What a trial is ranked by, the least first: whether it was given up, how many folds and rounds it came (the
/// more the better), and its value.
fn standing(trial: &Trial) -> (bool, isize, isize, f64) {
    let n_rounds = trial.curve.last().map_or(0, |(round, _)| *round);
    match trial.outcome {
        Outcome::Complete { value, .. } => (false, 0, 0, value),
        Outcome::Pruned { value } => (true, -(trial.folds.len() as isize), -(n_rounds as isize), value),
        Outcome::Failed { .. } => (true, 0, 0, f64::INFINITY),
    }
}

/// Ranks from 0; equal values share the mean of theirs.
fn ranks<T: PartialOrd>(values: &[T]) -> Vec<f64> {
    let rank = |value: &T| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

/// The group of each trial; `None` when there is but one.
fn groups(params: &[&Params], name: &str) -> Option<Vec<usize>> {
    let words: Vec<_> = params.iter().map(|params| params.word(name)).collect();
    let groups: Vec<_> = if words.iter().any(Option::is_some) {
        let mut known = words.clone();
        known.sort_unstable();
        known.dedup();
        words.iter().map(|word| known.binary_search(word).unwrap_or_default()).collect()
    } else {
        let numbers: Vec<_> = params.iter().map(|params| params.get(name).unwrap_or(f64::NAN)).collect();
        // Equal numbers have equal ranks, so they are never torn apart.
        let n = numbers.len() as f64;
        ranks(&numbers).into_iter().map(|rank| (rank / n * N_GROUPS as f64) as usize).collect()
    };
    groups.iter().any(|group| *group != groups[0]).then_some(groups)
}

fn explained(ranks: &[f64], groups: &[usize]) -> f64 {
    let n = ranks.len() as f64;
    let mean = ranks.iter().sum::<f64>() / n;
    let total: f64 = ranks.iter().map(|rank| square(rank - mean)).sum();
    let n_groups = groups.iter().max().map_or(0, |last| last + 1);
    let between: f64 = (0..n_groups)
        .map(|group| {
            let members: Vec<_> =
                ranks.iter().zip(groups).filter(|(_, of)| **of == group).map(|(rank, _)| *rank).collect();
            let count = members.len() as f64;
            if members.is_empty() { 0.0 } else { count * square(members.iter().sum::<f64>() / count - mean) }
        })
        .sum();
    if total > 0.0 { between / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(n: usize, value: impl Fn(f64, f64, usize) -> f64) -> Vec<Trial> {
        let trial = |number: usize| {
            let (rate, depth) = ((number * 7 % n) as f64, (number * 13 % n) as f64);
            let mut params = Params::from([("rate", rate), ("depth", depth), ("fixed", 1.0)]);
            params.set_word("kind", ["a", "b"][number % 2]);
            let outcome =
                Outcome::Complete { value: value(rate, depth, number % 2), refit: Params::default() };
            Trial { number, params, outcome, curve: Vec::new(), folds: Vec::new() }
        };
        (0..n).map(trial).collect()
    }

    #[test]
    fn the_parameter_that_decides_comes_first() {
        let shares = importance(&trials(40, |rate, depth, _| rate * 100.0 + depth));
        assert_eq!(shares[0].0, "rate");
        assert!(shares[0].1 > 0.9, "{shares:?}");
        assert!(shares[1..].iter().all(|(_, share)| *share < 0.3), "{shares:?}");
        assert!(shares.iter().all(|(name, _)| name != "fixed"), "{shares:?}");
    }

    #[test]
    fn a_word_that_decides_is_found_too() {
        let shares = importance(&trials(41, |rate, _, kind| 1000.0 * kind as f64 + rate));
        assert_eq!(shares[0].0, "kind");
        // Of ranks 0 to 40 in two halves, the halves explain three quarters.
        assert!((shares[0].1 - 0.75).abs() < 0.01, "{shares:?}");
    }

    #[test]
    fn what_was_given_up_ranks_behind_the_rest_and_by_how_far_it_came() {
        let trial = |outcome, rounds, n_folds| Trial {
            number: 0,
            params: Params::default(),
            outcome,
            curve: vec![(rounds, 0.0)],
            folds: vec![0.0; n_folds],
        };
        let complete = |value| trial(Outcome::Complete { value, refit: Params::default() }, 80, 5);
        let given_up = |value, rounds, n_folds| trial(Outcome::Pruned { value }, rounds, n_folds);
        let best_first = [
            complete(300.0),
            complete(900.0),
            given_up(310.0, 40, 2),
            given_up(290.0, 80, 1),
            given_up(280.0, 40, 0),
            given_up(270.0, 20, 0),
            given_up(275.0, 20, 0),
        ];
        let ranks = ranks(&best_first.iter().map(standing).collect::<Vec<_>>());
        assert_eq!(ranks, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn nothing_is_said_of_a_handful_of_trials_nor_of_equal_ones() {
        assert!(importance(&trials(7, |rate, _, _| rate)).is_empty());
        assert!(importance(&trials(20, |_, _, _| 5.0)).iter().all(|(_, share)| *share == 0.0));
    }
}
