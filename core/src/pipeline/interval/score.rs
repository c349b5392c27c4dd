//! How far off a price was for what was expected, and the quantiles of that.

use crate::diamond::Diamond;
use crate::diamond::MAGIC_SIZES_CARAT;

/// A calibration stone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score<'a> {
    /// Which.
    pub stone: &'a Diamond,
    /// Actual error over expected error, of models that never saw the stone.
    pub score: f64,
}

/// The confidences whose quantiles are kept, in percent; one between two of them gets the wider range.
pub(super) const PERCENTS: std::ops::RangeInclusive<usize> = 50..=99;
/// Fewer scores do not have a 99th percentile.
pub const FEWEST_SCORES: usize = 100;
/// The number of the band that this weight is in.
pub(super) fn band(carat: f64) -> usize {
    MAGIC_SIZES_CARAT.partition_point(|jump| *jump <= carat)
}

/// Where among `n` sorted scores, counted from 0, the one is that so many percent of all like them are not above: the
/// `ceil((n + 1) * percent / 100)`-th smallest.
pub(super) fn nth_of(n: usize, percent: usize) -> usize {
    ((n + 1) * percent).div_ceil(100).clamp(1, n.max(1)) - 1
}

/// The quantiles of sorted scores, of which there is at least one, at each of [`PERCENTS`].
pub(super) fn quantiles(sorted: &[f64]) -> Vec<f64> {
    PERCENTS.map(|percent| sorted[nth_of(sorted.len(), percent)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_score_that_so_many_of_one_more_are_not_above() {
        let sorted: Vec<_> = (1..=899).map(f64::from).collect();
        assert_eq!(quantiles(&sorted)[40], 810.0);
        assert_eq!(quantiles(&sorted)[0], 450.0);
        // There is none above the last.
        assert_eq!(quantiles(&sorted[..60])[49], 60.0);
    }
}
