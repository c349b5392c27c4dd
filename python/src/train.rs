//! The native part of `xtream_core.train`.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyList;
use serde_json::json;
use xtream_core::model::xgboost::Locations;
use xtream_core::progress::{Event, Progress};
use xtream_core::training::{Executor, Family, Preset, Promotes, Training, built_in, choose};
use xtream_core::tuning::Parallel;
use xtream_core::{Error, Registry};

use crate::arguments::{unknown, whole};
use crate::custom_estimator::{self, Failures};
use crate::detached::join_detached;
use crate::executor::PythonExecutor;
use crate::fork::is_no_fork;
use crate::interruptible::interruptible;
use crate::place::Place;
use crate::run_models::{RunModel, RunModels};
use crate::sources::{Sources, policy, source};
use crate::to_python::to_python;
use crate::{error, xgboost};

/// Trains, and returns what `xtream train --json` prints as a dict, and the models with their test rows. `models` holds names of built-in
/// families and adapters of the user's own; the package's `train` documents the rest.
#[pyfunction(name = "_train")]
#[allow(clippy::too_many_arguments, reason = "the package's keywords, one for one")]
pub(crate) fn train<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    test: Option<&Bound<'py, PyAny>>,
    models: Option<&Bound<'py, PyList>>,
    trials: i128,
    seed: i128,
    jobs: Option<i128>,
    parallel: i128,
    registry: Place,
    promote: bool,
    suspect: &str,
    duplicates: &str,
    max_rejects: f64,
    space: &str,
    monotone: bool,
    ranges: bool,
    executor: Option<&Bound<'py, PyAny>>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, RunModels)> {
    is_no_fork().map_err(|error| error::to_python(py, &error))?;
    // A run that was stopped a moment ago may still hold its study file.
    join_detached(py)?;
    let raise = |error| error::to_python(py, &error);
    let policy = policy(suspect, duplicates, false).map_err(raise)?;
    let preset = match space {
        "narrow" => Preset::Narrow,
        "notebook" => Preset::Notebook,
        _ => return Err(raise(unknown("space", format!("{space:?}"), "\"narrow\" or \"notebook\""))),
    };
    let failures = Failures::default();
    let families = families(py, models, &failures)?;
    let n_trials = whole("trials", trials, 0).map_err(raise)?;
    let n_workers = match jobs {
        Some(jobs) => whole("jobs", jobs, 1).map_err(raise)?,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let parallel = Parallel::new(whole("parallel", parallel, 1).map_err(raise)?).map_err(raise)?;
    let seed = whole("seed", seed, 0).map_err(raise)?;
    let executor = executor.map(PythonExecutor::new);
    let workers = executor.clone().map(|executor| executor as Arc<dyn Executor>);
    // Last, because it takes the frames' streams out of them.
    let data = Sources::from_python("data", data)?;
    let test = test.map_or(Ok(Sources::default()), |test| Sources::from_python("test", test))?;
    let done = interruptible(py, progress, move |progress, interrupt| {
        let training = Training {
            max_rejects_percent: max_rejects,
            n_trials,
            preset,
            parallel,
            n_workers,
            executor: workers,
            seed,
            promotes: if promote { Promotes::Better } else { Promotes::First },
            is_monotone: monotone,
            ranges,
            ..Training::new(source(data, test, policy)?, families)
        };
        let registry = Registry::open_or_create(registry.location()?)?;
        let (dataset, data) = training.read(&registry, progress, interrupt)?;
        let keeping = Keeping { progress, models: Mutex::default() };
        match training.run_on(&dataset, data, &registry, &keeping, interrupt) {
            Ok(report) => {
                let models = keeping.models.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(Ok((report, dataset.test(), models)))
            }
            Err(error @ (Error::Fit { .. } | Error::Worker { .. })) => Ok(Err(error)),
            Err(error) => Err(error),
        }
    })?;
    match done {
        Ok((report, test, models)) => {
            Ok((to_python(py, &json!(report))?, RunModels { test, models, failures }))
        }
        Err(error) => {
            let cause = executor.and_then(|executor| executor.cause());
            let cause = cause.or_else(|| failures.cause_of(&error.to_string()));
            let error = error::to_python(py, &error);
            // Her own class's exception says more than our words about it.
            Err(match cause {
                Some(cause) => error::caused_by(py, error, cause),
                None => error,
            })
        }
    }
}

/// Keeps each model as soon as it is judged.
struct Keeping<'a> {
    progress: &'a dyn Progress,
    models: Mutex<Vec<RunModel>>,
}

impl Progress for Keeping<'_> {
    fn report(&self, event: &Event<'_>) {
        if let Event::Tested { family, pipeline, prices, .. } = event {
            let (name, prices) = ((*family).to_owned(), prices.to_vec());
            let model = RunModel { name, pipeline: Arc::clone(pipeline), prices };
            self.models.lock().unwrap_or_else(PoisonError::into_inner).push(model);
        }
        self.progress.report(event);
    }
}

/// The families named, in this order; all that are built in when none is.
fn families(
    py: Python<'_>,
    models: Option<&Bound<'_, PyList>>,
    failures: &Failures,
) -> PyResult<Vec<Family>> {
    let built_in = built_in(&Locations::new(xgboost::candidates(py)?));
    let Some(models) = models else { return Ok(built_in) };
    let (mut names, mut known) = (Vec::new(), built_in);
    for model in models {
        if let Ok(name) = model.extract::<String>() {
            names.push(name);
        } else {
            let family =
                custom_estimator::family(&model, failures)?.map_err(|error| error::to_python(py, &error))?;
            if known.iter().any(|other| other.name == family.name) {
                let reason = format!("there is a family {:?} already", family.name);
                let allowed = "a name of its own for each: Family(..., name=...)".into();
                return Err(error::to_python(py, &Error::Usage { reason, allowed }));
            }
            names.push(family.name.to_string());
            known.push(family);
        }
    }
    choose(known, &names).map_err(|error| error::to_python(py, &error))
}
