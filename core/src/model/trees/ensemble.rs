//! The nodes of all trees in one row, and walks down them, several at once.

use ndarray::{Array1, ArrayView2};

use super::questions::Questions;
use crate::model::{ModelHeader, Regressor, StoredModel};

/// A validated ensemble of regression trees.
#[derive(Debug)]
pub struct TreeEnsemble {
    pub(super) n_features: usize,
    pub(super) base_score: f32,
    pub(super) questions: Questions,
    /// The nodes of all trees, each tree by breadth. A child always stands behind its parent, so that every
    /// walk ends.
    pub(super) nodes: Vec<Node>,
    /// For each node its value if it is a leaf.
    pub(super) leaves: Vec<f32>,
    pub(super) roots: Vec<u32>,
    /// Steps from the root to the deepest leaf, for each tree.
    pub(super) depths: Vec<u32>,
    /// The file this was read from, kept to be stored and exported unchanged.
    pub(super) file: Vec<u8>,
}

/// Eight bytes: a split or a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// The left child, and the right one stands next to it; of a leaf, the leaf itself.
    pub(super) left: u32,
    /// What is asked of the row.
    pub(super) question: u16,
    /// From which answer on it goes right; from a leaf, never.
    pub(super) right_from: u16,
}

/// Trees that one row is walked down at once.
const TREES_TOGETHER: usize = 16;
/// Rows that are walked down one tree at once.
const ROWS_TOGETHER: usize = 8;
/// Groups of such rows that share a tree while it is in the processor's first cache.
const GROUPS: usize = 4;

impl TreeEnsemble {
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
        let mut answers = vec![0; self.questions.len()];
        self.questions.answer(row, &mut answers);
        self.sum(&answers)
    }

    /// [`Self::predict_row`] of each row of `rows`, which stand one behind the other. Many rows together take
    /// less time than each alone.
    pub fn predict_rows(&self, rows: &[f32]) -> Vec<f32> {
        let mut sums = Vec::with_capacity(rows.len() / self.n_features);
        let mut answers = vec![0; self.questions.len() * ROWS_TOGETHER * GROUPS];
        for rows in rows.chunks(self.n_features * ROWS_TOGETHER * GROUPS) {
            for (row, answers) in
                rows.chunks_exact(self.n_features).zip(answers.chunks_exact_mut(self.questions.len()))
            {
                self.questions.answer(row, answers);
            }
            let n_rows = rows.len() / self.n_features;
            let n_begun = n_rows.next_multiple_of(ROWS_TOGETHER) * self.questions.len();
            // Behind the last row stand answers of an earlier one or none; nobody asks for their sums.
            sums.extend_from_slice(&self.sums(&answers[..n_begun])[..n_rows]);
        }
        sums
    }

    /// One row down several trees at once. Each step of one walk waits for memory, and steps of different
    /// trees wait together; nothing in a step is a branch that the processor would have to guess.
    #[inline(never)]
    fn sum(&self, answers: &[u16]) -> f32 {
        let nodes = self.nodes.as_slice();
        let mut sum = self.base_score;
        for (roots, depths) in self.roots.chunks(TREES_TOGETHER).zip(self.depths.chunks(TREES_TOGETHER)) {
            let mut at = [0; TREES_TOGETHER];
            at[..roots.len()].copy_from_slice(roots);
            for _ in 0..depths.iter().copied().max().unwrap_or_default() {
                at = std::array::from_fn(|tree| step(nodes, at[tree], answers, 0));
            }
            // One after the other: a sum in another order would be another sum.
            sum = at[..roots.len()].iter().fold(sum, |sum, at| sum + self.leaves[*at as usize]);
        }
        sum
    }

    /// Several rows down one tree at once, then down the next: the tree is fetched once for all of them, and
    /// the leaves of each row are added in the order of the trees.
    #[inline(never)]
    fn sums(&self, answers: &[u16]) -> [f32; ROWS_TOGETHER * GROUPS] {
        let (nodes, n) = (self.nodes.as_slice(), self.questions.len());
        let mut sums = [self.base_score; ROWS_TOGETHER * GROUPS];
        for (root, depth) in self.roots.iter().zip(&self.depths) {
            let groups = answers.chunks_exact(n * ROWS_TOGETHER).zip(sums.as_chunks_mut::<ROWS_TOGETHER>().0);
            for (answers, sums) in groups {
                let mut at = [*root; ROWS_TOGETHER];
                for _ in 0..*depth {
                    at = std::array::from_fn(|row| step(nodes, at[row], answers, row * n));
                }
                for (sum, at) in sums.iter_mut().zip(at) {
                    *sum += self.leaves[at as usize];
                }
            }
        }
        sums
    }
}

/// From a node to its child; a leaf stays where it is. `first` is where the row's answers begin.
#[inline(always)]
fn step(nodes: &[Node], at: u32, answers: &[u16], first: usize) -> u32 {
    let node = nodes[at as usize];
    node.left + u32::from(answers[first + usize::from(node.question)] >= node.right_from)
}

impl Regressor for TreeEnsemble {
    fn n_features(&self) -> usize {
        self.n_features
    }

    fn predict(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        let single = |value: &f64| *value as f32;
        let sums = if features.nrows() == 1 {
            vec![self.predict_row(&features.iter().map(single).collect::<Vec<_>>())]
        } else {
            self.predict_rows(&features.iter().map(single).collect::<Vec<_>>())
        };
        sums.into_iter().map(f64::from).collect()
    }

    fn stored(&self) -> StoredModel {
        StoredModel { header: ModelHeader::Xgboost, body: self.file.clone() }
    }
}
