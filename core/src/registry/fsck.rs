//! Checks everything there is in a registry: that the log reads without a gap, and that each model
//! leads to its file, its rows, its refused rows and its study, all as they were written.

use std::collections::HashSet;

use serde::Serialize;

use super::log::{self, State};
use super::{BlobKind, Digest, Registry, blobs};
use crate::dataset::store;
use crate::error::{Error, Result};
use crate::pipeline::Pipeline;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is lost or damaged.
    Fault,
    /// Something is left over, and harmless.
    Note,
}

/// Something that the check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The object concerned.
    pub subject: String,
    /// What about it.
    pub message: String,
}

impl Registry {
    /// Every finding; a registry without a [`Severity::Fault`] is sound.
    ///
    /// # Errors
    /// [`crate::Error::NoRegistry`], or when the storage cannot be read at all; damage is a finding,
    /// not an error.
    pub fn fsck(folder: &std::path::Path) -> Result<Vec<Finding>> {
        super::must_exist(folder)?;
        let storage = super::Storage::folder(folder)?;
        let mut findings = Vec::new();
        let mut fault = |subject: String, message: String| {
            findings.push(Finding { severity: Severity::Fault, subject, message });
        };
        let mut state = State::default();
        if let Err(error) = state.catch_up(&storage) {
            fault("log".into(), error.to_string());
        }
        let commits = storage.list("commits")?;
        for (path, number) in commits.iter().zip(1..) {
            if *path != log::path(number) {
                fault(path.clone(), format!("commit {number} is missing before it"));
                break;
            }
        }
        let mut named = HashSet::new();
        let mut checked = HashSet::new();
        for card in &state.cards {
            let details = &card.details;
            let mut parts = vec![
                (BlobKind::Model, &details.model),
                (BlobKind::Dataset, &details.data.digest),
                (BlobKind::Rejects, &details.data.rejects),
            ];
            parts.extend(details.search.as_ref().map(|search| (BlobKind::Study, &search.study)));
            for (kind, digest) in parts {
                let path = kind.path(digest);
                named.insert(path.clone());
                // Several models share one data set; it is checked once.
                if checked.insert(path)
                    && let Err(error) = check(&storage, kind, digest)
                {
                    fault(format!("version {}", card.version), error.to_string());
                }
            }
        }
        for path in storage.list("blobs")? {
            if !named.contains(&path) {
                let message = "belongs to no model: left by a run that was stopped before it registered one";
                findings.push(Finding { severity: Severity::Note, subject: path, message: message.into() });
            }
        }
        Ok(findings)
    }
}

fn check(storage: &super::Storage, kind: BlobKind, digest: &Digest) -> Result<()> {
    let bytes = blobs::get(storage, kind, digest)?;
    match kind {
        BlobKind::Model => match Pipeline::from_bytes(bytes) {
            // Its card says so too: nothing is lost.
            Err(Error::NotServed { .. }) => Ok(()),
            read => read.map(drop),
        },
        BlobKind::Dataset => store::from_parquet(&bytes).map(drop),
        BlobKind::Rejects | BlobKind::Study => Ok(()),
    }
}
