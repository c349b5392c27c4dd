//! Trees of which some features are left open: their sums for all combinations of values of these that are nowhere above a
//! combination or nowhere below it.
//!
//! A leaf holds for a range of answers to each question, in whatever order its tree asks them. So no tree is walked down:
//! for each answer a bitmap (one bit for each leaf of all trees) says which leaves hold, and what all of a stone's answers
//! have in common are the few leaves to add.

use std::collections::BTreeMap;

use super::TreeEnsemble;
use super::ensemble::Node;
use super::questions::{NEVER, Questions};
use crate::error::{Error, Result};

/// Features that may be left open.
pub const N_OPEN: usize = 4;

/// What all bitmaps may take, in words of 64: 512 MiB, seven times what a search on a million sales came to (3,220 trees),
/// so that a model is not refused when its search is over. Those of 500 trees take 5 MiB.
const MOST_WORDS: usize = 1 << 26;

/// What is left open: features that hold the whole numbers from 0 on.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Which feature.
    pub feature: usize,
    /// How many values it has; those of all open features make less than 65,535 combinations.
    pub n_values: usize,
}

/// Such trees.
pub struct OpenTrees {
    questions: Questions,
    n_values: [usize; N_OPEN],
    /// By the value of each open feature: the leaves that hold for some value that is not greater.
    below: [Bitmaps; N_OPEN],
    /// The leaves that hold for some value that is not smaller.
    above: [Bitmaps; N_OPEN],
    /// Questions about other features: the leaves that hold for each answer.
    known: Vec<(u16, Bitmaps)>,
    leaves: Groups,
}

/// All leaves, by the number of corners at which they are noted. Each group begins a word in the bitmaps.
type Groups = (Vec<Leaf<1>>, Vec<Leaf<2>>, Vec<Leaf<4>>, Vec<Leaf<8>>, Vec<Leaf<16>>);

/// A leaf holds for a box of combinations. It is noted at the corners of its box, with the sign that makes sums along each
/// axis add up to it inside and to nothing behind; where the box reaches the greatest value, there is nothing behind.
struct Leaf<const N_CORNERS: usize> {
    value: f32,
    /// Cells. Those at the end of an odd number of axes have an odd number of bits in their place here.
    corners: [u16; N_CORNERS],
}

/// The answers for which a leaf holds: from one on, up to before another. First come the values of open features.
struct Reach {
    value: f32,
    answers: Vec<[u16; 2]>,
}

