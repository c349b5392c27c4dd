//! Where a registry lies: in a folder, or in a bucket of an S3-like store.

use std::fmt;
use std::path::{Path, PathBuf};

use super::s3::{S3, S3Settings};
use crate::error::{Error, Result};

/// Where a registry lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In a folder.
    Folder(PathBuf),
    /// In an S3-like store.
    Store(Box<S3>),
}

impl Location {
    /// What a user wrote: `s3://bucket/prefix`, or a folder. Of the settings, only a store needs some.
    ///
    /// # Errors
    /// [`crate::Error::Usage`] for an address of a store that is none, or whose keys are missing.
    pub fn parse(text: &str, settings: impl FnOnce() -> S3Settings) -> Result<Self> {
        match text.strip_prefix(S3::SCHEME) {
            Some(place) => Ok(Self::Store(Box::new(S3::parse(place, settings())?))),
            // What Python's `Path` makes of an address.
            None if text.starts_with("s3:") => Err(Error::Usage {
                reason: format!("{text} is the address of no store"),
                allowed: format!("{}, as a text and not as a path", S3::ALLOWED),
            }),
            None => Ok(Self::Folder(text.into())),
        }
    }

    /// The folder, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Store(_) => None,
        }
    }

    /// The folder of this machine in which runs keep what is not to be shared: the registry's own, or for a store one
    /// in the user's cache. It need not be there yet.
    pub(super) fn workplace(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
            Self::Store(store) => store.workplace(),
        }
    }

    /// Where something in it lies, for people who want to look at it.
    pub(super) fn inside(&self, path: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(path).display().to_string(),
            Self::Store(store) => format!("{store}/{path}"),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Store(store) => store.fmt(f),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<&PathBuf> for Location {
    fn from(folder: &PathBuf) -> Self {
        Self::Folder(folder.clone())
    }
}

impl From<&Path> for Location {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.into())
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}
