//! Training rows in parts, of which each in turn validates what was learned from the others.

use super::FOLDS;
use crate::dataset::stone_fingerprint;
use crate::diamond::PricedDiamond;

/// One part and the rest.
pub(super) struct Fold {
    pub(super) train: Vec<PricedDiamond>,
    pub(super) validation: Vec<PricedDiamond>,
    /// What the validation stones were sold for, US dollars.
    pub(super) actual: Vec<f64>,
}

/// The first `n_folds` of [`FOLDS`] folds. The stone decides which part it is in, so that two appraisals of
/// one stone never validate each other.
pub(super) fn folds(stones: &[PricedDiamond], n_folds: usize, seed: u64) -> Vec<Fold> {
    let parts: Vec<_> = stones.iter().map(|stone| part(stone, seed)).collect();
    let fold = |number| {
        let validation = || stones.iter().zip(&parts).filter(move |(_, part)| **part == number);
        Fold {
            train: stones.iter().zip(&parts).filter(|(_, part)| **part != number).map(|(s, _)| *s).collect(),
            validation: validation().map(|(stone, _)| *stone).collect(),
            actual: validation().map(|(stone, _)| stone.price_usd()).collect(),
        }
    };
    (0..n_folds.clamp(1, FOLDS)).map(fold).collect()
}

fn part(stone: &PricedDiamond, seed: u64) -> usize {
    // The upper half of the product of two 64-bit numbers: FOLDS intervals of equal length.
    ((u128::from(stone_fingerprint(stone.diamond(), seed)) * FOLDS as u128) >> 64) as usize
}