impl OpenTrees {
    /// These trees, with these features open.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when they ask about categories, or too much.
    pub fn new(trees: &TreeEnsemble, open: [Open; N_OPEN]) -> Result<Self> {
        let refused = |reason: &str| Error::model_file(format!("trees that leave features open {reason}"));
        let n_values = open.map(|open| open.n_values);
        if !(1..usize::from(u16::MAX)).contains(&n_values.iter().product()) {
            return Err(refused("leave too many combinations or none"));
        }
        if trees.questions.len() > usize::from(u16::MAX) - N_OPEN {
            return Err(refused("ask too many questions"));
        }
        let mut n_answers = n_values.to_vec();
        let mut axes_of_known = BTreeMap::new();
        // The same nodes, but an open feature or question about another is told by its place in `n_answers`.
        let node = |node: &Node| {
            let Node { left, question, right_from } = *node;
            if right_from == NEVER {
                return Ok(*node);
            }
            let Some((feature, threshold)) = trees.questions.of_number(question, right_from) else {
                return Err(refused("ask about categories"));
            };
            if let Some(axis) = open.iter().position(|open| open.feature == feature) {
                // The first whole number that is not below the threshold; `as` keeps it within the possible.
                let right_from = (threshold.ceil() as usize).min(n_values[axis]) as u16;
                return Ok(Node { left, question: axis as u16, right_from });
            }
            let axis = *axes_of_known.entry(question).or_insert(n_answers.len());
            n_answers.resize(n_answers.len().max(axis + 1), 0);
            n_answers[axis] = n_answers[axis].max(usize::from(right_from) + 1);
            Ok(Node { left, question: axis as u16, right_from })
        };
        let nodes: Vec<_> = trees.nodes.iter().map(node).collect::<Result<_>>()?;
        let n_leaves = nodes.iter().filter(|node| node.right_from == NEVER).count();
        // As long as bitmaps are made, the reach of 64 leaves takes 32 words more for each question.
        let n_bitmaps: usize = n_answers.iter().map(|n| n + 32).sum();
        if n_leaves.div_ceil(64).saturating_mul(n_bitmaps) > MOST_WORDS {
            return Err(refused(
                "tell too much apart; fewer of them (n_estimators) or flatter ones (max_depth) do not",
            ));
        }
        let mut groups: [Vec<Reach>; N_OPEN + 1] = Default::default();
        for root in &trees.roots {
            each_leaf(&nodes, &trees.leaves, *root, &n_answers, |reach| {
                let n_ends =
                    (0..N_OPEN).filter(|axis| usize::from(reach.answers[*axis][1]) < n_values[*axis]).count();
                groups[n_ends].push(reach);
            });
        }
        Ok(Self {
            questions: trees.questions.clone(),
            n_values,
            below: std::array::from_fn(|axis| {
                Bitmaps::new(n_values[axis], &groups, |reach| [reach.answers[axis][0], n_values[axis] as u16])
            }),
            above: std::array::from_fn(|axis| {
                Bitmaps::new(n_values[axis], &groups, |reach| [0, reach.answers[axis][1]])
            }),
            known: axes_of_known
                .into_iter()
                .map(|(question, axis)| {
                    (question, Bitmaps::new(n_answers[axis], &groups, |reach| reach.answers[axis]))
                })
                .collect(),
            leaves: (
                leaves(&groups[0], n_values),
                leaves(&groups[1], n_values),
                leaves(&groups[2], n_values),
                leaves(&groups[3], n_values),
                leaves(&groups[4], n_values),
            ),
        })
    }

    /// The sums of leaves for each combination of values of the open features, the last of them the quickest to change. They
    /// are whole for all combinations that are nowhere above `own` and all that are nowhere below it; others may lack
    /// leaves. What stands in `row` for open features does not matter.
    pub fn sums(&self, row: &[f32], own: [usize; N_OPEN]) -> Vec<f64> {
        let mut cells = vec![0.0; self.n_values.iter().product()];
        let within = self.within(row, own);
        let within = note(&mut cells, &within, &self.leaves.0);
        let within = note(&mut cells, within, &self.leaves.1);
        let within = note(&mut cells, within, &self.leaves.2);
        let within = note(&mut cells, within, &self.leaves.3);
        note(&mut cells, within, &self.leaves.4);
        add_up(&mut cells, self.n_values);
        cells
    }

    /// A bitmap of the leaves that hold for some combination on either side of `own`.
    fn within(&self, row: &[f32], own: [usize; N_OPEN]) -> Vec<u64> {
        let mut answers = vec![0; self.questions.len()];
        self.questions.answer(row, &mut answers);
        let mut within = vec![u64::MAX; self.below[0].n_words];
        let mut above = within.clone();
        for (axis, own) in own.into_iter().enumerate() {
            self.below[axis].keep(own, &mut within);
            self.above[axis].keep(own, &mut above);
        }
        within.iter_mut().zip(above).for_each(|(below, above)| *below |= above);
        for (question, bitmaps) in &self.known {
            bitmaps.keep(usize::from(answers[usize::from(*question)]), &mut within);
        }
        within
    }
}

/// For each answer to a question one bit for each leaf: whether it holds.
struct Bitmaps {
    /// Of one bitmap.
    n_words: usize,
    words: Vec<u64>,
}

