//! Least squares with a penalty on large coefficients, by linfa.

use linfa::prelude::*;
use linfa_linear::LinearRegression as LeastSquares;
use ndarray::{Array1, Array2, s};

use super::standardized::Standardized;
use super::{Estimator, Params, Regressor, Samples};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Ridge regression with an intercept (Hoerl and Kennard 1970): minimises the weighted squared errors plus
/// `lambda` times the squared coefficients, each feature measured in its own standard deviations. It ignores
/// the seed.
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `lambda` | 0.1 | penalty; any above zero determines features that repeat one another |
/// | `share` | 1 | this share of each coefficient is kept: a model that starts from the sum need not take back where the sum goes too far |
pub struct Ridge;

const LAMBDA: &str = "lambda";
const DEFAULT_LAMBDA: f64 = 0.1;
/// Name of the parameter by which a sum is taken for less than it says.
pub const SHARE: &str = "share";

impl Estimator for Ridge {
    fn fit(
        &self,
        samples: Samples<'_>,
        params: &Params,
        _seed: u64,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        params.only(&[LAMBDA, SHARE])?;
        let lambda = params.get(LAMBDA).unwrap_or(DEFAULT_LAMBDA);
        if !(lambda > 0.0 && lambda.is_finite()) {
            let reason = format!("{LAMBDA} = {lambda}");
            return Err(Error::Usage { reason, allowed: "a number above 0".into() });
        }
        let share = params.get(SHARE).unwrap_or(1.0);
        if !(0.0..=1.0).contains(&share) {
            let reason = format!("{SHARE} = {share}");
            return Err(Error::Usage { reason, allowed: "a number from 0 to 1".into() });
        }
        interrupt.check()?;
        let standardized = Standardized::of(samples)?;
        let (n_rows, n_features) = standardized.rows.dim();
        // The penalty is one more row a feature, whose error is the coefficient itself.
        let mut rows = Array2::zeros((n_rows + n_features, n_features));
        let mut target = Array1::zeros(n_rows + n_features);
        rows.slice_mut(s![..n_rows, ..]).assign(&standardized.rows);
        target.slice_mut(s![..n_rows]).assign(&standardized.target);
        rows.slice_mut(s![n_rows.., ..]).diag_mut().fill(lambda.sqrt());
        let dataset = linfa::DatasetBase::new(rows, target);
        let fitted = LeastSquares::new().with_intercept(false).fit(&dataset);
        let fitted = fitted.map_err(|error| Error::Fit { model: "ridge", reason: error.to_string() })?;
        standardized.model((fitted.params() * share).view(), "ridge")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ndarray::{Axis, array};

    use super::*;
    use crate::model::FeatureKind;

    fn fit(
        features: &Array2<f64>,
        target: &Array1<f64>,
        weight: Option<&Array1<f64>>,
        lambda: f64,
    ) -> Array1<f64> {
        let kinds = vec![FeatureKind::Number; features.ncols()];
        let weight = weight.map(Array1::view);
        let samples = Samples { features: features.view(), target: target.view(), kinds: &kinds, weight };
        let params = Params::from([("lambda", lambda)]);
        let model = Ridge.fit(samples, &params, 0, &Interrupt::default()).unwrap();
        model.predict(features.view())
    }

    #[test]
    fn a_plane_is_recovered_when_the_penalty_is_next_to_nothing() {
        let features = array![[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0], [4.0, 4.0]];
        let target = features.map_axis(Axis(1), |row| 3.0 + 2.0 * row[0] - row[1]);
        let predicted = fit(&features, &target, None, 1e-12);
        assert!(predicted.iter().zip(&target).all(|(p, t)| (p - t).abs() < 1e-9), "{predicted}");
    }

    #[test]
    fn a_share_of_a_sum_is_that_share_of_its_distance_from_the_mean() {
        let features = array![[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0], [4.0, 4.0]];
        let target = features.map_axis(Axis(1), |row| 3.0 + 2.0 * row[0] - row[1]);
        let kinds = [FeatureKind::Number; 2];
        let samples =
            Samples { features: features.view(), target: target.view(), kinds: &kinds, weight: None };
        let fit = |share| {
            let params = Params::from([(LAMBDA, 1e-12), (SHARE, share)]);
            Ridge.fit(samples, &params, 0, &Interrupt::default())
        };
        let mean = target.mean().unwrap();
        let predicted = fit(0.75).unwrap().predict(features.view());
        assert!(
            predicted.iter().zip(&target).all(|(p, t)| (p - mean - 0.75 * (t - mean)).abs() < 1e-9),
            "{predicted}"
        );
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(fit(share).is_err(), "{share}");
        }
    }

    #[test]
    fn features_that_repeat_one_another_or_never_change_are_no_obstacle() {
        let features = array![[1.0, 2.0, 7.0], [2.0, 4.0, 7.0], [3.0, 6.0, 7.0]];
        let predicted = fit(&features, &array![1.0, 2.0, 3.0], None, 1e-6);
        assert!(predicted.iter().zip([1.0, 2.0, 3.0]).all(|(p, t)| (p - t).abs() < 1e-5), "{predicted}");
    }

    #[test]
    fn one_feature_shrinks_as_the_formula_says() {
        // One standardised feature and n rows: the coefficient is n / (n + lambda) of what it was.
        let predicted = fit(&array![[-1.0], [1.0]], &array![-3.0, 3.0], None, 2.0);
        assert!((predicted[1] - 1.5).abs() < 1e-12, "{predicted}");
    }

    #[test]
    fn a_row_that_counts_three_times_is_as_good_as_three_rows() {
        let (x, y) = (array![[0.0], [1.0], [2.0]], array![0.0, 3.0, 1.0]);
        let counted = fit(&x, &y, Some(&array![0.6, 1.8, 0.6]), 0.6);
        let (x, y) = (array![[0.0], [1.0], [1.0], [1.0], [2.0]], array![0.0, 3.0, 3.0, 3.0, 1.0]);
        let repeated = fit(&x, &y, None, 1.0);
        assert!((counted[0] - repeated[0]).abs() < 1e-12 && (counted[2] - repeated[4]).abs() < 1e-12);
    }

    #[test]
    fn a_penalty_that_is_none_is_refused() {
        let (x, y) = (array![[0.0], [1.0]], array![0.0, 1.0]);
        let samples =
            Samples { features: x.view(), target: y.view(), kinds: &[FeatureKind::Number], weight: None };
        for lambda in [0.0, -1.0, f64::NAN] {
            let params = Params::from([("lambda", lambda)]);
            assert!(Ridge.fit(samples, &params, 0, &Interrupt::default()).is_err());
        }
    }
}
