//! What the scikit-learn estimators of the package fit: a family of core's on numbers or on stones,
//! without a registry.

use ndarray::{Array1, Array2};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use xtream_core::dataset::{Batch, Table};
use xtream_core::diamond::{Cell, Field};
use xtream_core::features::Imputer;
use xtream_core::model::xgboost::Locations;
use xtream_core::model::{
    self, Estimator, FeatureKind, ModelHeader, Params, Regressor, Ridge, Samples, StoredModel, TreeEnsemble,
};
use xtream_core::pipeline::Target;
use xtream_core::training::{Family, Preset, built_in, choose};
use xtream_core::{Error, Pipeline, PricedDiamond, Result};

use crate::arrow_stream::Stream;
use crate::error;
use crate::faults::{Faults, Refused};
use crate::frame::frame;
use crate::interruptible::interruptible;
use crate::rows::Rows;
use crate::xgboost;

/// A fitted model: of numbers as they come, or of stones.
#[pyclass(frozen, module = "xtream_core._native", name = "_Fitted")]
pub(crate) struct Fitted(std::sync::Arc<Kind>);

enum Kind {
    Numbers { target: Target, regressor: Box<dyn Regressor> },
    Stones(Box<Pipeline>),
}

impl Fitted {
    fn new(kind: Kind) -> Self {
        Self(std::sync::Arc::new(kind))
    }
}

/// Numbers are no stones: what is learned of them is not learned by the carat.
const ONE_CARAT: f64 = 1.0;

fn family_named(py: Python<'_>, name: &str) -> PyResult<Family> {
    let families = built_in(&Locations::new(xgboost::candidates(py)?));
    let mut chosen = choose(families, &[name.into()]).map_err(|error| error::to_python(py, &error))?;
    chosen.pop().ok_or_else(|| error::to_python(py, &Error::NoChampion))
}

fn params_of(params: Vec<(String, f64)>) -> Params {
    let mut named = Params::default();
    params.into_iter().for_each(|(name, value)| named.set(name, value));
    named
}

/// Fits on a matrix, shape (n_rows, n_features), one target a row, and how much each counts.
#[pyfunction(name = "_fit_numbers")]
pub(crate) fn fit_numbers(
    py: Python<'_>,
    family: &str,
    features: PyReadonlyArray2<'_, f64>,
    target: PyReadonlyArray1<'_, f64>,
    weight: Option<PyReadonlyArray1<'_, f64>>,
    params: Vec<(String, f64)>,
    seed: u64,
) -> PyResult<Fitted> {
    let family = family_named(py, family)?;
    // In rows, as the rest of core has it.
    let features = Array2::from_shape_fn(features.as_array().dim(), {
        let features = features.as_array();
        move |place| features[place]
    });
    let target: Array1<f64> =
        target.as_array().iter().map(|value| family.recipe.target.of_price(*value, ONE_CARAT)).collect();
    let weight = weight.map(|weight| weight.as_array().to_owned());
    let params = params_of(params);
    let kind = interruptible(py, None, move |_, interrupt| {
        let weight = weight.as_ref().map(Array1::view);
        let kinds = vec![FeatureKind::Number; features.ncols()];
        let samples = Samples { features: features.view(), target: target.view(), kinds: &kinds, weight };
        let regressor = match family.recipe.estimator.fit(samples, &params, seed, interrupt) {
            // Where many sums fit equally well, scikit-learn expects one with small coefficients.
            Err(Error::TooFewRows { .. } | Error::Fit { .. }) if family.name == "linear" => {
                let next_to_nothing = Params::from([("lambda", 1e-10)]);
                Ridge.fit(samples, &next_to_nothing, seed, interrupt)?
            }
            fitted => fitted?,
        };
        Ok(Kind::Numbers { target: family.recipe.target, regressor })
    })?;
    Ok(Fitted::new(kind))
}

