//! Parts of a valuation.

use serde::Serialize;
use utoipa::ToSchema;

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
