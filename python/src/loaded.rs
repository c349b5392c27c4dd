//! A model in memory, with the way back to its registry.

use std::sync::{Arc, OnceLock};

use xtream_core::dataset::{Dataset, store};
use xtream_core::registry::{BlobKind, Card};
use xtream_core::similar::SimilarIndex;
use xtream_core::{Error, Pipeline, Registry, Result};

use crate::place::Place;

/// What it consists of.
pub(crate) struct Loaded {
    /// Where its registry lies, as it was told; a model that was unpickled elsewhere may have lost it, or the key to it.
    pub(crate) place: Place,
    registry: OnceLock<Arc<Registry>>,
    pub(crate) card: Card,
    pub(crate) pipeline: Pipeline,
    /// Made when it is first asked for: most models are never asked.
    comparables: OnceLock<SimilarIndex>,
}

impl Loaded {
    pub(crate) fn from_registry(registry: &Arc<Registry>, version: u64) -> Result<Self> {
        Ok(Self {
            place: Place::of(registry.location()),
            registry: OnceLock::from(Arc::clone(registry)),
            card: registry.card(version)?,
            pipeline: registry.pipeline(version)?,
            comparables: OnceLock::new(),
        })
    }

    /// A model that was somewhere else: its card and its pipeline as they are stored, and where its registry lay.
    pub(crate) fn restored(pipeline: &[u8], card: &str, place: Place) -> Result<Self> {
        let card =
            serde_json::from_str(card).map_err(|fault| Error::ModelFile { reason: fault.to_string() })?;
        let pipeline = Pipeline::from_bytes(pipeline.to_vec())?;
        Ok(Self { place, registry: OnceLock::new(), card, pipeline, comparables: OnceLock::new() })
    }

    pub(crate) fn registry(&self) -> Result<&Registry> {
        if self.registry.get().is_none() {
            let opened = Arc::new(Registry::open(self.place.location()?)?);
            // Two threads may both have opened it; one of the two stays.
            self.registry.get_or_init(|| opened);
        }
        self.registry
            .get()
            .map(|registry| &**registry)
            .ok_or_else(|| Error::NoRegistry { place: self.place.to_string() })
    }

    /// A blob of the card's own version: a registry that was made anew at the same place has others.
    pub(crate) fn dataset(&self) -> Result<Dataset> {
        let bytes = self.registry()?.blob(BlobKind::Dataset, &self.card.record.data.digest)?;
        store::from_parquet(&bytes)
    }

    pub(crate) fn comparables(&self) -> Result<&SimilarIndex> {
        if let Some(comparables) = self.comparables.get() {
            return Ok(comparables);
        }
        let stones = self.dataset()?.train();
        Ok(self.comparables.get_or_init(|| SimilarIndex::new(stones)))
    }
}
