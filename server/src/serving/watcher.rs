//! The thread that follows the registry: whoever promotes a model, with whatever program, has it
//! answering here within a second, and a model that cannot be loaded never replaces one that can.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use xtream_core::Pipeline;

use super::model::ServingModel;
use super::state::{ChampionError, State};
use crate::telemetry::Telemetry;

/// How often to look whether the champion changed.
const LOOK_INTERVAL: Duration = Duration::from_millis(300);
/// How long a model that could not be loaded is left alone; its file may be mended meanwhile.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// A model was promoted from here, and is loaded already.
pub(crate) struct Promoted {
    pub(crate) version: u64,
    pub(crate) pipeline: Pipeline,
}

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
    pub(crate) fn run(mut self, told: &Receiver<Promoted>) {
        loop {
            match told.recv_timeout(LOOK_INTERVAL) {
                Ok(promoted) => self.look_for(Some(promoted)),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Looks once; a new champion is loaded completely before it answers.
    pub(crate) fn look(&mut self) {
        self.look_for(None);
    }

    /// Looks once; what was promoted from here need not be loaded again, if it is still the champion.
    fn look_for(&mut self, promoted: Option<Promoted>) {
        match self.state.registry().champion() {
            Err(error) => self.note(ChampionError { version: None, reason: error.to_string() }),
            Ok(champion) if champion == self.loaded => {
                self.refused = None;
                self.state.set_champion_error(None);
            }
            Ok(None) => self.state.set_champion_error(None),
            Ok(Some(version)) => {
                let loaded = promoted.filter(|promoted| promoted.version == version);
                if loaded.is_some() || !self.was_just_refused(version) {
                    self.load(version, loaded);
                }
            }
        }
    }

    fn load(&mut self, version: u64, loaded: Option<Promoted>) {
        let registry = self.state.registry();
        // A panic would end this thread, and with it, silently, every later change of the champion.
        let attempt = catch_unwind(AssertUnwindSafe(|| match loaded {
            Some(Promoted { pipeline, .. }) => ServingModel::complete(registry, version, pipeline),
            None => ServingModel::load(registry, version),
        }));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use xtream_core::dataset::Source;
    use xtream_core::model::xgboost::Locations;
    use xtream_core::progress::Silent;
    use xtream_core::registry::BlobKind;
    use xtream_core::training::{Promotes, Training, built_in, choose};
    use xtream_core::{Interrupt, Registry};

    use super::*;

    #[test]
    fn a_model_that_is_promoted_from_here_is_loaded_once() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open_or_create(folder.path()).unwrap();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/diamonds.csv");
        let source = Source { data: vec![data], ..Source::default() };
        let families = choose(built_in(&Locations::default()), &["linear".into()]).unwrap();
        let training = Training { promotes: Promotes::Nothing, ..Training::new(source, families) };
        training.run(&registry, &Silent, &Interrupt::default()).unwrap();

        let model = folder.path().join(BlobKind::Model.path(&registry.card(1).unwrap().record.model));
        let (_, pipeline) = registry.promote_loaded(1, "a test").unwrap();
        std::fs::remove_file(model).unwrap();
        let state = Arc::new(State::new(registry).unwrap());
        let mut watcher = Watcher::new(Arc::clone(&state), Arc::new(Telemetry::new()));
        watcher.look();
        assert_eq!(state.champion_error().unwrap().version, Some(1));
        watcher.look_for(Some(Promoted { version: 1, pipeline }));
        assert_eq!((state.version(), state.champion_error()), (Some(1), None));
    }
}
