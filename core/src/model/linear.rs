//! Ordinary least squares, by linfa.

use linfa::prelude::*;
use linfa_linear::LinearRegression as LeastSquares;
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

use super::{Estimator, ModelHeader, Params, Regressor, Samples, StoredModel};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Least squares with an intercept; it has no parameters and ignores the seed.
pub struct LinearRegression;

/// `intercept + coefficients . features`
#[derive(Debug)]
pub struct LinearModel {
    intercept: f64,
    coefficients: Array1<f64>,
}

impl Estimator for LinearRegression {
    fn fit(
        &self,
        samples: Samples<'_>,
        params: &Params,
        _seed: u64,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        params.only(&[])?;
        interrupt.check()?;
        let refused = |reason: String| Error::Fit { model: "linear", reason };
        let (n_rows, n_features) = samples.features.dim();
        if n_rows <= n_features {
            return Err(Error::TooFewRows {
                reason: format!("{n_rows} rows do not determine {n_features} coefficients and an intercept"),
            });
        }
        let (intercept, coefficients) = match samples.weight {
            None => {
                let dataset = linfa::DatasetBase::new(samples.features, samples.target);
                let fitted = LeastSquares::new().fit(&dataset).map_err(|error| refused(error.to_string()))?;
                (fitted.intercept(), fitted.params().to_vec())
            }
            Some(weight) => weighted(samples, weight).map_err(refused)?,
        };
        let model = LinearModel::new(intercept, coefficients);
        // A column that repeats others leaves the coefficients undetermined; they come out infinite.
        model.map(|model| Box::new(model) as _).map_err(|_| refused("the features repeat one another".into()))
    }
}

/// Intercept and coefficients where rows count differently: least squares on rows that are centered and multiplied by
/// the root of what they count.
fn weighted(samples: Samples<'_>, weight: ArrayView1<'_, f64>) -> Result<(f64, Vec<f64>), String> {
    let total = weight.sum();
    let (mean, mean_target) = (weight.dot(&samples.features) / total, weight.dot(&samples.target) / total);
    let root = weight.mapv(f64::sqrt);
    let rows = (&samples.features - &mean) * root.view().insert_axis(Axis(1));
    let target = (&samples.target - mean_target) * root;
    let dataset = linfa::DatasetBase::new(rows, target);
    let fitted =
        LeastSquares::new().with_intercept(false).fit(&dataset).map_err(|error| error.to_string())?;
    Ok((mean_target - fitted.params().dot(&mean), fitted.params().to_vec()))
}

impl LinearModel {
    /// A model of these figures, one coefficient a feature, in units of the target for one of the feature.
    ///
    /// # Errors
    /// When one of them is not finite.
    pub fn new(intercept: f64, coefficients: Vec<f64>) -> Result<Self> {
        if coefficients.iter().chain([&intercept]).all(|figure| figure.is_finite()) {
            Ok(Self { intercept, coefficients: coefficients.into() })
        } else {
            Err(Error::model_file("a coefficient is not a finite number"))
        }
    }
}

impl Regressor for LinearModel {
    fn n_features(&self) -> usize {
        self.coefficients.len()
    }

    fn predict(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        // Summed in column order rather than by a matrix product, whose order of summation (and so
        // the last bit) depends on how many rows there are.
        let value = |row: ndarray::ArrayView1<'_, f64>| {
            row.iter().zip(&self.coefficients).fold(self.intercept, |sum, (x, c)| sum + x * c)
        };
        features.rows().into_iter().map(value).collect()
    }

    fn stored(&self) -> StoredModel {
        let header =
            ModelHeader::Linear { intercept: self.intercept, coefficients: self.coefficients.to_vec() };
        StoredModel { header, body: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ndarray::array;

    use super::*;
    use crate::model::FeatureKind;

    #[test]
    fn a_plane_is_recovered_exactly() {
        let features = array![[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0], [4.0, 4.0]];
        let target = features.map_axis(ndarray::Axis(1), |row| 3.0 + 2.0 * row[0] - row[1]);
        let samples = Samples {
            features: features.view(),
            target: target.view(),
            kinds: &[FeatureKind::Number; 2],
            weight: None,
        };
        let model = LinearRegression.fit(samples, &Params::default(), 0, &Interrupt::default()).unwrap();
        let predicted = model.predict(features.view());
        assert!(predicted.iter().zip(&target).all(|(p, t)| (p - t).abs() < 1e-12), "{predicted}");
    }

    #[test]
    fn a_row_that_counts_three_times_is_as_good_as_three_rows() {
        let fit = |features: &ndarray::Array2<f64>, target: &Array1<f64>, weight: Option<&Array1<f64>>| {
            let (features, target) = (features.view(), target.view());
            let weight = weight.map(Array1::view);
            let samples = Samples { features, target, kinds: &[FeatureKind::Number], weight };
            let model = LinearRegression.fit(samples, &Params::default(), 0, &Interrupt::default());
            model.unwrap().predict(array![[0.0], [7.0]].view())
        };
        let (x, y) = (array![[0.0], [1.0], [2.0]], array![0.0, 3.0, 1.0]);
        let counted = fit(&x, &y, Some(&array![1.0, 3.0, 1.0]));
        let repeated =
            fit(&array![[0.0], [1.0], [1.0], [1.0], [2.0]], &array![0.0, 3.0, 3.0, 3.0, 1.0], None);
        assert!((counted - &repeated).iter().all(|gap| gap.abs() < 1e-12), "{repeated}");
        assert!((fit(&x, &y, None) - repeated).iter().any(|gap| gap.abs() > 0.1), "weights matter here");
    }

    #[test]
    fn features_that_repeat_one_another_are_refused() {
        let features = array![[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0]];
        let target = array![1.0, 2.0, 3.0, 5.0];
        let samples = Samples {
            features: features.view(),
            target: target.view(),
            kinds: &[FeatureKind::Number; 2],
            weight: None,
        };
        let fitted = LinearRegression.fit(samples, &Params::default(), 0, &Interrupt::default());
        assert!(matches!(fitted, Err(Error::Fit { .. })));
    }
}