/// Fits on a frame of stones, one price (US dollars) a row, and how much each counts. Missing measurements are
/// estimated, as they are where a stone is priced.
#[pyfunction(name = "_fit_stones")]
pub(crate) fn fit_stones(
    py: Python<'_>,
    family: &str,
    stones: &Bound<'_, PyAny>,
    prices: PyReadonlyArray1<'_, f64>,
    weight: Option<PyReadonlyArray1<'_, f64>>,
    params: Vec<(String, f64)>,
    seed: u64,
) -> PyResult<Fitted> {
    let family = family_named(py, family)?;
    let stream = Stream::of(stones)?;
    let prices = prices.as_array().to_vec();
    let weight = weight.map(|weight| weight.as_array().to_owned());
    let params = params_of(params);
    let fitted = interruptible(py, None, move |_, interrupt| {
        let mut table = Table::over(frame(stream, &Field::CERTAIN, &Field::FEATURES)?);
        let mut batches = Vec::new();
        while let Some(batch) = table.next_batch()? {
            batches.push(batch);
        }
        interrupt.check()?;
        let stones = match stones_of(&batches, &prices) {
            Ok(stones) => stones,
            Err(refused) => return Ok(Err(refused)),
        };
        let (recipe, name) = (&family.recipe, &family.name);
        // What every model of the family has, also where nothing is searched.
        let mut all = family.plan.as_ref().map_or_else(Params::default, |plan| plan(Preset::default()).fixed);
        params.iter().for_each(|(name, value)| all.set(name, value));
        let params = all;
        let pipeline = match &weight {
            None => recipe.fit(name, &stones, &params, seed, interrupt)?,
            Some(weight) => recipe.fit_weighted(name, &stones, &params, seed, weight, interrupt)?,
        };
        Result::Ok(Ok(Kind::Stones(Box::new(pipeline))))
    })?;
    fitted.map(Fitted::new).map_err(|refused| error::invalid_diamonds(py, refused))
}

/// How much each feature gained, and the features' names.
type Gains<'py> = (Bound<'py, PyArray1<f64>>, Vec<String>);

/// The stones, of which those that are whole say what the others most likely measure; or what is wrong with rows.
fn stones_of(batches: &[Batch], prices: &[f64]) -> std::result::Result<Vec<PricedDiamond>, Refused> {
    let rows = || {
        batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch.line(row), batch.raw(row))))
    };
    let whole: Vec<_> = rows().filter_map(|(_, raw)| raw.parse().ok()).collect();
    let proportions = Imputer::fit(whole.iter());
    let (mut stones, mut faults) = (Vec::with_capacity(prices.len()), Faults::default());
    for (number, raw) in rows() {
        // A frame and prices of different lengths were refused before; a row without one is faulty.
        let price = prices.get(number as usize).map_or(Cell::Missing, |price| Cell::Number(*price));
        let stone = proportions.complete(&raw);
        match stone.and_then(|(stone, _)| stone.sold_at(price).map_err(|fault| vec![fault])) {
            Ok(stone) => {
                faults.count();
                stones.push(stone);
            }
            Err(found) => faults.add("row", number, found),
        }
    }
    faults.finish().map_or(Ok(stones), Err)
}

