//! A pipeline as one file: a line with the digest of all that follows, a line of JSON, and the bytes of the
//! model and of the model of difficulty, one after the other.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::extent::Extent;
use super::fitted::Pipeline;
use super::init_score::InitScore;
use super::interval::{GradeFactors, IntervalModel, Reaches};
use super::order::Order;
use super::target::Target;
use crate::diamond::Diamond;
use crate::error::{Error, Result};
use crate::features::{Encoder, Imputer};
use crate::model::{self, ModelHeader, StoredModel};

/// Version of the format, for model cards. No other is read.
pub const FORMAT_VERSION: u32 = 5;
/// How the first line begins; the version comes next.
const MAGIC: &str = "xtream-pipeline ";
/// What follows the version; after it, the digest of the line's beginning and of all that follows the line.
const DIGEST: &str = " sha256:";

/// The second line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    family: String,
    target: Target,
    encoder: Encoder,
    #[serde(rename = "proportions")]
    imputer: Imputer,
    extent: Extent,
    model: ModelHeader,
    #[serde(rename = "base")]
    init_score: Option<StoredInitScore>,
    /// The weights (carat) of the table by which prices are put in order, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Vec<f64>>,
    #[serde(rename = "range")]
    intervals: Option<StoredIntervals>,
    background: Vec<Diamond>,
}

/// A model to start from says all about itself in the header.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredInitScore {
    encoder: Encoder,
    model: ModelHeader,
    carat: [f64; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredIntervals {
    difficulty: ModelHeader,
    /// How many of the last bytes of the file are the model of difficulty.
    n_bytes: usize,
    /// How far ranges reach below the price.
    bands: Vec<Vec<f64>>,
    /// How far above; as far as below when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    above: Option<Vec<Vec<f64>>>,
    grades: GradeFactors,
}

impl Pipeline {
    /// The pipeline as one file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let StoredModel { header: model, mut body } = self.regressor.stored();
        let intervals = self.intervals.as_ref().map(|intervals| {
            let stored = intervals.difficulty().stored();
            body.extend(&stored.body);
            let Reaches { below, above } = intervals.reaches().clone();
            StoredIntervals {
                difficulty: stored.header,
                n_bytes: stored.body.len(),
                above: (above != below).then_some(above),
                bands: below,
                grades: intervals.grades().clone(),
            }
        });
        let init_score = self.init_score.as_ref().map(|init_score| StoredInitScore {
            encoder: init_score.encoder.clone(),
            model: init_score.regressor.stored().header,
            carat: init_score.carat,
        });
        let header = Header {
            family: self.family.clone(),
            target: self.target,
            encoder: self.encoder.clone(),
            imputer: self.imputer.clone(),
            extent: self.extent.clone(),
            model,
            init_score,
            order: self.order.as_ref().map(|order| order.weights().to_vec()),
            intervals,
            background: self.background.clone(),
        };
        let mut content =
            serde_json::to_vec(&header).map_err(|error| Error::model_file(error.to_string()))?;
        content.push(b'\n');
        content.extend(body);
        let mut bytes = format!("{}\n", first_line(&content)).into_bytes();
        bytes.extend(content);
        Ok(bytes)
    }

    /// Reads a stored pipeline and checks all of it before the first prediction. Trees keep their part of `bytes`
    /// as it is, and nothing is copied.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when a single bit of it is not as it was written.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Result<Self> {
        let (first, content) = split_line(&bytes)?;
        if first_line(content).as_bytes() != first {
            let begin = format!("{MAGIC}{FORMAT_VERSION}{DIGEST}");
            return Err(Error::model_file(if first.starts_with(begin.as_bytes()) {
                "its content does not match its digest".into()
            } else if first.starts_with(MAGIC.as_bytes()) {
                format!(
                    "it is of another format than {FORMAT_VERSION}, the one that is read here; train it anew"
                )
            } else {
                "it does not begin as a stored pipeline does".into()
            }));
        }
        let (header, body) = split_line(content)?;
        let header: Header =
            serde_json::from_slice(header).map_err(|error| Error::model_file(error.to_string()))?;
        let n_bytes = header.intervals.as_ref().map_or(0, |intervals| intervals.n_bytes);
        let n_model = body.len().checked_sub(n_bytes).ok_or_else(|| Error::model_file("it is cut off"))?;
        let n_before = bytes.len() - body.len();
        let difficulty = bytes.split_off(n_before + n_model);
        bytes.drain(..n_before);
        let init_score = match header.init_score {
            Some(init_score) => {
                let regressor = model::load(StoredModel { header: init_score.model, body: Vec::new() })?;
                Some(InitScore::new(init_score.encoder, regressor, init_score.carat)?)
            }
            None => None,
        };
        let n_features = header.encoder.n_features() + usize::from(init_score.is_some());
        let regressor = load(header.model, bytes, n_features)?;
        if !header.imputer.is_sound() {
            return Err(Error::model_file("its proportions are not those of stones"));
        }
        if !header.extent.is_sound() {
            return Err(Error::model_file("what it learned from has no ends"));
        }
        let order = match header.order {
            Some(weights) => {
                Some(Order::new(weights, header.target, &header.encoder, init_score.as_ref(), &*regressor)?)
            }
            None => None,
        };
        let intervals = match header.intervals {
            // The model of difficulty sees one feature more: the price.
            Some(stored) => {
                let difficulty = load(stored.difficulty, difficulty, n_features + 1)?;
                let above = stored.above.unwrap_or_else(|| stored.bands.clone());
                let reaches = Reaches { below: stored.bands, above };
                Some(IntervalModel::new(difficulty, reaches, stored.grades)?)
            }
            None => None,
        };
        Ok(Self {
            family: header.family,
            encoder: header.encoder,
            target: header.target,
            imputer: header.imputer,
            extent: header.extent,
            init_score,
            regressor,
            order,
            intervals,
            background: header.background,
        })
    }
}

fn load(header: ModelHeader, body: Vec<u8>, n_features: usize) -> Result<Box<dyn model::Regressor>> {
    let regressor = model::load(StoredModel { header, body })?;
    if regressor.n_features() == n_features {
        return Ok(regressor);
    }
    let takes = regressor.n_features();
    Err(Error::model_file(format!("its encoder makes {n_features} features, its model takes {takes}")))
}

fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes).ok_or_else(|| Error::model_file("it is cut off"))?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

fn first_line(content: &[u8]) -> String {
    let begin = format!("{MAGIC}{FORMAT_VERSION}{DIGEST}");
    let digest = Sha256::new().chain_update(&begin).chain_update(content).finalize();
    format!("{begin}{digest:x}")
}
