//! `xtream_core.train`

use std::path::PathBuf;

use pyo3::prelude::*;
use serde_json::json;
use xtream_core::dataset::{Delivery, Duplicates, Policy, Split, Suspect};
use xtream_core::model::xgboost::Locations;
use xtream_core::training::{Preset, Report, Training, built_in, choose};
use xtream_core::tuning::SamplerKind;
use xtream_core::{Registry, Result};

use crate::arguments::{paths, unknown, whole};
use crate::attended::attended;
use crate::error;
use crate::to_python::to_python;
use crate::xgboost;

/// What a training run brought, the same as `xtream train --json` prints.
#[pyclass(frozen, module = "xtream_core")]
pub(crate) struct Run {
    /// The models trained, best first: each a dict with `family`, `version`, `mae_usd`, `rmse_usd`,
    /// `r2`, `mape`, `worst_decile_usd`, `params`, `seed`, `duration_s` and `search`.
    #[pyo3(get)]
    leaderboard: Py<PyAny>,
    /// The model that answers now, a dict with `version` and `family`; None if there is none.
    #[pyo3(get)]
    champion: Py<PyAny>,
    /// What was decided about the best model and why, a dict with `promoted`, `reason` and the
    /// figures; None if no decision was asked for.
    #[pyo3(get)]
    decision: Py<PyAny>,
    /// The rows behind it all, a dict with `digest`, `n_rows`, `n_rejected`, `n_duplicates`,
    /// `n_train`, `n_test` and `rejects`.
    #[pyo3(get)]
    data: Py<PyAny>,
}

impl Run {
    fn new(py: Python<'_>, report: &Report) -> PyResult<Self> {
        let part = |value| to_python(py, &value).map(Bound::unbind);
        Ok(Self {
            leaderboard: part(json!(report.leaderboard))?,
            champion: part(json!(report.champion))?,
            decision: part(json!(report.decision))?,
            data: part(json!(report.data))?,
        })
    }
}

#[pymethods]
impl Run {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let n_models = self.leaderboard.bind(py).len()?;
        Ok(format!("Run(n_models={n_models}, champion={})", self.champion.bind(py).repr()?))
    }
}

/// Trains every family of models on the data, records each, and promotes the best if it is better
/// than the champion by more than chance explains.
///
/// Parameters
/// ----------
/// data : str, os.PathLike or a list of them
///     CSV or Parquet files, folders or patterns; all together are one data set.
/// test : the same, optional
///     Compare on these rows; all of `data` then trains. Without it each stone's own figures decide
///     whether it trains or tests, for good.
/// models : list of str, optional
///     Families to train, such as `["linear", "xgboost"]`; all there are by default.
/// trials : int
///     Sets of parameters tried for each family; 0 trains with default parameters.
/// seed : int
///     The same seed and data give the same models, byte for byte.
/// jobs : int, optional
///     Trials side by side, by default one a core. The result does not depend on it.
/// registry : str or os.PathLike
///     Folder where models are recorded; made if need be.
/// promote : bool
///     Whether the best model may become the champion.
/// suspect : {"reject", "keep"}
///     What to do with stones whose numbers contradict each other.
/// duplicates : {"drop", "keep"}
///     What to do with rows that stand there twice, price included.
/// max_rejects : float
///     Percentage of refused rows above which nothing is trained.
/// progress : callable, optional
///     Called with a dict for each event, on this thread. `event` is `reading`, `file_read`,
///     `data_ready`, `search_started`, `trial_finished`, `search_finished`, `fitting`, `judged` or `decided`; the
///     rest depends on it. An exception stops the run and is raised from it.
///
/// Returns
/// -------
/// Run
///     Leaderboard, champion, decision and data.
///
/// Raises
/// ------
/// InvalidInputError
///     Data or an argument that cannot be used as it is.
/// XtreamError
///     Anything else, such as a missing XGBoost library.
/// KeyboardInterrupt
///     Ctrl-C. Nothing is recorded, but finished trials are kept, and the same call goes on from them.
///
/// Examples
/// --------
/// >>> import xtream_core as xc
/// >>> run = xc.train("data/diamonds.csv", models=["linear"], registry="registry")
/// >>> run.leaderboard[0]["mae_usd"]
#[pyfunction]
#[pyo3(signature = (
    data, *, test=None, models=None, trials=100, seed=42, jobs=None, registry=PathBuf::from("registry"),
    promote=true, suspect="reject", duplicates="drop", max_rejects=1.0, progress=None,
))]
#[pyo3(text_signature = "(data, *, test=None, models=None, trials=100, seed=42, jobs=None, \
    registry='registry', promote=True, suspect='reject', duplicates='drop', max_rejects=1.0, progress=None)")]
#[allow(clippy::too_many_arguments, reason = "keywords, all but one with a default")]
pub(crate) fn train(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    test: Option<&Bound<'_, PyAny>>,
    models: Option<Vec<String>>,
    trials: i128,
    seed: i128,
    jobs: Option<i128>,
    registry: PathBuf,
    promote: bool,
    suspect: &str,
    duplicates: &str,
    max_rejects: f64,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Run> {
    let raise = |error| error::to_python(py, &error);
    let policy = Policy {
        suspect: suspect_named(suspect).map_err(raise)?,
        duplicates: duplicates_named(duplicates).map_err(raise)?,
    };
    let delivery = Delivery {
        data: paths("data", data)?,
        test: test.map_or(Ok(Vec::new()), |test| paths("test", test))?,
        policy,
        split: Split::default(),
    };
    let families = built_in(&Locations::new(xgboost::candidates(py)?));
    let training = Training {
        delivery,
        max_rejects_percent: max_rejects,
        rejects: None,
        families: choose(families, &models.unwrap_or_default()).map_err(raise)?,
        n_trials: whole("trials", trials, 0).map_err(raise)?,
        preset: Preset::default(),
        sampler: SamplerKind::default(),
        n_workers: match jobs {
            Some(jobs) => whole("jobs", jobs, 1).map_err(raise)?,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        },
        seed: whole("seed", seed, 0).map_err(raise)?,
        n_repeats: 1,
        promotes: promote,
    };
    let report = attended(py, progress, |progress, interrupt| {
        training.run(&Registry::open_or_create(&registry)?, progress, interrupt)
    })?;
    Run::new(py, &report)
}

fn suspect_named(name: &str) -> Result<Suspect> {
    match name {
        "reject" => Ok(Suspect::Reject),
        "keep" => Ok(Suspect::Keep),
        _ => Err(unknown("suspect", format!("{name:?}"), "\"reject\" or \"keep\"")),
    }
}

fn duplicates_named(name: &str) -> Result<Duplicates> {
    match name {
        "drop" => Ok(Duplicates::Drop),
        "keep" => Ok(Duplicates::Keep),
        _ => Err(unknown("duplicates", format!("{name:?}"), "\"drop\" or \"keep\"")),
    }
}
