//! How a family's parameters are searched.

use serde::{Deserialize, Serialize};

use crate::model::Params;
use crate::tuning::Space;

/// A choice of search space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Learning rates that are worth trying, each with as many trees as it needs.
    #[default]
    Narrow,
    /// The space of the data scientist's notebook, mostly learning rates too small to learn.
    Notebook,
}

impl Preset {
    /// Its name, as users type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Notebook => "notebook",
        }
    }

    /// Trials one after the other that may gain nothing before a search is over; docs/accuracy.md says what more
    /// would gain. The notebook runs all of its trials.
    pub(super) fn patience(self) -> usize {
        match self {
            Self::Narrow => 30,
            Self::Notebook => usize::MAX,
        }
    }
}

/// How to search a family's parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What is tried.
    pub space: Space,
    /// What is the same in every trial.
    pub fixed: Params,
    /// Fifths of the training rows that validate a trial, one after the other, each time learning from
    /// the rest: 1 to [`FOLDS`]. Fewer do where there are many rows.
    pub n_folds: usize,
    /// A model that grows in rounds stops when so many have brought nothing; the best round's
    /// number becomes the parameter named.
    pub early_stopping: Option<EarlyStopping>,
}

/// When to stop growing a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EarlyStopping {
    /// The parameter that holds the number of rounds.
    pub rounds: &'static str,
    /// Fewest rounds that a model may have.
    pub fewest: usize,
    /// Most rounds that a trial may have.
    pub most: usize,
    /// Rounds to wait for an improvement.
    pub patience: usize,
    /// How the final fit learns differently from the trials.
    pub slower: Option<Slower>,
}

/// A final fit that learns more slowly in as many more rounds: the same way in smaller steps, which is
/// better and too slow to search with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Slower {
    /// The parameter that holds the rate.
    pub rate: &'static str,
    /// By what the rate is divided and the number of rounds multiplied.
    pub times: u32,
}

/// Parts of the training rows, of which each can validate what was learned from the others.
pub const FOLDS: usize = 5;

impl EarlyStopping {
    /// The number of rounds that is best, from 1, and the error there (US dollars), of the errors after one round, two
    /// and so on.
    pub fn best(self, errors: &[f64]) -> Option<(usize, f64)> {
        let allowed = errors.iter().enumerate().skip(self.fewest.saturating_sub(1));
        allowed.map(|(index, error)| (index + 1, *error)).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Whether the errors so far have not improved for too long.
    pub fn is_stale(self, errors: &[f64]) -> bool {
        self.best(errors).is_some_and(|(round, _)| errors.len() - round >= self.patience)
    }

    /// `params` for the final fit, of which this number of rounds was best.
    pub(super) fn refit(self, params: Params, rounds: usize) -> Params {
        let mut refit = params;
        let mut rounds = rounds as f64;
        if let Some(slower) = self.slower
            && let Some(rate) = refit.get(slower.rate)
        {
            refit.set(slower.rate, rate / f64::from(slower.times));
            rounds *= f64::from(slower.times);
        }
        refit.set(self.rounds, rounds);
        refit
    }
}
