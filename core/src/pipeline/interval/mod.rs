//! Where the price lies, nine times in ten or as often as is asked: conformal prediction with
//! normalised residuals, calibrated for each band of weight by itself.
//!
//! A second, small model learns how far off the price model is for a stone like this, as a share of
//! the price. The *score* of a calibration stone is its actual error divided by that expected one;
//! the range of a new stone is its price, less and plus its expected error times a quantile of
//! the scores in its band of weight, times factors of its grades ([`GradeFactors`]). Each end has its own quantile, of
//! the scores below or above, so that it holds by itself. Both the price and the expected error of a calibration stone
//! come from models that were not fitted on it.
//!
//! Sources: normalised scores, Papadopoulos, Gammerman and Vovk, "Normalized nonconformity measures
//! for regression conformal prediction" (2008); bands, Vovk, "Conditional validity of inductive
//! conformal predictors" (2012); scores out of fold,
//! Vovk, "Cross-conformal predictors" (2015); an end by itself, Linusson, Johansson and Löfström, "Signed-error
//! conformal regression" (2014).

mod confidence;
mod grade_factors;
mod score;

use ndarray::{Array1, Array2, ArrayView2};
use serde::Serialize;

pub use self::confidence::Confidence;
use self::grade_factors::FEWEST_OF_A_KIND;
pub use self::grade_factors::GradeFactors;
pub use self::score::{FEWEST_SCORES, Score};
use self::score::{PERCENTS, band, reaches};
use crate::diamond::MAGIC_SIZES_CARAT;
use crate::diamond::{Diamond, to_cents};
use crate::error::{Error, Result};
use crate::math::ln;
use crate::model::Regressor;

/// Where a price lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PriceRange {
    /// Lower end in US dollars, not below zero, to the cent.
    pub low_usd: f64,
    /// Upper end in US dollars, to the cent.
    pub high_usd: f64,
    /// How often such ranges hold the price, as a share of 1; `None` beyond what the model learned from, where
    /// nobody knows.
    pub confidence: Option<f64>,
}

impl PriceRange {
    /// The same ends, of which nobody knows how often they hold the price.
    pub(crate) fn unsure(self) -> Self {
        Self { confidence: None, ..self }
    }
}

/// A fitted way to tell where prices lie.
pub struct IntervalModel {
    /// Expects the error as a share of the price, from the features of the price model and the
    /// logarithm of the price.
    difficulty: Box<dyn Regressor>,
    reaches: Reaches,
    grades: GradeFactors,
}

/// How far ranges reach from the price, in expected errors: for each band of weight, lightest first, one for each
/// percent of confidence from 50 to 99.
#[derive(Clone, Debug, PartialEq)]
pub struct Reaches {
    /// To the lower end.
    pub below: Vec<Vec<f64>>,
    /// To the upper end.
    pub above: Vec<Vec<f64>>,
}

impl Reaches {
    fn are_sound(&self) -> bool {
        let is_sound = |reach: &Vec<f64>| {
            reach.len() == PERCENTS.count()
                && reach.is_sorted()
                && reach.iter().all(|value| value.is_finite() && *value >= 0.0)
        };
        [&self.below, &self.above]
            .into_iter()
            .all(|bands| bands.len() == MAGIC_SIZES_CARAT.len() + 1 && bands.iter().all(is_sound))
    }
}

/// Nobody's price is surer than this, as a share: the same stone is sold for prices 3 % apart.
const SUREST: f64 = 0.01;
/// An error beyond the price itself teaches no more than one as large as the price.
const LARGEST_ERROR: f64 = 1.0;

impl IntervalModel {
    /// What the model of difficulty sees, shape (n_stones, n_features + 1): the features of the price model, and the
    /// logarithm of the price in US dollars as the last column.
    pub fn features(features: ArrayView2<'_, f64>, prices_usd: &[f64]) -> Array2<f64> {
        let (n_rows, n_columns) = features.dim();
        let mut seen = Array2::zeros((n_rows, n_columns + 1));
        seen.slice_mut(ndarray::s![.., ..n_columns]).assign(&features);
        for (slot, price) in seen.column_mut(n_columns).iter_mut().zip(prices_usd) {
            *slot = ln(sold(*price));
        }
        seen
    }

