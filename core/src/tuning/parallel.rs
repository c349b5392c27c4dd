//! How many trials may run side by side.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How many trials of a search may run side by side. It is a part of what the search is, and no matter of the machine:
/// the proposal for trial `i` knows the results of the trials up to `i - n` and no others, so with a larger number more
/// workers find something to do, and proposals know less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "usize", into = "usize")]
pub struct Parallel(usize);

impl Parallel {
    /// The most there may be: beyond it, hardly a proposal of a search would know of any result.
    pub const MOST: usize = 256;

    /// So many trials.
    ///
    /// # Errors
    /// [`Error::Usage`] when there are none, or more than [`Parallel::MOST`].
    pub fn new(n_trials: usize) -> Result<Self> {
        if (1..=Self::MOST).contains(&n_trials) {
            return Ok(Self(n_trials));
        }
        Err(Error::Usage {
            reason: format!("parallel = {n_trials}"),
            allowed: format!("a whole number from 1 to {}", Self::MOST),
        })
    }

    /// How many.
    pub fn get(self) -> usize {
        self.0
    }

    /// Whether it is what every search had before there was a choice.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Self(8)
    }
}

impl TryFrom<usize> for Parallel {
    type Error = Error;

    fn try_from(n_trials: usize) -> Result<Self> {
        Self::new(n_trials)
    }
}

impl From<Parallel> for usize {
    fn from(parallel: Parallel) -> Self {
        parallel.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_number_that_cannot_be_is_refused_wherever_it_comes_from() {
        for wrong in [0, 257] {
            let said = Parallel::new(wrong).unwrap_err().to_string();
            assert_eq!(said, format!("parallel = {wrong}; allowed is a whole number from 1 to 256"));
            assert_eq!(
                serde_json::from_value::<Parallel>(wrong.into()).unwrap_err().to_string(),
                said,
                "as a setting"
            );
        }
        assert_eq!(serde_json::from_value::<Parallel>(32.into()).unwrap().get(), 32);
    }
}
