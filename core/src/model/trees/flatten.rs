//! From the arrays of a model file to nodes that can be followed without a check: everything is
//! checked here, once.

use super::ensemble::{Node, TreeEnsemble};
use super::model_file::{ModelFile, Tree, parse};
use super::questions::{CategorySet, NEVER, Questions, Split, Test};
use crate::error::{Error, Result};

/// A code beyond this is not a category but damage; it bounds the memory of a set.
const MOST_CATEGORIES: u32 = 1 << 16;

/// Nor is such a number of features; it bounds the memory of what is asked about each.
const MOST_FEATURES: u32 = 1 << 16;

/// Objectives whose prediction is the plain sum of leaves.
const PLAIN_SUM: [&str; 3] = ["reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"];

impl TreeEnsemble {
    /// Reads and checks an XGBoost model file, UBJ or JSON.
    ///
    /// # Errors
    /// [`crate::Error::ModelFile`] when it is cut off or contradicts itself, or when the model is of
    /// a kind whose predictions are not a plain sum of leaves (several outputs, `dart`, a link).
    pub fn from_xgboost(file: Vec<u8>) -> Result<Self> {
        flatten(&parse(&file)?, file)
    }
}

fn flatten(model: &ModelFile, file: Vec<u8>) -> Result<TreeEnsemble> {
    let learner = &model.learner;
    let booster = &learner.gradient_booster;
    let one = |number: &str| matches!(number, "0" | "1");
    if !PLAIN_SUM.contains(&learner.objective.name.as_str()) {
        return refuse(format!(
            "objective {:?}; served are {}",
            learner.objective.name,
            PLAIN_SUM.join(", ")
        ));
    }
    let param = &learner.learner_model_param;
    if !one(&param.num_class) || !param.num_target.as_deref().is_none_or(one) {
        return refuse("the model has several outputs");
    }
    let (Some(gbtree), "gbtree") = (&booster.model, booster.name.as_str()) else {
        return refuse(format!("booster {:?}; served is \"gbtree\"", booster.name));
    };
    if gbtree.tree_info.len() != gbtree.trees.len() || gbtree.tree_info.iter().any(|group| *group != 0) {
        return refuse("the trees do not all belong to one output");
    }
    let n_features = param.num_feature.parse::<u32>().ok().filter(|n| (1..=MOST_FEATURES).contains(n));
    let Some(n_features) = n_features else {
        return refuse(format!("{:?} is not a number of features", param.num_feature));
    };
    let n_nodes = gbtree.trees.iter().map(|tree| tree.left_children.len()).sum();
    let mut forest = Forest {
        n_features,
        nodes: Vec::with_capacity(n_nodes),
        leaves: Vec::with_capacity(n_nodes),
        roots: Vec::with_capacity(gbtree.trees.len()),
        depths: Vec::with_capacity(gbtree.trees.len()),
        splits: Vec::with_capacity(n_nodes / 2),
        category_bits: Vec::new(),
    };
    for (number, tree) in gbtree.trees.iter().enumerate() {
        Flattening { tree, forest: &mut forest }
            .run()
            .map_err(|reason| Error::model_file(format!("tree {number}: {reason}")))?;
    }
    let Forest { mut nodes, leaves, roots, depths, splits, category_bits, .. } = forest;
    let (questions, asked) = Questions::of(&splits, &category_bits).map_err(Error::model_file)?;
    for (node, asked) in nodes.iter_mut().filter(|node| node.right_from != NEVER).zip(asked) {
        (node.question, node.right_from) = (asked.question, asked.right_from);
    }
    let base_score = base_score(&param.base_score)?;
    Ok(TreeEnsemble {
        n_features: n_features as usize,
        base_score,
        questions,
        nodes,
        leaves,
        roots,
        depths,
        file,
    })
}

/// All trees, with the splits apart: what their nodes ask is known when all of them are.
struct Forest {
    n_features: u32,
    nodes: Vec<Node>,
    /// As in [`TreeEnsemble`].
    leaves: Vec<f32>,
    roots: Vec<u32>,
    depths: Vec<u32>,
    /// The splits, in the order of their nodes.
    splits: Vec<Split>,
    category_bits: Vec<u64>,
}

fn refuse<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::model_file(reason))
}

/// A number, since XGBoost 3.1 in brackets: `3.93E3` or `[3.93E3]`.
fn base_score(text: &str) -> Result<f32> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match bare.parse::<f32>() {
        Ok(score) if score.is_finite() => Ok(score),
        _ => refuse(format!("base_score {text:?} is not one finite number")),
    }
}

struct Flattening<'a> {
    tree: &'a Tree,
    forest: &'a mut Forest,
}

