//! Families of models that a Python class runs. To core they are estimators like any other, but for
//! one thing: nothing of them is stored that could be run elsewhere.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array1, ArrayView2, s};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use serde_json::json;
use xtream_core::diamond::Field;
use xtream_core::features::Encoding;
use xtream_core::model::{Estimator, ModelHeader, Params, Regressor, Samples, StoredModel};
use xtream_core::pipeline::{Recipe, Target};
use xtream_core::training::{Family, Plan};
use xtream_core::tuning::{Domain, Space};
use xtream_core::{Error, Interrupt, Result};

use crate::arguments::unknown;
use crate::to_python::to_python;

/// The first exception that the class of each family of the user's raised, to be shown as the cause.
#[derive(Clone, Default)]
pub(crate) struct Failures(Arc<Mutex<Vec<(String, PyErr)>>>);

impl Failures {
    fn add(&self, name: &str, error: PyErr) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !failures.iter().any(|(known, _)| known == name) {
            failures.push((name.to_owned(), error));
        }
    }

    /// Takes the exception that `told` is about: one of a family that is named in it.
    pub(crate) fn cause_of(&self, told: &str) -> Option<PyErr> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_named =
            |name: &str| [format!("{name}: "), format!("{name} ")].iter().any(|name| told.contains(name));
        let place = failures.iter().position(|(name, _)| is_named(name))?;
        Some(failures.swap_remove(place).1)
    }

    /// Takes the exception of this family.
    pub(crate) fn of(&self, name: &str) -> Option<PyErr> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = failures.iter().position(|(known, _)| known == name)?;
        Some(failures.swap_remove(place).1)
    }
}

/// Rows that a model is asked about as soon as it is fitted, so that an answer of the wrong form is told at once.
const FIRST_ROWS: usize = 32;

/// All numbers, for one-hot encoding.
const NUMBERS: [Field; 6] = [Field::Carat, Field::Depth, Field::Table, Field::X, Field::Y, Field::Z];

