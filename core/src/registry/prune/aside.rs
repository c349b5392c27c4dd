//! In a folder. Whoever stores or registers a blob marks it as used first (its time becomes the present) and looks whether
//! it is there afterwards. Here a blob is first moved aside, so that nobody finds it any more, and only then is it asked, of
//! the blob moved aside, whether it was marked or is named: then it goes back.

use std::io::ErrorKind;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::{BLOBS, Leftover, Registry};
use crate::error::{Error, Result};
use crate::folder;

/// Where blobs are on their way out.
const ASIDE: &str = "pruned";

impl Registry {
    pub(super) fn prune_folder(
        &self,
        place: &Path,
        leftovers: &[Leftover],
        now: DateTime<Utc>,
    ) -> Result<Vec<Leftover>> {
        let (blobs, aside) = (place.join(BLOBS), place.join(ASIDE));
        folder::make(&aside)?;
        for Leftover { path, .. } in leftovers {
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
}
