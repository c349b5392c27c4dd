//! What a model needs to stand behind its prices, learned from the training rows alone: how far off it
//! is for which stones, and a sample of them that stands for the average stone.
//!
//! The model that answers is fitted on all training rows. How far off it is cannot be seen on rows that
//! it learned from, so the same recipe is fitted five more times, each time without a fifth of the
//! rows, and prices that fifth. Its errors are a little larger than those of the model that answers,
//! which saw more rows: ranges err on the wide side.

use ndarray::Axis;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::dataset::stone_fingerprint;
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::{FeatureKind, Params, Samples};
use crate::parallel::map;
use crate::pipeline::interval::{FEWEST_SCORES, IntervalModel, Score};
use crate::pipeline::{Pipeline, Recipe};
use crate::valuation::background;

/// Parts that the training rows are cut into.
const N_FOLDS: usize = 5;

/// A pipeline to fit and to calibrate.
pub struct Calibration<'a> {
    /// How to fit it.
    pub recipe: &'a Recipe,
    /// On what.
    pub stones: &'a [PricedDiamond],
    /// With these parameters.
    pub params: &'a Params,
    /// And this seed.
    pub seed: u64,
    /// Models fitted side by side; the result does not depend on it.
    pub n_workers: usize,
    /// To stop it.
    pub interrupt: &'a Interrupt,
}

impl Calibration<'_> {
    /// The fitted pipeline with its range and its background stones. Without a range where there are fewer than
    /// a hundred stones, or where four fifths of them do not determine a model.
    ///
    /// # Errors
    /// As [`crate::model::Estimator::fit`].
    pub fn fit(&self, family: &str) -> Result<Pipeline> {
        let background = background(self.stones);
        if self.stones.len() < FEWEST_SCORES {
            return Ok(self.fit_on(family, self.stones)?.calibrated(None, background));
        }
        let folds = self.folds();
        let fit = |rows: &[usize]| {
            let stones: Vec<_> = rows.iter().map(|row| self.stones[*row]).collect();
            self.fit_on(family, &stones)
        };
        let ask = |model: &Pipeline, rows: &[usize]| {
            model.predict(rows.iter().map(|row| self.stones[*row].diamond()))
        };
        let (pipeline, prices) = self.out_of_fold(&folds, fit, ask);
        let pipeline = pipeline?;
        match prices.and_then(|prices| self.intervals(&pipeline, &folds, &prices)) {
            Ok(intervals) => Ok(pipeline.calibrated(Some(intervals), background)),
            Err(error @ (Error::TooFewRows { .. } | Error::Fit { .. })) => {
                tracing::warn!(reason = %error, "too few rows to calibrate ranges of prices; there are none");
                Ok(pipeline.calibrated(None, background))
            }
            Err(error) => Err(error),
        }
    }

    fn fit_on(&self, family: &str, stones: &[PricedDiamond]) -> Result<Pipeline> {
        self.recipe.fit(family, stones, self.params, self.seed, self.interrupt)
    }

    /// The range of a pipeline, from what models that were not fitted on a stone made of it.
    fn intervals(&self, pipeline: &Pipeline, folds: &[usize], prices: &[f64]) -> Result<IntervalModel> {
        let actual: Vec<_> = self.stones.iter().map(PricedDiamond::price_usd).collect();
        let features = pipeline.features(self.stones.iter().map(PricedDiamond::diamond));
        let features = IntervalModel::features(features.view(), prices);
        let target = IntervalModel::target(&actual, prices);
        let mut kinds = pipeline.kinds();
        kinds.push(FeatureKind::Number);
        let fit = |rows: &[usize]| {
            let (features, target) = (features.select(Axis(0), rows), target.select(Axis(0), rows));
            let samples =
                Samples { features: features.view(), target: target.view(), kinds: &kinds, weight: None };
            self.recipe.estimator.fit(samples, &self.recipe.difficulty, self.seed, self.interrupt)
        };
        let (difficulty, expected) = self.out_of_fold(folds, fit, |model, rows| {
            model.predict(features.select(Axis(0), rows).view()).to_vec()
        });
        let expected = expected?;
        let scores: Vec<_> = (0..self.stones.len())
            .map(|row| Score {
                stone: self.stones[row].diamond(),
                score: IntervalModel::score(actual[row], prices[row], expected[row]),
            })
            .collect();
        IntervalModel::calibrated(difficulty?, &scores)
    }

    /// The fold of each stone. The stone itself decides, so that two appraisals of one stone never score
    /// each other; the seed is mixed so that the rule is none of those that split the rows before.
    fn folds(&self) -> Vec<usize> {
        let seed = xxh3_64_with_seed(b"calibration", self.seed);
        let fold = |stone: &PricedDiamond| stone_fingerprint(stone.diamond(), seed) % N_FOLDS as u64;
        self.stones.iter().map(|stone| fold(stone) as usize).collect()
    }

    /// The model that `fit` makes of all rows; and for each row, what `ask` gets from a model that was fitted without
    /// its fold. All are fitted side by side.
    fn out_of_fold<M: Send>(
        &self,
        folds: &[usize],
        fit: impl Fn(&[usize]) -> Result<M> + Sync,
        ask: impl Fn(&M, &[usize]) -> Vec<f64> + Sync,
    ) -> (Result<M>, Result<Vec<f64>>) {
        let all: Vec<_> = (0..folds.len()).collect();
        let fitted = map(1 + N_FOLDS, self.n_workers, |job| -> Result<_> {
            // The longest comes first.
            let Some(fold) = job.checked_sub(1) else { return Ok((fit(&all)?, Vec::new())) };
            let (asked, train): (Vec<_>, Vec<_>) = all.iter().partition(|row| folds[**row] == fold);
            let model = fit(&train)?;
            let answers = ask(&model, &asked);
            Ok((model, asked.into_iter().zip(answers).collect()))
        });
        let mut fitted = match fitted {
            Ok(fitted) => fitted.into_iter(),
            Err(error) => return (Err(error), Ok(Vec::new())),
        };
        // There is one job at least.
        let of_all = fitted.next().unwrap_or(Err(Error::Interrupted)).map(|(model, _)| model);
        let mut values = vec![0.0; folds.len()];
        let answers = fitted.try_for_each(|fold| {
            fold?.1.into_iter().for_each(|(row, answer)| values[row] = answer);
            Ok(())
        });
        (of_all, answers.map(|()| values))
    }
}
