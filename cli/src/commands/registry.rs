//! `xtream registry`

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::json;
use xtream_core::Registry;

use super::{print, print_json};
use crate::args::RegistryCommand;

pub(crate) fn run(command: &RegistryCommand) -> Result<()> {
    match command {
        RegistryCommand::Probe { folder, json } => probe(folder, *json),
    }
}

fn probe(folder: &Path, json: bool) -> Result<()> {
    let promises = Registry::probe(folder)?;
    let n_broken = promises.iter().filter(|promise| promise.broken.is_some()).count();
    if json {
        print_json(&json!({"fit": n_broken == 0, "promises": promises}))?;
    } else {
        for promise in &promises {
            match &promise.broken {
                None => print(&format!("kept:   {}\n", promise.promise))?,
                Some(what) => print(&format!("BROKEN: {}: {what}\n", promise.promise))?,
            }
        }
    }
    if n_broken > 0 {
        bail!("{} is no place for a registry: it broke {n_broken} promises", folder.display());
    }
    Ok(())
}
