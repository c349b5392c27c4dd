//! The search for one family's parameters: trials on a part of the training rows, judged by the
//! mean absolute error in US dollars on the rest, in one fold or in several.

use std::ops::ControlFlow;

use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::folds::{Fold, folds};
use super::{FOLDS, Family, Plan, Preset};
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::format::grouped;
use crate::interrupt::Interrupt;
use crate::metrics::mean_absolute_error;
use crate::model::{Fitting, Params};
use crate::parallel::map;
use crate::pipeline::Prepared;
use crate::progress::{Event, Progress};
use crate::registry::{BlobKind, Digest, Registry, SearchCard};
use crate::tuning::{
    Measured, Milestone, OnMilestone, Outcome, Parallel, SamplerKind, Search, Study, StudyHeader, Trial,
};

/// A search to run.
pub(super) struct Tuning<'a> {
    pub(super) family: &'a Family,
    pub(super) plan: Plan,
    pub(super) preset: Preset,
    pub(super) sampler: SamplerKind,
    pub(super) n_trials: usize,
    pub(super) parallel: Parallel,
    pub(super) n_workers: usize,
    pub(super) seed: u64,
    /// The data set that `train` comes from.
    pub(super) dataset: &'a Digest,
    pub(super) train: &'a [PricedDiamond],
}

