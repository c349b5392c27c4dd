//! The families of models there are. To add one, add a function below and name it in
//! [`built_in`]; `CONTRIBUTING.md` has the recipe.

use std::borrow::Cow;

use super::plan::{EarlyStopping, FOLDS, Plan, Preset, Slower};
use crate::diamond::Field;
use crate::error::{Error, Result};
use crate::features::{Encoding, paths_of_trees, paths_of_trees_apart};
use crate::model::xgboost::{HUBER_SLOPE, Locations, N_ESTIMATORS};
use crate::model::{ElasticNet, LinearRegression, Params, Ridge, SHARE, Xgboost};
use crate::pipeline::{InitScoreRecipe, Recipe, Target};
use crate::tuning::{Domain, Space};

/// A family of models: how to fit one, and what to search when its parameters are not given.
pub struct Family {
    /// Its name, as users type it.
    pub name: Cow<'static, str>,
    /// What it is, in one line.
    pub summary: Cow<'static, str>,
    /// How to fit a member.
    pub recipe: Recipe,
    /// The search for its parameters by preset; `None` when it has none to search.
    #[allow(clippy::type_complexity)]
    pub plan: Option<Box<dyn Fn(Preset) -> Plan + Send + Sync>>,
    /// Version of an outside library that its models depend on.
    pub library_version: Option<Box<dyn Fn() -> Result<String> + Send + Sync>>,
    /// What runs it, when that is its owner's program and not this one: its models are compared like
    /// any other, but nothing of them is stored that could be run, so they cannot answer.
    pub foreign: Option<String>,
}

impl Family {
    /// A family that has nothing to search, needs no outside library and promises nothing.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
        recipe: Recipe,
    ) -> Self {
        Self {
            name: name.into(),
            summary: summary.into(),
            recipe,
            plan: None,
            library_version: None,
            foreign: None,
        }
    }
}

/// Every family, in the order in which they are trained.
pub fn built_in(xgboost: &Locations) -> Vec<Family> {
    vec![linear(), self::xgboost(xgboost), linear_derived(), xgboost_derived(xgboost), elastic_net()]
}

/// The notebook's log-linear regression: carat, length and the grades against the logarithm of
/// the price.
fn linear() -> Family {
    let encoding = Encoding::OneHot(&[Field::Carat, Field::X]);
    Family::new(
        "linear",
        "least squares on the logarithm of the price",
        Recipe::new(encoding, Target::LogPrice, LinearRegression),
    )
}

/// The notebook's XGBoost: all nine features, grades as categories, squared error on the price.
fn xgboost(locations: &Locations) -> Family {
    let recipe = Recipe::new(Encoding::Categories, Target::Price, Xgboost::new(locations.clone()));
    let for_version = locations.clone();
    Family {
        plan: Some(Box::new(xgboost_plan)),
        library_version: Some(Box::new(move || Ok(for_version.library()?.version().to_owned()))),
        ..Family::new(
            "xgboost",
            "gradient boosted trees on the price",
            Recipe { difficulty: small_trees(), ..recipe },
        )
    }
}

/// Least squares with what a jeweller knows about prices: they grow by factors, jump at magic sizes, and
/// color and clarity count for more in stones that are heavier or otherwise better.
fn linear_derived() -> Family {
    let recipe = Recipe::new(Encoding::Polynomial, Target::LogPricePerCarat, Ridge);
    Family::new(
        "linear-derived",
        "least squares on the logarithm of the price per carat, with steps at magic sizes",
        Recipe { monotone: Some(Encoding::Polynomial), ..recipe },
    )
}

/// The terms of `linear-derived`, less those that are of little use.
fn elastic_net() -> Family {
    Family::new(
        "elastic-net",
        "least squares on the logarithm of the price per carat, on as few terms as possible",
        Recipe::new(Encoding::Polynomial, Target::LogPricePerCarat, ElasticNet),
    )
}

/// From errors of about this size on, in logarithms, they count in proportion and not squared: some stones were sold
/// for what nobody can explain. docs/accuracy.md has what that gains, and that errors need not count by the price.
const SLOPE: f64 = 0.06;

/// How much of a sum of steps and slopes trees start from. docs/accuracy.md has what less and more of it gain.
const SHARE_OF_SUM: f64 = 0.9;

/// XGBoost on what a gemmologist reads off a stone.
fn xgboost_derived(locations: &Locations) -> Family {
    let estimator =
        Xgboost::new(locations.clone()).with_paths(paths_of_trees()).with_paths(paths_of_trees_apart());
    let init_score = InitScoreRecipe {
        encoding: Encoding::Polynomial,
        estimator: Box::new(Ridge),
        params: Params::from([(SHARE, SHARE_OF_SUM)]),
    };
    Family {
        name: "xgboost-derived".into(),
        summary: "gradient boosted trees on the logarithm of the price per carat".into(),
        recipe: Recipe {
            monotone: Some(Encoding::Apart),
            init_score: Some(init_score),
            counts_by_price: false,
            difficulty: small_trees(),
            ..Recipe::new(Encoding::Engineered, Target::LogPricePerCarat, estimator)
        },
        plan: Some(Box::new(xgboost_derived_plan)),
        ..xgboost(locations)
    }
}

