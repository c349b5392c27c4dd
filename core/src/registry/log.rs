//! The registry's history. Its state (which models there are, which is the champion) is what reading the commits in order
//! gives.
//!
//! A history that lost a commit must not pass for a shorter one. Each commit carries the digest of the one
//! before, and beside each a receipt is created: a second file, elsewhere, that says it was written.
//!
//! In a folder everything is read. In a store each look is a request, so the state begins with the newest checkpoint, and
//! earlier commits are read when somebody asks for them.

use std::collections::{BTreeMap, HashMap};

use chrono::Utc;

use super::checkpoint::{self, Checkpoint, EVERY, Mark, chained};
use super::commit::{
    COMMITS, Change, Commit, FORMAT, LARGEST, LARGEST_RECEIPT, RECEIPTS, Sealed, commit_number, damaged,
    lost, nonce, path, receipt_number, receipt_of, receipt_path,
};
use super::storage::{Created, Stamp, Storage};
use super::{Card, Digest};
use crate::error::{Error, Result};

/// What the commits so far add up to.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The commits since a checkpoint, or all.
    recent: Vec<Commit>,
    /// How many come before them; as many times 64 as there are.
    n_before: u64,
    /// Those that come before and that somebody asked for, 64 each.
    earlier: BTreeMap<usize, Vec<Commit>>,
    /// Models of the recent commits.
    cards: Vec<Card>,
    n_versions: u64,
    n_decisions: u64,
    /// Champions, the present one last; those before it are what a rollback goes back to.
    champions: Vec<u64>,
    /// Bytes of each blob that a commit names which was read, by its path.
    blob_sizes: HashMap<String, u64>,
    /// After every 64 commits.
    marks: Vec<Mark>,
    head: Option<Head>,
    /// The champions at the last mark that may have no checkpoint yet.
    due: Option<Vec<u64>>,
    n_looks: u32,
}

/// The last commit that was read.
#[derive(Clone, Debug)]
struct Head {
    digest: Digest,
    /// As it was found when it was read; none of one that was just written.
    stamp: Option<Stamp>,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Commits.
    pub n_commits: u64,
    /// Models.
    pub n_versions: u64,
    /// Decisions and rollbacks.
    pub n_decisions: u64,
}

/// How closely to look whether anything was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// For the next commit alone, which is one request to a store; and every so often closely.
    Quick,
    /// Whether the last commit is still there, too, and whether the next one was and is no more.
    Close,
}

/// Every so many quick looks at a store are close.
const CLOSE_LOOKS: u32 = 16;
/// Checkpoints that are tried, newest first, before all commits are read.
const MOST_TRIED: usize = 3;

impl State {
    /// How much there is.
    pub(super) fn totals(&self) -> Totals {
        let n_commits = self.n_before + self.recent.len() as u64;
        Totals { n_commits, n_versions: self.n_versions, n_decisions: self.n_decisions }
    }

    fn next_number(&self) -> u64 {
        self.totals().n_commits + 1
    }

    pub(super) fn champion(&self) -> Option<u64> {
        self.champions.last().copied()
    }

    pub(super) fn former_champion(&self) -> Option<u64> {
        self.champions.len().checked_sub(2).map(|index| self.champions[index])
    }

    pub(super) fn next_version(&self) -> u64 {
        self.n_versions + 1
    }

    /// Refuses a version that there is not.
    pub(super) fn must_have(&self, version: u64) -> Result<()> {
        if (1..=self.n_versions).contains(&version) {
            return Ok(());
        }
        let known = match self.n_versions {
            0 => "none".into(),
            last => format!("1 to {last}"),
        };
        Err(Error::ModelNotFound { version, known })
    }

