//! From a model at rest back to one that predicts.

use super::linear::LinearModel;
use super::regressor::{ModelHeader, Regressor, StoredModel};
use super::trees::TreeEnsemble;
use crate::error::{Error, Result};

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
