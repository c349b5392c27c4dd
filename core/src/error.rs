//! The one error type of the crate. Each variant names its subject and keeps its source.

use std::path::PathBuf;

use crate::diamond::Fault;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a file of diamonds and a champion model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{action} {path}: {source}", path = path.display())]
    File {
        /// What was attempted, such as "cannot read".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },

    /// A path names nothing that can be read as data.
    #[error("{path}: {reason}", path = path.display())]
    NoData {
        /// The path, folder or pattern as the user gave it.
        path: PathBuf,
        /// Why there is nothing to read.
        reason: String,
    },

    /// A data file's form is broken: encoding, quotes, columns, number of fields.
    #[error("{path}{at}: {reason}; allowed is {allowed}",
            path = path.display(), at = line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, when one line is to blame.
        line: Option<u64>,
        /// What is wrong.
        reason: String,
        /// What would be accepted in its place.
        allowed: String,
    },

    /// So many rows were refused that the delivery itself is in doubt.
    #[error(
        "{n_rejected} of {n_rows} rows were refused ({share:.2} %), more than the {limit:.2} % that \
         are tolerated, so nothing was trained; the refused rows and the reasons are in {rejects}. \
         Mend the file, or raise the limit with --max-rejects"
    )]
    TooManyRejects {
        /// Rows refused.
        n_rejected: u64,
        /// Rows read.
        n_rows: u64,
        /// Refused share in percent.
        share: f64,
        /// Tolerated share in percent.
        limit: f64,
        /// Where the refused rows were written.
        rejects: String,
    },

    /// A stone that cannot be: every fault of it, field by field.
    #[error("not a valid diamond: {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    InvalidDiamond {
        /// All the faults found, not only the first.
        faults: Vec<Fault>,
    },

    /// A request that names something unknown or contradicts itself.
    #[error("{reason}; allowed is {allowed}")]
    Usage {
        /// What is wrong.
        reason: String,
        /// What would be accepted in its place.
        allowed: String,
    },

    /// There are too few rows to do what was asked.
    #[error("{reason}")]
    TooFewRows {
        /// Which rows are missing, and how many are needed.
        reason: String,
    },

    /// A model could not be fitted.
    #[error("fitting {model}: {reason}")]
    Fit {
        /// Which kind of model.
        model: &'static str,
        /// Why.
        reason: String,
    },

    /// The official XGBoost library is nowhere to be found, or cannot be loaded.
    #[error(
        "the XGBoost library is needed to train the xgboost family and was not found. \
         `pip install xgboost-cpu` mends it; or name the file in XTREAM_XGBOOST_LIB. Tried: {tried}"
    )]
    XgboostMissing {
        /// Each place tried and what happened there.
        tried: String,
    },

    /// The XGBoost library found is older than this code can work with.
    #[error(
        "{path} is XGBoost {found}, and at least {needed} is needed. \
         `pip install --upgrade xgboost-cpu` mends it (or `xgboost`, whichever you have)",
        path = path.display()
    )]
    XgboostTooOld {
        /// The library's file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The oldest version that works.
        needed: &'static str,
    },

    /// A call into the XGBoost library failed.
    #[error("XGBoost refused {call}: {message}")]
    Xgboost {
        /// The function called.
        call: &'static str,
        /// The library's own words.
        message: String,
    },

    /// A model file was refused: damaged, cut off, or of a kind that cannot be served.
    #[error("the model file is refused: {reason}")]
    ModelFile {
        /// What is wrong with it.
        reason: String,
    },

    /// A model that was compared but is not stored, because its owner's program alone can run it.
    #[error("this model cannot answer: {reason}")]
    NotServed {
        /// Why.
        reason: String,
    },

    /// The registry's storage failed.
    #[error("the registry's storage failed at {path}: {source}")]
    Storage {
        /// The object in the store.
        path: String,
        /// The store's own error.
        source: object_store::Error,
    },

    /// An S3-like store refused, or did not answer.
    #[error("the store {store}: {reason}")]
    Store {
        /// Its address.
        store: String,
        /// What was asked for, what the store said to that, and what to look at.
        reason: String,
    },

    /// Something stored no longer has the content it was stored with.
    #[error("{what} is damaged: {reason}. `xtream models fsck` checks the whole registry")]
    Damaged {
        /// The object.
        what: String,
        /// How that shows.
        reason: String,
    },

    /// There is no registry where one was expected.
    #[error("there is no registry at {place}; `xtream train` makes one")]
    NoRegistry {
        /// The folder or address that was looked at.
        place: String,
    },

    /// No model of that version.
    #[error("there is no model version {version}; known versions are {known}")]
    ModelNotFound {
        /// The version asked for.
        version: u64,
        /// The versions there are, as a readable list.
        known: String,
    },

    /// No model has been promoted yet.
    #[error(
        "no model has been promoted yet; `xtream train` or `xtream models promote V` makes one the champion"
    )]
    NoChampion,

    /// There is no champion before the present one.
    #[error("there is no former champion to go back to")]
    NoFormerChampion,

    /// The champion changed between the comparison and the commit.
    #[error(
        "the champion changed from {expected} to {found} while models were being compared; compare again"
    )]
    ChampionChanged {
        /// The champion that was compared against.
        expected: String,
        /// The champion now.
        found: String,
    },

    /// A study file belongs to another search or is damaged.
    #[error("the study {path} cannot be continued: {reason}. Delete the file to search afresh", path = path.display())]
    Study {
        /// The study file.
        path: PathBuf,
        /// Why.
        reason: String,
    },

    /// Work that was given to an executor and could not be done there.
    #[error("a worker could not do its part: {reason}")]
    Worker {
        /// Why.
        reason: String,
    },

    /// The user asked to stop.
    #[error("stopped as asked; finished trials are kept and the same command continues from them")]
    Interrupted,

    /// polars could not do its part.
    #[error("{context}: {source}")]
    Frame {
        /// What was being done.
        context: String,
        /// polars' own error.
        source: polars::error::PolarsError,
    },
}

impl Error {
    /// Whether the user's input or request is at fault, as opposed to the machine or the program.
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            Self::NoData { .. }
                | Self::Malformed { .. }
                | Self::TooManyRejects { .. }
                | Self::InvalidDiamond { .. }
                | Self::Usage { .. }
                | Self::TooFewRows { .. }
                | Self::NoRegistry { .. }
                | Self::ModelNotFound { .. }
                | Self::NoChampion
                | Self::NoFormerChampion
                | Self::NotServed { .. }
        )
    }

    pub(crate) fn read(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        if source.kind() == std::io::ErrorKind::NotFound {
            return Self::NoData { path, reason: "there is no such file or folder".into() };
        }
        Self::File { action: "cannot read", path, source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { action: "cannot write", path: path.into(), source }
    }

    pub(crate) fn model_file(reason: impl Into<String>) -> Self {
        Self::ModelFile { reason: reason.into() }
    }
}
