//! Which model answers now. It is swapped whole, so that no answer mixes two models.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Serialize;
use utoipa::ToSchema;
use xtream_core::{Error, Registry};

use super::history::{History, Page, Place};
use super::model::ServingModel;
use super::registry_reader::{PATIENCE, RegistryReader};
use crate::problem::Problem;

/// Why the registry's champion is not the model that answers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ChampionError {
    /// The champion that cannot be used; null when the registry does not even tell its champion.
    #[schema(required = true)]
    pub(crate) version: Option<u64>,
    /// Why.
    pub(crate) reason: String,
}

/// Shared by all requests and the watcher.
pub(crate) struct State {
    registry: Arc<Registry>,
    present: RwLock<Present>,
    reader: RegistryReader,
    /// What is shown of the registry; only the reader's thread touches it.
    history: Arc<Mutex<History>>,
}

#[derive(Clone, Default)]
struct Present {
    model: Option<Arc<ServingModel>>,
    error: Option<ChampionError>,
}

impl State {
    /// Nothing is loaded yet.
    ///
    /// # Errors
    /// When the operating system grants no thread to read the registry.
    pub(crate) fn new(registry: Registry) -> io::Result<Self> {
        let registry = Arc::new(registry);
        let reader = RegistryReader::start(Arc::clone(&registry), PATIENCE)?;
        Ok(Self { registry, present: RwLock::default(), reader, history: Arc::default() })
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The model that answers now.
    ///
    /// # Errors
    /// 503 when there is none.
    pub(crate) fn model(&self) -> Result<Arc<ServingModel>, Problem> {
        let Present { model, error } = self.present();
        model.ok_or_else(|| match error {
            None => Problem::no_champion(),
            Some(ChampionError { version, reason }) => Problem::champion_refused(version, &reason),
        })
    }

    /// Version of the model that answers now.
    pub(crate) fn version(&self) -> Option<u64> {
        self.present().model.map(|model| model.card.version)
    }

    /// What keeps the registry's champion from answering, if anything does.
    pub(crate) fn champion_error(&self) -> Option<ChampionError> {
        self.present().error
    }

    /// From now on this model answers; requests under way finish with the one they began with.
    pub(crate) fn swap(&self, model: ServingModel) {
        self.change(|present| *present = Present { model: Some(Arc::new(model)), error: None });
    }

    /// Notes or clears what is wrong with the champion; the model that answers stays.
    pub(crate) fn set_champion_error(&self, error: Option<ChampionError>) {
        self.change(|present| present.error = error);
    }

    /// Asks the registry something, on the thread that may wait for it.
    ///
    /// # Errors
    /// The registry's answer as a problem; or that it gives none in time.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Registry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        self.reader.ask(question).await
    }

    /// A page of the registry's history.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) async fn history(&self, place: Option<Place>, limit: usize) -> Result<Page, Problem> {
        let history = Arc::clone(&self.history);
        let page = move |registry: &Registry| {
            history.lock().unwrap_or_else(PoisonError::into_inner).page(registry, place, limit)
        };
        self.ask(page).await
    }

    fn present(&self) -> Present {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Present)) {
        change(&mut self.present.write().unwrap_or_else(PoisonError::into_inner));
    }
}
