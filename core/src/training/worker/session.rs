//! The trials of one search that a worker is given. What no parameter changes (features, the sum that trees start from,
//! XGBoost's bins) is made once for all of them, on a thread that keeps it until nobody asks any more.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::super::families::Family;
use super::super::message::{Failure, Job};
use super::super::objective::Objective;
use super::super::plan::{Plan, Preset};
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::Params;
use crate::tuning::{self, Trial};

/// A thread that carries out the trials of a search, each on a thread of its own. It ends when this is dropped and the
/// trials under way are done.
pub(super) struct Session(Sender<Request>);

struct Request {
    job: tuning::Job,
    interrupt: Interrupt,
    /// Whoever asked may have gone.
    reply: SyncSender<Result<Trial>>,
}

/// What two jobs have in common that belong to one session.
///
/// # Errors
/// None that can happen.
pub(super) fn key(job: &Job, preset: Preset, fixed: &Params) -> Result<String> {
    let Job { library, dataset, family, seed, .. } = job;
    serde_json::to_string(&(library, dataset, family, seed, preset, fixed))
        .map_err(|error| Error::Worker { reason: error.to_string() })
}

impl Session {
    /// Starts the thread.
    pub(super) fn begin(
        family: Arc<Family>,
        stones: Arc<Vec<PricedDiamond>>,
        preset: Preset,
        fixed: Params,
        seed: u64,
    ) -> Result<Self> {
        let plan = family.plan.as_ref().map(|plan| Plan { fixed, ..plan(preset) });
        let plan = plan.ok_or_else(|| Error::Worker {
            reason: format!("there is nothing to search for {}", family.name),
        })?;
        let (sender, requests) = channel();
        let work = move || {
            let objective = Objective { family: &family, plan: &plan, seed, train: &stones };
            if let Err(error) = serve(&objective, &requests) {
                // Those who asked meanwhile hear why; whoever asks later begins anew.
                let failure = Failure::from(&error);
                for Request { reply, .. } in requests.try_iter() {
                    drop(reply.send(Err(failure.clone().into_error())));
                }
            }
        };
        let thread = std::thread::Builder::new().name("trials".into()).spawn(work);
        thread.map_err(|error| Error::Worker { reason: format!("no thread for its trials: {error}") })?;
        Ok(Self(sender))
    }

    /// Has a trial carried out; `None` when the session has ended.
    pub(super) fn ask(&self, job: &tuning::Job, interrupt: &Interrupt) -> Option<Receiver<Result<Trial>>> {
        let (reply, answer) = sync_channel(1);
        self.0.send(Request { job: job.clone(), interrupt: interrupt.clone(), reply }).ok()?;
        Some(answer)
    }
}

fn serve(objective: &Objective<'_>, requests: &Receiver<Request>) -> Result<()> {
    let folds = objective.folds()?;
    objective.prepared(&folds, 1, &Interrupt::default(), |measure| {
        std::thread::scope(|scope| {
            for Request { job, interrupt, reply } in requests {
                scope.spawn(move || drop(reply.send(measure(job, &interrupt))));
            }
        });
        Ok(())
    })
}

/// What is said when a thread is gone without a word.
pub(super) fn has_ended() -> Error {
    Error::Worker { reason: "the thread of its trials has ended".into() }
}
