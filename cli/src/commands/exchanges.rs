//! `xtream exchanges`

use std::path::Path;

use anyhow::{Result, anyhow};
use xtream_server::exchanges;

use super::print;
use crate::args::ExchangesCommand;

pub(crate) fn run(command: &ExchangesCommand, folder: &Path) -> Result<()> {
    match command {
        ExchangesCommand::Retry(_) => retry(folder),
    }
}

fn retry(folder: &Path) -> Result<()> {
    let n = exchanges::retry(folder).map_err(|reason| anyhow!(reason))?;
    print(&match n {
        0 => "There is nothing that MongoDB refused for good.\n".to_owned(),
        1 => "1 exchange is offered to MongoDB again.\n".to_owned(),
        n => format!("{n} exchanges are offered to MongoDB again.\n"),
    })
}
