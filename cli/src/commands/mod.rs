//! One file a command. Each does the same: settings and flags to a request, core, answer to text.

mod bootstrap;
pub(crate) mod exchanges;
pub(crate) mod models;
mod print_config;
pub(crate) mod serve;
pub(crate) mod similar;
pub(crate) mod train;
pub(crate) mod value;
pub(crate) mod watch;

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use xtream_core::{Error, Registry};

use crate::args::Version;

fn resolve(registry: &Registry, version: Version) -> Result<u64> {
    Ok(match version {
        Version::Number(version) => registry.card(version)?.version,
        Version::Champion => registry.champion()?.ok_or(Error::NoChampion)?,
    })
}

/// A result, on standard output.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Anything that is not a result, on standard error.
pub(crate) fn note(text: &str) {
    use std::io::Write;
    // When nobody listens there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    use anyhow::Context;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.into())
}
