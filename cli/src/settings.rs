//! The settings of the program, each where it belongs; `default.toml` says what they are.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;
use xtream_core::registry::{Location, S3Settings};

use crate::environment::cache_folder;

/// Not `Debug`: it holds a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    registry: String,
    pub(crate) xgboost_lib: PathBuf,
    s3: S3,
    pub(crate) train: Train,
    pub(crate) split: Split,
    pub(crate) columns: BTreeMap<String, String>,
    pub(crate) grades: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) serve: Serve,
    pub(crate) watch: Watch,
    pub(crate) log: Log,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Train {
    pub(crate) models: Vec<String>,
    pub(crate) trials: usize,
    pub(crate) space: xtream_core::training::Preset,
    pub(crate) sampler: xtream_core::tuning::SamplerKind,
    pub(crate) seed: u64,
    pub(crate) parallel: xtream_core::tuning::Parallel,
    pub(crate) jobs: usize,
    pub(crate) repeats: u64,
    pub(crate) suspect: xtream_core::dataset::Suspect,
    pub(crate) duplicates: xtream_core::dataset::Duplicates,
    pub(crate) max_rejects: f64,
    pub(crate) ranges: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct S3 {
    endpoint: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    region: String,
    ca_bundle: PathBuf,
    cache: PathBuf,
}

impl Settings {
    /// Where the registry lies.
    ///
    /// # Errors
    /// When the setting is the address of a store, and wrong or without a key.
    pub(crate) fn location(&self) -> Result<Location, xtream_core::Error> {
        self.place(&self.registry)
    }

    /// The folder or store of this name.
    ///
    /// # Errors
    /// As [`Settings::location`].
    pub(crate) fn place(&self, name: &str) -> Result<Location, xtream_core::Error> {
        let S3 { endpoint, access_key_id, secret_access_key, session_token, region, ca_bundle, cache } =
            &self.s3;
        let settings = || S3Settings {
            endpoint: endpoint.clone(),
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: session_token.clone(),
            region: region.clone(),
            ca_bundle: ca_bundle.clone(),
            cache: if cache.as_os_str().is_empty() { cache_folder() } else { cache.clone() },
        };
        Location::parse(name, settings)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Split {
    pub(crate) test_share: f64,
    pub(crate) seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Serve {
    pub(crate) bind: String,
    pub(crate) mongodb: String,
    pub(crate) exchange_log: PathBuf,
    pub(crate) durability: xtream_server::exchanges::Durability,
    pub(crate) mongodb_ttl_days: f64,
    pub(crate) keep_days: f64,
    pub(crate) keep_megabytes: u64,
    pub(crate) admin_key: String,
    pub(crate) max_connections: NonZeroUsize,
    pub(crate) max_in_flight: NonZeroUsize,
    pub(crate) request_timeout: f64,
    pub(crate) requests_per_minute: u32,
    pub(crate) burst: NonZeroU32,
    pub(crate) rows_per_minute: u32,
    pub(crate) rows_burst: NonZeroU32,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) behind_proxy: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Watch {
    pub(crate) interval: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}
