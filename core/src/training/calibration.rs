//! What a model needs to stand behind its prices, learned from the training rows alone: how far off it
//! is for which stones, and a sample of them that stands for the average stone.
//!
//! The model that answers is fitted on all training rows. How far off it is cannot be seen on rows that
//! it learned from, so the same recipe is fitted five more times, each time without a fifth of the
//! rows, and prices that fifth. Its errors are a little larger than those of the model that answers,
//! which saw more rows: ranges err on the wide side.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array1, Array2, Axis};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::appraisal::{FEWEST_SCORES, Range, Score, background};
use crate::dataset::stone_fingerprint;
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::{FeatureKind, Params, Regressor, Samples};
use crate::pipeline::{Pipeline, Recipe};

/// Parts that the training rows are cut into.
const N_FOLDS: usize = 5;

/// A fitted pipeline to calibrate, and how it was fitted.
pub struct Calibration<'a> {
    /// How it was fitted.
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
    /// The pipeline with its range and its background stones. Without a range where there are fewer than
    /// a hundred stones, or where four fifths of them do not determine a model.
    ///
    /// # Errors
    /// As [`crate::model::Estimator::fit`].
    pub fn of(&self, pipeline: Pipeline) -> Result<Pipeline> {
        let background = background(self.stones);
        if self.stones.len() < FEWEST_SCORES {
            return Ok(pipeline.calibrated(None, background));
        }
        match self.range(&pipeline) {
            Ok(range) => Ok(pipeline.calibrated(Some(range), background)),
            Err(error @ (Error::TooFewRows { .. } | Error::Fit { .. })) => {
                tracing::warn!(reason = %error, "too few rows to calibrate ranges of prices; there are none");
                Ok(pipeline.calibrated(None, background))
            }
            Err(error) => Err(error),
        }
    }

    fn range(&self, pipeline: &Pipeline) -> Result<Range> {
        let actual: Vec<_> = self.stones.iter().map(PricedDiamond::price_usd).collect();
        let folds = self.folds();
        let prices = self.out_of_fold(&folds, |rows, asked| {
            let stones: Vec<_> = rows.iter().map(|row| self.stones[*row]).collect();
            let fitted =
                self.recipe.fit(pipeline.family(), &stones, self.params, self.seed, None, self.interrupt)?;
            Ok(fitted.predict(asked.iter().map(|row| self.stones[*row].diamond())))
        })?;
        let features = pipeline.features(self.stones.iter().map(PricedDiamond::diamond));
        let features = Range::features(features.view(), &prices);
        let target = Range::target(&actual, &prices);
        let mut kinds = pipeline.kinds();
        kinds.push(FeatureKind::Number);
        let difficulty = |rows: &[usize]| self.difficulty(&features, &target, &kinds, rows);
        let expected = self.out_of_fold(&folds, |rows, asked| {
            Ok(difficulty(rows)?.predict(features.select(Axis(0), asked).view()).to_vec())
        })?;
        let scores: Vec<_> = (0..self.stones.len())
            .map(|row| Score {
                carat: self.stones[row].diamond().carat(),
                score: Range::score(actual[row], prices[row], expected[row]),
            })
            .collect();
        let all: Vec<_> = (0..self.stones.len()).collect();
        Range::calibrated(difficulty(&all)?, &scores)
    }

    fn difficulty(
        &self,
        features: &Array2<f64>,
        target: &Array1<f64>,
        kinds: &[FeatureKind],
        rows: &[usize],
    ) -> Result<Box<dyn Regressor>> {
        let (features, target) = (features.select(Axis(0), rows), target.select(Axis(0), rows));
        let samples = Samples { features: features.view(), target: target.view(), kinds, weight: None };
        self.recipe.estimator.fit(samples, &self.recipe.difficulty, self.seed, None, self.interrupt)
    }

    /// The fold of each stone. The stone itself decides, so that two appraisals of one stone never judge
    /// each other; the seed is mixed so that the rule is none of those that split the rows before.
    fn folds(&self) -> Vec<usize> {
        let seed = xxh3_64_with_seed(b"calibration", self.seed);
        let fold = |stone: &PricedDiamond| stone_fingerprint(stone.diamond(), seed) % N_FOLDS as u64;
        self.stones.iter().map(|stone| fold(stone) as usize).collect()
    }

    /// One value for each stone, from what `learn_and_answer(rows to learn from, rows to answer)` makes without its
    /// fold.
    fn out_of_fold(
        &self,
        folds: &[usize],
        learn_and_answer: impl Fn(&[usize], &[usize]) -> Result<Vec<f64>> + Sync,
    ) -> Result<Vec<f64>> {
        let split = |number: usize| -> (Vec<usize>, Vec<usize>) {
            (0..folds.len()).partition(|row| folds[*row] != number)
        };
        let next = AtomicUsize::new(0);
        let answers = Mutex::new(Vec::new());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= N_FOLDS {
                    return;
                }
                let (rows, asked) = split(number);
                let answer = learn_and_answer(&rows, &asked).map(|answer| (asked, answer));
                answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.n_workers.clamp(1, N_FOLDS) {
                scope.spawn(work);
            }
        });
        let mut values = vec![0.0; folds.len()];
        for answer in answers.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let (asked, answer) = answer?;
            for (row, value) in asked.into_iter().zip(answer) {
                values[row] = value;
            }
        }
        Ok(values)
    }
}
