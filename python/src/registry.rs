//! `xtream_core.Registry`

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyList;
use serde_json::json;
use xtream_core::{Error, Result};

use crate::arguments::whole;
use crate::error;
use crate::model::{Model, card};
use crate::place::Place;
use crate::to_python::to_python;

/// Every model ever trained, and which one answers.
///
/// Parameters
/// ----------
/// path : str or os.PathLike
///     The folder that `xtream train` or `train` made, or the address of a place in an S3-like store, such as
///     "s3://shop/diamonds"; its key and the rest come from the environment (AWS_ACCESS_KEY_ID and so on).
///
/// Raises
/// ------
/// ModelNotFoundError
///     There is no registry there.
/// InvalidInputError
///     It is the address of no store, or there is no key for it.
/// XtreamError
///     Its log is damaged, or the store refuses.
///
/// Examples
/// --------
/// >>> import xtream_core as xc
/// >>> registry = xc.Registry("registry")
/// >>> [(card["version"], card["family"]) for card in registry.versions()]
/// [(2, 'xgboost'), (1, 'linear')]
/// >>> registry.promote(1, reason="Easier to explain.")["reason"]
/// 'Easier to explain.'
/// >>> registry.rollback()
/// 2
#[pyclass(frozen, module = "xtream_core")]
pub(crate) struct Registry(Arc<xtream_core::Registry>);

impl Registry {
    /// Talks to the registry with the interpreter lock released.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&Arc<xtream_core::Registry>) -> Result<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| question(&self.0)).map_err(|error| error::to_python(py, &error))
    }
}

#[pymethods]
impl Registry {
    #[new]
    fn new(py: Python<'_>, path: Place) -> PyResult<Self> {
        let opened = py.detach(|| xtream_core::Registry::open(path.location()?));
        let registry = opened.map_err(|error| error::to_python(py, &error))?;
        Ok(Self(Arc::new(registry)))
    }

    /// Every model's card, newest first: `version`, `family`, `created_at`, `params`, `metrics`
    /// (errors in US dollars), `data`, and what else is known about it.
    ///
    /// Returns
    /// -------
    /// list of dict
    ///     The same as `xtream models list --json` prints.
    fn versions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut cards = self.ask(py, |registry| registry.cards())?;
        cards.reverse();
        let cards = cards.iter().map(|each| card(py, &json!(each))).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, cards).map(Bound::into_any)
    }

    /// Everything that ever happened, oldest first: each a dict with `number`, `at` (when, in UTC) and
    /// `change`, which is "registered" (then `cards` says which models), "decided" (then `decision`
    /// says which was promoted, or was not, and why) or "rolled_back" (then `from`, `to`, `reason`).
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let commits = self.ask(py, |registry| registry.commits())?;
        to_python(py, &json!(commits))
    }

    /// Its folder as a path; of one in a store, its address as a str.
    #[getter]
    fn folder(&self) -> Place {
        Place::of(self.0.location())
    }

    /// The model that answers now.
    ///
    /// Raises
    /// ------
    /// ModelNotFoundError
    ///     No model has been promoted yet.
    fn champion(&self, py: Python<'_>) -> PyResult<Model> {
        self.ask(py, |registry| {
            let version = registry.champion()?.ok_or(Error::NoChampion)?;
            Model::load(registry, version)
        })
    }

    /// The model of that version.
    ///
    /// Raises
    /// ------
    /// ModelNotFoundError
    ///     There is none of that version.
    /// XtreamError
    ///     Its file is not as it was written.
    fn load(&self, py: Python<'_>, version: i128) -> PyResult<Model> {
        self.ask(py, |registry| Model::load(registry, whole("version", version, 1)?))
    }

    /// Makes that version the champion because you say so. The reason is kept with the decision.
    ///
    /// Returns
    /// -------
    /// dict
    ///     The decision: `promoted`, `candidate`, `champion` (the one until now), `reason`.
    ///
    /// Raises
    /// ------
    /// ModelNotFoundError
    ///     There is none of that version.
    /// XtreamError
    ///     The model cannot be loaded, so it must not answer.
    #[pyo3(signature = (version, *, reason="Promoted by hand."))]
    fn promote<'py>(&self, py: Python<'py>, version: i128, reason: &str) -> PyResult<Bound<'py, PyAny>> {
        let decision = self.ask(py, |registry| registry.promote(whole("version", version, 1)?, reason))?;
        to_python(py, &json!(decision))
    }

    /// Makes the former champion the champion again.
    ///
    /// Returns
    /// -------
    /// int
    ///     Its version.
    ///
    /// Raises
    /// ------
    /// ModelNotFoundError
    ///     There is no former champion.
    #[pyo3(signature = (*, reason="Rolled back by hand."))]
    fn rollback(&self, py: Python<'_>, reason: &str) -> PyResult<u64> {
        self.ask(py, |registry| registry.rollback(reason))
    }

    /// All models as a table, for notebooks.
    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        let champion = self.ask(py, |registry| registry.champion())?;
        py.import("xtream_core._card")?.call_method1("cards_html", (self.versions(py)?, champion))?.extract()
    }

    fn __repr__(&self) -> String {
        format!("Registry({:?})", self.0.location().to_string())
    }
}
