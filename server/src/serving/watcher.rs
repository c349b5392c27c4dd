//! The thread that follows the registry: whoever promotes a model, with whatever program, has it
//! answering here within a second, and a model that cannot be loaded never replaces one that can.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::model::ServingModel;
use super::state::{ChampionError, State};
use crate::telemetry::Telemetry;

/// How often to look whether the champion changed.
const LOOK_INTERVAL: Duration = Duration::from_millis(300);
/// How long a model that could not be loaded is left alone; its file may be mended meanwhile.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The registry was changed from here, so there is something to see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Changed;

/// Follows the champion of one registry.
pub(crate) struct Watcher {
    state: Arc<State>,
    telemetry: Arc<Telemetry>,
    /// The version that answers.
    loaded: Option<u64>,
    /// The version that could not be loaded, and when it was tried.
    refused: Option<(u64, Instant)>,
}

impl Watcher {
    pub(crate) fn new(state: Arc<State>, telemetry: Arc<Telemetry>) -> Self {
        Self { state, telemetry, loaded: None, refused: None }
    }

    /// Looks again and again, and at once whenever it is told that something changed, until the other
    /// end of the channel is dropped.
    pub(crate) fn run(mut self, told: &Receiver<Changed>) {
        while told.recv_timeout(LOOK_INTERVAL) != Err(RecvTimeoutError::Disconnected) {
            self.look();
        }
    }

    /// Looks once; a new champion is loaded completely before it answers.
    pub(crate) fn look(&mut self) {
        match self.state.registry().champion() {
            Err(error) => self.note(ChampionError { version: None, reason: error.to_string() }),
            Ok(champion) if champion == self.loaded => {
                self.refused = None;
                self.state.set_champion_error(None);
            }
            Ok(None) => self.state.set_champion_error(None),
            Ok(Some(version)) if self.was_just_refused(version) => {}
            Ok(Some(version)) => self.load(version),
        }
    }

    fn load(&mut self, version: u64) {
        // A panic would end this thread, and with it, silently, every later change of the champion.
        let attempt = catch_unwind(AssertUnwindSafe(|| ServingModel::load(self.state.registry(), version)));
        let reason = match attempt {
            Ok(Ok(model)) => {
                tracing::info!(version, family = model.card.record.family, "the champion answers");
                self.state.swap(model);
                self.telemetry.model_swaps.inc();
                self.loaded = Some(version);
                self.refused = None;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "loading it ended in a panic".into(),
        };
        self.refused = Some((version, Instant::now()));
        self.note(ChampionError { version: Some(version), reason });
    }

    fn was_just_refused(&self, version: u64) -> bool {
        self.refused.is_some_and(|(refused, at)| refused == version && at.elapsed() < RETRY_INTERVAL)
    }

    /// Logs what is wrong when it is new and shows it for as long as it lasts.
    fn note(&self, error: ChampionError) {
        if self.state.champion_error().as_ref() != Some(&error) {
            let ChampionError { version, reason } = &error;
            tracing::error!(version, loaded = self.loaded, reason, "the registry's champion cannot answer");
            self.state.set_champion_error(Some(error));
        }
    }
}