/// docs/accuracy.md has the measurements behind the bounds.
fn xgboost_derived_plan(preset: Preset) -> Plan {
    if preset == Preset::Notebook {
        return xgboost_plan(preset);
    }
    Plan {
        space: Space(vec![
            ("lambda".into(), Domain::LogUniform { low: 0.1, high: 30.0 }),
            ("colsample_bytree".into(), Domain::Uniform { low: 0.6, high: 1.0 }),
            ("subsample".into(), Domain::Uniform { low: 0.6, high: 1.0 }),
            ("learning_rate".into(), Domain::LogUniform { low: 0.1, high: 0.2 }),
            ("max_depth".into(), Domain::Integer { low: 5, high: 9 }),
            ("min_child_weight".into(), Domain::LogUniform { low: 1.0, high: 20.0 }),
        ]),
        fixed: Params::from([(HUBER_SLOPE, SLOPE)]),
        n_folds: FOLDS,
        early_stopping: Some(EarlyStopping {
            rounds: N_ESTIMATORS,
            fewest: 1,
            most: 1000,
            patience: 20,
            slower: Some(Slower { rate: "learning_rate", times: 4 }),
        }),
    }
}

/// A small model of how far off the prices are: more trees of more leaves only learn the chance in it.
fn small_trees() -> Params {
    Params::from([
        (N_ESTIMATORS, 60.0),
        ("learning_rate", 0.12),
        ("max_depth", 5.0),
        ("min_child_weight", 50.0),
        ("subsample", 0.7),
        ("colsample_bytree", 0.7),
    ])
}

fn xgboost_plan(preset: Preset) -> Plan {
    match preset {
        Preset::Notebook => Plan {
            space: Space(vec![
                ("lambda".into(), Domain::LogUniform { low: 1e-8, high: 1.0 }),
                ("alpha".into(), Domain::LogUniform { low: 1e-8, high: 1.0 }),
                ("colsample_bytree".into(), Domain::Choice(Cow::Borrowed(&[0.3, 0.4, 0.5, 0.7]))),
                ("subsample".into(), Domain::Choice(Cow::Borrowed(&[0.5, 0.6, 0.7, 0.8, 0.9, 1.0]))),
                ("learning_rate".into(), Domain::LogUniform { low: 1e-8, high: 1.0 }),
                ("max_depth".into(), Domain::Integer { low: 3, high: 9 }),
                ("min_child_weight".into(), Domain::Integer { low: 1, high: 10 }),
            ]),
            fixed: Params::default(),
            n_folds: 1,
            // Between these the notebook draws the number of trees. One fit shows them all.
            early_stopping: Some(EarlyStopping {
                rounds: N_ESTIMATORS,
                fewest: 100,
                most: 1000,
                patience: 50,
                slower: None,
            }),
        },
        Preset::Narrow => Plan {
            space: Space(vec![
                ("lambda".into(), Domain::LogUniform { low: 1e-2, high: 10.0 }),
                ("alpha".into(), Domain::LogUniform { low: 1e-8, high: 1.0 }),
                ("colsample_bytree".into(), Domain::Uniform { low: 0.4, high: 1.0 }),
                ("subsample".into(), Domain::Uniform { low: 0.5, high: 1.0 }),
                ("learning_rate".into(), Domain::LogUniform { low: 0.02, high: 0.2 }),
                ("max_depth".into(), Domain::Integer { low: 4, high: 9 }),
                ("min_child_weight".into(), Domain::Integer { low: 1, high: 10 }),
            ]),
            fixed: Params::default(),
            n_folds: 1,
            early_stopping: Some(EarlyStopping {
                rounds: N_ESTIMATORS,
                fewest: 1,
                most: 2000,
                patience: 50,
                slower: None,
            }),
        },
    }
}

/// The families of these names, in this order; all of them when no name is given.
///
/// # Errors
/// [`Error::Usage`] for an unknown or repeated name.
pub fn choose(mut families: Vec<Family>, names: &[String]) -> Result<Vec<Family>> {
    if names.is_empty() {
        return Ok(families);
    }
    let allowed = families.iter().map(|family| &*family.name).collect::<Vec<_>>().join(", ");
    let mut chosen = Vec::new();
    for name in names {
        let position = families.iter().position(|family| family.name == **name);
        let position = position.ok_or_else(|| Error::Usage {
            reason: format!("{name:?} is not a family of models, or is named twice"),
            allowed: format!("each of {allowed} once"),
        })?;
        chosen.push(families.swap_remove(position));
    }
    Ok(chosen)
}
