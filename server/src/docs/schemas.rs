//! The shape of what has no type of its own here: requests, whose faults are all collected before there is a type, and
//! what core writes, which knows no documentation. `tests/server/test_schema.py` holds answers to it.
#![allow(dead_code, reason = "their shape alone is used")]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The bodies of requests by their names.
pub(super) fn requests() -> [(&'static str, Value); 3] {
    let number = |kinds: &[&str], description: &str, example: f64| {
        json!({
            "type": kinds, "description": description, "examples": [example],
            "exclusiveMinimum": 0, "maximum": 1_000_000
        })
    };
    let optional =
        |description: &str, example: f64| number(&["number", "string", "null"], description, example);
    let grade = |description: &str, examples: &[&str]| {
        let description = format!("{description} Case, blanks, hyphens and underscores do not matter.");
        json!({"type": "string", "description": description, "examples": examples})
    };
    let properties = json!({
        "carat": number(&["number", "string"], "Weight in carats; 1 carat is 0.2 g.", 1.2),
        "cut": grade("Quality of the cut, worst to best: Fair, Good, Very Good, Premium, Ideal.", &["Premium", "very good"]),
        "color": grade("Color, from J (a tint of yellow) to D (colorless).", &["E"]),
        "clarity": grade("Clarity, worst to best: I1, SI2, SI1, VS2, VS1, VVS2, VVS1, IF.", &["VS1"]),
        "depth": optional("Height as a percentage of the mean diameter, 100 z / ((x + y) / 2).", 62.0),
        "table": optional("Width of the flat top as a percentage of the diameter.", 58.0),
        "x": optional("Length in millimetres.", 6.8),
        "y": optional("Width in millimetres.", 6.75),
        "z": optional("Height in millimetres.", 4.2),
    });
    let request = |description: &str, required: &[&str], properties: Value| {
        json!({
            "type": "object", "description": description, "required": required,
            "properties": properties, "additionalProperties": false
        })
    };
    let diamond = "A diamond. What is optional and missing is estimated from the geometry of a brilliant and from the \
                   stones that the model learned from, and named in `assumed` of the answer. A number may be sent as \
                   a text, with a decimal point; null counts as missing. A name that is not listed here is refused.";
    let diamonds = json!({
        "type": "array", "description": "1 to 1,000 diamonds.", "items": {"$ref": "#/components/schemas/Diamond"},
        "minItems": 1, "maxItems": 1000
    });
    let reason = json!({
        "type": "string", "description": "Why, in 1 to 1,000 characters; it is kept for ever.",
        "minLength": 1, "maxLength": 1000
    });
    [
        ("Diamond", request(diamond, &["carat", "cut", "color", "clarity"], properties)),
        (
            "DiamondBatch",
            request("Many diamonds, each looked at by itself.", &["diamonds"], json!({"diamonds": diamonds})),
        ),
        ("Promotion", request("A promotion by hand.", &["reason"], json!({ "reason": reason }))),
    ]
}

/// SHA-256 of what is stored: the same digest is the same content, byte for byte.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
pub(crate) struct Digest(String);

/// A measurement of a stone.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Measurement {
    Depth,
    Table,
    X,
    Y,
    Z,
}

/// Quality of the cut, worst to best.
#[derive(Serialize, ToSchema)]
pub(crate) enum Cut {
    Fair,
    Good,
    #[serde(rename = "Very Good")]
    VeryGood,
    Premium,
    Ideal,
}

/// Color, from a tint of yellow to colorless.
#[derive(Serialize, ToSchema)]
pub(crate) enum Color {
    J,
    I,
    H,
    G,
    F,
    E,
    D,
}

/// Clarity, worst to best.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Clarity {
    I1,
    Si2,
    Si1,
    Vs2,
    Vs1,
    Vvs2,
    Vvs1,
    If,
}

/// Where the price lies. Not there for a model that was trained before there were ranges, or on too few stones.
#[derive(ToSchema)]
pub(crate) struct PriceRange {
    /// Lower end in US dollars, to the cent.
    #[schema(minimum = 0)]
    low_usd: f64,
    /// Upper end in US dollars, to the cent.
    #[schema(minimum = 0)]
    high_usd: f64,
    /// How often such ranges hold the price that a stone was sold for, as a share; null for a stone beyond those that the
    /// model learned from, of which nobody knows, and `warnings` says why.
    #[schema(required = true, minimum = 0.5, maximum = 0.99)]
    confidence: Option<f64>,
}

