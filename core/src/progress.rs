//! What a long run tells its owner while it works. The core never prints: a terminal, a log or a
//! notebook each show these events in their own way.

use std::sync::Arc;

use crate::dataset::{ReadEvent, ReadListener};
use crate::pipeline::Pipeline;
use crate::promotion::Decision;
use crate::tuning::Trial;

/// Something that happened.
#[non_exhaustive]
pub enum Event<'a> {
    /// Data is being read.
    Read(&'a ReadEvent<'a>),
    /// The search for a family's parameters begins.
    SearchStarted {
        /// The family.
        family: &'a str,
        /// Trials there will be at most.
        n_trials: usize,
        /// Trials found in the study file of an earlier, unfinished run.
        n_kept: usize,
        /// These trials, in the order in which they ended.
        kept: &'a [Trial],
    },
    /// A trial ended.
    TrialFinished {
        /// The family.
        family: &'a str,
        /// Trials ended so far.
        n_finished: usize,
        /// Trials there will be at most.
        n_trials: usize,
        /// Best mean absolute error so far in US dollars, `None` before the first full trial.
        best_mae_usd: Option<f64>,
        /// The trial.
        trial: &'a Trial,
    },
    /// A family's search ended.
    SearchFinished {
        /// The family.
        family: &'a str,
        /// Trials in all.
        n_trials: usize,
        /// So many trials, the last ones that were looked at, gained nothing, and that ended it; `None` when all that
        /// were asked for ran.
        gained_nothing: Option<usize>,
    },
    /// The final fit on all training rows begins.
    Fitting {
        /// The family.
        family: &'a str,
    },
    /// A family's final model was judged on the test rows.
    Tested {
        /// The family.
        family: &'a str,
        /// Mean absolute error on the test rows in US dollars.
        mae_usd: f64,
        /// The model.
        pipeline: &'a Arc<Pipeline>,
        /// What it makes of the test rows, in their order, in US dollars.
        prices: &'a [f64],
    },
    /// The promotion was decided.
    Decided(&'a Decision),
}

/// A listener. It is called from several threads and must not block for long.
pub trait Progress: Sync {
    /// Takes notice of an event.
    fn report(&self, event: &Event<'_>);
}

/// A listener that shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _event: &Event<'_>) {}
}

/// Whoever listens to a run hears of its reading, too.
impl<P: Progress + ?Sized> ReadListener for P {
    fn hear(&self, event: &ReadEvent<'_>) {
        self.report(&Event::Read(event));
    }
}