impl Flattening<'_> {
    /// Lays the nodes out by breadth, siblings side by side.
    fn run(mut self) -> Result<(), String> {
        let tree = self.tree;
        let n_nodes = tree.left_children.len();
        let lengths = [
            ("right_children", tree.right_children.len()),
            ("split_indices", tree.split_indices.len()),
            ("split_conditions", tree.split_conditions.len()),
            ("default_left", tree.default_left.len()),
        ];
        if n_nodes == 0 {
            return Err("it has no nodes".into());
        }
        if !matches!(tree.tree_param.size_leaf_vector.as_deref(), None | Some("0" | "1")) {
            return Err("its leaves hold several values".into());
        }
        if let Some((name, length)) = lengths.into_iter().find(|(_, length)| *length != n_nodes) {
            return Err(format!("{name} has {length} entries for {n_nodes} nodes"));
        }
        if !tree.split_type.is_empty() && tree.split_type.len() != n_nodes {
            return Err(format!("split_type has {} entries for {n_nodes} nodes", tree.split_type.len()));
        }
        let mut is_reached = vec![false; n_nodes];
        let first = self.forest.nodes.len();
        // The queue of nodes to lay out is the layout itself: the n-th entry of `order` becomes the
        // n-th node of this tree.
        let mut order = Vec::with_capacity(n_nodes);
        order.push((0_usize, 0_u32));
        is_reached[0] = true;
        let (mut next, mut deepest) = (0, 0);
        while let Some(&(node, depth)) = order.get(next) {
            next += 1;
            deepest = depth;
            let (left, right) = (tree.left_children[node], tree.right_children[node]);
            if left == -1 && right == -1 {
                let own_index = u32::try_from(self.forest.nodes.len()).map_err(|_| "too many nodes")?;
                self.push_leaf(node, own_index)?;
                continue;
            }
            let left_index = u32::try_from(first + order.len()).map_err(|_| "too many nodes")?;
            for child in [left, right] {
                let child = usize::try_from(child).ok().filter(|child| *child < n_nodes);
                let child = child.ok_or_else(|| format!("node {node} has a child that does not exist"))?;
                if std::mem::replace(&mut is_reached[child], true) {
                    return Err(format!("node {child} has two parents"));
                }
                order.push((child, depth + 1));
            }
            self.push_split(node, left_index)?;
        }
        self.forest.roots.push(first as u32);
        // By breadth: the last one laid out is one of the deepest.
        self.forest.depths.push(deepest);
        Ok(())
    }

    fn push_leaf(&mut self, node: usize, own_index: u32) -> Result<(), String> {
        let value = self.tree.split_conditions[node];
        if !value.is_finite() {
            return Err(format!("the leaf {node} is not a finite number"));
        }
        self.forest.nodes.push(Node { left: own_index, question: 0, right_from: NEVER });
        self.forest.leaves.push(value);
        Ok(())
    }

    fn push_split(&mut self, node: usize, left: u32) -> Result<(), String> {
        let tree = self.tree;
        let feature = tree.split_indices[node];
        if feature >= self.forest.n_features {
            return Err(format!("node {node} splits on feature {feature}, which does not exist"));
        }
        let default_left = match tree.default_left[node] {
            0 => false,
            1 => true,
            other => return Err(format!("node {node} has the default direction {other}")),
        };
        let test = match tree.split_type.get(node) {
            None | Some(0) => {
                let threshold = tree.split_conditions[node];
                if threshold.is_nan() {
                    return Err(format!("the threshold of node {node} is not a number"));
                }
                Test::Below(threshold)
            }
            Some(1) => Test::In(self.push_categories(node)?),
            Some(other) => return Err(format!("node {node} has the split type {other}")),
        };
        self.forest.splits.push(Split { feature, default_left, test });
        // What it asks is filled in when all splits are known.
        self.forest.nodes.push(Node { left, question: 0, right_from: 0 });
        self.forest.leaves.push(0.0);
        Ok(())
    }

    fn push_categories(&mut self, node: usize) -> Result<CategorySet, String> {
        let tree = self.tree;
        let wrong = || format!("the categories of node {node} cannot be found");
        let position = tree.categories_nodes.binary_search(&(node as u32)).map_err(|_| wrong())?;
        let part = |parts: &[u64]| parts.get(position).and_then(|part| usize::try_from(*part).ok());
        let start = part(&tree.categories_segments).ok_or_else(wrong)?;
        let size = part(&tree.categories_sizes).ok_or_else(wrong)?;
        let end = start.checked_add(size).ok_or_else(wrong)?;
        let codes = tree.categories.get(start..end).ok_or_else(wrong)?;
        let largest = codes.iter().copied().max().ok_or_else(wrong)?;
        if largest >= MOST_CATEGORIES {
            return Err(format!("node {node} names category {largest}"));
        }
        let bits = &mut self.forest.category_bits;
        let start = bits.len();
        let n_words = largest / 64 + 1;
        bits.resize(start + n_words as usize, 0);
        for code in codes {
            bits[start + *code as usize / 64] |= 1 << (code % 64);
        }
        Ok(CategorySet { start: u32::try_from(start).map_err(|_| "too many categories")?, n_words })
    }
}
