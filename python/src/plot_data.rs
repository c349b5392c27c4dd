//! What the plots show, calculated by core.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use xtream_core::diamond::MAGIC_SIZES_CARAT;
use xtream_core::format::in_minutes;
use xtream_core::metrics::{Metrics, by_carat};
use xtream_core::promotion::{Comparison, FEWEST_STONES};
use xtream_core::tuning::{FEWEST_FOR_IMPORTANCE, Trial, importance};

use crate::error;
use crate::to_python::to_python;

/// Errors by band of weight: lists `label`, `n_rows`, `mae_usd`, `mape`. All lists are equally long.
#[pyfunction(name = "_errors_by_carat")]
pub(crate) fn errors_by_carat<'py>(
    py: Python<'py>,
    carat: Vec<f64>,
    actual: Vec<f64>,
    predicted: Vec<f64>,
    edges: Option<Vec<f64>>,
) -> PyResult<Bound<'py, PyDict>> {
    let edges = edges.unwrap_or_else(|| MAGIC_SIZES_CARAT.to_vec());
    if !edges.is_sorted_by(|a, b| a < b) || carat.len() != actual.len() || carat.len() != predicted.len() {
        let reason = format!("edges = {edges:?}, with {} stones", carat.len());
        let allowed = "weights in carat in ascending order, and one price for each stone".into();
        return Err(error::to_python(py, &xtream_core::Error::Usage { reason, allowed }));
    }
    let bands = by_carat(&carat, &actual, &predicted, &edges);
    let label = |from: f64, to: f64| match (from > 0.0, to.is_finite()) {
        (_, false) => format!("{from} and more"),
        (false, true) => format!("below {to}"),
        (true, true) => format!("{from} to {to}"),
    };
    let columns = PyDict::new(py);
    let labels: Vec<_> = bands.iter().map(|band| label(band.from_carat, band.to_carat)).collect();
    columns.set_item("label", labels)?;
    columns.set_item("n_rows", bands.iter().map(|band| band.metrics.n_rows).collect::<Vec<_>>())?;
    columns.set_item("mae_usd", bands.iter().map(|band| band.metrics.mae_usd).collect::<Vec<_>>())?;
    columns.set_item("mape", bands.iter().map(|band| band.metrics.mape).collect::<Vec<_>>())?;
    Ok(columns)
}

/// The share that each parameter explains, largest first; none with too few trials. `trials` is
/// JSON, as in a study file.
#[pyfunction(name = "_importance")]
pub(crate) fn parameter_importance<'py>(py: Python<'py>, trials: &str) -> PyResult<Bound<'py, PyAny>> {
    let trials: Vec<Trial> = serde_json::from_str(trials).map_err(|fault| {
        let reason = format!("the trials cannot be read: {fault}");
        error::to_python(py, &xtream_core::Error::Usage { reason, allowed: "the trials of a run".into() })
    })?;
    to_python(py, &json!({"shares": importance(&trials), "fewest_trials": FEWEST_FOR_IMPORTANCE}))
}

/// Two models' prices (US dollars) of the same stones, pair by pair: the comparison that decides about promotions,
/// and what it says, with the first as the subject.
#[pyfunction(name = "_compare")]
pub(crate) fn compare<'py>(
    py: Python<'py>,
    actual: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let n = actual.len();
    if n < FEWEST_STONES || first.len() != n || second.len() != n {
        let reason = format!("{n} stones that neither model was trained on");
        let allowed = format!("at least {FEWEST_STONES}, to tell two models apart");
        return Err(error::to_python(py, &xtream_core::Error::Usage { reason, allowed }));
    }
    let comparison = py.detach(|| Comparison::of(&actual, &first, &second, Comparison::SEED));
    to_python(py, &json!({"figures": comparison, "sentence": comparison.sentence()}))
}

/// How good predictions are, as the registry's cards say it.
#[pyfunction(name = "_metrics")]
pub(crate) fn metrics<'py>(
    py: Python<'py>,
    actual: Vec<f64>,
    predicted: Vec<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    if actual.is_empty() || actual.len() != predicted.len() {
        let reason = format!("{} prices paid and {} predicted", actual.len(), predicted.len());
        let allowed = "one of each for each stone, and at least one stone".into();
        return Err(error::to_python(py, &xtream_core::Error::Usage { reason, allowed }));
    }
    to_python(py, &json!(Metrics::of(&actual, &predicted)))
}

/// A duration as people write it.
#[pyfunction(name = "_in_minutes")]
pub(crate) fn minutes(seconds: f64) -> String {
    in_minutes(seconds)
}
