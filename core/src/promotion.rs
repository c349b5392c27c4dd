//! Which model answers, and why. A candidate replaces the champion when it is better on the same
//! stones by more than chance explains.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use crate::metrics::absolute_errors;

/// Resamples of the bootstrap.
const N_RESAMPLES: usize = 2_000;
/// Share of resamples that the interval holds.
const CONFIDENCE: f64 = 0.95;
/// Fewer stones cannot tell two models apart.
pub const FEWEST_STONES: usize = 30;

/// Two models on the same stones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Stones that neither model was trained on.
    pub n_stones: usize,
    /// Mean absolute error of the candidate in US dollars.
    pub candidate_mae_usd: f64,
    /// Mean absolute error of the champion in US dollars.
    pub champion_mae_usd: f64,
    /// Candidate minus champion: negative when the candidate is better.
    pub difference_usd: f64,
    /// Lower end of the difference's interval.
    pub low_usd: f64,
    /// Upper end of the difference's interval.
    pub high_usd: f64,
    /// Confidence of the interval, such as 0.95.
    pub confidence: f64,
}

/// What was decided, with its figures and its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the candidate became the champion.
    pub promoted: bool,
    /// The version judged.
    pub candidate: u64,
    /// The champion it was judged against.
    pub champion: Option<u64>,
    /// The figures, when two models were compared.
    pub comparison: Option<Comparison>,
    /// The reason, in one sentence.
    pub reason: String,
}

impl Comparison {
    /// Seed of the bootstrap: the same models and stones always give the same interval.
    pub const SEED: u64 = 42;

    /// Compares two models' prices for the same stones, pair by pair: what makes a stone hard to
    /// price is hard for both and cancels out.
    ///
    /// The interval is the percentile bootstrap of the mean difference: stones are drawn with
    /// replacement, as many as there are, again and again (Efron, Tibshirani: An Introduction to the
    /// Bootstrap, 1993, chapter 13). All prices in US dollars; at least one stone.
    pub fn of(actual: &[f64], candidate: &[f64], champion: &[f64], seed: u64) -> Self {
        let candidate = absolute_errors(actual, candidate);
        let champion = absolute_errors(actual, champion);
        let differences: Vec<_> = candidate.iter().zip(&champion).map(|(a, b)| a - b).collect();
        let n = differences.len();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n as f64;
        let mut random = Pcg64::seed_from_u64(seed);
        let mut resample = || (0..n).map(|_| differences[random.random_range(0..n)]).sum::<f64>() / n as f64;
        let mut means: Vec<_> = (0..N_RESAMPLES).map(|_| resample()).collect();
        means.sort_by(f64::total_cmp);
        let tail = (N_RESAMPLES as f64 * (1.0 - CONFIDENCE) / 2.0).round() as usize;
        Self {
            n_stones: n,
            candidate_mae_usd: mean(&candidate),
            champion_mae_usd: mean(&champion),
            difference_usd: mean(&differences),
            low_usd: means[tail],
            high_usd: means[N_RESAMPLES - 1 - tail],
            confidence: CONFIDENCE,
        }
    }

    /// Whether the whole interval speaks for the candidate.
    pub fn favours_candidate(&self) -> bool {
        self.high_usd < 0.0
    }

    /// The figures in words, with the candidate as the subject.
    pub fn sentence(&self) -> String {
        format!(
            "on {} stones that neither was trained on, its mean error is ${:.2} against ${:.2}, a difference of \
             ${:+.2} ({:.0} % interval {:+.2} to {:+.2})",
            self.n_stones,
            self.candidate_mae_usd,
            self.champion_mae_usd,
            self.difference_usd,
            100.0 * self.confidence,
            self.low_usd,
            self.high_usd
        )
    }
}

impl Decision {
    /// There was no champion.
    pub fn first(candidate: u64) -> Self {
        let reason = format!("Version {candidate} is promoted because there was no champion before it.");
        Self { promoted: true, candidate, champion: None, comparison: None, reason }
    }

    /// A person decided.
    pub fn by_hand(candidate: u64, champion: Option<u64>, reason: String) -> Self {
        Self { promoted: true, candidate, champion, comparison: None, reason }
    }

    /// A person promoted the champion, as a second click does: nothing changes.
    pub fn already_champion(version: u64) -> Self {
        let reason = format!("Version {version} is the champion already; nothing was changed.");
        Self { promoted: false, candidate: version, champion: Some(version), comparison: None, reason }
    }

    /// The candidate is the champion's twin, byte for byte.
    pub fn same_model(candidate: u64, champion: u64) -> Self {
        let reason = format!(
            "Version {candidate} is not promoted because it is the same model as the champion, version {champion}, \
             byte for byte."
        );
        Self { promoted: false, candidate, champion: Some(champion), comparison: None, reason }
    }

