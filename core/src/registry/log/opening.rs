//! Reading a history for the first time: all of it, or from its newest checkpoint on.

use super::super::checkpoint::{self, Checkpoint, EVERY, Mark};
use super::super::commit::{
    COMMITS, Commit, LARGEST, RECEIPTS, Sealed, commit_number, damaged, lost, path, receipt_number,
    receipt_path,
};
use super::super::storage::Storage;
use super::{Head, Look, State, blobs_of, cards_of};
use crate::error::Result;

/// Checkpoints that are tried, newest first, before all commits are read.
const MOST_TRIED: usize = 3;

impl State {
    /// Reads the history, in a store from its newest checkpoint on, and makes sure that it is whole from there: that nothing
    /// comes after a commit that is missing, and that the last one is the one that was written.
    pub(in crate::registry) fn read(&mut self, storage: &Storage) -> Result<()> {
        if storage.is_remote() {
            self.begin_with_checkpoint(storage)?;
        }
        self.read_on(storage)
    }

    /// Reads the whole history and believes no checkpoint.
    pub(in crate::registry) fn read_all(&mut self, storage: &Storage) -> Result<()> {
        self.read_on(storage)
    }

    fn read_on(&mut self, storage: &Storage) -> Result<()> {
        // Names first: whatever is added meanwhile is only read.
        let newest = |part: &str, number: fn(&str) -> Option<u64>, after: String| -> Result<Option<u64>> {
            let after = if self.n_before == 0 { "" } else { after.rsplit('/').next().unwrap_or_default() };
            Ok(storage.names_after(part, after)?.iter().filter_map(|name| number(name)).max())
        };
        let n_known = self.totals().n_commits;
        let commits = newest(COMMITS, commit_number, path(n_known))?;
        let receipts = newest(RECEIPTS, receipt_number, receipt_path(n_known))?;
        self.catch_up(storage, Look::Close)?;
        let n_read = self.totals().n_commits;
        if let Some(later) = commits.filter(|number| *number > n_read) {
            return Err(damaged(n_read + 1, format!("it is gone, and {} comes after it", path(later))));
        }
        if let Some(later) = receipts.filter(|number| *number > n_read) {
            return Err(lost(n_read + 1, later));
        }
        if receipts == Some(n_read) { self.check_receipt(storage, n_read) } else { Ok(()) }
    }

    /// Takes the state from the newest checkpoint that speaks of the commits that are there.
    fn begin_with_checkpoint(&mut self, storage: &Storage) -> Result<()> {
        for number in checkpoint::numbers(storage)?.into_iter().take(MOST_TRIED) {
            let Some(checkpoint) = Checkpoint::read(storage, number)? else { continue };
            let Some(object) = storage.read(&path(number), LARGEST)? else {
                let reason = format!("it was written, as {} says, and is gone", checkpoint::path(number));
                return Err(damaged(number, reason));
            };
            let sealed = Sealed::open(&object.bytes).map_err(|reason| damaged(number, reason))?;
            let (champions, marks) = (checkpoint.champions.clone(), checkpoint.marks.clone());
            let is_of_it = marks.last().is_some_and(|mark| mark.head == sealed.digest);
            if let (true, Ok(commits)) = (is_of_it, checkpoint.commits()) {
                self.begin_with(number, champions, marks, commits);
                self.head = Some(Head { digest: sealed.digest, stamp: Some(object.stamp) });
                return Ok(());
            }
            tracing::warn!(number, "a checkpoint speaks of other commits; they are read in its place");
        }
        Ok(())
    }

    fn begin_with(&mut self, number: u64, champions: Vec<u64>, marks: Vec<Mark>, commits: Vec<Commit>) {
        if let Some(mark) = marks.last() {
            (self.n_versions, self.n_decisions) = (mark.n_versions, mark.n_decisions);
        }
        self.n_before = number - EVERY;
        self.cards = commits.iter().flat_map(cards_of).cloned().collect();
        self.blob_sizes = commits.iter().flat_map(blobs_of).collect();
        (self.recent, self.champions, self.marks) = (commits, champions, marks);
    }
}
