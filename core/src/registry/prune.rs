//! Takes away blobs that no commit names: what runs left that were stopped before they registered a model.
//!
//! Others may go on writing meanwhile. Whoever stores or registers a blob marks it as used first (its time becomes
//! the present) and looks whether it is there afterwards. Here a blob is first moved aside, so that nobody finds it any more,
//! and only then is it asked, of the blob moved aside, whether it was marked or is named: then it goes back.

use std::io::ErrorKind;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{BlobKind, Registry};
use crate::error::{Error, Result};
use crate::folder;

/// How long ago a blob must have been stored or used: a run that is under way names its blobs at its end.
const AGE: TimeDelta = TimeDelta::hours(24);
const BLOBS: &str = "blobs";
/// Where blobs are on their way out.
const ASIDE: &str = "pruned";

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
        if is_dry_run {
            return Ok(leftovers);
        }
        let (blobs, aside) = (self.folder.join(BLOBS), self.folder.join(ASIDE));
        folder::make(&aside)?;
        for Leftover { path, .. } in &leftovers {
            let from = self.folder.join(path);
            let to = aside.join(from.file_name().unwrap_or_default());
            match std::fs::rename(&from, &to) {
                // Somebody else prunes, too.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                moved => moved.map_err(|source| Error::write(&from, source))?,
            }
        }
        let unused = self.leftovers(ASIDE, now)?;
        for name in folder::names(&aside)? {
            let path = format!("{ASIDE}/{name}");
            if unused.iter().any(|leftover| leftover.path == path) {
                continue;
            }
            match std::fs::hard_link(aside.join(&name), blobs.join(&name)) {
                // It was stored anew meanwhile.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                back => back.map_err(|source| Error::write(blobs.join(&name), source))?,
            }
        }
        folder::sync(&blobs).map_err(|source| Error::write(&blobs, source))?;
        for name in folder::names(&aside)? {
            let path = aside.join(name);
            std::fs::remove_file(&path).map_err(|source| Error::write(&path, source))?;
        }
        Ok(unused)
    }

    /// The blobs in a part of the folder that no commit names, and nobody has used for long.
    fn leftovers(&self, part: &str, now: DateTime<Utc>) -> Result<Vec<Leftover>> {
        let place = self.folder.join(part);
        let mut leftovers = Vec::new();
        for name in folder::names(&place)? {
            let is_blob = BlobKind::ALL.iter().any(|kind| kind.is_name(&name));
            let path = place.join(&name);
            let found = match std::fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                found => found.map_err(|source| Error::read(&path, source))?,
            };
            let at = found.modified().map_err(|source| Error::read(&path, source))?.into();
            if is_blob && found.is_file() && now - at >= AGE {
                leftovers.push(Leftover { path: format!("{part}/{name}"), n_bytes: found.len(), at });
            }
        }
        // After the files: what is named by now was there then.
        let state = self.current()?;
        let named = |name: &str| state.blob_sizes.contains_key(&format!("{BLOBS}/{name}"));
        leftovers.retain(|leftover| !named(leftover.path.rsplit('/').next().unwrap_or_default()));
        leftovers.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(leftovers)
    }
}
