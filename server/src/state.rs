//! What answers requests: one immutable bundle, swapped whole, so that no answer mixes two models.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Serialize;
use utoipa::ToSchema;
use xtream_core::registry::{Card, Digest};
use xtream_core::similar::SimilarIndex;
use xtream_core::{Error, Pipeline, Registry};

use crate::docs::schemas;
use crate::history::{History, Page, Place};
use crate::problem::Problem;
use crate::registry_reader::{PATIENCE, RegistryReader};

/// A model with everything that is needed to answer with it.
pub(crate) struct Bundle {
    pub(crate) card: Card,
    pub(crate) pipeline: Pipeline,
    /// The rows that the model learned from.
    pub(crate) comparables: SimilarIndex,
}

/// The model that answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelName {
    /// Its number in the registry, from 1.
    #[schema(minimum = 1)]
    version: u64,
    /// Its kind, such as `linear` or `xgboost`.
    family: String,
    /// SHA-256 of the stored model: the same digest is the same model, byte for byte.
    #[schema(value_type = schemas::Digest)]
    digest: Digest,
}

/// Why the registry's champion is not the model that answers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Trouble {
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
    bundle: Option<Arc<Bundle>>,
    trouble: Option<Trouble>,
}

impl Bundle {
    /// Loads a model and checks all that can be checked before its first answer. Takes a while, and
    /// reads Parquet: not for a thread that answers requests.
    ///
    /// # Errors
    /// When anything is not as it was stored.
    pub(crate) fn load(registry: &Registry, version: u64) -> Result<Self, Error> {
        let card = registry.card(version)?;
        let pipeline = registry.pipeline(version)?;
        let stones = registry.dataset(version)?.train();
        let contradiction = if pipeline.family() != card.record.family {
            Some(format!(
                "its file holds a {} model, its card says {}",
                pipeline.family(),
                card.record.family
            ))
        } else if stones.len() != card.record.data.n_train {
            let n_train = card.record.data.n_train;
            Some(format!("its data set has {} training rows, its card says {n_train}", stones.len()))
        } else {
            None
        };
        match contradiction {
            Some(reason) => Err(Error::Damaged { what: format!("model version {version}"), reason }),
            None => Ok(Self { card, pipeline, comparables: SimilarIndex::new(stones) }),
        }
    }

    pub(crate) fn name(&self) -> ModelName {
        let details = &self.card.record;
        ModelName {
            version: self.card.version,
            family: details.family.clone(),
            digest: details.model.clone(),
        }
    }
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
    pub(crate) fn bundle(&self) -> Result<Arc<Bundle>, Problem> {
        let Present { bundle, trouble } = self.present();
        bundle.ok_or_else(|| match trouble {
            None => Problem::no_champion(),
            Some(Trouble { version, reason }) => Problem::champion_refused(version, &reason),
        })
    }

    /// Version of the model that answers now.
    pub(crate) fn version(&self) -> Option<u64> {
        self.present().bundle.map(|bundle| bundle.card.version)
    }

    /// What keeps the registry's champion from answering, if anything does.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.present().trouble
    }

    /// From now on this model answers; requests under way finish with the one they began with.
    pub(crate) fn swap(&self, bundle: Bundle) {
        self.change(|present| *present = Present { bundle: Some(Arc::new(bundle)), trouble: None });
    }

    /// Notes or clears a trouble; the model that answers stays.
    pub(crate) fn set_trouble(&self, trouble: Option<Trouble>) {
        self.change(|present| present.trouble = trouble);
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
