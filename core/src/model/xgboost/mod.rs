//! Gradient boosted trees, grown by XGBoost's official library. Only training needs the library;
//! the finished model is read back by [`TreeEnsemble`], which does all the predicting.

mod library;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ndarray::{Array2, ArrayView2};
use serde_json::json;

use self::library::{Booster, Matrix};
use super::{AfterRound, Estimator, Fitting, Params, Regressor, Samples, TreeEnsemble};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

pub use self::library::Library;

/// Where the library may lie. It is opened on first use, so that a run without XGBoost models
/// works on a machine without XGBoost.
#[derive(Clone, Default)]
pub struct Locations(Arc<Shared>);

#[derive(Default)]
struct Shared {
    candidates: Vec<PathBuf>,
    opened: OnceLock<Library>,
}

impl Locations {
    /// Places to try, best first.
    pub fn new(candidates: Vec<PathBuf>) -> Self {
        Self(Arc::new(Shared { candidates, opened: OnceLock::new() }))
    }

    /// The library, loaded at the first call.
    ///
    /// # Errors
    /// As [`Library::open`].
    pub fn library(&self) -> Result<&Library> {
        if let Some(library) = self.0.opened.get() {
            return Ok(library);
        }
        let library = Library::open(&self.0.candidates)?;
        // Two threads may both have opened it; it is the same library, and one handle stays.
        Ok(self.0.opened.get_or_init(|| library))
    }
}

/// The estimator: squared error on the target, or an error of which large ones count less; histogram trees, one
/// thread.
///
/// | parameter | XGBoost's default | meaning |
/// |---|---|---|
/// | `n_estimators` | 100 | number of trees |
/// | `learning_rate` | 0.3 | weight of each new tree |
/// | `max_depth` | 6 | splits from root to leaf |
/// | `min_child_weight` | 1 | fewest samples in a leaf |
/// | `subsample` | 1 | share of rows for each tree |
/// | `colsample_bytree` | 1 | share of features for each tree |
/// | `lambda` | 1 | L2 penalty on leaf values |
/// | `alpha` | 0 | L1 penalty on leaf values |
/// | `huber_slope` | none | from errors of about this size on (units of the target) they count in proportion and not squared (pseudo-Huber) |
pub struct Xgboost {
    locations: Locations,
    paths: Vec<Vec<Vec<usize>>>,
}

/// The parameters of [`Xgboost`].
const PARAMS: [&str; 9] = [
    N_ESTIMATORS,
    "learning_rate",
    "max_depth",
    "min_child_weight",
    "subsample",
    "colsample_bytree",
    "lambda",
    "alpha",
    HUBER_SLOPE,
];
/// Name of the parameter that counts rounds.
pub const N_ESTIMATORS: &str = "n_estimators";
/// Name of the parameter by which large errors count less than their squares.
pub const HUBER_SLOPE: &str = "huber_slope";
const DEFAULT_N_ESTIMATORS: f64 = 100.0;

/// One thread a model: models are trained side by side instead. Within one, OpenMP waits for its
/// slowest thread at every level of every tree and collapses when a core is busy elsewhere; and a
/// sum over threads could differ from machine to machine.
const FIXED: [(&str, &str); 4] =
    [("tree_method", "hist"), ("nthread", "1"), ("verbosity", "0"), ("disable_default_eval_metric", "1")];

impl Xgboost {
    /// An estimator that looks for the library in these places.
    pub fn new(locations: Locations) -> Self {
        Self { locations, paths: Vec::new() }
    }

    /// Where there are as many columns as these name, what is asked between a tree's root and a leaf is about the columns
    /// of one of these sets (XGBoost's `interaction_constraints`). May be said for several numbers of columns.
    pub fn with_paths(mut self, paths: Vec<Vec<usize>>) -> Self {
        self.paths.push(paths);
        self
    }

    fn paths(&self, n_columns: usize) -> Option<String> {
        let are_of_all = |paths: &&Vec<Vec<usize>>| {
            paths.iter().flatten().max().is_some_and(|last| *last + 1 == n_columns)
        };
        self.paths.iter().find(are_of_all).map(|paths| json!(paths).to_string())
    }
}

impl Estimator for Xgboost {
    fn fit(
        &self,
        samples: Samples<'_>,
        params: &Params,
        seed: u64,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        let library = self.locations.library()?;
        let matrices = Matrices::new(library, samples, None, self.paths(samples.kinds.len()))?;
        grown(library, &matrices, params, seed, None, interrupt)
    }

