//! Two registered models on the same stones, none of which either was trained on.

use std::cell::OnceCell;
use std::collections::HashSet;

use crate::dataset::{Dataset, stone_fingerprint};
use crate::diamond::{Diamond, PricedDiamond};
use crate::error::Result;
use crate::pipeline::Pipeline;
use crate::promotion::{Comparison, Decision, FEWEST_STONES};
use crate::registry::{Card, Registry};

/// A registered model that is compared with others. Its rows and the model itself are loaded when they are first asked
/// for, and once.
pub(super) struct Contender<'a> {
    registry: &'a Registry,
    card: Card,
    dataset: OnceCell<Dataset>,
    pipeline: OnceCell<Pipeline>,
}

impl<'a> Contender<'a> {
    pub(super) fn new(registry: &'a Registry, card: Card) -> Self {
        Self { registry, card, dataset: OnceCell::new(), pipeline: OnceCell::new() }
    }

    /// Compares it with the champion on those of `test` that neither was trained on.
    ///
    /// # Errors
    /// When a model or its rows cannot be loaded.
    pub(super) fn decide(&self, champion: &Contender<'_>, test: &[PricedDiamond]) -> Result<Decision> {
        let versions = (self.card.version, champion.card.version);
        if self.card.record.model == champion.card.record.model {
            return Ok(Decision::same_model(versions.0, versions.1));
        }
        let stones = champion.unknown(&self.unknown(test)?)?;
        if stones.len() < FEWEST_STONES {
            return Ok(Decision::incomparable(versions.0, versions.1, stones.len()));
        }
        let ratio = self.price_ratio(champion)?;
        if !Decision::PLAUSIBLE_RATIO.contains(&ratio) {
            return Ok(Decision::implausible(versions.0, versions.1, ratio));
        }
        Ok(Decision::by_comparison(versions.0, versions.1, self.compare(champion, &stones)?))
    }

    fn compare(&self, champion: &Contender<'_>, stones: &[PricedDiamond]) -> Result<Comparison> {
        let actual: Vec<_> = stones.iter().map(PricedDiamond::price_usd).collect();
        Ok(Comparison::of(&actual, &self.prices(stones)?, &champion.prices(stones)?, Comparison::SEED))
    }

    /// How many times the champion's its prices are, in the middle of the champion's test stones; 1 where there are none.
    fn price_ratio(&self, champion: &Contender<'_>) -> Result<f64> {
        let stones = champion.dataset()?.test();
        let (ours, theirs) = (self.prices(&stones)?, champion.prices(&stones)?);
        let mut ratios: Vec<_> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        ratios.sort_by(f64::total_cmp);
        Ok(ratios.get(ratios.len() / 2).copied().unwrap_or(1.0))
    }

    fn prices(&self, stones: &[PricedDiamond]) -> Result<Vec<f64>> {
        let pipeline = once(&self.pipeline, || self.registry.pipeline(self.card.version))?;
        Ok(pipeline.predict(stones.iter().map(PricedDiamond::diamond)))
    }

    fn dataset(&self) -> Result<&Dataset> {
        once(&self.dataset, || self.registry.dataset(self.card.version))
    }

    /// The stones that it was not trained on, whatever price they had then.
    fn unknown(&self, stones: &[PricedDiamond]) -> Result<Vec<PricedDiamond>> {
        let is_known = known_stones(self.dataset()?, stones.iter().map(PricedDiamond::diamond));
        Ok(stones.iter().zip(is_known).filter(|(_, is_known)| !is_known).map(|(stone, _)| *stone).collect())
    }
}

fn once<T>(cell: &OnceCell<T>, load: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(loaded) = cell.get() {
        return Ok(loaded);
    }
    let loaded = load()?;
    Ok(cell.get_or_init(|| loaded))
}

/// Compares two models on the test stones of `candidate` that neither was trained on; `None` when
/// there are too few of them.
///
/// # Errors
/// [`crate::Error::ModelNotFound`], or when a model or its rows cannot be loaded.
pub fn compare_versions(registry: &Registry, candidate: u64, champion: u64) -> Result<Option<Comparison>> {
    let contender = |version| Ok(Contender::new(registry, registry.card(version)?));
    let (candidate, champion): (Contender<'_>, Contender<'_>) = (contender(candidate)?, contender(champion)?);
    let stones = champion.unknown(&candidate.unknown(&candidate.dataset()?.test())?)?;
    if stones.len() < FEWEST_STONES {
        return Ok(None);
    }
    candidate.compare(&champion, &stones).map(Some)
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
