//! Which rows test. The stone itself decides, not its place in the file: a stone never changes
//! side when more data arrives, appraisals of the same stone never straddle, and so a former
//! champion was never trained on today's test stones.

use serde::{Deserialize, Serialize};

use super::stone_fingerprint;
use crate::diamond::Diamond;
use crate::error::{Error, Result};

/// A rule that sends a fixed share of all possible stones to the test side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    seed: u64,
    test_share: f64,
}

impl Default for Split {
    /// A fifth of the stones tests.
    fn default() -> Self {
        Self { seed: 42, test_share: 0.2 }
    }
}

impl Split {
    /// A rule of its own. The seed belongs to the registry's lifetime: another seed is another
    /// test set, and models judged on different test sets cannot be compared in full.
    ///
    /// # Errors
    /// When `test_share` is not strictly between 0 and 1.
    pub fn new(seed: u64, test_share: f64) -> Result<Self> {
        if test_share > 0.0 && test_share < 1.0 {
            return Ok(Self { seed, test_share });
        }
        Err(Error::Usage {
            reason: format!("a test share of {test_share}"),
            allowed: "a number between 0 and 1, such as 0.2".into(),
        })
    }

    /// Whether the stone tests rather than trains.
    pub fn is_test(&self, stone: &Diamond) -> bool {
        // The top 53 bits make a uniform number in [0, 1) that a float holds exactly.
        const STEPS: f64 = (1_u64 << 53) as f64;
        ((stone_fingerprint(stone, self.seed) >> 11) as f64) / STEPS < self.test_share
    }
}
