//! What is trained is what is served: encoder, model and target transform are fitted together,
//! stored in one file and loaded as one. Serving has no encoding of its own to get wrong.

use std::ops::ControlFlow;

use ndarray::Array1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::diamond::{Diamond, Fault, Field, PricedDiamond};
use crate::error::{Error, Result};
use crate::features::{Encoder, Encoding, PartialDiamond, Proportions};
use crate::interrupt::Interrupt;
use crate::model::{self, Estimator, Params, Regressor, Samples, Stored, StoredHeader, Watch};

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
}

/// Stones to look at while a pipeline is fitted.
pub struct Validation<'a> {
    /// Stones that are not learned from.
    pub stones: &'a [PricedDiamond],
    /// Called after each round, from 1, with the prices (US dollars) predicted so far.
    #[allow(clippy::type_complexity)]
    pub after_round: &'a mut dyn FnMut(usize, &[f64]) -> Result<ControlFlow<()>>,
}

/// A fitted model that prices diamonds.
pub struct Pipeline {
    family: String,
    encoder: Encoder,
    target: Target,
    proportions: Proportions,
    regressor: Box<dyn Regressor>,
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
        let bare = || stones.iter().map(PricedDiamond::diamond);
        let encoder = self.encoding.fit(bare());
        let features = encoder.encode(bare());
        let learned =
            |stone: &PricedDiamond| self.target.of_price(stone.price_usd(), stone.diamond().carat());
        let target: Array1<f64> = stones.iter().map(learned).collect();
        let kinds = encoder.kinds();
        let weight = self.target.weight(stones);
        let weight = weight.as_ref().map(Array1::view);
        let samples = Samples { features: features.view(), target: target.view(), kinds: &kinds, weight };
        let fit = |watch| self.estimator.fit(samples, params, seed, watch, interrupt);
        let regressor = match validation {
            None => fit(None)?,
            Some(Validation { stones, after_round }) => {
                let watched = encoder.encode(stones.iter().map(PricedDiamond::diamond));
                let mut in_dollars = |round, values: &[f32]| {
                    let price = |(value, stone): (&f32, &PricedDiamond)| {
                        self.target.to_price(f64::from(*value), stone.diamond().carat())
                    };
                    let prices: Vec<_> = values.iter().zip(stones).map(price).collect();
                    after_round(round, &prices)
                };
                fit(Some(Watch { features: watched.view(), after_round: &mut in_dollars }))?
            }
        };
        let proportions = Proportions::fit(bare());
        Ok(Pipeline { family: family.into(), encoder, target: self.target, proportions, regressor })
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

    /// One price per stone, in US dollars. A stone's price does not depend on the others.
    pub fn predict<'a>(&self, stones: impl ExactSizeIterator<Item = &'a Diamond>) -> Vec<f64> {
        let stones: Vec<_> = stones.collect();
        let values = self.regressor.predict(self.encoder.encode(stones.iter().copied()).view());
        let price = |(value, stone): (f64, &Diamond)| self.target.to_price(value, stone.carat());
        values.into_iter().zip(stones).map(price).collect()
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
    /// Every fault of what was given.
    pub fn value(&self, stone: PartialDiamond<'_>) -> Result<Valuation, Vec<Fault>> {
        let (stone, assumed) = self.complete(stone)?;
        let values = self.regressor.predict(self.encoder.encode(std::iter::once(&stone)).view());
        Ok(Valuation { price_usd: self.target.to_price(values[0], stone.carat()), assumed })
    }

    /// Intercept and one coefficient a feature of the encoder's, if the model is linear.
    pub fn linear_coefficients(&self) -> Option<(f64, Vec<f64>)> {
        self.regressor.stored().header.linear_coefficients()
    }

    /// XGBoost's own model file, if that is what the model is.
    pub fn xgboost_file(&self) -> Option<Vec<u8>> {
        let stored = self.regressor.stored();
        (stored.header == StoredHeader::Xgboost).then_some(stored.body)
    }
}

/// The first line of a stored pipeline, before the digest of all that follows it.
const MAGIC: &str = "xtream-pipeline 1 sha256:";
/// Version of the format, for model cards.
pub const FORMAT_VERSION: u32 = 1;

/// The second line; the model's own bytes follow.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    family: String,
    target: Target,
    encoder: Encoder,
    proportions: Proportions,
    model: StoredHeader,
}

impl Pipeline {
    /// The pipeline as one file: a line with the digest of the rest, a line of JSON, and the
    /// model's own bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let Stored { header: model, body } = self.regressor.stored();
        let header = Header {
            family: self.family.clone(),
            target: self.target,
            encoder: self.encoder.clone(),
            proportions: self.proportions.clone(),
            model,
        };
        let mut content =
            serde_json::to_vec(&header).map_err(|error| Error::model_file(error.to_string()))?;
        content.push(b'\n');
        content.extend(body);
        let mut bytes = format!("{MAGIC}{}\n", digest(&content)).into_bytes();
        bytes.extend(content);
        Ok(bytes)
    }

    /// Reads a stored pipeline and checks all of it before the first prediction.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when a single bit of it is not as it was written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (first, content) = split_line(bytes)?;
        let stated = first.strip_prefix(MAGIC.as_bytes());
        let stated =
            stated.ok_or_else(|| Error::model_file("it does not begin as a stored pipeline does"))?;
        if digest(content).as_bytes() != stated {
            return Err(Error::model_file("its content does not match its digest"));
        }
        let (header, body) = split_line(content)?;
        let header: Header =
            serde_json::from_slice(header).map_err(|error| Error::model_file(error.to_string()))?;
        let regressor = model::load(Stored { header: header.model, body: body.to_vec() })?;
        if regressor.n_features() != header.encoder.n_features() {
            return Err(Error::model_file(format!(
                "its encoder makes {} features, its model takes {}",
                header.encoder.n_features(),
                regressor.n_features()
            )));
        }
        if !header.proportions.is_sound() {
            return Err(Error::model_file("its proportions are not those of stones"));
        }
        Ok(Self {
            family: header.family,
            encoder: header.encoder,
            target: header.target,
            proportions: header.proportions,
            regressor,
        })
    }
}

fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes).ok_or_else(|| Error::model_file("it is cut off"))?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
