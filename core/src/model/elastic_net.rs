//! Least squares that leaves out what does not matter, by linfa.

use linfa::prelude::*;
use linfa_elasticnet::ElasticNet as Linfa;
use ndarray::{Array2, ShapeBuilder};

use super::standardized::Standardized;
use super::{Estimator, Params, Regressor, Samples};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Elastic net (Zou and Hastie 2005): the mean of the weighted squared errors is weighed against the sizes and
/// the squares of the coefficients, each feature measured in its own standard deviations, so that features
/// of little use get the coefficient zero. It ignores the seed.
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `penalty` | 0.0001 | weight of the coefficients |
/// | `l1_ratio` | 0.5 | share of their sizes in that; the rest is for their squares |
pub struct ElasticNet;

/// Bounds the time of a fit to about a second for 50,000 rows of 50 features.
const MOST_ITERATIONS: u32 = 200;

impl Estimator for ElasticNet {
    fn fit(
        &self,
        samples: Samples<'_>,
        params: &Params,
        _seed: u64,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        params.only(&["penalty", "l1_ratio"])?;
        interrupt.check()?;
        let samples = Standardized::of(samples)?;
        // linfa goes through a feature at a time: each is laid out in one piece.
        let mut columns = Array2::zeros(samples.rows.dim().f());
        columns.assign(&samples.rows);
        let dataset = linfa::DatasetBase::new(columns, samples.target.view());
        let fitted = Linfa::params()
            .penalty(params.get("penalty").unwrap_or(1e-4))
            .l1_ratio(params.get("l1_ratio").unwrap_or(0.5))
            .with_intercept(false)
            .max_iterations(MOST_ITERATIONS)
            .fit(&dataset)
            .map_err(|error| Error::Fit { model: "elastic net", reason: error.to_string() })?;
        samples.model(fitted.hyperplane().view(), "elastic net")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ndarray::Array1;

    use super::*;
    use crate::model::FeatureKind;

    #[test]
    fn a_feature_that_does_not_matter_is_left_out() {
        let features = Array2::from_shape_fn((40, 2), |(row, column)| ((row * (3 + 4 * column)) % 11) as f64);
        let target: Array1<f64> = features.column(0).mapv(|x| 5.0 + 2.0 * x);
        let kinds = [FeatureKind::Number; 2];
        let samples =
            Samples { features: features.view(), target: target.view(), kinds: &kinds, weight: None };
        let params = Params::from([("penalty", 0.01), ("l1_ratio", 1.0)]);
        let model = ElasticNet.fit(samples, &params, 0, &Interrupt::default()).unwrap();
        let (_, coefficients) = model.stored().header.linear_coefficients().unwrap();
        assert!((coefficients[0] - 2.0).abs() < 0.01 && coefficients[1] == 0.0, "{coefficients:?}");
    }
}
