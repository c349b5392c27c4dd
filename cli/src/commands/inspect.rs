//! `xtream inspect`: what files would be understood as.

use anyhow::Result;
use xtream_core::Interrupt;
use xtream_core::dataset::{Inspection, expand, inspect};

use super::reading::reading;
use super::{print, print_json};
use crate::args::InspectArgs;
use crate::settings::Settings;
use crate::wrong_usage::WrongUsage;

pub(crate) fn run(args: &InspectArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    let reading = reading(&args.reading, true, settings)?;
    let mut found = Vec::new();
    for file in expand(&args.files)? {
        found.push(inspect(&file, &reading, interrupt)?);
    }
    if args.json {
        print_json(&serde_json::json!({ "files": found }))?;
    } else {
        let texts: Vec<_> = found.iter().map(Inspection::in_words).collect();
        print(&texts.join("\n"))?;
    }
    let n_open = found.iter().filter(|file| file.is_open()).count();
    if n_open > 0 {
        return Err(
            WrongUsage(format!("{n_open} of {} files cannot be used as they are", found.len())).into()
        );
    }
    Ok(())
}
