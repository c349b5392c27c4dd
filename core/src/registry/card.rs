//! A model's card: everything that is known about it, and the way back to what made it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BlobKind, Digest};
use crate::dataset::{Counts, Policy, SourceFile, Split};
use crate::metrics::Metrics;
use crate::model::Params;
use crate::tuning::SamplerKind;

/// A registered model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Its number in the registry, from 1.
    pub version: u64,
    /// The rest.
    #[serde(flatten)]
    pub record: ModelRecord,
}

/// A model that is ready to be registered; the registry gives it its version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Family of models, such as `xgboost`.
    pub family: String,
    /// When training ended.
    pub created_at: DateTime<Utc>,
    /// The stored pipeline.
    pub model: Digest,
    /// The parameters it was fitted with.
    pub params: Params,
    /// The seed it was fitted with.
    pub seed: u64,
    /// How good it is on the test rows of `data`.
    pub metrics: Metrics,
    /// What it was trained and tested on.
    pub data: DataCard,
    /// How its parameters were found; `None` when they were given.
    pub search: Option<SearchCard>,
    /// Seconds that the search took in this run.
    pub search_s: f64,
    /// Seconds that the final fit and the calibration of its ranges took.
    pub fit_s: f64,
    /// Version of the program that trained it.
    pub code_version: String,
    /// Version of the stored pipeline's format.
    pub format_version: u32,
    /// Version of the XGBoost library, where one was used.
    pub xgboost_version: Option<String>,
    /// Why the model cannot be loaded, promoted or served; `None` for every model that can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_served: Option<String>,
    /// Of a model that promises never to price a better or heavier stone lower: the mean absolute error
    /// in US dollars of the same model without the promise. The difference is what it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_mae_usd: Option<f64>,
    /// Of a model that has ranges: how wide those of nine in ten are on the test rows, on average, in US dollars. Nothing is
    /// said of models that were trained before that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_width_usd: Option<f64>,
}

impl ModelRecord {
    /// Every blob that belongs to the model.
    pub(super) fn blobs(&self) -> Vec<(BlobKind, &Digest)> {
        let mut blobs = vec![
            (BlobKind::Model, &self.model),
            (BlobKind::Dataset, &self.data.digest),
            (BlobKind::Rejects, &self.data.rejects),
        ];
        blobs.extend(self.search.as_ref().map(|search| (BlobKind::Study, &search.study)));
        blobs
    }
}

/// Where a model's rows came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataCard {
    /// The stored training and test rows.
    pub digest: Digest,
    /// What became of the rows read.
    #[serde(flatten)]
    pub counts: Counts,
    /// Rows learned from.
    pub n_train: usize,
    /// Rows judged on.
    pub n_test: usize,
    /// Who decided which rows test.
    pub split: SplitCard,
    /// How strict validation was.
    pub policy: Policy,
    /// The stored list of refused rows.
    pub rejects: Digest,
    /// The files read.
    pub files: Vec<SourceFile>,
}

/// Who decided which rows test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SplitCard {
    /// Each stone's fingerprint.
    Stable(Split),
    /// The user, with files of test rows.
    Explicit,
}

/// How a model's parameters were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchCard {
    /// Every trial.
    pub study: Digest,
    /// Trials in all.
    pub n_trials: usize,
    /// So many trials one after the other gained nothing, and that ended the search before all that were asked for had
    /// run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gained_nothing: Option<usize>,
    /// Of which were given up early.
    pub n_pruned: usize,
    /// The trial that won.
    pub best_trial: usize,
    /// Its mean absolute error on the validation rows in US dollars.
    pub best_mae_usd: f64,
    /// What may have been tried, by name.
    pub space: String,
    /// What decided what was tried.
    pub sampler: SamplerKind,
}
