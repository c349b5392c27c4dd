//! The registry's history. Its state (which models there are, which is the champion) is what reading the commits in order
//! gives.
//!
//! A history that lost a commit must not pass for a shorter one. Each commit carries the digest of the one
//! before, and beside each a receipt is created: a second file, elsewhere, that says it was written.
//!
//! In a folder everything is read. In a store each look is a request, so the state begins with the newest checkpoint, and
//! earlier commits are read when somebody asks for them.

mod earlier;
mod opening;
mod summing_up;

use std::collections::{BTreeMap, HashMap};

use chrono::Utc;

use super::checkpoint::{EVERY, Mark};
use super::commit::{
    Change, Commit, FORMAT, LARGEST, LARGEST_RECEIPT, Sealed, damaged, lost, nonce, path, receipt_of,
    receipt_path,
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

    /// Bytes of a blob, if a commit that was read names it.
    pub(super) fn blob_size(&self, path: &str) -> Option<u64> {
        self.blob_sizes.get(path).copied()
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
            let sealed = Sealed::open(&bytes);
            let sealed = sealed.map_err(|_| damaged(number, "it could not be read back"))?;
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
