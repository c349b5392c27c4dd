//! What every algorithm promises.

use std::ops::ControlFlow;

use ndarray::{ArrayView1, ArrayView2};

use super::params::Params;
use super::regressor::Regressor;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// What a feature column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// A quantity.
    Number,
    /// The code of a category, 0, 1, 2 and so on.
    Category,
}

/// Rows to learn from.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    /// One row per sample, one column per feature; missing values are NaN.
    pub features: ArrayView2<'a, f64>,
    /// One value per sample.
    pub target: ArrayView1<'a, f64>,
    /// What each column of `features` holds.
    pub kinds: &'a [FeatureKind],
    /// How much each sample's error counts, on average 1; `None` where all count alike.
    pub weight: Option<ArrayView1<'a, f64>>,
}

/// Takes the number of a round, from 1, and the predictions so far for the rows that are looked at; may stop the
/// fit early.
pub type AfterRound<'a> = &'a mut dyn FnMut(usize, &[f32]) -> Result<ControlFlow<()>>;

/// A way to fit a model: an algorithm with all that is fixed about it.
pub trait Estimator: Send + Sync {
    /// Fits a model. The same samples, parameters and seed give the same model, byte for byte.
    ///
    /// # Errors
    /// When a parameter is unknown, when the samples do not determine a model, or on interruption
    /// (within about a second).
    fn fit(
        &self,
        samples: Samples<'_>,
        params: &Params,
        seed: u64,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>>;

    /// Prepares for fitting many models on the same samples, as a search does. `eval` are rows that are not learned
    /// from, one column per feature, to look at while they grow. An algorithm that has something to make only once overrides this.
    ///
    /// # Errors
    /// As [`Estimator::fit`].
    fn prepare<'a>(
        &'a self,
        samples: Samples<'a>,
        eval: ArrayView2<'a, f64>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        let _ = eval;
        Ok(Box::new(EachAnew { estimator: self, samples }))
    }
}

/// An estimator with its samples.
pub trait Fitting: Sync {
    /// As [`Estimator::fit`], to the same model; several fits may be under way at once.
    ///
    /// # Errors
    /// As [`Estimator::fit`].
    fn fit(
        &self,
        params: &Params,
        seed: u64,
        after_round: AfterRound<'_>,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>>;
}

/// An estimator that has nothing to prepare, and whose models do not grow in rounds.
struct EachAnew<'a, E: ?Sized> {
    estimator: &'a E,
    samples: Samples<'a>,
}

impl<E: Estimator + ?Sized> Fitting for EachAnew<'_, E> {
    fn fit(
        &self,
        params: &Params,
        seed: u64,
        _after_round: AfterRound<'_>,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        self.estimator.fit(self.samples, params, seed, interrupt)
    }
}
