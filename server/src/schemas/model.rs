//! Models and decisions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::digest::Digest;

/// A model's card: everything that is known about it.
#[derive(ToSchema)]
pub(crate) struct Card {
    /// Its number in the registry, from 1.
    #[schema(minimum = 1)]
    version: u64,
    /// Its kind.
    family: String,
    /// When training ended.
    #[schema(value_type = String, format = "date-time")]
    created_at: DateTime<Utc>,
    /// SHA-256 of the stored model.
    model: Digest,
    /// The parameters it was fitted with.
    params: BTreeMap<String, f64>,
    /// The seed it was fitted with.
    seed: u64,
    metrics: Metrics,
    data: Data,
    /// How its parameters were found; null when they were given.
    #[schema(required = true)]
    search: Option<Search>,
    /// Seconds that the search took.
    search_s: f64,
    /// Seconds that the final fit took.
    fit_s: f64,
    /// Version of the program that trained it.
    code_version: String,
    /// Version of the stored model's format.
    format_version: u32,
    /// Version of the XGBoost library, where one was used.
    #[schema(required = true)]
    xgboost_version: Option<String>,
    /// Why the model cannot be served; there only where it cannot.
    #[schema(nullable = false)]
    not_served: Option<String>,
    /// Of a model that promises never to price a better or heavier stone lower: the mean absolute error in US dollars of
    /// the same model without the promise.
    #[schema(nullable = false)]
    free_mae_usd: Option<f64>,
    /// Of a model that has ranges: how wide those of nine in ten are on the test rows, on average, in US dollars.
    #[schema(nullable = false)]
    range_width_usd: Option<f64>,
}

/// How good the model is on stones that it has not seen.
#[derive(ToSchema)]
pub(crate) struct Metrics {
    /// Stones judged on.
    n_rows: usize,
    /// Mean absolute error in US dollars: how far off a price is on average.
    mae_usd: f64,
    /// Root of the mean squared error in US dollars.
    rmse_usd: f64,
    /// Share of the variance of prices that is explained; 1 is perfect.
    r2: f64,
    /// Mean absolute error as a share of the price; 0.08 is 8 %.
    mape: f64,
    /// Mean absolute error in US dollars over the tenth of the stones that are priced worst.
    worst_decile_usd: f64,
}

/// Where a model's rows came from.
#[derive(ToSchema)]
pub(crate) struct Data {
    /// SHA-256 of the stored rows.
    digest: Digest,
    /// Rows read.
    n_rows: usize,
    /// Rows kept.
    n_kept: usize,
    /// Rows refused.
    n_rejected: usize,
    /// Of those refused, rows that are implausible only.
    n_suspect: usize,
    /// Repeated rows dropped.
    n_duplicates: usize,
    /// Rows of the data whose stone stands among test rows of the user's own, too; absent where there are none.
    #[schema(nullable = false, minimum = 1)]
    n_in_both: Option<usize>,
    /// Of these, rows that are learned from all the same; absent where there are none.
    #[schema(nullable = false, minimum = 1)]
    n_in_both_kept: Option<usize>,
    /// Rows learned from.
    n_train: usize,
    /// Rows judged on.
    n_test: usize,
    split: Split,
    policy: Policy,
    /// SHA-256 of the stored list of refused rows.
    rejects: Digest,
    /// The files read.
    files: Vec<File>,
}

/// Who decided which rows test.
#[derive(ToSchema)]
pub(crate) struct Split {
    /// `stable`: each stone's fingerprint; `explicit`: the user, with files of test rows.
    kind: SplitKind,
    /// Seed of a stable split.
    #[schema(nullable = false)]
    seed: Option<u64>,
    /// Share of rows that test.
    #[schema(nullable = false)]
    test_share: Option<f64>,
}

/// Who decides.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SplitKind {
    Stable,
    Explicit,
}

/// How strict validation was.
#[derive(ToSchema)]
pub(crate) struct Policy {
    /// Rows of implausible geometry.
    suspect: SuspectRows,
    /// Repeated rows.
    duplicates: RepeatedRows,
}

/// What becomes of rows of implausible geometry.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SuspectRows {
    Reject,
    Keep,
}

/// What becomes of repeated rows.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RepeatedRows {
    Drop,
    Keep,
}

/// A file.
#[derive(ToSchema)]
pub(crate) struct File {
    /// Its name.
    path: String,
    /// Rows in it.
    n_rows: usize,
    /// Columns that were left aside.
    extra_columns: Vec<String>,
}

/// How a model's parameters were found.
#[derive(ToSchema)]
pub(crate) struct Search {
    /// SHA-256 of the stored trials.
    study: Digest,
    /// Trials in all.
    n_trials: usize,
    /// So many trials one after the other gained nothing, and that ended the search before all that were asked for had
    /// run.
    gained_nothing: Option<usize>,
    /// Of which were given up early.
    n_pruned: usize,
    /// The trial that won.
    best_trial: usize,
    /// Its mean absolute error on the validation rows in US dollars.
    best_mae_usd: f64,
    /// What may have been tried, by name.
    space: String,
    /// What decided what was tried.
    sampler: Sampler,
}

/// What decided what was tried.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sampler {
    Tpe,
    Random,
}

/// What was decided, and why.
#[derive(ToSchema)]
pub(crate) struct Decision {
    /// Whether it became the champion.
    promoted: bool,
    /// The version judged.
    candidate: u64,
    /// The champion until then.
    #[schema(required = true)]
    champion: Option<u64>,
    /// Figures, where two models were compared; null for a promotion by hand.
    #[schema(required = true, value_type = Option<Object>)]
    comparison: Option<Value>,
    /// The reason, in one sentence.
    reason: String,
}
