//! The model that answers, the thread that follows the registry, and what is asked of the registry besides.

pub(crate) mod history;
mod model;
pub(crate) mod model_cache;
mod registry_reader;
mod state;
pub(crate) mod watcher;

pub(crate) use self::model::{ModelName, ServingModel};
pub(crate) use self::state::{ChampionError, State};
