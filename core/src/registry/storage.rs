//! Where the registry's objects lie: a folder today, anything `object_store` speaks to tomorrow.
//!
//! The only writes are creations: an object is there whole or not at all, and once there it is
//! never changed; `prune` alone takes some away. `object_store` is asynchronous; that stays inside this file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use futures::TryStreamExt;
use futures::executor::block_on;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::error::{Error, Result};
use crate::folder;

/// The objects of one registry, by path.
#[derive(Clone)]
pub(super) struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The folder that they are files of, if they are: files can be looked at before they are opened.
    folder: Option<PathBuf>,
}

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
    /// The objects in a folder, which must exist. What is created is on disk (fsync of the file and
    /// of its folder) before it can be seen.
    pub(super) fn folder(path: &Path) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|source| Error::Storage { path: path.display().to_string(), source })?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), folder: Some(path.into()) })
    }

    #[cfg(test)]
    pub(super) fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None }
    }

    /// Creates an object.
    pub(super) fn create(&self, path: &str, bytes: impl Into<PutPayload>) -> Result<Created> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match block_on(self.store.put_opts(&ObjectPath::from(path), bytes.into(), options)) {
            Ok(_) => Ok(Created::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::AlreadyThere),
            Err(source) => Err(failed(path, source)),
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
        let location = ObjectPath::from(path);
        let got = match block_on(self.store.get(&location)) {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(failed(path, source)),
        };
        let stamp = Stamp::of(&got.meta);
        size.check(path, stamp.n_bytes)?;
        let bytes = block_on(got.bytes()).map_err(|source| failed(path, source))?.into();
        Ok(Some(Object { bytes, stamp }))
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
            Err(source) => Err(failed(path, source)),
        }
    }

    /// Makes the time of an object the present, so that it counts as used for some time to come.
    ///
    /// # Errors
    /// As [`Storage::read`].
    pub(super) fn mark_as_used(&self, path: &str) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
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

    /// The names of everything under a prefix, whatever it is, sorted.
    pub(super) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let mut names = match &self.folder {
            Some(folder) => folder::names(&folder.join(prefix))?,
            None => {
                let prefix = ObjectPath::from(prefix);
                let listed = self.store.list(Some(&prefix));
                let name = listed.map_ok(|object| object.location.filename().unwrap_or_default().to_owned());
                block_on(name.try_collect()).map_err(|source| failed(prefix.as_ref(), source))?
            }
        };
        names.sort();
        Ok(names)
    }

    /// Whether a file is there; in a folder, whatever else is there is refused.
    fn is_file(&self, path: &str) -> Result<bool> {
        self.folder.as_ref().map_or(Ok(true), |folder| folder::is_file(folder, path))
    }
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
    at: chrono::DateTime<chrono::Utc>,
}

impl Stamp {
    fn of(meta: &ObjectMeta) -> Self {
        Self { n_bytes: meta.size, tag: meta.e_tag.clone(), at: meta.last_modified }
    }
}

fn failed(path: &str, source: object_store::Error) -> Error {
    Error::Storage { path: path.into(), source }
}
