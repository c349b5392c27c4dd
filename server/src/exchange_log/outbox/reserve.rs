//! Space set aside on the log's disk. Removing shipped exchanges from a database needs space too; on
//! a full disk this is where it comes from.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Enough for the journal of removing one batch.
const SIZE: usize = 2 << 20;

/// A file that is there to be deleted.
pub(super) struct Reserve {
    path: PathBuf,
    is_there: bool,
}

impl Reserve {
    /// Sets the space aside in `folder`, now or as soon as there is some.
    pub(super) fn new(folder: &Path) -> Self {
        let mut reserve = Self { path: folder.join("reserve"), is_there: false };
        reserve.restore();
        reserve
    }

    /// Gives the space back to the disk; whether there was any.
    pub(super) fn release(&mut self) -> bool {
        std::mem::take(&mut self.is_there) && fs::remove_file(&self.path).is_ok()
    }

    /// Sets the space aside again, if the disk has it.
    pub(super) fn restore(&mut self) {
        if self.is_there {
            return;
        }
        self.is_there = self.fill().is_ok();
        if !self.is_there {
            // Half a reserve would only take the space that the log is waiting for. If it cannot be
            // removed either, the next attempt overwrites it.
            let _ = fs::remove_file(&self.path);
        }
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        // Random bytes: some file systems keep zeros, or repetitions, without any space.
        let blocks = std::iter::repeat_with(|| uuid::Uuid::new_v4().into_bytes());
        let bytes: Vec<u8> = blocks.take(SIZE / 16).flatten().collect();
        file.write_all(&bytes)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_space_is_there_until_it_is_released_and_can_be_set_aside_again() {
        let folder = tempfile::tempdir().unwrap();
        let size = || fs::metadata(folder.path().join("reserve")).map(|file| file.len() as usize);
        let mut reserve = Reserve::new(folder.path());
        assert_eq!(size().unwrap(), SIZE);
        assert!(reserve.release() && size().is_err());
        assert!(!reserve.release());
        reserve.restore();
        assert_eq!(size().unwrap(), SIZE);
    }
}
