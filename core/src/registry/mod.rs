//! Every model ever trained, with its card, its rows and the way to them, and which one answers.
//!
//! Two kinds of object, both created once and never changed: *blobs*, stored under the digest of
//! their content, and *commits*, numbered without a gap. Whoever creates commit `n` first has
//! decided what comes `n`-th, so no lock is needed, and a process that dies leaves either a whole
//! commit or none. Blobs are written before the commit that names them. Each commit carries the digest of
//! the one before and leaves a receipt, so that none of them can get lost unnoticed.

mod blobs;
mod card;
mod checkpoint;
mod commit;
mod fsck;
mod location;
mod log;
mod probe;
mod prune;
mod s3;
mod storage;
mod studies;
#[cfg(test)]
mod test_store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::blobs::{BlobKind, Digest};
pub use self::card::{Card, DataCard, ModelRecord, SearchCard, SplitCard};
pub use self::commit::{Change, Commit};
pub use self::fsck::{Finding, Severity};
pub use self::location::Location;
pub use self::log::Totals;
pub use self::probe::Promise;
pub use self::prune::Leftover;
pub use self::s3::{S3, S3Settings};

use self::log::{Look, State};
use self::storage::{Size, Storage};
use self::studies::STUDIES;
use crate::dataset::{Dataset, store};
use crate::error::{Error, Result};
use crate::folder;
use crate::pipeline::Pipeline;
use crate::promotion::Decision;

/// An open registry. It may be shared between threads, and several processes may use one place.
pub struct Registry {
    location: Location,
    storage: Storage,
    state: Mutex<State>,
}

impl Registry {
    /// Opens the registry in this place.
    ///
    /// # Errors
    /// [`Error::NoRegistry`] when there is none, [`Error::Damaged`] when its log cannot be read, [`Error::Store`] when
    /// the store refuses or does not answer.
    pub fn open(location: impl Into<Location>) -> Result<Self> {
        let location = location.into();
        must_exist(&location)?;
        let registry = Self::over(location, None)?;
        if registry.storage.is_remote() && registry.lock().totals().n_commits == 0 {
            return Err(no_registry(&registry.location));
        }
        Ok(registry)
    }

    /// Opens the registry in this place. A folder is made if need be; a store with nothing in it is asked first whether it
    /// keeps what a registry rests on.
    ///
    /// # Errors
    /// As [`Registry::open`], when the folder cannot be made, and when the store is not fit.
    pub fn open_or_create(location: impl Into<Location>) -> Result<Self> {
        let location = location.into();
        if let Some(folder) = location.folder() {
            folder::make(folder)?;
            for part in ["commits", "receipts", "blobs", STUDIES] {
                folder::make(&folder.join(part))?;
            }
        }
        let registry = Self::over(location, None)?;
        if registry.storage.is_remote() && registry.lock().totals().n_commits == 0 {
            probe::must_be_fit(&registry.location, &registry.storage)?;
        }
        Ok(registry)
    }

    fn over(location: Location, storage: Option<Storage>) -> Result<Self> {
        let storage = storage.map_or_else(|| Storage::open(&location), Ok)?;
        let mut state = State::default();
        state.read(&storage)?;
        Ok(Self { location, storage, state: Mutex::new(state) })
    }

    /// Where it lies.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Where a blob lies, for people who want to look at it.
    pub fn blob_path(&self, kind: BlobKind, digest: &Digest) -> String {
        self.location.inside(&kind.path(digest))
    }

    /// The folder of this machine for what a run writes down before it knows what it is for.
    pub fn workplace(&self) -> Result<PathBuf> {
        let workplace = self.location.workplace();
        folder::make(workplace)?;
        Ok(workplace.into())
    }

    /// Where refused rows of a delivery are listed that is not believed: in the registry's folder, or for one in a store
    /// in the folder in which the program runs.
    pub fn refused_rows(&self) -> PathBuf {
        self.location.folder().unwrap_or(Path::new("")).join("refused-rows.csv")
    }

    /// Every model, oldest first.
    pub fn cards(&self) -> Result<Vec<Card>> {
        self.current()?.cards(&self.storage)
    }

    /// One model's card.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`].
    pub fn card(&self, version: u64) -> Result<Card> {
        self.current()?.card(&self.storage, version)
    }

    /// The version of the model that answers now, if any was promoted.
    pub fn champion(&self) -> Result<Option<u64>> {
        Ok(self.current()?.champion())
    }

    /// The whole history, oldest first.
    pub fn commits(&self) -> Result<Vec<Commit>> {
        self.commits_after(0)
    }

    /// What came after the first `n` commits, oldest first.
    pub fn commits_after(&self, n: u64) -> Result<Vec<Commit>> {
        self.current()?.commits_after(&self.storage, n)
    }

    /// The last of the first `n` commits, oldest first: as many of them as can be had at once.
    pub fn commits_up_to(&self, n: u64) -> Result<Vec<Commit>> {
        self.current()?.commits_up_to(&self.storage, n)
    }

    /// So many of the first commits that there are `n` models among them; asks nothing of a store.
    pub fn commits_until_version(&self, n: u64) -> u64 {
        self.lock().commits_until_version(n)
    }

    /// So many of the first commits that there are `n` decisions among them; asks nothing of a store.
    pub fn commits_until_decision(&self, n: u64) -> u64 {
        self.lock().commits_until_decision(n)
    }

    /// How much there is of everything.
    pub fn totals(&self) -> Result<Totals> {
        Ok(self.current()?.totals())
    }

