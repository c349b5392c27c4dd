//! Where the registry's objects lie: in a folder, or in whatever else `object_store` speaks to.
//!
//! The only writes are creations: an object is there whole or not at all, and once there it is
//! never changed; `prune` alone takes some away. In a store the same bytes may be put in their own place once more. `object_store` is asynchronous; that stays inside this file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use futures::executor::block_on;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::location::Location;
use super::s3::{Refusal, S3};
use crate::error::{Error, Result};
use crate::folder;

/// The objects of one registry, by path.
#[derive(Clone)]
pub(super) struct Storage {
    store: Arc<dyn ObjectStore>,
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// They are files of this folder, and can be looked at before they are opened.
    Folder(PathBuf),
    /// Each look is a request to the store of this name.
    Store(String),
}

/// The age up to which an object need not be put in its place once more to count as used.
const YOUNG: TimeDelta = TimeDelta::hours(1);
/// How often something is asked for of which the answer broke off on its way.
const TRIES: usize = 3;

/// What came of an attempt to create an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// It is there now, on disk.
    New,
    /// Something was there already and is untouched.
    AlreadyThere,
}

/// How many bytes an object may have to be read; more are never taken into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// So many, no more and no less.
    Exactly(u64),
    /// So many or fewer.
    AtMost(u64),
}

impl Size {
    pub(super) fn check(self, path: &str, n_bytes: u64) -> Result<()> {
        let reason = match self {
            Self::Exactly(wanted) if n_bytes != wanted => {
                format!("it has {n_bytes} bytes in place of {wanted}")
            }
            Self::AtMost(most) if n_bytes > most => {
                format!("it has {n_bytes} bytes, and at most {most} are ever written there")
            }
            _ => return Ok(()),
        };
        Err(Error::Damaged { what: path.into(), reason })
    }
}

impl Storage {
    /// The objects of this place.
    ///
    /// # Errors
    /// When the folder is not there, or the store's settings cannot be.
    pub(super) fn open(location: &Location) -> Result<Self> {
        match location {
            Location::Folder(folder) => Self::folder(folder),
            Location::Store(store) => {
                Ok(Self { store: store.open(None)?, place: Place::Store(store.described()) })
            }
        }
    }