    /// What it learns, shape (n_stones,): errors as a share of the price that was predicted. `actual` and `predicted` are in US
    /// dollars.
    pub fn target(actual: &[f64], predicted: &[f64]) -> Array1<f64> {
        let errors = actual.iter().zip(predicted);
        errors.map(|(actual, predicted)| error(*actual, *predicted).min(LARGEST_ERROR)).collect()
    }

    /// The score of a stone: its error as a share of the price, over the share that was expected, `difficulty`; below
    /// zero when it was sold for less than was predicted.
    pub fn score(actual_usd: f64, predicted_usd: f64, difficulty: f64) -> f64 {
        (error(actual_usd, predicted_usd) / difficulty.max(SUREST)).copysign(actual_usd - sold(predicted_usd))
    }

    /// Puts the parts together; there are at least [`FEWEST_SCORES`].
    ///
    /// # Errors
    /// [`Error::TooFewRows`] otherwise.
    pub fn calibrated(difficulty: Box<dyn Regressor>, scores: &[Score<'_>]) -> Result<Self> {
        if scores.len() < FEWEST_SCORES {
            let reason = format!("{} stones are too few to calibrate ranges of prices", scores.len());
            return Err(Error::TooFewRows { reason });
        }
        let grades = GradeFactors::of(scores);
        let of = |wanted: &dyn Fn(&Score<'_>) -> bool| -> Vec<_> {
            let wanted = scores.iter().filter(|score| wanted(score));
            wanted.map(|score| score.score / grades.at(score.stone)).collect()
        };
        let all = reaches(&of(&|_| true));
        let of_band = |number: usize| {
            let values = of(&|score| band(score.stone.carat()) == number);
            // A band of few stones is told the quantiles of all.
            if values.len() < FEWEST_OF_A_KIND { all.clone() } else { reaches(&values) }
        };
        let bands = (0..=MAGIC_SIZES_CARAT.len()).map(of_band);
        let (below, above) = bands.map(|[below, above]| (below, above)).unzip();
        Self::new(difficulty, Reaches { below, above }, grades)
    }

    /// Takes back what was stored.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when the quantiles or the factors are none.
    pub fn new(difficulty: Box<dyn Regressor>, reaches: Reaches, grades: GradeFactors) -> Result<Self> {
        if reaches.are_sound() && grades.are_sound() {
            return Ok(Self { difficulty, reaches, grades });
        }
        Err(Error::model_file("its ranges are not those of a calibrated model"))
    }

    /// The model of difficulty.
    pub fn difficulty(&self) -> &dyn Regressor {
        &*self.difficulty
    }

    /// How far its ranges reach.
    pub fn reaches(&self) -> &Reaches {
        &self.reaches
    }

    /// The factors of each grade.
    pub fn grades(&self) -> &GradeFactors {
        &self.grades
    }

    /// Where the prices of these stones lie: `features` are those of the price model, a row for each stone.
    pub fn of(
        &self,
        features: ArrayView2<'_, f64>,
        stones: &[&Diamond],
        prices_usd: &[f64],
        confidence: Confidence,
    ) -> Vec<PriceRange> {
        let expected = self.difficulty.predict(Self::features(features, prices_usd).view());
        // The tiny amount takes back what a share such as .57 gains in being multiplied.
        let percent = (confidence.share() * 100.0 - 1e-9).ceil() as usize;
        let position = percent.clamp(*PERCENTS.start(), *PERCENTS.end()) - PERCENTS.start();
        let rows = expected.iter().zip(stones).zip(prices_usd);
        rows.map(|((expected, stone), price)| {
            let (band, grades) = (band(stone.carat()), self.grades.at(stone));
            let usd = |reach: f64| reach * expected.max(SUREST) * grades * sold(*price);
            let [below, above] =
                [&self.reaches.below, &self.reaches.above].map(|bands| usd(bands[band][position]));
            let (low_usd, high_usd) = (to_cents((price - below).max(0.0)), to_cents(price + above));
            PriceRange { low_usd, high_usd, confidence: Some(confidence.share()) }
        })
        .collect()
    }
}

/// A model may predict what nobody ever sold a diamond for; a share of that would be none.
fn sold(price_usd: f64) -> f64 {
    price_usd.max(1.0)
}

fn error(actual_usd: f64, predicted_usd: f64) -> f64 {
    (actual_usd - sold(predicted_usd)).abs() / sold(predicted_usd)
}
