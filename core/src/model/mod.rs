//! Models over numbers: a matrix in, a vector out. Nothing here knows what a diamond is.

mod elastic_net;
mod estimator;
mod linear;
mod load;
mod params;
mod regressor;
mod ridge;
mod standardized;
pub mod trees;
pub mod xgboost;

pub use elastic_net::ElasticNet;
pub use estimator::{AfterRound, Estimator, FeatureKind, Fitting, Samples};
pub use linear::{LinearModel, LinearRegression};
pub use load::{load, not_served};
pub use params::Params;
pub use regressor::{ModelHeader, Regressor, StoredModel};
pub use ridge::{Ridge, SHARE};
pub use trees::TreeEnsemble;
pub use xgboost::Xgboost;
