//! The registry's history: numbered commits, created and never changed. The state of the registry
//! (which models there are, which is the champion) is what reading them in order gives.
//!
//! A history that lost a commit must not pass for a shorter one. Each commit carries the digest of the one
//! before, and beside each a receipt is created: a second file, elsewhere, that says it was written.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::storage::{Created, Size, Stamp, Storage};
use super::{Card, Digest};
use crate::error::{Error, Result};
use crate::promotion::Decision;

/// One commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// Version of the format.
    pub format: u32,
    /// Its place in the log, from 1.
    pub number: u64,
    /// Digest of the commit before; none of the first.
    pub previous: Option<Digest>,
    /// Drawn at random by whoever wrote it: tells one's own commit from another's.
    pub nonce: String,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// What it changes.
    #[serde(flatten)]
    pub change: Change,
}

/// A commit as it is stored: with the digest of its own content, so that a changed figure shows.
#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    commit: Commit,
    digest: Digest,
}

impl Sealed {
    fn new(commit: Commit) -> serde_json::Result<Self> {
        let digest = Digest::of(&serde_json::to_vec(&commit)?);
        Ok(Self { commit, digest })
    }

    /// The commit that these bytes are, and its digest, if they are as they were written.
    fn open(bytes: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| match Form::of(bytes) {
            Some(reason) => reason,
            None => error.to_string(),
        })?;
        if let Some(reason) = Form::of_another(read.commit.format) {
            return Err(reason);
        }
        let again = Self::new(read.commit).map_err(|error| error.to_string())?;
        if again.digest == read.digest {
            Ok(again)
        } else {
            Err("its content does not match its digest".into())
        }
    }
}

/// What every format has.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

impl Form {
    /// What to say of bytes that are a commit of another format, if that is what they are.
    fn of(bytes: &[u8]) -> Option<String> {
        let Self { format } = serde_json::from_slice(bytes).ok()?;
        Self::of_another(format)
    }

    fn of_another(format: u32) -> Option<String> {
        (format != FORMAT).then(|| {
            format!(
                "it is of format {format}, and this program reads format {FORMAT}; train anew into another folder"
            )
        })
    }
}

/// What a commit changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Models were trained.
    Registered {
        /// Their cards.
        cards: Vec<Card>,
        /// Bytes of each of their blobs, by its path: a file of another size need not be read.
        blobs: BTreeMap<String, u64>,
    },
    /// A candidate was promoted, or was judged and was not.
    Decided {
        /// The decision.
        decision: Decision,
    },
    /// The champion was taken back.
    RolledBack {
        /// The champion until then.
        from: u64,
        /// The champion before it, which is the champion again.
        to: u64,
        /// Why.
        reason: String,
    },
}

const FORMAT: u32 = 2;
/// Bytes that a commit may have: the cards of a run with thousands of files and many models fit in.
const LARGEST: Size = Size::AtMost(64 << 20);
/// Bytes that a receipt may have, which is a digest and a line break.
const LARGEST_RECEIPT: Size = Size::AtMost(200);

/// What the commits read so far add up to.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) commits: Vec<Commit>,
    pub(super) cards: Vec<Card>,
    /// Champions, the present one last; those before it are what a rollback goes back to.
    pub(super) champions: Vec<u64>,
    /// Bytes of each blob that a commit names, by its path.
    pub(super) blob_sizes: HashMap<String, u64>,
    head: Option<Head>,
}

/// The last commit that was read.
#[derive(Clone, Debug)]
struct Head {
    digest: Digest,
    /// As it was found when it was read; none of one that was just written.
    stamp: Option<Stamp>,
}

impl State {
    /// Whether nothing was ever written down.
    pub(super) fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    pub(super) fn champion(&self) -> Option<u64> {
        self.champions.last().copied()
    }

    pub(super) fn former_champion(&self) -> Option<u64> {
        self.champions.len().checked_sub(2).map(|index| self.champions[index])
    }

    pub(super) fn next_version(&self) -> u64 {
        self.cards.last().map_or(1, |card| card.version + 1)
    }

    pub(super) fn card(&self, version: u64) -> Result<&Card> {
        let found = self.cards.binary_search_by_key(&version, |card| card.version);
        found.map(|index| &self.cards[index]).map_err(|_| {
            let known = match (self.cards.first(), self.cards.last()) {
                (Some(first), Some(last)) => format!("{} to {}", first.version, last.version),
                _ => "none".into(),
            };
            Error::ModelNotFound { version, known }
        })
    }

    /// Reads the whole history, and makes sure that it is whole: that nothing comes after a commit that is
    /// missing, and that the last one is the one that was written.
    pub(super) fn read_all(&mut self, storage: &Storage) -> Result<()> {
        // Names first: whatever is added meanwhile is only read.
        let commits = storage.names(COMMITS)?.into_iter().filter_map(|name| commit_number(&name)).max();
        let receipts = storage.names(RECEIPTS)?.into_iter().filter_map(|name| receipt_number(&name)).max();
        self.catch_up(storage)?;
        let n_read = self.commits.len() as u64;
        if let Some(later) = commits.filter(|number| *number > n_read) {
            return Err(damaged(n_read + 1, format!("it is gone, and {} comes after it", path(later))));
        }
        if let Some(later) = receipts.filter(|number| *number > n_read) {
            return Err(lost(n_read + 1, later));
        }
        if receipts == Some(n_read) { self.check_receipt(storage, n_read) } else { Ok(()) }
    }

