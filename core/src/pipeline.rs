//! What is trained is what is served: encoder, model and target transform are fitted together,
//! stored in one file and loaded as one. Serving has no encoding of its own to get wrong.

mod base;
mod prepared;
mod stored;

use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::appraisal::{self, Appraisal, Confidence, PriceRange, Question, Range};
use crate::comparables::Comparables;
use crate::diamond::{Diamond, Fault, Field, PricedDiamond, possible_price};
use crate::error::Result;
use crate::features::{Encoder, Encoding, PartialDiamond, Proportions};
use crate::interrupt::Interrupt;
use crate::model::{Estimator, FeatureKind, Params, Regressor, StoredHeader, Watch};

use self::base::Base;
pub use self::base::BaseRecipe;
pub use self::prepared::{AfterRound, Prepared};
pub use self::stored::FORMAT_VERSION;

/// What the model learns in place of the price itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The price in US dollars.
    Price,
    /// Its natural logarithm: errors count in proportion, and no prediction is negative.
    LogPrice,
    /// The natural logarithm of the price per carat. A stone's error counts by its price when it is
    /// fitted: an error in proportion costs as many times more dollars.
    LogPricePerCarat,
}

impl Target {
    /// What is learned in the place of the price (US dollars) of a stone of this weight.
    pub fn of_price(self, price_usd: f64, carat: f64) -> f64 {
        match self {
            Self::Price => price_usd,
            Self::LogPrice => price_usd.ln(),
            Self::LogPricePerCarat => (price_usd / carat).ln(),
        }
    }

    /// The price in US dollars that a learned value stands for, of a stone of this weight.
    pub fn to_price(self, value: f64, carat: f64) -> f64 {
        match self {
            Self::Price => value,
            Self::LogPrice => value.exp(),
            Self::LogPricePerCarat => value.exp() * carat,
        }
    }

    /// How much each stone's error counts, on average 1; `None` where all count alike.
    fn weight(self, stones: &[PricedDiamond]) -> Option<Array1<f64>> {
        match self {
            Self::Price | Self::LogPrice => None,
            Self::LogPricePerCarat => {
                let prices: Array1<_> = stones.iter().map(PricedDiamond::price_usd).collect();
                let mean = prices.mean()?;
                Some(prices / mean)
            }
        }
    }
}

/// How to fit a pipeline: everything about a model but its parameters and its data.
pub struct Recipe {
    /// From stones to features.
    pub encoding: Encoding,
    /// From prices to what is learned.
    pub target: Target,
    /// The algorithm.
    pub estimator: Box<dyn Estimator>,
    /// The simpler model that it starts from; without one it starts from nothing.
    pub base: Option<BaseRecipe>,
    /// Parameters with which the same algorithm makes a small model of how far off the prices are.
    pub difficulty: Params,
}

/// Stones to look at while a pipeline is fitted.
pub struct Validation<'a> {
    /// Stones that are not learned from.
    pub stones: &'a [PricedDiamond],
    /// Called after each round.
    pub after_round: AfterRound<'a>,
}

/// A fitted model that prices diamonds.
pub struct Pipeline {
    family: String,
    encoder: Encoder,
    target: Target,
    proportions: Proportions,
    base: Option<Base>,
    regressor: Box<dyn Regressor>,
    /// `None` until it is calibrated.
    range: Option<Range>,
    /// The average stone, as a sample.
    background: Vec<Diamond>,
}

/// A stone's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Valuation {
    /// Price in US dollars.
    pub price_usd: f64,
    /// The measurements that were missing and had to be estimated.
    pub assumed: Vec<Field>,
}

impl Recipe {
    /// Fits encoder and model on `stones`.
    ///
    /// # Errors
    /// As [`Estimator::fit`].
    pub fn fit(
        &self,
        family: &str,
        stones: &[PricedDiamond],
        params: &Params,
        seed: u64,
        validation: Option<Validation<'_>>,
        interrupt: &Interrupt,
    ) -> Result<Pipeline> {
        let watched = validation.as_ref().map_or(&[][..], |validation| validation.stones);
        let prepared = self.prepare(stones, watched, params, interrupt)?;
        let fit = |watch| self.estimator.fit(prepared.samples(), params, seed, watch, interrupt);
        let regressor = match validation {
            None => fit(None)?,
            Some(Validation { after_round, .. }) => {
                let mut in_dollars = prepared.in_dollars_after(after_round);
                fit(Some(Watch { features: prepared.watched(), after_round: &mut in_dollars }))?
            }
        };
        Ok(prepared.pipeline(family, stones, regressor))
    }
}

