//! Trees of which some features are left open: their sums for all combinations of values of these that are nowhere above a
//! combination, and for all that are nowhere below it. Only leaves that the other features leave within reach are looked at.

use super::TreeEnsemble;
use super::ensemble::Node;
use super::questions::{NEVER, Questions};
use crate::error::{Error, Result};

/// Features that may be left open.
pub const N_OPEN: usize = 4;

/// What is left open: features that hold the whole numbers from 0 on.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Which feature.
    pub feature: usize,
    /// How many values it has; at most 255.
    pub n_values: usize,
}

/// Such trees.
pub struct OpenTrees {
    questions: Questions,
    /// As in [`TreeEnsemble`], but what asks about an open feature asks one of the questions that come after the others, and
    /// goes right from that value on. After those comes the question of a leaf.
    nodes: Vec<Node>,
    /// As in [`TreeEnsemble`].
    leaves: Vec<f32>,
    roots: Vec<u32>,
    n_values: [usize; N_OPEN],
}

/// On which side of a combination others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// None of their values is greater.
    Below,
    /// None is smaller.
    Above,
}

/// From which value on and up to which something holds, for each open feature, counted from the end that is further away.
type Reach = [[u8; 2]; N_OPEN];

impl OpenTrees {
    /// These trees, with these features open.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when they ask whether an open feature is in a set of categories, or too much.
    pub fn new(trees: &TreeEnsemble, open: [Open; N_OPEN]) -> Result<Self> {
        let questions = trees.questions.clone();
        let first_open = questions.len() as u16;
        if questions.len() > usize::from(u16::MAX) - N_OPEN - 1 {
            return Err(Error::model_file("trees that leave features open ask too many questions"));
        }
        let node = |node: &Node| {
            let Node { left, question, right_from } = *node;
            if right_from == NEVER {
                return Ok(Node { question: first_open + N_OPEN as u16, ..*node });
            }
            let Some((feature, threshold)) = questions.of_number(question, right_from) else {
                return Err(Error::model_file("trees that leave features open ask about categories"));
            };
            Ok(match open.iter().position(|open| open.feature == feature) {
                // The first whole number that is not below the threshold; `as` keeps it within the possible.
                Some(axis) => {
                    let right_from = (threshold.ceil() as usize).min(open[axis].n_values) as u16;
                    Node { left, question: first_open + axis as u16, right_from }
                }
                None => *node,
            })
        };
        Ok(Self {
            nodes: trees.nodes.iter().map(node).collect::<Result<_>>()?,
            leaves: trees.leaves.clone(),
            roots: trees.roots.clone(),
            n_values: open.map(|open| open.n_values),
            questions,
        })
    }

    /// How many values of each open feature are on this side of `own`, itself counted.
    pub fn extent(&self, own: [usize; N_OPEN], side: Side) -> [usize; N_OPEN] {
        match side {
            Side::Below => own.map(|own| own + 1),
            Side::Above => std::array::from_fn(|axis| self.n_values[axis] - own[axis]),
        }
    }

    /// The sums of leaves for all combinations on one side of `own`, for [`OpenTrees::extent`] values of each open feature,
    /// the last of them the quickest to change: from 0 up to its own below, from the greatest down to its own above. What
    /// stands in `row` for open features does not matter.
    ///
    /// Every leaf within reach holds for a box of combinations. It is noted at the corners of its box, with the sign that
    /// makes sums along each axis add up to it inside and to nothing outside.
    pub fn sums(&self, row: &[f32], own: [usize; N_OPEN], side: Side) -> Vec<f64> {
        let mut answers = vec![0; self.questions.len()];
        self.questions.answer(row, &mut answers);
        let extent = self.extent(own, side);
        let mut cells = vec![0.0; extent.iter().product()];
        let mut waiting = Vec::new();
        for root in &self.roots {
            waiting.push((*root, extent.map(|n| [0, n as u8])));
            while let Some((mut at, mut reach)) = waiting.pop() {
                loop {
                    let Node { left, question, right_from } = self.nodes[at as usize];
                    if usize::from(question) < answers.len() {
                        at = left + u32::from(answers[usize::from(question)] >= right_from);
                        continue;
                    }
                    let axis = usize::from(question) - answers.len();
                    let Some([from, to]) = reach.get(axis).copied() else { break };
                    let (far, near, near_from) = match side {
                        Side::Below => (left, left + 1, right_from as u8),
                        Side::Above => (left + 1, left, (self.n_values[axis] as u16 - right_from) as u8),
                    };
                    if near_from <= from {
                        at = near;
                    } else if near_from >= to {
                        at = far;
                    } else {
                        let mut of_near = reach;
                        of_near[axis][0] = near_from;
                        waiting.push((near, of_near));
                        reach[axis][1] = near_from;
                        at = far;
                    }
                }
                note(&mut cells, extent, reach, f64::from(self.leaves[at as usize]));
            }
        }
        add_up(&mut cells, extent);
        cells
    }
}

