//! What a trial measures: the mean absolute error in US dollars on a part of the training rows, of a model that was fitted
//! on the rest, in one fold or in several.

use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::folds::{Fold, folds};
use super::{FOLDS, Family, Plan};
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::format::grouped;
use crate::interrupt::Interrupt;
use crate::metrics::mean_absolute_error;
use crate::model::{Fitting, Params};
use crate::parallel::map;
use crate::pipeline::Prepared;
use crate::tuning::{Job, Measured, Milestone, OnMilestone, Trial};

/// What all trials of a search have in common.
pub(super) struct Objective<'a> {
    pub(super) family: &'a Family,
    pub(super) plan: &'a Plan,
    pub(super) seed: u64,
    pub(super) train: &'a [PricedDiamond],
}

/// Carries a trial out.
pub(super) type Measure<'a> = &'a (dyn Fn(Job, &Interrupt) -> Result<Trial> + Sync);

/// Stones on which a trial is validated are enough when they are so many.
const ENOUGH_TO_VALIDATE: usize = 20_000;

/// Fewer rows on either side make a search a lottery.
const FEWEST_ROWS: usize = 20;

impl Objective<'_> {
    /// As many folds of the plan's as it takes to validate on enough stones: one of a large data set says as much as five
    /// of a small one.
    pub(super) fn n_folds(&self) -> usize {
        (ENOUGH_TO_VALIDATE * FOLDS).div_ceil(self.train.len().max(1)).clamp(1, self.plan.n_folds.max(1))
    }

    /// The folds that trials are measured on.
    ///
    /// # Errors
    /// [`Error::TooFewRows`].
    pub(super) fn folds(&self) -> Result<Vec<Fold>> {
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
        Ok(folds)
    }

    /// Makes ready what no parameter changes, on so many threads, and has `work` done with it.
    ///
    /// # Errors
    /// As [`crate::model::Estimator::fit`], and those of `work`.
    pub(super) fn prepared<T>(
        &self,
        folds: &[Fold],
        n_workers: usize,
        interrupt: &Interrupt,
        work: impl FnOnce(Measure<'_>) -> Result<T>,
    ) -> Result<T> {
        let recipe = &self.family.recipe;
        let prepared = map(folds.len(), n_workers, |fold| {
            let Fold { train, validation, .. } = &folds[fold];
            recipe.prepare(train, validation, &self.plan.fixed, interrupt)
        });
        let prepared = prepared?.into_iter().collect::<Result<Vec<_>>>()?;
        let folds = prepared.iter().zip(folds).map(|(prepared, fold)| {
            let fitting = recipe.estimator.prepare(prepared.samples(), prepared.eval())?;
            Ok(PreparedFold { prepared, fitting, actual: &fold.actual })
        });
        let folds = folds.collect::<Result<Vec<_>>>()?;
        // A program of somebody else's may fail over one set of parameters and do well with another.
        let keeps_failures = self.family.foreign.is_some();
        work(&|job, interrupt| {
            let objective =
                |params: &Params, report: OnMilestone<'_>| self.measure(params, &folds, report, interrupt);
            job.run(&objective, keeps_failures)
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

/// What to say of prices of which some are no finite numbers.
pub(super) fn not_finite(family: &str, prices: &[f64]) -> String {
    let n_wrong = prices.iter().filter(|price| !price.is_finite()).count();
    format!(
        "{family} predicts no finite number for {} of {} stones",
        grouped(n_wrong as u64),
        grouped(prices.len() as u64)
    )
}
