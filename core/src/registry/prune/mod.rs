//! Takes away blobs that no commit names: what runs left that were stopped before they registered a model. Others may go on
//! writing meanwhile, so each kind of place has its own way to make sure that nobody loses what is used again.

mod announced;
mod aside;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

pub(super) use self::announced::{must_stay, present};
use super::storage::Storage;
use super::{BlobKind, Registry};
use crate::error::{Error, Result};
use crate::folder;

/// How long ago a blob must have been stored or used: a run that is under way names its blobs at its end.
const AGE: TimeDelta = TimeDelta::hours(24);
const BLOBS: &str = "blobs";

/// A blob that no commit names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Its path in the registry.
    pub path: String,
    /// Its size.
    pub n_bytes: u64,
    /// When it was last stored or used.
    pub at: DateTime<Utc>,
}

impl Registry {
    /// Removes the blobs that no commit names and that nobody has stored or used for 24 hours before `now`; returns them. A
    /// dry run removes none.
    ///
    /// # Errors
    /// As [`Registry::open`], and when a file cannot be moved or removed. To be called again then: it goes on.
    pub fn prune(&self, now: DateTime<Utc>, is_dry_run: bool) -> Result<Vec<Leftover>> {
        let leftovers = self.leftovers(BLOBS, now)?;
        match self.location.folder() {
            _ if is_dry_run => Ok(leftovers),
            Some(place) if !self.storage.is_remote() => self.prune_folder(place, &leftovers, now),
            _ => self.prune_store(&leftovers, now),
        }
    }

    /// The blobs in a part of the place that no commit names, and nobody has used for long.
    fn leftovers(&self, part: &str, now: DateTime<Utc>) -> Result<Vec<Leftover>> {
        let mut leftovers = match self.location.folder() {
            Some(folder) if !self.storage.is_remote() => files(folder, part)?,
            _ => objects(&self.storage, part)?,
        };
        leftovers.retain(|leftover| is_blob(name_of(leftover)) && now - leftover.at >= AGE);
        // After the files: what is named by now was there then.
        let mut state = self.current()?;
        state.cards(&self.storage)?;
        let named = |name: &str| state.blob_size(&format!("{BLOBS}/{name}")).is_some();
        leftovers.retain(|leftover| !named(name_of(leftover)));
        leftovers.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(leftovers)
    }
}

fn name_of(leftover: &Leftover) -> &str {
    leftover.path.rsplit('/').next().unwrap_or_default()
}

fn is_blob(name: &str) -> bool {
    BlobKind::ALL.iter().any(|kind| kind.is_name(name))
}

fn files(folder: &Path, part: &str) -> Result<Vec<Leftover>> {
    let place = folder.join(part);
    let mut files = Vec::new();
    for name in folder::names(&place)? {
        let path = place.join(&name);
        let found = match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            found => found.map_err(|source| Error::read(&path, source))?,
        };
        let at = found.modified().map_err(|source| Error::read(&path, source))?.into();
        if found.is_file() {
            files.push(Leftover { path: format!("{part}/{name}"), n_bytes: found.len(), at });
        }
    }
    Ok(files)
}

fn objects(storage: &Storage, part: &str) -> Result<Vec<Leftover>> {
    let stamps = storage.stamps(part)?;
    Ok(stamps
        .into_iter()
        .map(|(path, stamp)| Leftover { path, n_bytes: stamp.n_bytes, at: stamp.at })
        .collect())
}
