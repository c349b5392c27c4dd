//! Two registered models on the same stones, none of which either was trained on.

use std::collections::HashSet;

use crate::dataset::{Dataset, stone_fingerprint};
use crate::diamond::{Diamond, PricedDiamond};
use crate::error::Result;
use crate::promotion::{Comparison, Decision, FEWEST_STONES};
use crate::registry::{Card, Registry};

/// Compares `candidate` with `champion` on those of `test` that the champion was not trained on.
/// (The candidate's own training rows are not among them: `test` is its test side.)
///
/// # Errors
/// When either model or the champion's rows cannot be loaded.
pub(super) fn decide(
    registry: &Registry,
    candidate: &Card,
    champion: &Card,
    test: &[PricedDiamond],
) -> Result<Decision> {
    if candidate.record.model == champion.record.model {
        return Ok(Decision::same_model(candidate.version, champion.version));
    }
    let stones = unknown_to(registry, champion, &unknown_to(registry, candidate, test)?)?;
    if stones.len() < FEWEST_STONES {
        return Ok(Decision::incomparable(candidate.version, champion.version, stones.len()));
    }
    let comparison = compare_on(registry, candidate, champion, &stones)?;
    Ok(Decision::by_comparison(candidate.version, champion.version, comparison))
}

/// Compares two models on the test stones of `candidate` that neither was trained on; `None` when
/// there are too few of them.
///
/// # Errors
/// [`crate::Error::ModelNotFound`], or when a model or its rows cannot be loaded.
pub fn compare_versions(registry: &Registry, candidate: u64, champion: u64) -> Result<Option<Comparison>> {
    let (candidate, champion) = (registry.card(candidate)?, registry.card(champion)?);
    let test = registry.dataset(candidate.version)?.test();
    let stones = unknown_to(registry, &champion, &unknown_to(registry, &candidate, &test)?)?;
    if stones.len() < FEWEST_STONES {
        return Ok(None);
    }
    compare_on(registry, &candidate, &champion, &stones).map(Some)
}

fn compare_on(
    registry: &Registry,
    candidate: &Card,
    champion: &Card,
    stones: &[PricedDiamond],
) -> Result<Comparison> {
    let actual: Vec<_> = stones.iter().map(PricedDiamond::price_usd).collect();
    let prices = |card: &Card| {
        let pipeline = registry.pipeline(card.version)?;
        Ok(pipeline.predict(stones.iter().map(PricedDiamond::diamond)))
    };
    Ok(Comparison::of(&actual, &prices(candidate)?, &prices(champion)?, Comparison::SEED))
}

/// The stones among `test` that the model was not trained on, whatever price they had then.
fn unknown_to(registry: &Registry, card: &Card, test: &[PricedDiamond]) -> Result<Vec<PricedDiamond>> {
    let is_known = known_stones(&registry.dataset(card.version)?, test.iter().map(PricedDiamond::diamond));
    Ok(test.iter().zip(is_known).filter(|(_, is_known)| !is_known).map(|(stone, _)| *stone).collect())
}

/// Whether each of `stones` is one that a model of this data set was trained on, whatever its price was then.
pub fn known_stones<'a>(dataset: &Dataset, stones: impl Iterator<Item = &'a Diamond>) -> Vec<bool> {
    let known: HashSet<_> = dataset
        .rows()
        .filter(|(_, is_test)| !is_test)
        .map(|(stone, _)| stone_fingerprint(stone.diamond(), 0))
        .collect();
    stones.map(|stone| known.contains(&stone_fingerprint(stone, 0))).collect()
}
