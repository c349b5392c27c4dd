//! The models of a run with what they make of its test rows: those of the user's own too, which no registry holds.

use std::sync::Arc;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xtream_core::{Error, Pipeline, PricedDiamond};

use crate::custom_estimator::Failures;
use crate::error;
use crate::faults::Refused;
use crate::interruptible::interruptible;
use crate::rows::{OnFault, Rows};
use crate::validate::kept;

/// The models of a run.
#[pyclass(frozen, module = "xtream_core._native", name = "_RunModels")]
pub(crate) struct RunModels {
    pub(crate) test: Vec<PricedDiamond>,
    pub(crate) models: Vec<RunModel>,
    pub(crate) failures: Failures,
}

/// One of them.
pub(crate) struct RunModel {
    pub(crate) name: String,
    pub(crate) pipeline: Arc<Pipeline>,
    /// What it makes of the test rows, US dollars.
    pub(crate) prices: Vec<f64>,
}

#[pymethods]
impl RunModels {
    /// The test rows by column.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        kept(py, &self.test)
    }

    /// What each family makes of them, in US dollars.
    fn prices<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let prices = PyDict::new(py);
        for model in &self.models {
            prices.set_item(&model.name, PyArray1::from_slice(py, &model.prices))?;
        }
        Ok(prices)
    }

    /// Prices of other stones by the model of that family.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        data: &Bound<'py, PyAny>,
        errors: &str,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let raise = |error: Error| error::to_python(py, &error);
        let on_fault = OnFault::named(errors).map_err(raise)?;
        let Some(model) = self.models.iter().find(|model| model.name == name) else {
            let known: Vec<_> = self.models.iter().map(|model| model.name.as_str()).collect();
            let reason = format!("the run has no model {name:?}");
            return Err(raise(Error::Usage { reason, allowed: format!("one of {}", known.join(", ")) }));
        };
        let rows = Rows::from_python(data)?;
        let pipeline = Arc::clone(&model.pipeline);
        let priced = interruptible(py, None, move |_, interrupt| rows.price(&pipeline, on_fault, interrupt));
        // What a class of hers raised meanwhile is what there is to tell.
        if let Some(failure) = self.failures.of(name) {
            return Err(failure);
        }
        priced?
            .map(|prices| PyArray1::from_vec(py, prices.usd))
            .map_err(|refused: Refused| error::invalid_diamonds(py, refused))
    }
}
