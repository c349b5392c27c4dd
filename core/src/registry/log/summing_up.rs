//! Checkpoints of this history: written after every 64 commits, and held against them by who does not believe them.

use super::super::checkpoint::{self, Checkpoint, EVERY};
use super::super::commit::LARGEST;
use super::super::storage::Storage;
use super::{State, crown};
use crate::error::{Error, Result};

impl State {
    /// Whether a checkpoint says what the commits say, all of which were read.
    pub(in crate::registry) fn check_checkpoint(&self, storage: &Storage, number: u64) -> Result<()> {
        let wrong = |reason: &str| Error::Damaged { what: checkpoint::path(number), reason: reason.into() };
        let Some(checkpoint) = Checkpoint::read(storage, number)? else {
            return Err(wrong("it is not as it was written; whoever opens the registry passes it over"));
        };
        let marks = self.marks.get(..(number / EVERY) as usize);
        let champions = self.champions_after(number);
        if Some(&*checkpoint.marks) == marks
            && checkpoint.champions == champions
            && checkpoint.commits().is_ok()
        {
            return Ok(());
        }
        Err(wrong("it says something else than the commits; remove it, since it may be believed"))
    }

    /// The champions after the first `n` commits, all of which were read.
    fn champions_after(&self, n: u64) -> Vec<u64> {
        let mut champions = Vec::new();
        for commit in self.recent.iter().take_while(|commit| commit.number <= n) {
            crown(&mut champions, &commit.change);
        }
        champions
    }

    /// Writes the checkpoint of the last mark, if that may not be there yet. Only a store has some.
    pub(super) fn write_checkpoint(&mut self, storage: &Storage) {
        let Some(champions) = self.due.take() else { return };
        if !storage.is_remote() {
            return;
        }
        let last = self.marks.len() as u64 * EVERY;
        let end = (last - self.n_before) as usize;
        let commits = &self.recent[end - EVERY as usize..end];
        let checkpoint = Checkpoint::new(champions, &self.marks, commits);
        let Some(Ok(bytes)) = checkpoint.map(|checkpoint| checkpoint.to_bytes()) else { return };
        let path = checkpoint::path(last);
        let written = LARGEST.check(&path, bytes.len() as u64).and_then(|()| storage.create(&path, bytes));
        if let Err(error) = written {
            // Without it, opening takes more requests.
            tracing::warn!(path, %error, "a checkpoint could not be written");
        }
    }
}
