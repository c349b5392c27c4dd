//! A pipeline as one file: a line with the digest of all that follows, a line of JSON, and the bytes of the
//! model and of the model of difficulty, one after the other.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::base::Base;
use super::{Extent, Pipeline, Target};
use crate::appraisal::{GradeFactors, Range};
use crate::diamond::{Cell, Clarity, Color, Cut, Diamond, Grade, RawDiamond};
use crate::error::{Error, Result};
use crate::features::{Encoder, Proportions};
use crate::model::{self, Stored, StoredHeader};

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
    proportions: Proportions,
    extent: Extent,
    model: StoredHeader,
    base: Option<StoredBase>,
    range: Option<StoredRange>,
    background: Vec<StoredDiamond>,
}

/// A model to start from says all about itself in the header.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBase {
    encoder: Encoder,
    model: StoredHeader,
    carat: [f64; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRange {
    difficulty: StoredHeader,
    /// How many of the last bytes of the file are the model of difficulty.
    n_bytes: usize,
    bands: Vec<Vec<f64>>,
    grades: GradeFactors,
}

/// A stone is written down as anybody would type it, and read as anything typed is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDiamond {
    carat: f64,
    cut: Cut,
    color: Color,
    clarity: Clarity,
    depth: f64,
    table: f64,
    x: f64,
    y: f64,
    z: f64,
}

impl Pipeline {
    /// The pipeline as one file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let Stored { header: model, mut body } = self.regressor.stored();
        let range = self.range.as_ref().map(|range| {
            let stored = range.difficulty().stored();
            body.extend(&stored.body);
            StoredRange {
                difficulty: stored.header,
                n_bytes: stored.body.len(),
                bands: range.bands().to_vec(),
                grades: range.grades().clone(),
            }
        });
        let base = self.base.as_ref().map(|base| StoredBase {
            encoder: base.encoder.clone(),
            model: base.regressor.stored().header,
            carat: base.carat,
        });
        let header = Header {
            family: self.family.clone(),
            target: self.target,
            encoder: self.encoder.clone(),
            proportions: self.proportions.clone(),
            extent: self.extent.clone(),
            model,
            base,
            range,
            background: self.background.iter().map(StoredDiamond::from).collect(),
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
        let n_bytes = header.range.as_ref().map_or(0, |range| range.n_bytes);
        let n_model = body.len().checked_sub(n_bytes).ok_or_else(|| Error::model_file("it is cut off"))?;
        let n_before = bytes.len() - body.len();
        let difficulty = bytes.split_off(n_before + n_model);
        bytes.drain(..n_before);
        let base = match header.base {
            Some(base) => {
                let regressor = model::load(Stored { header: base.model, body: Vec::new() })?;
                Some(Base::new(base.encoder, regressor, base.carat)?)
            }
            None => None,
        };
        let n_features = header.encoder.n_features() + usize::from(base.is_some());
        let regressor = load(header.model, bytes, n_features)?;
        if !header.proportions.is_sound() {
            return Err(Error::model_file("its proportions are not those of stones"));
        }
        if !header.extent.is_sound() {
            return Err(Error::model_file("what it learned from has no ends"));
        }
        let range = match header.range {
            // The model of difficulty sees one feature more: the price.
            Some(range) => {
                let difficulty = load(range.difficulty, difficulty, n_features + 1)?;
                Some(Range::new(difficulty, range.bands, range.grades)?)
            }
            None => None,
        };
        Ok(Self {
            family: header.family,
            encoder: header.encoder,
            target: header.target,
            proportions: header.proportions,
            extent: header.extent,
            base,
            regressor,
            range,
            background: header.background.into_iter().map(StoredDiamond::parse).collect::<Result<_>>()?,
        })
    }
}

fn load(header: StoredHeader, body: Vec<u8>, n_features: usize) -> Result<Box<dyn model::Regressor>> {
    let regressor = model::load(Stored { header, body })?;
    if regressor.n_features() == n_features {
        return Ok(regressor);
    }
    let takes = regressor.n_features();
    Err(Error::model_file(format!("its encoder makes {n_features} features, its model takes {takes}")))
}

impl From<&Diamond> for StoredDiamond {
    fn from(stone: &Diamond) -> Self {
        Self {
            carat: stone.carat(),
            cut: stone.cut(),
            color: stone.color(),
            clarity: stone.clarity(),
            depth: stone.depth(),
            table: stone.table(),
            x: stone.x(),
            y: stone.y(),
            z: stone.z(),
        }
    }
}

impl StoredDiamond {
    fn parse(self) -> Result<Diamond> {
        let raw = RawDiamond {
            carat: Cell::Number(self.carat),
            cut: Cell::Text(self.cut.label()),
            color: Cell::Text(self.color.label()),
            clarity: Cell::Text(self.clarity.label()),
            depth: Cell::Number(self.depth),
            table: Cell::Number(self.table),
            x: Cell::Number(self.x),
            y: Cell::Number(self.y),
            z: Cell::Number(self.z),
        };
        raw.parse().map_err(|_| Error::model_file("a stone of its background is none"))
    }
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
