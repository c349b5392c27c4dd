//! What is trained is what is served: encoder, model and target transform are fitted together,
//! stored in one file and loaded as one. Serving has no encoding of its own to get wrong.

mod extent;
mod file;
mod init_score;
pub mod interval;
mod prepared;

use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::diamond::{Diamond, Fault, Field, PricedDiamond, RawDiamond, to_cents};
use crate::error::Result;
use crate::features::{Encoder, Encoding, Imputer, PartialDiamond};
use crate::interrupt::Interrupt;
use crate::math::{exp, ln};
use crate::model::{Estimator, EvalSet, FeatureKind, ModelHeader, Params, Regressor};
use crate::similar::{self, SimilarIndex};
use crate::valuation::{self, Appraisal, Options, Priced};

pub use self::extent::{Extent, MOST_TIMES_PRICE, MOST_TIMES_WEIGHT};
pub use self::file::FORMAT_VERSION;
use self::init_score::InitScore;
pub use self::init_score::InitScoreRecipe;
use self::interval::{Confidence, IntervalModel};
pub use self::prepared::{AfterRound, Prepared};

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
            Self::LogPrice => ln(price_usd),
            Self::LogPricePerCarat => ln(price_usd / carat),
        }
    }

    /// The price in US dollars that a learned value stands for, of a stone of this weight.
    pub fn to_price(self, value: f64, carat: f64) -> f64 {
        match self {
            Self::Price => value,
            Self::LogPrice => exp(value),
            Self::LogPricePerCarat => exp(value) * carat,
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
    pub init_score: Option<InitScoreRecipe>,
    /// Parameters with which the same algorithm makes a small model of how far off the prices are.
    pub difficulty: Params,
}

/// Stones to look at while a pipeline is fitted.
pub struct EvalStones<'a> {
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
    imputer: Imputer,
    extent: Extent,
    init_score: Option<InitScore>,
    regressor: Box<dyn Regressor>,
    /// `None` until it is calibrated.
    intervals: Option<IntervalModel>,
    /// The average stone, as a sample.
    background: Vec<Diamond>,
}