    /// What a candidate's prices may be in the champion's, in the middle: beyond that a delivery is in doubt, however
    /// well its own test stones are priced.
    pub const PLAUSIBLE_RATIO: std::ops::RangeInclusive<f64> = 0.5..=2.0;

    /// The candidate's prices are nowhere near the champion's.
    pub fn implausible(candidate: u64, champion: u64, ratio: f64) -> Self {
        let reason = format!(
            "Version {candidate} is not promoted by its figures alone, because in the middle of the champion's test \
             stones its prices are {ratio:.4} times those of the champion, version {champion}, and a half to twice is \
             plausible: look at the units of what it learned from. If prices moved so, promote it by hand (`xtream models \
             promote {candidate}`)."
        );
        Self { promoted: false, candidate, champion: Some(champion), comparison: None, reason }
    }

    /// There are too few stones that the champion was not trained on.
    pub fn incomparable(candidate: u64, champion: u64, n_stones: usize) -> Self {
        let reason = format!(
            "Version {candidate} is not promoted because only {n_stones} test stones are new to the champion, \
             version {champion}, and at least {FEWEST_STONES} are needed to compare the two fairly."
        );
        Self { promoted: false, candidate, champion: Some(champion), comparison: None, reason }
    }

    /// The figures decide.
    pub fn by_comparison(candidate: u64, champion: u64, comparison: Comparison) -> Self {
        let promoted = comparison.favours_candidate();
        let sentence = comparison.sentence();
        let reason = if promoted {
            format!("Version {candidate} is promoted over version {champion}: {sentence}.")
        } else {
            format!(
                "Version {candidate} is not promoted over version {champion}: {sentence}, and an interval that \
                 reaches zero does not show it to be better."
            )
        };
        let reason = if comparison.low_usd > 0.0 {
            format!(
                "Version {candidate} is not promoted over version {champion}, which is better: {sentence}."
            )
        } else {
            reason
        };
        Self { promoted, candidate, champion: Some(champion), comparison: Some(comparison), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prices of 200 stones and two models: the second is off by `gap` more, give or take noise.
    fn contest(gap: f64) -> Comparison {
        let actual: Vec<_> = (0..200).map(|i| 1000.0 + f64::from(i)).collect();
        let noise = |i: usize| ((i * 7919) % 100) as f64 - 49.5;
        let candidate: Vec<_> = actual.iter().enumerate().map(|(i, a)| a + 100.0 + noise(i)).collect();
        let champion: Vec<_> =
            actual.iter().enumerate().map(|(i, a)| a + 100.0 + gap + noise(i + 31)).collect();
        Comparison::of(&actual, &candidate, &champion, 1)
    }

    #[test]
    fn a_clearly_better_candidate_is_promoted() {
        let comparison = contest(50.0);
        assert!((comparison.difference_usd + 50.0).abs() < 1.0, "{comparison:?}");
        assert!(
            comparison.low_usd < comparison.difference_usd && comparison.difference_usd < comparison.high_usd
        );
        let decision = Decision::by_comparison(2, 1, comparison);
        assert!(decision.promoted);
        assert!(
            decision.reason.starts_with("Version 2 is promoted over version 1: on 200 stones"),
            "{}",
            decision.reason
        );
    }

    #[test]
    fn a_difference_that_chance_explains_promotes_nobody() {
        let decision = Decision::by_comparison(2, 1, contest(0.5));
        assert!(!decision.promoted);
        assert!(decision.reason.contains("does not show it to be better"), "{}", decision.reason);
    }

    #[test]
    fn a_worse_candidate_is_told_so() {
        let decision = Decision::by_comparison(2, 1, contest(-50.0));
        assert!(!decision.promoted);
        assert!(decision.reason.contains("which is better"), "{}", decision.reason);
    }

    #[test]
    fn the_interval_covers_the_true_difference_about_as_often_as_it_says() {
        // 300 experiments of 60 stones whose true mean difference is zero, from a fixed seed.
        let mut random = Pcg64::seed_from_u64(7);
        let mut n_covered = 0;
        for experiment in 0..300 {
            let actual = vec![0.0; 60];
            let mut errors = || -> Vec<f64> { (0..60).map(|_| random.random_range(0.0..100.0)).collect() };
            let comparison = Comparison::of(&actual, &errors(), &errors(), experiment);
            n_covered += i32::from(comparison.low_usd <= 0.0 && comparison.high_usd >= 0.0);
        }
        assert!((276..=294).contains(&n_covered), "{n_covered} of 300 intervals held the truth");
    }
}
