//! Space set aside on the log's disk. Removing shipped exchanges from a database needs space too; on
//! a full disk this is where it comes from.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder::private;

/// Enough to empty the write-ahead log at its largest.
const SIZE: usize = 8 << 20;
/// What a disk that was full must have besides, so that it is not full again at once.
const SLACK: usize = 1 << 20;

/// A file that is there to be deleted.
pub(super) struct Reserve {
    path: PathBuf,
    is_there: bool,
}

impl Reserve {
    /// The space in `folder`, as far as it was set aside before.
    pub(super) fn new(folder: &Path) -> Self {
        let path = folder.join("reserve");
        let is_there = fs::metadata(&path).is_ok_and(|file| file.len() == SIZE as u64);
        Self { path, is_there }
    }

    /// Whether the space is set aside.
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Gives the space back to the disk; whether there was any.
    pub(super) fn release(&mut self) -> bool {
        std::mem::take(&mut self.is_there) && fs::remove_file(&self.path).is_ok()
    }

    /// Sets the space aside again, if the disk has it.
    pub(super) fn restore(&mut self) -> io::Result<()> {
        if self.is_there {
            return Ok(());
        }
        let filled = fill(&self.path, SIZE);
        self.is_there = filled.is_ok();
        if !self.is_there {
            // Half a reserve would only take the space that the log is waiting for. If it cannot be
            // removed either, the next attempt overwrites it.
            let _ = fs::remove_file(&self.path);
        }
        filled
    }

    /// Whether the disk has some more space than what is set aside.
    pub(super) fn has_slack(&self) -> bool {
        let path = self.path.with_extension("more");
        let has_slack = fill(&path, SLACK).is_ok();
        fs::remove_file(path).is_ok() && has_slack
    }
}

fn fill(path: &Path, size: usize) -> io::Result<()> {
    let mut file = private(path)?;
    // Random bytes: some file systems keep zeros, or repetitions, without any space. Hashes of counted numbers under a
    // random key are random enough for that, and made in a hundredth of the time of true random numbers.
    let random = RandomState::new();
    for block in 0..size >> 16 {
        let words = (0..1_u32 << 13).flat_map(|word| random.hash_one((block, word)).to_ne_bytes());
        file.write_all(&words.collect::<Vec<u8>>())?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_set_aside_cannot_be_packed() {
        let folder = tempfile::tempdir().unwrap();
        Reserve::new(folder.path()).restore().unwrap();
        let bytes = fs::read(folder.path().join("reserve")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&bytes).unwrap();
        assert!(packed.finish().unwrap().len() > SIZE);
        let blocks: std::collections::HashSet<_> = bytes.chunks(4096).collect();
        assert_eq!(blocks.len(), SIZE / 4096, "no block is there twice");
    }

    #[test]
    fn the_space_is_there_until_it_is_released_and_can_be_set_aside_again() {
        let folder = tempfile::tempdir().unwrap();
        let size = || fs::metadata(folder.path().join("reserve")).map(|file| file.len() as usize);
        let mut reserve = Reserve::new(folder.path());
        assert!(!reserve.is_there());
        reserve.restore().unwrap();
        assert_eq!(size().unwrap(), SIZE);
        assert!(reserve.has_slack());
        assert!(Reserve::new(folder.path()).is_there(), "also for the next one");
        assert!(reserve.release() && size().is_err());
        assert!(!reserve.release());
        reserve.restore().unwrap();
        assert_eq!(size().unwrap(), SIZE);
    }
}