impl Bitmaps {
    /// For these leaves, each of which holds in this range of answers.
    fn new(n_answers: usize, groups: &[Vec<Reach>], range: impl Fn(&Reach) -> [u16; 2]) -> Self {
        let n_words = groups.iter().map(|group| group.len().div_ceil(64)).sum();
        // First only what changes from one answer to the next.
        let mut words = vec![0; (n_answers + 1) * n_words];
        let mut first = 0;
        for group in groups {
            for (place, leaf) in group.iter().enumerate() {
                for answer in range(leaf) {
                    words[usize::from(answer) * n_words + first + place / 64] ^= 1 << (place % 64);
                }
            }
            first += group.len().div_ceil(64);
        }
        for at in n_words..words.len() {
            words[at] ^= words[at - n_words];
        }
        Self { n_words, words }
    }

    /// Keeps the leaves that hold for this answer. Answers beyond the greatest that a leaf asks for are like that one.
    fn keep(&self, answer: usize, leaves: &mut [u64]) {
        let last = (self.words.len() / self.n_words.max(1)).saturating_sub(2);
        let bitmap = &self.words[answer.min(last) * self.n_words..];
        leaves.iter_mut().zip(bitmap).for_each(|(leaves, holding)| *leaves &= holding);
    }
}

/// Calls `found` with each leaf of a tree that can be reached.
fn each_leaf(nodes: &[Node], leaves: &[f32], root: u32, n_answers: &[usize], mut found: impl FnMut(Reach)) {
    let mut waiting = vec![(root, n_answers.iter().map(|n| [0, *n as u16]).collect::<Vec<_>>())];
    while let Some((at, mut answers)) = waiting.pop() {
        let Node { left, question, right_from } = nodes[at as usize];
        if right_from == NEVER {
            found(Reach { value: leaves[at as usize], answers });
            continue;
        }
        let axis = usize::from(question);
        let [from, to] = answers[axis];
        if right_from < to {
            let mut of_right = answers.clone();
            of_right[axis][0] = right_from.max(from);
            waiting.push((left + 1, of_right));
        }
        if right_from > from {
            answers[axis][1] = right_from.min(to);
            waiting.push((left, answers));
        }
    }
}

/// Leaves that end before the greatest value of as many open features as make this number of corners.
fn leaves<const N_CORNERS: usize>(group: &[Reach], n_values: [usize; N_OPEN]) -> Vec<Leaf<N_CORNERS>> {
    let corner = |reach: &Reach, mut corner: usize| {
        let mut cell = 0;
        for (n, [from, to]) in n_values.into_iter().zip(&reach.answers) {
            let is_end = usize::from(*to) < n && corner % 2 == 1;
            cell = cell * n + usize::from(if is_end { *to } else { *from });
            corner >>= usize::from(usize::from(*to) < n);
        }
        cell as u16
    };
    let leaf =
        |reach: &Reach| Leaf { value: reach.value, corners: std::array::from_fn(|n| corner(reach, n)) };
    group.iter().map(leaf).collect()
}

/// Notes the leaves of one group that are within; gives the rest of the bitmap, which is about other groups.
fn note<'a, const N_CORNERS: usize>(
    cells: &mut [f64],
    within: &'a [u64],
    leaves: &[Leaf<N_CORNERS>],
) -> &'a [u64] {
    let (within, rest) = within.split_at(leaves.len().div_ceil(64));
    for (word, leaves) in within.iter().zip(leaves.chunks(64)) {
        let mut word = *word;
        while word != 0 {
            let Leaf { value, corners } = &leaves[word.trailing_zeros() as usize];
            let value = f64::from(*value);
            for (n, cell) in corners.iter().enumerate() {
                cells[usize::from(*cell)] += if n.count_ones() % 2 == 0 { value } else { -value };
            }
            word &= word - 1;
        }
    }
    rest
}

