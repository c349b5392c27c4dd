//! How much each feature brought a model of trees, as XGBoost keeps it in its model file.

use serde::Deserialize;

use super::TreeEnsemble;
use super::model_file::parse;
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct ModelFile {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    gradient_booster: GradientBooster,
}

#[derive(Deserialize)]
struct GradientBooster {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Tree {
    /// -1 at a leaf.
    left_children: Vec<i32>,
    split_indices: Vec<u32>,
    /// What each split took off the loss.
    loss_changes: Vec<f32>,
}

impl TreeEnsemble {
    /// What a split on each feature takes off the loss on average, as shares that add up to 1 (all are 0 without a
    /// split): the `gain` of XGBoost's own `feature_importances_`.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when the file does not say it.
    pub fn gains(file: &[u8], n_features: usize) -> Result<Vec<f64>> {
        let model: ModelFile = parse(file)?;
        let mut sums = vec![(0.0, 0_u32); n_features];
        for tree in &model.learner.gradient_booster.model.trees {
            let splits = tree.left_children.iter().zip(&tree.split_indices).zip(&tree.loss_changes);
            for ((_, feature), gain) in splits.filter(|((left, _), _)| **left != -1) {
                let (sum, n) = sums
                    .get_mut(*feature as usize)
                    .ok_or_else(|| Error::model_file("a split on a feature that does not exist"))?;
                *sum += f64::from(*gain);
                *n += 1;
            }
        }
        let means: Vec<_> = sums.into_iter().map(|(sum, n)| sum / f64::from(n.max(1))).collect();
        let total: f64 = means.iter().sum();
        Ok(means.into_iter().map(|mean| if total > 0.0 { mean / total } else { 0.0 }).collect())
    }
}
