//! Models of the past, for certificates: loaded when one is asked for, with every digest checked, and a few of
//! them kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web;
use xtream_core::registry::Card;
use xtream_core::{Error, Pipeline, Registry};

use super::model::ServingModel;
use super::state::State;
use crate::problem::Problem;

/// Models kept; the one that was not asked for longest makes room.
const MOST_KEPT: usize = 4;

/// A recorded model that can price again.
pub(crate) struct CachedModel {
    pub(crate) card: Card,
    pub(crate) pipeline: Pipeline,
}

/// The model that answered then.
pub(crate) enum Found {
    /// It answers still, which asks nothing of the registry.
    Serving(Arc<ServingModel>),
    /// It is one of the past.
    Past(Arc<CachedModel>),
}

impl Found {
    pub(crate) fn card(&self) -> &Card {
        match self {
            Self::Serving(model) => &model.card,
            Self::Past(model) => &model.card,
        }
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        match self {
            Self::Serving(model) => &model.pipeline,
            Self::Past(model) => &model.pipeline,
        }
    }
}

/// Why a recorded model cannot price again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Gone {
    /// The registry has no such version.
    Unknown,
    /// The version's digest is another one: this is not the registry that it was in.
    Another,
    /// Its file is not as it was written.
    Damaged,
}

/// The models that were asked for lately, the latest last.
#[derive(Default)]
pub(crate) struct ModelCache(Mutex<VecDeque<Arc<CachedModel>>>);

impl ModelCache {
    /// The model of this version if its digest is this one; else why not.
    ///
    /// # Errors
    /// When the registry itself cannot be read.
    pub(crate) async fn get(
        &self,
        state: &web::Data<State>,
        version: u64,
        digest: &str,
    ) -> Result<Result<Found, Gone>, Problem> {
        let is_asked = |model: &Arc<ServingModel>| model.card.version == version && is(&model.card, digest);
        if let Some(model) = state.model().ok().filter(is_asked) {
            return Ok(Ok(Found::Serving(model)));
        }
        if let Some(kept) = self.kept(version, digest) {
            return Ok(Ok(Found::Past(kept)));
        }
        let asked = digest.to_owned();
        let loaded = state.ask(move |registry| load(registry, version, &asked)).await?;
        Ok(loaded.map(|model| Found::Past(self.keep(model))))
    }

    fn kept(&self, version: u64, digest: &str) -> Option<Arc<CachedModel>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = |model: &Arc<CachedModel>| model.card.version == version && is(&model.card, digest);
        let model = kept.iter().position(is_asked).and_then(|at| kept.remove(at))?;
        kept.push_back(Arc::clone(&model));
        Some(model)
    }

    fn keep(&self, model: CachedModel) -> Arc<CachedModel> {
        let model = Arc::new(model);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(Arc::clone(&model));
        if kept.len() > MOST_KEPT {
            kept.pop_front();
        }
        model
    }
}

fn load(registry: &Registry, version: u64, digest: &str) -> Result<Result<CachedModel, Gone>, Error> {
    let card = match registry.card(version) {
        Ok(card) => card,
        Err(Error::ModelNotFound { .. }) => return Ok(Err(Gone::Unknown)),
        Err(error) => return Err(error),
    };
    if !is(&card, digest) {
        return Ok(Err(Gone::Another));
    }
    Ok(registry.pipeline(version).map(|pipeline| CachedModel { card, pipeline }).map_err(|error| {
        tracing::error!(version, %error, "a model of the past cannot be loaded");
        Gone::Damaged
    }))
}

fn is(card: &Card, digest: &str) -> bool {
    card.record.model.to_string() == digest
}