/// Stones on which a trial is validated are enough when they are so many.
const ENOUGH_TO_VALIDATE: usize = 20_000;

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
        // Parts are decided by fingerprint here too: repeated stones never validate themselves. The seed is
        // mixed first, because a rule that equals the test split's leaves none to validate on.
        let folds = folds(self.train, self.n_folds(), xxh3_64_with_seed(b"validation", self.seed));
        if folds.iter().any(|fold| fold.validation.len().min(fold.train.len()) < FEWEST_ROWS) {
            return Err(Error::TooFewRows {
                reason: format!(
                    "{} training rows are too few for a search; give more data, or --trials 0 to train \
                     with default parameters",
                    self.train.len()
                ),
            });
        }
        let header = self.header()?;
        let recipe = &self.family.recipe;
        let prepared = map(folds.len(), self.n_workers, |fold| {
            let Fold { train, validation, .. } = &folds[fold];
            recipe.prepare(train, validation, &self.plan.fixed, interrupt)
        });
        let prepared = prepared?.into_iter().collect::<Result<Vec<_>>>()?;
        let folds = prepared.iter().zip(&folds).map(|(prepared, fold)| {
            let fitting = recipe.estimator.prepare(prepared.samples(), prepared.eval())?;
            Ok(PreparedFold { prepared, fitting, actual: &fold.actual })
        });
        let folds = folds.collect::<Result<Vec<_>>>()?;
        let header_json = serde_json::to_vec(&header).unwrap_or_default();
        let name = format!("{}-{}.jsonl", self.family.name, &Digest::of(&header_json).hex()[..16]);
        let mut study = Study::open(&registry.study_path(&name)?, &header)?;
        let n_kept = study.trials().iter().filter(|trial| trial.number < self.n_trials).count();
        let (family, n_trials) = (&*self.family.name, self.n_trials);
        let kept = study.trials();
        progress.report(&Event::SearchStarted { family, n_trials, n_kept, kept });
        let objective =
            |params: &Params, report: OnMilestone<'_>| self.measure(params, &folds, report, interrupt);
        let after_trial = |trial: &Trial, n_finished: usize, best_mae_usd: Option<f64>| {
            progress.report(&Event::TrialFinished { family, n_finished, n_trials, best_mae_usd, trial });
        };
        // A program of somebody else's may fail over one set of parameters and do well with another.
        let keeps_failures = self.family.foreign.is_some();
        let search = Search {
            n_trials,
            patience: self.preset.patience(),
            parallel: self.parallel,
            n_workers: self.n_workers,
            n_rounds: self.plan.early_stopping.map_or(0, |stop| stop.most),
            measure: &|job| job.run(&objective, keeps_failures),
            after_trial: &after_trial,
            interrupt,
        };
        let mut sampler = self.sampler.sampler(&self.plan.space, self.seed)?;
        let searched = search.run(&mut study, &mut *sampler);
        if let Err(error) = registry.keep_study(&name) {
            tracing::warn!(%error, "the trials are kept on this machine alone");
        }
        let trials = searched?;
        let n_run = trials.len();
        let gained_nothing = (n_run < n_trials).then_some(self.preset.patience());
        progress.report(&Event::SearchFinished { family, n_trials: n_run, gained_nothing });
        let (best, value, refit) = best(&trials)?;
        let card = SearchCard {
            study: registry.put_blob(BlobKind::Study, study.sorted(n_run)?)?,
            n_trials: n_run,
            gained_nothing,
            n_pruned: trials.iter().filter(|trial| matches!(trial.outcome, Outcome::Pruned { .. })).count(),
            best_trial: best,
            best_mae_usd: value,
            space: self.preset.name().into(),
            sampler: self.sampler,
        };
        Ok((refit, card))
    }

    /// As many folds of the plan's as it takes to validate on enough stones: one of a large data set says as much as five
    /// of a small one.
    fn n_folds(&self) -> usize {
        (ENOUGH_TO_VALIDATE * FOLDS).div_ceil(self.train.len().max(1)).clamp(1, self.plan.n_folds.max(1))
    }

    fn header(&self) -> Result<StudyHeader> {
        let library = self.family.library_version.as_ref().map(|version| version()).transpose()?;
        Ok(StudyHeader {
            format: 1,
            objective: json!({
                "family": self.family.name,
                "library": library,
                "dataset": self.dataset,
                "folds": [self.n_folds(), FOLDS],
                "fixed": self.plan.fixed,
                "early_stopping": self.plan.early_stopping,
            }),
            space: self.plan.space.clone(),
            sampler: self.sampler,
            seed: self.seed,
            parallel: self.parallel,
        })
    }

    /// One trial: in each fold fits on its training stones, watching the error on its validation stones. Folds are
    /// judged together, at the number of rounds that is best for all of them.
    fn measure(
        &self,
        params: &Params,
        folds: &[PreparedFold<'_>],
        report: OnMilestone<'_>,
        interrupt: &Interrupt,
    ) -> Result<Option<Measured>> {
        let mut params = self.plan.fixed.clone().overlaid(params);
        if let Some(stop) = self.plan.early_stopping {
            params.set(stop.rounds, stop.most as f64);
        }
        let mut curves = Vec::new();
        let mut best = (0, f64::INFINITY);
        for fold in folds {
            let mut tell = |round, mae| match curves.is_empty() {
                true => report(Milestone::Rounds(round), mae),
                false => ControlFlow::Continue(()),
            };
            let Some(curve) = self.learning_curve(&params, fold, &mut tell, interrupt)? else {
                return Ok(None);
            };
            curves.push(curve);
            best = self.best_round(&curves);
            let is_over = folds.len() > 1 && report(Milestone::Folds(curves.len()), best.1).is_break();
            if is_over && curves.len() < folds.len() {
                return Ok(None);
            }
        }
        let (rounds, value) = best;
        let refit = match self.plan.early_stopping {
            Some(stop) if rounds > 0 => stop.refit(params, rounds),
            _ => params,
        };
        Ok(Some(Measured { value, refit }))
    }

    /// The error after each round of one fit; of one that does not grow in rounds, the error alone.
    /// `None` when it was told to give up.
    fn learning_curve(
        &self,
        params: &Params,
        fold: &PreparedFold<'_>,
        tell: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
        interrupt: &Interrupt,
    ) -> Result<Option<LearningCurve>> {
        let mut errors = Vec::new();
        let mut is_given_up = false;
        let mut after_round = |round: usize, prices: &[f64]| {
            let mae = mean_absolute_error(fold.actual, prices);
            errors.push(mae);
            is_given_up = tell(round, mae).is_break();
            let is_stale = self.plan.early_stopping.is_some_and(|stop| stop.is_stale(&errors));
            Ok(if is_given_up || is_stale { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let PreparedFold { prepared, fitting, actual } = fold;
        let model = prepared.fit(&**fitting, params, self.seed, &mut after_round, interrupt)?;
        if is_given_up {
            return Ok(None);
        }
        if !errors.is_empty() {
            return Ok(Some(LearningCurve { grows: true, errors }));
        }
        // The model does not grow in rounds: it is judged when it is done.
        let value = mean_absolute_error(actual, &prepared.prices(&*model));
        if !value.is_finite() {
            let reason = not_finite(&self.family.name, &prepared.prices(&*model));
            return Err(Error::Fit { model: "a trial", reason });
        }
        Ok(Some(LearningCurve { grows: false, errors: vec![value] }))
    }

    /// Rounds (0 if it does not grow in rounds) and mean error of the folds so far.
    fn best_round(&self, curves: &[LearningCurve]) -> (usize, f64) {
        let n_rounds = curves.iter().map(|curve| curve.errors.len()).min().unwrap_or_default();
        let mean =
            |round: usize| curves.iter().map(|curve| curve.errors[round]).sum::<f64>() / curves.len() as f64;
        let grows = curves.iter().all(|curve| curve.grows);
        let means: Vec<_> = (0..n_rounds).map(mean).collect();
        let best = match self.plan.early_stopping {
            Some(stop) if grows => stop.best(&means),
            _ => means.last().map(|value| (n_rounds, *value)),
        };
        let (rounds, value) = best.unwrap_or((0, f64::INFINITY));
        (if grows { rounds } else { 0 }, value)
    }
}

/// What trials are measured on: a fold that is ready to be learned from.
struct PreparedFold<'a> {
    prepared: &'a Prepared,
    fitting: Box<dyn Fitting + 'a>,
    /// What its validation stones were sold for, US dollars.
    actual: &'a [f64],
}

/// How a fit went, round by round.
struct LearningCurve {
    grows: bool,
    /// Mean absolute error in US dollars on the validation stones after each round.
    errors: Vec<f64>,
}

fn best(trials: &[Trial]) -> Result<(usize, f64, Params)> {
    let complete = trials.iter().filter_map(|trial| match &trial.outcome {
        Outcome::Complete { value, refit } => Some((trial.number, *value, refit.clone())),
        Outcome::Pruned { .. } | Outcome::Failed { .. } => None,
    });
    let failure = trials.iter().find_map(|trial| match &trial.outcome {
        Outcome::Failed { reason } => Some(format!("; trial {} failed: {reason}", trial.number)),
        _ => None,
    });
    complete.min_by(|a, b| a.1.total_cmp(&b.1)).ok_or_else(|| Error::Fit {
        model: "search",
        reason: format!("no trial ran to its end{}", failure.unwrap_or_default()),
    })
}

/// What to say of prices of which some are no finite numbers.
pub(super) fn not_finite(family: &str, prices: &[f64]) -> String {
    let n_wrong = prices.iter().filter(|price| !price.is_finite()).count();
    format!(
        "{family} predicts no finite number for {} of {} stones",
        grouped(n_wrong as u64),
        grouped(prices.len() as u64)
    )
}
