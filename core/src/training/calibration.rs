//! What a model needs to stand behind its prices, learned from the training rows alone: how far off it
//! is for which stones, and a sample of them that stands for the average stone.
//!
//! The model that answers is fitted on all training rows. How far off it is cannot be seen on rows that
//! it learned from, so the same recipe is fitted five more times, each time without a fifth of the
//! rows, and prices that fifth. Its errors are a little larger than those of the model that answers,
//! which saw more rows: ranges err on the wide side.

use std::sync::OnceLock;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::dataset::stone_fingerprint;
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::{FeatureKind, Params, Regressor, Samples};
use crate::parallel::map;
use crate::pipeline::interval::{FEWEST_SCORES, IntervalModel, Score};
use crate::pipeline::{Pipeline, Recipe};
use crate::valuation::background;

/// Parts that the training rows are cut into.
pub(super) const N_FOLDS: usize = 5;

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

/// The fits that calibration takes, whoever makes them.
pub(super) trait Fits: Sync {
    /// The model that answers, fitted on all stones.
    fn pipeline(&self) -> Result<Pipeline>;

    /// Prices (US dollars) for the stones of a fold, in their order, by a model that was fitted on the others.
    fn prices(&self, fold: usize) -> Result<Vec<f64>>;

    /// The model that says how far off `prices` are, those of all stones by models that did not see them. `pipeline` is
    /// the model that answers.
    fn difficulty(&self, pipeline: &Pipeline, prices: &[f64]) -> Result<Box<dyn Regressor>>;

    /// What such a model that was fitted without a fold says of the stones of that fold, in their order.
    fn expected(&self, pipeline: &Pipeline, prices: &[f64], fold: usize) -> Result<Vec<f64>>;
}

impl Calibration<'_> {
    /// The fitted pipeline with its range and its background stones. Without a range where there are fewer than
    /// a hundred stones, or where four fifths of them do not determine a model.
    ///
    /// # Errors
    /// As [`crate::model::Estimator::fit`].
    pub fn fit(&self, family: &str) -> Result<Pipeline> {
        self.fit_by(&Here { calibration: self, family, folds: self.folds(), errors: OnceLock::new() })
    }

    /// The same, of fits that somebody else makes, as many side by side as there are workers.
    pub(super) fn fit_by(&self, fits: &dyn Fits) -> Result<Pipeline> {
        let background = background(self.stones);
        if self.stones.len() < FEWEST_SCORES {
            return Ok(fits.pipeline()?.calibrated(None, background));
        }
        let folds = self.folds();
        let (pipeline, prices) = self.out_of_fold(&folds, || fits.pipeline(), |fold| fits.prices(fold));
        let pipeline = pipeline?;
        match prices.and_then(|prices| self.intervals(fits, &pipeline, &folds, &prices)) {
            Ok(intervals) => Ok(pipeline.calibrated(Some(intervals), background)),
            Err(error @ (Error::TooFewRows { .. } | Error::Fit { .. })) => {
                tracing::warn!(reason = %error, "too few rows to calibrate ranges of prices; there are none");
                Ok(pipeline.calibrated(None, background))
            }
            Err(error) => Err(error),
        }
    }

    /// The range of a pipeline, from what models that were not fitted on a stone made of it.
    fn intervals(
        &self,
        fits: &dyn Fits,
        pipeline: &Pipeline,
        folds: &[usize],
        prices: &[f64],
    ) -> Result<IntervalModel> {
        let fit = || fits.difficulty(pipeline, prices);
        let (difficulty, expected) =
            self.out_of_fold(folds, fit, |fold| fits.expected(pipeline, prices, fold));
        let expected = expected?;
        let scores: Vec<_> = (0..self.stones.len())
            .map(|row| Score {
                stone: self.stones[row].diamond(),
                score: IntervalModel::score(self.stones[row].price_usd(), prices[row], expected[row]),
            })
            .collect();
        IntervalModel::calibrated(difficulty?, &scores)
    }

    /// As [`Fits::prices`].
    pub(super) fn prices(&self, family: &str, folds: &[usize], fold: usize) -> Result<Vec<f64>> {
        let stones = |rows: &[usize]| rows.iter().map(|row| self.stones[*row]).collect::<Vec<_>>();
        let (asked, learned) = parted(folds, fold);
        let model = self.fit_on(family, &stones(&learned))?;
        Ok(model.predict(stones(&asked).iter().map(PricedDiamond::diamond)))
    }

    pub(super) fn fit_on(&self, family: &str, stones: &[PricedDiamond]) -> Result<Pipeline> {
        self.recipe.fit(family, stones, self.params, self.seed, self.interrupt)
    }

    /// The fold of each stone. The stone itself decides, so that two appraisals of one stone never score
    /// each other; the seed is mixed so that the rule is none of those that split the rows before.
    pub(super) fn folds(&self) -> Vec<usize> {
        let seed = xxh3_64_with_seed(b"calibration", self.seed);
        let fold = |stone: &PricedDiamond| stone_fingerprint(stone.diamond(), seed) % N_FOLDS as u64;
        self.stones.iter().map(|stone| fold(stone) as usize).collect()
    }

    /// The model that `fit` makes of all rows; and for each row, what `ask` gets from a model that was fitted without
    /// its fold. All are fitted side by side.
    fn out_of_fold<M: Send>(
        &self,
        folds: &[usize],
        fit: impl Fn() -> Result<M> + Sync,
        ask: impl Fn(usize) -> Result<Vec<f64>> + Sync,
    ) -> (Result<M>, Result<Vec<f64>>) {
        let fitted = map(1 + N_FOLDS, self.n_workers, |job| match job.checked_sub(1) {
            // The longest comes first.
            None => Ok((Some(fit()?), Vec::new())),
            Some(fold) => Ok((None, ask(fold)?)),
        });
        let mut fitted = match fitted {
            Ok(fitted) => fitted.into_iter(),
            Err(error) => return (Err(error), Ok(Vec::new())),
        };
        // There is one job at least.
        let of_all = fitted.next().unwrap_or(Err(Error::Interrupted));
        let of_all = of_all.and_then(|(model, _)| model.ok_or(Error::Interrupted));
        let mut values = vec![0.0; folds.len()];
        let answers = fitted.enumerate().try_for_each(|(fold, answers)| {
            let (asked, _) = parted(folds, fold);
            asked.into_iter().zip(answers?.1).for_each(|(row, answer)| values[row] = answer);
            Ok(())
        });
        (of_all, answers.map(|()| values))
    }
}

