//! Content by its digest: what is stored under a name is what the name says, or an error.

use std::collections::BTreeSet;

use object_store::PutPayload;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::prune;
use super::storage::{Created, Size, Storage};
use crate::error::{Error, Result};

/// SHA-256 of some bytes, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

const PREFIX: &str = "sha256:";

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("{PREFIX}{:x}", Sha256::digest(bytes)))
    }

    /// The 64 digits.
    pub fn hex(&self) -> &str {
        &self.0[PREFIX.len()..]
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hex = text.strip_prefix(PREFIX).unwrap_or_default();
        if hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is not a digest such as sha256:e3b0..."))
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// What a blob holds; it becomes the ending of its name, for the person who looks into the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobKind {
    /// A stored pipeline.
    Model,
    /// Training and test rows.
    Dataset,
    /// Rows refused from a delivery.
    Rejects,
    /// The trials of a search.
    Study,
}

impl BlobKind {
    pub(super) const ALL: [Self; 4] = [Self::Model, Self::Dataset, Self::Rejects, Self::Study];

    /// Whether a file in the folder of blobs has the name of one, or of one that was not written to its end.
    pub(super) fn is_name(self, name: &str) -> bool {
        let (hex, ending) = name.split_once('.').unwrap_or_default();
        let (ending, attempt) = ending.split_once('#').unwrap_or((ending, "1"));
        let is_hex = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hex && ending == self.ending() && attempt.parse::<u64>().is_ok()
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Model => "xtream",
            Self::Dataset => "parquet",
            Self::Rejects => "rejects.csv",
            Self::Study => "study.jsonl",
        }
    }

    /// The blob's path in the registry.
    pub fn path(self, digest: &Digest) -> String {
        format!("blobs/{}.{}", digest.hex(), self.ending())
    }
}

/// Bytes that a blob may have where nobody has written down how many it has.
pub(super) const LARGEST: Size = Size::AtMost(1 << 30);

/// How often bytes are stored that were there and are gone at the next look: somebody prunes.
const TRIES: usize = 3;

/// Stores bytes under their digest. Bytes that are there already are not trusted blindly: they are
/// read back, so that a new model never rests on an old damaged file. Those that no commit names are marked as used, and
/// in a store refused while somebody removes them.
pub(super) fn put(
    storage: &Storage,
    kind: BlobKind,
    digest: &Digest,
    bytes: Vec<u8>,
    is_named: bool,
) -> Result<()> {
    let (path, size) = (kind.path(digest), Size::Exactly(bytes.len() as u64));
    let bytes = PutPayload::from(bytes);
    let mut created = storage.create(&path, bytes.clone())?;
    let must_stay = || match is_named {
        true => Ok(()),
        false => prune::must_stay(storage, &BTreeSet::from([path.clone()])),
    };
    must_stay()?;
    for _ in 1..TRIES {
        if created == Created::New {
            return Ok(());
        }
        storage.mark_as_used(&path)?;
        // From here on it is not pruned from a folder; it may have been before.
        if storage.stamp(&path)?.is_some() {
            break;
        }
        created = storage.create(&path, bytes.clone())?;
    }
    if let Err(error) = get(storage, kind, digest, size) {
        // Removed since it was looked, perhaps: that has words of its own.
        must_stay()?;
        return Err(error);
    }
    if is_named { Ok(()) } else { storage.renew(&path, bytes) }
}

/// The bytes of a digest.
///
/// # Errors
/// [`Error::Damaged`] when they are gone or no longer match.
pub(super) fn get(storage: &Storage, kind: BlobKind, digest: &Digest, size: Size) -> Result<Vec<u8>> {
    let path = kind.path(digest);
    let damaged = |reason: String| Error::Damaged { what: path.clone(), reason };
    let bytes = storage.read(&path, size)?.ok_or_else(|| damaged("the file is gone".into()))?.bytes;
    let found = Digest::of(&bytes);
    if found == *digest { Ok(bytes) } else { Err(damaged(format!("its content has the digest {found}"))) }
}
