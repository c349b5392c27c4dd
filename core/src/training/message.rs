//! What is said between a training run and its workers: a line of JSON, and bytes for what is large. A number is written so
//! that it is read back to the last bit.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Preset;
use crate::error::{Error, Result};
use crate::model::{ModelHeader, Params};
use crate::registry::Digest;
use crate::tuning::{self, Trial};

/// Something to be carried out, of which nothing is left open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    /// Version of the program that gives it out: another one may come to something else.
    pub(super) code_version: String,
    /// Version of the family's outside library there, for the same reason.
    pub(super) library: Option<String>,
    /// The data set; its training rows are learned from.
    pub(super) dataset: Digest,
    pub(super) family: String,
    pub(super) seed: u64,
    pub(super) task: Task,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Task {
    /// A trial of a search, in as many folds as it takes.
    Trial { preset: Preset, fixed: Params, job: Box<tuning::Job> },
    /// The model that answers, fitted on all training rows.
    Fit { params: Params },
    /// Prices for one of calibration's folds, by a model that was fitted on the others.
    Prices { params: Params, fold: usize },
    /// The model that says how far off prices are. The bytes are the price of each training row by a model that did not
    /// see it.
    Difficulty { params: Params },
    /// What such a model that was fitted without a fold says of that fold, with the same bytes.
    Expected { params: Params, fold: usize },
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Answer {
    /// It lacks the rows: the same again, with them.
    Lacking,
    /// A line of the study.
    Trial { trial: Trial },
    /// A fitted pipeline; the bytes are its file.
    Pipeline,
    /// A fitted model; the bytes are the rest of it.
    Model { header: ModelHeader },
    /// A number for each row of the fold, in their order; they are the bytes.
    Numbers,
    /// It could not be done.
    Failed { failure: Failure },
}

/// An error on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Failure {
    kind: FailureKind,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FailureKind {
    Fit,
    TooFewRows,
    Other,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Fit { reason, .. } => Self { kind: FailureKind::Fit, reason: reason.clone() },
            Error::TooFewRows { reason } => Self { kind: FailureKind::TooFewRows, reason: reason.clone() },
            Error::Worker { reason } => Self::other(reason.clone()),
            other => Self::other(other.to_string()),
        }
    }
}

impl Failure {
    /// What is no fault of the model's or its rows.
    pub(super) fn other(reason: impl Into<String>) -> Self {
        Self { kind: FailureKind::Other, reason: reason.into() }
    }

    /// The error as it is told at the other end.
    pub(super) fn into_error(self) -> Error {
        let Self { kind, reason } = self;
        match kind {
            FailureKind::Fit => Error::Fit { model: "a model on a worker", reason },
            FailureKind::TooFewRows => Error::TooFewRows { reason },
            FailureKind::Other => Error::Worker { reason },
        }
    }
}

/// A message as bytes.
pub(super) fn written(head: &impl Serialize, body: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(head).map_err(|error| unreadable(&error.to_string()))?;
    bytes.push(b'\n');
    bytes.extend(body);
    Ok(bytes)
}

/// A message and its bytes.
///
/// # Errors
/// [`Error::Worker`] when it is none.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8])> {
    let end = memchr::memchr(b'\n', bytes).ok_or_else(|| unreadable("it has no first line"))?;
    let head = serde_json::from_slice(&bytes[..end]).map_err(|error| unreadable(&error.to_string()))?;
    Ok((head, &bytes[end + 1..]))
}

/// Numbers as bytes, to the last bit.
pub(super) fn bytes_of(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// So many numbers of bytes.
///
/// # Errors
/// [`Error::Worker`] when they are more or fewer.
pub(super) fn numbers_of(bytes: &[u8], n_numbers: usize) -> Result<Vec<f64>> {
    let (numbers, rest) = bytes.as_chunks();
    if rest.is_empty() && numbers.len() == n_numbers {
        return Ok(numbers.iter().map(|number| f64::from_le_bytes(*number)).collect());
    }
    Err(unreadable(&format!("it has {} bytes for {n_numbers} numbers", bytes.len())))
}

fn unreadable(reason: &str) -> Error {
    Error::Worker { reason: format!("a message between the run and a worker cannot be read: {reason}") }
}