impl Pipeline {
    /// The family of models it belongs to.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The fitted encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What the model makes of each stone, in US dollars, for judging it: also where no diamond can have
    /// such a price. A stone's price does not depend on the others.
    pub fn predict<'a>(&self, stones: impl ExactSizeIterator<Item = &'a Diamond>) -> Vec<f64> {
        let stones: Vec<_> = stones.collect();
        let values = self.values(self.features(stones.iter().copied()).view());
        let price = |(value, stone): (f64, &Diamond)| self.target.to_price(value, stone.carat());
        values.into_iter().zip(stones).map(price).collect()
    }

    /// The prices of [`Pipeline::predict`], and where each lies; without ranges when the model was never
    /// calibrated.
    pub(crate) fn predict_ranges(
        &self,
        stones: &[&Diamond],
        confidence: Confidence,
    ) -> (Vec<f64>, Option<Vec<PriceRange>>) {
        let features = self.features(stones.iter().copied());
        let values = self.values(features.view()).into_iter().zip(stones);
        let prices: Vec<_> =
            values.map(|(value, stone)| self.target.to_price(value, stone.carat())).collect();
        let ranges = self.range.as_ref().map(|range| range.of(features.view(), stones, &prices, confidence));
        (prices, ranges)
    }

    /// A stone with its missing measurements estimated, and their names.
    ///
    /// # Errors
    /// Every fault of what was given.
    pub fn complete(&self, stone: PartialDiamond<'_>) -> Result<(Diamond, Vec<Field>), Vec<Fault>> {
        self.proportions.complete(stone)
    }

    /// The value of one stone, of which measurements may be missing.
    ///
    /// # Errors
    /// Every fault of what was given; or a fault of [`Field::Price`] alone, when the price is one that no
    /// diamond can have: not a number, or not from a dollar to a billion.
    pub fn value(&self, stone: PartialDiamond<'_>) -> Result<Valuation, Vec<Fault>> {
        let (stone, assumed) = self.complete(stone)?;
        let values = self.values(self.features(std::iter::once(&stone)).view());
        Ok(Valuation { price_usd: possible_price(self.target.to_price(values[0], stone.carat()))?, assumed })
    }

    /// This pipeline with what it needs to say how sure a price is and why it is the price.
    pub fn calibrated(self, range: Option<Range>, background: Vec<Diamond>) -> Self {
        Self { range, background, ..self }
    }

    /// How it tells where prices lie, if it does.
    pub fn range(&self) -> Option<&Range> {
        self.range.as_ref()
    }

    /// The stones whose mean price is that of the average stone.
    pub fn background(&self) -> &[Diamond] {
        &self.background
    }

    /// The features of these stones, as the model sees them.
    pub(crate) fn features<'a>(
        &self,
        stones: impl ExactSizeIterator<Item = &'a Diamond> + Clone,
    ) -> Array2<f64> {
        base::features(&self.encoder, self.base.as_ref(), stones)
    }

    /// A readable name for each of these features.
    pub fn feature_names(&self) -> Vec<String> {
        base::names(&self.encoder, self.base.as_ref())
    }

    /// What each of these features holds.
    pub(crate) fn kinds(&self) -> Vec<FeatureKind> {
        base::kinds(&self.encoder, self.base.as_ref())
    }

    /// What the model makes of these features, before it is a price.
    fn values(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        let values = self.regressor.predict(features);
        match base::starts(features, self.base.as_ref()) {
            Some(starts) => starts + values,
            None => values,
        }
    }

    /// Everything that is asked about one stone, of which measurements may be missing. The price is that
    /// of [`Pipeline::value`], bit for bit. `sold` are the stones among which comparable ones are looked
    /// for; without them there are none.
    ///
    /// # Errors
    /// As [`Pipeline::value`].
    pub fn appraise(
        &self,
        stone: PartialDiamond<'_>,
        question: &Question,
        sold: Option<&Comparables>,
    ) -> Result<Appraisal, Vec<Fault>> {
        let (stone, assumed) = self.complete(stone)?;
        let features = self.features(std::iter::once(&stone));
        let value = self.values(features.view())[0];
        let price_usd = possible_price(self.target.to_price(value, stone.carat()))?;
        let prices = |stones: &[Diamond]| self.predict(stones.iter());
        let range = self
            .range
            .as_ref()
            .and_then(|range| range.of(features.view(), &[&stone], &[price_usd], question.confidence).pop());
        let reasons = question.reasons.then(|| appraisal::reasons(&stone, &self.background, &prices));
        let sold = sold.filter(|_| question.comparables);
        Ok(Appraisal {
            stone,
            assumed,
            price_usd,
            range,
            reasons: reasons.flatten(),
            comparables: sold.map(|sold| appraisal::comparables(&stone, price_usd, sold, &prices)),
            what_if: question.what_if.then(|| appraisal::what_if(&stone, price_usd, &prices)),
        })
    }

    /// Intercept and one coefficient a feature of the encoder's, if the model is linear.
    pub fn linear_coefficients(&self) -> Option<(f64, Vec<f64>)> {
        self.regressor.stored().header.linear_coefficients()
    }

    /// XGBoost's own model file, if that is what the model is. Of a model that starts from another one it is what
    /// is added to that one's value, and that value is its last feature.
    pub fn xgboost_file(&self) -> Option<Vec<u8>> {
        let stored = self.regressor.stored();
        (stored.header == StoredHeader::Xgboost).then_some(stored.body)
    }
}