/// Sums along each axis.
fn add_up(cells: &mut [f64], n_values: [usize; N_OPEN]) {
    let mut stride = cells.len();
    for n in n_values {
        let block = stride;
        stride /= n;
        for block in cells.chunks_exact_mut(block) {
            if stride == 1 {
                let mut sum = 0.0;
                for cell in block {
                    sum += *cell;
                    *cell = sum;
                }
                continue;
            }
            for at in (stride..block.len()).step_by(stride) {
                let (before, cells) = block.split_at_mut(at);
                for (cell, before) in cells.iter_mut().zip(&before[at - stride..]) {
                    *cell += before;
                }
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
            let nodes = &self.nodes[*root as usize..end as usize];
            let mut sides = nodes
                .iter()
                .filter(|node| node.right_from != NEVER)
                .map(|node| self.questions.feature(node.question).map(|feature| is_apart[feature]));
            let first = sides.next().unwrap_or(Some(false));
            if sides.any(|side| side != first) {
                return Err(Error::model_file("a tree asks about weight, grades and measurements at once"));
            }
            let part = if first == Some(true) { &mut apart } else { &mut rest };
            let first = part.nodes.len() as u32;
            part.roots.push(first);
            part.depths.push(*depth);
            part.nodes.extend(nodes.iter().map(|node| Node { left: node.left - root + first, ..*node }));
            part.leaves.extend_from_slice(&self.leaves[*root as usize..end as usize]);
        }
        Ok((rest, apart))
    }

    fn without_trees(&self, base_score: f32) -> Self {
        Self {
            n_features: self.n_features,
            base_score,
            questions: self.questions.clone(),
            nodes: Vec::new(),
            leaves: Vec::new(),
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
            let mut trees = ensemble(&trees);
            // What the last of them asked is still answered.
            let end = trees.roots.pop().unwrap() as usize;
            trees.depths.pop();
            trees.nodes.truncate(end);
            trees.leaves.truncate(end);
            let open = OpenTrees::new(&trees, OPENED).unwrap();
            for _ in 0..10 {
                let mut row: Vec<f32> = (0..6).map(|_| random.random_range(-1.0..6.0)).collect();
                if random.random_range(0..4) == 0 {
                    row[2] = f32::NAN;
                }
                let own = OPENED.map(|open| random.random_range(0..open.n_values));
                let sums = open.sums(&row, own);
                assert_eq!(sums.len(), OPENED.iter().map(|open| open.n_values).product::<usize>());
                for (cell, sum) in sums.iter().enumerate() {
                    let mut values = [0; N_OPEN];
                    let mut rest = cell;
                    for (axis, Open { feature, n_values }) in OPENED.into_iter().enumerate().rev() {
                        values[axis] = rest % n_values;
                        row[feature] = values[axis] as f32;
                        rest /= n_values;
                    }
                    let is_below = values.iter().zip(&own).all(|(value, own)| value <= own);
                    let is_above = values.iter().zip(&own).all(|(value, own)| value >= own);
                    if is_below || is_above {
                        let alone = f64::from(trees.predict_row(&row)) - 0.5;
                        assert!((sum - alone).abs() < 1e-5, "seed {seed}: {row:?}: {sum} and {alone}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_would_take_too_much_memory_is_refused() {
        let mut random = Pcg64::seed_from_u64(7);
        let mut with_own_thresholds = |n_trees: usize| {
            let mut threshold = 0;
            let mut tree = |_| {
                let mut tree = tree(&mut random, &[2, 4]);
                for condition in tree["split_conditions"].as_array_mut().unwrap() {
                    *condition = threshold.into();
                    threshold += 1;
                }
                tree
            };
            ensemble(&(0..n_trees).map(&mut tree).collect::<Vec<_>>())
        };
        assert!(OpenTrees::new(&with_own_thresholds(500), OPENED).is_ok());
        let refused = OpenTrees::new(&with_own_thresholds(12_000), OPENED).err().unwrap();
        assert!(refused.to_string().contains("tell too much apart"));
        let mut many = OPENED;
        many[0].n_values = 1 << 12;
        let refused = OpenTrees::new(&with_own_thresholds(1), many).err().unwrap();
        assert!(refused.to_string().contains("too many combinations"));
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
