//! The parts of an XGBoost model file that predictions depend on. One schema serves both of its
//! encodings; whatever else the file holds is skipped.
//!
//! Source: <https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html>

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ubj;
use crate::error::{Error, Result};

#[derive(Deserialize)]
pub(super) struct ModelFile {
    pub(super) learner: Learner,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    pub(super) learner_model_param: LearnerModelParam,
    pub(super) objective: Objective,
    pub(super) gradient_booster: GradientBooster,
}

/// XGBoost writes its parameters as text.
#[derive(Deserialize)]
pub(super) struct LearnerModelParam {
    pub(super) base_score: String,
    pub(super) num_class: String,
    pub(super) num_feature: String,
    pub(super) num_target: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct GradientBooster {
    pub(super) name: String,
    pub(super) model: Option<GbtreeModel>,
}

#[derive(Deserialize)]
pub(super) struct GbtreeModel {
    pub(super) tree_info: Vec<i32>,
    pub(super) trees: Vec<Tree>,
}

/// One tree as parallel arrays over its nodes.
#[derive(Deserialize)]
pub(super) struct Tree {
    pub(super) tree_param: TreeParam,
    /// -1 at a leaf.
    pub(super) left_children: Vec<i32>,
    pub(super) right_children: Vec<i32>,
    pub(super) split_indices: Vec<u32>,
    /// Threshold of a split, value of a leaf.
    pub(super) split_conditions: Vec<f32>,
    pub(super) default_left: Vec<u8>,
    /// 1 at a split on categories.
    #[serde(default)]
    pub(super) split_type: Vec<u8>,
    /// The codes of all category sets, one after the other.
    #[serde(default)]
    pub(super) categories: Vec<u32>,
    /// The nodes that split on categories, ascending.
    #[serde(default)]
    pub(super) categories_nodes: Vec<u32>,
    /// For each of them, where its codes begin in `categories`.
    #[serde(default)]
    pub(super) categories_segments: Vec<u64>,
    /// And how many there are.
    #[serde(default)]
    pub(super) categories_sizes: Vec<u64>,
}

#[derive(Deserialize)]
pub(super) struct TreeParam {
    pub(super) size_leaf_vector: Option<String>,
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // Both encodings begin with a brace; in JSON a quotation mark follows.
    let second = bytes.iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
    if second == Some(&b'"') {
        serde_json::from_slice(bytes).map_err(|error| Error::model_file(format!("not a JSON model: {error}")))
    } else {
        ubj::from_slice(bytes)
    }
}
