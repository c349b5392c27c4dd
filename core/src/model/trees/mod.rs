//! Prediction over boosted trees in bounded, safe Rust.
//!
//! XGBoost's own reader trusts its file: its documentation says that a manipulated one can read
//! out of bounds. A model that serves requests is therefore read here, checked in full before the
//! first prediction, and then followed without a call into the library.
//!
//! Bit-identical to the library: the sum starts at `base_score` and leaves are added in the order
//! of the trees, all in 32 bits; a missing value takes the node's default side; a number goes left
//! when it is smaller than the threshold; a category goes right when it is in the node's set.

mod flatten;
mod model_file;
mod ubj;

use ndarray::{Array1, ArrayView2};

use super::{Regressor, Stored, StoredHeader};
use crate::error::Result;

/// A validated ensemble of regression trees.
#[derive(Debug)]
pub struct TreeEnsemble {
    n_features: usize,
    base_score: f32,
    /// The nodes of all trees. A child always stands behind its parent, so that every walk ends.
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// Steps from the root to the deepest leaf, for each tree.
    depths: Vec<u32>,
    /// The category sets, as bits, one after the other.
    category_bits: Vec<u64>,
    category_sets: Vec<CategorySet>,
    /// The file this was read from, kept to be stored and exported unchanged.
    file: Vec<u8>,
}

/// Twelve bytes: a split on a feature, or a leaf.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Feature index and the three flags.
    feature: u32,
    /// The left child, and the right one stands next to it; of a leaf, the leaf itself.
    left: u32,
    /// Threshold or leaf value as the bits of an `f32`, or the index of a category set.
    payload: u32,
}

const IS_LEAF: u32 = 1 << 31;
const IS_CATEGORY: u32 = 1 << 30;
const DEFAULT_LEFT: u32 = 1 << 29;
const FEATURE: u32 = DEFAULT_LEFT - 1;

/// Trees that are walked at once.
const TOGETHER: usize = 16;

/// Where a set of categories lies in `category_bits`.
#[derive(Clone, Copy, Debug)]
struct CategorySet {
    start: u32,
    n_words: u32,
}

impl TreeEnsemble {
    /// Reads and checks an XGBoost model file, UBJ or JSON.
    ///
    /// # Errors
    /// [`crate::Error::ModelFile`] when it is cut off or contradicts itself, or when the model is of
    /// a kind whose predictions are not a plain sum of leaves (several outputs, `dart`, a link).
    pub fn from_xgboost(file: Vec<u8>) -> Result<Self> {
        flatten::flatten(&model_file::parse(&file)?, file)
    }

    /// The XGBoost model file this was read from.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// Number of trees.
    pub fn n_trees(&self) -> usize {
        self.roots.len()
    }

    /// The sum of leaves for one row of [`Regressor::n_features`] values; missing values are NaN.
    pub fn predict_row(&self, row: &[f32]) -> f32 {
        match (self.category_sets.is_empty(), row.iter().any(|value| value.is_nan())) {
            (true, false) => self.sum::<false, false>(row),
            (true, true) => self.sum::<false, true>(row),
            (false, false) => self.sum::<true, false>(row),
            (false, true) => self.sum::<true, true>(row),
        }
    }

    /// Walks several trees at once. Each step of one walk waits for memory, and steps of different
    /// trees wait together; nothing in a step is a branch that the processor would have to guess.
    fn sum<const CATEGORIES: bool, const MISSING: bool>(&self, row: &[f32]) -> f32 {
        let mut sum = self.base_score;
        for (roots, depths) in self.roots.chunks(TOGETHER).zip(self.depths.chunks(TOGETHER)) {
            let mut at = [0; TOGETHER];
            at[..roots.len()].copy_from_slice(roots);
            for _ in 0..depths.iter().copied().max().unwrap_or_default() {
                for at in &mut at {
                    *at = self.step::<CATEGORIES, MISSING>(*at, row);
                }
            }
            let leaves = at[..roots.len()].iter().map(|at| f32::from_bits(self.nodes[*at as usize].payload));
            // One after the other: a sum in another order would be another sum.
            sum = leaves.fold(sum, |sum, leaf| sum + leaf);
        }
        sum
    }

    /// From a node to its child; a leaf stays where it is.
    #[inline(always)]
    fn step<const CATEGORIES: bool, const MISSING: bool>(&self, at: u32, row: &[f32]) -> u32 {
        let node = self.nodes[at as usize];
        let value = row[(node.feature & FEATURE) as usize];
        let mut goes_left = value < f32::from_bits(node.payload);
        if CATEGORIES && node.feature & IS_CATEGORY != 0 {
            goes_left = !self.contains(self.category_sets[node.payload as usize], value);
        }
        if MISSING {
            goes_left = if value.is_nan() { node.feature & DEFAULT_LEFT != 0 } else { goes_left };
        }
        let is_split = node.feature & IS_LEAF == 0;
        node.left + u32::from(is_split & !goes_left)
    }

    /// A code that no set can hold (negative, or beyond the largest) is in none.
    fn contains(&self, set: CategorySet, code: f32) -> bool {
        if code < 0.0 || code >= (set.n_words as usize * 64) as f32 {
            return false;
        }
        let code = code as usize;
        self.category_bits[set.start as usize + code / 64] >> (code % 64) & 1 == 1
    }
}

impl Regressor for TreeEnsemble {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn predict(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        let mut buffer = vec![0.0; features.ncols()];
        let value = |row: ndarray::ArrayView1<'_, f64>| {
            for (slot, value) in buffer.iter_mut().zip(row) {
                *slot = *value as f32;
            }
            f64::from(self.predict_row(&buffer))
        };
        features.rows().into_iter().map(value).collect()
    }

    fn stored(&self) -> Stored {
        Stored { header: StoredHeader::Xgboost, body: self.file.clone() }
    }
}