    pub(super) fn card(&mut self, storage: &Storage, version: u64) -> Result<Card> {
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
    pub(super) fn cards(&mut self, storage: &Storage) -> Result<Vec<Card>> {
        let mut cards = Vec::new();
        for span in 0..self.n_spans_before() {
            cards.extend(self.earlier(storage, span)?.iter().flat_map(cards_of).cloned());
        }
        cards.extend(self.cards.iter().cloned());
        Ok(cards)
    }

    /// What came after the first `n` commits, oldest first.
    pub(super) fn commits_after(&mut self, storage: &Storage, n: u64) -> Result<Vec<Commit>> {
        let mut commits = Vec::new();
        for span in (n / EVERY) as usize..self.n_spans_before() {
            commits.extend(self.earlier(storage, span)?.iter().filter(|commit| commit.number > n).cloned());
        }
        commits.extend(self.recent.iter().filter(|commit| commit.number > n).cloned());
        Ok(commits)
    }

    /// The last of the first `n` commits, oldest first: as many as one request to a store brings.
    pub(super) fn commits_up_to(&mut self, storage: &Storage, n: u64) -> Result<Vec<Commit>> {
        let Some(span) = n.checked_sub(1).map(|last| last / EVERY) else { return Ok(Vec::new()) };
        let in_span = |commit: &&Commit| commit.number > span * EVERY && commit.number <= n;
        if span * EVERY >= self.n_before {
            return Ok(self.recent.iter().filter(in_span).cloned().collect());
        }
        Ok(self.earlier(storage, span as usize)?.iter().filter(in_span).cloned().collect())
    }

    /// Bytes of a blob, if a commit that was read names it.
    pub(super) fn blob_size(&self, path: &str) -> Option<u64> {
        self.blob_sizes.get(path).copied()
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

    /// Reads the history, in a store from its newest checkpoint on, and makes sure that it is whole from there: that nothing
    /// comes after a commit that is missing, and that the last one is the one that was written.
    pub(super) fn read(&mut self, storage: &Storage) -> Result<()> {
        if storage.is_remote() {
            self.begin_with_checkpoint(storage)?;
        }
        self.read_on(storage)
    }

    /// Reads the whole history and believes no checkpoint.
    pub(super) fn read_all(&mut self, storage: &Storage) -> Result<()> {
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

    /// Reads the commits that were added since. Looked at closely, the last one that was read must still be there: whoever
    /// goes on with a history that went backwards says so.
    pub(super) fn catch_up(&mut self, storage: &Storage, look: Look) -> Result<()> {
        self.n_looks = self.n_looks.wrapping_add(1);
        let is_close =
            look == Look::Close || !storage.is_remote() || self.n_looks.is_multiple_of(CLOSE_LOOKS);
        if is_close {
            self.check_head(storage)?;
        }
        loop {
            let number = self.next_number();
            if let Some(object) = storage.read(&path(number), LARGEST)? {
                let sealed = Sealed::open(&object.bytes).map_err(|reason| damaged(number, reason))?;
                self.apply(sealed, Some(object.stamp))?;
            } else if !is_close || storage.stamp(&receipt_path(number))?.is_none() {
                return Ok(());
            } else if storage.stamp(&path(number))?.is_none() {
                // Commits are there before their receipts, so this one was written and is no more.
                return Err(lost(number, number));
            }
        }
    }

    fn check_head(&mut self, storage: &Storage) -> Result<()> {
        let number = self.totals().n_commits;
        let Some(head) = &mut self.head else { return Ok(()) };
        if head.stamp.is_some() && storage.stamp(&path(number))? == head.stamp {
            return Ok(());
        }
        let Some(object) = storage.read(&path(number), LARGEST)? else {
            let reason = "it was there before and is gone: the history went backwards";
            return Err(damaged(number, reason));
        };
        let sealed = Sealed::open(&object.bytes).map_err(|reason| damaged(number, reason))?;
        if sealed.digest != head.digest {
            return Err(damaged(number, "another one was there before: the history was changed"));
        }
        head.stamp = Some(object.stamp);
        Ok(())
    }

    /// Whether a receipt speaks of the commit that is there, which must be one of the recent ones.
    pub(super) fn check_receipt(&self, storage: &Storage, number: u64) -> Result<()> {
        let path = receipt_path(number);
        let Some(receipt) = storage.read(&path, LARGEST_RECEIPT)? else { return Ok(()) };
        let at = number.checked_sub(self.n_before).and_then(|at| usize::try_from(at).ok());
        let next = at.and_then(|at| self.recent.get(at)).and_then(|next| next.previous.as_ref());
        let digest = next.or_else(|| self.head.as_ref().map(|head| &head.digest));
        if digest.is_some_and(|digest| receipt.bytes == receipt_of(digest)) {
            return Ok(());
        }
        let reason = format!("it speaks of another commit than {}", self::path(number));
        Err(Error::Damaged { what: path, reason })
    }

    /// Whether a checkpoint says what the commits say, all of which were read.
    pub(super) fn check_checkpoint(&self, storage: &Storage, number: u64) -> Result<()> {
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

    /// Whether the commit may follow; asked before it is written too.
    fn check(&self, commit: &Commit) -> Result<()> {
        let number = self.next_number();
        if commit.number != number {
            return Err(damaged(number, format!("it calls itself commit {}", commit.number)));
        }
        if commit.previous.as_ref() != self.head.as_ref().map(|head| &head.digest) {
            let reason = match number {
                1 => "it follows another commit, and the first one follows none".into(),
                _ => format!("it was written after another commit than {}", path(number - 1)),
            };
            return Err(damaged(number, reason));
        }
        match &commit.change {
            Change::Registered { cards, .. } => {
                for (card, expected) in cards.iter().zip(self.next_version()..) {
                    if card.version != expected {
                        return Err(damaged(number, format!("version {} is out of order", card.version)));
                    }
                }
            }
            Change::Decided { decision } => {
                self.must_have(decision.candidate).map_err(|error| damaged(number, error))?;
            }
            Change::RolledBack { from, to, .. } => {
                if self.champion() != Some(*from) || self.former_champion() != Some(*to) {
                    return Err(damaged(number, format!("version {from} cannot be rolled back to {to}")));
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, sealed: Sealed, stamp: Option<Stamp>) -> Result<()> {
        let Sealed { commit, digest } = sealed;
        self.check(&commit)?;
        let n_cards = cards_of(&commit).len() as u64;
        self.n_versions += n_cards;
        self.n_decisions += u64::from(!matches!(commit.change, Change::Registered { .. }));
        self.cards.extend(cards_of(&commit).iter().cloned());
        self.blob_sizes.extend(blobs_of(&commit));
        crown(&mut self.champions, &commit.change);
        if commit.number.is_multiple_of(EVERY) {
            let (n_versions, n_decisions) = (self.n_versions, self.n_decisions);
            self.marks.push(Mark { head: digest.clone(), n_versions, n_decisions });
            self.due = Some(self.champions.clone());
        }
        self.recent.push(commit);
        self.head = Some(Head { digest, stamp });
        Ok(())
    }

    /// Appends one commit. `change` is asked anew whenever somebody else was faster, with the state
    /// that includes what they wrote; so a change that no longer holds can refuse, or turn out to be none.
    pub(super) fn append(
        &mut self,
        storage: &Storage,
        mut change: impl FnMut(&Self) -> Result<Option<Change>>,
    ) -> Result<()> {
        loop {
            self.catch_up(storage, Look::Close)?;
            let Some(change) = change(self)? else { return Ok(()) };
            let number = self.next_number();
            let previous = self.head.as_ref().map(|head| head.digest.clone());
            let commit = Commit { format: FORMAT, number, previous, nonce: nonce(), at: Utc::now(), change };
            self.check(&commit)?;
            // Read back before it is written: a commit that cannot be read would end the log.
            let sealed = Sealed::new(commit).map_err(|error| damaged(number, error))?;
            let bytes = serde_json::to_vec_pretty(&sealed).map_err(|error| damaged(number, error))?;
            LARGEST.check(&path(number), bytes.len() as u64)?;
            let sealed = Sealed::open(&bytes).map_err(|reason| damaged(number, reason))?;
            let receipt = receipt_of(&sealed.digest);
            match storage.create(&path(number), bytes)? {
                Created::New => self.apply(sealed, None)?,
                // A store that answers late may have taken an earlier try of ours: then it is our
                // nonce that is there, and we have won after all.
                Created::AlreadyThere => {
                    self.catch_up(storage, Look::Quick)?;
                    let there = self.recent.iter().rev().find(|commit| commit.number == number);
                    if there.is_none_or(|there| there.nonce != sealed.commit.nonce) {
                        continue;
                    }
                }
            }
            if let Err(error) = storage.create(&receipt_path(number), receipt) {
                // The commit is there and counts. Until the next one follows it, its loss would go unnoticed.
                tracing::warn!(number, %error, "a commit was written, its receipt could not be");
            }
            self.write_checkpoint(storage);
            return Ok(());
        }
    }

    /// Writes the checkpoint of the last mark, if that may not be there yet. Only a store has some.
    fn write_checkpoint(&mut self, storage: &Storage) {
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

/// What becomes of the champions with a change.
fn crown(champions: &mut Vec<u64>, change: &Change) {
    match change {
        Change::Decided { decision }
            if decision.promoted && champions.last() != Some(&decision.candidate) =>
        {
            champions.push(decision.candidate);
        }
        Change::RolledBack { .. } => {
            champions.pop();
        }
        Change::Registered { .. } | Change::Decided { .. } => {}
    }
}

fn cards_of(commit: &Commit) -> &[Card] {
    match &commit.change {
        Change::Registered { cards, .. } => cards,
        _ => &[],
    }
}

fn blobs_of(commit: &Commit) -> impl Iterator<Item = (String, u64)> + '_ {
    let blobs = match &commit.change {
        Change::Registered { blobs, .. } => Some(blobs),
        _ => None,
    };
    blobs.into_iter().flatten().map(|(path, n_bytes)| (path.clone(), *n_bytes))
}
