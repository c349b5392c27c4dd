//! One file a command. Each does the same: settings and flags to a request, core, answer to text.

mod bootstrap;
pub(crate) mod exchanges;
pub(crate) mod inspect;
pub(crate) mod models;
mod print_config;
mod reading;
pub(crate) mod registry;
pub(crate) mod serve;
pub(crate) mod similar;
pub(crate) mod train;
pub(crate) mod value;
pub(crate) mod watch;

use std::path::{Path, PathBuf};

use anyhow::Result;
use xtream_core::{Error, Registry};

use crate::args::Version;
use crate::output::{note, print, print_json};

fn resolve(registry: &Registry, version: Version) -> Result<u64> {
    Ok(match version {
        Version::Number(version) => registry.card(version)?.version,
        Version::Champion => registry.champion()?.ok_or(Error::NoChampion)?,
    })
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    use anyhow::Context;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.into())
}
