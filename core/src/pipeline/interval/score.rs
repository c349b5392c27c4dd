//! How far off a price was for what was expected, and the quantiles of that.

use crate::diamond::Diamond;
use crate::diamond::MAGIC_SIZES_CARAT;

/// A calibration stone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score<'a> {
    /// Which.
    pub stone: &'a Diamond,
    /// Actual error over expected error, of models that never saw the stone; above zero when it was sold for more than
    /// they told.
    pub score: f64,
}

/// The confidences whose quantiles are kept, in percent; one between two of them gets the wider range.
pub(super) const PERCENTS: std::ops::RangeInclusive<usize> = 50..=99;
/// Fewer scores do not have a 99th percentile.
pub const FEWEST_SCORES: usize = 100;
/// Fewer scores do not have an end that one stone in two hundred is beyond, as either end of a 99 % range is.
const FEWEST_FOR_TWO_ENDS: usize = 199;

/// The number of the band that this weight is in.
pub(super) fn band(carat: f64) -> usize {
    MAGIC_SIZES_CARAT.partition_point(|jump| *jump <= carat)
}

/// Where among `n` sorted scores, counted from 0, the one is that so many percent of all like them are not above: the
/// `ceil((n + 1) * percent / 100)`-th smallest.
pub(super) fn nth_of(n: usize, percent: usize) -> usize {
    nth_of_halves(n, 2 * percent)
}

/// [`nth_of`] where half a percent counts.
fn nth_of_halves(n: usize, half_percents: usize) -> usize {
    ((n + 1) * half_percents).div_ceil(200).clamp(1, n.max(1)) - 1
}

/// How far a range reaches to one side, in expected errors, at each of [`PERCENTS`].
pub(super) type Reach = Vec<f64>;

/// How far ranges reach below and above the price for these scores, of which there is at least one. Each end holds by
/// itself: of 90 % ranges, one stone in twenty is sold below the lower end and one in twenty above the upper. Where
/// scores are too few to have such ends both are alike, and one stone in ten is beyond one of the two.
pub(super) fn reaches(scores: &[f64]) -> [Reach; 2] {
    let sorted = |distance: &dyn Fn(f64) -> f64| {
        let mut distances: Vec<_> = scores.iter().map(|score| distance(*score)).collect();
        distances.sort_by(f64::total_cmp);
        distances
    };
    if scores.len() < FEWEST_FOR_TWO_ENDS {
        let alike = quantiles(&sorted(&f64::abs));
        return [alike.clone(), alike];
    }
    [-1.0, 1.0].map(|side| {
        let distances = sorted(&|score| side * score);
        // An end beyond the price on its other side would leave the price out of its own range.
        let reach = |percent| distances[nth_of_halves(distances.len(), 100 + percent)].max(0.0);
        PERCENTS.map(reach).collect()
    })
}

/// The quantiles of sorted distances, of which there is at least one, at each of [`PERCENTS`].
fn quantiles(sorted: &[f64]) -> Reach {
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

    #[test]
    fn each_end_is_beyond_one_score_in_twenty_of_its_own_side() {
        // Those above are three times as far off as those below.
        let scores: Vec<_> = (1..=1000).flat_map(|n| [-f64::from(n), 3.0 * f64::from(n)]).collect();
        let [below, above] = reaches(&scores);
        let nine_in_ten = 90 - PERCENTS.start();
        assert_eq!((below[nine_in_ten], above[nine_in_ten]), (901.0, 2703.0));
        let beyond = |end: &dyn Fn(f64) -> bool| scores.iter().filter(|score| end(**score)).count();
        assert_eq!(beyond(&|score| score < -below[nine_in_ten]), 99);
        assert_eq!(beyond(&|score| score > above[nine_in_ten]), 99);
    }

    #[test]
    fn a_side_without_errors_has_no_reach_and_few_scores_have_two_ends_alike() {
        let [below, above] = reaches(&(1..=400).map(f64::from).collect::<Vec<_>>());
        assert!(below.iter().all(|reach| *reach == 0.0) && above.is_sorted() && above[0] > 0.0);
        let [below, above] = reaches(&(1..=198).map(f64::from).collect::<Vec<_>>());
        assert!(below == above && below[40] == 180.0);
    }
}