#[pymethods]
impl Fitted {
    /// One value a row of a matrix, shape (n_rows, n_features).
    fn predict_numbers<'py>(
        &self,
        py: Python<'py>,
        features: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let Kind::Numbers { target, regressor } = &*self.0 else { return Err(mixed_up(py)) };
        let features = features.as_array();
        if features.ncols() != regressor.n_features() {
            return Err(mixed_up(py));
        }
        let values = py.detach(|| regressor.predict(features));
        Ok(PyArray1::from_iter(py, values.into_iter().map(|value| target.to_price(value, ONE_CARAT))))
    }

    /// One price (US dollars) a row of a frame of stones: the model's number, also where no diamond can have such a
    /// price.
    fn predict_stones<'py>(
        &self,
        py: Python<'py>,
        stones: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = Rows::from_python(stones)?;
        let fitted = std::sync::Arc::clone(&self.0);
        let priced = interruptible(py, None, move |_, interrupt| match &*fitted {
            Kind::Stones(pipeline) => rows.numbers(pipeline, interrupt),
            Kind::Numbers { .. } => Err(wrong_input()),
        })?;
        priced
            .map(|prices| PyArray1::from_vec(py, prices))
            .map_err(|refused: Refused| error::invalid_diamonds(py, refused))
    }

    /// Of a linear model: intercept, coefficients, and the names of the features of stones (none for
    /// numbers).
    fn linear<'py>(&self, py: Python<'py>) -> Option<(f64, Bound<'py, PyArray1<f64>>, Vec<String>)> {
        let (figures, names) = match &*self.0 {
            Kind::Numbers { regressor, .. } => (regressor.stored().header.linear_coefficients(), Vec::new()),
            Kind::Stones(pipeline) => (pipeline.linear_coefficients(), pipeline.encoder().names()),
        };
        figures.map(|(intercept, coefficients)| (intercept, PyArray1::from_vec(py, coefficients), names))
    }

    /// Of trees: how much each feature brought, as shares, and the names of the features of stones (none for
    /// numbers).
    fn gains<'py>(&self, py: Python<'py>) -> PyResult<Option<Gains<'py>>> {
        let (file, n_features, names) = match &*self.0 {
            Kind::Numbers { regressor, .. } => {
                let stored = regressor.stored();
                let is_trees = stored.header == ModelHeader::Xgboost;
                (is_trees.then_some(stored.body), regressor.n_features(), Vec::new())
            }
            Kind::Stones(pipeline) => {
                let names = pipeline.feature_names();
                (pipeline.xgboost_file(), names.len(), names)
            }
        };
        let gains = file.map(|file| TreeEnsemble::gains(&file, n_features)).transpose();
        let gains = gains.map_err(|error| error::to_python(py, &error))?;
        Ok(gains.map(|gains| (PyArray1::from_vec(py, gains), names)))
    }

    /// For pickle: the model in the same form as in a registry, which is checked in full when it is
    /// taken back.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Kept<'py>)> {
        let raise = |error: Error| error::to_python(py, &error);
        let (header, body) = match &*self.0 {
            Kind::Stones(pipeline) => (String::new(), pipeline.to_bytes().map_err(raise)?),
            Kind::Numbers { target, regressor } => {
                let StoredModel { header, body } = regressor.stored();
                let header = serde_json::to_string(&(target, header));
                (header.map_err(|fault| raise(Error::ModelFile { reason: fault.to_string() }))?, body)
            }
        };
        let restore = py.import("xtream_core._native")?.getattr("_restore_fitted")?;
        Ok((restore, (header, PyBytes::new(py, &body))))
    }
}

/// What a pickle holds: the readable part, and the model's own bytes.
type Kept<'py> = (String, Bound<'py, PyBytes>);

/// Takes back what pickle kept.
#[pyfunction(name = "_restore_fitted")]
pub(crate) fn restore_fitted(py: Python<'_>, header: &str, body: &[u8]) -> PyResult<Fitted> {
    let read = || -> Result<Kind> {
        if header.is_empty() {
            return Pipeline::from_bytes(body.to_vec()).map(|pipeline| Kind::Stones(Box::new(pipeline)));
        }
        let (target, header): (Target, ModelHeader) =
            serde_json::from_str(header).map_err(|fault| Error::ModelFile { reason: fault.to_string() })?;
        Ok(Kind::Numbers { target, regressor: model::load(StoredModel { header, body: body.to_vec() })? })
    };
    read().map(Fitted::new).map_err(|error| error::to_python(py, &error))
}

fn wrong_input() -> Error {
    Error::Usage {
        reason: "the model was fitted on another kind of input".into(),
        allowed: "what it was fitted on: numbers of as many columns, or stones".into(),
    }
}

fn mixed_up(py: Python<'_>) -> PyErr {
    error::to_python(py, &wrong_input())
}
