//! A file that is written to while it is read gives rows that never stood in it together. What tells a file
//! from what it was a moment ago is looked at before and after.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// A file as it was when it was opened.
pub(super) struct Steadiness {
    path: PathBuf,
    /// `None` for a pipe, which is read once and cannot be looked at again.
    before: Option<Look>,
}

/// What changes with a file.
#[derive(PartialEq)]
struct Look {
    n_bytes: u64,
    modified: Option<SystemTime>,
    /// Device and number: another file under the same name has others.
    file: Option<(u64, u64)>,
}

impl Look {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = {
            use std::os::unix::fs::MetadataExt;
            Some((metadata.dev(), metadata.ino()))
        };
        #[cfg(not(unix))]
        let file = None;
        Self { n_bytes: metadata.len(), modified: metadata.modified().ok(), file }
    }
}

impl Steadiness {
    /// Looks at a file that was just opened.
    pub(super) fn of(path: &Path, file: &File) -> Result<Self> {
        let metadata = file.metadata().map_err(|source| Error::read(path, source))?;
        let before = metadata.is_file().then(|| Look::of(&metadata));
        Ok(Self { path: path.into(), before })
    }

    /// Bytes of the file; `None` for a pipe.
    pub(super) fn n_bytes(&self) -> Option<u64> {
        self.before.as_ref().map(|look| look.n_bytes)
    }

    /// Refuses a file that is no longer what it was, or of which more or fewer bytes were read than it had.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub(super) fn check(&self, n_read: u64) -> Result<()> {
        let Some(before) = &self.before else { return Ok(()) };
        // By its name: what is there now need not be what is open.
        let now = std::fs::metadata(&self.path).ok().map(|metadata| Look::of(&metadata));
        let reason = match now {
            None => "the file was removed while it was read".into(),
            Some(now) if now.file != before.file => "the file was replaced while it was read".into(),
            Some(now) if now != *before || n_read != before.n_bytes => {
                format!(
                    "the file changed while it was read: it had {} bytes, {n_read} were read, and now it has {}",
                    before.n_bytes, now.n_bytes
                )
            }
            Some(_) => return Ok(()),
        };
        Err(Error::Malformed {
            path: self.path.clone(),
            line: None,
            reason,
            allowed: "a file that is complete and that nobody writes to".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_was_cut_written_to_replaced_or_removed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("delivery.csv");
        let look = || {
            std::fs::write(&path, "0123456789").unwrap();
            Steadiness::of(&path, &File::open(&path).unwrap()).unwrap()
        };
        let said = |steadiness: &Steadiness, n_read| steadiness.check(n_read).unwrap_err().to_string();
        let steady = look();
        assert!(steady.check(10).is_ok());
        assert!(said(&steady, 9).contains("it had 10 bytes, 9 were read"), "a read that came short");
        let cut = look();
        File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
        assert!(said(&cut, 4).contains("now it has 4"));
        let rewritten = look();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(said(&rewritten, 10).contains("changed while it was read"), "the same length, another time");
        let replaced = look();
        std::fs::write(folder.path().join("new"), "0123456789").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(said(&replaced, 10).contains("replaced"));
        let removed = look();
        std::fs::remove_file(&path).unwrap();
        assert!(said(&removed, 10).contains("removed"));
    }
}
