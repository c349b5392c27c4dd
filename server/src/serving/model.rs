//! The model that answers: immutable, with everything that answers are made of.

use serde::Serialize;
use utoipa::ToSchema;
use xtream_core::registry::{Card, Digest};
use xtream_core::similar::SimilarIndex;
use xtream_core::{Error, Pipeline, Registry};

use crate::schemas;

/// A model with everything that is needed to answer with it.
pub(crate) struct ServingModel {
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

impl ServingModel {
    /// Loads a model and checks all that can be checked before its first answer. Takes a while, and
    /// reads Parquet: not for a thread that answers requests.
    ///
    /// # Errors
    /// When anything is not as it was stored.
    pub(crate) fn load(registry: &Registry, version: u64) -> Result<Self, Error> {
        Self::complete(registry, version, registry.pipeline(version)?)
    }

    /// The same of a version whose pipeline is loaded.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn complete(registry: &Registry, version: u64, pipeline: Pipeline) -> Result<Self, Error> {
        let card = registry.card(version)?;
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
