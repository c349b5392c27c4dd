//! How much further off a model is for stones of a grade than it expects to be.
//!
//! A model of difficulty sees the grades among much else, and may still expect too little of one of them: its errors
//! are calibrated for each band of weight, and a grade is found in all bands. So every cut, color and clarity has a
//! factor for its expected errors, such that ranges hold the price of nine in ten of its stones. A change of one
//! grade's factor changes how often the others' ranges hold, so they are put right in turn until they agree, which
//! is raking: Deming and Stephan, "On a least squares adjustment of a sampled frequency table" (1940), with a
//! quantile in the place of their sums.

use serde::{Deserialize, Serialize};

use super::score::{Score, band, nth_of};
use crate::diamond::{Clarity, Color, Cut, Diamond, Grade};

/// By what expected errors are multiplied, for each grade from worst to best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradeFactors {
    cut: Vec<f64>,
    color: Vec<f64>,
    clarity: Vec<f64>,
}

/// A kind of fewer stones than this is not told apart from the others.
pub(super) const FEWEST_OF_A_KIND: usize = 200;
/// How often each is put right; on the public data the last turn moves no stone's range by a thousandth.
const N_TURNS: usize = 6;
/// The share of a kind's ranges that shall hold.
const PERCENT: usize = 90;

impl Default for GradeFactors {
    /// Those that change nothing.
    fn default() -> Self {
        let ones = |n_grades| vec![1.0; n_grades];
        Self { cut: ones(Cut::ALL.len()), color: ones(Color::ALL.len()), clarity: ones(Clarity::ALL.len()) }
    }
}

impl GradeFactors {
    /// The factors that these scores ask for. Bands of weight are raked along, since a grade may be more
    /// frequent in one of them; each has its own quantiles later.
    pub(super) fn of(scores: &[Score<'_>]) -> Self {
        let mut residual: Vec<_> = scores.iter().map(|score| score.score.abs()).collect();
        let kinds: Vec<_> = scores.iter().map(|score| kinds(score.stone)).collect();
        let mut factors = [Vec::new(), Self::default().cut, Self::default().color, Self::default().clarity];
        factors[0] = vec![1.0; 1 + kinds.iter().map(|kinds| kinds[0]).max().unwrap_or_default()];
        for _ in 0..N_TURNS {
            for (sort, factors) in factors.iter_mut().enumerate() {
                for (kind, factor) in factors.iter_mut().enumerate() {
                    let rows = || (0..residual.len()).filter(|row| kinds[*row][sort] == kind);
                    let mut values: Vec<_> = rows().map(|row| residual[row]).collect();
                    if values.len() < FEWEST_OF_A_KIND {
                        continue;
                    }
                    let place = nth_of(values.len(), PERCENT);
                    let (_, held, _) = values.select_nth_unstable_by(place, f64::total_cmp);
                    // A model without errors has none to put right.
                    if *held > 0.0 {
                        *factor *= *held;
                        let rows: Vec<_> = rows().collect();
                        rows.into_iter().for_each(|row| residual[row] /= *held);
                    }
                }
            }
        }
        let [_, cut, color, clarity] = factors;
        Self { cut, color, clarity }
    }

    /// Whether they are factors of the grades there are.
    pub(super) fn are_sound(&self) -> bool {
        let Self { cut, color, clarity } = self;
        let is_factor = |value: &f64| value.is_finite() && *value > 0.0;
        [cut.len(), color.len(), clarity.len()] == [Cut::ALL.len(), Color::ALL.len(), Clarity::ALL.len()]
            && [cut, color, clarity].into_iter().flatten().all(is_factor)
    }

    /// The factor of a stone's expected error.
    pub(super) fn at(&self, stone: &Diamond) -> f64 {
        let [_, cut, color, clarity] = kinds(stone);
        self.cut[cut] * self.color[color] * self.clarity[clarity]
    }
}

/// Numbers of a stone's kinds: its band of weight, cut, color and clarity.
fn kinds(stone: &Diamond) -> [usize; 4] {
    [band(stone.carat()), stone.cut().rank(), stone.color().rank(), stone.clarity().rank()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;
    use crate::diamond::{Cell, Field, RawDiamond};

    fn stone(carat: f64, color: Color, clarity: Clarity) -> Diamond {
        let raw = RawDiamond::from_cells(|field| match field {
            Field::Carat => Cell::Number(carat),
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text(color.label()),
            Field::Clarity => Cell::Text(clarity.label()),
            _ => Cell::Number(5.0),
        });
        raw.parse().unwrap()
    }

    #[test]
    fn a_grade_whose_errors_are_underestimated_has_a_factor_and_none_for_the_company_it_keeps() {
        let mut random = Pcg64::seed_from_u64(3);
        // Errors of D are .8 times and of VVS1 1.5 times as large as expected, of stones from .50 ct twice; and
        // most stones of D are VVS1 and light.
        let mut stones = Vec::new();
        for _ in 0..30_000 {
            let is_d = random.random_bool(0.3);
            let color = if is_d { Color::D } else { Color::G };
            let clarity =
                if random.random_bool(if is_d { 0.7 } else { 0.2 }) { Clarity::VVS1 } else { Clarity::SI1 };
            let carat = if random.random_bool(if is_d { 0.8 } else { 0.4 }) { 0.4 } else { 0.6 };
            stones.push(stone(carat, color, clarity));
        }
        stones.extend((0..100).map(|_| stone(0.4, Color::G, Clarity::IF)));
        let scores: Vec<_> = stones
            .iter()
            .map(|stone| {
                let of_color = if stone.color() == Color::D { 0.8 } else { 1.0 };
                let of_clarity = if stone.clarity() == Clarity::VVS1 { 1.5 } else { 1.0 };
                let of_weight = if stone.carat() < 0.5 { 1.0 } else { 2.0 };
                let score = random.random_range(0.0..1.0) * of_color * of_clarity * of_weight;
                Score { stone, score }
            })
            .collect();
        let factors = GradeFactors::of(&scores);
        assert!(factors.are_sound());
        let of_clarity = factors.clarity[Clarity::VVS1.rank()] / factors.clarity[Clarity::SI1.rank()];
        assert!((of_clarity - 1.5).abs() < 0.05, "{of_clarity}");
        let of_color = factors.color[Color::D.rank()] / factors.color[Color::G.rank()];
        assert!((of_color - 0.8).abs() < 0.03, "{of_color}");
        assert_eq!(factors.clarity[Clarity::IF.rank()], 1.0, "a hundred stones say too little");
        assert_eq!(factors.clarity[Clarity::I1.rank()], 1.0, "there are none");
    }

    #[test]
    fn a_model_without_errors_has_nothing_put_right() {
        let stone = stone(0.4, Color::G, Clarity::SI1);
        let scores = vec![Score { stone: &stone, score: 0.0 }; 500];
        assert_eq!(GradeFactors::of(&scores), GradeFactors::default());
    }
}
