//! What is written down: commits, each one file, and their names. A commit is created and never changed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::storage::{Size, Storage};
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
#[derive(Serialize)]
pub(super) struct Sealed {
    #[serde(flatten)]
    pub(super) commit: Commit,
    pub(super) digest: Digest,
}

impl Sealed {
    pub(super) fn new(commit: Commit) -> serde_json::Result<Self> {
        let digest = Digest::of(&serde_json::to_vec(&commit)?);
        Ok(Self { commit, digest })
    }

    /// The commit that these bytes are, and its digest, if they are as they were written.
    pub(super) fn open(bytes: &[u8]) -> Result<Self, String> {
        Self::read(serde_json::from_slice(bytes).map_err(|error| error.to_string())?)
    }

    /// The commit that this content is, if it is as it was written. What a newer program wrote besides what is known here
    /// is part of its digest, and left aside.
    pub(super) fn read(mut content: Value) -> Result<Self, String> {
        if let Some(reason) = content.get("format").and_then(another_format) {
            return Err(reason);
        }
        let digest = content.as_object_mut().and_then(|members| members.shift_remove(DIGEST));
        let digest = serde_json::from_value(digest.ok_or("it has no digest")?);
        let digest: Digest = digest.map_err(|error| error.to_string())?;
        let again = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
        if Digest::of(&again) != digest {
            return Err("its content does not match its digest".into());
        }
        let commit = serde_json::from_value(content).map_err(|error| {
            format!(
                "a newer program wrote it, and this one does not understand it ({error}); install that one"
            )
        })?;
        Ok(Self { commit, digest })
    }
}

/// The last member of a stored commit.
const DIGEST: &str = "digest";

/// What to say of a commit of another format, if this is the number of one.
fn another_format(format: &Value) -> Option<String> {
    (format.is_u64() && *format != FORMAT).then(|| {
        format!(
            "it is of format {format}, and this program reads format {FORMAT}; train anew into another folder"
        )
    })
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

pub(super) const FORMAT: u32 = 2;
/// Bytes that a commit may have: the cards of a run with thousands of files and many models fit in.
pub(super) const LARGEST: Size = Size::AtMost(64 << 20);
/// Bytes that a receipt may have, which is a digest and a line break.
pub(super) const LARGEST_RECEIPT: Size = Size::AtMost(200);

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

pub(super) fn receipt_of(digest: &Digest) -> Vec<u8> {
    format!("{digest}\n").into_bytes()
}

pub(super) fn damaged(number: u64, reason: impl std::fmt::Display) -> Error {
    Error::Damaged { what: path(number), reason: reason.to_string() }
}

pub(super) fn lost(number: u64, receipt: u64) -> Error {
    damaged(number, format!("it was written, as {} says, and is gone", receipt_path(receipt)))
}

/// 128 random bits.
pub(super) fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}
