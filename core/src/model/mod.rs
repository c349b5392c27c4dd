//! Models over numbers: a matrix in, a vector out. Nothing here knows what a diamond is.

mod elastic_net;
mod linear;
mod params;
mod ridge;
mod standardized;
pub mod trees;
pub mod xgboost;

use std::ops::ControlFlow;

use ndarray::{Array1, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

pub use elastic_net::ElasticNet;
pub use linear::{LinearModel, LinearRegression};
pub use params::Params;
pub use ridge::Ridge;
pub use trees::TreeEnsemble;
pub use xgboost::Xgboost;

/// What a feature column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// A quantity.
    Number,
    /// A quantity with which the target should never fall; for estimators that can promise that.
    Rising,
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

/// Rows that are not learned from, to look at while a model grows.
pub struct EvalSet<'a> {
    /// As in [`Samples`].
    pub features: ArrayView2<'a, f64>,
    /// Called after each round.
    pub after_round: AfterRound<'a>,
}

/// Takes the number of a round, from 1, and the predictions so far for the rows of an [`EvalSet`]; may stop the
/// fit early.
pub type AfterRound<'a> = &'a mut dyn FnMut(usize, &[f32]) -> Result<ControlFlow<()>>;

/// A way to fit a model: an algorithm with all that is fixed about it.
pub trait Estimator: Send + Sync {
    /// Fits a model. The same samples, parameters and seed give the same model, byte for byte.
    ///
    /// An algorithm that grows its model in rounds reports each to `eval_set`; others ignore it.
    ///
    /// # Errors
    /// When a parameter is unknown, when the samples do not determine a model, or on interruption
    /// (within about a second).
    fn fit(
        &self,
        samples: Samples<'_>,
        params: &Params,
        seed: u64,
        eval_set: Option<EvalSet<'_>>,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>>;

    /// Prepares for fitting many models on the same samples, as a search does. `eval` are rows to look at, as in an [`EvalSet`], while
    /// they grow. An algorithm that has something to make only once overrides this.
    ///
    /// # Errors
    /// As [`Estimator::fit`].
    fn prepare<'a>(
        &'a self,
        samples: Samples<'a>,
        eval: ArrayView2<'a, f64>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        Ok(Box::new(EachAnew { estimator: self, samples, eval }))
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

/// An estimator that has nothing to prepare.
struct EachAnew<'a, E: ?Sized> {
    estimator: &'a E,
    samples: Samples<'a>,
    eval: ArrayView2<'a, f64>,
}

impl<E: Estimator + ?Sized> Fitting for EachAnew<'_, E> {
    fn fit(
        &self,
        params: &Params,
        seed: u64,
        after_round: AfterRound<'_>,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        let eval_set = EvalSet { features: self.eval.view(), after_round };
        self.estimator.fit(self.samples, params, seed, Some(eval_set), interrupt)
    }
}

/// A fitted model.
pub trait Regressor: Send + Sync {
    /// Number of feature columns it was fitted on.
    fn n_features(&self) -> usize;

    /// One value per row of `features`, which has [`Self::n_features`] columns. A row's value does
    /// not depend on the other rows.
    fn predict(&self, features: ArrayView2<'_, f64>) -> Array1<f64>;

    /// The model in a form that [`load`] takes back.
    fn stored(&self) -> StoredModel;
}

/// A model at rest: what it is, and bytes in a format of its own kind.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredModel {
    /// Which kind of model, and its figures if they are few.
    pub header: ModelHeader,
    /// The rest; empty when the header says it all.
    pub body: Vec<u8>,
}

/// The readable part of a [`StoredModel`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ModelHeader {
    /// Intercept and one coefficient a feature.
    Linear {
        /// Value at the origin.
        intercept: f64,
        /// One per feature.
        coefficients: Vec<f64>,
    },
    /// Trees; the body is XGBoost's own model file in UBJ.
    Xgboost,
    /// A model that its owner's program alone can run: what runs it is said, the model itself is not
    /// stored.
    Foreign {
        /// What runs it, such as the full name of a class.
        class: String,
    },
}

impl ModelHeader {
    /// Intercept and one coefficient a feature, if the model is linear.
    pub fn linear_coefficients(self) -> Option<(f64, Vec<f64>)> {
        match self {
            Self::Linear { intercept, coefficients } => Some((intercept, coefficients)),
            Self::Xgboost | Self::Foreign { .. } => None,
        }
    }
}

/// Takes back what [`Regressor::stored`] gave.
///
/// # Errors
/// [`Error::ModelFile`] when it is damaged, [`Error::NotServed`] when it never was stored.
pub fn load(stored: StoredModel) -> Result<Box<dyn Regressor>> {
    match stored.header {
        ModelHeader::Linear { intercept, coefficients } => {
            if !stored.body.is_empty() {
                return Err(Error::model_file("bytes follow a linear model"));
            }
            Ok(Box::new(LinearModel::new(intercept, coefficients)?))
        }
        ModelHeader::Xgboost => Ok(Box::new(TreeEnsemble::from_xgboost(stored.body)?)),
        ModelHeader::Foreign { class } => Err(Error::NotServed { reason: not_served(&class) }),
    }
}

/// Why a model that `class` runs cannot answer, in a sentence.
pub fn not_served(class: &str) -> String {
    format!(
        "it is run by {class}, which is its owner's own program: the model is compared and recorded, but it \
         is not stored and can be neither loaded, promoted nor served"
    )
}