/// Notes a leaf at the corners of its box that are within the grid.
#[inline(always)]
fn note(cells: &mut [f64], extent: [usize; N_OPEN], reach: Reach, leaf: f64) {
    let strides = [extent[1] * extent[2] * extent[3], extent[2] * extent[3], extent[3], 1];
    let mut first = 0;
    let mut ends = 0;
    let mut widths = [0; N_OPEN];
    for axis in 0..N_OPEN {
        let [from, to] = reach[axis].map(usize::from);
        first += from * strides[axis];
        widths[axis] = (to - from) * strides[axis];
        ends |= usize::from(to < extent[axis]) << axis;
    }
    let mut corner = ends;
    loop {
        let away: usize = (0..N_OPEN).map(|axis| widths[axis] * (corner >> axis & 1)).sum();
        cells[first + away] += if corner.count_ones() % 2 == 0 { leaf } else { -leaf };
        if corner == 0 {
            return;
        }
        corner = (corner - 1) & ends;
    }
}

/// Sums along each axis.
fn add_up(cells: &mut [f64], extent: [usize; N_OPEN]) {
    let mut stride = cells.len();
    for n in extent {
        let block = stride;
        stride /= n;
        for block in cells.chunks_exact_mut(block) {
            for at in stride..block.len() {
                block[at] += block[at - stride];
            }
        }
    }
}

impl TreeEnsemble {
    /// The trees that ask about none of these features, which keep the base score, and those that ask about no others.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when a tree does neither.
    pub fn parted(&self, is_apart: &[bool]) -> Result<(Self, Self)> {
        let (mut rest, mut apart) = (self.without_trees(self.base_score), self.without_trees(0.0));
        let ends = self.roots.iter().skip(1).copied().chain([self.nodes.len() as u32]);
        for ((root, depth), end) in self.roots.iter().zip(&self.depths).zip(ends) {
            let mut sides = self.nodes[*root as usize..end as usize]
                .iter()
                .filter(|node| node.right_from != NEVER)
                .map(|node| self.questions.feature(node.question).map(|feature| is_apart[feature]));
            let first = sides.next().unwrap_or(Some(false));
            if sides.any(|side| side != first) {
                return Err(Error::model_file("a tree asks about weight, grades and measurements at once"));
            }
            let part = if first == Some(true) { &mut apart } else { &mut rest };
            part.roots.push(*root);
            part.depths.push(*depth);
        }
        Ok((rest, apart))
    }