    /// Reads the commits that were added since. The last one that was read must still be there: whoever goes
    /// on with a history that went backwards says so.
    pub(super) fn catch_up(&mut self, storage: &Storage) -> Result<()> {
        self.check_head(storage)?;
        loop {
            let number = self.commits.len() as u64 + 1;
            if let Some(object) = storage.read(&path(number), LARGEST)? {
                let sealed = Sealed::open(&object.bytes).map_err(|reason| damaged(number, reason))?;
                self.apply(sealed, Some(object.stamp))?;
            } else if storage.stamp(&receipt_path(number))?.is_none() {
                return Ok(());
            } else if storage.stamp(&path(number))?.is_none() {
                // Commits are there before their receipts, so this one was written and is no more.
                return Err(lost(number, number));
            }
        }
    }

    fn check_head(&mut self, storage: &Storage) -> Result<()> {
        let number = self.commits.len() as u64;
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

    /// Whether a receipt speaks of the commit that is there.
    pub(super) fn check_receipt(&self, storage: &Storage, number: u64) -> Result<()> {
        let path = receipt_path(number);
        let Some(receipt) = storage.read(&path, LARGEST_RECEIPT)? else { return Ok(()) };
        let next = self.commits.get(number as usize).and_then(|next| next.previous.as_ref());
        let digest = next.or_else(|| self.head.as_ref().map(|head| &head.digest));
        if digest.is_some_and(|digest| receipt.bytes == receipt_of(digest)) {
            return Ok(());
        }
        let reason = format!("it speaks of another commit than {}", self::path(number));
        Err(Error::Damaged { what: path, reason })
    }

    /// Whether the commit may follow; asked before it is written too.
    fn check(&self, commit: &Commit) -> Result<()> {
        let number = self.commits.len() as u64 + 1;
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
                self.card(decision.candidate).map_err(|error| damaged(number, error))?;
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
        match &commit.change {
            Change::Registered { cards, blobs } => {
                self.cards.extend(cards.iter().cloned());
                self.blob_sizes.extend(blobs.iter().map(|(path, n_bytes)| (path.clone(), *n_bytes)));
            }
            Change::Decided { decision }
                if decision.promoted && self.champion() != Some(decision.candidate) =>
            {
                self.champions.push(decision.candidate);
            }
            Change::Decided { .. } => {}
            Change::RolledBack { .. } => {
                self.champions.pop();
            }
        }
        self.commits.push(commit);
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
            self.catch_up(storage)?;
            let Some(change) = change(self)? else { return Ok(()) };
            let number = self.commits.len() as u64 + 1;
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
                    self.catch_up(storage)?;
                    let there = self.commits.get(number as usize - 1);
                    if there.is_none_or(|there| there.nonce != sealed.commit.nonce) {
                        continue;
                    }
                }
            }
            if let Err(error) = storage.create(&receipt_path(number), receipt) {
                // The commit is there and counts. Until the next one follows it, its loss would go unnoticed.
                tracing::warn!(number, %error, "a commit was written, its receipt could not be");
            }
            return Ok(());
        }
    }
}

/// Whether a commit is as it was written, whatever comes before it.
pub(super) fn look_at(storage: &Storage, number: u64) -> Result<()> {
    let Some(object) = storage.read(&path(number), LARGEST)? else { return Ok(()) };
    Sealed::open(&object.bytes).map(drop).map_err(|reason| damaged(number, reason))
}

pub(super) const COMMITS: &str = "commits";
pub(super) const RECEIPTS: &str = "receipts";
const ENDING: &str = ".json";

/// The path of a commit; zeros keep a folder's listing in order.
pub(super) fn path(number: u64) -> String {
    format!("{COMMITS}/{number:08}{ENDING}")
}

/// The path of a commit's receipt.
pub(super) fn receipt_path(number: u64) -> String {
    format!("{RECEIPTS}/{number:08}")
}

/// The number of the commit that has this name, if it is the name of one.
pub(super) fn commit_number(name: &str) -> Option<u64> {
    receipt_number(name.strip_suffix(ENDING)?)
}

/// The number of the receipt that has this name, if it is the name of one.
pub(super) fn receipt_number(name: &str) -> Option<u64> {
    let number = name.parse().ok()?;
    (number > 0 && name == format!("{number:08}")).then_some(number)
}

fn receipt_of(digest: &Digest) -> Vec<u8> {
    format!("{digest}\n").into_bytes()
}

pub(super) fn damaged(number: u64, reason: impl std::fmt::Display) -> Error {
    Error::Damaged { what: path(number), reason: reason.to_string() }
}

fn lost(number: u64, receipt: u64) -> Error {
    damaged(number, format!("it was written, as {} says, and is gone", receipt_path(receipt)))
}

/// 128 random bits.
pub(super) fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}