    /// Loads a model.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`], or [`Error::Damaged`] when its file is not as it was written.
    pub fn pipeline(&self, version: u64) -> Result<Pipeline> {
        let card = self.card(version)?;
        Pipeline::from_bytes(self.blob(BlobKind::Model, &card.record.model)?)
    }

    /// Loads the rows that a model was trained and tested on.
    ///
    /// # Errors
    /// As [`Registry::pipeline`].
    pub fn dataset(&self, version: u64) -> Result<Dataset> {
        let card = self.card(version)?;
        store::from_parquet(&self.blob(BlobKind::Dataset, &card.record.data.digest)?)
    }

    /// A blob's content, checked against its digest.
    pub fn blob(&self, kind: BlobKind, digest: &Digest) -> Result<Vec<u8>> {
        let size = self.lock().blob_size(&kind.path(digest));
        blobs::get(&self.storage, kind, digest, size.map_or(blobs::LARGEST, Size::Exactly))
    }

    /// Stores content under its digest. It belongs to nothing until a commit names it.
    ///
    /// # Errors
    /// When the storage fails, [`Error::Damaged`] when it is there already and is not what it should be, and in a store
    /// [`Error::Usage`] when it is being pruned at the moment.
    pub fn put_blob(&self, kind: BlobKind, bytes: Vec<u8>) -> Result<Digest> {
        let digest = Digest::of(&bytes);
        let is_named = self.lock().blob_size(&kind.path(&digest)).is_some();
        blobs::put(&self.storage, kind, &digest, bytes, is_named)?;
        Ok(digest)
    }

    /// Registers models in one commit and gives them the next versions, in order.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a blob of theirs is not there.
    pub fn register(&self, models: &[ModelRecord]) -> Result<Vec<Card>> {
        let mut cards = Vec::new();
        let blobs = models.iter().flat_map(ModelRecord::blobs);
        let paths: BTreeSet<_> = blobs.map(|(kind, digest)| kind.path(digest)).collect();
        for path in &paths {
            // What is named already stays in any case.
            if self.lock().blob_size(path).is_none() {
                self.storage.mark_as_used(path)?;
            }
        }
        self.lock().append(&self.storage, |state| {
            let blobs = prune::present(&self.storage, state, &paths)?;
            let versions = state.next_version()..;
            cards = versions
                .zip(models)
                .map(|(version, record)| Card { version, record: record.clone() })
                .collect();
            Ok(Some(Change::Registered { cards: cards.clone(), blobs }))
        })?;
        Ok(cards)
    }

    /// Writes down a decision; a promotion takes effect with it. The decision must have been made
    /// against the present champion.
    ///
    /// # Errors
    /// [`Error::ChampionChanged`] when another champion was promoted meanwhile; decide again.
    pub fn decide(&self, decision: &Decision) -> Result<()> {
        self.lock().append(&self.storage, |state| {
            if state.champion() != decision.champion {
                return Err(Error::ChampionChanged {
                    expected: name(decision.champion),
                    found: name(state.champion()),
                });
            }
            state.must_have(decision.candidate)?;
            Ok(Some(Change::Decided { decision: decision.clone() }))
        })
    }

    /// Promotes a model because a person says so, whoever the champion is. Promoting the champion changes
    /// nothing: the decision says so, and is not written down.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`], or [`Error::Damaged`] when the model cannot be loaded.
    pub fn promote(&self, version: u64, reason: &str) -> Result<Decision> {
        Ok(self.promote_loaded(version, reason)?.0)
    }

    /// The same for whoever will answer with the model: it has to be loaded to see that it can answer, and is
    /// returned.
    ///
    /// # Errors
    /// As [`Registry::promote`].
    pub fn promote_loaded(&self, version: u64, reason: &str) -> Result<(Decision, Pipeline)> {
        // A model that cannot answer must not become the one that answers.
        let pipeline = self.pipeline(version)?;
        let mut decision = None;
        self.lock().append(&self.storage, |state| {
            let made = match state.champion() {
                Some(champion) if champion == version => Decision::already_champion(version),
                champion => Decision::by_hand(version, champion, reason.into()),
            };
            decision = Some(made.clone());
            Ok(made.promoted.then_some(Change::Decided { decision: made }))
        })?;
        Ok((decision.ok_or(Error::NoChampion)?, pipeline))
    }

    /// Makes the former champion the champion again; returns its version.
    ///
    /// # Errors
    /// [`Error::NoFormerChampion`], or [`Error::Damaged`] when the former champion cannot be loaded.
    pub fn rollback(&self, reason: &str) -> Result<u64> {
        let to = self.current()?.former_champion().ok_or(Error::NoFormerChampion)?;
        self.pipeline(to)?;
        self.lock().append(&self.storage, |state| match (state.champion(), state.former_champion()) {
            (Some(from), Some(former)) if former == to => {
                Ok(Some(Change::RolledBack { from, to, reason: reason.into() }))
            }
            (champion, _) => Err(Error::ChampionChanged {
                expected: format!("a successor of version {to}"),
                found: name(champion),
            }),
        })?;
        Ok(to)
    }

    /// The state, with everything that others wrote.
    fn current(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.catch_up(&self.storage, Look::Quick)?;
        Ok(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held leaves a prefix of the log, which is a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a store this is known when it was read.
fn must_exist(location: &Location) -> Result<()> {
    match location.folder() {
        Some(folder) if !folder.join("commits").is_dir() => Err(no_registry(location)),
        _ => Ok(()),
    }
}

fn no_registry(location: &Location) -> Error {
    Error::NoRegistry { place: location.to_string() }
}

fn name(version: Option<u64>) -> String {
    version.map_or("none".into(), |version| format!("version {version}"))
}
