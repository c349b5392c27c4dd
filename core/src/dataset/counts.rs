//! What became of the rows read, in numbers and in words.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::format::grouped;

/// What became of the rows read: `n_rows = n_kept + n_rejected + n_duplicates`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows read.
    pub n_rows: u64,
    /// Rows unique.
    pub n_kept: u64,
    /// Rows refused, whatever the severity.
    pub n_rejected: u64,
    /// Of those refused, rows without a certain mistake: implausible only.
    pub n_suspect: u64,
    /// Repeated rows dropped.
    pub n_duplicates: u64,
    /// Rows of the data whose stone stands among the test rows that were given, too, whatever its price is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_in_both: u64,
    /// Of these, rows that were kept to be learned from; the others are repeated rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_in_both_kept: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Counts {
    /// The counts of two reads together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            n_rows: self.n_rows + other.n_rows,
            n_kept: self.n_kept + other.n_kept,
            n_rejected: self.n_rejected + other.n_rejected,
            n_suspect: self.n_suspect + other.n_suspect,
            n_duplicates: self.n_duplicates + other.n_duplicates,
            n_in_both: self.n_in_both + other.n_in_both,
            n_in_both_kept: self.n_in_both_kept + other.n_in_both_kept,
        }
    }

    /// What there is to say about stones that both train and test, in a sentence.
    pub fn in_both(&self) -> Option<String> {
        let stand = match self.n_in_both {
            0 => return None,
            1 => "1 row of the data stands".into(),
            n => format!("{} rows of the data stand", grouped(n)),
        };
        let too_small = "so that errors on the test rows are smaller than on new stones";
        let what = match (self.n_in_both - self.n_in_both_kept, self.n_in_both_kept) {
            (_, 0) => "left out of training".into(),
            (0, _) => format!("learned from, {too_small}"),
            (n_dropped, n_kept) => format!(
                "left out of training: {}; of another price and learned from: {}, {too_small}",
                grouped(n_dropped),
                grouped(n_kept)
            ),
        };
        Some(format!("{stand} among the test rows, too; {what}"))
    }

    /// Refuses a delivery of which more than `limit_percent` was rejected.
    ///
    /// # Errors
    /// [`Error::TooManyRejects`] naming `rejects`, the place of the list of refused rows.
    pub fn check_rejects(&self, limit_percent: f64, rejects: &str) -> Result<()> {
        let share = 100.0 * self.n_rejected as f64 / (self.n_rows.max(1)) as f64;
        if share <= limit_percent {
            return Ok(());
        }
        Err(Error::TooManyRejects {
            n_rejected: self.n_rejected,
            n_rows: self.n_rows,
            share,
            limit: limit_percent,
            rejects: rejects.into(),
        })
    }
}
