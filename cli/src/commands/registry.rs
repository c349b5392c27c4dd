//! `xtream registry`

use anyhow::{Result, bail};
use serde_json::json;
use xtream_core::Registry;
use xtream_core::registry::Location;

use super::{print, print_json};
use crate::args::RegistryCommand;
use crate::settings::Settings;

pub(crate) fn run(command: &RegistryCommand, settings: &Settings) -> Result<()> {
    match command {
        RegistryCommand::Probe { place, json } => probe(&settings.place(place)?, *json),
    }
}

fn probe(place: &Location, json: bool) -> Result<()> {
    let promises = Registry::probe(place)?;
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
        bail!("{place} is no place for a registry: it broke {n_broken} promises");
    }
    Ok(())
}
