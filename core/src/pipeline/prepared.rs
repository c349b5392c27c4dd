//! Rows made ready to be learned from, once for as many fits as are wanted: nothing here depends on the
//! parameters that a search tries.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, ArrayView2};

use super::extent::Extent;
use super::fitted::Pipeline;
use super::init_score::InitScore;
use super::order::{Order, of_estimator, weights_of};
use super::target::Target;
use crate::diamond::PricedDiamond;
use crate::error::Result;
use crate::features::{Encoder, Imputer};
use crate::interrupt::Interrupt;
use crate::model::{FeatureKind, Fitting, Params, Regressor, Samples};

/// Stones to learn from and stones to look at meanwhile, as a recipe's algorithm sees them.
pub struct Prepared {
    pub(super) encoder: Encoder,
    pub(super) init_score: Option<InitScore>,
    pub(super) target: Target,
    /// Whether prices are to be put in order.
    pub(super) is_monotone: bool,
    pub(super) features: Array2<f64>,
    pub(super) kinds: Vec<FeatureKind>,
    /// What is to be learned: the target, less where the model starts from.
    pub(super) residual: Array1<f64>,
    pub(super) weight: Option<Array1<f64>>,
    pub(super) eval: EvalRows,
}

/// Stones that are not learned from.
pub(super) struct EvalRows {
    pub(super) features: Array2<f64>,
    pub(super) starts: Option<Array1<f64>>,
    pub(super) carat: Vec<f64>,
}

/// Takes the number of a round, from 1, and the prices (US dollars) of the evaluation stones so far.
pub type AfterRound<'a> = &'a mut dyn FnMut(usize, &[f64]) -> Result<ControlFlow<()>>;

impl Prepared {
    /// What an estimator learns from, shape (n_stones, n_features); the target is what [`Target`] makes of prices, less
    /// where the model starts from.
    pub fn samples(&self) -> Samples<'_> {
        let weight = self.weight.as_ref().map(Array1::view);
        Samples { features: self.features.view(), target: self.residual.view(), kinds: &self.kinds, weight }
    }

    /// What it looks at, shape (n_eval_stones, n_features).
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
        fitting.fit(&of_estimator(params), seed, &mut in_dollars, interrupt)
    }

    /// The prices of the evaluation stones by a model that was fitted here, in US dollars.
    pub fn prices(&self, regressor: &dyn Regressor) -> Vec<f64> {
        self.in_dollars(regressor.predict(self.eval.features.view()).into_iter())
    }

    /// Takes what the algorithm shows after each round and shows it as prices.
    fn in_dollars_after<'a>(
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
    ) -> Result<Pipeline> {
        let order = || {
            let weights = weights_of(stones);
            Order::new(weights, self.target, &self.encoder, self.init_score.as_ref(), &*regressor)
        };
        Ok(Pipeline {
            order: if self.is_monotone { Some(order()?) } else { None },
            family: family.into(),
            encoder: self.encoder,
            target: self.target,
            imputer: Imputer::fit(stones.iter().map(PricedDiamond::diamond)),
            extent: Extent::of(stones),
            init_score: self.init_score,
            regressor,
            intervals: None,
            background: Vec::new(),
        })
    }
}