    fn prepare<'a>(
        &'a self,
        samples: Samples<'a>,
        eval: ArrayView2<'a, f64>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        let library = self.locations.library()?;
        let paths = self.paths(samples.kinds.len());
        Ok(Box::new(BinnedSamples { library, samples, eval, paths, idle: Mutex::default() }))
    }
}

/// Samples in the library's own form, sorted into bins for all models that are fitted on them. The library makes no
/// promise of working on one of them for two models at once, so there are as many as there are fits under way.
struct BinnedSamples<'a> {
    library: &'a Library,
    samples: Samples<'a>,
    eval: ArrayView2<'a, f64>,
    paths: Option<String>,
    idle: Mutex<Vec<Matrices<'a>>>,
}

impl Fitting for BinnedSamples<'_> {
    fn fit(
        &self,
        params: &Params,
        seed: u64,
        after_round: AfterRound<'_>,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Regressor>> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let free = idle().pop();
        let matrices = match free {
            Some(matrices) => matrices,
            None => Matrices::new(self.library, self.samples, Some(self.eval), self.paths.clone())?,
        };
        let model = grown(self.library, &matrices, params, seed, Some(after_round), interrupt);
        idle().push(matrices);
        model
    }
}

/// Rows to learn from and rows to look at, and what may be asked of their columns together.
struct Matrices<'a> {
    train: Matrix<'a>,
    eval: Option<Matrix<'a>>,
    paths: Option<String>,
}

impl<'a> Matrices<'a> {
    fn new(
        library: &'a Library,
        samples: Samples<'_>,
        eval: Option<ArrayView2<'_, f64>>,
        paths: Option<String>,
    ) -> Result<Self> {
        let matrix = |features: ArrayView2<'_, f64>| {
            Matrix::new(library, &in_single_precision(features), samples.kinds)
        };
        let train = matrix(samples.features)?;
        train.set_target(samples.target)?;
        if let Some(weight) = samples.weight {
            train.set_weight(weight)?;
        }
        Ok(Self { train, eval: eval.map(matrix).transpose()?, paths })
    }
}

fn grown(
    library: &Library,
    Matrices { train, eval, paths }: &Matrices<'_>,
    params: &Params,
    seed: u64,
    mut after_round: Option<AfterRound<'_>>,
    interrupt: &Interrupt,
) -> Result<Box<dyn Regressor>> {
    params.only(&PARAMS)?;
    let rounds = params.get(N_ESTIMATORS).unwrap_or(DEFAULT_N_ESTIMATORS);
    if !(rounds.fract() == 0.0 && (1.0..=100_000.0).contains(&rounds)) {
        return Err(Error::Usage {
            reason: format!("{N_ESTIMATORS} = {rounds}"),
            allowed: "a whole number from 1 to 100,000".into(),
        });
    }
    let matrices: Vec<_> = [Some(train), eval.as_ref()].into_iter().flatten().collect();
    let booster = Booster::new(library, &matrices)?;
    for (name, value) in FIXED {
        booster.set_param(name, value)?;
    }
    let objective =
        if params.get(HUBER_SLOPE).is_some() { "reg:pseudohubererror" } else { "reg:squarederror" };
    booster.set_param("objective", objective)?;
    booster.set_param("seed", &seed.to_string())?;
    for (name, value) in params.iter().filter(|(name, _)| *name != N_ESTIMATORS) {
        booster.set_param(name, &value.to_string())?;
    }
    if let Some(paths) = paths {
        booster.set_param("interaction_constraints", paths)?;
    }
    for round in 0..rounds as usize {
        interrupt.check()?;
        booster.update(round, train)?;
        if let (Some(after_round), Some(eval)) = (&mut after_round, eval) {
            let predictions = booster.predict(eval)?;
            if let ControlFlow::Break(()) = after_round(round + 1, &predictions)? {
                break;
            }
        }
    }
    Ok(Box::new(TreeEnsemble::from_xgboost(booster.save()?)?))
}

/// XGBoost works in 32 bits; this rounds as NumPy's `astype("float32")` does.
fn in_single_precision(features: ArrayView2<'_, f64>) -> Array2<f32> {
    let values = features.rows().into_iter().flatten().map(|value| *value as f32).collect();
    // The shape fits: one value for each of the view's elements, row by row.
    Array2::from_shape_vec(features.dim(), values).unwrap_or_default()
}
