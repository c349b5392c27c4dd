//! The other end of an executor: a process that carries out jobs, one after the other or side by side.

mod recent;
mod session;

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::ArrayView2;

use self::recent::Recent;
use self::session::Session;
use super::Family;
use super::calibration::{Calibration, Errors, N_FOLDS};
use super::message::{Answer, Job, Task, bytes_of, numbers_of, read, written};
use crate::dataset::store;
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::{Params, StoredModel};
use crate::pipeline::Recipe;
use crate::registry::Digest;

/// A process that carries out jobs. It keeps the rows of the last data sets and what the trials of the last searches have
/// in common, and nothing else: whether it is new or old makes no difference to an answer.
pub struct Worker {
    families: Vec<Arc<Family>>,
    rows: Mutex<Recent<Digest, Arc<Vec<PricedDiamond>>>>,
    sessions: Mutex<Recent<String, Session>>,
}

/// Data sets, and searches, that a worker keeps ready.
const MOST_KEPT: usize = 2;

impl Worker {
    /// A worker for these families.
    pub fn new(families: Vec<Family>) -> Self {
        Self {
            families: families.into_iter().map(Arc::new).collect(),
            rows: Mutex::new(Recent::new(MOST_KEPT)),
            sessions: Mutex::new(Recent::new(MOST_KEPT)),
        }
    }

    /// Carries out a job that [`super::Executor::run`] was given, with its `rows` where they came along. `own` is the
    /// family where it is its owner's program. What goes wrong is a part of the answer.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn run(
        &self,
        job: &[u8],
        rows: Option<&[u8]>,
        own: Option<Family>,
        interrupt: &Interrupt,
    ) -> Result<Vec<u8>> {
        match self.answer(job, rows, own, interrupt) {
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(error) => written(&Answer::Failed { failure: (&error).into() }, &[]),
            Ok((answer, body)) => written(&answer, &body),
        }
    }

    /// The answer to a job that cannot even be begun.
    ///
    /// # Errors
    /// None that can happen.
    pub fn refusal(error: &Error) -> Result<Vec<u8>> {
        written(&Answer::Failed { failure: error.into() }, &[])
    }

    fn answer(
        &self,
        job: &[u8],
        rows: Option<&[u8]>,
        own: Option<Family>,
        interrupt: &Interrupt,
    ) -> Result<(Answer, Vec<u8>)> {
        let (job, body): (Job, _) = read(job)?;
        let family = self.family(&job, own)?;
        let Some(stones) = self.stones(&job.dataset, rows)? else {
            return Ok((Answer::Lacking, Vec::new()));
        };
        let fits = Fitting { family: &family, stones: &stones, seed: job.seed, interrupt };
        match &job.task {
            Task::Trial { preset, fixed, job: trial } => {
                let key = session::key(&job, *preset, fixed)?;
                let begin = || Session::begin(family, stones, *preset, fixed.clone(), job.seed);
                let trial = self.in_session(key, begin, trial, interrupt)?;
                Ok((Answer::Trial { trial }, Vec::new()))
            }
            Task::Fit { params } => {
                let pipeline = fits.calibration(params).fit_on(&family.name, &stones)?;
                Ok((Answer::Pipeline, pipeline.to_bytes()?))
            }
            Task::Prices { params, fold } => {
                let calibration = fits.calibration(params);
                let prices = calibration.prices(&family.name, &calibration.folds(), checked(*fold)?)?;
                Ok((Answer::Numbers, bytes_of(&prices)))
            }
            Task::Difficulty { params } => {
                let StoredModel { header, body } =
                    fits.with_errors(params, body, |errors| errors.difficulty())?.stored();
                Ok((Answer::Model { header }, body))
            }
            Task::Expected { params, fold } => {
                let folds = fits.calibration(params).folds();
                let fold = checked(*fold)?;
                let expected = fits.with_errors(params, body, |errors| errors.expected(&folds, fold))?;
                Ok((Answer::Numbers, bytes_of(&expected)))
            }
        }
    }

    /// The job's family, if it is the same here as where the job comes from.
    fn family(&self, job: &Job, own: Option<Family>) -> Result<Arc<Family>> {
        let ours = env!("CARGO_PKG_VERSION");
        if job.code_version != ours {
            let reason = format!(
                "it has xtream {ours}, and the run was started with {}; all must have the same",
                job.code_version
            );
            return Err(Error::Worker { reason });
        }
        let known = own
            .map(Arc::new)
            .or_else(|| self.families.iter().find(|family| family.name == *job.family).map(Arc::clone));
        let family = known.ok_or_else(|| Error::Worker {
            reason: format!("it has no family of models {:?}", job.family),
        })?;
        let library = family.library_version.as_ref().map(|version| version()).transpose()?;
        // Whoever brings a program of his own says himself what it is.
        if family.foreign.is_none() && library != job.library {
            let named = |library: &Option<String>| library.clone().unwrap_or_else(|| "none".into());
            let reason = format!(
                "its XGBoost library has the version {}, and that of the run is {}; all must have the same",
                named(&library),
                named(&job.library)
            );
            return Err(Error::Worker { reason });
        }
        Ok(family)
    }

    /// The training rows of a data set; `None` where they are neither here nor came along.
    fn stones(&self, digest: &Digest, sent: Option<&[u8]>) -> Result<Option<Arc<Vec<PricedDiamond>>>> {
        let kept = || self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stones) = kept().get(digest) {
            return Ok(Some(Arc::clone(stones)));
        }
        let Some(sent) = sent else { return Ok(None) };
        let found = Digest::of(sent);
        if found != *digest {
            let reason = format!("the rows that were sent to it are {found} and not {digest}");
            return Err(Error::Worker { reason });
        }
        // Not while others wait for the lock: a thread of a pool takes up other jobs of it while it waits for polars,
        // and so would wait for itself.
        let stones = Arc::new(store::from_parquet(sent)?.train());
        kept().put(digest.clone(), Arc::clone(&stones));
        Ok(Some(stones))
    }

    /// Has a trial carried out among those of its search.
    fn in_session(
        &self,
        key: String,
        begin: impl FnOnce() -> Result<Session>,
        trial: &crate::tuning::Job,
        interrupt: &Interrupt,
    ) -> Result<crate::tuning::Trial> {
        let reply = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = sessions.get(&key).and_then(|session| session.ask(trial, interrupt));
            match asked {
                Some(reply) => reply,
                // There is none, or it has ended over an error.
                None => {
                    let session = begin()?;
                    let reply = session.ask(trial, interrupt);
                    sessions.put(key, session);
                    reply.ok_or_else(session::has_ended)?
                }
            }
        };
        reply.recv().map_err(|_| session::has_ended())?
    }
}

