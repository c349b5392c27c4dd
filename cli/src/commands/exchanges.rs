//! `xtream exchanges`

use anyhow::{Result, anyhow};
use xtream_server::exchange_log;

use super::print;
use crate::args::{ExchangesCommand, RetryArgs};
use crate::settings::Settings;

pub(crate) fn run(command: &ExchangesCommand, settings: &Settings) -> Result<()> {
    match command {
        ExchangesCommand::Retry(args) => retry(args, settings),
    }
}

fn retry(args: &RetryArgs, settings: &Settings) -> Result<()> {
    let folder = args.exchange_log.as_ref().unwrap_or(&settings.serve.exchange_log);
    let n = exchange_log::retry(folder).map_err(|reason| anyhow!(reason))?;
    print(&match n {
        0 => "There is nothing that MongoDB refused for good.\n".to_owned(),
        1 => "1 exchange is offered to MongoDB again.\n".to_owned(),
        n => format!("{n} exchanges are offered to MongoDB again.\n"),
    })
}