    fn without_trees(&self, base_score: f32) -> Self {
        Self {
            n_features: self.n_features,
            base_score,
            questions: self.questions.clone(),
            nodes: self.nodes.clone(),
            leaves: self.leaves.clone(),
            roots: Vec::new(),
            depths: Vec::new(),
            file: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    /// The features that are left open, of six.
    const OPENED: [Open; N_OPEN] = [
        Open { feature: 1, n_values: 3 },
        Open { feature: 5, n_values: 2 },
        Open { feature: 0, n_values: 4 },
        Open { feature: 3, n_values: 5 },
    ];

    /// A random tree about these features, as XGBoost writes one down.
    fn tree(random: &mut Pcg64, features: &[u64]) -> serde_json::Value {
        let (mut left, mut right, mut about, mut values, mut waiting) = (vec![], vec![], vec![], vec![], 1);
        while waiting > 0 {
            waiting -= 1;
            let at = left.len() as i64;
            let is_split = at == 0 || (at < 30 && random.random_range(0..3) > 0);
            let child = at + waiting + 1;
            left.push(if is_split { child } else { -1 });
            right.push(if is_split { child + 1 } else { -1 });
            about.push(features[random.random_range(0..features.len())]);
            // Whole numbers too, and such that no value reaches or that all do.
            values.push(f64::from(random.random_range(-2..12_i8)) / 2.0);
            waiting += 2 * i64::from(is_split);
        }
        let n = left.len();
        serde_json::json!({
            "left_children": left, "right_children": right, "split_indices": about, "split_conditions": values,
            "default_left": vec![1; n], "split_type": vec![0; n], "categories": [], "categories_nodes": [],
            "categories_segments": [], "categories_sizes": [], "tree_param": {"size_leaf_vector": "1"},
        })
    }

    fn ensemble(trees: &[serde_json::Value]) -> TreeEnsemble {
        let model = serde_json::json!({
            "learner": {
                "objective": {"name": "reg:squarederror"},
                "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "6", "num_target": "1"},
                "gradient_booster": {
                    "name": "gbtree",
                    "model": {"tree_info": vec![0; trees.len()], "trees": trees},
                },
            },
            "version": [3, 2, 0],
        });
        TreeEnsemble::from_xgboost(serde_json::to_vec(&model).unwrap()).unwrap()
    }

    #[test]
    fn the_sums_of_both_sides_are_those_of_each_combination_by_itself() {
        let seed = 5;
        let mut random = Pcg64::seed_from_u64(seed);
        for _ in 0..40 {
            let trees: Vec<_> = (0..7).map(|_| tree(&mut random, &[0, 1, 2, 3, 4, 5])).collect();
            let trees = ensemble(&trees);
            let open = OpenTrees::new(&trees, OPENED).unwrap();
            for _ in 0..10 {
                let mut row: Vec<f32> = (0..6).map(|_| random.random_range(-1.0..6.0)).collect();
                if random.random_range(0..4) == 0 {
                    row[2] = f32::NAN;
                }
                let own = OPENED.map(|open| random.random_range(0..open.n_values));
                for side in [Side::Below, Side::Above] {
                    let sums = open.sums(&row, own, side);
                    let extent = open.extent(own, side);
                    assert_eq!(sums.len(), extent.iter().product::<usize>());
                    for (cell, sum) in sums.iter().enumerate() {
                        let mut rest = cell;
                        for (Open { feature, n_values }, n) in OPENED.into_iter().zip(extent).rev() {
                            let from_end = rest % n;
                            let value = if side == Side::Below { from_end } else { n_values - 1 - from_end };
                            row[feature] = value as f32;
                            rest /= n;
                        }
                        let alone = f64::from(trees.predict_row(&row)) - 0.5;
                        assert!((sum - alone).abs() < 1e-5, "seed {seed}: {row:?}: {sum} and {alone}");
                    }
                }
            }
        }
    }

    #[test]
    fn trees_are_parted_by_what_they_ask_about_and_none_may_ask_about_both() {
        let mut random = Pcg64::seed_from_u64(6);
        let apart = [false, false, true, true, false, true];
        let trees: Vec<_> =
            (0..9).map(|n| tree(&mut random, if n % 3 == 0 { &[2, 3, 5] } else { &[0, 1, 4] })).collect();
        let whole = ensemble(&trees);
        let (rest, of_apart) = whole.parted(&apart).unwrap();
        assert_eq!((rest.n_trees(), of_apart.n_trees()), (6, 3));
        let row = [1.0, 2.0, 0.5, 3.0, 2.5, 1.0];
        let both = rest.predict_row(&row) + of_apart.predict_row(&row);
        assert!((both - whole.predict_row(&row)).abs() < 1e-5);
        let mut mixed = tree(&mut random, &[0, 1, 4]);
        while mixed["left_children"][1] == -1 {
            mixed = tree(&mut random, &[0, 1, 4]);
        }
        mixed["split_indices"][1] = 5.into();
        assert!(ensemble(&[mixed]).parted(&apart).is_err());
    }
}
