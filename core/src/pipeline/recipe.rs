//! How a pipeline is fitted.

use ndarray::Array1;

use super::fitted::Pipeline;
use super::init_score::{self, InitScoreRecipe};
use super::order::{MONOTONE, of_estimator};
use super::prepared::{EvalRows, Prepared};
use super::target::Target;
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::features::Encoding;
use crate::interrupt::Interrupt;
use crate::model::{Estimator, Params};

/// How to fit a pipeline: everything about a model but its parameters and its data.
pub struct Recipe {
    /// From stones to features.
    pub encoding: Encoding,
    /// The same where prices are to be put in order: one that keeps weight and grades apart from measurements. `None` where
    /// that cannot be promised.
    pub monotone: Option<Encoding>,
    /// From prices to what is learned.
    pub target: Target,
    /// The algorithm.
    pub estimator: Box<dyn Estimator>,
    /// The simpler model that it starts from; without one it starts from nothing.
    pub init_score: Option<InitScoreRecipe>,
    /// Whether a stone's error counts by its price where the target is [`Target::LogPricePerCarat`]; if not, an error
    /// in proportion counts alike whatever the stone costs.
    pub counts_by_price: bool,
    /// Parameters with which the same algorithm makes a small model of how far off the prices are.
    pub difficulty: Params,
}

impl Recipe {
    /// A model that starts from nothing, and whose difficulty is learned with the algorithm's default parameters.
    pub fn new(encoding: Encoding, target: Target, estimator: impl Estimator + 'static) -> Self {
        let difficulty = Params::default();
        Self {
            encoding,
            monotone: None,
            target,
            estimator: Box::new(estimator),
            init_score: None,
            counts_by_price: true,
            difficulty,
        }
    }

    /// Fits encoder and model on `stones`.
    ///
    /// # Errors
    /// As [`Estimator::fit`].
    pub fn fit(
        &self,
        family: &str,
        stones: &[PricedDiamond],
        params: &Params,
        seed: u64,
        interrupt: &Interrupt,
    ) -> Result<Pipeline> {
        let prepared = self.prepare(stones, &[], params, interrupt)?;
        let regressor = self.estimator.fit(prepared.samples(), &of_estimator(params), seed, interrupt)?;
        prepared.pipeline(family, stones, regressor)
    }

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

    /// [`Recipe::fit`] where each stone counts as many times as `weight` says, shape (n_stones,), not negative.
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
        let regressor = self.estimator.fit(prepared.samples(), &of_estimator(params), seed, interrupt)?;
        prepared.pipeline(family, stones, regressor)
    }

    /// The encoding that these parameters ask for, and whether prices are to be put in order.
    fn encoding(&self, params: &Params) -> Result<(Encoding, bool)> {
        let refused = |reason: String, allowed: &str| Error::Usage { reason, allowed: allowed.into() };
        match params.get(MONOTONE) {
            None | Some(0.0) => Ok((self.encoding, false)),
            Some(1.0) => match self.monotone {
                Some(encoding) => Ok((encoding, true)),
                None => Err(refused(format!("{MONOTONE} = 1, which these models cannot promise"), "0")),
            },
            Some(other) => Err(refused(format!("{MONOTONE} = {other}"), "0 or 1")),
        }
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
        let (encoding, is_monotone) = self.encoding(params)?;
        let encoder = encoding.fit(bare());
        let learned =
            |stone: &PricedDiamond| self.target.of_price(stone.price_usd(), stone.diamond().carat());
        let target: Array1<f64> = stones.iter().map(learned).collect();
        let weight = match (self.own_weight(stones), weight) {
            // On average 1 over all that is counted, as if each stone stood there so many times.
            (Some(own), Some(times)) => {
                let weight = own * times;
                let mean = weight.sum() / times.sum();
                Some(weight / mean)
            }
            (own, times) => own.or_else(|| times.cloned()),
        };
        let init_score = match &self.init_score {
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
            is_monotone,
            features,
            residual,
            weight,
            eval,
        })
    }

    fn own_weight(&self, stones: &[PricedDiamond]) -> Option<Array1<f64>> {
        if self.counts_by_price { self.target.weight(stones) } else { None }
    }
}
