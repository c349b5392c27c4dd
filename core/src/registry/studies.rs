//! Searches under way. Their trials are lines of a file on the machine that runs them, each synced as it ends. In a
//! folder that file is a part of the registry. For a store it is in the workplace, and what it has is created as an object
//! whenever the search ends or pauses, so that any machine can go on with it.

use std::path::PathBuf;

use super::Registry;
use super::storage::Size;
use crate::error::{Error, Result};
use crate::folder;

pub(super) const STUDIES: &str = "studies";
/// Bytes that a kept study may have: a hundred thousand trials fit in.
const LARGEST: Size = Size::AtMost(256 << 20);

impl Registry {
    /// The file in which the search of this name keeps its trials. Where a store has more of them than this machine, they
    /// are fetched first.
    ///
    /// # Errors
    /// When the file cannot be made, or the store refuses.
    pub fn study_path(&self, name: &str) -> Result<PathBuf> {
        let folder = self.workplace()?.join(STUDIES);
        folder::make(&folder)?;
        let file = folder.join(name);
        if self.storage.is_remote() {
            let n_here = std::fs::metadata(&file).map_or(0, |found| found.len());
            if let Some(there) = self.longest_kept(name)?
                && length(&there).is_some_and(|n_there| n_there > n_here)
                && let Some(kept) = self.storage.read(&format!("{STUDIES}/{there}"), LARGEST)?
            {
                let mut whole = tempfile::NamedTempFile::new_in(&folder)
                    .map_err(|source| Error::write(&folder, source))?;
                std::io::Write::write_all(&mut whole, &kept.bytes)
                    .map_err(|source| Error::write(&file, source))?;
                whole.persist(&file).map_err(|failed| Error::write(&file, failed.error))?;
            }
        }
        Ok(file)
    }

    /// Keeps what the search of this name has come to in the store; in a folder it is kept already.
    ///
    /// # Errors
    /// When the file cannot be read, or the store refuses.
    pub fn keep_study(&self, name: &str) -> Result<()> {
        if !self.storage.is_remote() {
            return Ok(());
        }
        let file = self.workplace()?.join(STUDIES).join(name);
        let mut bytes = std::fs::read(&file).map_err(|source| Error::read(&file, source))?;
        // A trial that is being written down by a thread that was not waited for.
        let n_whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(n_whole);
        // Whoever kept as much of the same search kept trials that are as good.
        self.storage.create(&format!("{STUDIES}/{name}.{n_whole:012}"), bytes).map(drop)
    }

    /// The name of what was kept of a search last, which is the longest.
    fn longest_kept(&self, name: &str) -> Result<Option<String>> {
        // A dot comes before whatever else may follow, so those of one search stand side by side.
        let names = self.storage.names_after(STUDIES, &format!("{name}."))?;
        let is_of_it = |kept: &String| kept.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        Ok(names.into_iter().take_while(is_of_it).last())
    }
}

/// Bytes of what was kept under this name.
fn length(kept: &str) -> Option<u64> {
    kept.rsplit_once('.')?.1.parse().ok()
}
