//! Checks everything there is in a registry: that the log reads without a gap, that each model
//! leads to its file, its rows, its refused rows and its study, all as they were written, and that nothing
//! else stands among them.

use std::collections::HashSet;

use serde::Serialize;

use super::checkpoint;
use super::commit;
use super::location::Location;
use super::log::State;
use super::storage::{Size, Storage};
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
    pub fn fsck(location: impl Into<Location>) -> Result<Vec<Finding>> {
        let location = location.into();
        super::must_exist(&location)?;
        let storage = Storage::open(&location)?;
        let mut findings = Findings::default();
        let mut state = State::default();
        if let Err(error) = state.read_all(&storage) {
            findings.fault("log", error);
        } else if storage.is_remote() && state.totals().n_commits == 0 {
            return Err(super::no_registry(&location));
        }
        check_log(&storage, &state, &mut findings)?;
        let mut named = HashSet::new();
        for card in &state.cards(&storage)? {
            for (kind, digest) in card.record.blobs() {
                let path = kind.path(digest);
                let size = state.blob_size(&path).map_or(blobs::LARGEST, Size::Exactly);
                // Several models share one data set; it is checked once.
                if named.insert(path)
                    && let Err(error) = check(&storage, kind, digest, size)
                {
                    findings.fault(&format!("version {}", card.version), error);
                }
            }
        }
        for name in storage.names("blobs")? {
            let path = format!("blobs/{name}");
            if !named.contains(&path) {
                findings.note(
                    &path,
                    "belongs to no model: left by a run that was stopped before it registered one",
                );
            }
        }
        Ok(findings.0)
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn fault(&mut self, subject: &str, message: impl std::fmt::Display) {
        self.add(Severity::Fault, subject, message);
    }

    fn note(&mut self, subject: &str, message: impl std::fmt::Display) {
        self.add(Severity::Note, subject, message);
    }

    fn add(&mut self, severity: Severity, subject: &str, message: impl std::fmt::Display) {
        self.0.push(Finding { severity, subject: subject.into(), message: message.to_string() });
    }
}

/// The commits that the log could not be read to, and every receipt.
fn check_log(storage: &Storage, state: &State, findings: &mut Findings) -> Result<()> {
    const STRANGE: &str = "is nothing that belongs there; it is left aside";
    let n_read = state.totals().n_commits;
    let mut n_receipts = 0;
    for name in storage.names(commit::COMMITS)? {
        let path = format!("{}/{name}", commit::COMMITS);
        match commit::commit_number(&name) {
            None => findings.note(&path, STRANGE),
            // What is behind the first commit that cannot be read, which is named already.
            Some(number) if number > n_read + 1 => match commit::look_at(storage, number) {
                Ok(()) => {
                    findings.fault(&path, format!("cannot follow: {} is not sound", commit::path(n_read + 1)))
                }
                Err(error) => findings.fault(&path, error),
            },
            Some(_) => {}
        }
    }
    for name in storage.names(commit::RECEIPTS)? {
        let path = format!("{}/{name}", commit::RECEIPTS);
        match commit::receipt_number(&name) {
            None => findings.note(&path, STRANGE),
            Some(number) if number <= n_read => {
                n_receipts += 1;
                if let Err(error) = state.check_receipt(storage, number) {
                    findings.fault(&path, error);
                }
            }
            Some(_) => {}
        }
    }
    for number in checkpoint::numbers(storage)? {
        let path = checkpoint::path(number);
        if number > n_read {
            findings.fault(&path, format!("it speaks of {}, which cannot be read", commit::path(number)));
        } else if let Err(error) = state.check_checkpoint(storage, number) {
            findings.fault(&path, error);
        }
    }
    if n_receipts < n_read {
        let message = format!(
            "{n_receipts} receipts for {n_read} commits: those of runs that were stopped in between are missing, \
             and of the newest commit a loss would not be noticed"
        );
        findings.note(commit::RECEIPTS, message);
    }
    Ok(())
}

fn check(storage: &Storage, kind: BlobKind, digest: &Digest, size: Size) -> Result<()> {
    let bytes = blobs::get(storage, kind, digest, size)?;
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
