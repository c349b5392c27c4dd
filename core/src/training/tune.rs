//! The search for one family's parameters: trials on a part of the training rows, judged by the
//! mean absolute error in US dollars on the rest.

use std::ops::ControlFlow;

use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Family, Plan, Preset};
use crate::dataset::Split;
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::metrics::mean_absolute_error;
use crate::model::Params;
use crate::pipeline::Validation;
use crate::progress::{Event, Progress};
use crate::registry::{BlobKind, Digest, Registry, SearchCard};
use crate::tuning::{Measured, Outcome, Report, SamplerKind, Search, Study, StudyHeader, Trial};

/// A search to run.
pub(super) struct Tuning<'a> {
    pub(super) family: &'a Family,
    pub(super) plan: Plan,
    pub(super) preset: Preset,
    pub(super) sampler: SamplerKind,
    pub(super) n_trials: usize,
    pub(super) n_workers: usize,
    pub(super) seed: u64,
    /// The data set that `train` comes from.
    pub(super) dataset: &'a Digest,
    pub(super) train: &'a [PricedDiamond],
}

/// Share of the training rows that judges trials, as in the notebook.
const VALIDATION_SHARE: f64 = 0.2;
/// Fewer rows on either side make a search a lottery.
const FEWEST_ROWS: usize = 20;

impl Tuning<'_> {
    /// Runs the search, or what an earlier run left of it.
    pub(super) fn run(
        &self,
        registry: &Registry,
        progress: &dyn Progress,
        interrupt: &Interrupt,
    ) -> Result<(Params, SearchCard)> {
        // Sides are decided by fingerprint here too: repeated stones never judge themselves. The
        // seed is mixed first, because a rule that equals the test split's has nobody left to judge.
        let split = Split::new(xxh3_64_with_seed(b"validation", self.seed), VALIDATION_SHARE)?;
        let (judges, learners): (Vec<_>, Vec<_>) =
            self.train.iter().copied().partition(|stone| split.is_test(stone.diamond()));
        if judges.len() < FEWEST_ROWS || learners.len() < FEWEST_ROWS {
            return Err(Error::TooFewRows {
                reason: format!(
                    "{} training rows are too few for a search; give more data, or --trials 0 to train \
                     with default parameters",
                    self.train.len()
                ),
            });
        }
        let header = self.header()?;
        let header_json = serde_json::to_vec(&header).unwrap_or_default();
        let name = format!("{}-{}.jsonl", self.family.name, &Digest::of(&header_json).hex()[..16]);
        let mut study = Study::open(&registry.study_path(&name), &header)?;
        let n_kept = study.trials().iter().filter(|trial| trial.number < self.n_trials).count();
        let (family, n_trials) = (&*self.family.name, self.n_trials);
        let kept = study.trials();
        progress.report(&Event::SearchStarted { family, n_trials, n_kept, kept });
        let actual: Vec<_> = judges.iter().map(PricedDiamond::price_usd).collect();
        let objective = |params: &Params, report: Report<'_>| {
            self.measure(params, &learners, &judges, &actual, report, interrupt)
        };
        let after_trial = |trial: &Trial, n_finished: usize, best_mae_usd: Option<f64>| {
            progress.report(&Event::TrialFinished { family, n_finished, n_trials, best_mae_usd, trial });
        };
        let search = Search {
            n_trials,
            n_workers: self.n_workers,
            patience: self.plan.pruning_patience,
            objective: &objective,
            after_trial: &after_trial,
            interrupt,
        };
        let mut sampler = self.sampler.sampler(&self.plan.space, self.seed)?;
        let trials = search.run(&mut study, &mut *sampler)?;
        progress.report(&Event::SearchFinished { family });
        let (best, value, refit) = best(&trials)?;
        let card = SearchCard {
            study: registry.put_blob(BlobKind::Study, study.sorted(n_trials)?)?,
            n_trials,
            n_pruned: trials.iter().filter(|trial| matches!(trial.outcome, Outcome::Pruned { .. })).count(),
            best_trial: best,
            best_mae_usd: value,
            space: self.preset.name().into(),
            sampler: self.sampler,
        };
        Ok((refit, card))
    }

    fn header(&self) -> Result<StudyHeader> {
        let library = self.family.library_version.as_ref().map(|version| version()).transpose()?;
        Ok(StudyHeader {
            format: 1,
            objective: json!({
                "family": self.family.name,
                "library": library,
                "dataset": self.dataset,
                "validation_share": VALIDATION_SHARE,
                "fixed": self.plan.fixed,
                "pruning_patience": self.plan.pruning_patience,
                "early_stopping": self.plan.early_stopping,
            }),
            space: self.plan.space.clone(),
            sampler: self.sampler,
            seed: self.seed,
        })
    }

    /// One trial: fits on the learners, watching the error on the judges.
    fn measure(
        &self,
        params: &Params,
        learners: &[PricedDiamond],
        judges: &[PricedDiamond],
        actual: &[f64],
        report: Report<'_>,
        interrupt: &Interrupt,
    ) -> Result<Option<Measured>> {
        let params = self.plan.fixed.clone().overlaid(params);
        let mut best = (0, f64::INFINITY);
        let mut last = None;
        let mut is_given_up = false;
        let mut after_round = |round: usize, prices: &[f64]| {
            let mae = mean_absolute_error(actual, prices);
            if mae < best.1 {
                best = (round, mae);
            }
            last = Some(mae);
            is_given_up = report(round, mae).is_break();
            let is_stale = self.plan.early_stopping.is_some_and(|stop| round - best.0 >= stop.patience);
            Ok(if is_given_up || is_stale { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let validation = Validation { stones: judges, after_round: &mut after_round };
        let family = self.family;
        let pipeline =
            family.recipe.fit(&family.name, learners, &params, self.seed, Some(validation), interrupt)?;
        if is_given_up {
            return Ok(None);
        }
        Ok(Some(match (self.plan.early_stopping, last) {
            (Some(stop), Some(_)) => {
                let rounds = Params::from([(stop.rounds, best.0 as f64)]);
                Measured { value: best.1, refit: params.overlaid(&rounds) }
            }
            (None, Some(value)) => Measured { value, refit: params },
            // The model does not grow in rounds: it is judged when it is done.
            (_, None) => {
                let prices = pipeline.predict(judges.iter().map(PricedDiamond::diamond));
                let value = mean_absolute_error(actual, &prices);
                if !value.is_finite() {
                    let reason = format!("{} prices some stones at no finite number", family.name);
                    return Err(Error::Fit { model: "a trial", reason });
                }
                Measured { value, refit: params }
            }
        }))
    }
}

fn best(trials: &[Trial]) -> Result<(usize, f64, Params)> {
    let complete = trials.iter().filter_map(|trial| match &trial.outcome {
        Outcome::Complete { value, refit } => Some((trial.number, *value, refit.clone())),
        Outcome::Pruned { .. } => None,
    });
    complete
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .ok_or_else(|| Error::Fit { model: "search", reason: "no trial ran to its end".into() })
}
