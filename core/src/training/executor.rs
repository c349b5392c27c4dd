//! Whoever carries out parts of a training elsewhere: on other processors, in other processes, on other machines.

use crate::error::Result;
use crate::interrupt::Interrupt;

/// Brings jobs to workers. What a job comes to is a function of the job alone, so it does not matter which worker gets it,
/// how often, or in what order.
pub trait Executor: Send + Sync {
    /// Has [`super::Worker::run`] called by some worker with `job` and `rows`, and waits for what it returns. `family` is
    /// the job's, for an executor that has to bring its owner's own program along. It is called from several
    /// threads at once.
    ///
    /// # Errors
    /// What no worker could do better, or [`crate::Error::Interrupted`], soon after `interrupt` is raised.
    fn run(&self, job: &[u8], rows: Option<&[u8]>, family: &str, interrupt: &Interrupt) -> Result<Reply>;
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A worker's answer.
    Answered(Vec<u8>),
    /// There is none, for this reason; another worker may give one.
    Lost(String),
}
