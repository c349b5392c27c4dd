//! Where the registry's objects lie: a folder today, anything `object_store` speaks to tomorrow.
//!
//! The only writes are creations: an object is there whole or not at all, and once there it is
//! never changed. `object_store` is asynchronous; that stays inside this file.

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use futures::executor::block_on;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::error::{Error, Result};

/// The objects of one registry, by path.
#[derive(Clone)]
pub(super) struct Storage(Arc<dyn ObjectStore>);

/// What came of an attempt to create an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// It is there now, on disk.
    New,
    /// Something was there already and is untouched.
    AlreadyThere,
}

impl Storage {
    /// The objects in a folder, which must exist. What is created is on disk (fsync of the file and
    /// of its folder) before it can be seen.
    pub(super) fn folder(path: &Path) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|source| Error::Storage { path: path.display().to_string(), source })?;
        Ok(Self(Arc::new(store.with_fsync(true))))
    }

    #[cfg(test)]
    pub(super) fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self(store)
    }

    /// Creates an object.
    pub(super) fn create(&self, path: &str, bytes: Vec<u8>) -> Result<Created> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match block_on(self.0.put_opts(&ObjectPath::from(path), bytes.into(), options)) {
            Ok(_) => Ok(Created::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Created::AlreadyThere),
            Err(source) => Err(failed(path, source)),
        }
    }

    /// An object's bytes; `None` when there is no such object.
    pub(super) fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let read = async { self.0.get(&ObjectPath::from(path)).await?.bytes().await };
        match block_on(read) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(path, source)),
        }
    }

    /// The paths of all objects under a prefix, sorted.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let listed =
            self.0.list(Some(&ObjectPath::from(prefix))).map_ok(|object| object.location.to_string());
        let mut paths: Vec<_> = block_on(listed.try_collect()).map_err(|source| failed(prefix, source))?;
        paths.sort();
        Ok(paths)
    }
}

fn failed(path: &str, source: object_store::Error) -> Error {
    Error::Storage { path: path.into(), source }
}
