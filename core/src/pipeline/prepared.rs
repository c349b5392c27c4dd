//! Rows made ready to be learned from, once for as many fits as are wanted: nothing here depends on the
//! parameters that a search tries.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, ArrayView2};

use super::init_score::{self, InitScore};
use super::{Extent, Pipeline, Recipe, Target};
use crate::diamond::PricedDiamond;
use crate::error::Result;
use crate::features::{Encoder, Imputer};
use crate::interrupt::Interrupt;
use crate::model::xgboost::MONOTONE;
use crate::model::{FeatureKind, Fitting, Params, Regressor, Samples};

/// Stones to learn from and stones to look at meanwhile, as a recipe's algorithm sees them.
pub struct Prepared {
    encoder: Encoder,
    init_score: Option<InitScore>,
    target: Target,
    features: Array2<f64>,
    kinds: Vec<FeatureKind>,
    /// What is to be learned: the target, less where the model starts from.
    residual: Array1<f64>,
    weight: Option<Array1<f64>>,
    eval: EvalRows,
}

/// Stones that are not learned from.
struct EvalRows {
    features: Array2<f64>,
    starts: Option<Array1<f64>>,
    carat: Vec<f64>,
}

/// Takes the number of a round, from 1, and the prices (US dollars) of the evaluation stones so far.
pub type AfterRound<'a> = &'a mut dyn FnMut(usize, &[f64]) -> Result<ControlFlow<()>>;

impl Recipe {
    /// Makes `stones` ready to be learned from, and `eval` to be looked at. Of `params` it matters only whether
    /// they ask for [`MONOTONE`].
    ///
    /// # Errors
    /// As [`crate::model::Estimator::fit`].
    pub fn prepare(
        &self,
        stones: &[PricedDiamond],
        eval: &[PricedDiamond],
        params: &Params,
        interrupt: &Interrupt,
    ) -> Result<Prepared> {
        self.prepare_weighted(stones, eval, params, None, interrupt)
    }

    /// [`Recipe::fit`] where each stone counts as many times as `weight` says.
    ///
    /// # Errors
    /// As [`crate::model::Estimator::fit`].
    pub fn fit_weighted(
        &self,
        family: &str,
        stones: &[PricedDiamond],
        params: &Params,
        seed: u64,
        weight: &Array1<f64>,
        interrupt: &Interrupt,
    ) -> Result<Pipeline> {
        let prepared = self.prepare_weighted(stones, &[], params, Some(weight), interrupt)?;
        let regressor = self.estimator.fit(prepared.samples(), params, seed, None, interrupt)?;
        Ok(prepared.pipeline(family, stones, regressor))
    }

    fn prepare_weighted(
        &self,
        stones: &[PricedDiamond],
        eval: &[PricedDiamond],
        params: &Params,
        weight: Option<&Array1<f64>>,
        interrupt: &Interrupt,
    ) -> Result<Prepared> {
        let bare = || stones.iter().map(PricedDiamond::diamond);
        let encoder = self.encoding.fit(bare());
        let learned =
            |stone: &PricedDiamond| self.target.of_price(stone.price_usd(), stone.diamond().carat());
        let target: Array1<f64> = stones.iter().map(learned).collect();
        let weight = match (self.target.weight(stones), weight) {
            // On average 1 over all that is counted, as if each stone stood there so many times.
            (Some(own), Some(times)) => {
                let weight = own * times;
                let mean = weight.sum() / times.sum();
                Some(weight / mean)
            }
            (own, times) => own.or_else(|| times.cloned()),
        };
        let init_score = match &self.init_score {
            // A sum promises nothing of that kind.
            Some(_) if params.get(MONOTONE) == Some(1.0) => None,
            Some(init_score) => Some(init_score.fit(stones, &target, weight.as_ref(), interrupt)?),
            None => None,
        };
        let features = init_score::features(&encoder, init_score.as_ref(), bare());
        let residual = match init_score::starts(features.view(), init_score.as_ref()) {
            Some(starts) => target - starts,
            None => target,
        };
        let eval_features =
            init_score::features(&encoder, init_score.as_ref(), eval.iter().map(PricedDiamond::diamond));
        let eval = EvalRows {
            starts: init_score::starts(eval_features.view(), init_score.as_ref()),
            features: eval_features,
            carat: eval.iter().map(|stone| stone.diamond().carat()).collect(),
        };
        Ok(Prepared {
            kinds: init_score::kinds(&encoder, init_score.as_ref()),
            encoder,
            init_score,
            target: self.target,
            features,
            residual,
            weight,
            eval,
        })
    }
}

impl Prepared {
    /// What an estimator learns from.
    pub fn samples(&self) -> Samples<'_> {
        let weight = self.weight.as_ref().map(Array1::view);
        Samples { features: self.features.view(), target: self.residual.view(), kinds: &self.kinds, weight }
    }

    /// What it looks at.
    pub fn eval(&self) -> ArrayView2<'_, f64> {
        self.eval.features.view()
    }

    /// Fits one model with an estimator that was prepared with [`Prepared::samples`] and [`Prepared::eval`].
    ///
    /// # Errors
    /// As [`crate::model::Estimator::fit`].
    pub fn fit(
        &self,
        fitting: &dyn Fitting,
        params: &Params,
        seed: u64,
        after_round: AfterRound<'_>,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        let mut in_dollars = self.in_dollars_after(after_round);
        fitting.fit(params, seed, &mut in_dollars, interrupt)
    }

    /// The prices of the evaluation stones by a model that was fitted here, in US dollars.
    pub fn prices(&self, regressor: &dyn Regressor) -> Vec<f64> {
        self.in_dollars(regressor.predict(self.eval.features.view()).into_iter())
    }

    /// Takes what the algorithm shows after each round and shows it as prices.
    pub(super) fn in_dollars_after<'a>(
        &'a self,
        after_round: AfterRound<'a>,
    ) -> impl FnMut(usize, &[f32]) -> Result<ControlFlow<()>> + 'a {
        |round, values| after_round(round, &self.in_dollars(values.iter().copied().map(f64::from)))
    }

    fn in_dollars(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let price = |(row, (value, carat)): (usize, (f64, &f64))| {
            let start = self.eval.starts.as_ref().map_or(0.0, |starts| starts[row]);
            self.target.to_price(start + value, *carat)
        };
        values.zip(&self.eval.carat).enumerate().map(price).collect()
    }

    /// The pipeline around a model that was fitted here, on `stones`.
    pub(super) fn pipeline(
        self,
        family: &str,
        stones: &[PricedDiamond],
        regressor: Box<dyn Regressor>,
    ) -> Pipeline {
        Pipeline {
            family: family.into(),
            encoder: self.encoder,
            target: self.target,
            imputer: Imputer::fit(stones.iter().map(PricedDiamond::diamond)),
            extent: Extent::of(stones),
            init_score: self.init_score,
            regressor,
            intervals: None,
            background: Vec::new(),
        }
    }
}
