//! The registry's history: numbered commits, created and never changed. The state of the registry
//! (which models there are, which is the champion) is what reading them in order gives.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::storage::{Created, Storage};
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

    /// The commit that these bytes are, if they are as they were written.
    fn open(bytes: &[u8]) -> Result<Commit, String> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let again = Self::new(read.commit).map_err(|error| error.to_string())?;
        if again.digest == read.digest {
            Ok(again.commit)
        } else {
            Err("its content does not match its digest".into())
        }
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

const FORMAT: u32 = 1;

/// What the commits read so far add up to.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) commits: Vec<Commit>,
    pub(super) cards: Vec<Card>,
    /// Champions, the present one last; those before it are what a rollback goes back to.
    pub(super) champions: Vec<u64>,
}

impl State {
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

    /// Reads the commits that were added since.
    pub(super) fn catch_up(&mut self, storage: &Storage) -> Result<()> {
        loop {
            let number = self.commits.len() as u64 + 1;
            let Some(bytes) = storage.read(&path(number))? else {
                return Ok(());
            };
            self.apply(Sealed::open(&bytes).map_err(|reason| damaged(number, reason))?)?;
        }
    }

    /// Whether the commit may follow; asked before it is written too.
    fn check(&self, commit: &Commit) -> Result<()> {
        let number = self.commits.len() as u64 + 1;
        if commit.number != number || commit.format != FORMAT {
            return Err(damaged(
                number,
                format!("it calls itself {} of format {}", commit.number, commit.format),
            ));
        }
        match &commit.change {
            Change::Registered { cards } => {
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

    fn apply(&mut self, commit: Commit) -> Result<()> {
        self.check(&commit)?;
        match &commit.change {
            Change::Registered { cards } => self.cards.extend(cards.iter().cloned()),
            Change::Decided { decision } if decision.promoted => self.champions.push(decision.candidate),
            Change::Decided { .. } => {}
            Change::RolledBack { .. } => {
                self.champions.pop();
            }
        }
        self.commits.push(commit);
        Ok(())
    }

    /// Appends one commit. `change` is asked anew whenever somebody else was faster, with the state
    /// that includes what they wrote; so a change that no longer holds can refuse.
    pub(super) fn append(
        &mut self,
        storage: &Storage,
        mut change: impl FnMut(&Self) -> Result<Change>,
    ) -> Result<()> {
        loop {
            self.catch_up(storage)?;
            let number = self.commits.len() as u64 + 1;
            let commit =
                Commit { format: FORMAT, number, nonce: nonce(), at: Utc::now(), change: change(self)? };
            self.check(&commit)?;
            // Read back before it is written: a commit that cannot be read would end the log.
            let sealed = Sealed::new(commit).map_err(|error| damaged(number, error))?;
            let bytes = serde_json::to_vec_pretty(&sealed).map_err(|error| damaged(number, error))?;
            let commit = Sealed::open(&bytes).map_err(|reason| damaged(number, reason))?;
            match storage.create(&path(number), bytes)? {
                Created::New => return self.apply(commit),
                // A store that answers late may have taken an earlier try of ours: then it is our
                // nonce that is there, and we have won after all.
                Created::AlreadyThere => {
                    self.catch_up(storage)?;
                    if self.commits.get(number as usize - 1).is_some_and(|there| there.nonce == commit.nonce)
                    {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The path of a commit; zeros keep a folder's listing in order.
pub(super) fn path(number: u64) -> String {
    format!("commits/{number:08}.json")
}

pub(super) fn damaged(number: u64, reason: impl std::fmt::Display) -> Error {
    Error::Damaged { what: path(number), reason: reason.to_string() }
}

/// 128 random bits.
fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}
