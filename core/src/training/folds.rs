//! Training rows in parts, of which each in turn judges what was learned from the others.

use super::FOLDS;
use crate::dataset::stone_fingerprint;
use crate::diamond::PricedDiamond;

/// One part and the rest.
pub(super) struct Fold {
    pub(super) learners: Vec<PricedDiamond>,
    pub(super) judges: Vec<PricedDiamond>,
    /// What the judges were sold for, US dollars.
    pub(super) actual: Vec<f64>,
}

/// The first `n_folds` of [`FOLDS`] folds. The stone decides which part it is in, so that two appraisals of
/// one stone never judge each other.
pub(super) fn folds(stones: &[PricedDiamond], n_folds: usize, seed: u64) -> Vec<Fold> {
    let parts: Vec<_> = stones.iter().map(|stone| part(stone, seed)).collect();
    let fold = |number| {
        let judges = || stones.iter().zip(&parts).filter(move |(_, part)| **part == number);
        Fold {
            learners: stones
                .iter()
                .zip(&parts)
                .filter(|(_, part)| **part != number)
                .map(|(s, _)| *s)
                .collect(),
            judges: judges().map(|(stone, _)| *stone).collect(),
            actual: judges().map(|(stone, _)| stone.price_usd()).collect(),
        }
    };
    (0..n_folds.clamp(1, FOLDS)).map(fold).collect()
}

fn part(stone: &PricedDiamond, seed: u64) -> usize {
    // The upper half of the product of two 64-bit numbers: FOLDS intervals of equal length.
    ((u128::from(stone_fingerprint(stone.diamond(), seed)) * FOLDS as u128) >> 64) as usize
}
