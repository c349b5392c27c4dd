//! Takes away blobs that no commit names: what runs left that were stopped before they registered a model.
//!
//! Others may go on writing meanwhile. Whoever stores or registers a blob marks it as used first (its time becomes
//! the present) and looks whether it is there afterwards. Here a blob is first moved aside, so that nobody finds it any more,
//! and only then is it asked, of the blob moved aside, whether it was marked or is named: then it goes back.

use std::io::ErrorKind;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::storage::Storage;
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
        let Some(place) = self.location.folder() else { return Err(self.not_pruned()) };
        let (blobs, aside) = (place.join(BLOBS), place.join(ASIDE));
        folder::make(&aside)?;
        for Leftover { path, .. } in &leftovers {
            let from = place.join(path);
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
        let mut leftovers = match self.location.folder() {
            Some(folder) => files(folder, part)?,
            None => objects(&self.storage, part)?,
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

    /// In a store nothing can be moved aside in one step and looked at again, so a run could register what is being
    /// removed, and lose it.
    fn not_pruned(&self) -> Error {
        Error::Usage {
            reason: format!(
                "nothing was removed: in a store such as {} a run that uses such a file again could lose it",
                self.location
            ),
            allowed: "--dry-run, which lists them; they cost their place and harm nobody".into(),
        }
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