/// A stone's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Valuation {
    /// Price in US dollars, to the cent.
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
        eval_stones: Option<EvalStones<'_>>,
        interrupt: &Interrupt,
    ) -> Result<Pipeline> {
        let eval = eval_stones.as_ref().map_or(&[][..], |eval| eval.stones);
        let prepared = self.prepare(stones, eval, params, interrupt)?;
        let fit = |eval_set| self.estimator.fit(prepared.samples(), params, seed, eval_set, interrupt);
        let regressor = match eval_stones {
            None => fit(None)?,
            Some(EvalStones { after_round, .. }) => {
                let mut in_dollars = prepared.in_dollars_after(after_round);
                fit(Some(EvalSet { features: prepared.eval(), after_round: &mut in_dollars }))?
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

    /// The price of each stone to the cent, with its range where a confidence is given and the model has ranges.
    /// Beyond what was learned from a range has no confidence; far beyond there is no price, and the fault says
    /// which end it is.
    pub(crate) fn price(
        &self,
        stones: &[&Diamond],
        confidence: Option<Confidence>,
    ) -> Vec<Result<Priced, Fault>> {
        let features = self.features(stones.iter().copied());
        let values = self.values(features.view()).into_iter().zip(stones);
        let prices: Vec<_> =
            values.map(|(value, stone)| self.target.to_price(value, stone.carat())).collect();
        let intervals = self.intervals.as_ref().zip(confidence);
        let ranges = intervals
            .map(|(intervals, confidence)| intervals.of(features.view(), stones, &prices, confidence));
        let mut ranges = ranges.into_iter().flatten();
        let price = |(stone, price_usd): (&&Diamond, f64)| {
            let range = ranges.next();
            self.extent.check_weight(stone)?;
            let price_usd = self.extent.price(price_usd)?;
            let is_known = self.extent.holds(stone, price_usd);
            let range = range.map(|range| if is_known { range } else { range.unsure() });
            Ok(Priced { price_usd, range, is_known, warnings: Vec::new() })
        };
        stones.iter().zip(prices).map(price).collect()
    }

    /// What is to be said beside the price of a stone that was typed as `raw` and then perhaps completed: likely
    /// typing errors and contradictions ([`Diamond::warnings`]), where it lies beyond what was learned from, and that
    /// there is no range although one `is_asked` for.
    pub(crate) fn warnings(
        &self,
        stone: &Diamond,
        raw: &RawDiamond<'_>,
        priced: &Priced,
        is_asked: bool,
    ) -> Vec<Fault> {
        let mut warnings = stone.warnings(raw);
        if !priced.is_known {
            warnings.extend(self.extent.beyond(stone, priced.price_usd));
        }
        if is_asked && self.intervals.is_none() {
            let reason = "has no range, because this model was trained without ranges or on too few stones";
            warnings.push(Fault::beyond(Field::Price, format!("{:.2}", priced.price_usd), reason.into()));
        }
        warnings
    }

    /// What it learned from, from end to end.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// A stone with its missing measurements estimated, and their names.
    ///
    /// # Errors
    /// Every fault of what was given.
    pub fn complete(&self, stone: PartialDiamond<'_>) -> Result<(Diamond, Vec<Field>), Vec<Fault>> {
        self.imputer.complete(stone)
    }

    /// The value of one stone, of which measurements may be missing.
    ///
    /// # Errors
    /// Every fault of what was given; or, of a stone without fault, that it lies so far beyond what was learned
    /// from that there is no price: a fault of its weight or of [`Field::Price`], and after it what is doubtful.
    pub fn value(&self, stone: PartialDiamond<'_>) -> Result<Valuation, Vec<Fault>> {
        let raw = stone.0;
        let (stone, assumed) = self.complete(stone)?;
        let priced = self.price_one(&stone, &raw, None)?;
        Ok(Valuation { price_usd: priced.price_usd, assumed })
    }

    fn price_one(
        &self,
        stone: &Diamond,
        raw: &RawDiamond<'_>,
        confidence: Option<Confidence>,
    ) -> Result<Priced, Vec<Fault>> {
        self.price(&[stone], confidence).remove(0).map_err(|fault| refusal(fault, stone, raw))
    }

    /// This pipeline with what it needs to say how sure a price is and why it is the price.
    pub fn calibrated(self, intervals: Option<IntervalModel>, background: Vec<Diamond>) -> Self {
        Self { intervals, background, ..self }
    }

    /// How it tells where prices lie, if it does.
    pub fn intervals(&self) -> Option<&IntervalModel> {
        self.intervals.as_ref()
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
        init_score::features(&self.encoder, self.init_score.as_ref(), stones)
    }

    /// A readable name for each of these features.
    pub fn feature_names(&self) -> Vec<String> {
        init_score::names(&self.encoder, self.init_score.as_ref())
    }

    /// What each of these features holds.
    pub(crate) fn kinds(&self) -> Vec<FeatureKind> {
        init_score::kinds(&self.encoder, self.init_score.as_ref())
    }

    /// What the model makes of these features, before it is a price.
    fn values(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        let values = self.regressor.predict(features);
        match init_score::starts(features, self.init_score.as_ref()) {
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
        options: &Options,
        sold: Option<&SimilarIndex>,
    ) -> Result<Appraisal, Vec<Fault>> {
        let raw = stone.0;
        let (stone, assumed) = self.complete(stone)?;
        let priced = self.price_one(&stone, &raw, Some(options.confidence))?;
        let price_usd = priced.price_usd;
        // To the cent, as the price itself is: what is added up or compared agrees with it.
        let prices = |stones: &[Diamond]| self.predict(stones.iter()).into_iter().map(to_cents).collect();
        let has_price = |stone: &Diamond, price_usd: f64| {
            self.extent.check_weight(stone).is_ok() && self.extent.price(price_usd).is_ok()
        };
        // Where a stone has no price, nobody compares with one.
        let comparable = |stones: &[Diamond]| {
            let mut found: Vec<_> = prices(stones);
            let refused = found.iter_mut().zip(stones).filter(|(price, stone)| !has_price(stone, **price));
            refused.for_each(|(price, _)| *price = f64::NAN);
            found
        };
        let reasons = options.reasons.then(|| valuation::explain(&stone, &self.background, &prices));
        let sold = sold.filter(|_| options.comparables);
        Ok(Appraisal {
            warnings: self.warnings(&stone, &raw, &priced, true),
            stone,
            assumed,
            price_usd,
            range: priced.range,
            reasons: reasons.flatten(),
            comparables: sold.map(|sold| similar::comparables(&stone, price_usd, sold, &comparable)),
            what_if: options.what_if.then(|| valuation::counterfactuals(&stone, price_usd, &comparable)),
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
        (stored.header == ModelHeader::Xgboost).then_some(stored.body)
    }
}

/// All that is wrong with a stone without a price; a typing error most likely made it so.
pub(crate) fn refusal(fault: Fault, stone: &Diamond, raw: &RawDiamond<'_>) -> Vec<Fault> {
    std::iter::once(fault).chain(stone.warnings(raw)).collect()
}
