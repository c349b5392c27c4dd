//! A fitted pipeline: from a stone to its price and its range.

use ndarray::{Array1, Array2, ArrayView2};

use super::extent::Extent;
use super::init_score::{self, InitScore};
use super::interval::{Confidence, IntervalModel, PriceRange};
use super::order::Order;
use super::target::Target;
use crate::diamond::{Diamond, Fault, Field, PricedDiamond, RawDiamond};
use crate::features::{Encoder, Imputer};
use crate::model::{FeatureKind, ModelHeader, Regressor};

/// A fitted model that prices diamonds.
pub struct Pipeline {
    pub(super) family: String,
    pub(super) encoder: Encoder,
    pub(super) target: Target,
    pub(super) imputer: Imputer,
    pub(super) extent: Extent,
    pub(super) init_score: Option<InitScore>,
    pub(super) regressor: Box<dyn Regressor>,
    /// Where better or heavier stones are promised never to cost less.
    pub(super) order: Option<Order>,
    /// `None` until it is calibrated.
    pub(super) intervals: Option<IntervalModel>,
    /// The average stone, as a sample.
    pub(super) background: Vec<Diamond>,
}

/// What a model makes of a stone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Priced {
    /// US dollars, to the cent.
    pub(crate) price_usd: f64,
    /// Where the price lies; `None` when nobody asked, or the model was trained without ranges.
    pub(crate) range: Option<PriceRange>,
    /// Whether stone and price lie within what the model learned from.
    pub(crate) is_known: bool,
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
        let values = self.values(&stones, self.features(stones.iter().copied()).view());
        self.to_prices(values, &stones)
    }

    /// The same without the promise that better or heavier stones never cost less; `None` where there is none.
    pub fn predict_free<'a>(&self, stones: impl ExactSizeIterator<Item = &'a Diamond>) -> Option<Vec<f64>> {
        self.order.as_ref()?;
        let stones: Vec<_> = stones.collect();
        let values = self.free_values(self.features(stones.iter().copied()).view());
        Some(self.to_prices(values, &stones))
    }

    /// Whether better or heavier stones are promised never to cost less.
    pub fn is_monotone(&self) -> bool {
        self.order.is_some()
    }

    fn to_prices(&self, values: Array1<f64>, stones: &[&Diamond]) -> Vec<f64> {
        let price = |(value, stone): (f64, &&Diamond)| self.target.to_price(value, stone.carat());
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
        let prices = self.to_prices(self.values(stones, features.view()), stones);
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
            Ok(Priced { price_usd, range, is_known })
        };
        stones.iter().zip(prices).map(price).collect()
    }

    /// How wide the ranges of nine in ten are for these stones, on average, in US dollars; `None` of a model without ranges
    /// and where none of them has one.
    pub fn mean_range_width(&self, stones: &[PricedDiamond]) -> Option<f64> {
        self.intervals.as_ref()?;
        let stones: Vec<_> = stones.iter().map(PricedDiamond::diamond).collect();
        let priced = self.price(&stones, Some(Confidence::NINE_IN_TEN));
        let ranges = priced.into_iter().flatten().filter_map(|priced| priced.range);
        let widths: Vec<_> = ranges.map(|range| range.high_usd - range.low_usd).collect();
        (!widths.is_empty()).then(|| widths.iter().sum::<f64>() / widths.len() as f64)
    }

    /// What it learned from, from end to end.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// What is to be said of a stone of this price (US dollars) that lies beyond what was learned from.
    pub(crate) fn beyond(&self, stone: &Diamond, price_usd: f64) -> Vec<Fault> {
        self.extent.beyond(stone, price_usd)
    }

    /// A stone with its missing measurements estimated, and their names.
    ///
    /// # Errors
    /// Every fault of what was given.
    pub fn complete(&self, stone: &RawDiamond<'_>) -> Result<(Diamond, Vec<Field>), Vec<Fault>> {
        self.imputer.complete(stone)
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

    /// The features of these stones, as the model sees them, shape (n_stones, n_features).
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

    /// What the model makes of these stones with these features, shape (n_stones,), in units of the target.
    fn values(&self, stones: &[&Diamond], features: ArrayView2<'_, f64>) -> Array1<f64> {
        match &self.order {
            Some(order) => order.values(stones, features),
            None => self.free_values(features),
        }
    }

    fn free_values(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        let values = self.regressor.predict(features);
        match init_score::starts(features, self.init_score.as_ref()) {
            Some(starts) => starts + values,
            None => values,
        }
    }

    /// Intercept and one coefficient a feature of the encoder's, in units of the target, if the model is linear; before
    /// its prices are put in order, if they are.
    pub fn linear_coefficients(&self) -> Option<(f64, Vec<f64>)> {
        self.regressor.stored().header.linear_coefficients()
    }

    /// XGBoost's own model file, if that is what the model is. Of a model that starts from another one it is what
    /// is added to that one's value, and that value is its last feature. Where prices are put in order, that comes after.
    pub fn xgboost_file(&self) -> Option<Vec<u8>> {
        let stored = self.regressor.stored();
        (stored.header == ModelHeader::Xgboost).then_some(stored.body)
    }
}
