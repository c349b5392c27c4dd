//! Models and commits, those too that come before what was read when the registry was opened.

use super::super::Card;
use super::super::checkpoint::{Checkpoint, EVERY, Mark, chained};
use super::super::commit::{Commit, LARGEST, Sealed, damaged, path};
use super::super::storage::Storage;
use super::{State, blobs_of, cards_of};
use crate::error::Result;

impl State {
    pub(in crate::registry) fn card(&mut self, storage: &Storage, version: u64) -> Result<Card> {
        self.must_have(version)?;
        if let Ok(at) = self.cards.binary_search_by_key(&version, |card| card.version) {
            return Ok(self.cards[at].clone());
        }
        let span = self.marks.partition_point(|mark| mark.n_versions < version);
        let mut cards = self.earlier(storage, span)?.iter().flat_map(cards_of);
        let found = cards.find(|card| card.version == version).cloned();
        found.ok_or_else(|| damaged((span as u64 + 1) * EVERY, format!("version {version} is not before it")))
    }

    /// Every model, oldest first.
    pub(in crate::registry) fn cards(&mut self, storage: &Storage) -> Result<Vec<Card>> {
        let mut cards = Vec::new();
        for span in 0..self.n_spans_before() {
            cards.extend(self.earlier(storage, span)?.iter().flat_map(cards_of).cloned());
        }
        cards.extend(self.cards.iter().cloned());
        Ok(cards)
    }

    /// What came after the first `n` commits, oldest first.
    pub(in crate::registry) fn commits_after(&mut self, storage: &Storage, n: u64) -> Result<Vec<Commit>> {
        let mut commits = Vec::new();
        for span in (n / EVERY) as usize..self.n_spans_before() {
            commits.extend(self.earlier(storage, span)?.iter().filter(|commit| commit.number > n).cloned());
        }
        commits.extend(self.recent.iter().filter(|commit| commit.number > n).cloned());
        Ok(commits)
    }

    /// The last of the first `n` commits, oldest first: as many as one request to a store brings.
    pub(in crate::registry) fn commits_up_to(&mut self, storage: &Storage, n: u64) -> Result<Vec<Commit>> {
        let Some(span) = n.checked_sub(1).map(|last| last / EVERY) else { return Ok(Vec::new()) };
        let in_span = |commit: &&Commit| commit.number > span * EVERY && commit.number <= n;
        if span * EVERY >= self.n_before {
            return Ok(self.recent.iter().filter(in_span).cloned().collect());
        }
        Ok(self.earlier(storage, span as usize)?.iter().filter(in_span).cloned().collect())
    }

    /// So many of the first commits that there are `n` models among them: as few as one request to a store brings.
    pub(in crate::registry) fn commits_until_version(&self, n: u64) -> u64 {
        self.commits_until(|mark| mark.n_versions < n)
    }

    /// So many of the first commits that there are `n` decisions among them, as few likewise.
    pub(in crate::registry) fn commits_until_decision(&self, n: u64) -> u64 {
        self.commits_until(|mark| mark.n_decisions < n)
    }

    fn commits_until(&self, is_too_early: impl Fn(&Mark) -> bool) -> u64 {
        let span = self.marks.partition_point(is_too_early) as u64;
        ((span + 1) * EVERY).min(self.totals().n_commits)
    }

    fn n_spans_before(&self) -> usize {
        (self.n_before / EVERY) as usize
    }

    /// The commits from one mark to the next, which come before the recent ones.
    fn earlier(&mut self, storage: &Storage, span: usize) -> Result<&[Commit]> {
        if !self.earlier.contains_key(&span) {
            let commits = self.read_span(storage, span)?;
            for commit in &commits {
                self.blob_sizes.extend(blobs_of(commit));
            }
            self.earlier.insert(span, commits);
        }
        Ok(self.earlier.get(&span).map(Vec::as_slice).unwrap_or_default())
    }

    fn read_span(&self, storage: &Storage, span: usize) -> Result<Vec<Commit>> {
        let n_before = span as u64 * EVERY;
        let head = self.marks.get(span).map(|mark| &mark.head);
        if let Some(checkpoint) = Checkpoint::read(storage, n_before + EVERY)?
            && checkpoint.marks.last().map(|mark| &mark.head) == head
            && let Ok(commits) = checkpoint.commits()
        {
            return Ok(commits);
        }
        let before = span.checked_sub(1).and_then(|at| self.marks.get(at)).map(|mark| mark.head.clone());
        let mut found = Vec::new();
        for number in n_before + 1..=n_before + EVERY {
            let object =
                storage.read(&path(number), LARGEST)?.ok_or_else(|| damaged(number, "it is gone"))?;
            found.push(Sealed::open(&object.bytes).map_err(|reason| damaged(number, reason))?);
        }
        chained(found, n_before, before, head).map_err(|reason| damaged(n_before + EVERY, reason))
    }
}