/// The family that `adapter` describes: the package's `_families.Adapter`, whose `fit` and `predict`
/// are called with numpy arrays.
pub(crate) fn family(adapter: &Bound<'_, PyAny>, failures: &Failures) -> PyResult<Result<Family>> {
    let text = |name: &str| adapter.getattr(name)?.extract::<String>();
    let (name, class, version) = (text("name")?, text("class_name")?, text("version")?);
    let features = text("features")?;
    let encoding = match &*features {
        "ranks" | "frame" => Encoding::Categories,
        "one_hot" => Encoding::OneHot(&NUMBERS),
        _ => {
            let allowed = "\"ranks\", \"one_hot\" or \"frame\"";
            return Ok(Err(unknown("features", format!("{features:?}"), allowed)));
        }
    };
    let target = match &*text("target")? {
        "price" => Target::Price,
        "log_price" => Target::LogPrice,
        other => {
            return Ok(Err(unknown("target", format!("{other:?}"), "\"price\" or \"log_price\"")));
        }
    };
    let mut space = Vec::new();
    for part in adapter.getattr("domains")?.try_iter()? {
        let (name, kind, values): (String, String, Bound<'_, PyAny>) = part?.extract()?;
        match domain(&name, &kind, &values)? {
            Ok(domain) => space.push((Cow::Owned(name), domain)),
            Err(error) => return Ok(Err(error)),
        }
    }
    let plan = Plan {
        n_folds: 1,
        space: Space(space),
        fixed: Params::default(),
        // The class does not grow in rounds that anybody could watch.
        early_stopping: None,
    };
    let estimator = PythonEstimator {
        adapter: adapter.clone().unbind(),
        class: class.clone(),
        name: name.clone(),
        failures: failures.clone(),
    };
    let what = format!("{class}, {version}");
    let summary = format!("{class}, a class of your own");
    Ok(Ok(Family {
        plan: (!plan.space.0.is_empty()).then(|| Box::new(move |_| plan.clone()) as _),
        // It tells searches apart: the trials of another class or with other fixed parameters are
        // no part of this search.
        library_version: Some(Box::new(move || Ok(what.clone()))),
        foreign: Some(class),
        ..Family::new(name, summary, Recipe::new(encoding, target, estimator))
    }))
}

fn domain(name: &str, kind: &str, values: &Bound<'_, PyAny>) -> PyResult<Result<Domain>> {
    let refuse =
        |what: String, allowed: &str| Ok(Err(unknown(&format!("the space of {name}"), what, allowed)));
    Ok(Ok(match kind {
        "uniform" | "log_uniform" => {
            let (low, high): (f64, f64) = values.extract()?;
            if !(low < high && low.is_finite() && high.is_finite()) {
                return refuse(format!("from {low} to {high}"), "two numbers, the smaller one first");
            }
            if kind == "uniform" {
                Domain::Uniform { low, high }
            } else if low > 0.0 {
                Domain::LogUniform { low, high }
            } else {
                return refuse(format!("from {low}"), "a lower end above zero");
            }
        }
        "integer" => {
            let (low, high): (i128, i128) = values.extract()?;
            match (u32::try_from(low), u32::try_from(high)) {
                (Ok(low), Ok(high)) if low < high => Domain::Integer { low, high },
                _ => {
                    let allowed = "two whole numbers from 0 to 4294967295, the smaller one first";
                    return refuse(format!("from {low} to {high}"), allowed);
                }
            }
        }
        "numbers" => Domain::Choice(Cow::Owned(values.extract()?)),
        _ => Domain::Words(values.extract()?),
    }))
}

struct PythonEstimator {
    adapter: Py<PyAny>,
    class: String,
    name: String,
    failures: Failures,
}

struct PythonRegressor {
    adapter: Py<PyAny>,
    fitted: Py<PyAny>,
    class: String,
    name: String,
    n_features: usize,
    failures: Failures,
}

/// Calls Python; the exception is kept for whoever started the run.
fn call<T>(name: &str, failures: &Failures, action: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T> {
    // No interpreter: the process is ending, and nobody wants the result any more.
    let done = Python::try_attach(|py| {
        action(py).map_err(|error| {
            let reason = format!("{name}: {error}");
            failures.add(name, error);
            Error::Fit { model: "a model of your own", reason }
        })
    });
    done.unwrap_or(Err(Error::Interrupted))
}

impl Estimator for PythonEstimator {
    fn fit(
        &self,
        samples: Samples<'_>,
        params: &Params,
        seed: u64,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        interrupt.check()?;
        let fitted = call(&self.name, &self.failures, |py| {
            let (features, target) = (samples.features.to_pyarray(py), samples.target.to_pyarray(py));
            let params = to_python(py, &json!(params))?;
            let adapter = self.adapter.bind(py);
            let fitted = adapter.call_method1("fit", (features, target, params, seed))?;
            let first = samples.features.slice(s![..samples.features.nrows().min(FIRST_ROWS), ..]);
            adapter.call_method1("predict", (&fitted, first.to_pyarray(py)))?;
            Ok((fitted.unbind(), self.adapter.clone_ref(py)))
        });
        interrupt.check()?;
        let (fitted, adapter) = fitted?;
        Ok(Box::new(PythonRegressor {
            adapter,
            fitted,
            class: self.class.clone(),
            name: self.name.clone(),
            n_features: samples.features.ncols(),
            failures: self.failures.clone(),
        }))
    }
}

impl Regressor for PythonRegressor {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn predict(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        let predicted = call(&self.name, &self.failures, |py| {
            let features = features.to_pyarray(py);
            let values = self.adapter.bind(py).call_method1("predict", (self.fitted.bind(py), features))?;
            let values: PyReadonlyArray1<'_, f64> = values.cast::<PyArray1<f64>>()?.readonly();
            Ok(values.as_array().to_owned())
        });
        // Whoever judges these finds no finite error, and the run ends with the exception kept.
        predicted.unwrap_or_else(|_| Array1::from_elem(features.nrows(), f64::NAN))
    }

    fn stored(&self) -> StoredModel {
        StoredModel { header: ModelHeader::Foreign { class: self.class.clone() }, body: Vec::new() }
    }
}
