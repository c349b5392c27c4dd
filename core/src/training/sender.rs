//! Parts of a training run given to an executor, and their answers checked.

use std::sync::OnceLock;

use super::Family;
use super::calibration::Fits;
use super::executor::{Executor, Reply};
use super::message::{Answer, Job, Task, bytes_of, numbers_of, read, written};
use super::plan::Preset;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::{self, Params, Regressor, StoredModel};
use crate::pipeline::Pipeline;
use crate::registry::{BlobKind, Digest, Registry};
use crate::tuning::{self, Trial};

/// Gives jobs on one data set to an executor.
pub(super) struct Sender<'a> {
    executor: &'a dyn Executor,
    registry: &'a Registry,
    dataset: &'a Digest,
    interrupt: &'a Interrupt,
    /// The data set's file, from the moment that a worker asks for it.
    rows: OnceLock<Vec<u8>>,
}

/// How often a job is given out that gets lost, before the run ends: whatever kills its worker so often may be the job.
const MOST_SENDINGS: usize = 10;

impl<'a> Sender<'a> {
    pub(super) fn new(
        executor: &'a dyn Executor,
        registry: &'a Registry,
        dataset: &'a Digest,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self { executor, registry, dataset, interrupt, rows: OnceLock::new() }
    }

    /// Has a trial carried out.
    ///
    /// # Errors
    /// Those of the trial; [`Error::Worker`] when nobody could carry it out.
    pub(super) fn trial(
        &self,
        family: &Family,
        seed: u64,
        preset: Preset,
        fixed: &Params,
        job: tuning::Job,
    ) -> Result<Trial> {
        let (number, params) = (job.number, job.params.clone());
        let task = Task::Trial { preset, fixed: fixed.clone(), job: Box::new(job) };
        match self.ask(family, seed, task, &[])? {
            (Answer::Trial { trial }, _) if trial.number == number && trial.params == params => Ok(trial),
            (answer, _) => Err(unexpected(&answer)),
        }
    }

    /// Has a model fitted on all training rows.
    ///
    /// # Errors
    /// As [`model::Estimator::fit`], and as [`Sender::trial`].
    pub(super) fn pipeline(&self, family: &Family, seed: u64, params: &Params) -> Result<Pipeline> {
        let task = Task::Fit { params: params.clone() };
        match self.ask(family, seed, task, &[])? {
            (Answer::Pipeline, bytes) => Pipeline::from_bytes(bytes),
            (answer, _) => Err(unexpected(&answer)),
        }
    }

    fn ask(&self, family: &Family, seed: u64, task: Task, body: &[u8]) -> Result<(Answer, Vec<u8>)> {
        let job = Job {
            code_version: env!("CARGO_PKG_VERSION").into(),
            library: family.library_version.as_ref().map(|version| version()).transpose()?,
            dataset: self.dataset.clone(),
            family: family.name.to_string(),
            seed,
            task,
        };
        let job = written(&job, body)?;
        // A worker that has the rows needs them no second time.
        let mut rows = None;
        let mut n_sent = 0;
        loop {
            self.interrupt.check()?;
            n_sent += 1;
            let answer = match self.executor.run(&job, rows, &family.name, self.interrupt)? {
                Reply::Answered(answer) => answer,
                Reply::Lost(reason) if n_sent < MOST_SENDINGS => {
                    tracing::warn!(family = %family.name, n_sent, reason, "a job was lost; it is given out again");
                    continue;
                }
                Reply::Lost(reason) => {
                    let reason = format!("a job was given out {n_sent} times and lost each time: {reason}");
                    return Err(Error::Worker { reason });
                }
            };
            match read(&answer)? {
                (Answer::Lacking, _) if rows.is_none() => {
                    rows = Some(self.rows()?);
                    n_sent -= 1;
                }
                (Answer::Failed { failure }, _) => return Err(failure.into_error()),
                (answer, body) => return Ok((answer, body.to_vec())),
            }
        }
    }

    fn rows(&self) -> Result<&[u8]> {
        if let Some(rows) = self.rows.get() {
            return Ok(rows);
        }
        let rows = self.registry.blob(BlobKind::Dataset, self.dataset)?;
        Ok(self.rows.get_or_init(|| rows))
    }
}

/// Calibration's fits, given to an executor.
pub(super) struct SentFits<'a> {
    pub(super) sender: &'a Sender<'a>,
    pub(super) family: &'a Family,
    pub(super) seed: u64,
    pub(super) params: &'a Params,
    /// The fold of each training row.
    pub(super) folds: Vec<usize>,
}

impl SentFits<'_> {
    fn numbers(&self, task: Task, body: &[u8], fold: usize) -> Result<Vec<f64>> {
        match self.sender.ask(self.family, self.seed, task, body)? {
            (Answer::Numbers, bytes) => {
                numbers_of(&bytes, self.folds.iter().filter(|other| **other == fold).count())
            }
            (answer, _) => Err(unexpected(&answer)),
        }
    }
}

impl Fits for SentFits<'_> {
    fn pipeline(&self) -> Result<Pipeline> {
        self.sender.pipeline(self.family, self.seed, self.params)
    }

    fn prices(&self, fold: usize) -> Result<Vec<f64>> {
        self.numbers(Task::Prices { params: self.params.clone(), fold }, &[], fold)
    }

    fn difficulty(&self, _pipeline: &Pipeline, prices: &[f64]) -> Result<Box<dyn Regressor>> {
        let task = Task::Difficulty { params: self.params.clone() };
        match self.sender.ask(self.family, self.seed, task, &bytes_of(prices))? {
            (Answer::Model { header }, body) => model::load(StoredModel { header, body }),
            (answer, _) => Err(unexpected(&answer)),
        }
    }

    fn expected(&self, _pipeline: &Pipeline, prices: &[f64], fold: usize) -> Result<Vec<f64>> {
        let task = Task::Expected { params: self.params.clone(), fold };
        self.numbers(task, &bytes_of(prices), fold)
    }
}

fn unexpected(answer: &Answer) -> Error {
    let what = match answer {
        Answer::Lacking => "that it lacks rows which came along",
        Answer::Trial { .. } => "with another trial",
        Answer::Pipeline | Answer::Model { .. } => "with a model",
        Answer::Numbers => "with numbers",
        Answer::Failed { .. } => "that it failed",
    };
    Error::Worker { reason: format!("it answered {what}, which was not asked of it") }
}