    /// The objects in a folder, which must exist. What is created is on disk (fsync of the file and
    /// of its folder) before it can be seen.
    fn folder(path: &Path) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|source| Error::Storage { path: path.display().to_string(), source })?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), place: Place::Folder(path.into()) })
    }

    /// The same place in a store, which is asked to remove something until then and no later, however long this process
    /// pauses and the network takes.
    ///
    /// # Errors
    /// As [`Storage::open`].
    pub(super) fn removing_until(store: &S3, until: DateTime<Utc>) -> Result<Self> {
        Ok(Self { store: store.open(Some(until))?, place: Place::Store(store.described()) })
    }

    #[cfg(test)]
    pub(super) fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, place: Place::Store("of a test".into()) }
    }

    /// Whether each look is a request to another machine.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.place, Place::Store(_))
    }

    /// Creates an object.
    pub(super) fn create(&self, path: &str, bytes: impl Into<PutPayload>) -> Result<Created> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match block_on(self.store.put_opts(&ObjectPath::from(path), bytes.into(), options)) {
            Ok(_) => Ok(Created::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::AlreadyThere),
            Err(source) => Err(self.failed("created", path, source)),
        }
    }

    /// An object's bytes; `None` when there is no such object.
    ///
    /// # Errors
    /// [`Error::Damaged`] when something else than a file of that size stands in its place. Nothing of
    /// it is read then, since a pipe would have its reader wait for ever.
    pub(super) fn read(&self, path: &str, size: Size) -> Result<Option<Object>> {
        if !self.is_file(path)? {
            return Ok(None);
        }
        let read = || {
            let got = match block_on(self.store.get(&ObjectPath::from(path))) {
                Err(object_store::Error::NotFound { .. }) => return Ok(Ok(None)),
                got => got?,
            };
            let stamp = Stamp::of(&got.meta);
            if let Err(wrong) = size.check(path, stamp.n_bytes) {
                return Ok(Err(wrong));
            }
            let bytes = block_on(got.bytes())?.into();
            Ok(Ok(Some(Object { bytes, stamp })))
        };
        whole(read).map_err(|source| self.failed("read", path, source))?
    }

    /// What is known of an object without reading it; `None` when there is none.
    ///
    /// # Errors
    /// As [`Storage::read`].
    pub(super) fn stamp(&self, path: &str) -> Result<Option<Stamp>> {
        if !self.is_file(path)? {
            return Ok(None);
        }
        match block_on(self.store.head(&ObjectPath::from(path))) {
            Ok(meta) => Ok(Some(Stamp::of(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed("looked at", path, source)),
        }
    }

    /// Makes the time of a file the present, so that it counts as used for some time to come. Of an object in a store,
    /// [`Storage::renew`] does.
    ///
    /// # Errors
    /// As [`Storage::read`].
    pub(super) fn mark_as_used(&self, path: &str) -> Result<()> {
        let Place::Folder(folder) = &self.place else { return Ok(()) };
        if !self.is_file(path)? {
            return Ok(());
        }
        let file = std::fs::File::open(folder.join(path));
        match file.and_then(|file| file.set_modified(SystemTime::now())) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                // Another user's file, which can be used all the same.
                tracing::warn!(path, %error, "a file in the registry cannot be marked as used; do not prune for now");
            }
            _ => {}
        }
        Ok(())
    }

    /// The same for an object in a store that is older than an hour: its bytes are put in their place once more.
    pub(super) fn renew(&self, path: &str, bytes: PutPayload) -> Result<()> {
        let is_young = |stamp: Stamp| Utc::now() - stamp.at < YOUNG;
        if !self.is_remote() || self.stamp(path)?.is_some_and(is_young) {
            return Ok(());
        }
        let put = block_on(self.store.put(&ObjectPath::from(path), bytes));
        put.map(drop).map_err(|source| self.failed("put in its place once more", path, source))
    }

    /// The names of everything under a prefix, whatever it is, sorted.
    pub(super) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        self.names_after(prefix, "")
    }

    /// Those of them that come after `after` in their order, which is that of their bytes. Of a store, only these are
    /// asked for, a thousand a request.
    pub(super) fn names_after(&self, prefix: &str, after: &str) -> Result<Vec<String>> {
        let mut names = match &self.place {
            Place::Folder(folder) => folder::names(&folder.join(prefix))?,
            Place::Store(_) => {
                let list = || {
                    let listed = match after {
                        "" => self.store.list(Some(&ObjectPath::from(prefix))),
                        after => {
                            let after = ObjectPath::from(format!("{prefix}/{after}"));
                            self.store.list_with_offset(Some(&ObjectPath::from(prefix)), &after)
                        }
                    };
                    let name = |object: ObjectMeta| object.location.filename().unwrap_or_default().to_owned();
                    block_on(listed.map_ok(name).try_collect())
                };
                whole(list).map_err(|source| self.failed("listed", prefix, source))?
            }
        };
        names.retain(|name: &String| name.as_str() > after);
        names.sort();
        Ok(names)
    }

    /// Every object under a prefix with its size and its age by the store's clock.
    pub(super) fn stamps(&self, prefix: &str) -> Result<Vec<(String, Stamp)>> {
        let stamped = |object: ObjectMeta| (object.location.to_string(), Stamp::of(&object));
        let list =
            || block_on(self.store.list(Some(&ObjectPath::from(prefix))).map_ok(stamped).try_collect());
        whole(list).map_err(|source| self.failed("listed", prefix, source))
    }

    /// Takes objects away that nobody else knows of.
    pub(super) fn remove(&self, paths: &[String]) -> Result<()> {
        paths.iter().try_for_each(|path| {
            match block_on(self.store.delete(&ObjectPath::from(path.as_str()))) {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(source) => Err(self.failed("removed", path, source)),
            }
        })
    }

    /// Whether a file is there; in a folder, whatever else is there is refused.
    fn is_file(&self, path: &str) -> Result<bool> {
        match &self.place {
            Place::Folder(folder) => folder::is_file(folder, path),
            Place::Store(_) => Ok(true),
        }
    }

    /// What to say of an object that could not be read, created or whatever else was tried.
    fn failed(&self, tried: &str, path: &str, source: object_store::Error) -> Error {
        match (refusal(&source), &self.place) {
            (Some(refusal), Place::Store(store)) => {
                let reason = format!("{path} could not be {tried}: {refusal}");
                Error::Store { store: store.clone(), reason }
            }
            _ => Error::Storage { path: path.into(), source },
        }
    }
}

/// What a store said or did not say, if that is behind an error.
fn refusal(error: &object_store::Error) -> Option<&Refusal> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref() {
            return Some(refusal);
        }
        cause = error.source();
    }
    None
}

/// An answer that came whole; one that broke off on its way is asked for again.
fn whole<T>(ask: impl Fn() -> object_store::Result<T>) -> object_store::Result<T> {
    for _ in 1..TRIES {
        match ask() {
            Err(error) if refusal(&error).is_some_and(Refusal::is_torn) => {}
            answered => return answered,
        }
    }
    ask()
}

/// An object that was read.
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) stamp: Stamp,
}

/// Tells an object from any that stood there before or after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) n_bytes: u64,
    tag: Option<String>,
    pub(super) at: DateTime<Utc>,
}

impl Stamp {
    fn of(meta: &ObjectMeta) -> Self {
        Self { n_bytes: meta.size, tag: meta.e_tag.clone(), at: meta.last_modified }
    }
}
