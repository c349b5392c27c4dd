//! Jobs of a training run on an executor of Python's, and the other end: a job that came to this process.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyCFunction};
use xtream_core::model::xgboost::Locations;
use xtream_core::training::{Executor, Reply, Worker, built_in};
use xtream_core::{Error, Interrupt, Result};

use crate::custom_estimator::{Failures, family};
use crate::fork::is_no_fork;
use crate::interruptible::interruptible;
use crate::{error, xgboost};

/// The package's `_executor.Jobs`, which knows the user's executor.
pub(crate) struct PythonExecutor {
    jobs: Py<PyAny>,
    /// The first exception that ended the run.
    cause: Mutex<Option<PyErr>>,
}

impl PythonExecutor {
    pub(crate) fn new(jobs: &Bound<'_, PyAny>) -> Arc<Self> {
        Arc::new(Self { jobs: jobs.clone().unbind(), cause: Mutex::default() })
    }

    /// Takes the exception that ended the run.
    pub(crate) fn cause(&self) -> Option<PyErr> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn send(
        &self,
        py: Python<'_>,
        job: &[u8],
        rows: Option<&[u8]>,
        family: &str,
        interrupt: &Interrupt,
    ) -> PyResult<Result<Reply>> {
        let interrupt = interrupt.clone();
        let is_stopped =
            PyCFunction::new_closure(py, None, None, move |_, _| -> bool { interrupt.is_raised() })?;
        let rows = rows.map(|rows| PyBytes::new(py, rows));
        let jobs = self.jobs.bind(py);
        let answer = jobs.call_method1("send", (PyBytes::new(py, job), rows, family, is_stopped))?;
        if answer.is_none() {
            return Ok(Err(Error::Interrupted));
        }
        Ok(Ok(match answer.cast::<PyBytes>() {
            Ok(bytes) => Reply::Answered(bytes.as_bytes().to_vec()),
            Err(_) => Reply::Lost(answer.extract()?),
        }))
    }
}

impl Executor for PythonExecutor {
    fn run(&self, job: &[u8], rows: Option<&[u8]>, family: &str, interrupt: &Interrupt) -> Result<Reply> {
        // No interpreter: the process is ending, and nobody wants the result any more.
        let sent = Python::try_attach(|py| {
            self.send(py, job, rows, family, interrupt).map_err(|error| {
                let reason = error.value(py).to_string();
                self.cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                Error::Worker { reason }
            })
        });
        sent.unwrap_or(Err(Error::Interrupted))?
    }
}

/// What this process keeps between jobs.
static WORKER: PyOnceLock<Arc<Worker>> = PyOnceLock::new();

/// Carries out a job of a training run that was started elsewhere, and returns its answer. `own` is the adapter of the
/// user's own family, where the job is of one.
#[pyfunction(name = "_run_job")]
pub(crate) fn run_job<'py>(
    py: Python<'py>,
    job: &[u8],
    rows: Option<&[u8]>,
    own: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let raise = |error| error::to_python(py, &error);
    let refused = |error| Ok(PyBytes::new(py, &Worker::refusal(&error).map_err(raise)?));
    if let Err(error) = is_no_fork() {
        return refused(error);
    }
    let begin = || PyResult::Ok(Arc::new(Worker::new(built_in(&Locations::new(xgboost::candidates(py)?)))));
    let worker = Arc::clone(WORKER.get_or_try_init(py, begin)?);
    let own = match own.map(|adapter| family(adapter, &Failures::default())).transpose()?.transpose() {
        Ok(own) => own,
        Err(error) => return refused(error),
    };
    let (job, rows) = (job.to_vec(), rows.map(<[u8]>::to_vec));
    let answer =
        interruptible(py, None, move |_, interrupt| worker.run(&job, rows.as_deref(), own, interrupt))?;
    Ok(PyBytes::new(py, &answer))
}