/// Why this price: how far each property moves it away from the average stone (exact Shapley values). There only when
/// asked for with `include`, and not for a model that was trained before there were reasons.
#[derive(ToSchema)]
pub(crate) struct Reasons {
    /// Price of the average stone in US dollars.
    average_usd: f64,
    /// With the average they add up to the price.
    #[schema(min_items = 5, max_items = 5)]
    contributions: Vec<Contribution>,
}

/// What one property does to a price.
#[derive(ToSchema)]
pub(crate) struct Contribution {
    /// The property; `proportions` are depth, table, and what length, width and height are to each other and to the
    /// weight.
    group: Group,
    /// US dollars added, or taken away.
    amount_usd: f64,
    /// The same in words, in whole dollars.
    sentence: String,
}

/// A property of a stone, or several that belong together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    Size,
    Color,
    Clarity,
    Cut,
    Proportions,
}

/// The same stone with one thing changed.
#[derive(ToSchema)]
pub(crate) struct WhatIf {
    /// The one thing: another color, clarity or cut, or another weight at the same proportions.
    change: Change,
    /// The same in words.
    label: String,
    /// Price of the changed stone in US dollars.
    #[schema(minimum = 0)]
    price_usd: f64,
    /// That price less the price of the stone as it is, in US dollars.
    difference_usd: f64,
}

/// One thing that is changed.
#[derive(ToSchema)]
pub(crate) struct Change {
    #[schema(nullable = false)]
    color: Option<Color>,
    #[schema(nullable = false)]
    clarity: Option<Clarity>,
    #[schema(nullable = false)]
    cut: Option<Cut>,
    /// Weight in carats.
    #[schema(nullable = false)]
    carat: Option<f64>,
}

/// Numbers of a diamond and what was most likely meant by them (`likely`), or nearly as likely (`alternative`): a slip
/// such as a shifted decimal point, two numbers that changed places or a missing digit. Look at the certificate before
/// taking it over.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    #[schema(nullable = false)]
    carat: Option<f64>,
    #[schema(nullable = false)]
    depth: Option<f64>,
    #[schema(nullable = false)]
    table: Option<f64>,
    #[schema(nullable = false)]
    x: Option<f64>,
    #[schema(nullable = false)]
    y: Option<f64>,
    #[schema(nullable = false)]
    z: Option<f64>,
}

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

/// A request and its answer. Keys and passwords are never in it.
#[derive(ToSchema)]
pub(crate) struct Exchange {
    /// Number of the exchange, a UUIDv7.
    #[schema(format = "uuid")]
    _id: String,
    /// When the request came.
    #[schema(format = "date-time")]
    received_at: String,
    /// How long the answer took in milliseconds.
    #[schema(minimum = 0)]
    duration_ms: f64,
    /// Address of the client.
    client: String,
    /// The route, such as `/v1/models/{version}`; null for an unknown address.
    #[schema(required = true)]
    route: Option<String>,
    request: RecordedRequest,
    response: RecordedResponse,
    #[schema(nullable = false)]
    model: Option<RecordedModel>,
}

/// The request.
#[derive(ToSchema)]
pub(crate) struct RecordedRequest {
    /// Its method.
    method: String,
    /// Its path.
    path: String,
    /// Its query.
    query: String,
    /// Its body: a document where it is JSON, else text; null where there is none.
    body: Value,
    /// There, and true, when the text was cut at 64 KiB.
    #[schema(nullable = false)]
    truncated: Option<bool>,
}

/// The answer.
#[derive(ToSchema)]
pub(crate) struct RecordedResponse {
    /// Its status.
    #[schema(minimum = 100, maximum = 599)]
    status: u16,
    /// Its body.
    body: Value,
    /// There, and true, when the text was cut.
    #[schema(nullable = false)]
    truncated: Option<bool>,
}

/// The model that answered, where one did.
#[derive(ToSchema)]
pub(crate) struct RecordedModel {
    /// Its version.
    version: u64,
    /// Its digest.
    digest: Digest,
}
