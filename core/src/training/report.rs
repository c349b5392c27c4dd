//! What a training run has to show, in the form that other programs read.

use serde::Serialize;

use crate::model::Params;
use crate::promotion::Decision;
use crate::registry::{Card, Digest, SearchCard};

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The models trained, best first.
    pub leaderboard: Vec<LeaderboardRow>,
    /// The model that answers now.
    pub champion: Option<Champion>,
    /// What was decided about the best of those that can be served; `None` when no decision was asked
    /// for or none can be.
    pub decision: Option<Decision>,
    /// What became of the best model that can be served, and why, in a sentence.
    pub promotion: String,
    /// The rows behind it all.
    pub data: DataSummary,
}

/// A line of the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeaderboardRow {
    /// Family of models.
    pub family: String,
    /// Its version in the registry.
    pub version: u64,
    /// Mean absolute error in US dollars, on the test rows.
    pub mae_usd: f64,
    /// Root mean squared error in US dollars.
    pub rmse_usd: f64,
    /// Share of the variance explained.
    pub r2: f64,
    /// Mean absolute error as a share of the price: 0.07 is 7 %.
    pub mape: f64,
    /// Mean absolute error over the worst tenth in US dollars.
    pub worst_decile_usd: f64,
    /// Parameters.
    pub params: Params,
    /// Seed.
    pub seed: u64,
    /// Seconds for search and final fit.
    pub duration_s: f64,
    /// How the parameters were found.
    pub search: Option<SearchCard>,
    /// Why it cannot be promoted, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_served: Option<String>,
    /// Of a model whose prices never fall when a stone gets better or heavier: the mean absolute error in US dollars of the
    /// same model without that promise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_mae_usd: Option<f64>,
    /// How wide ranges of nine in ten are on the test rows, on average, in US dollars; `None` of a model without ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_width_usd: Option<f64>,
}

/// The model that answers now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Champion {
    /// Its version.
    pub version: u64,
    /// Its family.
    pub family: String,
}

/// The rows behind a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataSummary {
    /// Digest of the stored rows.
    pub digest: Digest,
    /// Rows read.
    pub n_rows: u64,
    /// Rows refused.
    pub n_rejected: u64,
    /// Repeated rows dropped.
    pub n_duplicates: u64,
    /// Rows of the data whose stone stands among the test rows that were given, too.
    pub n_in_both: u64,
    /// Of these, rows that are learned from all the same; the others are left out as repeated rows.
    pub n_in_both_kept: u64,
    /// Rows learned from.
    pub n_train: usize,
    /// Rows judged on.
    pub n_test: usize,
    /// Digest of the list of refused rows.
    pub rejects: Digest,
}

/// What became of the best of `cards` that can be served, in a sentence.
pub(super) fn promotion(decision: Option<&Decision>, champion: Option<&Champion>, cards: &[Card]) -> String {
    if let Some(decision) = decision {
        return decision.reason.clone();
    }
    let Some(best) = cards.iter().find(|card| card.record.not_served.is_none()) else {
        return "None of these models can be served, so none can become the champion.".into();
    };
    let stays = match champion {
        Some(champion) => format!("the champion is still version {} ({})", champion.version, champion.family),
        None => "there is still no champion".into(),
    };
    format!(
        "Version {} ({}) is recorded and not promoted, because that was not asked for; {stays}.",
        best.version, best.record.family
    )
}

impl From<&Card> for LeaderboardRow {
    fn from(card: &Card) -> Self {
        let record = &card.record;
        let metrics = &record.metrics;
        Self {
            family: record.family.clone(),
            version: card.version,
            mae_usd: metrics.mae_usd,
            rmse_usd: metrics.rmse_usd,
            r2: metrics.r2,
            mape: metrics.mape,
            worst_decile_usd: metrics.worst_decile_usd,
            params: record.params.clone(),
            seed: record.seed,
            duration_s: record.search_s + record.fit_s,
            search: record.search.clone(),
            not_served: record.not_served.clone(),
            free_mae_usd: record.free_mae_usd,
            range_width_usd: record.range_width_usd,
        }
    }
}