/// The rows of a fold, and all others.
fn parted(folds: &[usize], fold: usize) -> (Vec<usize>, Vec<usize>) {
    (0..folds.len()).partition(|row| folds[*row] == fold)
}

/// How far off prices are, to be learned from.
pub(super) struct Errors<'a> {
    features: Array2<f64>,
    target: Array1<f64>,
    kinds: Vec<FeatureKind>,
    calibration: &'a Calibration<'a>,
}

impl<'a> Errors<'a> {
    /// Of `prices` of all stones, by models that did not see them. `features` are what the model that answers sees of each
    /// stone, of these kinds.
    pub(super) fn new(
        calibration: &'a Calibration<'a>,
        features: ArrayView2<'_, f64>,
        kinds: &[FeatureKind],
        prices: &[f64],
    ) -> Self {
        let actual: Vec<_> = calibration.stones.iter().map(PricedDiamond::price_usd).collect();
        Self {
            features: IntervalModel::features(features, prices),
            target: IntervalModel::target(&actual, prices),
            kinds: kinds.iter().copied().chain([FeatureKind::Number]).collect(),
            calibration,
        }
    }

    /// As [`Fits::difficulty`].
    pub(super) fn difficulty(&self) -> Result<Box<dyn Regressor>> {
        self.fit(self.features.view(), self.target.view())
    }

    /// As [`Fits::expected`].
    pub(super) fn expected(&self, folds: &[usize], fold: usize) -> Result<Vec<f64>> {
        let (asked, learned) = parted(folds, fold);
        let rows = |rows: &[usize]| self.features.select(Axis(0), rows);
        let model = self.fit(rows(&learned).view(), self.target.select(Axis(0), &learned).view())?;
        Ok(model.predict(rows(&asked).view()).to_vec())
    }

    fn fit<'b>(
        &'b self,
        features: ArrayView2<'b, f64>,
        target: ArrayView1<'b, f64>,
    ) -> Result<Box<dyn Regressor>> {
        let samples = Samples { features, target, kinds: &self.kinds, weight: None };
        let Calibration { recipe, seed, interrupt, .. } = self.calibration;
        recipe.estimator.fit(samples, &recipe.difficulty, *seed, interrupt)
    }
}

/// Fits made in this process.
struct Here<'a> {
    calibration: &'a Calibration<'a>,
    family: &'a str,
    folds: Vec<usize>,
    /// Once the model that answers is there.
    errors: OnceLock<Errors<'a>>,
}

impl<'a> Here<'a> {
    fn errors(&self, pipeline: &Pipeline, prices: &[f64]) -> &Errors<'a> {
        let features = || pipeline.features(self.calibration.stones.iter().map(PricedDiamond::diamond));
        self.errors
            .get_or_init(|| Errors::new(self.calibration, features().view(), &pipeline.kinds(), prices))
    }
}

impl Fits for Here<'_> {
    fn pipeline(&self) -> Result<Pipeline> {
        self.calibration.fit_on(self.family, self.calibration.stones)
    }

    fn prices(&self, fold: usize) -> Result<Vec<f64>> {
        self.calibration.prices(self.family, &self.folds, fold)
    }

    fn difficulty(&self, pipeline: &Pipeline, prices: &[f64]) -> Result<Box<dyn Regressor>> {
        self.errors(pipeline, prices).difficulty()
    }

    fn expected(&self, pipeline: &Pipeline, prices: &[f64], fold: usize) -> Result<Vec<f64>> {
        self.errors(pipeline, prices).expected(&self.folds, fold)
    }
}
