//! What every 64 commits add up to, so that who opens a registry in a store need not read all that came before, each with a
//! request of its own. A checkpoint is created by who wrote the last of its commits, or who comes next. It has these 64
//! themselves, and says of all commits before what it takes to find one. It decides nothing: who does not
//! trust it reads the commits.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Digest;
use super::commit::{Commit, LARGEST, Sealed, receipt_number};
use super::storage::Storage;
use crate::error::Result;

/// Commits from one to the next.
pub(super) const EVERY: u64 = 64;
pub(super) const CHECKPOINTS: &str = "checkpoints";
const FORMAT: u32 = 1;

/// What the history had come to after so many times 64 commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Digest of the last of these commits.
    pub(super) head: Digest,
    /// Models registered until then.
    pub(super) n_versions: u64,
    /// Decisions and rollbacks until then.
    pub(super) n_decisions: u64,
}

/// What the commits up to one of them add up to.
#[derive(Serialize, Deserialize)]
pub(super) struct Checkpoint {
    format: u32,
    /// The last commit that it knows.
    pub(super) number: u64,
    /// Champions until then, as the state has them.
    pub(super) champions: Vec<u64>,
    /// After 64 commits, after 128 and so on up to this one.
    pub(super) marks: Vec<Mark>,
    /// The last 64.
    commits: Vec<Value>,
}

impl Checkpoint {
    /// Of the last 64 commits and what is known of those before. `None` if they cannot be written down: as commits could
    /// not, or since a newer program wrote more into one of them than is known here.
    pub(super) fn new(champions: Vec<u64>, marks: &[Mark], commits: &[Commit]) -> Option<Self> {
        let number = commits.last()?.number;
        let written = |commit: &Commit| serde_json::to_value(Sealed::new(commit.clone()).ok()?).ok();
        let commits = commits.iter().map(written).collect::<Option<_>>()?;
        let checkpoint = Self { format: FORMAT, number, champions, marks: marks.to_vec(), commits };
        checkpoint.commits().is_ok().then_some(checkpoint)
    }

    /// Its file: a line with the digest of all that follows.
    pub(super) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let content = serde_json::to_vec(self)?;
        let mut bytes = format!("{}\n", Digest::of(&content)).into_bytes();
        bytes.extend(content);
        Ok(bytes)
    }

    /// The checkpoint of this number that these bytes are, if they are as they were written.
    fn open(bytes: &[u8], number: u64) -> Result<Self, String> {
        let at = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no digest")?;
        let (digest, content) = (&bytes[..at], &bytes[at + 1..]);
        if digest != Digest::of(content).to_string().as_bytes() {
            return Err("its content does not match its digest".into());
        }
        let read: Self = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        let is_whole = read.format == FORMAT
            && read.number == number
            && number.is_multiple_of(EVERY)
            && read.marks.len() as u64 == number / EVERY
            && read.commits.len() as u64 == EVERY;
        if is_whole { Ok(read) } else { Err("it is none of this number and of a form that is known".into()) }
    }

    /// The checkpoint of this number; `None` when there is none, or none that can be believed.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) fn read(storage: &Storage, number: u64) -> Result<Option<Self>> {
        let path = path(number);
        let Some(object) = storage.read(&path, LARGEST)? else { return Ok(None) };
        match Self::open(&object.bytes, number) {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(reason) => {
                tracing::warn!(
                    path,
                    reason,
                    "a checkpoint is not believed; the commits are read in its place"
                );
                Ok(None)
            }
        }
    }

    /// Its commits, if they are as they were written and follow each other and what was before them.
    pub(super) fn commits(&self) -> Result<Vec<Commit>, String> {
        let before = self.marks.len().checked_sub(2).map(|at| self.marks[at].head.clone());
        let head = self.marks.last().map(|mark| &mark.head);
        let commits = self.commits.iter().cloned().map(Sealed::read).collect::<Result<_, _>>()?;
        chained(commits, self.number - EVERY, before, head)
    }
}

/// These commits, if they come after the first `n_before` and lead from one digest to the other.
pub(super) fn chained(
    commits: Vec<Sealed>,
    n_before: u64,
    before: Option<Digest>,
    head: Option<&Digest>,
) -> Result<Vec<Commit>, String> {
    let mut previous = before;
    let mut found = Vec::new();
    for (Sealed { commit, digest }, number) in commits.into_iter().zip(n_before + 1..) {
        if commit.number != number || commit.previous != previous {
            return Err(format!("its commit {} does not follow commit {}", commit.number, number - 1));
        }
        previous = Some(digest);
        found.push(commit);
    }
    if previous.as_ref() == head { Ok(found) } else { Err("its commits do not lead to their end".into()) }
}

/// The path of a checkpoint.
pub(super) fn path(number: u64) -> String {
    format!("{CHECKPOINTS}/{number:08}")
}

/// The numbers of the checkpoints that there are, newest first.
pub(super) fn numbers(storage: &Storage) -> Result<Vec<u64>> {
    let names = storage.names(CHECKPOINTS)?;
    let mut numbers: Vec<_> = names
        .iter()
        .filter_map(|name| receipt_number(name))
        .filter(|number| number.is_multiple_of(EVERY))
        .collect();
    numbers.reverse();
    Ok(numbers)
}