/// Calibration's fits for one job.
struct Fitting<'a> {
    family: &'a Family,
    stones: &'a [PricedDiamond],
    seed: u64,
    interrupt: &'a Interrupt,
}

impl<'a> Fitting<'a> {
    fn calibration(&self, params: &'a Params) -> Calibration<'a> {
        let Self { family, stones, seed, interrupt } = *self;
        Calibration { recipe: &family.recipe, stones, params, seed, n_workers: 1, interrupt }
    }

    fn with_errors<T>(
        &self,
        params: &'a Params,
        prices: &[u8],
        work: impl FnOnce(&Errors<'_>) -> Result<T>,
    ) -> Result<T> {
        let prices = numbers_of(prices, self.stones.len())?;
        let calibration = self.calibration(params);
        // What the model that answers sees of each stone does not depend on what it makes of it.
        let recipe: &Recipe = calibration.recipe;
        let prepared = recipe.prepare(self.stones, &[], params, self.interrupt)?;
        let samples = prepared.samples();
        let features: ArrayView2<'_, f64> = samples.features;
        work(&Errors::new(&calibration, features, samples.kinds, &prices))
    }
}

fn checked(fold: usize) -> Result<usize> {
    if fold < N_FOLDS {
        return Ok(fold);
    }
    Err(Error::Worker { reason: format!("there is no fold {fold}") })
}
