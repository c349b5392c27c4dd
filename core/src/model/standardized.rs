//! Samples in a form in which every feature is as large as any other.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::{LinearModel, Regressor, Samples};
use crate::error::{Error, Result};

/// Weighted, centered and scaled samples for a regression without an intercept, and the way back.
pub(super) struct Standardized {
    /// Each feature less its mean, in its standard deviations, times the root of the row's weight.
    pub(super) rows: Array2<f64>,
    /// The target less its mean, times the same root.
    pub(super) target: Array1<f64>,
    mean: Array1<f64>,
    deviation: Array1<f64>,
    mean_target: f64,
}

const FEWEST_ROWS: usize = 2;

impl Standardized {
    /// # Errors
    /// [`Error::TooFewRows`] for a single row.
    pub(super) fn of(samples: Samples<'_>) -> Result<Self> {
        let n_rows = samples.features.nrows();
        if n_rows < FEWEST_ROWS {
            return Err(Error::TooFewRows { reason: format!("{n_rows} rows are too few for a regression") });
        }
        let weight = samples.weight.map_or_else(|| Array1::ones(n_rows), |weight| weight.to_owned());
        let total = weight.sum();
        let mean = weight.dot(&samples.features) / total;
        let centered = &samples.features - &mean;
        let variance = weight.dot(&centered.mapv(|x| x * x)) / total;
        // A feature that never changes says nothing; its coefficient comes out as zero.
        let deviation = variance.mapv(|variance| if variance > 0.0 { variance.sqrt() } else { 1.0 });
        let mean_target = weight.dot(&samples.target) / total;
        let root = weight.mapv(f64::sqrt);
        Ok(Self {
            rows: centered / &deviation * root.view().insert_axis(Axis(1)),
            target: (&samples.target - mean_target) * root,
            mean,
            deviation,
            mean_target,
        })
    }

    /// The model of the features as they were.
    ///
    /// # Errors
    /// [`Error::Fit`] when a coefficient is not finite.
    pub(super) fn model(
        &self,
        coefficients: ArrayView1<'_, f64>,
        name: &'static str,
    ) -> Result<Box<dyn Regressor>> {
        let coefficients = &coefficients / &self.deviation;
        let intercept = self.mean_target - coefficients.dot(&self.mean);
        match LinearModel::new(intercept, coefficients.to_vec()) {
            Ok(model) => Ok(Box::new(model)),
            Err(_) => Err(Error::Fit { model: name, reason: "the features are too large".into() }),
        }
    }
}
