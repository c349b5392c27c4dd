//! What every fitted model promises, and how it is written down.

use std::any::Any;

use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};

/// A fitted model.
pub trait Regressor: Any + Send + Sync {
    /// Number of feature columns it was fitted on.
    fn n_features(&self) -> usize;

    /// One value per row of `features`, shape (n_rows, [`Self::n_features`]), in units of the target. A row's value does
    /// not depend on the other rows.
    fn predict(&self, features: ArrayView2<'_, f64>) -> Array1<f64>;

    /// The model in a form that [`super::load`] takes back.
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
